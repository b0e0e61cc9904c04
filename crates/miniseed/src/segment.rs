//! Continuous samples of one channel, as they were read.

use crate::clock::Clock;
use crate::encoding::SampleType;
use crate::file_segment::FileSegment;
use crate::header::TraceId;

/// A continuous segment of one channel: no gap, no overlap, one sampling rate and sample type, finite samples.
#[derive(Clone, Debug)]
pub struct TraceSegment {
    /// The channel.
    pub id: TraceId,
    /// When its samples were taken.
    pub clock: Clock,
    /// Number of samples, at least one.
    pub samples: u64,
    /// Type of the samples.
    pub kind: SampleType,
    pub(crate) files: Vec<FileSegment>,
}

impl TraceSegment {
    /// Time of the first sample, microseconds since 1970-01-01 UTC.
    pub fn start_us(&self) -> i64 {
        self.clock.start_us()
    }

    /// Hz; 0 for what is no time series.
    pub fn sampling_rate(&self) -> f64 {
        self.clock.sampling_rate()
    }

    /// Time of sample `i`, as [`Clock`] has it.
    pub fn time_us(&self, i: u64) -> i64 {
        self.clock.time_us(i)
    }

    /// The samples of a span of time, microseconds since 1970 UTC; none if it has none.
    pub(crate) fn between(&self, start_us: i64, end_us: i64) -> Option<Self> {
        let first = self.first_from(start_us);
        let end = self.first_from(end_us);
        if first >= end {
            return None;
        }
        if (first, end) == (0, self.samples) {
            return Some(self.clone());
        }
        let mut files = Vec::new();
        let mut before = 0;
        for segment in &self.files {
            let (from, to) = (first.max(before) - before, end.clamp(before, before + segment.samples) - before);
            if from < to {
                files.push(segment.slice(from, to));
            }
            before += segment.samples;
        }
        let clock = self.clock.from(first).until(end - first);
        Some(Self { id: self.id.clone(), clock, samples: end - first, kind: self.kind, files })
    }

    /// The first sample at a time or after it; the number of samples where all are before.
    fn first_from(&self, time_us: i64) -> u64 {
        let mut i = u64::try_from(self.clock.nearest(time_us)).unwrap_or(0).min(self.samples);
        while i > 0 && self.time_us(i - 1) >= time_us {
            i -= 1;
        }
        while i < self.samples && self.time_us(i) < time_us {
            i += 1;
        }
        i
    }
}
