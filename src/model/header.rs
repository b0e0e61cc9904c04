//! `model.toml`: versions, images, configuration.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::{COLORS, HEADER};
use crate::config::{Config, Layers};
use crate::error::{Error, ModelError, Result};
use crate::store::atomic::write_bytes;
use crate::store::day::RESULTS_VERSION;
use scatterfall_colormap::Colormap;

/// Version of the folder's form.
pub const FORMAT: u32 = 1;

/// Sections of the configuration that a model was fitted with.
const SECTIONS: [&str; 10] =
    ["input", "exclude", "crop", "value", "features", "segments", "network", "reduce", "cluster", "anomaly"];

/// Keys of those that concern one archive only.
const OF_AN_ARCHIVE: [&str; 3] = ["path", "start", "end"];

/// Keys that new images may be given other values of: what their files are called, what is shown and listed, and what
/// only fits depend on.
const FREE: [&str; 11] = [
    "input.path",
    "input.start",
    "input.end",
    "input.time_pattern",
    "input.utc_offset_h",
    "input.max_pixels",
    "value.db_min",
    "value.db_max",
    "value.max_residual",
    "anomaly.top",
    "anomaly.quantile",
];

/// Maximum size of a `model.toml` that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// What `model.toml` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// [`RESULTS_VERSION`].
    pub numbers: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// The images it is for.
    pub images: Images,
    /// The seismograms it is for, where it is for seismograms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traces: Option<Traces>,
    /// What it was fitted on.
    pub fit: Fit,
    /// SHA-256 of the other files.
    pub files: BTreeMap<String, String>,
    /// The configuration, as far as it matters to new images.
    configuration: Table,
}

/// The images that a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// Width in pixels before cropping; unknown where another program made the features.
    pub width: Option<u32>,
    /// Height, likewise.
    pub height: Option<u32>,
    /// Windows per image.
    pub windows: usize,
}

/// The seismograms that a model is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// The channels it was fitted on, `NET.STA.LOC.CHA`; others are as good if they are as many.
    pub channels: Vec<String>,
    /// Hz.
    pub sampling_rate: f64,
}

/// Section of the configuration that only models of seismograms carry.
const SEISMOGRAM: &str = "seismogram";

/// What a model was fitted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// Rows that took part.
    pub rows: usize,
    /// Time of the first (ISO 8601, UTC).
    pub from: String,
    /// Time of the last.
    pub to: String,
}

/// What a model is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Images of an archive.
    Images(Images),
    /// Seismograms.
    Traces(Traces),
}

/// The part of a configuration that a model carries.
pub(crate) fn configuration(config: &Config) -> Table {
    let mut sections = config.table();
    sections.retain(|name, _| SECTIONS.contains(&name));
    if let Some(Value::Table(input)) = sections.get_mut("input") {
        OF_AN_ARCHIVE.iter().for_each(|key| drop(input.remove(*key)));
    }
    sections
}

impl Header {
    pub(super) fn new(config: &Config, source: Source, fit: Fit, files: BTreeMap<String, String>) -> Self {
        let (program, mut configuration) = (env!("CARGO_PKG_VERSION").to_owned(), configuration(config));
        let (images, traces) = match source {
            Source::Images(images) => (images, None),
            Source::Traces(traces) => (Images { width: None, height: None, windows: 0 }, Some(traces)),
        };
        if let (Some(section), true) = (config.table().remove(SEISMOGRAM), traces.is_some()) {
            configuration.insert(SEISMOGRAM.to_owned(), section);
        }
        Self { format: FORMAT, numbers: RESULTS_VERSION, program, images, traces, fit, files, configuration }
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).map_err(|e| Error::store(path, format!("cannot be written: {e}")))?;
        write_bytes(path, text.as_bytes())
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(ModelError::NotThere { path: path.to_path_buf() }.into());
        }
        let mut text = String::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
        read.map_err(|e| Error::io("read", path, e))?;
        let damaged = |e: toml::de::Error| {
            let reason = e.message().lines().next().unwrap_or_default().to_owned();
            Error::store(path, format!("not a model that this program wrote ({reason}); copy the whole folder again"))
        };
        let table: Table = text.parse().map_err(damaged)?;
        let version = |key: &str| table.get(key).and_then(Value::as_integer);
        let folder = path.parent().unwrap_or(path).to_path_buf();
        // Before everything else: another version may have other fields.
        if let Some(format) = version("format").filter(|v| *v != i64::from(FORMAT)) {
            return Err(ModelError::Format { folder, found: format, expected: FORMAT }.into());
        }
        if let Some(numbers) = version("numbers").filter(|v| *v != i64::from(RESULTS_VERSION)) {
            return Err(ModelError::Numbers { folder, found: numbers, expected: RESULTS_VERSION }.into());
        }
        table.try_into().map_err(damaged)
    }

    /// The configuration as the layer below a user's own.
    pub(super) fn configuration(&self, folder: &Path) -> Result<Layers> {
        let path = folder.join(HEADER);
        let mut base = self.configuration.clone();
        if let Some(other) = base.keys().find(|name| !SECTIONS.contains(&name.as_str()) && name.as_str() != SEISMOGRAM)
        {
            return Err(Error::store(path, format!("a model has no configuration of [{other}]")));
        }
        // A map of the model's own is beside it, wherever the file was that it came from.
        if let Some(Value::Table(value)) = base.get_mut("value")
            && self.files.contains_key(COLORS)
        {
            value.insert("colormap".into(), Value::String(folder.join(COLORS).display().to_string()));
        }
        Ok(Layers::over(base))
    }
}

/// Writes the colours where they came from a file; true where that was so.
pub(super) fn write_colors(config: &Config, path: &Path) -> Result<bool> {
    if Colormap::is_builtin(&config.value.colormap) {
        return Ok(false);
    }
    let map = crate::colormap::load(&config.value.colormap)?;
    let mut text = String::new();
    for [r, g, b] in (0..=u8::MAX).map(|i| map.color(i)) {
        let _ = writeln!(text, "{r} {g} {b}");
    }
    write_bytes(path, text.as_bytes())?;
    Ok(true)
}

/// What new images are computed with must be what the model was fitted with.
pub(super) fn check_same(folder: &Path, own: &Config, here: &Config, of_traces: bool) -> Result<()> {
    let refuse = |key: &str, own: String, here: String| {
        Err(ModelError::Setting { folder: folder.to_path_buf(), key: key.to_owned(), own, here }.into())
    };
    if crate::colormap::load(&own.value.colormap)? != crate::colormap::load(&here.value.colormap)? {
        return refuse(
            "value.colormap",
            own.value.colormap.clone(),
            format!("{} (other colours)", here.value.colormap),
        );
    }
    let more = of_traces.then_some(SEISMOGRAM);
    let (own, here) = (own.table(), here.table());
    for section in SECTIONS.into_iter().filter(|s| *s != "exclude").chain(more) {
        if let Some((key, own, here)) = difference(section, &own[section], &here[section]) {
            return refuse(&key, own, here);
        }
    }
    Ok(())
}

/// The first key below `path` whose values differ, with both.
fn difference(path: &str, own: &Value, here: &Value) -> Option<(String, String, String)> {
    // Colours are compared as such, not by the name of their file.
    if FREE.contains(&path) || path == "value.colormap" {
        return None;
    }
    if let (Value::Table(a), Value::Table(b)) = (own, here) {
        // What both have comes first: a switch says more than the keys that it makes needless.
        let only = |k: &&String| !(a.contains_key(*k) && b.contains_key(*k));
        let mut keys: Vec<&String> = a.keys().chain(b.keys().filter(|k| !a.contains_key(*k))).collect();
        keys.sort_by_key(|k| (only(k), *k));
        let none = Value::String("unset".into());
        let of = |t: &Table, key: &String| t.get(key).cloned().unwrap_or_else(|| none.clone());
        return keys.into_iter().find_map(|key| difference(&format!("{path}.{key}"), &of(a, key), &of(b, key)));
    }
    (own != here).then(|| (path.to_owned(), own.to_string(), here.to_string()))
}
