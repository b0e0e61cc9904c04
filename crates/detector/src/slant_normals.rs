//! Slants against their place's normal: the largest of many samples is not normal, and gets its own zero and scale.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Measurement;
use crate::filters::{mad, median, running_median};
use crate::plan::DetectorPlan;
use crate::score::compressed;
use crate::window::Window;

/// Zero and deviation of every cell and speed (cells x speeds), and of every speed over all cells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SlantNormals {
    /// Median of what is left after the running median.
    pub center: Vec<f32>,
    /// Its deviation (1.4826 MAD).
    pub deviation: Vec<f32>,
    /// The smallest deviation that counts, by speed.
    pub floor: Vec<f32>,
}

/// Value in images that take no part.
const UNUSED: f32 = f32::NAN;

/// The largest slant of an image for cell and speed number `i`.
fn largest(plan: &DetectorPlan, image: &Measurement, i: usize) -> f32 {
    let parts = plan.slant_parts();
    image.slants[i * parts..(i + 1) * parts].iter().fold(f32::NEG_INFINITY, |m, p| m.max(p.value))
}

/// Running medians of the images with pixels, one series per cell and speed; NaN in the others.
fn running_levels(plan: &DetectorPlan, window: &Window<'_>) -> Vec<Vec<f32>> {
    let rows = plan.geometry.rows;
    (0..plan.cells * plan.speeds_ms.len())
        .into_par_iter()
        .map(|i| {
            let mut out = vec![UNUSED; window.images.len()];
            for piece in &window.pieces {
                let used: Vec<usize> = piece.clone().filter(|&k| window.images[k].is_usable(rows)).collect();
                let values: Vec<f32> = used.iter().map(|&k| largest(plan, window.images[k], i)).collect();
                let level = running_median(&values, 2 * plan.background_images);
                used.iter().zip(level).for_each(|(&k, m)| out[k] = m);
            }
            out
        })
        .collect()
}

/// Values of the images in `part` less their running median, without those that take no part.
fn residuals(plan: &DetectorPlan, window: &Window<'_>, level: &[f32], i: usize) -> Vec<f32> {
    let rest = window.core.clone().map(|k| largest(plan, window.images[k], i) - level[k]);
    rest.filter(|v| !v.is_nan()).collect()
}

/// Scores of the slants of one cell and speed.
pub struct SlantScores {
    /// Offset and factor of every image: `offset + factor * value` is a line's score, but for the stretch.
    pub scale: Vec<[f32; 2]>,
    /// How much longer the tail of these lines' law is than that of the Gumbel law.
    pub stretch: f32,
    /// Score of every image's largest line.
    pub largest: Vec<f32>,
}

impl SlantScores {
    /// Score of a line of an image.
    pub(crate) fn score(&self, image: usize, value: f32) -> f32 {
        let [offset, factor] = self.scale[image];
        compressed(offset + factor * value, self.stretch)
    }
}

impl SlantNormals {
    /// Fits the core of a window.
    pub fn fit(plan: &DetectorPlan, window: &Window<'_>) -> Self {
        let speeds = plan.speeds_ms.len();
        let levels = running_levels(plan, window);
        let mut rest: Vec<Vec<f32>> =
            levels.par_iter().enumerate().map(|(i, level)| residuals(plan, window, level, i)).collect();
        let center: Vec<f32> = rest.par_iter().map(|r| median(&mut r.clone())).collect();
        rest.par_iter_mut().zip(&center).for_each(|(r, c)| r.iter_mut().for_each(|v| *v -= c));
        let deviation = rest.par_iter().map(|r| mad(&mut r.clone())).collect();
        let floor_of = |speed: usize| {
            let mut all: Vec<f32> = rest.iter().skip(speed).step_by(speeds).flatten().copied().collect();
            let images = || window.images[window.core.clone()].iter().filter(|m| m.is_usable(plan.geometry.rows));
            let cells = (0..plan.cells).map(|c| c * speeds + speed);
            let values = cells.flat_map(|i| images().map(move |m| largest(plan, m, i)));
            (0.2 * mad(&mut all)).max(1e-3 * standard_deviation(values))
        };
        let floor = (0..speeds).into_par_iter().map(floor_of).collect();
        Self { center, deviation, floor }
    }

    /// Scores every image of the window, one series per cell and speed; images that take no part score 0.
    pub fn score(&self, plan: &DetectorPlan, window: &Window<'_>) -> Vec<SlantScores> {
        let levels = running_levels(plan, window);
        levels.into_par_iter().enumerate().map(|(i, level)| self.score_series(plan, window, &level, i)).collect()
    }

    fn score_series(&self, plan: &DetectorPlan, window: &Window<'_>, level: &[f32], i: usize) -> SlantScores {
        let least = self.deviation[i].max(self.floor[i % plan.speeds_ms.len()]);
        let mut out = SlantScores { scale: vec![[0.0; 2]; level.len()], stretch: 1.0, largest: vec![0.0; level.len()] };
        for piece in &window.pieces {
            let used: Vec<usize> = piece.clone().filter(|&k| !level[k].is_nan()).collect();
            let rest = |k: usize| largest(plan, window.images[k], i) - level[k] - self.center[i];
            let size: Vec<f32> = used.iter().map(|&k| rest(k).abs()).collect();
            let now = running_median(&size, 3 * plan.background_images);
            for (&k, now) in used.iter().zip(now) {
                let deviation = least.max(1.4826 * now) + 1e-9;
                out.scale[k] = [-(level[k] + self.center[i]) / deviation, 1.0 / deviation];
                out.largest[k] = rest(k) / deviation;
            }
        }
        out
    }
}

fn standard_deviation(values: impl Iterator<Item = f32>) -> f32 {
    let (mut n, mut sum, mut squares) = (0.0f64, 0.0f64, 0.0f64);
    for v in values {
        n += 1.0;
        sum += f64::from(v);
        squares += f64::from(v).powi(2);
    }
    if n == 0.0 { 0.0 } else { (squares / n - (sum / n).powi(2)).max(0.0).sqrt() as f32 }
}
