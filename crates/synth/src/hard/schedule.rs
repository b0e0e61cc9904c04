//! When and where events happen: a Poisson process for each kind, with sizes and strengths of its own.

use rand::Rng;

use super::Activity;
use super::event::{Event, Shape, Wave};
use super::fibre::Fibre;
use super::random::{Random, log_uniform, stream, wait};

/// Seed of the first kind's process; the others follow.
const KINDS: u64 = 100;
/// Length in km that the rates of local kinds are given for.
const RATE_KM: f64 = 20.0;

/// Draws one event of a kind that begins at the given time.
type Draw = fn(&mut Random, &Fibre, f64) -> Drawn;

/// What a kind's drawing yields.
struct Drawn {
    shape: Shape,
    t0: f64,
    t1: f64,
    peak_db: f64,
}

/// A kind: events per hour on 20 km in a normal archive, whether a longer fibre has more of them, and how one is drawn.
const PROCESSES: [(f64, bool, Draw); 10] = [
    (24.0, true, vehicle),
    (2.0, false, train),
    (1.0, false, near_earthquake),
    (0.7, false, far_earthquake),
    (1.5, true, digging),
    (2.5, true, footsteps),
    (0.35, true, leak),
    (2.0, true, rockfall),
    (0.6, false, ship),
    (0.8, false, whale),
];

/// All events of `seconds`, kind by kind in the order of time.
pub(super) fn draw(seed: u64, seconds: f64, fibre: &Fibre, activity: Activity) -> Vec<Event> {
    let busy = match activity {
        Activity::Quiet => return Vec::new(),
        Activity::Normal => 1.0,
        Activity::Busy => 2.5,
    };
    let mut events = Vec::new();
    for (kind, (per_hour, by_length, one)) in (KINDS..).zip(PROCESSES) {
        let rate = per_hour * busy * if by_length { fibre.km / RATE_KM } else { 1.0 };
        let mut times = stream(seed, kind, u64::MAX);
        let mut t = wait(&mut times, 3600.0 / rate);
        for number in 0.. {
            if t >= seconds {
                break;
            }
            let drawn = one(&mut stream(seed, kind, number), fibre, t);
            let inside = kind << 32 | number;
            events.push(Event::new(seed, inside, drawn.shape, drawn.t0, drawn.t1, drawn.peak_db));
            t += wait(&mut times, 3600.0 / rate);
        }
    }
    events
}

/// Rise of an event in dB: as many between 0.7 and 1.4 as between 2 and 4, 4 and 8.
fn strength(rng: &mut Random, strongest: f64) -> f64 {
    log_uniform(rng, 0.7, strongest)
}

/// A width that no column is too coarse for: the peak stays what it is said to be.
fn width(fibre: &Fibre, km: f64) -> f64 {
    km.max(0.6 * fibre.column_km())
}

/// A place on land.
fn on_land(rng: &mut Random, fibre: &Fibre) -> f64 {
    let land = if fibre.sea.start > 0.0 { 0.0..fibre.sea.start } else { fibre.sea.end..fibre.km };
    let margin = 0.02 * (land.end - land.start);
    rng.gen_range(land.start + margin..land.end - margin)
}

fn vehicle(rng: &mut Random, fibre: &Fibre, t0: f64) -> Drawn {
    let road = &fibre.roads[usize::from(rng.r#gen::<bool>())];
    let speed_ms = log_uniform(rng, 6.0, 36.0) * if rng.r#gen() { 1.0 } else { -1.0 };
    let x0 = rng.gen_range(road.start..road.end);
    let left_km = if speed_ms > 0.0 { road.end - x0 } else { x0 - road.start };
    let length_s = log_uniform(rng, 40.0, 300.0).min((1000.0 * left_km / speed_ms.abs()).max(15.0));
    let width_km = width(fibre, rng.gen_range(0.008..0.022));
    Drawn { shape: Shape::Vehicle { x0, speed_ms, width_km }, t0, t1: t0 + length_s, peak_db: strength(rng, 10.0) }
}

fn train(rng: &mut Random, fibre: &Fibre, t0: f64) -> Drawn {
    let (rail, speed) = (&fibre.rail, rng.gen_range(14.0..45.0));
    let half_km = rng.gen_range(0.05..0.2);
    let forward = rng.r#gen::<bool>();
    let (x0, speed_ms) = if forward { (rail.start, speed) } else { (rail.end, -speed) };
    let t1 = t0 + 1000.0 * (rail.end - rail.start) / speed;
    Drawn { shape: Shape::Train { x0, speed_ms, half_km }, t0, t1, peak_db: strength(rng, 13.0) }
}

fn near_earthquake(rng: &mut Random, fibre: &Fibre, t0: f64) -> Drawn {
    let (x0, depth_km) = (rng.gen_range(-10.0..fibre.km + 10.0), rng.gen_range(4.0..18.0));
    let tail_s = rng.gen_range(4.0..15.0);
    let waves = [
        Wave { speed_kms: 6.0, power: rng.gen_range(0.15..0.5), tail_s: 0.6 * tail_s },
        Wave { speed_kms: 3.45, power: 1.0, tail_s },
    ];
    earthquake(rng, fibre, t0, (x0, depth_km), waves, 0.4)
}

fn far_earthquake(rng: &mut Random, fibre: &Fibre, t0: f64) -> Drawn {
    // It comes from below: the "depth" is the distance, and the fibre hears it almost at once.
    let (x0, depth_km) = (rng.gen_range(-60.0..fibre.km + 60.0), rng.gen_range(120.0..400.0));
    let tail_s = rng.gen_range(20.0..60.0);
    let waves = [
        Wave { speed_kms: 7.8, power: rng.gen_range(0.1..0.4), tail_s: 0.5 * tail_s },
        Wave { speed_kms: 4.4, power: 1.0, tail_s },
    ];
    let rise_s = rng.gen_range(1.5..4.0);
    earthquake(rng, fibre, t0, (x0, depth_km), waves, rise_s)
}

/// An earthquake whose first wave arrives on the fibre at `t0`.
fn earthquake(rng: &mut Random, fibre: &Fibre, t0: f64, at: (f64, f64), waves: [Wave; 2], rise_s: f64) -> Drawn {
    let (x0, depth_km) = at;
    let nearest = (x0.clamp(0.0, fibre.km) - x0).hypot(depth_km);
    let farthest = x0.abs().max((fibre.km - x0).abs()).hypot(depth_km);
    let origin_s = t0 - nearest / waves[0].speed_kms;
    let peak_db = strength(rng, 14.0);
    // A decay by 30 dB ends it.
    let t1 = origin_s + farthest / waves[1].speed_kms + 6.9 * waves[1].tail_s;
    // Strength is said for the nearest point of the fibre; the profile counts from the source's depth.
    let loudness = nearest / depth_km;
    let waves = waves.map(|w| Wave { power: w.power * loudness, ..w });
    let far = depth_km > 100.0;
    Drawn { shape: Shape::Earthquake { x0, depth_km, origin_s, waves, rise_s, far }, t0, t1, peak_db }
}

fn digging(rng: &mut Random, fibre: &Fibre, t0: f64) -> Drawn {
    let x0 = on_land(rng, fibre);
    let width_km = width(fibre, rng.gen_range(0.015..0.05));
    let (period_s, t1) = (rng.gen_range(1.5..8.0), t0 + log_uniform(rng, 60.0, 900.0));
    Drawn { shape: Shape::Digging { x0, width_km, period_s }, t0, t1, peak_db: strength(rng, 12.0) }
}

fn footsteps(rng: &mut Random, fibre: &Fibre, t0: f64) -> Drawn {
    let speed_ms = rng.gen_range(0.9..1.9) * if rng.r#gen() { 1.0 } else { -1.0 };
    let (x0, width_km) = (on_land(rng, fibre), width(fibre, rng.gen_range(0.008..0.018)));
    let (steps_hz, t1) = (rng.gen_range(1.6..2.2), t0 + log_uniform(rng, 60.0, 400.0));
    Drawn { shape: Shape::Footsteps { x0, speed_ms, width_km, steps_hz }, t0, t1, peak_db: strength(rng, 8.0) }
}

fn leak(rng: &mut Random, fibre: &Fibre, t0: f64) -> Drawn {
    let (x0, width_km) = (on_land(rng, fibre), width(fibre, rng.gen_range(0.03..0.1)));
    let (rise_s, t1) = (rng.gen_range(20.0..180.0), t0 + log_uniform(rng, 1200.0, 5400.0));
    Drawn { shape: Shape::Leak { x0, width_km, rise_s }, t0, t1, peak_db: strength(rng, 6.0) }
}

fn rockfall(rng: &mut Random, fibre: &Fibre, t0: f64) -> Drawn {
    let (x0, width_km) = (on_land(rng, fibre), width(fibre, rng.gen_range(0.05..0.25)));
    let tail_s = rng.gen_range(1.5..8.0);
    let shape = Shape::Rockfall { x0, width_km, tail_s, spread_kms: rng.gen_range(0.3..0.8) };
    Drawn { shape, t0, t1: t0 + 6.9 * tail_s, peak_db: strength(rng, 14.0) }
}

fn ship(rng: &mut Random, fibre: &Fibre, t0: f64) -> Drawn {
    let speed_ms = rng.gen_range(1.0..5.0) * if rng.r#gen() { 1.0 } else { -1.0 };
    let length_s = log_uniform(rng, 600.0, 2400.0);
    let middle = rng.gen_range(fibre.sea.start..fibre.sea.end);
    let (x0, width_km) = (middle - speed_ms * length_s / 2000.0, rng.gen_range(0.4..1.5));
    Drawn { shape: Shape::Ship { x0, speed_ms, width_km }, t0, t1: t0 + length_s, peak_db: strength(rng, 8.0) }
}

fn whale(rng: &mut Random, fibre: &Fibre, t0: f64) -> Drawn {
    let x0 = rng.gen_range(fibre.sea.start..fibre.sea.end);
    let (aside_km, period_s) = (rng.gen_range(0.8..4.0), rng.gen_range(9.0..30.0));
    let shape = Shape::Whale { x0, aside_km, period_s, call_s: rng.gen_range(0.9..2.5) };
    Drawn { shape, t0, t1: t0 + log_uniform(rng, 180.0, 1200.0), peak_db: strength(rng, 9.0) }
}
