//! The picture's geometry and the detector's settings, all in metres, seconds and metres per second.

use serde::{Deserialize, Serialize};

use crate::DetectorError;

/// Images up to which an archive is one window: two days of minutes.
pub const MAX_WINDOW: usize = 2880;

/// Size of an image and what it spans.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// Rows of an image: samples in time, the earliest first.
    pub rows: usize,
    /// Columns of an image: places along the fibre.
    pub columns: usize,
    /// Time that an image spans, seconds.
    pub duration_s: f64,
    /// Length of fibre that an image spans, metres.
    pub length_m: f64,
}

impl Geometry {
    /// Time that a row spans, seconds.
    pub fn seconds_per_row(&self) -> f64 {
        self.duration_s / self.rows as f64
    }

    /// Length of fibre that a column spans, metres.
    pub fn meters_per_column(&self) -> f64 {
        self.length_m / self.columns as f64
    }

    /// Images per minute of a gapless archive.
    pub fn images_per_minute(&self) -> f64 {
        60.0 / self.duration_s
    }

    /// Images in `minutes` of a gapless archive, at least 1.
    pub fn images_in(&self, minutes: f64) -> usize {
        (minutes * self.images_per_minute()).round_ties_even().max(1.0) as usize
    }

    pub(crate) fn check(&self) -> Result<(), DetectorError> {
        for (name, value) in [("rows", self.rows), ("columns", self.columns)] {
            // Rows and columns of peaks are stored in 16 bits.
            if value == 0 || value > 65_535 {
                let expected = "an image has 1 to 65,535 rows and columns";
                return Err(DetectorError::Parameter { name, value: value.to_string(), expected });
            }
        }
        for (name, value) in [("duration_s", self.duration_s), ("length_m", self.length_m)] {
            positive(name, value)?;
        }
        Ok(())
    }
}

/// Settings of the detector. Lengths are those wanted; the [`DetectorPlan`](crate::DetectorPlan) says which of them fit a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorParams {
    /// Speeds along the fibre that slants follow, m/s, of both directions.
    pub speeds_ms: Vec<f64>,
    /// Length of a slant in time, seconds.
    pub slant_s: f64,
    /// Width of a slant, metres.
    pub slant_m: f64,
    /// Parts of an image in time of which each keeps its own largest line per cell and speed.
    pub slant_parts: usize,
    /// Finest time step that slants are computed on, seconds: rows are averaged up to it. 0 keeps every row.
    pub slant_step_s: f64,
    /// Finest distance step that slants are computed on, metres: columns are averaged up to it. 0 keeps every column.
    pub slant_step_m: f64,
    /// Time step of the block record, seconds.
    pub block_s: f64,
    /// Distance step of the block record, metres.
    pub block_m: f64,
    /// Length of a cell, metres; in time a cell is one image.
    pub cell_m: f64,
    /// Lengths in time of the boxes over the block record, seconds, the shortest first.
    pub box_s: Vec<f64>,
    /// Lengths along the fibre of the boxes over the block record, metres, the shortest first.
    pub box_m: Vec<f64>,
    /// Boxes up to this length are narrow, longer ones wide, metres.
    pub narrow_m: f64,
    /// Lengths along the fibre of the slow path's boxes, metres.
    pub slow_m: Vec<f64>,
    /// Lengths in time of the slow path's trailing boxes, minutes.
    pub slow_min: Vec<f64>,
    /// The background is the median over this many minutes before and after an image.
    pub background_min: f64,
    /// Images up to which an archive is fitted and scored at once; a longer one goes day by day.
    pub window_images: usize,
    /// Pixels from this index on are saturated: they count no more than their surroundings (250 m). 256 switches this off.
    pub saturated_index: u16,
    /// Takes what was found better than the first definition: normals from low quantiles, filters on one Gumbel scale, gain steps by their shape,
    /// tracks by the sum of their peaks, pieces of one event merged. `false` is the plain definition, for comparisons.
    pub improved: bool,
}

impl Default for DetectorParams {
    fn default() -> Self {
        let up = [3.0, 8.0, 13.0, 18.0, 23.0, 28.0, 34.0, 42.0];
        Self {
            speeds_ms: up.iter().rev().map(|v| -v).chain(up).collect(),
            slant_s: 20.0,
            slant_m: 50.0,
            slant_parts: 3,
            slant_step_s: 0.25,
            slant_step_m: 25.0,
            block_s: 1.0,
            block_m: 250.0,
            cell_m: 1000.0,
            box_s: vec![2.0, 8.0, 30.0, 120.0],
            box_m: vec![250.0, 1000.0, 4000.0, 20_000.0],
            narrow_m: 1000.0,
            slow_m: vec![70.0, 140.0, 230.0],
            slow_min: vec![5.0, 15.0],
            background_min: 10.0,
            window_images: MAX_WINDOW,
            saturated_index: 254,
            improved: true,
        }
    }
}

impl DetectorParams {
    pub(crate) fn check(&self) -> Result<(), DetectorError> {
        let lengths = [
            ("slant_s", self.slant_s),
            ("slant_m", self.slant_m),
            ("block_s", self.block_s),
            ("block_m", self.block_m),
            ("cell_m", self.cell_m),
            ("background_min", self.background_min),
        ];
        for (name, value) in lengths {
            positive(name, value)?;
        }
        let lists =
            [("box_s", &self.box_s), ("box_m", &self.box_m), ("slow_m", &self.slow_m), ("slow_min", &self.slow_min)];
        for (name, values) in lists {
            for &value in values {
                positive(name, value)?;
            }
        }
        if let Some(v) = self.speeds_ms.iter().find(|v| !v.is_finite() || **v == 0.0) {
            let expected = "speeds are finite and not 0 (what stands still is the blocks' work)";
            return Err(DetectorError::Parameter { name: "speeds_ms", value: v.to_string(), expected });
        }
        for (name, value) in [("slant_step_s", self.slant_step_s), ("slant_step_m", self.slant_step_m)] {
            // Phrased so that NaN fails.
            if !(value >= 0.0 && value.is_finite()) {
                let expected = "it must be 0 or a positive number";
                return Err(DetectorError::Parameter { name, value: value.to_string(), expected });
            }
        }
        if self.slant_parts == 0 {
            let expected = "an image has at least one part";
            return Err(DetectorError::Parameter { name: "slant_parts", value: "0".into(), expected });
        }
        if self.box_s.is_empty() || self.box_m.is_empty() {
            let expected = "the block path needs at least one length of each";
            return Err(DetectorError::Parameter { name: "box_s, box_m", value: "empty".into(), expected });
        }
        Ok(())
    }
}

fn positive(name: &'static str, value: f64) -> Result<(), DetectorError> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(DetectorError::Parameter { name, value: value.to_string(), expected: "it must be a positive number" })
}
