//! The measurements themselves.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::Array3;
use rayon::ThreadPool;
use rayon::prelude::*;

use super::operations::{self, Work};
use super::{Agreement, Device, Gpu, Input, Month, Options, Place, Report, Row, Spread, agreement};
use crate::config::{BackendChoice, Config, Feature};
use crate::decode;
use crate::error::{Error, Result};
use crate::pipeline;
use crate::plans;
use crate::progress::Context;
use scatterfall_scattering::backend::cpu::CpuBackend;
use scatterfall_scattering::backend::{self, Backend, ImageResults};
use scatterfall_scattering::blocks::{Batch, Pixels, SegmentBlock};
use scatterfall_scattering::plan::{ImagePlan, ScatteringPlan};
use scatterfall_scattering::segmentation::Segmentation;

/// Every feature, for rows of their own.
const FEATURES: [Feature; 8] = [
    Feature::Std,
    Feature::Mean,
    Feature::Max,
    Feature::Median,
    Feature::P75,
    Feature::Gabor,
    Feature::SlopeAspect,
    Feature::DominantFrequency,
];

/// Parts of a backend's time that belong to no feature.
const NOT_FEATURES: [&str; 7] = ["value", "residual", "upload", "readback", "waiting", "scattering", "double_on_host"];

/// Samples that the transform is measured on, at least: enough to fill a large device; and where a software adapter takes
/// part, which nothing fills.
const SAMPLES: usize = 1 << 20;
const SAMPLES_SOFTWARE: usize = 1 << 14;

/// Warming up goes on for so long: a graphics card at rest takes its time to raise its clock.
const WARM_UP: Duration = Duration::from_millis(300);

/// Minutes of a month of 30 days.
const MONTH: f64 = 43_200.0;

/// Measures.
///
/// # Errors
/// Those of the stages; [`Error::Disagreement`] where both backends' results differ by more than they may.
pub(crate) fn run(ctx: &Context<'_>, input: &Input, options: &Options) -> Result<Report> {
    let all = ctx.pool.current_num_threads();
    let one = Arc::new(
        rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .map_err(|e| Error::Threads { threads: 1, reason: e.to_string() })?,
    );
    let (gpu, no_gpu) = open_gpu(options.gpu, Arc::clone(&ctx.pool))?;
    let samples = if gpu.as_ref().is_some_and(|g| g.is_software()) { SAMPLES_SOFTWARE } else { SAMPLES };
    let bench = Bench::new(ctx, input, options, samples)?;
    let mut report = bench.report(all, no_gpu);
    ctx.observer.begin("bench", 0, "stages");

    let mut places: Vec<(Place, Arc<ThreadPool>, Box<dyn Backend>)> = Vec::new();
    if options.cpu {
        if all > 1 {
            places.push((Place::CpuOneThread, Arc::clone(&one), Box::new(CpuBackend::new(Arc::clone(&one)))));
        }
        let pool = Arc::clone(&ctx.pool);
        let place = if all > 1 { Place::CpuAllThreads } else { Place::CpuOneThread };
        places.push((place, Arc::clone(&pool), Box::new(CpuBackend::new(pool))));
        report.devices.push(device(places[0].2.as_ref()));
    }
    if let Some(gpu) = gpu {
        report.devices.push(device(gpu.as_ref()));
        places.push((Place::GpuWithTransfers, Arc::clone(&ctx.pool), gpu));
    }
    for (place, pool, backend) in &mut places {
        ctx.check()?;
        bench.stages(ctx, *place, pool, backend.as_mut(), &mut report)?;
    }
    if let [.., (Place::CpuOneThread | Place::CpuAllThreads, _, cpu), (Place::GpuWithTransfers, _, gpu)] =
        &mut places[..]
    {
        report.agreement = bench.compare(cpu.as_mut(), gpu.as_mut())?;
    }
    ctx.observer.end();
    finish(&mut report);
    agreement::check(&report.agreement)?;
    Ok(report)
}

/// A graphics device, or why there is none where one was looked for.
type Found = (Option<Box<dyn Backend>>, Option<String>);

/// A graphics device, if one is wanted.
fn open_gpu(wanted: Gpu, pool: Arc<ThreadPool>) -> Result<Found> {
    let choice = match wanted {
        Gpu::No => return Ok((None, None)),
        Gpu::Auto => BackendChoice::Auto,
        Gpu::Yes => BackendChoice::Gpu,
    };
    match (backend::open_gpu(choice, pool), wanted) {
        (Ok(gpu), _) => Ok((Some(gpu), None)),
        (Err(error), Gpu::Auto) => Ok((None, Some(error.to_string()))),
        (Err(error), _) => Err(error.into()),
    }
}

fn device(backend: &dyn Backend) -> Device {
    let info = backend.info();
    let mut name = info.device.clone();
    if info.kind == "cpu"
        && let Some(model) = processor()
    {
        name = model;
    }
    Device { kind: info.kind, name, detail: info.detail.clone(), software: backend.is_software() }
}

/// The processor's name, where the system tells it in the usual place.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Images, plans and data that every place works on.
struct Bench<'a> {
    input: &'a Input,
    options: &'a Options,
    config: Config,
    /// Removed with this.
    _folder: tempfile::TempDir,
    pixels: Vec<Pixels>,
    plan: ImagePlan,
    cut: Segmentation,
    network: ScatteringPlan,
    segments: SegmentBlock,
}

impl<'a> Bench<'a> {
    fn new(ctx: &Context<'_>, input: &'a Input, options: &'a Options, samples: usize) -> Result<Self> {
        let folder = tempfile::tempdir().map_err(|e| Error::io("create a folder in", std::env::temp_dir(), e))?;
        let config = Input::config(ctx.config, folder.path());
        input.write(&config.input.path)?;
        let pixels = ctx.pool.install(|| decode_all(&config, input))?;
        let mut plan = plans::images(&config, input.size, false)?;
        let cut = plans::segmentation(&config, plan.features.windows)?;
        let network = plans::network(&config, &cut)?;
        if cut.count(cut.windows) == 0 {
            let expected = format!("at most the {} windows of an image, for a benchmark", cut.windows);
            return Err(Error::config("segments", format!("{} windows", cut.bins), expected));
        }
        plan.scattering = None;
        let mut cpu = CpuBackend::new(Arc::clone(&ctx.pool));
        let images = batches(&cpu, &plan, &pixels, config.compute.memory_bytes);
        let features = through(&mut cpu, &plan, images)?;
        let segments = segments(&features, &cut, &network, samples);
        Ok(Self { input, options, config, _folder: folder, pixels, plan, cut, network, segments })
    }

    fn report(&self, threads: usize, no_gpu: Option<String>) -> Report {
        let f = &self.plan.features;
        Report {
            version: env!("CARGO_PKG_VERSION"),
            threads,
            images: self.pixels.len(),
            image_size: self.input.size,
            plot_size: (f.columns, f.rows),
            file_bytes: self.input.bytes() / self.pixels.len().max(1) as u64,
            segments: self.cut.count(self.cut.windows),
            segment: (self.network.channels, self.network.bins),
            repetitions: self.options.repetitions,
            devices: Vec::new(),
            no_gpu,
            rows: Vec::new(),
            agreement: Vec::new(),
            month: BTreeMap::new(),
        }
    }

    /// Every stage in one place.
    fn stages(
        &self,
        ctx: &Context<'_>,
        place: Place,
        pool: &Arc<ThreadPool>,
        backend: &mut dyn Backend,
        report: &mut Report,
    ) -> Result<()> {
        let images = self.pixels.len() as f64;
        let is_gpu = place == Place::GpuWithTransfers;
        let threads = pool.current_num_threads() as f64;
        let pixel_bytes = self.pixels.iter().map(|p| p.rgb.len() as f64).sum::<f64>() / images;
        let file_bytes = self.input.bytes() as f64 / images;
        let row = |stage: &str, place, seconds: Spread, work: Option<Work>, bytes: Option<f64>, segments: f64| {
            row(stage, place, seconds, images, work, bytes, segments)
        };
        if !is_gpu {
            let seconds = self.repeat(ctx, || {
                let start = Instant::now();
                pool.install(|| decode_all(&self.config, self.input))?;
                Ok([start.elapsed().as_secs_f64()])
            })?;
            report.rows.push(row("decode", place, seconds[0], None, Some(file_bytes), 0.0));
        }

        // The values alone, every feature alone, the configuration's features together.
        let memory = self.config.compute.memory_bytes;
        let sets = [("value", Vec::new())].into_iter().chain(FEATURES.map(|f| (f.name(), vec![f])));
        let sets: Vec<_> = sets.chain([("all features", self.plan.features.features.clone())]).collect();
        for (k, (stage, features)) in sets.iter().enumerate() {
            let mut plan = self.plan.clone();
            plan.features.features.clone_from(features);
            let [wall, parts] = self.repeat(ctx, || {
                // A decoder hands its pixels over; making the copies that stand for them is not the backend's work.
                let batches = batches(backend, &plan, &self.pixels, memory);
                let before = backend.seconds();
                let start = Instant::now();
                through(backend, &plan, batches)?;
                let wall = start.elapsed().as_secs_f64();
                let spent = since(&before, &backend.seconds());
                let is_value = |name: &str| ["value", "residual"].contains(&name);
                let parts = spent.iter().filter(|(name, _)| match k {
                    0 => is_value(name),
                    _ if k == sets.len() - 1 => is_value(name) || !NOT_FEATURES.contains(name),
                    _ => !NOT_FEATURES.contains(name),
                });
                Ok([wall, parts.map(|(_, s)| s).sum()])
            })?;
            let f = &self.plan.features;
            let work = match features[..] {
                [] => Some(operations::value(f)),
                [feature] if k < sets.len() - 1 => Some(operations::feature(f, feature)),
                _ => None,
            };
            if is_gpu {
                if parts.median > 0.0 {
                    report.rows.push(row(stage, Place::GpuKernels, parts, work, None, 0.0));
                }
                report.rows.push(row(stage, place, wall, work, Some(pixel_bytes), 0.0));
            } else if k == sets.len() - 1 {
                report.rows.push(row(stage, place, wall, work, Some(pixel_bytes), 0.0));
            } else {
                report.rows.push(row(stage, place, parts.over(threads), work, Some(pixel_bytes), 0.0));
            }
        }

        // The transform of stored features alone.
        let count = self.segments.dim().0 as f64;
        let per_image = self.cut.count(self.cut.windows) as f64;
        let [wall, kernels] = self.repeat(ctx, || {
            let before = backend.seconds();
            let start = Instant::now();
            backend.scatter(&self.network, &self.segments)?;
            let wall = start.elapsed().as_secs_f64();
            let spent = since(&before, &backend.seconds());
            let kernels: f64 = spent.iter().filter(|(name, _)| !NOT_FEATURES.contains(name)).map(|(_, s)| s).sum();
            Ok([wall, kernels].map(|s| s * per_image * images / count))
        })?;
        let one = operations::scattering(&self.network);
        let work = Some(Work { flops: one.flops.map(|f| f * per_image), bytes: one.bytes * per_image });
        let bytes = 4.0 * per_image * (self.network.channels * self.network.bins) as f64;
        if is_gpu && kernels.median > 0.0 {
            report.rows.push(row("transform", Place::GpuKernels, kernels, work, None, per_image));
        }
        report.rows.push(row("transform", place, wall, work, Some(bytes), per_image));

        // A run from files to clusters.
        let config = self.config.clone();
        let [reduce, cluster, whole, to_coefficients] = self.repeat(ctx, || {
            let context = Context::on(&config, Arc::clone(pool)).stop(ctx.stop);
            // What a run warns of was said, or is a benchmark's own.
            let quiet = tracing::subscriber::NoSubscriber::default();
            let run = || pipeline::run_to_clusters(&context, backend);
            let stages = tracing::subscriber::with_default(quiet, run)?;
            std::fs::remove_dir_all(&config.output.path).map_err(|e| Error::io("remove", &config.output.path, e))?;
            let seconds = |names: &[&str]| names.iter().filter_map(|name| stages.get(*name)).sum::<f64>();
            let to_coefficients = seconds(&["catalogue", "images", "transform"]);
            let (reduce, cluster) = (seconds(&["reduce"]), seconds(&["cluster"]));
            Ok([reduce, cluster, to_coefficients + reduce + cluster, to_coefficients])
        })?;
        if !is_gpu {
            report.rows.push(row("reduce", place, reduce, None, None, per_image));
            report.rows.push(row("cluster", place, cluster, None, None, per_image));
        }
        report.rows.push(row("end to end", place, whole, None, Some(file_bytes), per_image));
        let [to_coefficients_s, to_clusters_s] =
            [to_coefficients.median, reduce.median + cluster.median].map(|s| s * MONTH / images);
        report.month.insert(place, Month { to_coefficients_s, to_clusters_s });
        Ok(())
    }

    /// Medians of what `work` returns, after one round or more for warming up.
    fn repeat<const N: usize>(
        &self,
        ctx: &Context<'_>,
        mut work: impl FnMut() -> Result<[f64; N]>,
    ) -> Result<[Spread; N]> {
        let mut values: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
        let begun = Instant::now();
        loop {
            ctx.check()?;
            work()?;
            if begun.elapsed() >= WARM_UP {
                break;
            }
        }
        for _ in 0..self.options.repetitions {
            ctx.check()?;
            values.iter_mut().zip(work()?).for_each(|(list, value)| list.push(value));
        }
        ctx.observer.advance(1, 0);
        Ok(values.map(Spread::of))
    }

    /// Both backends' results of the same images, and of the same features.
    fn compare(&self, cpu: &mut dyn Backend, gpu: &mut dyn Backend) -> Result<Vec<Agreement>> {
        let mut plan = self.plan.clone();
        plan.features.features = FEATURES.to_vec();
        let some = &self.pixels[..self.pixels.len().min(8)];
        // One batch each, so that results stand side by side.
        let (want, got) =
            (through(cpu, &plan, vec![some.to_vec().into()])?, through(gpu, &plan, vec![some.to_vec().into()])?);
        let batches = got.iter().zip(&want);
        let mut out: Vec<Agreement> =
            batches.flat_map(|(got, want)| agreement::features(&plan.features, got, want)).collect();
        let few = self.segments.dim().0.min(256);
        let segments = self.segments.split_at(few).0;
        let (want, got) = (cpu.scatter(&self.network, &segments)?, gpu.scatter(&self.network, &segments)?);
        out.extend(agreement::coefficients(&self.network, &segments, &got, &want));
        Ok(out)
    }
}

fn decode_all(config: &Config, input: &Input) -> Result<Vec<Pixels>> {
    let decode = |(name, content): &(String, Vec<u8>)| {
        let pixels = decode::from_bytes(content, config.crop.as_ref(), config.input.max_pixels);
        pixels.map(|p| decode::turned(p, config.time_axis)).map_err(|reason| Error::image(name, reason))
    };
    input.files.par_iter().map(decode).collect()
}

/// The images in batches as a run has them.
fn batches(backend: &dyn Backend, plan: &ImagePlan, pixels: &[Pixels], memory: usize) -> Vec<Batch> {
    let batch = backend.batch_images(plan, memory / 2).min(pixels.len().div_ceil(backend.depth().max(1))).max(1);
    pixels.chunks(batch).map(|some| some.to_vec().into()).collect()
}

/// All batches through a backend, as many in flight as it takes.
fn through(backend: &mut dyn Backend, plan: &ImagePlan, batches: Vec<Batch>) -> Result<Vec<ImageResults>> {
    let (mut flying, mut results) = (VecDeque::new(), Vec::new());
    for batch in batches {
        if flying.len() >= backend.depth().max(1)
            && let Some(oldest) = flying.pop_front()
        {
            results.push(backend.collect(oldest)?);
        }
        flying.push_back(backend.submit(plan, batch)?);
    }
    while let Some(oldest) = flying.pop_front() {
        results.push(backend.collect(oldest)?);
    }
    Ok(results)
}

/// The segments of some images' features, repeated until there are `least` samples.
fn segments(features: &[ImageResults], cut: &Segmentation, network: &ScatteringPlan, least: usize) -> SegmentBlock {
    let (bins, channels) = (network.bins, network.channels);
    let per_image = cut.count(cut.windows);
    let images: Vec<_> = features.iter().flat_map(|block| block.features.values.outer_iter()).collect();
    let n = (images.len() * per_image).max(least.div_ceil(bins * channels));
    let segments = Array3::from_shape_fn((n, channels, bins), |(segment, channel, sample)| {
        let image = &images[segment / per_image % images.len()];
        image[[segment % per_image * cut.hop + sample, channel]]
    });
    segments.into()
}

/// What was added to each part since `before`.
fn since(before: &BTreeMap<&'static str, f64>, now: &BTreeMap<&'static str, f64>) -> Vec<(&'static str, f64)> {
    now.iter().map(|(name, s)| (*name, s - before.get(name).copied().unwrap_or(0.0))).collect()
}

impl Spread {
    fn over(self, n: f64) -> Self {
        Self { median: self.median / n, min: self.min / n, max: self.max / n }
    }
}

/// A row of the table from seconds for `images` images; `bytes` and `segments` are those of one.
fn row(
    stage: &str,
    place: Place,
    seconds: Spread,
    images: f64,
    work: Option<Work>,
    bytes: Option<f64>,
    segments: f64,
) -> Row {
    let each = seconds.over(images);
    let rate = 1.0 / each.median;
    Row {
        stage: stage.into(),
        place,
        ms_per_image: each.over(1e-3),
        images_per_s: rate,
        mb_per_s: bytes.map(|b| b * rate / 1e6),
        segments_per_s: (segments > 0.0).then_some(segments * rate),
        gflop_per_s: work.and_then(|w| w.flops).map(|f| f * rate / 1e9),
        gb_per_s: work.map(|w| w.bytes * rate / 1e9),
        times_cpu: None,
    }
}

/// Stages together, places in order, and how they compare.
fn finish(report: &mut Report) {
    let order: Vec<String> = report.rows.iter().fold(Vec::new(), |mut names, row| {
        if !names.contains(&row.stage) {
            names.push(row.stage.clone());
        }
        names
    });
    let at = |row: &Row| order.iter().position(|name| *name == row.stage);
    report.rows.sort_by_key(|row| (at(row), row.place));
    let cpu: Vec<(String, f64)> = report
        .rows
        .iter()
        .filter(|row| matches!(row.place, Place::CpuOneThread | Place::CpuAllThreads))
        .map(|row| (row.stage.clone(), row.ms_per_image.median))
        .collect();
    for row in &mut report.rows {
        // The last of a stage is that of all threads.
        let all = cpu.iter().rev().find(|(stage, _)| *stage == row.stage);
        row.times_cpu = all.map(|(_, ms)| ms / row.ms_per_image.median);
    }
}
