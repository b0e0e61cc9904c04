//! Seismograms: the segments of every station, preprocessed, on their way from MiniSEED files into the transform.
//!
//! ```text
//! files -> scatterfall-miniseed -> prepared -> segments -> scattering
//!          index, stations        (filter)    rows
//!                |
//!                '-> waveforms: .npz of what was read
//! ```

pub(crate) mod baseline;
pub(crate) mod catalogue;
mod filter;
pub(crate) mod onset;
mod prepared;
mod segments;
mod waveforms;

pub use filter::Highpass;
pub(crate) use prepared::PreparedReader;
pub use segments::{SegmentPlan, SegmentReader, SegmentRows};
pub use waveforms::write_waveforms;
