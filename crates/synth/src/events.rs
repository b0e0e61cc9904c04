//! What happens along the fibre: kinds of events, when they occur, and the signal each leaves in a minute.

use std::f64::consts::TAU;
use std::ops::Range;

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::field::Grid;
use super::{Random, stream};
use scatterfall_timestamps::{Micros, iso, micros};

/// Power over the background's below which an event is left out: 0.02 dB where the noise is 7 dB down.
const NEGLIGIBLE: f64 = 1e-3;

// Every kind draws from a random stream of its own, so that a longer archive of the same seed begins with the same events
// (but for those that `draw` folds into a short one).
const VEHICLES: u64 = u64::MAX;
const EARTHQUAKES: u64 = u64::MAX - 1;
const HAMMERING: u64 = u64::MAX - 2;
const GLITCHES: u64 = u64::MAX - 3;
const SWELL: u64 = u64::MAX - 4;

/// One event, as it stands in `truth.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What it is, with the fields that only this kind has.
    #[serde(flatten)]
    pub kind: Kind,
    /// Onset (of an earthquake: its origin time) in seconds after the archive's start; a vehicle may be under way
    /// already.
    pub t0: f64,
    /// Decibels over the background where the event is strongest.
    pub db: f64,
    /// The onset in ISO 8601 (UTC, without a zone mark).
    pub utc: String,
}

/// The kinds of events. Places are km along the fibre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// A car on the road beside the fibre.
    Vehicle {
        /// Place at the onset.
        x0: f64,
        /// Metres a second, negative towards the fibre's start.
        speed_ms: f64,
        /// Seconds it is heard.
        length_s: f64,
        /// Standard deviation of its stretch of fibre.
        width_km: f64,
    },
    /// A P wave and a stronger S wave, everywhere.
    Earthquake {
        /// Epicentre; it may lie beyond the fibre's ends.
        x0: f64,
        /// Depth.
        depth_km: f64,
        /// Seconds in which either wave falls to 1/e.
        tail_s: f64,
    },
    /// Blows at one place.
    Hammering {
        /// Place.
        x0: f64,
        /// Seconds from the first blow to the last.
        length_s: f64,
        /// Seconds from blow to blow.
        period_s: f64,
        /// Standard deviation of its stretch of fibre.
        width_km: f64,
    },
    /// The instrument shaken: all of the fibre at once.
    Glitch {
        /// Seconds.
        length_s: f64,
    },
    /// Sea waves on the last part of the fibre, for as long as the archive lasts. Ordinary, not an anomaly.
    Swell {
        /// Middle.
        x0: f64,
        /// Seconds.
        length_s: f64,
        /// Seconds a wave.
        period_s: f64,
        /// Standard deviation of its stretch of fibre.
        width_km: f64,
    },
}

/// Speeds in km/s and relative powers of the two waves of an earthquake: P, then S.
const WAVES: [(f64, f64); 2] = [(6.0, 0.35), (3.4, 1.0)];
/// Seconds in which a seismic wave rises.
const RISE_S: f64 = 0.4;
/// Distance in km at which an earthquake has its nominal power; it falls with the square root.
const REFERENCE_KM: f64 = 10.0;
/// Length of a wave of the swell in km.
const SWELL_KM: f64 = 0.9;

/// Draws the events of `seconds` of an archive.
pub(super) fn draw(seed: u64, start: Micros, seconds: f64, km: f64) -> Vec<Event> {
    let mut events = Vec::new();
    let mut add = |t0: f64, db: f64, kind: Kind| {
        let utc = iso(start.saturating_add(micros(t0))).trim_end_matches('Z').to_owned();
        events.push(Event { kind, t0, db, utc });
    };
    // A Poisson process of one kind: `first` seconds to its first event, then one every `mean_s` on average.
    let mut occur = |rng: &mut Random, first: f64, mean_s: f64, event: &dyn Fn(&mut Random) -> (f64, Kind)| {
        let mut t0 = first;
        while t0 < seconds {
            let (db, kind) = event(rng);
            add(t0, db, kind);
            t0 += wait(rng, mean_s);
        }
    };

    // From a minute before the start, so that there is traffic in the first rows.
    let (mut rng, mean_s) = (stream(seed, VEHICLES), 50.0);
    let first = wait(&mut rng, mean_s) - 60.0;
    occur(&mut rng, first, mean_s, &|rng| {
        let direction = if rng.r#gen() { 1.0 } else { -1.0 };
        let kind = Kind::Vehicle {
            x0: rng.gen_range(0.0..km),
            speed_ms: direction * rng.gen_range(9.0..32.0),
            length_s: rng.gen_range(20.0..120.0),
            width_km: rng.gen_range(0.01..0.03),
        };
        (rng.gen_range(12.0..26.0), kind)
    });

    // The first earthquake and the first blows are folded into a shorter archive: there is always one of each.
    let (mut rng, mean_s) = (stream(seed, EARTHQUAKES), 25.0 * 60.0);
    let first = wait(&mut rng, mean_s) % seconds;
    occur(&mut rng, first, mean_s, &|rng| {
        let kind = Kind::Earthquake {
            x0: rng.gen_range(-10.0..km + 10.0),
            depth_km: rng.gen_range(5.0..40.0),
            tail_s: rng.gen_range(8.0..30.0),
        };
        (rng.gen_range(16.0..34.0), kind)
    });

    let (mut rng, mean_s) = (stream(seed, HAMMERING), 20.0 * 60.0);
    let first = wait(&mut rng, mean_s) % seconds;
    occur(&mut rng, first, mean_s, &|rng| {
        let kind = Kind::Hammering {
            x0: rng.gen_range(0.05 * km..0.95 * km),
            length_s: rng.gen_range(30.0..240.0),
            period_s: rng.gen_range(0.7..2.5),
            width_km: rng.gen_range(0.03..0.12),
        };
        (rng.gen_range(14.0..28.0), kind)
    });

    let (mut rng, mean_s) = (stream(seed, GLITCHES), 30.0 * 60.0);
    let first = wait(&mut rng, mean_s);
    occur(&mut rng, first, mean_s, &|rng| {
        let kind = Kind::Glitch { length_s: rng.gen_range(0.2..1.0) };
        (rng.gen_range(10.0..30.0), kind)
    });

    let period_s = stream(seed, SWELL).gen_range(6.0..11.0);
    add(0.0, 7.0, Kind::Swell { x0: 0.86 * km, length_s: seconds, period_s, width_km: 0.10 * km });
    events
}

/// Seconds to a Poisson process's next event.
fn wait(rng: &mut Random, mean_s: f64) -> f64 {
    // 1 - [0, 1) is never 0.
    -mean_s * (1.0 - rng.r#gen::<f64>()).ln()
}

impl Event {
    /// Power over the background's where the event is strongest.
    fn gain(&self) -> f64 {
        10f64.powf(self.db / 10.0)
    }

    /// Whether any of the event can fall between two times, on `km` of fibre.
    pub(super) fn reaches(&self, from_s: f64, to_s: f64, km: f64) -> bool {
        let lasts_s = match self.kind {
            Kind::Vehicle { length_s, .. }
            | Kind::Hammering { length_s, .. }
            | Kind::Glitch { length_s }
            | Kind::Swell { length_s, .. } => length_s,
            Kind::Earthquake { x0, depth_km, tail_s } => {
                let farthest_km = x0.abs().max((km - x0).abs()).hypot(depth_km);
                let nearest = self.gain() * (REFERENCE_KM / depth_km).sqrt();
                farthest_km / WAVES[1].0 + tail_s * (nearest / NEGLIGIBLE).ln().max(0.0)
            }
        };
        self.t0 < to_s && self.t0 + lasts_s > from_s
    }

    /// Adds the event's power, in units of the background's, to the `(rows, columns)` of a minute.
    pub(super) fn add(&self, grid: &Grid, signal: &mut [f32]) {
        let gain = self.gain();
        match self.kind {
            Kind::Vehicle { x0, speed_ms, length_s, width_km } => {
                for row in grid.rows_within(self.t0, self.t0 + length_s) {
                    let place = x0 + speed_ms * (grid.time(row) - self.t0) / 1000.0;
                    let (columns, profile) = bell(grid, place, width_km, gain);
                    add_scaled(&mut signal[row * grid.columns..][columns], &profile, 1.0);
                }
            }
            Kind::Earthquake { x0, depth_km, tail_s } => self.add_earthquake(grid, signal, x0, depth_km, tail_s),
            Kind::Hammering { x0, length_s, period_s, width_km } => {
                let (columns, profile) = bell(grid, x0, width_km, gain);
                for row in grid.rows_within(self.t0, self.t0 + length_s) {
                    let blow = (TAU * (grid.time(row) - self.t0) / period_s).cos().max(0.0).powi(8);
                    if gain * blow > NEGLIGIBLE {
                        add_scaled(&mut signal[row * grid.columns..][columns.clone()], &profile, blow as f32);
                    }
                }
            }
            Kind::Glitch { length_s } => {
                let rows = grid.rows_within(self.t0, self.t0 + length_s);
                for power in &mut signal[rows.start * grid.columns..rows.end * grid.columns] {
                    *power += gain as f32;
                }
            }
            Kind::Swell { x0, length_s, period_s, width_km } => {
                let (columns, profile) = bell(grid, x0, width_km, gain);
                // cos(a - b) = cos a cos b + sin a sin b: the waves are two products of a row's and a column's numbers.
                let phase = |c: usize| (TAU * (grid.place(c) - x0) / SWELL_KM).sin_cos();
                let (sines, cosines): (Vec<f32>, Vec<f32>) =
                    columns.clone().zip(&profile).map(|(c, p)| (phase(c).0 as f32 * p, phase(c).1 as f32 * p)).unzip();
                for row in grid.rows_within(self.t0, self.t0 + length_s) {
                    let (sin, cos) = (TAU * grid.time(row) / period_s).sin_cos();
                    let signal = &mut signal[row * grid.columns..][columns.clone()];
                    add_scaled(signal, &profile, 0.5);
                    add_scaled(signal, &cosines, 0.5 * cos as f32);
                    add_scaled(signal, &sines, 0.5 * sin as f32);
                }
            }
        }
    }

    /// Either wave is `exp(-d / tail) (1 - exp(-d / rise))` of the delay `d` after its arrival. Both exponentials are
    /// products of a row's and a column's number.
    fn add_earthquake(&self, grid: &Grid, signal: &mut [f32], x0: f64, depth_km: f64, tail_s: f64) {
        let (slow, fast) = (1.0 / tail_s, 1.0 / tail_s + 1.0 / RISE_S);
        for (speed, power) in WAVES {
            let power = power * self.gain();
            let mut onset = vec![0; grid.columns];
            let mut terms = vec![(0.0, 0.0); grid.columns];
            let mut reach = grid.rows..0;
            for column in 0..grid.columns {
                let path_km = (grid.place(column) - x0).hypot(depth_km);
                let scaled = power * (REFERENCE_KM / path_km).sqrt();
                let arrival = self.t0 + path_km / speed;
                let heard = grid.rows_within(arrival, arrival + tail_s * (scaled / NEGLIGIBLE).ln().max(0.0));
                // Times from the minute's start keep both factors within f64: 100 s over the rise are e^253.
                let delay = arrival - grid.from_s;
                terms[column] = (scaled * (slow * delay).exp(), scaled * (fast * delay).exp());
                onset[column] = heard.start;
                if !heard.is_empty() {
                    reach = reach.start.min(heard.start)..reach.end.max(heard.end);
                }
            }
            for row in reach {
                let t = grid.time(row) - grid.from_s;
                let (a, b) = ((-slow * t).exp(), (-fast * t).exp());
                let signal = &mut signal[row * grid.columns..][..grid.columns];
                for ((power, &first), &(p, q)) in signal.iter_mut().zip(&onset).zip(&terms) {
                    *power += if row >= first { (a * p - b * q) as f32 } else { 0.0 };
                }
            }
        }
    }
}

/// `gain` times a Gaussian over the columns where that is not negligible.
fn bell(grid: &Grid, place: f64, width_km: f64, gain: f64) -> (Range<usize>, Vec<f32>) {
    let reach = width_km * (2.0 * (gain / NEGLIGIBLE).ln().max(0.0)).sqrt();
    let columns = grid.columns_within(place - reach, place + reach);
    let value = |c: usize| (gain * (-0.5 * ((grid.place(c) - place) / width_km).powi(2)).exp()) as f32;
    (columns.clone(), columns.map(value).collect())
}

fn add_scaled(signal: &mut [f32], profile: &[f32], factor: f32) {
    for (power, p) in signal.iter_mut().zip(profile) {
        *power += factor * p;
    }
}
