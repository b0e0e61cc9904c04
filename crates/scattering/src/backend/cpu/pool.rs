//! Pooling of scalograms over time, several signals side by side.

use pulp::{NullaryFnOnce, Simd};

use crate::options::Pooling;

/// Samples that are summed up before the sum goes to the total, so that rounding does not grow with the length.
const BLOCK: usize = 64;

/// Pools the moduli whose squares are in `power`, sample by sample a vector of lanes, into one value a lane.
///
/// The median is NumPy's: the mean of the two middle values where their number is even.
#[inline(always)]
pub(super) fn pool_lanes<S: Simd>(simd: S, power: &[S::f32s], pooling: Pooling, out: &mut [f32]) {
    let pooled = match pooling {
        Pooling::Median if S::F32_LANES == 1 => {
            out[0] = median_of_squares(&mut flat::<S>(power).to_vec());
            return;
        }
        Pooling::Median => simd.vectorize(Median { simd, power }),
        Pooling::Mean => {
            let mut total = simd.splat_f32s(0.0);
            for block in power.chunks(BLOCK) {
                let mut sum = simd.splat_f32s(0.0);
                for p in block {
                    sum = simd.add_f32s(sum, simd.sqrt_f32s(*p));
                }
                total = simd.add_f32s(total, sum);
            }
            #[expect(clippy::cast_precision_loss, reason = "bins are far below 2^24")]
            let n = power.len() as f32;
            simd.div_f32s(total, simd.splat_f32s(n))
        }
        Pooling::Max => {
            let mut largest = simd.splat_f32s(0.0);
            for p in power {
                largest = simd.max_f32s(largest, *p);
            }
            simd.sqrt_f32s(largest)
        }
        Pooling::Min => {
            let mut smallest = simd.splat_f32s(f32::INFINITY);
            for p in power {
                smallest = simd.min_f32s(smallest, *p);
            }
            simd.sqrt_f32s(smallest)
        }
        Pooling::Std => return each_lane::<S>(power, out, deviation),
        Pooling::Percentile(percent) => {
            return each_lane::<S>(power, out, |moduli| percentile(moduli, f64::from(percent) / 100.0));
        }
    };
    out.copy_from_slice(pulp::bytemuck::cast_slice(&[pooled]));
}

/// Pools the moduli of one lane after the other.
fn each_lane<S: Simd>(power: &[S::f32s], out: &mut [f32], pool: impl Fn(&mut [f32]) -> f32) {
    let squares = flat::<S>(power);
    let mut moduli = Vec::with_capacity(power.len());
    for (lane, out) in out.iter_mut().enumerate().take(S::F32_LANES) {
        moduli.clear();
        moduli.extend(squares.iter().skip(lane).step_by(S::F32_LANES).map(|p| p.sqrt()));
        *out = pool(&mut moduli);
    }
}

/// Standard deviation (n), about the mean: squares of values far from zero would cancel.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "bins are far below 2^53")]
fn deviation(moduli: &mut [f32]) -> f32 {
    let n = moduli.len() as f64;
    let mean = moduli.iter().map(|m| f64::from(*m)).sum::<f64>() / n;
    (moduli.iter().map(|m| (f64::from(*m) - mean).powi(2)).sum::<f64>() / n).sqrt() as f32
}

/// The value below which a share of the values lies, between the two nearest by linear interpolation; NaN with a NaN.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place among the values"
)]
fn percentile(moduli: &mut [f32], share: f64) -> f32 {
    if moduli.iter().any(|m| m.is_nan()) {
        return f32::NAN;
    }
    let place = share * (moduli.len() - 1) as f64;
    let rank = place.floor() as usize;
    let (_, low, above) = moduli.select_nth_unstable_by(rank, f32::total_cmp);
    let low = f64::from(*low);
    // The next larger value is the least of those above; there is none at the end, where nothing is between.
    let high = above.iter().copied().min_by(f32::total_cmp).map_or(low, f64::from);
    (low + (high - low) * (place - rank as f64)) as f32
}

#[inline(always)]
fn flat<S: Simd>(vectors: &[S::f32s]) -> &[f32] {
    pulp::bytemuck::cast_slice(vectors)
}

/// Medians of the square roots, one a lane, by halving the interval that holds the middle value.
///
/// The halves are those of the numbers' bits, which are in the order of the (not negative) numbers: no distribution
/// needs more than 31, and values spread over many powers of two need no more than others.
/// `below(low) <= rank < below(high)` holds throughout, where `below(x)` counts the samples under `x`; the search ends when every lane's
/// interval holds a single sample, or equal ones. A lane with a NaN has no such interval; it ends as soon as the
/// others.
struct Median<'a, S: Simd> {
    simd: S,
    power: &'a [S::f32s],
}

impl<S: Simd> NullaryFnOnce for Median<'_, S> {
    type Output = S::f32s;

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "bins are far below 2^32")]
    fn call(self) -> S::f32s {
        let Self { simd, power } = self;
        let n = power.len();
        let (none, one) = (simd.splat_u32s(0), simd.splat_u32s(1));
        // A number that the compiler does not know to be 1 is added under a mask, in one instruction instead of two.
        let counted = simd.splat_u32s(std::hint::black_box(1));
        let rank = simd.splat_u32s((n / 2) as u32);
        let (zero, mut least, mut most) = (simd.splat_f32s(0.0), simd.splat_f32s(f32::MAX), simd.splat_f32s(0.0));
        for p in power {
            least = simd.min_f32s(least, *p);
            most = simd.max_f32s(most, *p);
        }
        let mut low = simd.transmute_u32s_f32s(least);
        // Just above the largest; that may be infinity, which is above all numbers.
        let mut high = simd.add_u32s(simd.transmute_u32s_f32s(most), one);
        let (mut below_low, mut below_high) = (none, simd.splat_u32s(n as u32));
        for _ in 0..32 {
            let middle = simd.add_u32s(low, simd.wrapping_dyn_shr_u32s(simd.sub_u32s(high, low), one));
            let several = simd.less_than_u32s(one, simd.sub_u32s(below_high, below_low));
            let apart = simd.less_than_u32s(low, middle);
            let open = simd.and_m32s(several, apart);
            if simd.first_true_m32s(open) == S::F32_LANES {
                break;
            }
            let pivot = simd.transmute_f32s_u32s(middle);
            let mut below = [none; 2];
            let pairs = power.chunks_exact(2);
            for p in pairs.remainder() {
                below[0] = simd.add_u32s(below[0], simd.select_u32s(simd.less_than_f32s(*p, pivot), counted, none));
            }
            for p in pairs {
                for (below, p) in below.iter_mut().zip(p) {
                    *below = simd.add_u32s(*below, simd.select_u32s(simd.less_than_f32s(*p, pivot), counted, none));
                }
            }
            let below = simd.add_u32s(below[0], below[1]);
            let go_up = simd.and_m32s(open, simd.less_than_or_equal_u32s(below, rank));
            let go_down = simd.and_m32s(open, simd.less_than_u32s(rank, below));
            low = simd.select_u32s(go_up, middle, low);
            below_low = simd.select_u32s(go_up, below, below_low);
            high = simd.select_u32s(go_down, middle, high);
            below_high = simd.select_u32s(go_down, below, below_high);
        }
        let (low, high) = (simd.transmute_f32s_u32s(low), simd.transmute_f32s_u32s(high));
        // The middle value is the smallest from `low` on; the one before it is equal, or the largest under `low`.
        let (mut upper, mut under) = (high, zero);
        for p in power {
            let is_under = simd.less_than_f32s(*p, low);
            upper = simd.min_f32s(upper, simd.select_f32s(is_under, high, *p));
            under = simd.max_f32s(under, simd.select_f32s(is_under, *p, zero));
        }
        let upper_root = simd.sqrt_f32s(upper);
        if n % 2 == 1 {
            return upper_root;
        }
        let lower = simd.select_f32s(simd.less_than_u32s(below_low, rank), upper, under);
        simd.mul_f32s(simd.splat_f32s(0.5), simd.add_f32s(upper_root, simd.sqrt_f32s(lower)))
    }
}

/// Median of the square roots of one signal: order does not change under the root, so only the middle values get one.
fn median_of_squares(power: &mut [f32]) -> f32 {
    let n = power.len();
    if n == 0 {
        return f32::NAN;
    }
    let (below, middle, _) = power.select_nth_unstable_by(n / 2, f32::total_cmp);
    let upper = middle.sqrt();
    if n % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(0.0, f32::max).sqrt();
    0.5 * (lower + upper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::WithSimd;

    struct Pool<'a>(&'a [f32], Pooling);

    impl WithSimd for Pool<'_> {
        type Output = Vec<f32>;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
            // Lane k sees the values turned by k, which changes no result.
            let (n, lanes) = (self.0.len(), S::F32_LANES);
            let power: Vec<f32> = (0..n * lanes).map(|i| self.0[(i / lanes + i % lanes) % n]).collect();
            let mut out = vec![0.0; lanes];
            pool_lanes(simd, S::as_simd_f32s(&power).0, self.1, &mut out);
            out
        }
    }

    fn pooled(values: &[f32], pooling: Pooling) -> f32 {
        let lanes = pulp::Arch::new().dispatch(Pool(values, pooling));
        let single = pulp::Scalar::new().vectorize(Pool(values, pooling));
        assert!(lanes.iter().all(|v| *v == lanes[0]), "{pooling:?} of {values:?}: lanes agree, {lanes:?}");
        assert!((single[0] - lanes[0]).abs() <= 1e-6 * lanes[0], "{pooling:?} of {values:?}: {single:?} and {lanes:?}");
        lanes[0]
    }

    #[test]
    fn small_cases() {
        for (values, median) in [
            (&[9.0, 1.0, 4.0][..], 2.0),
            (&[9.0, 1.0, 4.0, 16.0], 2.5),
            (&[4.0, 4.0, 4.0, 4.0], 2.0),
            (&[0.0, 0.0, 4.0, 4.0], 1.0),
            (&[0.0], 0.0),
            (&[0.0, 0.0, 0.0], 0.0),
            (&[25.0], 5.0),
            (&[1.0, 4.0], 1.5),
            (&[1e-40, 1e-40, 1e30], 1e-20),
        ] {
            let got = pooled(values, Pooling::Median);
            assert!((got - median).abs() <= 1e-5 * median, "median of {values:?}: {got}");
        }
        assert_eq!(pooled(&[9.0, 1.0, 4.0, 16.0], Pooling::Mean), 2.5, "mean of the roots");
        assert_eq!(pooled(&[9.0, 1.0, 4.0, 16.0], Pooling::Max), 4.0, "largest");
        assert_eq!(pooled(&[9.0, 1.0, 4.0, 16.0], Pooling::Min), 1.0, "smallest");
        // numpy.std([3, 1, 2, 4]) and numpy.percentile([3, 1, 2, 4], [25, 90, 99]).
        assert_eq!(pooled(&[9.0, 1.0, 4.0, 16.0], Pooling::Std), 1.25f32.sqrt(), "deviation");
        let percentiles = [25, 90, 99].map(|p| pooled(&[9.0, 1.0, 4.0, 16.0], Pooling::Percentile(p)));
        assert_eq!(percentiles, [1.75, 3.7, 3.97], "percentiles");
        for pooling in [Pooling::Min, Pooling::Std, Pooling::Percentile(50)] {
            assert_eq!(
                pooled(&[4.0], pooling),
                if pooling == Pooling::Std { 0.0 } else { 2.0 },
                "one value, {pooling:?}"
            );
        }
    }

    #[test]
    fn the_median_is_exact_for_any_spread() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f32 / (1u64 << 31) as f32
        };
        for n in [2, 5, 64, 127, 128, 129] {
            for case in 0..40 {
                let values: Vec<f32> = (0..n)
                    .map(|_| match case % 4 {
                        0 => next(),
                        1 => (next() * 4.0).floor(),           // many equal
                        2 => 10f32.powf(next() * 60.0 - 30.0), // over 60 powers of ten
                        _ => 1.0 + next() * 1e-6,              // neighbours in floating point
                    })
                    .collect();
                let mut sorted = values.clone();
                sorted.sort_by(f32::total_cmp);
                let want = 0.5 * (sorted[(n - 1) / 2].sqrt() + sorted[n / 2].sqrt());
                assert_eq!(pooled(&values, Pooling::Median), want, "{n} values, case {case}");
            }
        }
    }
}
