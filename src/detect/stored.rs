//! The stored measurements of an archive, a day at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use scatterfall_detector::{Days, DetectorPlan, Measurement};

use crate::error::Result;
use crate::formats::measurements;
use crate::store::day::{Record, Stage};
use scatterfall_npz::NpzFile;
use scatterfall_npz::Time;
use scatterfall_timestamps::Micros;

/// Days of measurements on disk.
pub(crate) struct StoredDays<'a> {
    plan: &'a DetectorPlan,
    files: Vec<PathBuf>,
    images: Vec<usize>,
    /// File names of the images by their times.
    pub(crate) names: HashMap<Micros, String>,
}

impl<'a> StoredDays<'a> {
    /// Opens `days` of an output folder; those without images are left aside.
    ///
    /// # Errors
    /// Those of reading the days' times.
    pub(crate) fn open(output: &Path, days: &[String], plan: &'a DetectorPlan) -> Result<Self> {
        let mut stored = Self { plan, files: Vec::new(), images: Vec::new(), names: HashMap::new() };
        for day in days {
            let path = Stage::Measurements.file(output, day);
            let (_, times) = NpzFile::open(&path)?.read::<Time>("times")?;
            if times.is_empty() {
                continue;
            }
            stored.images.push(times.len());
            if let Some(record) = Record::read(&path) {
                stored.names.extend(times.into_iter().map(|t| t.0).zip(record.images));
            }
            stored.files.push(path);
        }
        Ok(stored)
    }

    /// The day files, in order.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

impl Days for StoredDays<'_> {
    fn count(&self) -> usize {
        self.files.len()
    }

    fn images(&self, day: usize) -> usize {
        self.images[day]
    }

    fn load(&self, day: usize) -> std::result::Result<Vec<Measurement>, String> {
        measurements::read(&self.files[day], self.plan).map_err(|e| e.to_string())
    }
}
