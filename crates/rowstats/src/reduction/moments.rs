//! Means and covariance of the coefficient matrix in one pass over the rows.

use faer::linalg::matmul::triangular::BlockStructure::{Rectangular, TriangularLower};
use faer::linalg::matmul::triangular::matmul;
use faer::{Accum, Mat, MatRef, Par};
use ndarray::{Array1, Array2};
use rayon::prelude::*;

use super::{Block, RowSource, scaling};
use crate::math::vectorised;
use crate::{Error, Result};

/// Rows of a sub-block, the unit of accumulation. Many enough for matrix products, few enough that 648 columns
/// (1.3 MiB) stay in a core's second-level cache.
const SUB_BLOCK: usize = 256;

/// Width of the tiles of the covariance matrix that one task accumulates; a multiple of what the product's kernels
/// work on at once (48 with AVX-512). Of the widths 96 to 648 this was the fastest at 648 columns.
const TILE: usize = 192;

/// Rows a task takes the logarithm of.
const LOG_ROWS: usize = 32;

/// Mean and centred co-moments of log10(max(c, floor)) over the rows that take part.
///
/// A sub-block of rows is centred on its own mean, and the co-moments are merged by the update of Chan, Golub and
/// LeVeque (1983): with n_a rows of mean a so far and n_b of mean b in the sub-block,
/// `M = M_a + M_b + n_a n_b / (n_a + n_b) (b - a)(b - a)^T`. The last term is one more row of the sub-block's
/// matrix, so a single product does both. All sums are in f64; none cancels, however large the mean.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Rows that took part.
    pub rows: usize,
    /// Rows kept out by the source's mask.
    pub excluded: usize,
    /// Rows with a NaN or an infinity, excluded ones included.
    pub not_finite: usize,
    /// Number of columns of each order.
    pub order_columns: Vec<usize>,
    /// Coefficients below this were raised to it.
    pub floor: f64,
    /// Mean of every column's logarithm.
    pub mean: Array1<f64>,
    /// Smallest logarithm of all.
    pub min: f64,
    /// Largest logarithm of all.
    pub max: f64,
    /// Sums of products of deviations from the mean, a symmetric matrix.
    pub comoments: Array2<f64>,
}

impl Moments {
    /// Reads `source` once.
    ///
    /// # Errors
    /// Those of the source; [`Error::NoRowTakesPart`], [`Error::OrderColumns`].
    pub fn accumulate(source: &dyn RowSource, floor: f64) -> Result<Self> {
        let mut accumulator = Accumulator::new(source.order_columns(), floor)?;
        source.for_each_block(&mut |orders, mask| {
            let block = Block::new(orders, source.order_columns())?;
            accumulator.push(&block, mask)
        })?;
        accumulator.finish()
    }

    /// Standard deviation (divisor n) of every column's logarithm.
    pub fn deviations(&self) -> Array1<f64> {
        self.comoments.diag().mapv(|m| (m / self.rows as f64).sqrt())
    }
}

/// A rectangle of the lower triangle of the co-moments.
struct Tile {
    row: usize,
    column: usize,
    sums: Mat<f64>,
}

/// The running state of [`Moments::accumulate`].
struct Accumulator {
    moments: Moments,
    columns: usize,
    /// `SUB_BLOCK` rows of logarithms and one more for the merge.
    buffer: Vec<f64>,
    filled: usize,
    tiles: Vec<Tile>,
}

impl Accumulator {
    fn new(order_columns: &[usize], floor: f64) -> Result<Self> {
        let columns: usize = order_columns.iter().sum();
        if columns == 0 {
            return Err(Error::Empty { rows: 0, columns: 0 });
        }
        let starts: Vec<usize> = (0..columns).step_by(TILE).collect();
        let extent = |start: usize| TILE.min(columns - start);
        let tiles = starts
            .iter()
            .flat_map(|&row| starts.iter().filter(move |&&column| column <= row).map(move |&column| (row, column)))
            .map(|(row, column)| Tile { row, column, sums: Mat::zeros(extent(row), extent(column)) })
            .collect();
        Ok(Self {
            moments: Moments {
                rows: 0,
                excluded: 0,
                not_finite: 0,
                order_columns: order_columns.to_vec(),
                floor,
                mean: Array1::zeros(columns),
                min: f64::INFINITY,
                max: f64::NEG_INFINITY,
                comoments: Array2::zeros((0, 0)),
            },
            columns,
            buffer: vec![0.0; (SUB_BLOCK + 1) * columns],
            filled: 0,
            tiles,
        })
    }

    /// Takes the rows of one block in, whatever their number.
    fn push(&mut self, block: &Block<'_>, mask: &[bool]) -> Result<()> {
        if mask.len() != block.rows {
            return Err(Error::Length { what: "flags", found: mask.len(), expected: block.rows });
        }
        let slices = block.slices();
        let mut next = 0;
        while next < block.rows {
            // Logarithms of as many rows as there is room for; those that take no part are squeezed out after.
            let taken = (block.rows - next).min(SUB_BLOCK - self.filled);
            let room = &mut self.buffer[self.filled * self.columns..(self.filled + taken) * self.columns];
            let (order_columns, floor, columns) = (&self.moments.order_columns, self.moments.floor, self.columns);
            let finite: Vec<bool> = room
                .par_chunks_mut(LOG_ROWS * columns)
                .enumerate()
                .flat_map_iter(|(chunk, rows)| {
                    let first = next + chunk * LOG_ROWS;
                    let slices = &slices;
                    rows.chunks_exact_mut(columns)
                        .enumerate()
                        .map(move |(i, row)| scaling::log_row(slices, order_columns, first + i, floor, row))
                })
                .collect();
            self.keep(&finite, &mask[next..next + taken]);
            next += taken;
            if self.filled == SUB_BLOCK {
                self.merge();
            }
        }
        Ok(())
    }

    /// Of the rows just written behind the filled ones keeps those that take part.
    fn keep(&mut self, finite: &[bool], mask: &[bool]) {
        let first = self.filled;
        for (i, (&finite, &used)) in finite.iter().zip(mask).enumerate() {
            self.moments.not_finite += usize::from(!finite);
            self.moments.excluded += usize::from(!used);
            if finite && used {
                let from = (first + i) * self.columns;
                self.buffer.copy_within(from..from + self.columns, self.filled * self.columns);
                self.filled += 1;
            }
        }
    }

    /// Merges the filled rows into the moments.
    fn merge(&mut self) {
        let (columns, filled) = (self.columns, self.filled);
        if filled == 0 {
            return;
        }
        let (rows, extra) = self.buffer.split_at_mut(filled * columns);
        let (mean, min, max) = column_means(rows, columns);
        self.moments.min = self.moments.min.min(min);
        self.moments.max = self.moments.max.max(max);

        rows.par_chunks_exact_mut(columns).for_each(|row| {
            vectorised(
                #[inline(always)]
                || row.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m),
            );
        });
        let (before, after) = (self.moments.rows as f64, (self.moments.rows + filled) as f64);
        let weight = (before * filled as f64 / after).sqrt();
        for ((x, m), total) in extra.iter_mut().zip(&mean).zip(&mut self.moments.mean) {
            let step = m - *total;
            *x = weight * step;
            *total += step * (filled as f64 / after);
        }
        self.moments.rows += filled;
        self.filled = 0;

        let matrix = MatRef::from_row_major_slice(&self.buffer[..(filled + 1) * columns], filled + 1, columns);
        self.tiles.par_iter_mut().for_each(|tile| {
            let left = matrix.subcols(tile.row, tile.sums.nrows()).transpose();
            let right = matrix.subcols(tile.column, tile.sums.ncols());
            let sums = if tile.row == tile.column { TriangularLower } else { Rectangular };
            matmul(tile.sums.as_mut(), sums, Accum::Add, left, Rectangular, right, Rectangular, 1.0, Par::Seq);
        });
    }

    fn finish(mut self) -> Result<Moments> {
        self.merge();
        let mut moments = self.moments;
        if moments.rows == 0 {
            return Err(Error::NoRowTakesPart { not_finite: moments.not_finite, excluded: moments.excluded });
        }
        moments.comoments = Array2::zeros((self.columns, self.columns));
        for tile in &self.tiles {
            for j in 0..tile.sums.ncols() {
                for i in 0..tile.sums.nrows() {
                    let (row, column) = (tile.row + i, tile.column + j);
                    if column <= row {
                        moments.comoments[[row, column]] = tile.sums[(i, j)];
                        moments.comoments[[column, row]] = tile.sums[(i, j)];
                    }
                }
            }
        }
        Ok(moments)
    }
}

/// Mean of each column, and the smallest and largest entry of all.
///
/// The first row is taken away before summing, so that the mean of a constant column is that constant to the bit.
fn column_means(rows: &[f64], columns: usize) -> (Vec<f64>, f64, f64) {
    let n = (rows.len() / columns) as f64;
    let mut mean = vec![0.0; columns];
    let extremes: Vec<(f64, f64)> = mean
        .par_chunks_mut(TILE)
        .enumerate()
        .map(|(tile, mean)| {
            vectorised(
                #[inline(always)]
                || {
                    let (from, width) = (tile * TILE, mean.len());
                    let first = &rows[from..from + width];
                    let (mut low, mut high) = ([f64::INFINITY; TILE], [f64::NEG_INFINITY; TILE]);
                    for row in rows.chunks_exact(columns) {
                        let row = &row[from..from + width];
                        for j in 0..width {
                            mean[j] += row[j] - first[j];
                            low[j] = low[j].min(row[j]);
                            high[j] = high[j].max(row[j]);
                        }
                    }
                    for j in 0..width {
                        mean[j] = first[j] + mean[j] / n;
                    }
                    (
                        low.iter().copied().fold(f64::INFINITY, f64::min),
                        high.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    )
                },
            )
        })
        .collect();
    let (min, max) = extremes.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), e| (l.min(e.0), h.max(e.1)));
    (mean, min, max)
}
