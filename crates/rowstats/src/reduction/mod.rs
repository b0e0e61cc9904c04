//! From scattering coefficients to a few independent components a row.
//!
//! The rows (segments of all days) are streamed twice: once for means and covariance ([`Moments`]), once for the
//! scores ([`scores`]). In between stand [`Scaling`], [`Pca`] and, on the whitened scores, [`Ica`]:
//!
//! ```text
//! coefficients -> log10(max(c, floor)) -> scaling -> PCA, whitening -> ICA
//! (f32, streamed)       Moments           Scaling       Pca            Ica
//! ```
//!
//! Nothing here depends on how the rows are cut into blocks or on the number of threads: sums run over sub-blocks
//! of a fixed number of rows, counted from the first row that takes part, and are combined in order.

mod ica;
mod moments;
mod normalised;
mod pca;
mod scaling;

pub use ica::{Ica, IcaOptions, rotated};
pub use moments::Moments;
pub use normalised::{Normalised, PlaceNormals};
pub use pca::{Limit, Pca};
pub use scaling::{Scaling, ScalingKind};

use ndarray::{Array2, ArrayView2, CowArray, Ix2};

use crate::{Error, Result};

/// What [`RowSource::for_each_block`] calls with one matrix an order and one flag a row.
pub type Visit<'v> = dyn FnMut(&[ArrayView2<'_, f32>], &[bool]) -> Result<()> + 'v;

/// Rows of raw scattering coefficients that can be read again from the start.
pub trait RowSource {
    /// Number of columns (channels x paths) of each order, at least one order.
    fn order_columns(&self) -> &[usize];

    /// Calls `visit` for each block of rows, in the same order each time.
    ///
    /// # Shape
    /// `visit` gets one matrix (rows x columns of that order) for each order and one flag a row: false keeps the row
    /// out of all fits (excluded stretches of fibre or time). Blocks may have any number of rows, also none.
    ///
    /// # Errors
    /// Those of reading, and the first error that `visit` returns.
    fn for_each_block(&self, visit: &mut Visit<'_>) -> Result<()>;
}

/// Whitened scores of all rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// `[row, component]`; NaN in rows that are not finite.
    pub values: Array2<f64>,
    /// True for the rows that took part in the fit: not excluded and finite.
    pub fitted: Vec<bool>,
}

/// Whitened scores of every row of `source`, those that took no part in the fit included.
///
/// # Errors
/// Those of `source`; [`Error::OrderColumns`] when a block does not have the columns that the scaling was fitted on.
pub fn scores(source: &dyn RowSource, scaling: &Scaling, pca: &Pca) -> Result<Scores> {
    let k = pca.components.nrows();
    let (mut values, mut fitted) = (Vec::new(), Vec::new());
    source.for_each_block(&mut |orders, mask| {
        let block = pca.transform(scaling, orders)?;
        if mask.len() != block.nrows() {
            return Err(Error::Length { what: "flags", found: mask.len(), expected: block.nrows() });
        }
        fitted.extend(block.rows().into_iter().zip(mask).map(|(row, &used)| used && !row[0].is_nan()));
        values.extend(block);
        Ok(())
    })?;
    let values = Array2::from_shape_vec((fitted.len(), k), values)?;
    Ok(Scores { values, fitted })
}

/// The orders of one block, each contiguous row by row.
struct Block<'a> {
    orders: Vec<CowArray<'a, f32, Ix2>>,
    rows: usize,
}

impl<'a> Block<'a> {
    /// Checks the shapes against the columns that each order should have.
    fn new(orders: &'a [ArrayView2<'_, f32>], columns: &[usize]) -> Result<Self> {
        let found: Vec<usize> = orders.iter().map(|o| o.ncols()).collect();
        if found != columns {
            return Err(Error::OrderColumns { found, expected: columns.to_vec() });
        }
        let rows = orders.first().map_or(0, |o| o.nrows());
        if let Some(other) = orders.iter().find(|o| o.nrows() != rows) {
            return Err(Error::Length { what: "rows of an order", found: other.nrows(), expected: rows });
        }
        Ok(Self { orders: orders.iter().map(|o| o.as_standard_layout()).collect(), rows })
    }

    /// The orders as plain slices, row after row.
    fn slices(&self) -> Vec<&[f32]> {
        self.orders.iter().map(|o| o.as_slice().unwrap_or(&[])).collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, Slice};

    use super::*;
    use crate::math::{generator, uniform};

    /// Rows in memory, handed out `block` at a time.
    #[derive(Clone, Debug)]
    pub(super) struct Blocks {
        pub(super) orders: Vec<Array2<f32>>,
        pub(super) columns: Vec<usize>,
        pub(super) mask: Vec<bool>,
        pub(super) block: usize,
    }

    impl Blocks {
        pub(super) fn views(&self) -> Vec<ArrayView2<'_, f32>> {
            self.orders.iter().map(|o| o.view()).collect()
        }
    }

    impl RowSource for Blocks {
        fn order_columns(&self) -> &[usize] {
            &self.columns
        }

        fn for_each_block(&self, visit: &mut Visit<'_>) -> Result<()> {
            for (i, mask) in self.mask.chunks(self.block).enumerate() {
                let from = i * self.block;
                let rows = Slice::from(from..from + mask.len());
                let views: Vec<_> = self.orders.iter().map(|o| o.slice_axis(Axis(0), rows)).collect();
                visit(&views, mask)?;
            }
            Ok(())
        }
    }

    /// Positive coefficients over some decades, 6 and 9 columns, the last one constant zero.
    pub(super) fn coefficients(rows: usize) -> Blocks {
        let mut rng = generator(3, 0);
        let mut order = |columns: usize| {
            Array2::from_shape_fn((rows, columns), |(_, j)| {
                10f64.powf((uniform(&mut rng) - 0.5) * (j + 1) as f64) as f32
            })
        };
        let (first, mut second) = (order(6), order(9));
        second.column_mut(8).fill(0.0);
        Blocks { orders: vec![first, second], columns: vec![6, 9], mask: vec![true; rows], block: rows.max(1) }
    }

    #[test]
    fn blocks_that_disagree_are_refused() {
        let mut source = coefficients(10);
        source.columns[1] = 8;
        assert!(Moments::accumulate(&source, 1e-10).is_err(), "another number of columns");
        let mut source = coefficients(10);
        source.orders[0] = source.orders[0].slice_axis(Axis(0), Slice::from(..9)).to_owned();
        let views = source.views();
        assert!(Block::new(&views, &source.columns).is_err(), "orders of different length");
    }

    #[test]
    fn strided_blocks_are_read_in_row_order() {
        let source = coefficients(20);
        let moments = Moments::accumulate(&source, 1e-10).expect("finite rows");
        let scaling = Scaling::fit(ScalingKind::None, &moments);
        let columns_first: Vec<Array2<f32>> =
            source.orders.iter().map(|o| o.t().as_standard_layout().into_owned()).collect();
        let strided: Vec<_> = columns_first.iter().map(|o| o.t()).collect();
        let (a, b) = (scaling.matrix(&source.views()), scaling.matrix(&strided));
        assert_eq!(a.expect("contiguous"), b.expect("strided"), "layouts");
    }
}
