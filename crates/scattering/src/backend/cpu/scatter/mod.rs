//! The scattering transform: a layer convolves its input with every filter, takes moduli, pools them, and hands them
//! on.
//!
//! Several signals (a segment's channel each) are worked on side by side, one a lane of the vector unit, through all
//! layers: no data ever moves between lanes, so every signal's numbers are the same whatever its neighbours are.
//! Each signal is first scaled by a power of two (exact, undone at the end), so that squares neither overflow nor
//! vanish.

mod grid;

use std::sync::{Arc, OnceLock};

use ndarray::{Array2, ArrayView3, Axis, Slice};
use pulp::{NullaryFnOnce, Simd, WithSimd};
use rayon::prelude::*;
use scatterfall_lane_fft::planned::RealToComplex;
use scatterfall_lane_fft::planned::num_complex::Complex64;

use self::grid::{Filter, Grids, Input, packed};
use super::pool::pool_lanes;
use crate::blocks::{CoefficientBlock, SegmentBlock};
use crate::options::Pooling;
use crate::plan::{ORDER_0_VALUES, ScatteringPlan};
use scatterfall_lane_fft::{Finish, InPlace, LaneFft, Pair, pairs, pairs_mut};

/// Signals a task: a multiple of every vector length.
const GROUP: usize = 16;

/// Longest segment that is worked on in lanes: the lanes of longer ones do not stay within a second-level cache.
const LONGEST_IN_LANES: usize = 8192;

/// Tables of one plan, for segments of any number of channels; copies share them.
#[derive(Clone)]
pub struct ScatteringKernel {
    bins: usize,
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
    grids: Arc<Grids>,
    /// What signals on a level are transformed with, made when there is one.
    grids_for_levels: Arc<OnceLock<Arc<Grids>>>,
    /// Spectrum of the taper, or of ones: bins from 0 to half.
    level_spectrum: Arc<[Complex64]>,
    in_lanes: bool,
}

impl ScatteringKernel {
    /// Tables for `plan`.
    pub fn new(plan: &ScatteringPlan) -> Self {
        Self::with_pooling(plan, Some(plan.pooling))
    }

    /// Tables for `plan` without its pooling and order 0: the coefficients of a path are the samples of its scalogram
    /// (shifted so that they stand at their own time, and only those where the taper is 1). Every sample is computed,
    /// whatever the plan's oversampling.
    pub fn unpooled(plan: &ScatteringPlan) -> Self {
        Self::with_pooling(&ScatteringPlan { order_0: false, ..plan.clone() }, None)
    }

    fn with_pooling(plan: &ScatteringPlan, pooling: Option<Pooling>) -> Self {
        let in_lanes = plan.bins <= LONGEST_IN_LANES && LaneFft::suits(plan.bins);
        Self {
            bins: plan.bins,
            pooling,
            order_0: plan.order_0,
            widths: plan.widths(),
            values: if pooling.is_some() { 1 } else { plan.pooled.len() },
            taper: plan.taper.clone(),
            input_fft: scatterfall_lane_fft::planned::real(plan.bins),
            grids: Arc::new(Grids::new(plan, pooling.is_none(), in_lanes)),
            grids_for_levels: Arc::default(),
            level_spectrum: level_spectrum(plan),
            in_lanes,
        }
    }

    /// The same tables with another pooling.
    #[must_use]
    pub fn pooled_by(&self, pooling: Pooling) -> Self {
        Self { pooling: Some(pooling), ..self.clone() }
    }

    /// Coefficients of `[segment, channel, sample]`.
    pub fn transform(&self, segments: ArrayView3<'_, f32>) -> CoefficientBlock {
        let (rows, channels, _) = segments.dim();
        let mut orders: Vec<Array2<f32>> =
            self.widths.iter().map(|w| Array2::zeros((rows, channels * w * self.values))).collect();
        self.transform_into((rows, channels), &mut orders, |row, channel, samples| {
            let source = segments.index_axis(Axis(0), row);
            samples.iter_mut().zip(source.row(channel)).for_each(|(s, v)| *s = *v);
            0.0
        });
        CoefficientBlock { orders }
    }

    /// Coefficients of segments that may stand on levels; `plan` is what the tables were made for.
    ///
    /// A signal's coefficients do not depend on whether the others have a level.
    pub fn transform_block(&self, plan: &ScatteringPlan, block: &SegmentBlock) -> CoefficientBlock {
        if block.is_level() {
            return self.transform(block.samples.view());
        }
        let grids = || Arc::new(Grids::for_levels(plan, self.pooling.is_none(), self.in_lanes));
        let exact = Self { grids: Arc::clone(self.grids_for_levels.get_or_init(grids)), ..self.clone() };
        let (rows, channels, _) = block.dim();
        let width = |w: &usize| w * self.values;
        let mut orders: Vec<Array2<f32>> =
            self.widths.iter().map(|w| Array2::zeros((rows, channels * width(w)))).collect();
        exact.transform_into((rows, channels), &mut orders, |row, channel, samples| {
            let source = block.samples.index_axis(Axis(0), row);
            samples.iter_mut().zip(source.row(channel)).for_each(|(s, v)| *s = *v);
            block.levels[[row, channel]]
        });
        if block.levels.iter().any(|l| *l == 0.0) {
            let plain = self.transform(block.samples.view());
            let without = block.levels.indexed_iter().filter(|(_, level)| **level == 0.0);
            for ((row, channel), _) in without {
                for ((to, from), w) in orders.iter_mut().zip(&plain.orders).zip(&self.widths) {
                    let own = Slice::from(channel * width(w)..(channel + 1) * width(w));
                    let from = from.row(row);
                    to.row_mut(row).slice_axis_mut(Axis(0), own).assign(&from.slice_axis(Axis(0), own));
                }
            }
        }
        CoefficientBlock { orders }
    }

    /// Coefficients of so many segments and channels, whose samples `fill(row, channel, samples)` writes, returning the
    /// level they stand on.
    pub(super) fn transform_into(
        &self,
        (rows, channels): (usize, usize),
        orders: &mut [Array2<f32>],
        fill: impl Fn(usize, usize, &mut [f32]) -> f64 + Sync,
    ) {
        let signals = rows * channels;
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
                fill((first + signal) / channels, (first + signal) % channels, samples)
            };
            let task = Task { kernel: self, workspace, count, out: &mut out, fill: &fill };
            if self.in_lanes { arch.dispatch(task) } else { task.with_simd(pulp::Scalar::new()) }
        });
    }
}

impl ScatteringKernel {
    /// Spectrum of the workspace's signal on `level` over `scale`, tapered: bins from 0 to half.
    fn input_spectrum(&self, w: &mut Workspace, level: f64, scale: f32) {
        for (k, (x, s)) in w.input.iter_mut().zip(&w.signal).enumerate() {
            *x = f64::from(*s) / f64::from(scale) * self.taper.as_ref().map_or(1.0, |t| t[k]);
        }
        // The buffers have the plan's own lengths, so this cannot fail.
        let done = self.input_fft.process_with_scratch(&mut w.input, &mut w.input_spectrum, &mut w.input_fft);
        debug_assert!(done.is_ok(), "buffers of other lengths than the plan's");
        if level != 0.0 {
            let level = level / f64::from(scale);
            w.input_spectrum.iter_mut().zip(&*self.level_spectrum).for_each(|(x, one)| *x += one * level);
        }
    }
}

/// Writes a real signal's half spectrum to one lane of a whole one of `n` bins.
fn spread(half: &[Complex64], n: usize, lanes: usize, lane: usize, out: &mut [f64]) {
    for (k, z) in half.iter().enumerate() {
        let (bin, mirror) = (2 * k * lanes + lane, 2 * ((n - k) % n) * lanes + lane);
        (out[mirror], out[mirror + lanes]) = (z.re, -z.im);
        (out[bin], out[bin + lanes]) = (z.re, z.im);
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
    /// Spectrum of each layer's input.
    spectra: Vec<Vec<f64>>,
    /// A further layer's input, as its transform takes it: even samples as real, odd ones as imaginary parts, or, of
    /// an odd number, all as real parts.
    moduli: Vec<f64>,
    /// What is transformed.
    work: Vec<f64>,
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
            spectrum.resize(2 * longest * lanes, 0.0);
        }
        let samples = grids.most_samples;
        self.moduli.resize(2 * samples * lanes, 0.0);
        self.work.resize(2 * samples * lanes, 0.0);
        self.power.resize(samples * lanes, 0.0);
        self.fft.resize(grids.scratch, Complex64::default());
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

impl<F: Fn(usize, &mut [f32]) -> f64> WithSimd for Task<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { kernel, workspace: w, count, out, fill } = self;
        let (n, lanes, layers) = (kernel.bins, S::F32_LANES, &kernel.grids.layers);
        w.make_room(kernel, lanes);
        let scattered = usize::from(kernel.order_0);

        // Which of a layer's inputs is at work, and which filter.
        let mut at = vec![(0, 0); layers.len()];
        for first in (0..count).step_by(lanes) {
            let here = lanes.min(count - first);
            let mut scale = [1.0f32; GROUP];
            // Lanes without a signal hold zeros.
            w.spectra[0].fill(0.0);
            for (lane, scale) in scale.iter_mut().enumerate().take(here) {
                let signal = first + lane;
                let level = fill(signal, &mut w.signal);
                if kernel.order_0 {
                    let values = order_0(&w.signal, level);
                    out[0][signal * ORDER_0_VALUES..(signal + 1) * ORDER_0_VALUES].copy_from_slice(&values);
                }
                *scale = scale_of(&w.signal, level);
                if scale.is_finite() {
                    kernel.input_spectrum(w, level, *scale);
                    // The signals of a group fill one block of double-precision lanes after another.
                    let block = &mut w.spectra[0][lane / S::F64_LANES * 2 * n * S::F64_LANES..];
                    spread(&w.input_spectrum, n, S::F64_LANES, lane % S::F64_LANES, block);
                }
            }
            at[0] = (0, 0);
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

/// Blocks of `n` complex numbers each in double precision that the lanes of one single-precision vector fill.
#[inline(always)]
fn blocks<S: Simd>(n: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let length = 2 * n * S::F64_LANES;
    (0..S::F32_LANES / S::F64_LANES).map(move |b| b * length..(b + 1) * length)
}

/// Spectrum of a further layer's input (in `moduli`).
#[inline(always)]
fn forward<S: Simd>(simd: S, kernel: &ScatteringKernel, w: &mut Workspace, depth: usize, input: &Input) {
    let n = input.n;
    let fft = &kernel.grids.ffts[input.fft];
    let points = packed(n);
    for (from, to) in blocks::<S>(points).zip(blocks::<S>(n)) {
        let z = pairs_mut::<S>(&mut w.moduli[from]);
        let x = pairs_mut::<S>(&mut w.spectra[depth][to]);
        if points == n {
            for z in z.iter_mut() {
                z[1] = simd.splat_f64s(0.0);
            }
        }
        fft.forward(simd, z, &mut w.fft, InPlace);
        if points == n {
            for (z, k) in z.iter().zip(fft.order()) {
                x[*k as usize] = *z;
            }
        } else {
            simd.vectorize(Unpack { simd, twiddles: &input.twiddles, z, places: fft.places(), x });
        }
    }
}

/// The spectrum of `n` real samples from the transform `z` of `n / 2` pairs of them.
struct Unpack<'a, S: Simd> {
    simd: S,
    twiddles: &'a [(f64, f64)],
    z: &'a [Pair<S::f64s>],
    /// Where each bin stands in `z`.
    places: &'a [u32],
    x: &'a mut [Pair<S::f64s>],
}

impl<S: Simd> NullaryFnOnce for Unpack<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, twiddles, z, places, x } = self;
        let (n, half) = (x.len(), z.len());
        let (one_half, zero) = (simd.splat_f64s(0.5), simd.splat_f64s(0.0));
        for (k, (cos, sin)) in twiddles.iter().enumerate() {
            let ([a_re, a_im], [b_re, b_im]) = (z[places[k % half] as usize], z[places[(n - k) % half] as usize]);
            let even_re = simd.mul_f64s(one_half, simd.add_f64s(a_re, b_re));
            let even_im = simd.mul_f64s(one_half, simd.sub_f64s(a_im, b_im));
            let odd_re = simd.mul_f64s(one_half, simd.add_f64s(a_im, b_im));
            let odd_im = simd.mul_f64s(one_half, simd.sub_f64s(b_re, a_re));
            let (cos, sin) = (simd.splat_f64s(*cos), simd.splat_f64s(*sin));
            let re = simd.negate_mul_add_e_f64s(sin, odd_im, simd.mul_add_e_f64s(cos, odd_re, even_re));
            let im = simd.mul_add_e_f64s(cos, odd_im, simd.mul_add_e_f64s(sin, odd_re, even_im));
            x[k] = [re, im];
            x[(n - k) % n] = [re, simd.sub_f64s(zero, im)];
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
    let order = fft.order();
    let points_to = packed(samples);
    for (number, (from, to)) in blocks::<S>(n).zip(blocks::<S>(points_to)).enumerate() {
        let x = pairs::<S>(&w.spectra[depth][from]);
        let (moduli, _) = S::as_mut_simd_f64s(&mut w.moduli[to]);
        for shift in 0..shifts {
            let y = pairs_mut::<S>(&mut w.work[..2 * points * wide]);
            let taps = &filter.taps[shift * filter.width..(shift + 1) * filter.width];
            simd.vectorize(Product { simd, filter, taps, x, y });
            let power = &mut w.power[shift * points * lanes + number * wide..(shift + 1) * points * lanes];
            let power = Power { order, lanes, power };
            if further {
                // An odd number of samples takes the real part of each pair only.
                let apart = if points_to == samples { 2 } else { 1 };
                let (moduli, apart) = (&mut moduli[apart * shift..], apart * shifts);
                fft.forward(simd, y, &mut w.fft, PowerAndModuli { power, moduli, apart });
            } else {
                fft.forward(simd, y, &mut w.fft, power);
            }
        }
    }
}

/// The product of a spectrum and a filter, on the points of the filter's transform, real and imaginary parts
/// exchanged: the forward transform is then the inverse.
struct Product<'a, S: Simd> {
    simd: S,
    filter: &'a Filter,
    taps: &'a [(f64, f64)],
    x: &'a [Pair<S::f64s>],
    y: &'a mut [Pair<S::f64s>],
}

impl<S: Simd> NullaryFnOnce for Product<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, filter, mut taps, x, y } = self;
        if filter.folded || filter.width < filter.points {
            y.fill([simd.splat_f64s(0.0); 2]);
        }
        for run in &filter.runs {
            let (own, rest) = taps.split_at(run.length);
            taps = rest;
            let x = &x[run.from..run.from + run.length];
            let y = &mut y[run.to..run.to + run.length];
            for ((x, y), (f_re, f_im)) in x.iter().zip(y).zip(own) {
                let (f_re, f_im) = (simd.splat_f64s(*f_re), simd.splat_f64s(*f_im));
                let re = simd.negate_mul_add_e_f64s(x[1], f_im, simd.mul_f64s(x[0], f_re));
                let im = simd.mul_add_e_f64s(x[0], f_im, simd.mul_f64s(x[1], f_re));
                *y = if filter.folded { [simd.add_f64s(y[0], im), simd.add_f64s(y[1], re)] } else { [im, re] };
            }
        }
    }
}

#[inline(always)]
fn square<S: Simd>(simd: S, [re, im]: Pair<S::f64s>) -> S::f64s {
    simd.mul_add_e_f64s(re, re, simd.mul_f64s(im, im))
}

/// Squared moduli in single precision, in the order of time, to every so many `lanes` of `power`.
struct Power<'a> {
    order: &'a [u32],
    lanes: usize,
    power: &'a mut [f32],
}

impl<S: Simd> Finish<S> for Power<'_> {
    #[inline(always)]
    fn take(&mut self, simd: S, place: usize, _: &mut Pair<S::f64s>, z: Pair<S::f64s>) {
        let time = self.order[place] as usize;
        narrowed::<S>(square(simd, z), &mut self.power[time * self.lanes..][..S::F64_LANES]);
    }
}

/// The same, and moduli in the order of time to every so many of a slice.
struct PowerAndModuli<'a, V> {
    power: Power<'a>,
    moduli: &'a mut [V],
    apart: usize,
}

impl<S: Simd> Finish<S> for PowerAndModuli<'_, S::f64s> {
    #[inline(always)]
    fn take(&mut self, simd: S, place: usize, _: &mut Pair<S::f64s>, z: Pair<S::f64s>) {
        let time = self.power.order[place] as usize;
        let square = square(simd, z);
        narrowed::<S>(square, &mut self.power.power[time * self.power.lanes..][..S::F64_LANES]);
        self.moduli[time * self.apart] = simd.sqrt_f64s(square);
    }
}

/// A vector in single precision.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "pooled in single precision")]
fn narrowed<S: Simd>(wide: S::f64s, to: &mut [f32]) {
    let wide = [wide];
    let wide: &[f64] = pulp::bytemuck::cast_slice(&wide);
    for (to, v) in to.iter_mut().zip(wide) {
        *to = *v as f32;
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

/// Mean and maximum of the absolute samples on `level`, standard deviation (n) of the samples; NaN where one is not
/// finite.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "stored in single precision")]
pub(in crate::backend) fn order_0(samples: &[f32], level: f64) -> [f32; ORDER_0_VALUES] {
    if samples.iter().any(|s| !s.is_finite()) {
        return [f32::NAN; ORDER_0_VALUES];
    }
    let n = samples.len() as f64;
    let absolute = || samples.iter().map(|&s| (f64::from(s) + level).abs());
    let mean_absolute = absolute().sum::<f64>() / n;
    let largest = absolute().fold(0.0, f64::max);
    let mean = samples.iter().map(|&s| f64::from(s)).sum::<f64>() / n;
    let variance = samples.iter().map(|&s| (f64::from(s) - mean).powi(2)).sum::<f64>() / n;
    [mean_absolute as f32, largest as f32, variance.sqrt() as f32]
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

/// A signal's scale: the largest power of two not above its largest absolute sample, or, where it stands on a level
/// that is far larger, not above that times 2^-30. Squares of either then stay within single precision.
fn scale_of(samples: &[f32], level: f64) -> f32 {
    let own = power_of_two_below(samples);
    if level == 0.0 || own.is_nan() {
        return own;
    }
    #[expect(clippy::cast_possible_truncation, reason = "levels are below the largest single")]
    let level = (level.abs() / f64::from(1 << 30)) as f32;
    power_of_two_below(&[samples.iter().fold(level, |a, s| a.max(s.abs()))])
}

/// Bins from 0 to half of the spectrum of a signal that is 1 throughout, tapered.
#[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
fn level_spectrum(plan: &ScatteringPlan) -> Arc<[Complex64]> {
    let half = plan.bins / 2 + 1;
    let mut spectrum = vec![Complex64::default(); half];
    match &plan.taper {
        // Without rounding, so that nothing of a level shows in other bins.
        None => spectrum[0] = Complex64::new(plan.bins as f64, 0.0),
        Some(taper) => {
            let mut whole: Vec<Complex64> = taper.iter().map(|&t| t.into()).collect();
            scatterfall_lane_fft::planned::forward(plan.bins).process(&mut whole);
            spectrum.copy_from_slice(&whole[..half]);
        }
    }
    spectrum.into()
}

#[cfg(test)]
mod tests;
