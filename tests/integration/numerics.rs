//! Clusters, hierarchies, densities and independent components of scikit-learn and SciPy, for the library's functions on
//! rows in memory; `tests/goldens/make_numerics.py` makes them.

use std::path::Path;

use ndarray::{Array0, Array1, Array2, ArrayD, ArrayView2, Axis, Ix1, Ix2, Ix3, Slice};
use scatterfall_rowstats::clustering::{
    Agglomerative, AgglomerativeOptions, Covariance, Covariances, Dbscan, DbscanOptions, Gmm, GmmOptions, KMeans,
    KMeansOptions, Linkage, Neighbours, renumber, silhouette,
};
use scatterfall_rowstats::reduction::{Ica, IcaOptions, Moments, Pca, RowSource, Scaling, ScalingKind, Visit, scores};

use crate::compare::{Tolerance, assert_close};
use crate::fixture::read_array;

/// Sums of some hundred terms in double precision, in another order.
const DOUBLE: Tolerance = Tolerance::of_largest(1e-12, 0);
/// Densities go through the inverse of covariances of condition 100 or so.
const DENSITY: Tolerance = Tolerance::of_largest(1e-11, 0);
/// The optimum of independent components to the iteration's tolerance, 1e-4 rad.
const COMPONENTS: Tolerance = Tolerance::of_largest(3e-4, 0);
/// What a mixture's mean log-likelihood may lack: its iteration stops once it gains less than 1e-5.
const LIKELIHOOD: f64 = 1e-3;

fn golden(name: &str) -> ArrayD<f64> {
    read_array(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/numerics.npz"), name)
}

fn matrix(name: &str) -> Array2<f64> {
    golden(name).into_dimensionality::<Ix2>().expect("a matrix")
}

/// Golden labels with the program's numbers.
fn labels(name: &str) -> Vec<i32> {
    let mut labels: Vec<i32> = golden(name).iter().map(|&l| l as i32).collect();
    let clusters = labels.iter().max().map_or(0, |m| (m + 1) as usize);
    renumber(&mut labels, clusters);
    labels
}

#[test]
fn dense_clusters() {
    let rows = matrix("rows");
    let fit =
        |eps, min_samples| Dbscan::fit(rows.view(), &DbscanOptions { eps, min_samples }).expect("finite rows").labels;
    assert_eq!(fit(1.2, 8), labels("dbscan_wide"), "eps 1.2");
    assert_eq!(fit(0.7, 4), labels("dbscan_narrow"), "eps 0.7");
    assert_ne!(fit(0.7, 4), labels("dbscan_wide"), "another radius and density");
}

#[test]
fn hierarchies() {
    let rows = matrix("rows").slice_axis(Axis(0), Slice::from(..120)).to_owned();
    let linkages = [
        ("ward", Linkage::Ward),
        ("complete", Linkage::Complete),
        ("average", Linkage::Average),
        ("single", Linkage::Single),
    ];
    for (name, linkage) in linkages {
        let options = AgglomerativeOptions { clusters: 3, linkage, exact: true, memory_bytes: 1 << 20, seed: 0 };
        let got = Agglomerative::fit(rows.view(), &options).expect("finite rows");
        assert_close(name, &got.merges.into_dyn(), &golden(name), DOUBLE);
    }
}

#[test]
fn means_and_their_quality() {
    let rows = matrix("rows");
    let got = KMeans::fit(rows.view(), &KMeansOptions::new(3, 4)).expect("finite rows");
    assert_eq!(got.labels, labels("kmeans"), "nearest centres");
    let whole = |value: f64| Array0::from_elem((), value).into_dyn();
    assert_close("inertia", &whole(got.inertia), &golden("kmeans_inertia"), DOUBLE);
    let quality = silhouette(rows.view(), &got.labels, 1000, 0).expect("three clusters");
    assert_close("silhouette", &whole(quality), &golden("silhouette"), DOUBLE);
}

#[test]
fn nearest_rows() {
    let rows = matrix("rows");
    let got = Neighbours::new(rows.view()).and_then(|n| n.mean_distances(rows.view(), 10)).expect("finite rows");
    assert_close("mean distance to 10 rows", &Array1::from_vec(got).into_dyn(), &golden("neighbours"), DOUBLE);
}

/// A mixture with the golden parameters.
fn mixture(name: &str) -> Gmm {
    let get = |what: &str| golden(&format!("{name}_{what}"));
    let covariances = get("covariances");
    let weights = get("weights").into_dimensionality::<Ix1>().expect("weights");
    let means = get("means").into_dimensionality::<Ix2>().expect("means");
    let covariances = match name {
        "full" => Covariances::Full(covariances.into_dimensionality::<Ix3>().expect("matrices")),
        "diag" => Covariances::Diag(covariances.into_dimensionality().expect("a row a component")),
        "tied" => Covariances::Tied(covariances.into_dimensionality().expect("a matrix")),
        _ => Covariances::Spherical(covariances.into_dimensionality().expect("a number a component")),
    };
    let fitted = Gmm::fit(means.view(), &GmmOptions::new(1, Covariance::Full, 0)).expect("finite rows");
    Gmm { weights, means, covariances, ..fitted }
}

#[test]
fn mixtures() {
    let rows = matrix("rows");
    let kinds = [
        ("full", Covariance::Full),
        ("diag", Covariance::Diag),
        ("tied", Covariance::Tied),
        ("spherical", Covariance::Spherical),
    ];
    for (name, covariance) in kinds {
        let given = mixture(name);
        let mut evaluated = given.evaluate(rows.view()).expect("finite rows");
        renumber(&mut evaluated.labels, 3);
        assert_eq!(evaluated.labels, labels(&format!("{name}_labels")), "{name}: labels");
        let likelihoods = Array1::from_vec(evaluated.scores).into_dyn();
        assert_close(name, &likelihoods, &golden(&format!("{name}_scores")), DENSITY);

        let criteria = golden(&format!("{name}_criteria"));
        let n = rows.nrows() as f64;
        let parameters = (criteria[1] + 2.0 * n * criteria[0]) / 2.0;
        assert_eq!(given.parameters() as f64, parameters.round(), "{name}: parameters behind aic");
        // To the optimum, as the golden fits went, not as far as a fit goes by default.
        let fit = |components| {
            let options = GmmOptions { tolerance: 1e-5, ..GmmOptions::new(components, covariance, 4) };
            Gmm::fit(rows.view(), &options).expect("finite rows")
        };
        let found = fit(3);
        let lacks = criteria[0] - found.log_likelihood;
        assert!(lacks < LIKELIHOOD, "{name}: the likelihood lacks {lacks} of the best of 30 starts");
        let behind = 2.0 * n * LIKELIHOOD;
        assert!(found.aic - criteria[1] < behind && found.bic - criteria[2] < behind, "{name}: criteria");
        let fewer = fit(2);
        assert!(criteria[0] - fewer.log_likelihood > LIKELIHOOD, "{name}: two components pass for three");
    }
}

/// Coefficients of one order in memory.
struct Coefficients(Array2<f32>, [usize; 1]);

impl RowSource for Coefficients {
    fn order_columns(&self) -> &[usize] {
        &self.1
    }

    fn for_each_block(&self, visit: &mut Visit<'_>) -> scatterfall_rowstats::Result<()> {
        visit(&[self.0.view()], &vec![true; self.0.nrows()])
    }
}

/// Components of a golden matrix in the order and with the signs of the program, components along the rows.
fn ordered(mixing: ArrayView2<'_, f64>, rows: ArrayView2<'_, f64>) -> ArrayD<f64> {
    let brought = |c: usize| mixing.column(c).dot(&mixing.column(c));
    let mut order: Vec<usize> = (0..mixing.ncols()).collect();
    order.sort_by(|&a, &b| brought(b).total_cmp(&brought(a)));
    let mut rows = rows.select(Axis(0), &order);
    for (mut row, &c) in rows.rows_mut().into_iter().zip(&order) {
        let largest = mixing.column(c).iter().fold(0.0, |m: f64, v| if v.abs() > m.abs() { *v } else { m });
        row *= largest.signum();
    }
    rows.into_dyn()
}

#[test]
fn independent_components() {
    let coefficients = matrix("coefficients").mapv(|c| c as f32);
    let source = Coefficients(coefficients, [8]);
    let moments = Moments::accumulate(&source, 1e-10).expect("finite rows");
    let scaling = Scaling::fit(ScalingKind::None, &moments);
    let pca = Pca::fit(&moments, &scaling, 3).expect("finite covariance");
    let white = scores(&source, &scaling, &pca).expect("the same rows");
    let ica = Ica::fit(white.values.view(), &white.fitted, &pca, &IcaOptions::default()).expect("white scores");
    assert!(ica.converged, "{} iterations", ica.iterations);
    let (mixing, unmixing) = (matrix("mixing"), matrix("unmixing"));
    let got = ica.mixing.t().as_standard_layout().into_owned().into_dyn();
    assert_close("mixing", &got, &ordered(mixing.view(), mixing.t()), COMPONENTS);
    assert_close("unmixing", &ica.unmixing.into_dyn(), &ordered(mixing.view(), unmixing.view()), COMPONENTS);
}
