//! What is measured image by image until the day's own file takes it over: `watch/measured/YYYYMMDD.jsonl` says what became of every
//! picture, `watch/measured/YYYYMMDD/` holds the measurements. A line is written when its measurement is safe on the disk.

use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use scatterfall_detector::{DetectorPlan, Measurement};
use serde::{Deserialize, Serialize};

use crate::archive::ImageRef;
use crate::error::{Error, Result};
use crate::formats::measurements::{self, MeasurementWriter};
use crate::store::npz::NpzStream;
use scatterfall_timestamps::{Micros, day_name};

/// What became of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Its file below the archive's folder.
    pub(super) name: String,
    /// Start of the image.
    pub(super) time: Micros,
    /// Length of the file.
    pub(super) bytes: u64,
    /// Time of its last change.
    pub(super) modified: Micros,
    /// Why it is left out; a picture without a reason is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left_out: Option<String>,
}

impl Seen {
    /// A picture, and why it is left out where it is.
    pub(super) fn new(image: &ImageRef, left_out: Option<String>) -> Self {
        let ImageRef { name, time, bytes, modified, .. } = image.clone();
        Self { name, time, bytes, modified, left_out }
    }

    /// Whether the picture is still the one that was seen.
    pub(super) fn is(&self, image: &ImageRef) -> bool {
        (&self.name, self.bytes, self.modified) == (&image.name, image.bytes, image.modified)
    }
}

/// The store of an output folder.
pub(super) struct Stored {
    folder: PathBuf,
    db: (f64, f64),
}

impl Stored {
    /// The store of an output folder; `db` are the decibels of the first and of the last colour.
    pub(super) fn new(output: &Path, db: (f64, f64)) -> Self {
        Self { folder: output.join("watch").join("measured"), db }
    }

    fn list(&self, day: &str) -> PathBuf {
        self.folder.join(format!("{day}.jsonl"))
    }

    fn file(&self, time: Micros) -> PathBuf {
        self.folder.join(day_name(time)).join(format!("{time}.npz"))
    }

    /// Stores what was measured of pictures, then that they were.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn add(&self, plan: &DetectorPlan, measured: &[(Seen, &Measurement)]) -> Result<()> {
        for (seen, measurement) in measured {
            let mut writer = MeasurementWriter::new(NpzStream::new(self.file(seen.time)), plan, self.db)?;
            writer.append(measurement)?;
            writer.stream.finish(|_| Ok(()))?;
        }
        self.note(measured.iter().map(|(seen, _)| seen))
    }

    /// Notes what became of pictures.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn note<'a>(&self, seen: impl IntoIterator<Item = &'a Seen>) -> Result<()> {
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        for one in seen {
            let line = serde_json::to_string(one).unwrap_or_default();
            texts.entry(day_name(one.time)).or_default().push_str(&format!("{line}\n"));
        }
        for (day, text) in texts {
            let path = self.list(&day);
            let failed = |e| Error::io("write", &path, e);
            std::fs::create_dir_all(&self.folder).map_err(failed)?;
            let torn = std::fs::read(&path).is_ok_and(|t| t.last().is_some_and(|&b| b != b'\n'));
            let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
            // A crash may have cut off the line before; it is none then.
            let text = if torn { format!("\n{text}") } else { text };
            file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(failed)?;
        }
        Ok(())
    }

    /// Days with entries, in order.
    pub(super) fn days(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let day = |e: std::fs::DirEntry| Some(e.file_name().to_str()?.strip_suffix(".jsonl")?.to_owned());
        let mut days: Vec<String> = entries.filter_map(day).collect();
        days.sort();
        days
    }

    /// What became of a day's pictures, by name; the last word counts.
    pub(super) fn of_day(&self, day: &str) -> HashMap<String, Seen> {
        let text = std::fs::read_to_string(self.list(day)).unwrap_or_default();
        let lines = text.lines().filter_map(|l| serde_json::from_str::<Seen>(l).ok());
        lines.map(|seen| (seen.name.clone(), seen)).collect()
    }

    /// The measurement of an image.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn read(&self, time: Micros, plan: &DetectorPlan) -> Result<Measurement> {
        let path = self.file(time);
        let gone = || Error::store(&path, "no measurement in it; remove the folder `watch` to have it made again");
        measurements::read(&path, plan)?.pop().ok_or_else(gone)
    }

    /// Removes what days before `day` have taken over.
    pub(super) fn remove_before(&self, day: &str) {
        for old in self.days().into_iter().filter(|d| d.as_str() < day) {
            // The list goes first: measurements without one are nothing.
            if std::fs::remove_file(self.list(&old)).is_ok() {
                let _ = std::fs::remove_dir_all(self.folder.join(&old));
            }
        }
    }
}
