//! Clusters of rows: which minutes and kilometres behave alike.
//!
//! Every method takes finite rows (rows x columns, f64) and gives labels that mean the same on every run: clusters
//! are numbered by size, the largest is 0, noise is [`NOISE`]. Sums run in a fixed order, so the number of threads
//! changes nothing.

mod agglomerative;
mod chain;
mod covariance;
mod dbscan;
mod density;
mod gmm;
mod kmeans;
mod linkage;
mod neighbours;
mod quality;
mod representatives;
mod spanning;
mod tree;

pub use agglomerative::{Agglomerative, AgglomerativeOptions};
pub use covariance::{Covariance, Covariances};
pub use dbscan::{Dbscan, DbscanOptions, assign_to_core};
pub use gmm::{Criterion, Evaluation, Gmm, GmmOptions, Selection};
pub use kmeans::{KMeans, KMeansOptions};
pub use linkage::Linkage;
pub use neighbours::Neighbours;
pub use quality::{inertia, means, silhouette};

use crate::math::{generator, uniform};

/// Label of a row that belongs to no cluster.
pub const NOISE: i32 = -1;

/// Renumbers `labels` (0..`clusters`, or negative for noise) by falling size; of equally large clusters the one whose
/// first row comes first is lower, and clusters without rows come last. Negative labels become [`NOISE`].
///
/// Returns the old number of each new cluster. Labels of `clusters` or above are left as they are.
pub fn renumber(labels: &mut [i32], clusters: usize) -> Vec<usize> {
    let mut size = vec![0usize; clusters];
    let mut first = vec![usize::MAX; clusters];
    for (row, label) in labels.iter().enumerate() {
        if let Some(n) = usize::try_from(*label).ok().and_then(|l| size.get_mut(l)) {
            if *n == 0 {
                first[*label as usize] = row;
            }
            *n += 1;
        }
    }
    let mut order: Vec<usize> = (0..clusters).collect();
    order.sort_by_key(|&c| (std::cmp::Reverse(size[c]), first[c], c));
    let mut new = vec![0i32; clusters];
    for (number, &old) in (0..).zip(&order) {
        new[old] = number;
    }
    for label in labels {
        *label = usize::try_from(*label).map_or(NOISE, |l| new.get(l).copied().unwrap_or(*label));
    }
    order
}

/// Number of rows of each of `clusters` clusters; noise is not counted.
pub fn sizes(labels: &[i32], clusters: usize) -> Vec<usize> {
    let mut sizes = vec![0; clusters];
    for label in labels {
        if let Some(n) = usize::try_from(*label).ok().and_then(|l| sizes.get_mut(l)) {
            *n += 1;
        }
    }
    sizes
}

/// `count` of `rows` rows in ascending order, one drawn from each of as many equal stretches.
fn spread(rows: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut rng = generator(seed, u64::MAX);
    let step = rows as f64 / count as f64;
    (0..count).map(|i| (((i as f64 + uniform(&mut rng)) * step) as usize).min(rows - 1)).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// Normal numbers by the sum of twelve uniform ones: good enough for blobs.
    pub(super) fn normal(rng: &mut impl rand::RngCore) -> f64 {
        (0..12).map(|_| uniform(rng)).sum::<f64>() - 6.0
    }

    /// `n` rows in five blobs of 40, 25, 20, 10 and 5 per cent, of unequal shape, and the blob of each row.
    pub(super) fn blobs(n: usize, columns: usize, seed: u64) -> (Array2<f64>, Vec<i32>) {
        let mut rng = generator(seed, 0);
        let centres = Array2::from_shape_fn((5, columns), |_| normal(&mut rng) * 6.0);
        let shapes: Vec<Array2<f64>> = (0..5)
            .map(|_| {
                Array2::from_shape_fn((columns, columns), |(i, j)| normal(&mut rng) * 0.3 + f64::from(u8::from(i == j)))
            })
            .collect();
        let mut truth = Vec::with_capacity(n);
        let mut rows = Array2::zeros((n, columns));
        for mut row in rows.rows_mut() {
            let u = uniform(&mut rng);
            let blob = [0.4, 0.65, 0.85, 0.95].iter().filter(|b| u >= **b).count();
            let x = ndarray::Array1::from_shape_fn(columns, |_| normal(&mut rng));
            row.assign(&(shapes[blob].dot(&x) + centres.row(blob)));
            truth.push(blob as i32);
        }
        (rows, truth)
    }

    /// Adjusted Rand index of two labellings (Hubert and Arabie, 1985): 1 for the same partition, 0 by chance.
    pub(super) fn adjusted_rand(a: &[i32], b: &[i32]) -> f64 {
        let pairs = |n: f64| n * (n - 1.0) / 2.0;
        let classes = |l: &[i32]| (l.iter().copied().max().unwrap_or(0) + 2) as usize;
        let mut table = Array2::<f64>::zeros((classes(a), classes(b)));
        a.iter().zip(b).for_each(|(&x, &y)| table[[(x + 1) as usize, (y + 1) as usize]] += 1.0);
        let both: f64 = table.iter().map(|&n| pairs(n)).sum();
        let rows: f64 = table.rows().into_iter().map(|r| pairs(r.sum())).sum();
        let columns: f64 = table.columns().into_iter().map(|c| pairs(c.sum())).sum();
        let expected = rows * columns / pairs(a.len() as f64);
        (both - expected) / ((rows + columns) / 2.0 - expected)
    }

    /// Runs `f` on a pool of so many threads.
    pub(super) fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool").install(f)
    }

    #[test]
    fn clusters_are_numbered_by_size() {
        let mut labels = vec![3, 1, 1, -7, 0, 3, 1, 4];
        let order = renumber(&mut labels, 5);
        assert_eq!(labels, [1, 0, 0, NOISE, 2, 1, 0, 3], "0 and 4 are equally large, 0 comes first");
        assert_eq!(order, [1, 3, 0, 4, 2], "old numbers, the empty one last");
        assert_eq!(sizes(&labels, 5), [3, 2, 1, 1, 0], "sizes fall");
    }

    #[test]
    fn adjusted_rand_index_knows_renamed_and_unrelated_labels() {
        let a: Vec<i32> = (0..3000).map(|i| i % 3).collect();
        let renamed: Vec<i32> = a.iter().map(|l| (l + 1) % 3).collect();
        assert!((adjusted_rand(&a, &renamed) - 1.0).abs() < 1e-12, "names do not matter");
        let unrelated: Vec<i32> = (0..3000).map(|i| i / 3 % 3).collect();
        assert!(adjusted_rand(&a, &unrelated).abs() < 0.01, "independent labels");
    }
}
