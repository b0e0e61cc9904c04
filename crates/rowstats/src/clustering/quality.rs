//! How good a clustering is.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::{sizes, spread};

/// Mean of each cluster's rows, clusters x columns; 0 for a cluster without rows. Noise counts nowhere.
pub fn means(rows: ArrayView2<'_, f64>, labels: &[i32], clusters: usize) -> Array2<f64> {
    let mut means = Array2::zeros((clusters, rows.ncols()));
    for (row, &label) in rows.rows().into_iter().zip(labels) {
        if let Some(mut mean) = usize::try_from(label).ok().filter(|l| *l < clusters).map(|l| means.row_mut(l)) {
            mean += &row;
        }
    }
    for (mut mean, size) in means.rows_mut().into_iter().zip(sizes(labels, clusters)) {
        mean /= size.max(1) as f64;
    }
    means
}

/// Sum of squared distances of rows from the mean of their cluster; noise is left out.
pub fn inertia(rows: ArrayView2<'_, f64>, labels: &[i32], clusters: usize) -> f64 {
    let means = means(rows, labels, clusters);
    let square = |(row, &label): (ndarray::ArrayView1<'_, f64>, &i32)| {
        let own = usize::try_from(label).ok().filter(|l| *l < clusters)?;
        Some(row.iter().zip(means.row(own)).map(|(x, m)| (x - m) * (x - m)).sum::<f64>())
    };
    rows.rows().into_iter().zip(labels).filter_map(square).sum()
}

/// Mean silhouette (Rousseeuw, 1987) over at most `sample` rows, from -1 to 1.
///
/// A row's silhouette is (b - a) / max(a, b), a its mean distance to the rows of its own cluster and b that to the
/// nearest other cluster, all within the sample; it is 0 for the only row of a cluster. Noise is left out. The sample is
/// spread evenly over the rows and named by `seed`. Takes the square of `sample` distances.
///
/// None with fewer than two clusters in the sample.
pub fn silhouette(rows: ArrayView2<'_, f64>, labels: &[i32], sample: usize, seed: u64) -> Option<f64> {
    let mut taken: Vec<usize> = (0..labels.len().min(rows.nrows())).filter(|&i| labels[i] >= 0).collect();
    if taken.len() > sample {
        taken = spread(taken.len(), sample, seed).into_iter().map(|i| taken[i]).collect();
    }
    let clusters = taken.iter().map(|&i| labels[i] as usize + 1).max()?;
    let of_sample: Vec<i32> = taken.iter().map(|&i| labels[i]).collect();
    let sizes = sizes(&of_sample, clusters);
    if sizes.iter().filter(|s| **s > 0).count() < 2 {
        return None;
    }
    let points = rows.select(ndarray::Axis(0), &taken);
    let of_row = |i: usize| {
        let mut sums = vec![0.0; clusters];
        for (other, &label) in points.rows().into_iter().zip(&of_sample) {
            let square: f64 = points.row(i).iter().zip(other).map(|(x, y)| (x - y) * (x - y)).sum();
            sums[label as usize] += square.sqrt();
        }
        let own = of_sample[i] as usize;
        if sizes[own] == 1 {
            return 0.0;
        }
        let a = sums[own] / (sizes[own] - 1) as f64;
        let others = (0..clusters).filter(|&c| c != own && sizes[c] > 0);
        let b = others.map(|c| sums[c] / sizes[c] as f64).fold(f64::INFINITY, f64::min);
        if a.max(b) > 0.0 { (b - a) / a.max(b) } else { 0.0 }
    };
    let silhouettes: Vec<f64> = (0..taken.len()).into_par_iter().map(of_row).collect();
    Some(silhouettes.iter().sum::<f64>() / taken.len() as f64)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::NOISE;
    use super::super::tests::blobs;
    use super::*;

    #[test]
    fn silhouette_of_four_points() {
        // Two pairs of points 1 apart, the pairs 10 apart: worked out by hand.
        let rows = array![[0.0], [1.0], [10.0], [11.0], [500.0]];
        let labels = [0, 0, 1, 1, NOISE];
        let (outer, inner) = ((10.5 - 1.0) / 10.5, (9.5 - 1.0) / 9.5);
        let got = silhouette(rows.view(), &labels, 100, 0).expect("two clusters");
        assert!((got - f64::midpoint(outer, inner)).abs() < 1e-12, "{got}");
        let crossed = silhouette(rows.view(), &[0, 1, 0, 1, NOISE], 100, 0).expect("two clusters");
        assert!(crossed < 0.0, "pairs torn apart have {crossed}");
    }

    #[test]
    fn samples_come_close_and_single_clusters_have_none() {
        let (rows, truth) = blobs(3000, 3, 1);
        let all = silhouette(rows.view(), &truth, 3000, 0).expect("five clusters");
        let some = silhouette(rows.view(), &truth, 500, 0).expect("five clusters");
        // Silhouettes deviate by less than 0.3: a mean of 500 by 0.013.
        assert!((all - some).abs() < 0.05, "{all} and {some}");
        assert_eq!(silhouette(rows.view(), &vec![0; 3000], 500, 0), None, "one cluster");
        assert_eq!(silhouette(rows.view(), &vec![NOISE; 3000], 500, 0), None, "only noise");
        let alone: Vec<i32> = (0..3000).map(|i| i32::from(i == 5)).collect();
        assert!(silhouette(rows.view(), &alone, 3000, 0).is_some_and(f64::is_finite), "a cluster of one row");
    }

    #[test]
    fn inertia_by_hand() {
        let rows = array![[0.0, 0.0], [2.0, 0.0], [5.0, 5.0], [9.0, 9.0]];
        let labels = [0, 0, 1, NOISE];
        assert_eq!(means(rows.view(), &labels, 3), array![[1.0, 0.0], [5.0, 5.0], [0.0, 0.0]], "means");
        assert_eq!(inertia(rows.view(), &labels, 3), 2.0, "two rows, one off on each side");
    }
}
