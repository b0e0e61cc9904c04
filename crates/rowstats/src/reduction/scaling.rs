//! Logarithm and scaling of the coefficient matrix.

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};
use serde::{Deserialize, Serialize};

use super::{Block, Moments};
use crate::Result;
use crate::math::{log10, vectorised};

/// A column whose standard deviation (of the decimal logarithm) is not above this counts as constant.
const CONSTANT_BELOW: f64 = 1e-12;

/// How the columns of the coefficient matrix are brought to a common scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScalingKind {
    /// The decimal logarithms as they are.
    None,
    /// Every column to zero mean and unit standard deviation (divisor n); constant columns become 0.
    Standard,
    /// The whole matrix to 0..1.
    MinMax,
    /// As standard, then every order over the square root of its number of columns, so that all orders weigh the same.
    Balanced,
}

/// The fitted scaling, `x = (log10(max(c, floor)) - offset) * factor`, a column at a time.
///
/// # Shape
/// `offset` and `factor` have one entry a column, the orders side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// Coefficients below this are raised to it.
    pub floor: f64,
    /// Number of columns of each order.
    pub order_columns: Vec<usize>,
    /// Taken away from the logarithm.
    pub offset: Array1<f64>,
    /// Multiplied after that.
    pub factor: Array1<f64>,
}

impl Scaling {
    /// The scaling of the rows behind `moments`.
    ///
    /// Under [`ScalingKind::MinMax`] a matrix of equal entries keeps the factor 1 and becomes 0.
    pub fn fit(kind: ScalingKind, moments: &Moments) -> Self {
        let columns = moments.mean.len();
        let (mut offset, mut factor) = (Array1::zeros(columns), Array1::ones(columns));
        match kind {
            ScalingKind::None => {}
            ScalingKind::MinMax => {
                let range = moments.max - moments.min;
                offset.fill(moments.min);
                factor.fill(if range > 0.0 { 1.0 / range } else { 1.0 });
            }
            ScalingKind::Standard | ScalingKind::Balanced => {
                offset.assign(&moments.mean);
                factor = moments.deviations().mapv(|s| if s > CONSTANT_BELOW { 1.0 / s } else { 1.0 });
            }
        }
        if kind == ScalingKind::Balanced {
            let mut from = 0;
            for &n in &moments.order_columns {
                factor.slice_axis_mut(Axis(0), Slice::from(from..from + n)).mapv_inplace(|f| f / (n as f64).sqrt());
                from += n;
            }
        }
        Self { floor: moments.floor, order_columns: moments.order_columns.clone(), offset, factor }
    }

    /// The scaled coefficient matrix of a block (rows x columns of all orders); rows that are not finite become NaN.
    ///
    /// # Errors
    /// [`Error::OrderColumns`](crate::Error::OrderColumns) when the orders do not have the columns of the fit.
    pub fn matrix(&self, orders: &[ArrayView2<'_, f32>]) -> Result<Array2<f64>> {
        let block = Block::new(orders, &self.order_columns)?;
        let slices = block.slices();
        let mut out = Array2::zeros((block.rows, self.offset.len()));
        for (i, mut row) in out.rows_mut().into_iter().enumerate() {
            let finite =
                row.as_slice_mut().is_some_and(|row| log_row(&slices, &self.order_columns, i, self.floor, row));
            if finite {
                row.zip_mut_with(&self.offset, |x, o| *x -= o);
                row *= &self.factor;
            } else {
                row.fill(f64::NAN);
            }
        }
        Ok(out)
    }
}

/// Writes row `i` as log10(max(c, floor)), the orders side by side; false when a coefficient is NaN or infinite
/// (the row then holds garbage).
///
/// A floor of zero or below counts as the smallest normal number.
pub(super) fn log_row(orders: &[&[f32]], columns: &[usize], i: usize, floor: f64, out: &mut [f64]) -> bool {
    vectorised(
        #[inline(always)]
        || {
            let floor = floor.max(f64::MIN_POSITIVE);
            let (mut from, mut finite) = (0, true);
            for (order, &n) in orders.iter().zip(columns) {
                let row = &order[i * n..(i + 1) * n];
                finite &= all_finite(row);
                for (x, &c) in out[from..from + n].iter_mut().zip(row) {
                    *x = log10(f64::from(c).max(floor));
                }
                from += n;
            }
            finite
        },
    )
}

/// No NaN and no infinity, without branches: both have all exponent bits set.
#[inline(always)]
fn all_finite(row: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7F80_0000;
    row.iter().fold(0, |worst, c| worst.max(c.to_bits() & 0x7FFF_FFFF)) < EXPONENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduction::tests::{Blocks, coefficients};

    fn fitted(kind: ScalingKind) -> (Blocks, Array2<f64>) {
        let source = coefficients(200);
        let moments = Moments::accumulate(&source, 1e-10).expect("moments of finite rows");
        let x = Scaling::fit(kind, &moments).matrix(&source.views()).expect("the same columns");
        (source, x)
    }

    #[test]
    fn none_is_the_logarithm_with_floor() {
        let (source, x) = fitted(ScalingKind::None);
        let c = f64::from(source.orders[0][[3, 1]]);
        // One rounding of the logarithm, 4e-16 of values below 10.
        assert!((x[[3, 1]] - c.log10()).abs() < 4e-15, "{} against {}", x[[3, 1]], c.log10());
        let columns = x.ncols();
        assert_eq!(x[[0, columns - 1]], -10.0, "a zero coefficient stands at the floor");
    }

    #[test]
    fn standard_has_unit_columns_and_keeps_constants_at_zero() {
        let (_, x) = fitted(ScalingKind::Standard);
        for (j, column) in x.columns().into_iter().enumerate() {
            let deviation = column.std(0.0);
            let want = if j == x.ncols() - 1 { 0.0 } else { 1.0 };
            // Sums of 200 numbers near 1 in f64.
            assert!((deviation - want).abs() < 1e-12, "column {j} deviates by {deviation}");
            assert!(column.mean().is_some_and(|m| m.abs() < 1e-12), "column {j} is not centred");
        }
    }

    #[test]
    fn minmax_spans_zero_to_one() {
        let (_, x) = fitted(ScalingKind::MinMax);
        let (low, high) = x.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
        // (max - min) / (max - min) in two roundings.
        assert!(low == 0.0 && (high - 1.0).abs() < 1e-15, "{low} to {high}");
    }

    #[test]
    fn balanced_gives_every_order_the_same_variance() {
        let (source, x) = fitted(ScalingKind::Balanced);
        let n = source.orders[0].ncols();
        let variance = |from, to| x.slice_axis(Axis(1), Slice::from(from..to)).var_axis(Axis(0), 0.0).sum();
        let (first, second): (f64, f64) = (variance(0, n), variance(n, x.ncols()));
        assert!((first - 1.0).abs() < 1e-12, "order 1 has variance {first}");
        // The second order has one constant column, which carries nothing.
        let varying = (source.orders[1].ncols() - 1) as f64 / source.orders[1].ncols() as f64;
        assert!((second - varying).abs() < 1e-12, "order 2 has variance {second}");
    }

    #[test]
    fn rows_that_are_not_finite_become_nan() {
        let mut source = coefficients(10);
        source.orders[1][[4, 0]] = f32::NAN;
        source.orders[0][[5, 2]] = f32::NEG_INFINITY;
        let moments = Moments::accumulate(&source, 1e-10).expect("eight rows are finite");
        let x = Scaling::fit(ScalingKind::Standard, &moments).matrix(&source.views()).expect("the same columns");
        for (i, row) in x.rows().into_iter().enumerate() {
            assert_eq!(row.iter().all(|v| v.is_nan()), i == 4 || i == 5, "row {i}: {row}");
            assert_eq!(row.iter().any(|v| v.is_nan()), i == 4 || i == 5, "row {i}: {row}");
        }
    }

    #[test]
    fn other_columns_are_refused() {
        let source = coefficients(10);
        let moments = Moments::accumulate(&source, 1e-10).expect("moments of finite rows");
        let scaling = Scaling::fit(ScalingKind::None, &moments);
        assert!(scaling.matrix(&source.views()[..1]).is_err(), "a missing order");
    }
}
