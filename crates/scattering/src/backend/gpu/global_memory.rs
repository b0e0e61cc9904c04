//! Transforms through device memory: lengths with large prime factors (by Bluestein's convolution), and lengths that do not
//! fit workgroup memory.

use scatterfall_lane_fft::planned::num_complex::Complex64;
use wgpu::BufferUsages;

use super::buffers::{Pool, table};
use super::device::{Caps, Gpu};
use super::fft::{radices, twiddles};
use super::kernels::{Kernel, Source};
use super::layer::{LayerPass, SCALE, Series, pooling_number, taper};
use super::params::{GlobalMemoryParams, SpectrumParams};
use super::recorder::Recorder;
use crate::options::Pooling;
use crate::plan::ScatteringPlan;
use crate::{Error, Result};

const GLOBAL_MEMORY: &str = include_str!("../../../../../shaders/global_memory.wgsl");
const LOAD: &str = include_str!("../../../../../shaders/global_memory_load.wgsl");
const RESULT: &str = include_str!("../../../../../shaders/global_memory_result.wgsl");
const SUM: &str = include_str!("../../../../../shaders/global_memory_sum.wgsl");
const BUTTERFLIES: &str = include_str!("../../../../../shaders/butterflies.wgsl");

/// global_memory.wgsl: invocations per workgroup; a test holds it against the shader.
pub(super) const GLOBAL_MEMORY_WG: usize = 256;

/// Bytes of one of the two buffers that transforms go back and forth between: enough transforms to fill any device.
const WORK_BYTES: u64 = 64 << 20;

/// Which lengths are transformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GlobalMemoryShape {
    /// Length of the transform that is asked for.
    n: usize,
    /// Length of those that are done.
    m: usize,
    /// Radices of `m`.
    radices: Vec<usize>,
}

impl GlobalMemoryShape {
    /// The way for `n` samples: directly where 2, 3 and 5 make it up, by a convolution otherwise.
    pub(super) fn new(n: usize) -> Self {
        let smooth = |m: usize| radices(m).filter(|r| r.iter().all(|r| [2, 3, 4, 5, 8].contains(r)));
        if let Some(radices) = smooth(n) {
            return Self { n, m: n, radices };
        }
        // There is a power of two before twice as far.
        let found = (2 * n - 1..4 * n).find_map(|m| smooth(m).map(|r| (m, r)));
        let (m, radices) = found.unwrap_or((n, Vec::new()));
        Self { n, m, radices }
    }

    fn is_bluestein(&self) -> bool {
        self.m != self.n
    }

    #[expect(clippy::cast_possible_truncation, reason = "lengths are below 2^26")]
    fn constants(&self) -> Vec<(&'static str, u32)> {
        vec![("N", self.n as u32), ("M", self.m as u32), ("BLUESTEIN", u32::from(self.is_bluestein()))]
    }

    /// A kernel of this shape.
    fn source(&self, name: &'static str, parts: &[&str], more: &[(&'static str, u32)]) -> Source {
        let mut constants = self.constants();
        constants.extend_from_slice(more);
        Source::new(name, &constants, &[&[GLOBAL_MEMORY], parts].concat(), "")
    }

    pub(super) fn samples(&self) -> Source {
        self.source(
            "global_memory_samples",
            &[SCALE, LOAD, SUM, include_str!("../../../../../shaders/global_memory_samples.wgsl")],
            &[],
        )
    }
    pub(super) fn columns(&self) -> Source {
        self.source(
            "global_memory_columns",
            &[LOAD, include_str!("../../../../../shaders/global_memory_columns.wgsl")],
            &[],
        )
    }
    pub(super) fn product(&self) -> Source {
        self.source(
            "global_memory_product",
            &[LOAD, include_str!("../../../../../shaders/global_memory_product.wgsl")],
            &[],
        )
    }
    #[expect(clippy::cast_possible_truncation, reason = "radices are small")]
    pub(super) fn step(&self, radix: usize) -> Source {
        // Slots for the largest butterfly, whichever is used.
        let more = [("RADIX", radix as u32), ("SLOTS", 8)];
        self.source(
            "global_memory_step",
            &[BUTTERFLIES, include_str!("../../../../../shaders/global_memory_step.wgsl")],
            &more,
        )
    }
    pub(super) fn convolve(&self) -> Source {
        self.source(
            "global_memory_convolve",
            &[include_str!("../../../../../shaders/global_memory_convolve.wgsl")],
            &[],
        )
    }
    pub(super) fn pool(&self, pooling: Pooling) -> Source {
        let more = [("POOLING", pooling_number(pooling))];
        self.source(
            "global_memory_pool",
            &[RESULT, SUM, include_str!("../../../../../shaders/global_memory_pool.wgsl")],
            &more,
        )
    }
    pub(super) fn moduli(&self) -> Source {
        self.source(
            "global_memory_moduli",
            &[LOAD, include_str!("../../../../../shaders/global_memory_moduli.wgsl")],
            &[],
        )
    }
    pub(super) fn half(&self) -> Source {
        self.source(
            "global_memory_half",
            &[RESULT, include_str!("../../../../../shaders/global_memory_half.wgsl")],
            &[],
        )
    }
    pub(super) fn peak(&self, planes: &str, peak: &str) -> Source {
        self.source(
            "global_memory_peak",
            &[planes, peak, RESULT, include_str!("../../../../../shaders/global_memory_peak.wgsl")],
            &[],
        )
    }
}

/// Kernels and tables of one length.
pub(super) struct GlobalMemoryFft {
    shape: GlobalMemoryShape,
    /// The kernels of the radices, each once.
    steps: Vec<(usize, Kernel)>,
    twiddles: wgpu::Buffer,
    pub(super) chirps: wgpu::Buffer,
    convolution: Option<(Kernel, wgpu::Buffer)>,
}

impl GlobalMemoryFft {
    pub(super) fn new(gpu: &Gpu, shape: GlobalMemoryShape) -> Result<Self> {
        if 8 * shape.m as u64 > gpu.caps.binding_bytes {
            let (size, limit) = (8 * shape.m as u64, gpu.caps.binding_bytes);
            let what = format!("a transform of {} samples", shape.n);
            return Err(Error::DeviceLimit { what, size: size.div_ceil(1 << 20), limit: limit >> 20, unit: "MiB" });
        }
        let mut steps: Vec<(usize, Kernel)> = Vec::new();
        for &radix in &shape.radices {
            if steps.iter().all(|(r, _)| *r != radix) {
                steps.push((radix, Kernel::new::<GlobalMemoryParams>(gpu, &shape.step(radix))?));
            }
        }
        let (chirps, spectrum) = chirps(&shape);
        let convolution = if shape.is_bluestein() {
            let spectrum = table(gpu, "chirp spectrum", &spectrum, BufferUsages::STORAGE)?;
            Some((Kernel::new::<GlobalMemoryParams>(gpu, &shape.convolve())?, spectrum))
        } else {
            None
        };
        Ok(Self {
            steps,
            twiddles: table(gpu, "long twiddles", &twiddles(shape.m), BufferUsages::STORAGE)?,
            chirps: table(gpu, "chirps", &chirps, BufferUsages::STORAGE)?,
            convolution,
            shape,
        })
    }

    /// Transforms that are worked on at once.
    pub(super) fn tile(&self, caps: &Caps) -> usize {
        usize::try_from(WORK_BYTES.min(caps.binding_bytes) / (8 * self.shape.m as u64)).unwrap_or(1).max(1)
    }

    /// The two buffers for `transforms` transforms.
    pub(super) fn work(&self, gpu: &Gpu, pool: &mut Pool, transforms: usize) -> Result<[wgpu::Buffer; 2]> {
        let bytes = 8 * (transforms * self.shape.m) as u64;
        Ok([pool.get(gpu, "work", bytes)?, pool.get(gpu, "other work", bytes)?])
    }

    /// Workgroups for an invocation an element.
    pub(super) fn groups(&self, transforms: usize) -> usize {
        (transforms * self.shape.m).div_ceil(GLOBAL_MEMORY_WG)
    }

    /// Transforms what is in the first buffer; returns the buffer of the results, then the other one.
    pub(super) fn run(
        &self,
        rec: &mut Recorder,
        params: &GlobalMemoryParams,
        [mut from, mut to]: [wgpu::Buffer; 2],
    ) -> Result<[wgpu::Buffer; 2]> {
        let transforms = params.transforms as usize;
        for round in 0..=usize::from(self.convolution.is_some()) {
            if round == 1
                && let Some((kernel, spectrum)) = &self.convolution
            {
                let buffers = [("chirp_spectrum", spectrum), ("work", &from)];
                rec.dispatch(kernel, self.groups(transforms), params, &buffers)?;
            }
            let mut stride = 1;
            for radix in &self.shape.radices {
                let Some((_, kernel)) = self.steps.iter().find(|(r, _)| r == radix) else { continue };
                let groups = (transforms * self.shape.m / radix).div_ceil(GLOBAL_MEMORY_WG);
                let buffers = [("source", &from), ("twiddles", &self.twiddles), ("destination", &to)];
                rec.dispatch(kernel, groups, &GlobalMemoryParams { stride, ..*params }, &buffers)?;
                stride *= u32::try_from(*radix).unwrap_or(1);
                std::mem::swap(&mut from, &mut to);
            }
        }
        Ok([from, to])
    }
}

/// `exp(-pi i k^2 / n)`, and the transform of the chirp that the convolution takes, over `m`; empty where there is none.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "single precision tables")]
fn chirps(shape: &GlobalMemoryShape) -> (Vec<[f32; 2]>, Vec<[f32; 2]>) {
    if !shape.is_bluestein() {
        return (Vec::new(), Vec::new());
    }
    let (n, m) = (shape.n, shape.m);
    let chirp = |k: usize| {
        // k^2 modulo the period, in whole numbers: the angle of a large k would lose its digits.
        let angle = std::f64::consts::PI * (k as u128 * k as u128 % (2 * n as u128)) as f64 / n as f64;
        Complex64::new(angle.cos(), -angle.sin())
    };
    let mut kernel = vec![Complex64::default(); m];
    for k in 0..n {
        kernel[k] = chirp(k).conj() / m as f64;
        kernel[(m - k) % m] = kernel[k];
    }
    scatterfall_lane_fft::planned::forward(m).process(&mut kernel);
    let single = |z: Complex64| [z.re as f32, z.im as f32];
    ((0..n).map(|k| single(chirp(k))).collect(), kernel.into_iter().map(single).collect())
}

/// The scattering transform's kernels for long segments.
pub(super) struct GlobalMemoryScatter {
    fft: GlobalMemoryFft,
    samples: Kernel,
    product: Kernel,
    pool: Kernel,
    moduli: Kernel,
    half: Kernel,
    taper: wgpu::Buffer,
    /// global_memory_half.wgsl's taper of layers that have none.
    flat: wgpu::Buffer,
}

impl GlobalMemoryScatter {
    pub(super) fn new(gpu: &Gpu, plan: &ScatteringPlan) -> Result<Self> {
        let shape = GlobalMemoryShape::new(plan.bins);
        let flat = taper(&ScatteringPlan { taper: None, layers: Vec::new(), ..plan.clone() });
        Ok(Self {
            samples: Kernel::new::<SpectrumParams>(gpu, &shape.samples())?,
            product: Kernel::new::<GlobalMemoryParams>(gpu, &shape.product())?,
            pool: Kernel::new::<GlobalMemoryParams>(gpu, &shape.pool(plan.pooling))?,
            moduli: Kernel::new::<GlobalMemoryParams>(gpu, &shape.moduli())?,
            half: Kernel::new::<GlobalMemoryParams>(gpu, &shape.half())?,
            taper: table(gpu, "taper", &taper(plan), BufferUsages::STORAGE)?,
            flat: table(gpu, "flat", &flat, BufferUsages::STORAGE)?,
            fft: GlobalMemoryFft::new(gpu, shape)?,
        })
    }

    /// Spectra of signals, tile by tile.
    pub(super) fn record_spectra(
        &self,
        rec: &mut Recorder,
        gpu: &Gpu,
        pool: &mut Pool,
        params: &SpectrumParams,
        series: &Series,
        spectra: &wgpu::Buffer,
    ) -> Result<()> {
        for (first, count) in tiles(params.signals, self.fft.tile(&gpu.caps)) {
            let work = self.fft.work(gpu, pool, count as usize)?;
            let levels = pool.get(gpu, "levels", 8 * u64::from(count))?;
            let own = SpectrumParams { signals: count, first: params.first + first, ..*params };
            let buffers = [
                ("series", series.buffer),
                ("taper", &self.taper),
                ("chirps", &self.fft.chirps),
                ("work", &work[0]),
                ("levels", &levels),
            ];
            rec.dispatch(&self.samples, count as usize, &own, &buffers)?;
            let params = GlobalMemoryParams { transforms: count, first, ..GlobalMemoryParams::default() };
            let [results, _] = self.fft.run(rec, &params, work)?;
            self.record_half(rec, &params, &results, &levels, &self.taper, spectra)?;
        }
        Ok(())
    }

    fn record_half(
        &self,
        rec: &mut Recorder,
        params: &GlobalMemoryParams,
        results: &wgpu::Buffer,
        levels: &wgpu::Buffer,
        taper: &wgpu::Buffer,
        spectra: &wgpu::Buffer,
    ) -> Result<()> {
        let elements = params.transforms as usize * (self.fft.shape.n / 2 + 1);
        let buffers = [
            ("work", results),
            ("levels", levels),
            ("taper", taper),
            ("chirps", &self.fft.chirps),
            ("spectra", spectra),
        ];
        rec.dispatch(&self.half, elements.div_ceil(GLOBAL_MEMORY_WG), params, &buffers)
    }

    /// One layer's paths, tile by tile.
    pub(super) fn record_layer(&self, rec: &mut Recorder, gpu: &Gpu, pool: &mut Pool, pass: &LayerPass) -> Result<()> {
        let p = &pass.params;
        let chirps = &self.fft.chirps;
        for (first, count) in tiles(pass.paths(), self.fft.tile(&gpu.caps)) {
            let work = self.fft.work(gpu, pool, count as usize)?;
            let levels = pool.get(gpu, "levels", 8 * u64::from(count))?;
            let params = GlobalMemoryParams {
                transforms: count,
                first,
                stride: 1,
                filters: p.filters,
                pooled_from: p.pooled_from,
                pooled_count: p.pooled_count,
                out: p.out,
                columns: 0,
            };
            let layer =
                [("spectra", pass.input), ("supports", pass.supports), ("filters", pass.filters), ("chirps", chirps)];
            let buffers = [&layer[..], &[("work", &work[0])]].concat();
            rec.dispatch(&self.product, self.fft.groups(count as usize), &params, &buffers)?;
            let [results, other] = self.fft.run(rec, &params, work)?;
            let outputs = [("work", &results), ("coefficients", pass.coefficients), ("levels", &levels)];
            rec.dispatch(&self.pool, count as usize, &params, &[&layer[..], &outputs].concat())?;
            if let Some(next) = pass.next {
                let buffers = [("moduli", &results), ("levels", &levels), ("chirps", chirps), ("work", &other)];
                rec.dispatch(&self.moduli, self.fft.groups(count as usize), &params, &buffers)?;
                let [results, _] = self.fft.run(rec, &params, [other, results])?;
                self.record_half(rec, &params, &results, &levels, &self.flat, next)?;
            }
        }
        Ok(())
    }
}

/// Firsts and counts of tiles of at most `most`.
pub(super) fn tiles(all: u32, most: usize) -> impl Iterator<Item = (u32, u32)> {
    let most = u32::try_from(most).unwrap_or(u32::MAX).max(1);
    (0..all).step_by(most as usize).map(move |first| (first, most.min(all - first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let smooth = GlobalMemoryShape::new(65_536);
        assert_eq!((smooth.m, smooth.is_bluestein()), (65_536, false), "as it is");
        let prime = GlobalMemoryShape::new(10_007);
        assert!(prime.m >= 2 * 10_007 - 1 && prime.m < 20_500, "the next smooth length: {prime:?}");
        for n in 1..500 {
            let shape = GlobalMemoryShape::new(n);
            assert_eq!(shape.radices.iter().product::<usize>(), shape.m, "{shape:?}");
        }
    }

    #[test]
    fn tiles_cover_everything_once() {
        assert_eq!(tiles(7, 3).collect::<Vec<_>>(), [(0, 3), (3, 3), (6, 1)], "a rest");
        assert_eq!(tiles(0, 3).count(), 0, "nothing");
    }
}
