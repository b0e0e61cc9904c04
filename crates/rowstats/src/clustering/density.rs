//! Densities of a Gaussian mixture over many rows, and the sums of its maximisation step.

use ndarray::{Array1, Array2, Array3};
use rayon::prelude::*;

use super::covariance::{Covariance, Covariances};
use super::kmeans::nearest;
use crate::math::{dot, exp, ln, sum, vectorised};
use crate::soa_matrix::{CHUNK, Chunk, SoaMatrix, added};

/// Largest squared Mahalanobis distance that is told apart; keeps log-likelihoods finite.
const FARTHEST: f64 = 1e300;

/// A component whose log-density is this far below a row's largest has no share in the row. Far below one part in
/// 2^52, and far above where products of shares become subnormal numbers, with which processors are slow.
const NEGLIGIBLE: f64 = -200.0;

/// Mixture in the form that evaluating it takes: for each component its mean, the inverse of the Cholesky factor of
/// its covariance (lower triangle, row after row; only the diagonal where the covariance is diagonal) and the
/// logarithm of weight over normalisation.
pub(super) struct Density {
    columns: usize,
    diagonal: bool,
    means: Vec<f64>,
    whitening: Vec<Vec<f64>>,
    offsets: Vec<f64>,
}

impl Density {
    pub(super) fn new(weights: &Array1<f64>, means: &Array2<f64>, covariances: &Covariances) -> Self {
        let (k, d) = means.dim();
        let diagonal = matches!(covariances, Covariances::Diag(_) | Covariances::Spherical(_));
        let tied = if let Covariances::Tied(c) = covariances { whitening(c) } else { Vec::new() };
        let whitening: Vec<Vec<f64>> = (0..k)
            .map(|i| match covariances {
                Covariances::Full(c) => whitening(&c.index_axis(ndarray::Axis(0), i).to_owned()),
                Covariances::Tied(_) => tied.clone(),
                Covariances::Diag(c) => c.row(i).iter().map(|v| 1.0 / v.sqrt()).collect(),
                Covariances::Spherical(c) => vec![1.0 / c[i].sqrt(); d],
            })
            .collect();
        let normalisation = d as f64 * (2.0 * std::f64::consts::PI).ln() / 2.0;
        let offset = |i: usize| {
            let scale = (0..d).map(|j| whitening[i][if diagonal { j } else { j * (j + 1) / 2 + j }].ln()).sum::<f64>();
            weights[i].max(f64::MIN_POSITIVE).ln() + scale - normalisation
        };
        let offsets = (0..k).map(offset).collect();
        Self { columns: d, diagonal, means: means.iter().copied().collect(), whitening, offsets }
    }

    /// Most likely component and log-likelihood of each row.
    pub(super) fn evaluate(&self, rows: &SoaMatrix) -> (Vec<i32>, Vec<f64>) {
        let (mut labels, mut scores) = (vec![0; rows.rows()], vec![0.0; rows.rows()]);
        labels.par_chunks_mut(CHUNK).zip(scores.par_chunks_mut(CHUNK)).zip(rows.par_chunks()).for_each(
            |((labels, scores), chunk)| {
                let mut workspace = Workspace::new(self);
                self.log_densities(chunk, &mut workspace);
                for (i, label) in labels.iter_mut().enumerate() {
                    let of = |c: usize| workspace.shares[c * CHUNK + i];
                    *label = (1..self.offsets.len()).fold(0, |best, c| if of(c) > of(best) { c } else { best }) as i32;
                }
                self.normalise(&mut workspace);
                scores.copy_from_slice(&workspace.total[..scores.len()]);
            },
        );
        (labels, scores)
    }

    /// Logarithms of weight times density, component after component, to `shares`.
    fn log_densities(&self, chunk: Chunk<'_>, workspace: &mut Workspace) {
        let d = self.columns;
        let Workspace { shares, offsets, .. } = workspace;
        vectorised(
            #[inline(always)]
            || {
                for (c, share) in shares.chunks_exact_mut(CHUNK).enumerate() {
                    subtract(chunk, &self.means[c * d..(c + 1) * d], offsets);
                    share.fill(0.0);
                    for j in 0..d {
                        let mut y = [0.0; CHUNK];
                        let (first, row) = if self.diagonal {
                            (j, &self.whitening[c][j..=j])
                        } else {
                            (0, &self.whitening[c][j * (j + 1) / 2..=j * (j + 1) / 2 + j])
                        };
                        for (weight, x) in row.iter().zip(offsets[first * CHUNK..].chunks_exact(CHUNK)) {
                            y.iter_mut().zip(x).for_each(|(y, x)| *y += weight * x);
                        }
                        share.iter_mut().zip(&y).for_each(|(s, y)| *s += y * y);
                    }
                    let offset = self.offsets[c];
                    share.iter_mut().for_each(|s| *s = offset - 0.5 * s.min(FARTHEST));
                }
            },
        );
    }

    /// Log-sum-exp: the rows' log-likelihoods to `total`, each component's share of a row to `shares`.
    fn normalise(&self, workspace: &mut Workspace) {
        let Workspace { shares, total, .. } = workspace;
        vectorised(
            #[inline(always)]
            || {
                let mut most = [f64::NEG_INFINITY; CHUNK];
                for share in shares.chunks_exact(CHUNK) {
                    most.iter_mut().zip(share).for_each(|(m, s)| *m = if *s > *m { *s } else { *m });
                }
                let mut all = [0.0; CHUNK];
                for share in shares.chunks_exact_mut(CHUNK) {
                    for i in 0..CHUNK {
                        let share = &mut share[i];
                        let below = *share - most[i];
                        *share = if below > NEGLIGIBLE { exp(below) } else { 0.0 };
                        all[i] += *share;
                    }
                }
                for i in 0..CHUNK {
                    total[i] = most[i] + ln(all[i]);
                    all[i] = 1.0 / all[i];
                }
                for share in shares.chunks_exact_mut(CHUNK) {
                    share.iter_mut().zip(&all).for_each(|(s, a)| *s *= a);
                }
            },
        );
    }
}

/// Vectors of `CHUNK` entries that a task works with.
struct Workspace {
    /// One a component.
    shares: Vec<f64>,
    /// One a column: rows less the component's mean.
    offsets: Vec<f64>,
    /// One a column: the same times the share.
    weighted: Vec<f64>,
    total: Vec<f64>,
}

impl Workspace {
    fn new(density: &Density) -> Self {
        Self::of(density.offsets.len(), density.columns)
    }

    fn of(components: usize, columns: usize) -> Self {
        Self {
            shares: vec![0.0; components * CHUNK],
            offsets: vec![0.0; columns * CHUNK],
            weighted: vec![0.0; columns * CHUNK],
            total: vec![0.0; CHUNK],
        }
    }
}

/// Rows of a chunk less a mean, to `offsets`.
#[inline(always)]
fn subtract(chunk: Chunk<'_>, mean: &[f64], offsets: &mut [f64]) {
    for ((to, from), m) in offsets.chunks_exact_mut(CHUNK).zip(chunk.columns()).zip(mean) {
        to.iter_mut().zip(from).for_each(|(t, x)| *t = x - m);
    }
}

/// Sums over rows, weighted by each component's share of the row: of the shares, of the offsets from a mean, and of
/// the products of those offsets.
///
/// The mean is that of the step before, so nothing cancels as the iteration closes in.
pub(super) struct EmSums {
    /// Component after component: 1 + columns + products.
    values: Vec<f64>,
    rows: usize,
}

impl EmSums {
    /// Number of products of offsets: the lower triangle or only squares.
    fn products(columns: usize, covariance: Covariance) -> usize {
        if covariance.is_diagonal() { columns } else { columns * (columns + 1) / 2 }
    }

    /// Every row goes to its nearest centre.
    pub(super) fn nearest(rows: &SoaMatrix, centers: &Array2<f64>, covariance: Covariance) -> Self {
        let (k, d) = centers.dim();
        let centers: Vec<f64> = centers.iter().copied().collect();
        let (labels, _) = nearest(rows, &centers);
        let parts = rows.par_tasks().map(|task| {
            let mut workspace = Workspace::of(k, d);
            let mut sums = vec![0.0; k * (1 + d + Self::products(d, covariance))];
            for chunk in task {
                workspace.shares.fill(0.0);
                for (i, label) in labels[chunk.first..chunk.first + chunk.rows].iter().enumerate() {
                    workspace.shares[*label as usize * CHUNK + i] = 1.0;
                }
                add_moments(chunk, &centers, covariance, &mut workspace, &mut sums);
            }
            sums
        });
        Self { values: added(parts.collect()), rows: rows.rows() }
    }

    /// Expectation step: shares by the density. Also gives the mean log-likelihood.
    pub(super) fn expected(rows: &SoaMatrix, density: &Density, covariance: Covariance) -> (Self, f64) {
        let (k, d) = (density.offsets.len(), density.columns);
        let parts = rows.par_tasks().map(|task| {
            let mut workspace = Workspace::new(density);
            let mut sums = vec![0.0; k * (1 + d + Self::products(d, covariance)) + 1];
            for chunk in task {
                density.log_densities(chunk, &mut workspace);
                density.normalise(&mut workspace);
                for share in workspace.shares.chunks_exact_mut(CHUNK) {
                    share[chunk.rows..].fill(0.0);
                }
                if let Some(likelihood) = sums.last_mut() {
                    *likelihood += sum(&workspace.total[..chunk.rows]);
                }
                add_moments(chunk, &density.means, covariance, &mut workspace, &mut sums);
            }
            sums
        });
        let mut values = added(parts.collect());
        let likelihood = values.pop().unwrap_or(0.0);
        (Self { values, rows: rows.rows() }, likelihood / rows.rows() as f64)
    }
}

impl Covariance {
    fn is_diagonal(self) -> bool {
        matches!(self, Self::Diag | Self::Spherical)
    }
}

/// Adds a chunk's weighted moments about `means` to `sums`; the shares of rows beyond the last are zero.
fn add_moments(chunk: Chunk<'_>, means: &[f64], covariance: Covariance, workspace: &mut Workspace, sums: &mut [f64]) {
    let d = chunk.values.len() / CHUNK;
    let Workspace { shares, offsets, weighted, .. } = workspace;
    let length = 1 + d + EmSums::products(d, covariance);
    vectorised(
        #[inline(always)]
        || {
            let components = shares.chunks_exact(CHUNK).zip(means.chunks_exact(d)).zip(sums.chunks_exact_mut(length));
            for ((share, mean), sums) in components {
                subtract(chunk, mean, offsets);
                for (w, x) in weighted.chunks_exact_mut(CHUNK).zip(offsets.chunks_exact(CHUNK)) {
                    w.iter_mut().zip(x).zip(share).for_each(|((w, x), s)| *w = x * s);
                }
                sums[0] += sum(share);
                let (first, second) = sums[1..].split_at_mut(d);
                for (s, w) in first.iter_mut().zip(weighted.chunks_exact(CHUNK)) {
                    *s += sum(w);
                }
                let mut second = second.iter_mut();
                for (i, w) in weighted.chunks_exact(CHUNK).enumerate() {
                    let others = if covariance.is_diagonal() { i..=i } else { 0..=i };
                    for j in others {
                        if let Some(s) = second.next() {
                            *s += dot(w, &offsets[j * CHUNK..(j + 1) * CHUNK]);
                        }
                    }
                }
            }
        },
    );
}

/// Maximisation step: weights, means and covariances from the sums about the `old` means.
pub(super) fn maximised(
    sums: &EmSums,
    old: &Array2<f64>,
    covariance: Covariance,
    regularisation: f64,
) -> (Array1<f64>, Array2<f64>, Covariances) {
    let (k, d) = old.dim();
    let length = 1 + d + EmSums::products(d, covariance);
    let (mut weights, mut means) = (Array1::zeros(k), old.clone());
    // A d x d matrix for each component, of which diagonal structures use the diagonal.
    let mut second = Array3::zeros((k, d, d));
    for (c, sums) in sums.values.chunks_exact(length).enumerate() {
        // As in scikit-learn: keeps a component without rows from dividing by zero.
        let share = sums[0] + 10.0 * f64::EPSILON;
        weights[c] = share;
        let step: Vec<f64> = sums[1..=d].iter().map(|s| s / share).collect();
        step.iter().enumerate().for_each(|(j, s)| means[[c, j]] += s);
        let mut products = sums[1 + d..].iter();
        for i in 0..d {
            for j in if covariance.is_diagonal() { i..=i } else { 0..=i } {
                let value = products.next().map_or(0.0, |p| p / share - step[i] * step[j]);
                // Rounding may leave a variance just below zero.
                let value = if i == j { value.max(0.0) + regularisation } else { value };
                second[[c, i, j]] = value;
                second[[c, j, i]] = value;
            }
        }
    }
    let covariances = match covariance {
        Covariance::Full => Covariances::Full(second),
        Covariance::Diag => Covariances::Diag(Array2::from_shape_fn((k, d), |(c, i)| second[[c, i, i]])),
        Covariance::Tied => {
            let mut tied = Array2::zeros((d, d));
            for (c, matrix) in second.outer_iter().enumerate() {
                tied.scaled_add(weights[c] / weights.sum(), &matrix);
            }
            Covariances::Tied(tied)
        }
        Covariance::Spherical => {
            Covariances::Spherical(second.outer_iter().map(|m| m.diag().sum() / d as f64).collect())
        }
    };
    weights /= sums.rows as f64;
    weights /= weights.sum();
    (weights, means, covariances)
}

/// Inverse of the Cholesky factor of a covariance, lower triangle row after row.
///
/// A matrix that is not positive definite to rounding (columns that depend on each other, far outliers) gets ever
/// more added to its diagonal, from 1e-15 of the largest variance on, until it is.
fn whitening(covariance: &Array2<f64>) -> Vec<f64> {
    let d = covariance.nrows();
    let largest = covariance.diag().iter().fold(f64::MIN_POSITIVE, |m, v| m.max(*v));
    let mut added = 0.0;
    let factor = loop {
        if let Some(factor) = cholesky(covariance, added) {
            break factor;
        }
        added = if added == 0.0 { largest * 1e-15 } else { added * 10.0 };
        if !added.is_finite() {
            // Only a covariance of infinities or NaN gets here; a unit factor keeps the rest of the mixture going.
            break (0..d).flat_map(|i| (0..=i).map(move |j| f64::from(u8::from(i == j)))).collect();
        }
    };
    let at = |i: usize, j: usize| i * (i + 1) / 2 + j;
    let mut inverse = vec![0.0; factor.len()];
    for j in 0..d {
        inverse[at(j, j)] = 1.0 / factor[at(j, j)];
        for i in j + 1..d {
            let sum: f64 = (j..i).map(|m| factor[at(i, m)] * inverse[at(m, j)]).sum();
            inverse[at(i, j)] = -sum / factor[at(i, i)];
        }
    }
    inverse
}

/// Cholesky factor (lower triangle, row after row) of `matrix` with `added` on its diagonal; none when it is not
/// positive definite.
fn cholesky(matrix: &Array2<f64>, added: f64) -> Option<Vec<f64>> {
    let d = matrix.nrows();
    let mut factor: Vec<f64> = Vec::with_capacity(d * (d + 1) / 2);
    for i in 0..d {
        let start = factor.len();
        for j in 0..=i {
            let row = j * (j + 1) / 2;
            let sum: f64 = (0..j).map(|m| factor[start + m] * factor[row + m]).sum();
            let left = matrix[[i, j]] + if i == j { added } else { 0.0 } - sum;
            if i == j {
                if !(left > 0.0 && left.is_finite()) {
                    return None;
                }
                factor.push(left.sqrt());
            } else {
                factor.push(left / factor[row + j]);
            }
        }
    }
    Some(factor)
}
