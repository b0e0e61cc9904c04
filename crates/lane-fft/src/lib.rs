//! Fourier transforms of several signals side by side, one a lane of the vector unit.
//!
//! A mixed-radix transform in place, decimated in frequency: radices 8, 4, 2, 3, 5 and any other prime up to
//! 67. A sample is a vector of real and one of imaginary parts, so no step ever moves data between lanes.
//! A pass leaves transforms that are independent of each other; as soon as they are short enough for the first-level
//! cache, each goes through all further passes before the next. The result is not brought into order: who takes it asks
//! where its values stand ([`LaneFft::order`]) or takes each from the last pass's registers ([`Finish`]).
//!
//! In double precision: a scalogram's median may be thousands of times below its largest value, and single precision's
//! rounding is relative to the largest. Lengths with larger primes go through `rustfft`, lane by lane.

mod butterfly;
pub mod planned;

use std::f64::consts::TAU;
use std::sync::Arc;

use crate::planned::{Fft, num_complex::Complex64};
use pulp::{NullaryFnOnce, Simd};

use self::butterfly::{Complex, add, add_scaled, eight, five, four, minus_i, plus_i, sub, three, times, two};

/// A prime of p costs p^2 products a column; beyond this, Bluestein's way (rustfft) is faster.
const LARGEST_PRIME: usize = 67;

/// Bytes that stay within the first-level cache, beside the tables and what a [`Finish`] writes.
const RESIDENT: usize = 16 << 10;

/// A plan for one length.
pub struct LaneFft {
    n: usize,
    kind: Kind,
    order: Vec<u32>,
    places: Vec<u32>,
}

enum Kind {
    Passes(Vec<Pass>),
    /// Forward transforms of interleaved complex numbers, one signal at a time.
    Single(Arc<dyn Fft<f64>>),
}

/// One pass over the data: blocks of `radix * columns` samples become `radix` blocks of `columns`.
struct Pass {
    radix: usize,
    columns: usize,
    /// `w^(j r)` for column `j` and output `r` from 1, `w = exp(-2 pi i / (columns radix))`: `[j][r - 1]`.
    twiddles: Vec<(f64, f64)>,
    /// `cos, sin(2 pi k r / radix)`, `[r - 1][k - 1]` for k and r up to half the radix, for radices without code of
    /// their own.
    roots: Vec<(f64, f64)>,
}

/// A complex number a lane, as it lies in memory: real parts, imaginary parts.
pub type Pair<V> = [V; 2];

/// A buffer of floats as complex numbers.
#[inline(always)]
pub fn pairs<S: Simd>(buffer: &[f64]) -> &[Pair<S::f64s>] {
    S::as_simd_f64s(buffer).0.as_chunks::<2>().0
}

/// A buffer of floats as complex numbers.
#[inline(always)]
pub fn pairs_mut<S: Simd>(buffer: &mut [f64]) -> &mut [Pair<S::f64s>] {
    S::as_mut_simd_f64s(buffer).0.as_chunks_mut::<2>().0
}

/// Takes the values of a transform as they are done.
pub trait Finish<S: Simd> {
    /// The value `z` of the place `place` ([`LaneFft::order`]), whose room in the data is `room`.
    fn take(&mut self, simd: S, place: usize, room: &mut Pair<S::f64s>, z: Pair<S::f64s>);
}

/// Leaves them in the data.
pub struct InPlace;

impl<S: Simd> Finish<S> for InPlace {
    #[inline(always)]
    fn take(&mut self, _: S, _: usize, room: &mut Pair<S::f64s>, z: Pair<S::f64s>) {
        *room = z;
    }
}

impl LaneFft {
    /// A plan for `n` samples. `single`: one lane only, so that rustfft is the faster way for any length.
    pub fn new(n: usize, single: bool) -> Self {
        let (kind, order) = match radices(n) {
            Some(radices) if !single => {
                let passes = passes(n, &radices);
                let order = (0..n).map(|place| frequency(place, &passes)).collect();
                (Kind::Passes(passes), order)
            }
            _ => (Kind::Single(crate::planned::forward(n)), (0..n).collect::<Vec<_>>()),
        };
        let mut places = vec![0; n];
        for (place, &k) in order.iter().enumerate() {
            places[k] = number(place);
        }
        Self { n, kind, order: order.into_iter().map(number).collect(), places }
    }

    /// True where the length has small factors only, so that lanes pay.
    pub fn suits(n: usize) -> bool {
        radices(n).is_some()
    }

    /// The frequency whose value stands at each place of a transform's result.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The place at which each frequency's value stands.
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// Complex numbers of scratch that [`Self::forward`] needs.
    pub fn scratch_len(&self) -> usize {
        match &self.kind {
            Kind::Passes(_) => 0,
            Kind::Single(fft) => 2 * self.n + fft.get_outofplace_scratch_len(),
        }
    }

    /// Forward transform of `data`, not normalised, whose values `finish` takes; what is left in `data` is up to it.
    /// With real and imaginary parts exchanged (before and after) it is the inverse transform, not normalised.
    #[inline(always)]
    pub fn forward<S: Simd>(
        &self,
        simd: S,
        data: &mut [Pair<S::f64s>],
        scratch: &mut [Complex64],
        finish: impl Finish<S>,
    ) {
        match &self.kind {
            // Functions of their own: inlined at each call the passes would be compiled several times over.
            Kind::Passes(passes) => simd.vectorize(Passes { simd, passes, data, finish }),
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
                simd.vectorize(Passes { simd, passes: &[], data, finish });
            }
        }
    }
}

/// All passes of a transform.
struct Passes<'a, 'b, S: Simd, F> {
    simd: S,
    passes: &'b [Pass],
    data: &'a mut [Pair<S::f64s>],
    finish: F,
}

impl<S: Simd, F: Finish<S>> NullaryFnOnce for Passes<'_, '_, S, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, passes, data, mut finish } = self;
        let Some((last, passes)) = passes.split_last() else {
            for (place, room) in data.iter_mut().enumerate() {
                finish.take(simd, place, room, *room);
            }
            return;
        };
        let resident = RESIDENT / size_of::<Pair<S::f64s>>();
        let outer = passes.iter().take_while(|p| p.radix * p.columns > resident).count();
        let (outer, inner) = passes.split_at(outer);
        if !outer.is_empty() {
            simd.vectorize(Middle { simd, passes: outer, data });
        }
        let length = inner.first().unwrap_or(last).length();
        for (number, block) in data.chunks_exact_mut(length).enumerate() {
            if !inner.is_empty() {
                simd.vectorize(Middle { simd, passes: inner, data: block });
            }
            last.last(simd, number * length, block, &mut finish);
        }
    }
}

/// Passes after which others follow, over all data each.
struct Middle<'a, 'b, S: Simd> {
    simd: S,
    passes: &'b [Pass],
    data: &'a mut [Pair<S::f64s>],
}

impl<S: Simd> NullaryFnOnce for Middle<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for pass in self.passes {
            for block in self.data.chunks_exact_mut(pass.length()) {
                pass.middle(self.simd, block);
            }
        }
    }
}

/// Cost of a sample of a transform of `n` points, in operations on a vector, about: those of a pass of each radix with
/// its products; a prime without code of its own takes two products for every pair of its points.
pub fn cost(n: usize) -> usize {
    let pass = |radix: usize| match radix {
        2 => 5,
        3 | 4 => 7,
        5 | 8 => 10,
        p => p + 4,
    };
    radices(n).map_or(usize::MAX / 4, |r| r.into_iter().map(pass).sum())
}

/// True for products of 2, 3 and 5.
pub fn is_smooth(n: usize) -> bool {
    radices(n).is_some_and(|r| r.into_iter().all(|p| p <= 5 || p == 8))
}

/// The factors of a length that a transform takes as the radices of its passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factors {
    /// Eights, and fours or a two for what is left, as few as can be: 8 2 costs more than 4 4.
    pub powers_of_two: Vec<usize>,
    /// Odd primes, the smallest first.
    pub odd_primes: Vec<usize>,
}

impl Factors {
    /// The factors of `n`, or `None` where a prime is above `largest`.
    pub fn new(n: usize, largest: usize) -> Option<Self> {
        let twos = n.trailing_zeros() as usize;
        let (eights, rest) = match (twos / 3, twos % 3) {
            (eights @ 1.., 1) => (eights - 1, 4),
            other => other,
        };
        let mut powers_of_two = vec![8; eights];
        match rest {
            1 => powers_of_two.push(2),
            2 => powers_of_two.push(4),
            4 => powers_of_two.extend([4, 4]),
            _ => {}
        }
        let (mut left, mut odd_primes, mut p) = (n >> twos, Vec::new(), 3);
        while left > 1 {
            if p > largest {
                return None;
            }
            if left.is_multiple_of(p) {
                odd_primes.push(p);
                left /= p;
            } else {
                p += 2;
            }
        }
        Some(Self { powers_of_two, odd_primes })
    }
}

/// The radices of `n`, or `None` where a prime is too large. Large primes come last: their pass has no products with
/// twiddle factors then.
fn radices(n: usize) -> Option<Vec<usize>> {
    let Factors { mut powers_of_two, odd_primes } = Factors::new(n, LARGEST_PRIME)?;
    powers_of_two.extend(odd_primes);
    Some(powers_of_two)
}

/// The frequency whose value the passes leave at a place.
fn frequency(place: usize, passes: &[Pass]) -> usize {
    let (mut rest, mut weight, mut k) = (place, 1, 0);
    for pass in passes {
        k += rest / pass.columns * weight;
        rest %= pass.columns;
        weight *= pass.radix;
    }
    k
}

#[expect(clippy::cast_possible_truncation, reason = "transforms are far shorter than 2^32")]
fn number(k: usize) -> u32 {
    k as u32
}

/// `cos, sin(2 pi k / n)`.
#[expect(clippy::cast_precision_loss, reason = "sample numbers are far below 2^53")]
pub fn unit(k: usize, n: usize) -> (f64, f64) {
    let (sin, cos) = (TAU * (k % n) as f64 / n as f64).sin_cos();
    (cos, sin)
}

fn passes(n: usize, radices: &[usize]) -> Vec<Pass> {
    let mut left = n;
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
            left = columns;
            Pass { radix, columns, twiddles, roots }
        })
        .collect()
}

/// Two complex numbers a lane.
type Two<V> = (Complex<V>, Complex<V>);

/// Calls a function of a pass with the transform of its radix in registers as the last argument; the end is for primes
/// without one.
macro_rules! in_registers {
    ($pass:expr, $simd:ident, Self::$function:ident($($argument:expr),*), $p:ident => $prime:block) => {
        in_registers!(
            @arms $pass, $simd, $function, ($($argument),*), $p => $prime,
            2 two, 3 three, 4 four, 5 five, 8 eight
        )
    };
    (
        @arms $pass:expr, $simd:ident, $function:ident, $arguments:tt, $p:ident => $prime:block,
        $($radix:literal $butterfly:ident),*
    ) => {
        match $pass.radix {
            $($radix => in_registers!(@call $simd, $function, $radix, $butterfly, $arguments),)*
            $p => $prime
        }
    };
    (@call $simd:ident, $function:ident, $radix:literal, $butterfly:ident, ($($argument:expr),*)) => {
        Self::$function::<S, $radix>(
            $($argument,)*
            #[inline(always)]
            |a| $butterfly($simd, a),
        )
    };
}

/// Every closure in which vectors are worked on is `#[inline(always)]`: compiled on its own it would not have the vector
/// unit's instructions.
impl Pass {
    /// Samples of a block.
    fn length(&self) -> usize {
        self.radix * self.columns
    }

    /// The pass over one block, after which others follow.
    #[inline(always)]
    fn middle<S: Simd>(&self, simd: S, block: &mut [Pair<S::f64s>]) {
        in_registers!(self, simd, Self::by_columns(self, simd, block), p => {
            let m = self.columns;
            for (j, twiddles) in self.twiddles.chunks_exact(p - 1).enumerate() {
                self.prime(
                    simd,
                    block,
                    (j, m),
                    #[inline(always)]
                    |r, room, z| {
                        let z = if r == 0 { z } else { times(simd, z, twiddles[r - 1]) };
                        *room = [z.0, z.1];
                    },
                );
            }
        });
    }

    /// The last pass, over blocks of `radix` samples from the place `first` on.
    #[inline(always)]
    fn last<S: Simd>(&self, simd: S, first: usize, blocks: &mut [Pair<S::f64s>], finish: &mut impl Finish<S>) {
        in_registers!(self, simd, Self::by_blocks(simd, first, blocks, finish), p => {
            for (number, block) in blocks.chunks_exact_mut(p).enumerate() {
                let first = first + number * p;
                self.prime(
                    simd,
                    block,
                    (0, 1),
                    #[inline(always)]
                    |r, room, z| finish.take(simd, first + r, room, [z.0, z.1]),
                );
            }
        });
    }

    /// A pass with a transform of `R` points in registers.
    #[inline(always)]
    fn by_columns<S: Simd, const R: usize>(
        &self,
        simd: S,
        block: &mut [Pair<S::f64s>],
        butterfly: impl Fn([Complex<S::f64s>; R]) -> [Complex<S::f64s>; R],
    ) {
        let m = self.columns;
        let mut rest = block;
        let rows: [&mut [Pair<S::f64s>]; R] = std::array::from_fn(|_| {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(m);
            rest = others;
            own
        });
        // The first column's twiddle factors are 1.
        let b = butterfly(std::array::from_fn(
            #[inline(always)]
            |k| Complex(rows[k][0][0], rows[k][0][1]),
        ));
        for r in 0..R {
            rows[r][0] = [b[r].0, b[r].1];
        }
        for (j, twiddles) in self.twiddles.chunks_exact(R - 1).enumerate().take(m).skip(1) {
            let b = butterfly(std::array::from_fn(
                #[inline(always)]
                |k| Complex(rows[k][j][0], rows[k][j][1]),
            ));
            rows[0][j] = [b[0].0, b[0].1];
            for r in 1..R {
                let z = times(simd, b[r], twiddles[r - 1]);
                rows[r][j] = [z.0, z.1];
            }
        }
    }

    /// The last pass with a transform of `R` points in registers.
    #[inline(always)]
    fn by_blocks<S: Simd, const R: usize>(
        simd: S,
        first: usize,
        blocks: &mut [Pair<S::f64s>],
        finish: &mut impl Finish<S>,
        butterfly: impl Fn([Complex<S::f64s>; R]) -> [Complex<S::f64s>; R],
    ) {
        let (blocks, _) = blocks.as_chunks_mut::<R>();
        for (number, block) in blocks.iter_mut().enumerate() {
            let b = butterfly(std::array::from_fn(
                #[inline(always)]
                |k| Complex(block[k][0], block[k][1]),
            ));
            for r in 0..R {
                finish.take(simd, first + number * R + r, &mut block[r], [b[r].0, b[r].1]);
            }
        }
    }

    /// One column `j` (of `m`) for an odd prime, whose output `r` goes to `put`: pairs `a_k + a_(p-k)` and
    /// `a_k - a_(p-k)` halve the products.
    #[inline(always)]
    fn prime<S: Simd>(
        &self,
        simd: S,
        block: &mut [Pair<S::f64s>],
        (j, m): (usize, usize),
        mut put: impl FnMut(usize, &mut Pair<S::f64s>, Complex<S::f64s>),
    ) {
        let p = self.radix;
        let half = p / 2;
        let zero = Complex(simd.splat_f64s(0.0), simd.splat_f64s(0.0));
        // The sum and the difference of every pair.
        let mut pairs = [(zero, zero); LARGEST_PRIME / 2];
        let pairs = &mut pairs[..half];
        let first = Complex(block[j][0], block[j][1]);
        let mut total = first;
        for (k, pair) in pairs.iter_mut().enumerate() {
            let (a, b) = (block[j + m * (k + 1)], block[j + m * (p - k - 1)]);
            let (a, b) = (Complex(a[0], a[1]), Complex(b[0], b[1]));
            *pair = (add(simd, a, b), sub(simd, a, b));
            total = add(simd, total, pair.0);
        }
        put(0, &mut block[j], total);
        // Three outputs at a time: twelve sums, so that products and not loads are what takes the time.
        let threes = half / 3 * 3;
        for r in (1..threes).step_by(3) {
            let [a, b, c] = combine(simd, first, pairs, [self.roots(r), self.roots(r + 1), self.roots(r + 2)]);
            put(r, &mut block[j + m * r], a.0);
            put(p - r, &mut block[j + m * (p - r)], a.1);
            put(r + 1, &mut block[j + m * (r + 1)], b.0);
            put(p - r - 1, &mut block[j + m * (p - r - 1)], b.1);
            put(r + 2, &mut block[j + m * (r + 2)], c.0);
            put(p - r - 2, &mut block[j + m * (p - r - 2)], c.1);
        }
        for r in threes + 1..half + 1 {
            let [a] = combine(simd, first, pairs, [self.roots(r)]);
            put(r, &mut block[j + m * r], a.0);
            put(p - r, &mut block[j + m * (p - r)], a.1);
        }
    }

    /// `cos, sin(2 pi k r / radix)` for k from 1 to half the radix.
    fn roots(&self, r: usize) -> &[(f64, f64)] {
        let half = self.radix / 2;
        &self.roots[(r - 1) * half..r * half]
    }
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
    let mut both = [(zero, zero); R];
    for r in 0..R {
        both[r] = (minus_i(simd, even[r], odd[r]), plus_i(simd, even[r], odd[r]));
    }
    both
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
            let mut data = vec![0f64; 2 * n * lanes];
            for k in 0..n {
                for lane in 0..lanes {
                    let z = sample(lane, k);
                    (data[2 * k * lanes + lane], data[(2 * k + 1) * lanes + lane]) = (z.re, z.im);
                }
            }
            let mut scratch = vec![Complex64::default(); self.fft.scratch_len()];
            self.fft.forward(simd, pairs_mut::<S>(&mut data), &mut scratch, InPlace);
            let mut worst = 0.0f64;
            for lane in 0..lanes {
                let mut want: Vec<Complex64> = (0..n).map(|k| sample(lane, k)).collect();
                crate::planned::forward(n).process(&mut want);
                let scale = want.iter().map(|z| z.norm()).fold(0.0, f64::max);
                for (w, &place) in want.iter().zip(self.fft.places()) {
                    let at = 2 * place as usize * lanes + lane;
                    let got = Complex64::new(data[at], data[at + lanes]);
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
        let smooth: Vec<usize> = (1..=32).filter(|n| is_smooth(*n)).collect();
        assert_eq!(
            smooth,
            [1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 16, 18, 20, 24, 25, 27, 30, 32],
            "products of 2, 3 and 5"
        );
        assert!(LaneFft::suits(129) && !LaneFft::suits(2003), "3 x 43 suits lanes, a large prime does not");
    }
}
