//! Morphology on a grid of time and distance: largest values around, closed components.

use std::ops::Range;

use rayon::prelude::*;

/// Columns that are turned together: a line of the cache of each row is read once.
const TURNED: usize = 16;

/// A grid of numbers, the rows (time) one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid<T> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) values: Vec<T>,
}

impl<T: Copy + Send + Sync> Grid<T> {
    pub(crate) fn new(rows: usize, columns: usize, value: T) -> Self {
        Self { rows, columns, values: vec![value; rows * columns] }
    }

    pub(crate) fn at(&self, (row, column): (usize, usize)) -> T {
        self.values[row * self.columns + column]
    }

    pub(crate) fn map<U>(&self, f: impl Fn(T) -> U) -> Grid<U> {
        Grid { rows: self.rows, columns: self.columns, values: self.values.iter().map(|&v| f(v)).collect() }
    }

    pub(crate) fn transposed(&self) -> Self {
        let (rows, columns) = (self.rows, self.columns);
        let mut values = self.values.clone();
        values.par_chunks_mut((TURNED * rows).max(1)).enumerate().for_each(|(block, out)| {
            let first = block * TURNED;
            let width = out.len() / rows.max(1);
            for (row, from) in self.values.chunks_exact(columns.max(1)).enumerate() {
                for (k, &value) in from[first..first + width].iter().enumerate() {
                    out[k * rows + row] = value;
                }
            }
        });
        Self { rows: columns, columns: rows, values }
    }
}

/// Largest value within `rows` and `columns` of each point.
pub(crate) fn largest_around(grid: &Grid<f32>, rows: usize, columns: usize) -> Grid<f32> {
    let mut out = grid.clone();
    let per_row = out.columns.max(1);
    out.values.par_chunks_exact_mut(per_row).for_each(|line| sliding_max(line, columns));
    let mut turned = out.transposed();
    drop(out);
    let per_row = turned.columns.max(1);
    turned.values.par_chunks_exact_mut(per_row).for_each(|line| sliding_max(line, rows));
    turned.transposed()
}

/// Largest of up to `2 half + 1` values: a queue of candidates, each smaller than the one before.
fn sliding_max(line: &mut [f32], half: usize) {
    if half == 0 {
        return;
    }
    let source = line.to_vec();
    let mut queue = std::collections::VecDeque::with_capacity(2 * half + 2);
    let mut next = 0;
    for (i, out) in line.iter_mut().enumerate() {
        while next < source.len() && next <= i + half {
            while queue.back().is_some_and(|&k: &usize| source[k] <= source[next]) {
                queue.pop_back();
            }
            queue.push_back(next);
            next += 1;
        }
        while queue.front().is_some_and(|&k| k + half < i) {
            queue.pop_front();
        }
        *out = queue.front().map_or(*out, |&k| source[k]);
    }
}

/// Mean over `width` columns of each row; the end values go on. An even width reaches one column further to the left.
pub(crate) fn mean_along_rows(grid: &Grid<f32>, width: usize) -> Grid<f32> {
    let n = grid.columns as isize;
    let mut out = grid.clone();
    let per_row = grid.columns.max(1);
    let lines = out.values.par_chunks_exact_mut(per_row).zip(grid.values.par_chunks_exact(per_row));
    lines.for_each(|(line, source)| {
        for (i, o) in line.iter_mut().enumerate() {
            let first = i as isize - (width / 2) as isize;
            let window = (first..first + width as isize).map(|k| source[k.clamp(0, n - 1) as usize]);
            *o = window.sum::<f32>() / width as f32;
        }
    });
    out
}

/// A set of points of a mask that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    pub(crate) rows: Range<usize>,
    pub(crate) columns: Range<usize>,
    /// Its points (row, column) in the order of rows.
    pub(crate) points: Vec<(usize, usize)>,
}

/// Number of each point's component (0: none, then from 1 on) and the components.
///
/// Points belong together where they touch, corners included, once each is grown by `rows` and `columns` to either side.
pub(crate) fn components(mask: &Grid<bool>, rows: usize, columns: usize) -> (Grid<u32>, Vec<Component>) {
    let grown = largest_around(&mask.map(|m| if m { 1.0 } else { 0.0 }), rows, columns);
    let mut labels = Grid::new(mask.rows, mask.columns, 0u32);
    let mut found: Vec<Component> = Vec::new();
    let mut stack = Vec::new();
    for start in 0..grown.values.len() {
        if grown.values[start] == 0.0 || labels.values[start] != 0 {
            continue;
        }
        let label = found.len() as u32 + 1;
        let mut points = Vec::new();
        labels.values[start] = label;
        stack.push(start);
        while let Some(at) = stack.pop() {
            let (r, c) = (at / mask.columns, at % mask.columns);
            if mask.values[at] {
                points.push((r, c));
            }
            for near_row in r.saturating_sub(1)..(r + 2).min(mask.rows) {
                for near_column in c.saturating_sub(1)..(c + 2).min(mask.columns) {
                    let near = near_row * mask.columns + near_column;
                    if grown.values[near] > 0.0 && labels.values[near] == 0 {
                        labels.values[near] = label;
                        stack.push(near);
                    }
                }
            }
        }
        points.sort_unstable();
        let (first, last) = (points.first().map_or(0, |p| p.0), points.last().map_or(0, |p| p.0 + 1));
        let left = points.iter().map(|p| p.1).min().unwrap_or(0);
        let right = points.iter().map(|p| p.1 + 1).max().unwrap_or(0);
        found.push(Component { rows: first..last, columns: left..right, points });
    }
    labels.values.iter_mut().zip(&mask.values).for_each(|(l, &m)| *l = if m { *l } else { 0 });
    (labels, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_around_equals_looking() {
        let grid = Grid { rows: 7, columns: 9, values: (0..63).map(|i| ((i * 37) % 61) as f32).collect() };
        let found = largest_around(&grid, 2, 1);
        for r in 0..7usize {
            for c in 0..9usize {
                let rows = r.saturating_sub(2)..(r + 3).min(7);
                let near = rows.flat_map(|y| (c.saturating_sub(1)..(c + 2).min(9)).map(move |x| (y, x)));
                let right = near.map(|p| grid.at(p)).fold(f32::MIN, f32::max);
                assert_eq!(found.at((r, c)), right, "around {r}, {c}");
            }
        }
    }

    #[test]
    fn components_close_gaps() {
        let mut mask = Grid::new(1, 12, false);
        for c in [0, 3, 9] {
            mask.values[c] = true;
        }
        let (labels, found) = components(&mask, 0, 1);
        assert_eq!(found.len(), 2, "two apart, two together");
        assert_eq!(labels.values, [1, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0], "numbers where the mask is set");
        assert_eq!(found[0].columns, 0..4, "extent of the points, not of what they grew to");
    }
}
