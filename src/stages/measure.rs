//! The stage `detect`, first part: from images to what the detector measures of each, day by day.
//!
//! An image is measured against the ten minutes before and after it, so a day also reads the last images of the day before and
//! the first of the day after; the same bytes come out whatever was computed together.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use scatterfall_detector::{DetectorPlan, Image, Measurement, Measurer, Reference, is_gap};
use serde_json::Value;

use super::features_config;
use super::strict::{refuse, residual_of, too_far, used_columns};
use crate::archive::{Catalogue, ImageRef, LeftOut};
use crate::config::Config;
use crate::decode;
use crate::detect::plan::{error, measured_with};
use crate::error::{Error, Result};
use crate::formats::measurements::MeasurementWriter;
use crate::plans;
use crate::progress::Context;
use crate::store::day::{Record, Source, Stage, State, StoredBackend, state};
use crate::store::npz::NpzStream;
use scatterfall_scattering::backend::cpu::Indexer;
use scatterfall_scattering::plan::FeaturePlan;

/// Bytes of pixels that are decoded at a time.
const BATCH_BYTES: usize = 48 << 20;

/// What the stage did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeasureSummary {
    /// Images measured.
    pub images: usize,
    /// Days computed.
    pub days: usize,
    /// Days that were current.
    pub days_current: usize,
}

/// One day's work.
struct Job<'a> {
    day: String,
    /// The day's images and those around it that its measurements need.
    around: &'a [ImageRef],
    /// The day's own, within `around`.
    own: Range<usize>,
    source: Source,
}

/// Measures every day of the catalogue that is not current.
///
/// # Errors
/// The first that is not an image's own; [`Error::Interrupted`] when asked to stop. Finished days stay.
pub fn compute(ctx: &Context<'_>, catalogue: &Catalogue, plan: &Arc<DetectorPlan>) -> Result<MeasureSummary> {
    let features = plans::images(ctx.config, catalogue.size, false)?.features;
    let settings = settings(ctx.config, plan);
    let mut summary = MeasureSummary::default();
    let mut jobs = Vec::new();
    for (day, range) in catalogue.days() {
        let around = with_neighbours(&catalogue.images, &range, plan);
        let own = range.start - around.start..range.end - around.start;
        let around = &catalogue.images[around];
        let source = Source::of_images(settings.clone(), around);
        match state(&Stage::Measurements.file(&ctx.config.output.path, &day), &source) {
            State::Missing => jobs.push(Job { day, around, own, source }),
            State::Current(_) | State::Foreign => summary.days_current += 1,
        }
    }
    summary.days = jobs.len();
    let total: usize = jobs.iter().map(|j| j.around.len()).sum();
    ctx.observer.begin("detect", total as u64, "images");
    for job in &jobs {
        summary.images += measure_day(ctx, job, plan, &features, catalogue.size)?;
    }
    ctx.observer.end();
    Ok(summary)
}

/// What a day's measurements depend on beside its images.
pub(crate) fn settings(config: &Config, plan: &DetectorPlan) -> Value {
    let mut settings = features_config(config);
    if let Some(all) = settings.as_object_mut() {
        all.remove("features");
        all.insert("detect".into(), measured_with(plan));
    }
    settings
}

/// The images of a day with those before and after it that its measurements need: so many, and none beyond a gap.
pub(crate) fn with_neighbours(images: &[ImageRef], day: &Range<usize>, plan: &DetectorPlan) -> Range<usize> {
    let (mut start, mut end) = (day.start, day.end);
    let duration = plan.geometry.duration_s;
    let follows = |k: usize| !is_gap(images[k - 1].time, images[k].time, duration);
    while start > 0 && day.start - start < plan.lead_images() && follows(start) {
        start -= 1;
    }
    while end < images.len() && end - day.end < plan.lead_images() && follows(end) {
        end += 1;
    }
    start..end
}

/// What became of an image.
enum Decoded {
    Plane(Image),
    Failed { left_out: LeftOut, again: bool },
}

fn measure_day(
    ctx: &Context<'_>,
    job: &Job<'_>,
    plan: &Arc<DetectorPlan>,
    features: &FeaturePlan,
    size: (u32, u32),
) -> Result<usize> {
    let output = &ctx.config.output.path;
    let file = Stage::Measurements.file(output, &job.day);
    let (low, high) = (ctx.config.value.db_min, ctx.config.value.db_max);
    let mut writer = MeasurementWriter::new(NpzStream::new(file.clone()), plan, (low, high))?;
    let mut measurer = Measurer::new(Arc::clone(plan), Reference::Local).map_err(error)?;
    let (mut names, mut left_out, mut incomplete) = (Vec::new(), Vec::new(), false);
    let own = &job.around[job.own.clone()];
    let (first, last) = (own[0].time, own[own.len() - 1].time);
    let mut keep = |done: Vec<Measurement>| -> Result<()> {
        done.iter().filter(|m| (first..=last).contains(&m.time_us)).try_for_each(|m| writer.append(m))
    };
    let batch = (BATCH_BYTES / (3 * features.rows * features.columns).max(1)).clamp(1, 256);
    for (k, chunk) in job.around.chunks(batch).enumerate() {
        ctx.check()?;
        let decoded = ctx.pool.install(|| decode_chunk(ctx, chunk, features))?;
        let mut planes = Vec::with_capacity(chunk.len());
        for (at, (image, decoded)) in (k * batch..).zip(chunk.iter().zip(decoded)) {
            match decoded {
                Decoded::Plane(plane) => {
                    if job.own.contains(&at) {
                        names.push(image.name.clone());
                    }
                    planes.push(plane);
                }
                // The neighbours' are told with their own days.
                Decoded::Failed { left_out: why, again } => {
                    incomplete |= again;
                    if job.own.contains(&at) {
                        left_out.push(why);
                    }
                }
            }
        }
        keep(ctx.pool.install(|| measurer.push(planes)).map_err(error)?)?;
    }
    keep(ctx.pool.install(|| measurer.finish()))?;
    if ctx.strict {
        refuse(&left_out)?;
    }
    let count = names.len();
    let backend = StoredBackend { kind: "cpu".into(), ..StoredBackend::default() };
    let (source, image_size) = (job.source.clone(), Some(size));
    let record = |bytes| Record {
        fingerprint: source.fingerprint(),
        source,
        backend,
        bytes,
        images: names,
        image_size,
        left_out,
        incomplete,
    };
    writer.stream.finish(|bytes| record(bytes).write(&file))?;
    tracing::info!(stage = "detect", day = job.day, images = count, "day measured");
    Ok(count)
}

fn decode_chunk(ctx: &Context<'_>, chunk: &[ImageRef], features: &FeaturePlan) -> Result<Vec<Decoded>> {
    let used = used_columns(ctx.config, features.columns);
    let one = |indexer: &mut Indexer, image: &ImageRef| {
        ctx.check()?;
        let decoded = plane(ctx.config, &image.path, features, &used, indexer);
        ctx.observer.advance(1, image.bytes);
        let failed = |reason: String, again| {
            Ok(Decoded::Failed { left_out: LeftOut { file: image.name.clone(), reason }, again })
        };
        match decoded {
            Ok(plane) => Ok(Decoded::Plane(Image { time_us: image.time, plane })),
            Err(Error::Image { reason, .. }) => failed(reason, false),
            Err(Error::Io { path, source, .. }) if path == image.path => {
                failed(format!("cannot be read: {source}"), true)
            }
            Err(other) => Err(other),
        }
    };
    chunk.par_iter().map_init(|| Indexer::new(&features.colormap), one).collect()
}

/// Colour indices of the image in `path`, whose columns `used` are held against the colour map.
///
/// # Errors
/// [`Error::Io`] where it cannot be read (try again later), [`Error::Image`] where it cannot be used.
pub(crate) fn plane(
    config: &Config,
    path: &Path,
    features: &FeaturePlan,
    used: &[Range<usize>],
    indexer: &mut Indexer,
) -> Result<Vec<u8>> {
    let pixels = decode::waterfall(path, config)?;
    let (plane, mut residual) = indexer.index(&pixels);
    if used != std::slice::from_ref(&(0..features.columns)) {
        residual = residual_of(features, &pixels, used);
    }
    match too_far(f64::from(residual), config.value.max_residual) {
        Some(reason) => Err(Error::image(path, reason)),
        None => Ok(plane),
    }
}
