//! Whitening: every pixel against its own column's background, defects taken out.
//!
//! The logarithm of the picture makes a column's speckle alike whatever its level, so index units over the column's spread are unit noise. The
//! clip keeps one pixel from carrying a sum. A column that jumps against its 110 m for 10 s (fading, saturation: no wave is that narrow) loses
//! the jump, as does a row that jumps against its 5 s all along the fibre (the laser's common noise).

use pulp::NullaryFnOnce;

use crate::columns::ColumnStatistics;
use crate::filters::{Border, median, median_filter, row_median};
use crate::plan::DetectorPlan;

/// Bounds of a whitened pixel, standard deviations.
pub const CLIP: (f32, f32) = (-4.0, 8.0);

/// 5.2 standard deviations of a median, 1.25 / sqrt(samples): a column that departs more from its neighbours jumps.
const COLUMN_JUMP: f64 = 6.5;

/// 6 standard deviations of a median: a row that departs more from its neighbours jumps.
const ROW_JUMP: f64 = 7.5;

/// An image and what its pixels are measured against.
#[derive(Debug, Clone, Copy)]
pub struct Whitening<'a> {
    /// Index plane (rows x columns).
    pub plane: &'a [u8],
    /// Medians of its columns.
    pub statistics: &'a ColumnStatistics,
    /// Background of every column, index units.
    pub background: &'a [f32],
    /// Standard deviation of every column's noise, index units.
    pub scale: &'a [f32],
    /// Rows that count as missing.
    pub missing: &'a [bool],
}

/// A whitened image in the two resolutions that the filters need.
#[derive(Debug, Clone, Default)]
pub struct Whitened {
    /// Samples of the slants, widened (slant rows x slant columns); empty where the plan has no slants.
    pub samples: Vec<f32>,
    /// Mean of every row in every place of the block record (rows x block columns).
    pub row_means: Vec<f32>,
}

/// Whitens an image.
pub fn whiten(plan: &DetectorPlan, input: Whitening<'_>) -> Whitened {
    let jumps = column_jumps(plan, &input);
    let (mut whitened, medians) = pulp::Arch::new().dispatch(Rows { plan, input, jumps: &jumps });
    let width = plan.geometry.columns as f64;
    let smooth = median_filter(&medians, plan.row_reach, Border::Reflect);
    for ((row, c), s) in whitened.row_means.chunks_exact_mut(plan.block_columns).zip(&medians).zip(smooth) {
        let jump = c - s;
        if f64::from(jump.abs()) > ROW_JUMP / width.sqrt() {
            row.iter_mut().for_each(|v| *v -= jump);
        }
    }
    if let Some(slants) = &plan.slants {
        slants.widen(&mut whitened.samples);
    }
    whitened
}

/// What each column is too high by in each part of the rows (parts x columns); mostly 0.
fn column_jumps(plan: &DetectorPlan, input: &Whitening<'_>) -> Vec<f32> {
    let columns = plan.geometry.columns;
    let parts = plan.part_edges.len() - 1;
    let bound = (COLUMN_JUMP / (plan.geometry.rows as f64 / parts as f64).sqrt()) as f32;
    let mut jumps = Vec::with_capacity(parts * columns);
    for part in 0..parts {
        let rows = plan.part_edges[part]..plan.part_edges[part + 1];
        let level: Vec<f32> = if input.missing[rows.clone()].contains(&true) {
            (0..columns).map(|x| level_with_missing(input, rows.clone(), x, columns)).collect()
        } else {
            let middle = &input.statistics.parts[part * columns..(part + 1) * columns];
            let z = |x: usize, v: u8| unit(v, input.background[x], 1.0 / input.scale[x]);
            middle.iter().enumerate().map(|(x, &[low, high])| 0.5 * (z(x, low) + z(x, high))).collect()
        };
        let around = median_filter(&level, plan.column_reach, Border::Nearest);
        jumps.extend(level.iter().zip(around).map(|(q, m)| if (q - m).abs() > bound { q - m } else { 0.0 }));
    }
    jumps
}

fn level_with_missing(input: &Whitening<'_>, rows: std::ops::Range<usize>, x: usize, columns: usize) -> f32 {
    let z = |r: usize| {
        if input.missing[r] {
            return 0.0;
        }
        unit(input.plane[r * columns + x], input.background[x], 1.0 / input.scale[x])
    };
    median(&mut rows.map(z).collect::<Vec<_>>())
}

#[inline(always)]
fn unit(value: u8, background: f32, inverse_scale: f32) -> f32 {
    let z = (f32::from(value) - background) * inverse_scale;
    let z = if z < CLIP.0 { CLIP.0 } else { z };
    if z > CLIP.1 { CLIP.1 } else { z }
}

/// One pass over the rows: whitened pixels live in a buffer of one row.
struct Rows<'a> {
    plan: &'a DetectorPlan,
    input: Whitening<'a>,
    jumps: &'a [f32],
}

impl NullaryFnOnce for Rows<'_> {
    type Output = (Whitened, Vec<f32>);

    #[inline(always)]
    fn call(self) -> (Whitened, Vec<f32>) {
        let Rows { plan, input, jumps } = self;
        let (rows, columns) = (plan.geometry.rows, plan.geometry.columns);
        let inverse: Vec<f32> = input.scale.iter().map(|s| 1.0 / s).collect();
        let mut z = vec![0.0f32; columns];
        let mut medians = Vec::with_capacity(rows);
        let mut row_means = vec![0.0f32; rows * plan.block_columns];
        let mut reducer = plan.slants.as_deref().map(Reducer::new);
        let (mut part, mut guess) = (0, 0.0);
        let saturation_reach = (125.0 / plan.geometry.meters_per_column()) as usize;
        for r in 0..rows {
            while r >= plan.part_edges[part + 1] {
                part += 1;
            }
            let jump = &jumps[part * columns..(part + 1) * columns];
            if input.missing[r] {
                z.iter_mut().zip(jump).for_each(|(z, j)| *z = -j);
            } else {
                let source = &input.plane[r * columns..(r + 1) * columns];
                for x in 0..columns {
                    z[x] = unit(source[x], input.background[x], inverse[x]) - jump[x];
                }
                let limit = plan.params.saturated_index;
                if u16::from(source.iter().fold(0, |m: u8, &v| m.max(v))) >= limit {
                    hold_saturated(source, limit, saturation_reach, &mut z);
                }
            }
            // A jump is at most the clip's width, so that no pixel leaves this range.
            guess = row_median(&z, (-17.0, 21.0), guess);
            medians.push(guess);
            let means = &mut row_means[r * plan.block_columns..(r + 1) * plan.block_columns];
            for (mean, e) in means.iter_mut().zip(plan.column_edges.windows(2)) {
                *mean = sum(&z[e[0]..e[1]]) / (e[1] - e[0]) as f32;
            }
            if let Some(reducer) = &mut reducer {
                reducer.add(&z, guess);
            }
        }
        let samples = reducer.map_or_else(Vec::new, Reducer::finish);
        (Whitened { samples, row_means }, medians)
    }
}

/// A saturated pixel counts no more than the median of its surroundings: a stuck column would feign the strongest of slants.
fn hold_saturated(source: &[u8], limit: u16, reach: usize, z: &mut [f32]) {
    let whitened = z.to_vec();
    let mut window = Vec::with_capacity(2 * reach + 1);
    for x in (0..source.len()).filter(|&x| u16::from(source[x]) >= limit) {
        window.clear();
        window.extend_from_slice(&whitened[x.saturating_sub(reach)..(x + reach + 1).min(source.len())]);
        z[x] = z[x].min(median(&mut window));
    }
}

#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let chunks = values.chunks_exact(8);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for j in 0..8 {
            lanes[j] += chunk[j];
        }
    }
    rest + ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]))
}

/// Averages pixels, less their row's median (what is all along the fibre is no slant), to the slants' samples of unit noise.
struct Reducer<'a> {
    plan: &'a crate::slants::SlantPlan,
    sums: Vec<f32>,
    rows: usize,
    samples: Vec<f32>,
}

impl<'a> Reducer<'a> {
    fn new(plan: &'a crate::slants::SlantPlan) -> Self {
        Self { plan, sums: Vec::new(), rows: 0, samples: Vec::with_capacity(plan.rows * plan.columns) }
    }

    #[inline(always)]
    fn add(&mut self, z: &[f32], median: f32) {
        if self.rows == 0 {
            self.sums.clear();
            self.sums.extend(z.iter().map(|v| v - median));
        } else {
            self.sums.iter_mut().zip(z).for_each(|(s, v)| *s += v - median);
        }
        self.rows += 1;
        // The last sample takes the rows that are left over.
        let more = self.samples.len() + self.plan.columns < self.plan.rows * self.plan.columns;
        if self.rows == self.plan.row_step && more {
            self.flush();
        }
    }

    #[inline(always)]
    fn flush(&mut self) {
        let (step, columns) = (self.plan.column_step, self.plan.columns);
        let split = (columns - 1) * step;
        let scale = 1.0 / ((self.rows * step) as f32).sqrt();
        match step {
            1 => self.samples.extend(self.sums[..split].iter().map(|s| s * scale)),
            2 => self.samples.extend(self.sums[..split].chunks_exact(2).map(|s| (s[0] + s[1]) * scale)),
            _ => self.samples.extend(self.sums[..split].chunks_exact(step).map(|s| sum(s) * scale)),
        }
        let last = &self.sums[split..];
        self.samples.push(sum(last) / ((self.rows * last.len()) as f32).sqrt());
        self.rows = 0;
    }

    #[inline(always)]
    fn finish(mut self) -> Vec<f32> {
        if self.rows > 0 {
            self.flush();
        }
        self.samples
    }
}
