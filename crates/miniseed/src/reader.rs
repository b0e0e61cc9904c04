//! Reads the samples of a trace segment, a record at a time.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::encoding::Samples;
use crate::error::{Error, Result};
use crate::file_segment::{FileSegment, Place};
use crate::segment::TraceSegment;
use crate::walker::{Found, Walker};
use crate::window::Window;

/// Samples decoded at a time where there are no records.
const CHUNK: u64 = 1 << 15;

/// Reads the samples of a trace segment from first to last, holding one record of them.
pub struct TraceReader<'a> {
    paths: &'a [PathBuf],
    /// The file segments that were not begun yet.
    later: &'a [FileSegment],
    current: Option<FileReader<'a>>,
    /// The current record's samples, of which those before `used` are read.
    samples: Samples,
    used: usize,
}

impl<'a> TraceReader<'a> {
    pub(crate) fn new(paths: &'a [PathBuf], segment: &'a TraceSegment) -> Self {
        Self { paths, later: &segment.files, current: None, samples: Samples::empty(segment.kind), used: 0 }
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

    /// Passes over `count` samples; records that lie in them whole are not decoded.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn skip(&mut self, count: u64) -> Result<()> {
        let step = count.min((self.samples.len() - self.used) as u64);
        self.used += step as usize;
        let mut left = count - step;
        while left > 0 {
            let Some(current) = self.current_file()? else { return Ok(()) };
            left -= current.skip(left);
        }
        Ok(())
    }

    /// The rest of the current record, or the next one whole, in its own type; none after the last.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn next_samples(&mut self) -> Result<Option<(&Samples, Range<usize>)>> {
        if self.used == self.samples.len() && !self.load()? {
            return Ok(None);
        }
        let range = self.used..self.samples.len();
        self.used = range.end;
        Ok(Some((&self.samples, range)))
    }

    /// The reader of the file segment that the next sample is in; none at the end.
    fn current_file(&mut self) -> Result<Option<&mut FileReader<'a>>> {
        if self.current.as_ref().is_none_or(|c| c.left() == 0) {
            self.current = None;
            if let Some((segment, later)) = self.later.split_first() {
                self.later = later;
                self.current = Some(FileReader::new(&self.paths[segment.file], segment));
            }
        }
        Ok(self.current.as_mut())
    }

    /// Decodes the next samples; false when there are none.
    fn load(&mut self) -> Result<bool> {
        let Some(current) = self.current_file()? else { return Ok(false) };
        let (samples, range) = current.next_samples()?;
        self.used = range.start;
        self.samples = samples.truncated(range.end);
        Ok(true)
    }
}

/// On the samples of one file.
struct FileReader<'a> {
    path: &'a Path,
    segment: &'a FileSegment,
    window: Option<Window>,
    walker: Walker,
    /// Number of the raw sample that the walker stands before.
    raw: u64,
    /// Number of the raw sample that is read next.
    next: u64,
}

impl<'a> FileReader<'a> {
    fn new(path: &'a Path, segment: &'a FileSegment) -> Self {
        Self { path, segment, window: None, walker: Walker::at(0), raw: 0, next: segment.skip }.at_last_mark()
    }

    fn left(&self) -> u64 {
        self.segment.raw_end() - self.next
    }

    /// Passes over samples, and says how many: `count`, or what is left.
    fn skip(&mut self, count: u64) -> u64 {
        let step = count.min(self.left());
        self.next += step;
        step
    }

    fn at_last_mark(mut self) -> Self {
        self.jump(true);
        self
    }

    /// Goes to the last mark before the next sample, unless the walker is already behind it.
    fn jump(&mut self, first: bool) {
        if let Place::Records(marks) = &self.segment.place {
            let k = marks.partition_point(|m| m.raw <= self.next).saturating_sub(1);
            // From a mark on, and at one: bad records may hide the way to it.
            if let Some(mark) = marks.get(k).filter(|m| first || m.raw >= self.raw) {
                self.walker = Walker::at(mark.offset);
                self.raw = mark.raw;
            }
        }
    }

    /// Decodes the samples from the next one on: the range of what comes back that counts.
    fn next_samples(&mut self) -> Result<(Samples, Range<usize>)> {
        let path = self.path;
        let window = match &mut self.window {
            Some(window) => window,
            none => none.insert(Window::open(path)?),
        };
        if let Place::Array { offset, encoding, order, width } = self.segment.place {
            let count = (self.segment.raw_end() - self.next).min(CHUNK);
            let bytes = window.bytes(offset + width * self.next, (width * count) as usize)?;
            let (samples, _) = encoding.decode(bytes, order, count as usize).map_err(|_| changed(path, offset))?;
            self.next += count;
            return Ok((samples, 0..count as usize));
        }
        self.jump(false);
        loop {
            let window = self.window.as_mut().ok_or_else(|| changed(path, 0))?;
            let Some(found) = self.walker.next(window)? else { return Err(changed(path, window.length())) };
            let Found::Record { offset, size, header } = found else { continue };
            if header.key != self.segment.key {
                continue;
            }
            let (begin, end) = (self.raw, self.raw + u64::from(header.samples));
            self.raw = end;
            if end <= self.next {
                continue;
            }
            if header.encoding.sample_type() != Some(self.segment.kind) {
                return Err(changed(path, offset));
            }
            let (samples, _) = header.decode(window.bytes(offset, size)?).map_err(|_| changed(path, offset))?;
            let range = (self.next - begin) as usize..(end.min(self.segment.raw_end()) - begin) as usize;
            self.next = begin + range.end as u64;
            return Ok((samples, range));
        }
    }
}

fn changed(path: &Path, offset: u64) -> Error {
    Error::file(path, format!("changed while it was read (record at byte {offset})"))
}
