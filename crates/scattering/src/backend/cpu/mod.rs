//! The CPU backend: every core, one image or a few segments at a time each; complete, and the reference of the others.

mod clock;
mod features;
mod gabor;
mod pool;
mod scatter;
mod slope;
mod spectrum;
mod value;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array2, Array3, Axis};
use rayon::ThreadPool;
use rayon::prelude::*;

use super::{Backend, BackendInfo, ImageResults, Ticket};
use crate::blocks::{Batch, CoefficientBlock, FeatureBlock, Image, IndexPlane, Pixels, SegmentBlock};
use crate::plan::{GaborKernel, ImagePlan, ScatteringPlan};
use crate::{Error, Result};
use clock::Clock;
use features::FeatureKernel;
pub use scatter::ScatteringKernel;
#[cfg(feature = "gpu")]
pub(super) use scatter::{order_0, power_of_two_below};
use scatterfall_colormap::Colormap;

/// Index of the nearest colour of every pixel, row by row.
pub fn indices(pixels: &Pixels, map: &Colormap) -> Vec<u8> {
    Indexer::new(map).index(pixels).index
}

/// Colours to indices, image after image; it remembers the colours that it had to search for. One per thread.
pub struct Indexer(value::Quantiser);

impl Indexer {
    /// An indexer for a colour map.
    pub fn new(map: &Colormap) -> Self {
        Self(value::Quantiser::new(map))
    }

    /// Indices of an image, and the residual over all of it.
    pub fn index(&mut self, pixels: &Pixels) -> IndexPlane {
        let mut index = Vec::new();
        let residual = self.0.quantise(pixels, &mut index);
        IndexPlane { rows: pixels.rows, columns: pixels.columns, index, residual }
    }

    /// Writes the indices of some pixels (three bytes each) to `out`; returns the sum `before` of distances to the nearest
    /// colour with theirs added, one after the other, so that a sum over parts is that over the whole.
    pub fn indices(&mut self, rgb: &[u8], out: &mut [u8], before: f64) -> f64 {
        self.0.lookup(rgb, out, before)
    }
}

/// Gabor response of every pixel of an image of `rows` x `columns` indices, row by row.
pub fn gabor_response(index: &[u8], rows: usize, columns: usize) -> Vec<f32> {
    gabor::Gabor::new(&GaborKernel::new(), rows, columns).response(index)
}

/// Mean distance of an image's pixels to the nearest colour of the map (8-bit RGB units).
pub fn residual(map: &Colormap, pixels: &Pixels) -> f32 {
    value::Quantiser::new(map).quantise(pixels, &mut Vec::new())
}

/// Pixels of a batch, unless so many threads need more.
const BATCH_BYTES: usize = 24 << 20;

/// All cores of the machine.
pub struct CpuBackend {
    info: BackendInfo,
    pool: Arc<ThreadPool>,
    /// Kernels (tables, FFT plans) of the plan that was used last.
    images: Option<(ImagePlan, ImageKernels)>,
    segments: Option<(ScatteringPlan, ScatteringKernel)>,
    done: VecDeque<(Ticket, ImageResults)>,
    next: u64,
    clock: Clock,
}

struct ImageKernels {
    features: FeatureKernel,
    scattering: Option<ScatteringKernel>,
}

impl CpuBackend {
    /// A backend that computes on `pool`.
    pub fn new(pool: Arc<ThreadPool>) -> Self {
        let info = BackendInfo {
            kind: "cpu",
            // Without the number of threads: this is stored beside results that do not depend on it.
            device: format!("{} CPU", std::env::consts::ARCH),
            detail: vector_unit(),
        };
        Self { info, pool, images: None, segments: None, done: VecDeque::new(), next: 0, clock: Clock::default() }
    }
}

impl Backend for CpuBackend {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn depth(&self) -> usize {
        1
    }

    fn batch_images(&self, plan: &ImagePlan, memory_bytes: usize) -> usize {
        // The pixels, while this batch computes, the next waits and the one after is being decoded; the features and
        // coefficients on their way to the disk are small beside them, but not for tiny images.
        let pixels = 3 * plan.features.rows * plan.features.columns;
        let windows = plan.features.windows * plan.features.features.len();
        let coefficients = plan.scattering.as_ref().map_or(0, |(cut, network)| {
            cut.count(cut.windows) * network.channels * network.widths().iter().sum::<usize>()
        });
        let each = 3 * (pixels + 4 * (windows + coefficients));
        // Enough that no thread waits at the ends. More bring nothing: memory that is used again is faster than new.
        let enough = (BATCH_BYTES / pixels.max(1)).max(4 * self.pool.current_num_threads()).min(256);
        (memory_bytes / each.max(1)).clamp(1, enough)
    }

    fn submit(&mut self, plan: &ImagePlan, batch: Batch) -> Result<Ticket> {
        if self.images.as_ref().is_none_or(|(p, _)| p != plan) {
            let kernels = ImageKernels {
                features: FeatureKernel::new(&plan.features),
                scattering: plan.scattering.as_ref().map(|(_, network)| ScatteringKernel::new(network)),
            };
            self.images = Some((plan.clone(), kernels));
        }
        let Some((plan, kernels)) = &self.images else {
            return Err(Error::Device("the CPU backend lost its kernels".into()));
        };
        let f = &plan.features;
        if let Some(wrong) = batch.iter().find(|image| !fits(image, f.rows * f.columns)) {
            let bytes = wrong.pixels().map_or_else(|| wrong.plane().map_or(0, |p| p.index.len()), |p| p.rgb.len());
            return Err(Error::ImageSize { bytes });
        }
        let results = self.pool.install(|| compute(plan, kernels, &self.clock, &batch));
        let ticket = Ticket(self.next);
        self.next += 1;
        self.done.push_back((ticket, results));
        Ok(ticket)
    }

    fn collect(&mut self, ticket: Ticket) -> Result<ImageResults> {
        match self.done.pop_front() {
            Some((t, results)) if t == ticket => Ok(results),
            _ => Err(Error::Ticket(ticket.0)),
        }
    }

    fn scatter(&mut self, plan: &ScatteringPlan, segments: &SegmentBlock) -> Result<CoefficientBlock> {
        if self.segments.as_ref().is_none_or(|(p, _)| p != plan) {
            self.segments = Some((plan.clone(), ScatteringKernel::new(plan)));
        }
        let Some((_, kernel)) = &self.segments else {
            return Err(Error::Device("the CPU backend lost its kernels".into()));
        };
        Ok(self.pool.install(|| all_threads(&self.clock, "scattering", || kernel.transform_block(plan, segments))))
    }

    /// Of one thread, summed up over threads.
    fn seconds(&self) -> BTreeMap<&'static str, f64> {
        self.clock.seconds()
    }
}

/// Whether an image has as many pixels as the plan's.
fn fits(image: &Image, pixels: usize) -> bool {
    image.plane().map_or(image.pixels().is_some_and(|p| p.rgb.len() == 3 * pixels), |p| p.index.len() == pixels)
}

/// One image after another on every core; results land at their place, so the order never depends on threads.
fn compute(plan: &ImagePlan, kernels: &ImageKernels, clock: &Clock, batch: &[Image]) -> ImageResults {
    let n = batch.len();
    let f = &plan.features;
    let mut values = Array3::zeros((n, f.windows, f.features.len()));
    let mut residual = vec![0.0; n];
    values.axis_iter_mut(Axis(0)).into_par_iter().zip(residual.par_iter_mut()).zip(batch).for_each_init(
        || kernels.features.scratch(),
        |scratch, ((out, residual), image)| {
            *residual = kernels.features.compute(image, scratch, clock, out);
        },
    );
    let coefficients = plan.scattering.as_ref().zip(kernels.scattering.as_ref()).map(|((cut, network), kernel)| {
        let per_image = cut.count(cut.windows);
        let mut orders: Vec<Array2<f32>> =
            network.widths().iter().map(|w| Array2::zeros((n * per_image, network.channels * w))).collect();
        all_threads(clock, "scattering", || {
            kernel.transform_into((n * per_image, network.channels), &mut orders, |row, channel, samples| {
                let (image, start) = (row / per_image, row % per_image * cut.hop);
                let image = values.index_axis(Axis(0), image);
                let series = image.column(channel);
                samples.iter_mut().zip(series.iter().skip(start)).for_each(|(s, v)| *s = *v);
                0.0
            });
        });
        CoefficientBlock { orders }
    });
    ImageResults { features: FeatureBlock { values, residual }, coefficients }
}

/// Counts the time of work that keeps all threads of the pool busy.
fn all_threads<T>(clock: &Clock, name: &'static str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    let threads = u32::try_from(rayon::current_num_threads()).unwrap_or(1);
    clock.add(&[(name, start.elapsed() * threads)]);
    result
}

/// The instructions that kernels are compiled for here.
fn vector_unit() -> String {
    let told = format!("{:?}", pulp::Arch::new());
    let name = told.split('(').next().unwrap_or_default();
    match name {
        "V4" => "AVX-512".into(),
        "V3" => "AVX2".into(),
        other => other.to_owned(),
    }
}
