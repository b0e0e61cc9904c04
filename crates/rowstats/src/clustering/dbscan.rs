//! DBSCAN: dense regions as clusters, the rest as noise.

use std::sync::atomic::{AtomicU32, Ordering};

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::tree::{LEAF, Tree};
use super::{NOISE, renumber};
use crate::math::vectorised;
use crate::{Error, Result};

/// What counts as dense.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DbscanOptions {
    /// Largest distance between neighbours.
    pub eps: f64,
    /// Neighbours, the row itself included, that make a row a core row.
    pub min_samples: usize,
}

/// Clusters by density (Ester et al., 1996), with the labels of scikit-learn's `DBSCAN` but for their numbers.
///
/// A row is core when at least `min_samples` rows are within `eps` of it. Core rows within `eps` of each other belong
/// together. Another row within `eps` of a core row goes to the cluster whose first core row comes first; the rest is
/// noise. Neighbours are counted and never stored, so memory does not grow with their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dbscan {
    /// Cluster of every row, or [`NOISE`].
    pub labels: Vec<i32>,
    /// Whether each row is core.
    pub core: Vec<bool>,
    /// Number of clusters.
    pub clusters: usize,
}

impl Dbscan {
    /// Clusters finite rows (rows x columns).
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `eps` is positive and finite, [`Error::Empty`] or [`Error::NotFinite`] for no row, no column, rows that are
    /// not finite, or more than 2^32 of them.
    pub fn fit(rows: ArrayView2<'_, f64>, options: &DbscanOptions) -> Result<Self> {
        if !(options.eps > 0.0 && options.eps.is_finite()) {
            return Err(Error::parameter("eps", options.eps, "a positive number"));
        }
        let tree = Tree::new(rows)?;
        let square = options.eps * options.eps;
        let core = core_places(&tree, square, options.min_samples);
        let groups = Groups::new(tree.rows());
        (0..tree.leaf_count()).into_par_iter().for_each(|leaf| connect(&tree, leaf, square, &core, &groups));

        // Clusters in the order of their first core row.
        let mut first = vec![u32::MAX; tree.rows()];
        for place in (0..tree.rows()).filter(|&p| core[p]) {
            let root = groups.root(place as u32) as usize;
            first[root] = first[root].min(tree.row(place) as u32);
        }
        let mut roots: Vec<usize> = (0..tree.rows()).filter(|&p| first[p] != u32::MAX).collect();
        roots.sort_unstable_by_key(|&p| first[p]);
        let mut number = vec![NOISE; tree.rows()];
        for (cluster, &root) in (0..).zip(&roots) {
            number[root] = cluster;
        }
        let of_place: Vec<i32> =
            (0..tree.rows()).map(|p| if core[p] { number[groups.root(p as u32) as usize] } else { NOISE }).collect();
        let border: Vec<Vec<(usize, i32)>> = (0..tree.leaf_count())
            .into_par_iter()
            .map(|leaf| border_rows(&tree, leaf, square, &core, &of_place))
            .collect();

        let (mut labels, mut is_core) = (vec![NOISE; tree.rows()], vec![false; tree.rows()]);
        for place in 0..tree.rows() {
            labels[tree.row(place)] = of_place[place];
            is_core[tree.row(place)] = core[place];
        }
        border.into_iter().flatten().for_each(|(row, label)| labels[row] = label);
        renumber(&mut labels, roots.len());
        Ok(Self { labels, core: is_core, clusters: roots.len() })
    }
}

/// Labels of new rows: the cluster of the nearest core row within `eps`, else [`NOISE`].
///
/// # Shape
/// `core` holds the core rows of a fit, `labels` the cluster of each; `rows` have the same columns. All finite. Without
/// core rows everything is noise.
///
/// # Errors
/// [`Error::NotFinite`], [`Error::Length`], [`Error::Columns`].
pub fn assign_to_core(
    core: ArrayView2<'_, f64>,
    labels: &[i32],
    eps: f64,
    rows: ArrayView2<'_, f64>,
) -> Result<Vec<i32>> {
    if core.nrows() != labels.len() {
        return Err(Error::Length { what: "labels", found: labels.len(), expected: core.nrows() });
    }
    if core.nrows() > 0 && core.ncols() != rows.ncols() {
        return Err(Error::Columns { found: rows.ncols(), expected: core.ncols() });
    }
    if core.nrows() == 0 {
        return Ok(vec![NOISE; rows.nrows()]);
    }
    let tree = Tree::new(core)?;
    let nearest = |i: usize| {
        let mut found = [(0.0, 0)];
        tree.nearest(&rows.row(i).to_vec(), &mut found);
        if found[0].0 <= eps * eps { labels[tree.row(found[0].1 as usize)] } else { NOISE }
    };
    Ok((0..rows.nrows()).into_par_iter().map(nearest).collect())
}

/// Which places hold core rows.
fn core_places(tree: &Tree, square: f64, min_samples: usize) -> Vec<bool> {
    let of_leaf = |leaf: usize| {
        // The leaf itself first: where rows are dense it settles most of them.
        let mut near = tree.leaves_near(leaf, square);
        if let Some(own) = near.iter().position(|&l| l as usize == leaf) {
            near.swap(0, own);
        }
        let mut point = vec![0.0; tree.columns()];
        let is_core = |i: usize| {
            tree.coordinates(leaf, i, &mut point);
            vectorised(
                #[inline(always)]
                || {
                    let mut count = 0;
                    for &other in &near {
                        if tree.to_leaf(other as usize, &point) <= square {
                            let squares = tree.squares(other as usize, &point);
                            count += squares.iter().map(|s| u32::from(*s <= square)).sum::<u32>() as usize;
                            if count >= min_samples {
                                return true;
                            }
                        }
                    }
                    count >= min_samples
                },
            )
        };
        (0..tree.places(leaf).len()).map(is_core).collect::<Vec<bool>>()
    };
    (0..tree.leaf_count()).into_par_iter().flat_map_iter(of_leaf).collect()
}

/// Joins the core rows of a leaf with those within reach in the same and later leaves.
fn connect(tree: &Tree, leaf: usize, square: f64, core: &[bool], groups: &Groups) {
    let own = tree.places(leaf);
    if !own.clone().any(|p| core[p]) {
        return;
    }
    let near = tree.leaves_near(leaf, square);
    let mut point = vec![0.0; tree.columns()];
    for &other in near.iter().filter(|&&l| l as usize >= leaf) {
        let places = tree.places(other as usize);
        // Inside a cluster nearly all pairs of leaves are joined already, which is soon seen.
        let mut cores = own.clone().chain(places.clone()).filter(|&p| core[p]).map(|p| groups.root(p as u32));
        let joined = cores.next().is_none_or(|root| cores.all(|r| r == root));
        if joined || !places.clone().any(|p| core[p]) {
            continue;
        }
        for (i, place) in own.clone().enumerate().filter(|(_, p)| core[*p]) {
            tree.coordinates(leaf, i, &mut point);
            let squares = distances(tree, other as usize, &point);
            for (there, s) in places.clone().zip(&squares) {
                if *s <= square && core[there] {
                    groups.join(place as u32, there as u32);
                }
            }
        }
    }
}

/// Rows of a leaf that are not core but near to a core row, with the lowest cluster near them.
fn border_rows(tree: &Tree, leaf: usize, square: f64, core: &[bool], of_place: &[i32]) -> Vec<(usize, i32)> {
    let own = tree.places(leaf);
    if own.clone().all(|p| core[p]) {
        return Vec::new();
    }
    let near = tree.leaves_near(leaf, square);
    let mut point = vec![0.0; tree.columns()];
    let label = |(i, place): (usize, usize)| {
        tree.coordinates(leaf, i, &mut point);
        let lowest = near
            .iter()
            .filter(|&&other| tree.to_leaf(other as usize, &point) <= square)
            .flat_map(|&other| {
                let squares = distances(tree, other as usize, &point);
                tree.places(other as usize).zip(squares).filter(|(there, s)| *s <= square && core[*there])
            })
            .map(|(there, _)| of_place[there])
            .min();
        lowest.map(|label| (tree.row(place), label))
    };
    own.enumerate().filter(|(_, p)| !core[*p]).filter_map(label).collect()
}

fn distances(tree: &Tree, leaf: usize, point: &[f64]) -> [f64; LEAF] {
    vectorised(
        #[inline(always)]
        || tree.squares(leaf, point),
    )
}

/// Disjoint sets that several threads join at once. The lowest member is the root, so what comes out does not depend
/// on the order of joining.
struct Groups(Vec<AtomicU32>);

impl Groups {
    fn new(n: usize) -> Self {
        Self((0..n as u32).map(AtomicU32::new).collect())
    }

    fn root(&self, mut member: u32) -> u32 {
        loop {
            let parent = self.0[member as usize].load(Ordering::Relaxed);
            if parent == member {
                return member;
            }
            // Shorten the way for the next one; parents only ever fall, so no update can undo a join.
            let above = self.0[parent as usize].load(Ordering::Relaxed);
            self.0[member as usize].fetch_min(above, Ordering::Relaxed);
            member = above;
        }
    }

    fn join(&self, a: u32, b: u32) {
        let (mut a, mut b) = (self.root(a), self.root(b));
        while a != b {
            let (low, high) = (a.min(b), a.max(b));
            if self.0[high as usize].compare_exchange(high, low, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return;
            }
            (a, b) = (self.root(low), self.root(high));
        }
    }
}

#[cfg(test)]
mod tests {
    use linfa::prelude::Transformer;
    use ndarray::Array2;

    use super::super::sizes;
    use super::super::tests::{adjusted_rand, blobs, on_threads};
    use super::*;
    use crate::math::{generator, uniform};

    fn fit(rows: &Array2<f64>, eps: f64, min_samples: usize) -> Dbscan {
        Dbscan::fit(rows.view(), &DbscanOptions { eps, min_samples }).expect("finite rows")
    }

    /// linfa's DBSCAN with our numbering.
    fn linfa(rows: &Array2<f64>, eps: f64, min_samples: usize) -> Vec<i32> {
        let found =
            linfa_clustering::Dbscan::params::<f64>(min_samples).tolerance(eps).transform(rows).expect("parameters");
        let mut labels: Vec<i32> = found.iter().map(|l| l.map_or(NOISE, |l| l as i32)).collect();
        let clusters = labels.iter().max().map_or(0, |m| (m + 1) as usize);
        renumber(&mut labels, clusters);
        labels
    }

    /// Blobs with a fiftieth of the rows scattered in between.
    fn noisy(n: usize) -> Array2<f64> {
        let (mut rows, _) = blobs(n, 3, 1);
        let mut rng = generator(9, 0);
        rows.rows_mut().into_iter().step_by(50).for_each(|mut r| r.mapv_inplace(|_| (uniform(&mut rng) - 0.5) * 40.0));
        rows
    }

    #[test]
    fn labels_agree_with_linfa() {
        for (n, eps, min_samples) in [(3000, 0.9, 20), (3000, 0.5, 5), (500, 1.5, 4), (40, 2.0, 3)] {
            let rows = noisy(n);
            let (got, want) = (fit(&rows, eps, min_samples), linfa(&rows, eps, min_samples));
            let noise = |l: &[i32]| l.iter().map(|l| *l == NOISE).collect::<Vec<_>>();
            assert_eq!(noise(&got.labels), noise(&want), "noise of {n} rows at {eps}");
            let index = adjusted_rand(&got.labels, &want);
            // Rows at the border of two clusters may go to either.
            assert!(index > 0.999, "{n} rows at {eps}: adjusted Rand index {index}");
            assert!(got.clusters > 1, "{n} rows at {eps}: only {} clusters", got.clusters);
        }
        let index = adjusted_rand(&fit(&noisy(3000), 0.9, 20).labels, &linfa(&noisy(3000), 0.6, 20));
        assert!(index < 0.999, "another radius passes: {index}");
    }

    #[test]
    fn core_rows_follow_the_definition() {
        let rows = noisy(800);
        let got = fit(&rows, 0.9, 10);
        for (i, row) in rows.rows().into_iter().enumerate() {
            let near: Vec<usize> = (0..800)
                .filter(|&j| row.iter().zip(rows.row(j)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() <= 0.9 * 0.9)
                .collect();
            assert_eq!(got.core[i], near.len() >= 10, "row {i} has {} neighbours", near.len());
            let by_core = near.iter().any(|&j| got.core[j]);
            assert_eq!(got.labels[i] != NOISE, by_core, "row {i} is in a cluster");
            if got.core[i] {
                assert!(near.iter().all(|&j| !got.core[j] || got.labels[j] == got.labels[i]), "neighbours of row {i}");
            }
        }
        let counts = sizes(&got.labels, got.clusters);
        assert!(counts.windows(2).all(|s| s[0] >= s[1]), "sizes {counts:?}");
    }

    #[test]
    fn border_rows_go_to_the_cluster_that_comes_first() {
        // Two rows of five at distance 0.1, and one row between them, 1 from the end of each.
        let first = (0..5).map(|i| f64::from(i) * 0.1);
        let second = (0..5).map(|i| 2.4 + f64::from(i) * 0.1);
        let line: Vec<f64> = second.chain(first).chain([1.4]).collect();
        let rows = Array2::from_shape_vec((11, 1), line).expect("one column");
        let got = fit(&rows, 1.0 + 1e-9, 4);
        assert!(!got.core[10], "the row between is no core row");
        assert_eq!(got.labels[10], got.labels[0], "it goes to the cluster of the first row: {:?}", got.labels);
        assert_ne!(got.labels[0], got.labels[5], "two clusters");
    }

    #[test]
    fn threads_do_not_change_a_label() {
        let rows = noisy(6000);
        assert_eq!(on_threads(1, || fit(&rows, 0.6, 10)), on_threads(4, || fit(&rows, 0.6, 10)), "four threads");
    }

    #[test]
    fn new_rows_go_to_the_nearest_core_row() {
        let rows = noisy(2000);
        let got = fit(&rows, 0.9, 10);
        let core: Vec<usize> = (0..2000).filter(|&i| got.core[i]).collect();
        let labels: Vec<i32> = core.iter().map(|&i| got.labels[i]).collect();
        let core = rows.select(ndarray::Axis(0), &core);
        let again = assign_to_core(core.view(), &labels, 0.9, rows.view()).expect("the same columns");
        for (i, &label) in again.iter().enumerate() {
            assert!(!got.core[i] || label == got.labels[i], "core row {i}");
            assert_eq!(label == NOISE, got.labels[i] == NOISE, "row {i}");
        }
        let none = assign_to_core(Array2::zeros((0, 3)).view(), &[], 0.9, rows.view()).expect("no core rows");
        assert!(none.iter().all(|l| *l == NOISE), "without core rows all is noise");
        assert!(assign_to_core(core.view(), &[], 0.9, rows.view()).is_err(), "labels are missing");
    }

    #[test]
    fn degenerate_rows_have_an_outcome() {
        let equal = fit(&Array2::from_elem((100, 2), 3.0), 0.1, 5);
        assert_eq!((equal.clusters, equal.labels), (1, vec![0; 100]), "equal rows are one cluster");
        let single = fit(&Array2::zeros((1, 2)), 0.1, 5);
        assert_eq!((single.clusters, single.labels), (0, vec![NOISE]), "one row is noise");
        let alone = fit(&Array2::zeros((1, 2)), 0.1, 1);
        assert_eq!(alone.labels, [0], "unless one row is dense enough");
        let mut far = noisy(500);
        far.row_mut(7).fill(1e6);
        assert_eq!(fit(&far, 0.9, 5).labels[7], NOISE, "an outlier is noise");
        for eps in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Dbscan::fit(far.view(), &DbscanOptions { eps, min_samples: 5 }).is_err(), "eps {eps}");
        }
    }
}
