//! Segments of a station: samples of all its channels over the same span of time, ready for the scattering transform.

use std::collections::VecDeque;

use ndarray::{Array2, Array3};
use scatterfall_miniseed::{CommonSpan, MiniSeedIndex, Station};

use super::filter::Highpass;
use super::prepared::PreparedReader;
use crate::config::Seismogram;
use crate::error::{Error, Result};
use scatterfall_scattering::blocks::{SegmentBlock, round};
use scatterfall_timestamps::Micros;

/// Length and step of segments in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentPlan {
    /// Samples per segment: round(segment_s x rate), half to even.
    pub bins: usize,
    /// From one segment's start to the next: max(1, ceil(bins (1 - overlap))).
    pub hop: usize,
}

impl SegmentPlan {
    /// The plan for a sampling rate (Hz).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when a segment would have no sample.
    pub fn new(settings: &Seismogram, sampling_rate: f64) -> Result<Self> {
        let bins = (settings.segment_s * sampling_rate).round_ties_even();
        if bins < 1.0 || bins.is_nan() {
            let expected = format!("at least a sample of {} s", 1.0 / sampling_rate);
            return Err(Error::config("seismogram.segment_s", settings.segment_s, expected));
        }
        let hop = (bins * (1.0 - settings.overlap)).ceil().clamp(1.0, bins);
        Ok(Self { bins: bins as usize, hop: hop as usize })
    }

    /// Number of segments in `samples` continuous samples.
    pub fn count(&self, samples: u64) -> u64 {
        samples.checked_sub(self.bins as u64).map_or(0, |rest| rest / self.hop as u64 + 1)
    }
}

/// Segments of one station, a row each.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentRows {
    /// Time of each row's first sample on the first channel, microseconds since 1970-01-01 UTC.
    pub times: Vec<Micros>,
    /// A row a segment.
    pub samples: SegmentBlock,
}

/// A channel's samples on their way into segments.
struct Feed<'a> {
    merged: usize,
    reader: PreparedReader<'a>,
    /// The last samples read, up to the reader's position.
    held: Vec<f64>,
}

/// Reads the segments of a station in the order of time, holding one segment of each channel.
///
/// Each span in which all channels have continuous data is cut anew from its first sample: segments start at samples 0,
/// hop, 2 hop, ... of it while they fit. So no segment touches a gap or an overlap.
pub struct SegmentReader<'a> {
    station: &'a Station,
    index: &'a MiniSeedIndex,
    plan: SegmentPlan,
    settings: Seismogram,
    rows: u64,
    left_out: u64,
    /// The spans from the current one on; each holds a segment at least.
    commons: VecDeque<CommonSpan>,
    /// Next segment in the current span.
    row: u64,
    channels: Vec<Option<Feed<'a>>>,
}

impl<'a> SegmentReader<'a> {
    /// Reads a station's segments.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the high-pass filter's corner does not fit the sampling rate.
    pub fn open(
        station: &'a Station,
        index: &'a MiniSeedIndex,
        plan: SegmentPlan,
        settings: &Seismogram,
    ) -> Result<Self> {
        if let Some(corner) = settings.highpass_hz {
            Highpass::new(corner, station.sampling_rate)?;
        }
        let mut commons = station.common();
        let rows = commons.iter().map(|c| plan.count(c.samples)).sum();
        let left_out = station.unbroken(&commons).map_or(0, |samples| plan.count(samples).saturating_sub(rows));
        commons.retain(|c| plan.count(c.samples) > 0);
        Ok(Self {
            station,
            index,
            plan,
            settings: settings.clone(),
            rows,
            left_out,
            commons: commons.into(),
            row: 0,
            channels: station.channels.iter().map(|_| None).collect(),
        })
    }

    /// Number of segments in all.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Number of segments that gaps and overlaps cost: those that the span from the first to the last common sample would
    /// have given unbroken, less [`rows`](Self::rows).
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Time of the next segment's first sample; none after the last.
    pub fn next_time(&self) -> Option<Micros> {
        let common = self.commons.front()?;
        let (merged, first) = common.first[0];
        Some(self.station.channels[0].segments[merged].time_us(first + self.row * self.plan.hop as u64))
    }

    /// Passes over the segments before a time. Their samples are read only if a filter needs them.
    pub fn skip_until(&mut self, time: Micros) {
        while self.next_time().is_some_and(|next| next < time) {
            self.step();
        }
    }

    /// The next segments, `most` at most and all before the time `until`; none when the next one is not before it, or
    /// there is no more. Samples are rounded to single precision after preprocessing, beside their levels.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Store`] when a file cannot be read or changed since it was indexed.
    pub fn next_rows(&mut self, most: usize, until: Micros) -> Result<Option<SegmentRows>> {
        let mut times = Vec::new();
        let (mut samples, mut levels) = (Vec::new(), Vec::new());
        while let Some(time) = self.next_time().filter(|time| times.len() < most && *time < until) {
            for c in 0..self.channels.len() {
                levels.push(self.feed(c, &mut samples)?);
            }
            times.push(time);
            self.step();
        }
        if times.is_empty() {
            return Ok(None);
        }
        let shape = (times.len(), self.channels.len(), self.plan.bins);
        let wrong = |e| Error::Scattering(scatterfall_scattering::Error::Shape(e));
        let samples = Array3::from_shape_vec(shape, samples).map_err(wrong)?;
        let levels = Array2::from_shape_vec((shape.0, shape.1), levels).map_err(wrong)?;
        Ok(Some(SegmentRows { times, samples: SegmentBlock { samples, levels } }))
    }

    /// Goes on to the next segment.
    fn step(&mut self) {
        self.row += 1;
        if self.commons.front().is_some_and(|c| self.row >= self.plan.count(c.samples)) {
            self.commons.pop_front();
            self.row = 0;
        }
    }

    /// Appends the next segment's samples of channel `c`; returns their level.
    fn feed(&mut self, c: usize, out: &mut Vec<f32>) -> Result<f64> {
        let Some(common) = self.commons.front() else { return Ok(0.0) };
        let (merged, first) = common.first[c];
        let feed = match &mut self.channels[c] {
            Some(feed) if feed.merged == merged => feed,
            other => {
                let source = &self.station.channels[c].segments[merged];
                let reader = PreparedReader::new(self.index, source, &self.settings)?;
                other.insert(Feed { merged, reader, held: Vec::new() })
            }
        };
        let from = first + self.row * self.plan.hop as u64;
        let begin = feed.reader.position() - feed.held.len() as u64;
        let drop = usize::try_from(from.saturating_sub(begin)).unwrap_or(usize::MAX).min(feed.held.len());
        feed.held.drain(..drop);
        if feed.held.is_empty() {
            feed.reader.advance(from)?;
        }
        feed.reader.read(self.plan.bins - feed.held.len(), &mut feed.held)?;
        Ok(round(&feed.held, out))
    }
}

#[cfg(test)]
mod tests {
    use scatterfall_miniseed::stations;
    use scatterfall_miniseed::testing::{START, index};

    use super::*;
    use crate::config::Detrend;

    const PLAIN: Seismogram = Seismogram { segment_s: 1.0, overlap: 0.5, detrend: Detrend::None, highpass_hz: None };

    fn all_rows(reader: &mut SegmentReader, most: usize) -> (Vec<Micros>, Vec<f32>) {
        let (mut times, mut samples) = (Vec::new(), Vec::new());
        while let Some(rows) = reader.next_rows(most, Micros::MAX).expect("the files can be read") {
            assert!(rows.times.len() <= most, "{} rows of {most}", rows.times.len());
            times.extend(rows.times);
            samples.extend(rows.samples.samples.iter());
        }
        (times, samples)
    }

    #[test]
    fn segments_are_cut_as_defined() {
        // 0.3 s is 6 samples at 20 Hz, half to even: 0.125 s is 2 (2.5), 0.175 s is 4 (3.5).
        let bins = |segment_s| SegmentPlan::new(&Seismogram { segment_s, ..PLAIN }, 20.0).map(|p| p.bins);
        assert_eq!([bins(0.3), bins(0.125), bins(0.175)].map(Result::ok), [Some(6), Some(2), Some(4)], "bins");
        assert!(bins(0.02).is_err_and(|e| e.is_usage()), "less than a sample");
        let plan =
            SegmentPlan::new(&Seismogram { segment_s: 0.35, overlap: 0.3, ..PLAIN }, 20.0).expect("seven samples");
        assert_eq!(plan, SegmentPlan { bins: 7, hop: 5 }, "ceil(7 x 0.7)");
        assert_eq!([0, 6, 7, 11, 12, 22].map(|n| plan.count(n)), [0, 0, 1, 1, 2, 4], "counts");

        let (index, _folder) = index(&[("XX.A..HHZ", 0, 23), ("XX.A..HHE", 0, 22)], 20.0);
        let stations = stations(&index).expect("one rate");
        for most in [1, 3, 100] {
            let mut reader = SegmentReader::open(&stations[0], &index, plan, &PLAIN).expect("no filter");
            assert_eq!((reader.rows(), reader.left_out()), (4, 0), "rows and what is left out");
            let (times, samples) = all_rows(&mut reader, most);
            assert_eq!(times, [0, 5, 10, 15].map(|i| START + i * 50_000), "start + i / rate, by {most}");
            let mut want = Vec::new();
            for start in [0, 5, 10, 15] {
                for letter in [b'Z', b'E'] {
                    want.extend((start..start + 7).map(|i| 1000.0 * f32::from(letter) + f32::from(i as u8)));
                }
            }
            assert_eq!(samples, want, "samples, by {most}");
        }
    }

    #[test]
    fn segments_touching_a_gap_are_left_out_and_counted() {
        // Z runs on for 100 samples at 100 Hz; N has 40, misses 13, and has 47 more.
        let sources = [("XX.A..HHZ", 0, 100), ("XX.A..HHN", 0, 40), ("XX.A..HHN", 530_000, 47)];
        let (index, _folder) = index(&sources, 100.0);
        let stations = stations(&index).expect("one rate");
        let plan = SegmentPlan { bins: 10, hop: 5 };
        let mut reader = SegmentReader::open(&stations[0], &index, plan, &PLAIN).expect("no filter");
        // 40 samples give 7 segments and 47 give 8; 100 would have given 19.
        assert_eq!((reader.rows(), reader.left_out()), (15, 4), "rows and what is left out");
        let (times, samples) = all_rows(&mut reader, 4);
        let starts: Vec<i64> = (0..7).map(|k| 5 * k).chain((0..8).map(|k| 53 + 5 * k)).collect();
        assert_eq!(times, starts.iter().map(|i| START + i * 10_000).collect::<Vec<_>>(), "times");
        // Rows are (Z, N) of ten samples; after the gap N counts from 0 again.
        assert_eq!(samples[7 * 20], 90_000.0 + 53.0, "Z of the first row after the gap");
        assert_eq!(samples[7 * 20 + 10], 78_000.0, "N of that row");
    }

    #[test]
    fn channels_meet_at_their_nearest_samples() {
        // N starts 3.4 sampling intervals later and ends before Z.
        let (index, _folder) = index(&[("XX.A..HHZ", 0, 30), ("XX.A..HHN", 34_000, 20)], 100.0);
        let stations = stations(&index).expect("one rate");
        let mut reader =
            SegmentReader::open(&stations[0], &index, SegmentPlan { bins: 20, hop: 1 }, &PLAIN).expect("no filter");
        assert_eq!((reader.rows(), reader.left_out()), (1, 0), "what is not common is no gap");
        let (times, samples) = all_rows(&mut reader, 9);
        assert_eq!(times, [START + 30_000], "Z tells the time");
        assert_eq!((samples[0], samples[20]), (90_003.0, 78_000.0), "sample 3 of Z and 0 of N");
    }

    #[test]
    fn a_channel_without_the_others_gives_nothing() {
        let (index, _folder) = index(&[("XX.A..HHZ", 0, 30), ("XX.A..HHN", 5_000_000, 30)], 100.0);
        let stations = stations(&index).expect("one rate");
        let mut reader =
            SegmentReader::open(&stations[0], &index, SegmentPlan { bins: 5, hop: 1 }, &PLAIN).expect("no filter");
        assert_eq!((reader.rows(), reader.left_out(), reader.next_time()), (0, 0, None), "nothing in common");
        assert_eq!(reader.next_rows(5, Micros::MAX).expect("no error"), None, "no rows");
        let long = SegmentPlan { bins: usize::MAX, hop: usize::MAX };
        assert_eq!(
            SegmentReader::open(&stations[0], &index, long, &PLAIN).expect("no filter").rows(),
            0,
            "endless segments"
        );
    }

    #[test]
    fn days_and_skipping_do_not_change_the_rows() {
        let sources = [("XX.A..HHZ", 0, 300), ("XX.A..HHN", 0, 140), ("XX.A..HHN", 1_450_000, 150)];
        let (index, _folder) = index(&sources, 100.0);
        let stations = stations(&index).expect("one rate");
        let plan = SegmentPlan { bins: 16, hop: 3 };
        for highpass_hz in [None, Some(5.0)] {
            let settings = Seismogram { highpass_hz, ..PLAIN };
            let open = || SegmentReader::open(&stations[0], &index, plan, &settings).expect("5 Hz is below 50");
            let (times, samples) = all_rows(&mut open(), 7);
            for cut in [0, 1, 20, 43, times.len() - 1] {
                let mut reader = open();
                reader.skip_until(times[cut]);
                assert_eq!(reader.next_time(), Some(times[cut]), "next after skipping");
                let until = times[(cut + 4).min(times.len() - 1)];
                let first = reader.next_rows(99, until).expect("the files can be read");
                let rows = first.as_ref().map_or(0, |r| r.times.len());
                assert_eq!(rows, (times.len() - 1 - cut).min(4), "rows before a time");
                let (_, rest) = all_rows(&mut reader, 5);
                let all: Vec<f32> = first.iter().flat_map(|r| r.samples.samples.iter().copied()).chain(rest).collect();
                assert_eq!(all, samples[cut * 32..], "samples from row {cut} on, filter {highpass_hz:?}");
            }
        }
        let wrong = Seismogram { highpass_hz: Some(50.0), ..PLAIN };
        assert!(
            SegmentReader::open(&stations[0], &index, plan, &wrong).is_err_and(|e| e.is_usage()),
            "the Nyquist frequency"
        );
    }
}
