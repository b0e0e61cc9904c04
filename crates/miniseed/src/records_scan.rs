//! One pass over a MiniSEED file: its records found, checked and joined to segments.
//!
//! In a file, segments are the continuous traces of ObsPy's `read`; joining across files comes after, in the index.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use tracing::{info, warn};

use crate::clock::{Clock, interval_us, same_rate, span_us};
use crate::encoding::SampleType;
use crate::error::{Error, Result};
use crate::file_segment::{BadPlace, FileScan, FileSegment, Mark, Place, finite_ranges};
use crate::header::{Header, SourceKey};
use crate::record::{self, MIN_RECORD};
use crate::record3;
use crate::walker::{Found, Walker};
use crate::window::Window;

/// Bytes in which a first record is looked for where a file does not begin with one.
const SEARCHED: usize = 1 << 16;

/// What was passed over in a file.
#[derive(Default)]
struct Passed {
    garbage_bytes: u64,
    text_records: u64,
    failed_checks: u64,
    not_finite: u64,
}

/// Reads a file's records once and joins those that follow each other.
pub(crate) fn scan_records(file: usize, path: &Path, window: &mut Window) -> Result<FileScan> {
    check_beginning(path, window.bytes(0, SEARCHED)?)?;
    let mut scan =
        Scan { file, segments: Vec::new(), open: BTreeMap::new(), bad: Vec::new(), passed: Passed::default() };
    let mut walker = Walker::at(0);
    // Bytes after a bad record belong to it until the next header.
    let mut in_bad = false;
    while let Some(found) = walker.next(window)? {
        match found {
            Found::Record { offset, size, header } => {
                in_bad = false;
                if let Err(reason) = scan.take(&header, offset, window.bytes(offset, size)?) {
                    scan.add_bad(offset, Some(&header), reason);
                    walker.pass_bad(offset);
                    in_bad = true;
                }
            }
            Found::Bad { offset, reason } => {
                scan.add_bad(offset, None, reason);
                in_bad = true;
            }
            Found::Garbage { bytes } => scan.passed.garbage_bytes += if in_bad { 0 } else { bytes },
        }
    }
    scan.finish(path)
}

/// Refuses what does not begin like MiniSEED or full SEED and has no record near its beginning, before the whole of it
/// is searched for records.
fn check_beginning(path: &Path, bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(record3::SIGNATURE) {
        return Ok(());
    }
    if bytes.len() < MIN_RECORD {
        return Err(Error::file(path, format!("is no MiniSEED: {} bytes, a record has at least 128", bytes.len())));
    }
    if record::is_beginning(bytes) || bytes.chunks(MIN_RECORD).any(record::is_header) {
        return Ok(());
    }
    Err(Error::file(path, "is no MiniSEED: it does not begin with a record header"))
}

/// An open segment of a channel.
#[derive(Clone, Copy)]
struct Open {
    segment: usize,
    /// Number of bad records when it was last marked: a reader may not find its way over those after.
    bad_seen: usize,
}

struct Scan {
    file: usize,
    segments: Vec<FileSegment>,
    /// What the next record of a channel may continue.
    open: BTreeMap<SourceKey, Option<Open>>,
    bad: Vec<BadPlace>,
    passed: Passed,
}

impl Scan {
    /// Takes in a record; in words why it cannot be used.
    fn take(&mut self, header: &Header, offset: u64, record: &[u8]) -> std::result::Result<(), String> {
        let Some(kind) = header.encoding.sample_type().filter(|_| header.samples > 0) else {
            self.passed.text_records += u64::from(header.encoding.sample_type().is_none());
            self.open.insert(header.key, None);
            return Ok(());
        };
        let (samples, intact) = header.decode(record)?;
        self.passed.failed_checks += u64::from(!intact);
        let finite = finite_ranges(&samples);
        let used: usize = finite.iter().map(ExactSizeIterator::len).sum();
        self.passed.not_finite += (samples.len() - used) as u64;
        if finite.is_empty() {
            self.open.insert(header.key, None);
        }
        for range in finite {
            self.append(header, kind, offset, range);
        }
        Ok(())
    }

    /// Appends finite samples of a record to its channel's open segment, or begins another.
    fn append(&mut self, header: &Header, kind: SampleType, offset: u64, range: Range<usize>) {
        let bad_seen = self.bad.len();
        let whole_end = header.samples as usize == range.end;
        let time_us = |i: usize| header.start_us.saturating_add(span_us(i as u64, header.sampling_rate));
        let end_us = if whole_end { header.end_us } else { time_us(range.end.saturating_sub(1)) };
        let open = self.open.entry(header.key).or_default();
        if let Some(open) = open.as_mut().filter(|_| range.start == 0) {
            let segment = &mut self.segments[open.segment];
            if continues(segment, header, kind) {
                segment.clock.observe(segment.samples, header.start_us);
                segment.mark(offset, open.bad_seen != bad_seen);
                segment.samples += range.len() as u64;
                segment.end_us = end_us;
                open.bad_seen = bad_seen;
                return;
            }
        }
        *open = Some(Open { segment: self.segments.len(), bad_seen });
        self.segments.push(FileSegment {
            file: self.file,
            key: header.key,
            kind,
            clock: Clock::new(time_us(range.start), header.sampling_rate),
            end_us,
            samples: range.len() as u64,
            skip: range.start as u64,
            place: Place::Records(vec![Mark { offset, raw: 0 }]),
        });
    }

    fn add_bad(&mut self, offset: u64, header: Option<&Header>, reason: String) {
        if let Some(header) = header {
            self.open.insert(header.key, None);
        }
        let source = header.map(|h| (h.key.id(), h.start_us));
        self.bad.push(BadPlace { offset, source, reason });
    }

    fn finish(mut self, path: &Path) -> Result<FileScan> {
        if let Some(first) = self.bad.first().filter(|_| self.segments.is_empty()) {
            return Err(Error::file(path, format!("record at byte {}: {}", first.offset, first.reason)));
        }
        if self.segments.is_empty() && self.open.is_empty() {
            return Err(Error::file(path, "holds no MiniSEED data record"));
        }
        self.passed.report(path);
        for segment in self.segments.iter_mut().filter(|s| s.clock.drifts()) {
            warn_of_drift(path, segment);
        }
        Ok(FileScan { segments: self.segments, bad: self.bad })
    }
}

fn warn_of_drift(path: &Path, segment: &FileSegment) {
    let drift_s = segment.clock.drift_us() as f64 / 1e6;
    warn!(
        "{}: {}: the headers and {} samples at {} Hz part by {drift_s} s; times follow the headers",
        path.display(),
        segment.key.id(),
        segment.samples,
        segment.sampling_rate()
    );
}

impl Passed {
    fn report(&self, path: &Path) {
        let path = path.display();
        if self.garbage_bytes > 0 {
            warn!("{path}: {} bytes belong to no data record", self.garbage_bytes);
        }
        if self.failed_checks > 0 {
            warn!("{path}: {} records fail Steim's check of their last sample", self.failed_checks);
        }
        if self.not_finite > 0 {
            warn!("{path}: {} samples are NaN or infinite and are taken as gaps", self.not_finite);
        }
        if self.text_records > 0 {
            info!("{path}: {} records of text are left out", self.text_records);
        }
    }
}

/// True where a record continues a segment of its codes and quality.
fn continues(segment: &FileSegment, header: &Header, kind: SampleType) -> bool {
    let (interval, tolerance) = interval_us(segment.sampling_rate());
    let gap = header.start_us.saturating_sub(segment.end_us).saturating_sub(interval);
    segment.kind == kind
        && same_rate(segment.sampling_rate(), header.sampling_rate)
        && gap.saturating_abs() <= tolerance
}
