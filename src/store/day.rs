//! The unit of storage: one .npz file a UTC day and stage, with a record (.json) of what it was made from.
//!
//! A day is current while its record names the same configuration, inputs, stage before and version of the numbers.
//! A day file without a record was not made by this program; it is used unverified.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::atomic::write_bytes;
use crate::archive::{ImageRef, LeftOut};
use crate::error::{Error, Result};
use scatterfall_scattering::backend::BackendInfo;
use scatterfall_timestamps::day_start;

/// Version of the numbers: raised whenever the same input and configuration give other results than before.
pub const RESULTS_VERSION: u32 = 1;

/// A stage that stores days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Window features.
    Features,
    /// Scattering coefficients.
    Scattering,
    /// What the detector measures of each image.
    Measurements,
    /// The detector's scores.
    Scores,
}

impl Stage {
    fn folder_and_stem(self) -> (&'static str, &'static str) {
        match self {
            Self::Features => ("features", "features"),
            Self::Scattering => ("scattering_coefficients", "scattering_coefficients"),
            Self::Measurements => ("detection", "blocks"),
            Self::Scores => ("detection", "scores"),
        }
    }

    /// The folder of this stage below the output folder.
    pub fn folder(self, output: &Path) -> PathBuf {
        output.join(self.folder_and_stem().0)
    }

    /// The file of one day (`YYYYMMDD`).
    pub fn file(self, output: &Path, day: &str) -> PathBuf {
        self.folder(output).join(format!("{}_{day}.npz", self.folder_and_stem().1))
    }

    /// The days that are stored, in order.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder is there but cannot be read.
    pub fn days(self, output: &Path) -> Result<Vec<String>> {
        let folder = self.folder(output);
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::io("read the folder", &folder, e)),
        };
        let mut days = Vec::new();
        for entry in entries {
            let name = entry.map_err(|e| Error::io("read the folder", &folder, e))?.file_name();
            let day = name
                .to_str()
                .and_then(|n| n.strip_prefix(self.folder_and_stem().1)?.strip_prefix('_')?.strip_suffix(".npz"));
            // Other names (a part of a day, a copy) are someone else's business.
            if let Some(day) = day.filter(|d| day_start(d).is_some()) {
                days.push(day.to_owned());
            }
        }
        days.sort();
        Ok(days)
    }
}

/// What a day is made from. Two equal sources give the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// [`RESULTS_VERSION`].
    pub numbers: u32,
    /// The configuration of the stage and of those before, as far as numbers depend on it.
    pub config: Value,
    /// Images: name, bytes, time of change (microseconds).
    pub inputs: Vec<(String, u64, i64)>,
    /// Fingerprint of the stage before, empty for the first.
    pub before: String,
}

impl Source {
    /// A source of images.
    pub fn of_images(config: Value, images: &[ImageRef]) -> Self {
        let inputs = images.iter().map(|i| (i.name.clone(), i.bytes, i.modified)).collect();
        Self { numbers: RESULTS_VERSION, config, inputs, before: String::new() }
    }

    /// A source of the stage before.
    pub fn of_stage(config: Value, before: String) -> Self {
        Self { numbers: RESULTS_VERSION, config, inputs: Vec::new(), before }
    }

    /// SHA-256 of the source, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        // Maps are sorted by key, so the text does not depend on the order in which keys were written.
        fingerprint_of(&[&serde_json::to_string(self).unwrap_or_default()])
    }
}

/// SHA-256 over several texts, in hexadecimal.
pub fn fingerprint_of(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hex(hash)
}

/// The .json beside a day file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Fingerprint of `source`.
    pub fingerprint: String,
    /// What it was made from.
    pub source: Source,
    /// Who computed it.
    pub backend: StoredBackend,
    /// Length of the day file in bytes: another one was put in its place where this differs.
    pub bytes: u64,
    /// Names of the images that are in it, in order.
    pub images: Vec<String>,
    /// Width and height of those images in pixels, before cropping.
    #[serde(default)]
    pub image_size: Option<(u32, u32)>,
    /// Images that could not be used.
    pub left_out: Vec<LeftOut>,
    /// True where images are missing that may be readable next time: the day is then not current.
    pub incomplete: bool,
}

/// [`BackendInfo`] as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in BackendInfo")]
pub struct StoredBackend {
    pub kind: String,
    pub device: String,
    pub detail: String,
}

impl From<&BackendInfo> for StoredBackend {
    fn from(info: &BackendInfo) -> Self {
        Self { kind: info.kind.into(), device: info.device.clone(), detail: info.detail.clone() }
    }
}

impl Record {
    /// The record of a day file, or `None` where there is none that can be read.
    pub fn read(day_file: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(day_file.with_extension("json")).ok()?).ok()
    }

    /// Writes the record of `day_file`, which must be about to take its name: an older file of the day is removed
    /// before, so that at no moment an old day stands beside a new record, or a new day without one.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, day_file: &Path) -> Result<()> {
        // Another task may be writing the same day: where its record is this one already, its file is what takes the
        // name, now or soon. Asked for in this order, as it writes its record first, none of its files is removed.
        let there = day_file.exists();
        if Self::read(day_file).as_ref() == Some(self) {
            return Ok(());
        }
        if there {
            match std::fs::remove_file(day_file) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("replace", day_file, e)),
                _ => {}
            }
        }
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        write_bytes(&day_file.with_extension("json"), text.as_bytes())
    }
}

/// What is on disk of a day.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Nothing, or something that is out of date.
    Missing,
    /// Up to date.
    Current(Box<Record>),
    /// A file without a record; it is used unverified.
    Untracked,
}

/// What is on disk of a day that should be made from `source`.
pub fn state(day_file: &Path, source: &Source) -> State {
    let Ok(meta) = day_file.metadata() else { return State::Missing };
    if !day_file.with_extension("json").exists() {
        return State::Untracked;
    }
    match Record::read(day_file) {
        Some(r) if r.bytes == meta.len() && !r.incomplete && r.source == *source => State::Current(Box::new(r)),
        _ => State::Missing,
    }
}

/// The fingerprint that the next stage's source names: the record's, or that of a foreign file's length and time of change.
pub fn fingerprint(day_file: &Path) -> String {
    match Record::read(day_file) {
        Some(record) => record.fingerprint,
        None => stamp(day_file),
    }
}

/// What tells one content of a stored file from another: as [`fingerprint`], and what was left out of it.
pub fn identity(day_file: &Path) -> String {
    match Record::read(day_file) {
        Some(r) => fingerprint_of(&[&r.fingerprint, &r.images.join("\n"), &r.bytes.to_string()]),
        None => stamp(day_file),
    }
}

/// SHA-256 of a file's content, in hexadecimal. Unlike a time of change it is the same for the same results, so it may
/// stand in what is written.
///
/// # Errors
/// [`Error::Io`].
pub fn digest(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let copied = std::fs::File::open(path).and_then(|mut file| std::io::copy(&mut file, &mut hash));
    copied.map_err(|e| Error::io("read", path, e))?;
    Ok(hex(hash))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// Length and time of change of a file.
fn stamp(path: &Path) -> String {
    match path.metadata() {
        Ok(meta) => format!("{} bytes, changed {:?}", meta.len(), meta.modified().ok()),
        Err(_) => "missing".into(),
    }
}
