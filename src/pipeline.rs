//! The whole way from an archive to its answer, stage after stage. Read this first.
//!
//! ```text
//! archive -> images (decode, features, coefficients) -> transform -> reduce -> cluster -> visualize
//!            one pass, day by day                       what is      the stored days together
//!                                                       missing
//! ```
//!
//! Every stage leaves what is current alone, so a run that was stopped goes on where it was.

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use crate::archive::{Catalogue, LeftOut};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::progress::Context;
use crate::stages::{apply, cluster, design, images, reduce, seismogram, transform, visualize};
use crate::summary::RunSummary;

/// Runs every stage.
///
/// # Errors
/// The first error that is not a single image's; [`Error::Interrupted`] when asked to stop. Finished days stay.
pub fn run(ctx: &Context<'_>, backend: &mut dyn Backend) -> Result<RunSummary> {
    let mut summary = RunSummary::default();
    let catalogue = read_catalogue(ctx, &mut summary)?;
    let days: Vec<String> = catalogue.days().into_iter().map(|(day, _)| day).collect();
    compute_images(ctx, backend, &catalogue, true, &mut summary)?;
    compute_transform(ctx, backend, Some(&days), &mut summary)?;
    timed(&mut summary, "reduce", || reduce::compute(ctx, Some(&days)))?;
    ctx.check()?;
    timed(&mut summary, "cluster", || cluster::compute(ctx))?;
    ctx.check()?;
    timed(&mut summary, "visualize", || visualize::compute(ctx))?;
    summary.finish(ctx.config, Some(&catalogue), Some(backend.info()))?;
    Ok(summary)
}

/// New images through a fitted model: as [`run`], but nothing is fitted.
///
/// # Errors
/// As [`run`]; [`Error::Input`] where the images do not fit the model.
pub fn apply(ctx: &Context<'_>, backend: &mut dyn Backend, model: &Model) -> Result<RunSummary> {
    let mut summary = RunSummary::default();
    let catalogue = read_catalogue(ctx, &mut summary)?;
    model.check_images(&catalogue, images::plan(ctx.config, catalogue.size, false)?.features.windows)?;
    let days: Vec<String> = catalogue.days().into_iter().map(|(day, _)| day).collect();
    compute_images(ctx, backend, &catalogue, true, &mut summary)?;
    compute_transform(ctx, backend, Some(&days), &mut summary)?;
    timed(&mut summary, "reduce", || apply::reduce(ctx, model, Some(&days)))?;
    ctx.check()?;
    timed(&mut summary, "cluster", || apply::cluster(ctx, model))?;
    ctx.check()?;
    timed(&mut summary, "visualize", || visualize::compute(ctx))?;
    summary.figures.insert("model".into(), json!(model.identity));
    summary.finish(ctx.config, Some(&catalogue), Some(backend.info()))?;
    Ok(summary)
}

/// The stage `features` alone.
///
/// # Errors
/// As [`run`].
pub fn features(ctx: &Context<'_>, backend: &mut dyn Backend) -> Result<RunSummary> {
    let mut summary = RunSummary::default();
    let catalogue = read_catalogue(ctx, &mut summary)?;
    compute_images(ctx, backend, &catalogue, false, &mut summary)?;
    summary.finish(ctx.config, Some(&catalogue), Some(backend.info()))?;
    Ok(summary)
}

/// The stage `transform` alone.
///
/// # Errors
/// As [`run`].
pub fn transform(ctx: &Context<'_>, backend: &mut dyn Backend) -> Result<RunSummary> {
    let mut summary = RunSummary::default();
    compute_transform(ctx, backend, None, &mut summary)?;
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
) -> Result<(Vec<seismogram::StationSummary>, Vec<LeftOut>)> {
    let mut summary = RunSummary::default();
    let done = timed(&mut summary, "seismogram", || seismogram::compute(ctx, backend, request))?;
    for station in &done.0 {
        let figures = json!({ "segments": station.segments, "left_out_at_gaps": station.left_out });
        summary.figures.insert(station.name.clone(), figures);
    }
    summary.finish_with(ctx.config, done.1.clone(), Some(backend.info()))?;
    Ok(done)
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
    for left in &catalogue.left_out {
        tracing::warn!("{} is left out: {}", left.file, left.reason);
    }
    match catalogue.left_out.first() {
        Some(first) if ctx.strict => {
            Err(Error::Input(format!("--strict: {} cannot be used: {}", first.file, first.reason)))
        }
        _ => Ok(catalogue),
    }
}

fn compute_images(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    catalogue: &Catalogue,
    with_scattering: bool,
    summary: &mut RunSummary,
) -> Result<()> {
    tracing::info!(images = catalogue.images.len(), device = backend.info().device, "archive read");
    let done = timed(summary, "images", || images::compute(ctx, backend, catalogue, with_scattering))?;
    let waits = done.waits;
    summary.figures.insert("threads".into(), json!(ctx.pool.current_num_threads()));
    summary.figures.insert("images_computed".into(), json!(done.images));
    summary.figures.insert("days_computed".into(), json!(done.days));
    summary.figures.insert("days_current".into(), json!(done.days_current));
    summary.figures.insert(
        "waited_s".into(),
        json!({ "decode": waits.decode.as_secs_f64(), "compute": waits.compute.as_secs_f64(), "write": waits.write.as_secs_f64() }),
    );
    if done.days > 0 && done.days_current == 0 && done.images == 0 {
        return Err(Error::Input(format!(
            "{}: not one of {} images can be used; the log says why for each",
            ctx.config.input.path.display(),
            catalogue.images.len()
        )));
    }
    Ok(())
}

fn compute_transform(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    wanted: Option<&[String]>,
    summary: &mut RunSummary,
) -> Result<()> {
    timed(summary, "transform", || {
        write_design(ctx)?;
        transform::compute(ctx, backend, wanted)
    })?;
    Ok(())
}

/// Writes the network that the stored features are transformed with.
///
/// # Errors
/// [`Error::Config`] where segments do not fit the images; those of writing.
pub fn write_design(ctx: &Context<'_>) -> Result<crate::plan::ScatteringPlan> {
    let config = ctx.config;
    let windows = crate::stages::rows::stored_windows(config).map_or_else(|| planned_windows(ctx), Ok)?;
    let cut = images::segmentation(config, windows)?;
    let network = images::network(config, &cut)?;
    design::warn(&network);
    design::write(&config.output.path, &network)?;
    Ok(network)
}

/// Windows an image before features are stored: from the crop, else from the archive's images.
fn planned_windows(ctx: &Context<'_>) -> Result<usize> {
    let config = ctx.config;
    let columns = match config.crop {
        Some(crop) => crop.right - crop.left,
        None => Catalogue::read(&config.input, &config.output.path)?.size.0 as usize,
    };
    let f = &config.features;
    match columns.checked_sub(f.window) {
        Some(left) => Ok(left / f.step + 1),
        None => Err(Error::config("features.window", f.window, format!("at most the {columns} columns of an image"))),
    }
}

/// Removes everything that a run writes, and nothing else.
///
/// # Errors
/// [`Error::Io`].
pub fn remove_results(output: &Path) -> Result<()> {
    const FOLDERS: [&str; 8] = [
        "features",
        "wavelets",
        "scattering_coefficients",
        "pca_ica",
        "clustering_results",
        "model",
        "visualizations",
        "waterfall_npz",
    ];
    const FILES: [&str; 3] = ["anomalies.csv", "report.html", "run.json"];
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

fn timed<T>(summary: &mut RunSummary, stage: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work()?;
    summary.took(stage, start.elapsed());
    tracing::info!("{stage}: {:.2} s", start.elapsed().as_secs_f64());
    Ok(result)
}
