//! The index of MiniSEED files and the reading of their samples.
//!
//! Opening reads every file once, in bounded memory, checks that every record decodes, and keeps the place of
//! one record per MiB. Records of a channel that follow each other become a [`TraceSegment`], within a file as ObsPy's `read` joins them, and then across
//! files. Samples are decoded again when a [`TraceReader`] comes to them.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tracing::warn;

use crate::error::{Error, Result};
use crate::file_segment::{BadPlace, FileScan};
use crate::files::{Refused, list_files};
use crate::header::TraceId;
use crate::join::join;
use crate::reader::TraceReader;
use crate::scan::scan_file;
use crate::segment::TraceSegment;
use crate::selection::Selection;

/// A record that cannot be used; where it would be is a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// The file.
    pub path: PathBuf,
    /// Its first byte in the file.
    pub offset: u64,
    /// Channel and time of the first sample (microseconds since 1970 UTC), where its header can be read.
    pub source: Option<(TraceId, i64)>,
    /// What is wrong with it.
    pub reason: String,
}

/// Bad records of a file that are warned of one by one.
const WARNINGS_PER_FILE: usize = 3;

/// All segments of a set of MiniSEED (2 and 3) and SAC files.
///
/// # Joining
///
/// In a file, a record continues the segment of the record before it of the same codes and quality if the types agree, the
/// rates to 1e-4, and it starts within half a sampling interval of where it should (by the time of the record before).
/// A record without samples, or one of text, ends the segment, and so does one out of order. Then the segments of a channel
/// from different files, whatever their quality, are joined in the order of time under the same conditions, if the start
/// also fits the time of the whole segment to half an interval. Files may be given in any order.
///
/// Segments are what was read: data given twice makes two segments, a file out of order several that follow each other.
/// [`crate::stations`] makes the best of them.
#[derive(Debug)]
pub struct MiniSeedIndex {
    files: Vec<PathBuf>,
    segments: Vec<TraceSegment>,
    refused: Vec<Refused>,
    bad: Vec<BadRecord>,
}

impl MiniSeedIndex {
    /// Reads the given files, and all files in the given folders (by path, subfolders too).
    ///
    /// Files that cannot be used are listed by [`refused`](Self::refused) and warned of: what cannot be read, and what
    /// holds nothing usable. A bad record (impossible blockettes or length, unknown encoding, missing samples, a wrong
    /// checksum, cut short) costs itself only: it is listed by [`bad_records`](Self::bad_records), and a gap. Samples that
    /// are NaN or infinite are gaps too. Garbage between records and records with an impossible date (ObsPy takes those
    /// after the first as they are) are passed over with a warning, text records without. A blockette that is not known is
    /// passed over by the place of the next one, where ObsPy gives up the file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when a path given does not exist; [`Error::File`] with the reason when no file can be used;
    /// [`Error::NoFile`] when there is none.
    pub fn open(inputs: &[PathBuf]) -> Result<Self> {
        let (files, mut refused) = list_files(inputs)?;
        let scans: Vec<Result<FileScan>> = files.par_iter().enumerate().map(|(f, path)| scan_file(f, path)).collect();
        let (mut found, mut bad) = (Vec::new(), Vec::new());
        for (path, scan) in files.iter().zip(scans) {
            match scan {
                Ok(scan) => {
                    warn_of_bad(path, &scan.bad);
                    found.extend(scan.segments);
                    bad.extend(scan.bad.into_iter().map(|place| BadRecord {
                        path: path.clone(),
                        offset: place.offset,
                        source: place.source,
                        reason: place.reason,
                    }));
                }
                Err(Error::File { path, reason }) => refused.push(Refused { path, reason }),
                Err(Error::Io { path, source }) => {
                    refused.push(Refused { path, reason: format!("cannot be read: {source}") });
                }
                Err(other) => return Err(other),
            }
        }
        refused.sort_by(|a, b| a.path.cmp(&b.path));
        match refused.first() {
            Some(first) if found.is_empty() && refused.len() >= files.len() => {
                return Err(Error::file(&first.path, &*first.reason));
            }
            None if files.is_empty() => return Err(Error::NoFile),
            _ => {}
        }
        for file in &refused {
            warn!("{} is left out: {}", file.path.display(), file.reason);
        }
        Ok(Self { segments: join(found), files, refused, bad })
    }

    /// The segments, ordered by channel and start time. Empty if the files hold nothing but text.
    pub fn segments(&self) -> &[TraceSegment] {
        &self.segments
    }

    /// The files that were left out, in order.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// The records that cannot be used, file by file.
    pub fn bad_records(&self) -> &[BadRecord] {
        &self.bad
    }

    /// Keeps what a selection asks for; the rest is as if it had not been read.
    ///
    /// # Errors
    ///
    /// [`Error::NothingSelected`] when nothing is left, with what there is.
    pub fn select(mut self, selection: &Selection) -> Result<Self> {
        let available = self.segments;
        let (start_us, end_us) = (selection.start_us.unwrap_or(i64::MIN), selection.end_us.unwrap_or(i64::MAX));
        let chosen = available.iter().filter(|s| selection.takes(&s.id));
        self.segments = match (selection.start_us, selection.end_us) {
            (None, None) => chosen.cloned().collect(),
            _ => chosen.filter_map(|s| s.between(start_us, end_us)).collect(),
        };
        if self.segments.is_empty() && !available.is_empty() {
            let mut channels: Vec<String> = available.iter().map(|s| s.id.to_string()).collect();
            channels.dedup();
            let first_us = available.iter().map(TraceSegment::start_us).min().unwrap_or(0);
            let last_us = available.iter().map(|s| s.time_us(s.samples)).max().unwrap_or(0);
            return Err(Error::NothingSelected { channels, first_us, last_us });
        }
        Ok(self)
    }

    /// The files that were looked at, refused ones included, in order.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Reads a segment from its first sample on.
    pub fn reader<'a>(&'a self, segment: &'a TraceSegment) -> TraceReader<'a> {
        TraceReader::new(&self.files, segment)
    }

    /// The samples of `range` of a segment in double precision; fewer where the segment ends before.
    ///
    /// # Errors
    ///
    /// As [`TraceReader::read`].
    pub fn read_samples(&self, segment: &TraceSegment, range: std::ops::Range<u64>) -> Result<Vec<f64>> {
        let mut reader = self.reader(segment);
        let from = range.start.min(segment.samples);
        let count = range.end.min(segment.samples).saturating_sub(from);
        let mut out = Vec::new();
        reader.skip(from)?;
        reader.read(count as usize, &mut out)?;
        Ok(out)
    }
}

fn warn_of_bad(path: &Path, bad: &[BadPlace]) {
    for place in bad.iter().take(WARNINGS_PER_FILE) {
        warn!("{}: the record at byte {} is left out: {}", path.display(), place.offset, place.reason);
    }
    if bad.len() > WARNINGS_PER_FILE {
        warn!("{}: {} more records are left out", path.display(), bad.len() - WARNINGS_PER_FILE);
    }
}
