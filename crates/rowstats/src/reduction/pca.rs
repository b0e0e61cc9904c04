//! Principal components from the covariance matrix.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, Par};
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;

use super::{Block, Moments, Scaling, scaling};
use crate::math::{dot, vectorised};
use crate::{Error, Result};

/// Eigenvalues below this share of the largest are the rounding of coefficients in single precision (relative error
/// 6e-8, so a variance of 1e-15 where columns deviate by 1) and not signal.
const RANK_TOLERANCE: f64 = 1e-12;

/// Columns that deviate less than this (decimal logarithm) count as constant, as they do in the scaling.
const CONSTANT_BELOW: f64 = 1e-12;

/// Rows a task transforms.
const ROWS_A_TASK: usize = 64;

/// Why fewer components were computed than asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// There are no more columns.
    Columns,
    /// n rows span at most n - 1 directions about their mean.
    Rows,
    /// The other directions hold no variance (constant or dependent columns, equal rows).
    Rank,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Columns => "there are no more coefficients a row",
            Self::Rows => "there are too few rows",
            Self::Rank => "the rest holds no variance",
        })
    }
}

/// Principal component analysis in the conventions of scikit-learn's `PCA(whiten=True)`.
///
/// Rows are `x` (scaled coefficients, D columns), their covariance is `C = V diag(lambda) V^T` with divisor n - 1,
/// and the whitened scores are `(x - mean) V / sqrt(lambda)`. Of each component the entry with the largest modulus is
/// positive.
///
/// Rows without any variance give one component of zeros, whose scores are 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// Mean of the scaled columns, D entries.
    pub mean: Array1<f64>,
    /// Orthonormal loadings, k x D, by descending variance.
    pub components: Array2<f64>,
    /// Variance along each component, divisor n - 1.
    pub explained_variance: Array1<f64>,
    /// The same over the variance of all columns.
    pub explained_variance_ratio: Array1<f64>,
    /// Rows of the fit.
    pub rows: usize,
    /// Why there are fewer components than asked for, if so.
    pub limit: Option<Limit>,
}

impl Pca {
    /// Fits up to `components` principal components of the scaled rows behind `moments`.
    ///
    /// At least one is given; at most as many as there are columns, rows less one, and eigenvalues above 1e-12 of
    /// the largest.
    ///
    /// # Errors
    /// [`Error::Eigenvectors`] when the eigenvalue iteration fails (coefficients beyond the range of f64).
    pub fn fit(moments: &Moments, scaling: &Scaling, components: usize) -> Result<Self> {
        let columns = moments.mean.len();
        let mean = (&moments.mean - &scaling.offset) * &scaling.factor;
        let varying = moments.deviations().mapv(|s| s > CONSTANT_BELOW);
        let divisor = moments.rows.saturating_sub(1).max(1) as f64;
        let covariance = Mat::from_fn(columns, columns, |i, j| {
            let scale = scaling.factor[i] * scaling.factor[j] / divisor;
            if varying[i] && varying[j] { moments.comoments[[i, j]] * scale } else { 0.0 }
        });
        let total: f64 = (0..columns).map(|i| covariance[(i, i)]).sum();
        let (variance, vectors) = eigen(&covariance)?;

        let first = variance.first().copied().unwrap_or(0.0);
        let rank = variance.iter().filter(|&&v| v > 0.0 && v > first * RANK_TOLERANCE).count();
        let bounds = [(columns, Limit::Columns), (moments.rows.saturating_sub(1), Limit::Rows), (rank, Limit::Rank)];
        let (k, limit) =
            bounds.iter().fold(
                (components.max(1), None),
                |(k, limit), &(bound, reason)| {
                    if bound < k { (bound, Some(reason)) } else { (k, limit) }
                },
            );
        let k = k.max(1);

        let mut loadings = Array2::zeros((k, columns));
        for (c, mut row) in loadings.rows_mut().into_iter().enumerate().take(rank) {
            row.iter_mut().enumerate().for_each(|(j, x)| *x = vectors[(j, columns - 1 - c)]);
            if largest(row.as_slice().unwrap_or(&[])) < 0.0 {
                row.mapv_inplace(|x| -x);
            }
        }
        let explained_variance: Array1<f64> = variance[..k].iter().map(|v| v.max(0.0)).collect();
        let explained_variance_ratio = explained_variance.mapv(|v| if total > 0.0 { v / total } else { 0.0 });
        Ok(Self { mean, components: loadings, explained_variance, explained_variance_ratio, rows: moments.rows, limit })
    }

    /// The first `k` components alone; `limit` stays when it still applies.
    pub fn truncated(&self, k: usize) -> Self {
        let all = self.components.nrows();
        let k = k.clamp(1, all);
        Self {
            components: self.components.slice_axis(Axis(0), Slice::from(..k)).to_owned(),
            explained_variance: self.explained_variance.slice_axis(Axis(0), Slice::from(..k)).to_owned(),
            explained_variance_ratio: self.explained_variance_ratio.slice_axis(Axis(0), Slice::from(..k)).to_owned(),
            limit: self.limit.filter(|_| k == all),
            ..self.clone()
        }
    }

    /// Whitened scores of a block of raw coefficients; rows that are not finite become NaN.
    ///
    /// A row's scores depend on that row only, to the bit, not on the block that it comes in.
    ///
    /// # Shape
    /// One matrix an order in, rows x components out.
    ///
    /// # Errors
    /// [`Error::OrderColumns`] when the orders do not have the columns of the fit.
    pub fn transform(&self, scaling: &Scaling, orders: &[ArrayView2<'_, f32>]) -> Result<Array2<f64>> {
        let block = Block::new(orders, &scaling.order_columns)?;
        let slices = block.slices();
        let (k, columns) = self.components.dim();
        // All in terms of the logarithm: centre = offset + mean / factor, and factor and whitening go to the loadings.
        let centre: Vec<f64> = (0..columns).map(|j| scaling.offset[j] + self.mean[j] / scaling.factor[j]).collect();
        let weights: Vec<f64> = self
            .components
            .indexed_iter()
            .map(|((c, j), loading)| {
                let deviation = self.explained_variance[c].sqrt();
                if deviation > 0.0 { loading * scaling.factor[j] / deviation } else { 0.0 }
            })
            .collect();
        let mut scores = vec![0.0; block.rows * k];
        scores.par_chunks_mut(ROWS_A_TASK * k).enumerate().for_each(|(task, scores)| {
            let mut logs = vec![0.0; columns];
            for (i, scores) in scores.chunks_exact_mut(k).enumerate() {
                let row = task * ROWS_A_TASK + i;
                if scaling::log_row(&slices, &scaling.order_columns, row, scaling.floor, &mut logs) {
                    project(&mut logs, &centre, &weights, scores);
                } else {
                    scores.fill(f64::NAN);
                }
            }
        });
        Ok(Array2::from_shape_vec((block.rows, k), scores)?)
    }
}

/// Scores of one row: its deviations from the centre times each component's weights.
fn project(row: &mut [f64], centre: &[f64], weights: &[f64], scores: &mut [f64]) {
    vectorised(
        #[inline(always)]
        || {
            row.iter_mut().zip(centre).for_each(|(x, c)| *x -= c);
            for (score, weights) in scores.iter_mut().zip(weights.chunks_exact(row.len())) {
                *score = dot(row, weights);
            }
        },
    );
}

/// Entry with the largest modulus, the first of equal ones.
pub(super) fn largest(row: &[f64]) -> f64 {
    row.iter().fold(0.0, |best: f64, &x| if x.abs() > best.abs() { x } else { best })
}

/// Eigenvalues in descending order and the eigenvectors as columns in ascending order, of a symmetric matrix.
///
/// On one thread: the bytes must not depend on how many there are.
pub(super) fn eigen(matrix: &Mat<f64>) -> Result<(Vec<f64>, Mat<f64>)> {
    let n = matrix.nrows();
    let (mut values, mut vectors) = (Diag::zeros(n), Mat::zeros(n, n));
    let scratch = self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    self_adjoint_evd(
        matrix.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| Error::Eigenvectors)?;
    let descending = (0..n).rev().map(|i| values.column_vector()[i]).collect();
    Ok((descending, vectors))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduction::tests::{Blocks, coefficients};
    use crate::reduction::{ScalingKind, scores};

    fn fit(source: &Blocks, kind: ScalingKind, k: usize) -> (Scaling, Pca) {
        let moments = Moments::accumulate(source, 1e-10).expect("some rows are finite");
        let scaling = Scaling::fit(kind, &moments);
        let pca = Pca::fit(&moments, &scaling, k).expect("finite covariance");
        (scaling, pca)
    }

    #[test]
    fn scores_are_white_and_components_orthonormal() {
        let source = coefficients(3000);
        let (scaling, pca) = fit(&source, ScalingKind::Standard, 4);
        let z = scores(&source, &scaling, &pca).expect("the same source").values;
        for a in 0..4 {
            assert!(largest(pca.components.row(a).as_slice().unwrap_or(&[])) > 0.0, "sign of component {a}");
            for b in 0..4 {
                let covariance = (&z.column(a) * &z.column(b)).sum() / 2999.0;
                let product = pca.components.row(a).dot(&pca.components.row(b));
                let want = f64::from(u8::from(a == b));
                // Rounding of 3000 products of order 1; eigenvectors to 1e-15 over the gap of the eigenvalues.
                assert!((covariance - want).abs() < 1e-10, "covariance of scores {a}, {b}: {covariance}");
                assert!((product - want).abs() < 1e-12, "product of components {a}, {b}: {product}");
            }
        }
        let mut off = z.clone();
        off.column_mut(0).mapv_inplace(|x| x * (1.0 + 1e-9));
        let control = off.column(0).dot(&off.column(0)) / 2999.0;
        assert!((control - 1.0).abs() > 1e-10, "scores off by 1e-9 pass as white");
    }

    #[test]
    fn variances_add_up() {
        let source = coefficients(500);
        let (_, pca) = fit(&source, ScalingKind::None, 1000);
        // One constant column of all, so the rank is one less.
        assert_eq!(pca.components.nrows(), source.columns.iter().sum::<usize>() - 1, "rank");
        assert_eq!(pca.limit, Some(Limit::Rank), "the reason for fewer");
        let sum = pca.explained_variance_ratio.sum();
        assert!((sum - 1.0).abs() < 1e-12, "ratios add up to {sum}");
    }

    #[test]
    fn blocks_masks_and_threads_do_not_change_a_bit() {
        let mut source = coefficients(5000);
        source.mask[100..300].fill(false);
        source.orders[0][[40, 0]] = f32::NAN;
        let whole = fit(&source, ScalingKind::Balanced, 5);
        let want = scores(&source, &whole.0, &whole.1).expect("the same source");
        for (block, threads) in [(1, 2), (7, 1), (1000, 3), (1024, 2), (4999, 1)] {
            source.block = block;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool");
            let (fitted, got) = pool.install(|| {
                let fitted = fit(&source, ScalingKind::Balanced, 5);
                let got = scores(&source, &fitted.0, &fitted.1).expect("the same source");
                (fitted, got)
            });
            assert_eq!(fitted, whole, "blocks of {block} rows on {threads} threads");
            let same = got.values.iter().zip(&want.values).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same && got.fitted == want.fitted, "scores in blocks of {block} rows on {threads} threads");
        }
        assert_eq!(want.fitted.iter().filter(|f| **f).count(), 4799, "rows of the fit");
        // Control: one more row left out does change the result.
        source.mask[0] = false;
        assert_ne!(fit(&source, ScalingKind::Balanced, 5), whole, "a row less");
    }

    #[test]
    fn excluded_rows_have_scores_but_no_say() {
        let mut source = coefficients(400);
        let mut fewer = source.clone();
        source.mask[390..].fill(false);
        source.orders[0].slice_axis_mut(Axis(0), Slice::from(390..)).fill(1e6);
        for order in &mut fewer.orders {
            *order = order.slice_axis(Axis(0), Slice::from(..390)).to_owned();
        }
        fewer.mask.truncate(390);
        let (scaling, pca) = fit(&source, ScalingKind::MinMax, 3);
        assert_eq!((scaling.clone(), pca.clone()), fit(&fewer, ScalingKind::MinMax, 3), "the fit without those rows");
        let all = scores(&source, &scaling, &pca).expect("the same source");
        assert!(all.values.iter().all(|v| v.is_finite()), "excluded rows are scored");
        assert!(all.values.row(395).iter().any(|v| v.abs() > 3.0), "and stand out: {}", all.values.row(395));
    }

    #[test]
    fn equal_rows_give_one_component_of_zeros() {
        for rows in [1, 2, 50] {
            let mut source = coefficients(rows);
            for order in &mut source.orders {
                order.fill(0.123);
            }
            for kind in [ScalingKind::None, ScalingKind::Standard, ScalingKind::MinMax, ScalingKind::Balanced] {
                let (scaling, pca) = fit(&source, kind, 5);
                assert_eq!(pca.components.nrows(), 1, "{rows} rows, {kind:?}");
                assert!(pca.limit.is_some(), "{rows} rows, {kind:?}: a reason");
                assert_eq!(pca.explained_variance_ratio[0], 0.0, "{rows} rows, {kind:?}");
                let z = scores(&source, &scaling, &pca).expect("the same source").values;
                assert!(z.iter().all(|&v| v == 0.0), "{rows} rows, {kind:?}: {z}");
            }
        }
    }

    #[test]
    fn few_rows_give_few_components() {
        let (_, pca) = fit(&coefficients(3), ScalingKind::Balanced, 5);
        assert_eq!((pca.components.nrows(), pca.limit), (2, Some(Limit::Rows)), "three rows span a plane");
        let (_, pca) = fit(&coefficients(2), ScalingKind::None, 5);
        assert_eq!((pca.components.nrows(), pca.limit), (1, Some(Limit::Rows)), "two rows span a line");
    }

    #[test]
    fn nothing_to_fit_is_an_error() {
        let mut source = coefficients(4);
        source.orders[0].fill(f32::NAN);
        assert!(Moments::accumulate(&source, 1e-10).is_err(), "no finite row");
        assert!(Moments::accumulate(&coefficients(0), 1e-10).is_err(), "no row at all");
    }

    #[test]
    fn an_extreme_mean_does_not_cost_precision() {
        // Deviations of 1e-3 about 30: squares without centring would keep 7 digits of 16.
        let mut source = coefficients(4000);
        for order in &mut source.orders {
            order.mapv_inplace(|c| 1e30 * (1.0 + 1e-3 * c.max(1e-3).log10()));
        }
        let moments = Moments::accumulate(&source, 1e-10).expect("finite rows");
        let x = Scaling::fit(ScalingKind::None, &moments).matrix(&source.views()).expect("the same columns");
        let column = x.column(1);
        let mean = moments.mean[1];
        let want: f64 = column.iter().map(|v| (v - mean) * (v - mean)).sum();
        let off = (moments.comoments[[1, 1]] / want - 1.0).abs();
        // The logarithm's own rounding (3.6e-15 at 30) over the deviation.
        assert!(off < 1e-10, "second moment off by {off:e}");
    }
}
