//! One pass over a file: its records found, checked and joined to runs.
//!
//! In a file, runs are the continuous segments of ObsPy's `read`; joining across files comes after, in the index.

use std::collections::BTreeMap;
use std::path::Path;

use tracing::{info, warn};

use crate::encoding::SampleType;
use crate::error::{Error, Result};
use crate::record::{self, Header, MAX_RECORD, MIN_RECORD, Probe, SourceKey};
use crate::window::Window;

/// Largest relative difference of sampling rates that count as the same (libmseed's).
const RATE_TOLERANCE: f64 = 1e-4;

/// True where two sampling rates (Hz) are the same for joining and grouping.
pub(crate) fn same_rate(a: f64, b: f64) -> bool {
    (1.0 - a / b).abs() < RATE_TOLERANCE
}

/// Place of a record in its file, in units of 128 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordRef {
    pub(crate) offset: u32,
    pub(crate) length: u16,
    pub(crate) samples: u16,
}

/// Records of one channel and file that follow each other without gap or overlap.
#[derive(Clone, Debug)]
pub(crate) struct FileSegment {
    pub(crate) file: usize,
    pub(crate) key: SourceKey,
    pub(crate) kind: SampleType,
    pub(crate) sampling_rate: f64,
    pub(crate) start_us: i64,
    /// Time of the last sample by the last record's own start time.
    pub(crate) end_us: i64,
    pub(crate) samples: u64,
    pub(crate) records: Vec<RecordRef>,
}

/// What was passed over in a file.
#[derive(Default)]
struct Passed {
    garbage_bytes: u64,
    text_records: u64,
    failed_checks: u64,
}

/// Reads a file's records once and joins those that follow each other.
pub(crate) fn scan_file(file: usize, path: &Path) -> Result<Vec<FileSegment>> {
    let mut window = Window::open(path)?;
    check_beginning(path, window.bytes(0, MIN_RECORD)?)?;
    let length = window.length();
    let mut runs: Vec<FileSegment> = Vec::new();
    let mut open: BTreeMap<SourceKey, Option<usize>> = BTreeMap::new();
    let mut passed = Passed::default();
    let mut offset = 0;
    while offset < length {
        if length - offset < MIN_RECORD as u64 {
            warn!("{}: the last {} bytes are no record", path.display(), length - offset);
            break;
        }
        let refuse = |reason: String| Error::file(path, format!("record at byte {offset}: {reason}"));
        let size = match probe_at(&mut window, offset)?.map_err(refuse)? {
            Probe::Record(size) => size,
            Probe::Blank => {
                offset += MIN_RECORD as u64;
                continue;
            }
            Probe::Other | Probe::MoreNeeded => {
                passed.garbage_bytes += MIN_RECORD as u64;
                offset += MIN_RECORD as u64;
                continue;
            }
            Probe::Endless => {
                warn!("{}: no length for the record at byte {offset}; the rest is left out", path.display());
                break;
            }
        };
        let record = window.bytes(offset, size)?;
        if record.len() < size {
            warn!("{}: the last record, at byte {offset}, is cut short and left out", path.display());
            break;
        }
        let header = Header::parse(record).map_err(refuse)?;
        let at = RecordRef {
            offset: u32::try_from(offset / MIN_RECORD as u64).map_err(|_| refuse("beyond 512 GiB".into()))?,
            length: (size / MIN_RECORD) as u16,
            samples: header.samples,
        };
        let open = open.entry(header.key).or_default();
        match header.encoding.sample_type() {
            Some(kind) if header.samples > 0 => {
                let (_, intact) = header.decode(record).map_err(refuse)?;
                passed.failed_checks += u64::from(!intact);
                match *open {
                    Some(last) if continues(&runs[last], &header, kind) => runs[last].push(&header, at),
                    _ => {
                        *open = Some(runs.len());
                        runs.push(FileSegment::new(file, &header, kind, at));
                    }
                }
            }
            kind => {
                passed.text_records += u64::from(kind.is_none());
                *open = None;
            }
        }
        offset += size as u64;
    }
    if runs.is_empty() && open.is_empty() {
        return Err(Error::file(path, "holds no MiniSEED data record"));
    }
    passed.report(path);
    runs.iter_mut().for_each(|run| run.records.shrink_to_fit());
    Ok(runs)
}

/// Refuses what does not begin like MiniSEED or full SEED, before garbage is searched for records.
fn check_beginning(path: &Path, bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(b"MS\x03") {
        return Err(Error::file(path, "is MiniSEED 3; only version 2 is read"));
    }
    if bytes.len() < MIN_RECORD {
        return Err(Error::file(path, format!("is no MiniSEED: {} bytes, a record has at least 128", bytes.len())));
    }
    if record::is_beginning(bytes) {
        return Ok(());
    }
    Err(Error::file(path, "is no MiniSEED: it does not begin with a record header"))
}

/// Probes with as many bytes as it takes: a record with blockette 1000 needs few, the search for the next header many.
fn probe_at(window: &mut Window, offset: u64) -> Result<std::result::Result<Probe, String>> {
    let left = window.length() - offset;
    for count in [512, 1 << 17, MAX_RECORD + 2 * MIN_RECORD] {
        let answer = record::probe(window.bytes(offset, count)?, count as u64 >= left);
        if answer != Ok(Probe::MoreNeeded) {
            return Ok(answer);
        }
    }
    Ok(Ok(Probe::Endless))
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
        if self.text_records > 0 {
            info!("{path}: {} records of text are left out", self.text_records);
        }
    }
}

impl FileSegment {
    fn new(file: usize, header: &Header, kind: SampleType, at: RecordRef) -> Self {
        Self {
            file,
            key: header.key,
            kind,
            sampling_rate: header.sampling_rate,
            start_us: header.start_us,
            end_us: header.end_us,
            samples: u64::from(at.samples),
            records: vec![at],
        }
    }

    fn push(&mut self, header: &Header, at: RecordRef) {
        self.end_us = header.end_us;
        self.samples += u64::from(at.samples);
        self.records.push(at);
    }
}

/// Sampling interval and half of it, in whole microseconds as libmseed has them.
pub(crate) fn interval_us(sampling_rate: f64) -> (i64, i64) {
    let interval = if sampling_rate > 0.0 { (1e6 / sampling_rate) as i64 } else { 0 };
    (interval, (0.5 * interval as f64) as i64)
}

/// True where a record continues a run of its codes and quality.
fn continues(run: &FileSegment, header: &Header, kind: SampleType) -> bool {
    let (interval, tolerance) = interval_us(run.sampling_rate);
    let gap = header.start_us.saturating_sub(run.end_us).saturating_sub(interval);
    run.kind == kind && same_rate(run.sampling_rate, header.sampling_rate) && gap.saturating_abs() <= tolerance
}
