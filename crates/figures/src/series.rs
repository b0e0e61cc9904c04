//! Long series at the resolution of a picture.

use super::axis::Panel;

/// A series as points `(index, value)`, with at most the lowest and the highest value of each of `columns` bins, in
/// the order they occur. Values that are not finite become breaks (NaN), a bin without any finite value one break.
pub fn decimated(values: impl ExactSizeIterator<Item = f64>, columns: usize) -> Vec<(f64, f64)> {
    let (n, columns) = (values.len(), columns.max(1));
    let indexed = values.enumerate().map(|(i, v)| (i as f64, if v.is_finite() { v } else { f64::NAN }));
    if n <= 2 * columns {
        return indexed.collect();
    }
    let mut points = Vec::with_capacity(2 * columns);
    let mut bin = Bin::default();
    let mut current = 0;
    for (i, (x, v)) in indexed.enumerate() {
        // The bin's number as a 128-bit product: i * columns may exceed 64 bits in theory only, but it costs nothing.
        let place = i as u128 * columns as u128 / n as u128;
        if place != current {
            std::mem::take(&mut bin).push_to(&mut points);
            current = place;
        }
        bin.add((x, v));
    }
    bin.push_to(&mut points);
    points
}

/// Means of the finite values in each of `bins` equal parts of a series, at the middles of the parts.
pub fn binned_mean(values: impl ExactSizeIterator<Item = f64>, bins: usize) -> Vec<(f64, f64)> {
    let (n, bins) = (values.len(), bins.max(1));
    let mut sums = vec![(0.0, 0usize); bins];
    for (i, v) in values.enumerate().filter(|(_, v)| v.is_finite()) {
        let sum = &mut sums[(i as u128 * bins as u128 / n as u128) as usize];
        *sum = (sum.0 + v, sum.1 + 1);
    }
    let at = |(i, (sum, count)): (usize, (f64, usize))| ((i as f64 + 0.5) * n as f64 / bins as f64, sum / count as f64);
    sums.into_iter().enumerate().map(at).collect()
}

/// The first lowest and the first highest point of a bin.
#[derive(Default)]
struct Bin {
    lowest: Option<(f64, f64)>,
    highest: Option<(f64, f64)>,
    last_index: f64,
}

impl Bin {
    fn add(&mut self, point: (f64, f64)) {
        self.last_index = point.0;
        if point.1.is_nan() {
            return;
        }
        if self.lowest.is_none_or(|p| point.1 < p.1) {
            self.lowest = Some(point);
        }
        if self.highest.is_none_or(|p| point.1 > p.1) {
            self.highest = Some(point);
        }
    }

    fn push_to(self, points: &mut Vec<(f64, f64)>) {
        match (self.lowest, self.highest) {
            (Some(a), Some(b)) if a.0 < b.0 => points.extend([a, b]),
            (Some(a), Some(b)) if a.0 > b.0 => points.extend([b, a]),
            (Some(a), _) => points.push(a),
            _ => points.push((self.last_index, f64::NAN)),
        }
    }
}

/// Mean over `window` neighbours (fewer at the ends), of values of one piece without gaps.
pub fn running_mean(values: &[f64], window: usize) -> Vec<f64> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    sums.push(0.0);
    for v in values {
        sums.push(sums.last().copied().unwrap_or_default() + v);
    }
    let half = window / 2;
    (0..values.len())
        .map(|i| {
            let (a, b) = (i.saturating_sub(half), (i + window.max(1) - half).min(values.len()));
            (sums[b] - sums[a]) / (b - a) as f64
        })
        .collect()
}

/// The value below which a share `q` of the finite values lies (nearest rank); `None` without any.
pub fn quantile(values: impl IntoIterator<Item = f64>, q: f64) -> Option<f64> {
    let mut finite: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
    let rank = (q.clamp(0.0, 1.0) * finite.len().saturating_sub(1) as f64).round() as usize;
    (rank < finite.len()).then(|| *finite.select_nth_unstable_by(rank, f64::total_cmp).1)
}

/// Leaves out points that would fall on the one before: a month has more images than the picture has pixels.
pub fn thinned(panel: &Panel, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut last = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (i, &point) in points.iter().enumerate() {
        let at = panel.at(point);
        // Breaks are kept, and what follows one.
        let near = (at.0 - last.0).abs() < 0.5 && (at.1 - last.1).abs() < 0.5;
        if i + 1 == points.len() || !near {
            kept.push(point);
            last = at;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_survive_decimation() {
        let mut values = vec![0.0; 10_000];
        (values[1_234], values[7_777]) = (9.0, -9.0);
        let points = decimated(values.iter().copied(), 50);
        assert!(points.len() <= 100, "two a bin at most");
        assert!(points.contains(&(1_234.0, 9.0)) && points.contains(&(7_777.0, -9.0)), "both spikes, in their place");
        assert!(points.windows(2).all(|p| p[0].0 < p[1].0), "ascending");
        assert_eq!(decimated([1.0, 2.0].into_iter(), 50), [(0.0, 1.0), (1.0, 2.0)], "short series as they are");
    }

    #[test]
    fn breaks_survive_decimation() {
        let values: Vec<f64> = (0..1_000).map(|i| if (300..500).contains(&i) { f64::NAN } else { 1.0 }).collect();
        let points = decimated(values.into_iter(), 10);
        assert_eq!(points.iter().filter(|p| p.1.is_nan()).count(), 2, "two of ten bins");
    }

    #[test]
    fn binned_means_skip_what_is_not_finite() {
        let values = [1.0, 3.0, f64::NAN, 5.0];
        assert_eq!(binned_mean(values.into_iter(), 2), [(1.0, 2.0), (3.0, 5.0)], "two halves");
    }

    #[test]
    fn running_means_keep_the_total_level() {
        assert_eq!(running_mean(&[3.0; 7], 4), [3.0; 7], "a constant stays");
        assert_eq!(running_mean(&[0.0, 0.0, 6.0, 0.0, 0.0], 3), [0.0, 2.0, 2.0, 2.0, 0.0], "a spike is spread");
        assert_eq!(running_mean(&[1.0, 5.0], 100), [3.0, 3.0], "a window longer than the piece");
        assert!(running_mean(&[], 3).is_empty(), "nothing");
    }

    #[test]
    fn quantiles_leave_out_what_is_not_finite() {
        let values = [5.0, f64::NAN, 1.0, 3.0, f64::INFINITY];
        assert_eq!(quantile(values, 0.5), Some(3.0), "median of three");
        assert_eq!(quantile(values, 1.0), Some(5.0), "the largest");
        assert_eq!(quantile([f64::NAN], 0.5), None, "none");
    }
}
