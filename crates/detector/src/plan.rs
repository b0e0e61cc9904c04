//! Everything that is known before the first image: grids, lengths in pixels, shifts of the slants, what does not fit.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::slants::SlantPlan;
use crate::{DetectorError, DetectorParams, Geometry};

/// A filter that does not fit the picture, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The filter.
    pub filter: String,
    /// Why it is left out.
    pub reason: String,
}

/// One box over the block record.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BlockBox {
    /// Length in time, seconds.
    pub seconds: f64,
    /// Length along the fibre, metres.
    pub meters: f64,
    /// Length in time, blocks.
    pub steps: usize,
    /// Length along the fibre, blocks.
    pub places: usize,
    /// Whether it belongs to the narrow boxes.
    pub narrow: bool,
}

/// One trailing box of the slow path.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SlowBox {
    /// Length along the fibre, metres.
    pub meters: f64,
    /// Length in time, minutes.
    pub minutes: f64,
    /// Length along the fibre, columns.
    pub columns: usize,
    /// Length in time, images.
    pub images: usize,
}

/// Tables that the measurement and the scores of one geometry share; both backends compute from these.
///
/// Filters come in the order slants (one per speed), boxes, slow boxes; [`DetectorPlan::filters`] names them.
#[derive(Debug, Clone)]
pub struct DetectorPlan {
    /// The picture.
    pub geometry: Geometry,
    /// The settings.
    pub params: DetectorParams,
    /// Time steps of the block record per image.
    pub block_rows: usize,
    /// Places of the block record.
    pub block_columns: usize,
    /// First row of every time step of the block record, and the number of rows at the end.
    pub row_edges: Vec<usize>,
    /// First column of every place of the block record, and the number of columns at the end.
    pub column_edges: Vec<usize>,
    /// Number of cells along the fibre.
    pub cells: usize,
    /// First block of every cell, and the number of blocks at the end.
    pub cell_blocks: Vec<usize>,
    /// First column of every cell, and the number of columns at the end.
    pub cell_columns: Vec<usize>,
    /// First row of every part of about 10 s in which single columns are compared with their neighbours, and the number of rows.
    pub part_edges: Vec<usize>,
    /// Columns that a single column is compared with (110 m), odd.
    pub column_reach: usize,
    /// Rows that a single row is compared with (5 s), odd.
    pub row_reach: usize,
    /// Images before and after an image in its background.
    pub background_images: usize,
    /// Speeds of the slants that fit, m/s.
    pub speeds_ms: Vec<f64>,
    /// Tables of the slants; none where no speed fits.
    pub slants: Option<Arc<SlantPlan>>,
    /// Boxes over the block record.
    pub boxes: Vec<BlockBox>,
    /// Boxes of the slow path.
    pub slow: Vec<SlowBox>,
    /// What does not fit the picture.
    pub left_out: Vec<LeftOut>,
}

/// The nearest whole number (half to even), made odd by raising an even one; at least 1.
pub(crate) fn odd(x: f64) -> usize {
    (x.round_ties_even().max(0.0) as usize) | 1
}

/// The nearest whole number (half to even), at least 1.
pub(crate) fn at_least_one(x: f64) -> usize {
    x.round_ties_even().max(1.0) as usize
}

fn edges(n: usize, parts: usize) -> Vec<usize> {
    (0..=parts).map(|i| i * n / parts).collect()
}

/// First indices of `parts` nearly equal parts of `n`, the longer ones first, and `n`.
fn array_split(n: usize, parts: usize) -> Vec<usize> {
    (0..=parts).map(|i| i * (n / parts) + i.min(n % parts)).collect()
}

impl DetectorPlan {
    /// Whether lines of a speed (by its number) pass through much the same samples as ones that stand still.
    pub(crate) fn is_slow(&self, speed: usize) -> bool {
        self.speeds_ms[speed].abs() * self.params.slant_s < 2.0 * self.params.slant_m
    }

    /// Converts lengths to the picture's pixels and leaves out filters that do not fit.
    ///
    /// # Errors
    ///
    /// When a setting or the geometry has no meaning (a size of 0, a speed of 0).
    pub fn new(geometry: Geometry, params: DetectorParams) -> Result<Self, DetectorError> {
        geometry.check()?;
        params.check()?;
        let (rows, columns) = (geometry.rows, geometry.columns);
        let (dt, dx) = (geometry.seconds_per_row(), geometry.meters_per_column());
        let block_rows = at_least_one(geometry.duration_s / params.block_s).min(rows);
        let block_columns = at_least_one(geometry.length_m / params.block_m).min(columns);
        let cells = at_least_one(geometry.length_m / params.cell_m).min(block_columns);
        let column_edges = edges(columns, block_columns);
        let cell_blocks = edges(block_columns, cells);
        let cell_columns: Vec<usize> = cell_blocks.iter().map(|&b| column_edges[b]).collect();
        let mut left_out = Vec::new();
        let speeds_ms = fitting_speeds(&geometry, &params, &mut left_out);
        let slants = SlantPlan::new(&geometry, &params, &speeds_ms, &cell_columns).map(Arc::new);
        let boxes = fitting_boxes(&geometry, &params, block_rows, block_columns, &mut left_out);
        let slow = fitting_slow_boxes(&geometry, &params, &mut left_out);
        let parts = at_least_one((rows as f64 * dt / 10.0).max(1.0)).min((rows / 8).max(1));
        Ok(Self {
            block_rows,
            block_columns,
            row_edges: edges(rows, block_rows),
            column_edges,
            cells,
            cell_blocks,
            cell_columns,
            part_edges: array_split(rows, parts),
            column_reach: odd(110.0 / dx),
            row_reach: odd(5.0 / dt),
            background_images: geometry.images_in(params.background_min),
            speeds_ms,
            slants,
            boxes,
            slow,
            left_out,
            geometry,
            params,
        })
    }

    /// Images before the first and after the last image wanted that the measurement needs, so that a stretch of the
    /// archive gets the same measurements as in the whole of it: the background's, and one more for the
    /// neighbour that slants reach into.
    pub fn lead_images(&self) -> usize {
        self.background_images + 1
    }

    /// Number of slants that an image keeps: cells x speeds x parts.
    pub fn slant_count(&self) -> usize {
        self.cells * self.speeds_ms.len() * self.slant_parts()
    }

    /// Parts of an image in time that keep a slant each.
    pub fn slant_parts(&self) -> usize {
        self.slants.as_ref().map_or(1, |s| s.parts)
    }

    /// Number of filters of a cell.
    pub fn filter_count(&self) -> usize {
        self.speeds_ms.len() + self.boxes.len() + self.slow.len()
    }

    /// Names of the filters, in their order.
    pub fn filters(&self) -> Vec<String> {
        let slants = self.speeds_ms.iter().map(|v| format!("slant {v:+} m/s"));
        let boxes = self.boxes.iter().map(|b| format!("box {} s x {} km", b.seconds, b.meters / 1000.0));
        let slow = self.slow.iter().map(|b| format!("slow {} min x {} m", b.minutes, b.meters));
        slants.chain(boxes).chain(slow).collect()
    }

    /// Duration of a step of the block record, seconds.
    pub fn block_seconds(&self) -> f64 {
        self.geometry.duration_s / self.block_rows as f64
    }

    /// Length of a place of the block record, km.
    pub fn block_km(&self) -> f64 {
        self.geometry.length_m / 1000.0 / self.block_columns as f64
    }

    /// Borders of the cells along the fibre, km (cells + 1).
    pub fn cell_edges_km(&self) -> Vec<f64> {
        let (km, columns) = (self.geometry.length_m / 1000.0, self.geometry.columns as f64);
        self.cell_columns.iter().map(|&c| c as f64 * km / columns).collect()
    }

    /// Cells in a day of a gapless archive.
    pub fn cells_per_day(&self) -> f64 {
        self.cells as f64 * 86_400.0 / self.geometry.duration_s
    }
}

fn fitting_speeds(geometry: &Geometry, params: &DetectorParams, left_out: &mut Vec<LeftOut>) -> Vec<f64> {
    let (dt, dx) = (geometry.seconds_per_row(), geometry.meters_per_column());
    let mut speeds = params.speeds_ms.clone();
    speeds.sort_by(f64::total_cmp);
    speeds.dedup();
    // Three rows are the fewest that tell a line from a spot.
    if params.slant_s / dt < 3.0 || geometry.rows < 3 {
        let reason = format!("a row spans {dt:.2} s, fewer than 3 rows lie in {} s", params.slant_s);
        left_out.push(LeftOut { filter: "slants".into(), reason });
        return Vec::new();
    }
    speeds.retain(|&v| {
        let path = v.abs() * params.slant_s;
        // Under two columns in its whole length a line stands still for the picture, and its direction is chance.
        if path < 2.0 * dx {
            let reason = format!("moves {path:.0} m in {} s, less than two columns of {dx:.0} m", params.slant_s);
            left_out.push(LeftOut { filter: format!("slant {v:+} m/s"), reason });
            return false;
        }
        let length = geometry.length_m;
        if path > 2.0 * length {
            let reason =
                format!("moves {path:.0} m in {} s, more than twice the fibre's {length:.0} m", params.slant_s);
            left_out.push(LeftOut { filter: format!("slant {v:+} m/s"), reason });
            return false;
        }
        true
    });
    speeds
}

fn fitting_boxes(
    geometry: &Geometry,
    params: &DetectorParams,
    block_rows: usize,
    block_columns: usize,
    left_out: &mut Vec<LeftOut>,
) -> Vec<BlockBox> {
    let (block_s, block_m) = (geometry.duration_s / block_rows as f64, geometry.length_m / block_columns as f64);
    let mut boxes: Vec<BlockBox> = Vec::new();
    for &meters in &params.box_m {
        for &seconds in &params.box_s {
            let steps = at_least_one(seconds / block_s);
            let places = at_least_one(meters / block_m).min(block_columns);
            if let Some(same) = boxes.iter().find(|b| b.steps == steps && b.places == places) {
                let reason = format!(
                    "on blocks of {block_s:.2} s x {:.2} km it is the box of {} s x {} km",
                    block_m / 1000.0,
                    same.seconds,
                    same.meters / 1000.0
                );
                left_out.push(LeftOut { filter: format!("box {seconds} s x {} km", meters / 1000.0), reason });
                continue;
            }
            boxes.push(BlockBox { seconds, meters, steps, places, narrow: meters <= params.narrow_m });
        }
    }
    boxes
}

fn fitting_slow_boxes(geometry: &Geometry, params: &DetectorParams, left_out: &mut Vec<LeftOut>) -> Vec<SlowBox> {
    let dx = geometry.meters_per_column();
    let mut boxes: Vec<SlowBox> = Vec::new();
    for &meters in &params.slow_m {
        for &minutes in &params.slow_min {
            let columns = at_least_one(meters / dx);
            let images = geometry.images_in(minutes);
            if let Some(same) = boxes.iter().find(|b| b.columns == columns && b.images == images) {
                let reason =
                    format!("with columns of {dx:.0} m it is the box of {} min x {} m", same.minutes, same.meters);
                left_out.push(LeftOut { filter: format!("slow {minutes} min x {meters} m"), reason });
                continue;
            }
            boxes.push(SlowBox { meters, minutes, columns, images });
        }
    }
    boxes
}
