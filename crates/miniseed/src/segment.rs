//! Continuous samples of one channel, as they were read.

use crate::encoding::SampleType;
use crate::record::TraceId;
use crate::scan::FileSegment;

/// A continuous segment of one channel: no gap, no overlap, one sampling rate and sample type.
#[derive(Clone, Debug)]
pub struct TraceSegment {
    /// The channel.
    pub id: TraceId,
    /// Time of the first sample, microseconds since 1970-01-01 UTC.
    pub start_us: i64,
    /// Hz; 0 for what is no time series.
    pub sampling_rate: f64,
    /// Number of samples, at least one.
    pub samples: u64,
    /// Type of the samples.
    pub kind: SampleType,
    pub(crate) runs: Vec<FileSegment>,
}

impl TraceSegment {
    /// Time of sample `i`: start + i / rate, rounded to microseconds.
    pub fn time_us(&self, i: u64) -> i64 {
        self.start_us.saturating_add(span_us(i, self.sampling_rate))
    }
}

/// Duration of `samples` sampling intervals in microseconds; 0 without a rate.
pub(crate) fn span_us(samples: u64, sampling_rate: f64) -> i64 {
    if sampling_rate > 0.0 { (samples as f64 / sampling_rate * 1e6).round_ties_even() as i64 } else { 0 }
}
