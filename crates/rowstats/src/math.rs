//! Elementary functions in double precision that compilers vectorise, and sums whose order is fixed.
//!
//! Reduction and clustering evaluate hundreds of millions of logarithms, exponentials and hyperbolic tangents.
//! The functions here are free of branches and table look-ups, so loops over slices become SIMD code; run such a
//! loop inside [`vectorised`] to have it compiled for the widest instruction set of the machine. Products and sums
//! are never fused, so the bytes do not depend on which one that is.

use rand::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Lanes of a reduction: four AVX2 registers or two AVX-512 ones hide the latency of an addition.
const LANES: usize = 16;

/// 2^52: a double of this size holds an integer below 2^52 in its low bits.
const TWO_52: f64 = 4_503_599_627_370_496.0;

/// Bits of the square root of one half, the lower end of the interval to which logarithms reduce their argument.
const SQRT_HALF_BITS: u64 = 0x3FE6_A09E_667F_3BCD;

/// log10(2), split so that its product with any exponent is exact in the first part.
const LOG10_2_HIGH: f64 = f64::from_bits(0x3FD3_4413_509F_6000);
/// log10(2) - `LOG10_2_HIGH`, to more digits than `f64::consts::LOG10_2` has.
const LOG10_2_LOW: f64 = 3.694_239_077_158_931e-13;

/// ln(2), split likewise.
const LN_2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEFA_3800);
/// ln(2) - `LN_2_HIGH`, to more digits than `f64::consts::LN_2` has.
const LN_2_LOW: f64 = 5.497_923_018_708_371e-14;

/// Runs `kernel` compiled for the best instruction set that the machine has.
///
/// The closure must be given as `#[inline(always)] || ...` in the call itself, else it keeps the default target.
#[inline(always)]
pub fn vectorised<R>(kernel: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(kernel)
}

/// Exponent and mantissa: `x = 2^e m` with m in [sqrt(1/2), sqrt(2)), for positive normal `x`.
#[inline(always)]
fn split(x: f64) -> (f64, f64) {
    let shifted = x.to_bits().wrapping_add(1.0f64.to_bits() - SQRT_HALF_BITS);
    let exponent = f64::from_bits((shifted >> 52) | TWO_52.to_bits()) - (TWO_52 + 1023.0);
    let mantissa = f64::from_bits((shifted & 0x000F_FFFF_FFFF_FFFF) + SQRT_HALF_BITS);
    (exponent, mantissa)
}

/// ln(m) for m in [sqrt(1/2), sqrt(2)): 2 atanh(s), s = (m - 1) / (m + 1), |s| <= 0.1716. The series is cut where
/// the next term is below 3e-17 of the sum.
#[inline(always)]
fn ln_mantissa(m: f64) -> f64 {
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut sum = 2.0 / 19.0;
    sum = sum * z + 2.0 / 17.0;
    sum = sum * z + 2.0 / 15.0;
    sum = sum * z + 2.0 / 13.0;
    sum = sum * z + 2.0 / 11.0;
    sum = sum * z + 2.0 / 9.0;
    sum = sum * z + 2.0 / 7.0;
    sum = sum * z + 2.0 / 5.0;
    sum = sum * z + 2.0 / 3.0;
    s * 2.0 + s * (z * sum)
}

/// Decimal logarithm of a positive normal number; within 4e-16 max(1, |log10 x|).
#[inline(always)]
pub fn log10(x: f64) -> f64 {
    let (exponent, mantissa) = split(x);
    exponent * LOG10_2_HIGH + (exponent * LOG10_2_LOW + ln_mantissa(mantissa) * std::f64::consts::LOG10_E)
}

/// Natural logarithm of a positive normal number; within 4e-16 max(1, |ln x|).
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let (exponent, mantissa) = split(x);
    exponent * LN_2_HIGH + (exponent * LN_2_LOW + ln_mantissa(mantissa))
}

/// Exponential function, relative error below 4e-16; the argument is clamped to [-708, 709], where the result is normal.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    // Adding and taking away 1.5 x 2^52 rounds to the nearest integer, which then stands in the low bits.
    const ROUND: f64 = 1.5 * TWO_52;
    let x = x.clamp(-708.0, 709.0);
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    // Taylor series: |r| <= 0.347, and r^14 / 14! is below 5e-18.
    let mut sum = 1.0 / 6_227_020_800.0;
    sum = sum * r + 1.0 / 479_001_600.0;
    sum = sum * r + 1.0 / 39_916_800.0;
    sum = sum * r + 1.0 / 3_628_800.0;
    sum = sum * r + 1.0 / 362_880.0;
    sum = sum * r + 1.0 / 40_320.0;
    sum = sum * r + 1.0 / 5_040.0;
    sum = sum * r + 1.0 / 720.0;
    sum = sum * r + 1.0 / 120.0;
    sum = sum * r + 1.0 / 24.0;
    sum = sum * r + 1.0 / 6.0;
    sum = sum * r + 0.5;
    let power = f64::from_bits(rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(1023) << 52);
    power * (1.0 + (r + r * r * sum))
}

/// Hyperbolic tangent, absolute error below 5e-16.
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    // Beyond 20 the result is 1 to the last bit.
    1.0 - 2.0 / (exp(2.0 * x.clamp(-20.0, 20.0)) + 1.0)
}

/// Sum of products of two slices of equal length, in an order that depends on the length only.
#[inline(always)]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut tail = 0.0;
    for (x, y) in a_chunks.remainder().iter().zip(b_chunks.remainder()) {
        tail += x * y;
    }
    for (x, y) in a_chunks.zip(b_chunks) {
        for l in 0..LANES {
            lanes[l] += x[l] * y[l];
        }
    }
    // One after the other: summed pairwise, the compiler would split the registers of the loop above.
    lanes.iter().sum::<f64>() + tail
}

/// Sum of a slice, in an order that depends on the length only.
#[inline(always)]
pub fn sum(a: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let chunks = a.chunks_exact(LANES);
    let tail: f64 = chunks.remainder().iter().sum();
    for x in chunks {
        for l in 0..LANES {
            lanes[l] += x[l];
        }
    }
    lanes.iter().sum::<f64>() + tail
}

/// The generator number `stream` of the family that `seed` names.
pub fn generator(seed: u64, stream: u64) -> Xoshiro256PlusPlus {
    // The golden-ratio step keeps stream s of seed 1 apart from stream s - 1 of seed 2.
    Xoshiro256PlusPlus::seed_from_u64(seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Uniform number in [0, 1) with 53 random bits.
pub fn uniform(rng: &mut impl RngCore) -> f64 {
    (rng.next_u64() >> 11) as f64 / (2.0 * TWO_52)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arguments over all exponents of f32, subnormal ones included, and close to 1.
    fn positive() -> Vec<f64> {
        let mut rng = generator(1, 0);
        let mut x: Vec<f64> =
            (0..200_000).map(|_| f64::from(f32::from_bits((rng.next_u32() % 0x7F7F_FFFF) + 1))).collect();
        x.extend((0..50_000).map(|i| 1.0 + f64::from(i - 25_000) * 1e-9));
        x.extend([f64::MIN_POSITIVE, f64::MAX, 1.0, 0.5, 2.0, 1e-10, 1000.0]);
        x
    }

    fn worst(x: &[f64], got: impl Fn(f64) -> f64, want: impl Fn(f64) -> f64, scale: impl Fn(f64) -> f64) -> f64 {
        x.iter().map(|&x| (got(x) - want(x)).abs() / scale(want(x))).fold(0.0, f64::max)
    }

    #[test]
    fn logarithms_are_accurate() {
        // 4e-16: one unit in the last place of results near 2, where rounding of the sum dominates.
        let x = positive();
        let scale = |y: f64| y.abs().max(1.0);
        let e10 = worst(&x, log10, f64::log10, scale);
        let e = worst(&x, ln, f64::ln, scale);
        assert!(e10 <= 4e-16, "log10 is off by {e10:e}");
        assert!(e <= 4e-16, "ln is off by {e:e}");
        let control = worst(&x, |x| log10(x * (1.0 + 1e-14)), f64::log10, scale);
        assert!(control > 4e-16, "an argument off by 1e-14 passes: {control:e}");
    }

    #[test]
    fn logarithm_is_monotonic_over_neighbouring_singles() {
        // Coefficients that differ must not change places: neighbouring f32 are 6e-8 apart, far above the error.
        for bits in (1.0e-10f32.to_bits()..1.0e4f32.to_bits()).step_by(10_007) {
            let (a, b) = (f64::from(f32::from_bits(bits)), f64::from(f32::from_bits(bits + 1)));
            assert!(log10(a) < log10(b), "log10 does not grow from {a:e} to {b:e}");
        }
    }

    #[test]
    fn exponential_and_tangent_are_accurate() {
        let mut rng = generator(2, 0);
        let x: Vec<f64> = (0..200_000).map(|_| (uniform(&mut rng) - 0.5) * 1400.0).collect();
        let e = worst(&x, exp, f64::exp, |y| y);
        assert!(e <= 4e-16, "exp is off by {e:e}");
        let near: Vec<f64> = (0..200_000).map(|_| (uniform(&mut rng) - 0.5) * 44.0).collect();
        let e = worst(&near, tanh, f64::tanh, |_| 1.0);
        assert!(e <= 5e-16, "tanh is off by {e:e}");
        assert!(exp(-1e9) > 0.0 && exp(-1e9) < 1e-300, "exp of a large negative number is {}", exp(-1e9));
        assert_eq!((tanh(1e9), tanh(-1e9), tanh(0.0)), (1.0, -1.0, 0.0), "limits of tanh");
    }

    #[test]
    fn sums_agree_with_plain_ones() {
        for n in [0, 1, 7, 8, 9, 64, 1001] {
            let a: Vec<f64> = (0..n).map(|i| f64::from(i) * 0.5 - 3.0).collect();
            let b: Vec<f64> = (0..n).map(|i| f64::from(i % 17)).collect();
            // Halves of integers add up exactly.
            assert_eq!(sum(&a), a.iter().sum::<f64>(), "sum of {n}");
            assert_eq!(dot(&a, &b), a.iter().zip(&b).map(|(x, y)| x * y).sum::<f64>(), "dot of {n}");
        }
    }

    #[test]
    fn streams_differ() {
        let first = |seed, stream| generator(seed, stream).next_u64();
        assert_ne!(first(1, 1), first(1, 2), "two streams of a seed");
        assert_ne!(first(1, 1), first(2, 1), "the same stream of two seeds");
        assert_eq!(first(3, 4), first(3, 4), "the same stream twice");
    }
}
