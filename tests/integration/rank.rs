//! Coefficients that hold fewer directions than components are asked for: `reduce` gives what there is and says why.

use ndarray::{Array1, Array2, ArrayD, Axis};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use scatterfall::store::npz::write_npz;
use scatterfall_npz::Time;

use crate::fixture::{Fixture, Outcome, ROWS_PER_IMAGE};

/// Coefficients a row: 3 channels x 4 filters of the first order, and 2 filters of the second for each.
const FIRST: usize = 12;
const COLUMNS: usize = 3 * FIRST;
/// Components asked for.
const WANTED: usize = 6;
const SCALINGS: [&str; 4] = ["none", "standard", "minmax", "balanced"];

/// Independent uniform numbers from -1 to 1.
fn noise(rows: usize, columns: usize) -> Array2<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    Array2::from_shape_simple_fn((rows, columns), || rng.gen_range(-1.0..1.0))
}

/// Rows of decimal logarithms of coefficients from their columns.
fn columns(rows: usize, value: impl Fn(usize, usize) -> f64) -> Array2<f64> {
    Array2::from_shape_fn((rows, COLUMNS), |(i, j)| value(i, j))
}

/// Reduces a day whose coefficients have these decimal logarithms, asking for [`WANTED`] components.
fn reduced(logs: &Array2<f64>, scaling: &str) -> (Fixture, Outcome) {
    let place = Fixture::empty();
    let rows = logs.nrows();
    let file = place.output().join("scattering_coefficients/scattering_coefficients_20250515.npz");
    let order = |columns: std::ops::Range<usize>, shape: &[usize]| {
        let chosen = logs.select(Axis(1), &columns.collect::<Vec<_>>()).mapv(|x| 10f64.powf(x) as f32);
        ArrayD::from_shape_vec([&[rows], shape].concat(), chosen.into_iter().collect()).expect("as many columns")
    };
    write_npz(&file, |out| {
        out.add("order_1", &order(0..FIRST, &[3, 4]))?;
        out.add("order_2", &order(FIRST..COLUMNS, &[3, 4, 2]))?;
        let minute = |i: usize| Time((i / ROWS_PER_IMAGE) as i64 * 60_000_000);
        out.add("times", &(0..rows).map(minute).collect::<Array1<_>>())?;
        out.add("distance", &(0..rows).map(|i| (i % ROWS_PER_IMAGE) as f64).collect::<Array1<_>>())
    })
    .expect("written");
    let scaling = format!("reduce.scaling={scaling}");
    let (pca, ica) = (format!("reduce.pca_components={WANTED}"), format!("reduce.ica_components={WANTED}"));
    let settings = ["network.order_0=false", &scaling, &pca, &ica];
    let outcome = place.cmd("reduce", &settings.map(|s| ["--set", s]).concat()).ends_with(0);
    (place, outcome)
}

/// The largest deviation of the columns' covariance (divisor `n`) from the identity.
fn off_white(scores: &ArrayD<f64>, n: f64) -> f64 {
    let k = scores.shape()[1];
    let column = |j: usize| scores.index_axis(Axis(1), j).to_owned();
    let covariance = |a: usize, b: usize| (column(a) * column(b)).sum() / n;
    let off = |a: usize, b: usize| (covariance(a, b) - f64::from(u8::from(a == b))).abs();
    (0..k * k).map(|i| off(i / k, i % k)).fold(0.0, f64::max)
}

/// `reduce` must find `rank` components, with every property of components, and clusters can be made of them.
fn has_rank(name: &str, logs: &Array2<f64>, rank: usize, reason: &str) {
    for scaling in SCALINGS {
        let (place, outcome) = reduced(logs, scaling);
        outcome.warns(&["fewer components than asked for", reason]);
        let principal = |array: &str| place.array("pca_ica/principal_components.npz", array);
        let independent = |array: &str| place.array("pca_ica/independent_components.npz", array);
        let rows = logs.nrows();
        for scores in [principal("features"), independent("features")] {
            assert_eq!(scores.shape(), [rows, rank], "{name}, {scaling}: components");
            assert!(scores.iter().all(|v| v.is_finite()), "{name}, {scaling}: {scores}");
        }
        assert_eq!(principal("components").shape(), [rank, COLUMNS], "{name}, {scaling}: loadings");
        let (mixing, unmixing) = (independent("mixing"), independent("unmixing"));
        assert!((mixing.shape(), unmixing.shape()) == (&[COLUMNS, rank], &[rank, COLUMNS]), "{name}, {scaling}");

        let ratio = principal("explained_variance_ratio").sum();
        // What is left out is the rounding of coefficients in single precision.
        assert!((ratio - 1.0).abs() < 1e-9, "{name}, {scaling}: they explain {ratio}");
        // A direction of rounding alone, scaled up to unit variance, would be far off.
        let off =
            (off_white(&principal("features"), rows as f64 - 1.0), off_white(&independent("features"), rows as f64));
        assert!(off.0 < 1e-6 && off.1 < 1e-6, "{name}, {scaling}: off white by {off:?}");

        place.cmd("cluster", &["--set", "network.order_0=false"]).ends_with(0);
        assert_eq!(place.table("clustering_results/clusters.csv").len(), rows, "{name}, {scaling}: rows with clusters");
    }
}

/// The negative control: nothing is missing.
fn has_full_rank(name: &str, logs: &Array2<f64>) {
    for scaling in SCALINGS {
        let (place, outcome) = reduced(logs, scaling);
        assert!(!outcome.err.contains("fewer components"), "{name}, {scaling}: {}", outcome.err);
        let scores = place.array("pca_ica/principal_components.npz", "features");
        assert_eq!(scores.shape(), [logs.nrows(), WANTED], "{name}, {scaling}: components");
    }
}

#[test]
fn constant_columns() {
    let sources = noise(240, COLUMNS);
    // Columns 1, 12 and 30 vary; among the others are zeros, which the floor raises, and all kinds of sizes.
    let varying = [1, 12, 30];
    let constant = |j: usize| if j.is_multiple_of(5) { f64::NEG_INFINITY } else { j as f64 / 7.0 - 2.0 };
    let logs = columns(240, |i, j| if varying.contains(&j) { sources[[i, j]] } else { constant(j) });
    has_rank("constant", &logs, 3, "holds no variance");
    let more = [1, 2, 12, 17, 30, 33];
    has_full_rank("constant", &columns(240, |i, j| if more.contains(&j) { sources[[i, j]] } else { constant(j) }));
}

#[test]
fn duplicate_columns() {
    let sources = noise(240, WANTED);
    has_rank("duplicates", &columns(240, |i, j| sources[[i, j % 4]]), 4, "holds no variance");
    has_full_rank("duplicates", &columns(240, |i, j| sources[[i, j % WANTED]]));
}

#[test]
fn columns_that_depend_on_each_other() {
    // Not to the bit: every column is rounded to single precision by itself.
    let (sources, weights) = (noise(240, WANTED), noise(WANTED, COLUMNS));
    let mixed = |i: usize, j: usize, rank: usize| (0..rank).map(|s| sources[[i, s]] * weights[[s, j]]).sum::<f64>();
    has_rank("mixtures", &columns(240, |i, j| mixed(i, j, 2)), 2, "holds no variance");
    has_full_rank("mixtures", &columns(240, |i, j| mixed(i, j, WANTED)));
}

#[test]
fn fewer_rows_than_components() {
    let sources = noise(WANTED + 1, COLUMNS);
    has_rank("rows", &columns(4, |i, j| sources[[i, j]]), 3, "too few rows");
    has_rank("rows", &columns(2, |i, j| sources[[i, j]]), 1, "too few rows");
    has_full_rank("rows", &sources);
}
