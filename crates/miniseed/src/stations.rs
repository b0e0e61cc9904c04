//! Stations: channels that belong together, and where all of them have data.

use std::collections::BTreeMap;

use tracing::{info, warn};

use crate::clock::same_rate;
use crate::error::{Error, Result};
use crate::header::TraceId;
use crate::index::MiniSeedIndex;
use crate::merge::resolve;
use crate::merged::MergedSegment;

/// One channel of a station.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its codes.
    pub id: TraceId,
    /// Where it has data, in the order of time, without overlaps.
    pub segments: Vec<MergedSegment>,
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
    /// There are channels of other rates at the same place.
    several_rates: bool,
    /// In the order Z, N, E by the last letter of the channel code, then the others, by name among the same.
    pub channels: Vec<Channel>,
}

/// The stations of an index, by network, station, location and sampling rate, the highest rate first. Channels without a
/// sampling rate are left out with a warning; where data overlaps, see [`MergedSegment`].
///
/// # Errors
///
/// [`Error::NoSeries`] when no channel is left. Those of reading where data overlaps.
pub fn stations(index: &MiniSeedIndex) -> Result<Vec<Station>> {
    let mut stations: Vec<Station> = Vec::new();
    for (id, segments) in channels(index) {
        for (rate, segments) in by_rate(index, &segments) {
            let channel = Channel { id: id.clone(), segments: resolve(index, &segments)? };
            let place = stations.iter_mut().find(|s| s.holds(id) && same_rate(s.sampling_rate, rate));
            match place {
                Some(station) => station.channels.push(channel),
                None => stations.push(Station {
                    network: id.network.clone(),
                    station: id.station.clone(),
                    location: id.location.clone(),
                    sampling_rate: rate,
                    several_rates: false,
                    channels: vec![channel],
                }),
            }
        }
    }
    if stations.is_empty() {
        return Err(Error::NoSeries);
    }
    // By codes already, as channels are; the sort is stable.
    stations.sort_by(|a, b| a.codes().cmp(&b.codes()).then(b.sampling_rate.total_cmp(&a.sampling_rate)));
    let rates: Vec<usize> =
        stations.iter().map(|s| stations.iter().filter(|t| t.codes() == s.codes()).count()).collect();
    for (station, rates) in stations.iter_mut().zip(rates) {
        station.several_rates = rates > 1;
        station.channels.sort_by_cached_key(|c| (orientation(&c.id.channel), c.id.channel.clone()));
        let names: Vec<&str> = station.channels.iter().map(|c| c.id.channel.as_str()).collect();
        info!("{}: channels {} at {} Hz", station.name(), names.join(", "), station.sampling_rate);
    }
    Ok(stations)
}

/// Segments of every channel that has a sampling rate.
fn channels(index: &MiniSeedIndex) -> BTreeMap<&TraceId, Vec<usize>> {
    let mut channels: BTreeMap<&TraceId, Vec<usize>> = BTreeMap::new();
    for (k, segment) in index.segments().iter().enumerate() {
        if segment.sampling_rate() > 0.0 {
            channels.entry(&segment.id).or_default().push(k);
        } else {
            warn!("{}: {} samples without a sampling rate are left out", segment.id, segment.samples);
        }
    }
    channels
}

/// Segments apart by their sampling rates, in the order in which these come up.
fn by_rate(index: &MiniSeedIndex, segment_ixs: &[usize]) -> Vec<(f64, Vec<usize>)> {
    let mut rates: Vec<(f64, Vec<usize>)> = Vec::new();
    for &k in segment_ixs {
        let rate = index.segments()[k].sampling_rate();
        match rates.iter_mut().find(|(known, _)| same_rate(*known, rate)) {
            Some((_, segments)) => segments.push(k),
            None => rates.push((rate, vec![k])),
        }
    }
    rates
}

/// Place of a channel code's orientation in a segment.
fn orientation(channel: &str) -> usize {
    let last = channel.chars().last();
    "ZNE".chars().position(|c| Some(c) == last).unwrap_or(3)
}

/// Samples that all channels of a station have.
#[derive(Clone, Debug, PartialEq)]
pub struct CommonSpan {
    /// For each channel the index of its merged segment, and the first sample of it.
    pub first: Vec<(usize, u64)>,
    /// Number of samples, the same on all channels.
    pub samples: u64,
}

impl Station {
    /// `NET.STA.LOC`, and the rate where there are several: `NET.STA.LOC.100Hz`.
    pub fn name(&self) -> String {
        let codes = format!("{}.{}.{}", self.network, self.station, self.location);
        if self.several_rates { format!("{codes}.{}Hz", self.sampling_rate) } else { codes }
    }

    fn codes(&self) -> [&str; 3] {
        [&self.network, &self.station, &self.location]
    }

    fn holds(&self, id: &TraceId) -> bool {
        self.codes() == [&*id.network, &*id.station, &*id.location]
    }

    /// Where all channels have data, in the order of time. Samples of different channels belong together that are nearest
    /// in time (less than half a sampling interval apart); the first channel tells the time.
    pub fn common(&self) -> Vec<CommonSpan> {
        let n = self.channels.len();
        let mut at = vec![0; n];
        // Samples of each channel's current merged segment that are given away: none is used twice, however times are rounded.
        let mut used = vec![0_i64; n];
        let mut found = Vec::new();
        loop {
            let Some(now): Option<Vec<&MergedSegment>> =
                self.channels.iter().zip(&at).map(|(c, s)| c.segments.get(*s)).collect()
            else {
                return found;
            };
            let offsets: Vec<i64> = now.iter().map(|s| now[0].nearest(s.start_us())).collect();
            let from = offsets.iter().zip(&used).map(|(o, u)| o.saturating_add(*u)).max().unwrap_or(0);
            let ends: Vec<i64> = now.iter().zip(&offsets).map(|(s, o)| o.saturating_add_unsigned(s.samples)).collect();
            let to = ends.iter().copied().min().unwrap_or(0);
            if to > from {
                let first = at.iter().zip(&offsets).map(|(s, o)| (*s, from.abs_diff(*o))).collect();
                found.push(CommonSpan { first, samples: to.abs_diff(from) });
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

    /// Samples of the first channel from the first to the last common one, had nothing been missing.
    pub fn unbroken(&self, commons: &[CommonSpan]) -> Option<u64> {
        let (first, last) = (commons.first()?, commons.last()?);
        let merged = |c: &CommonSpan| &self.channels[0].segments[c.first[0].0];
        let last_us = merged(last).time_us(last.first[0].1 + last.samples);
        let begin = i64::try_from(first.first[0].1).ok()?;
        u64::try_from(merged(first).nearest(last_us).saturating_sub(begin)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, START, Source};

    #[test]
    fn channels_come_as_z_n_e_then_by_name() {
        let ids = ["XX.A..HH1", "XX.A..HHE", "XX.A..HHZ", "XX.A..HHN", "XX.A..BHZ", "XX.A.10.HHZ", "XX.B..HHZ"];
        let sources: Vec<Source> = ids.iter().map(|id| (*id, 0, 10)).collect();
        let (index, _folder) = testing::index(&sources, 100.0);
        let stations = stations(&index).expect("one rate");
        let names: Vec<String> = stations.iter().map(Station::name).collect();
        assert_eq!(names, ["XX.A.", "XX.A.10", "XX.B."], "stations");
        let channels: Vec<&str> = stations[0].channels.iter().map(|c| c.id.channel.as_str()).collect();
        assert_eq!(channels, ["BHZ", "HHZ", "HHN", "HHE", "HH1"], "channels");
    }

    #[test]
    fn every_rate_is_a_station_of_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        testing::file(&folder, "a", &testing::record("XX.A..HHZ", START, 100.0, &[1, 2]));
        testing::file(&folder, "b", &testing::record("XX.A..BHZ", START, 20.0, &[1, 2]));
        testing::file(&folder, "c", &testing::record("XX.A..HHN", START, 100.0, &[1, 2]));
        testing::file(&folder, "d", &testing::record("XX.B..HHZ", START, 20.0, &[1, 2]));
        let index = MiniSeedIndex::open(&[folder.path().to_path_buf()]).expect("valid files");
        let stations = stations(&index).expect("two rates");
        let names: Vec<(String, usize)> = stations.iter().map(|s| (s.name(), s.channels.len())).collect();
        let want = [("XX.A..100Hz", 2), ("XX.A..20Hz", 1), ("XX.B.", 1)].map(|(name, n)| (name.to_owned(), n));
        assert_eq!(names, want, "the rate is in a name only where it tells stations apart");
    }
}
