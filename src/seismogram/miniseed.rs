//! The index of MiniSEED files and the reading of their samples.
//!
//! Opening reads every file once, in bounded memory, checks that every record decodes, and keeps 8 bytes a record. Records
//! of a channel that follow each other become a [`Piece`], within a file as ObsPy's `read` joins them, and then across
//! files. Samples are decoded again when a [`PieceReader`] comes to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tracing::{info, warn};
use walkdir::WalkDir;

use super::encoding::{SampleType, Samples};
use super::record::{self, Header, MAX_RECORD, MIN_RECORD, Probe, SourceKey, TraceId};
use super::window::Window;
use crate::error::{Error, Result};

/// Largest relative difference of sampling rates that count as the same (libmseed's).
const RATE_TOLERANCE: f64 = 1e-4;

/// True where two sampling rates (Hz) are the same for joining and grouping.
pub(super) fn same_rate(a: f64, b: f64) -> bool {
    (1.0 - a / b).abs() < RATE_TOLERANCE
}

/// A file that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Place of a record in its file, in units of 128 bytes.
#[derive(Clone, Copy, Debug)]
struct RecordRef {
    offset: u32,
    length: u16,
    samples: u16,
}

/// Records of one channel and file that follow each other without gap or overlap.
#[derive(Clone, Debug)]
struct Run {
    file: usize,
    key: SourceKey,
    kind: SampleType,
    sampling_rate: f64,
    start_us: i64,
    /// Time of the last sample by the last record's own start time.
    end_us: i64,
    samples: u64,
    records: Vec<RecordRef>,
}

/// A continuous piece of one channel: no gap, no overlap, one sampling rate and sample type.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The channel.
    pub id: TraceId,
    /// Time of the first sample, microseconds since 1970-01-01 UTC.
    pub start_us: i64,
    /// Hz; 0 for what is no time series.
    pub sampling_rate: f64,
    /// Number of samples, at least one.
    pub samples: u64,
    /// Type of the samples.
    pub kind: SampleType,
    runs: Vec<Run>,
}

impl Piece {
    /// Time of sample `i`: start + i / rate, rounded to microseconds.
    pub fn time_us(&self, i: u64) -> i64 {
        self.start_us.saturating_add(span_us(i, self.sampling_rate))
    }
}

/// Duration of `samples` sampling intervals in microseconds; 0 without a rate.
pub(super) fn span_us(samples: u64, sampling_rate: f64) -> i64 {
    if sampling_rate > 0.0 { (samples as f64 / sampling_rate * 1e6).round_ties_even() as i64 } else { 0 }
}

/// All pieces of a set of MiniSEED 2 files.
///
/// # Joining
///
/// In a file, a record continues the piece of the record before it of the same codes and quality if the types agree, the
/// rates to 1e-4, and it starts within half a sampling interval of where it should (by the time of the record before).
/// A record without samples, or one of text, ends the piece, and so does one out of order. Then the pieces of a channel
/// from different files, whatever their quality, are joined in the order of time under the same conditions, if the start
/// also fits the time of the whole piece (its start + i / rate) to half an interval: so no clock drift adds up over months.
/// Files may be given in any order.
///
/// Pieces are what was read: data given twice makes two pieces, a file out of order several that follow each other.
/// [`super::stations`] makes the best of them.
#[derive(Debug)]
pub struct MiniSeedIndex {
    files: Vec<PathBuf>,
    pieces: Vec<Piece>,
    refused: Vec<Refused>,
}

impl MiniSeedIndex {
    /// Reads the given files, and all files in the given folders (by path, subfolders too).
    ///
    /// Files that cannot be used are listed by [`refused`](Self::refused) and warned of: what is not MiniSEED 2, and what
    /// has records that ObsPy does not read either (impossible blockettes or lengths, unknown encodings, missing samples).
    /// Garbage between records and a last record cut short are passed over with a warning, text records silently.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when a path given cannot be read; [`Error::Store`] with the reason when no file can be used;
    /// [`Error::Input`] when there is no file.
    pub fn open(inputs: &[PathBuf]) -> Result<Self> {
        let files = list_files(inputs)?;
        let scans: Vec<Result<Vec<Run>>> = files.par_iter().enumerate().map(|(f, path)| scan_file(f, path)).collect();
        let mut runs = Vec::new();
        let mut refused = Vec::new();
        for scan in scans {
            match scan {
                Ok(found) => runs.extend(found),
                Err(Error::Store { path, reason }) => refused.push(Refused { path, reason }),
                Err(other) => return Err(other),
            }
        }
        match refused.first() {
            Some(first) if refused.len() == files.len() => return Err(Error::store(&first.path, &*first.reason)),
            None if files.is_empty() => return Err(Error::Input("no MiniSEED file is given".into())),
            _ => {}
        }
        for file in &refused {
            warn!("{} is left out: {}", file.path.display(), file.reason);
        }
        let pieces = join(runs);
        Ok(Self { files, pieces, refused })
    }

    /// The pieces, ordered by channel and start time. Empty if the files hold nothing but text.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The files that were left out, in order.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// The files that were looked at, refused ones included, in order.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Reads a piece from its first sample on.
    pub fn reader<'a>(&'a self, piece: &'a Piece) -> PieceReader<'a> {
        PieceReader {
            files: &self.files,
            runs: &piece.runs,
            record: 0,
            window: None,
            samples: Samples::empty(piece.kind),
            used: 0,
        }
    }

    /// The samples of `range` of a piece in double precision; fewer where the piece ends before.
    ///
    /// # Errors
    ///
    /// As [`PieceReader::read`].
    pub fn read_samples(&self, piece: &Piece, range: std::ops::Range<u64>) -> Result<Vec<f64>> {
        let mut reader = self.reader(piece);
        let from = range.start.min(piece.samples);
        let count = range.end.min(piece.samples).saturating_sub(from);
        let mut out = Vec::new();
        reader.skip(from)?;
        reader.read(count as usize, &mut out)?;
        Ok(out)
    }
}

/// Files as given, folders replaced by the files in them.
fn list_files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in inputs {
        let metadata = std::fs::metadata(input).map_err(|e| Error::io("read", input, e))?;
        if !metadata.is_dir() {
            files.push(input.clone());
            continue;
        }
        for entry in WalkDir::new(input).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() => files.push(entry.into_path()),
                Ok(_) => {}
                Err(e) => warn!("{}: {e}", input.display()),
            }
        }
    }
    Ok(files)
}

/// What was passed over in a file.
#[derive(Default)]
struct Passed {
    garbage_bytes: u64,
    text_records: u64,
    failed_checks: u64,
}

/// Reads a file's records once and joins those that follow each other.
fn scan_file(file: usize, path: &Path) -> Result<Vec<Run>> {
    let mut window = Window::open(path)?;
    check_beginning(path, window.bytes(0, MIN_RECORD)?)?;
    let length = window.length();
    let mut runs: Vec<Run> = Vec::new();
    let mut open: BTreeMap<SourceKey, Option<usize>> = BTreeMap::new();
    let mut passed = Passed::default();
    let mut offset = 0;
    while offset < length {
        if length - offset < MIN_RECORD as u64 {
            warn!("{}: the last {} bytes are no record", path.display(), length - offset);
            break;
        }
        let refuse = |reason: String| Error::store(path, format!("record at byte {offset}: {reason}"));
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
                        runs.push(Run::new(file, &header, kind, at));
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
        return Err(Error::store(path, "holds no MiniSEED data record"));
    }
    passed.report(path);
    runs.iter_mut().for_each(|run| run.records.shrink_to_fit());
    Ok(runs)
}

/// Refuses what does not begin like MiniSEED or full SEED, before garbage is searched for records.
fn check_beginning(path: &Path, bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(b"MS\x03") {
        return Err(Error::store(path, "is MiniSEED 3; only version 2 is read"));
    }
    if bytes.len() < MIN_RECORD {
        return Err(Error::store(path, format!("is no MiniSEED: {} bytes, a record has at least 128", bytes.len())));
    }
    let sequence = bytes[..6].iter().all(|b| b.is_ascii_digit() || matches!(b, b' ' | 0));
    let data_or_blank = matches!(bytes[6], b'D' | b'R' | b'Q' | b'M' | b' ');
    let blank = bytes.iter().all(|b| b.is_ascii_whitespace());
    if (sequence && data_or_blank) || blank || record::is_control_header(bytes) {
        return Ok(());
    }
    Err(Error::store(path, "is no MiniSEED: it does not begin with a record header"))
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

impl Run {
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
fn interval_us(sampling_rate: f64) -> (i64, i64) {
    let interval = if sampling_rate > 0.0 { (1e6 / sampling_rate) as i64 } else { 0 };
    (interval, (0.5 * interval as f64) as i64)
}

/// True where a record continues a run of its codes and quality.
fn continues(run: &Run, header: &Header, kind: SampleType) -> bool {
    let (interval, tolerance) = interval_us(run.sampling_rate);
    let gap = header.start_us.saturating_sub(run.end_us).saturating_sub(interval);
    run.kind == kind && same_rate(run.sampling_rate, header.sampling_rate) && gap.saturating_abs() <= tolerance
}

/// Joins runs to pieces, channel by channel in the order of time.
fn join(runs: Vec<Run>) -> Vec<Piece> {
    let mut channels: BTreeMap<TraceId, Vec<Run>> = BTreeMap::new();
    for run in runs {
        channels.entry(run.key.id()).or_default().push(run);
    }
    let mut pieces = Vec::new();
    for (id, mut runs) in channels {
        runs.sort_by_key(|run| run.start_us);
        join_channel(&id, runs, &mut pieces);
    }
    pieces
}

fn join_channel(id: &TraceId, runs: Vec<Run>, pieces: &mut Vec<Piece>) {
    // Pieces of this channel by the time at which their next sample is due; where data was given twice there are several.
    let mut due: BTreeSet<(i64, usize)> = BTreeSet::new();
    for run in runs {
        let (_, tolerance) = interval_us(run.sampling_rate);
        let window = (run.start_us.saturating_sub(tolerance), 0)..=(run.start_us.saturating_add(tolerance), usize::MAX);
        let found = due.range(window).copied().find(|(_, p)| {
            let piece: &Piece = &pieces[*p];
            let nominal = piece.time_us(piece.samples);
            piece.runs.last().is_some_and(|last| last.file != run.file)
                && piece.kind == run.kind
                && same_rate(piece.sampling_rate, run.sampling_rate)
                && (run.start_us.saturating_sub(nominal)).saturating_abs() <= tolerance
        });
        let next = run.end_us.saturating_add(interval_us(run.sampling_rate).0);
        let p = match found {
            Some(place) => {
                due.remove(&place);
                place.1
            }
            None => {
                pieces.push(Piece {
                    id: id.clone(),
                    start_us: run.start_us,
                    sampling_rate: run.sampling_rate,
                    samples: 0,
                    kind: run.kind,
                    runs: Vec::new(),
                });
                pieces.len() - 1
            }
        };
        pieces[p].samples += run.samples;
        pieces[p].runs.push(run);
        due.insert((next, p));
    }
}

/// Reads the samples of a piece from first to last, holding one record of them.
pub struct PieceReader<'a> {
    files: &'a [PathBuf],
    /// The runs from the current one on.
    runs: &'a [Run],
    /// Next record of the current run.
    record: usize,
    /// On the current run's file, once it is needed.
    window: Option<Window>,
    /// The current record's samples, of which `used` are read.
    samples: Samples,
    used: usize,
}

impl PieceReader<'_> {
    /// Appends the next `count` samples, or what is left of the piece, to `out`; answers how many.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when a file cannot be read; [`Error::Store`] when it changed since it was indexed.
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
        let changed = || Error::store(path, format!("changed while it was read (record at byte {offset})"));
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
