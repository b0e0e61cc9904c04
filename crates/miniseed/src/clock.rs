//! Times of samples: the sampling rate's, corrected where the records' headers say otherwise.

/// When the samples of a continuous segment were taken.
///
/// Sample i is taken at start + i / rate. Where the headers of later records depart from that by more than a sampling
/// interval (a digitizer's clock runs at another rate than its header claims), the header's time holds: it becomes an
/// anchor, and times between two anchors lie on the straight line through them.
#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    start_us: i64,
    sampling_rate: f64,
    /// By sample, ascending.
    anchors: Vec<Anchor>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Anchor {
    sample: u64,
    time_us: i64,
}

/// Duration of `samples` sampling intervals in microseconds; 0 without a rate.
pub(crate) fn span_us(samples: u64, sampling_rate: f64) -> i64 {
    if sampling_rate > 0.0 { (samples as f64 / sampling_rate * 1e6).round_ties_even() as i64 } else { 0 }
}

/// Largest relative difference of sampling rates that count as the same (libmseed's).
const RATE_TOLERANCE: f64 = 1e-4;
/// True where two sampling rates (Hz) are the same for joining and grouping.
pub(crate) fn same_rate(a: f64, b: f64) -> bool {
    (1.0 - a / b).abs() < RATE_TOLERANCE
}

/// Sampling interval and half of it, in whole microseconds as libmseed has them.
pub(crate) fn interval_us(sampling_rate: f64) -> (i64, i64) {
    let interval = if sampling_rate > 0.0 { (1e6 / sampling_rate) as i64 } else { 0 };
    (interval, (0.5 * interval as f64) as i64)
}

impl Clock {
    /// Samples at `sampling_rate` Hz (0 for what is no time series) from `start_us` microseconds since 1970 UTC on.
    pub fn new(start_us: i64, sampling_rate: f64) -> Self {
        Self { start_us, sampling_rate, anchors: Vec::new() }
    }

    /// Time of the first sample, microseconds since 1970-01-01 UTC.
    pub fn start_us(&self) -> i64 {
        self.start_us
    }

    /// Hz.
    pub fn sampling_rate(&self) -> f64 {
        self.sampling_rate
    }

    /// Time of sample `i`, rounded to microseconds.
    pub fn time_us(&self, i: u64) -> i64 {
        let (before, after) = self.around(self.anchors.partition_point(|a| a.sample <= i));
        match after {
            Some(after) => {
                let share = (i - before.sample) as f64 / (after.sample - before.sample) as f64;
                let span = after.time_us.saturating_sub(before.time_us) as f64;
                before.time_us.saturating_add((share * span).round_ties_even() as i64)
            }
            None => before.time_us.saturating_add(span_us(i - before.sample, self.sampling_rate)),
        }
    }

    /// The sample nearest to a time, negative before the first.
    pub fn nearest(&self, time_us: i64) -> i64 {
        let (before, after) = self.around(self.anchors.partition_point(|a| a.time_us <= time_us));
        let since = time_us.saturating_sub(before.time_us) as f64;
        let offset = match after {
            Some(after) if after.time_us > before.time_us => {
                let span = (after.time_us - before.time_us) as f64;
                since / span * (after.sample - before.sample) as f64
            }
            _ => since * self.sampling_rate / 1e6,
        };
        (offset.round_ties_even() as i64).saturating_add_unsigned(before.sample)
    }

    /// True where headers corrected the rate.
    pub fn drifts(&self) -> bool {
        !self.anchors.is_empty()
    }

    /// By how much the headers depart from start + i / rate in the end, microseconds.
    pub fn drift_us(&self) -> i64 {
        self.anchors.last().map_or(0, |last| {
            last.time_us.saturating_sub(self.start_us.saturating_add(span_us(last.sample, self.sampling_rate)))
        })
    }

    /// A header says that sample `i` was taken at `time_us`.
    pub(crate) fn observe(&mut self, i: u64, time_us: i64) {
        let departure = time_us.saturating_sub(self.time_us(i)).saturating_abs();
        if self.sampling_rate > 0.0 && departure as f64 > 1e6 / self.sampling_rate {
            self.anchor(i, time_us);
        }
    }

    /// Sets the time of a sample. Time never runs backwards: an anchor that would make it is left out.
    fn anchor(&mut self, sample: u64, time_us: i64) {
        let (before, _) = self.around(self.anchors.len());
        if sample > before.sample && time_us > before.time_us {
            self.anchors.push(Anchor { sample, time_us });
        }
    }

    /// The clock from sample `first` on.
    pub(crate) fn from(&self, first: u64) -> Self {
        let later = &self.anchors[self.anchors.partition_point(|a| a.sample <= first)..];
        let anchors = later.iter().map(|a| Anchor { sample: a.sample - first, ..*a }).collect();
        Self { start_us: self.time_us(first), sampling_rate: self.sampling_rate, anchors }
    }

    /// The clock of the samples before sample `end`.
    pub(crate) fn until(mut self, end: u64) -> Self {
        // The anchor after the end stays: it says how fast the last samples run.
        let kept = self.anchors.partition_point(|a| a.sample < end) + 1;
        self.anchors.truncate(kept);
        self
    }

    /// Goes on with another clock from sample `at` on. Two clocks without drift stay one without.
    pub(crate) fn append(&mut self, at: u64, next: &Self) {
        self.anchors.truncate(self.anchors.partition_point(|a| a.sample < at));
        if self.drifts() || next.drifts() {
            self.anchor(at, next.start_us);
            for a in &next.anchors {
                self.anchor(at.saturating_add(a.sample), a.time_us);
            }
        }
    }

    /// The anchors on both sides of the place `k` in the list; the first is the start.
    fn around(&self, k: usize) -> (Anchor, Option<Anchor>) {
        let before = match k.checked_sub(1) {
            Some(k) => self.anchors[k],
            None => Anchor { sample: 0, time_us: self.start_us },
        };
        (before, self.anchors.get(k).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_drift_times_are_start_and_rate() {
        let mut clock = Clock::new(7, 3.0);
        clock.observe(3, 7 + 1_000_000 + 333_333);
        assert!(!clock.drifts(), "an interval is no drift");
        assert_eq!([0, 1, 2, 3].map(|i| clock.time_us(i)), [7, 333_340, 666_674, 1_000_007], "rounded each");
        assert_eq!([-400_000, 7, 170_000, 1_000_007].map(|t| clock.nearest(t)), [-1, 0, 1, 3], "nearest");
    }

    #[test]
    fn times_follow_the_headers_between_and_after_anchors() {
        // 100 Hz by the header's claim, 10.1 ms from sample to sample in truth.
        let mut clock = Clock::new(0, 100.0);
        for record in 1..50 {
            clock.observe(100 * record, 1_010_000 * record as i64);
        }
        for i in [0_u64, 50, 99, 100, 1234, 4899] {
            let truth = 10_100 * i as i64;
            // An interval is allowed before a header is believed.
            assert!((clock.time_us(i) - truth).abs() <= 10_000, "sample {i}: {} for {truth}", clock.time_us(i));
            assert_eq!(clock.nearest(clock.time_us(i)), i as i64, "there and back, sample {i}");
        }
        assert!(clock.drift_us() > 400_000, "4900 x 0.1 ms, less an interval: {}", clock.drift_us());
        let rest = clock.from(150);
        assert_eq!(
            [0, 1, 1000].map(|i| rest.time_us(i)),
            [150, 151, 1150].map(|i| clock.time_us(i)),
            "from a sample on"
        );
        let mut twice = clock.clone().until(150);
        twice.append(150, &rest);
        for i in [149, 150, 151, 2000] {
            assert_eq!(twice.time_us(i), clock.time_us(i), "cut and joined, sample {i}");
        }
    }
}
