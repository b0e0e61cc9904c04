//! Continuous samples of one channel as they are used: from trace segments that meet or repeat each other.

use crate::clock::Clock;
use crate::segment::TraceSegment;

/// Samples of a trace segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentSlice {
    /// Index of the segment in [`MiniSeedIndex::segments`].
    pub(crate) segment: usize,
    pub(crate) first: u64,
    pub(crate) samples: u64,
}

/// Continuous samples of one channel, nowhere in doubt. Merged segments of a channel do not overlap.
///
/// A segment that starts where a merged segment ends, to half a sampling interval, continues it. Where two segments overlap and hold
/// the same samples, on grids less than half an interval apart, the data is taken once, and the merged segment goes on if the later
/// segment does. Where they differ nobody can tell which is right: that span is left out and parts two merged segments. Both are
/// warned of.
#[derive(Clone, Debug, PartialEq)]
pub struct MergedSegment {
    /// When its samples were taken.
    pub clock: Clock,
    /// Number of samples, at least one.
    pub samples: u64,
    pub(crate) parts: Vec<SegmentSlice>,
}

impl MergedSegment {
    /// Time of the first sample, microseconds since 1970-01-01 UTC.
    pub fn start_us(&self) -> i64 {
        self.clock.start_us()
    }

    /// Hz, above 0.
    pub fn sampling_rate(&self) -> f64 {
        self.clock.sampling_rate()
    }

    /// Time of sample `i`, as [`Clock`] has it.
    pub fn time_us(&self, i: u64) -> i64 {
        self.clock.time_us(i)
    }

    /// The sample nearest to a time, negative before the first.
    pub fn nearest(&self, time_us: i64) -> i64 {
        self.clock.nearest(time_us)
    }

    pub(crate) fn new(segments: &[TraceSegment], part: SegmentSlice) -> Self {
        Self { clock: clock_of(segments, part), samples: part.samples, parts: vec![part] }
    }

    pub(crate) fn append(&mut self, segments: &[TraceSegment], part: SegmentSlice) {
        self.clock.append(self.samples, &clock_of(segments, part));
        self.samples += part.samples;
        self.parts.push(part);
    }

    /// Cuts the merged segment before sample `at`; what follows it comes back, if there is any.
    pub(crate) fn split_off(&mut self, at: u64) -> Option<Self> {
        let mut tail = Self { clock: self.clock.from(at), samples: 0, parts: Vec::new() };
        let mut before = 0;
        let mut kept = Vec::new();
        for part in self.parts.drain(..) {
            let keep = at.saturating_sub(before).min(part.samples);
            before += part.samples;
            if keep > 0 {
                kept.push(SegmentSlice { samples: keep, ..part });
            }
            if keep < part.samples {
                tail.samples += part.samples - keep;
                tail.parts.push(SegmentSlice { first: part.first + keep, samples: part.samples - keep, ..part });
            }
        }
        self.parts = kept;
        self.samples = self.samples.min(at);
        self.clock = std::mem::replace(&mut self.clock, Clock::new(0, 0.0)).until(at);
        (tail.samples > 0).then_some(tail)
    }
}

/// When the samples of a slice were taken.
fn clock_of(segments: &[TraceSegment], part: SegmentSlice) -> Clock {
    segments[part.segment].clock.from(part.first).until(part.samples)
}
