//! Seismograms: MiniSEED files in, preprocessed segments of every station out.
//!
//! ```text
//! files -> miniseed (pieces) -> stretches (no overlaps, filtered) -> traces (stations, segments) -> scattering
//!          record, encoding,    filter (detrend, highpass)
//!          steim      '-> waveforms (.npz of what was read)
//! ```
//!
//! The index keeps 8 bytes a record; samples are decoded when they are wanted, a record at a time, so months of data
//! larger than memory go through. What is read, refused and joined follows ObsPy (1.5, over libmseed 2.19): the
//! differences are said where they are made.

mod encoding;
mod filter;
mod miniseed;
mod record;
mod steim;
mod stretches;
mod traces;
mod waveforms;
mod window;

pub use encoding::{SampleType, Samples};
pub use filter::Highpass;
pub use miniseed::{MiniSeedIndex, Piece, PieceReader, Refused};
pub use record::TraceId;
pub use stretches::Stretch;
pub use traces::{Channel, SegmentPlan, SegmentReader, SegmentRows, Station, stations};
pub use waveforms::write_waveforms;
