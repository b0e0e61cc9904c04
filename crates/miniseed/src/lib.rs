//! MiniSEED files in, continuous samples of every channel and station out.
//!
//! ```text
//! files -> scan -> index -> merge -> stations
//!          file    trace    merged   common spans
//!          segments segments segments of all channels
//! (window, record, encoding, steim)
//! ```
//!
//! The index keeps 8 bytes a record; samples are decoded when they are wanted, a record at a time, so months of data
//! larger than memory go through. What is read, refused and joined follows ObsPy (1.5, over libmseed 2.19): the
//! differences are said where they are made.

mod byte_order;
mod encoding;
mod error;
mod files;
mod index;
mod join;
mod merge;
mod merged_reader;
mod reader;
mod record;
mod scan;
mod segment;
mod stations;
mod steim;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod window;

pub use encoding::{SampleType, Samples};
pub use error::{Error, Result};
pub use index::{MiniSeedIndex, Refused};
pub use merge::MergedSegment;
pub use merged_reader::MergedReader;
pub use reader::TraceReader;
pub use record::TraceId;
pub use segment::TraceSegment;
pub use stations::{Channel, CommonSpan, Station, stations};
