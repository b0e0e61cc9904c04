//! MiniSEED (2 and 3) and SAC files in, continuous samples of every channel and station out.
//!
//! ```text
//! files -> scan ------> join ---> index -> merge ---> stations
//!          file          trace             merged     common spans
//!          segments      segments          segments   of all channels
//!          (walker, record, record3, sac; encoding, steim)
//! ```
//!
//! The index keeps the place of one record per MiB; samples are decoded when they are wanted, a record at a time, so years
//! of data go through. What is read, refused and joined follows ObsPy (1.5, over libmseed 2.19): the
//! differences are said where they are made.

mod byte_order;
mod clock;
mod encoding;
mod error;
mod file_segment;
mod files;
mod header;
mod index;
mod join;
mod merge;
mod merged;
mod merged_reader;
mod reader;
mod record;
mod record3;
mod records_scan;
mod sac;
mod scan;
mod segment;
mod selection;
mod stations;
mod steim;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod walker;
mod window;

pub use clock::Clock;
pub use encoding::{SampleType, Samples};
pub use error::{Error, Result};
pub use files::Refused;
pub use header::TraceId;
pub use index::{BadRecord, MiniSeedIndex};
pub use merged::MergedSegment;
pub use merged_reader::MergedReader;
pub use reader::TraceReader;
pub use segment::TraceSegment;
pub use selection::Selection;
pub use stations::{Channel, CommonSpan, Station, stations};
