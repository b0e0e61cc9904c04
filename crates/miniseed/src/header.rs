//! What every record says of itself, whatever its version.

use std::fmt;

use crate::byte_order::ByteOrder;
use crate::encoding::{Encoding, Samples};

/// Codes that name a channel, without padding. Any of them may be empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId {
    /// Up to 2 characters, 8 in MiniSEED 3.
    pub network: String,
    /// Up to 5 characters, 8 in MiniSEED 3.
    pub station: String,
    /// Up to 2 characters, 8 in MiniSEED 3.
    pub location: String,
    /// Up to 3 characters: band, instrument, orientation.
    pub channel: String,
}

impl fmt::Display for TraceId {
    /// `NET.STA.LOC.CHA`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.network, self.station, self.location, self.channel)
    }
}

/// Bytes of the longest code.
pub(crate) const CODE_BYTES: usize = 12;

/// Codes and quality indicator as a record has them, cleaned: what a record is sorted by while files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SourceKey {
    pub(crate) codes: [[u8; CODE_BYTES]; 4],
    pub(crate) quality: u8,
}

impl SourceKey {
    pub(crate) fn id(&self) -> TraceId {
        let text = |k: usize| self.codes[k].iter().filter(|b| **b != 0).map(|b| char::from(*b)).collect();
        TraceId { network: text(0), station: text(1), location: text(2), channel: text(3) }
    }
}

/// A code ends at the first NUL, has no blanks around it, and no bytes that are not ASCII.
pub(crate) fn clean(code: &[u8]) -> [u8; CODE_BYTES] {
    let end = code.iter().position(|b| *b == 0).unwrap_or(code.len());
    let mut out = [0; CODE_BYTES];
    let kept = code[..end].trim_ascii().iter().filter(|b| b.is_ascii());
    for (to, from) in out.iter_mut().zip(kept) {
        *to = *from;
    }
    out
}

/// What is needed of a record's header.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) key: SourceKey,
    /// Time of the first sample, microseconds since 1970 UTC, corrections applied.
    pub(crate) start_us: i64,
    /// Time of the last sample.
    pub(crate) end_us: i64,
    /// Hz; 0 for records that are no time series.
    pub(crate) sampling_rate: f64,
    /// Samples that can be decoded; 0 also where the place of the data is impossible.
    pub(crate) samples: u32,
    pub(crate) encoding: Encoding,
    pub(crate) data_order: ByteOrder,
    pub(crate) data_offset: usize,
    pub(crate) data_end: usize,
}

impl Header {
    /// Decodes the samples of the record this header was read from; the flag as in [`Encoding::decode`].
    ///
    /// # Errors
    ///
    /// In words, when the record does not hold its samples.
    pub(crate) fn decode(&self, record: &[u8]) -> Result<(Samples, bool), String> {
        let data = record.get(self.data_offset..self.data_end.min(record.len())).unwrap_or_default();
        self.encoding.decode(data, self.data_order, self.samples as usize)
    }
}

/// Time of the last of `samples` samples.
pub(crate) fn last_sample_us(start_us: i64, samples: u32, sampling_rate: f64) -> i64 {
    let mut span = 0;
    if sampling_rate > 0.0 && samples > 0 {
        // The conversion saturates for rates next to zero.
        span = (f64::from(samples - 1) / sampling_rate * 1e6 + 0.5) as i64;
    }
    start_us.saturating_add(span)
}
