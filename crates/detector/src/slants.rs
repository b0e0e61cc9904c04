//! Slants: sums along straight lines in time and distance. What moves adds up along its own line only.

use std::sync::OnceLock;

use pulp::NullaryFnOnce;

use crate::plan::at_least_one;
use crate::{DetectorParams, Geometry};

/// Value of a cell in which no line is long enough.
pub const NO_LINE: f32 = -9.0;

/// Share of a line's samples that must lie inside the record.
const MIN_SAMPLES: f64 = 0.4;

/// The largest line sum of a cell and speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlantPeak {
    /// Sum over the root of the number of samples.
    pub value: f32,
    /// Row of the line's centre, in rows of the image (the middle of the first is 0).
    pub row: f32,
    /// Column of the line's centre, in columns of the image (the middle of the first is 0).
    pub column: f32,
}

/// What is taken off the lines of a speed before the largest is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rivals {
    /// Nothing.
    None,
    /// Lines that stand still beside it: a slow thing lights much the same samples as one that stands still.
    Beside,
    /// Lines that stand still, and those of the speed with this number, the same in the other direction.
    Opposite(usize),
    /// Lines that stand still.
    Still,
}

/// Shifts and scales of the lines of one geometry.
///
/// Lines are `x = x0 + v t`; samples are means over `row_step` x `column_step` pixels, summed over 50 m. A plane is shifted row by row by v, so
/// that lines stand upright, and a running sum over `samples` rows goes down it.
#[derive(Debug)]
pub struct SlantPlan {
    /// Rows of the image per sample.
    pub row_step: usize,
    /// Columns of the image per sample.
    pub column_step: usize,
    /// Rows of a plane of samples.
    pub rows: usize,
    /// Columns of a plane of samples.
    pub columns: usize,
    /// Samples of a line in time.
    pub samples: usize,
    /// Samples of a line before its centre.
    pub before: usize,
    /// Samples of a line's width.
    pub width: usize,
    /// Speeds, m/s.
    pub speeds_ms: Vec<f64>,
    /// Shift of every row by every speed, in samples (speeds x (rows + samples)); row `before` is the image's first.
    pub shifts: Vec<Vec<i32>>,
    /// Parts of an image in time that keep a line each.
    pub parts: usize,
    /// First sample of every cell along the fibre, and the number of samples at the end.
    pub cell_edges: Vec<usize>,
    /// For every speed, what else lights its lines and is taken off.
    pub rivals: Vec<Rivals>,
    scales: [OnceLock<Vec<Scale>>; 4],
}

/// One over the root of the number of samples of each line that lie inside the record; NaN where these are too few.
#[derive(Debug)]
struct Scale {
    /// Columns from the left whose lines leave the fibre.
    left: usize,
    /// Columns from the right whose lines leave the fibre.
    right: usize,
    /// Scale of the columns between, by row.
    inner: Vec<f32>,
    /// Scales of the `left + right` columns, by row.
    edges: Vec<f32>,
}

impl SlantPlan {
    pub(crate) fn new(
        geometry: &Geometry,
        params: &DetectorParams,
        speeds_ms: &[f64],
        cell_columns: &[usize],
    ) -> Option<Self> {
        if speeds_ms.is_empty() {
            return None;
        }
        let (dt, dx) = (geometry.seconds_per_row(), geometry.meters_per_column());
        let row_step = ((params.slant_step_s / dt) as usize).clamp(1, geometry.rows);
        // Half of the narrowest cell at most, so that every cell keeps a sample.
        let narrowest = cell_columns.windows(2).map(|e| e[1] - e[0]).min().unwrap_or(1);
        let column_step = ((params.slant_step_m / dx) as usize).clamp(1, (narrowest / 2).max(1));
        let (rows, columns) = (geometry.rows / row_step, geometry.columns / column_step);
        let (dt, dx) = (dt * row_step as f64, dx * column_step as f64);
        let samples = at_least_one(params.slant_s / dt).min(rows);
        let before = samples / 2;
        let shift = |v: f64, k: usize| {
            let row = k as f64 - before as f64 - rows as f64 / 2.0;
            (v * dt / dx * row + 0.5).floor() as i32
        };
        let cell_edges =
            cell_columns.iter().map(|&c| if c == geometry.columns { columns } else { c.div_ceil(column_step) });
        Some(Self {
            row_step,
            column_step,
            rows,
            columns,
            samples,
            before,
            width: at_least_one(params.slant_m / dx),
            speeds_ms: speeds_ms.to_vec(),
            shifts: speeds_ms.iter().map(|&v| (0..rows + samples).map(|k| shift(v, k)).collect()).collect(),
            parts: params.slant_parts.min(rows),
            rivals: rivals(params, speeds_ms),
            cell_edges: cell_edges.collect(),
            scales: Default::default(),
        })
    }

    /// Sums over the width of a slant along each row, over the root of the number of samples.
    pub fn widen(&self, plane: &mut [f32]) {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                let mut source = vec![0.0; self.columns];
                for row in plane.chunks_exact_mut(self.columns) {
                    source.copy_from_slice(row);
                    box_row(&source, self.width, row);
                }
            },
        );
    }

    /// The largest line sum of each cell, speed and part of the image (cells x speeds x parts), first row and first column on a tie.
    ///
    /// Planes are those of [`SlantPlan::widen`] (rows x columns); the neighbours are missing at a gap.
    pub fn largest(&self, earlier: Option<&[f32]>, here: &[f32], later: Option<&[f32]>) -> Vec<SlantPeak> {
        let cells = self.cell_edges.len() - 1;
        let mut peaks =
            vec![SlantPeak { value: NO_LINE, row: 0.0, column: 0.0 }; cells * self.speeds_ms.len() * self.parts];
        let scales = self.scales(earlier.is_some(), later.is_some());
        let padded = Padded { plan: self, earlier, here, later };
        let mut keep = |speed: usize, found: Vec<Best>| {
            for (i, best) in found.into_iter().enumerate() {
                let (part, cell) = (i / cells, i % cells);
                peaks[(cell * self.speeds_ms.len() + speed) * self.parts + part] = SlantPeak {
                    value: best.value,
                    row: (best.row as f32 + 0.5) * self.row_step as f32 - 0.5,
                    column: (best.column as f32 + 0.5) * self.column_step as f32 - 0.5,
                };
            }
        };
        let still = self.rivals.iter().any(|r| *r != Rivals::None).then(|| self.still(&padded));
        let still = still.as_deref().unwrap_or(&[]);
        for (speed, rivals) in self.rivals.iter().enumerate() {
            let of = |speed: usize| (self.shifts[speed].as_slice(), &scales[speed]);
            match *rivals {
                Rivals::None => {
                    let (shifts, scale) = of(speed);
                    keep(speed, pulp::Arch::new().dispatch(Lines { padded: &padded, shifts, scale }));
                }
                Rivals::Opposite(other) if other < speed => {}
                Rivals::Opposite(other) => {
                    let lines = RivalLines { padded: &padded, still, beside: false, lines: vec![of(speed), of(other)] };
                    let found = pulp::Arch::new().dispatch(lines);
                    [speed, other].into_iter().zip(found).for_each(|(speed, found)| keep(speed, found));
                }
                Rivals::Still | Rivals::Beside => {
                    let beside = *rivals == Rivals::Beside;
                    let lines = RivalLines { padded: &padded, still, beside, lines: vec![of(speed)] };
                    pulp::Arch::new().dispatch(lines).into_iter().for_each(|found| keep(speed, found));
                }
            }
        }
        peaks
    }

    /// Sums along lines that stand still, over the root of the number of samples (rows x columns).
    fn still(&self, padded: &Padded<'_>) -> Vec<f32> {
        let shifts = vec![0; self.rows + self.samples];
        let mut running = Running::new(padded, &shifts);
        let mut out = Vec::with_capacity(self.rows * self.columns);
        for r in 0..self.rows {
            let there = (r..r + self.samples).filter(|&k| padded.row(k).is_some()).count();
            let scale = 1.0 / (there.max(1) as f32).sqrt();
            out.extend(running.row(r).iter().map(|v| v * scale));
            running.advance(padded, r);
        }
        out
    }

    fn scales(&self, earlier: bool, later: bool) -> &[Scale] {
        let cell = &self.scales[usize::from(earlier) + 2 * usize::from(later)];
        cell.get_or_init(|| self.shifts.iter().map(|d| self.scale(d, earlier, later)).collect())
    }

    fn scale(&self, shifts: &[i32], earlier: bool, later: bool) -> Scale {
        let (rows, columns, h) = (self.rows, self.columns as i32, self.before);
        let offsets = |r: usize| (r..r + self.samples).map(move |k| (k, shifts[k] - shifts[r + h]));
        let reach = |sign: i32| (0..rows).flat_map(offsets).map(|(_, o)| o * sign).max().unwrap_or(0).max(0) as usize;
        // A line with a positive offset leaves at the right, one with a negative at the left.
        let (mut left, mut right) = (reach(-1), reach(1));
        if left + right >= self.columns {
            (left, right) = (self.columns, 0);
        }
        let present = |k: usize| (k >= h || earlier) && (k < h + rows || later);
        let mut scale = Scale { left, right, inner: Vec::with_capacity(rows), edges: Vec::new() };
        for r in 0..rows {
            let mut change = vec![0i32; self.columns + 1];
            for (_, o) in offsets(r).filter(|&(k, _)| present(k)) {
                let (from, to) = ((-o).clamp(0, columns), (columns - o).clamp(0, columns));
                change[from as usize] += 1;
                change[to as usize] -= 1;
            }
            let counts: Vec<i32> = change
                .iter()
                .scan(0, |n, c| {
                    *n += c;
                    Some(*n)
                })
                .take(self.columns)
                .collect();
            let of = |n: i32| {
                let enough = f64::from(n) >= MIN_SAMPLES * self.samples as f64;
                if enough { (1.0 / f64::from(n.max(1)).sqrt()) as f32 } else { f32::NAN }
            };
            scale.inner.push(of(counts.get(left).copied().unwrap_or(0)));
            scale.edges.extend(counts[..left].iter().map(|&n| of(n)));
            scale.edges.extend(counts[self.columns - right..].iter().map(|&n| of(n)));
        }
        scale
    }
}

/// Sum over `width` neighbours (centred) over the root of how many there are; wider than the line: all of it.
#[inline(always)]
pub(crate) fn box_row(source: &[f32], width: usize, out: &mut [f32]) {
    let n = source.len();
    if width >= n {
        let total: f64 = source.iter().map(|&v| f64::from(v)).sum();
        out.fill((total / (n as f64).sqrt()) as f32);
        return;
    }
    let before = width / 2;
    let inner = before..n - (width - before) + 1;
    if width <= 16 {
        let scale = 1.0 / (width as f32).sqrt();
        let out = &mut out[inner.clone()];
        out.copy_from_slice(&source[..out.len()]);
        for k in 1..width {
            for (o, s) in out.iter_mut().zip(&source[k..]) {
                *o += s;
            }
        }
        out.iter_mut().for_each(|o| *o *= scale);
    } else {
        let mut sum: f64 = source[..width].iter().map(|&v| f64::from(v)).sum();
        let root = (width as f64).sqrt();
        for i in inner.clone() {
            out[i] = (sum / root) as f32;
            if i + 1 < inner.end {
                sum += f64::from(source[i + width - before]) - f64::from(source[i - before]);
            }
        }
    }
    for i in (0..inner.start).chain(inner.end..n) {
        let part = &source[i.saturating_sub(before)..(i + width - before).min(n)];
        out[i] = (part.iter().map(|&v| f64::from(v)).sum::<f64>() / (part.len() as f64).sqrt()) as f32;
    }
}

/// The image's rows between the last of the image before and the first of the one after.
struct Padded<'a> {
    plan: &'a SlantPlan,
    earlier: Option<&'a [f32]>,
    here: &'a [f32],
    later: Option<&'a [f32]>,
}

impl<'a> Padded<'a> {
    #[inline(always)]
    fn row(&self, k: usize) -> Option<&'a [f32]> {
        let SlantPlan { rows, columns, before, .. } = *self.plan;
        let (plane, r) = match k {
            k if k < before => (self.earlier?, rows - before + k),
            k if k < before + rows => (self.here, k - before),
            k => (self.later?, k - before - rows),
        };
        Some(&plane[r * columns..(r + 1) * columns])
    }
}

#[derive(Clone, Copy)]
struct Best {
    value: f32,
    row: usize,
    column: usize,
}

/// All lines of one speed; the best of each part and cell (parts x cells).
struct Lines<'a, 'b> {
    padded: &'b Padded<'a>,
    shifts: &'b [i32],
    scale: &'b Scale,
}

impl NullaryFnOnce for Lines<'_, '_> {
    type Output = Vec<Best>;

    #[inline(always)]
    fn call(self) -> Vec<Best> {
        let Lines { padded, shifts, scale } = self;
        let plan = padded.plan;
        let cells = plan.cell_edges.len() - 1;
        let mut running = Running::new(padded, shifts);
        let mut best = nothing(plan);
        for r in 0..plan.rows {
            let part = r * plan.parts / plan.rows;
            scan(running.row(r), r, scale, &plan.cell_edges, &mut best[part * cells..][..cells]);
            running.advance(padded, r);
        }
        best
    }
}

/// The first row and column of each part and cell, without a line.
fn nothing(plan: &SlantPlan) -> Vec<Best> {
    let cells = plan.cell_edges.len() - 1;
    let empty = |part: usize| {
        let row = (part * plan.rows).div_ceil(plan.parts);
        plan.cell_edges[..cells].iter().map(move |&column| Best { value: NO_LINE, row, column })
    };
    (0..plan.parts).flat_map(empty).collect()
}

/// Sums of one speed's lines, row after row, in columns in which its lines stand upright.
struct Running<'a> {
    plan: &'a SlantPlan,
    shifts: &'a [i32],
    reach: usize,
    sums: Vec<f32>,
    /// Sums over the second half of the lines.
    late: Vec<f32>,
}

impl<'a> Running<'a> {
    #[inline(always)]
    fn new(padded: &Padded<'a>, shifts: &'a [i32]) -> Self {
        let plan = padded.plan;
        let reach = shifts.iter().map(|d| d.unsigned_abs() as usize).max().unwrap_or(0);
        let sums = vec![0.0f32; plan.columns + 2 * reach];
        let mut out = Self { plan, shifts, reach, late: sums.clone(), sums };
        for k in 0..plan.samples {
            if let Some(row) = padded.row(k) {
                let at = out.columns(k);
                add(&mut out.sums[at.clone()], row);
                if k >= plan.samples / 2 {
                    add(&mut out.late[at], row);
                }
            }
        }
        out
    }

    #[inline(always)]
    fn start(&self, k: usize) -> usize {
        (self.reach as i32 - self.shifts[k]) as usize
    }

    #[inline(always)]
    fn columns(&self, k: usize) -> std::ops::Range<usize> {
        let start = self.start(k);
        start..start + self.plan.columns
    }

    /// Sums of the lines whose centre is in row `r`.
    #[inline(always)]
    fn row(&self, r: usize) -> &[f32] {
        &self.sums[self.columns(r + self.plan.before)]
    }

    /// Sums of the second half of the same lines.
    #[inline(always)]
    fn late_row(&self, r: usize) -> &[f32] {
        &self.late[self.columns(r + self.plan.before)]
    }

    /// From the lines of row `r` to those of the next.
    #[inline(always)]
    fn advance(&mut self, padded: &Padded<'_>, r: usize) {
        if let Some(row) = padded.row(r) {
            let at = self.columns(r);
            subtract(&mut self.sums[at], row);
        }
        if r + 1 >= self.plan.rows {
            return;
        }
        let (middle, next) = (r + self.plan.samples / 2, r + self.plan.samples);
        if let Some(row) = padded.row(middle) {
            let at = self.columns(middle);
            subtract(&mut self.late[at], row);
        }
        if let Some(row) = padded.row(next) {
            let at = self.columns(next);
            add(&mut self.sums[at.clone()], row);
            add(&mut self.late[at], row);
        }
    }
}

/// Speeds that are not slow against the width of a line have rivals: what moves lights the lines of its own direction only, what stands still
/// or is wider than a line (a gust, a shower, a fading column) those of both directions and of none.
fn rivals(params: &DetectorParams, speeds_ms: &[f64]) -> Vec<Rivals> {
    let rivals_of = |&v: &f64| {
        if !params.improved {
            return Rivals::None;
        }
        if v.abs() * params.slant_s < 2.0 * params.slant_m {
            return Rivals::Beside;
        }
        speeds_ms.iter().position(|w| *w == -v).map_or(Rivals::Still, Rivals::Opposite)
    };
    speeds_ms.iter().map(rivals_of).collect()
}

/// Standard deviations that a rival's line may have by chance and costs nothing.
const RIVAL_CHANCE: f32 = 2.0;

/// What a rival's line costs: a little more than it has, for where two differ by chance much is left of strong ones.
const RIVAL_WEIGHT: f32 = 1.5;

/// Lines of one speed, or of a speed and its opposite, less what their rivals have at the same place and time.
struct RivalLines<'a, 'b> {
    padded: &'b Padded<'a>,
    still: &'b [f32],
    beside: bool,
    lines: Vec<(&'b [i32], &'b Scale)>,
}

impl NullaryFnOnce for RivalLines<'_, '_> {
    type Output = Vec<Vec<Best>>;

    #[inline(always)]
    fn call(self) -> Vec<Vec<Best>> {
        let RivalLines { padded, still, beside, lines } = self;
        let plan = padded.plan;
        let (cells, columns) = (plan.cell_edges.len() - 1, plan.columns);
        let mut running: Vec<Running<'_>> = lines.iter().map(|(shifts, _)| Running::new(padded, shifts)).collect();
        let mut values = vec![vec![0.0f32; columns]; lines.len()];
        let mut uneven = values.clone();
        let (mut rest, mut around) = (vec![0.0f32; columns], vec![0.0f32; columns]);
        let mut best = vec![nothing(plan); lines.len()];
        for r in 0..plan.rows {
            let part = r * plan.parts / plan.rows;
            for ((values, running), (_, scale)) in values.iter_mut().zip(&running).zip(&lines) {
                scale.apply(running.row(r), r, values);
            }
            let whole = padded.row(r).is_some() && padded.row(r + plan.samples - 1).is_some();
            for ((uneven, running), (_, scale)) in uneven.iter_mut().zip(&running).zip(&lines) {
                scale.uneven(running.row(r), running.late_row(r), if whole { r } else { usize::MAX }, uneven);
            }
            let still = &still[r * columns..(r + 1) * columns];
            if beside {
                largest_beside(still, 3 * plan.width, &mut around);
            }
            let still = if beside { &around } else { still };
            for (i, best) in best.iter_mut().enumerate() {
                let other = values.get(1 - i).map_or(still, |o| o.as_slice());
                less_rivals(&values[i], still, other, &uneven[i], &mut rest);
                scan_cells(&rest, r, &plan.cell_edges, &mut best[part * cells..][..cells]);
            }
            running.iter_mut().for_each(|running| running.advance(padded, r));
        }
        best
    }
}

impl Scale {
    /// Takes the sums of a row to standard deviations; NaN where a line is too short.
    #[inline(always)]
    fn apply(&self, sums: &[f32], row: usize, out: &mut [f32]) {
        let (n, inner) = (sums.len(), self.inner[row]);
        out.iter_mut().zip(sums).for_each(|(o, s)| *o = s * inner);
        let edges = &self.edges[row * (self.left + self.right)..(row + 1) * (self.left + self.right)];
        let (left, right) = edges.split_at(self.left);
        out[..self.left].iter_mut().zip(sums).zip(left).for_each(|((o, s), e)| *o = s * e);
        let first = n - self.right;
        out[first..].iter_mut().zip(&sums[first..]).zip(right).for_each(|((o, s), e)| *o = s * e);
    }
}

impl Scale {
    /// Difference between the halves of the lines that lie inside the record, standard deviations.
    #[inline(always)]
    fn uneven(&self, sums: &[f32], late: &[f32], row: usize, out: &mut [f32]) {
        let Some(&inner) = self.inner.get(row) else {
            out.fill(0.0);
            return;
        };
        out.iter_mut().zip(sums).zip(late).for_each(|((o, s), l)| *o = (2.0 * l - s).abs() * inner);
        let first = out.len() - self.right;
        out[..self.left].fill(0.0);
        out[first..].fill(0.0);
    }
}

/// The largest of the values `distance` before and after each, and of the difference between its neighbours: what one column has alone is
/// the instrument's.
#[inline(always)]
fn largest_beside(values: &[f32], distance: usize, out: &mut [f32]) {
    let distance = distance.min(values.len());
    out.fill(f32::NEG_INFINITY);
    out[distance..].iter_mut().zip(values).for_each(|(o, v)| *o = *v);
    out.iter_mut().zip(&values[distance..]).for_each(|(o, v)| *o = if *v > *o { *v } else { *o });
    if let Some(inner) = values.len().checked_sub(1).and_then(|last| out.get_mut(1..last)) {
        for (o, (before, after)) in inner.iter_mut().zip(values.iter().zip(&values[2..])) {
            let lean = (after - before).abs();
            *o = if lean > *o { lean } else { *o };
        }
    }
}

/// A line less the larger of its rivals where that is no chance. A rival that is too short (NaN) does not count.
#[inline(always)]
fn less_rivals(own: &[f32], still: &[f32], other: &[f32], uneven: &[f32], out: &mut [f32]) {
    for ((((out, own), still), other), uneven) in out.iter_mut().zip(own).zip(still).zip(other).zip(uneven) {
        let rival = if *other > *still { *other } else { *still };
        let rival = if *uneven > rival { *uneven } else { rival };
        let excess = RIVAL_WEIGHT * (rival - RIVAL_CHANCE);
        *out = own - if excess > 0.0 { excess } else { 0.0 };
    }
}

/// Compares one row of lines with the best of each cell; NaN is none.
#[inline(always)]
fn scan_cells(values: &[f32], row: usize, cell_edges: &[usize], best: &mut [Best]) {
    for (best, e) in best.iter_mut().zip(cell_edges.windows(2)) {
        let largest = slice_max(&values[e[0]..e[1]]);
        if largest > best.value {
            let x = values[e[0]..e[1]].iter().position(|&v| v == largest).unwrap_or(0);
            offer(best, largest, row, e[0] + x);
        }
    }
}

#[inline(always)]
fn add(sums: &mut [f32], row: &[f32]) {
    for (s, v) in sums.iter_mut().zip(row) {
        *s += v;
    }
}

#[inline(always)]
fn subtract(sums: &mut [f32], row: &[f32]) {
    for (s, v) in sums.iter_mut().zip(row) {
        *s -= v;
    }
}

/// Compares one row of sums with the best of each cell.
#[inline(always)]
fn scan(sums: &[f32], row: usize, scale: &Scale, cell_edges: &[usize], best: &mut [Best]) {
    let (n, inner) = (sums.len(), scale.inner[row]);
    let edge_count = scale.left + scale.right;
    let edges = &scale.edges[row * edge_count..(row + 1) * edge_count];
    for (cell, best) in best.iter_mut().enumerate() {
        let (from, to) = (cell_edges[cell], cell_edges[cell + 1]);
        for x in from..to.min(scale.left) {
            offer(best, sums[x] * edges[x], row, x);
        }
        let (a, b) = (from.max(scale.left), to.min(n - scale.right));
        if a < b {
            let largest = slice_max(&sums[a..b]);
            // NaN fails this comparison too.
            if largest * inner > best.value {
                let x = sums[a..b].iter().position(|&s| s == largest).unwrap_or(0);
                offer(best, largest * inner, row, a + x);
            }
        }
        for x in from.max(n - scale.right).max(scale.left)..to {
            offer(best, sums[x] * edges[scale.left + x - (n - scale.right)], row, x);
        }
    }
}

#[inline(always)]
fn offer(best: &mut Best, value: f32, row: usize, column: usize) {
    if value > best.value {
        *best = Best { value, row, column };
    }
}

#[inline(always)]
fn slice_max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let chunks = values.chunks_exact(16);
    let rest = chunks.remainder();
    for chunk in chunks {
        for j in 0..16 {
            lanes[j] = if chunk[j] > lanes[j] { chunk[j] } else { lanes[j] };
        }
    }
    rest.iter().chain(&lanes).fold(f32::NEG_INFINITY, |m, &v| if v > m { v } else { m })
}
