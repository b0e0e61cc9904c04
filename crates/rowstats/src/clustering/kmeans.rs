//! k-means: k-means++ seeding and exact Lloyd iterations.

use ndarray::{Array1, Array2, ArrayView2};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

use super::{renumber, sizes};
use crate::math::{generator, sum, uniform, vectorised};
use crate::soa_matrix::{CHUNK, Chunk, SoaMatrix, added};
use crate::{Error, Result};

/// Rows whose distances are held in registers while the centres pass by.
const STRIP: usize = 16;

/// What to compute and when to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KMeansOptions {
    /// Clusters asked for.
    pub clusters: usize,
    /// Independent starts, of which the one with the least inertia is kept.
    pub starts: usize,
    /// Iterations that each start, and then the best one, may take.
    pub max_iterations: usize,
    /// A start has converged when its centres move by less than this share of the mean variance of the columns
    /// (squared distances, summed over centres). The best one goes on until nothing moves.
    pub tolerance: f64,
    /// Names the random numbers.
    pub seed: u64,
}

impl KMeansOptions {
    /// Ten starts and scikit-learn's tolerance.
    pub fn new(clusters: usize, seed: u64) -> Self {
        Self { clusters, starts: 10, max_iterations: 300, tolerance: 1e-4, seed }
    }
}

/// A fitted k-means, clusters by falling size.
///
/// Starts are seeded by greedy k-means++ (Arthur and Vassilvitskii, 2007): each new centre is the best of
/// 2 + ln k rows drawn in proportion to their squared distance from the centres so far. Lloyd iterations compare
/// every row with every centre, a strip of rows at a time in registers, which for few columns and clusters is faster
/// than keeping bounds. A cluster that loses all rows moves to the row farthest from its centre.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeans {
    /// clusters x columns; fewer than asked for when there are fewer distinct rows.
    pub centers: Array2<f64>,
    /// Nearest centre of every row.
    pub labels: Vec<i32>,
    /// Root-mean-square distance of the rows of each cluster from its centre.
    pub spread: Array1<f64>,
    /// Sum of squared distances of rows from their centre.
    pub inertia: f64,
    /// Iterations of the start that is kept.
    pub iterations: usize,
    /// Whether nothing moved any more in the last one.
    pub converged: bool,
}

impl KMeans {
    /// Centres and their spread from a fit that is not at hand: labels are empty and the inertia is NaN.
    pub fn from_centers(centers: Array2<f64>, spread: Array1<f64>) -> Self {
        Self { centers, labels: Vec::new(), spread, inertia: f64::NAN, iterations: 0, converged: false }
    }

    /// Fits on finite rows (rows x columns).
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NotFinite`], [`Error::Parameter`] for no cluster asked for.
    pub fn fit(rows: ArrayView2<'_, f64>, options: &KMeansOptions) -> Result<Self> {
        let mut fitted = Self::fit_chunked(&SoaMatrix::finite(rows)?, options)?;
        let order = renumber(&mut fitted.labels, fitted.centers.nrows());
        fitted.centers = fitted.centers.select(ndarray::Axis(0), &order);
        let (labels, distances) = fitted.assign(rows)?;
        let sizes = sizes(&labels, order.len());
        let mut squares = vec![0.0; order.len()];
        labels.iter().zip(&distances).for_each(|(&l, d)| squares[l as usize] += d * d);
        fitted.inertia = squares.iter().sum();
        fitted.spread = squares.iter().zip(&sizes).map(|(s, &n)| (s / n.max(1) as f64).sqrt()).collect();
        fitted.labels = labels;
        Ok(fitted)
    }

    /// The nearest centre of each row (the lower one of equally near ones), and the distance from it.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Columns`].
    pub fn assign(&self, rows: ArrayView2<'_, f64>) -> Result<(Vec<i32>, Vec<f64>)> {
        if rows.ncols() != self.centers.ncols() {
            return Err(Error::Columns { found: rows.ncols(), expected: self.centers.ncols() });
        }
        if rows.nrows() == 0 {
            return Ok((Vec::new(), Vec::new()));
        }
        let (labels, squares) =
            nearest(&SoaMatrix::finite(rows)?, self.centers.as_standard_layout().as_slice().unwrap_or(&[]));
        Ok((labels, squares.into_iter().map(f64::sqrt).collect()))
    }

    /// Fits without renumbering; `spread` is left empty.
    pub(super) fn fit_chunked(rows: &SoaMatrix, options: &KMeansOptions) -> Result<Self> {
        if options.clusters == 0 {
            return Err(Error::parameter("clusters", 0, "at least one cluster"));
        }
        let moved_enough = options.tolerance * mean_variance(rows);
        let mut best: Option<Lloyd> = None;
        for start in 0..options.starts.max(1) {
            let mut rng = generator(options.seed, start as u64);
            let mut run = Lloyd::new(seeded(rows, options.clusters, trials(options.clusters), &mut rng));
            run.iterate(rows, options.max_iterations, moved_enough);
            if best.as_ref().is_none_or(|b| run.inertia < b.inertia) {
                best = Some(run);
            }
        }
        let mut best = best.ok_or_else(|| Error::NoStart)?;
        best.iterate(rows, options.max_iterations, 0.0);
        let (labels, squares) = nearest(rows, &best.centers);
        let clusters = best.centers.len() / rows.columns();
        let centers = Array2::from_shape_vec((clusters, rows.columns()), best.centers)?;
        Ok(Self {
            centers,
            labels,
            spread: Array1::zeros(0),
            inertia: sum(&squares),
            iterations: best.iterations,
            converged: best.moved == 0.0,
        })
    }
}

/// Mean over the columns of their variance (divisor n).
fn mean_variance(rows: &SoaMatrix) -> f64 {
    let (n, d) = (rows.rows() as f64, rows.columns());
    let mean: Vec<f64> = added(rows.par_chunks().map(|c| c.columns().map(sum).collect()).collect());
    let squares = added(
        rows.par_chunks()
            .map(|chunk| {
                let of =
                    |(x, m): (&[f64], &f64)| x[..chunk.rows].iter().map(|x| (x - m / n) * (x - m / n)).sum::<f64>();
                vec![chunk.columns().zip(&mean).map(of).sum::<f64>()]
            })
            .collect(),
    );
    squares[0] / n / d as f64
}

/// Centres on their way to a local minimum of the inertia.
struct Lloyd {
    /// Centre after centre.
    centers: Vec<f64>,
    /// Of the centres before the last move.
    inertia: f64,
    iterations: usize,
    /// Squared distance that the centres moved last.
    moved: f64,
}

impl Lloyd {
    fn new(centers: Vec<f64>) -> Self {
        Self { centers, inertia: f64::INFINITY, iterations: 0, moved: f64::INFINITY }
    }

    /// Moves every centre to the mean of its rows until they move by no more than `tolerance` in all.
    fn iterate(&mut self, rows: &SoaMatrix, max_iterations: usize, tolerance: f64) {
        let d = rows.columns();
        let clusters = self.centers.len() / d;
        for _ in 0..max_iterations {
            if self.moved <= tolerance {
                break;
            }
            // For each cluster the sum of its rows and their number; last, the inertia.
            let total = added(rows.par_tasks().map(|task| cluster_sums(task, &self.centers, d)).collect());
            let mut next = self.centers.clone();
            for (cluster, center) in next.chunks_exact_mut(d).enumerate() {
                let sums = &total[cluster * (d + 1)..(cluster + 1) * (d + 1)];
                if sums[d] > 0.0 {
                    center.iter_mut().zip(sums).for_each(|(c, s)| *c = s / sums[d]);
                }
            }
            for cluster in 0..clusters {
                if total[cluster * (d + 1) + d] == 0.0 {
                    let row = farthest(rows, &next);
                    next[cluster * d..(cluster + 1) * d].copy_from_slice(&row);
                }
            }
            self.moved = next.iter().zip(&self.centers).map(|(a, b)| (a - b) * (a - b)).sum();
            self.inertia = total[clusters * (d + 1)];
            self.centers = next;
            self.iterations += 1;
        }
    }
}

/// Sums of [`Lloyd::iterate`] over one task.
///
/// Centres whose rows stay the same come out the same to the bit, which ends the iteration.
fn cluster_sums<'a>(task: impl Iterator<Item = Chunk<'a>>, centers: &[f64], d: usize) -> Vec<f64> {
    let mut sums = vec![0.0; centers.len() / d * (d + 1) + 1];
    let inertia = sums.len() - 1;
    let (mut labels, mut squares) = ([0; CHUNK], [0.0; CHUNK]);
    for chunk in task {
        nearest_of_chunk(chunk, centers, d, &mut labels, &mut squares);
        sums[inertia] += sum(&squares[..chunk.rows]);
        for (i, &label) in labels[..chunk.rows].iter().enumerate() {
            let label = label as usize;
            let sums = &mut sums[label * (d + 1)..(label + 1) * (d + 1)];
            for (s, column) in sums.iter_mut().zip(chunk.columns()) {
                *s += column[i];
            }
            sums[d] += 1.0;
        }
    }
    sums
}

/// Nearest centre of every row and the squared distance from it.
pub(super) fn nearest(rows: &SoaMatrix, centers: &[f64]) -> (Vec<i32>, Vec<f64>) {
    let (mut labels, mut squares) = (vec![0; rows.rows()], vec![0.0; rows.rows()]);
    labels.par_chunks_mut(CHUNK).zip(squares.par_chunks_mut(CHUNK)).zip(rows.par_chunks()).for_each(
        |((labels, squares), chunk)| {
            let (mut all_labels, mut all_squares) = ([0; CHUNK], [0.0; CHUNK]);
            nearest_of_chunk(chunk, centers, rows.columns(), &mut all_labels, &mut all_squares);
            labels.iter_mut().zip(&all_labels).for_each(|(to, from)| *to = *from as i32);
            squares.copy_from_slice(&all_squares[..squares.len()]);
        },
    );
    (labels, squares)
}

/// The same for the rows of a chunk; of equally near centres the lower one.
fn nearest_of_chunk(
    chunk: Chunk<'_>,
    centers: &[f64],
    d: usize,
    labels: &mut [u64; CHUNK],
    squares: &mut [f64; CHUNK],
) {
    vectorised(
        #[inline(always)]
        || {
            for from in (0..chunk.rows).step_by(STRIP) {
                let (mut best, mut label) = ([f64::INFINITY; STRIP], [0u64; STRIP]);
                for (number, center) in (0..).zip(centers.chunks_exact(d)) {
                    let mut square = [0.0; STRIP];
                    for (x, m) in chunk.columns().zip(center) {
                        let x = &x[from..from + STRIP];
                        for l in 0..STRIP {
                            square[l] += (x[l] - m) * (x[l] - m);
                        }
                    }
                    for l in 0..STRIP {
                        let nearer = square[l] < best[l];
                        best[l] = if nearer { square[l] } else { best[l] };
                        label[l] = if nearer { number } else { label[l] };
                    }
                }
                labels[from..from + STRIP].copy_from_slice(&label);
                squares[from..from + STRIP].copy_from_slice(&best);
            }
        },
    );
}

/// The row farthest from its nearest centre, the first of equally far ones.
fn farthest(rows: &SoaMatrix, centers: &[f64]) -> Vec<f64> {
    let (_, squares) = nearest(rows, centers);
    let worst = squares.iter().enumerate().fold((0, -1.0), |w, (i, &s)| if s > w.1 { (i, s) } else { w });
    rows.row(worst.0)
}

/// Rows that greedy k-means++ draws for each centre.
fn trials(clusters: usize) -> usize {
    2 + (clusters as f64).ln() as usize
}

/// k-means++, each new centre the best of so many `trials`: up to `clusters` distinct rows as centres, fewer when no row
/// is left that is not a centre.
pub(super) fn seeded(rows: &SoaMatrix, clusters: usize, trials: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let d = rows.columns();
    let first = (uniform(rng) * rows.rows() as f64) as usize;
    let mut centers = rows.row(first.min(rows.rows() - 1));
    let mut squares = vec![f64::INFINITY; rows.rows()];
    let mut totals = lowered(rows, &centers, &mut squares);
    while centers.len() < clusters * d {
        let potential: f64 = totals.iter().sum();
        if potential <= 0.0 {
            break;
        }
        let drawn: Vec<Vec<f64>> =
            (0..trials).map(|_| rows.row(draw(&squares, &totals, uniform(rng) * potential))).collect();
        let left = if trials > 1 { potentials(rows, &drawn.concat(), &squares) } else { vec![0.0] };
        let best = (0..trials).fold(0, |best, t| if left[t] < left[best] { t } else { best });
        totals = lowered(rows, &drawn[best], &mut squares);
        centers.extend_from_slice(&drawn[best]);
    }
    centers
}

/// The row at which the running sum of `squares` passes `at`; never one of square zero. `totals` are the sums of chunks.
fn draw(squares: &[f64], totals: &[f64], at: f64) -> usize {
    let (chunk, left) = passed(totals, at);
    let from = chunk * CHUNK;
    from + passed(&squares[from..(from + CHUNK).min(squares.len())], left).0
}

/// The positive weight at which the running sum passes `at`, and how far into it; the last one if rounding gets there.
fn passed(weights: &[f64], at: f64) -> (usize, f64) {
    let (mut left, mut found) = (at, (0, 0.0));
    for (i, &weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        found = (i, left);
        if left < weight {
            break;
        }
        left -= weight;
    }
    found
}

/// Lowers each row's squared distance to that from `center` where it is nearer; returns the sums of the chunks.
fn lowered(rows: &SoaMatrix, center: &[f64], squares: &mut [f64]) -> Vec<f64> {
    squares
        .par_chunks_mut(CHUNK)
        .zip(rows.par_chunks())
        .map(|(squares, chunk)| {
            vectorised(
                #[inline(always)]
                || {
                    let new = squares_from(chunk, center);
                    squares.iter_mut().zip(&new).for_each(|(s, n)| *s = s.min(*n));
                    sum(squares)
                },
            )
        })
        .collect()
}

/// For each of the centres given, the sum of squares that would be left with it as a further centre.
fn potentials(rows: &SoaMatrix, centers: &[f64], squares: &[f64]) -> Vec<f64> {
    let of_chunk = |(chunk, squares): (Chunk<'_>, &[f64])| {
        vectorised(
            #[inline(always)]
            || {
                let left = |center| {
                    let mut new = squares_from(chunk, center);
                    new.iter_mut().zip(squares).for_each(|(n, s)| *n = s.min(*n));
                    sum(&new[..squares.len()])
                };
                centers.chunks_exact(rows.columns()).map(left).collect()
            },
        )
    };
    added(rows.par_chunks().zip(squares.par_chunks(CHUNK)).map(of_chunk).collect())
}

/// Squared distance of each row of a chunk from `center`.
#[inline(always)]
fn squares_from(chunk: Chunk<'_>, center: &[f64]) -> [f64; CHUNK] {
    let mut squares = [0.0; CHUNK];
    for (x, m) in chunk.columns().zip(center) {
        squares.iter_mut().zip(x).for_each(|(s, x)| *s += (x - m) * (x - m));
    }
    squares
}

#[cfg(test)]
mod tests {
    use super::super::tests::{adjusted_rand, blobs, on_threads};
    use super::*;

    fn fit(rows: &Array2<f64>, clusters: usize) -> KMeans {
        KMeans::fit(rows.view(), &KMeansOptions::new(clusters, 4)).expect("finite rows")
    }

    #[test]
    fn blobs_are_found_largest_first() {
        let (rows, truth) = blobs(3000, 5, 1);
        let got = fit(&rows, 5);
        assert!(got.converged, "{} iterations", got.iterations);
        let index = adjusted_rand(&got.labels, &truth);
        // Blobs six deviations apart overlap in a few rows only.
        assert!(index > 0.97, "adjusted Rand index {index}");
        assert_eq!(sizes(&got.labels, 5).iter().max(), sizes(&got.labels, 5).first(), "the largest is 0");
        let other = adjusted_rand(&fit(&rows, 2).labels, &truth);
        assert!(other < 0.97, "two clusters pass for five: {other}");
    }

    #[test]
    fn result_is_a_fixed_point() {
        let (rows, _) = blobs(2000, 3, 2);
        let got = fit(&rows, 4);
        let mut inertia = 0.0;
        for cluster in 0..4 {
            let own: Vec<usize> = (0..2000).filter(|&i| got.labels[i] == cluster).collect();
            let own = rows.select(ndarray::Axis(0), &own);
            let mean = own.mean_axis(ndarray::Axis(0)).expect("clusters have rows");
            let center = got.centers.row(cluster as usize);
            let off = (&mean - &center).mapv(f64::abs).fold(0.0, |a: f64, b| a.max(*b));
            // Two ways of adding up 2000 numbers of order 10.
            assert!(off < 1e-11, "centre {cluster} is off the mean of its rows by {off:e}");
            let squares = (&own - &center).mapv(|x| x * x).sum();
            let spread = (squares / own.nrows() as f64).sqrt();
            assert!((got.spread[cluster as usize] / spread - 1.0).abs() < 1e-11, "spread of cluster {cluster}");
            inertia += squares;
        }
        assert!((got.inertia / inertia - 1.0).abs() < 1e-11, "inertia {} against {inertia}", got.inertia);
        let (labels, _) = got.assign(rows.view()).expect("the same rows");
        assert_eq!(labels, got.labels, "assigning the fitted rows");
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let (rows, _) = blobs(10_000, 4, 3);
        let one = on_threads(1, || fit(&rows, 6));
        assert_eq!(one, on_threads(3, || fit(&rows, 6)), "three threads");
        let less = rows.select(ndarray::Axis(0), &(1..10_000).collect::<Vec<_>>());
        assert_ne!(one.centers, fit(&less, 6).centers, "a row less");
    }

    #[test]
    fn fewer_distinct_rows_give_fewer_clusters() {
        let mut rows = Array2::from_elem((30, 2), 7.5);
        assert_eq!(fit(&rows, 5).centers, Array2::from_elem((1, 2), 7.5), "equal rows are one cluster");
        rows.row_mut(3).fill(1e6);
        rows.row_mut(9).fill(-2.0);
        let got = fit(&rows, 5);
        assert_eq!(got.centers.nrows(), 3, "three distinct rows");
        assert_eq!((got.inertia, sizes(&got.labels, 3)), (0.0, vec![28, 1, 1]), "each its own cluster");
        assert_eq!(fit(&Array2::zeros((1, 1)), 3).labels, [0], "a single row");
    }

    #[test]
    fn outliers_keep_everything_finite() {
        let (mut rows, _) = blobs(1000, 3, 4);
        rows.row_mut(500).fill(1e6);
        let got = fit(&rows, 6);
        assert!(got.centers.iter().all(|c| c.is_finite()) && got.inertia.is_finite(), "{}", got.centers);
        let own = got.labels[500];
        assert_eq!(got.labels.iter().filter(|l| **l == own).count(), 1, "an outlier is a cluster of its own");
    }

    #[test]
    fn unusable_rows_are_refused() {
        let options = KMeansOptions::new(2, 0);
        let mut rows = Array2::zeros((3, 2));
        assert!(KMeans::fit(rows.view(), &KMeansOptions::new(0, 0)).is_err(), "no cluster");
        rows[[1, 1]] = f64::NAN;
        assert!(KMeans::fit(rows.view(), &options).is_err(), "a NaN");
        assert!(KMeans::fit(Array2::zeros((0, 2)).view(), &options).is_err(), "no row");
        let fitted = fit(&Array2::zeros((2, 2)), 1);
        assert!(fitted.assign(Array2::zeros((1, 3)).view()).is_err(), "another number of columns");
    }
}
