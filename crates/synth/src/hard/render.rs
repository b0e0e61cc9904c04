//! One image of a hard archive: noise, what happens and what goes wrong, as levels in dB and as colour indices.

use std::ops::Range;

use ndarray::Array2;

use super::event::{Event, Profile};
use super::fibre::Fibre;
use super::nuisance::{Nuisance, NuisanceKind, Weather, common_db};
use super::random::{Random, normal, stream};

/// Seed of the images' noise; the index is the image's number.
const NOISE: u64 = 400;
/// Longest time in seconds between two samples of what happens within a row: blows are shorter than some rows.
const SAMPLE_S: f64 = 0.25;
/// Lowest and highest colour.
const ENDS_DB: (f32, f32) = (-200.0, 100.0);

/// What an image is drawn from.
pub(super) struct Scene<'a> {
    pub(super) seed: u64,
    pub(super) fibre: &'a Fibre,
    pub(super) weather: &'a Weather,
    /// Those that can be heard in the image.
    pub(super) events: Vec<&'a Event>,
    /// Number of the image.
    pub(super) image: usize,
    /// Its time in seconds after the archive's start.
    pub(super) time: Range<f64>,
    /// Seconds of the day at its start.
    pub(super) day_s: f64,
    pub(super) rows: usize,
}

impl Scene<'_> {
    /// Levels in dB, `[time, distance]`.
    pub(super) fn field(&self) -> Array2<f32> {
        let columns = self.fibre.columns;
        let row_s = (self.time.end - self.time.start) / self.rows as f64;
        let mut rng = stream(self.seed, NOISE, self.image as u64);
        let near: Vec<&Nuisance> = self.weather.within(&self.time).collect();
        let noise = self.fibre.noise_db(self.time.start, self.day_s);
        let speckle = Speckle::new(self.fibre);
        let mut field = Array2::zeros((self.rows, columns));
        for (row, mut levels) in field.rows_mut().into_iter().enumerate() {
            let from = self.time.start + row as f64 * row_s;
            let mut power = vec![0.0; columns];
            self.weather.add(self.fibre, &near, from + row_s / 2.0, &mut power);
            for event in &self.events {
                add_event(self.fibre, event, from, row_s, &mut power);
            }
            let shift = self.weather.gain_db(from + row_s / 2.0) + common_db(&mut rng, row_s);
            let mut neighbour = normal(&mut rng);
            for ((level, &power), &noise) in levels.iter_mut().zip(&power).zip(&noise) {
                *level = noise + shift + 3.010_3 * (1.0 + power).log2() + speckle.draw(&mut rng, &mut neighbour);
            }
        }
        self.spoil(&near, &mut rng, row_s, &mut field);
        field
    }

    /// Faults of the instrument, in the order in which they arise.
    fn spoil(&self, near: &[&Nuisance], rng: &mut Random, row_s: f64, field: &mut Array2<f32>) {
        let columns = |n: &Nuisance| {
            let at = |x: f64| ((x / self.fibre.column_km()) as usize).min(self.fibre.columns);
            let first = at(n.x0);
            let width = (((n.x1 - n.x0) / self.fibre.column_km()).round() as usize).max(1);
            first..(first + width).min(self.fibre.columns)
        };
        for kind in [
            NuisanceKind::Fading,
            NuisanceKind::Saturated,
            NuisanceKind::Dead,
            NuisanceKind::Frozen,
            NuisanceKind::Blank,
        ] {
            for n in near.iter().filter(|n| n.kind == kind) {
                let at = |t: f64| (((t - self.time.start) / row_s).max(0.0) as usize).min(self.rows);
                for row in at(n.t0)..at(n.t1) {
                    match kind {
                        NuisanceKind::Frozen if row == 0 => {}
                        NuisanceKind::Frozen => {
                            let above = field.row(row - 1).to_owned();
                            field.row_mut(row).assign(&above);
                        }
                        NuisanceKind::Blank => field.row_mut(row).fill(ENDS_DB.0),
                        NuisanceKind::Saturated => fill(field, row, columns(n), |_| ENDS_DB.1),
                        NuisanceKind::Dead => fill(field, row, columns(n), |_| ENDS_DB.0),
                        _ => fill(field, row, columns(n), |db| db + n.db as f32 + 0.7 * normal(rng)),
                    }
                }
            }
        }
    }
}

fn fill(field: &mut Array2<f32>, row: usize, columns: Range<usize>, mut value: impl FnMut(f32) -> f32) {
    let row = &mut field.row_mut(row);
    row.iter_mut().take(columns.end).skip(columns.start).for_each(|db| *db = value(*db));
}

/// Adds an event's power, in units of the noise's, to a row that lasts `row_s` seconds.
fn add_event(fibre: &Fibre, event: &Event, from: f64, row_s: f64, power: &mut [f32]) {
    let samples = ((row_s / SAMPLE_S).ceil() as usize).clamp(1, 8);
    let gain = event.gain() / samples as f64;
    for k in 0..samples {
        let t = from + (k as f64 + 0.5) * row_s / samples as f64;
        let profile = event.profile(t);
        let Some((x0, x1)) = profile.reach() else { continue };
        let everywhere = matches!(profile, Profile::Everywhere);
        for column in columns_within(fibre, x0, x1) {
            let x = fibre.place(column);
            let relative = if everywhere { event.power_everywhere(t, x) } else { profile.at(event, t, x) };
            power[column] += (gain * relative) as f32 * fibre.coupling[column];
        }
    }
}

/// Columns whose centres lie in `x0..=x1`; the conversion saturates, so that negative and infinite bounds are those of the fibre.
fn columns_within(fibre: &Fibre, x0: f64, x1: f64) -> Range<usize> {
    let first = ((x0 / fibre.column_km() - 0.5).ceil() as usize).min(fibre.columns);
    let end = ((x1 / fibre.column_km() + 0.5).floor() as usize).min(fibre.columns);
    first..end.max(first)
}

/// Speckle of a mean square over n samples, in dB: `10 log10(chi^2_n / n)` by the approximation of Wilson and Hilferty.
struct Speckle {
    mean: f32,
    deviation: f32,
    own: f32,
    neighbour: f32,
}

impl Speckle {
    fn new(fibre: &Fibre) -> Self {
        let spread = 2.0 / (9.0 * fibre.samples);
        // Weights whose squares sum to 1 leave the deviation as it is.
        let scale = (1.0 + fibre.neighbour * fibre.neighbour).sqrt();
        Self { mean: 1.0 - spread, deviation: spread.sqrt(), own: 1.0 / scale, neighbour: fibre.neighbour / scale }
    }

    fn draw(&self, rng: &mut Random, before: &mut f32) -> f32 {
        let fresh = normal(rng);
        let g = self.own * fresh + self.neighbour * *before;
        *before = fresh;
        // 30 log10(v) = 9.03 log2(v); v is the cube root of a power, and near 0 only where few samples are rare.
        9.030_9 * (self.mean + self.deviation * g).max(0.05).log2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speckle_is_that_of_a_mean_square() {
        for samples in [12.0, 40.0] {
            let mut fibre = Fibre::new(1, 20.0, 10);
            (fibre.samples, fibre.neighbour) = (samples, 0.4);
            let (speckle, mut rng, mut before) = (Speckle::new(&fibre), stream(1, 2, 3), 0.0);
            let n = 100_000;
            let power: Vec<f64> =
                (0..n).map(|_| 10f64.powf(f64::from(speckle.draw(&mut rng, &mut before)) / 10.0)).collect();
            let mean = power.iter().sum::<f64>() / f64::from(n);
            let variance = power.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / f64::from(n);
            // A mean of n squares has mean 1 and variance 2 / n; the approximation is good to a few per cent there.
            assert!((mean - 1.0).abs() < 0.01, "{samples} samples: mean {mean}");
            let ratio = variance * f64::from(samples) / 2.0;
            assert!((ratio - 1.0).abs() < 0.06, "{samples} samples: variance {ratio} of that expected");
        }
    }
}
