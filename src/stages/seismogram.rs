//! From MiniSEED files to coefficients by the day, one output folder a station, and the scattergram.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde_json::json;

use super::images::ScatteringWriter;
use super::rows::read_places;
use crate::archive::LeftOut;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::places::Places;
use crate::progress::Context;
use crate::seismogram::{MiniSeedIndex, SegmentPlan, Station, stations, write_waveforms};
use crate::store::day::{NUMBERS, Record, Source, Stage, State, StoredBackend, state};
use crate::store::npz::NpzStream;
use crate::store::pictures::SavePicture;
use scatterfall_figures::bank::Domain;
use scatterfall_figures::scattergram::{Extent, Scattergram, nearest_filter, scattergram};
use scatterfall_npz::NpzFile;
use scatterfall_scattering::backend::Backend;
use scatterfall_scattering::plan::ScatteringPlan;
use scatterfall_timestamps::{DAY_US, Micros, day_name, micros};

/// Samples that are read and transformed at a time.
const BLOCK_SAMPLES: usize = 1 << 20;

/// Columns of the scattergram's waveform and coefficients: more than a picture has pixels.
const PICTURE_COLUMNS: usize = 4096;

/// Frequency of the first order that the second is drawn at, unless another is asked for.
const DEFAULT_F1_HZ: f64 = 1.0;

/// What a seismogram run is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// MiniSEED files and folders of them.
    pub inputs: Vec<PathBuf>,
    /// Draw the second order at the first-order filter nearest to this frequency.
    pub f1_hz: Option<f64>,
    /// Write the samples that were read here.
    pub waveforms: Option<PathBuf>,
}

/// What became of one station.
#[derive(Clone, Debug, PartialEq)]
pub struct StationSummary {
    /// `NET.STA.LOC`.
    pub name: String,
    /// Where its files are.
    pub output: PathBuf,
    /// Segments transformed, now or before.
    pub segments: u64,
    /// Segments left out for touching a gap or an overlap.
    pub left_out: u64,
}

/// Transforms every station. With one station its files go to the output folder itself, with several to a folder each,
/// named `NET.STA.LOC`; reduction and what follows work on each of them.
///
/// # Errors
/// [`Error::Input`] where nothing can be read or sampling rates differ, [`Error::Config`] for segments that do not fit.
pub fn compute(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    request: &Request,
) -> Result<(Vec<StationSummary>, Vec<LeftOut>)> {
    let index = ctx.pool.install(|| MiniSeedIndex::open(&request.inputs))?;
    let refused = index.refused().iter();
    let left_out =
        refused.map(|r| LeftOut { file: r.path.to_string_lossy().into_owned(), reason: r.reason.clone() }).collect();
    if let Some(path) = &request.waveforms {
        write_waveforms(&index, path)?;
    }
    let stations = stations(&index)?;
    let mut summaries = Vec::new();
    for station in &stations {
        let output = match stations.len() {
            1 => ctx.config.output.path.clone(),
            _ => ctx.config.output.path.join(station.name()),
        };
        summaries.push(transform_station(ctx, backend, &index, station, &output, request.f1_hz)?);
    }
    if summaries.iter().all(|s| s.segments == 0) {
        return Err(Error::Input(format!(
            "no continuous piece is as long as a segment of {} s on all channels; set seismogram.segment_s lower",
            ctx.config.seismogram.segment_s
        )));
    }
    Ok((summaries, left_out))
}

fn transform_station(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    index: &MiniSeedIndex,
    station: &Station,
    output: &Path,
    f1_hz: Option<f64>,
) -> Result<StationSummary> {
    let config = ctx.config;
    let plan = SegmentPlan::new(&config.seismogram, station.sampling_rate)?;
    let mut reader = station.segments(index, plan, &config.seismogram)?;
    let summary = StationSummary {
        name: station.name(),
        output: output.to_path_buf(),
        segments: reader.rows(),
        left_out: reader.left_out(),
    };
    if summary.segments == 0 {
        // A sampling rate is what a header claims: no filters for segments that there is no data for.
        return Ok(summary);
    }
    let network = ScatteringPlan::new(&config.network, station.channels.len(), plan.bins, station.sampling_rate)?;
    super::design::warn(&network);
    if super::design::write(output, &network)? {
        super::design::draw_all(output, &network, Domain::Time)?;
    }
    let source = source(config, index, station);
    if summary.left_out > 0 {
        tracing::info!("{}: {} segments touch a gap or an overlap and are left out", summary.name, summary.left_out);
    }
    ctx.observer.begin("seismogram", reader.rows(), "segments");
    let block = (BLOCK_SAMPLES / (station.channels.len() * plan.bins)).max(1);
    while let Some(time) = reader.next_time() {
        ctx.check()?;
        let midnight = (time.div_euclid(DAY_US) + 1) * DAY_US;
        let file = Stage::Scattering.file(output, &day_name(time));
        if state(&file, &source) != State::Missing {
            reader.skip_until(midnight);
            continue;
        }
        let mut writer = ScatteringWriter::new(NpzStream::new(file.clone()), &network)?;
        let mut number = 0;
        while let Some(rows) = reader.next_rows(block, midnight)? {
            ctx.check()?;
            let coefficients = ctx.pool.install(|| backend.scatter(&network, &rows.samples))?;
            for (i, &time) in rows.times.iter().enumerate() {
                let orders = coefficients.orders.iter().map(|o| o.row(i));
                writer.append(orders.map(|r| r.to_slice().unwrap_or(&[])), 0.0, time, number)?;
                number += 1;
            }
            ctx.observer.advance(rows.times.len() as u64, (rows.samples.len() * 4) as u64);
        }
        let record = |bytes| Record {
            fingerprint: source.fingerprint(),
            source: source.clone(),
            backend: StoredBackend::from(backend.info()),
            bytes,
            images: Vec::new(),
            image_size: None,
            left_out: Vec::new(),
            incomplete: false,
        };
        writer.stream.finish(|bytes| record(bytes).write(&file))?;
        tracing::info!(stage = "seismogram", day = day_name(time), segments = number, "day written");
    }
    ctx.observer.end();
    draw(ctx, index, station, &network, plan, output, f1_hz)?;
    Ok(summary)
}

/// Everything that the coefficients of a station depend on.
fn source(config: &Config, index: &MiniSeedIndex, station: &Station) -> Source {
    let mut sections = config.sections(&["seismogram", "network"]);
    if let Some(network) = sections["network"].as_object_mut() {
        network.remove("sampling_rate");
    }
    sections["channels"] = station.channels.iter().map(|c| c.id.to_string()).collect();
    sections["sampling_rate"] = json!(station.sampling_rate);
    let inputs = index.files().iter().map(|path| {
        let meta = path.metadata().ok();
        let modified = meta.as_ref().and_then(|m| m.modified().ok());
        let modified = modified.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
        let modified = modified.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
        (path.to_string_lossy().into_owned(), meta.map_or(0, |m| m.len()), modified)
    });
    Source { numbers: NUMBERS, config: sections, inputs: inputs.collect(), before: String::new() }
}

/// Draws the first channel's scattergram from the stored days.
fn draw(
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
            waveform(index, &channel.id.to_string(), from, to + micros(plan.bins as f64 / station.sampling_rate))?
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

/// The waveform of a channel between two times, as lowest and highest samples a column of the picture.
fn waveform(index: &MiniSeedIndex, channel: &str, from: Micros, to: Micros) -> Result<Vec<Vec<Extent>>> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few thousand columns"
    )]
    let per_column = |rate: f64| (((to - from) as f64 / 1e6 * rate / PICTURE_COLUMNS as f64).ceil() as usize).max(1);
    let mut pieces = Vec::new();
    for piece in index.pieces().iter().filter(|p| p.id.to_string() == channel) {
        if piece.time_us(piece.samples) < from || piece.time_us(0) > to {
            continue;
        }
        let size = per_column(piece.sampling_rate);
        let mut reader = index.reader(piece);
        let (mut extents, mut samples, mut done) = (Vec::new(), Vec::new(), 0u64);
        while reader.read(size, &mut samples)? > 0 {
            #[expect(clippy::cast_possible_truncation, reason = "for a picture")]
            extents.push(Extent {
                time: piece.time_us(done),
                low: samples.iter().copied().fold(f64::INFINITY, f64::min) as f32,
                high: samples.iter().copied().fold(f64::NEG_INFINITY, f64::max) as f32,
            });
            done += samples.len() as u64;
            samples.clear();
        }
        pieces.push(extents);
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seismogram::testing::{START, file, record};

    #[test]
    fn every_column_of_the_waveform_has_its_own_samples() {
        let folder = tempfile::tempdir().expect("a folder");
        // Loud at first: a column must not remember what came before it.
        let samples: Vec<i32> = (0..60).map(|i| if i < 5 { 900 } else { i }).collect();
        let path = file(&folder, "a", &record("XX.A..HHZ", START, 100.0, &samples));
        let index = MiniSeedIndex::open(&[path]).expect("a valid file");
        let pieces = waveform(&index, "XX.A..HHZ", START, START + 600_000).expect("readable");
        let [extents] = &pieces[..] else { panic!("one piece, not {}", pieces.len()) };
        let want: Vec<(Micros, f32)> = samples.iter().zip(0..).map(|(&v, i)| (START + 10_000 * i, v as f32)).collect();
        let got = |of: fn(&Extent) -> f32| extents.iter().map(|e| (e.time, of(e))).collect::<Vec<_>>();
        assert_eq!(got(|e| e.low), want, "fewer samples than columns: lowest");
        assert_eq!(got(|e| e.high), want, "highest");
    }
}
