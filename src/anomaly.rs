//! What stands out: a score for every row, and events made of the rows with the highest.

use std::collections::HashMap;

use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use crate::places::{Geometry, Places};
use crate::time::{Micros, micros};

/// Rows that a place needs before its own normal is taken from them.
pub const LEAST_ROWS: usize = 20;

/// A median absolute deviation times this estimates the standard deviation of normal numbers.
const MAD_TO_STD: f64 = 1.4826;

/// Smallest spread of a place as a part of the component's overall one: a dead stretch must not turn rounding into events.
const LEAST_SPREAD: f64 = 1e-3;

/// Spread of a component that never varies in the fit. Components have unit variance over the fit, so this is the least
/// that [`LEAST_SPREAD`] allows any of them.
const CONSTANT_SPREAD: f64 = LEAST_SPREAD;

/// Usual values of a component at one place: median, and spread in units of a standard deviation.
#[derive(Clone, Debug, PartialEq)]
pub struct Normal {
    /// Median of each component.
    pub median: Vec<f64>,
    /// 1.4826 times the median absolute deviation of each component, at least a thousandth of the overall one.
    pub spread: Vec<f64>,
}

/// Every place's usual behaviour.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PlaceNormals {
    /// By place, in whole millimetres so that it can be a key.
    normals: HashMap<i64, Normal>,
}

/// The key of a place.
#[expect(clippy::cast_possible_truncation, reason = "kilometres in millimetres fit 63 bits")]
fn key(place_km: f64) -> i64 {
    (place_km * 1e6).round() as i64
}

impl PlaceNormals {
    /// Fits the normal of every place with at least [`LEAST_ROWS`] rows that take part.
    ///
    /// `components` is `[row, component]`; `takes_part` false (or a row that is not finite) keeps a row out.
    pub fn fit(components: ArrayView2<'_, f64>, places: &Places, geometry: &Geometry, takes_part: &[bool]) -> Self {
        let used = |i: usize| takes_part[i] && components.row(i).iter().all(|v| v.is_finite());
        let rows: Vec<usize> = (0..components.nrows()).filter(|&i| used(i)).collect();
        let overall = normal(components, &rows);
        let mut by_place: HashMap<i64, Vec<usize>> = HashMap::new();
        for &i in &rows {
            by_place.entry(key(geometry.place(places.distance[i]))).or_default().push(i);
        }
        // Where more than half of all rows are one value the median deviation is 0, and the standard deviation stands in.
        let whole: Vec<f64> = overall
            .spread
            .iter()
            .enumerate()
            .map(|(c, &s)| if s > 0.0 { s } else { deviation(components, &rows, c) })
            .collect();
        let least = |spread: f64, overall: f64| spread.max(LEAST_SPREAD * overall);
        let normals = by_place
            .into_par_iter()
            .filter(|(_, rows)| rows.len() >= LEAST_ROWS)
            .map(|(place, rows)| {
                let own = normal(components, &rows);
                let spread = own.spread.iter().zip(&whole).map(|(&s, &o)| least(s, o)).collect();
                (place, Normal { median: own.median, spread })
            })
            .collect();
        Self { normals }
    }

    /// The Euclidean norm of the row's deviations from its place's median in units of its spread; `None` where the place
    /// has no normal. A component that never varied in the fit has the smallest spread.
    pub fn score(&self, row: ndarray::ArrayView1<'_, f64>, place_km: f64) -> Option<f64> {
        let normal = self.normals.get(&key(place_km))?;
        let squares = row.iter().zip(&normal.median).zip(&normal.spread).map(|((&x, &median), &spread)| {
            let deviation = x - median;
            (deviation / if spread > 0.0 { spread } else { CONSTANT_SPREAD }).powi(2)
        });
        Some(squares.sum::<f64>().sqrt())
    }

    /// Places with a normal, in km, ascending, with their normals.
    pub fn sorted(&self) -> Vec<(f64, &Normal)> {
        let mut all: Vec<_> = self.normals.iter().collect();
        all.sort_by_key(|(k, _)| **k);
        #[expect(clippy::cast_precision_loss, reason = "millimetres of a fibre")]
        all.into_iter().map(|(k, n)| (*k as f64 / 1e6, n)).collect()
    }

    /// Normals as they were stored.
    pub fn from_sorted(places: impl IntoIterator<Item = (f64, Normal)>) -> Self {
        Self { normals: places.into_iter().map(|(p, n)| (key(p), n)).collect() }
    }
}

/// Standard deviation of a component over some rows; 0 of none.
#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn deviation(components: ArrayView2<'_, f64>, rows: &[usize], column: usize) -> f64 {
    let n = rows.len().max(1) as f64;
    let mean = rows.iter().map(|&i| components[[i, column]]).sum::<f64>() / n;
    (rows.iter().map(|&i| (components[[i, column]] - mean).powi(2)).sum::<f64>() / n).sqrt()
}

fn normal(components: ArrayView2<'_, f64>, rows: &[usize]) -> Normal {
    let (median, spread) = components
        .axis_iter(Axis(1))
        .map(|column| {
            let mut values: Vec<f64> = rows.iter().map(|&i| column[i]).collect();
            let middle = median(&mut values);
            values.iter_mut().for_each(|v| *v = (*v - middle).abs());
            (middle, MAD_TO_STD * median(&mut values))
        })
        .unzip();
    Normal { median, spread }
}

/// Median (mean of the two middle values where the number is even); 0 of nothing.
pub fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, middle, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    let upper = *middle;
    if n % 2 == 1 {
        return upper;
    }
    (below.iter().copied().fold(f64::NEG_INFINITY, f64::max) + upper) / 2.0
}

/// Quantile `q` of the finite values, linear between the two nearest (NumPy's default); `None` where there are none.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "row numbers")]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let position = q * sorted.len().checked_sub(1)? as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64))
}

/// Rows that stand out together.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Start of the first image.
    pub time_from: Micros,
    /// End of the last image.
    pub time_to: Micros,
    /// Lowest place in km.
    pub distance_from_km: f64,
    /// End of the highest segment in km.
    pub distance_to_km: f64,
    /// The worst score of its rows.
    pub score: f64,
    /// The row that has it.
    pub worst: usize,
    /// Number of rows.
    pub rows: usize,
}

/// Merges the rows that score `threshold` or more into events, worst first. Where many rows tie for the highest score, their
/// quantile is that score; a row with the lowest score of all is no event, so rows that are all alike make none.
///
/// Two rows belong to one event where their images are of the same or neighbouring minutes and their segments overlap.
pub fn events(scores: &[f64], places: &Places, geometry: &Geometry, threshold: f64) -> Vec<Event> {
    let duration = micros(geometry.duration_s);
    let reach = micros(1.5 * geometry.duration_s);
    let lowest = scores.iter().copied().filter(|s| s.is_finite()).fold(f64::INFINITY, f64::min);
    let stands_out = |s: f64| s.is_finite() && s >= threshold && s > lowest;
    let mut rows: Vec<usize> = (0..scores.len()).filter(|&i| stands_out(scores[i])).collect();
    rows.sort_by_key(|&i| (places.times[i], i));
    let place: Vec<f64> = rows.iter().map(|&i| geometry.place(places.distance[i])).collect();
    let mut parent: Vec<usize> = (0..rows.len()).collect();
    let mut oldest = 0;
    for b in 0..rows.len() {
        while places.times[rows[b]] - places.times[rows[oldest]] > reach {
            oldest += 1;
        }
        for a in oldest..b {
            // Of one place always; a segment without extent (a seismogram's) still overlaps itself.
            let apart = (place[a] - place[b]).abs();
            if apart < geometry.segment_km || apart == 0.0 {
                let (root_a, root_b) = (root(&mut parent, a), root(&mut parent, b));
                parent[root_a.max(root_b)] = root_a.min(root_b);
            }
        }
    }
    let mut by_root: Vec<Option<Event>> = vec![None; rows.len()];
    for b in 0..rows.len() {
        let (i, from) = (rows[b], place[b]);
        let single = Event {
            time_from: places.times[i],
            time_to: places.times[i] + duration,
            distance_from_km: from,
            distance_to_km: from + geometry.segment_km,
            score: scores[i],
            worst: i,
            rows: 1,
        };
        let slot = &mut by_root[root(&mut parent, b)];
        *slot = Some(match slot.take() {
            None => single,
            Some(e) => Event {
                time_from: e.time_from.min(single.time_from),
                time_to: e.time_to.max(single.time_to),
                distance_from_km: e.distance_from_km.min(single.distance_from_km),
                distance_to_km: e.distance_to_km.max(single.distance_to_km),
                score: e.score.max(single.score),
                worst: if single.score > e.score { i } else { e.worst },
                rows: e.rows + 1,
            },
        });
    }
    let mut events: Vec<Event> = by_root.into_iter().flatten().collect();
    events.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.worst.cmp(&b.worst)));
    events
}

fn root(parent: &mut [usize], mut i: usize) -> usize {
    while parent[i] != i {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    const MINUTE: Micros = 60_000_000;

    fn geometry() -> Geometry {
        Geometry { segment_km: 3.0, duration_s: 60.0, period_km: None, offset_km: 0.0 }
    }

    #[test]
    fn medians_and_quantiles_are_numpys() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0, "odd");
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5, "even");
        // numpy.quantile([1, 2, 3, 4], 0.9) = 3.7
        let q = quantile(&[4.0, f64::NAN, 1.0, 3.0, 2.0], 0.9).expect("finite values");
        assert!((q - 3.7).abs() < 1e-12, "{q}: rounding of one product");
        assert_eq!(quantile(&[f64::NAN], 0.5), None, "nothing finite");
    }

    #[test]
    fn a_row_is_judged_by_its_own_place() {
        // Place 0 rests at 0 +- 1, place 1 at 100 +- 10: the same 30 stands out at one and not at the other.
        let n = 60;
        let mut x = Array2::zeros((2 * n, 1));
        let mut places = Places::default();
        for i in 0..2 * n {
            let (minute, place) = (i / 2, i % 2);
            let wiggle = [-1.0, -0.5, 0.0, 0.5, 1.0][minute % 5];
            x[[i, 0]] = if place == 0 { wiggle } else { 100.0 + 10.0 * wiggle };
            places.times.push(minute as i64 * MINUTE);
            places.distance.push(place as f64 * 2.4);
        }
        x[[0, 0]] = 30.0;
        x[[1, 0]] = 130.0;
        let all = vec![true; 2 * n];
        let normals = PlaceNormals::fit(x.view(), &places, &geometry(), &all);
        let quiet = normals.score(x.row(1), 2.4).expect("a normal");
        let loud = normals.score(x.row(0), 0.0).expect("a normal");
        assert!(loud > 9.0 * quiet, "{loud} at the quiet place, {quiet} at the loud one");
        assert_eq!(normals.score(x.row(0), 9.9), None, "a place without rows");
        let few = PlaceNormals::fit(x.view(), &places, &geometry(), &vec![false; 2 * n]);
        assert_eq!(few.score(x.row(0), 0.0), None, "rows that take no part make no normal");
        let again = PlaceNormals::from_sorted(normals.sorted().into_iter().map(|(p, n)| (p, n.clone())));
        assert_eq!(again, normals, "stored and read back");
    }

    #[test]
    fn rows_that_tie_for_the_highest_score_are_events() {
        // A fibre that broke shows one colour: all of its rows have the same score, which is also their quantile.
        let places = Places { times: (0..100).map(|k| k * MINUTE).collect(), distance: vec![2.4; 100] };
        let scores: Vec<f64> = (0..100).map(|k| if k >= 40 { 9.0 } else { 1.0 }).collect();
        let threshold = quantile(&scores, 0.999).expect("finite scores");
        let found = events(&scores, &places, &geometry(), threshold);
        assert_eq!(found.iter().map(|e| (e.time_from, e.rows)).collect::<Vec<_>>(), [(40 * MINUTE, 60)], "one event");
    }

    #[test]
    fn a_component_that_never_varied_counts_where_it_deviates() {
        let n = 40;
        let mut x = Array2::zeros((n, 2));
        let places = Places { times: (0..n as i64).map(|k| k * MINUTE).collect(), distance: vec![0.0; n] };
        for i in 0..n {
            x[[i, 1]] = [-1.0, -0.5, 0.0, 0.5, 1.0][i % 5];
        }
        // The last row, which takes no part, deviates in the component that is constant in the fit.
        x[[n - 1, 0]] = 1.0;
        let mut used = vec![true; n];
        used[n - 1] = false;
        let normals = PlaceNormals::fit(x.view(), &places, &geometry(), &used);
        let score = |i: usize| normals.score(x.row(i), 0.0).expect("a normal");
        assert!(score(n - 1) > 100.0 && score(n - 1).is_finite(), "{}", score(n - 1));
        assert!(score(0) < 3.0, "rows without that deviation are as before: {}", score(0));
    }

    #[test]
    fn neighbours_merge_and_others_do_not() {
        let places = Places { times: vec![0, 0, MINUTE, 5 * MINUTE, MINUTE], distance: vec![0.0, 2.4, 4.8, 0.0, 15.0] };
        let scores = [10.0, 30.0, 20.0, 5.0, 7.0];
        let found = events(&scores, &places, &geometry(), 1.0);
        assert_eq!(found.len(), 3, "one of three rows, two of one");
        let e = &found[0];
        assert_eq!((e.rows, e.worst, e.score), (3, 1, 30.0), "the worst row stands for all");
        assert_eq!(
            (e.time_from, e.time_to, e.distance_from_km, e.distance_to_km),
            (0, 2 * MINUTE, 0.0, 4.8 + 3.0),
            "span"
        );
        assert_eq!((found[1].worst, found[2].worst), (4, 3), "worst first");
        assert!(events(&scores, &places, &geometry(), 30.1).is_empty(), "nothing above the highest");
        let alike = events(&[4.0; 5], &places, &geometry(), 4.0);
        assert!(alike.is_empty(), "rows that are all alike make no event");
    }
}
