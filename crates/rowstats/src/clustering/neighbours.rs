//! Mean distance to the nearest rows, a score for methods without a density of their own.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::tree::Tree;
use crate::{Error, Result};

/// Rows to measure against.
pub struct Neighbours {
    tree: Tree,
}

impl Neighbours {
    /// Indexes finite rows (rows x columns).
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NotFinite`].
    pub fn new(rows: ArrayView2<'_, f64>) -> Result<Self> {
        Ok(Self { tree: Tree::new(rows)? })
    }

    /// Mean distance of each of `rows` to the `count` nearest indexed rows, or to as many as there are.
    ///
    /// One indexed row at distance 0 is left out, so an indexed row is not its own neighbour; with no other there it
    /// has distance 0.
    ///
    /// # Errors
    /// [`Error::Columns`] for rows of another number of columns.
    pub fn mean_distances(&self, rows: ArrayView2<'_, f64>, count: usize) -> Result<Vec<f64>> {
        if rows.ncols() != self.tree.columns() {
            return Err(Error::Columns { found: rows.ncols(), expected: self.tree.columns() });
        }
        let wanted = count.min(self.tree.rows());
        let of_row = |i: usize| {
            let mut found = vec![(0.0, 0); wanted + 1];
            let n = self.tree.nearest(&rows.row(i).to_vec(), &mut found);
            let from = usize::from(n > 0 && found[0].0 == 0.0);
            let near = &found[from..n.min(from + wanted)];
            near.iter().map(|f| f.0.sqrt()).sum::<f64>() / near.len().max(1) as f64
        };
        Ok((0..rows.nrows()).into_par_iter().map(of_row).collect())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::super::tests::blobs;
    use super::*;

    #[test]
    fn means_are_those_of_an_exhaustive_search() {
        let (rows, _) = blobs(700, 3, 1);
        let got = Neighbours::new(rows.view()).and_then(|n| n.mean_distances(rows.view(), 10)).expect("finite rows");
        for (i, got) in got.iter().enumerate() {
            let mut all: Vec<f64> =
                rows.rows().into_iter().map(|r| (&r - &rows.row(i)).mapv(|x| x * x).sum().sqrt()).collect();
            all.sort_by(f64::total_cmp);
            let want = all[1..11].iter().sum::<f64>() / 10.0;
            // Ten roots added up in the same order.
            assert!((got - want).abs() < 1e-12, "row {i}: {got} against {want}");
            assert!((got - all[..10].iter().sum::<f64>() / 10.0).abs() > 1e-12, "row {i} counts as its own neighbour");
        }
    }

    #[test]
    fn new_rows_and_few_rows() {
        let index = Neighbours::new(array![[0.0], [1.0], [3.0]].view()).expect("finite rows");
        let got = index.mean_distances(array![[0.0], [2.0], [-1.0]].view(), 2).expect("one column");
        assert_eq!(got, [2.0, 1.0, 1.5], "the nearest two");
        let got = index.mean_distances(array![[0.0], [7.0]].view(), 10).expect("one column");
        assert_eq!(got, [2.0, (4.0 + 6.0 + 7.0) / 3.0], "as many as there are");
        let single = Neighbours::new(array![[5.0]].view()).expect("one row");
        assert_eq!(single.mean_distances(array![[5.0]].view(), 10).expect("one column"), [0.0], "no other row");
        assert!(index.mean_distances(Array2::zeros((1, 2)).view(), 1).is_err(), "two columns");
        assert!(Neighbours::new(Array2::zeros((0, 1)).view()).is_err(), "nothing to measure against");
    }
}
