//! Seismograms: MiniSEED files in, preprocessed segments of every station out.
//!
//! ```text
//! files -> scan -> miniseed -> stretches -> traces -> segments -> scattering
//!          runs    pieces      overlaps     stations  rows
//!          (record, encoding,  resolved
//!          steim)     |        (filter)
//!                     '-> waveforms: .npz of what was read
//! ```
//!
//! The index keeps 8 bytes a record; samples are decoded when they are wanted, a record at a time, so months of data
//! larger than memory go through. What is read, refused and joined follows ObsPy (1.5, over libmseed 2.19): the
//! differences are said where they are made.

mod encoding;
mod filter;
mod miniseed;
mod record;
mod scan;
mod segments;
mod steim;
mod stretches;
#[cfg(test)]
pub(crate) mod testing;
mod traces;
mod waveforms;
mod window;

pub use encoding::{SampleType, Samples};
pub use filter::Highpass;
pub use miniseed::{MiniSeedIndex, Piece, PieceReader, Refused};
pub use record::TraceId;
pub use segments::{SegmentPlan, SegmentReader, SegmentRows};
pub use stretches::Stretch;
pub use traces::{Channel, Station, stations};
pub use waveforms::write_waveforms;
