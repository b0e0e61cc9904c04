//! A fitted model as a folder: everything that new images need to be treated as the fitted ones were.
//!
//! | file | holds |
//! | --- | --- |
//! | `model.toml` | versions, the images it is for, the configuration it was fitted with, digests of the other files |
//! | `network.npz` | the filter banks |
//! | `reduction.npz` | scaling, principal components, the rotation to independent ones ([`Reducer`]) |
//! | `clusters.npz` | the clusters, and the rows that scores measure against ([`Clusters`]) |
//! | `scores.npz` | the normal of every place, and all scores of the fit in ascending order |
//! | `colormap.txt` | the colours, where `value.colormap` names a file |
//!
//! `model.toml` is removed first and written last, so a folder that has one is complete. Its digests keep files of
//! different fits apart; every shape and number is checked all the same, for anyone can write a folder like that.

mod arrays;
mod clusters;
mod header;
mod reducer;

use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis};

pub use clusters::{Clusters, NEIGHBOURS, Near};
pub(crate) use header::configuration;
pub use header::{FORMAT, Fit, Header, Images, Source, Traces};
pub use reducer::Reducer;

use crate::archive::Catalogue;
use crate::config::{Baseline, Config};
use crate::error::{Error, ModelError, Result};
use crate::places::{Geometry, Places};
use crate::seismogram::SegmentPlan;
use crate::stages::design;
use crate::store::day::digest;
use crate::store::npz::write_npz;
use arrays::Stored;
use scatterfall_rowstats::baselines::{self, LocationBaselines, MIN_ROWS};
use scatterfall_rowstats::clustering::NOISE;
use scatterfall_scattering::plan::ScatteringPlan;

/// The file that makes a folder a model.
const HEADER: &str = "model.toml";
const NETWORK: &str = "network.npz";
const REDUCTION: &str = "reduction.npz";
const CLUSTERS: &str = "clusters.npz";
const SCORES: &str = "scores.npz";
const COLORS: &str = "colormap.txt";

/// Bytes of a wavelet's stored sample: a complex number in single precision.
const BYTES_A_SAMPLE: u64 = 8;

/// The folder of an output folder's model.
pub fn folder(output: &Path) -> PathBuf {
    output.join("model")
}

/// The reduction's part of a model, which is there before the rest.
pub fn reduction_file(output: &Path) -> PathBuf {
    folder(output).join(REDUCTION)
}

/// Takes a model back, because a stage that it depends on is about to change.
///
/// # Errors
/// [`Error::Io`].
pub fn invalidate(output: &Path) -> Result<()> {
    let path = folder(output).join(HEADER);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("replace", &path, e)),
        _ => Ok(()),
    }
}

/// What clustering adds to a reduction.
pub struct Fitted<'a> {
    /// The clusters.
    pub clusters: &'a Clusters,
    /// The places' normals, where scores go by them.
    pub normals: Option<&'a LocationBaselines>,
    /// Scores of all rows; those that are not finite do not count.
    pub scores: &'a [f64],
}

/// Writes the model of an output folder whose reduction is in place already.
///
/// # Errors
/// [`Error::Io`], [`Error::Store`].
pub fn write(config: &Config, source: Source, fit: Fit, network: &ScatteringPlan, fitted: &Fitted<'_>) -> Result<()> {
    let folder = folder(&config.output.path);
    design::write_file(&folder.join(NETWORK), network)?;
    fitted.clusters.write_all(&folder.join(CLUSTERS))?;
    write_npz(&folder.join(SCORES), |out| {
        let mut scores: Vec<f64> = fitted.scores.iter().copied().filter(|s| s.is_finite()).collect();
        scores.sort_by(f64::total_cmp);
        out.add("scores", &ndarray::Array1::from(scores))?;
        let Some(normals) = fitted.normals else { return Ok(()) };
        let sorted = normals.sorted();
        let table = |pick: fn(&baselines::Baseline) -> &Vec<f64>| {
            let columns = sorted.first().map_or(0, |(_, n)| n.median.len());
            Array2::from_shape_fn((sorted.len(), columns), |(i, j)| pick(sorted[i].1)[j])
        };
        out.add("place_km", &sorted.iter().map(|(place, _)| *place).collect::<ndarray::Array1<f64>>())?;
        out.add("median", &table(|n| &n.median))?;
        out.add("spread", &table(|n| &n.spread))
    })?;
    let mut files = vec![NETWORK, REDUCTION, CLUSTERS, SCORES];
    if header::write_colors(config, &folder.join(COLORS))? {
        files.push(COLORS);
    }
    let digests = files.iter().map(|name| Ok(((*name).to_owned(), digest(&folder.join(name))?)));
    let digests = digests.collect::<Result<_>>()?;
    Header::new(config, source, fit, digests).write(&folder.join(HEADER))
}

/// A model that was read back.
pub struct Model {
    folder: PathBuf,
    /// What `model.toml` says.
    pub header: Header,
    /// Digest of `model.toml`, which holds those of the other files: two models with the same one are the same.
    pub identity: String,
    /// The reduction.
    pub reducer: Reducer,
    /// The clusters.
    pub clusters: Clusters,
    /// Normals of the places, where scores go by them.
    pub normals: Option<LocationBaselines>,
    /// All finite scores of the fit, ascending.
    pub scores: Vec<f64>,
}

impl Model {
    /// The folder it was read from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the folder of a model, checking all of it.
    ///
    /// # Errors
    /// [`Error::Model`] where there is none or it is of another version, [`Error::Store`] for files that are damaged or
    /// do not belong together; those of its configuration.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(HEADER);
        let header = Header::read(&path)?;
        for (name, told) in &header.files {
            let known = [NETWORK, REDUCTION, CLUSTERS, SCORES, COLORS].contains(&name.as_str());
            if !known || digest(&folder.join(name))? != *told {
                let reason = "is not the file that was written with model.toml; copy the whole folder again";
                return Err(Error::store(folder.join(name), reason));
            }
        }
        let config = header.configuration(folder)?.config(None, &[])?;
        let reducer = Reducer::read(&folder.join(REDUCTION))?;
        let columns = reducer.rotation.nrows();
        let clusters = Clusters::read(&folder.join(CLUSTERS), &config, columns)?;
        let path = folder.join(SCORES);
        let mut file = Stored::open(&path)?;
        let scores = file.vector("scores", None)?;
        let normals = match config.anomaly.baseline {
            Baseline::Model => None,
            Baseline::Place => {
                let places = file.vector("place_km", None)?;
                let median = file.matrix("median", (Some(places.len()), None))?;
                let spread = file.matrix("spread", (Some(places.len()), Some(median.ncols())))?;
                if !places.is_empty() && median.ncols() != columns {
                    let found = format!("normals of {} components, but there are {columns}", median.ncols());
                    return Err(Error::store(&path, found));
                }
                let normal =
                    |i: usize| baselines::Baseline { median: median.row(i).to_vec(), spread: spread.row(i).to_vec() };
                Some(LocationBaselines::from_sorted(places.iter().enumerate().map(|(i, &place)| (place, normal(i)))))
            }
        };
        let model = Self {
            folder: folder.to_path_buf(),
            identity: digest(&folder.join(HEADER))?,
            header,
            reducer,
            clusters,
            normals,
            scores: scores.to_vec(),
        };
        model.check_network(&config)?;
        Ok(model)
    }

    /// The configuration for new images: the model's, with a file and `section.key=value` overrides laid over it.
    ///
    /// # Errors
    /// Those of [`Config::load`]; [`Error::Model`] where the result differs from the model in what it was fitted with,
    /// naming key and values.
    pub fn config(&self, file: Option<&Path>, overrides: &[String]) -> Result<Config> {
        let layers = self.header.configuration(&self.folder)?;
        let (own, here) = (layers.config(None, &[])?, layers.config(file, overrides)?);
        header::check_same(&self.folder, &own, &here, self.header.traces.is_some())?;
        Ok(here)
    }

    /// The images must be of the size that the model was fitted on.
    ///
    /// # Errors
    /// [`Error::Model`] naming both sizes.
    pub fn check_images(&self, catalogue: &Catalogue, windows: usize) -> Result<()> {
        let (width, height) = catalogue.size;
        let images = &self.header.images;
        let own = (images.width.unwrap_or(width), images.height.unwrap_or(height));
        if own != (width, height) {
            return Err(ModelError::ImageSize { folder: self.folder.clone(), own, here: (width, height) }.into());
        }
        if images.windows != windows {
            let folder = self.folder.clone();
            return Err(ModelError::Windows { folder, own: images.windows, here: windows }.into());
        }
        Ok(())
    }

    /// Channels, samples and sampling rate of the segments that the model's network transforms.
    fn shape(&self, config: &Config) -> Result<(usize, usize, f64)> {
        if let Some(traces) = &self.header.traces {
            let rate = traces.sampling_rate;
            return Ok((traces.channels.len(), SegmentPlan::new(&config.seismogram, rate)?.bins, rate));
        }
        let cut = crate::plans::segmentation(config, self.header.images.windows)?;
        Ok((config.features.names.len(), cut.bins, cut.windows_per_km))
    }

    /// The filter banks that the configuration gives must be the stored ones, and its coefficients those of the
    /// reduction.
    fn check_network(&self, config: &Config) -> Result<()> {
        let path = self.folder.join(NETWORK);
        let mut file = Stored::open(&path)?;
        let other = || Error::store(&path, "filter banks other than the model's configuration gives");
        let shape = self.shape(config)?;
        // Before any is computed: a line of configuration can ask for gigabytes of filters, a file must hold them.
        for (k, bank) in config.network.banks.iter().enumerate() {
            let samples = (bank.octaves * bank.resolution).saturating_mul(shape.1) as u64;
            if file.bytes(&format!("wavelets_{}", k + 1))? < samples.saturating_mul(BYTES_A_SAMPLE) {
                return Err(other());
            }
        }
        let (channels, bins, rate) = shape;
        let network = ScatteringPlan::new(&config.network, channels, bins, rate)?;
        let columns: Vec<usize> = network.widths().iter().map(|w| w * network.channels).collect();
        if columns != self.reducer.scaling.order_columns {
            let found = format!(
                "a reduction of {:?} coefficients an order, but the network gives {columns:?}",
                self.reducer.scaling.order_columns
            );
            return Err(Error::store(self.folder.join(REDUCTION), found));
        }
        for (k, layer) in network.layers.iter().enumerate() {
            if file.vector(&format!("centers_{}", k + 1), None)? != layer.bank.centers {
                return Err(other());
            }
        }
        Ok(())
    }

    /// Cluster and score of every row.
    ///
    /// # Errors
    /// [`Error::Model`] for rows of another number of components.
    pub fn assign(&self, rows: &Array2<f64>, places: &Places, geometry: &Geometry) -> Result<(Vec<i32>, Vec<f64>)> {
        assign(&self.clusters, self.normals.as_ref(), rows, places, geometry)
    }
}

/// Cluster and score of every row, by clusters and, where given, the places' normals: [`NOISE`] and NaN for a row that
/// is not finite.
///
/// # Errors
/// [`Error::Model`] for rows of another number of components.
pub fn assign(
    clusters: &Clusters,
    normals: Option<&LocationBaselines>,
    rows: &Array2<f64>,
    places: &Places,
    geometry: &Geometry,
) -> Result<(Vec<i32>, Vec<f64>)> {
    let finite: Vec<usize> = (0..rows.nrows()).filter(|&i| rows.row(i).iter().all(|v| v.is_finite())).collect();
    let (own_labels, own_scores) = clusters.assign(rows.select(Axis(0), &finite).view())?;
    let (mut labels, mut scores) = (vec![NOISE; rows.nrows()], vec![f64::NAN; rows.nrows()]);
    let mut without_normal = 0;
    for ((&i, label), by_clusters) in finite.iter().zip(own_labels).zip(own_scores) {
        let by_place = normals.map(|n| n.score(rows.row(i), geometry.place(places.distance[i])));
        without_normal += usize::from(by_place == Some(None));
        (labels[i], scores[i]) = (label, by_place.flatten().unwrap_or(by_clusters));
    }
    if without_normal > 0 {
        tracing::warn!(
            "{without_normal} rows are at places with fewer than {MIN_ROWS} rows in the fit: they are scored by the \
             clusters instead of their place's own normal"
        );
    }
    Ok((labels, scores))
}
