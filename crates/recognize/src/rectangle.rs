//! The rectangle that holds the data, to a few pixels: the one with the largest sum of weights.
//!
//! Data count for it and ground against it, so title, ticks and colour bar, with the ground around them, stay outside.

use crate::Rect;
use crate::mask::Mask;

/// Cells along the longer side of the grid that the search runs on.
const CELLS: usize = 200;

/// What a pixel says for a rectangle that holds it.
fn weight(mask: &Mask, at: usize) -> f32 {
    let ground = mask.ground[at];
    if mask.changes.is_empty() {
        return match (ground, mask.rough[at]) {
            (true, _) => -1.5,
            (false, true) => 1.0,
            (false, false) => 0.1,
        };
    }
    match (mask.changes[at], ground) {
        (true, _) => 1.0,
        // A quiet place of the plot, or a colour bar.
        (false, false) => -0.05,
        (false, true) => -1.5,
    }
}

/// The rectangle of the largest sum, on a grid of cells.
pub(crate) fn coarse(mask: &Mask) -> Rect {
    let cell = mask.width.max(mask.height).div_ceil(CELLS).max(1);
    let (columns, rows) = (mask.width.div_ceil(cell), mask.height.div_ceil(cell));
    let mut grid = vec![0.0f32; columns * rows];
    for y in 0..mask.height {
        for x in 0..mask.width {
            grid[(y / cell) * columns + x / cell] += weight(mask, mask.at(x, y));
        }
    }
    let best = largest_sum(&grid, columns, rows);
    Rect {
        top: best.top * cell,
        bottom: (best.bottom * cell).min(mask.height),
        left: best.left * cell,
        right: (best.right * cell).min(mask.width),
    }
}

/// The rectangle of the largest sum: for every pair of rows the best stretch of columns (Kadane's algorithm).
fn largest_sum(grid: &[f32], columns: usize, rows: usize) -> Rect {
    let mut best = (f32::NEG_INFINITY, Rect { top: 0, bottom: rows, left: 0, right: columns });
    for top in 0..rows {
        let mut sums = vec![0.0f32; columns];
        for bottom in top..rows {
            for (sum, value) in sums.iter_mut().zip(&grid[bottom * columns..(bottom + 1) * columns]) {
                *sum += value;
            }
            let (sum, left, right) = best_stretch(&sums);
            if sum > best.0 {
                best = (sum, Rect { top, bottom: bottom + 1, left, right });
            }
        }
    }
    best.1
}

/// The contiguous stretch of the largest sum: sum, first, one after the last.
fn best_stretch(values: &[f32]) -> (f32, usize, usize) {
    let (mut best, mut sum, mut start) = ((f32::NEG_INFINITY, 0, 1), 0.0, 0);
    for (i, value) in values.iter().enumerate() {
        if sum <= 0.0 {
            (sum, start) = (0.0, i);
        }
        sum += value;
        if sum > best.0 {
            best = (sum, start, i + 1);
        }
    }
    best
}
