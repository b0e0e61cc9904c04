//! Scores of a window: every filter's largest value in each cell, and the maps that events are taken from.

use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::boxes::BlockRecord;
use crate::filters::quantile;
use crate::grid::Grid;
use crate::plan::{BlockBox, DetectorPlan};
use crate::slant_normals::{SlantNormals, SlantScores};
use crate::slow::{ColumnBackground, SlowNormals, SlowRecord};
use crate::window::Window;

/// What is normal at each place, fitted to an archive.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Normals {
    /// Long-term level and noise of the columns.
    pub columns: ColumnBackground,
    /// Zero and deviation of the slants.
    pub slants: SlantNormals,
    /// Deviations of the boxes (boxes x places).
    pub boxes: Vec<f32>,
    /// Zero and deviation of the slow boxes; for every width the last minutes' come first.
    pub slow: Vec<SlowNormals>,
    /// Scale of each filter.
    pub scales: Vec<FilterScale>,
}

/// Takes a filter's values to a scale that all filters share: `offset + gain * value`, above `KNEE` over `stretch`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FilterScale {
    /// Value of a score of 0.
    pub offset: f32,
    /// Factor.
    pub gain: f32,
    /// How much longer the tail of the filter's law is than that of the Gumbel law.
    #[serde(default = "unstretched")]
    pub stretch: f32,
}

/// A score on the Gumbel law's scale, of a law whose tail is `stretch` times as long.
pub(crate) fn compressed(score: f32, stretch: f32) -> f32 {
    if score > KNEE { KNEE + (score - KNEE) / stretch } else { score }
}

fn unstretched() -> f32 {
    1.0
}

/// Where the tails of the filters' laws begin: the Gumbel law's quantile 0.9.
const KNEE: f32 = 2.25;

/// Tails of the boxes and of the slow boxes over the Gumbel law's, in the mean of archives without events: weather makes more of few large
/// values than the lower half tells. Slants that are not slow, which nothing lights that stands still, have none.
const BOX_STRETCH: f32 = 1.25;
const SLOW_STRETCH: f32 = 1.8;

impl Default for FilterScale {
    fn default() -> Self {
        Self { offset: 0.0, gain: 1.0, stretch: 1.0 }
    }
}

impl FilterScale {
    /// The score of a value.
    pub fn apply(self, value: f32) -> f32 {
        compressed(self.offset + self.gain * value, self.stretch)
    }
}

/// A Gumbel law, that of the largest of many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gumbel {
    /// Mode.
    pub mode: f64,
    /// Scale.
    pub scale: f64,
}

impl Gumbel {
    /// The law through the quantiles 0.1 and 0.5: events only add to scores, and even where they fill a third of the cells
    /// they hardly move the lower half.
    pub fn through_low_quantiles(mut values: Vec<f32>) -> Self {
        values.par_sort_unstable_by(f32::total_cmp);
        let (a, b) = (quantile(&values, 0.1), quantile(&values, 0.5));
        let g = |q: f64| -(-q.ln()).ln();
        let scale = (b - a) / (g(0.5) - g(0.1));
        Self { mode: a - scale * g(0.1), scale }
    }

    /// The value that is exceeded with probability `p`.
    pub fn exceeded_with(&self, p: f64) -> f64 {
        self.mode - self.scale * (-(-p).ln_1p()).ln()
    }
}

/// Scores of a window.
pub struct Scored {
    /// Values of all filters (core images x cells x filters), scaled.
    pub filters: Vec<f32>,
    /// One series of all images for every cell and speed, scaled.
    pub(crate) slants: Vec<SlantScores>,
    /// Maps; only when asked for.
    pub(crate) maps: Option<Maps>,
}

/// Maps of the block and slow paths, scaled; rows are time.
pub(crate) struct Maps {
    /// Largest score of the narrow boxes by their length in time, the shortest first (steps x places).
    pub(crate) narrow: Vec<Grid<f32>>,
    /// The same of the wide boxes.
    pub(crate) wide: Vec<Grid<f32>>,
    /// Largest deviation of any narrow box, unscaled: which box fits best is told by deviations, how rare it is by scores.
    pub(crate) narrow_fit: Grid<f32>,
    /// The same of the wide boxes.
    pub(crate) wide_fit: Grid<f32>,
    /// The shortest box along the fibre of about 8 s, unscaled.
    pub(crate) fine: Grid<f32>,
    /// Boxes of about 1 km and at most 8 s, unscaled.
    pub(crate) kilometre: Grid<f32>,
    /// Largest slow score (images x columns).
    pub(crate) slow: Grid<f32>,
    /// Rise that it stands for, deviations.
    pub(crate) slow_rise: Grid<f32>,
    /// The block record without level, deviations (places x steps).
    pub(crate) record: Vec<f32>,
}

impl Scored {
    /// Largest filter of each cell (core images x cells).
    pub fn scores(&self, filters: usize) -> Vec<f32> {
        self.filters.chunks_exact(filters.max(1)).map(largest).collect()
    }
}

fn largest(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Fits one window; scales are not fitted here.
pub fn fit_window(plan: &DetectorPlan, window: &Window<'_>, columns: &ColumnBackground) -> Normals {
    Normals {
        columns: columns.clone(),
        slants: SlantNormals::fit(plan, window),
        boxes: BlockRecord::new(plan, window, columns).fit(&plan.boxes),
        slow: SlowRecord::new(plan, window, columns).fit(),
        scales: vec![FilterScale::default(); plan.filter_count()],
    }
}

/// Scores one window.
pub fn score_window(plan: &DetectorPlan, window: &Window<'_>, normals: &Normals, with_maps: bool) -> Scored {
    let (speeds, filters) = (plan.speeds_ms.len(), plan.filter_count());
    let mut out =
        Cells { plan, core: window.core.clone(), values: vec![0.0; window.core.len() * plan.cells * filters] };
    let mut slants = normals.slants.score(plan, window);
    for (i, series) in slants.iter_mut().enumerate() {
        let scale = normals.scales[i % speeds];
        series.largest.iter_mut().for_each(|v| *v = scale.apply(*v));
        for [offset, factor] in &mut series.scale {
            (*offset, *factor) = (scale.offset + scale.gain * *offset, scale.gain * *factor);
        }
        series.stretch = scale.stretch;
        out.set(i / speeds, i % speeds, |image| series.largest[image]);
    }
    let mut maps = with_maps.then(|| Maps::new(plan, window));
    let record = BlockRecord::new(plan, window, &normals.columns);
    let mut planes = BoxPlanes::new(plan, with_maps);
    record.score(&plan.boxes, &normals.boxes, |index, mut scores| {
        planes.add_unscaled(&plan.boxes[index], &scores);
        let scale = normals.scales[speeds + index];
        scores.par_iter_mut().for_each(|v| *v = scale.apply(*v));
        for cell in 0..plan.cells {
            let places = plan.cell_blocks[cell]..plan.cell_blocks[cell + 1];
            let of_image = |image: usize| {
                let steps = image * plan.block_rows..(image + 1) * plan.block_rows;
                let series = places.clone().map(|x| largest(&scores[x * record.steps..][steps.clone()]));
                series.fold(f32::NEG_INFINITY, f32::max)
            };
            out.set(cell, speeds + index, of_image);
        }
        planes.add(&plan.boxes[index], scores);
    });
    let slow = SlowRecord::new(plan, window, &normals.columns);
    slow.score(&normals.slow, |index, mut scores| {
        let (filter, columns) = (speeds + plan.boxes.len() + index, plan.geometry.columns);
        scores.score.par_iter_mut().for_each(|v| *v = normals.scales[filter].apply(*v));
        for cell in 0..plan.cells {
            let span = plan.cell_columns[cell]..plan.cell_columns[cell + 1];
            out.set(cell, filter, |image| largest(&scores.score[image * columns..][span.clone()]));
        }
        if let Some(maps) = &mut maps {
            let best = maps.slow.values.par_iter_mut().zip(&mut maps.slow_rise.values);
            best.zip(scores.score.par_iter().zip(&scores.rise)).for_each(|((best, rise), (z, r))| {
                if z > best {
                    (*best, *rise) = (*z, *r);
                }
            });
        }
    });
    if let Some(maps) = &mut maps {
        planes.finish(&record, maps);
        maps.record = record.values;
    }
    Scored { filters: out.values, slants, maps }
}

/// The cells' values (core images x cells x filters).
struct Cells<'a> {
    plan: &'a DetectorPlan,
    core: Range<usize>,
    values: Vec<f32>,
}

impl Cells<'_> {
    fn set(&mut self, cell: usize, filter: usize, of_image: impl Fn(usize) -> f32 + Sync) {
        let filters = self.plan.filter_count();
        let stride = self.plan.cells * filters;
        let first = self.core.start;
        self.values.par_chunks_exact_mut(stride).enumerate().for_each(|(i, image)| {
            image[cell * filters + filter] = of_image(first + i);
        });
    }
}

impl Maps {
    fn new(plan: &DetectorPlan, window: &Window<'_>) -> Self {
        let (steps, places) = (window.images.len() * plan.block_rows, plan.block_columns);
        let slow = Grid::new(window.images.len(), plan.geometry.columns, NOTHING);
        let empty = Grid::new(steps, places, NOTHING);
        let (narrow, wide) = (Vec::new(), Vec::new());
        Self {
            narrow,
            wide,
            narrow_fit: empty.clone(),
            wide_fit: empty.clone(),
            fine: empty.clone(),
            kilometre: empty,
            slow_rise: slow.map(|_| 0.0),
            slow,
            record: Vec::new(),
        }
    }
}

/// Smallest scale of a filter's law, deviations.
const MIN_GUMBEL_SCALE: f64 = 0.02;

/// Below every score.
const NOTHING: f32 = -9.0;

/// Maps of the boxes while they are computed, place by place (places x steps).
struct BoxPlanes {
    wanted: bool,
    fine: Option<(f64, f64)>,
    kilometre: Option<f64>,
    /// Length in steps, narrow or not, largest scores.
    sides: Vec<(usize, bool, Vec<f32>)>,
    fine_scores: Vec<f32>,
    kilometre_scores: Vec<f32>,
    narrow_fit: Vec<f32>,
    wide_fit: Vec<f32>,
}

impl BoxPlanes {
    fn new(plan: &DetectorPlan, wanted: bool) -> Self {
        let nearest = |values: &mut dyn Iterator<Item = f64>, to: f64| {
            values.min_by(|a, b| (a / to).ln().abs().total_cmp(&(b / to).ln().abs()))
        };
        let shortest = plan.boxes.iter().map(|b| b.meters).min_by(f64::total_cmp);
        let fine = shortest.and_then(|m| {
            let seconds = &mut plan.boxes.iter().filter(|b| b.meters == m).map(|b| b.seconds);
            nearest(seconds, 8.0).map(|s| (m, s))
        });
        let kilometre = nearest(&mut plan.boxes.iter().map(|b| b.meters), 1000.0);
        let empty = Vec::new;
        Self {
            wanted,
            fine,
            kilometre,
            sides: Vec::new(),
            fine_scores: empty(),
            kilometre_scores: empty(),
            narrow_fit: empty(),
            wide_fit: empty(),
        }
    }

    fn add_unscaled(&mut self, b: &BlockBox, scores: &[f32]) {
        if !self.wanted {
            return;
        }
        keep_largest(if b.narrow { &mut self.narrow_fit } else { &mut self.wide_fit }, scores);
        if self.fine == Some((b.meters, b.seconds)) {
            self.fine_scores = scores.to_vec();
        }
        if self.kilometre == Some(b.meters) && (b.seconds <= 8.0 || self.kilometre_scores.is_empty()) {
            keep_largest(&mut self.kilometre_scores, scores);
        }
    }

    fn add(&mut self, b: &BlockBox, scores: Vec<f32>) {
        if !self.wanted {
            return;
        }
        match self.sides.iter_mut().find(|(steps, narrow, _)| (*steps, *narrow) == (b.steps, b.narrow)) {
            Some((_, _, best)) => keep_largest(best, &scores),
            None => self.sides.push((b.steps, b.narrow, scores)),
        }
    }

    fn finish(mut self, record: &BlockRecord, maps: &mut Maps) {
        let turn = |values: Vec<f32>| Grid { rows: record.places, columns: record.steps, values }.transposed();
        self.sides.sort_by_key(|(steps, _, _)| *steps);
        for (_, narrow, scores) in self.sides.drain(..) {
            if narrow { &mut maps.narrow } else { &mut maps.wide }.push(turn(scores));
        }
        maps.fine = turn(self.fine_scores);
        maps.kilometre = turn(self.kilometre_scores);
        for (map, scores) in [(&mut maps.narrow_fit, self.narrow_fit), (&mut maps.wide_fit, self.wide_fit)] {
            if !scores.is_empty() {
                *map = turn(scores);
            }
        }
    }
}

fn keep_largest(best: &mut Vec<f32>, scores: &[f32]) {
    if best.is_empty() {
        best.extend_from_slice(scores);
    }
    best.par_iter_mut().zip(scores).for_each(|(b, &s)| *b = if s > *b { s } else { *b });
}

/// Scales that put every filter on the standard Gumbel law, so that none wins by its heavier tail.
pub fn fair_scales(plan: &DetectorPlan, filters: &[f32]) -> Vec<FilterScale> {
    let (count, slants) = (plan.filter_count(), plan.speeds_ms.len());
    let law = |f: usize| Gumbel::through_low_quantiles(filters.iter().skip(f).step_by(count).copied().collect());
    let stretch = |f: usize| match f {
        f if f < slants && !plan.is_slow(f) => 1.0,
        f if f < slants + plan.boxes.len() => BOX_STRETCH,
        _ => SLOW_STRETCH,
    };
    let of_filter = |f: usize| {
        let Gumbel { mode, scale } = law(f);
        // A filter that hardly varies has nothing to say.
        if scale < MIN_GUMBEL_SCALE {
            return FilterScale { offset: NOTHING, gain: 0.0, stretch: 1.0 };
        }
        FilterScale { offset: (-mode / scale) as f32, gain: (1.0 / scale) as f32, stretch: stretch(f) }
    };
    (0..count).into_par_iter().map(of_filter).collect()
}
