//! Golden values of NumPy, scikit-image, scatseisnet and scikit-learn; `tests/goldens/make_pipeline.py` makes them.

use std::path::{Path, PathBuf};

use ndarray::{Array1, ArrayD, Axis, Slice, concatenate};
use png::{BitDepth, ColorType};
use scatterfall::store::npz::write_npz;
use scatterfall_lane_fft::planned::num_complex::Complex32;
use scatterfall_npz::{NpzFile, Time};

use crate::compare::{Tolerance, assert_close, compare};
use crate::fixture::{Fixture, encode, json, read_array};

/// Exact sums and counts, stored in single precision: half a unit in the last place is 6e-8 of a value.
const ROUNDED: Tolerance = Tolerance::of_largest(1.2e-7, 0);
/// The Gabor responses are sums of 49 products along each axis in single precision.
const GABOR: Tolerance = Tolerance::of_largest(2e-6, 0);
/// Slopes are differences of whole numbers, exact; angles are good to a few units in the last place of single precision.
const SLOPE: Tolerance = Tolerance::of_largest(1e-6, 0);
/// What single precision promises of coefficients, by row and channel: the spectra are products of a few hundred terms.
const COEFFICIENTS: Tolerance = Tolerance::of_largest(1e-5, 2);
/// As [`COEFFICIENTS`] where a constant channel of 7 leaves next to nothing: a unit in the last place of its samples.
const CONSTANT: Tolerance = Tolerance { least: 4.8e-7, ..COEFFICIENTS };
/// As [`COEFFICIENTS`] from the third order on, whose input has the errors of two orders.
const HIGH_ORDERS: Tolerance = Tolerance::of_largest(5e-5, 2);
/// Computed in double precision, stored in single.
const FILTERS: Tolerance = Tolerance::of_largest(1e-6, 1);
/// Double precision throughout; the largest variance over the smallest is some 10^4, which is lost twice.
const DOUBLE: Tolerance = Tolerance::of_largest(1e-7, 0);
/// Written with six decimals.
const SIX_DECIMALS: Tolerance = Tolerance::of_largest(1e-6, 0);
/// Closed formulas in double precision: a few roundings.
const FORMULA: Tolerance = Tolerance::of_largest(1e-14, 0);
/// Correlation of independent components that both implementations iterated to the end.
const SAME_COMPONENT: f64 = 0.999_99;

/// A file of golden arrays.
struct Golden(PathBuf);

impl Golden {
    fn new(name: &str) -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name))
    }

    fn get(&self, name: &str) -> ArrayD<f64> {
        read_array(&self.0, name)
    }

    /// Whole numbers of one axis.
    fn whole(&self, name: &str) -> Vec<usize> {
        self.get(name).iter().map(|&v| v as usize).collect()
    }

    fn times(&self, name: &str) -> Vec<i64> {
        read_times(&self.0, name)
    }
}

fn read_times(path: &Path, name: &str) -> Vec<i64> {
    let (_, times) = NpzFile::open(path).and_then(|mut f| f.read::<Time>(name)).expect("times");
    times.into_iter().map(|t| t.0).collect()
}

fn single(array: &ArrayD<f64>) -> ArrayD<f32> {
    array.mapv(|v| v as f32)
}

fn stamps(times: &[i64]) -> Array1<Time> {
    times.iter().map(|&t| Time(t)).collect()
}

/// One column of a matrix.
fn column(matrix: &ArrayD<f64>, k: usize) -> ArrayD<f64> {
    matrix.index_axis(Axis(matrix.ndim() - 1), k).to_owned()
}

// -- features ---------------------------------------------------------------------------------------------------------

const FEATURES: [(&str, Tolerance); 8] = [
    ("std", ROUNDED),
    ("gabor", GABOR),
    ("dominant_frequency", ROUNDED),
    ("mean", ROUNDED),
    ("median", ROUNDED),
    ("p75", ROUNDED),
    ("max", ROUNDED),
    ("slope_aspect", SLOPE),
];

/// All features of one golden image, which lies in a frame of another colour and is cropped out of it.
fn features(name: &str) {
    const MARGIN: usize = 2;
    let golden = Golden::new("features.npz");
    let (pixels, sizes) = (golden.get(&format!("{name}_pixels")), golden.whole(&format!("{name}_window")));
    let (rows, columns) = (pixels.shape()[0], pixels.shape()[1]);
    let mut framed = ArrayD::from_elem(vec![rows + 2 * MARGIN, columns + 2 * MARGIN, 3], 200u8);
    let inside = |n: usize| Slice::from(MARGIN..MARGIN + n);
    let mut plot = framed.slice_axis_mut(Axis(0), inside(rows));
    plot.slice_axis_mut(Axis(1), inside(columns)).assign(&pixels.mapv(|v| v as u8));

    let place = Fixture::empty();
    let (height, width) = (rows + 2 * MARGIN, columns + 2 * MARGIN);
    let bytes = framed.as_slice().expect("standard layout");
    place.write("Waterfall_20250515_000000.png", &encode(width, height, ColorType::Rgb, BitDepth::Eight, bytes));
    let names: Vec<&str> = FEATURES.iter().map(|(n, _)| *n).collect();
    let settings = [
        "crop.enabled=true".to_owned(),
        format!("crop.top={MARGIN}"),
        format!("crop.bottom={}", MARGIN + rows),
        format!("crop.left={MARGIN}"),
        format!("crop.right={}", MARGIN + columns),
        format!("features.window={}", sizes[0]),
        format!("features.step={}", sizes[1]),
        format!("features.names={names:?}"),
    ];
    let settings: Vec<&str> = settings.iter().flat_map(|s| ["--set", s]).collect();
    place.cmd("features", &settings).ends_with(0);

    let file = "features/features_20250515.npz";
    let got = place.array(file, "features").index_axis_move(Axis(0), 0);
    let want = golden.get(&format!("{name}_features"));
    for (k, (feature, tolerance)) in FEATURES.iter().enumerate() {
        assert_close(&format!("{name} {feature}"), &column(&got, k), &column(&want, k), *tolerance);
    }
    assert_close("residual", &place.array(file, "residual"), &golden.get(&format!("{name}_residual")), ROUNDED);
    let swapped = compare(&column(&got, 0), &column(&want, 3), ROUNDED);
    assert!(swapped.is_err(), "std is not the mean");
}

#[test]
fn features_of_a_plot() {
    features("wide");
}

#[test]
fn features_of_five_rows_and_seven_columns() {
    features("tiny");
}

#[test]
fn features_of_single_columns() {
    features("single");
}

// -- scattering -------------------------------------------------------------------------------------------------------

/// Banks as octaves, resolution, quality.
type Banks<'a> = &'a [(usize, usize, f64)];

const TWO: Banks<'_> = &[(3, 4, 1.0), (2, 2, 1.0)];

/// Runs `scatter` on the golden segments of `bins` samples; returns the place and the file with the coefficients.
fn scatter(bins: usize, banks: Banks<'_>, settings: &[&str], more: &[&str]) -> (Fixture, PathBuf) {
    let place = Fixture::empty();
    let (input, output, config) = (place.path("segments.npy"), place.path("c.npz"), place.path("scatter.toml"));
    let segments = single(&Golden::new("scattering.npz").get(&format!("segments_{bins}")));
    ndarray_npy::write_npy(&input, &segments).expect("segments");
    let mut text = format!("[network]\nsampling_rate = 12.5\norder_0 = false\n{}\n", settings.join("\n"));
    for (octaves, resolution, quality) in banks {
        text += &format!("[[network.banks]]\noctaves = {octaves}\nresolution = {resolution}\nquality = {quality:?}\n");
    }
    std::fs::write(&config, text).expect("a configuration");
    let path = |p: &Path| p.to_str().expect("UTF-8").to_owned();
    let mut arguments = vec!["scatter".to_owned(), "--backend".into(), "cpu".into(), "--config".into(), path(&config)];
    arguments.extend(["--input".into(), path(&input), "--output".into(), path(&output)]);
    arguments.extend(more.iter().map(|m| (*m).to_owned()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    crate::fixture::program(&arguments).ends_with(0);
    (place, output)
}

fn coefficients(name: &str, bins: usize, banks: Banks<'_>, settings: &[&str]) {
    let golden = Golden::new("scattering.npz");
    let (_place, file) = scatter(bins, banks, settings, &[]);
    for order in 1..=banks.len() {
        let (got, want) = (read_array(&file, &format!("order_{order}")), golden.get(&format!("{name}_order_{order}")));
        let tolerance = if order < 3 { COEFFICIENTS } else { HIGH_ORDERS };
        let rows = |a: &ArrayD<f64>, which: &[usize]| a.select(Axis(0), which);
        assert_close(&format!("{name} order {order}"), &rows(&got, &[0, 2, 3]), &rows(&want, &[0, 2, 3]), tolerance);
        // Row 1 holds a dead and a constant channel.
        assert_close(&format!("{name} order {order}"), &rows(&got, &[1]), &rows(&want, &[1]), CONSTANT);
        assert!(got.index_axis(Axis(0), 1).index_axis(Axis(0), 0).iter().all(|&v| v == 0.0), "{name}: silence is 0");
    }
}

/// One test a case of `make_pipeline.py`.
macro_rules! scattering {
    ($($name:ident: $bins:expr, $banks:expr, $settings:expr;)*) => {$(
        #[test]
        fn $name() {
            coefficients(stringify!($name), $bins, $banks, &$settings);
        }
    )*};
}

mod scattering {
    use super::{TWO, coefficients};

    scattering! {
        bins_16: 16, &[(2, 2, 1.0), (1, 2, 1.0)], [];
        bins_97: 97, TWO, [];
        bins_129: 129, TWO, [];
        default_banks: 128, &[(4, 6, 1.0), (2, 4, 1.0)], [];
        mean: 129, TWO, ["pooling = \"mean\""];
        max: 129, TWO, ["pooling = \"max\""];
        l1: 97, TWO, ["normalize = \"l1\""];
        l2: 97, TWO, ["normalize = \"l2\""];
        taper: 129, TWO, ["taper_alpha = 0.3"];
        taper_mean: 97, TWO, ["taper_alpha = 0.05", "pooling = \"mean\""];
        one_bank: 97, &[(4, 3, 2.0)], [];
        three_banks: 97, &[(3, 2, 1.0), (2, 2, 1.0), (2, 1, 1.5)], [];
    }
}

#[test]
fn the_poolings_norms_and_tapers_are_told_apart() {
    let golden = Golden::new("scattering.npz");
    for (a, b) in [("bins_129", "mean"), ("mean", "max"), ("bins_97", "l1"), ("l1", "l2"), ("bins_129", "taper")] {
        let (a, b) = (golden.get(&format!("{a}_order_1")), golden.get(&format!("{b}_order_1")));
        assert!(compare(&a, &b, COEFFICIENTS).is_err(), "the golden values of two settings agree");
    }
}

#[test]
fn order_0_is_mean_maximum_and_deviation() {
    let golden = Golden::new("scattering.npz");
    let (_place, file) = scatter(97, TWO, &[], &["--set", "network.order_0=true"]);
    assert_close("order 0", &read_array(&file, "order_0"), &golden.get("order_0_97"), ROUNDED_ROWS);
    assert_close("order 1", &read_array(&file, "order_1"), &golden.get("bins_97_order_1"), COEFFICIENTS);
}

/// As [`ROUNDED`], by row and channel: rows differ by orders of magnitude. Deviations are of single-precision samples.
const ROUNDED_ROWS: Tolerance = Tolerance { axes: 2, ..ROUNDED };

#[test]
fn unpooled_scalograms() {
    let golden = Golden::new("scattering.npz");
    let (_place, file) = scatter(16, &[(2, 1, 1.0), (1, 1, 1.0)], &[], &["--pooling", "none"]);
    for order in ["order_1", "order_2"] {
        let want = golden.get(&format!("scalogram_{order}"));
        assert_close(order, &read_array(&file, order), &want, COEFFICIENTS);
    }
}

#[test]
fn filter_banks() {
    let golden = Golden::new("network.npz");
    for norm in ["none", "l1", "l2"] {
        let place = Fixture::empty();
        // 41 windows on 20 km are the golden sampling rate.
        store_features(&place, "20250515", &ArrayD::zeros(vec![1, 41, 3]), &[0]);
        let settings = [
            "--set",
            "segments.bins=41",
            "--set",
            "network.banks=[{octaves = 3, resolution = 2}, {octaves = 2, resolution = 2, quality = 1.5}]",
            "--set",
            &format!("network.normalize={norm}"),
        ];
        place.cmd("design", &settings).ends_with(0);
        let path = place.output().join("wavelets/network.npz");
        for k in [1, 2] {
            for what in ["centers", "widths", "ratios"] {
                let (got, want) =
                    (read_array(&path, &format!("{what}_{k}")), golden.get(&format!("{norm}_{what}_{k}")));
                assert_close(&format!("{norm} {what} {k}"), &got, &want, FORMULA);
            }
            for what in ["wavelets", "spectra"] {
                let want = golden.get(&format!("{norm}_{what}_{k}"));
                assert_close(&format!("{norm} {what} {k}"), &complex(&path, &format!("{what}_{k}")), &want, FILTERS);
            }
        }
        assert_eq!(read_array(&path, "bins").sum(), 41.0, "bins");
        assert_eq!(read_array(&path, "sampling_rate").sum(), 2.05, "windows a kilometre");
    }
}

/// A complex matrix with a last axis for its parts.
fn complex(path: &Path, name: &str) -> ArrayD<f64> {
    let file = std::fs::File::open(path).expect("a file");
    let mut archive = ndarray_npy::NpzReader::new(file).expect("an .npz file");
    let matrix: ndarray::Array2<Complex32> = archive.by_name(name).expect("a complex matrix");
    let part = |f: fn(&Complex32) -> f32| matrix.mapv(|z| f64::from(f(&z))).insert_axis(Axis(2));
    concatenate![Axis(2), part(|z| z.re), part(|z| z.im)].into_dyn()
}

// -- rows -------------------------------------------------------------------------------------------------------------

/// Writes a day of features as another program would.
fn store_features(place: &Fixture, day: &str, features: &ArrayD<f64>, times: &[i64]) {
    let path = place.output().join(format!("features/features_{day}.npz"));
    write_npz(&path, |out| {
        out.add("features", &single(features))?;
        out.add("times", &stamps(times))?;
        out.add("distance", &Array1::<f64>::zeros(features.shape()[1]))
    })
    .expect("written");
}

#[test]
fn segments_within_and_across_images() {
    let golden = Golden::new("rows.npz");
    let (features, times, days) = (golden.get("features"), golden.times("times"), golden.whole("days"));
    for continuity in ["concatenated", "per_image"] {
        let place = Fixture::empty();
        let parts = [("20250515", 0..days[0]), ("20250516", days[0]..days[0] + days[1])];
        for (day, range) in &parts {
            let own = features.slice_axis(Axis(0), Slice::from(range.clone())).to_owned();
            store_features(&place, day, &own, &times[range.clone()]);
        }
        let settings = [
            "features.names=[\"std\", \"mean\"]",
            "input.total_distance_km=10",
            "segments.overlap=0.25",
            &format!("segments.continuity={}", continuity.replace('_', "-")),
            "network.order_0=false",
        ];
        let settings: Vec<&str> = settings.iter().flat_map(|s| ["--set", s]).collect();
        place.cmd("transform", &settings).ends_with(0);
        let files = parts
            .map(|(day, _)| place.output().join(format!("scattering_coefficients/scattering_coefficients_{day}.npz")));
        let joined = |name: &str| {
            let parts = files.each_ref().map(|f| read_array(f, name));
            concatenate(Axis(0), &[parts[0].view(), parts[1].view()]).expect("days of the same columns")
        };
        let want = |name: &str| golden.get(&format!("{continuity}_{name}"));
        let row_times: Vec<i64> = files.iter().flat_map(|f| read_times(f, "times")).collect();
        assert_eq!(row_times, golden.times(&format!("{continuity}_times")), "{continuity}: times");
        assert_close("distance", &joined("distance"), &want("distance"), FORMULA);
        for order in ["order_1", "order_2"] {
            assert_close(&format!("{continuity} {order}"), &joined(order), &want(order), COEFFICIENTS);
        }
    }
}

// -- reduction --------------------------------------------------------------------------------------------------------

/// The golden coefficients as two days of files, reduced with `scaling`; the rows that are finite.
fn reduced(golden: &Golden, scaling: &str) -> (Fixture, Vec<usize>) {
    let place = Fixture::empty();
    let orders: Vec<ArrayD<f64>> = (0..3).map(|k| golden.get(&format!("order_{k}"))).collect();
    let rows = orders[0].shape()[0];
    let half = rows / 2;
    for (day, range) in [("20250515", 0..half), ("20250516", half..rows)] {
        let path = place.output().join(format!("scattering_coefficients/scattering_coefficients_{day}.npz"));
        write_npz(&path, |out| {
            for (k, order) in orders.iter().enumerate() {
                let own = order.slice_axis(Axis(0), Slice::from(range.clone())).to_owned();
                out.add(&format!("order_{k}"), &single(&own))?;
            }
            out.add("times", &range.clone().map(|i| Time(i as i64 * 60_000_000)).collect::<Array1<_>>())?;
            out.add("distance", &Array1::<f64>::zeros(range.len()))
        })
        .expect("written");
    }
    let floor = format!("reduce.floor={:?}", golden.get("floor").sum());
    place.cmd("reduce", &["--set", &format!("reduce.scaling={scaling}"), "--set", &floor]).ends_with(0);
    let finite = golden.whole("finite").iter().enumerate().filter(|(_, f)| **f == 1).map(|(i, _)| i).collect();
    (place, finite)
}

fn reduction(scaling: &str) {
    let golden = Golden::new("reduction.npz");
    let (place, finite) = reduced(&golden, scaling);
    let want = |name: &str| golden.get(&format!("{scaling}_{name}"));
    let file = "pca_ica/principal_components.npz";
    let scores = place.array(file, "features");
    assert_close("explained variance", &place.array(file, "explained_variance_ratio"), &want("ratio"), DOUBLE);
    // The signs too: the largest loading of each component is positive.
    assert_close("components", &place.array(file, "components"), &want("components"), DOUBLE);
    assert_close("scores", &scores.select(Axis(0), &finite), &want("scores"), DOUBLE);

    let independent = place.array("pca_ica/independent_components.npz", "features");
    let own = independent.select(Axis(0), &finite);
    let least = least_correlation(&own, &want("ica"));
    assert!(least > SAME_COMPONENT, "an independent component correlates by {least} only with scikit-learn's");
    let control = least_correlation(&own, &want("scores"));
    assert!(control < SAME_COMPONENT, "the principal components would have passed");

    for i in (0..scores.shape()[0]).filter(|i| !finite.contains(i)) {
        for (name, array) in [("principal", &scores), ("independent", &independent)] {
            let row = array.index_axis(Axis(0), i);
            assert!(row.iter().all(|v| v.is_nan()), "row {i} is not finite, but has {name} components {row}");
        }
    }
}

/// Of each column of `want` the absolute correlation with the column of `got` that is most like it; the smallest of
/// these, 0 where two columns claim the same one.
fn least_correlation(got: &ArrayD<f64>, want: &ArrayD<f64>) -> f64 {
    let centred = |m: &ArrayD<f64>, k: usize| {
        let c = column(m, k);
        let mean = c.sum() / c.len() as f64;
        c - mean
    };
    let k = want.shape()[1];
    let mut taken = Vec::new();
    let mut least = f64::INFINITY;
    for j in 0..k {
        let b = centred(want, j);
        let correlation = |i: usize| {
            let a = centred(got, i);
            ((&a * &b).sum() / ((&a * &a).sum() * (&b * &b).sum()).sqrt()).abs()
        };
        let best = (0..k).max_by(|&x, &y| correlation(x).total_cmp(&correlation(y))).expect("a column");
        least = if taken.contains(&best) { 0.0 } else { least.min(correlation(best)) };
        taken.push(best);
    }
    least
}

#[test]
fn components_without_scaling() {
    reduction("none");
}

#[test]
fn components_of_standardised_columns() {
    reduction("standard");
}

#[test]
fn components_of_a_matrix_from_0_to_1() {
    reduction("minmax");
}

#[test]
fn components_of_balanced_orders() {
    reduction("balanced");
}

// -- clusters and scores ----------------------------------------------------------------------------------------------

/// Clusters the golden components; labels and scores of all rows, and the summary.
fn clustered(golden: &Golden, settings: &[&str]) -> (Vec<i32>, Vec<f64>, serde_json::Value) {
    let place = Fixture::empty();
    write_npz(&place.output().join("pca_ica/independent_components.npz"), |out| {
        out.add("features", &golden.get("features"))?;
        out.add("times", &stamps(&golden.times("times")))?;
        out.add("distance", &golden.get("distance"))
    })
    .expect("written");
    let settings: Vec<&str> = settings.iter().flat_map(|s| ["--set", s]).collect();
    place.cmd("cluster", &settings).ends_with(0);
    let rows = place.table("clustering_results/clusters.csv");
    let labels = rows.iter().map(|r| r["cluster"].parse().expect("a label")).collect();
    let scores = rows.iter().map(|r| r["score"].parse().expect("a score or nan")).collect();
    (labels, scores, json(&place.output().join("clustering_results/summary.json")))
}

/// `method` must label and score the golden components as scikit-learn does, with the scores of either baseline.
fn scores(name: &str, method: &str, settings: &[&str]) -> serde_json::Value {
    let golden = Golden::new("scores.npz");
    let (good, by_place) = (golden.whole("good"), golden.get("places_scored"));
    let want_labels = golden.whole(&format!("{name}_labels"));
    let of_model = golden.get(&format!("{name}_scores"));
    let mut last = serde_json::Value::Null;
    for baseline in ["model", "place"] {
        let method = format!("cluster.method={method}");
        let baseline_key = format!("anomaly.baseline={baseline}");
        let mut all: Vec<&str> = vec![&method, &baseline_key];
        all.extend(settings);
        let (labels, scores, summary) = clustered(&golden, &all);
        for i in (0..labels.len()).filter(|i| !good.contains(i)) {
            assert!(labels[i] == -1 && scores[i].is_nan(), "row {i} is not finite: {}, {}", labels[i], scores[i]);
        }
        let own_labels: Vec<usize> = good.iter().map(|&i| usize::try_from(labels[i]).expect("a cluster")).collect();
        assert_eq!(own_labels, want_labels, "{name}: labels");
        let want: Vec<f64> = match baseline {
            "model" => of_model.iter().copied().collect(),
            // A place with too few rows is scored by the model.
            _ => {
                good.iter().zip(&of_model).map(|(&i, &m)| if by_place[i].is_nan() { m } else { by_place[i] }).collect()
            }
        };
        let got: Array1<f64> = good.iter().map(|&i| scores[i]).collect();
        assert_close(&format!("{name} {baseline}"), &got.into_dyn(), &Array1::from(want).into_dyn(), SIX_DECIMALS);
        last = summary;
    }
    last
}

#[test]
fn scores_of_kmeans() {
    let summary = scores("kmeans", "kmeans", &["cluster.kmeans.clusters=3"]);
    let want = Golden::new("scores.npz").get("kmeans_inertia");
    let got = Array1::from(vec![summary["inertia"].as_f64().expect("a number")]).into_dyn();
    assert_close("inertia", &got, &want, DOUBLE);
}

fn mixture(covariance: &str) {
    let key = format!("cluster.gmm.covariance={covariance}");
    let summary = scores(covariance, "gmm", &["cluster.gmm.components=3", &key]);
    let number = |name: &str| summary[name].as_f64().expect("a number");
    let got = Array1::from(vec![number("log_likelihood"), number("aic"), number("bic")]).into_dyn();
    let want = Golden::new("scores.npz").get(&format!("{covariance}_criteria"));
    // By value: a likelihood is a thousandth of a criterion.
    assert_close("likelihood and criteria", &got, &want, Tolerance { axes: 1, ..DOUBLE });
}

#[test]
fn scores_of_full_mixtures() {
    mixture("full");
}

#[test]
fn scores_of_diagonal_mixtures() {
    mixture("diag");
}

#[test]
fn scores_of_tied_mixtures() {
    mixture("tied");
}

#[test]
fn scores_of_spherical_mixtures() {
    mixture("spherical");
}
