//! The GPU backend: WGSL compute shaders through wgpu (Vulkan, Metal, DirectX 12), whole batches at a time.
//!
//! A batch goes up as the bytes that the decoder gave, one kernel after another works on it in device memory, and features
//! and coefficients come back in one go. Several batches are in flight: while one computes, the next is written to its
//! staging memory and the last one is read. `images` and `scatter` hold the two stages' kernels, `recorder` what goes to the
//! queue, `kernels` how shaders become pipelines.

mod buffers;
#[cfg(test)]
mod composed;
mod detect;
mod device;
mod fft;
mod global_memory;
mod host;
mod images;
mod kernels;
mod layer;
mod params;
mod precision_check;
mod recorder;
mod scatter;
mod signals;
mod timing;
mod unroll;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array2, Array3};
use rayon::ThreadPool;
use scatterfall_detector::device::Kernels;
use serde::Serialize;

use self::buffers::{Pool, Staging};
pub use self::detect::GpuDetector;
use self::device::Gpu;
pub use self::device::{AdapterRow, Caps, DeviceLimits, adapters, choose};
use self::host::HostScatter;
use self::images::ImageStage;
use self::layer::Series;
pub use self::recorder::Traffic;
use self::recorder::{Arena, Recorder};
use self::scatter::ScatterStage;
use self::signals::{scaled, unscaled, zeros};
use self::timing::{Timer, Timings};
use super::{Backend, BackendInfo, ImageResults, Ticket};
use crate::backend::BackendChoice;
use crate::blocks::{Batch, CoefficientBlock, FeatureBlock, SegmentBlock};
use crate::plan::{ImagePlan, ScatteringPlan};
use crate::{Error, Result};

/// Batches in flight: one computes, one waits, one is read back.
const DEPTH: usize = 3;

/// Maximum number of images per batch: by then every device is busy, and a stopped run loses little.
const MAX_IMAGES: usize = 64;

/// Samples of segments that go to the device at once.
const SAMPLES_AT_ONCE: usize = 1 << 23;

/// A graphics device.
pub struct GpuBackend {
    gpu: Gpu,
    /// Number of the adapter, and the limits that it was opened with.
    opened: (usize, DeviceLimits),
    arena: Arena,
    pool: Pool,
    free: Vec<Slot>,
    images: Option<ImageKernels>,
    segments: Option<(ScatteringPlan, ScatterStage)>,
    pending: VecDeque<Pending>,
    next: u64,
    traffic: Traffic,
    timings: Timings,
    host: HostScatter,
    precision: Precisions,
    single_only: bool,
    poison: bool,
}

/// How many signals (a segment's channel each) single precision served, and who computed the others in double precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Precisions {
    /// All signals.
    pub signals: u64,
    /// Those that the device computed in double precision.
    pub double_on_device: u64,
    /// Those that the CPU computed, because the device has no double precision for their length.
    pub double_on_host: u64,
}

struct ImageKernels {
    plan: Arc<ImagePlan>,
    features: ImageStage,
    scattering: Option<ScatterStage>,
}

/// What one batch in flight has to itself.
struct Slot {
    staging: Staging,
    timer: Option<Timer>,
}

/// A submitted batch of images.
struct Pending {
    ticket: Ticket,
    slot: Slot,
    submission: wgpu::SubmissionIndex,
    images: usize,
    plan: Arc<ImagePlan>,
    bytes: u64,
    /// The device serves signals that need double precision.
    double: bool,
}

impl GpuBackend {
    /// Opens the adapter that serves `choice`; `threads` compute what the device is not precise enough for.
    ///
    /// # Errors
    /// [`Error::Device`] where there is none (for `auto`: none but software), or it cannot be opened.
    pub fn open(choice: BackendChoice, limits: DeviceLimits, threads: Arc<ThreadPool>) -> Result<Self> {
        let rows = adapters();
        match choose(choice, &rows)? {
            (Some(at), reason) => {
                if rows[at].kind == "software" {
                    tracing::warn!("{} computes on the CPU, far slower than the CPU backend", rows[at].name);
                }
                tracing::info!("GPU backend: {reason}");
                Self::on(at, limits, threads)
            }
            (None, reason) => Err(Error::NoSuitableAdapter { reason }),
        }
    }

    /// Opens adapter number `at` of [`adapters`].
    ///
    /// # Errors
    /// [`Error::Device`] where it cannot be opened.
    pub fn on(at: usize, limits: DeviceLimits, threads: Arc<ThreadPool>) -> Result<Self> {
        let gpu = Gpu::open(at, limits)?;
        Ok(Self {
            arena: Arena::new(&gpu)?,
            gpu,
            opened: (at, limits),
            pool: Pool::default(),
            free: Vec::new(),
            images: None,
            segments: None,
            pending: VecDeque::new(),
            next: 0,
            traffic: Traffic::default(),
            timings: Timings::default(),
            host: HostScatter::new(threads),
            precision: Precisions::default(),
            single_only: false,
            poison: false,
        })
    }

    /// What went to and from the device so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Which precision served how many signals so far.
    pub fn precisions(&self) -> Precisions {
        self.precision
    }

    /// Bytes of device memory in use for batches (tables aside).
    pub fn device_bytes(&self) -> u64 {
        self.pool.bytes()
    }

    /// Buffers that wgpu holds for this backend and others of its kind in the process: for tests, that none is leaked.
    pub fn live_buffers(&self) -> Option<usize> {
        self.gpu.instance.generate_report().map(|report| report.hub_report().buffers.num_allocated)
    }

    /// Leaves the coefficients that single precision does not serve as they are, on a device without double: for tests, to
    /// see that they were in need of it.
    pub fn set_single_only(&mut self, single_only: bool) {
        self.single_only = single_only;
    }

    /// Compiles kernels with loops over registers written out, as for a real device, from now on: for tests on a software
    /// adapter.
    pub fn set_unroll(&mut self, unroll: bool) {
        self.gpu.unroll = unroll;
        (self.images, self.segments) = (None, None);
    }

    /// Fills all device memory with NaN before every batch from now on: for tests, that nothing is read before it was
    /// written.
    pub fn set_poison(&mut self, poison: bool) {
        self.poison = poison;
    }

    fn slot(&mut self) -> Result<Slot> {
        match self.free.pop() {
            Some(slot) => Ok(slot),
            None => Ok(Slot { staging: Staging::new(), timer: Timer::new(&self.gpu)? }),
        }
    }

    fn start(&mut self, plan: &ImagePlan, batch: &Batch) -> Result<Pending> {
        self.gpu.check()?;
        if self.images.as_ref().is_none_or(|kernels| *kernels.plan != *plan) {
            let scattering =
                plan.scattering.as_ref().map(|(_, network)| ScatterStage::new(&self.gpu, network)).transpose()?;
            let features = ImageStage::new(&self.gpu, &plan.features)?;
            self.images = Some(ImageKernels { plan: Arc::new(plan.clone()), features, scattering });
        }
        let mut slot = self.slot()?;
        let Some(kernels) = &self.images else { return Err(Error::Device("the GPU backend lost its kernels".into())) };
        let (gpu, pool) = (&self.gpu, &mut self.pool);
        let images = batch.len();
        let f = &plan.features;
        // An image without colours has none of their bytes.
        let parts: Vec<&[u8]> = batch.iter().map(|i| i.pixels().map_or(&[][..], |p| &p.rgb)).collect();
        if let Some(wrong) = parts.iter().find(|rgb| rgb.len() != 3 * f.rows * f.columns) {
            return Err(Error::ImageSize { bytes: wrong.len() });
        }

        let output_bytes = 4 * (images * (f.windows * f.features.len() + 1)) as u64;
        let coefficient_bytes = 4 * plan.scattering.as_ref().map_or(0, |(cut, network)| {
            (images * cut.count(cut.windows) * network.channels * ScatterStage::coefficients(network)) as u64
        });
        let pixel_bytes = 4 * (images * ImageStage::image_words(f)) as u64;
        let pixels = pool.get(gpu, "pixels", pixel_bytes)?;
        let output = pool.get(gpu, "features", output_bytes)?;
        let coefficients = pool.get(gpu, "coefficients", coefficient_bytes)?;
        if self.poison {
            pool.poison(gpu);
        }

        let begun = Instant::now();
        let staged = slot.staging.upload(gpu, self.host.threads(), &parts)?;
        add(&mut self.timings, "upload", begun);

        let mut rec = Recorder::new(gpu, &self.arena, &mut self.traffic, slot.timer.as_mut());
        rec.upload(&staged, &pixels, pixel_bytes);
        kernels.features.record(&mut rec, gpu, pool, images, &pixels, &output)?;
        if let (Some(stage), Some((cut, _))) = (&kernels.scattering, &plan.scattering) {
            let channels = f.features.len();
            let series = Series {
                buffer: &output,
                segments: cut.count(cut.windows),
                image_stride: f.windows * channels,
                segment_stride: cut.hop * channels,
                channel_stride: 1,
                sample_stride: channels,
            };
            stage.record(&mut rec, gpu, pool, images * series.segments, &series, &coefficients)?;
        }
        let bytes = output_bytes + coefficient_bytes;
        let read = slot.staging.read(gpu, bytes + rec.time_bytes())?;
        rec.read_back(&output, &read, 0, output_bytes);
        if coefficient_bytes > 0 {
            rec.read_back(&coefficients, &read, output_bytes, coefficient_bytes);
        }
        let submission = rec.submit(&read, bytes)?;
        let ticket = Ticket(self.next);
        self.next += 1;
        let double = kernels.scattering.as_ref().is_some_and(ScatterStage::has_double);
        Ok(Pending { ticket, slot, submission, images, plan: Arc::clone(&kernels.plan), bytes, double })
    }

    /// Reads the words of a submission's results, and its times, and frees its slot.
    fn finish(&mut self, mut slot: Slot, submission: wgpu::SubmissionIndex, bytes: u64) -> Result<Vec<f32>> {
        let begun = Instant::now();
        self.gpu.wait(submission.clone())?;
        add(&mut self.timings, "waiting", begun);
        let begun = Instant::now();
        let time_bytes = slot.timer.as_ref().map_or(0, Timer::bytes);
        let timings = &mut self.timings;
        let timer = &slot.timer;
        let words = slot.staging.collect(&self.gpu, submission, bytes + time_bytes, |read| {
            let (results, times) = read.split_at(usize::try_from(bytes).unwrap_or(0).min(read.len()));
            if let Some(timer) = timer {
                timer.collect(times, timings);
            }
            let mut words = vec![0.0f32; results.len() / 4];
            bytemuck::cast_slice_mut(&mut words).copy_from_slice(results);
            words
        })?;
        add(&mut self.timings, "readback", begun);
        self.free.push(slot);
        Ok(words)
    }

    /// Counts the signals that single precision did not serve, and computes them where the device did not.
    fn settle(
        &mut self,
        plan: &ScatteringPlan,
        double: bool,
        rows: usize,
        signed: &[(usize, usize)],
        orders: &mut [Array2<f32>],
        fill: impl Fn(usize, usize, &mut [f32]) -> f64,
    ) {
        let (signals, doubtful) = (rows * plan.channels, signed.len());
        self.precision.signals += signals as u64;
        if doubtful == 0 {
            return;
        }
        let who = if double { "the device" } else { "the CPU" };
        tracing::debug!("{doubtful} of {signals} signals in double precision, by {who}");
        if double {
            self.precision.double_on_device += doubtful as u64;
        } else if !self.single_only {
            self.on_host(plan, signed, orders, fill);
        }
    }

    /// Replaces the coefficients of some signals by the CPU's.
    fn on_host(
        &mut self,
        plan: &ScatteringPlan,
        signals: &[(usize, usize)],
        orders: &mut [Array2<f32>],
        fill: impl Fn(usize, usize, &mut [f32]) -> f64,
    ) {
        if signals.is_empty() {
            return;
        }
        let begun = Instant::now();
        self.precision.double_on_host += signals.len() as u64;
        self.host.replace(plan, signals, orders, fill);
        add(&mut self.timings, "double_on_host", begun);
    }

    /// Starts the transform of a block of segments whose samples are scaled and finite.
    fn start_segments(
        &mut self,
        plan: &ScatteringPlan,
        segments: usize,
        samples: &[f32],
    ) -> Result<(Slot, wgpu::SubmissionIndex, u64)> {
        let mut slot = self.slot()?;
        let Some((_, stage)) = &self.segments else {
            return Err(Error::Device("the GPU backend lost its kernels".into()));
        };
        let (gpu, pool) = (&self.gpu, &mut self.pool);
        let sample_bytes = 4 * samples.len() as u64;
        let bytes = 4 * (segments * plan.channels * ScatterStage::coefficients(plan)) as u64;
        let uploaded = pool.get(gpu, "segments", sample_bytes)?;
        let coefficients = pool.get(gpu, "coefficients", bytes)?;
        if self.poison {
            pool.poison(gpu);
        }
        let begun = Instant::now();
        // In parts, so that several threads copy.
        let parts: Vec<&[u8]> = samples.chunks(1 << 18).map(bytemuck::cast_slice).collect();
        let staged = slot.staging.upload(gpu, self.host.threads(), &parts)?;
        add(&mut self.timings, "upload", begun);
        let mut rec = Recorder::new(gpu, &self.arena, &mut self.traffic, slot.timer.as_mut());
        rec.upload(&staged, &uploaded, sample_bytes);
        let series = Series {
            buffer: &uploaded,
            segments,
            image_stride: 0,
            segment_stride: plan.channels * plan.bins,
            channel_stride: plan.bins,
            sample_stride: 1,
        };
        stage.record(&mut rec, gpu, pool, segments, &series, &coefficients)?;
        let read = slot.staging.read(gpu, bytes + rec.time_bytes())?;
        rec.read_back(&coefficients, &read, 0, bytes);
        let submission = rec.submit(&read, bytes)?;
        Ok((slot, submission, bytes))
    }
}

impl Backend for GpuBackend {
    fn info(&self) -> &BackendInfo {
        &self.gpu.info
    }

    fn is_software(&self) -> bool {
        self.gpu.software
    }

    fn needs_colors(&self) -> bool {
        true
    }

    fn depth(&self) -> usize {
        DEPTH
    }

    fn detector(&self) -> Result<Option<Box<dyn Kernels>>> {
        let (at, limits) = self.opened;
        Ok(Some(Box::new(GpuDetector::on(at, limits, Arc::clone(self.host.pool()))?)))
    }

    fn batch_images(&self, plan: &ImagePlan, memory_bytes: usize) -> usize {
        let [largest, device] = ImageStage::bytes(&plan.features);
        let pixels = 3 * plan.features.rows * plan.features.columns;
        let coefficients = plan.scattering.as_ref().map_or(0, |(cut, network)| {
            4 * cut.count(cut.windows) * network.channels * ScatterStage::coefficients(network)
        });
        // Decoded images, while they wait and are copied, staging for every batch in flight, and the device's own, which on
        // many machines is the same memory.
        let each = pixels + DEPTH * (pixels + coefficients) + device + coefficients;
        let binding =
            usize::try_from(self.gpu.caps.binding_bytes.min(self.gpu.caps.buffer_bytes)).unwrap_or(usize::MAX);
        (memory_bytes / each.max(1)).min(binding / largest.max(coefficients).max(1)).clamp(1, MAX_IMAGES)
    }

    fn submit(&mut self, plan: &ImagePlan, batch: Batch) -> Result<Ticket> {
        let pending = self.start(plan, &batch)?;
        let ticket = pending.ticket;
        self.pending.push_back(pending);
        Ok(ticket)
    }

    fn collect(&mut self, ticket: Ticket) -> Result<ImageResults> {
        let Some(pending) = self.pending.pop_front().filter(|p| p.ticket == ticket) else {
            return Err(Error::Ticket(ticket.0));
        };
        let Pending { slot, submission, images, plan, bytes, double, .. } = pending;
        let words = self.finish(slot, submission, bytes)?;
        let f = &plan.features;
        let channels = f.features.len();
        let (values, rest) = words.split_at((images * f.windows * channels).min(words.len()));
        let (residual, rest) = rest.split_at(images.min(rest.len()));
        let shape = |e: ndarray::ShapeError| Error::Device(format!("the device returned too little: {e}"));
        let values = Array3::from_shape_vec((images, f.windows, channels), values.to_vec()).map_err(shape)?;
        let coefficients = plan.scattering.as_ref().map(|(cut, network)| {
            let segments = cut.count(cut.windows);
            let mut orders = zeros(network, images * segments);
            let fill = |row: usize, channel: usize, samples: &mut [f32]| {
                let (image, start) = (row / segments, row % segments * cut.hop);
                samples.iter_mut().enumerate().for_each(|(k, s)| *s = values[[image, start + k, channel]]);
                0.0
            };
            let signed = unscaled(network, 0..images * segments, rest, &mut orders, fill);
            self.settle(network, double, images * segments, &signed, &mut orders, fill);
            CoefficientBlock { orders }
        });
        Ok(ImageResults { features: FeatureBlock { values, residual: residual.to_vec() }, coefficients })
    }

    fn scatter(&mut self, plan: &ScatteringPlan, segments: &SegmentBlock) -> Result<CoefficientBlock> {
        self.gpu.check()?;
        if self.segments.as_ref().is_none_or(|(p, _)| p != plan) {
            self.segments = Some((plan.clone(), ScatterStage::new(&self.gpu, plan)?));
        }
        let rows = segments.dim().0;
        let each = plan.channels * plan.bins;
        let outputs = plan.channels * ScatterStage::coefficients(plan);
        let binding =
            usize::try_from(self.gpu.caps.binding_bytes.min(self.gpu.caps.buffer_bytes) / 4).unwrap_or(usize::MAX);
        let at_once = (SAMPLES_AT_ONCE.min(binding) / each.max(1)).min(binding / outputs.max(1)).max(1);

        // Blocks are in standard layout; a view of another one is copied once.
        let levels = &segments.levels;
        let segments = segments.samples.as_standard_layout();
        let samples = segments.as_slice().unwrap_or(&[]);
        let mut orders = zeros(plan, rows);
        let double = self.segments.as_ref().is_some_and(|(_, stage)| stage.has_double());
        let mut in_flight = VecDeque::new();
        let mut blocks = samples.chunks((at_once * each).max(1)).enumerate();
        loop {
            if in_flight.len() < DEPTH
                && let Some((k, block)) = blocks.next()
            {
                let (slot, submission, bytes) =
                    self.start_segments(plan, block.len() / each, &scaled(block, plan.bins))?;
                in_flight.push_back((k * at_once, block, slot, submission, bytes));
                continue;
            }
            let Some((first, block, slot, submission, bytes)) = in_flight.pop_front() else { break };
            let words = self.finish(slot, submission, bytes)?;
            let rows = first..first + block.len() / each;
            let fill = |row: usize, channel: usize, samples: &mut [f32]| {
                let at = (row - first) * each + channel * plan.bins;
                samples.copy_from_slice(&block[at..at + plan.bins]);
                levels[[row, channel]]
            };
            let mut signed = unscaled(plan, rows.clone(), &words, &mut orders, fill);
            signed.retain(|&signal| levels[signal] == 0.0);
            self.settle(plan, double, rows.len(), &signed, &mut orders, fill);
            let every = rows.flat_map(|row| (0..plan.channels).map(move |channel| (row, channel)));
            let on_levels: Vec<(usize, usize)> = every.filter(|signal| levels[*signal] != 0.0).collect();
            self.on_host(plan, &on_levels, &mut orders, fill);
        }
        Ok(CoefficientBlock { orders })
    }

    fn seconds(&self) -> BTreeMap<&'static str, f64> {
        self.timings.clone()
    }

    fn counts(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::from([
            ("bytes_uploaded", self.traffic.bytes_uploaded),
            ("bytes_read_back", self.traffic.bytes_read_back),
            ("dispatches", self.traffic.dispatches),
            ("signals", self.precision.signals),
            ("signals_double_on_device", self.precision.double_on_device),
            ("signals_double_on_host", self.precision.double_on_host),
        ])
    }
}

/// Adds the time since `begun`.
fn add(timings: &mut Timings, name: &'static str, begun: Instant) {
    *timings.entry(name).or_default() += begun.elapsed().as_secs_f64();
}
