//! The whole way from an archive to its answer, stage after stage. Read this first.
//!
//! ```text
//! archive -> images (decode, features, coefficients, -> transform -> events, reduce -> cluster -> visualize -> report
//!            what the detector measures)                what is      the stored days together
//!            one pass, day by day                       missing
//! ```
//!
//! Every stage leaves what is current alone, so a run that was stopped goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use scatterfall_detector::{DetectorModel, DetectorPlan};
use serde_json::json;

use crate::archive::{Catalogue, LeftOut};
use crate::error::{ArchiveError, Error, ModelError, Result};
use crate::model::Model;
use crate::plans;
use crate::progress::Context;
use crate::seismogram::SegmentPlan;
use crate::shard::{self, Shard};
use crate::stages::images::{Goals, ImagesSummary};
use crate::stages::{
    apply, clip, cluster, design, events, images, reduce, report, seismogram, strict, transform, visualize,
};
use crate::store::atomic::remove_unfinished;
use crate::store::day::Stage;
use crate::summary::{LEFT_OUT_FILE, RunSummary};
use scatterfall_scattering::backend::{Backend, log_figures};

/// Files that the log names as left out by the catalogue: a folder may hold many that are no images of the archive.
const WARNINGS: usize = 100;

/// Runs every stage.
///
/// # Errors
/// The first error that is not a single image's; [`Error::Interrupted`] when asked to stop. Finished days stay.
pub fn run(ctx: &Context<'_>, backend: &mut dyn Backend) -> Result<RunSummary> {
    let (mut summary, catalogue) = to_clusters(ctx, backend)?;
    show(ctx, backend, &catalogue, &mut summary)?;
    Ok(summary)
}

/// As [`run`], without pictures, report and `run.json`; returns the seconds that each stage took.
///
/// # Errors
/// As [`run`].
pub fn run_to_clusters(ctx: &Context<'_>, backend: &mut dyn Backend) -> Result<BTreeMap<String, f64>> {
    Ok(to_clusters(ctx, backend)?.0.stages)
}

fn to_clusters(ctx: &Context<'_>, backend: &mut dyn Backend) -> Result<(RunSummary, Catalogue)> {
    let mut summary = RunSummary::default();
    remove_unfinished_files(&ctx.config.output.path);
    let catalogue = read_catalogue(ctx, &mut summary)?;
    let days: Vec<String> = catalogue.days().into_iter().map(|(day, _)| day).collect();
    let detector = if ctx.config.detect.enabled { detector_plan(ctx, &catalogue, None)? } else { None };
    compute_images(ctx, backend, &catalogue, all(detector.as_ref()), &mut summary)?;
    compute_transform(ctx, backend, Some(&days), &mut summary)?;
    if detector.is_some() {
        find_events(ctx, &days, None, &mut summary)?;
    }
    timed(&mut summary, "reduce", || reduce::compute(ctx, Some(&days)))?;
    ctx.check()?;
    timed(&mut summary, "cluster", || cluster::compute(ctx))?;
    ctx.check()?;
    Ok((summary, catalogue))
}

/// New images through a fitted model: as [`run`], but nothing is fitted.
///
/// # Errors
/// As [`run`]; [`Error::Model`] where the images do not fit the model.
pub fn apply(ctx: &Context<'_>, backend: &mut dyn Backend, model: &Model) -> Result<RunSummary> {
    let mut summary = RunSummary::default();
    remove_unfinished_files(&ctx.config.output.path);
    let catalogue = read_catalogue(ctx, &mut summary)?;
    model.check_images(&catalogue, plans::images(ctx.config, catalogue.size, false)?.features.windows)?;
    let days: Vec<String> = catalogue.days().into_iter().map(|(day, _)| day).collect();
    let detector = events::read_model(model.folder())?.filter(|_| ctx.config.detect.enabled);
    let plan = match &detector {
        Some(detector) => detector_plan(ctx, &catalogue, Some(detector))?,
        None => {
            tracing::info!("no events are looked for: [detect] is off, or the model has no detector");
            None
        }
    };
    compute_images(ctx, backend, &catalogue, all(plan.as_ref()), &mut summary)?;
    compute_transform(ctx, backend, Some(&days), &mut summary)?;
    if plan.is_some() {
        find_events(ctx, &days, detector.as_ref(), &mut summary)?;
    }
    timed(&mut summary, "reduce", || apply::reduce(ctx, model, Some(&days)))?;
    ctx.check()?;
    timed(&mut summary, "cluster", || apply::cluster(ctx, model))?;
    ctx.check()?;
    summary.figures.insert("model".into(), json!(model.identity));
    show(ctx, backend, &catalogue, &mut summary)?;
    Ok(summary)
}

/// Pictures and the report, and `run.json` before each: they tell what was left out from there.
fn show(ctx: &Context<'_>, backend: &dyn Backend, catalogue: &Catalogue, summary: &mut RunSummary) -> Result<()> {
    note_backend(summary, backend);
    let finish = |summary: &mut RunSummary| summary.finish(ctx.config, Some(catalogue), Some(backend.info()));
    finish(summary)?;
    timed(summary, "visualize", || visualize::compute(ctx))?;
    ctx.check()?;
    finish(summary)?;
    timed(summary, "report", || report::compute(ctx))?;
    finish(summary)
}

/// One task's days: features and coefficients of those that are not current. Several tasks may work at once, even on the
/// same day; nothing but the days' own files is written. Returns the days.
///
/// # Errors
/// As [`run`].
pub fn days(ctx: &Context<'_>, backend: &mut dyn Backend, task: Shard) -> Result<Vec<String>> {
    let mut summary = RunSummary::default();
    let mut catalogue = shard::catalogue(ctx, false)?;
    task.keep(&mut catalogue);
    let days: Vec<String> = catalogue.days().into_iter().map(|(day, _)| day).collect();
    if !days.is_empty() {
        compute_images(ctx, backend, &catalogue, all(None), &mut summary)?;
        compute_transform(ctx, backend, Some(&days), &mut summary)?;
    }
    Ok(days)
}

/// The stage `features` alone.
///
/// # Errors
/// As [`run`].
pub fn features(ctx: &Context<'_>, backend: &mut dyn Backend) -> Result<RunSummary> {
    let mut summary = RunSummary::default();
    let catalogue = read_catalogue(ctx, &mut summary)?;
    compute_images(ctx, backend, &catalogue, Goals { features: true, ..Goals::default() }, &mut summary)?;
    note_backend(&mut summary, backend);
    summary.finish(ctx.config, Some(&catalogue), Some(backend.info()))?;
    Ok(summary)
}

/// The cropped pixels of every image as arrays.
///
/// # Errors
/// As [`run`].
pub fn clip(ctx: &Context<'_>) -> Result<RunSummary> {
    let mut summary = RunSummary::default();
    let mut catalogue = read_catalogue(ctx, &mut summary)?;
    let left_out = timed(&mut summary, "clip", || clip::compute(ctx, &catalogue))?;
    let unusable: BTreeSet<&str> = left_out.iter().map(|l| l.file.as_str()).collect();
    catalogue.images.retain(|i| !unusable.contains(i.name.as_str()));
    if catalogue.images.is_empty() {
        return Err(none_usable(ctx, left_out.len()));
    }
    catalogue.left_out.extend(left_out);
    summary.finish(ctx.config, Some(&catalogue), None)?;
    Ok(summary)
}

/// A picture of the first image with the crop on it.
///
/// # Errors
/// Those of reading the archive; [`crate::Error::Archive`] where no image can be decoded; those of writing.
pub fn preview(ctx: &Context<'_>, path: &Path) -> Result<Option<String>> {
    clip::preview(ctx, &read_catalogue(ctx, &mut RunSummary::default())?, path)
}

/// Everything that a run computes in its pass over the images.
fn all(detector: Option<&Arc<DetectorPlan>>) -> Goals<'_> {
    Goals { features: true, scattering: true, detector }
}

/// The detector for the archive's images, `None` where it does not fit them.
fn detector_plan(
    ctx: &Context<'_>,
    catalogue: &Catalogue,
    model: Option<&DetectorModel>,
) -> Result<Option<Arc<DetectorPlan>>> {
    let features = plans::images(ctx.config, catalogue.size, false)?.features;
    let plan = match events::plan_for(ctx.config, (features.rows, features.columns), model) {
        Ok(plan) => plan,
        // The settings were checked before: what is left are images of a size that no detector has.
        Err(e) => {
            tracing::warn!("no events are looked for: {e}");
            return Ok(None);
        }
    };
    for left in &plan.left_out {
        tracing::debug!("detector: {} is left out: {}", left.filter, left.reason);
    }
    Ok(Some(Arc::new(plan)))
}

/// The list of events, from the measurements of some days.
fn find_events(
    ctx: &Context<'_>,
    days: &[String],
    model: Option<&DetectorModel>,
    summary: &mut RunSummary,
) -> Result<()> {
    let found = timed(summary, "events", || events::compute(ctx, Some(days), model))?;
    if found.computed {
        summary.figures.insert("events".into(), json!({ "listed": found.events, "threshold": found.threshold }));
    }
    ctx.check()
}

/// The stage `detect` alone: measurements, scores and events.
///
/// # Errors
/// As [`run`].
pub fn detect(ctx: &Context<'_>, backend: &mut dyn Backend) -> Result<RunSummary> {
    let mut summary = RunSummary::default();
    let catalogue = read_catalogue(ctx, &mut summary)?;
    let days: Vec<String> = catalogue.days().into_iter().map(|(day, _)| day).collect();
    if let Some(detector) = detector_plan(ctx, &catalogue, None)? {
        let goals = Goals { detector: Some(&detector), ..Goals::default() };
        let done = timed(&mut summary, "images", || images::compute(ctx, backend, &catalogue, goals))?;
        note_pass(ctx, &done, &mut summary);
        ctx.check()?;
        find_events(ctx, &days, None, &mut summary)?;
    }
    summary.finish(ctx.config, Some(&catalogue), None)?;
    Ok(summary)
}

/// The stage `transform` alone.
///
/// # Errors
/// As [`run`].
pub fn transform(ctx: &Context<'_>, backend: &mut dyn Backend) -> Result<RunSummary> {
    let mut summary = RunSummary::default();
    compute_transform(ctx, backend, None, &mut summary)?;
    note_backend(&mut summary, backend);
    summary.finish(ctx.config, None, Some(backend.info()))?;
    Ok(summary)
}

/// Seismograms: every station's coefficients and scattergram.
///
/// # Errors
/// Those of the stage.
pub fn seismogram(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    request: &seismogram::Request,
) -> Result<seismogram::Transformed> {
    let mut summary = RunSummary::default();
    let done = timed(&mut summary, "seismogram", || seismogram::compute(ctx, backend, request))?;
    for station in &done.summaries {
        let figures =
            json!({ "segments": station.segments, "left_out_at_gaps": station.left_out, "events": station.events });
        summary.figures.insert(station.name.clone(), figures);
    }
    note_backend(&mut summary, backend);
    summary.finish_with(ctx.config, done.left_out.clone(), Some(backend.info()))?;
    let several = done.summaries.len() > 1;
    for station in done.summaries.iter().filter(|s| request.all && s.segments > 0) {
        match go_on(ctx, backend, station, &done) {
            Err(error) if several && error.is_of_input() => {
                tracing::warn!("{}: {error}", station.name);
            }
            other => other?,
        }
    }
    Ok(done)
}

/// New seismograms through a fitted model: each station of as many channels and the same sampling rate, in a folder of its
/// own.
///
/// # Errors
/// As [`seismogram()`]; [`Error::Model`] where no station fits the model.
pub fn apply_to_seismograms(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    model: &Model,
    request: &seismogram::Request,
) -> Result<seismogram::Transformed> {
    let done = seismogram(ctx, backend, &seismogram::Request { separate: true, ..request.clone() })?;
    let mut fitting = 0;
    for station in done.summaries.iter().filter(|s| s.segments > 0) {
        let wanted = model.header.traces.as_ref().map(|t| (t.channels.len(), t.sampling_rate));
        if wanted != Some((station.channels, station.sampling_rate)) {
            tracing::warn!(
                "{}: {} channels at {} Hz do not fit the model",
                station.name,
                station.channels,
                station.sampling_rate
            );
            continue;
        }
        fitting += 1;
        let mut config = ctx.config.clone();
        config.output.path.clone_from(&station.output);
        let ctx = &Context { config: &config, pool: Arc::clone(&ctx.pool), ..*ctx };
        let mut summary = RunSummary::default();
        timed(&mut summary, "reduce", || apply::reduce(ctx, model, None))?;
        ctx.check()?;
        timed(&mut summary, "cluster", || apply::cluster(ctx, model))?;
        summary.figures.insert("model".into(), json!(model.identity));
        done.draw_clusters(ctx, station)?;
        show_station(ctx, backend, &done.left_out, summary)?;
    }
    if fitting == 0 {
        return Err(ModelError::NoStation.into());
    }
    Ok(done)
}

/// The way of one station from its stored coefficients on: components, clusters, model, pictures, report.
fn go_on(
    ctx: &Context<'_>,
    backend: &dyn Backend,
    station: &seismogram::StationSummary,
    done: &seismogram::Transformed,
) -> Result<()> {
    let mut config = ctx.config.clone();
    config.output.path.clone_from(&station.output);
    let ctx = &Context { config: &config, pool: Arc::clone(&ctx.pool), ..*ctx };
    let mut summary = RunSummary::default();
    timed(&mut summary, "reduce", || reduce::compute(ctx, None))?;
    ctx.check()?;
    timed(&mut summary, "cluster", || cluster::compute(ctx))?;
    done.draw_clusters(ctx, station)?;
    show_station(ctx, backend, &done.left_out, summary)
}

/// Pictures and report of a station, and its `run.json` before each.
fn show_station(ctx: &Context<'_>, backend: &dyn Backend, left_out: &[LeftOut], mut summary: RunSummary) -> Result<()> {
    let finish = |summary: &mut RunSummary| summary.finish_with(ctx.config, left_out.to_vec(), Some(backend.info()));
    ctx.check()?;
    finish(&mut summary)?;
    timed(&mut summary, "visualize", || visualize::compute(ctx))?;
    ctx.check()?;
    finish(&mut summary)?;
    timed(&mut summary, "report", || report::compute(ctx))?;
    finish(&mut summary)
}

/// A stage after the transform alone: its name, and what it does.
///
/// # Errors
/// Those of the stage.
pub fn stage<T>(ctx: &Context<'_>, name: &str, work: impl FnOnce() -> Result<T>) -> Result<RunSummary> {
    let mut summary = RunSummary::default();
    timed(&mut summary, name, work)?;
    summary.finish(ctx.config, None, None)?;
    Ok(summary)
}

/// The catalogue, with `--strict` applied.
///
/// # Errors
/// Those of [`Catalogue::read`]; with `--strict` any left-out file.
pub fn read_catalogue(ctx: &Context<'_>, summary: &mut RunSummary) -> Result<Catalogue> {
    let input = &ctx.config.input;
    let catalogue =
        timed(summary, "catalogue", || ctx.pool.install(|| Catalogue::read(input, &ctx.config.output.path)))?;
    for left in catalogue.left_out.iter().take(WARNINGS) {
        tracing::warn!("{} is left out: {}", left.file, left.reason);
    }
    if catalogue.left_out.len() > WARNINGS {
        let more = catalogue.left_out.len() - WARNINGS;
        tracing::warn!("{more} more files are left out; {LEFT_OUT_FILE} lists them all in the end");
    }
    if ctx.strict {
        strict::refuse(&catalogue.left_out)?;
    }
    Ok(catalogue)
}

fn compute_images(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    catalogue: &Catalogue,
    goals: Goals<'_>,
    summary: &mut RunSummary,
) -> Result<()> {
    tracing::info!(images = catalogue.images.len(), device = backend.info().device, "archive read");
    let done = timed(summary, "images", || images::compute(ctx, backend, catalogue, goals))?;
    note_pass(ctx, &done, summary);
    if done.days > 0 && done.days_current == 0 && done.images == 0 {
        return Err(none_usable(ctx, catalogue.images.len()));
    }
    Ok(())
}

/// What the pass over the images did, for the log and `run.json`.
fn note_pass(ctx: &Context<'_>, done: &ImagesSummary, summary: &mut RunSummary) {
    let (waits, trace) = (done.waits, &done.trace);
    summary.figures.insert("threads".into(), json!(ctx.pool.current_num_threads()));
    summary.figures.insert("images_computed".into(), json!(done.images));
    summary.figures.insert("days_computed".into(), json!(done.days));
    summary.figures.insert("days_current".into(), json!(done.days_current));
    summary.figures.insert(
        "waited_s".into(),
        json!({ "decode": waits.decode.as_secs_f64(), "compute": waits.compute.as_secs_f64(), "write": waits.write.as_secs_f64() }),
    );
    summary.figures.insert("detector_images".into(), json!(done.measured));
    if done.measured > 0 {
        summary.figures.insert("detector_device".into(), json!(done.measured_by));
    }
    let share =
        done.decoding.as_secs_f64() / (ctx.pool.current_num_threads() as f64 * done.wall.as_secs_f64()).max(1e-9);
    summary.figures.insert("decoding_share".into(), json!(share));
    summary.figures.insert("decode_threads_s".into(), json!(done.decoding.as_secs_f64()));
    summary.figures.insert("first_batches".into(), json!(trace));
    tracing::info!(
        "decoding took {:.2} s of the threads; waited: decoding {:.2} s, computing {:.2} s, writing {:.2} s",
        done.decoding.as_secs_f64(),
        waits.decode.as_secs_f64(),
        waits.compute.as_secs_f64(),
        waits.write.as_secs_f64()
    );
}

fn none_usable(ctx: &Context<'_>, images: usize) -> Error {
    ArchiveError::AllLeftOut { path: ctx.config.input.path.clone(), images }.into()
}

fn compute_transform(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    wanted: Option<&[String]>,
    summary: &mut RunSummary,
) -> Result<()> {
    timed(summary, "transform", || {
        crate::stages::stored_days(&ctx.config.output.path, Stage::Features, wanted)?;
        write_design(ctx)?;
        transform::compute(ctx, backend, wanted)
    })?;
    Ok(())
}

/// Writes the network that the stored features are transformed with.
///
/// # Errors
/// [`Error::Config`] where segments do not fit the images; those of writing.
pub fn write_design(ctx: &Context<'_>) -> Result<scatterfall_scattering::plan::ScatteringPlan> {
    let config = ctx.config;
    let windows = crate::stages::rows::stored_windows(config).map_or_else(|| planned_windows(ctx), Ok)?;
    let cut = plans::segmentation(config, windows)?;
    let network = plans::network(config, &cut)?;
    // Nobody chose the defaults: what they leave unused is no fault of the run's.
    if config.network != crate::config::Config::default().network {
        design::warn(&network);
    }
    design::write(&config.output.path, &network)?;
    Ok(network)
}

/// Writes the network that seismograms of a sampling rate (Hz) are transformed with, before there is data.
///
/// # Errors
/// [`Error::Config`] for a rate that is none, or segments and filters that do not fit it; those of writing.
pub fn write_seismogram_design(
    ctx: &Context<'_>,
    sampling_rate: f64,
) -> Result<scatterfall_scattering::plan::ScatteringPlan> {
    if !(sampling_rate.is_finite() && sampling_rate > 0.0) {
        return Err(Error::config("--sampling-rate", sampling_rate, "a rate in Hz, above 0"));
    }
    let config = ctx.config;
    let bins = SegmentPlan::new(&config.seismogram, sampling_rate)?.bins;
    let network = scatterfall_scattering::plan::ScatteringPlan::new(&config.network, 1, bins, sampling_rate)?;
    design::warn(&network);
    design::write(&config.output.path, &network)?;
    Ok(network)
}

/// Windows per image before features are stored: from the crop, else from the archive's images.
fn planned_windows(ctx: &Context<'_>) -> Result<usize> {
    let config = ctx.config;
    let columns = match config.crop {
        Some(crop) => crop.shape(config.time_axis).1,
        None => {
            let (width, height) = Catalogue::read(&config.input, &config.output.path)?.size;
            crate::config::Crop { top: 0, bottom: height as usize, left: 0, right: width as usize }
                .shape(config.time_axis)
                .1
        }
    };
    let f = &config.features;
    match columns.checked_sub(f.window) {
        Some(left) => Ok(left / f.step + 1),
        None => Err(Error::config("features.window", f.window, format!("at most the {columns} columns of an image"))),
    }
}

/// Folders below the output folder that a run writes to.
const FOLDERS: [&str; 9] = [
    "detection",
    "features",
    "wavelets",
    "scattering_coefficients",
    "pca_ica",
    "clustering_results",
    "model",
    "visualizations",
    "waterfall_npz",
];

/// Removes what a killed run left half-written, where this run may not write it again.
fn remove_unfinished_files(output: &Path) {
    remove_unfinished(output);
    // There may be a file per image in the last one; each is written again with its day.
    for folder in FOLDERS.iter().filter(|f| **f != "waterfall_npz") {
        for entry in walkdir::WalkDir::new(output.join(folder)).follow_links(false).into_iter().flatten() {
            if entry.file_type().is_dir() {
                remove_unfinished(entry.path());
            }
        }
    }
}

/// Removes everything that a run writes, and nothing else.
///
/// # Errors
/// [`Error::Io`].
pub fn remove_results(output: &Path) -> Result<()> {
    const FILES: [&str; 8] = [
        "catalogue.json",
        "anomalies.csv",
        "events.csv",
        "events.json",
        "health.csv",
        "report.html",
        LEFT_OUT_FILE,
        "run.json",
    ];
    let done = |path: &Path, result: std::io::Result<()>| match result {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    };
    for path in FOLDERS.map(|name| output.join(name)) {
        done(&path, std::fs::remove_dir_all(&path))?;
    }
    for path in FILES.map(|name| output.join(name)) {
        done(&path, std::fs::remove_file(&path))?;
    }
    Ok(())
}

/// What the device's transfers and kernels took, for the log and `run.json`.
fn note_backend(summary: &mut RunSummary, backend: &dyn Backend) {
    log_figures(backend);
    let (seconds, counts) = (backend.seconds(), backend.counts());
    if !seconds.is_empty() || !counts.is_empty() {
        summary.figures.insert("device".into(), json!({ "seconds": seconds, "counts": counts }));
    }
}

fn timed<T>(summary: &mut RunSummary, stage: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work()?;
    summary.took(stage, start.elapsed());
    tracing::info!(stage, seconds = (start.elapsed().as_secs_f64() * 1e3).round() / 1e3, "done");
    Ok(result)
}
