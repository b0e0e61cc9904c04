//! Fourier transforms of several signals side by side, one a lane of the vector unit.
//!
//! A Stockham mixed-radix transform: every step reads one buffer and writes the other, in order, with radices 4, 2, 3,
//! 5 and any other prime up to [`LARGEST_PRIME`]. A sample is a vector of real and one of imaginary parts, so no step
//! ever moves data between lanes. In double precision: a scalogram's median may be thousands of times below its
//! largest value, and single precision's rounding is relative to the largest. Lengths with larger primes go through
//! `rustfft`, lane by lane.

use std::f64::consts::TAU;
use std::sync::Arc;

use pulp::{NullaryFnOnce, Simd};
use scatterfall_fft::{Fft, num_complex::Complex64};

/// A prime of p costs p^2 products a column; beyond this, Bluestein's way (rustfft) is faster.
const LARGEST_PRIME: usize = 67;

/// A plan for one length.
pub(super) struct LaneFft {
    n: usize,
    kind: Kind,
}

enum Kind {
    Stockham(Vec<Step>),
    /// Forward transforms of interleaved complex numbers, one signal at a time.
    Single(Arc<dyn Fft<f64>>),
}

/// One pass over the data.
struct Step {
    radix: usize,
    /// Length of the transforms that are left, over the radix.
    columns: usize,
    /// Transforms side by side.
    stride: usize,
    /// `w^(j r)` for column `j` and output `r` from 1, `w = exp(-2 pi i / (columns radix))`: `[j][r - 1]`.
    twiddles: Vec<(f64, f64)>,
    /// `cos, sin(2 pi k r / radix)`, `[r - 1][k - 1]` for k and r up to half the radix, for radices without code of
    /// their own.
    roots: Vec<(f64, f64)>,
}

/// A complex number a lane, as it lies in memory: real parts, imaginary parts.
pub(super) type Pair<V> = [V; 2];

/// A buffer of floats as complex numbers.
#[inline(always)]
pub(super) fn pairs<S: Simd>(buffer: &[f64]) -> &[Pair<S::f64s>] {
    S::as_simd_f64s(buffer).0.as_chunks::<2>().0
}

/// A buffer of floats as complex numbers.
#[inline(always)]
pub(super) fn pairs_mut<S: Simd>(buffer: &mut [f64]) -> &mut [Pair<S::f64s>] {
    S::as_mut_simd_f64s(buffer).0.as_chunks_mut::<2>().0
}

impl LaneFft {
    /// A plan for `n` samples. `single`: one lane only, so that rustfft is the faster way for any length.
    pub(super) fn new(n: usize, single: bool) -> Self {
        let kind = match radices(n) {
            Some(radices) if !single => Kind::Stockham(steps(n, &radices)),
            _ => Kind::Single(scatterfall_fft::forward(n)),
        };
        Self { n, kind }
    }

    /// True where the length has small factors only, so that lanes pay.
    pub(super) fn suits(n: usize) -> bool {
        radices(n).is_some()
    }

    /// Complex numbers of extra scratch that [`Self::forward`] needs.
    pub(super) fn scratch_len(&self) -> usize {
        match &self.kind {
            Kind::Stockham(_) => 0,
            Kind::Single(fft) => 2 * self.n + fft.get_outofplace_scratch_len(),
        }
    }

    /// Forward transform of `data`, not normalised; `other` is scratch of the same size. Returns the one that holds the
    /// result. With real and imaginary parts exchanged (before and after) it is the inverse transform, not normalised.
    #[inline(always)]
    pub(super) fn forward<'a, S: Simd>(
        &self,
        simd: S,
        data: &'a mut [Pair<S::f64s>],
        other: &'a mut [Pair<S::f64s>],
        scratch: &mut [Complex64],
    ) -> &'a mut [Pair<S::f64s>] {
        match &self.kind {
            // A function of its own: inlined at each call the passes would be compiled several times over.
            Kind::Stockham(steps) => simd.vectorize(Passes { simd, steps, data, other }),
            Kind::Single(fft) => {
                let lanes = S::F64_LANES;
                let floats: &mut [f64] = pulp::bytemuck::cast_slice_mut(data.as_flattened_mut());
                let (input, rest) = scratch.split_at_mut(self.n);
                let (output, rest) = rest.split_at_mut(self.n);
                for lane in 0..lanes {
                    for (k, z) in input.iter_mut().enumerate() {
                        *z = Complex64::new(floats[2 * k * lanes + lane], floats[(2 * k + 1) * lanes + lane]);
                    }
                    fft.process_outofplace_with_scratch(input, output, rest);
                    for (k, z) in output.iter().enumerate() {
                        (floats[2 * k * lanes + lane], floats[(2 * k + 1) * lanes + lane]) = (z.re, z.im);
                    }
                }
                data
            }
        }
    }
}

/// All passes of a transform.
struct Passes<'a, 'b, S: Simd> {
    simd: S,
    steps: &'b [Step],
    data: &'a mut [Pair<S::f64s>],
    other: &'a mut [Pair<S::f64s>],
}

impl<'a, S: Simd> NullaryFnOnce for Passes<'a, '_, S> {
    type Output = &'a mut [Pair<S::f64s>];

    #[inline(always)]
    fn call(self) -> Self::Output {
        let (mut from, mut to) = (self.data, self.other);
        for step in self.steps {
            step.apply(self.simd, from, to);
            std::mem::swap(&mut from, &mut to);
        }
        from
    }
}

/// Cost of a sample of a transform of `n` points, in operations on a vector, about: those of a pass of each radix with
/// its products; a prime without code of its own takes two products for every pair of its points.
pub(super) fn cost(n: usize) -> usize {
    let pass = |radix: usize| match radix {
        2 => 5,
        3 => 7,
        4 => 7,
        5 => 10,
        p => p + 4,
    };
    radices(n).map_or(usize::MAX / 4, |r| r.into_iter().map(pass).sum())
}

/// True for products of 2, 3 and 5.
pub(super) fn is_smooth(n: usize) -> bool {
    radices(n).is_some_and(|r| r.into_iter().all(|p| p <= 5))
}

/// The radices of `n`, or `None` where a prime is too large.
fn radices(mut n: usize) -> Option<Vec<usize>> {
    let mut out = Vec::new();
    while n.is_multiple_of(4) {
        out.push(4);
        n /= 4;
    }
    let mut p = 2;
    while n > 1 {
        if p > LARGEST_PRIME {
            return None;
        }
        if n.is_multiple_of(p) {
            out.push(p);
            n /= p;
        } else {
            p += 1;
        }
    }
    Some(out)
}

/// `cos, sin(2 pi k / n)`.
#[expect(clippy::cast_precision_loss, reason = "sample numbers are far below 2^53")]
pub(super) fn unit(k: usize, n: usize) -> (f64, f64) {
    let (sin, cos) = (TAU * (k % n) as f64 / n as f64).sin_cos();
    (cos, sin)
}

fn steps(n: usize, radices: &[usize]) -> Vec<Step> {
    let (mut left, mut stride) = (n, 1);
    radices
        .iter()
        .map(|&radix| {
            let columns = left / radix;
            let twiddles = (0..columns)
                .flat_map(|j| (1..radix).map(move |r| (j, r)))
                .map(|(j, r)| unit(j * r, left))
                .map(|(cos, sin)| (cos, -sin))
                .collect();
            let half = 1..=radix / 2;
            let roots = half.clone().flat_map(|r| half.clone().map(move |k| unit(k * r, radix))).collect();
            let step = Step { radix, columns, stride, twiddles, roots };
            (left, stride) = (columns, stride * radix);
            step
        })
        .collect()
}

/// Two complex numbers a lane.
type Two<V> = (Complex<V>, Complex<V>);

/// A complex number a lane.
struct Complex<V>(V, V);

impl<V: Copy> Clone for Complex<V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<V: Copy> Copy for Complex<V> {}

impl Step {
    #[inline(always)]
    fn apply<S: Simd>(&self, simd: S, from: &[Pair<S::f64s>], to: &mut [Pair<S::f64s>]) {
        match self.radix {
            2 => self.run::<S, 2>(
                simd,
                from,
                to,
                #[inline(always)]
                |a| two(simd, a),
            ),
            3 => self.run::<S, 3>(
                simd,
                from,
                to,
                #[inline(always)]
                |a| three(simd, a),
            ),
            4 => self.run::<S, 4>(
                simd,
                from,
                to,
                #[inline(always)]
                |a| four(simd, a),
            ),
            5 => self.run::<S, 5>(
                simd,
                from,
                to,
                #[inline(always)]
                |a| five(simd, a),
            ),
            _ => self.any_prime(simd, from, to),
        }
    }

    /// One pass with a transform of `R` points in registers.
    ///
    /// Every closure in which vectors are worked on is `#[inline(always)]`: compiled on its own it would not have the
    /// vector unit's instructions.
    #[inline(always)]
    fn run<S: Simd, const R: usize>(
        &self,
        simd: S,
        from: &[Pair<S::f64s>],
        to: &mut [Pair<S::f64s>],
        butterfly: impl Fn([Complex<S::f64s>; R]) -> [Complex<S::f64s>; R],
    ) {
        let (s, m) = (self.stride, self.columns);
        if s == 1 {
            // The first pass: slices along the columns, so that no index needs a check.
            let from: [&[Pair<S::f64s>]; R] = std::array::from_fn(|k| &from[m * k..][..m]);
            let (to, _) = to.as_chunks_mut::<R>();
            for (j, (to, twiddles)) in to[..m].iter_mut().zip(self.twiddles.chunks_exact(R - 1)).enumerate() {
                let b = butterfly(std::array::from_fn(
                    #[inline(always)]
                    |k| Complex(from[k][j][0], from[k][j][1]),
                ));
                to[0] = [b[0].0, b[0].1];
                for r in 1..R {
                    let z = times(simd, b[r], twiddles[r - 1]);
                    to[r] = [z.0, z.1];
                }
            }
            return;
        }
        for (j, to) in to.chunks_exact_mut(R * s).take(m).enumerate() {
            let from: [&[Pair<S::f64s>]; R] = std::array::from_fn(|k| &from[s * (j + m * k)..][..s]);
            let mut rest = to;
            let to: [&mut [Pair<S::f64s>]; R] = std::array::from_fn(|_| {
                let (own, others) = std::mem::take(&mut rest).split_at_mut(s);
                rest = others;
                own
            });
            if j == 0 {
                for q in 0..s {
                    let b = butterfly(std::array::from_fn(
                        #[inline(always)]
                        |k| Complex(from[k][q][0], from[k][q][1]),
                    ));
                    for r in 0..R {
                        to[r][q] = [b[r].0, b[r].1];
                    }
                }
                continue;
            }
            let twiddles = &self.twiddles[j * (R - 1)..(j + 1) * (R - 1)];
            for q in 0..s {
                let b = butterfly(std::array::from_fn(
                    #[inline(always)]
                    |k| Complex(from[k][q][0], from[k][q][1]),
                ));
                to[0][q] = [b[0].0, b[0].1];
                for r in 1..R {
                    let z = times(simd, b[r], twiddles[r - 1]);
                    to[r][q] = [z.0, z.1];
                }
            }
        }
    }

    /// One pass for an odd prime: pairs `a_k + a_(p-k)` and `a_k - a_(p-k)` halve the products.
    #[inline(always)]
    fn any_prime<S: Simd>(&self, simd: S, from: &[Pair<S::f64s>], to: &mut [Pair<S::f64s>]) {
        let (p, s, m) = (self.radix, self.stride, self.columns);
        let half = p / 2;
        let zero = Complex(simd.splat_f64s(0.0), simd.splat_f64s(0.0));
        // The sum and the difference of every pair.
        let mut pairs = [(zero, zero); LARGEST_PRIME / 2];
        let pairs = &mut pairs[..half];
        for j in 0..m {
            let twiddles = &self.twiddles[j * (p - 1)..(j + 1) * (p - 1)];
            for q in 0..s {
                let from = &from[q + s * j..];
                let first = Complex(from[0][0], from[0][1]);
                let mut total = first;
                for (k, pair) in pairs.iter_mut().enumerate() {
                    let (a, b) = (from[s * m * (k + 1)], from[s * m * (p - k - 1)]);
                    let (a, b) = (Complex(a[0], a[1]), Complex(b[0], b[1]));
                    *pair = (add(simd, a, b), sub(simd, a, b));
                    total = add(simd, total, pair.0);
                }
                let to = &mut to[q + s * p * j..];
                to[0] = [total.0, total.1];
                // Two outputs at a time: eight sums that do not wait for each other.
                for r in (1..half).step_by(2) {
                    let sums = combine(simd, first, pairs, [self.roots(r), self.roots(r + 1)]);
                    for (r, (forth, back)) in [r, r + 1].into_iter().zip(sums) {
                        put(simd, &mut to[s * r], forth, twiddles[r - 1]);
                        put(simd, &mut to[s * (p - r)], back, twiddles[p - r - 1]);
                    }
                }
                if half % 2 == 1 {
                    let [(forth, back)] = combine(simd, first, pairs, [self.roots(half)]);
                    put(simd, &mut to[s * half], forth, twiddles[half - 1]);
                    put(simd, &mut to[s * (p - half)], back, twiddles[p - half - 1]);
                }
            }
        }
    }

    /// `cos, sin(2 pi k r / radix)` for k from 1 to half the radix.
    fn roots(&self, r: usize) -> &[(f64, f64)] {
        let half = self.radix / 2;
        &self.roots[(r - 1) * half..r * half]
    }
}

/// Stores `z` times a twiddle factor.
#[inline(always)]
fn put<S: Simd>(simd: S, to: &mut Pair<S::f64s>, z: Complex<S::f64s>, twiddle: (f64, f64)) {
    let z = times(simd, z, twiddle);
    *to = [z.0, z.1];
}

/// Outputs `r` and `p - r` of a prime's transform for each of `R` numbers r, whose `roots` are
/// `cos, sin(2 pi k r / p)`: `first + sum_k cos (a_k + a_-k) -+ i sum_k sin (a_k - a_-k)`.
#[inline(always)]
fn combine<S: Simd, const R: usize>(
    simd: S,
    first: Complex<S::f64s>,
    pairs: &[Two<S::f64s>],
    roots: [&[(f64, f64)]; R],
) -> [Two<S::f64s>; R] {
    let zero = Complex(simd.splat_f64s(0.0), simd.splat_f64s(0.0));
    let (mut even, mut odd) = ([first; R], [zero; R]);
    let roots = roots.map(|r| &r[..pairs.len()]);
    for (k, (sum, difference)) in pairs.iter().enumerate() {
        for r in 0..R {
            let (cos, sin) = roots[r][k];
            even[r] = add_scaled(simd, even[r], cos, *sum);
            odd[r] = add_scaled(simd, odd[r], sin, *difference);
        }
    }
    std::array::from_fn(
        #[inline(always)]
        |r| (minus_i(simd, even[r], odd[r]), plus_i(simd, even[r], odd[r])),
    )
}

#[inline(always)]
fn add<S: Simd>(simd: S, a: Complex<S::f64s>, b: Complex<S::f64s>) -> Complex<S::f64s> {
    Complex(simd.add_f64s(a.0, b.0), simd.add_f64s(a.1, b.1))
}

#[inline(always)]
fn sub<S: Simd>(simd: S, a: Complex<S::f64s>, b: Complex<S::f64s>) -> Complex<S::f64s> {
    Complex(simd.sub_f64s(a.0, b.0), simd.sub_f64s(a.1, b.1))
}

/// `a` times the same complex number in every lane.
#[inline(always)]
fn times<S: Simd>(simd: S, a: Complex<S::f64s>, (re, im): (f64, f64)) -> Complex<S::f64s> {
    let (re, im) = (simd.splat_f64s(re), simd.splat_f64s(im));
    Complex(
        simd.sub_f64s(simd.mul_f64s(a.0, re), simd.mul_f64s(a.1, im)),
        simd.mul_add_e_f64s(a.0, im, simd.mul_f64s(a.1, re)),
    )
}

/// `a - i b`.
#[inline(always)]
fn minus_i<S: Simd>(simd: S, a: Complex<S::f64s>, b: Complex<S::f64s>) -> Complex<S::f64s> {
    Complex(simd.add_f64s(a.0, b.1), simd.sub_f64s(a.1, b.0))
}

/// `a + i b`.
#[inline(always)]
fn plus_i<S: Simd>(simd: S, a: Complex<S::f64s>, b: Complex<S::f64s>) -> Complex<S::f64s> {
    Complex(simd.sub_f64s(a.0, b.1), simd.add_f64s(a.1, b.0))
}

/// `a + c b` for a real number `c`.
#[inline(always)]
fn add_scaled<S: Simd>(simd: S, a: Complex<S::f64s>, c: f64, b: Complex<S::f64s>) -> Complex<S::f64s> {
    let c = simd.splat_f64s(c);
    Complex(simd.mul_add_e_f64s(c, b.0, a.0), simd.mul_add_e_f64s(c, b.1, a.1))
}

/// `c a` for a real number `c`.
#[inline(always)]
fn scaled<S: Simd>(simd: S, c: f64, a: Complex<S::f64s>) -> Complex<S::f64s> {
    let c = simd.splat_f64s(c);
    Complex(simd.mul_f64s(c, a.0), simd.mul_f64s(c, a.1))
}

#[inline(always)]
fn two<S: Simd>(simd: S, [a, b]: [Complex<S::f64s>; 2]) -> [Complex<S::f64s>; 2] {
    [add(simd, a, b), sub(simd, a, b)]
}

#[inline(always)]
fn three<S: Simd>(simd: S, [a, b, c]: [Complex<S::f64s>; 3]) -> [Complex<S::f64s>; 3] {
    const SIN: f64 = 0.866_025_403_784_438_6; // sin(2 pi / 3); the cosine is -1/2
    let (sum, difference) = (add(simd, b, c), sub(simd, b, c));
    let even = add_scaled(simd, a, -0.5, sum);
    let s = simd.splat_f64s(SIN);
    let odd = Complex(simd.mul_f64s(s, difference.0), simd.mul_f64s(s, difference.1));
    [add(simd, a, sum), minus_i(simd, even, odd), plus_i(simd, even, odd)]
}

#[inline(always)]
fn four<S: Simd>(simd: S, [a, b, c, d]: [Complex<S::f64s>; 4]) -> [Complex<S::f64s>; 4] {
    let (s0, d0) = (add(simd, a, c), sub(simd, a, c));
    let (s1, d1) = (add(simd, b, d), sub(simd, b, d));
    [add(simd, s0, s1), minus_i(simd, d0, d1), sub(simd, s0, s1), plus_i(simd, d0, d1)]
}

#[inline(always)]
fn five<S: Simd>(simd: S, [a, b, c, d, e]: [Complex<S::f64s>; 5]) -> [Complex<S::f64s>; 5] {
    // cos and sin of 2 pi / 5 and 4 pi / 5
    const C1: f64 = 0.309_016_994_374_947_45;
    const C2: f64 = -0.809_016_994_374_947_5;
    const S1: f64 = 0.951_056_516_295_153_5;
    const S2: f64 = 0.587_785_252_292_473_1;
    let (p1, m1) = (add(simd, b, e), sub(simd, b, e));
    let (p2, m2) = (add(simd, c, d), sub(simd, c, d));
    let even1 = add_scaled(simd, add_scaled(simd, a, C1, p1), C2, p2);
    let even2 = add_scaled(simd, add_scaled(simd, a, C2, p1), C1, p2);
    let odd1 = add_scaled(simd, scaled(simd, S1, m1), S2, m2);
    let odd2 = add_scaled(simd, scaled(simd, S2, m1), -S1, m2);
    [
        add(simd, a, add(simd, p1, p2)),
        minus_i(simd, even1, odd1),
        minus_i(simd, even2, odd2),
        plus_i(simd, even2, odd2),
        plus_i(simd, even1, odd1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::WithSimd;

    struct Transform<'a> {
        fft: &'a LaneFft,
        n: usize,
        lanes_checked: &'a mut usize,
    }

    /// Value of signal `lane` at sample `k`.
    fn sample(lane: usize, k: usize) -> Complex64 {
        let x = (lane * 1009 + k * 31) as f64;
        Complex64::new((x * 0.7).sin() + 0.2, (x * 1.3).cos())
    }

    impl WithSimd for Transform<'_> {
        type Output = f64;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f64 {
            let (n, lanes) = (self.n, S::F64_LANES);
            *self.lanes_checked += lanes;
            let (mut data, mut other) = (vec![0f64; 2 * n * lanes], vec![0f64; 2 * n * lanes]);
            for k in 0..n {
                for lane in 0..lanes {
                    let z = sample(lane, k);
                    (data[2 * k * lanes + lane], data[(2 * k + 1) * lanes + lane]) = (z.re, z.im);
                }
            }
            let mut scratch = vec![Complex64::default(); self.fft.scratch_len()];
            let done = self.fft.forward(simd, pairs_mut::<S>(&mut data), pairs_mut::<S>(&mut other), &mut scratch);
            let done: &[f64] = pulp::bytemuck::cast_slice(done.as_flattened());
            let mut worst = 0.0f64;
            for lane in 0..lanes {
                let mut want: Vec<Complex64> = (0..n).map(|k| sample(lane, k)).collect();
                scatterfall_fft::forward(n).process(&mut want);
                let scale = want.iter().map(|z| z.norm()).fold(0.0, f64::max);
                for (k, w) in want.iter().enumerate() {
                    let got = Complex64::new(done[2 * k * lanes + lane], done[(2 * k + 1) * lanes + lane]);
                    worst = worst.max((got - w).norm() / scale);
                }
            }
            worst
        }
    }

    #[test]
    fn agrees_with_double_precision_for_every_kind_of_length() {
        let mut lanes_checked = 0;
        for n in
            [1, 2, 3, 4, 5, 6, 7, 8, 16, 18, 27, 43, 54, 67, 71, 75, 96, 97, 108, 128, 129, 360, 1000, 2000, 2003, 2048]
        {
            for single in [false, true] {
                let fft = LaneFft::new(n, single);
                let worst = pulp::Arch::new().dispatch(Transform { fft: &fft, n, lanes_checked: &mut lanes_checked });
                // Each of at most 11 passes rounds to 1e-16; a prime's direct sum of 67 terms grows it eightfold.
                assert!(worst < 4e-15, "{n} samples, single {single}: {worst}");
            }
        }
        assert!(lanes_checked > 0, "something was computed");
        assert!(LaneFft::suits(129) && !LaneFft::suits(2003), "3 x 43 suits lanes, a large prime does not");
    }
}
