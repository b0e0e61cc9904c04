//! Random numbers by purpose and index, so that any image can be drawn without those before it.

use rand::{Rng, RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The generator of all random numbers of an archive.
pub(super) type Random = Xoshiro256PlusPlus;

/// A random stream of its own for one item (`index`) of one purpose.
pub(super) fn stream(seed: u64, purpose: u64, index: u64) -> Random {
    // `seed_from_u64` hashes its argument, so neighbouring numbers give unrelated streams.
    let archive = Random::seed_from_u64(seed).next_u64();
    let mixed = Random::seed_from_u64(archive ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next_u64();
    Random::seed_from_u64(mixed ^ index)
}

/// A normal number of mean 0 and deviation 1.
pub(super) fn normal(rng: &mut impl RngCore) -> f32 {
    normal_of(rng.next_u64())
}

/// A normal number from a random word: the sum of its eight bytes, each uniform. It takes no transcendental function,
/// because every pixel needs one.
fn normal_of(word: u64) -> f32 {
    const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
    // A byte's variance is (256^2 - 1) / 12; the deviation of a sum of eight is the root of eight times that.
    const DEVIATION: f32 = 209.021_53;
    let pairs = (word & EVEN) + ((word >> 8) & EVEN);
    // The product's top 16 bits are the sum of the four 16-bit fields.
    let sum = pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48;
    (sum as f32 - 1020.0) / DEVIATION
}

/// Seconds to the next event of a Poisson process.
pub(super) fn wait(rng: &mut Random, mean_s: f64) -> f64 {
    // 1 - [0, 1) is never 0.
    -mean_s * (1.0 - rng.r#gen::<f64>()).ln()
}

/// A number between two bounds whose logarithm is uniform.
pub(super) fn log_uniform(rng: &mut Random, low: f64, high: f64) -> f64 {
    (rng.gen_range(low.ln()..high.ln())).exp()
}

/// A smooth random function of one variable that can be asked anywhere: normal numbers at the integers, joined by a
/// cubic. Mean 0; its deviation is 1 at the integers and 0.7 between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Smooth {
    seed: u64,
}

impl Smooth {
    pub(super) fn new(rng: &mut Random) -> Self {
        Self { seed: rng.next_u64() }
    }

    /// Value at `u`.
    pub(super) fn at(self, u: f64) -> f64 {
        let floor = u.floor();
        let weight = ease(u - floor);
        let knot = |k: f64| f64::from(normal_of(mix(self.seed ^ mix(k as i64 as u64))));
        knot(floor) * (1.0 - weight) + knot(floor + 1.0) * weight
    }

    /// Value of a smooth function of two variables at `(u, v)`.
    pub(super) fn at2(self, u: f64, v: f64) -> f64 {
        let floor = u.floor();
        let weight = ease(u - floor);
        let line = |k: f64| Self { seed: mix(self.seed ^ mix(k as i64 as u64)) }.at(v);
        line(floor) * (1.0 - weight) + line(floor + 1.0) * weight
    }
}

/// The cubic from 0 to 1 with level ends.
fn ease(w: f64) -> f64 {
    w * w * (3.0 - 2.0 * w)
}

/// The finaliser of SplitMix64: it spreads each bit over the word.
fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_functions_pass_through_normal_numbers() {
        let f = Smooth::new(&mut stream(1, 2, 3));
        let values: Vec<f64> = (0..4000).map(|k| f.at(f64::from(k))).collect();
        let mean = values.iter().sum::<f64>() / 4000.0;
        let deviation = (values.iter().map(|v| v * v).sum::<f64>() / 4000.0).sqrt();
        // Five standard errors: 1 and 1/sqrt(2) over the root of 4000.
        assert!(mean.abs() < 0.08 && (deviation - 1.0).abs() < 0.056, "mean {mean}, deviation {deviation}");
        assert!((f.at(7.0) - f.at(7.0 - 1e-9)).abs() < 1e-6, "it has no steps");
        assert!((f.at2(7.0, 2.5) - f.at2(7.0 - 1e-9, 2.5)).abs() < 1e-6, "nor has that of two variables");
        assert!((f.at(7.0) - f.at(8.0)).abs() > 1e-6, "neighbours differ");
    }
}
