//! Hard archives: weak and strong events of ten kinds in noise that differs by place and hour, with weather and faults of
//! the instrument, and the whole truth about them.
//!
//! An event's strength is its peak rise in dB over the local noise, from 0.7 dB, which no eye sees, to 14. Speckle is that of
//! a mean square over some tens of samples. Nuisances (rain, wind, steps of gain, dropped and repeated rows, saturation,
//! fading, noise common to a row) are listed apart from the events: a detector must not report them as events.
//!
//! Every image is drawn by itself from the seed and its number, so archives stream and threads do not matter.

mod event;
mod fibre;
mod nuisance;
mod random;
mod render;
mod schedule;
mod truth;

use std::io::{self, Write};

use ndarray::Array2;

use event::Event;
use fibre::Fibre;
pub use nuisance::{Nuisance, NuisanceKind};
use nuisance::{Weather, by_hour};
use render::Scene;
pub use truth::{HardTruth, TruthEvent, TruthHead};

/// Seconds per image.
const IMAGE_S: f64 = 60.0;

/// How much happens on the fibre of a hard archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// No events: noise, weather and faults alone.
    Quiet,
    /// A tenth to a third of all cells of 1 km and 1 minute hold an event.
    #[default]
    Normal,
    /// Two and a half times as many events.
    Busy,
}

/// Size and contents of a hard archive.
#[derive(Clone, Debug, PartialEq)]
pub struct HardOptions {
    /// Images, one a minute.
    pub images: usize,
    /// Random seed.
    pub seed: u64,
    /// Seconds of the day at the first image's start.
    pub day_s: f64,
    /// Length of the fibre.
    pub km: f64,
    /// Rows of an image.
    pub rows: usize,
    /// Columns of an image.
    pub columns: usize,
    /// How much happens.
    pub activity: Activity,
}

/// A hard archive, whose images can be drawn in any order.
#[derive(Clone, Debug)]
pub struct HardArchive {
    options: HardOptions,
    fibre: Fibre,
    weather: Weather,
    events: Vec<Event>,
    by_hour: Vec<Vec<u32>>,
}

impl HardArchive {
    /// Draws the fibre, its weather and its events; images are drawn when they are asked for.
    pub fn new(options: &HardOptions) -> Self {
        let seconds = options.images as f64 * IMAGE_S;
        let fibre = Fibre::new(options.seed, options.km, options.columns);
        let weather = Weather::new(options.seed, seconds, &fibre);
        let events = schedule::draw(options.seed, seconds, &fibre, options.activity);
        let by_hour = by_hour(events.iter().map(|e| e.t0..e.t1), seconds);
        Self { options: options.clone(), fibre, weather, events, by_hour }
    }

    /// Levels in dB of an image, `[time, distance]`. Blank and dead pixels lie far below any scale, saturated ones above.
    pub fn field(&self, image: usize) -> Array2<f32> {
        let time = image as f64 * IMAGE_S..(image + 1) as f64 * IMAGE_S;
        let hour = ((time.start / 3600.0) as usize).min(self.by_hour.len() - 1);
        let listed = self.by_hour[hour].iter().map(|&k| &self.events[k as usize]);
        let events = listed.filter(|e| e.t0 < time.end && e.t1 > time.start).collect();
        let day_s = self.options.day_s + time.start;
        let (fibre, weather, seed) = (&self.fibre, &self.weather, self.options.seed);
        Scene { seed, fibre, weather, events, image, time, day_s, rows: self.options.rows }.field()
    }

    /// Writes what is known as JSON ([`HardTruth`]). `utc` turns seconds after the archive's start into a time in ISO 8601.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_truth(&self, to: &mut impl Write, utc: impl Fn(f64) -> String) -> io::Result<()> {
        let o = &self.options;
        let head = TruthHead {
            start: utc(0.0),
            km: o.km,
            rows: o.rows,
            cols: o.columns,
            images: o.images,
            duration_s: IMAGE_S,
            samples: f64::from(self.fibre.samples),
        };
        let events = self.events.iter().map(|e| self.truth_of(e, &utc));
        truth::write(to, &head, events, &self.weather.list)
    }

    fn truth_of(&self, event: &Event, utc: &impl Fn(f64) -> String) -> TruthEvent {
        let seconds = self.options.images as f64 * IMAGE_S;
        let mask = truth::mask(event, seconds, self.options.km);
        let bounds = mask.iter().copied().reduce(truth::around);
        let [t0, t1, x0, x1] = bounds.unwrap_or([event.t0, event.t1.min(seconds), 0.0, 0.0]);
        TruthEvent {
            kind: event.kind().to_owned(),
            t0,
            t1,
            onset: event.t0,
            utc: utc(event.t0),
            x0,
            x1,
            speed_ms: event.speed_ms(),
            peak_db: event.peak_db,
            mask,
        }
    }
}

#[cfg(test)]
mod tests;
