//! From MiniSEED files to coefficients by the day, one output folder per station, and the scattergram.

mod detect;
pub(crate) mod event_waveforms;
mod picture;
mod representatives;

use std::path::{Path, PathBuf};

use scatterfall_figures::bank::Domain;
use scatterfall_miniseed::{BadRecord, MiniSeedIndex, Selection, Station, stations};
use scatterfall_scattering::backend::Backend;
use scatterfall_scattering::plan::ScatteringPlan;
use scatterfall_timestamps::{DAY_US, day_name, iso};
use serde_json::json;

use super::images::ScatteringWriter;
use crate::archive::LeftOut;
use crate::config::Config;
use crate::error::{Result, SeismogramError};
use crate::progress::Context;
use crate::seismogram::{SegmentPlan, SegmentReader, catalogue, write_waveforms};
use crate::store::day::{RESULTS_VERSION, Record, Source, Stage, State, StoredBackend, state};
use crate::store::npz::NpzStream;

/// Samples that are read and transformed at a time.
const BLOCK_SAMPLES: usize = 1 << 20;

/// Bad records of a file that are listed one by one; the rest is a number.
const LISTED_PER_FILE: usize = 100;

/// What a seismogram run is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// MiniSEED and SAC files, and folders of them.
    pub inputs: Vec<PathBuf>,
    /// The channels and the span of time to use.
    pub selection: Selection,
    /// Go on to components, clusters, pictures, report and model, with a folder for every station.
    pub all: bool,
    /// Every station has a folder of its own, one station too.
    pub separate: bool,
    /// A catalogue of events to lay over the station's own, QuakeML or CSV.
    pub catalogue: Option<PathBuf>,
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
    /// Number of its channels.
    pub channels: usize,
    /// Hz.
    pub sampling_rate: f64,
    /// Segments transformed, now or before.
    pub segments: u64,
    /// Segments left out for touching a gap or an overlap.
    pub left_out: u64,
    /// Events found, where they were looked for.
    pub events: Option<usize>,
}

/// What came of all stations.
#[derive(Debug)]
pub struct Transformed {
    /// The stations that could be transformed.
    pub summaries: Vec<StationSummary>,
    /// Files and records that could not be used.
    pub left_out: Vec<LeftOut>,
    index: MiniSeedIndex,
    stations: Vec<Station>,
}

impl Transformed {
    /// Draws the waveforms of a station's clusters, once there are any, and stores those of its events for the page.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn draw_clusters(&self, ctx: &Context<'_>, station: &StationSummary) -> Result<()> {
        match self.stations.iter().find(|s| s.name() == station.name) {
            Some(station) => {
                representatives::draw(ctx, &self.index, station)?;
                event_waveforms::write(ctx, &self.index, station)
            }
            None => Ok(()),
        }
    }
}

/// Transforms every station, and every sampling rate of one. With one of them its files go to the output folder itself,
/// with several, and where [`Request::all`] is asked for, to a folder each, named [`Station::name`]; reduction and what
/// follows work on each of them.
///
/// # Errors
/// [`crate::Error::Seismogram`] where nothing can be read or nothing is left of the selection, [`crate::Error::Config`] for segments that do
/// not fit any station.
pub fn compute(ctx: &Context<'_>, backend: &mut dyn Backend, request: &Request) -> Result<Transformed> {
    let index = ctx.pool.install(|| MiniSeedIndex::open(&request.inputs))?;
    let left_out = left_out(&index);
    let index = index.select(&request.selection)?;
    if let Some(path) = &request.waveforms {
        write_waveforms(&index, path)?;
    }
    let stations = stations(&index)?;
    let mut summaries = Vec::new();
    let mut first_error = None;
    for station in &stations {
        let output = match (stations.len(), request.all || request.separate) {
            (1, false) => ctx.config.output.path.clone(),
            _ => ctx.config.output.path.join(station.name()),
        };
        match transform_station(ctx, backend, &index, station, &output, request) {
            Ok(summary) => summaries.push(summary),
            // A state-of-health channel at 1 Hz may be too slow for the segments and filters of the others.
            Err(error) if error.is_usage() && stations.len() > 1 => {
                tracing::warn!("{} is left out: {error}", station.name());
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    if let (true, Some(error)) = (summaries.is_empty(), first_error) {
        return Err(error);
    }
    if summaries.iter().all(|s| s.segments == 0) {
        return Err(SeismogramError::TooShort { segment_s: ctx.config.seismogram.segment_s }.into());
    }
    Ok(Transformed { summaries, left_out, index, stations })
}

/// The files that were refused, then the records that were.
fn left_out(index: &MiniSeedIndex) -> Vec<LeftOut> {
    let file = |path: &Path| path.to_string_lossy().into_owned();
    let refused = index.refused().iter().map(|r| LeftOut { file: file(&r.path), reason: r.reason.clone() });
    let mut list: Vec<LeftOut> = refused.collect();
    for bad in index.bad_records().chunk_by(|a, b| a.path == b.path) {
        let listed = bad.iter().take(LISTED_PER_FILE);
        list.extend(listed.map(|b| LeftOut { file: file(&b.path), reason: describe(b) }));
        if bad.len() > LISTED_PER_FILE {
            let reason = format!("{} more records cannot be used", bad.len() - LISTED_PER_FILE);
            list.push(LeftOut { file: file(&bad[0].path), reason });
        }
    }
    list
}

/// A bad record's place and fault in words.
fn describe(bad: &BadRecord) -> String {
    match &bad.source {
        Some((id, time)) => format!("record at byte {} ({id}, {}): {}", bad.offset, iso(*time), bad.reason),
        None => format!("record at byte {}: {}", bad.offset, bad.reason),
    }
}

fn transform_station(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    index: &MiniSeedIndex,
    station: &Station,
    output: &Path,
    request: &Request,
) -> Result<StationSummary> {
    let config = ctx.config;
    let plan = SegmentPlan::new(&config.seismogram, station.sampling_rate)?;
    let mut reader = SegmentReader::open(station, index, plan, &config.seismogram)?;
    let mut summary = StationSummary {
        name: station.name(),
        output: output.to_path_buf(),
        channels: station.channels.len(),
        sampling_rate: station.sampling_rate,
        segments: reader.rows(),
        left_out: reader.left_out(),
        events: None,
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
    let source = source(config, index, station, &request.selection);
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
            ctx.observer.advance(rows.times.len() as u64, (rows.samples.samples.len() * 4) as u64);
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
    picture::draw(ctx, index, station, &network, plan, output, request.f1_hz)?;
    if request.all || request.catalogue.is_some() {
        let known = request.catalogue.as_deref().map(catalogue::read).transpose()?.unwrap_or_default();
        let found = detect::detect(ctx, index, station, &network, plan, output)?;
        detect::write(output, station, &found, &known)?;
        picture::draw_events(station, plan, &found, &known, output)?;
        summary.events = Some(found.events.len());
    }
    Ok(summary)
}

/// Everything that the coefficients of a station depend on.
fn source(config: &Config, index: &MiniSeedIndex, station: &Station, selection: &Selection) -> Source {
    let mut sections = config.sections(&["seismogram", "network"]);
    if let Some(network) = sections["network"].as_object_mut() {
        network.remove("sampling_rate");
    }
    sections["channels"] = station.channels.iter().map(|c| c.id.to_string()).collect();
    sections["sampling_rate"] = json!(station.sampling_rate);
    if selection.start_us.is_some() || selection.end_us.is_some() {
        sections["span"] = json!([selection.start_us, selection.end_us]);
    }
    let inputs = index.files().iter().map(|path| {
        let meta = path.metadata().ok();
        let modified = meta.as_ref().and_then(|m| m.modified().ok());
        let modified = modified.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
        let modified = modified.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
        (path.to_string_lossy().into_owned(), meta.map_or(0, |m| m.len()), modified)
    });
    Source { numbers: RESULTS_VERSION, config: sections, inputs: inputs.collect(), before: String::new() }
}
