//! Where and when rows are: along the fibre, and in time.

use crate::config::{Config, Continuity, Exclude, SegmentLength};
use scatterfall_timestamps::{Micros, micros};

/// Where and when rows are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    /// Start of the row's image (UTC).
    pub times: Vec<Micros>,
    /// Distance in km; runs on through concatenated images.
    pub distance: Vec<f64>,
}

impl Places {
    /// Appends other places.
    pub fn extend(&mut self, other: Self) {
        self.times.extend(other.times);
        self.distance.extend(other.distance);
    }
}

/// Geometry of rows that places are judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geometry {
    /// Kilometres a segment.
    pub segment_km: f64,
    /// Seconds an image.
    pub duration_s: f64,
    /// Length after which distances repeat, where they run on.
    pub period_km: Option<f64>,
    /// Where a period begins.
    pub offset_km: f64,
}

impl Geometry {
    /// The geometry that a configuration gives; `windows` is the number of windows per image, where known.
    #[expect(clippy::cast_precision_loss, reason = "windows are far below 2^53")]
    pub fn new(config: &Config, windows: Option<usize>) -> Self {
        let total = config.input.total_distance_km;
        let segment_km = match (config.segments.length, windows) {
            (SegmentLength::Km(km), _) => km,
            (SegmentLength::Bins(bins), Some(windows)) => bins as f64 * total / windows as f64,
            (SegmentLength::Bins(_), None) => 0.0,
        };
        Self {
            segment_km,
            duration_s: config.input.duration_s,
            period_km: (config.segments.continuity == Continuity::Concatenated).then_some(total),
            offset_km: config.input.distance_offset_km,
        }
    }

    /// The place on the fibre, in km, of a distance that may run on.
    pub fn place(&self, distance: f64) -> f64 {
        match self.period_km {
            Some(period) => (distance - self.offset_km).rem_euclid(period) + self.offset_km,
            None => distance,
        }
    }

    /// The place on the fibre, in km, of every row.
    pub fn locations(&self, places: &Places) -> Vec<f64> {
        places.distance.iter().map(|&distance| self.place(distance)).collect()
    }

    /// True for a row that takes part in fits.
    pub fn takes_part(&self, exclude: &Exclude, time: Micros, distance: f64) -> bool {
        let from = self.place(distance);
        let to = from + self.segment_km;
        let end = time + micros(self.duration_s);
        !exclude.distance_km.iter().any(|&(a, b)| from < b && a < to.max(from + f64::EPSILON))
            && !exclude.time.iter().any(|&(a, b)| time < b && a < end)
    }
}
