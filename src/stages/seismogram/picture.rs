//! The scattergram of a station's first channel, from the stored days.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use scatterfall_figures::detections;
use scatterfall_figures::scattergram::{Extent, Scattergram, nearest_filter, scattergram};
use scatterfall_miniseed::{Channel, MiniSeedIndex, Station};
use scatterfall_npz::NpzFile;
use scatterfall_scattering::plan::ScatteringPlan;
use scatterfall_timestamps::{Micros, micros};

use super::detect::Detections;
use crate::config::Seismogram;
use crate::error::{Error, Result};
use crate::places::Places;
use crate::progress::Context;
use crate::seismogram::catalogue::Known;
use crate::seismogram::{PreparedReader, SegmentPlan};
use crate::stages::rows::read_places;
use crate::store::day::Stage;
use crate::store::pictures::SavePicture;

/// Columns of the scattergram's waveform and coefficients: more than a picture has pixels.
const PICTURE_COLUMNS: usize = 4096;

/// Frequency of the first order that the second is drawn at, unless another is asked for.
const DEFAULT_F1_HZ: f64 = 1.0;

/// Draws the first channel's scattergram from the stored days.
pub(super) fn draw(
    ctx: &Context<'_>,
    index: &MiniSeedIndex,
    station: &Station,
    network: &ScatteringPlan,
    plan: SegmentPlan,
    output: &Path,
    f1_hz: Option<f64>,
) -> Result<()> {
    let Some(channel) = station.channels.first() else { return Ok(()) };
    let (first, second) = (&network.layers[0].bank, network.layers.get(1).map(|l| &l.bank));
    let centers_1: Vec<f64> = first.centers.to_vec();
    let centers_2: Vec<f64> = second.map_or_else(Vec::new, |b| b.centers.to_vec());
    let filter = nearest_filter(&centers_1, f1_hz.unwrap_or(DEFAULT_F1_HZ)).unwrap_or(0);
    let f2 = second.map(|b| (b.len(), filter));
    let coefficients = first_channel(ctx, output, first.len(), f2)?;
    let rows = coefficients.times.len();
    let shaped = |values: &[f32], columns: usize| {
        Array2::from_shape_vec((rows, columns), values.to_vec()).map_err(|e| Error::store(output, e.to_string()))
    };
    let order_1 = shaped(&coefficients.order_1, first.len())?;
    let order_2 = second.map(|b| shaped(&coefficients.order_2, b.len())).transpose()?;
    let span = coefficients.times.first().copied().zip(coefficients.times.last().copied());
    let waveform = match span {
        Some((from, to)) => {
            let to = to + micros(plan.bins as f64 / station.sampling_rate);
            waveform(index, channel, &ctx.config.seismogram, (from, to))?
        }
        None => Vec::new(),
    };
    let name = channel.id.to_string();
    let picture = scattergram(&Scattergram {
        channel: &name,
        waveform: &waveform,
        times: &coefficients.times,
        segment: micros(plan.bins as f64 / station.sampling_rate),
        hop: coefficients.thinned * micros(plan.hop as f64 / station.sampling_rate),
        order_1: order_1.view(),
        centers_1: &centers_1,
        order_2: order_2.as_ref().map(|o| (filter, o.view())),
        centers_2: &centers_2,
    });
    picture.save(&output.join("visualizations").join("scattergram.png"))
}

/// Draws the scores of a station's segments with its events, and those of a catalogue.
pub(super) fn draw_events(
    station: &Station,
    plan: SegmentPlan,
    found: &Detections,
    known: &[Known],
    output: &Path,
) -> Result<()> {
    let events: Vec<(Micros, Micros)> = found.events.iter().map(|e| (e.from, e.to)).collect();
    let catalogue: Vec<Micros> = known.iter().map(|k| k.time).collect();
    let picture = detections::detections(&detections::Detections {
        station: &station.name(),
        times: &found.times,
        segment: micros(plan.bins as f64 / station.sampling_rate),
        scores: &found.scores,
        threshold: found.threshold,
        events: &events,
        catalogue: &catalogue,
    });
    picture.save(&output.join("visualizations").join("events.png"))
}

/// Coefficients of the first channel, of every so many-th segment.
struct FirstChannel {
    times: Vec<Micros>,
    order_1: Vec<f32>,
    order_2: Vec<f32>,
    /// One of so many segments.
    thinned: i64,
}

fn first_channel(ctx: &Context<'_>, output: &Path, f1: usize, f2: Option<(usize, usize)>) -> Result<FirstChannel> {
    let days = Stage::Scattering.days(output)?;
    let mut places: Vec<(PathBuf, Places)> = Vec::new();
    for day in &days {
        let path = Stage::Scattering.file(output, day);
        let own = read_places(&mut NpzFile::open(&path)?, &path, None)?;
        places.push((path, own));
    }
    let total: usize = places.iter().map(|(_, p)| p.times.len()).sum();
    let every = total.div_ceil(PICTURE_COLUMNS).max(1);
    let mut out = FirstChannel {
        times: Vec::new(),
        order_1: Vec::new(),
        order_2: Vec::new(),
        thinned: i64::try_from(every).unwrap_or(1),
    };
    let mut first = 0;
    for (path, places) in &places {
        ctx.check()?;
        let rows: Vec<usize> = (0..places.times.len()).filter(|i| (first + i).is_multiple_of(every)).collect();
        first += places.times.len();
        out.times.extend(rows.iter().map(|&i| places.times[i]));
        let pick = |name: &str, from: usize, n: usize, to: &mut Vec<f32>| -> Result<()> {
            let mut file = NpzFile::open(path)?;
            let mut stream = file.stream(name)?;
            let width: usize = stream.shape()[1..].iter().product();
            if from + n > width {
                return Err(Error::store(path, format!("{name} has rows of {width} values, too few for this network")));
            }
            let mut row = Vec::new();
            for i in 0..places.times.len() {
                stream.read::<f32>(width, &mut row).map_err(|e| Error::store(path, e))?;
                if rows.binary_search(&i).is_ok() {
                    to.extend_from_slice(&row[from..from + n]);
                }
            }
            Ok(())
        };
        pick("order_1", 0, f1, &mut out.order_1)?;
        if let Some((n, filter)) = f2 {
            pick("order_2", filter * n, n, &mut out.order_2)?;
        }
    }
    Ok(out)
}

/// The waveform of a channel between two times as it was transformed, detrended and filtered: the lowest and highest
/// samples of each column of the picture.
fn waveform(
    index: &MiniSeedIndex,
    channel: &Channel,
    settings: &Seismogram,
    (from, to): (Micros, Micros),
) -> Result<Vec<Vec<Extent>>> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few thousand columns"
    )]
    let per_column = |rate: f64| (((to - from) as f64 / 1e6 * rate / PICTURE_COLUMNS as f64).ceil() as usize).max(1);
    let mut pieces = Vec::new();
    for segment in &channel.segments {
        if segment.time_us(segment.samples) < from || segment.start_us() > to {
            continue;
        }
        let size = per_column(segment.sampling_rate());
        let mut reader = PreparedReader::new(index, segment, settings)?;
        let (mut extents, mut samples, mut done) = (Vec::new(), Vec::new(), 0u64);
        while done < segment.samples {
            let count = usize::try_from(segment.samples - done).unwrap_or(size).min(size);
            samples.clear();
            reader.read(count, &mut samples)?;
            #[expect(clippy::cast_possible_truncation, reason = "for a picture")]
            extents.push(Extent {
                time: segment.time_us(done),
                low: samples.iter().copied().fold(f64::INFINITY, f64::min) as f32,
                high: samples.iter().copied().fold(f64::NEG_INFINITY, f64::max) as f32,
            });
            done += count as u64;
        }
        pieces.push(extents);
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use scatterfall_miniseed::testing::{START, file, record};

    use super::*;
    use crate::config::Detrend;

    fn drawn(samples: &[i32], detrend: Detrend) -> Vec<Extent> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = file(&folder, "a", &record("XX.A..HHZ", START, 100.0, samples));
        let index = MiniSeedIndex::open(&[path]).expect("a valid file");
        let stations = scatterfall_miniseed::stations(&index).expect("one station");
        let settings = Seismogram { segment_s: 1.0, overlap: 0.0, detrend, highpass_hz: None };
        let channel = &stations[0].channels[0];
        let pieces = waveform(&index, channel, &settings, (START, START + 600_000)).expect("readable");
        let [extents] = &pieces[..] else { panic!("one piece, not {}", pieces.len()) };
        extents.clone()
    }

    #[test]
    fn every_column_of_the_waveform_has_its_own_samples() {
        // Loud at first: a column must not remember what came before it.
        let samples: Vec<i32> = (0..60).map(|i| if i < 5 { 900 } else { i }).collect();
        let extents = drawn(&samples, Detrend::None);
        let want: Vec<(Micros, f32)> = samples.iter().zip(0..).map(|(&v, i)| (START + 10_000 * i, v as f32)).collect();
        let got = |of: fn(&Extent) -> f32| extents.iter().map(|e| (e.time, of(e))).collect::<Vec<_>>();
        assert_eq!(got(|e| e.low), want, "fewer samples than columns: lowest");
        assert_eq!(got(|e| e.high), want, "highest");
    }

    #[test]
    fn the_waveform_is_drawn_as_it_was_transformed() {
        let samples: Vec<i32> = (0..60).map(|i| 5000 + i % 2).collect();
        let extents = drawn(&samples, Detrend::Demean);
        assert!(extents.iter().all(|e| e.low.abs() == 0.5 && e.high == e.low), "without its mean: {:?}", extents[0]);
    }
}
