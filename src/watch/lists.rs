//! The lists between two exact ones: what was settled last, and what was told since.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::journal::Mark;
use crate::error::{Error, Result};
use crate::store::atomic::write_bytes;
use scatterfall_timestamps::Micros;

/// What outlives the process, beside the journal.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Settled {
    /// Events that ended before this were there before the watching began, and are not told.
    pub(super) begun: Micros,
    /// Lines of the journal that the events hold, or have done away with.
    pub(super) lines: usize,
    /// Events of the last exact list, as far as they were decided.
    pub(super) events: Vec<Value>,
}

impl Settled {
    /// The state of an output folder; none before the first watching.
    ///
    /// # Errors
    /// [`Error::Store`] for a damaged file.
    pub(super) fn read(output: &Path) -> Result<Option<Self>> {
        let path = file(output);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path, e)),
        };
        let read = serde_json::from_slice(&text).map(Some);
        read.map_err(|e| Error::store(&path, format!("{e}; remove it to begin anew")))
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn write(&self, output: &Path) -> Result<()> {
        write_bytes(&file(output), serde_json::to_string(self).unwrap_or_default().as_bytes())
    }

    /// All decided events in order: those of the last exact list, and `told` since.
    pub(super) fn all(&self, told: &[Value]) -> Vec<Value> {
        let mut all: Vec<Value> = self.events.iter().chain(told).cloned().collect();
        all.sort_by_cached_key(|e| {
            let mark = Mark::read(e);
            (
                mark.as_ref().map(Mark::begin),
                mark.map(|m| m.near_m()),
                e["path"].as_str().unwrap_or_default().to_owned(),
            )
        });
        all
    }
}

fn file(output: &Path) -> PathBuf {
    output.join("watch").join("settled.json")
}
