//! Events of a station: segments that stand out from its normal by hour, with onset and channels.
//!
//! ```text
//! stored days -> octaves (mean log10 of the first order) -> deviations -> score of a segment -> events -> onsets
//!                per channel                               by hour       the largest           above    on the waveform
//! ```

use std::path::{Path, PathBuf};

use scatterfall_miniseed::{Channel, MergedReader, MiniSeedIndex, Station};
use scatterfall_npz::NpzFile;
use scatterfall_scattering::plan::ScatteringPlan;
use scatterfall_timestamps::{Micros, iso, micros};

use crate::error::{Error, Result};
use crate::progress::Context;
use crate::seismogram::baseline::{deviations, threshold};
use crate::seismogram::catalogue::{Known, Pick, quakeml};
use crate::seismogram::onset::onset;
use crate::seismogram::{Highpass, SegmentPlan};
use crate::stages::rows::read_places;
use crate::store::atomic::write_bytes;
use crate::store::csv::Table;
use crate::store::day::Stage;

/// Events a day that chance alone may give.
const FALSE_ALARMS_PER_DAY: f64 = 10.0;
/// Share of the threshold that a channel's own score must reach to be one of an event's channels.
const CHANNEL_SHARE: f64 = 0.5;
/// An event of the catalogue belongs to a detection that follows it within this time, seconds: the way of the waves.
const TRAVEL_S: f64 = 900.0;
/// What the first order cannot be smaller than before its logarithm is taken.
const FLOOR: f32 = 1e-10;

/// A detection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    /// Start of its first segment.
    pub(super) from: Micros,
    /// End of its last one.
    pub(super) to: Micros,
    pub(super) onset: Option<Micros>,
    pub(super) peak: Micros,
    pub(super) score: f64,
    /// Indices of the channels that see it, the strongest first.
    pub(super) channels: Vec<usize>,
    /// Octave that it is strongest in, Hz.
    pub(super) band_hz: (f64, f64),
}

/// Scores of all segments and the events among them.
pub(super) struct Detections {
    pub(super) times: Vec<Micros>,
    pub(super) scores: Vec<f64>,
    pub(super) threshold: f64,
    pub(super) events: Vec<Event>,
}

/// Finds the events of a station in its stored days.
///
/// # Errors
/// Those of reading; [`Error::Store`] for days of another network.
pub(super) fn detect(
    ctx: &Context<'_>,
    index: &MiniSeedIndex,
    station: &Station,
    network: &ScatteringPlan,
    plan: SegmentPlan,
    output: &Path,
) -> Result<Detections> {
    let bank = &network.layers[0].bank;
    let octaves = octaves(&bank.centers.to_vec());
    let channels = station.channels.len();
    let (times, values) = read_octaves(ctx, output, channels, bank.len(), &octaves)?;
    let columns = channels * octaves.len();
    let z = ctx.pool.install(|| deviations(&times, &values, columns));
    let strongest = |row: usize| {
        let row = &z[row * columns..(row + 1) * columns];
        let finite = row.iter().enumerate().filter(|(_, v)| v.is_finite());
        finite.max_by(|a, b| a.1.total_cmp(b.1)).map(|(column, v)| (column, f64::from(*v)))
    };
    let scores: Vec<f64> = (0..times.len()).map(|row| strongest(row).map_or(f64::NAN, |s| s.1)).collect();
    let hop_s = plan.hop as f64 / station.sampling_rate;
    let threshold = threshold(&scores, 86_400.0 / hop_s, FALSE_ALARMS_PER_DAY);
    let length = micros(plan.bins as f64 / station.sampling_rate);
    let mut events = Vec::new();
    for rows in runs(&times, &scores, threshold, length) {
        let peak = rows.clone().max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or(rows.start);
        let Some((column, score)) = strongest(peak) else { continue };
        let own = |c: usize| {
            let of = |row: usize| z[row * columns..(row + 1) * columns][c * octaves.len()..].iter().take(octaves.len());
            f64::from(rows.clone().flat_map(of).copied().fold(f32::NEG_INFINITY, f32::max))
        };
        let mut seen: Vec<(usize, f64)> =
            (0..channels).map(|c| (c, own(c))).filter(|(_, s)| *s >= CHANNEL_SHARE * threshold).collect();
        seen.sort_by(|a, b| b.1.total_cmp(&a.1));
        let octave = &octaves[column % octaves.len()];
        let centers: Vec<f64> = octave.iter().map(|f| bank.centers[*f]).collect();
        let band_hz =
            (centers.iter().copied().fold(f64::INFINITY, f64::min), centers.iter().copied().fold(0.0, f64::max));
        events.push(Event {
            from: times[rows.start],
            to: times[rows.end - 1].saturating_add(length),
            onset: None,
            peak: times[peak],
            score,
            channels: seen.into_iter().map(|(c, _)| c).collect(),
            band_hz,
        });
    }
    for event in &mut events {
        ctx.check()?;
        let channel = &station.channels[event.channels.first().copied().unwrap_or(0)];
        event.onset = find_onset(index, channel, event, length)?;
    }
    Ok(Detections { times, scores, threshold, events })
}

/// The filters of each octave of a bank, highest first; a rest of less than half an octave goes with the last whole one.
fn octaves(centers: &[f64]) -> Vec<Vec<usize>> {
    let highest = centers.iter().copied().fold(0.0, f64::max);
    let mut octaves: Vec<Vec<usize>> = Vec::new();
    for (filter, center) in centers.iter().enumerate() {
        // The small shift keeps a filter exactly an octave down out of the octave above.
        let octave = ((highest / center).log2() + 1e-9).max(0.0) as usize;
        if octaves.len() <= octave {
            octaves.resize(octave + 1, Vec::new());
        }
        octaves[octave].push(filter);
    }
    octaves.retain(|o| !o.is_empty());
    octaves
}

/// Times of all stored segments, and for each the mean log10 of the first order by channel and octave.
fn read_octaves(
    ctx: &Context<'_>,
    output: &Path,
    channels: usize,
    filters: usize,
    octaves: &[Vec<usize>],
) -> Result<(Vec<Micros>, Vec<f32>)> {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for day in Stage::Scattering.days(output)? {
        ctx.check()?;
        let path = Stage::Scattering.file(output, &day);
        let mut file = NpzFile::open(&path)?;
        let rows = read_places(&mut file, &path, None)?.times;
        let mut stream = file.stream("order_1")?;
        if stream.shape() != [rows.len(), channels, filters] {
            let reason = format!("order_1 has the shape {:?}: of another network; use --output", stream.shape());
            return Err(Error::store(&path, reason));
        }
        let mut row = Vec::new();
        for _ in &rows {
            stream.read::<f32>(channels * filters, &mut row).map_err(|e| Error::store(&path, e.to_string()))?;
            for channel in row.chunks(filters) {
                let log = |f: &usize| channel[*f].max(FLOOR).log10();
                values.extend(octaves.iter().map(|o| o.iter().map(log).sum::<f32>() / o.len() as f32));
            }
        }
        times.extend(rows);
    }
    Ok((times, values))
}

/// Segments above the threshold that overlap or meet, as ranges of rows.
fn runs(times: &[Micros], scores: &[f64], threshold: f64, length: Micros) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for row in (0..times.len()).filter(|row| scores[*row] > threshold) {
        match runs.last_mut() {
            Some(run) if times[row] <= times[run.end - 1].saturating_add(length) => run.end = row + 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

/// When an event begins on a channel: looked for from one segment before its first until the end of that one, on samples
/// without their mean and above the event's band.
fn find_onset(index: &MiniSeedIndex, channel: &Channel, event: &Event, length: Micros) -> Result<Option<Micros>> {
    let Some(segment) =
        channel.segments.iter().find(|s| s.start_us() <= event.from && event.from < s.time_us(s.samples))
    else {
        return Ok(None);
    };
    let sample = |time: Micros| u64::try_from(segment.nearest(time)).unwrap_or(0).min(segment.samples);
    let (first, end) = (sample(event.from.saturating_sub(length)), sample(event.from.saturating_add(length)));
    let mut reader = MergedReader::new(index, segment);
    let mut samples = Vec::new();
    reader.skip(first)?;
    reader.read(usize::try_from(end - first).unwrap_or(0), &mut samples)?;
    let mean = samples.iter().sum::<f64>() / (samples.len().max(1) as f64);
    samples.iter_mut().for_each(|x| *x -= mean);
    let corner = (event.band_hz.0 / 2.0).min(segment.sampling_rate() / 4.0);
    if let Ok(mut filter) = Highpass::new(corner, segment.sampling_rate()) {
        filter.apply(&mut samples);
    }
    Ok(onset(&samples).map(|i| segment.time_us(first + i as u64)))
}

/// Writes `events.csv` and `events.xml` (QuakeML) of a station.
///
/// # Errors
/// Those of writing.
pub(super) fn write(output: &Path, station: &Station, found: &Detections, known: &[Known]) -> Result<Vec<PathBuf>> {
    let mut table =
        Table::new("event,time_from,time_to,onset,peak_time,score,channels,band_from_hz,band_to_hz,catalogue");
    for (k, event) in found.events.iter().enumerate() {
        let channels: Vec<&str> = event.channels.iter().map(|c| station.channels[*c].id.channel.as_str()).collect();
        let names: Vec<&str> = matching(event, known).map(|k| k.name.as_str()).collect();
        table.line([
            (k + 1).to_string(),
            iso(event.from),
            iso(event.to),
            event.onset.map_or_else(String::new, iso),
            iso(event.peak),
            format!("{:.3}", event.score),
            channels.join(" "),
            format!("{:.4}", event.band_hz.0),
            format!("{:.4}", event.band_hz.1),
            names.join("; "),
        ]);
    }
    let pick = |event: &Event| {
        let id = &station.channels[event.channels.first().copied().unwrap_or(0)].id;
        let codes = [&id.network, &id.station, &id.location, &id.channel].map(Clone::clone);
        Pick { time: event.onset.unwrap_or(event.from), codes, score: event.score }
    };
    let picks: Vec<Pick> = found.events.iter().map(pick).collect();
    let files = [output.join("events.csv"), output.join("events.xml")];
    write_bytes(&files[0], &table.finish())?;
    write_bytes(&files[1], quakeml(&picks).as_bytes())?;
    Ok(files.into())
}

/// Events of the catalogue whose waves may be this detection.
fn matching<'a>(event: &'a Event, known: &'a [Known]) -> impl Iterator<Item = &'a Known> {
    let earliest = event.from.saturating_sub(micros(TRAVEL_S));
    known.iter().filter(move |k| (earliest..event.to).contains(&k.time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_go_to_their_octaves() {
        let centers: Vec<f64> = (0..12).map(|k| 50.0 * 2f64.powf(-f64::from(k) / 4.0)).collect();
        let want: Vec<Vec<usize>> = vec![(0..4).collect(), (4..8).collect(), (8..12).collect()];
        assert_eq!(octaves(&centers), want, "four an octave");
    }

    #[test]
    fn segments_that_meet_are_one_event() {
        let times: Vec<Micros> = (0..10).map(|i| 10 * i).collect();
        let scores = [0.0, 9.0, 8.0, 0.0, 9.0, 0.0, 0.0, f64::NAN, 0.0, 7.0];
        assert_eq!(runs(&times, &scores, 5.0, 20), [1..5, 9..10], "a segment below between two that overlap is in it");
        assert_eq!(runs(&times, &scores, 5.0, 10), [1..3, 4..5, 9..10], "and parts them where they do not");
        assert!(runs(&times, &scores, f64::INFINITY, 10).is_empty(), "nothing");
    }
}
