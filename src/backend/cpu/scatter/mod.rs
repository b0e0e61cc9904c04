//! The scattering transform: a layer convolves its input with every filter, takes moduli, pools them, and hands them on.
//!
//! Several signals (a segment's channel each) are worked on side by side, one a lane of the vector unit, through all
//! layers: no data ever moves between lanes, so every signal's numbers are the same whatever its neighbours are.
//! Each signal is first scaled by a power of two (exact, undone at the end), so that squares neither overflow nor vanish.

mod grid;

use std::sync::Arc;

use ndarray::{Array2, Axis};
use pulp::{NullaryFnOnce, Simd, WithSimd};
use rayon::prelude::*;
use scatterfall_fft::RealToComplex;
use scatterfall_fft::num_complex::Complex64;

use self::grid::{Filter, Grids, Input};
use super::lanes::{Buffers, LaneFft};
use super::pool::pool_lanes;
use crate::batch::{CoefficientBlock, SegmentBlock};
use crate::config::Pooling;
use crate::plan::{ORDER_0_VALUES, ScatteringPlan};

/// Signals a task: a multiple of every vector length.
const GROUP: usize = 16;

/// Longest segment whose lanes (of 8) stay within a second-level cache; longer ones go one by one.
const LONGEST_IN_LANES: usize = 8192;

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
    /// Transform of the segments themselves, which are real.
    input_fft: Arc<dyn RealToComplex<f64>>,
    grids: Grids,
    in_lanes: bool,
}

impl ScatteringKernel {
    /// Tables for `plan`.
    pub fn new(plan: &ScatteringPlan) -> Self {
        Self::with_pooling(plan, Some(plan.pooling))
    }

    /// Tables for `plan` without its pooling and order 0: the coefficients of a path are the samples of its scalogram
    /// (shifted so that they stand at their own time, and only those where the taper is 1). Every sample is computed, whatever the plan's oversampling.
    pub fn unpooled(plan: &ScatteringPlan) -> Self {
        Self::with_pooling(&ScatteringPlan { order_0: false, ..plan.clone() }, None)
    }

    fn with_pooling(plan: &ScatteringPlan, pooling: Option<Pooling>) -> Self {
        let in_lanes = plan.bins <= LONGEST_IN_LANES && LaneFft::suits(plan.bins);
        Self {
            bins: plan.bins,
            channels: plan.channels,
            pooling,
            order_0: plan.order_0,
            widths: plan.widths(),
            values: if pooling.is_some() { 1 } else { plan.pooled.len() },
            taper: plan.taper.clone(),
            input_fft: scatterfall_fft::real(plan.bins),
            grids: Grids::new(plan, pooling.is_none(), in_lanes),
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
    /// A further layer's input, as its transform takes it: even samples as real, odd ones as imaginary parts, or, of
    /// an odd number, all as real parts.
    moduli: [Vec<f64>; 2],
    /// Two complex buffers that transforms go back and forth between.
    work: [Vec<f64>; 4],
    /// Squared moduli.
    power: Vec<f32>,
    /// Those of them that are pooled.
    pooled: Vec<f32>,
    fft: Vec<Complex64>,
}

impl Workspace {
    /// Room for signals of `kernel` in vectors of `lanes`.
    fn make_room(&mut self, kernel: &ScatteringKernel, lanes: usize) {
        let (grids, n) = (&kernel.grids, kernel.bins);
        self.signal.resize(n, 0.0);
        self.input.resize(n, 0.0);
        self.input_spectrum.resize(n / 2 + 1, Complex64::default());
        self.input_fft.resize(kernel.input_fft.get_scratch_len(), Complex64::default());
        self.spectra.resize_with(grids.layers.len(), Default::default);
        for (spectrum, inputs) in self.spectra.iter_mut().zip(&grids.layers) {
            let longest = inputs.first().map_or(0, |i| i.n);
            spectrum.iter_mut().for_each(|s| s.resize(longest * lanes, 0.0));
        }
        let samples = grids.most_samples();
        self.moduli.iter_mut().for_each(|m| m.resize(samples * lanes, 0.0));
        self.work.iter_mut().for_each(|w| w.resize(grids.most_points().max(samples) * lanes, 0.0));
        self.power.resize(samples * lanes, 0.0);
        let scratch = grids.ffts.iter().map(LaneFft::scratch_len).max().unwrap_or(0);
        self.fft.resize(scratch, Complex64::default());
    }
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
        let (n, lanes, layers) = (kernel.bins, S::F32_LANES, &kernel.grids.layers);
        w.make_room(kernel, lanes);
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
            // Which of a layer's inputs is at work, and which filter.
            let mut at = vec![(0, 0); layers.len()];
            let mut path = 0;
            let mut depth = 0;
            // An odometer over the paths: a recursion that the compiler can flatten into this vector unit's code.
            loop {
                let (number, filter) = at[depth];
                let input = &layers[depth][number];
                let Some(filter) = input.filters.get(filter) else {
                    if depth == 0 {
                        break;
                    }
                    depth -= 1;
                    // The path has counted past this layer's last filter, so the quotient is already the next one.
                    path /= input.filters.len();
                    at[depth].1 += 1;
                    continue;
                };
                let further = depth + 1 < layers.len();
                convolve(simd, kernel, w, depth, input, filter, further);
                let width = kernel.widths[scattered + depth];
                let out = &mut out[scattered + depth];
                match kernel.pooling {
                    Some(pooling) => {
                        let mut pooled = [0.0; GROUP];
                        pool_lanes(simd, kept::<S>(w, filter), pooling, &mut pooled[..lanes]);
                        for lane in 0..here {
                            out[(first + lane) * width + path] = pooled[lane] * scale[lane];
                        }
                    }
                    None => {
                        let power: &[f32] = pulp::bytemuck::cast_slice(kept::<S>(w, filter));
                        for (lane, scale) in scale.iter().enumerate().take(here) {
                            let to = ((first + lane) * width + path) * kernel.values;
                            let own = power.iter().skip(lane).step_by(lanes);
                            let samples = out[to..to + kernel.values].iter_mut().zip(own);
                            samples.for_each(|(o, p)| *o = p.sqrt() * scale);
                        }
                    }
                }
                if further {
                    depth += 1;
                    at[depth] = (filter.next, 0);
                    let input = &layers[depth][filter.next];
                    path *= input.filters.len();
                    forward(simd, kernel, w, depth, input);
                } else {
                    at[depth].1 += 1;
                    path += 1;
                }
            }
        }
    }
}

/// Blocks of double-precision vectors, of `n` samples each, that the lanes of one single-precision vector fill.
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

/// Spectrum of a further layer's input (in `moduli`).
#[inline(always)]
fn forward<S: Simd>(simd: S, kernel: &ScatteringKernel, w: &mut Workspace, depth: usize, input: &Input) {
    let n = input.n;
    let fft = &kernel.grids.ffts[input.fft];
    let points = if n.is_multiple_of(2) { n / 2 } else { n };
    let [re, im] = &mut w.spectra[depth];
    let [packed_re, packed_im] = &mut w.moduli;
    let [a, b, _, _] = &mut w.work;
    for (packed, block) in blocks::<S>(points).zip(blocks::<S>(n)) {
        let (z_re, z_im) = (vectors::<S>(&mut packed_re[packed.clone()]), vectors::<S>(&mut packed_im[packed]));
        let (x_re, x_im) = (vectors::<S>(&mut re[block.clone()]), vectors::<S>(&mut im[block]));
        if points == n {
            z_im.fill(simd.splat_f64s(0.0));
        }
        let other = points * S::F64_LANES;
        let other = Buffers { re: vectors::<S>(&mut a[..other]), im: vectors::<S>(&mut b[..other]) };
        fft.forward(simd, Buffers { re: z_re, im: z_im }, other, &mut w.fft);
        if points == n {
            x_re.copy_from_slice(z_re);
            x_im.copy_from_slice(z_im);
        } else {
            simd.vectorize(Unpack { simd, twiddles: &input.twiddles, z_re, z_im, x_re, x_im });
        }
    }
}

/// The spectrum of `n` real samples from the transform `z` of `n / 2` pairs of them.
struct Unpack<'a, S: Simd> {
    simd: S,
    twiddles: &'a [(f64, f64)],
    z_re: &'a [S::f64s],
    z_im: &'a [S::f64s],
    x_re: &'a mut [S::f64s],
    x_im: &'a mut [S::f64s],
}

impl<S: Simd> NullaryFnOnce for Unpack<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, twiddles, z_re, z_im, x_re, x_im } = self;
        let (n, half) = (x_re.len(), z_re.len());
        let (one_half, zero) = (simd.splat_f64s(0.5), simd.splat_f64s(0.0));
        for (k, (cos, sin)) in twiddles.iter().enumerate() {
            let (a, b) = (k % half, (n - k) % half);
            let even_re = simd.mul_f64s(one_half, simd.add_f64s(z_re[a], z_re[b]));
            let even_im = simd.mul_f64s(one_half, simd.sub_f64s(z_im[a], z_im[b]));
            let odd_re = simd.mul_f64s(one_half, simd.add_f64s(z_im[a], z_im[b]));
            let odd_im = simd.mul_f64s(one_half, simd.sub_f64s(z_re[b], z_re[a]));
            let (cos, sin) = (simd.splat_f64s(*cos), simd.splat_f64s(*sin));
            let re = simd.add_f64s(even_re, simd.sub_f64s(simd.mul_f64s(cos, odd_re), simd.mul_f64s(sin, odd_im)));
            let im = simd.add_f64s(even_im, simd.mul_add_e_f64s(cos, odd_im, simd.mul_f64s(sin, odd_re)));
            (x_re[k], x_im[k]) = (re, im);
            let mirror = (n - k) % n;
            (x_re[mirror], x_im[mirror]) = (re, simd.sub_f64s(zero, im));
        }
    }
}

/// The convolution with one filter: squared moduli in `power` and, where a `further` layer follows, moduli.
#[inline(always)]
fn convolve<S: Simd>(
    simd: S,
    kernel: &ScatteringKernel,
    w: &mut Workspace,
    depth: usize,
    input: &Input,
    filter: &Filter,
    further: bool,
) {
    let (n, points, shifts) = (input.n, filter.points, filter.shifts);
    let (lanes, wide, samples) = (S::F32_LANES, S::F64_LANES, points * shifts);
    let fft = &kernel.grids.ffts[filter.fft];
    let [x_re, x_im] = &mut w.spectra[depth];
    let [re, im, a, b] = &mut w.work;
    let used = points * wide;
    let (y_re, y_im) = (vectors::<S>(&mut re[..used]), vectors::<S>(&mut im[..used]));
    let (a, b) = (vectors::<S>(&mut a[..used]), vectors::<S>(&mut b[..used]));
    let [even, odd] = &mut w.moduli;
    let packed = if samples.is_multiple_of(2) { samples / 2 } else { samples };
    for (number, (block, to)) in blocks::<S>(n).zip(blocks::<S>(packed)).enumerate() {
        let (x_re, x_im) = (vectors::<S>(&mut x_re[block.clone()]), vectors::<S>(&mut x_im[block]));
        let (even, odd) = (vectors::<S>(&mut even[to.clone()]), vectors::<S>(&mut odd[to]));
        for shift in 0..shifts {
            let taps = &filter.taps[shift * filter.width..(shift + 1) * filter.width];
            simd.vectorize(Product { simd, filter, taps, x_re, x_im, y_re, y_im });
            // Real and imaginary parts exchanged: the forward transform is the inverse.
            fft.forward(simd, Buffers { re: y_im, im: y_re }, Buffers { re: a, im: b }, &mut w.fft);
            let power = &mut w.power[shift * points * lanes..(shift + 1) * points * lanes];
            simd.vectorize(Power { simd, y_re, y_im, power, from: number * wide });
            if further {
                let sqrt = |re, im| simd.sqrt_f64s(simd.mul_add_e_f64s(re, re, simd.mul_f64s(im, im)));
                for (m, (re, im)) in y_re.iter().zip(y_im.iter()).enumerate() {
                    let time = m * shifts + shift;
                    let modulus = sqrt(*re, *im);
                    match (packed == samples, time % 2) {
                        (true, _) => even[time] = modulus,
                        (false, 0) => even[time / 2] = modulus,
                        (false, _) => odd[time / 2] = modulus,
                    }
                }
            }
        }
    }
}

/// The product of a spectrum and a filter, on the points of the filter's transform.
struct Product<'a, S: Simd> {
    simd: S,
    filter: &'a Filter,
    taps: &'a [(f64, f64)],
    x_re: &'a [S::f64s],
    x_im: &'a [S::f64s],
    y_re: &'a mut [S::f64s],
    y_im: &'a mut [S::f64s],
}

impl<S: Simd> NullaryFnOnce for Product<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, filter, mut taps, x_re, x_im, y_re, y_im } = self;
        if filter.folded || filter.width < filter.points {
            y_re.fill(simd.splat_f64s(0.0));
            y_im.fill(simd.splat_f64s(0.0));
        }
        for run in &filter.runs {
            let (own, rest) = taps.split_at(run.length);
            taps = rest;
            let x = x_re[run.from..run.from + run.length].iter().zip(&x_im[run.from..run.from + run.length]);
            let y = y_re[run.to..run.to + run.length].iter_mut().zip(&mut y_im[run.to..run.to + run.length]);
            for (((x_re, x_im), (y_re, y_im)), (f_re, f_im)) in x.zip(y).zip(own) {
                let (f_re, f_im) = (simd.splat_f64s(*f_re), simd.splat_f64s(*f_im));
                let re = simd.sub_f64s(simd.mul_f64s(*x_re, f_re), simd.mul_f64s(*x_im, f_im));
                let im = simd.mul_add_e_f64s(*x_re, f_im, simd.mul_f64s(*x_im, f_re));
                if filter.folded {
                    (*y_re, *y_im) = (simd.add_f64s(*y_re, re), simd.add_f64s(*y_im, im));
                } else {
                    (*y_re, *y_im) = (re, im);
                }
            }
        }
    }
}

/// Squared moduli in single precision, to the lanes of `power` from `from` on.
struct Power<'a, S: Simd> {
    simd: S,
    y_re: &'a [S::f64s],
    y_im: &'a [S::f64s],
    power: &'a mut [f32],
    from: usize,
}

impl<S: Simd> NullaryFnOnce for Power<'_, S> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "pooled in single precision")]
    fn call(self) {
        let Self { simd, y_re, y_im, power, from } = self;
        for (power, (re, im)) in power.chunks_exact_mut(S::F32_LANES).zip(y_re.iter().zip(y_im)) {
            let sum = [simd.mul_add_e_f64s(*re, *re, simd.mul_f64s(*im, *im))];
            let sum: &[f64] = pulp::bytemuck::cast_slice(&sum);
            for (p, v) in power[from..from + S::F64_LANES].iter_mut().zip(sum) {
                *p = *v as f32;
            }
        }
    }
}

/// The samples of `power` that are pooled.
#[inline(always)]
fn kept<'w, S: Simd>(w: &'w mut Workspace, filter: &Filter) -> &'w [S::f32s] {
    let samples = filter.points * filter.shifts;
    let power = S::as_simd_f32s(&w.power[..samples * S::F32_LANES]).0;
    match &filter.kept[..] {
        [all] if all.len() == samples => power,
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
mod tests;
