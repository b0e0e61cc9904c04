//! Reads the samples of a trace segment, a record at a time.

use std::path::PathBuf;

use crate::encoding::Samples;
use crate::error::{Error, Result};
use crate::record::{Header, MIN_RECORD};
use crate::scan::{FileSegment, RecordRef};
use crate::segment::TraceSegment;
use crate::window::Window;

/// Reads the samples of a segment from first to last, holding one record of them.
pub struct TraceReader<'a> {
    files: &'a [PathBuf],
    /// The runs from the current one on.
    runs: &'a [FileSegment],
    /// Next record of the current run.
    record: usize,
    /// On the current run's file, once it is needed.
    window: Option<Window>,
    /// The current record's samples, of which `used` are read.
    samples: Samples,
    used: usize,
}

impl<'a> TraceReader<'a> {
    pub(crate) fn new(files: &'a [PathBuf], segment: &'a TraceSegment) -> Self {
        Self { files, runs: &segment.runs, record: 0, window: None, samples: Samples::empty(segment.kind), used: 0 }
    }

    /// Appends the next `count` samples, or what is left of the segment, to `out`; answers how many.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when a file cannot be read; [`Error::File`] when it changed since it was indexed.
    pub fn read(&mut self, count: usize, out: &mut Vec<f64>) -> Result<usize> {
        let begin = out.len();
        while out.len() - begin < count {
            if self.used == self.samples.len() && !self.load()? {
                break;
            }
            let to = self.samples.len().min(self.used + count - (out.len() - begin));
            self.samples.extend_f64(self.used..to, out);
            self.used = to;
        }
        Ok(out.len() - begin)
    }

    /// Passes over `count` samples; records that lie in them whole are not even read.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn skip(&mut self, mut count: u64) -> Result<()> {
        loop {
            let step = count.min((self.samples.len() - self.used) as u64);
            self.used += step as usize;
            count -= step;
            if count == 0 {
                return Ok(());
            }
            while let Some(next) = self.next_record().filter(|next| u64::from(next.samples) <= count) {
                count -= u64::from(next.samples);
                self.record += 1;
            }
            if count == 0 || !self.load()? {
                return Ok(());
            }
        }
    }

    /// The rest of the current record, or the next one whole, in its own type; none after the last.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn next_samples(&mut self) -> Result<Option<(&Samples, std::ops::Range<usize>)>> {
        if self.used == self.samples.len() && !self.load()? {
            return Ok(None);
        }
        let range = self.used..self.samples.len();
        self.used = range.end;
        Ok(Some((&self.samples, range)))
    }

    /// The next record, after going on to the next run where one ended.
    fn next_record(&mut self) -> Option<RecordRef> {
        while let Some(run) = self.runs.first() {
            if let Some(next) = run.records.get(self.record) {
                return Some(*next);
            }
            self.runs = &self.runs[1..];
            self.record = 0;
            self.window = None;
        }
        None
    }

    /// Decodes the next record; false when there is none.
    fn load(&mut self) -> Result<bool> {
        let Some(next) = self.next_record() else { return Ok(false) };
        let run = &self.runs[0];
        let path = &self.files[run.file];
        let window = match &mut self.window {
            Some(window) => window,
            none => none.insert(Window::open(path)?),
        };
        let offset = u64::from(next.offset) * MIN_RECORD as u64;
        let record = window.bytes(offset, usize::from(next.length) * MIN_RECORD)?;
        let changed = || Error::file(path, format!("changed while it was read (record at byte {offset})"));
        let header = Header::parse(record).map_err(|_| changed())?;
        if header.key != run.key || header.samples != next.samples || header.encoding.sample_type() != Some(run.kind) {
            return Err(changed());
        }
        (self.samples, _) = header.decode(record).map_err(|_| changed())?;
        self.used = 0;
        self.record += 1;
        Ok(true)
    }
}
