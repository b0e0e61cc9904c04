//! Which images follow each other: gaps, and the spans of a day that form one series.

use scatterfall_scattering::options::Continuity;
use scatterfall_timestamps::{DAY_US, Micros, micros};

/// The spans of a day's images that form one series each, as half-open ranges.
pub(crate) fn series(times: &[Micros], duration_s: f64, continuity: Continuity) -> Vec<std::ops::Range<usize>> {
    let mut spans = Vec::new();
    let mut from = 0;
    for next in 1..=times.len() {
        let ends = next == times.len()
            || continuity == Continuity::PerImage
            || is_gap(times[next - 1], times[next], duration_s)
            || times[next].div_euclid(DAY_US) != times[next - 1].div_euclid(DAY_US);
        if ends {
            spans.push(from..next);
            from = next;
        }
    }
    spans
}

/// True where more than 1.5 durations lie between the starts of two images.
pub(crate) fn is_gap(before: Micros, after: Micros, duration_s: f64) -> bool {
    after - before > micros(1.5 * duration_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_end_at_gaps_and_midnight() {
        let minute = 60_000_000;
        let times = [DAY_US - 2 * minute, DAY_US - minute, DAY_US, DAY_US + minute, DAY_US + 3 * minute];
        let spans = |continuity| series(&times, 60.0, continuity);
        assert_eq!(spans(Continuity::Concatenated), [0..2, 2..4, 4..5], "midnight, then a missing minute");
        assert_eq!(spans(Continuity::PerImage), [0..1, 1..2, 2..3, 3..4, 4..5], "every image by itself");
        assert!(series(&[], 60.0, Continuity::Concatenated).is_empty(), "no images, no series");
    }
}
