//! Rows over time and distance, gathered into the pixels of a map.

use std::collections::BTreeMap;

use scatterfall_timestamps::Micros;

/// More places than this share bins of equal length.
const MAX_PLACES: usize = 256;

/// The rows of a run.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Time of each row's image, ascending, UTC.
    pub times: &'a [Micros],
    /// Where each row's segment begins, km.
    pub distance: &'a [f64],
    /// Cluster of each row; negative: none.
    pub labels: &'a [i32],
    /// Anomaly score of each row; NaN where there is none. May be empty.
    pub scores: &'a [f64],
    /// Time that an image spans.
    pub duration: Micros,
    /// Length of a segment in km.
    pub segment_km: f64,
}

impl Rows<'_> {
    /// Start of the first image and end of the last.
    pub fn span(&self) -> (Micros, Micros) {
        let from = self.times.first().copied().unwrap_or_default();
        let to = self.times.last().copied().unwrap_or_default().saturating_add(self.duration.max(1));
        (from, to.max(from.saturating_add(1)))
    }

    /// Start of every image that has rows.
    pub fn image_times(&self) -> Vec<Micros> {
        let mut times = self.times.to_vec();
        times.dedup();
        times
    }
}

/// The stretches of fibre that a map's rows stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Places {
    /// Ends of the stretches in km, ascending: stretch `i` lies between edges `i` and `i + 1`.
    pub edges: Vec<f64>,
    /// Stretch of each row; `None` where the distance is not finite.
    pub of_row: Vec<Option<u32>>,
}

impl Places {
    /// The places of rows that begin at `distance` (km); a segment is `segment_km` long.
    ///
    /// Where rows begin at few places, as they do when segments lie within images, a stretch reaches from one start to
    /// the next, the last to the end of its segment. Otherwise stretches are equally long.
    pub fn new(distance: &[f64], segment_km: f64) -> Self {
        // To the centimetre: the same place of two days may differ in the last bits.
        let key = |d: f64| (d * 1e5).round() as i64;
        let mut starts = BTreeMap::new();
        for &d in distance.iter().filter(|d| d.is_finite()) {
            starts.entry(key(d)).or_insert(d);
            if starts.len() > MAX_PLACES {
                return Self::equal(distance, segment_km);
            }
        }
        let mut edges: Vec<f64> = starts.values().copied().collect();
        let index: BTreeMap<i64, u32> = starts.keys().copied().zip(0..).collect();
        if let Some(&last) = edges.last() {
            edges.push(last + segment_km.max(1e-5));
        }
        let of_row = distance.iter().map(|&d| d.is_finite().then(|| index.get(&key(d)).copied()).flatten()).collect();
        Self { edges, of_row }
    }

    fn equal(distance: &[f64], segment_km: f64) -> Self {
        let finite = || distance.iter().copied().filter(|d| d.is_finite());
        let low = finite().fold(f64::INFINITY, f64::min);
        let high = finite().fold(f64::NEG_INFINITY, f64::max) + segment_km.max(1e-5);
        let bin = (high - low) / MAX_PLACES as f64;
        let edges = (0..=MAX_PLACES).map(|i| low + i as f64 * bin).collect();
        let place = |d: f64| (((d - low) / bin) as u32).min(MAX_PLACES as u32 - 1);
        Self { edges, of_row: distance.iter().map(|&d| d.is_finite().then(|| place(d))).collect() }
    }

    /// Number of stretches.
    pub fn len(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    /// True where there is no row with a place.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A map at the resolution of a picture: `columns` equal stretches of time by the stretches of [`Places`].
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Number of columns (time).
    pub columns: usize,
    /// The stretches of fibre.
    pub edges: Vec<f64>,
    /// The most frequent label of each pixel, `[column][place]`; `None` without rows. On a tie the lower label.
    pub label: Vec<Option<i32>>,
    /// The largest score of each pixel; NaN without one.
    pub score: Vec<f64>,
}

impl Map {
    /// Gathers rows into the pixels of a map. A row belongs to every column that its image's time touches.
    pub fn new(rows: &Rows<'_>, columns: usize) -> Self {
        let places = Places::new(rows.distance, rows.segment_km);
        let n = places.len();
        let (from, to) = rows.span();
        let mut map = Self {
            columns,
            edges: places.edges.clone(),
            label: vec![None; columns * n],
            score: vec![f64::NAN; columns * n],
        };
        let edge = |column: usize| from + ((to - from) as i128 * column as i128 / columns.max(1) as i128) as i64;
        let mut counts: Vec<BTreeMap<i32, u32>> = vec![BTreeMap::new(); n];
        for column in 0..columns {
            let (begin, end) = (edge(column), edge(column + 1).max(edge(column) + 1));
            let first = rows.times.partition_point(|&t| t.saturating_add(rows.duration.max(1)) <= begin);
            let last = rows.times.partition_point(|&t| t < end).max(first);
            counts.iter_mut().for_each(BTreeMap::clear);
            for row in first..last {
                let Some(place) = places.of_row.get(row).copied().flatten().map(|p| p as usize) else { continue };
                *counts[place].entry(rows.labels[row]).or_default() += 1;
                let score = rows.scores.get(row).copied().unwrap_or(f64::NAN);
                let worst = &mut map.score[column * n + place];
                *worst = worst.max(score);
            }
            for (place, count) in counts.iter().enumerate() {
                let most = count.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
                map.label[column * n + place] = most.map(|(&label, _)| label);
            }
        }
        map
    }

    /// Number of stretches of fibre.
    pub fn places(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Micros = 60_000_000;

    #[test]
    fn places_reach_from_start_to_start() {
        let places = Places::new(&[2.4, 0.0, 4.8, 0.000_000_1, f64::NAN], 3.0);
        assert_eq!(places.edges, [0.0, 2.4, 4.8, 7.8], "the last reaches to the end of its segment");
        assert_eq!(places.of_row, [Some(1), Some(0), Some(2), Some(0), None], "the same place but for the last bits");
        let many: Vec<f64> = (0..1_000).map(|i| f64::from(i) * 0.017).collect();
        let places = Places::new(&many, 3.0);
        assert_eq!(places.len(), MAX_PLACES, "equal bins");
        assert!(
            places.of_row.iter().enumerate().all(|(i, p)| {
                let p = p.expect("finite") as usize;
                places.edges[p] <= many[i] + 1e-9 && many[i] < places.edges[p + 1] + 1e-9
            }),
            "each row in its bin"
        );
        assert!(Places::new(&[], 3.0).is_empty(), "no rows");
    }

    #[test]
    fn pixels_take_the_majority_and_the_worst() {
        // Four images of two places; two columns of two images each.
        let times: Vec<Micros> = (0..8).map(|i| i / 2 * MINUTE).collect();
        let distance: Vec<f64> = (0..8).map(|i| (i % 2) as f64).collect();
        let labels = [0, 1, 0, 1, 2, -1, 1, -1];
        let scores = [1.0, 2.0, 5.0, f64::NAN, 0.5, f64::NAN, 0.25, f64::NAN];
        let rows = Rows {
            times: &times,
            distance: &distance,
            labels: &labels,
            scores: &scores,
            duration: MINUTE,
            segment_km: 1.0,
        };
        let map = Map::new(&rows, 2);
        assert_eq!(map.label, [Some(0), Some(1), Some(1), Some(-1)], "majority, the lower label on a tie");
        assert_eq!(&map.score[..3], &[5.0, 2.0, 0.5], "worst");
        assert!(map.score[3].is_nan(), "no score at all");
    }

    #[test]
    fn gaps_stay_empty_at_any_resolution() {
        let times = [0, MINUTE, 10 * MINUTE];
        let rows = Rows {
            times: &times,
            distance: &[0.0; 3],
            labels: &[0; 3],
            scores: &[],
            duration: MINUTE,
            segment_km: 1.0,
        };
        for columns in [11, 22, 110, 1_400] {
            let map = Map::new(&rows, columns);
            let empty = map.label.iter().filter(|l| l.is_none()).count();
            assert!(empty.abs_diff(columns * 8 / 11) <= 2, "8 of 11 minutes are missing: {empty} of {columns}");
        }
        let none = Rows { times: &[], distance: &[], labels: &[], ..rows };
        assert_eq!(Map::new(&none, 5).places(), 0, "no rows");
    }
}
