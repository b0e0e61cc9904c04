//! The stages, each from its files to its files. `pipeline` strings them together; each also is a command of its own.

pub(crate) mod apply;
pub(crate) mod clip;
pub(crate) mod cluster;
pub(crate) mod cluster_files;
pub(crate) mod design;
pub(crate) mod events;
mod fitted;
pub mod images;
mod kinds;
pub(crate) mod reduce;
mod repeated;
pub mod report;
mod results;
pub(crate) mod rows;
pub(crate) mod scatter;
pub mod seismogram;
pub(crate) mod strict;
pub mod trace;
pub(crate) mod transform;
pub mod visualize;
mod waterfalls;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::{Config, Continuity};
use crate::error::{Error, Result, StoredError};
use crate::progress::Context;
use crate::store::atomic::write_bytes;
use crate::store::day::{RESULTS_VERSION, Record, Stage, fingerprint_of};

/// What features depend on, as far as numbers and places go.
fn features_config(config: &Config) -> Value {
    let table = config.value.load_colormap();
    let colors = match &table {
        // A file may change under its name.
        Ok(scatterfall_colormap::Colormap::Table(t)) => fingerprint_of(&[&format!("{t:?}")]),
        _ => config.value.colormap.clone(),
    };
    let mut settings = json!({
        "crop": config.sections(&["crop"])["crop"],
        "features": config.sections(&["features"])["features"],
        "colors": colors,
        "max_residual": config.value.max_residual,
        "duration_s": config.input.duration_s,
        "total_distance_km": config.input.total_distance_km,
        "distance_offset_km": config.input.distance_offset_km,
        "time": format!("{:?}", config.input.time_pattern),
    });
    // What is excluded does not count for the residual, which decides what is left out.
    if !config.exclude.distance_km.is_empty() {
        settings["excluded_km"] = json!(config.exclude.distance_km);
    }
    settings
}

/// What coefficients depend on beside the features.
fn scattering_config(config: &Config, images_before: usize) -> Value {
    let mut sections = config.sections(&["segments", "network"]);
    if let Some(network) = sections["network"].as_object_mut() {
        network.remove("sampling_rate");
    }
    // Distance runs on through concatenated images, so it depends on how many came before.
    let concatenated = config.segments.continuity == Continuity::Concatenated;
    sections["images_before"] = json!(if concatenated { images_before } else { 0 });
    sections
}

/// True where two sources of coefficients differ at most in how many images came before.
fn same_scattering(stored: &Value, config: &Config) -> bool {
    let mut own = scattering_config(config, 0);
    own["images_before"] = stored["images_before"].clone();
    own == *stored
}

/// The record of a stage that is not stored by days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StageRecord {
    numbers: u32,
    config: Value,
    /// Identities of the files it was made from.
    before: Vec<String>,
}

impl StageRecord {
    pub(crate) fn new(config: Value, before: Vec<String>) -> Self {
        Self { numbers: RESULTS_VERSION, config, before }
    }

    /// True where `path` holds this very record and all of `files` are there.
    pub(crate) fn is_current(&self, path: &Path, files: &[PathBuf]) -> bool {
        let stored = std::fs::read(path).ok().and_then(|t| serde_json::from_slice::<Self>(&t).ok());
        stored.as_ref() == Some(self) && files.iter().all(|f| f.is_file())
    }

    /// Removes the record before its files change, so that half a stage never looks finished.
    pub(crate) fn remove(path: &Path) -> Result<()> {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("replace", path, e)),
            _ => Ok(()),
        }
    }

    /// Runs a stage in the pool, unless `path` holds this record and all of `files` are there: then it returns false.
    ///
    /// `prepare` takes out what was made from the files before they change; the record is written last, so that half a
    /// stage never looks finished.
    pub(crate) fn renew(
        &self,
        ctx: &Context<'_>,
        stage: &'static str,
        (path, files): (&Path, &[PathBuf]),
        prepare: impl FnOnce() -> Result<()>,
        compute: impl FnOnce() -> Result<()> + Send,
    ) -> Result<bool> {
        if self.is_current(path, files) {
            return Ok(false);
        }
        Self::remove(path)?;
        prepare()?;
        ctx.observer.begin(stage, 0, "rows");
        let result = ctx.pool.install(compute);
        ctx.observer.end();
        result?;
        self.write(path)?;
        Ok(true)
    }

    /// The record at `path` where it can be read, and its numbers are this program's.
    pub(crate) fn stored_config(path: &Path) -> Option<Value> {
        let stored: Self = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        (stored.numbers == RESULTS_VERSION).then_some(stored.config)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        write_json(path, self)
    }
}

/// Writes a value as JSON.
fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    write_bytes(path, text.as_bytes())
}

/// The stored days of `stage` that belong together: those of `wanted` (all where that is `None`), and foreign ones.
///
/// # Errors
/// [`Error::Stored`] where nothing is stored, naming the command that makes it, and where a day that was wanted is not.
pub(crate) fn stored_days(output: &Path, stage: Stage, wanted: Option<&[String]>) -> Result<Vec<String>> {
    let all = stage.days(output)?;
    let total = all.len();
    if let Some(lost) = wanted.and_then(|w| w.iter().find(|day| all.binary_search(day).is_err())) {
        return Err(StoredError::Removed { path: stage.file(output, lost) }.into());
    }
    let kept: Vec<String> = match wanted {
        Some(wanted) => all
            .into_iter()
            .filter(|day| wanted.contains(day) || Record::read(&stage.file(output, day)).is_none())
            .collect(),
        None => all,
    };
    if total > kept.len() {
        tracing::warn!(
            "{} stored days in {} are not of this archive and are left aside; --fresh removes them",
            total - kept.len(),
            stage.folder(output).display()
        );
    }
    if kept.is_empty() {
        let command = match stage {
            Stage::Features => "features",
            Stage::Scattering => "transform",
            Stage::Measurements | Stage::Scores => "detect",
        };
        return Err(StoredError::Missing { path: stage.folder(output), command }.into());
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Bank, Continuity, Crop, Feature, Normalize, Oversampling, Pooling, SegmentLength};

    /// What days of features and coefficients are fingerprinted over.
    fn settings(config: &Config) -> String {
        format!("{} {}", features_config(config), scattering_config(config, 0))
    }

    #[test]
    fn a_changed_field_makes_stored_days_stale() {
        let before = settings(&Config::default());
        let changes: [fn(&mut Config); 17] = [
            |c| c.crop = None,
            |c| c.crop = Some(Crop { top: 161, bottom: 696, left: 70, right: 1789 }),
            |c| c.time_axis = crate::config::TimeAxis::Up,
            |c| c.features.window = 4,
            |c| c.features.step = 3,
            |c| c.features.names = vec![Feature::Gabor],
            |c| c.value.colormap = "gray".into(),
            |c| c.value.max_residual = 30.0,
            |c| c.input.duration_s = 30.0,
            |c| c.input.distance_offset_km = 1.0,
            |c| c.segments.length = SegmentLength::Bins(64),
            |c| c.segments.continuity = Continuity::Concatenated,
            |c| c.network.pooling = Pooling::Percentile(90),
            |c| c.network.normalize = Normalize::L1,
            |c| c.network.oversampling = Oversampling::Times(2),
            |c| c.network.taper_alpha = Some(0.1),
            |c| c.network.banks = vec![Bank { octaves: 4, resolution: 6, quality: 2.0 }],
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut config = Config::default();
            change(&mut config);
            assert_ne!(settings(&config), before, "change {i}");
        }
    }

    #[test]
    fn what_does_not_change_results_keeps_stored_days() {
        let before = settings(&Config::default());
        let changes: [fn(&mut Config); 5] = [
            |c| c.compute.threads = 3,
            |c| c.output.path = "elsewhere".into(),
            |c| c.value.db_min = -100.0,
            |c| c.network.sampling_rate = 2.0,
            |c| c.reduce.seed = 1,
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut config = Config::default();
            change(&mut config);
            assert_eq!(settings(&config), before, "change {i}");
        }
        // The text itself: days that earlier versions stored stay current.
        let network = scattering_config(&Config::default(), 0).to_string();
        let text = r#"{"images_before":0,"network":{"banks":[{"octaves":4,"quality":1.0,"resolution":6},{"octaves":2,"quality":1.0,"resolution":4}],"normalize":"none","order_0":true,"oversampling":"full","pooling":"median"},"segments":{"continuity":"per-image","length_km":1.0,"overlap":0.2}}"#;
        assert_eq!(network, text, "the form that is fingerprinted");
    }
}
