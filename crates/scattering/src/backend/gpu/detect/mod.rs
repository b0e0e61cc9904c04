//! The event detector's measurement on the GPU: whitening, block means, samples of the slants.
//!
//! An image's indices go up once; block means and samples come back, and the host sums along lines. Sums are taken in the order of the host, so that results differ by rounding alone.

mod kernels;
mod tables;

use std::sync::Arc;

use rayon::ThreadPool;
use scatterfall_detector::DetectorPlan;
use scatterfall_detector::device::{Job, KernelError, Kernels, OnDevice};

use self::kernels::Compiled;
#[cfg(test)]
pub(super) use self::kernels::{GROUP, sources};
use self::tables::{Tables, word};
use super::buffers::{Pool, Staging};
use super::device::{DeviceLimits, Gpu};
use super::params::DetectParams;
use super::recorder::{Arena, Recorder, Traffic};
use crate::Result;

/// Images that go to the device at once: the host writes and reads a few dozen MB at a time.
const AT_ONCE: usize = 8;

/// A flag of a row (detect.wgsl): it is missing.
const MISSING: u32 = 1;
/// Missing rows are filled from it.
const FILLS: u32 = 2;

/// The detector's kernels on one device.
pub struct GpuDetector {
    gpu: Gpu,
    arena: Arena,
    pool: Pool,
    staging: Staging,
    compiled: Compiled,
    tables: Option<Tables>,
    threads: Arc<ThreadPool>,
    traffic: Traffic,
    poison: bool,
}

impl GpuDetector {
    /// Opens adapter number `at` of [`super::adapters`]; `threads` copy.
    ///
    /// # Errors
    /// [`crate::Error::Device`] where it cannot be opened.
    pub fn on(at: usize, limits: DeviceLimits, threads: Arc<ThreadPool>) -> Result<Self> {
        let gpu = Gpu::open(at, limits)?;
        Ok(Self {
            arena: Arena::new(&gpu)?,
            compiled: Compiled::new(&gpu)?,
            gpu,
            pool: Pool::default(),
            staging: Staging::new(),
            tables: None,
            threads,
            traffic: Traffic::default(),
            poison: false,
        })
    }

    /// What went to and from the device so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Fills all device memory with NaN before every batch from now on: for tests, that nothing is read before it was
    /// written.
    pub fn set_poison(&mut self, poison: bool) {
        self.poison = poison;
    }

    /// Tables of the plan, and everything that work is recorded with.
    fn ready(&mut self, plan: &Arc<DetectorPlan>) -> Result<(&Tables, Bench<'_>)> {
        self.gpu.check()?;
        let tables = match self.tables.take() {
            Some(known) if Arc::ptr_eq(&known.plan, plan) => known,
            _ => Tables::new(&self.gpu, plan)?,
        };
        let tables = &*self.tables.insert(tables);
        let bench = Bench {
            gpu: &self.gpu,
            arena: &self.arena,
            pool: &mut self.pool,
            staging: &mut self.staging,
            compiled: &self.compiled,
            threads: &self.threads,
            traffic: &mut self.traffic,
            poison: self.poison,
        };
        Ok((tables, bench))
    }
}

impl Kernels for GpuDetector {
    fn whiten(
        &mut self,
        plan: &Arc<DetectorPlan>,
        images: &[Job<'_>],
    ) -> std::result::Result<Vec<OnDevice>, KernelError> {
        let (tables, mut bench) = self.ready(plan)?;
        let mut out = Vec::with_capacity(images.len());
        for images in images.chunks(AT_ONCE) {
            out.append(&mut bench.whiten(tables, images)?);
        }
        Ok(out)
    }
}

/// What work is recorded with.
struct Bench<'a> {
    gpu: &'a Gpu,
    arena: &'a Arena,
    pool: &'a mut Pool,
    staging: &'a mut Staging,
    compiled: &'a Compiled,
    threads: &'a ThreadPool,
    traffic: &'a mut Traffic,
    poison: bool,
}

/// Device memory that images take in turn.
struct Scratch {
    input: wgpu::Buffer,
    whitened: wgpu::Buffer,
    means: wgpu::Buffer,
    step_means: wgpu::Buffer,
    around: wgpu::Buffer,
    common: wgpu::Buffer,
    medians: wgpu::Buffer,
    row_jumps: wgpu::Buffer,
    narrow: wgpu::Buffer,
    blocks: wgpu::Buffer,
}

impl Bench<'_> {
    fn words(&mut self, name: &'static str, words: usize) -> Result<wgpu::Buffer> {
        self.pool.get(self.gpu, name, 4 * words as u64)
    }

    fn scratch(&mut self, plan: &DetectorPlan, images: usize, image_words: usize) -> Result<Scratch> {
        let (rows, columns) = (plan.geometry.rows, plan.geometry.columns);
        let blocks = plan.block_rows * plan.block_columns;
        let samples = plan.slants.as_ref().map_or(0, |s| s.rows * s.columns);
        let scratch = Scratch {
            input: self.words("images of the detector", images * image_words)?,
            whitened: self.words("whitened", rows * columns)?,
            means: self.words("means of rows", rows * plan.block_columns)?,
            step_means: self.words("means of steps", blocks)?,
            around: self.words("levels", blocks)?,
            common: self.words("common levels", plan.block_rows)?,
            medians: self.words("medians of rows", rows)?,
            row_jumps: self.words("jumps of rows", rows)?,
            narrow: self.words("narrow samples", samples)?,
            blocks: self.words("blocks", images * blocks)?,
        };
        if self.poison {
            self.pool.poison(self.gpu);
        }
        Ok(scratch)
    }

    fn whiten(&mut self, tables: &Tables, images: &[Job<'_>]) -> Result<Vec<OnDevice>> {
        let plan = &*tables.plan;
        let (rows, columns) = (plan.geometry.rows, plan.geometry.columns);
        let tails: Vec<Vec<u32>> = images.iter().map(|job| tail(job, rows)).collect();
        let image_words = tables.params.plane_words as usize + tails.first().map_or(0, Vec::len);
        word(images.len() * image_words)?;
        let scratch = self.scratch(plan, images.len(), image_words)?;
        let parts = images.iter().zip(&tails).flat_map(|(job, tail)| [job.input.plane, bytemuck::cast_slice(tail)]);
        let parts: Vec<&[u8]> = parts.collect();
        let staged = self.staging.upload(self.gpu, self.threads, &parts)?;
        let sample_words = plan.slants.as_ref().map_or(0, |s| s.rows * s.columns);
        let samples = self.words("samples", images.len() * sample_words)?;
        let mut rec = Recorder::new(self.gpu, self.arena, self.traffic, None);
        rec.upload(&staged, &scratch.input, 4 * (images.len() * image_words) as u64);
        let blocks = plan.block_rows * plan.block_columns;
        for (i, job) in images.iter().enumerate() {
            let params = DetectParams {
                image_at: word(i * image_words)?,
                fill_rows: word(job.fill.len())?,
                out: word(i * blocks)?,
                samples_at: word(i * sample_words)?,
                ..tables.params
            };
            self.compiled.record_whitening(&mut rec, tables, &params, &scratch, &samples, rows * columns)?;
        }
        let [block_bytes, sample_bytes] = [blocks, sample_words].map(|n| 4 * (images.len() * n) as u64);
        let bytes = block_bytes + sample_bytes;
        let read = self.staging.read(self.gpu, bytes)?;
        rec.read_back(&scratch.blocks, &read, 0, block_bytes);
        if sample_bytes > 0 {
            rec.read_back(&samples, &read, block_bytes, sample_bytes);
        }
        let submission = rec.submit(&read, bytes)?;
        let numbers = self.staging.collect(self.gpu, submission, bytes, numbers)?;
        let (means, samples) = numbers.split_at((images.len() * blocks).min(numbers.len()));
        let of = |values: &[f32], i: usize, n: usize| values.get(i * n..(i + 1) * n).unwrap_or(&[]).to_vec();
        let image = |i: usize| OnDevice { samples: of(samples, i, sample_words), blocks: of(means, i, blocks) };
        Ok((0..images.len()).map(image).collect())
    }
}

impl Compiled {
    /// One image's way from indices to samples and blocks.
    fn record_whitening(
        &self,
        rec: &mut Recorder<'_>,
        tables: &Tables,
        params: &DetectParams,
        s: &Scratch,
        samples: &wgpu::Buffer,
        pixels: usize,
    ) -> Result<()> {
        let groups = |n: usize| n.div_ceil(kernels::GROUP);
        let (rows, steps) = (params.rows as usize, params.steps as usize);
        let (places, blocks) = (rows * params.places as usize, steps * params.places as usize);
        let whitened = ("whitened", &s.whitened);
        let bound = [("input", &s.input), ("rows_in", &tables.rows), whitened];
        rec.dispatch(&self.whiten, groups(pixels), params, &bound)?;
        let bound = [whitened, ("column_edges", &tables.column_edges), ("means", &s.means)];
        rec.dispatch(&self.places, groups(places), params, &bound)?;
        if params.improved != 0 {
            let row_edges = ("row_edges", &tables.row_edges);
            let bound = [("input", &s.input), row_edges, ("means", &s.means), ("step_means", &s.step_means)];
            rec.dispatch(&self.steps, groups(blocks), params, &bound)?;
            let bound = [("step_means", &s.step_means), ("around", &s.around)];
            rec.dispatch(&self.around, groups(blocks), params, &bound)?;
            let lines = DetectParams { line_length: params.places, lines: params.steps, ..*params };
            rec.dispatch(&self.median, steps, &lines, &[("numbers", &s.around), ("medians", &s.common)])?;
            let bound = [
                ("input", &s.input),
                ("rows_in", &tables.rows),
                ("between", &tables.between),
                ("around", &s.around),
                whitened,
            ];
            rec.dispatch(&self.level, groups(pixels), params, &bound)?;
        }
        let lines = DetectParams { line_length: params.columns, lines: params.rows, ..*params };
        rec.dispatch(&self.median, rows, &lines, &[("numbers", &s.whitened), ("medians", &s.medians)])?;
        let medians = ("medians", &s.medians);
        if let Some(slants) = &tables.slants {
            let count = groups((params.sample_rows * params.sample_columns) as usize);
            rec.dispatch(&self.samples, count, params, &[whitened, medians, ("narrow", &s.narrow)])?;
            let bound = [("narrow", &s.narrow), ("roots", &slants.roots), ("samples", samples)];
            rec.dispatch(&self.widen, count, params, &bound)?;
        }
        let row_jumps = ("row_jumps", &s.row_jumps);
        let bound = [("rows_in", &tables.rows), medians, ("common_level", &s.common), row_jumps];
        rec.dispatch(&self.rows, groups(rows), params, &bound)?;
        let means = ("means", &s.means);
        let bound = [("input", &s.input), ("row_edges", &tables.row_edges), means, row_jumps, ("blocks", &s.blocks)];
        rec.dispatch(&self.blocks, groups(blocks), params, &bound)
    }
}

/// What follows an image's indices: backgrounds, scales, jumps of columns, flags of rows.
fn tail(job: &Job<'_>, rows: usize) -> Vec<u32> {
    let input = &job.input;
    let mut flags: Vec<u32> = input.missing.iter().map(|&m| if m { MISSING } else { 0 }).collect();
    flags.resize(rows, 0);
    for &row in &job.fill {
        flags[row] |= FILLS;
    }
    let background = input.background.iter().map(|v| v.to_bits());
    let inverse = input.scale.iter().map(|s| (1.0 / s).to_bits());
    background.chain(inverse).chain(job.jumps.iter().map(|v| v.to_bits())).chain(flags).collect()
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    let mut words = vec![0.0f32; bytes.len() / 4];
    bytemuck::cast_slice_mut(&mut words).copy_from_slice(bytes);
    words
}
