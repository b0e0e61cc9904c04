//! What happens along the fibre: the kinds of events and the power each adds at a time and a place.
//!
//! A kind says for a moment what the fibre hears along its length ([`Profile`]), in units of the event's peak power. The
//! picture is drawn from profiles, and the truth's mask is taken from them as well, so the two cannot disagree.

use std::f64::consts::TAU;

use super::random::{Smooth, stream};

/// Relative power below which a profile is left out.
const NEGLIGIBLE: f64 = 2e-3;
/// Seed of what is random within an event: blows, gait, changes of strength.
const INSIDE: u64 = 20;

/// One event. Times are seconds after the archive's start, places km along the fibre.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) shape: Shape,
    /// First moment that it is heard on the fibre.
    pub(super) t0: f64,
    /// Last moment.
    pub(super) t1: f64,
    /// Rise in dB over the local noise where it is strongest.
    pub(super) peak_db: f64,
    /// Changes of strength within the event.
    inside: Smooth,
}

/// The kinds of events with what only they have. Widths are the standard deviation of a Gaussian along the fibre.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// A car, at `x0` when it is first heard.
    Vehicle { x0: f64, speed_ms: f64, width_km: f64 },
    /// A train, whose middle is at `x0` when it is first heard.
    Train { x0: f64, speed_ms: f64, half_km: f64 },
    /// Waves of an earthquake that begins at `origin_s`.
    Earthquake { x0: f64, depth_km: f64, origin_s: f64, waves: [Wave; 2], rise_s: f64, far: bool },
    /// An excavator: blows and scoops at one place.
    Digging { x0: f64, width_km: f64, period_s: f64 },
    /// A person who walks.
    Footsteps { x0: f64, speed_ms: f64, width_km: f64, steps_hz: f64 },
    /// A leak that begins within `rise_s` and stays.
    Leak { x0: f64, width_km: f64, rise_s: f64 },
    /// Rocks that fall: a sharp onset, a tail, and waves that run out at `spread_kms`.
    Rockfall { x0: f64, width_km: f64, tail_s: f64, spread_kms: f64 },
    /// A ship over the cable, at `x0` when it is first heard.
    Ship { x0: f64, speed_ms: f64, width_km: f64 },
    /// A whale that calls every `period_s`, `aside_km` from the cable's point `x0`.
    Whale { x0: f64, aside_km: f64, period_s: f64, call_s: f64 },
}

/// One wave of an earthquake.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wave {
    /// Speed.
    pub(super) speed_kms: f64,
    /// Peak power, relative to the stronger wave's.
    pub(super) power: f64,
    /// Seconds in which the power falls to 1/e.
    pub(super) tail_s: f64,
}

/// What the fibre hears at a moment, in units of the event's peak power.
pub(super) enum Profile {
    /// A Gaussian.
    Bell { middle: f64, width: f64, power: f64 },
    /// Even over `half` on both sides, with Gaussian flanks.
    Hat { middle: f64, half: f64, width: f64, power: f64 },
    /// Even around a place with flanks, and two fronts that have run `reach` km.
    Burst { middle: f64, width: f64, power: f64, reach: f64, front: f64 },
    /// Something at every place.
    Everywhere,
    /// Nothing.
    Silence,
}

impl Event {
    pub(super) fn new(seed: u64, number: u64, shape: Shape, t0: f64, t1: f64, peak_db: f64) -> Self {
        Self { shape, t0, t1, peak_db, inside: Smooth::new(&mut stream(seed, INSIDE, number)) }
    }

    /// Name of the kind, as in `truth.json`.
    pub(super) fn kind(&self) -> &'static str {
        match self.shape {
            Shape::Vehicle { .. } => "vehicle",
            Shape::Train { .. } => "train",
            Shape::Earthquake { far: false, .. } => "earthquake_near",
            Shape::Earthquake { far: true, .. } => "earthquake_far",
            Shape::Digging { .. } => "digging",
            Shape::Footsteps { .. } => "footsteps",
            Shape::Leak { .. } => "leak",
            Shape::Rockfall { .. } => "rockfall",
            Shape::Ship { .. } => "ship",
            Shape::Whale { .. } => "whale",
        }
    }

    /// Speed along the fibre in m/s of what moves.
    pub(super) fn speed_ms(&self) -> Option<f64> {
        match self.shape {
            Shape::Vehicle { speed_ms, .. }
            | Shape::Train { speed_ms, .. }
            | Shape::Footsteps { speed_ms, .. }
            | Shape::Ship { speed_ms, .. } => Some(speed_ms),
            _ => None,
        }
    }

    /// Power over that of the local noise where the event is strongest.
    pub(super) fn gain(&self) -> f64 {
        10f64.powf(self.peak_db / 10.0) - 1.0
    }

    /// What the fibre hears at time `t`.
    pub(super) fn profile(&self, t: f64) -> Profile {
        if !(self.t0..=self.t1).contains(&t) {
            return Profile::Silence;
        }
        let d = t - self.t0;
        let at = |x0: f64, speed_ms: f64| x0 + speed_ms * d / 1000.0;
        match self.shape {
            Shape::Vehicle { x0, speed_ms, width_km } => {
                Profile::Bell { middle: at(x0, speed_ms), width: width_km, power: self.waxing(d / 12.0, 0.5) }
            }
            Shape::Train { x0, speed_ms, half_km } => {
                let power = self.waxing(d / 8.0, 0.3);
                Profile::Hat { middle: at(x0, speed_ms), half: half_km, width: 0.06, power }
            }
            Shape::Earthquake { .. } => Profile::Everywhere,
            Shape::Digging { x0, width_km, period_s } => {
                Profile::Bell { middle: x0, width: width_km, power: self.blow(d, period_s, 0.6) }
            }
            Shape::Footsteps { x0, speed_ms, width_km, steps_hz } => {
                // Two rows of a picture see a step; what lies between is never quite silent.
                let step = 0.25 + 0.75 * (0.5 + 0.5 * (TAU * steps_hz * d).cos()).powi(2);
                Profile::Bell { middle: at(x0, speed_ms), width: width_km, power: step * self.waxing(d / 5.0, 0.4) }
            }
            Shape::Leak { x0, width_km, rise_s } => {
                let power = (d / rise_s).min(1.0) * self.waxing(d / 90.0, 0.25);
                Profile::Bell { middle: x0, width: width_km, power }
            }
            Shape::Rockfall { x0, width_km, tail_s, spread_kms } => {
                let power = pulse(d, 0.15, tail_s) * self.waxing(d / 0.8, 0.5);
                let front = 0.3 * (-d / 1.5).exp();
                Profile::Burst { middle: x0, width: width_km, power, reach: spread_kms * d, front }
            }
            Shape::Ship { x0, speed_ms, width_km } => {
                let passage = (self.t1 - self.t0) / 2.0;
                let near = (-0.5 * ((d - passage) / (0.45 * passage)).powi(2)).exp();
                Profile::Bell { middle: at(x0, speed_ms), width: width_km, power: near * self.waxing(d / 40.0, 0.25) }
            }
            Shape::Whale { .. } => Profile::Everywhere,
        }
    }

    /// Relative power at a place where the profile is [`Profile::Everywhere`].
    pub(super) fn power_everywhere(&self, t: f64, x: f64) -> f64 {
        match self.shape {
            Shape::Earthquake { x0, depth_km, origin_s, waves, rise_s, .. } => {
                let path_km = (x - x0).hypot(depth_km);
                // The nearest point of a fibre may lie far from the epicentre: strength falls from there on.
                let site = 10f64.powf(0.15 * self.inside.at(x / 1.5).clamp(-2.0, 0.0));
                let wave = |w: &Wave| {
                    let d = t - origin_s - path_km / w.speed_kms;
                    if d <= 0.0 { 0.0 } else { w.power * pulse(d, rise_s, w.tail_s) }
                };
                site * waves.iter().map(wave).sum::<f64>() * (depth_km / path_km).min(1.0)
            }
            Shape::Whale { x0, aside_km, period_s, call_s } => {
                let path_km = (x - x0).hypot(aside_km);
                let d = t - self.t0 - (path_km - aside_km) / 1.5;
                let (call, phase) = ((d / period_s).floor(), d.rem_euclid(period_s));
                if d < 0.0 || phase > call_s || t > self.t1 {
                    return 0.0;
                }
                let strength = 0.6 + 0.4 * (0.5 + 0.5 * self.inside.at(call)).clamp(0.0, 1.0);
                let envelope = (std::f64::consts::PI * phase / call_s).sin().powi(2).sqrt();
                strength * envelope * (aside_km / path_km).powi(2)
            }
            _ => 0.0,
        }
    }

    /// A slow change of strength between `1 - depth` and 1.
    fn waxing(&self, u: f64, depth: f64) -> f64 {
        1.0 - depth * (0.5 - 0.5 * self.inside.at(u)).clamp(0.0, 1.0)
    }

    /// Irregular blows, one about each `period_s`, each of `length_s`.
    fn blow(&self, d: f64, period_s: f64, length_s: f64) -> f64 {
        let near = (d / period_s).round();
        let at = |k: f64| (k + 0.25 * self.inside.at(k + 0.5).clamp(-1.0, 1.0)) * period_s;
        let strength = |k: f64| (0.7 + 0.3 * self.inside.at(-k - 1.0)).clamp(0.2, 1.0);
        let one = |k: f64| {
            let since = d - at(k);
            if since < 0.0 { 0.0 } else { strength(k) * (-since / length_s).exp() }
        };
        (one(near - 1.0) + one(near) + one(near + 1.0)).min(1.0)
    }
}

/// A rise and a decay with a peak of 1: `(1 - exp(-d / rise)) exp(-d / tail)` over its largest value.
fn pulse(d: f64, rise_s: f64, tail_s: f64) -> f64 {
    let sum = rise_s + tail_s;
    let peak = tail_s / sum * (rise_s / sum).powf(rise_s / tail_s);
    (1.0 - (-d / rise_s).exp()) * (-d / tail_s).exp() / peak
}

impl Profile {
    /// Where it is not negligible, in km.
    pub(super) fn reach(&self) -> Option<(f64, f64)> {
        // A Gaussian of power p falls to the negligible at sqrt(2 ln(p / negligible)) deviations.
        let flank = |power: f64, width: f64| width * (2.0 * (power / NEGLIGIBLE).ln().max(0.0)).sqrt();
        match *self {
            Self::Silence => None,
            Self::Everywhere => Some((f64::NEG_INFINITY, f64::INFINITY)),
            Self::Bell { middle, width, power } => {
                let r = flank(power, width);
                (r > 0.0).then_some((middle - r, middle + r))
            }
            Self::Hat { middle, half, width, power } => {
                let r = half + flank(power, width);
                (power > NEGLIGIBLE).then_some((middle - r, middle + r))
            }
            Self::Burst { middle, width, power, reach, front } => {
                let r = flank(power, width).max(if front > NEGLIGIBLE { reach + flank(front, 0.05) } else { 0.0 });
                (r > 0.0).then_some((middle - r, middle + r))
            }
        }
    }

    /// Relative power at `x` (km); `event` and `t` are those of the profile.
    pub(super) fn at(&self, event: &Event, t: f64, x: f64) -> f64 {
        let bell = |offset: f64, width: f64| (-0.5 * (offset / width).powi(2)).exp();
        match *self {
            Self::Silence => 0.0,
            Self::Everywhere => event.power_everywhere(t, x),
            Self::Bell { middle, width, power } => power * bell(x - middle, width),
            Self::Hat { middle, half, width, power } => power * bell(((x - middle).abs() - half).max(0.0), width),
            Self::Burst { middle, width, power, reach, front } => {
                let r = (x - middle).abs();
                (power * bell(r, width)).max(front * bell(r - reach, 0.05))
            }
        }
    }
}
