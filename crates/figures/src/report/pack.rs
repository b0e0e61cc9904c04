//! The time-distance map in a few bytes a cell.

use super::html::base64;
use crate::rows::{Map, Places, Rows};
use crate::series::quantile;

/// Cells of the map at most: a month of minutes at eight places has 345,600. Longer archives share columns.
const MOST_CELLS: usize = 400_000;

/// Largest of the packed score numbers; 0 stands for no score.
const STEPS: f64 = 65_534.0;

/// What the page's script draws the map from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PackedMap {
    /// Columns of equal time.
    pub(super) columns: usize,
    /// Microseconds a column.
    pub(super) step_us: f64,
    /// True where no column holds more than one image.
    pub(super) exact: bool,
    /// Ends of the stretches of fibre, km.
    pub(super) edges: Vec<f64>,
    /// A byte a cell, `[column][place]`: 0 no rows, 1 no cluster, label + 2 (255: 253 and above). Base64.
    pub(super) labels: String,
    /// Two bytes a cell, low byte first: 0 no score, else `asinh(score)` in equal steps from 1 to 65,535. Base64.
    pub(super) scores: String,
    /// `asinh` of the lowest and the highest score.
    pub(super) score_range: (f64, f64),
    /// The colour scale's ends: lowest score, and 99.9 % quantile.
    pub(super) scale: (f64, f64),
}

impl PackedMap {
    pub(super) fn new(rows: &Rows<'_>) -> Self {
        let (from, to) = rows.span();
        let places = Places::new(rows.distance, rows.segment_km).len().max(1);
        let images = ((to - from) as u64).div_ceil(rows.duration.max(1) as u64);
        let columns = usize::try_from(images).unwrap_or(usize::MAX).min(MOST_CELLS / places).max(1);
        let map = Map::new(rows, columns);
        let finite = || map.score.iter().copied().filter(|s| s.is_finite());
        let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), s| (a.min(s), b.max(s)));
        let range = if low <= high { (low.asinh(), high.asinh()) } else { (0.0, 1.0) };
        let step = |score: f64| match (score.asinh() - range.0) / (range.1 - range.0).max(f64::MIN_POSITIVE) {
            share if share.is_finite() => 1 + (share * STEPS).round() as u16,
            _ => 0,
        };
        let label = |label: &Option<i32>| match label {
            None => 0,
            Some(l) if *l < 0 => 1,
            Some(l) => u8::try_from(l.saturating_add(2)).unwrap_or(u8::MAX),
        };
        let labels: Vec<u8> = map.label.iter().map(label).collect();
        let scores: Vec<u8> = map.score.iter().flat_map(|&s| step(s).to_le_bytes()).collect();
        Self {
            columns,
            step_us: (to - from) as f64 / columns as f64,
            exact: columns as u64 == images,
            edges: map.edges,
            labels: base64(&labels),
            scores: base64(&scores),
            score_range: range,
            scale: (if low <= high { low } else { 0.0 }, quantile(finite(), 0.999).unwrap_or(1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    #[test]
    fn a_month_is_packed_exactly_and_small() {
        let times: Vec<i64> = (0..43_200 * 8).map(|i| i / 8 * MINUTE).collect();
        let distance: Vec<f64> = (0..times.len()).map(|i| (i % 8) as f64 * 2.4).collect();
        let labels: Vec<i32> = (0..times.len()).map(|i| (i % 5) as i32 - 1).collect();
        let scores: Vec<f64> = (0..times.len()).map(|i| 2.0 + (i % 1_000) as f64).collect();
        let rows = Rows {
            times: &times,
            distance: &distance,
            labels: &labels,
            scores: &scores,
            duration: MINUTE,
            segment_km: 3.0,
        };
        let packed = PackedMap::new(&rows);
        assert_eq!((packed.columns, packed.edges.len(), packed.exact), (43_200, 9, true), "a column a minute");
        assert!(packed.labels.len() + packed.scores.len() < 1_500_000, "1.4 MB for a month");
        assert_eq!(&packed.labels[..8], base64(&[1, 2, 3, 4, 5, 1]), "the first labels");
        let (low, high) = packed.score_range;
        let score = |q: u16| (low + f64::from(q - 1) / STEPS * (high - low)).sinh();
        assert!((score(1) - 2.0).abs() < 1e-9 && (score(u16::MAX) - 1_001.0).abs() < 1e-6, "the ends are exact");
        // A step of asinh is a relative step where scores are large.
        assert!((score(30_000) / score(29_999) - 1.0).abs() < 2e-4, "as fine as it is shown");
    }

    #[test]
    fn long_archives_share_columns() {
        let times: Vec<i64> = (0..200_000).map(|i| i * 5 * MINUTE).collect();
        let distance: Vec<f64> = (0..times.len()).map(|i| (i % 16) as f64).collect();
        let labels = vec![300; times.len()];
        let rows = Rows {
            times: &times,
            distance: &distance,
            labels: &labels,
            scores: &[],
            duration: MINUTE,
            segment_km: 1.0,
        };
        let packed = PackedMap::new(&rows);
        assert!(!packed.exact && packed.columns * 16 <= MOST_CELLS, "{} columns", packed.columns);
        assert!(packed.labels.len() + packed.scores.len() < 2_000_000, "bounded");
        let none = Rows { times: &[], distance: &[], labels: &[], ..rows };
        assert_eq!(PackedMap::new(&none).labels, "", "no rows");
    }
}
