//! From series of samples to pooled coefficients: the kernels of one scattering plan and their dispatches.

use wgpu::BufferUsages;

use super::buffers::{Pool, table};
use super::device::{Caps, Gpu};
use super::fft::{WorkgroupFft, twiddles};
use super::kernels::{Kernel, Source};
use super::long::LongScatter;
use super::params::{ScalogramParams, SpectrumParams};
use super::recorder::Recorder;
use crate::config::{Oversampling, Pooling};
use crate::error::{Error, Result};
use crate::plan::ScatteringPlan;

const BUTTERFLIES: &str = include_str!("../../../shaders/butterflies.wgsl");
const FFT: &str = include_str!("../../../shaders/fft.wgsl");
pub(super) const SCALE: &str = include_str!("../../../shaders/scale.wgsl");
const POOL: &str = include_str!("../../../shaders/pool.wgsl");

/// pool.wgsl: counters a transform, in words of workgroup memory; a test holds it against the shader.
pub(super) const COUNTERS: usize = 129;

/// Part of a filter's largest spectral value below which its spectrum counts as zero: far below what single precision
/// resolves in the sum.
const SPECTRUM_FLOOR: f64 = 1e-10;

/// Bytes of spectra between layers that are worked on at once: enough to fill any device, little beside its memory.
const SPECTRA_BYTES: u64 = 256 << 20;

/// The transform of segments of `bins` samples.
pub(super) fn segment_fft(bins: usize, caps: &Caps) -> Option<WorkgroupFft> {
    WorkgroupFft::new(bins, caps, COUNTERS)
}

/// The spectrum of a segment's channel.
pub(super) fn spectrum_source(fft: &WorkgroupFft) -> Source {
    let parts = [SCALE, BUTTERFLIES, FFT, include_str!("../../../shaders/spectrum.wgsl")];
    Source::new("spectrum", &fft.constants(), &parts, &fft.program())
}

/// One filter of a layer; `forward`: another layer follows.
pub(super) fn scalogram_source(fft: &WorkgroupFft, pooling: Pooling, forward: bool) -> Source {
    let mut constants = fft.constants();
    constants.push(("POOLING", pooling_number(pooling)));
    constants.push(("FORWARD", u32::from(forward)));
    let parts = [BUTTERFLIES, FFT, POOL, include_str!("../../../shaders/scalogram.wgsl")];
    Source::new("scalogram", &constants, &parts, &fft.program())
}

/// pool.wgsl's number.
pub(super) fn pooling_number(pooling: Pooling) -> u32 {
    match pooling {
        Pooling::Median => 0,
        Pooling::Mean => 1,
        Pooling::Max => 2,
    }
}

/// Where samples lie in a device buffer: `[image, window, channel]` of features, or `[segment, channel, sample]`.
pub(super) struct Series<'a> {
    pub(super) buffer: &'a wgpu::Buffer,
    /// Segments an image.
    pub(super) segments: usize,
    pub(super) image_stride: usize,
    pub(super) segment_stride: usize,
    pub(super) channel_stride: usize,
    pub(super) sample_stride: usize,
}

/// One layer's filters on the device.
struct Layer {
    filters: usize,
    /// Place and length of each filter's spectrum.
    supports: wgpu::Buffer,
    spectra: wgpu::Buffer,
    /// First pooled sample of this layer's scalograms, before they are shifted.
    pooled_from: usize,
}

/// One layer's paths, for one chunk of signals.
pub(super) struct LayerPass<'a> {
    pub(super) params: ScalogramParams,
    pub(super) supports: &'a wgpu::Buffer,
    pub(super) filters: &'a wgpu::Buffer,
    /// Spectra of the layer's inputs.
    pub(super) input: &'a wgpu::Buffer,
    /// Where those of the next layer's go, if there is one.
    pub(super) next: Option<&'a wgpu::Buffer>,
    pub(super) coefficients: &'a wgpu::Buffer,
}

/// Kernels and tables of one plan.
pub(super) struct ScatterStage {
    bins: usize,
    channels: usize,
    pooled: usize,
    layers: Vec<Layer>,
    /// Coefficients a signal of each order from 1.
    widths: Vec<usize>,
    taper: wgpu::Buffer,
    way: Way,
}

/// Where transforms take place.
#[expect(clippy::large_enum_variant, reason = "one a plan")]
enum Way {
    /// In workgroup memory, from spectrum to pooled value.
    Workgroup(InWorkgroup),
    /// Step by step through device memory.
    Long(LongScatter),
}

struct InWorkgroup {
    teams: usize,
    twiddles: wgpu::Buffer,
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
            return Err(Error::config(
                "network.oversampling",
                "1, 2 or 4",
                "\"full\" on the GPU; or use --backend cpu",
            ));
        }
        let way = match segment_fft(plan.bins, &gpu.caps) {
            Some(fft) => Way::Workgroup(InWorkgroup::new(gpu, plan, &fft)?),
            None => Way::Long(LongScatter::new(gpu, plan)?),
        };
        Ok(Self {
            bins: plan.bins,
            channels: plan.channels,
            pooled: plan.pooled.len(),
            layers: (0..plan.layers.len()).map(|k| Layer::new(gpu, plan, k)).collect::<Result<Vec<_>>>()?,
            widths: plan.widths()[usize::from(plan.order_0)..].to_vec(),
            taper: table(gpu, "taper", &taper(plan), BufferUsages::STORAGE)?,
            way,
        })
    }

    /// Coefficients of all orders from 1 that one signal has.
    pub(super) fn coefficients(plan: &ScatteringPlan) -> usize {
        plan.widths()[usize::from(plan.order_0)..].iter().sum()
    }

    /// Bytes of a signal's spectra: the largest layer's, and all together.
    fn spectra_bytes(&self) -> [u64; 2] {
        let half = 8 * (self.bins as u64 / 2 + 1);
        let inner = &self.widths[..self.layers.len() - 1];
        let largest = inner.iter().copied().max().unwrap_or(1).max(1) as u64;
        [half * largest, half * (1 + inner.iter().sum::<usize>() as u64)]
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
        /// Layers take turns reading one of these and writing the other.
        const SPECTRA: [&str; 2] = ["spectra", "other spectra"];
        let number = |n: usize| u32::try_from(n).map_err(|_| Error::Device(format!("{n} is too large for the device")));
        let half = self.bins / 2 + 1;
        let mut input = pool.get(gpu, SPECTRA[0], (8 * half * chunk.count) as u64)?;
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
        match &self.way {
            Way::Workgroup(way) => way.record_spectra(rec, &params, series, &self.taper, &input)?,
            Way::Long(way) => way.record_spectra(rec, gpu, pool, &params, series, &self.taper, &input)?,
        }
        let mut order_at = 0;
        for (k, (layer, &width)) in self.layers.iter().zip(&self.widths).enumerate() {
            let paths = chunk.count * width;
            let next = if k + 1 < self.layers.len() {
                Some(pool.get(gpu, SPECTRA[(k + 1) % 2], (8 * half * paths) as u64)?)
            } else {
                None
            };
            let pass = LayerPass {
                params: ScalogramParams {
                    paths: number(paths)?,
                    first: 0,
                    filters: number(layer.filters)?,
                    pooled_from: number(layer.pooled_from)?,
                    pooled_count: number(self.pooled)?,
                    out: number(order_at + chunk.first * width)?,
                },
                supports: &layer.supports,
                filters: &layer.spectra,
                input: &input,
                next: next.as_ref(),
                coefficients,
            };
            match &self.way {
                Way::Workgroup(way) => way.record_layer(rec, &pass)?,
                Way::Long(way) => way.record_layer(rec, gpu, pool, &pass)?,
            }
            order_at += chunk.signals * width;
            if let Some(next) = next {
                input = next;
            }
        }
        Ok(())
    }
}

/// Signals that are worked on at once, of all that are asked for.
struct Chunk {
    signals: usize,
    first: usize,
    count: usize,
}

impl InWorkgroup {
    fn new(gpu: &Gpu, plan: &ScatteringPlan, fft: &WorkgroupFft) -> Result<Self> {
        let scalogram = |forward| Kernel::new::<ScalogramParams>(gpu, &scalogram_source(fft, plan.pooling, forward));
        Ok(Self {
            teams: fft.teams,
            twiddles: table(gpu, "twiddles", &twiddles(plan.bins), BufferUsages::STORAGE)?,
            spectrum: Kernel::new::<SpectrumParams>(gpu, &spectrum_source(fft))?,
            inner: if plan.layers.len() > 1 { Some(scalogram(true)?) } else { None },
            last: scalogram(false)?,
            nothing: table(gpu, "nothing", &[0u32; 4], BufferUsages::STORAGE)?,
        })
    }

    fn record_spectra(
        &self,
        rec: &mut Recorder,
        params: &SpectrumParams,
        series: &Series,
        taper: &wgpu::Buffer,
        spectra: &wgpu::Buffer,
    ) -> Result<()> {
        let buffers = [("series", series.buffer), ("taper", taper), ("twiddles", &self.twiddles), ("spectra", spectra)];
        rec.dispatch(&self.spectrum, (params.signals as usize).div_ceil(self.teams), params, &buffers)
    }

    fn record_layer(&self, rec: &mut Recorder, pass: &LayerPass) -> Result<()> {
        let kernel = self.inner.as_ref().filter(|_| pass.next.is_some()).unwrap_or(&self.last);
        let buffers = [
            ("spectra", pass.input),
            ("supports", pass.supports),
            ("filters", pass.filters),
            ("twiddles", &self.twiddles),
            ("coefficients", pass.coefficients),
            ("next", pass.next.unwrap_or(&self.nothing)),
        ];
        rec.dispatch(kernel, (pass.params.paths as usize).div_ceil(self.teams), &pass.params, &buffers)
    }
}

impl Layer {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "single precision tables")]
    fn new(gpu: &Gpu, plan: &ScatteringPlan, k: usize) -> Result<Self> {
        let mut supports = Vec::new();
        let mut spectra = Vec::new();
        for spectrum in plan.spectra(k).rows() {
            let largest = spectrum.iter().map(|z| z.norm()).fold(0.0, f64::max);
            let counts = |k: &usize| spectrum[*k].norm() > SPECTRUM_FLOOR * largest;
            let first = (0..plan.bins).find(counts).unwrap_or(0);
            let after = (0..plan.bins).rev().find(counts).map_or(first, |k| k + 1);
            // The inverse transform does not normalise.
            let scale = 1.0 / plan.bins as f64;
            let at = spectra.len();
            spectra.extend((first..after).map(|k| [(spectrum[k].re * scale) as f32, (spectrum[k].im * scale) as f32]));
            supports.push([first as u32, (after - first) as u32, at as u32, 0]);
        }
        // Every layer's scalograms are shifted by half their length once more.
        let back = (k + 1) * (plan.bins / 2) % plan.bins;
        Ok(Self {
            filters: supports.len(),
            supports: table(gpu, "supports", &supports, BufferUsages::STORAGE)?,
            spectra: table(gpu, "filters", &spectra, BufferUsages::STORAGE)?,
            pooled_from: (plan.pooled.start + plan.bins - back) % plan.bins,
        })
    }
}

/// spectrum.wgsl's table: the taper, and its transform in double precision.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "single precision tables")]
pub(super) fn taper(plan: &ScatteringPlan) -> Vec<[f32; 4]> {
    use scatterfall_fft::num_complex::Complex64;
    let Some(taper) = &plan.taper else {
        let mut out = vec![[1.0, 0.0, 0.0, 0.0]; plan.bins];
        out[0][1] = plan.bins as f32;
        return out;
    };
    let mut spectrum: Vec<Complex64> = taper.iter().map(|&t| t.into()).collect();
    scatterfall_fft::forward(plan.bins).process(&mut spectrum);
    taper.iter().zip(spectrum).map(|(&t, z)| [t as f32, z.re as f32, z.im as f32, 0.0]).collect()
}
