//! From pieces as they were read to stretches as they are used: overlaps resolved, then detrended and filtered on the way.

use tracing::warn;

use super::filter::{Highpass, Line, Trend};
use super::miniseed::{MiniSeedIndex, Piece, PieceReader, span_us};
use crate::config::{Detrend, Seismogram};
use crate::error::{Error, Result};
use scatterfall_timestamps::Micros;

/// Samples read at once where a whole stretch goes by.
const CHUNK: usize = 1 << 16;

/// Part of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    /// Index of the piece in [`MiniSeedIndex::pieces`].
    piece: usize,
    first: u64,
    samples: u64,
}

/// Continuous samples of one channel, nowhere in doubt. Stretches of a channel do not overlap.
///
/// A piece that starts where a stretch ends, to half a sampling interval, continues it. Where two pieces overlap and hold
/// the same samples, on grids less than half an interval apart, the data is taken once, and the stretch goes on if the later
/// piece does. Where they differ nobody can tell which is right: that span is left out and parts two stretches. Both are
/// warned of.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// Time of the first sample, microseconds since 1970-01-01 UTC.
    pub start_us: Micros,
    /// Number of samples, at least one.
    pub samples: u64,
    /// Hz, above 0.
    pub sampling_rate: f64,
    parts: Vec<Part>,
}

impl Stretch {
    /// Time of sample `i`: start + i / rate, rounded to microseconds.
    pub fn time_us(&self, i: u64) -> Micros {
        self.start_us.saturating_add(span_us(i, self.sampling_rate))
    }

    /// The sample nearest to a time, negative before the first.
    pub(super) fn nearest(&self, time_us: Micros) -> i64 {
        (time_us.saturating_sub(self.start_us) as f64 * self.sampling_rate / 1e6).round_ties_even() as i64
    }

    fn new(pieces: &[Piece], part: Part) -> Self {
        let piece = &pieces[part.piece];
        Self {
            start_us: piece.time_us(part.first),
            samples: part.samples,
            sampling_rate: piece.sampling_rate,
            parts: vec![part],
        }
    }

    fn append(&mut self, part: Part) {
        self.samples += part.samples;
        self.parts.push(part);
    }

    /// Cuts the stretch before sample `at`; what follows it comes back, if there is any.
    fn split_off(&mut self, at: u64) -> Option<Self> {
        let mut tail = Self { start_us: self.time_us(at), samples: 0, parts: Vec::new(), ..*self };
        let mut before = 0;
        let mut kept = Vec::new();
        for part in self.parts.drain(..) {
            let keep = at.saturating_sub(before).min(part.samples);
            before += part.samples;
            if keep > 0 {
                kept.push(Part { samples: keep, ..part });
            }
            if keep < part.samples {
                tail.append(Part { first: part.first + keep, samples: part.samples - keep, ..part });
            }
        }
        self.parts = kept;
        self.samples = self.samples.min(at);
        (tail.samples > 0).then_some(tail)
    }
}

/// The stretches of a channel's pieces (indices in [`MiniSeedIndex::pieces`]), in the order of time, as [`Stretch`] says.
pub(super) fn resolve(index: &MiniSeedIndex, piece_ixs: &[usize]) -> Result<Vec<Stretch>> {
    let pieces = index.pieces();
    let mut order = piece_ixs.to_vec();
    order.sort_by_key(|p| (pieces[*p].start_us, std::cmp::Reverse(pieces[*p].samples), *p));
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut doubt_until = Micros::MIN;
    let (mut repeated, mut conflicting) = (0_u64, 0_u64);
    for p in order {
        let mut part = Part { piece: p, first: 0, samples: pieces[p].samples };
        if pieces[p].start_us < doubt_until {
            let whole = Stretch::new(pieces, part);
            let cut = u64::try_from(whole.nearest(doubt_until)).unwrap_or(0).min(part.samples);
            conflicting += cut;
            part = Part { first: cut, samples: part.samples - cut, ..part };
            if part.samples == 0 {
                continue;
            }
        }
        let next = Stretch::new(pieces, part);
        let Some(last) = stretches.last_mut() else {
            stretches.push(next);
            continue;
        };
        let offset = u64::try_from(last.nearest(next.start_us)).unwrap_or(0);
        if offset == last.samples {
            last.append(part);
            continue;
        }
        if offset > last.samples {
            stretches.push(next);
            continue;
        }
        let overlap = part.samples.min(last.samples - offset);
        let rest = Part { first: part.first + overlap, samples: part.samples - overlap, ..part };
        if same_samples(index, (last, offset), &next, overlap)? {
            repeated += overlap;
            if rest.samples > 0 {
                last.append(rest);
            }
            continue;
        }
        conflicting += overlap;
        doubt_until = last.time_us(offset + overlap);
        let mut tail = last.split_off(offset).filter(|t| t.samples > overlap).and_then(|mut t| t.split_off(overlap));
        if rest.samples > 0 {
            tail = Some(Stretch::new(pieces, rest));
        }
        if last.samples == 0 {
            stretches.pop();
        }
        stretches.extend(tail);
    }
    if let Some(p) = piece_ixs.first().filter(|_| repeated + conflicting > 0) {
        let id = &pieces[*p].id;
        if repeated > 0 {
            warn!("{id}: {repeated} samples were there more than once and are taken once");
        }
        if conflicting > 0 {
            warn!("{id}: {conflicting} samples contradict others of the same time and are left out");
        }
    }
    Ok(stretches)
}

/// True where `count` samples of `a` from an offset on are those of `b`; NaN equals NaN.
fn same_samples(index: &MiniSeedIndex, a: (&Stretch, u64), b: &Stretch, count: u64) -> Result<bool> {
    let (mut reader_a, mut reader_b) = (StretchReader::new(index, a.0), StretchReader::new(index, b));
    reader_a.skip(a.1)?;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let mut left = count;
    while left > 0 {
        let step = left.min(CHUNK as u64) as usize;
        x.clear();
        y.clear();
        reader_a.read(step, &mut x)?;
        reader_b.read(step, &mut y)?;
        if x.len() != y.len() || x.iter().zip(&y).any(|(x, y)| x != y && !(x.is_nan() && y.is_nan())) {
            return Ok(false);
        }
        left -= step as u64;
    }
    Ok(true)
}

/// Reads the samples of a stretch as they are.
struct StretchReader<'a> {
    index: &'a MiniSeedIndex,
    /// The parts that were not begun yet.
    parts: &'a [Part],
    /// On the current part, with the number of samples left in it.
    current: Option<(PieceReader<'a>, u64)>,
}

impl<'a> StretchReader<'a> {
    fn new(index: &'a MiniSeedIndex, stretch: &'a Stretch) -> Self {
        Self { index, parts: &stretch.parts, current: None }
    }

    /// The current part's reader, or the next part's where it is used up; none at the end.
    fn part(&mut self) -> Result<Option<&mut (PieceReader<'a>, u64)>> {
        if self.current.as_ref().is_none_or(|(_, left)| *left == 0) {
            self.current = None;
            if let Some((part, later)) = self.parts.split_first() {
                let mut reader = self.index.reader(&self.index.pieces()[part.piece]);
                reader.skip(part.first)?;
                self.current = Some((reader, part.samples));
                self.parts = later;
            }
        }
        Ok(self.current.as_mut())
    }

    /// Appends the next `count` samples, or what is left, to `out`.
    fn read(&mut self, mut count: usize, out: &mut Vec<f64>) -> Result<()> {
        while count > 0 {
            let Some((reader, left)) = self.part()? else { break };
            let step = reader.read(count.min(usize::try_from(*left).unwrap_or(usize::MAX)), out)?;
            if step == 0 {
                break;
            }
            *left -= step as u64;
            count -= step;
        }
        Ok(())
    }

    fn skip(&mut self, mut count: u64) -> Result<()> {
        while count > 0 {
            let Some((reader, left)) = self.part()? else { break };
            let step = count.min(*left);
            reader.skip(step)?;
            *left -= step;
            count -= step;
        }
        Ok(())
    }
}

/// Reads the samples of a stretch, detrended over the whole stretch and then filtered from its first sample on.
pub(super) struct PreparedReader<'a> {
    reader: StretchReader<'a>,
    /// Number of the next sample.
    position: u64,
    line: Option<Line>,
    filter: Option<Highpass>,
}

impl<'a> PreparedReader<'a> {
    /// Starts at the first sample. Detrending needs the whole stretch: it is read once here.
    pub(super) fn new(index: &'a MiniSeedIndex, stretch: &'a Stretch, settings: &Seismogram) -> Result<Self> {
        let mut line = None;
        if settings.detrend != Detrend::None {
            let mut trend = Trend::new(stretch.samples);
            let mut reader = StretchReader::new(index, stretch);
            let mut chunk = Vec::new();
            loop {
                chunk.clear();
                reader.read(CHUNK, &mut chunk)?;
                if chunk.is_empty() {
                    break;
                }
                trend.add(&chunk);
            }
            line = Some(trend.line(settings.detrend));
        }
        let filter = settings.highpass_hz.map(|corner| Highpass::new(corner, stretch.sampling_rate)).transpose()?;
        Ok(Self { reader: StretchReader::new(index, stretch), position: 0, line, filter })
    }

    /// Number of the sample that comes next.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Appends the next `count` samples to `out`.
    ///
    /// # Errors
    ///
    /// Those of reading, and [`Error::Input`] when the stretch has no more so many.
    pub(super) fn read(&mut self, count: usize, out: &mut Vec<f64>) -> Result<()> {
        let begin = out.len();
        self.reader.read(count, out)?;
        let new = &mut out[begin..];
        if new.len() < count {
            return Err(Error::Input("a seismogram ended before its index says".into()));
        }
        if let Some(line) = &self.line {
            line.subtract(self.position, new);
        }
        if let Some(filter) = &mut self.filter {
            filter.apply(new);
        }
        self.position += count as u64;
        Ok(())
    }

    /// Goes on to sample `position`, through the filter if there is one.
    pub(super) fn advance(&mut self, position: u64) -> Result<()> {
        if self.filter.is_none() {
            self.reader.skip(position.saturating_sub(self.position))?;
            self.position = self.position.max(position);
            return Ok(());
        }
        let mut passed = Vec::new();
        while self.position < position {
            passed.clear();
            self.read((position - self.position).min(CHUNK as u64) as usize, &mut passed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, START};
    use super::*;

    /// Files of one channel at 100 Hz: (first sample on the common grid, samples). The index, and where its stretches lie.
    fn stretches_of(files: &[(i64, Vec<i32>)]) -> (MiniSeedIndex, Vec<Stretch>, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        for (k, (first, values)) in files.iter().enumerate() {
            // Records of 60 samples, so that overlaps begin and end within records.
            let bytes: Vec<u8> = values
                .chunks(60)
                .enumerate()
                .flat_map(|(r, part)| {
                    testing::record("XX.A..HHZ", START + (first + 60 * r as i64) * 10_000, 100.0, part)
                })
                .collect();
            testing::file(&folder, &format!("{k:03}"), &bytes);
        }
        let index = MiniSeedIndex::open(&[folder.path().to_path_buf()]).expect("valid files");
        let all: Vec<usize> = (0..index.pieces().len()).collect();
        let stretches = resolve(&index, &all).expect("the files can be read");
        (index, stretches, folder)
    }

    fn grid(from: i64, to: i64) -> (i64, Vec<i32>) {
        (from, (from..to).map(|i| (i * i % 1009) as i32).collect())
    }

    fn places(stretches: &[Stretch]) -> Vec<(i64, i64)> {
        stretches
            .iter()
            .map(|s| {
                let first = (s.start_us - START) / 10_000;
                (first, first + s.samples as i64)
            })
            .collect()
    }

    fn values(index: &MiniSeedIndex, stretch: &Stretch) -> Vec<f64> {
        let mut out = Vec::new();
        StretchReader::new(index, stretch).read(usize::MAX, &mut out).expect("the stretch can be read");
        out
    }

    #[test]
    fn the_same_data_twice_counts_once() {
        let whole: Vec<f64> = grid(0, 500).1.into_iter().map(f64::from).collect();
        let cases = [
            vec![grid(0, 500), grid(0, 500), grid(0, 500)],
            vec![grid(0, 300), grid(250, 500)],
            vec![grid(0, 300), grid(100, 200), grid(300, 500), grid(290, 310)],
            vec![grid(0, 90), grid(0, 400), grid(399, 500)],
        ];
        for (k, files) in cases.iter().enumerate() {
            let (index, stretches, _folder) = stretches_of(files);
            assert_eq!(places(&stretches), [(0, 500)], "case {k}");
            assert_eq!(values(&index, &stretches[0]), whole, "case {k}");
        }
    }

    #[test]
    fn contradicting_data_parts_two_stretches() {
        let other = |from: i64, to: i64| (from, vec![-7; (to - from) as usize]);
        let cases = [
            (vec![grid(0, 300), other(200, 500)], vec![(0, 200), (300, 500)]),
            (vec![grid(0, 500), other(200, 300)], vec![(0, 200), (300, 500)]),
            (vec![grid(0, 300), other(0, 300), grid(0, 300)], vec![]),
            (vec![grid(0, 300), other(200, 400), grid(250, 600)], vec![(0, 200), (400, 600)]),
            (vec![grid(0, 300), other(300, 400), grid(410, 500)], vec![(0, 400), (410, 500)]),
        ];
        for (k, (files, want)) in cases.iter().enumerate() {
            let (index, stretches, _folder) = stretches_of(files);
            assert_eq!(&places(&stretches), want, "case {k}");
            for stretch in &stretches {
                assert_eq!(values(&index, stretch).len() as u64, stretch.samples, "case {k}: samples");
            }
        }
    }

    #[test]
    fn a_file_out_of_order_is_one_stretch() {
        let folder = tempfile::tempdir().expect("a folder");
        let part = |k: i64| testing::record("XX.A..HHZ", START + k * 1_000_000, 100.0, &[k as i32; 100]);
        testing::file(&folder, "a", &[part(0), part(2), part(1)].concat());
        let index = MiniSeedIndex::open(&[folder.path().to_path_buf()]).expect("a valid file");
        let stretches = resolve(&index, &[0, 1, 2]).expect("the file can be read");
        assert_eq!(places(&stretches), [(0, 300)], "pieces {:?}", index.pieces());
        let want: Vec<f64> = (0..300).map(|i| f64::from(i / 100)).collect();
        assert_eq!(values(&index, &stretches[0]), want, "in the order of time");
    }

    #[test]
    fn preparing_does_not_depend_on_how_it_is_read() {
        let (index, stretches, _folder) = stretches_of(&[grid(0, 200), grid(200, 500)]);
        for (detrend, highpass_hz) in [(Detrend::None, None), (Detrend::Linear, Some(3.0)), (Detrend::Demean, None)] {
            let settings = Seismogram { segment_s: 1.0, overlap: 0.0, detrend, highpass_hz };
            let open = || PreparedReader::new(&index, &stretches[0], &settings).expect("the settings are valid");
            let mut whole = Vec::new();
            open().read(500, &mut whole).expect("500 samples");
            let mut parts = Vec::new();
            let mut reader = open();
            reader.read(123, &mut parts).expect("123 samples");
            reader.advance(300).expect("300 is ahead");
            assert_eq!(reader.position(), 300, "position after an advance");
            reader.read(200, &mut parts).expect("the last 200 samples");
            assert_eq!(parts, [&whole[..123], &whole[300..]].concat(), "{detrend:?}, {highpass_hz:?}");
            assert!(reader.read(1, &mut parts).is_err(), "nothing is left");
        }
    }
}
