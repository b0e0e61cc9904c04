//! Independent components by FastICA.

use faer::Mat;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::pca::{Pca, eigen, largest};
use crate::math::{dot, generator, tanh, uniform, vectorised};
use crate::soa_matrix::{CHUNK, Chunk, SoaMatrix, added};
use crate::{Error, Result};

/// When to stop and how often to try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IcaOptions {
    /// Names the starting matrices.
    pub seed: u64,
    /// Iterations a start may take.
    pub max_iterations: usize,
    /// Converged when no component turns by more than this in an iteration: 1 - |cos| of the angle.
    pub tolerance: f64,
    /// Further starts when the first does not converge.
    pub restarts: usize,
}

impl Default for IcaOptions {
    /// 1e-8 is a turn by 1e-4 rad, far below what the rows determine; it costs a few more iterations than
    /// scikit-learn's 1e-4, because convergence is quadratic or better.
    fn default() -> Self {
        Self { seed: 42, max_iterations: 400, tolerance: 1e-8, restarts: 3 }
    }
}

/// FastICA with the logcosh contrast and symmetric decorrelation (Hyvarinen and Oja, 2000), of unit variance
/// (divisor n) over the rows of the fit, as scikit-learn's `FastICA(whiten="unit-variance")`.
///
/// Components come by descending variance that they bring to the input (the squared norm of their column in
/// `mixing`); of each such column the entry with the largest modulus is positive.
///
/// Rows without any variance give one component of zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct Ica {
    /// Mean of the scaled columns, D entries.
    pub mean: Array1<f64>,
    /// k x D: components are `(x - mean) unmixing^T`.
    pub unmixing: Array2<f64>,
    /// D x k, the pseudo-inverse of `unmixing`: `x` is about `mean + s mixing^T`.
    pub mixing: Array2<f64>,
    /// k x k: components are `z rotation^T` for whitened scores z of the PCA.
    pub rotation: Array2<f64>,
    /// Whether the last start converged.
    pub converged: bool,
    /// Iterations of the start that is kept.
    pub iterations: usize,
    /// Starts it took.
    pub starts: usize,
}

impl Ica {
    /// Fits on whitened scores.
    ///
    /// # Shape
    /// `scores` is rows x k as [`Pca::transform`] gives them for the k components of `pca`, `fitted` says which rows
    /// take part (all of them finite).
    ///
    /// # Errors
    /// [`Error::Columns`], [`Error::Length`], [`Error::NoRowTakesPart`]. Not converging is no error: see `converged`.
    pub fn fit(scores: ArrayView2<'_, f64>, fitted: &[bool], pca: &Pca, options: &IcaOptions) -> Result<Self> {
        let k = pca.components.nrows();
        if scores.ncols() != k {
            return Err(Error::Columns { found: scores.ncols(), expected: k });
        }
        if scores.nrows() != fitted.len() {
            return Err(Error::Length { what: "flags", found: fitted.len(), expected: scores.nrows() });
        }
        let rows = White::new(scores, fitted);
        if rows.0.rows() == 0 {
            return Err(Error::NoRowTakesPart { not_finite: 0, excluded: fitted.len() });
        }
        if pca.explained_variance[0] <= 0.0 {
            return Ok(Self::assembled(pca, &Mat::zeros(k, k), Outcome { change: 0.0, iterations: 0 }, 1, options));
        }
        let (mut best, mut starts) = (None::<(Mat<f64>, Outcome)>, 0);
        while starts <= options.restarts && best.as_ref().is_none_or(|(_, o)| o.change > options.tolerance) {
            let (matrix, outcome) = rows.unmix(options, starts as u64)?;
            starts += 1;
            if best.as_ref().is_none_or(|(_, o)| outcome.change < o.change) {
                best = Some((matrix, outcome));
            }
        }
        let (matrix, outcome) = best.ok_or_else(|| Error::NoStart)?;
        Ok(Self::assembled(pca, &matrix, outcome, starts, options))
    }

    /// Independent components of whitened scores, as [`rotated`] by `rotation`.
    pub fn transform(&self, scores: ArrayView2<'_, f64>) -> Array2<f64> {
        rotated(scores, &self.rotation)
    }

    /// Matrices in terms of the input, in their final order and sign, from the rotation of the white rows.
    fn assembled(pca: &Pca, matrix: &Mat<f64>, outcome: Outcome, starts: usize, options: &IcaOptions) -> Self {
        let (k, columns) = pca.components.dim();
        // Whitened scores have unit variance with divisor n - 1, these components with divisor n.
        let n = pca.rows.max(2) as f64;
        let to_unit = (n / (n - 1.0)).sqrt();
        let deviation = pca.explained_variance.mapv(f64::sqrt);
        let mut rows: Vec<(f64, Vec<f64>)> = (0..k)
            .map(|i| {
                let row: Vec<f64> = (0..k).map(|j| matrix[(i, j)]).collect();
                let brought: f64 = row.iter().zip(&deviation).map(|(w, d)| (w * d) * (w * d)).sum();
                (brought, row)
            })
            .collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));

        let (mut unmixing, mut mixing) = (Array2::zeros((k, columns)), Array2::zeros((columns, k)));
        let mut rotation = Array2::zeros((k, k));
        for (i, (_, row)) in rows.iter().enumerate() {
            let combined = |weight: &dyn Fn(usize) -> f64| {
                let mut sum = Array1::<f64>::zeros(columns);
                (0..k).for_each(|j| sum.scaled_add(weight(j), &pca.components.row(j)));
                sum
            };
            let mixed = combined(&|j| row[j] * deviation[j] / to_unit);
            let sign = if largest(mixed.as_slice().unwrap_or(&[])) < 0.0 { -1.0 } else { 1.0 };
            mixing.column_mut(i).assign(&(mixed * sign));
            let inverse = |j: usize| if deviation[j] > 0.0 { sign * row[j] * to_unit / deviation[j] } else { 0.0 };
            unmixing.row_mut(i).assign(&combined(&inverse));
            (0..k).for_each(|j| rotation[[i, j]] = sign * row[j] * to_unit);
        }
        Self {
            mean: pca.mean.clone(),
            unmixing,
            mixing,
            rotation,
            converged: outcome.change <= options.tolerance,
            iterations: outcome.iterations,
            starts,
        }
    }
}

/// `scores rotation^T`; NaN rows stay NaN.
///
/// # Shape
/// rows x k in and out. A row's result depends on that row only, to the bit.
pub fn rotated(scores: ArrayView2<'_, f64>, rotation: &Array2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((scores.nrows(), rotation.nrows()));
    out.axis_iter_mut(Axis(0)).into_par_iter().zip(scores.axis_iter(Axis(0))).for_each(|(mut out, z)| {
        for (s, weights) in out.iter_mut().zip(rotation.rows()) {
            *s = weights.iter().zip(&z).map(|(w, z)| w * z).sum();
        }
    });
    out
}

/// How one start ended.
struct Outcome {
    change: f64,
    iterations: usize,
}

/// White rows of unit variance (divisor n).
struct White(SoaMatrix);

impl White {
    fn new(scores: ArrayView2<'_, f64>, fitted: &[bool]) -> Self {
        let used: Vec<usize> = fitted.iter().enumerate().filter(|(_, f)| **f).map(|(i, _)| i).collect();
        let n = used.len().max(2) as f64;
        let mut rows = SoaMatrix::new(scores, used.into_iter());
        rows.scale((n / (n - 1.0)).sqrt());
        Self(rows)
    }

    /// One start: a random rotation, then fixed-point iterations until no component turns any more.
    fn unmix(&self, options: &IcaOptions, start: u64) -> Result<(Mat<f64>, Outcome)> {
        let k = self.0.columns();
        let mut rng = generator(options.seed, start);
        let mut w = decorrelated(&Mat::from_fn(k, k, |_, _| uniform(&mut rng) * 2.0 - 1.0))?;
        let mut outcome = Outcome { change: f64::INFINITY, iterations: 0 };
        while outcome.iterations < options.max_iterations && outcome.change > options.tolerance {
            let next = decorrelated(&self.step(&w))?;
            let turned = |i: usize| {
                let cosine: f64 = (0..k).map(|j| next[(i, j)] * w[(i, j)]).sum();
                (cosine.abs() - 1.0).abs()
            };
            outcome.change = (0..k).map(turned).fold(0.0, f64::max);
            outcome.iterations += 1;
            w = next;
        }
        Ok((w, outcome))
    }

    /// The fixed-point step for g = tanh: `E[g(w x) x] - E[g'(w x)] w` for each row w.
    fn step(&self, w: &Mat<f64>) -> Mat<f64> {
        let k = self.0.columns();
        let rows: Vec<f64> = (0..k * k).map(|i| w[(i / k, i % k)]).collect();
        let total = added(self.0.par_chunks().map(|chunk| contrast(chunk, &rows, k)).collect());
        let n = self.0.rows() as f64;
        // g' = 1 - tanh^2, and the filled-up zeros add nothing to either sum.
        Mat::from_fn(k, k, |i, j| total[i * k + j] / n - (1.0 - total[k * k + i] / n) * w[(i, j)])
    }
}

/// Sums over one chunk: tanh(w_i x) x_j at `i k + j`, then tanh(w_i x)^2 at `k k + i`.
fn contrast(chunk: Chunk<'_>, w: &[f64], k: usize) -> Vec<f64> {
    let mut sums = vec![0.0; k * k + k];
    vectorised(
        #[inline(always)]
        || {
            for i in 0..k {
                let mut y = [0.0; CHUNK];
                for (weight, x) in w[i * k..(i + 1) * k].iter().zip(chunk.columns()) {
                    y.iter_mut().zip(x).for_each(|(y, x)| *y += weight * x);
                }
                y.iter_mut().for_each(|y| *y = tanh(*y));
                for (j, x) in chunk.columns().enumerate() {
                    sums[i * k + j] = dot(&y, x);
                }
                sums[k * k + i] = dot(&y, &y);
            }
        },
    );
    sums
}

/// `(W W^T)^(-1/2) W`: the nearest matrix with orthonormal rows.
fn decorrelated(w: &Mat<f64>) -> Result<Mat<f64>> {
    let k = w.nrows();
    let (values, vectors) = eigen(&(w * w.transpose()))?;
    // A start may be singular to rounding; the least eigenvalue that can be told from zero keeps it finite.
    let least = values[0].max(f64::MIN_POSITIVE) * f64::EPSILON;
    let root = Mat::from_fn(k, k, |i, j| {
        // Eigenvalues descend, vectors ascend.
        (0..k).map(|c| vectors[(i, c)] * vectors[(j, c)] / values[k - 1 - c].max(least).sqrt()).sum::<f64>()
    });
    Ok(root * w)
}

#[cfg(test)]
mod tests {
    use ndarray::Slice;

    use super::*;
    use crate::reduction::tests::{Blocks, coefficients};
    use crate::reduction::{Moments, Scaling, ScalingKind, scores};

    /// Four sources with known values, mixed into the logarithms of twelve and 24 columns.
    fn mixture(n: usize) -> (Blocks, Array2<f64>) {
        let mut rng = generator(5, 0);
        let sources = Array2::from_shape_fn((n, 4), |(t, j)| {
            let (t, u) = (t as f64, uniform(&mut rng));
            match j {
                0 => (t / 17.3).sin().signum(),
                1 => (u - 0.5).signum() * -(1.0 - 2.0 * (u - 0.5).abs()).max(1e-12).ln(),
                2 => u - 0.5,
                _ => (t / 41.7).fract() - 0.5,
            }
        });
        let mixing = Array2::from_shape_fn((4, 36), |_| uniform(&mut rng) - 0.5);
        let logs = sources.dot(&mixing).mapv(|l| 10f64.powf(l) as f32);
        let orders = vec![
            logs.slice_axis(Axis(1), Slice::from(..12)).to_owned(),
            logs.slice_axis(Axis(1), Slice::from(12..)).to_owned(),
        ];
        (Blocks { orders, columns: vec![12, 24], mask: vec![true; n], block: 500 }, sources)
    }

    fn fit(source: &Blocks, k: usize, options: &IcaOptions) -> (Scaling, Pca, Ica, Array2<f64>) {
        let moments = Moments::accumulate(source, 1e-10).expect("some rows are finite");
        let scaling = Scaling::fit(ScalingKind::None, &moments);
        let pca = Pca::fit(&moments, &scaling, k).expect("finite covariance");
        let z = scores(source, &scaling, &pca).expect("the same source");
        let ica = Ica::fit(z.values.view(), &z.fitted, &pca, options).expect("white scores");
        let s = ica.transform(z.values.view());
        (scaling, pca, ica, s)
    }

    fn correlation(a: ndarray::ArrayView1<'_, f64>, b: ndarray::ArrayView1<'_, f64>) -> f64 {
        let (a, b) = (&a - a.mean().unwrap_or(0.0), &b - b.mean().unwrap_or(0.0));
        a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()
    }

    #[test]
    fn sources_are_recovered_and_of_unit_variance() {
        let (source, truth) = mixture(4000);
        let (_, pca, ica, s) = fit(&source, 4, &IcaOptions::default());
        assert!(ica.converged && ica.iterations < 50, "{} iterations", ica.iterations);
        let mut taken = [false; 4];
        for t in truth.columns() {
            let all: Vec<f64> = s.columns().into_iter().map(|c| correlation(c, t).abs()).collect();
            let best = (0..4).max_by(|&a, &b| all[a].total_cmp(&all[b])).unwrap_or(0);
            // 4000 rows leave chance correlations of 1/sqrt(4000) = 0.016 between sources, a loss of 1e-3 or so.
            assert!(all[best] > 0.99 && !taken[best], "correlations {all:?}");
            taken[best] = true;
        }
        for (i, c) in s.columns().into_iter().enumerate() {
            assert!((c.std(0.0) - 1.0).abs() < 1e-10, "component {i} deviates by {}", c.std(0.0));
        }
        // Control: the whitened scores themselves are mixtures still.
        let z = s.dot(&ica.rotation);
        let nearest = |t| z.columns().into_iter().map(|c| correlation(c, t).abs()).fold(0.0, f64::max);
        let worst = truth.columns().into_iter().map(nearest).fold(1.0, f64::min);
        assert!(worst < 0.99, "principal components pass for sources: {worst}");
        assert_eq!(pca.components.nrows(), 4, "rank of the mixture");
    }

    #[test]
    fn matrices_agree_with_the_transform() {
        let (source, _) = mixture(1000);
        let (scaling, _, ica, s) = fit(&source, 4, &IcaOptions::default());
        let x = scaling.matrix(&source.views()).expect("the same columns") - &ica.mean;
        let direct = x.dot(&ica.unmixing.t());
        let off = (&direct - &s).mapv(f64::abs).fold(0.0, |a: f64, b| a.max(*b));
        assert!(off < 1e-9, "unmixing is off by {off:e}");
        let product = ica.unmixing.dot(&ica.mixing);
        let off = (&product - &Array2::<f64>::eye(4)).mapv(f64::abs).fold(0.0, |a: f64, b| a.max(*b));
        assert!(off < 1e-10, "unmixing times mixing is off the identity by {off:e}");
        let brought: Vec<f64> = ica.mixing.columns().into_iter().map(|c| c.dot(&c)).collect();
        assert!(brought.windows(2).all(|w| w[0] >= w[1]), "order of components: {brought:?}");
        assert!(ica.mixing.columns().into_iter().all(|c| largest(&c.to_vec()) > 0.0), "signs");
    }

    #[test]
    fn threads_do_not_change_a_bit_and_seeds_hardly_matter() {
        let (source, _) = mixture(3000);
        let run = |threads: usize, seed: u64| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool");
            pool.install(|| fit(&source, 4, &IcaOptions { seed, ..IcaOptions::default() }))
        };
        let one = run(1, 42);
        assert_eq!(one.2, run(3, 42).2, "three threads");
        let other = run(2, 7);
        // Both stop within 1e-4 rad of the same optimum, by the tolerance.
        let off = (&one.3 - &other.3).mapv(f64::abs).fold(0.0, |a: f64, b| a.max(*b));
        assert!(off < 1e-3, "another seed moves components by {off:e}");
        assert_ne!(one.3, other.3, "another seed takes another way");
    }

    #[test]
    fn not_converging_is_said() {
        let (source, _) = mixture(1000);
        let options = IcaOptions { max_iterations: 1, restarts: 2, ..IcaOptions::default() };
        let (_, _, ica, s) = fit(&source, 4, &options);
        assert!(!ica.converged && ica.starts == 3 && ica.iterations == 1, "{} starts", ica.starts);
        assert!(s.iter().all(|v| v.is_finite()), "components are finite all the same");
    }

    #[test]
    fn degenerate_rows_have_an_outcome() {
        for (rows, components) in [(1, 1), (2, 1), (3, 2), (5, 4)] {
            let (_, _, ica, s) = fit(&coefficients(rows), 5, &IcaOptions::default());
            assert_eq!(s.dim(), (rows, components), "{rows} rows");
            assert!(s.iter().all(|v| v.is_finite()), "{rows} rows: {s}");
            assert_eq!(ica.mixing.ncols(), components, "{rows} rows");
        }
        let mut source = coefficients(40);
        source.orders.iter_mut().for_each(|o| o.fill(3.0));
        let (_, _, ica, s) = fit(&source, 5, &IcaOptions::default());
        assert!(s.dim() == (40, 1) && s.iter().all(|&v| v == 0.0) && ica.converged, "equal rows: {s}");
    }

    #[test]
    fn rows_that_are_not_finite_stay_nan() {
        let (mut source, _) = mixture(500);
        source.orders[0][[17, 3]] = f32::INFINITY;
        source.mask[18] = false;
        let (_, pca, _, s) = fit(&source, 4, &IcaOptions::default());
        assert_eq!(pca.rows, 498, "rows of the fit");
        for (i, row) in s.rows().into_iter().enumerate() {
            assert_eq!(row.iter().all(|v| v.is_nan()), i == 17, "row {i}");
            assert_eq!(row.iter().any(|v| v.is_nan()), i == 17, "row {i}");
        }
    }
}
