//! Values over time and distance, reduced to as many cells as a page can hold, one byte per cell.

use crate::axis::TimeAxis;
use crate::time::Micros;

/// Cells of one map: a byte each, so base64 takes 2.4 MB of the page.
pub const MAX_CELLS: usize = 1_800_000;
/// Places of a map: as many as a screen can tell apart.
const MAX_PLACES: usize = 160;
/// Places are shared down to so many rows before columns become longer than [`LONG`].
const FEW_PLACES: usize = 32;
/// A column longer than this no longer tells images apart.
const LONG: Micros = 60_000_000;
/// Lengths of a column, s: whole divisors of minutes and hours.
const STEPS_S: [i64; 17] = [1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400];
/// Levels are packed in steps of a quarter of a decibel, from -15 dB.
const LEVEL_STEPS_PER_DB: f32 = 4.0;
const LEVEL_MIN_DB: f32 = -15.0;
/// Scores are packed as `round(SCORE_STEPS asinh(score))`.
const SCORE_STEPS: f32 = 30.0;

/// A packed map: `cells[column * places + place]`, 0 where there is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// Length of a column.
    pub step_us: Micros,
    /// Ends of the places, km, ascending; one more than there are places.
    pub edges_km: Vec<f64>,
    /// One byte per cell.
    pub cells: Vec<u8>,
    /// The colour scale's end in the map's unit: values beyond it share the last colour.
    pub scale: f64,
}

/// Where the columns of a reduced map lie, and which places share a row of it.
#[derive(Clone, Debug)]
struct Layout {
    axis: TimeAxis,
    offsets: Vec<usize>,
    step: Micros,
    places_per_row: usize,
    edges: Vec<f64>,
    columns: usize,
}

impl Layout {
    /// `finest` bounds the length of a column from below: that of the source's columns.
    fn new(axis: &TimeAxis, edges_km: &[f64], finest: Micros) -> Self {
        let places = edges_km.len().saturating_sub(1).max(1);
        let mut places_per_row = places.div_ceil(MAX_PLACES);
        let mut step = column_length(axis, places.div_ceil(places_per_row), finest);
        while step > LONG.max(finest) && places.div_ceil(places_per_row + 1) >= FEW_PLACES {
            places_per_row += 1;
            step = column_length(axis, places.div_ceil(places_per_row), finest);
        }
        let mut edges: Vec<f64> = edges_km.iter().copied().step_by(places_per_row).collect();
        if !places.is_multiple_of(places_per_row) {
            edges.extend(edges_km.last());
        }
        let (offsets, columns) = (axis.offsets(step), axis.columns(step));
        Self { axis: axis.clone(), offsets, step, places_per_row, edges, columns }
    }

    fn rows(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    /// The columns that a source column from `time` for `length` touches.
    fn columns_of(&self, time: Micros, length: Micros) -> std::ops::Range<usize> {
        let Some(s) = self.axis.segment_at(time) else { return 0..0 };
        let segment = self.axis.segments[s];
        let column = |t: Micros| self.offsets[s] + usize::try_from((t - segment.from) / self.step).unwrap_or(0);
        column(time)..column((time + length.max(1)).min(segment.to) - 1) + 1
    }
}

/// The shortest length of a column at which a map of so many rows stays within [`MAX_CELLS`].
fn column_length(axis: &TimeAxis, rows: usize, finest: Micros) -> Micros {
    let fits = |step: &Micros| *step >= finest && axis.columns(*step) * rows <= MAX_CELLS;
    let longest = axis.recorded() / (MAX_CELLS / rows / 2).max(1) as i64;
    let steps = std::iter::once(finest.max(1)).chain(STEPS_S.map(|s| s * 1_000_000));
    steps.into_iter().find(fits).unwrap_or(longest.max(finest).max(1))
}

/// Collects levels in dB column by column, in any order; memory stays at four bytes per cell of the result.
#[derive(Clone, Debug)]
pub struct LevelMap {
    layout: Layout,
    cells: Vec<f32>,
    places: usize,
}

impl LevelMap {
    /// A map of places that end at `edges_km`, from columns that are `finest` apart.
    pub fn new(axis: &TimeAxis, edges_km: &[f64], finest: Micros) -> Self {
        let layout = Layout::new(axis, edges_km, finest);
        let cells = vec![f32::NAN; layout.columns * layout.rows()];
        Self { layout, cells, places: edges_km.len().saturating_sub(1) }
    }

    /// Adds one column: levels in dB of every place at `time`, for `length`. NaN counts as missing, a cell keeps its
    /// highest level. Columns of another length than the places, or outside the axis, are ignored.
    pub fn add(&mut self, time: Micros, length: Micros, levels: &[f32]) {
        if levels.len() != self.places {
            return;
        }
        let rows = self.layout.rows();
        for column in self.layout.columns_of(time, length) {
            let cells = &mut self.cells[column * rows..][..rows];
            for (place, &level) in levels.iter().enumerate() {
                let cell = &mut cells[place / self.layout.places_per_row];
                *cell = cell.max(level);
            }
        }
    }

    /// The map of levels over each place's median, in dB.
    pub fn finish(mut self) -> Grid {
        let rows = self.layout.rows();
        for place in 0..rows {
            let normal = median(self.cells.iter().skip(place).step_by(rows.max(1)).copied());
            self.cells.iter_mut().skip(place).step_by(rows.max(1)).for_each(|v| *v -= normal);
        }
        let scale = level_scale(&self.cells, rows);
        let cells = self.cells.iter().map(|&v| pack_level(v)).collect();
        Grid { step_us: self.layout.step, edges_km: self.layout.edges, cells, scale }
    }
}

/// The end of a symmetric scale, dB: what one cell in a thousand exceeds in the median place, from 3 to 24 dB.
///
/// The median over places keeps one dead or noisy stretch from setting the scale for all.
fn level_scale(cells: &[f32], rows: usize) -> f64 {
    let high = |place| quantile(cells.iter().skip(place).step_by(rows.max(1)).map(|v| v.abs()), 0.999);
    let scale = median((0..rows).map(high));
    if scale.is_finite() { f64::from(scale.clamp(3.0, 24.0)).ceil() } else { 3.0 }
}

fn median(values: impl Iterator<Item = f32>) -> f32 {
    quantile(values, 0.5)
}

/// The value that a share `q` of the finite values does not exceed; NaN where there is none.
fn quantile(values: impl Iterator<Item = f32>, q: f64) -> f32 {
    let mut finite: Vec<f32> = values.filter(|v| v.is_finite()).collect();
    if finite.is_empty() {
        return f32::NAN;
    }
    let at = ((finite.len() - 1) as f64 * q).round() as usize;
    *finite.select_nth_unstable_by(at, f32::total_cmp).1
}

fn pack_level(db: f32) -> u8 {
    if db.is_nan() { 0 } else { 1 + ((db - LEVEL_MIN_DB) * LEVEL_STEPS_PER_DB).round().clamp(0.0, 254.0) as u8 }
}

/// Collects scores: a cell keeps the largest.
#[derive(Clone, Debug)]
pub struct ScoreMap {
    layout: Layout,
    cells: Vec<f32>,
    places: usize,
}

impl ScoreMap {
    /// A map of places that end at `edges_km`, from columns that are `finest` apart.
    pub fn new(axis: &TimeAxis, edges_km: &[f64], finest: Micros) -> Self {
        let layout = Layout::new(axis, edges_km, finest);
        let cells = vec![f32::NAN; layout.columns * layout.rows()];
        Self { layout, cells, places: edges_km.len().saturating_sub(1) }
    }

    /// Adds the scores of all places at `time`, for `length`; as [`LevelMap::add`].
    pub fn add(&mut self, time: Micros, length: Micros, scores: &[f32]) {
        if scores.len() != self.places {
            return;
        }
        for (place, &score) in scores.iter().enumerate() {
            self.add_one(time, length, place, score);
        }
    }

    /// Adds one place's score.
    pub fn add_one(&mut self, time: Micros, length: Micros, place: usize, score: f32) {
        let rows = self.layout.rows();
        if place >= self.places {
            return;
        }
        for column in self.layout.columns_of(time, length) {
            let cell = &mut self.cells[column * rows + place / self.layout.places_per_row];
            *cell = cell.max(score);
        }
    }

    /// The packed map; its scale ends at the 99.9 % quantile.
    pub fn finish(self) -> Grid {
        let pack = |v: &f32| if v.is_nan() { 0 } else { 1 + (v.asinh() * SCORE_STEPS).round().clamp(0.0, 254.0) as u8 };
        let scale = quantile(self.cells.iter().copied(), 0.999);
        Grid {
            step_us: self.layout.step,
            cells: self.cells.iter().map(pack).collect(),
            edges_km: self.layout.edges,
            scale: if scale.is_finite() { f64::from(scale) } else { 1.0 },
        }
    }
}

/// Collects cluster labels: a cell keeps that of its highest score.
#[derive(Clone, Debug)]
pub struct LabelMap {
    layout: Layout,
    cells: Vec<(f32, u8)>,
    places: usize,
}

impl LabelMap {
    /// A map of places that end at `edges_km`, from columns that are `finest` apart.
    pub fn new(axis: &TimeAxis, edges_km: &[f64], finest: Micros) -> Self {
        let layout = Layout::new(axis, edges_km, finest);
        let cells = vec![(f32::NEG_INFINITY, 0); layout.columns * layout.rows()];
        Self { layout, cells, places: edges_km.len().saturating_sub(1) }
    }

    /// Adds a row's label (negative: none) and score.
    pub fn add(&mut self, time: Micros, length: Micros, place: usize, label: i32, score: f32) {
        let rows = self.layout.rows();
        if place >= self.places {
            return;
        }
        let byte = if label < 0 { 1 } else { u8::try_from(label.saturating_add(2)).unwrap_or(u8::MAX) };
        let score = if score.is_nan() { f32::MIN } else { score };
        for column in self.layout.columns_of(time, length) {
            let cell = &mut self.cells[column * rows + place / self.layout.places_per_row];
            if score > cell.0 {
                *cell = (score, byte);
            }
        }
    }

    /// The packed map: 1 stands for no cluster, label + 2 for a cluster (255 for 253 and above).
    pub fn finish(self) -> Grid {
        let cells = self.cells.into_iter().map(|c| c.1).collect();
        Grid { step_us: self.layout.step, edges_km: self.layout.edges, cells, scale: 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;
    const MINUTE: Micros = 60 * SECOND;

    #[test]
    fn levels_are_over_the_places_normal() {
        let axis = TimeAxis::new(&[0, MINUTE], MINUTE);
        let mut map = LevelMap::new(&axis, &[0.0, 1.0, 2.0], SECOND);
        for s in 0..120 {
            let quake = if s == 30 { 12.0 } else { 0.0 };
            map.add(s * SECOND, SECOND, &[-90.0 + quake, -60.0]);
        }
        let grid = map.finish();
        assert_eq!((grid.step_us, grid.cells.len()), (SECOND, 240), "as fine as the source");
        assert_eq!(grid.cells[0], pack_level(0.0), "each place's own median is 0 dB");
        assert_eq!(grid.cells[1], pack_level(0.0), "also of the loud place");
        assert_eq!(grid.cells[60], pack_level(12.0), "12 dB above");
    }

    #[test]
    fn a_dead_stretch_does_not_set_the_scale() {
        let axis = TimeAxis::new(&[0], MINUTE);
        let edges: Vec<f64> = (0..=10).map(f64::from).collect();
        let scale = |dead: f32| {
            let mut map = LevelMap::new(&axis, &edges, SECOND);
            for s in 0..60 {
                let mut levels = [if s == 10 { 5.0 } else { 0.0 }; 10];
                levels[3] = if s > 40 { dead } else { 0.0 };
                map.add(s * SECOND, SECOND, &levels);
            }
            map.finish().scale
        };
        assert_eq!(scale(-40.0), scale(0.0), "the other nine decide");
    }

    #[test]
    fn a_month_of_blocks_fits() {
        let starts: Vec<Micros> = (0..43_200).map(|m| m * MINUTE).collect();
        let axis = TimeAxis::new(&starts, MINUTE);
        let edges: Vec<f64> = (0..=364).map(|i| f64::from(i) * 0.25).collect();
        let map = ScoreMap::new(&axis, &edges, SECOND);
        assert!(map.cells.len() <= MAX_CELLS, "{} cells", map.cells.len());
        assert_eq!(map.layout.step, MINUTE, "images are told apart");
        assert!(map.layout.rows() >= FEW_PLACES, "{} places", map.layout.rows());
        assert_eq!(map.layout.edges.last(), Some(&91.0), "the last place reaches the end of the fibre");
    }

    #[test]
    fn columns_outside_the_axis_are_ignored() {
        let axis = TimeAxis::new(&[MINUTE], MINUTE);
        let mut map = LabelMap::new(&axis, &[0.0, 1.0], MINUTE);
        map.add(0, MINUTE, 0, 3, 1.0);
        map.add(MINUTE, MINUTE, 7, 3, 1.0);
        assert_eq!(map.clone().finish().cells, [0], "before the axis, beyond the places");
        map.add(MINUTE, MINUTE, 0, -1, f32::NAN);
        assert_eq!(map.clone().finish().cells, [1], "no cluster");
        map.add(MINUTE, MINUTE, 0, 4, 2.0);
        assert_eq!(map.finish().cells, [6], "the highest score");
    }
}
