//! The samples of a merged segment as they go into the transform: detrended over the whole of it, then filtered.

use scatterfall_miniseed::{MergedReader, MergedSegment, MiniSeedIndex};

use super::filter::{Highpass, Line, Trend};
use crate::config::{Detrend, Seismogram};
use crate::error::{Result, SeismogramError};

/// Samples read at once where a whole merged segment goes by.
const CHUNK: usize = 1 << 16;

/// Reads the samples of a merged segment, detrended over the whole merged segment and then filtered from its first sample on.
pub(crate) struct PreparedReader<'a> {
    reader: MergedReader<'a>,
    /// Number of the next sample.
    position: u64,
    line: Option<Line>,
    filter: Option<Highpass>,
}

impl<'a> PreparedReader<'a> {
    /// Starts at the first sample. Detrending needs the whole merged segment: it is read once here.
    pub(crate) fn new(index: &'a MiniSeedIndex, merged: &'a MergedSegment, settings: &Seismogram) -> Result<Self> {
        let mut line = None;
        if settings.detrend != Detrend::None {
            let mut trend = Trend::new(merged.samples);
            let mut reader = MergedReader::new(index, merged);
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
        let filter = settings.highpass_hz.map(|corner| Highpass::new(corner, merged.sampling_rate())).transpose()?;
        Ok(Self { reader: MergedReader::new(index, merged), position: 0, line, filter })
    }

    /// Number of the sample that comes next.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Appends the next `count` samples to `out`.
    ///
    /// # Errors
    ///
    /// Those of reading, and [`crate::Error::Seismogram`] when the merged segment has no more so many.
    pub(crate) fn read(&mut self, count: usize, out: &mut Vec<f64>) -> Result<()> {
        let begin = out.len();
        self.reader.read(count, out)?;
        let new = &mut out[begin..];
        if new.len() < count {
            return Err(SeismogramError::Ended.into());
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
    pub(crate) fn advance(&mut self, position: u64) -> Result<()> {
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
    use scatterfall_miniseed::testing::{self, START};

    use super::*;

    #[test]
    fn preparing_does_not_depend_on_how_it_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        for (k, from) in [0_i32, 200].into_iter().enumerate() {
            let to = if k == 0 { 200 } else { 500 };
            let values: Vec<i32> = (from..to).map(|i| i * i % 1009).collect();
            let bytes: Vec<u8> = values
                .chunks(60)
                .enumerate()
                .flat_map(|(r, part)| {
                    let start = START + (i64::from(from) + 60 * r as i64) * 10_000;
                    testing::record("XX.A..HHZ", start, 100.0, part)
                })
                .collect();
            testing::file(&folder, &format!("{k}"), &bytes);
        }
        let index = MiniSeedIndex::open(&[folder.path().to_path_buf()]).expect("valid files");
        let stations = scatterfall_miniseed::stations(&index).expect("one rate");
        let merged = &stations[0].channels[0].segments;
        for (detrend, highpass_hz) in [(Detrend::None, None), (Detrend::Linear, Some(3.0)), (Detrend::Demean, None)] {
            let settings = Seismogram { segment_s: 1.0, overlap: 0.0, detrend, highpass_hz };
            let open = || PreparedReader::new(&index, &merged[0], &settings).expect("the settings are valid");
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
