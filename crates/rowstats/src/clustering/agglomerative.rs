//! Agglomerative clustering with the four usual linkages.

use ndarray::{Array2, ArrayView2};

use super::chain::nearest_neighbour_chain;
use super::linkage::Linkage;
use super::representatives::Representatives;
use super::spanning::{minimum_spanning_tree, root};
use super::tree::Tree;
use super::{means, renumber};
use crate::{Error, Result};

/// Most representatives: their 8 million distances take 64 MiB and a few seconds.
const MAX_REPRESENTATIVES: usize = 4096;

/// What to compute and with how much memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgglomerativeOptions {
    /// Clusters asked for.
    pub clusters: usize,
    /// Distance between clusters.
    pub linkage: Linkage,
    /// Refuse representatives: an error instead when the distances do not fit.
    pub exact: bool,
    /// What the distances may take, in bytes.
    pub memory_bytes: u64,
    /// Names the random numbers that choose representatives.
    pub seed: u64,
}

/// A hierarchy of clusters and its cut.
///
/// Single linkage is exact for any number of rows, by a minimum spanning tree. The others need the n (n - 1) / 2
/// distances between rows (8 bytes each). Where those do not fit, representatives are clustered in place of rows: up to
/// 4096 (fewer if their distances do not fit either) centres seeded by k-means++ over all rows, so that outliers get
/// their own, and moved by five Lloyd iterations. Each counts as many times as it has rows (ward, average), distances
/// between them are those of the centres, and every row goes where its representative goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Agglomerative {
    /// Cluster of every row.
    pub labels: Vec<i32>,
    /// clusters x columns: mean of each cluster's rows.
    pub centers: Array2<f64>,
    /// The hierarchy in SciPy's format, (m - 1) x 4 for m rows or representatives: two clusters joined, their distance,
    /// and the number of rows of the new one. Cluster m + i is that of line i.
    pub merges: Array2<f64>,
    /// How many representatives were clustered in place of the rows.
    pub representatives: Option<usize>,
}

impl Agglomerative {
    /// Clusters finite rows (rows x columns).
    ///
    /// Fewer clusters than asked for come out when there are fewer distinct rows.
    ///
    /// # Errors
    /// [`Error::Parameter`] for no cluster asked for; [`Error::DistanceMemory`] with `exact` when the distances do not fit; [`Error::Empty`] or [`Error::NotFinite`] for
    /// no row, no column, or rows that are not finite.
    pub fn fit(rows: ArrayView2<'_, f64>, options: &AgglomerativeOptions) -> Result<Self> {
        if options.clusters == 0 {
            return Err(Error::parameter("clusters", 0, "at least one cluster"));
        }
        let n = rows.nrows();
        let tree = Tree::new(rows)?;
        let needed = distances_bytes(n);
        let (merges, of_row, representatives) = if options.linkage == Linkage::Single {
            (hierarchy(minimum_spanning_tree(&tree), &vec![1.0; n]), None, None)
        } else if needed <= options.memory_bytes {
            let chain = nearest_neighbour_chain(rows, &vec![1.0; n], options.linkage);
            (hierarchy(chain, &vec![1.0; n]), None, None)
        } else if options.exact {
            return Err(Error::DistanceMemory { rows: n, bytes: needed });
        } else {
            let count = fitting(options.memory_bytes).clamp(2, MAX_REPRESENTATIVES).max(options.clusters).min(n);
            let chosen = Representatives::choose(rows, count, options.seed)?;
            let chain = nearest_neighbour_chain(chosen.centers.view(), &chosen.weights, options.linkage);
            (hierarchy(chain, &chosen.weights), Some(chosen.labels), Some(chosen.weights.len()))
        };
        let (groups, clusters) = cut(&merges, options.clusters);
        let mut labels: Vec<i32> = match of_row {
            Some(of_row) => of_row.iter().map(|&r| groups[r as usize]).collect(),
            None => groups,
        };
        renumber(&mut labels, clusters);
        let centers = means(rows, &labels, clusters);
        Ok(Self { labels, centers, merges, representatives })
    }
}

/// Bytes of the distances between `n` rows.
fn distances_bytes(n: usize) -> u64 {
    let n = n as u64;
    (n.saturating_mul(n.saturating_sub(1)) / 2).saturating_mul(8)
}

/// The most rows whose distances fit.
fn fitting(bytes: u64) -> usize {
    let n = (1.0 + (1.0 + bytes as f64).sqrt()) / 2.0;
    let mut n = n as usize;
    while n > 0 && distances_bytes(n) > bytes {
        n -= 1;
    }
    n
}

/// SciPy's linkage matrix from joins of members (one of each cluster and the distance) in any order.
pub(super) fn hierarchy(mut joins: Vec<(usize, usize, f64)>, weights: &[f64]) -> Array2<f64> {
    joins.sort_by(|a, b| a.2.total_cmp(&b.2));
    let m = weights.len();
    let mut parent: Vec<u32> = (0..m as u32).collect();
    let mut number: Vec<usize> = (0..m).collect();
    let mut size = weights.to_vec();
    let mut merges = Array2::zeros((joins.len(), 4));
    for (i, (a, b, height)) in joins.into_iter().enumerate() {
        let (a, b) = (root(&mut parent, a as u32) as usize, root(&mut parent, b as u32) as usize);
        let (low, high) = (number[a].min(number[b]), number[a].max(number[b]));
        parent[b] = a as u32;
        size[a] += size[b];
        number[a] = m + i;
        for (to, value) in merges.row_mut(i).iter_mut().zip([low as f64, high as f64, height, size[a]]) {
            *to = value;
        }
    }
    merges
}

/// Cuts a hierarchy into `clusters`, or fewer where that would part what is at distance 0. Returns the cluster of each
/// member and their number.
fn cut(merges: &Array2<f64>, clusters: usize) -> (Vec<i32>, usize) {
    let m = merges.nrows() + 1;
    let equal = merges.column(2).iter().take_while(|h| **h <= 0.0).count();
    let joined = m.saturating_sub(clusters).max(equal);
    let mut parent: Vec<u32> = (0..(2 * m - 1) as u32).collect();
    for (i, merge) in merges.rows().into_iter().take(joined).enumerate() {
        parent[merge[0] as usize] = (m + i) as u32;
        parent[merge[1] as usize] = (m + i) as u32;
    }
    let mut number = vec![-1; 2 * m - 1];
    let mut next = 0;
    let labels = (0..m as u32)
        .map(|member| {
            let top = root(&mut parent, member) as usize;
            if number[top] < 0 {
                number[top] = next;
                next += 1;
            }
            number[top]
        })
        .collect();
    (labels, next as usize)
}

#[cfg(test)]
mod tests {
    use ndarray::Axis;

    use super::super::tests::{adjusted_rand, blobs};
    use super::super::{means, sizes};
    use super::*;

    const LINKAGES: [Linkage; 4] = [Linkage::Ward, Linkage::Complete, Linkage::Average, Linkage::Single];

    /// How well blobs of unequal size must be told apart; complete linkage tends to clusters of equal extent.
    const LEAST: [(Linkage, f64); 3] = [(Linkage::Ward, 0.9), (Linkage::Average, 0.9), (Linkage::Complete, 0.6)];

    fn options(clusters: usize, linkage: Linkage) -> AgglomerativeOptions {
        AgglomerativeOptions { clusters, linkage, exact: false, memory_bytes: 1 << 26, seed: 4 }
    }

    fn fit(rows: &Array2<f64>, clusters: usize, linkage: Linkage) -> Agglomerative {
        Agglomerative::fit(rows.view(), &options(clusters, linkage)).expect("finite rows")
    }

    #[test]
    fn hierarchies_agree_with_kodama() {
        let (rows, _) = blobs(400, 3, 1);
        let mut distances = Vec::new();
        for i in 0..400 {
            for j in i + 1..400 {
                let square: f64 = rows.row(i).iter().zip(rows.row(j)).map(|(a, b)| (a - b) * (a - b)).sum();
                distances.push(square.sqrt());
            }
        }
        for linkage in LINKAGES {
            let method = match linkage {
                Linkage::Ward => kodama::Method::Ward,
                Linkage::Complete => kodama::Method::Complete,
                Linkage::Average => kodama::Method::Average,
                Linkage::Single => kodama::Method::Single,
            };
            let want = kodama::linkage(&mut distances.clone(), 400, method);
            let got = fit(&rows, 5, linkage).merges;
            let off = |shift: f64| {
                let steps = want.steps().iter().zip(got.rows());
                steps.map(|(w, g)| (w.dissimilarity + shift - g[2]).abs()).fold(0.0, f64::max)
            };
            // Hundreds of updates of numbers of order 10, in another order.
            assert!(off(0.0) < 1e-9, "{linkage:?}: heights are off by {:e}", off(0.0));
            assert!(off(1e-6) > 1e-9, "{linkage:?}: heights off by 1e-6 pass");
            for (w, g) in want.steps().iter().zip(got.rows()) {
                assert_eq!((w.cluster1 as f64, w.cluster2 as f64, w.size as f64), (g[0], g[1], g[3]), "{linkage:?}");
            }
        }
    }

    #[test]
    fn blobs_are_found_largest_first() {
        let (rows, truth) = blobs(1500, 4, 3);
        for (linkage, least) in LEAST {
            let got = fit(&rows, 5, linkage);
            let index = adjusted_rand(&got.labels, &truth);
            assert!(index > least, "{linkage:?}: adjusted Rand index {index}");
            let sizes = sizes(&got.labels, 5);
            assert!(sizes.windows(2).all(|s| s[0] >= s[1]), "{linkage:?}: sizes {sizes:?}");
            assert_eq!(got.centers, means(rows.view(), &got.labels, 5), "{linkage:?}: centres");
        }
        let wrong = adjusted_rand(&fit(&rows, 2, Linkage::Ward).labels, &truth);
        assert!(wrong < 0.9, "two clusters pass for five: {wrong}");
    }

    #[test]
    fn representatives_stand_for_the_rows() {
        let (rows, truth) = blobs(3000, 4, 3);
        for (linkage, least) in LEAST {
            let scarce = AgglomerativeOptions { memory_bytes: 300 * 299 / 2 * 8, ..options(5, linkage) };
            let got = Agglomerative::fit(rows.view(), &scarce).expect("finite rows");
            assert_eq!(got.representatives, Some(300), "{linkage:?}: representatives");
            assert_eq!(got.merges[[298, 3]], 3000.0, "{linkage:?}: rows at the top");
            let index = adjusted_rand(&got.labels, &truth);
            assert!(index > least, "{linkage:?}: adjusted Rand index {index}");
            let error = Agglomerative::fit(rows.view(), &AgglomerativeOptions { exact: true, ..scarce });
            assert!(
                matches!(error, Err(Error::DistanceMemory { rows: 3000, bytes }) if bytes == 3000 * 2999 / 2 * 8),
                "the distances do not fit: {error:?}"
            );
        }
        let single = AgglomerativeOptions { memory_bytes: 0, exact: true, ..options(5, Linkage::Single) };
        let got = Agglomerative::fit(rows.view(), &single).expect("single linkage needs no distances");
        assert_eq!(got.representatives, None, "single linkage is always exact");
    }

    #[test]
    fn memory_that_fits() {
        for n in [2, 3, 300, 4096, 100_000] {
            let bytes = distances_bytes(n);
            assert_eq!((fitting(bytes), fitting(bytes - 1)), (n, n - 1), "{n} rows");
        }
        assert_eq!(fitting(0), 1, "one row has no distances");
        assert_eq!(distances_bytes(usize::MAX), u64::MAX, "no overflow");
    }

    #[test]
    fn degenerate_rows_have_an_outcome() {
        for linkage in LINKAGES {
            let equal = fit(&Array2::from_elem((20, 2), 1.5), 4, linkage);
            assert_eq!((equal.labels, equal.centers.nrows()), (vec![0; 20], 1), "{linkage:?}: equal rows");
            let single = fit(&Array2::zeros((1, 2)), 4, linkage);
            assert_eq!((single.labels, single.merges.dim()), (vec![0], (0, 4)), "{linkage:?}: one row");
            let (mut rows, _) = blobs(200, 2, 4);
            rows.row_mut(5).fill(1e6);
            let got = fit(&rows, 2, linkage);
            let own = got.labels.iter().filter(|l| **l == got.labels[5]).count();
            assert_eq!(own, 1, "{linkage:?}: an outlier is a cluster of its own");
            let few = fit(&rows.select(Axis(0), &[0, 1, 0, 1]), 3, linkage);
            assert_eq!(few.labels, [0, 1, 0, 1], "{linkage:?}: two distinct rows");
            assert!(Agglomerative::fit(rows.view(), &options(0, linkage)).is_err(), "{linkage:?}: no cluster");
            rows[[3, 1]] = f64::NAN;
            assert!(Agglomerative::fit(rows.view(), &options(2, linkage)).is_err(), "{linkage:?}: a NaN");
        }
    }
}
