//! Rows laid out for SIMD: chunks of a fixed number of rows, a column of a chunk contiguous.
//!
//! FastICA, k-means and Gaussian mixtures all go over some hundred thousand rows of a few columns, many times. In
//! this layout their inner loops run along rows, with any number of columns. Partial sums belong to chunks (or to
//! [`TASK`] of them) and not to threads, so results do not depend on how many threads there are.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::{Error, Result};

/// Rows of a chunk: a dozen vectors of it stay in the first-level cache.
pub(crate) const CHUNK: usize = 512;

/// Chunks that a task goes through, so that a task's own sums cost little beside the work.
pub(crate) const TASK: usize = 8;

/// A matrix in chunks; zeros fill the last one up.
pub(crate) struct SoaMatrix {
    values: Vec<f64>,
    columns: usize,
    rows: usize,
}

/// `CHUNK` rows of a [`SoaMatrix`] matrix.
#[derive(Clone, Copy)]
pub(crate) struct Chunk<'a> {
    /// Column after column, `CHUNK` entries each.
    pub(crate) values: &'a [f64],
    /// Rows that are filled.
    pub(crate) rows: usize,
    /// Index of the first row.
    pub(crate) first: usize,
}

impl<'a> Chunk<'a> {
    /// The columns, `CHUNK` entries each.
    #[inline(always)]
    pub(crate) fn columns(self) -> impl Iterator<Item = &'a [f64]> + Clone {
        self.values.chunks_exact(CHUNK)
    }
}

impl SoaMatrix {
    /// Lays out the given rows of `matrix`.
    pub(crate) fn new(matrix: ArrayView2<'_, f64>, rows: impl ExactSizeIterator<Item = usize>) -> Self {
        let (columns, count) = (matrix.ncols(), rows.len());
        let mut values = vec![0.0; count.div_ceil(CHUNK) * CHUNK * columns];
        for (i, row) in rows.enumerate() {
            let start = i / CHUNK * CHUNK * columns + i % CHUNK;
            matrix.row(row).iter().enumerate().for_each(|(c, x)| values[start + c * CHUNK] = *x);
        }
        Self { values, columns, rows: count }
    }

    /// Lays out all rows of a matrix that must be finite and have at least one row and column.
    pub(crate) fn finite(matrix: ArrayView2<'_, f64>) -> Result<Self> {
        if matrix.is_empty() {
            return Err(Error::Empty { rows: matrix.nrows(), columns: matrix.ncols() });
        }
        if let Some(row) = matrix.rows().into_iter().position(|r| r.iter().any(|x| !x.is_finite())) {
            return Err(Error::NotFinite { row });
        }
        Ok(Self::new(matrix, 0..matrix.nrows()))
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// One row.
    pub(crate) fn row(&self, i: usize) -> Vec<f64> {
        let start = i / CHUNK * CHUNK * self.columns + i % CHUNK;
        (0..self.columns).map(|c| self.values[start + c * CHUNK]).collect()
    }

    /// Multiplies everything.
    pub(crate) fn scale(&mut self, factor: f64) {
        self.values.iter_mut().for_each(|x| *x *= factor);
    }

    /// The chunks, in order and in parallel.
    pub(crate) fn par_chunks(&self) -> impl IndexedParallelIterator<Item = Chunk<'_>> {
        self.values.par_chunks_exact(CHUNK * self.columns).enumerate().map(|(i, values)| self.chunk(i, values))
    }

    /// Groups of `TASK` chunks, in order and in parallel.
    pub(crate) fn par_tasks(&self) -> impl IndexedParallelIterator<Item = impl Iterator<Item = Chunk<'_>>> {
        let length = CHUNK * self.columns;
        self.values.par_chunks(TASK * length).enumerate().map(move |(task, values)| {
            values.chunks_exact(length).enumerate().map(move |(i, values)| self.chunk(task * TASK + i, values))
        })
    }

    fn chunk<'a>(&self, i: usize, values: &'a [f64]) -> Chunk<'a> {
        Chunk { values, rows: CHUNK.min(self.rows - i * CHUNK), first: i * CHUNK }
    }
}

/// Adds up vectors of equal length in the order of the list.
pub(crate) fn added(parts: Vec<Vec<f64>>) -> Vec<f64> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    for part in parts {
        total.iter_mut().zip(&part).for_each(|(t, p)| *t += p);
    }
    total
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn rows_come_back() {
        for n in [1, CHUNK - 1, CHUNK, CHUNK + 1, TASK * CHUNK + 3] {
            let matrix = Array2::from_shape_fn((n, 3), |(i, j)| (i * 3 + j) as f64);
            let chunked = SoaMatrix::finite(matrix.view()).expect("finite rows");
            assert_eq!(chunked.row(n - 1), matrix.row(n - 1).to_vec(), "last of {n}");
            let (mut rows, mut total) = (0, 0.0);
            for chunk in chunked.par_tasks().flat_map_iter(|t| t).collect::<Vec<_>>() {
                assert_eq!(chunk.first, rows, "first row of a chunk of {n}");
                rows += chunk.rows;
                total += chunk.columns().flat_map(|c| &c[..chunk.rows]).sum::<f64>();
            }
            // Integers below 2^53 add up exactly.
            assert_eq!((rows, total), (n, matrix.sum()), "{n} rows");
        }
    }

    #[test]
    fn rows_that_are_not_finite_are_refused() {
        let mut matrix = Array2::zeros((4, 2));
        matrix[[2, 1]] = f64::NAN;
        assert!(SoaMatrix::finite(matrix.view()).is_err(), "a NaN");
        assert!(SoaMatrix::finite(Array2::zeros((0, 2)).view()).is_err(), "no row");
        assert!(SoaMatrix::finite(Array2::zeros((2, 0)).view()).is_err(), "no column");
    }
}
