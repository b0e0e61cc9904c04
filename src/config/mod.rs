//! The validated configuration: `config.toml`'s defaults, a file and the command line, in one [`Config`].
//!
//! Values are merged by presence (never by comparing with a default), checked once here, and are valid from then on.

mod sections;
mod table;

use std::path::{Path, PathBuf};

pub use scatterfall_recognize::TimeAxis;
use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::names::TimePattern;
use scatterfall_colormap::Colormap;
use scatterfall_rowstats::clustering::{Covariance, Criterion, Linkage};
use scatterfall_rowstats::reduction::ScalingKind;
use scatterfall_timestamps::{Micros, parse_time};
use table::Section;

pub use scatterfall_scattering::backend::BackendChoice;
pub use scatterfall_scattering::options::{
    Bank, Continuity, Feature, NetworkOptions as Network, Normalize, Oversampling, Pooling, SegmentLength,
    SegmentOptions as Segments,
};

/// `config.toml` as it stands in the repository: every key with its default.
pub const DEFAULTS: &str = include_str!("../../config.toml");

/// Everything a run needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[input]`
    pub input: Input,
    /// `[exclude]`
    pub exclude: Exclude,
    /// `[output]`
    pub output: Output,
    /// `[crop]`; `None` where it is not enabled.
    pub crop: Option<Crop>,
    /// `crop.time_axis`: where time runs in the picture.
    pub time_axis: TimeAxis,
    /// `[value]`
    pub value: ValueScale,
    /// `[features]`
    pub features: Features,
    /// `[segments]`
    pub segments: Segments,
    /// `[network]`
    pub network: Network,
    /// `[seismogram]`
    pub seismogram: Seismogram,
    /// `[reduce]`
    pub reduce: Reduce,
    /// `[cluster]`
    pub cluster: Cluster,
    /// `[detect]`
    pub detect: Detect,
    /// `[kinds]`
    pub kinds: Kinds,
    /// `[anomaly]`
    pub anomaly: Anomaly,
    /// `[visualize]`
    pub visualize: Visualize,
    /// `[compute]`
    pub compute: Compute,
    /// The merged tables that all this was read from.
    pub resolved: Table,
}

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
    /// Most pixels an image may have.
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
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Output folder.
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
#[derive(Clone, Debug, PartialEq)]
pub struct ValueScale {
    /// Name of a colour map, or a file.
    pub colormap: String,
    /// Decibels of index 0.
    pub db_min: f64,
    /// Decibels of index 255.
    pub db_max: f64,
    /// Residual above which an image is left out.
    pub max_residual: f64,
    /// Take the distance from the map's middle as the value.
    pub fold: bool,
}

impl ValueScale {
    /// The colour map, folded where that is asked for.
    ///
    /// # Errors
    /// Those of [`crate::colormap::load`].
    pub fn load_colormap(&self) -> Result<Colormap> {
        let map = crate::colormap::load(&self.colormap)?;
        Ok(if self.fold { map.folded() } else { map })
    }
}

/// Windows and what is computed on each.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// Columns a window.
    pub window: usize,
    /// Columns between windows.
    pub step: usize,
    /// The channels, in order.
    pub names: Vec<Feature>,
}

/// What is taken off a seismogram before it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detrend {
    /// Nothing.
    None,
    /// The mean.
    Demean,
    /// The least-squares line.
    Linear,
}

/// Seismograms.
#[derive(Clone, Debug, PartialEq)]
pub struct Seismogram {
    /// Seconds a segment.
    pub segment_s: f64,
    /// Share that the next segment repeats.
    pub overlap: f64,
    /// What is taken off each piece.
    pub detrend: Detrend,
    /// Corner of the high-pass filter.
    pub highpass_hz: Option<f64>,
}

/// Reduction.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// Write principal components.
    pub run_pca: bool,
    /// Principal components.
    pub pca_components: usize,
    /// Independent components.
    pub ica_components: usize,
    /// Scaling of the coefficient matrix.
    pub scaling: ScalingKind,
    /// Smallest coefficient before the logarithm.
    pub floor: f64,
    /// Of the ICA's first guess.
    pub seed: u64,
}

/// Clustering method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterOn {
    /// The rows as they are: clusters may be places.
    Rows,
    /// Each row without what is usual at its place: clusters are behaviours.
    Normalised,
}

/// Clustering.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Method.
    pub method: Method,
    /// Whether rows are compared with all others as they are, or without what is usual at their place.
    pub on: ClusterOn,
    /// Of the starts.
    pub seed: u64,
    /// k-means: clusters.
    pub kmeans_clusters: usize,
    /// GMM: components.
    pub gmm_components: usize,
    /// GMM: covariances.
    pub gmm_covariance: Covariance,
    /// GMM: selection of the number of components.
    pub gmm_select: Option<Criterion>,
    /// GMM: fewest and most components tried.
    pub gmm_range: (usize, usize),
    /// DBSCAN: radius.
    pub dbscan_eps: f64,
    /// DBSCAN: rows that make a core row.
    pub dbscan_min_samples: usize,
    /// Agglomerative: clusters.
    pub agglomerative_clusters: usize,
    /// Agglomerative: refuse representatives.
    pub agglomerative_exact: bool,
    /// Agglomerative: linkage.
    pub agglomerative_linkage: Linkage,
}

/// The detector of events.
#[derive(Clone, Debug, PartialEq)]
pub struct Detect {
    /// Whether `run` looks for events.
    pub enabled: bool,
    /// False alarms per day that the threshold is set for.
    pub false_alarms_per_day: f64,
    /// A threshold set by hand.
    pub threshold: Option<f64>,
    /// Length of a cell.
    pub cell_km: f64,
    /// Minutes before and after an image that its background is taken over.
    pub background_min: f64,
    /// Speeds along the fibre that are looked for, of both directions.
    pub speeds_ms: Vec<f64>,
    /// Seconds that something that moves is followed for.
    pub slant_s: f64,
    /// Time step of the block record.
    pub block_s: f64,
    /// Distance step of the block record.
    pub block_km: f64,
    /// Lengths in time of the boxes.
    pub box_s: Vec<f64>,
    /// Lengths along the fibre of the boxes.
    pub box_km: Vec<f64>,
    /// Minutes over which slow changes are looked for.
    pub slow_min: Vec<f64>,
    /// Events listed at most.
    pub top: usize,
}

/// How kinds of events are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq)]
pub struct Kinds {
    /// Method.
    pub method: KindMethod,
    /// Kinds at most; DBSCAN and OPTICS find their number.
    pub clusters: usize,
    /// DBSCAN and OPTICS: radius of a neighbourhood, in units of the descriptors.
    pub eps: f64,
    /// DBSCAN and OPTICS: events (itself included) within `eps` that make a core.
    pub min_samples: usize,
    /// File of their names, relative to the output folder.
    pub names: PathBuf,
}

/// What a row is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Its place's usual behaviour.
    Place,
    /// The clusters.
    Model,
}

/// Anomalies.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// What a row is compared with.
    pub baseline: Baseline,
    /// Events listed.
    pub top: usize,
    /// Quantile above which rows make events.
    pub quantile: f64,
}

/// Pictures that are drawn on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Counts of each cluster over time.
    ClusterCounts,
    /// Waterfalls with the rows of a cluster marked.
    WaterfallClusters,
    /// Features and labels over distance.
    FeaturesClusters,
}

/// Pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Visualize {
    /// Which.
    pub methods: Vec<Picture>,
    /// Distance at which clusters are counted.
    pub occurrences_km: f64,
    /// Images a point of the count pictures.
    pub accumulate_files: usize,
    /// Every how many-th image is stacked.
    pub image_step: usize,
    /// Images a stack.
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
    /// Images a batch; 0: chosen.
    pub batch_images: usize,
}

/// What lies under a configuration file: the defaults and, where given, a table over them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layers {
    base: Option<Table>,
}

impl Layers {
    /// `base` over the defaults.
    pub fn over(base: Table) -> Self {
        Self { base: Some(base) }
    }

    /// These layers, with `file` laid over them and then every `section.key=value` of `overrides`.
    ///
    /// # Errors
    /// [`Error::ConfigText`] if the file cannot be read or is no TOML, [`Error::Config`] for what is wrong in it.
    pub fn config(&self, file: Option<&Path>, overrides: &[String]) -> Result<Config> {
        let mut layers: Vec<Table> = self.base.iter().cloned().collect();
        if let Some(path) = file {
            let unreadable = |e| Error::ConfigText(format!("cannot read {}: {e}", path.display()));
            let text = std::fs::read_to_string(path).map_err(unreadable)?;
            layers.push(table::parse(&text, &path.display().to_string())?);
        }
        for text in overrides {
            layers.push(table::parse_override(text)?);
        }
        Config::from_layers(layers)
    }
}

impl Config {
    /// The defaults, with `file` laid over them and then every `section.key=value` of `overrides`.
    ///
    /// # Errors
    /// [`Error::ConfigText`] if the file cannot be read or is no TOML, [`Error::Config`] for what is wrong in it.
    pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Self> {
        Layers::default().config(file, overrides)
    }

    /// The defaults with `text` (TOML) laid over them.
    ///
    /// # Errors
    /// [`Error::ConfigText`] and [`Error::Config`].
    pub fn from_text(text: &str) -> Result<Self> {
        Self::from_layers(vec![table::parse(text, "configuration")?])
    }

    fn from_layers(layers: Vec<Table>) -> Result<Self> {
        let mut root = table::parse(DEFAULTS, "config.toml")?;
        for layer in layers {
            table::check_keys(&layer)?;
            // `length_km` and `bins` exclude each other: the later layer's choice holds.
            if Section::new(&layer, "segments").get("length_km").is_some()
                && Section::new(&layer, "segments").get("bins").is_none()
                && let Some(Value::Table(segments)) = root.get_mut("segments")
            {
                segments.remove("bins");
            }
            table::merge(&mut root, layer);
        }
        table::check_keys(&root)?;
        Self::from_table(root)
    }

    fn from_table(root: Table) -> Result<Self> {
        let config = Self {
            input: sections::input(&Section::new(&root, "input"))?,
            exclude: sections::exclude(&Section::new(&root, "exclude"))?,
            output: sections::output(&Section::new(&root, "output"))?,
            crop: sections::crop(&Section::new(&root, "crop"))?,
            time_axis: sections::time_axis(&Section::new(&root, "crop"))?,
            value: sections::value(&Section::new(&root, "value"))?,
            features: sections::features(&Section::new(&root, "features"))?,
            segments: sections::segments(&Section::new(&root, "segments"))?,
            network: sections::network(&Section::new(&root, "network"))?,
            seismogram: sections::seismogram(&Section::new(&root, "seismogram"))?,
            reduce: sections::reduce(&Section::new(&root, "reduce"))?,
            cluster: sections::cluster(&root)?,
            detect: sections::detect(&Section::new(&root, "detect"))?,
            kinds: sections::kinds(&Section::new(&root, "kinds"))?,
            anomaly: sections::anomaly(&Section::new(&root, "anomaly"))?,
            visualize: sections::visualize(&Section::new(&root, "visualize"))?,
            compute: sections::compute(&Section::new(&root, "compute"))?,
            resolved: Table::new(),
        };
        Ok(Self { resolved: root, ..config })
    }

    /// The named sections of the merged configuration, for fingerprints and for `run.json`.
    pub fn sections(&self, names: &[&str]) -> serde_json::Value {
        let picked: serde_json::Map<String, serde_json::Value> = names
            .iter()
            .filter_map(|n| Some(((*n).to_owned(), serde_json::to_value(self.resolved.get(*n)?).ok()?)))
            .collect();
        serde_json::Value::Object(picked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_complete() {
        let config = Config::from_text("").expect("config.toml is valid");
        assert_eq!(config.features.names, [Feature::Std, Feature::Mean, Feature::Max], "channels");
        assert_eq!(config.network.banks.len(), 2, "layers");
        for (section, keys) in table::KEYS {
            for key in *keys {
                let shown = DEFAULTS.lines().any(|l| {
                    let l = l.trim_start_matches("# ");
                    l.starts_with(&format!("{key} ="))
                        || l.starts_with(&format!("[{section}.{key}]"))
                        || l.starts_with(&format!("[[{section}.{key}]]"))
                });
                assert!(shown, "config.toml does not show {section}.{key}");
            }
        }
    }

    #[test]
    fn wrong_values_are_named() {
        for (text, key) in [
            ("[input]\nduration_s = -1", "input.duration_s"),
            ("[input]\nduration_s = nan", "input.duration_s"),
            ("[input]\nduration_s = inf", "input.duration_s"),
            ("[input]\nduration_s = \"60\"", "input.duration_s"),
            ("[input]\nstart = \"2025\"", "input.start"),
            ("[input]\nstart = \"20250515_000000\"\nend = \"20250514_000000\"", "input.end"),
            ("[input]\ntime_pattern = \"%Y\"", "input.time_pattern"),
            ("[crop]\nbottom = 10", "crop.bottom"),
            ("[crop]\ntop = -10", "crop.top"),
            ("[value]\ndb_max = -200", "value.db_max"),
            ("[features]\nnames = [\"std\", \"sdt\"]", "features.names"),
            ("[features]\nnames = []", "features.names"),
            ("[features]\nnames = [\"std\", \"std\"]", "features.names"),
            ("[segments]\noverlap = 1.0", "segments.overlap"),
            ("[network]\nbanks = []", "network.banks"),
            ("[network]\noversampling = 3", "network.oversampling"),
            ("[[network.banks]]\noctaves = 4", "network.banks.resolution"),
            ("[exclude]\ndistance_km = [[2, 1]]", "exclude.distance_km"),
            ("[cluster.gmm]\nrange = [3, 2]", "cluster.gmm.range"),
            ("[compute]\nmemory_mib = 1", "compute.memory_mib"),
        ] {
            let error = Config::from_text(text).expect_err(text);
            assert!(error.is_usage(), "{text}: {error} is a usage error");
            assert!(error.to_string().contains(key), "{text}: {error} does not name {key}");
        }
    }

    #[test]
    fn the_later_layer_chooses_between_length_and_bins() {
        let layers = |texts: &[&str]| {
            Config::from_layers(texts.iter().map(|t| table::parse(t, "test").expect("valid TOML")).collect())
                .expect("valid")
                .segments
                .length
        };
        assert_eq!(layers(&["[segments]\nbins = 64"]), SegmentLength::Bins(64), "bins alone");
        assert_eq!(
            layers(&["[segments]\nbins = 64", "[segments]\nlength_km = 2"]),
            SegmentLength::Km(2.0),
            "the later layer's length"
        );
    }
}
