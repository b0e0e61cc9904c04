//! The scattering transform: a layer convolves its input with every filter, takes moduli, pools them, and hands them on.
//!
//! Several signals (a segment's channel each) are worked on side by side, one a lane of the vector unit, through all
//! layers: no data ever moves between lanes, so every signal's numbers are the same whatever its neighbours are.
//! Each signal is first scaled by a power of two (exact, undone at the end), so that squares neither overflow nor vanish.

use std::sync::Arc;

use ndarray::{Array2, Axis};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use scatterfall_fft::RealToComplex;
use scatterfall_fft::num_complex::Complex64;

use super::lanes::{Buffers, LaneFft};
use super::pool::pool_lanes;
use crate::batch::{CoefficientBlock, SegmentBlock};
use crate::config::Pooling;
use crate::plan::{ORDER_0_VALUES, ScatteringPlan};

/// Signals a task: a multiple of every vector length.
const GROUP: usize = 16;

/// Longest segment whose lanes (of 8) stay within a second-level cache; longer ones go one by one.
const LONGEST_IN_LANES: usize = 8192;

/// Part of a filter's largest spectral value below which its spectrum counts as zero: what double precision cannot
/// tell from rounding in the sum.
const SPECTRUM_FLOOR: f64 = 1e-16;

/// Tables of one plan.
pub struct ScatteringKernel {
    bins: usize,
    channels: usize,
    /// `None`: scalograms are kept sample by sample.
    pooling: Option<Pooling>,
    order_0: bool,
    /// Coefficients a channel, an order.
    widths: Vec<usize>,
    /// Values of a path: 1 where it is pooled.
    values: usize,
    taper: Option<Vec<f64>>,
    layers: Vec<Layer>,
    /// Transform of the segments themselves, which are real.
    input_fft: Arc<dyn RealToComplex<f64>>,
    fft: LaneFft,
    in_lanes: bool,
}

struct Layer {
    filters: Vec<Filter>,
    /// Samples that are pooled, in the order in which this layer's moduli come (which is not shifted).
    pooled: Vec<std::ops::Range<usize>>,
}

struct Filter {
    /// First bin of the spectrum that is not zero.
    first: usize,
    /// The spectrum from there on, over the number of bins (the inverse transform does not normalise).
    spectrum: Vec<(f64, f64)>,
}

impl ScatteringKernel {
    /// Tables for `plan`.
    pub fn new(plan: &ScatteringPlan) -> Self {
        Self::with_pooling(plan, Some(plan.pooling))
    }

    /// Tables for `plan` without its pooling and order 0: the coefficients of a path are the samples of its scalogram
    /// (shifted so that they stand at their own time, and only those where the taper is 1).
    pub fn unpooled(plan: &ScatteringPlan) -> Self {
        Self::with_pooling(&ScatteringPlan { order_0: false, ..plan.clone() }, None)
    }

    fn with_pooling(plan: &ScatteringPlan, pooling: Option<Pooling>) -> Self {
        let in_lanes = plan.bins <= LONGEST_IN_LANES && LaneFft::suits(plan.bins);
        let layers = (0..plan.layers.len())
            .map(|k| Layer {
                filters: plan
                    .spectra(k)
                    .rows()
                    .into_iter()
                    .map(|row| Filter::new(row.as_slice().unwrap_or(&[])))
                    .collect(),
                pooled: unshifted(&plan.pooled, plan.bins, k + 1),
            })
            .collect();
        Self {
            bins: plan.bins,
            channels: plan.channels,
            pooling,
            order_0: plan.order_0,
            widths: plan.widths(),
            values: if pooling.is_some() { 1 } else { plan.pooled.len() },
            taper: plan.taper.clone(),
            layers,
            input_fft: scatterfall_fft::real(plan.bins),
            fft: LaneFft::new(plan.bins, !in_lanes),
            in_lanes,
        }
    }

    /// Coefficients of `[segment, channel, sample]`.
    pub fn transform(&self, segments: &SegmentBlock) -> CoefficientBlock {
        let rows = segments.dim().0;
        let mut orders: Vec<Array2<f32>> =
            self.widths.iter().map(|w| Array2::zeros((rows, self.channels * w * self.values))).collect();
        self.transform_into(rows, &mut orders, |row, channel, samples| {
            let source = segments.index_axis(Axis(0), row);
            samples.iter_mut().zip(source.row(channel)).for_each(|(s, v)| *s = *v);
        });
        CoefficientBlock { orders }
    }

    /// Coefficients of `rows` segments whose samples `fill(row, channel, samples)` writes.
    pub(super) fn transform_into(
        &self,
        rows: usize,
        orders: &mut [Array2<f32>],
        fill: impl Fn(usize, usize, &mut [f32]) + Sync,
    ) {
        let signals = rows * self.channels;
        // A row of an order is its channels' coefficients one after another, so signals are contiguous in every order.
        let mut groups: Vec<Vec<&mut [f32]>> = (0..signals.div_ceil(GROUP)).map(|_| Vec::new()).collect();
        for (order, width) in orders.iter_mut().zip(&self.widths) {
            if let Some(values) = order.as_slice_mut() {
                groups
                    .iter_mut()
                    .zip(values.chunks_mut(GROUP * width * self.values))
                    .for_each(|(g, chunk)| g.push(chunk));
            }
        }
        let arch = pulp::Arch::new();
        groups.into_par_iter().enumerate().for_each_init(Workspace::default, |workspace, (group, mut out)| {
            let first = group * GROUP;
            let count = GROUP.min(signals - first);
            let fill = |signal: usize, samples: &mut [f32]| {
                fill((first + signal) / self.channels, (first + signal) % self.channels, samples);
            };
            let task = Task { kernel: self, workspace, count, out: &mut out, fill: &fill };
            if self.in_lanes { arch.dispatch(task) } else { task.with_simd(pulp::Scalar::new()) }
        });
    }
}

impl ScatteringKernel {
    /// Spectrum of the workspace's signal over `scale`, tapered: bins from 0 to half.
    fn input_spectrum(&self, w: &mut Workspace, scale: f32) {
        for (k, (x, s)) in w.input.iter_mut().zip(&w.signal).enumerate() {
            *x = f64::from(*s) / f64::from(scale) * self.taper.as_ref().map_or(1.0, |t| t[k]);
        }
        // The buffers have the plan's own lengths, so this cannot fail.
        let done = self.input_fft.process_with_scratch(&mut w.input, &mut w.input_spectrum, &mut w.input_fft);
        debug_assert!(done.is_ok(), "buffers of other lengths than the plan's");
    }
}

/// Writes a real signal's half spectrum to one lane of a whole one of `n` bins.
fn spread(half: &[Complex64], n: usize, lanes: usize, lane: usize, re: &mut [f64], im: &mut [f64]) {
    for (k, z) in half.iter().enumerate() {
        let mirror = (n - k) % n;
        (re[mirror * lanes + lane], im[mirror * lanes + lane]) = (z.re, -z.im);
        (re[k * lanes + lane], im[k * lanes + lane]) = (z.re, z.im);
    }
}

impl Filter {
    #[expect(clippy::cast_precision_loss, reason = "bins are far below 2^53")]
    fn new(spectrum: &[Complex64]) -> Self {
        let largest = spectrum.iter().map(|z| z.norm()).fold(0.0, f64::max);
        let counts = |z: &Complex64| z.norm() > SPECTRUM_FLOOR * largest;
        let first = spectrum.iter().position(counts).unwrap_or(0);
        let after = spectrum.iter().rposition(counts).map_or(0, |k| k + 1);
        let scale = 1.0 / spectrum.len() as f64;
        let kept = &spectrum[first..after.max(first)];
        Self { first, spectrum: kept.iter().map(|z| (z.re * scale, z.im * scale)).collect() }
    }
}

/// Where the samples `pooled` of a scalogram lie before `shifts` fftshifts (each by half the bins, rounded down).
fn unshifted(pooled: &std::ops::Range<usize>, bins: usize, shifts: usize) -> Vec<std::ops::Range<usize>> {
    let back = shifts * (bins / 2) % bins;
    let from = (pooled.start + bins - back) % bins;
    let to = from + pooled.len();
    let rest = 0..to.saturating_sub(bins);
    let mut ranges = vec![from..to.min(bins), rest];
    ranges.retain(|r| !r.is_empty());
    ranges
}

/// Buffers of one thread.
#[derive(Default)]
struct Workspace {
    /// One signal's samples, and as they are transformed.
    signal: Vec<f32>,
    input: Vec<f64>,
    input_spectrum: Vec<Complex64>,
    input_fft: Vec<Complex64>,
    /// Spectrum of each layer's input, real and imaginary.
    spectra: Vec<[Vec<f64>; 2]>,
    /// Two complex buffers that transforms go back and forth between.
    work: [Vec<f64>; 4],
    /// Squared moduli.
    power: Vec<f32>,
    /// Those of them that are pooled.
    pooled: Vec<f32>,
    fft: Vec<Complex64>,
}

/// One group of signals, compiled for the vector unit at hand.
struct Task<'a, F> {
    kernel: &'a ScatteringKernel,
    workspace: &'a mut Workspace,
    count: usize,
    /// This group's part of every order.
    out: &'a mut [&'a mut [f32]],
    fill: &'a F,
}

impl<F: Fn(usize, &mut [f32])> WithSimd for Task<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { kernel, workspace: w, count, out, fill } = self;
        let (n, lanes) = (kernel.bins, S::F32_LANES);
        let floats = n * lanes;
        w.signal.resize(n, 0.0);
        w.spectra.resize_with(kernel.layers.len(), Default::default);
        for buffer in w.spectra.iter_mut().flatten().chain(&mut w.work) {
            buffer.resize(floats, 0.0);
        }
        w.power.resize(floats, 0.0);
        w.input.resize(n, 0.0);
        w.input_spectrum.resize(n / 2 + 1, Complex64::default());
        w.input_fft.resize(kernel.input_fft.get_scratch_len(), Complex64::default());
        w.fft.resize(kernel.fft.scratch_len(), Complex64::default());
        let scattered = usize::from(kernel.order_0);

        for first in (0..count).step_by(lanes) {
            let here = lanes.min(count - first);
            let mut scale = [1.0f32; GROUP];
            let [re, im] = &mut w.spectra[0];
            // Lanes without a signal hold zeros.
            re.fill(0.0);
            im.fill(0.0);
            for (lane, scale) in scale.iter_mut().enumerate().take(here) {
                let signal = first + lane;
                fill(signal, &mut w.signal);
                if kernel.order_0 {
                    let values = order_0(&w.signal);
                    out[0][signal * ORDER_0_VALUES..(signal + 1) * ORDER_0_VALUES].copy_from_slice(&values);
                }
                *scale = power_of_two_below(&w.signal);
                if scale.is_finite() {
                    kernel.input_spectrum(w, *scale);
                    let [re, im] = &mut w.spectra[0];
                    // The signals of a group fill one block of double-precision lanes after another.
                    let block = lane / S::F64_LANES * n * S::F64_LANES..;
                    let (re, im) = (&mut re[block.clone()], &mut im[block]);
                    spread(&w.input_spectrum, n, S::F64_LANES, lane % S::F64_LANES, re, im);
                }
            }
            let mut filters = vec![0; kernel.layers.len()];
            let mut path = 0;
            let mut depth = 0;
            // An odometer over the paths: a recursion that the compiler can flatten into this vector unit's code.
            loop {
                let layer = &kernel.layers[depth];
                if filters[depth] == layer.filters.len() {
                    if depth == 0 {
                        break;
                    }
                    depth -= 1;
                    // The path has counted past this layer's last filter, so the quotient is already the next one.
                    path /= layer.filters.len();
                    filters[depth] += 1;
                    continue;
                }
                convolve(simd, kernel, w, depth, &layer.filters[filters[depth]]);
                let width = kernel.widths[scattered + depth];
                let out = &mut out[scattered + depth];
                match kernel.pooling {
                    Some(pooling) => {
                        let mut pooled = [0.0; GROUP];
                        pool_lanes(simd, kept::<S>(w, layer), pooling, &mut pooled[..lanes]);
                        for lane in 0..here {
                            out[(first + lane) * width + path] = pooled[lane] * scale[lane];
                        }
                    }
                    None => {
                        let power: &[f32] = pulp::bytemuck::cast_slice(kept::<S>(w, layer));
                        for (lane, scale) in scale.iter().enumerate().take(here) {
                            let to = ((first + lane) * width + path) * kernel.values;
                            let own = power.iter().skip(lane).step_by(lanes);
                            let samples = out[to..to + kernel.values].iter_mut().zip(own);
                            samples.for_each(|(o, p)| *o = p.sqrt() * scale);
                        }
                    }
                }
                if depth + 1 < kernel.layers.len() {
                    modulus(w);
                    depth += 1;
                    filters[depth] = 0;
                    path *= kernel.layers[depth].filters.len();
                    forward(simd, kernel, w, depth);
                } else {
                    filters[depth] += 1;
                    path += 1;
                }
            }
        }
    }
}

/// Blocks of double-precision vectors that the lanes of one single-precision vector fill.
#[inline(always)]
fn blocks<S: Simd>(n: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let length = n * S::F64_LANES;
    (0..S::F32_LANES / S::F64_LANES).map(move |b| b * length..(b + 1) * length)
}

/// Views of a buffer as vectors.
#[inline(always)]
fn vectors<S: Simd>(buffer: &mut [f64]) -> &mut [S::f64s] {
    S::as_mut_simd_f64s(buffer).0
}

/// Spectrum of a further layer's input (in `work[0]`).
#[inline(always)]
fn forward<S: Simd>(simd: S, kernel: &ScatteringKernel, w: &mut Workspace, depth: usize) {
    let [re, im] = &mut w.spectra[depth];
    let [input, _, a, b] = &mut w.work;
    re.copy_from_slice(input);
    im.fill(0.0);
    for block in blocks::<S>(kernel.bins) {
        let data = Buffers { re: vectors::<S>(&mut re[block.clone()]), im: vectors::<S>(&mut im[block.clone()]) };
        let other = Buffers { re: vectors::<S>(&mut a[block.clone()]), im: vectors::<S>(&mut b[block]) };
        kernel.fft.forward(simd, data, other, &mut w.fft);
    }
}

/// The convolution with one filter, in `work[0]` and `work[1]`, and its squared moduli in `power`.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "pooled in single precision")]
fn convolve<S: Simd>(simd: S, kernel: &ScatteringKernel, w: &mut Workspace, depth: usize, filter: &Filter) {
    let [x_re, x_im] = &mut w.spectra[depth];
    let [re, im, a, b] = &mut w.work;
    let (lanes, wide) = (S::F32_LANES, S::F64_LANES);
    for (number, block) in blocks::<S>(kernel.bins).enumerate() {
        let (x_re, x_im) = (vectors::<S>(&mut x_re[block.clone()]), vectors::<S>(&mut x_im[block.clone()]));
        let (y_re, y_im) = (vectors::<S>(&mut re[block.clone()]), vectors::<S>(&mut im[block.clone()]));
        let zero = simd.splat_f64s(0.0);
        let inside = filter.first..filter.first + filter.spectrum.len();
        for outside in [0..inside.start, inside.end..y_re.len()] {
            y_re[outside.clone()].fill(zero);
            y_im[outside].fill(zero);
        }
        let x = x_re[inside.clone()].iter().zip(&x_im[inside.clone()]);
        let y = y_re[inside.clone()].iter_mut().zip(&mut y_im[inside]);
        for (((x_re, x_im), (y_re, y_im)), (f_re, f_im)) in x.zip(y).zip(&filter.spectrum) {
            let (f_re, f_im) = (simd.splat_f64s(*f_re), simd.splat_f64s(*f_im));
            *y_re = simd.sub_f64s(simd.mul_f64s(*x_re, f_re), simd.mul_f64s(*x_im, f_im));
            *y_im = simd.mul_add_e_f64s(*x_re, f_im, simd.mul_f64s(*x_im, f_re));
        }
        // Real and imaginary parts exchanged: the forward transform is the inverse.
        let other = Buffers { re: vectors::<S>(&mut a[block.clone()]), im: vectors::<S>(&mut b[block.clone()]) };
        kernel.fft.forward(simd, Buffers { re: y_im, im: y_re }, other, &mut w.fft);
        let y = re[block.clone()].chunks_exact(wide).zip(im[block].chunks_exact(wide));
        for (power, (re, im)) in w.power.chunks_exact_mut(lanes).zip(y) {
            let power = &mut power[number * wide..(number + 1) * wide];
            power.iter_mut().zip(re).zip(im).for_each(|((p, re), im)| *p = (re * re + im * im) as f32);
        }
    }
}

/// The samples of `power` that this layer keeps, in their own time's order.
#[inline(always)]
fn kept<'w, S: Simd>(w: &'w mut Workspace, layer: &Layer) -> &'w [S::f32s] {
    let power = S::as_simd_f32s(&w.power).0;
    match &layer.pooled[..] {
        [all] if all.len() == power.len() => power,
        ranges => {
            let length: usize = ranges.iter().map(std::ops::Range::len).sum();
            w.pooled.resize(length * S::F32_LANES, 0.0);
            let kept = S::as_mut_simd_f32s(&mut w.pooled).0;
            let mut to = 0;
            for range in ranges {
                kept[to..to + range.len()].copy_from_slice(&power[range.clone()]);
                to += range.len();
            }
            kept
        }
    }
}

/// The moduli of the convolution become the next layer's input, in `work[0]`.
#[inline(always)]
fn modulus(w: &mut Workspace) {
    let [re, im, _, _] = &mut w.work;
    re.iter_mut().zip(im.iter()).for_each(|(re, im)| *re = (*re * *re + im * im).sqrt());
}

/// Mean and maximum of the absolute samples, standard deviation (n) of the samples; NaN where one is not finite.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "stored in single precision")]
pub(in crate::backend) fn order_0(samples: &[f32]) -> [f32; ORDER_0_VALUES] {
    if samples.iter().any(|s| !s.is_finite()) {
        return [f32::NAN; ORDER_0_VALUES];
    }
    let n = samples.len() as f64;
    let mean_absolute = samples.iter().map(|&s| f64::from(s.abs())).sum::<f64>() / n;
    let largest = samples.iter().fold(0.0f32, |a, s| a.max(s.abs()));
    let mean = samples.iter().map(|&s| f64::from(s)).sum::<f64>() / n;
    let variance = samples.iter().map(|&s| (f64::from(s) - mean).powi(2)).sum::<f64>() / n;
    [mean_absolute as f32, largest, variance.sqrt() as f32]
}

/// The largest power of two not above the largest absolute sample; 1 for silence, NaN where a sample is not finite.
pub(in crate::backend) fn power_of_two_below(samples: &[f32]) -> f32 {
    const EXPONENT: u32 = 0x7F80_0000;
    if samples.iter().any(|s| !s.is_finite()) {
        return f32::NAN;
    }
    match samples.iter().fold(0.0f32, |a, s| a.max(s.abs())) {
        0.0 => 1.0,
        largest => f32::from_bits(largest.to_bits() & EXPONENT).max(f32::MIN_POSITIVE),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use scatterfall_fft::num_complex::Complex64;

    use super::*;
    use crate::config::{Config, Network};

    /// The transform of one channel from its definition in double precision: shifted scalograms, all orders.
    fn definition(plan: &ScatteringPlan, signal: &[f64]) -> Vec<Vec<f64>> {
        let n = signal.len();
        let (fft, ifft) = (scatterfall_fft::forward(n), scatterfall_fft::inverse(n));
        let taper = plan.taper.clone().unwrap_or_else(|| vec![1.0; n]);
        let mut inputs = vec![signal.iter().zip(taper).map(|(s, t)| s * t).collect::<Vec<f64>>()];
        let mut orders = Vec::new();
        for layer in 0..plan.layers.len() {
            let mut next = Vec::new();
            for input in &inputs {
                let mut x: Vec<Complex64> = input.iter().map(|&v| v.into()).collect();
                fft.process(&mut x);
                for filter in plan.spectra(layer).rows() {
                    let mut y: Vec<Complex64> = x.iter().zip(filter).map(|(a, b)| a * b / n as f64).collect();
                    ifft.process(&mut y);
                    let mut moduli: Vec<f64> = y.iter().map(|z| z.norm()).collect();
                    moduli.rotate_right(n / 2); // fftshift
                    next.push(moduli);
                }
            }
            let pooled = next.iter().map(|scalogram| {
                let mut kept = scalogram[plan.pooled.clone()].to_vec();
                kept.sort_by(f64::total_cmp);
                match plan.pooling {
                    Pooling::Median => (kept[(kept.len() - 1) / 2] + kept[kept.len() / 2]) / 2.0,
                    Pooling::Mean => kept.iter().sum::<f64>() / kept.len() as f64,
                    Pooling::Max => kept[kept.len() - 1],
                }
            });
            orders.push(pooled.collect());
            inputs = next;
        }
        orders
    }

    fn network(text: &str) -> Network {
        Config::from_text(text).expect("valid").network
    }

    /// Noise around `offset` times the channel, another scale for every segment.
    fn segments(rows: usize, channels: usize, bins: usize, offset: f32) -> SegmentBlock {
        let mut state = 12345u64;
        Array3::from_shape_fn((rows, channels, bins), |(row, channel, _)| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
            (noise + offset * channel as f32) * 10f32.powi(row as i32 % 5 - 2)
        })
    }

    fn worst_error(plan: &ScatteringPlan, segments: &SegmentBlock, got: &CoefficientBlock) -> Vec<f64> {
        let (rows, channels, _) = segments.dim();
        let skip = usize::from(plan.order_0);
        let mut worst = vec![0.0f64; plan.layers.len()];
        for row in 0..rows {
            for channel in 0..channels {
                let signal: Vec<f64> =
                    segments.index_axis(Axis(0), row).row(channel).iter().map(|&v| f64::from(v)).collect();
                for (k, want) in definition(plan, &signal).into_iter().enumerate() {
                    let scale = want.iter().copied().fold(0.0, f64::max);
                    let got = got.orders[k + skip].row(row);
                    for (path, want) in want.iter().enumerate() {
                        let got = f64::from(got[channel * plan.widths()[k + skip] + path]);
                        worst[k] = worst[k].max((got - want).abs() / scale);
                    }
                }
            }
        }
        worst
    }

    #[test]
    fn agrees_with_the_definition() {
        let two = "banks = [{ octaves = 4, resolution = 3, quality = 1.0 }, { octaves = 2, resolution = 2, quality = 1.0 }]\n";
        let three = "banks = [{ octaves = 3, resolution = 2, quality = 1.0 }, { octaves = 2, resolution = 1, quality = 2.0 }, { octaves = 2, resolution = 1, quality = 1.0 }]\n";
        for (text, bins) in [
            (two.to_owned(), 129),
            (two.to_owned() + r#"pooling = "mean""#, 128),
            (two.to_owned() + "pooling = 'max'\nnormalize = 'l1'", 97),
            (two.to_owned() + "taper_alpha = 0.3\nnormalize = 'l2'", 101),
            (two.to_owned() + "taper_alpha = 1.0", 33),
            (three.to_owned(), 64),
            (two.to_owned(), 211), // a prime that lanes do not take
            (two.to_owned(), 1),
        ] {
            let plan = ScatteringPlan::new(&network(&format!("[network]\n{text}")), 2, bins, 10.0).expect("valid");
            // 19 signals: a full group of lanes and a part of one.
            // A taper makes a hump of an offset, which single precision then carries through the second layer.
            let offset = if text.contains("taper") { 0.0 } else { 20.0 };
            let segments = segments(10, 2, bins, offset);
            let mut got = ScatteringKernel::new(&plan).transform(&segments);
            for (k, worst) in worst_error(&plan, &segments, &got).into_iter().enumerate() {
                // DESIGN: 1e-5 of the largest of row, channel and order, 5e-5 from the third order on.
                let limit = if k < 2 { 1e-5 } else { 5e-5 };
                assert!(worst < limit, "order {} of {text}, {bins} bins: {worst}", k + 1);
            }
            let last = got.orders.len() - 1;
            got.orders[last][[9, 1]] *= 1.01;
            got.orders[last][[9, 1]] += f32::MIN_POSITIVE;
            if bins > 1 {
                let worst = worst_error(&plan, &segments, &got)[plan.layers.len() - 1];
                assert!(worst > 1e-5, "negative control: one coefficient off by a hundredth shows ({worst})");
            }
        }
    }

    #[test]
    fn silence_scale_and_poison() {
        let plan = ScatteringPlan::new(&network(""), 1, 60, 1.0).expect("valid");
        let kernel = ScatteringKernel::new(&plan);
        let mut input = segments(9, 1, 60, 0.0);
        input.index_axis_mut(Axis(0), 1).fill(0.0);
        let plain = kernel.transform(&input);
        assert!(plain.orders.iter().all(|o| o.row(1).iter().all(|&c| c == 0.0)), "silence gives zeros");
        let scaled = kernel.transform(&input.mapv(|v| v * 2f32.powi(80)));
        for (a, b) in plain.orders.iter().zip(&scaled.orders) {
            assert!(
                a.iter().zip(b).all(|(a, b)| a * 2f32.powi(80) == *b),
                "a power of two changes nothing but the scale"
            );
        }
        input[[4, 0, 17]] = f32::NAN;
        input[[5, 0, 3]] = f32::INFINITY;
        let poisoned = kernel.transform(&input);
        for (a, b) in plain.orders.iter().zip(&poisoned.orders) {
            for row in 0..9 {
                let same = a.row(row) == b.row(row);
                let lost = b.row(row).iter().all(|c| c.is_nan());
                assert!(if matches!(row, 4 | 5) { lost } else { same }, "row {row}: poison stays in its lane");
            }
        }
    }

    #[test]
    fn scalograms_pool_to_the_coefficients() {
        for (text, bins) in [("pooling = 'max'", 48), ("pooling = 'max'\ntaper_alpha = 0.4", 33)] {
            let banks = "banks = [{ octaves = 2, resolution = 2, quality = 1.0 }, { octaves = 1, resolution = 1, quality = 1.0 }]";
            let network = network(&format!("[network]\norder_0 = false\n{text}\n{banks}"));
            let plan = ScatteringPlan::new(&network, 2, bins, 1.0).expect("valid");
            let input = segments(5, 2, bins, 0.0);
            let (pooled, whole) =
                (ScatteringKernel::new(&plan).transform(&input), ScatteringKernel::unpooled(&plan).transform(&input));
            for (p, w) in pooled.orders.iter().zip(&whole.orders) {
                let samples = plan.pooled.len();
                assert_eq!(w.ncols(), p.ncols() * samples, "one sample for each that is pooled");
                for (p, w) in p.iter().zip(w.as_slice().expect("standard").chunks(samples)) {
                    assert_eq!(*p, w.iter().copied().fold(0.0, f32::max), "{text}: the maximum of the samples");
                }
            }
            // A wave in the second half only must show in the second half of the shifted scalogram.
            if bins == 48 {
                let late =
                    Array3::from_shape_fn((1, 2, bins), |(_, _, k)| if k >= 36 { [1.0, -1.0][k % 2] } else { 0.0 });
                let whole = ScatteringKernel::unpooled(&plan).transform(&late);
                let first: Vec<f32> = whole.orders[0].row(0).iter().take(bins).copied().collect();
                let (early, tail) = (first[6..30].iter().sum::<f32>(), first[36..].iter().sum::<f32>());
                assert!(tail > 10.0 * early, "{tail} where the wave is, {early} where not");
            }
        }
    }

    #[test]
    fn shifts_are_undone() {
        assert_eq!(unshifted(&(0..10), 10, 1), [5..10, 0..5], "everything, in another order");
        assert_eq!(unshifted(&(4..6), 10, 1), [9..10, 0..1], "around the end");
        assert_eq!(unshifted(&(4..6), 10, 2), std::slice::from_ref(&(4..6)), "two halves are a whole");
        assert_eq!(unshifted(&(5..6), 11, 2), std::slice::from_ref(&(6..7)), "odd lengths lose one each turn");
    }
}
