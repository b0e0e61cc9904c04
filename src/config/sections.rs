//! The sections of the configuration as types. Those whose fields are the keys of the file read and write themselves; the
//! others have a form of their own in [`super::file`].

use std::path::PathBuf;

use scatterfall_colormap::Colormap;
use scatterfall_recognize::TimeAxis;
use scatterfall_rowstats::clustering::{Covariance, Criterion, Linkage};
use scatterfall_rowstats::reduction::ScalingKind;
use scatterfall_scattering::backend::BackendChoice;
use scatterfall_scattering::options::Feature;
use scatterfall_timestamps::Micros;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::rules;
use crate::error::Result as CrateResult;
use crate::names::TimePattern;

/// Where the archive is and what its images span.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Folder of the archive.
    pub path: PathBuf,
    /// Seconds an image spans.
    pub duration_s: f64,
    /// Whether `duration_s` is still to be found from the spacing of the names.
    pub duration_auto: bool,
    /// Whether `time_pattern` is still to be found from the names.
    pub pattern_auto: bool,
    /// Hours that the file names' clock is ahead of UTC.
    pub utc_offset_h: f64,
    /// Kilometres an image spans.
    pub total_distance_km: f64,
    /// How a file name tells its time.
    pub time_pattern: TimePattern,
    /// First time read (UTC).
    pub start: Option<Micros>,
    /// First time no longer read (UTC).
    pub end: Option<Micros>,
    /// Distance of the left edge.
    pub distance_offset_km: f64,
    /// Maximum number of pixels of an image.
    pub max_pixels: u64,
}

/// Rows that take no part in fits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exclude {
    /// Stretches of fibre in km.
    pub distance_km: Vec<(f64, f64)>,
    /// Stretches of time (UTC).
    pub time: Vec<(Micros, Micros)>,
}

/// Where results go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Output folder.
    #[serde(deserialize_with = "rules::path", serialize_with = "rules::write_path")]
    pub path: PathBuf,
    /// Keep the cropped pixels.
    pub waterfall_npz: bool,
}

/// The plot area in pixels; `bottom` and `right` lie just outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// First row.
    pub top: usize,
    /// Row after the last.
    pub bottom: usize,
    /// First column.
    pub left: usize,
    /// Column after the last.
    pub right: usize,
}

impl Crop {
    /// Rows (time) and columns (distance) of the plot once time runs down.
    pub fn shape(&self, axis: TimeAxis) -> (usize, usize) {
        let (rows, columns) = (self.bottom - self.top, self.right - self.left);
        match axis {
            TimeAxis::Down | TimeAxis::Up => (rows, columns),
            TimeAxis::Right | TimeAxis::Left => (columns, rows),
        }
    }
}

/// From colours to values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueScale {
    /// Name of a colour map, or a file.
    #[serde(deserialize_with = "rules::text")]
    pub colormap: String,
    /// Decibels of index 0.
    #[serde(deserialize_with = "rules::number::<rules::Decibels, _>")]
    pub db_min: f64,
    /// Decibels of index 255.
    #[serde(deserialize_with = "rules::number::<rules::Decibels, _>")]
    pub db_max: f64,
    /// Residual above which an image is left out.
    #[serde(deserialize_with = "rules::number::<rules::ColorDistance, _>")]
    pub max_residual: f64,
    /// Take the distance from the map's middle as the value.
    pub fold: bool,
}

impl ValueScale {
    /// The colour map, folded where that is asked for.
    ///
    /// # Errors
    /// Those of [`crate::colormap::load`].
    pub fn load_colormap(&self) -> CrateResult<Colormap> {
        let map = crate::colormap::load(&self.colormap)?;
        Ok(if self.fold { map.folded() } else { map })
    }
}

/// Windows and what is computed on each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Columns per window.
    #[serde(deserialize_with = "rules::count::<1, 4096, _>")]
    pub window: usize,
    /// Columns between windows.
    #[serde(deserialize_with = "rules::many")]
    pub step: usize,
    /// The channels, in order.
    #[serde(deserialize_with = "features")]
    pub names: Vec<Feature>,
}

/// What is taken off a seismogram before it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detrend {
    /// Nothing.
    None,
    /// The mean.
    Demean,
    /// The least-squares line.
    Linear,
}

/// Seismograms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seismogram {
    /// Seconds a segment.
    #[serde(deserialize_with = "rules::number::<rules::Seconds, _>")]
    pub segment_s: f64,
    /// Share that the next segment repeats.
    #[serde(deserialize_with = "rules::number::<rules::Overlap, _>")]
    pub overlap: f64,
    /// What is taken off each piece.
    pub detrend: Detrend,
    /// Corner of the high-pass filter.
    #[serde(default, deserialize_with = "rules::optional::<rules::Hertz, _>")]
    pub highpass_hz: Option<f64>,
}

/// Reduction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reduce {
    /// Write principal components.
    pub run_pca: bool,
    /// Principal components.
    #[serde(deserialize_with = "rules::many")]
    pub pca_components: usize,
    /// Independent components.
    #[serde(deserialize_with = "rules::many")]
    pub ica_components: usize,
    /// Scaling of the coefficient matrix.
    pub scaling: ScalingKind,
    /// Smallest coefficient before the logarithm.
    #[serde(deserialize_with = "rules::number::<rules::Floor, _>")]
    pub floor: f64,
    /// Seed of the ICA's first guess.
    #[serde(deserialize_with = "rules::seed")]
    pub seed: u64,
}

/// Clustering method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Gaussian mixture.
    Gmm,
    /// k-means.
    KMeans,
    /// DBSCAN.
    Dbscan,
    /// Agglomerative clustering.
    Agglomerative,
}

/// What is reduced and clustered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterOn {
    /// The rows as they are: clusters may be places.
    Rows,
    /// Each row without what is usual at its place: clusters are behaviours.
    Normalised,
}

/// Clustering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Method.
    pub method: Method,
    /// Whether rows are compared with all others as they are, or without what is usual at their place.
    pub on: ClusterOn,
    /// Seed of the initialisations.
    #[serde(deserialize_with = "rules::seed")]
    pub seed: u64,
    /// `[cluster.kmeans]`
    pub kmeans: KMeans,
    /// `[cluster.gmm]`
    pub gmm: Gmm,
    /// `[cluster.dbscan]`
    pub dbscan: Dbscan,
    /// `[cluster.agglomerative]`
    pub agglomerative: Agglomerative,
}

/// k-means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KMeans {
    /// Clusters.
    #[serde(deserialize_with = "rules::many")]
    pub clusters: usize,
}

/// Gaussian mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gmm {
    /// Components.
    #[serde(deserialize_with = "rules::count::<1, 10_000, _>")]
    pub components: usize,
    /// Structure of the covariances.
    pub covariance: Covariance,
    /// How the number of components is chosen; `None`: it is `components`.
    #[serde(with = "select")]
    pub select: Option<Criterion>,
    /// Fewest and most components tried.
    #[serde(deserialize_with = "range")]
    pub range: (usize, usize),
}

/// DBSCAN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dbscan {
    /// Radius of a neighbourhood.
    #[serde(deserialize_with = "rules::number::<rules::Distance, _>")]
    pub eps: f64,
    /// Rows that make a core row.
    #[serde(deserialize_with = "rules::many")]
    pub min_samples: usize,
}

/// Agglomerative clustering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agglomerative {
    /// Clusters.
    #[serde(deserialize_with = "rules::many")]
    pub clusters: usize,
    /// Refuse representatives.
    pub exact: bool,
    /// Distance between clusters.
    pub linkage: Linkage,
}

/// `cluster.gmm.select`, which has a word for no selection.
mod select {
    use scatterfall_rowstats::clustering::Criterion;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Select {
        None,
        Aic,
        Bic,
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(criterion: &Option<Criterion>, serializer: S) -> Result<S::Ok, S::Error> {
        let select = match criterion {
            None => Select::None,
            Some(Criterion::Aic) => Select::Aic,
            Some(Criterion::Bic) => Select::Bic,
        };
        select.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Criterion>, D::Error> {
        Ok(match Select::deserialize(deserializer)? {
            Select::None => None,
            Select::Aic => Some(Criterion::Aic),
            Select::Bic => Some(Criterion::Bic),
        })
    }
}

/// Fewest and most components of a mixture.
fn range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(usize, usize), D::Error> {
    let ends = Vec::<i64>::deserialize(deserializer).unwrap_or_default();
    let ends: Vec<usize> = ends.into_iter().filter_map(|i| usize::try_from(i).ok()).collect();
    match ends[..] {
        [fewest, most] if fewest >= 1 && fewest <= most && most <= 10_000 => Ok((fewest, most)),
        _ => Err(D::Error::custom("expected [fewest, most], both at least 1, as [2, 10]")),
    }
}

/// Features, each of them once.
fn features<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Feature>, D::Error> {
    let names = Vec::<Feature>::deserialize(deserializer)?;
    if names.iter().enumerate().any(|(i, name)| names[..i].contains(name)) {
        return Err(D::Error::custom("expected each feature once"));
    }
    rules::not_empty(names, "at least one feature, as [\"std\", \"mean\", \"max\"]")
}

/// The detector of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detect {
    /// Whether `run` looks for events.
    pub enabled: bool,
    /// False alarms per day that the threshold is set for.
    #[serde(deserialize_with = "rules::number::<rules::Moderate, _>")]
    pub false_alarms_per_day: f64,
    /// A threshold set by hand.
    #[serde(default, deserialize_with = "rules::optional::<rules::Score, _>")]
    pub threshold: Option<f64>,
    /// Length of a cell.
    #[serde(deserialize_with = "rules::number::<rules::Moderate, _>")]
    pub cell_km: f64,
    /// Minutes before and after an image that its background is taken over.
    #[serde(deserialize_with = "rules::number::<rules::Moderate, _>")]
    pub background_min: f64,
    /// Speeds along the fibre that are looked for, of both directions.
    #[serde(deserialize_with = "rules::list::<rules::Speed, _>")]
    pub speeds_ms: Vec<f64>,
    /// Seconds that something that moves is followed for.
    #[serde(deserialize_with = "rules::number::<rules::Moderate, _>")]
    pub slant_s: f64,
    /// Time step of the block record.
    #[serde(deserialize_with = "rules::number::<rules::Moderate, _>")]
    pub block_s: f64,
    /// Distance step of the block record.
    #[serde(deserialize_with = "rules::number::<rules::Moderate, _>")]
    pub block_km: f64,
    /// Lengths in time of the boxes.
    #[serde(deserialize_with = "rules::some::<rules::Moderate, _>")]
    pub box_s: Vec<f64>,
    /// Lengths along the fibre of the boxes.
    #[serde(deserialize_with = "rules::some::<rules::Moderate, _>")]
    pub box_km: Vec<f64>,
    /// Minutes over which slow changes are looked for.
    #[serde(deserialize_with = "rules::some::<rules::Moderate, _>")]
    pub slow_min: Vec<f64>,
    /// Events listed at most.
    #[serde(deserialize_with = "rules::many")]
    pub top: usize,
}

/// How kinds of events are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KindMethod {
    /// Average linkage.
    Agglomerative,
    /// Gaussian mixture.
    Gmm,
    /// k-means.
    KMeans,
    /// DBSCAN, of linfa-clustering.
    Dbscan,
    /// OPTICS, of linfa-clustering, cut at `eps`.
    Optics,
}

/// Kinds of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kinds {
    /// Method.
    pub method: KindMethod,
    /// Kinds at most; DBSCAN and OPTICS find their number.
    #[serde(deserialize_with = "rules::count::<1, 1000, _>")]
    pub clusters: usize,
    /// DBSCAN and OPTICS: radius of a neighbourhood, in units of the descriptors.
    #[serde(deserialize_with = "rules::number::<rules::Distance, _>")]
    pub eps: f64,
    /// DBSCAN and OPTICS: events (itself included) within `eps` that make a core.
    #[serde(deserialize_with = "rules::count::<2, 10_000, _>")]
    pub min_samples: usize,
    /// File of their names, relative to the output folder.
    #[serde(deserialize_with = "rules::path", serialize_with = "rules::write_path")]
    pub names: PathBuf,
}

/// What a row is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Baseline {
    /// Its place's usual behaviour.
    Place,
    /// The clusters.
    Model,
}

/// Anomalies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anomaly {
    /// What a row is compared with.
    pub baseline: Baseline,
    /// Events listed.
    #[serde(deserialize_with = "rules::many")]
    pub top: usize,
    /// Quantile above which rows make events.
    #[serde(deserialize_with = "rules::number::<rules::Share, _>")]
    pub quantile: f64,
}

/// Pictures that are drawn on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Picture {
    /// Counts of each cluster over time.
    ClusterCounts,
    /// Waterfalls with the rows of a cluster marked.
    WaterfallClusters,
    /// Features and labels over distance.
    FeaturesClusters,
}

/// Pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visualize {
    /// Which.
    pub methods: Vec<Picture>,
    /// Distance at which clusters are counted.
    #[serde(deserialize_with = "rules::number::<rules::AnyKilometres, _>")]
    pub occurrences_km: f64,
    /// Images a point of the count pictures.
    #[serde(deserialize_with = "rules::many")]
    pub accumulate_files: usize,
    /// Every how many-th image is stacked.
    #[serde(deserialize_with = "rules::many")]
    pub image_step: usize,
    /// Images per stack.
    #[serde(deserialize_with = "rules::count::<1, 1000, _>")]
    pub images_per_group: usize,
}

/// Resources.
#[derive(Clone, Debug, PartialEq)]
pub struct Compute {
    /// Which backend computes.
    pub backend: BackendChoice,
    /// Threads; 0: all cores.
    pub threads: usize,
    /// Bytes for images in work.
    pub memory_bytes: usize,
    /// Images per batch; 0: chosen.
    pub batch_images: usize,
}
