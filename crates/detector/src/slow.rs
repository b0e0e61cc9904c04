//! The slow path: leaks and pumps, a level that rises at a few columns and stays.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::filters::{Border, mad, median, median_filter, quantile};
use crate::plan::{DetectorPlan, SlowBox, odd};
use crate::slants::box_row;
use crate::window::Window;

/// What is over is over: a box counts at most its last minutes' value where that is below [`STILL_THERE`].
const LAST_MIN: f64 = 3.0;

/// Score of the last minutes above which a box counts in full.
const STILL_THERE: f32 = 2.0;

/// Departure from its 110 m, in deviations, from which a column is held to them: no leak is that narrow, an instrument's fault is.
const HELD: f32 = 0.8;

/// Zero and deviation of every column under one trailing box.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SlowNormals {
    /// Zero.
    pub center: Vec<f32>,
    /// Deviation.
    pub deviation: Vec<f32>,
}

/// Long-term medians of the columns, index units.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnBackground {
    /// Median level.
    pub median: Vec<f32>,
    /// Standard deviation of the noise.
    pub scale: Vec<f32>,
}

/// The columns' levels in deviations, less their surroundings (images x columns).
pub struct SlowRecord<'a> {
    plan: &'a DetectorPlan,
    window: &'a Window<'a>,
    values: Vec<f32>,
}

/// What a slow box sees.
pub struct SlowScores {
    /// Score (images x columns).
    pub score: Vec<f32>,
    /// Mean rise in deviations (images x columns).
    pub rise: Vec<f32>,
}

impl<'a> SlowRecord<'a> {
    /// Levels of a window's images against the long-term background.
    pub fn new(plan: &'a DetectorPlan, window: &'a Window<'a>, background: &ColumnBackground) -> Self {
        let columns = plan.geometry.columns;
        let dx = plan.geometry.meters_per_column();
        let mut values = vec![0.0; window.images.len() * columns];
        values.par_chunks_exact_mut(columns).zip(&window.images).for_each(|(out, image)| {
            let level = |x: usize| {
                if image.constant[x] {
                    return 0.0;
                }
                (f32::from(image.median2[x]) / 2.0 - background.median[x]) / background.scale[x]
            };
            let level: Vec<f32> = (0..columns).map(level).collect();
            let weather = median_filter(&level, odd(700.0 / dx), Border::Nearest);
            let level: Vec<f32> = level.iter().zip(weather).map(|(v, w)| v - w).collect();
            let around = median_filter(&level, odd(110.0 / dx), Border::Nearest);
            let is_usable = image.is_usable(plan.geometry.rows);
            for (x, (v, m)) in level.into_iter().zip(around).enumerate() {
                let held = if (v - m).abs() > HELD { m } else { v };
                out[x] = if is_usable && !image.constant[x] { held } else { 0.0 };
            }
        });
        Self { plan, window, values }
    }

    fn wide(&self, count: usize) -> Vec<f32> {
        let mut out = vec![0.0; self.values.len()];
        let columns = self.plan.geometry.columns;
        let rows = self.values.par_chunks_exact(columns);
        out.par_chunks_exact_mut(columns).zip(rows).for_each(|(o, v)| box_row(v, count, o));
        out
    }

    /// Sums over the last `count` images over the root of how many there are.
    fn trailing(&self, wide: &[f32], count: usize) -> Vec<f32> {
        let columns = self.plan.geometry.columns;
        let mut out = vec![0.0; wide.len()];
        for piece in &self.window.pieces {
            let mut sums = vec![0.0f64; columns];
            for k in piece.clone() {
                let row = |k: usize| &wide[k * columns..(k + 1) * columns];
                sums.iter_mut().zip(row(k)).for_each(|(s, &v)| *s += f64::from(v));
                if k >= piece.start + count {
                    sums.iter_mut().zip(row(k - count)).for_each(|(s, &v)| *s -= f64::from(v));
                }
                let root = ((k + 1 - piece.start).min(count) as f64).sqrt();
                let out = &mut out[k * columns..(k + 1) * columns];
                out.iter_mut().zip(&sums).for_each(|(o, s)| *o = (s / root) as f32);
            }
        }
        out
    }

    /// Trailing boxes in the order that normals are kept in: for every width the last minutes', then those of the plan.
    fn for_each_box(&self, mut visit: impl FnMut(usize, Option<&SlowBox>, Vec<f32>)) {
        let last = self.plan.geometry.images_in(LAST_MIN);
        let mut index = 0;
        for group in self.plan.slow.chunk_by(|a, b| a.columns == b.columns) {
            let wide = self.wide(group[0].columns);
            for (count, slow_box) in std::iter::once((last, None)).chain(group.iter().map(|b| (b.images, Some(b)))) {
                visit(index, slow_box, self.trailing(&wide, count));
                index += 1;
            }
        }
    }

    /// Fits the core.
    pub fn fit(&self) -> Vec<SlowNormals> {
        let (columns, low_quantiles) = (self.plan.geometry.columns, self.plan.params.improved);
        let core = self.window.core.clone();
        let mut out = Vec::new();
        let last = self.plan.geometry.images_in(LAST_MIN);
        self.for_each_box(|_, slow_box, sums| {
            let lag = slow_box.map_or(last, |b| b.images);
            let of_column = |x: usize| {
                let mut series: Vec<f32> = core.clone().map(|k| sums[k * columns + x]).collect();
                if !low_quantiles {
                    return median_normal(&mut series);
                }
                let fluctuation = fluctuation(&series, lag);
                let (center, deviation) = lower_normal(&mut series);
                (center, deviation.max(fluctuation))
            };
            let (center, deviation) = (0..columns).into_par_iter().map(of_column).unzip();
            out.push(SlowNormals { center, deviation });
        });
        out
    }

    /// Calls `visit` with what each box of the plan sees.
    pub fn score(&self, normals: &[SlowNormals], mut visit: impl FnMut(usize, SlowScores)) {
        let columns = self.plan.geometry.columns;
        // The error of a median, in deviations.
        let floor = (1.25 / (self.plan.geometry.rows as f64).sqrt()) as f32;
        let (mut now, mut filter) = (Vec::new(), 0);
        self.for_each_box(|index, slow_box, sums| {
            let SlowNormals { center, deviation } = &normals[index];
            let least = (0.7 * median(&mut deviation.clone())).max(floor);
            let mut score = sums;
            score.par_chunks_exact_mut(columns).for_each(|row| {
                row.iter_mut().zip(center).for_each(|(v, c)| *v -= c);
                let rain = mad(&mut row.to_vec());
                row.iter_mut().zip(deviation).for_each(|(v, d)| *v /= d.max(least).max(rain));
            });
            let Some(slow_box) = slow_box else {
                now = score;
                return;
            };
            let root = ((slow_box.columns * slow_box.images) as f32).sqrt();
            let rise = score.iter().enumerate().map(|(i, z)| z * deviation[i % columns].max(least) / root).collect();
            for (z, &n) in score.iter_mut().zip(&now) {
                *z = if n > STILL_THERE { *z } else { z.min(n) };
            }
            visit(filter, SlowScores { score, rise });
            filter += 1;
        });
    }
}

/// Median and 1.4826 MAD.
fn median_normal(series: &mut [f32]) -> (f32, f32) {
    let center = median(series);
    series.iter_mut().for_each(|v| *v -= center);
    (center, mad(series))
}

/// Deviation of noise that changes from one box to the next: squalls count, a level that rises once and stays does not.
fn fluctuation(series: &[f32], lag: usize) -> f32 {
    let mut changes: Vec<f32> = series.iter().zip(series.iter().skip(lag)).map(|(a, b)| b - a).collect();
    if changes.is_empty() { 0.0 } else { mad(&mut changes) / std::f32::consts::SQRT_2 }
}

/// A normal law through the lower half: what is added for less than 70 % of the time does not reach it.
fn lower_normal(series: &mut [f32]) -> (f32, f32) {
    series.sort_unstable_by(f32::total_cmp);
    let (q05, q25) = (quantile(series, 0.05) as f32, quantile(series, 0.25) as f32);
    // Distance between these quantiles of a standard normal law, and that of the second from its middle.
    let deviation = (q25 - q05) / 0.971;
    let center = q25 + 0.674 * deviation;
    let (_, whole) = median_normal(series);
    (center, deviation.max(0.5 * whole))
}
