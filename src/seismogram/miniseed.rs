//! The index of MiniSEED files and the reading of their samples.
//!
//! Opening reads every file once, in bounded memory, checks that every record decodes, and keeps 8 bytes a record. Records
//! of a channel that follow each other become a [`Piece`], within a file as ObsPy's `read` joins them, and then across
//! files. Samples are decoded again when a [`PieceReader`] comes to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rayon::prelude::*;
use tracing::warn;
use walkdir::WalkDir;

use super::encoding::{SampleType, Samples};
use super::record::{Header, MIN_RECORD, TraceId};
use super::scan::{RecordRef, Run, interval_us, same_rate, scan_file};
use super::window::Window;
use crate::error::{Error, Result};

/// A file that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
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
    /// Files that cannot be used are listed by [`refused`](Self::refused) and warned of: what cannot be read or is not
    /// MiniSEED 2, and what has records that ObsPy does not read either (impossible blockettes or lengths, unknown encodings, missing samples).
    /// Garbage between records, records with an impossible date (ObsPy takes those after the first as they are) and a last
    /// record cut short are passed over with a warning, text records without.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when a path given does not exist; [`Error::Store`] with the reason when no file can be used;
    /// [`Error::Input`] when there is no file.
    pub fn open(inputs: &[PathBuf]) -> Result<Self> {
        let (files, mut refused) = list_files(inputs)?;
        let scans: Vec<Result<Vec<Run>>> = files.par_iter().enumerate().map(|(f, path)| scan_file(f, path)).collect();
        let mut runs = Vec::new();
        for scan in scans {
            match scan {
                Ok(found) => runs.extend(found),
                Err(Error::Store { path, reason }) => refused.push(Refused { path, reason }),
                Err(Error::Io { path, source, .. }) => {
                    refused.push(Refused { path, reason: format!("cannot be read: {source}") });
                }
                Err(other) => return Err(other),
            }
        }
        refused.sort_by(|a, b| a.path.cmp(&b.path));
        match refused.first() {
            Some(first) if runs.is_empty() && refused.len() >= files.len() => {
                return Err(Error::store(&first.path, &*first.reason));
            }
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

/// Files as given, folders replaced by the files in them; and what cannot be one of them.
fn list_files(inputs: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<Refused>)> {
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    for input in inputs {
        let metadata = std::fs::metadata(input).map_err(|e| Error::io("read", input, e))?;
        if !metadata.is_dir() {
            // Opening a pipe may never end.
            match metadata.is_file() {
                true => files.push(input.clone()),
                false => refused.push(Refused { path: input.clone(), reason: "not a regular file".into() }),
            }
            continue;
        }
        for entry in WalkDir::new(input).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() => files.push(entry.into_path()),
                Ok(_) => {}
                Err(e) => {
                    let path = e.path().unwrap_or(input).to_path_buf();
                    refused.push(Refused { path, reason: format!("cannot be read: {e}") });
                }
            }
        }
    }
    Ok((files, refused))
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
                    // Most pieces are of one file, and there may be very many.
                    runs: Vec::with_capacity(1),
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::super::testing::{self, GOLDENS, START};
    use super::*;

    fn open(path: &Path) -> Result<MiniSeedIndex> {
        MiniSeedIndex::open(&[path.to_path_buf()])
    }

    fn samples(index: &MiniSeedIndex, piece: &Piece) -> Vec<f64> {
        index.read_samples(piece, 0..u64::MAX).expect("the piece can be read")
    }

    #[test]
    fn every_encoding_time_and_layout_as_obspy_reads_it() {
        let path = Path::new(GOLDENS).join("expected.json");
        let text = fs::read_to_string(path).expect("the goldens are there");
        let expected: serde_json::Value = serde_json::from_str(&text).expect("the goldens parse");
        let expected = expected.as_object().expect("an object");
        // Files that hold the same share an entry.
        let files: Vec<(&str, &serde_json::Value)> =
            expected.iter().flat_map(|(names, want)| names.split(' ').map(move |name| (name, want))).collect();
        assert_eq!(files.len(), 24, "goldens");
        for (name, want) in files {
            let index = open(&Path::new(GOLDENS).join(format!("{name}.mseed"))).expect("the record is valid");
            let mut want: Vec<&serde_json::Value> = want.as_array().expect("a list").iter().collect();
            want.sort_by_key(|w| (w["id"].as_str(), w["start_us"].as_i64()));
            assert_eq!(index.pieces().len(), want.len(), "{name}: pieces");
            for (piece, want) in index.pieces().iter().zip(want) {
                let values: Vec<f64> =
                    want["samples"].as_array().expect("a list").iter().filter_map(|v| v.as_f64()).collect();
                let kind = match want["type"].as_str() {
                    Some("int32") => SampleType::Int32,
                    Some("float32") => SampleType::Float32,
                    _ => SampleType::Float64,
                };
                assert_eq!(Some(piece.id.to_string().as_str()), want["id"].as_str(), "{name}: codes");
                assert_eq!(Some(piece.start_us), want["start_us"].as_i64(), "{name}: start");
                assert_eq!(Some(piece.sampling_rate), want["rate"].as_f64(), "{name}: rate");
                assert_eq!(piece.kind, kind, "{name}: type");
                assert_eq!(samples(&index, piece), values, "{name}: samples");
                assert_ne!(samples(&index, piece)[1..], values[..values.len() - 1], "{name}: the comparison can fail");
            }
        }
    }

    #[test]
    fn any_range_reads_the_same_samples() {
        let folder = tempfile::tempdir().expect("a folder");
        let all: Vec<i32> = (0..500).map(|i| i * i % 977).collect();
        let bytes: Vec<u8> = all
            .chunks(37)
            .enumerate()
            .flat_map(|(k, part)| testing::record("XX.A..HHZ", START + k as i64 * 370_000, 100.0, part))
            .collect();
        let path = testing::file(&folder, "a", &bytes);
        let index = open(&path).expect("valid records");
        let [piece] = index.pieces() else { panic!("one piece, not {}", index.pieces().len()) };
        let all: Vec<f64> = all.into_iter().map(f64::from).collect();
        for (from, to) in [(0, 500), (0, 1), (36, 38), (37, 74), (111, 300), (499, 500), (490, 900), (500, 501), (9, 3)]
        {
            let got = index.read_samples(piece, from..to).expect("the piece can be read");
            let want = all.get(from as usize..to.clamp(from, 500) as usize).unwrap_or_default();
            assert_eq!(got, want, "samples {from}..{to}");
        }
    }

    #[test]
    fn files_in_any_order_make_one_piece_until_there_is_a_gap() {
        let folder = tempfile::tempdir().expect("a folder");
        // 100 samples at 100 Hz last 1 s; the fourth file starts 6 ms late (more than half an interval).
        let starts = [0, 1_000_000, 2_004_000, 3_006_000];
        let values = |k: i32| (0..100).map(|i| 1000 * k + i).collect::<Vec<i32>>();
        let mut paths: Vec<PathBuf> = (0..4)
            .map(|k| {
                let bytes = testing::record("XX.A..HHZ", START + starts[k], 100.0, &values(k as i32));
                testing::file(&folder, &format!("{}", 9 - k), &bytes)
            })
            .collect();
        for turn in 0..4 {
            paths.rotate_left(turn);
            let index = MiniSeedIndex::open(&paths).expect("valid records");
            let found: Vec<(i64, u64)> = index.pieces().iter().map(|p| (p.start_us, p.samples)).collect();
            assert_eq!(found, [(START, 300), (START + 3_006_000, 100)], "order {turn}");
            let want: Vec<f64> = [0, 1, 2].into_iter().flat_map(values).map(f64::from).collect();
            assert_eq!(samples(&index, &index.pieces()[0]), want, "order {turn}");
        }
        let by_folder = open(folder.path()).expect("a folder is as good as its files");
        assert_eq!((by_folder.pieces().len(), by_folder.files().len()), (2, 4), "pieces and files of the folder");
    }

    #[test]
    fn drift_does_not_add_up_across_files() {
        let folder = tempfile::tempdir().expect("a folder");
        // Each file starts 2 ms later than the one before promised: within 5 ms by itself, beyond it for the third.
        let paths: Vec<PathBuf> = (0..4)
            .map(|k| {
                let bytes = testing::record("XX.A..HHZ", START + k * 1_002_000, 100.0, &[k as i32; 100]);
                testing::file(&folder, &format!("{k}"), &bytes)
            })
            .collect();
        let index = MiniSeedIndex::open(&paths).expect("valid records");
        let found: Vec<(i64, u64)> = index.pieces().iter().map(|p| (p.start_us - START, p.samples)).collect();
        assert_eq!(found, [(0, 300), (3_006_000, 100)], "2, 4 and 6 ms");
    }

    #[test]
    fn in_a_file_only_what_follows_is_joined() {
        let folder = tempfile::tempdir().expect("a folder");
        let part = |k: i64| testing::record("XX.A..HHZ", START + k * 1_000_000, 100.0, &[k as i32; 100]);
        let path = testing::file(&folder, "a", &[part(0), part(2), part(1)].concat());
        let found: Vec<i64> = open(&path).expect("valid").pieces().iter().map(|p| p.start_us - START).collect();
        assert_eq!(found, [0, 1_000_000, 2_000_000], "three pieces, as ObsPy has them");
        let twice = MiniSeedIndex::open(&[path.clone(), path]).expect("a file may be given twice");
        assert_eq!(twice.pieces().iter().map(|p| p.samples).sum::<u64>(), 600, "pieces are what was read");
    }

    #[test]
    fn what_is_no_miniseed_is_refused_with_its_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let good = testing::record("XX.A..HHZ", START, 100.0, &[1, 2, 3]);
        let patched = |at: usize, bytes: &[u8]| {
            let mut record = good.clone();
            record[at..at + bytes.len()].copy_from_slice(bytes);
            record
        };
        // Blockette 1000 at byte 48 leads on to another one at byte 56.
        let second =
            |blockette: &[u8]| [&patched(50, &[0, 56])[..56], blockette, &good[56 + blockette.len()..]].concat();
        let cases: [(&str, Vec<u8>, &str); 12] = [
            ("empty", Vec::new(), "0 bytes"),
            ("short", good[..100].to_vec(), "100 bytes"),
            ("version 3", [b"MS\x03\0".as_slice(), &[0; 200]].concat(), "MiniSEED 3"),
            ("text", b"Dear reader, ".repeat(20), "does not begin"),
            ("blank", vec![b' '; 512], "no MiniSEED data record"),
            ("length", patched(54, &[30]), "2^30"),
            ("shift", patched(54, &[255]), "2^255"),
            ("samples", patched(30, &[0xFF, 0xFF]), "65535 samples"),
            ("24 bits", patched(52, &[2]), "24-bit"),
            ("loop", patched(48, &[0x01, 0xF4, 0, 48]), "not after it"),
            ("unknown", second(&[0, 7, 0, 0]), "blockette 7"),
            ("rate", second(&[0, 100, 0, 0, 0x7F, 0xC0, 0, 0, 0, 0, 0, 0]), "NaN Hz"),
        ];
        for (name, bytes, reason) in cases {
            let path = testing::file(&folder, name, &bytes);
            match open(&path) {
                Err(Error::Store { path: named, reason: words }) => {
                    assert_eq!(named, path, "{name}: the file is named");
                    assert!(words.contains(reason), "{name}: {words}");
                }
                other => panic!("{name}: {other:?}"),
            }
            fs::remove_file(path).expect("the file goes");
        }
        assert!(matches!(open(&folder.path().join("none")), Err(Error::Io { .. })), "a missing file");
        assert!(matches!(open(folder.path()), Err(Error::Input(_))), "an empty folder");
        testing::file(&folder, "a", &good);
        testing::file(&folder, "b", b"junk");
        let index = open(folder.path()).expect("one file is enough");
        assert_eq!((index.pieces().len(), index.refused().len()), (1, 1), "the other is listed");
    }

    #[test]
    fn a_file_that_changes_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = testing::file(&folder, "a", &testing::record("XX.A..HHZ", START, 100.0, &[1, 2, 3]));
        let index = open(&path).expect("valid");
        testing::file(&folder, "a", &testing::record("XX.A..HHZ", START, 100.0, &[1, 2]));
        let answer = index.read_samples(&index.pieces()[0], 0..3);
        assert!(matches!(answer, Err(Error::Store { .. })), "{answer:?}");
    }

    /// Opens damaged bytes; whatever comes out must be readable and no more than the bytes can hold.
    fn survive(path: &Path, bytes: &[u8]) {
        fs::write(path, bytes).expect("the file is written");
        let Ok(index) = open(path) else { return };
        let total: u64 = index.pieces().iter().map(|p| p.samples).sum();
        // Seven Steim-2 differences a word of four bytes are the densest encoding.
        assert!(total <= bytes.len() as u64 / 4 * 7, "{total} samples from {} bytes", bytes.len());
        for piece in index.pieces() {
            assert_eq!(samples(&index, piece).len() as u64, piece.samples, "samples of a damaged file");
        }
    }

    #[test]
    fn damage_never_panics() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("damaged");
        let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
        for name in ["steim2_be", "float64_le", "no_blockettes", "mixed"] {
            let whole = fs::read(Path::new(GOLDENS).join(format!("{name}.mseed"))).expect("the golden is there");
            for at in 0..whole.len().min(320) {
                survive(&path, &whole[..at]);
                let mut bytes = whole.clone();
                bytes[at] = !bytes[at];
                survive(&path, &bytes);
                bytes[at] = random.r#gen();
                let other = random.gen_range(0..bytes.len());
                bytes[other] = random.r#gen();
                survive(&path, &bytes);
            }
        }
    }
}
