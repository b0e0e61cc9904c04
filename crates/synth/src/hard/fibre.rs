//! The fibre of a hard archive: where it lies, how well it hears, and its own noise by place and hour.

use std::f64::consts::TAU;
use std::ops::Range;

use rand::Rng;

use super::random::{Random, Smooth, normal, stream};

/// Seed of everything about the fibre.
const FIBRE: u64 = 1;
/// Mean level of the quiet fibre in dB.
const LEVEL_DB: f64 = -92.0;
/// Kilometres of fibre per spot that hears much more than its neighbours (a loose cable, a chamber beside a road).
const KM_PER_SPOT: f64 = 2.0;
const DAY_S: f64 = 86_400.0;

/// Where a fibre lies and what it hears without events.
#[derive(Clone, Debug)]
pub(super) struct Fibre {
    /// Length in km.
    pub(super) km: f64,
    /// Stretches along roads.
    pub(super) roads: Vec<Range<f64>>,
    /// Stretch along a railway.
    pub(super) rail: Range<f64>,
    /// Stretch under water, at one of the ends.
    pub(super) sea: Range<f64>,
    /// Columns of a picture.
    pub(super) columns: usize,
    /// Level of the quiet fibre in dB, by column.
    level: Vec<f32>,
    /// Power that a column hears of what happens, over that of the average column.
    pub(super) coupling: Vec<f32>,
    /// Amplitude of the daily swing of the noise in dB, by column.
    daily: Vec<f32>,
    /// Share of the wind's noise that a column hears.
    pub(super) exposure: Vec<f32>,
    /// Slow change of the noise by place and time.
    drift: Smooth,
    /// Samples that each RMS value was taken over: the fewer, the stronger the speckle.
    pub(super) samples: f32,
    /// Weight of the neighbouring column in the speckle (gauges overlap).
    pub(super) neighbour: f32,
}

impl Fibre {
    pub(super) fn new(seed: u64, km: f64, columns: usize) -> Self {
        let mut rng = stream(seed, FIBRE, 0);
        let sea_km = km * rng.gen_range(0.25..0.4);
        let (sea, land) = if rng.r#gen() { (0.0..sea_km, sea_km..km) } else { (km - sea_km..km, 0.0..km - sea_km) };
        let length = land.end - land.start;
        let within = |from: f64, to: f64| land.start + from * length..land.start + to * length;
        let middle = rng.gen_range(0.35..0.6);
        let roads = vec![within(0.0, middle - rng.gen_range(0.02..0.1)), within(middle, rng.gen_range(0.8..1.0))];
        let rail = within(rng.gen_range(0.0..0.4), rng.gen_range(0.7..1.0));

        let (level, daily) = noise(&mut rng, km, columns, &roads, &sea);
        let (exposed, coupled) = (Smooth::new(&mut rng), Smooth::new(&mut rng));
        let place = |column: usize| (column as f64 + 0.5) * km / columns as f64;
        let exposure = |c: usize| {
            let x = place(c);
            if sea.contains(&x) { 0.0 } else { (exposed.at(x / 0.8) - 0.3).clamp(0.0, 1.0) as f32 }
        };
        let coupling = (0..columns)
            .map(|c| {
                let db = 1.0 * coupled.at(place(c) / 0.15) + 0.8 * f64::from(normal(&mut rng));
                10f64.powf(db.clamp(-6.0, 1.5) / 10.0) as f32
            })
            .collect();
        Self {
            km,
            columns,
            level,
            coupling,
            daily,
            exposure: (0..columns).map(exposure).collect(),
            drift: Smooth::new(&mut rng),
            samples: rng.gen_range(6.0..18.0),
            neighbour: rng.gen_range(0.0..0.5),
            roads,
            rail,
            sea,
        }
    }

    /// Place of a column's centre in km.
    pub(super) fn place(&self, column: usize) -> f64 {
        (column as f64 + 0.5) * self.km / self.columns as f64
    }

    /// Width of a column in km.
    pub(super) fn column_km(&self) -> f64 {
        self.km / self.columns as f64
    }

    /// Level of the noise in dB by column, at a time in seconds after the archive's start and of the day.
    pub(super) fn noise_db(&self, t: f64, day_s: f64) -> Vec<f32> {
        // Least at 3 h, most at 15 h UTC.
        let hour = (TAU * (day_s / DAY_S - 0.375)).sin() as f32;
        // The drift is smooth over 1.5 km: a value for each of 64 columns or 250 m is joined by lines.
        let step = ((0.25 / self.column_km()) as usize).clamp(1, 64);
        let knots: Vec<f32> = (0..self.columns.div_ceil(step) + 1)
            .map(|k| 0.6 * self.drift.at2(t / 2400.0, (k * step) as f64 * self.column_km() / 1.5) as f32)
            .collect();
        (0..self.columns)
            .map(|c| {
                let (k, w) = (c / step, (c % step) as f32 / step as f32);
                self.level[c] + hour * self.daily[c] + knots[k] * (1.0 - w) + knots[k + 1] * w
            })
            .collect()
    }
}

/// Level of the quiet fibre and amplitude of its daily swing in dB, by column.
fn noise(rng: &mut Random, km: f64, columns: usize, roads: &[Range<f64>], sea: &Range<f64>) -> (Vec<f32>, Vec<f32>) {
    let (wide, narrow, swing) = (Smooth::new(rng), Smooth::new(rng), Smooth::new(rng));
    let slope = rng.gen_range(0.0..0.15);
    let mut level = Vec::with_capacity(columns);
    let mut daily = Vec::with_capacity(columns);
    for column in 0..columns {
        let x = (column as f64 + 0.5) * km / columns as f64;
        let road = roads.iter().any(|r| r.contains(&x));
        let rough = 0.7 * f64::from(normal(rng));
        let own = 3.5 * wide.at(x / 1.3) + 1.2 * narrow.at(x / 0.2) + slope * x + rough;
        level.push((LEVEL_DB + own + if road { 3.0 } else { 0.0 }) as f32);
        let scale = if sea.contains(&x) { 0.3 } else { 1.2 };
        daily.push((scale * (1.0 + 0.5 * swing.at(x / 1.7)).max(0.0)) as f32);
    }
    for _ in 0..(km / KM_PER_SPOT).ceil() as usize {
        let first = rng.gen_range(0..columns);
        let excess = rng.gen_range(5.0f32..14.0);
        level.iter_mut().skip(first).take(3).for_each(|db| *db += excess);
    }
    (level, daily)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fibre_has_land_and_sea_and_noise_of_its_own() {
        for seed in 0..20 {
            let f = Fibre::new(seed, 20.0, 430);
            let sea = f.sea.end - f.sea.start;
            assert!((5.0..8.0).contains(&sea), "seed {seed}: {sea} km under water");
            for r in f.roads.iter().chain([&f.rail]) {
                assert!(r.start >= -1e-9 && r.end <= 20.0 + 1e-9 && r.start < r.end, "seed {seed}: {r:?}");
                assert!(r.end <= f.sea.start + 1e-9 || r.start >= f.sea.end - 1e-9, "seed {seed}: on land");
            }
            let (night, day) = (f.noise_db(0.0, 3.0 * 3600.0), f.noise_db(0.0, 15.0 * 3600.0));
            assert!(night.iter().zip(&day).all(|(n, d)| n <= d), "seed {seed}: nights are quiet");
            assert!(night.windows(2).any(|w| (w[0] - w[1]).abs() > 1.0), "seed {seed}: places differ");
        }
        assert_ne!(
            Fibre::new(1, 20.0, 50).noise_db(0.0, 0.0),
            Fibre::new(2, 20.0, 50).noise_db(0.0, 0.0),
            "seeds differ"
        );
    }
}
