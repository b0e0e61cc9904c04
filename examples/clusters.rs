//! Rows in, clusters out: a Gaussian mixture whose number of components is chosen, and k-means, on the same rows.
//!
//! `cargo run --release --example clusters`

use ndarray::Array2;
use scatterfall_rowstats::Error;
use scatterfall_rowstats::clustering::{
    Covariance, Criterion, Gmm, GmmOptions, KMeans, KMeansOptions, silhouette, sizes,
};
use scatterfall_rowstats::math::{generator, uniform};

const ROWS: usize = 900;
/// Rows whose distances the silhouette compares.
const SILHOUETTE_ROWS: usize = 500;

#[expect(clippy::print_stdout, reason = "an example")]
fn main() -> Result<(), Error> {
    // Three groups, 10 apart, of half, a third and a sixth of the rows.
    let mut random = generator(1, 0);
    let rows = Array2::from_shape_fn((ROWS, 4), |(row, column)| {
        let group = [0, 0, 0, 1, 1, 2][row % 6];
        let noise: f64 = (0..12).map(|_| uniform(&mut random)).sum::<f64>() - 6.0;
        if column == group { 10.0 + noise } else { noise }
    });

    let options = GmmOptions::new(1, Covariance::Full, 7);
    let (mixture, candidates) = Gmm::select(rows.view(), &options, Criterion::Bic, (1, 6))?;
    println!("the mixture chooses {} of {} numbers of components", mixture.weights.len(), candidates.len());
    println!("sizes {:?}", sizes(&mixture.labels, mixture.weights.len()));

    let kmeans = KMeans::fit(rows.view(), &KMeansOptions::new(3, 7))?;
    let quality = silhouette(rows.view(), &kmeans.labels, SILHOUETTE_ROWS, 7).unwrap_or(f64::NAN);
    println!("k-means: sizes {:?}, silhouette {quality:.2}", sizes(&kmeans.labels, 3));
    Ok(())
}
