//! From images to features and, where segments lie within an image, to coefficients in the same pass.
//!
//! Three threads joined by short queues: one has the pool decode the next batch, one hands batches to the backend, one
//! writes. Memory is a few batches, however long the archive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::strict::{look_at, refuse, residual_of, too_far, used_columns};
use super::trace::{BatchTrace, PassClock, Waits, keep};
use super::{clip, features_config, scattering_config};
use crate::archive::{Catalogue, ImageRef, LeftOut};
use crate::config::Config;
use crate::decode;
use crate::error::{ArchiveError, Error, Result, StoredError};
use crate::plans;
use crate::progress::Context;
use crate::store::day::{Record, Source, Stage, State, StoredBackend, state};
use crate::store::npz::NpzStream;
use scatterfall_colormap::Pixels;
use scatterfall_npz::Time;
use scatterfall_scattering::backend::{Backend, ImageResults, Ticket};
use scatterfall_scattering::plan::{FeaturePlan, ImagePlan, ScatteringPlan};

/// What one pass over the images did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImagesSummary {
    /// Images that were decoded and used.
    pub images: usize,
    /// Days computed.
    pub days: usize,
    /// Days that were current.
    pub days_current: usize,
    /// Time that each part waited for another.
    pub waits: Waits,
    /// Time that threads spent on reading and decoding, summed up.
    pub decoding: Duration,
    /// The first batches' times.
    pub trace: Vec<BatchTrace>,
}

/// One day's work.
struct Job<'a> {
    day: String,
    images: &'a [ImageRef],
    size: (u32, u32),
    features: Source,
    scattering: Option<Source>,
}

/// Computes every day of the catalogue that is not current.
///
/// # Errors
/// The first that is not an image's own; [`Error::Interrupted`] when asked to stop. Finished days stay.
pub fn compute(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    catalogue: &Catalogue,
    with_scattering: bool,
) -> Result<ImagesSummary> {
    let plan = plans::images(ctx.config, catalogue.size, with_scattering)?;
    let (jobs, current) = jobs(ctx, catalogue, plan.scattering.is_some())?;
    let mut summary = ImagesSummary { days: jobs.len(), days_current: current, ..ImagesSummary::default() };
    if jobs.is_empty() {
        return Ok(summary);
    }
    if ctx.strict {
        let images: Vec<&ImageRef> = jobs.iter().flat_map(|j| j.images).collect();
        look_at(ctx, &images, &plan.features)?;
    }
    std::fs::create_dir_all(&ctx.config.output.path)
        .map_err(|e| Error::io("create the folder", &ctx.config.output.path, e))?;
    let batch = match ctx.config.compute.batch_images {
        // Half of the memory goes to the batches; decoders, queues and the days being written share the other half.
        0 => backend.batch_images(&plan, ctx.config.compute.memory_bytes / 2),
        n => n,
    };
    let info = StoredBackend::from(backend.info());
    let total: usize = jobs.iter().map(|j| j.images.len()).sum();
    ctx.observer.begin("images", total as u64, "images");
    let (to_compute, decoded) = sync_channel(1);
    let (to_write, computed) = sync_channel(1);
    let (jobs, plan) = (&jobs, &plan);
    let clock = PassClock::start();
    let result: Result<_> = thread::scope(|scope| {
        let decoder = scope.spawn(move || decode_all(ctx, jobs, &plan.features, batch, clock, &to_compute));
        let writer = scope.spawn(move || write_all(ctx, jobs, plan, &info, clock, &computed));
        let computing = compute_all(ctx, backend, plan, clock, &decoded, to_write);
        // Without a receiver the decoder's next send fails, and it ends.
        drop(decoded);
        let (decoding, writing) = (joined(decoder.join()), joined(writer.join()));
        let (waits, written) = (computing, writing);
        // The writer's error is the cause where the others only found a queue closed.
        let (images, write, trace) = written?;
        let compute = waits?;
        let (decode, decoding) = decoding?;
        Ok((images, Waits { decode, compute, write }, decoding, trace))
    });
    ctx.observer.end();
    (summary.images, summary.waits, summary.decoding, summary.trace) = result?;
    Ok(summary)
}

/// A thread that panicked is a fault of the program; it ends the run as an error like any other.
fn joined<T>(result: thread::Result<Result<T>>) -> Result<T> {
    result.unwrap_or_else(|_| Err(Error::Worker))
}

fn jobs<'a>(ctx: &Context<'_>, catalogue: &'a Catalogue, with_scattering: bool) -> Result<(Vec<Job<'a>>, usize)> {
    let config = ctx.config;
    let output = &config.output.path;
    let mut current = 0;
    let mut jobs = Vec::new();
    for (day, range) in catalogue.days() {
        let images = &catalogue.images[range];
        let features = Source::of_images(features_config(config), images);
        let scattering =
            with_scattering.then(|| Source::of_stage(scattering_config(config, 0), features.fingerprint()));
        // Where only the coefficients are out of date the stored features serve; that is the transform stage's work.
        match state(&Stage::Features.file(output, &day), &features) {
            State::Missing => jobs.push(Job { day, images, size: catalogue.size, features, scattering }),
            State::Current(record) => {
                if ctx.strict {
                    refuse(&record.left_out)?;
                }
                current += 1;
            }
            State::Foreign => current += 1,
        }
    }
    Ok((jobs, current))
}

/// A batch on its way to the backend.
struct Decoded<'a> {
    job: usize,
    images: Vec<&'a ImageRef>,
    pixels: Vec<Pixels>,
    /// Residual of each image's part in use; empty where that is the whole image, as the backend measures it.
    residuals: Vec<f32>,
    failed: Vec<Failed>,
    /// The last of its day.
    last: bool,
    trace: BatchTrace,
}

impl Decoded<'_> {
    fn new(job: usize, last: bool, trace: BatchTrace) -> Self {
        let (images, pixels, residuals, failed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { job, images, pixels, residuals, failed, last, trace }
    }
}

/// An image that could not be decoded.
struct Failed {
    left_out: LeftOut,
    /// It may work next time.
    again: bool,
}

fn decode_all<'a>(
    ctx: &Context<'_>,
    jobs: &'a [Job<'a>],
    plan: &FeaturePlan,
    batch: usize,
    clock: PassClock,
    to_compute: &SyncSender<Decoded<'a>>,
) -> Result<(Duration, Duration)> {
    let input = &ctx.config.input;
    let used = used_columns(ctx.config, plan.columns);
    let whole = used == std::slice::from_ref(&(0..plan.columns));
    let mut waited = Duration::ZERO;
    let nanoseconds = AtomicU64::new(0);
    let spent = || Duration::from_nanos(nanoseconds.load(Ordering::Relaxed));
    for (job, j) in jobs.iter().enumerate() {
        let batches = j.images.len().div_ceil(batch);
        for (k, images) in j.images.chunks(batch).enumerate() {
            ctx.check()?;
            let mut trace = BatchTrace { images: images.len(), ..BatchTrace::default() };
            let decode_batch = || {
                let decode = |image: &ImageRef| {
                    ctx.check()?;
                    let begun = Instant::now();
                    let pixels = decode::waterfall(&image.path, ctx.config);
                    let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
                    nanoseconds.fetch_add(took, Ordering::Relaxed);
                    let pixels = pixels?;
                    if ctx.config.output.waterfall_npz {
                        clip::write_waterfall(&ctx.config.output.path, image, &pixels)?;
                    }
                    let residual = (!whole).then(|| residual_of(plan, &pixels, &used));
                    Ok((pixels, residual))
                };
                let counted = |image: &ImageRef| {
                    let result = decode(image);
                    ctx.observer.advance(1, image.bytes);
                    result
                };
                images.par_iter().map(counted).collect()
            };
            let results: Vec<Result<(Pixels, Option<f32>)>> =
                clock.time(&mut trace.decode, || ctx.pool.install(decode_batch));
            let last = k + 1 == batches;
            let mut decoded = Decoded::new(job, last, trace);
            for (image, result) in images.iter().zip(results) {
                let (reason, again) = match result {
                    Ok((pixels, residual)) => {
                        decoded.images.push(image);
                        decoded.pixels.push(pixels);
                        decoded.residuals.extend(residual);
                        continue;
                    }
                    Err(Error::Image { reason, .. }) => (reason, false),
                    Err(Error::Io { path, source, .. }) if path == image.path => {
                        (format!("cannot be read: {source}"), true)
                    }
                    Err(other) => return Err(other),
                };
                tracing::warn!("{} is left out: {reason}", image.name);
                if again && !input.path.exists() {
                    // Not one file, but the disk: going on would leave out every image that is left.
                    return Err(ArchiveError::Gone { path: input.path.clone() }.into());
                }
                decoded.failed.push(Failed { left_out: LeftOut { file: image.name.clone(), reason }, again });
            }
            let start = Instant::now();
            if to_compute.send(decoded).is_err() {
                return Ok((waited, spent()));
            }
            waited += start.elapsed();
        }
    }
    Ok((waited, spent()))
}

/// A batch on its way to the disk.
struct Computed<'a> {
    job: usize,
    images: Vec<&'a ImageRef>,
    residuals: Vec<f32>,
    results: Option<ImageResults>,
    failed: Vec<Failed>,
    last: bool,
    trace: BatchTrace,
}

fn compute_all<'a>(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    plan: &ImagePlan,
    clock: PassClock,
    decoded: &Receiver<Decoded<'a>>,
    to_write: SyncSender<Computed<'a>>,
) -> Result<Duration> {
    let mut waited = Duration::ZERO;
    let mut flying: std::collections::VecDeque<(Option<Ticket>, Computed<'a>)> = std::collections::VecDeque::new();
    let land = |backend: &mut dyn Backend, (ticket, mut batch): (Option<Ticket>, Computed<'a>)| -> Result<bool> {
        let collect = || ticket.map(|t| backend.collect(t)).transpose();
        batch.results = clock.time(&mut batch.trace.collect, collect)?;
        Ok(to_write.send(batch).is_ok())
    };
    loop {
        let start = Instant::now();
        let Ok(batch) = decoded.recv() else { break };
        waited += start.elapsed();
        ctx.check()?;
        let Decoded { job, images, pixels, residuals, failed, last, mut trace } = batch;
        let submit = || (!pixels.is_empty()).then(|| backend.submit(plan, pixels)).transpose();
        let ticket = clock.time(&mut trace.submit, submit)?;
        flying.push_back((ticket, Computed { job, images, residuals, results: None, failed, last, trace }));
        while flying.len() >= backend.depth().max(1) {
            if let Some(oldest) = flying.pop_front()
                && !land(backend, oldest)?
            {
                return Ok(waited);
            }
        }
    }
    while let Some(oldest) = flying.pop_front() {
        if !land(backend, oldest)? {
            break;
        }
    }
    Ok(waited)
}

fn write_all(
    ctx: &Context<'_>,
    jobs: &[Job<'_>],
    plan: &ImagePlan,
    backend: &StoredBackend,
    clock: PassClock,
    computed: &Receiver<Computed<'_>>,
) -> Result<(usize, Duration, Vec<BatchTrace>)> {
    let (mut images, mut waited) = (0, Duration::ZERO);
    let mut trace = Vec::new();
    let mut writer: Option<DayWriter> = None;
    loop {
        let start = Instant::now();
        let Ok(mut batch) = computed.recv() else { break };
        waited += start.elapsed();
        let (job, last) = (batch.job, batch.last);
        let mut times = std::mem::take(&mut batch.trace);
        let mut day = match writer.take() {
            Some(day) => day,
            None => DayWriter::new(ctx, &jobs[job], plan)?,
        };
        clock.time(&mut times.write, || day.append(batch, plan))?;
        keep(&mut trace, times);
        if last {
            images += day.names.len();
            day.finish(ctx, &jobs[job], backend)?;
        } else {
            writer = Some(day);
        }
    }
    Ok((images, waited, trace))
}

/// The files of a day, growing.
struct DayWriter {
    features: NpzStream,
    values: usize,
    times: usize,
    residual: usize,
    scattering: Option<ScatteringWriter>,
    names: Vec<String>,
    left_out: Vec<LeftOut>,
    incomplete: bool,
    max_residual: f64,
    /// Images whose colours are doubtful.
    doubtful: usize,
    begun: Instant,
}

impl DayWriter {
    fn new(ctx: &Context<'_>, job: &Job<'_>, plan: &ImagePlan) -> Result<Self> {
        let output = &ctx.config.output.path;
        // Not to be made anew: the days before would be missing from it.
        if !output.is_dir() {
            return Err(StoredError::FolderGone { path: output.to_path_buf() }.into());
        }
        let f = &plan.features;
        let mut features = NpzStream::new(Stage::Features.file(output, &job.day));
        let values = features.declare::<f32>("features", &[f.windows, f.features.len()])?;
        let times = features.declare::<Time>("times", &[])?;
        let distance = features.declare::<f64>("distance", &[])?;
        let residual = features.declare::<f32>("residual", &[])?;
        features.append(distance, window_distances(ctx.config, f.windows))?;
        let scattering = match &plan.scattering {
            Some((_, network)) => {
                Some(ScatteringWriter::new(NpzStream::new(Stage::Scattering.file(output, &job.day)), network)?)
            }
            None => None,
        };
        Ok(Self {
            features,
            values,
            times,
            residual,
            scattering,
            names: Vec::new(),
            left_out: Vec::new(),
            incomplete: false,
            max_residual: ctx.config.value.max_residual,
            doubtful: 0,
            begun: Instant::now(),
        })
    }

    fn append(&mut self, batch: Computed<'_>, plan: &ImagePlan) -> Result<()> {
        for failed in batch.failed {
            self.incomplete |= failed.again;
            self.left_out.push(failed.left_out);
        }
        let Some(mut results) = batch.results else { return Ok(()) };
        for (own, &measured) in results.features.residual.iter_mut().zip(&batch.residuals) {
            *own = measured;
        }
        for (k, image) in batch.images.iter().enumerate() {
            let residual = f64::from(results.features.residual[k]);
            if let Some(reason) = too_far(residual, self.max_residual) {
                tracing::warn!("{} is left out: {reason}", image.name);
                self.left_out.push(LeftOut { file: image.name.clone(), reason });
                continue;
            }
            self.doubtful += usize::from(residual > self.max_residual / 4.0);
            let values = results.features.values.index_axis(ndarray::Axis(0), k);
            self.features.append(self.values, values.iter().copied())?;
            self.features.append(self.times, [Time(image.time)])?;
            self.features.append(self.residual, [results.features.residual[k]])?;
            if let (Some(writer), Some(coefficients), Some((cut, _))) =
                (&mut self.scattering, &results.coefficients, &plan.scattering)
            {
                let number = self.names.len();
                let per_image = cut.count(cut.windows);
                for (i, row) in cut.rows(&(number..number + 1), 0).into_iter().enumerate() {
                    let coefficients = coefficients.orders.iter().map(|o| o.row(k * per_image + i));
                    writer.append(
                        coefficients.map(|r| r.to_slice().unwrap_or(&[])),
                        row.distance_km,
                        image.time,
                        number,
                    )?;
                }
            }
            self.names.push(image.name.clone());
        }
        Ok(())
    }

    fn finish(self, ctx: &Context<'_>, job: &Job<'_>, backend: &StoredBackend) -> Result<()> {
        if ctx.strict {
            refuse(&self.left_out)?;
        }
        if self.doubtful > 0 {
            tracing::warn!(
                "{} images of {} have colours far from the colour map (see `residual` in the features); \
                 check [crop] and value.colormap with `scatterfall clip --preview`",
                self.doubtful,
                job.day
            );
        }
        let output = &ctx.config.output.path;
        let record = |source: &Source, bytes, left_out: &[LeftOut]| Record {
            fingerprint: source.fingerprint(),
            source: source.clone(),
            backend: backend.clone(),
            bytes,
            images: self.names.clone(),
            image_size: Some(job.size),
            left_out: left_out.to_vec(),
            incomplete: self.incomplete,
        };
        let file = Stage::Features.file(output, &job.day);
        self.features.finish(|bytes| record(&job.features, bytes, &self.left_out).write(&file))?;
        if let (Some(writer), Some(source)) = (self.scattering, &job.scattering) {
            let file = Stage::Scattering.file(output, &job.day);
            writer.stream.finish(|bytes| record(source, bytes, &[]).write(&file))?;
        }
        let (images, left_out) = (self.names.len(), self.left_out.len());
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_s = (images as f64 / self.begun.elapsed().as_secs_f64().max(1e-9) * 10.0).round() / 10.0;
        tracing::info!(stage = "images", day = job.day, images, left_out, per_s, "day written");
        Ok(())
    }
}

/// Distance of each window's first column in km.
#[expect(clippy::cast_precision_loss, reason = "window numbers are far below 2^53")]
fn window_distances(config: &Config, windows: usize) -> impl Iterator<Item = f64> {
    let per_km = windows as f64 / config.input.total_distance_km;
    let offset = config.input.distance_offset_km;
    (0..windows).map(move |j| j as f64 / per_km + offset)
}

/// The coefficients of a day, growing.
pub(super) struct ScatteringWriter {
    pub(super) stream: NpzStream,
    orders: Vec<usize>,
    distance: usize,
    times: usize,
    image: usize,
}

impl ScatteringWriter {
    pub(super) fn new(mut stream: NpzStream, network: &ScatteringPlan) -> Result<Self> {
        let first = network.first_order();
        let orders = (first..first + network.widths().len())
            .map(|k| stream.declare::<f32>(format!("order_{k}"), &network.row_shape(k)))
            .collect::<Result<_>>()?;
        let distance = stream.declare::<f64>("distance", &[])?;
        let times = stream.declare::<Time>("times", &[])?;
        let image = stream.declare::<i64>("image", &[])?;
        Ok(Self { stream, orders, distance, times, image })
    }

    /// Appends one row: its coefficients an order, its place, its time, its image's number in the day.
    pub(super) fn append<'r>(
        &mut self,
        orders: impl Iterator<Item = &'r [f32]>,
        distance_km: f64,
        time: i64,
        image: usize,
    ) -> Result<()> {
        for (&handle, row) in self.orders.iter().zip(orders) {
            self.stream.append(handle, row.iter().copied())?;
        }
        self.stream.append(self.distance, [distance_km])?;
        self.stream.append(self.times, [Time(time)])?;
        self.stream.append(self.image, [i64::try_from(image).unwrap_or(i64::MAX)])
    }
}
