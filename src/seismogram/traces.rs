//! Stations and their segments: channels that belong together, cut where all of them have data.

use std::collections::{BTreeMap, VecDeque};

use ndarray::Array3;
use tracing::{info, warn};

use super::miniseed::{MiniSeedIndex, same_rate};
use super::record::TraceId;
use super::stretches::{PreparedReader, Stretch, resolve};
use crate::batch::SegmentBlock;
use crate::config::Seismogram;
use crate::error::{Error, Result};
use crate::time::Micros;

/// One channel of a station.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its codes.
    pub id: TraceId,
    /// Where it has data, in the order of time, without overlaps.
    pub stretches: Vec<Stretch>,
}

/// Channels of the same network, station, location and sampling rate: what makes a segment.
#[derive(Clone, Debug)]
pub struct Station {
    /// Network code.
    pub network: String,
    /// Station code.
    pub station: String,
    /// Location code.
    pub location: String,
    /// Hz.
    pub sampling_rate: f64,
    /// In the order Z, N, E by the last letter of the channel code, then the others, by name among the same.
    pub channels: Vec<Channel>,
}

/// The stations of an index, by network, station and location. Channels without a sampling rate are left out with a
/// warning; where data overlaps, see [`Stretch`].
///
/// # Errors
///
/// [`Error::Input`] when the sampling rates differ by more than 1e-4 of each other, naming them and their channels: one
/// scattering network serves one rate. [`Error::Input`] also when no channel is left. Those of reading where data overlaps.
pub fn stations(index: &MiniSeedIndex) -> Result<Vec<Station>> {
    let mut channels: BTreeMap<&TraceId, Vec<usize>> = BTreeMap::new();
    for (p, piece) in index.pieces().iter().enumerate() {
        if piece.sampling_rate > 0.0 {
            channels.entry(&piece.id).or_default().push(p);
        } else {
            warn!("{}: {} samples without a sampling rate are left out", piece.id, piece.samples);
        }
    }
    let rate = one_rate(index, &channels)?;
    let mut stations: Vec<Station> = Vec::new();
    // Ordered by codes, so the channels of a station follow each other.
    for (id, pieces) in channels {
        let channel = Channel { id: id.clone(), stretches: resolve(index, &pieces)? };
        match stations.last_mut() {
            Some(s) if (&s.network, &s.station, &s.location) == (&id.network, &id.station, &id.location) => {
                s.channels.push(channel);
            }
            _ => stations.push(Station {
                network: id.network.clone(),
                station: id.station.clone(),
                location: id.location.clone(),
                sampling_rate: rate,
                channels: vec![channel],
            }),
        }
    }
    for station in &mut stations {
        station.channels.sort_by_cached_key(|c| (orientation(&c.id.channel), c.id.channel.clone()));
        let names: Vec<&str> = station.channels.iter().map(|c| c.id.channel.as_str()).collect();
        info!("{}: channels {} at {rate} Hz", station.name(), names.join(", "));
    }
    Ok(stations)
}

/// Place of a channel code's orientation in a segment.
fn orientation(channel: &str) -> usize {
    let last = channel.chars().last();
    "ZNE".chars().position(|c| Some(c) == last).unwrap_or(3)
}

/// The sampling rate of all channels.
fn one_rate(index: &MiniSeedIndex, channels: &BTreeMap<&TraceId, Vec<usize>>) -> Result<f64> {
    let mut rates: Vec<(f64, Vec<String>)> = Vec::new();
    for (id, pieces) in channels {
        for p in pieces {
            let rate = index.pieces()[*p].sampling_rate;
            let name = id.to_string();
            match rates.iter_mut().find(|(known, _)| same_rate(*known, rate)) {
                Some((_, names)) if names.last() == Some(&name) => {}
                Some((_, names)) => names.push(name),
                None => rates.push((rate, vec![name])),
            }
        }
    }
    match rates.as_slice() {
        [] => Err(Error::Input("the MiniSEED files hold no samples of a time series".into())),
        [(rate, _)] => Ok(*rate),
        _ => {
            let list: Vec<String> =
                rates.iter().map(|(rate, names)| format!("{rate} Hz ({})", names.join(", "))).collect();
            let list = list.join(", ");
            Err(Error::Input(format!("different sampling rates: {list}; give the files of one rate at a time")))
        }
    }
}

/// Length and step of segments in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentPlan {
    /// Samples a segment: round(segment_s x rate), half to even.
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
        if !(bins >= 1.0) {
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

/// Samples that all channels of a station have.
#[derive(Clone, Debug, PartialEq)]
struct Common {
    /// For each channel its stretch, and the first sample of it.
    first: Vec<(usize, u64)>,
    samples: u64,
}

impl Station {
    /// `NET.STA.LOC`.
    pub fn name(&self) -> String {
        format!("{}.{}.{}", self.network, self.station, self.location)
    }

    /// Where all channels have data, in the order of time. Samples of different channels belong together that are nearest
    /// in time (less than half a sampling interval apart); the first channel tells the time.
    fn common(&self) -> Vec<Common> {
        let n = self.channels.len();
        let mut at = vec![0; n];
        // Samples of each channel's current stretch that are given away: none is used twice, however times are rounded.
        let mut used = vec![0_i64; n];
        let mut found = Vec::new();
        loop {
            let Some(now): Option<Vec<&Stretch>> =
                self.channels.iter().zip(&at).map(|(c, s)| c.stretches.get(*s)).collect()
            else {
                return found;
            };
            let offsets: Vec<i64> = now.iter().map(|s| now[0].nearest(s.start_us)).collect();
            let from = offsets.iter().zip(&used).map(|(o, u)| o.saturating_add(*u)).max().unwrap_or(0);
            let ends: Vec<i64> =
                now.iter().zip(&offsets).map(|(s, o)| o.saturating_add_unsigned(s.samples)).collect();
            let to = ends.iter().copied().min().unwrap_or(0);
            if to > from {
                let first = at.iter().zip(&offsets).map(|(s, o)| (*s, from.abs_diff(*o))).collect();
                found.push(Common { first, samples: to.abs_diff(from) });
            }
            for c in 0..n {
                if ends[c] == to {
                    at[c] += 1;
                    used[c] = 0;
                } else {
                    used[c] = used[c].max(to.saturating_sub(offsets[c]));
                }
            }
        }
    }

    /// Reads this station's segments.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the high-pass filter's corner does not fit the sampling rate.
    pub fn segments<'a>(
        &'a self,
        index: &'a MiniSeedIndex,
        plan: SegmentPlan,
        settings: &Seismogram,
    ) -> Result<SegmentReader<'a>> {
        if let Some(corner) = settings.highpass_hz {
            super::Highpass::new(corner, self.sampling_rate)?;
        }
        let mut commons = self.common();
        let rows = commons.iter().map(|c| plan.count(c.samples)).sum();
        let left_out = self.unbroken(&commons).map_or(0, |samples| plan.count(samples).saturating_sub(rows));
        commons.retain(|c| plan.count(c.samples) > 0);
        Ok(SegmentReader {
            station: self,
            index,
            plan,
            settings: settings.clone(),
            rows,
            left_out,
            commons: commons.into(),
            row: 0,
            channels: self.channels.iter().map(|_| None).collect(),
        })
    }

    /// Samples of the first channel from the first to the last common one, had nothing been missing.
    fn unbroken(&self, commons: &[Common]) -> Option<u64> {
        let (first, last) = (commons.first()?, commons.last()?);
        let stretch = |c: &Common| &self.channels[0].stretches[c.first[0].0];
        let last_us = stretch(last).time_us(last.first[0].1 + last.samples);
        let begin = i64::try_from(first.first[0].1).ok()?;
        u64::try_from(stretch(first).nearest(last_us).saturating_sub(begin)).ok()
    }
}

/// Segments of one station, a row each.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentRows {
    /// Time of each row's first sample on the first channel, microseconds since 1970-01-01 UTC.
    pub times: Vec<Micros>,
    /// `[row, channel, sample]`.
    pub block: SegmentBlock,
}

/// A channel's samples on their way into segments.
struct Feed<'a> {
    stretch: usize,
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
    commons: VecDeque<Common>,
    /// Next segment in the current span.
    row: u64,
    channels: Vec<Option<Feed<'a>>>,
}

impl SegmentReader<'_> {
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
        let (stretch, first) = common.first[0];
        Some(self.station.channels[0].stretches[stretch].time_us(first + self.row * self.plan.hop as u64))
    }

    /// Passes over the segments before a time. Their samples are read only if a filter needs them.
    pub fn skip_until(&mut self, time: Micros) {
        while self.next_time().is_some_and(|next| next < time) {
            self.step();
        }
    }

    /// The next segments, `most` at most and all before the time `until`; none when the next one is not before it, or
    /// there is no more. Samples are rounded to single precision after preprocessing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Store`] when a file cannot be read or changed since it was indexed.
    pub fn next_rows(&mut self, most: usize, until: Micros) -> Result<Option<SegmentRows>> {
        let mut times = Vec::new();
        let mut samples = Vec::new();
        while let Some(time) = self.next_time().filter(|time| times.len() < most && *time < until) {
            for c in 0..self.channels.len() {
                self.feed(c, &mut samples)?;
            }
            times.push(time);
            self.step();
        }
        if times.is_empty() {
            return Ok(None);
        }
        let shape = (times.len(), self.channels.len(), self.plan.bins);
        let samples = Array3::from_shape_vec(shape, samples)
            .map_err(|e| Error::Input(format!("segments do not fit {shape:?}: {e}")))?;
        Ok(Some(SegmentRows { times, block: SegmentBlock { samples } }))
    }

    /// Goes on to the next segment.
    fn step(&mut self) {
        self.row += 1;
        if self.commons.front().is_some_and(|c| self.row >= self.plan.count(c.samples)) {
            self.commons.pop_front();
            self.row = 0;
        }
    }

    /// Appends the next segment's samples of channel `c`.
    fn feed(&mut self, c: usize, out: &mut Vec<f32>) -> Result<()> {
        let Some(common) = self.commons.front() else { return Ok(()) };
        let (stretch, first) = common.first[c];
        let feed = match &mut self.channels[c] {
            Some(feed) if feed.stretch == stretch => feed,
            other => {
                let source = &self.station.channels[c].stretches[stretch];
                let reader = PreparedReader::new(self.index, source, &self.settings)?;
                other.insert(Feed { stretch, reader, held: Vec::new() })
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
        out.extend(feed.held.iter().map(|x| *x as f32));
        Ok(())
    }
}
