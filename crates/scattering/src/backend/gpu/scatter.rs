//! From series of samples to pooled coefficients: the kernels of one scattering plan and their dispatches.

use wgpu::BufferUsages;

use super::buffers::{Pool, table, too_many};
use super::device::{Caps, Gpu};
use super::fft::{WorkgroupFft, twiddles, twiddles_double};
use super::global_memory::GlobalMemoryScatter;
use super::kernels::{Kernel, Precision, Source};
use super::layer::{LayerPass, SCALE, SIGN, Series, pooling_number, taper, taper_double};
use super::params::{ScalogramParams, SpectrumParams};
use super::precision_check::PrecisionCheck;
use super::recorder::Recorder;
use crate::options::{Oversampling, Pooling};
use crate::plan::ScatteringPlan;
use crate::{Error, Result};

const BUTTERFLIES: &str = include_str!("../../../../../shaders/butterflies.wgsl");
const FFT: &str = include_str!("../../../../../shaders/fft.wgsl");
const POOL: &str = include_str!("../../../../../shaders/pool.wgsl");
const ALL: &str = include_str!("../../../../../shaders/all_signals.wgsl");
const LISTED: &str = include_str!("../../../../../shaders/signal_list.wgsl");

/// pool.wgsl: counters per transform, in words of workgroup memory; a test holds it against the shader.
pub(super) const COUNTERS: usize = 129;

/// Part of a filter's largest spectral value below which its spectrum counts as zero: far below what single precision
/// resolves in the sum.
const SPECTRUM_FLOOR: f64 = 1e-10;
/// The same for double precision.
const SPECTRUM_FLOOR_DOUBLE: f64 = 1e-16;

/// Bytes of spectra between layers that are worked on at once: enough to fill any device, little beside its memory.
const SPECTRA_BYTES: u64 = 256 << 20;

/// The transform of segments of `bins` samples.
pub(super) fn segment_fft(bins: usize, caps: &Caps, precision: Precision) -> Option<WorkgroupFft> {
    WorkgroupFft::new(bins, caps, precision, COUNTERS)
}

/// Which signals a kernel takes: all in single precision, those on the list in double.
fn parts_of(precision: Precision) -> &'static [&'static str] {
    match precision {
        Precision::Single => &[ALL],
        Precision::Double => &[LISTED],
    }
}

/// The spectrum of a segment's channel.
pub(super) fn spectrum_source(fft: &WorkgroupFft, precision: Precision) -> Source {
    let own = [SCALE, BUTTERFLIES, FFT, include_str!("../../../../../shaders/spectrum.wgsl")];
    let label = if precision == Precision::Single { "spectrum" } else { "spectrum_double" };
    let parts = [parts_of(precision), &own].concat();
    Source::in_precision(precision, ["spectrum", label], &fft.constants(), &parts, &fft.program())
}

/// One filter of a layer; `forward`: another layer follows.
pub(super) fn scalogram_source(fft: &WorkgroupFft, precision: Precision, pooling: Pooling, forward: bool) -> Source {
    let mut constants = fft.constants();
    constants.push(("POOLING", pooling_number(pooling)));
    constants.push(("FORWARD", u32::from(forward)));
    let own = [SIGN, BUTTERFLIES, FFT, POOL, include_str!("../../../../../shaders/scalogram.wgsl")];
    let label = if precision == Precision::Single { "scalogram" } else { "scalogram_double" };
    let parts = [parts_of(precision), &own].concat();
    Source::in_precision(precision, ["scalogram", label], &constants, &parts, &fft.program())
}

/// Refuses poolings that pool.wgsl does not know.
fn check_pooling(pooling: Pooling) -> Result<()> {
    match pooling {
        Pooling::Median | Pooling::Mean | Pooling::Max => Ok(()),
        Pooling::Min | Pooling::Std | Pooling::Percentile(_) => {
            let value = format!("{pooling:?}").to_lowercase();
            Err(Error::NotOnGpu { parameter: "pooling", value, supported: "median, mean or max" })
        }
    }
}

/// One layer's filters on the device.
struct Layer {
    filters: usize,
    /// Place and length of each filter's spectrum.
    supports: wgpu::Buffer,
    spectra: wgpu::Buffer,
    /// The spectra in double precision, where the device has it.
    double: Option<wgpu::Buffer>,
    /// First pooled sample of this layer's scalograms, before they are shifted.
    pooled_from: usize,
}

/// Kernels and tables of one plan.
pub(super) struct ScatterStage {
    bins: usize,
    channels: usize,
    pooled: usize,
    layers: Vec<Layer>,
    /// Coefficients a signal of each order from 1.
    widths: Vec<usize>,
    way: FftStrategy,
    precision_check: PrecisionCheck,
    /// For signals that single precision does not serve; without it they are left to the host.
    double: Option<InWorkgroup>,
}

/// Where transforms take place.
#[expect(clippy::large_enum_variant, reason = "one a plan")]
enum FftStrategy {
    /// In workgroup memory, from spectrum to pooled value.
    Workgroup(InWorkgroup),
    /// Step by step through device memory.
    GlobalMemory(GlobalMemoryScatter),
}

/// Kernels and tables of one precision.
struct InWorkgroup {
    teams: usize,
    twiddles: wgpu::Buffer,
    taper: wgpu::Buffer,
    spectrum: Kernel,
    /// For layers that another follows.
    inner: Option<Kernel>,
    last: Kernel,
    /// Stands for the next layer's input where there is none.
    nothing: wgpu::Buffer,
}

impl ScatterStage {
    pub(super) fn new(gpu: &Gpu, plan: &ScatteringPlan) -> Result<Self> {
        if plan.oversampling != Oversampling::Full {
            let value = "1, 2 or 4".to_owned();
            return Err(Error::NotOnGpu { parameter: "oversampling", value, supported: "\"full\"" });
        }
        check_pooling(plan.pooling)?;
        let way = match segment_fft(plan.bins, &gpu.caps, Precision::Single) {
            Some(fft) => FftStrategy::Workgroup(InWorkgroup::new(gpu, plan, &fft, Precision::Single)?),
            None => FftStrategy::GlobalMemory(GlobalMemoryScatter::new(gpu, plan)?),
        };
        let double = segment_fft(plan.bins, &gpu.caps, Precision::Double).filter(|_| gpu.double_precision);
        let double = double.map(|fft| InWorkgroup::new(gpu, plan, &fft, Precision::Double)).transpose()?;
        let layer = |k| Layer::new(gpu, plan, k, double.is_some());
        Ok(Self {
            bins: plan.bins,
            channels: plan.channels,
            pooled: plan.pooled.len(),
            layers: (0..plan.layers.len()).map(layer).collect::<Result<Vec<_>>>()?,
            widths: plan.widths()[usize::from(plan.order_0)..].to_vec(),
            way,
            precision_check: PrecisionCheck::new(gpu, plan.bins)?,
            double,
        })
    }

    /// True where the device itself serves signals that need double precision.
    pub(super) fn has_double(&self) -> bool {
        self.double.is_some()
    }

    /// Coefficients of all orders from 1 that one signal has.
    pub(super) fn coefficients(plan: &ScatteringPlan) -> usize {
        plan.widths()[usize::from(plan.order_0)..].iter().sum()
    }

    /// Bytes of a signal's spectra: the largest layer's, and all together.
    fn spectra_bytes(&self) -> [u64; 2] {
        let single = 8 * (self.bins as u64 / 2 + 1);
        let double = if self.has_double() { 2 * single } else { 0 };
        let inner = &self.widths[..self.layers.len() - 1];
        let largest = inner.iter().copied().max().unwrap_or(1).max(1) as u64;
        [single.max(double) * largest, (single + double) * (1 + inner.iter().sum::<usize>() as u64)]
    }

    /// Records the way from `series` to `coefficients`: an order after the other, each `[signal, path]`.
    pub(super) fn record(
        &self,
        rec: &mut Recorder,
        gpu: &Gpu,
        pool: &mut Pool,
        segments: usize,
        series: &Series,
        coefficients: &wgpu::Buffer,
    ) -> Result<()> {
        let signals = segments * self.channels;
        let [largest, all] = self.spectra_bytes();
        let at_once = (gpu.caps.binding_bytes.min(gpu.caps.buffer_bytes) / largest).min(SPECTRA_BYTES / all).max(1);
        let at_once = usize::try_from(at_once).unwrap_or(usize::MAX).min(signals).max(1);
        for first in (0..signals).step_by(at_once) {
            let chunk = Chunk { signals, first, count: at_once.min(signals - first) };
            self.record_chunk(rec, gpu, pool, &chunk, series, coefficients)?;
        }
        Ok(())
    }

    fn record_chunk(
        &self,
        rec: &mut Recorder,
        gpu: &Gpu,
        pool: &mut Pool,
        chunk: &Chunk,
        series: &Series,
        coefficients: &wgpu::Buffer,
    ) -> Result<()> {
        let list = pool.get(gpu, "list", 4 * (1 + chunk.count) as u64)?;
        rec.clear(&list, 4);
        let params = SpectrumParams {
            signals: number(chunk.count)?,
            first: number(chunk.first)?,
            channels: number(self.channels)?,
            segments: number(series.segments)?,
            image_stride: number(series.image_stride)?,
            segment_stride: number(series.segment_stride)?,
            channel_stride: number(series.channel_stride)?,
            sample_stride: number(series.sample_stride)?,
        };
        let half = self.bins / 2 + 1;
        let mut input = pool.get(gpu, SPECTRA[0], (8 * half * chunk.count) as u64)?;
        let mut noise = pool.get(gpu, NOISE[0], 4 * chunk.count as u64)?;
        match &self.way {
            FftStrategy::Workgroup(way) => way.record_spectra(rec, &params, series, &input, None)?,
            FftStrategy::GlobalMemory(way) => way.record_spectra(rec, gpu, pool, &params, series, &input)?,
        }
        for (k, layer) in self.layers.iter().enumerate() {
            let params = self.layer_params(chunk, k)?;
            let paths = chunk.count * self.widths[k];
            let is_last = k + 1 == self.layers.len();
            let next =
                if is_last { None } else { Some(pool.get(gpu, SPECTRA[(k + 1) % 2], (8 * half * paths) as u64)?) };
            let pass = LayerPass {
                params,
                supports: &layer.supports,
                filters: &layer.spectra,
                input: &input,
                next: next.as_ref(),
                coefficients,
            };
            match &self.way {
                FftStrategy::Workgroup(way) => way.record_layer(rec, &pass, None)?,
                FftStrategy::GlobalMemory(way) => way.record_layer(rec, gpu, pool, &pass)?,
            }
            let first = (number(self.widths[0])?, number(chunk.first * self.widths[0])?);
            let own_noise = pool.get(gpu, NOISE[(k + 1) % 2], 4 * paths as u64)?;
            self.precision_check.record(rec, &pass, k + 1, first, [&noise, &own_noise], &list)?;
            noise = own_noise;
            input = next.unwrap_or(input);
        }
        match &self.double {
            Some(way) => self.record_double(rec, gpu, pool, way, chunk, &params, series, coefficients, &list),
            None => Ok(()),
        }
    }

    /// Once more, for the signals on the list.
    #[expect(clippy::too_many_arguments, reason = "a chunk's data, each once")]
    fn record_double(
        &self,
        rec: &mut Recorder,
        gpu: &Gpu,
        pool: &mut Pool,
        way: &InWorkgroup,
        chunk: &Chunk,
        params: &SpectrumParams,
        series: &Series,
        coefficients: &wgpu::Buffer,
        list: &wgpu::Buffer,
    ) -> Result<()> {
        let bytes = |spectra: usize| (16 * (self.bins / 2 + 1) * spectra) as u64;
        let mut input = pool.get(gpu, SPECTRA_DOUBLE[0], bytes(chunk.count))?;
        way.record_spectra(rec, params, series, &input, Some(list))?;
        for (k, layer) in self.layers.iter().enumerate() {
            let Some(filters) = &layer.double else { continue };
            let paths = chunk.count * self.widths[k];
            let is_last = k + 1 == self.layers.len();
            let next = if is_last { None } else { Some(pool.get(gpu, SPECTRA_DOUBLE[(k + 1) % 2], bytes(paths))?) };
            let pass = LayerPass {
                params: self.layer_params(chunk, k)?,
                supports: &layer.supports,
                filters,
                input: &input,
                next: next.as_ref(),
                coefficients,
            };
            way.record_layer(rec, &pass, Some(list))?;
            input = next.unwrap_or(input);
        }
        Ok(())
    }

    fn layer_params(&self, chunk: &Chunk, k: usize) -> Result<ScalogramParams> {
        let before: usize = self.widths[..k].iter().sum();
        Ok(ScalogramParams {
            signals: number(chunk.count)?,
            width: number(self.widths[k])?,
            filters: number(self.layers[k].filters)?,
            pooled_from: number(self.layers[k].pooled_from)?,
            pooled_count: number(self.pooled)?,
            out: number(chunk.signals * before + chunk.first * self.widths[k])?,
            first_layer: u32::from(k == 0),
        })
    }
}

/// Layers take turns reading one of these and writing the other.
const SPECTRA: [&str; 2] = ["spectra", "other spectra"];
const SPECTRA_DOUBLE: [&str; 2] = ["double spectra", "other double spectra"];
const NOISE: [&str; 2] = ["noise", "other noise"];

fn number(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| too_many(n))
}

/// Signals that are worked on at once, of all that are asked for.
struct Chunk {
    signals: usize,
    first: usize,
    count: usize,
}

impl InWorkgroup {
    fn new(gpu: &Gpu, plan: &ScatteringPlan, fft: &WorkgroupFft, precision: Precision) -> Result<Self> {
        let storage = BufferUsages::STORAGE;
        let scalogram =
            |forward| Kernel::new::<ScalogramParams>(gpu, &scalogram_source(fft, precision, plan.pooling, forward));
        let (twiddles, taper) = match precision {
            Precision::Single => {
                (table(gpu, "twiddles", &twiddles(plan.bins), storage)?, table(gpu, "taper", &taper(plan), storage)?)
            }
            Precision::Double => (
                table(gpu, "double twiddles", &twiddles_double(plan.bins), storage)?,
                table(gpu, "double taper", &taper_double(plan), storage)?,
            ),
        };
        Ok(Self {
            teams: fft.teams,
            twiddles,
            taper,
            spectrum: Kernel::new::<SpectrumParams>(gpu, &spectrum_source(fft, precision))?,
            inner: if plan.layers.len() > 1 { Some(scalogram(true)?) } else { None },
            last: scalogram(false)?,
            nothing: table(gpu, "nothing", &[0u32; 4], storage)?,
        })
    }

    fn record_spectra(
        &self,
        rec: &mut Recorder,
        params: &SpectrumParams,
        series: &Series,
        spectra: &wgpu::Buffer,
        list: Option<&wgpu::Buffer>,
    ) -> Result<()> {
        let mut buffers =
            vec![("series", series.buffer), ("taper", &self.taper), ("twiddles", &self.twiddles), ("spectra", spectra)];
        buffers.extend(list.map(|list| ("list", list)));
        rec.dispatch(&self.spectrum, (params.signals as usize).div_ceil(self.teams), params, &buffers)
    }

    fn record_layer(&self, rec: &mut Recorder, pass: &LayerPass, list: Option<&wgpu::Buffer>) -> Result<()> {
        let kernel = self.inner.as_ref().filter(|_| pass.next.is_some()).unwrap_or(&self.last);
        let mut buffers = vec![
            ("spectra", pass.input),
            ("supports", pass.supports),
            ("filters", pass.filters),
            ("twiddles", &self.twiddles),
            ("coefficients", pass.coefficients),
            ("next", pass.next.unwrap_or(&self.nothing)),
        ];
        buffers.extend(list.map(|list| ("list", list)));
        rec.dispatch(kernel, (pass.paths() as usize).div_ceil(self.teams), &pass.params, &buffers)
    }
}

impl Layer {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "single precision tables")]
    fn new(gpu: &Gpu, plan: &ScatteringPlan, k: usize, double: bool) -> Result<Self> {
        let mut supports = Vec::new();
        let mut spectra = Vec::new();
        // Both precisions share the supports.
        let floor = if double { SPECTRUM_FLOOR_DOUBLE } else { SPECTRUM_FLOOR };
        for spectrum in plan.spectra(k).rows() {
            let largest = spectrum.iter().map(|z| z.norm()).fold(0.0, f64::max);
            let counts = |k: &usize| spectrum[*k].norm() > floor * largest;
            let first = (0..plan.bins).find(counts).unwrap_or(0);
            let after = (0..plan.bins).rev().find(counts).map_or(first, |k| k + 1);
            // The inverse transform does not normalise.
            let scale = 1.0 / plan.bins as f64;
            let at = spectra.len();
            spectra.extend((first..after).map(|k| [spectrum[k].re * scale, spectrum[k].im * scale]));
            supports.push([first as u32, (after - first) as u32, at as u32, 0]);
        }
        let single: Vec<[f32; 2]> = spectra.iter().map(|z| z.map(|v| v as f32)).collect();
        let storage = BufferUsages::STORAGE;
        // Every layer's scalograms are shifted by half their length once more.
        let back = (k + 1) * (plan.bins / 2) % plan.bins;
        Ok(Self {
            filters: supports.len(),
            supports: table(gpu, "supports", &supports, storage)?,
            spectra: table(gpu, "filters", &single, storage)?,
            double: if double { Some(table(gpu, "double filters", &spectra, storage)?) } else { None },
            pooled_from: (plan.pooled.start + plan.bins - back) % plan.bins,
        })
    }
}
