//! The validated configuration: `config.toml`'s defaults, a file and the command line, in one [`Config`].
//!
//! Values are merged by presence (never by comparing with a default), checked once here, and are valid from then on.

mod file;
mod layers;
mod rules;
mod sections;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use toml::Table;

use crate::error::Result;
use file::ConfigFile;

pub use layers::{Layers, keys};
pub use scatterfall_recognize::TimeAxis;
pub use scatterfall_scattering::backend::BackendChoice;
pub use scatterfall_scattering::options::{
    Bank, Continuity, Feature, NetworkOptions as Network, Normalize, Oversampling, Pooling, SegmentLength,
    SegmentOptions as Segments,
};
pub use sections::*;

/// `config.toml` as it stands in the repository: every key with its default.
pub const DEFAULTS: &str = include_str!("../../config.toml");

/// Everything a run needs to know.
///
/// Reads and writes itself (serde) in the form of the file. What was computed is fingerprinted over that form of these
/// fields, so a field that is changed makes stored results stale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ConfigFile", into = "ConfigFile")]
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
}

impl Default for Config {
    /// The values of [`DEFAULTS`].
    fn default() -> Self {
        let file: ConfigFile = toml::from_str(DEFAULTS).expect("config.toml is valid, which a test holds");
        Self::try_from(file).expect("config.toml is valid, which a test holds")
    }
}

impl Config {
    /// The defaults, with `file` laid over them and then every `section.key=value` of `overrides`.
    ///
    /// # Errors
    /// Those of [`Layers::config`].
    pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Self> {
        Layers::default().config(file, overrides)
    }

    /// The defaults with `text` (TOML) laid over them.
    ///
    /// # Errors
    /// [`Error::Toml`](crate::Error::Toml), [`Error::UnknownKey`](crate::Error::UnknownKey) and
    /// [`Error::Config`](crate::Error::Config).
    pub fn from_text(text: &str) -> Result<Self> {
        layers::merged(&[layers::Layer::parse(text, "configuration")?])
    }

    /// The configuration as a file would hold it, every key that has a value.
    pub fn table(&self) -> Table {
        Table::try_from(self).expect("a configuration is a table of plain values")
    }

    /// The named sections in the file's form, for fingerprints and for `run.json`.
    pub fn sections(&self, names: &[&str]) -> Json {
        let mut all = serde_json::to_value(self).expect("a configuration is a table of plain values");
        drop_unset(&mut all);
        let picked = names.iter().filter_map(|name| Some(((*name).to_owned(), all.get_mut(*name)?.take())));
        Json::Object(picked.collect())
    }
}

/// Takes out keys without a value.
fn drop_unset(value: &mut Json) {
    if let Json::Object(table) = value {
        table.retain(|_, inner| !inner.is_null());
        table.values_mut().for_each(drop_unset);
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
        // Every key has its line, those without a default as a comment.
        let mut shown = std::collections::BTreeSet::new();
        let mut section = "";
        for line in DEFAULTS.lines() {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_start_matches('[').split(']').next().unwrap_or_default();
            } else if let Some((key, _)) = line.trim_start_matches("# ").split_once(" =") {
                shown.insert(format!("{section}.{key}"));
            }
        }
        let lacking: Vec<String> = keys().into_iter().filter(|key| !shown.contains(key)).collect();
        assert!(lacking.is_empty(), "config.toml does not show {lacking:?}");
        assert!(keys().contains(&"network.taper_alpha".to_owned()) && keys().len() > 70, "keys without a default too");
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
    fn a_configuration_comes_back_from_its_own_form() {
        let text = "[input]\nstart = \"2025-05-15\"\nduration_s = 30\ntime_pattern = \"x_%Y%m%d%H%M\"\n[crop]\nenabled = false\n\
                    time_axis = \"up\"\n[network]\npooling = \"p75\"\noversampling = 2\ntaper_alpha = 0.1\n[cluster.gmm]\n\
                    select = \"bic\"\n[exclude]\ntime = [[\"20250515_000000\", \"2025-05-15T00:00:01.5Z\"]]\n[segments]\nbins = 64";
        for config in [Config::default(), Config::from_text(text).expect("valid")] {
            let table = config.table();
            assert_eq!(Config::from_text(&table.to_string()).expect("its own table"), config, "TOML");
            let json = serde_json::to_value(&config).expect("plain values");
            assert_eq!(serde_json::from_value::<Config>(json).expect("its own value"), config, "JSON");
        }
    }

    #[test]
    fn sections_follow_the_fields() {
        let mut config = Config::default();
        let before = config.sections(&["features", "network"]);
        assert_eq!(
            before["features"],
            serde_json::json!({ "window": 3, "step": 2, "names": ["std", "mean", "max"] }),
            "as in the file"
        );
        assert!(before["network"].get("taper_alpha").is_none(), "what has no value is left out");
        config.features.step = 3;
        assert_ne!(config.sections(&["features", "network"]), before, "a field that a program sets");
    }
}
