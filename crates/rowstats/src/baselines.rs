//! What is usual at each location, and how far a row is from it; medians and quantiles.

use std::collections::HashMap;

use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

/// Rows that a location needs before a baseline is taken from them.
pub const MIN_ROWS: usize = 20;

/// A median absolute deviation times this estimates the standard deviation of normal numbers.
const MAD_TO_STD: f64 = 1.4826;

/// Smallest spread at a location as a part of the component's overall one: a dead stretch must not turn rounding into events.
const MIN_SPREAD: f64 = 1e-3;

/// Spread of a component that never varies in the fit. Components have unit variance over the fit, so this is the least
/// that [`MIN_SPREAD`] allows any of them.
const CONSTANT_SPREAD: f64 = MIN_SPREAD;

/// Usual values of each component at one location: median, and spread in units of a standard deviation.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// Median of each component.
    pub median: Vec<f64>,
    /// 1.4826 times the median absolute deviation of each component, at least a thousandth of the overall one.
    pub spread: Vec<f64>,
}

/// What is usual at each location.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LocationBaselines {
    /// By location, in whole millimetres so that it can be a key.
    baselines: HashMap<i64, Baseline>,
}

/// The key of a location.
#[expect(clippy::cast_possible_truncation, reason = "kilometres in millimetres fit 63 bits")]
pub(crate) fn key(place_km: f64) -> i64 {
    (place_km * 1e6).round() as i64
}

impl LocationBaselines {
    /// Fits the baseline of every location with at least [`MIN_ROWS`] rows that take part.
    ///
    /// `components` is `[row, component]`, `locations_km` one number per row; `takes_part` false (or a row that is not finite) keeps a row out.
    pub fn fit(components: ArrayView2<'_, f64>, locations_km: &[f64], takes_part: &[bool]) -> Self {
        let used = |i: usize| takes_part[i] && components.row(i).iter().all(|v| v.is_finite());
        let rows: Vec<usize> = (0..components.nrows()).filter(|&i| used(i)).collect();
        let overall = baseline(components, &rows);
        let mut by_place: HashMap<i64, Vec<usize>> = HashMap::new();
        for &i in &rows {
            by_place.entry(key(locations_km[i])).or_default().push(i);
        }
        // Where more than half of all rows are one value the median deviation is 0, and the standard deviation stands in.
        let deviation_of = |(c, &s): (usize, &f64)| if s > 0.0 { s } else { deviation(components, &rows, c) };
        let whole: Vec<f64> = overall.spread.iter().enumerate().map(deviation_of).collect();
        let least = |spread: f64, overall: f64| spread.max(MIN_SPREAD * overall);
        let baselines = by_place
            .into_par_iter()
            .filter(|(_, rows)| rows.len() >= MIN_ROWS)
            .map(|(place, rows)| {
                let own = baseline(components, &rows);
                let spread = own.spread.iter().zip(&whole).map(|(&s, &o)| least(s, o)).collect();
                (place, Baseline { median: own.median, spread })
            })
            .collect();
        Self { baselines }
    }

    /// The Euclidean norm of the row's deviations from its location's median in units of its spread; `None` where the
    /// location has no baseline. A component that never varied in the fit has the smallest spread.
    pub fn score(&self, row: ndarray::ArrayView1<'_, f64>, place_km: f64) -> Option<f64> {
        let baseline = self.baselines.get(&key(place_km))?;
        let squares = row.iter().zip(&baseline.median).zip(&baseline.spread).map(|((&x, &median), &spread)| {
            let deviation = x - median;
            (deviation / if spread > 0.0 { spread } else { CONSTANT_SPREAD }).powi(2)
        });
        Some(squares.sum::<f64>().sqrt())
    }

    /// Locations with a baseline, in km, ascending.
    pub fn sorted(&self) -> Vec<(f64, &Baseline)> {
        let mut all: Vec<_> = self.baselines.iter().collect();
        all.sort_by_key(|(k, _)| **k);
        #[expect(clippy::cast_precision_loss, reason = "millimetres of a fibre")]
        all.into_iter().map(|(k, n)| (*k as f64 / 1e6, n)).collect()
    }

    /// Baselines as they were stored.
    pub fn from_sorted(places: impl IntoIterator<Item = (f64, Baseline)>) -> Self {
        Self { baselines: places.into_iter().map(|(p, n)| (key(p), n)).collect() }
    }
}

/// Standard deviation of a component over some rows; 0 of none.
#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn deviation(components: ArrayView2<'_, f64>, rows: &[usize], column: usize) -> f64 {
    let n = rows.len().max(1) as f64;
    let mean = rows.iter().map(|&i| components[[i, column]]).sum::<f64>() / n;
    (rows.iter().map(|&i| (components[[i, column]] - mean).powi(2)).sum::<f64>() / n).sqrt()
}

fn baseline(components: ArrayView2<'_, f64>, rows: &[usize]) -> Baseline {
    let (median, spread) = components
        .axis_iter(Axis(1))
        .map(|column| {
            let mut values: Vec<f64> = rows.iter().map(|&i| column[i]).collect();
            let middle = median(&mut values);
            values.iter_mut().for_each(|v| *v = (*v - middle).abs());
            (middle, MAD_TO_STD * median(&mut values))
        })
        .unzip();
    Baseline { median, spread }
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

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

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
    fn a_component_that_never_varied_counts_where_it_deviates() {
        let n = 40;
        let mut x = Array2::zeros((n, 2));
        for i in 0..n {
            x[[i, 1]] = [-1.0, -0.5, 0.0, 0.5, 1.0][i % 5];
        }
        // The last row, which takes no part, deviates in the component that is constant in the fit.
        x[[n - 1, 0]] = 1.0;
        let mut used = vec![true; n];
        used[n - 1] = false;
        let baselines = LocationBaselines::fit(x.view(), &vec![0.0; n], &used);
        let score = |i: usize| baselines.score(x.row(i), 0.0).expect("a baseline");
        assert!(score(n - 1) > 100.0 && score(n - 1).is_finite(), "{}", score(n - 1));
        assert!(score(0) < 3.0, "rows without that deviation are as before: {}", score(0));
    }

    #[test]
    fn a_row_is_measured_against_its_own_location() {
        // Place 0 rests at 0 +- 1, place 1 at 100 +- 10: the same 30 stands out at one and not at the other.
        let n = 60;
        let mut x = Array2::zeros((2 * n, 1));
        let mut locations = Vec::new();
        for i in 0..2 * n {
            let (minute, place) = (i / 2, i % 2);
            let wiggle = [-1.0, -0.5, 0.0, 0.5, 1.0][minute % 5];
            x[[i, 0]] = if place == 0 { wiggle } else { 100.0 + 10.0 * wiggle };
            locations.push(place as f64 * 2.4);
        }
        x[[0, 0]] = 30.0;
        x[[1, 0]] = 130.0;
        let all = vec![true; 2 * n];
        let baselines = LocationBaselines::fit(x.view(), &locations, &all);
        let quiet = baselines.score(x.row(1), 2.4).expect("a baseline");
        let loud = baselines.score(x.row(0), 0.0).expect("a baseline");
        assert!(loud > 9.0 * quiet, "{loud} at the quiet place, {quiet} at the loud one");
        assert_eq!(baselines.score(x.row(0), 9.9), None, "a place without rows");
        let few = LocationBaselines::fit(x.view(), &locations, &vec![false; 2 * n]);
        assert_eq!(few.score(x.row(0), 0.0), None, "rows that take no part make no baseline");
        let again = LocationBaselines::from_sorted(baselines.sorted().into_iter().map(|(p, n)| (p, n.clone())));
        assert_eq!(again, baselines, "stored and read back");
    }
}
