//! The quiet fibre and its noise: from the events' power to colour indices, one minute at a time.

use ndarray::Array2;
use rand::{Rng, RngCore};

use super::events::Event;
use super::{DB_MAX, DB_MIN, MINUTE_S, stream};

/// Mean level of the quiet fibre in dB.
const LEVEL_DB: f64 = -92.0;
/// Points between which the level along the fibre is interpolated.
const KNOTS: usize = 24;
/// Columns to each spot that hears much more than its neighbours (a loose cable, a chamber beside a road).
const COLUMNS_A_SPOT: usize = 170;
/// Columns of such a spot.
const SPOT: usize = 3;
/// Standard deviation of the noise in dB, before it is smoothed over two rows.
const NOISE_DB: f32 = 2.6;
/// Weights of a row and of the one before in the noise.
const SMOOTHING: (f32, f32) = (0.75, 0.25);

const BACKGROUND: u64 = u64::MAX - 5;

/// Where a minute's pixels lie in time (s after the archive's start) and along the fibre (km); centres of pixels.
pub(super) struct Grid {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) km: f64,
    /// Start of the minute.
    pub(super) from_s: f64,
}

impl Grid {
    pub(super) fn time(&self, row: usize) -> f64 {
        self.from_s + (row as f64 + 0.5) * MINUTE_S / self.rows as f64
    }

    pub(super) fn place(&self, column: usize) -> f64 {
        (column as f64 + 0.5) * self.km / self.columns as f64
    }

    /// Rows whose time lies in `from..=to`.
    pub(super) fn rows_within(&self, from: f64, to: f64) -> std::ops::Range<usize> {
        let scale = self.rows as f64 / MINUTE_S;
        centres_within((from - self.from_s) * scale, (to - self.from_s) * scale, self.rows)
    }

    /// Columns whose place lies in `from..=to`.
    pub(super) fn columns_within(&self, from: f64, to: f64) -> std::ops::Range<usize> {
        let scale = self.columns as f64 / self.km;
        centres_within(from * scale, to * scale, self.columns)
    }
}

/// The `k < n` with `from <= k + 0.5 <= to`. Conversion to `usize` saturates, so that negative bounds become 0.
fn centres_within(from: f64, to: f64, n: usize) -> std::ops::Range<usize> {
    let first = ((from - 0.5).ceil() as usize).min(n);
    let end = ((to + 0.5).floor() as usize).min(n);
    first..end.max(first)
}

/// Level of the quiet fibre in dB, one value a column: a smooth part, roughness, and a few noisy spots.
pub(super) fn background(seed: u64, columns: usize) -> Vec<f32> {
    let mut rng = stream(seed, BACKGROUND);
    let knots: Vec<f64> = (0..KNOTS).map(|_| 4.0 * f64::from(normal(&mut rng))).collect();
    let mut level: Vec<f32> = (0..columns)
        .map(|c| {
            let at = c as f64 / (columns - 1).max(1) as f64 * (KNOTS - 1) as f64;
            let k = (at as usize).min(KNOTS - 2);
            let smooth = knots[k] + (at - k as f64) * (knots[k + 1] - knots[k]);
            (LEVEL_DB + smooth + 0.8 * f64::from(normal(&mut rng))) as f32
        })
        .collect();
    for _ in 0..(columns / COLUMNS_A_SPOT).max(1) {
        let first = rng.gen_range(0..columns);
        let excess = rng.gen_range(6.0f32..16.0);
        level.iter_mut().skip(first).take(SPOT).for_each(|db| *db += excess);
    }
    level
}

/// The level of a fibre without structure, noise or events.
pub(super) fn silence(columns: usize) -> Vec<f32> {
    vec![LEVEL_DB as f32; columns]
}

/// A minute with noise and events as colour indices, `[time, distance]`.
pub(super) fn render<'a>(
    mut rng: impl RngCore,
    grid: &Grid,
    background: &[f32],
    events: impl Iterator<Item = &'a Event>,
) -> Array2<u8> {
    let mut signal = vec![0.0; grid.rows * grid.columns];
    for event in events {
        event.add(grid, &mut signal);
    }
    let mut before: Vec<f32> = (0..grid.columns).map(|_| NOISE_DB * normal(&mut rng)).collect();
    let mut indices = Array2::zeros((grid.rows, grid.columns));
    for (mut indices, signal) in indices.rows_mut().into_iter().zip(signal.chunks_exact(grid.columns)) {
        for (((pixel, &power), &level), before) in indices.iter_mut().zip(signal).zip(background).zip(&mut before) {
            let fresh = NOISE_DB * normal(&mut rng);
            let noise = SMOOTHING.0 * fresh + SMOOTHING.1 * *before;
            *before = fresh;
            // Noise and signal add as powers, in units of the background's; most pixels have no signal.
            let above = if power > 0.0 { to_db(from_db(noise) + power) } else { noise };
            *pixel = index(level + above);
        }
    }
    indices
}

/// Colour index of a level in dB, between the scale's ends (the conversion saturates).
pub(super) fn index(db: f32) -> u8 {
    ((db - DB_MIN as f32) * (255.0 / (DB_MAX - DB_MIN) as f32)) as u8
}

fn from_db(db: f32) -> f32 {
    (db * (std::f32::consts::LOG2_10 / 10.0)).exp2()
}

fn to_db(power: f32) -> f32 {
    power.log2() * (10.0 / std::f32::consts::LOG2_10)
}

/// A nearly normal number of mean 0 and deviation 1: the sum of a random word's eight bytes, each uniform. Its excess
/// kurtosis is -0.15, its steps are 1/209, and it ends at 4.9. It takes one word and no transcendental function:
/// every pixel needs one.
fn normal(rng: &mut impl RngCore) -> f32 {
    const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
    // A byte's variance is (256^2 - 1) / 12; eight times that, its root.
    const DEVIATION: f32 = 209.021_53;
    let word = rng.next_u64();
    let pairs = (word & EVEN) + ((word >> 8) & EVEN);
    // The product's top 16 bits are the sum of the four 16-bit fields.
    let sum = pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48;
    (sum as f32 - 1020.0) / DEVIATION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_close_to_normal() {
        let mut rng = stream(7, 0);
        let sample: Vec<f64> = (0..200_000).map(|_| f64::from(normal(&mut rng))).collect();
        let moment = |k: i32| sample.iter().map(|v| v.powi(k)).sum::<f64>() / sample.len() as f64;
        // Five standard errors of each moment (n = 200,000): 1, sqrt 2 and sqrt 96 over the root of n.
        assert!(moment(1).abs() < 0.0112, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.0158, "variance {}", moment(2));
        assert!((moment(4) - 2.85).abs() < 0.11, "fourth moment {}: 3 - 0.15", moment(4));
        let uniform = 9.0 / 5.0;
        assert!((uniform - 2.85f64).abs() > 0.11, "a uniform number would not pass");
    }

    #[test]
    fn centres_of_pixels() {
        assert_eq!(centres_within(0.0, 4.0, 4), 0..4, "all");
        assert_eq!(centres_within(0.5, 1.5, 4), 0..2, "centres on the bounds belong to it");
        assert_eq!(centres_within(0.6, 1.4, 4), 1..1, "between two centres");
        for (from, to) in [(-9.0, -2.0), (7.0, 9.0), (f64::NAN, f64::NAN), (3.0, 1.0)] {
            assert!(centres_within(from, to, 4).is_empty(), "{from}..{to} is outside");
        }
    }

    #[test]
    fn indices_span_the_scale() {
        for (db, want) in [(-200.0, 0), (-113.0, 0), (-112.6, 1), (-35.0, 255), (20.0, 255), (-92.0, 68)] {
            assert_eq!(index(db), want, "{db} dB");
        }
        assert!((to_db(from_db(-7.5)) + 7.5).abs() < 1e-5, "dB and back, to single precision");
    }
}
