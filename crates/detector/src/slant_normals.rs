//! Slants against their place's normal: the largest of many samples is not normal, and gets its own zero and scale.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::filters::{mad, median, running_median};
use crate::plan::DetectorPlan;
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

/// Values less their running median, one series per cell and speed.
fn residuals(plan: &DetectorPlan, window: &Window<'_>) -> Vec<Vec<f32>> {
    let half = 2 * plan.background_images;
    (0..plan.cells * plan.speeds_ms.len())
        .into_par_iter()
        .map(|i| {
            let values: Vec<f32> = window.images.iter().map(|m| m.slants[i].value).collect();
            let mut out = Vec::with_capacity(values.len());
            for piece in &window.pieces {
                let piece = &values[piece.clone()];
                out.extend(piece.iter().zip(running_median(piece, half)).map(|(v, m)| v - m));
            }
            out
        })
        .collect()
}

impl SlantNormals {
    /// Fits the core of a window.
    pub fn fit(plan: &DetectorPlan, window: &Window<'_>) -> Self {
        let speeds = plan.speeds_ms.len();
        let mut rest = residuals(plan, window);
        rest.iter_mut().for_each(|r| *r = r[window.core.clone()].to_vec());
        let center: Vec<f32> = rest.par_iter().map(|r| median(&mut r.clone())).collect();
        rest.par_iter_mut().zip(&center).for_each(|(r, c)| r.iter_mut().for_each(|v| *v -= c));
        let deviation = rest.par_iter().map(|r| mad(&mut r.clone())).collect();
        let floor = (0..speeds)
            .into_par_iter()
            .map(|v| {
                let mut all: Vec<f32> = rest.iter().skip(v).step_by(speeds).flatten().copied().collect();
                let values = window.images[window.core.clone()].iter();
                let values = values.flat_map(|m| m.slants.iter().skip(v).step_by(speeds).map(|p| p.value));
                (0.2 * mad(&mut all)).max(1e-3 * standard_deviation(values))
            })
            .collect();
        Self { center, deviation, floor }
    }

    /// Scores every image of the window: one series of all images per cell and speed.
    pub fn score(&self, plan: &DetectorPlan, window: &Window<'_>) -> Vec<Vec<f32>> {
        let speeds = plan.speeds_ms.len();
        let mut rest = residuals(plan, window);
        rest.par_iter_mut().enumerate().for_each(|(i, r)| {
            r.iter_mut().for_each(|v| *v -= self.center[i]);
            for piece in &window.pieces {
                let size: Vec<f32> = r[piece.clone()].iter().map(|v| v.abs()).collect();
                let now = running_median(&size, 3 * plan.background_images);
                for (v, now) in r[piece.clone()].iter_mut().zip(now) {
                    let deviation = self.deviation[i].max(1.4826 * now).max(self.floor[i % speeds]);
                    *v /= deviation + 1e-9;
                }
            }
        });
        rest
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
