//! What is no event: rain, wind, steps of gain, dropped and saturated frames, fading, common noise, dead channels.

use std::ops::Range;

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::fibre::Fibre;
use super::random::{Random, Smooth, log_uniform, normal, stream, wait};

/// Seed of the first kind's process; the others follow.
const KINDS: u64 = 200;
/// Seed of the wind.
const WIND: u64 = 300;

/// One nuisance, as it stands in `truth.json`. Times are seconds after the archive's start, places km.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nuisance {
    /// What it is.
    pub kind: NuisanceKind,
    /// Begin.
    pub t0: f64,
    /// End; a step of gain has none of its own and ends where it begins.
    pub t1: f64,
    /// First place.
    pub x0: f64,
    /// Last place.
    pub x1: f64,
    /// Rise or step in dB; 0 where that has no meaning.
    pub db: f64,
}

/// The kinds of nuisances that have a time and a place. (Wind blows all the time, and rows that jump are too many to list.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NuisanceKind {
    /// Noise that rises over kilometres for minutes.
    Rain,
    /// All levels change and stay.
    GainStep,
    /// Rows that repeat the row before.
    Frozen,
    /// Rows without data: the lowest colour.
    Blank,
    /// A stretch at the highest colour.
    Saturated,
    /// A column that loses its signal: white noise in place of it.
    Fading,
    /// Channels that show one colour for the whole archive.
    Dead,
}

/// All nuisances of an archive, and the wind.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    /// By the hour in which each may be met.
    pub(super) list: Vec<Nuisance>,
    /// Numbers of those that touch an hour.
    by_hour: Vec<Vec<u32>>,
    gusts: Smooth,
    squalls: Smooth,
    drops: Smooth,
}

/// A kind: how many per hour, and how one is drawn.
type Draw = fn(&mut Random, &Fibre, f64) -> Nuisance;
const PROCESSES: [(f64, Draw); 6] =
    [(0.3, rain), (0.4, gain_step), (1.5, frozen), (0.8, blank), (0.6, saturated), (12.0, fading)];

impl Weather {
    pub(super) fn new(seed: u64, seconds: f64, fibre: &Fibre) -> Self {
        let mut list = Vec::new();
        for (kind, (per_hour, one)) in (KINDS..).zip(PROCESSES) {
            let mut times = stream(seed, kind, u64::MAX);
            let mut t = wait(&mut times, 3600.0 / per_hour);
            for number in 0.. {
                if t >= seconds {
                    break;
                }
                list.push(one(&mut stream(seed, kind, number), fibre, t));
                t += wait(&mut times, 3600.0 / per_hour);
            }
        }
        let mut rng = stream(seed, WIND, 0);
        if rng.r#gen() {
            let x0 = rng.gen_range(0.0..0.95 * fibre.km);
            let x1 = x0 + rng.gen_range(0.02..0.15f64).max(2.0 * fibre.column_km());
            list.push(Nuisance { kind: NuisanceKind::Dead, t0: 0.0, t1: seconds, x0, x1, db: 0.0 });
        }
        let by_hour = by_hour(list.iter().map(|n| n.t0..n.t1), seconds);
        let [gusts, squalls, drops] = [(); 3].map(|()| Smooth::new(&mut rng));
        Self { list, by_hour, gusts, squalls, drops }
    }

    /// Those that touch a stretch of time.
    pub(super) fn within(&self, time: &Range<f64>) -> impl Iterator<Item = &Nuisance> {
        let hour = ((time.start / 3600.0) as usize).min(self.by_hour.len() - 1);
        let list = self.by_hour[hour].iter().map(|&k| &self.list[k as usize]);
        list.filter(move |n| n.t0 < time.end && n.t1 >= time.start)
    }

    /// Sum in dB of the steps of gain before a time, and how quickly they come: within 2 s.
    pub(super) fn gain_db(&self, t: f64) -> f32 {
        let steps = self.list.iter().filter(|n| n.kind == NuisanceKind::GainStep && n.t0 <= t);
        steps.map(|n| n.db * ((t - n.t0) / 2.0).min(1.0)).sum::<f64>() as f32
    }

    /// Adds the power of wind and rain, in units of the noise's, to one row.
    pub(super) fn add(&self, fibre: &Fibre, near: &[&Nuisance], t: f64, row: &mut [f32]) {
        let gust = 0.5 * (0.9 * self.squalls.at(t / 1500.0) + 0.7 * self.gusts.at(t / 25.0)).exp() as f32;
        for (power, &exposure) in row.iter_mut().zip(&fibre.exposure) {
            *power += gust * exposure;
        }
        for n in near.iter().filter(|n| n.kind == NuisanceKind::Rain) {
            let ramp = ((t - n.t0).min(n.t1 - t) / 240.0).clamp(0.0, 1.0);
            let peak = 10f64.powf(n.db / 10.0) - 1.0;
            // Rain is smooth over 400 m: a value for each of a few columns is joined by lines.
            let step = ((0.1 / fibre.column_km()) as usize).max(1);
            let value = |c: usize| {
                let x = fibre.place(c);
                let flank = ((x - n.x0).min(n.x1 - x) / 0.5).clamp(0.0, 1.0);
                let shower = (1.0 + 0.45 * self.drops.at2(t / 20.0, x / 0.4)).max(0.0);
                (peak * ramp * flank * shower) as f32
            };
            let knots: Vec<f32> = (0..=row.len().div_ceil(step)).map(|k| value(k * step)).collect();
            for (c, power) in row.iter_mut().enumerate() {
                let (k, w) = (c / step, (c % step) as f32 / step as f32);
                *power += knots[k] * (1.0 - w) + knots[k + 1] * w;
            }
        }
    }
}

/// For each hour the numbers of the spans that touch it.
pub(super) fn by_hour(spans: impl Iterator<Item = Range<f64>>, seconds: f64) -> Vec<Vec<u32>> {
    let hours = (seconds / 3600.0).ceil().max(1.0) as usize;
    let mut table = vec![Vec::new(); hours];
    for (k, span) in spans.enumerate() {
        let first = (span.start.max(0.0) / 3600.0) as usize;
        let last = (span.end / 3600.0) as usize;
        for list in table.iter_mut().take(last + 1).skip(first) {
            list.push(k as u32);
        }
    }
    table
}

/// Noise of the laser in dB, common to all columns of a row: a little always, and now and then a row that jumps.
pub(super) fn common_db(rng: &mut Random, row_s: f64) -> f32 {
    let jump = rng.r#gen::<f64>() < 20.0 * row_s / 3600.0;
    0.08 * normal(rng) + if jump { rng.gen_range(1.0f32..6.0) } else { 0.0 }
}

fn all_along(kind: NuisanceKind, fibre: &Fibre, t0: f64, t1: f64, db: f64) -> Nuisance {
    Nuisance { kind, t0, t1, x0: 0.0, x1: fibre.km, db }
}

fn rain(rng: &mut Random, fibre: &Fibre, t0: f64) -> Nuisance {
    let length_km = log_uniform(rng, 0.1 * fibre.km, 0.6 * fibre.km);
    let x0 = rng.gen_range(-0.5 * length_km..fibre.km - 0.5 * length_km);
    let (t1, db) = (t0 + log_uniform(rng, 480.0, 2400.0), rng.gen_range(0.7..5.0));
    Nuisance { kind: NuisanceKind::Rain, t0, t1, x0: x0.max(0.0), x1: (x0 + length_km).min(fibre.km), db }
}

fn gain_step(rng: &mut Random, fibre: &Fibre, t0: f64) -> Nuisance {
    let db = rng.gen_range(0.6..3.5) * if rng.r#gen() { 1.0 } else { -1.0 };
    all_along(NuisanceKind::GainStep, fibre, t0, t0, db)
}

fn frozen(rng: &mut Random, fibre: &Fibre, t0: f64) -> Nuisance {
    all_along(NuisanceKind::Frozen, fibre, t0, t0 + log_uniform(rng, 0.5, 15.0), 0.0)
}

fn blank(rng: &mut Random, fibre: &Fibre, t0: f64) -> Nuisance {
    all_along(NuisanceKind::Blank, fibre, t0, t0 + log_uniform(rng, 0.3, 8.0), 0.0)
}

fn saturated(rng: &mut Random, fibre: &Fibre, t0: f64) -> Nuisance {
    let x0 = rng.gen_range(0.0..fibre.km);
    let x1 = (x0 + log_uniform(rng, 0.02, 0.08).max(fibre.column_km())).min(fibre.km);
    Nuisance { kind: NuisanceKind::Saturated, t0, t1: t0 + log_uniform(rng, 1.0, 30.0), x0, x1, db: 0.0 }
}

fn fading(rng: &mut Random, fibre: &Fibre, t0: f64) -> Nuisance {
    let x0 = rng.gen_range(0.0..fibre.km);
    // One gauge of 20 m or one column: what is wider would look like a wave.
    let x1 = x0 + (0.02 / fibre.column_km()).round() * fibre.column_km();
    let (t1, db) = (t0 + log_uniform(rng, 15.0, 240.0), rng.gen_range(2.0..9.0));
    Nuisance { kind: NuisanceKind::Fading, t0, t1, x0, x1, db }
}
