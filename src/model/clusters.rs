//! Fitted clusters of any method: labels and scores for rows, old or new.

use std::path::Path;

use ndarray::{Array0, Array1, Array2, ArrayView1, ArrayView2};

use super::arrays::Stored;
use crate::config::{Config, Method};
use crate::error::Result;
use crate::store::npz::{Arrays, write_npz};
use scatterfall_rowstats::baselines::median;
use scatterfall_rowstats::clustering::{Covariance, Covariances, Gmm, KMeans, NOISE, Neighbours, assign_to_core};

/// Nearest rows that a row is compared with where clusters have no shape of their own (DBSCAN, agglomerative).
pub const NEIGHBOURS: usize = 10;

/// The clusters of a fit.
///
/// New rows are labelled: by the most likely component (GMM), the nearest centre (k-means), the nearest core row within
/// eps, else noise (DBSCAN), or the nearest mean of a cluster (agglomerative, whatever its linkage).
///
/// Scores are the negative log-likelihood (GMM), the distance to the own centre over that cluster's root-mean-square
/// distance (k-means), and the mean distance to the ten nearest rows of the fit over its median (the others).
pub enum Clusters {
    /// A mixture.
    Gmm(Gmm),
    /// Centres.
    KMeans(KMeans),
    /// Core rows with their clusters.
    Dbscan {
        /// core rows x columns.
        core: Array2<f64>,
        /// Cluster of each core row.
        core_labels: Vec<i32>,
        /// Reach of a core row.
        eps: f64,
        /// The rows of the fit.
        near: Near,
    },
    /// A hierarchy that was cut.
    Agglomerative {
        /// The hierarchy in SciPy's format.
        merges: Array2<f64>,
        /// Mean of each cluster's rows.
        centers: Array2<f64>,
        /// The rows of the fit.
        near: Near,
    },
}

/// The rows of a fit, for scores by the distance to the nearest of them.
pub struct Near {
    rows: Array2<f64>,
    index: Neighbours,
    /// Median over the rows of the fit.
    usual: f64,
}

impl Near {
    /// Rows of a fit: finite, at least one.
    ///
    /// # Errors
    /// [`Error::Rows`](crate::Error::Rows) where they are not.
    pub fn new(rows: ArrayView2<'_, f64>) -> Result<Self> {
        let index = Neighbours::new(rows)?;
        let usual = median(&mut index.mean_distances(rows, NEIGHBOURS)?);
        Ok(Self { rows: rows.to_owned(), index, usual })
    }

    /// Mean distance to the nearest rows, over what is usual; 0 at distance 0.
    fn scores(&self, rows: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let distances = self.index.mean_distances(rows, NEIGHBOURS)?;
        Ok(distances.into_iter().map(|d| over(d, self.usual)).collect())
    }
}

/// `distance / usual`, 0 at distance 0 even where nothing is usual (all rows equal).
fn over(distance: f64, usual: f64) -> f64 {
    if distance == 0.0 { 0.0 } else { distance / usual.max(f64::MIN_POSITIVE) }
}

impl Clusters {
    /// Number of clusters.
    pub fn count(&self) -> usize {
        match self {
            Self::Gmm(gmm) => gmm.weights.len(),
            Self::KMeans(kmeans) => kmeans.centers.nrows(),
            Self::Dbscan { core_labels, .. } => {
                core_labels.iter().max().map_or(0, |&l| usize::try_from(l).map_or(0, |l| l + 1))
            }
            Self::Agglomerative { centers, .. } => centers.nrows(),
        }
    }

    /// The method's name in the configuration.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Gmm(_) => "gmm",
            Self::KMeans(_) => "kmeans",
            Self::Dbscan { .. } => "dbscan",
            Self::Agglomerative { .. } => "agglomerative",
        }
    }

    /// Labels and scores of finite rows. A row's are the same whatever rows it comes with.
    ///
    /// # Errors
    /// [`Error::Rows`](crate::Error::Rows) for rows that are not finite or have other columns than the fit.
    pub fn assign(&self, rows: ArrayView2<'_, f64>) -> Result<(Vec<i32>, Vec<f64>)> {
        if rows.nrows() == 0 {
            return Ok((Vec::new(), Vec::new()));
        }
        match self {
            Self::Gmm(gmm) => {
                let found = gmm.evaluate(rows)?;
                Ok((found.labels, found.scores.into_iter().map(|s| -s).collect()))
            }
            Self::KMeans(kmeans) => {
                let (labels, distances) = kmeans.assign(rows)?;
                let spread = |label: i32| usize::try_from(label).map_or(0.0, |l| kmeans.spread[l]);
                let scores = labels.iter().zip(distances).map(|(&label, d)| over(d, spread(label))).collect();
                Ok((labels, scores))
            }
            Self::Dbscan { core, core_labels, eps, near } => {
                let scores = near.scores(rows)?;
                Ok((assign_to_core(core.view(), core_labels, *eps, rows)?, scores))
            }
            Self::Agglomerative { centers, near, .. } => {
                let scores = near.scores(rows)?;
                Ok((rows.rows().into_iter().map(|row| nearest(centers, row)).collect(), scores))
            }
        }
    }

    /// Writes `clustering_results/model.npz`: what describes the clusters.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Store`].
    pub fn write(&self, path: &Path) -> Result<()> {
        write_npz(path, |out| self.add_to(out))
    }

    /// Writes what [`Self::read`] needs: beside the clusters the rows that scores measure against.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Store`].
    pub(super) fn write_all(&self, path: &Path) -> Result<()> {
        write_npz(path, |out| {
            self.add_to(out)?;
            match self {
                Self::Dbscan { near, .. } | Self::Agglomerative { near, .. } => out.add("rows", &near.rows),
                _ => Ok(()),
            }
        })
    }

    fn add_to(&self, out: &mut Arrays<'_>) -> scatterfall_npz::Result<()> {
        match self {
            Self::Gmm(gmm) => {
                out.add("weights", &gmm.weights)?;
                out.add("means", &gmm.means)?;
                match &gmm.covariances {
                    Covariances::Full(c) => out.add("covariances", c),
                    Covariances::Diag(c) | Covariances::Tied(c) => out.add("covariances", c),
                    Covariances::Spherical(c) => out.add("covariances", c),
                }
            }
            Self::KMeans(kmeans) => {
                out.add("centers", &kmeans.centers)?;
                out.add("spread", &kmeans.spread)
            }
            Self::Dbscan { core, core_labels, eps, near } => {
                out.add("core", core)?;
                out.add("core_labels", &Array1::from(core_labels.clone()))?;
                out.add("eps", &Array0::from_elem((), *eps))?;
                out.add("usual_distance", &Array0::from_elem((), near.usual))
            }
            Self::Agglomerative { merges, centers, near } => {
                out.add("heights", &merges.column(2))?;
                out.add("merges", merges)?;
                out.add("centers", centers)?;
                out.add("usual_distance", &Array0::from_elem((), near.usual))
            }
        }
    }

    /// Reads clusters of rows of `columns` components, by the method that the configuration names.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Store`] for arrays that do not fit each other.
    pub(super) fn read(path: &Path, config: &Config, columns: usize) -> Result<Self> {
        let mut file = Stored::open(path)?;
        let d = Some(columns);
        match config.cluster.method {
            Method::Gmm => read_gmm(&mut file, config.cluster.gmm.covariance, columns).map(Self::Gmm),
            Method::KMeans => {
                let centers = file.matrix("centers", (None, d))?;
                if centers.nrows() == 0 {
                    return Err(file.wrong("centers", "there is none"));
                }
                let spread = file.vector("spread", Some(centers.nrows()))?;
                Ok(Self::KMeans(KMeans::from_centers(centers, spread)))
            }
            Method::Dbscan => {
                let core = file.matrix("core", (None, d))?;
                // Every cluster has a core row.
                let last = i64::try_from(core.nrows()).unwrap_or(i64::MAX) - 1;
                let labels = file.integers("core_labels", Some(core.nrows()), 0, last)?;
                let eps = file.scalar("eps")?;
                file.positive("eps", [eps].iter())?;
                let core_labels = labels.into_iter().map(|l| i32::try_from(l).unwrap_or(NOISE)).collect();
                Ok(Self::Dbscan { core, core_labels, eps, near: read_near(&mut file, columns)? })
            }
            Method::Agglomerative => {
                let merges = file.matrix("merges", (None, Some(4)))?;
                let centers = file.matrix("centers", (None, d))?;
                if centers.nrows() == 0 {
                    return Err(file.wrong("centers", "there is none"));
                }
                Ok(Self::Agglomerative { merges, centers, near: read_near(&mut file, columns)? })
            }
        }
    }
}

fn read_near(file: &mut Stored, columns: usize) -> Result<Near> {
    let rows = file.matrix("rows", (None, Some(columns)))?;
    let index = Neighbours::new(rows.view()).map_err(|e| file.wrong("rows", e))?;
    let usual = file.scalar("usual_distance")?;
    Ok(Near { rows, index, usual })
}

fn read_gmm(file: &mut Stored, covariance: Covariance, columns: usize) -> Result<Gmm> {
    let d = Some(columns);
    let weights = file.vector("weights", None)?;
    let k = Some(weights.len());
    if weights.is_empty() {
        return Err(file.wrong("weights", "there is none"));
    }
    file.positive("weights", weights.iter())?;
    let means = file.matrix("means", (k, d))?;
    let covariances = match covariance {
        Covariance::Full => {
            let c = file.array("covariances", &[k, d, d])?;
            Covariances::Full(c.into_dimensionality().map_err(|e| file.wrong("covariances", e))?)
        }
        Covariance::Diag => Covariances::Diag(file.matrix("covariances", (k, d))?),
        Covariance::Tied => Covariances::Tied(file.matrix("covariances", (d, d))?),
        Covariance::Spherical => Covariances::Spherical(file.vector("covariances", k)?),
    };
    match &covariances {
        Covariances::Full(c) => {
            for of_one in c.outer_iter() {
                file.positive("covariances", of_one.diag().iter())?;
            }
        }
        Covariances::Tied(c) => file.positive("covariances", c.diag().iter())?,
        Covariances::Diag(c) => file.positive("covariances", c.iter())?,
        Covariances::Spherical(c) => file.positive("covariances", c.iter())?,
    }
    Ok(Gmm::from_parameters(weights, means, covariances))
}

/// The nearest centre, the first of equally near ones.
fn nearest(centers: &Array2<f64>, row: ArrayView1<'_, f64>) -> i32 {
    let distance = |c: ArrayView1<'_, f64>| -> f64 { c.iter().zip(row).map(|(c, x)| (c - x) * (c - x)).sum() };
    let squares = centers.rows().into_iter().map(distance).enumerate();
    squares.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(NOISE, |(k, _)| i32::try_from(k).unwrap_or(NOISE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scatterfall_rowstats::clustering::{
        Agglomerative, AgglomerativeOptions, Dbscan, DbscanOptions, GmmOptions, KMeansOptions, Linkage,
    };
    use scatterfall_rowstats::math::{generator, uniform};

    fn rows() -> Array2<f64> {
        let mut rng = generator(8, 0);
        Array2::from_shape_fn((300, 3), |(i, _)| uniform(&mut rng) + 4.0 * f64::from(u8::from(i % 3 == 0)))
    }

    fn config(method: &str, more: &str) -> Config {
        Config::from_text(&format!("[cluster]\nmethod = \"{method}\"\n{more}")).expect("valid")
    }

    fn every_kind(rows: &Array2<f64>) -> Vec<(Config, Clusters)> {
        let mut kinds = Vec::new();
        for (name, kind) in [
            ("full", Covariance::Full),
            ("diag", Covariance::Diag),
            ("tied", Covariance::Tied),
            ("spherical", Covariance::Spherical),
        ] {
            let gmm = Gmm::fit(rows.view(), &GmmOptions::new(2, kind, 4)).expect("finite rows");
            kinds.push((config("gmm", &format!("[cluster.gmm]\ncovariance = \"{name}\"")), Clusters::Gmm(gmm)));
        }
        let kmeans = KMeans::fit(rows.view(), &KMeansOptions::new(2, 4)).expect("finite rows");
        kinds.push((config("kmeans", ""), Clusters::KMeans(kmeans)));
        let fit = Dbscan::fit(rows.view(), &DbscanOptions { eps: 0.5, min_samples: 5 }).expect("finite rows");
        let core: Vec<usize> = (0..rows.nrows()).filter(|&i| fit.core[i]).collect();
        let dbscan = Clusters::Dbscan {
            core: rows.select(ndarray::Axis(0), &core),
            core_labels: core.iter().map(|&i| fit.labels[i]).collect(),
            eps: 0.5,
            near: Near::new(rows.view()).expect("finite rows"),
        };
        kinds.push((config("dbscan", ""), dbscan));
        let options =
            AgglomerativeOptions { clusters: 2, linkage: Linkage::Ward, exact: false, memory_bytes: 1 << 30, seed: 4 };
        let fit = Agglomerative::fit(rows.view(), &options).expect("finite rows");
        let near = Near::new(rows.view()).expect("finite rows");
        let agglomerative = Clusters::Agglomerative { merges: fit.merges, centers: fit.centers, near };
        kinds.push((config("agglomerative", ""), agglomerative));
        kinds
    }

    #[test]
    fn what_is_written_labels_and_scores_alike() {
        let (rows, folder) = (rows(), tempfile::tempdir().expect("a folder"));
        let path = folder.path().join("clusters.npz");
        for (config, clusters) in every_kind(&rows) {
            clusters.write_all(&path).expect("written");
            let again = Clusters::read(&path, &config, 3).expect("read back");
            let name = clusters.method();
            assert_eq!((again.count(), again.method()), (clusters.count(), name), "{name}");
            let want = clusters.assign(rows.view()).expect("finite rows");
            assert_eq!(again.assign(rows.view()).expect("finite rows"), want, "{name}, to the last bit");
            assert!(want.1.iter().any(|s| *s != want.1[0]), "{name}: scores differ from row to row");
            let one = again.assign(rows.slice_axis(ndarray::Axis(0), (7..8).into())).expect("one row");
            assert_eq!((one.0[0], one.1[0]), (want.0[7], want.1[7]), "{name}: a row on its own");
            assert!(Clusters::read(&path, &config, 4).is_err(), "{name}: of another number of components");
            assert_eq!(
                again.assign(Array2::zeros((0, 3)).view()).expect("nothing"),
                (vec![], vec![]),
                "{name}: no row"
            );
        }
    }

    #[test]
    fn arrays_that_do_not_fit_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("clusters.npz");
        let read = |text: &str, more: &str| Clusters::read(&path, &config(text, more), 2);
        let (ones, zeros) = (Array2::<f64>::ones((2, 2)), Array2::<f64>::zeros((2, 2)));
        let gmm = |weights: Array1<f64>, means: &Array2<f64>, covariances: &Array2<f64>| {
            write_npz(&path, |out| {
                out.add("weights", &weights)?;
                out.add("means", means)?;
                out.add("covariances", covariances)
            })
            .expect("written");
            read("gmm", "[cluster.gmm]\ncovariance = \"diag\"").err().map(|e| e.to_string())
        };
        let half = Array1::from_elem(2, 0.5);
        assert_eq!(gmm(half.clone(), &ones, &ones), None, "a valid mixture");
        let told = |error: Option<String>, name: &str| {
            assert!(error.as_ref().is_some_and(|e| e.contains(name)), "{error:?} does not name {name}");
        };
        told(gmm(Array1::zeros(2), &ones, &ones), "weights");
        told(gmm(Array1::zeros(0), &ones, &ones), "weights");
        told(gmm(half.clone(), &(&ones * f64::NAN), &ones), "means");
        told(gmm(half.clone(), &Array2::ones((3, 2)), &ones), "means");
        told(gmm(half, &ones, &zeros), "covariances");
        told(read("kmeans", "").err().map(|e| e.to_string()), "centers");
        write_npz(&path, |out| {
            out.add("core", &ones)?;
            out.add("core_labels", &Array1::from(vec![0, -3]))?;
            out.add("eps", &Array0::from_elem((), 1.0))
        })
        .expect("written");
        told(read("dbscan", "").err().map(|e| e.to_string()), "core_labels");
        write_npz(&path, |out| {
            out.add("merges", &Array2::<f64>::ones((1, 4)))?;
            out.add("centers", &ones)?;
            out.add("rows", &Array2::<f64>::zeros((0, 2)))?;
            out.add("usual_distance", &Array0::from_elem((), 1.0))
        })
        .expect("written");
        told(read("agglomerative", "").err().map(|e| e.to_string()), "rows");
    }
}
