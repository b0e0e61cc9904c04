//! The index of MiniSEED files and the reading of their samples.
//!
//! Opening reads every file once, in bounded memory, checks that every record decodes, and keeps 8 bytes a record. Records
//! of a channel that follow each other become a [`TraceSegment`], within a file as ObsPy's `read` joins them, and then across
//! files. Samples are decoded again when a [`TraceReader`] comes to them.

use std::path::PathBuf;

use rayon::prelude::*;
use tracing::warn;

use crate::error::{Error, Result};
use crate::files::list_files;
use crate::join::join;
use crate::reader::TraceReader;
use crate::scan::{FileSegment, scan_file};
use crate::segment::TraceSegment;

/// A file that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// All segments of a set of MiniSEED 2 files.
///
/// # Joining
///
/// In a file, a record continues the segment of the record before it of the same codes and quality if the types agree, the
/// rates to 1e-4, and it starts within half a sampling interval of where it should (by the time of the record before).
/// A record without samples, or one of text, ends the segment, and so does one out of order. Then the segments of a channel
/// from different files, whatever their quality, are joined in the order of time under the same conditions, if the start
/// also fits the time of the whole segment (its start + i / rate) to half an interval: so no clock drift adds up over months.
/// Files may be given in any order.
///
/// Segments are what was read: data given twice makes two segments, a file out of order several that follow each other.
/// [`crate::stations`] makes the best of them.
#[derive(Debug)]
pub struct MiniSeedIndex {
    files: Vec<PathBuf>,
    segments: Vec<TraceSegment>,
    refused: Vec<Refused>,
}

impl MiniSeedIndex {
    /// Reads the given files, and all files in the given folders (by path, subfolders too).
    ///
    /// Files that cannot be used are listed by [`refused`](Self::refused) and warned of: what cannot be read or is not
    /// MiniSEED 2, and what has records that ObsPy does not read either (impossible blockettes or lengths, unknown encodings, missing samples).
    /// Garbage between records, records with an impossible date (ObsPy takes those after the first as they are) and a last
    /// record cut short are passed over with a warning, text records without.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when a path given does not exist; [`Error::File`] with the reason when no file can be used;
    /// [`Error::NoFile`] when there is none.
    pub fn open(inputs: &[PathBuf]) -> Result<Self> {
        let (files, mut refused) = list_files(inputs)?;
        let scans: Vec<Result<Vec<FileSegment>>> =
            files.par_iter().enumerate().map(|(f, path)| scan_file(f, path)).collect();
        let mut runs = Vec::new();
        for scan in scans {
            match scan {
                Ok(found) => runs.extend(found),
                Err(Error::File { path, reason }) => refused.push(Refused { path, reason }),
                Err(Error::Io { path, source }) => {
                    refused.push(Refused { path, reason: format!("cannot be read: {source}") });
                }
                Err(other) => return Err(other),
            }
        }
        refused.sort_by(|a, b| a.path.cmp(&b.path));
        match refused.first() {
            Some(first) if runs.is_empty() && refused.len() >= files.len() => {
                return Err(Error::file(&first.path, &*first.reason));
            }
            None if files.is_empty() => return Err(Error::NoFile),
            _ => {}
        }
        for file in &refused {
            warn!("{} is left out: {}", file.path.display(), file.reason);
        }
        let segments = join(runs);
        Ok(Self { files, segments, refused })
    }

    /// The segments, ordered by channel and start time. Empty if the files hold nothing but text.
    pub fn segments(&self) -> &[TraceSegment] {
        &self.segments
    }

    /// The files that were left out, in order.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
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
