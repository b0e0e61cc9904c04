//! Whitening: every pixel against its own column's background, defects taken out.
//!
//! The logarithm of the picture makes a column's speckle alike whatever its level, so index units over the column's spread are unit noise. The
//! clip keeps one pixel from carrying a sum. A column that jumps against its 110 m for 10 s (fading, saturation: no wave is that narrow) loses
//! the jump, as does a row that jumps against its 5 s all along the fibre (the laser's common noise).

use pulp::NullaryFnOnce;

use crate::columns::ColumnStatistics;
use crate::filters::{Border, median, median_filter, row_median};
use crate::plan::{DetectorPlan, odd};

/// Bounds of a whitened pixel, standard deviations.
pub const CLIP: (f32, f32) = (-4.0, 8.0);

/// 5.2 standard deviations of a median, 1.25 / sqrt(samples): a column that departs more from its neighbours jumps.
const COLUMN_JUMP: f64 = 6.5;

/// 6 standard deviations of a median: a row that departs more from its neighbours jumps.
pub const ROW_JUMP: f64 = 7.5;

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
pub fn column_jumps(plan: &DetectorPlan, input: &Whitening<'_>) -> Vec<f32> {
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
        let columns = plan.geometry.columns;
        let inverse: Vec<f32> = input.scale.iter().map(|s| 1.0 / s).collect();
        let mut medians = Vec::with_capacity(plan.geometry.rows);
        let mut row_means = vec![0.0f32; plan.geometry.rows * plan.block_columns];
        let mut reducer = plan.slants.as_deref().map(Reducer::new);
        let mut surroundings = Surroundings::new(plan);
        let mut step = Vec::new();
        let (mut part, mut guess) = (0, 0.0);
        for rows in plan.row_edges.windows(2).map(|e| e[0]..e[1]) {
            step.clear();
            step.resize(rows.len() * columns, 0.0f32);
            for (z, r) in step.chunks_exact_mut(columns).zip(rows.clone()) {
                while r >= plan.part_edges[part + 1] {
                    part += 1;
                }
                whiten_row(plan, &input, r, &inverse, &jumps[part * columns..(part + 1) * columns], z);
                let means = &mut row_means[r * plan.block_columns..(r + 1) * plan.block_columns];
                for (mean, e) in means.iter_mut().zip(plan.column_edges.windows(2)) {
                    *mean = sum(&z[e[0]..e[1]]) / (e[1] - e[0]) as f32;
                }
            }
            let mut common = 0.0;
            if plan.params.improved {
                let means = &row_means[rows.start * plan.block_columns..rows.end * plan.block_columns];
                common = surroundings.set(plan, means, &input.missing[rows.clone()]);
                for (z, r) in step.chunks_exact_mut(columns).zip(rows.clone()) {
                    let keep = if input.missing[r] { 0.0 } else { 1.0 };
                    z.iter_mut().zip(&surroundings.level).for_each(|(z, l)| *z = keep * (*z - l));
                }
            }
            for z in step.chunks_exact(columns) {
                // A jump and a level are at most the clip's width, so that no pixel leaves this range.
                guess = row_median(z, (-33.0, 37.0), guess);
                medians.push(guess + common);
                if let Some(reducer) = &mut reducer {
                    reducer.add(z, guess);
                }
            }
        }
        let samples = reducer.map_or_else(Vec::new, Reducer::finish);
        (Whitened { samples, row_means }, medians)
    }
}

/// Whitens one row into `z`.
#[inline(always)]
fn whiten_row(plan: &DetectorPlan, input: &Whitening<'_>, r: usize, inverse: &[f32], jump: &[f32], z: &mut [f32]) {
    let columns = plan.geometry.columns;
    if input.missing[r] {
        z.iter_mut().zip(jump).for_each(|(z, j)| *z = -j);
        return;
    }
    let source = &input.plane[r * columns..(r + 1) * columns];
    // Over zipped slices, so that no check of an index stands in the way of the SIMD lanes.
    let normal = input.background.iter().zip(inverse).zip(jump);
    for ((z, &v), ((&background, &inverse), &jump)) in z.iter_mut().zip(source).zip(normal) {
        *z = unit(v, background, inverse) - jump;
    }
    let limit = plan.params.saturated_index;
    if u16::from(source.iter().fold(0, |m: u8, &v| m.max(v))) >= limit {
        hold_saturated(source, limit, hold_reach(plan), z);
    }
}

/// Columns on either side that a saturated pixel is held to the median of (125 m).
pub fn hold_reach(plan: &DetectorPlan) -> usize {
    (125.0 / plan.geometry.meters_per_column()) as usize
}

/// Places of the running median that the level of the surroundings is, and where each column lies between them: the first of two
/// places, and the distance from its middle in places.
pub fn surroundings(plan: &DetectorPlan) -> (usize, Vec<(usize, f32)>) {
    let (columns, places) = (plan.geometry.columns, plan.block_columns);
    let at = |x: usize| {
        let at = ((x as f64 + 0.5) * places as f64 / columns as f64 - 0.5).clamp(0.0, (places - 1) as f64);
        let first = (at as usize).min(places.saturating_sub(2));
        (first, (at - first as f64) as f32)
    };
    (odd(SURROUNDINGS_M * places as f64 / plan.geometry.length_m), (0..columns).map(at).collect())
}

/// Length that a level must rise over to be no slant, metres: gusts, ships and near earthquakes would light lines of all speeds.
const SURROUNDINGS_M: f64 = 1000.0;

/// The level of the 2 km around each column in one time step: the running median of the places, linear between their middles.
struct Surroundings {
    width: usize,
    /// First of the two places that a column lies between, and its distance from it.
    between: Vec<(usize, f32)>,
    level: Vec<f32>,
}

impl Surroundings {
    fn new(plan: &DetectorPlan) -> Self {
        let (width, between) = surroundings(plan);
        Self { width, between, level: vec![0.0; plan.geometry.columns] }
    }

    /// Takes the means of a step's rows (rows x places) and returns the level that is common to all places.
    fn set(&mut self, plan: &DetectorPlan, row_means: &[f32], missing: &[bool]) -> f32 {
        let places = plan.block_columns;
        let mut mean = vec![0.0f32; places];
        let there = missing.iter().filter(|m| !**m).count().max(1) as f32;
        for (row, _) in row_means.chunks_exact(places).zip(missing).filter(|(_, m)| !**m) {
            mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / there);
        }
        let mut around = median_filter(&mean, self.width, Border::Nearest);
        for (level, &(first, fraction)) in self.level.iter_mut().zip(&self.between) {
            let (a, b) = (around[first], around[(first + 1).min(places - 1)]);
            *level = a + fraction * (b - a);
        }
        median(&mut around)
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
