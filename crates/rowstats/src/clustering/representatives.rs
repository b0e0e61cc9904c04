//! A few thousand points that stand for all rows where not all pairs of rows can be compared.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::kmeans::seeded;
use super::tree::Tree;
use crate::math::generator;
use crate::soa_matrix::{SoaMatrix, added};
use crate::{Error, Result};

/// Lloyd iterations: the first few bring nearly all that many would.
const ITERATIONS: usize = 5;

/// Parts of the rows over which sums are taken apart; fixed, so that sums do not depend on the number of threads.
const PARTS: usize = 64;

pub(super) struct Representatives {
    /// representatives x columns.
    pub(super) centers: Array2<f64>,
    /// Rows that each stands for, at least one.
    pub(super) weights: Vec<f64>,
    /// The representative of each row.
    pub(super) labels: Vec<u32>,
}

impl Representatives {
    /// Chooses up to `count` of them for finite rows: k-means++ seeds (one trial each) and a few Lloyd iterations, whose
    /// nearest centres a k-d tree finds.
    pub(super) fn choose(rows: ArrayView2<'_, f64>, count: usize, seed: u64) -> Result<Self> {
        let d = rows.ncols();
        let mut centers = seeded(&SoaMatrix::finite(rows)?, count, 1, &mut generator(seed, 0));
        for _ in 0..ITERATIONS {
            let labels = nearest(rows, &matrix(centers.clone(), d)?)?;
            let sums = sums(rows, &labels, centers.len() / d);
            for (center, sums) in centers.chunks_exact_mut(d).zip(sums.chunks_exact(d + 1)) {
                if sums[d] > 0.0 {
                    center.iter_mut().zip(sums).for_each(|(c, s)| *c = s / sums[d]);
                }
            }
        }
        let centers = matrix(centers, d)?;
        let labels = nearest(rows, &centers)?;
        let weights: Vec<f64> = sums(rows, &labels, centers.nrows()).chunks_exact(d + 1).map(|s| s[d]).collect();
        Ok(Self::without_empty(centers, weights, labels))
    }

    /// Leaves out those that lost all their rows.
    fn without_empty(centers: Array2<f64>, weights: Vec<f64>, mut labels: Vec<u32>) -> Self {
        let kept: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
        let mut number = vec![0; weights.len()];
        for (new, &old) in (0..).zip(&kept) {
            number[old] = new;
        }
        labels.iter_mut().for_each(|l| *l = number[*l as usize]);
        let weights = kept.iter().map(|&i| weights[i]).collect();
        Self { centers: centers.select(ndarray::Axis(0), &kept), weights, labels }
    }
}

fn matrix(values: Vec<f64>, columns: usize) -> Result<Array2<f64>> {
    Array2::from_shape_vec((values.len() / columns, columns), values).map_err(Error::from)
}

/// Nearest centre of each row.
fn nearest(rows: ArrayView2<'_, f64>, centers: &Array2<f64>) -> Result<Vec<u32>> {
    let tree = Tree::new(centers.view())?;
    let of_row = |i: usize| {
        let mut found = [(0.0, 0)];
        tree.nearest(&rows.row(i).to_vec(), &mut found);
        tree.row(found[0].1 as usize) as u32
    };
    Ok((0..rows.nrows()).into_par_iter().map(of_row).collect())
}

/// For each centre the sum of its rows and their number.
fn sums(rows: ArrayView2<'_, f64>, labels: &[u32], count: usize) -> Vec<f64> {
    let (n, d) = rows.dim();
    let part = |p: usize| {
        let mut sums = vec![0.0; count * (d + 1)];
        for i in p * n / PARTS..(p + 1) * n / PARTS {
            let own = &mut sums[labels[i] as usize * (d + 1)..(labels[i] as usize + 1) * (d + 1)];
            own.iter_mut().zip(rows.row(i)).for_each(|(s, x)| *s += x);
            own[d] += 1.0;
        }
        sums
    };
    added((0..PARTS).into_par_iter().map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{blobs, on_threads};
    use super::*;

    #[test]
    fn every_row_has_its_nearest_and_outliers_their_own() {
        let (mut rows, _) = blobs(2000, 3, 1);
        rows.row_mut(77).fill(1e5);
        let chosen = Representatives::choose(rows.view(), 50, 4).expect("finite rows");
        assert_eq!(chosen.weights.iter().sum::<f64>(), 2000.0, "all rows are stood for");
        assert_eq!(chosen.weights[chosen.labels[77] as usize], 1.0, "the outlier stands for itself");
        for (row, &label) in rows.rows().into_iter().zip(&chosen.labels) {
            let square = |c: usize| (&row - &chosen.centers.row(c)).mapv(|x| x * x).sum();
            let own: f64 = square(label as usize);
            assert!((0..chosen.weights.len()).all(|c| square(c) >= own * (1.0 - 1e-12)), "a nearer representative");
        }
        let other = on_threads(1, || Representatives::choose(rows.view(), 50, 4).expect("finite rows"));
        assert_eq!((other.centers, other.labels), (chosen.centers, chosen.labels), "one thread");
    }

    #[test]
    fn equal_rows_have_one_representative() {
        let chosen = Representatives::choose(Array2::from_elem((40, 2), 3.0).view(), 10, 4).expect("finite rows");
        assert_eq!(chosen.weights, [40.0], "all rows are one point");
    }
}
