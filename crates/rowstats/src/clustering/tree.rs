//! A k-d tree over rows, for neighbours within a radius and nearest neighbours.
//!
//! The tree is balanced: every node halves its rows at the median of the widest column, so nodes need no links (the
//! children of node i are 2 i + 1 and 2 i + 2) and all leaves stand on one level. The rows of a leaf are stored column
//! by column and filled up with infinity, so distances from a point to a leaf are one short vectorised loop.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::math::vectorised;
use crate::{Error, Result};

/// Most rows of a leaf. With five columns it is as large as what is left to gain by cutting it.
pub(super) const LEAF: usize = 32;

/// Rows below which building goes on in the same task.
const TASK_ROWS: usize = 4096;

/// Deepest stack of a search: one node a level, and 2^32 rows have 28 levels.
const DEPTH: usize = 40;

pub(super) struct Tree {
    columns: usize,
    /// Original row at each place.
    order: Vec<u32>,
    /// First place of each leaf, and the number of rows.
    starts: Vec<u32>,
    /// For each node its lowest coordinates and its highest.
    boxes: Vec<f64>,
    /// For each leaf `LEAF` entries a column.
    leaves: Vec<f64>,
}

impl Tree {
    /// Builds the tree over finite rows, at least one, of at least one column.
    pub(super) fn new(rows: ArrayView2<'_, f64>) -> Result<Self> {
        let (n, columns) = rows.dim();
        if rows.is_empty() || u32::try_from(n).is_err() {
            return Err(Error::Empty { rows: n, columns });
        }
        if let Some(row) = rows.rows().into_iter().position(|r| r.iter().any(|x| !x.is_finite())) {
            return Err(Error::NotFinite { row });
        }
        let rows = rows.as_standard_layout();
        let data = rows.as_slice().unwrap_or(&[]);
        let leaves = n.div_ceil(LEAF).next_power_of_two();
        let mut order: Vec<u32> = (0..n as u32).collect();
        let mut starts = vec![n as u32; leaves + 1];
        split(data, columns, &mut order, &mut starts[..leaves], 0);
        let mut tree = Self { columns, order, starts, boxes: Vec::new(), leaves: vec![0.0; leaves * columns * LEAF] };
        tree.fill(data);
        tree.bound();
        Ok(tree)
    }

    /// Copies the rows into their leaves.
    fn fill(&mut self, data: &[f64]) {
        let Self { columns, order, starts, leaves, .. } = self;
        let columns = *columns;
        leaves.par_chunks_mut(columns * LEAF).zip(starts.par_windows(2)).for_each(|(leaf, range)| {
            leaf.fill(f64::INFINITY);
            for (i, &row) in order[range[0] as usize..range[1] as usize].iter().enumerate() {
                for c in 0..columns {
                    leaf[c * LEAF + i] = data[row as usize * columns + c];
                }
            }
        });
    }

    /// Bounding boxes, leaves first.
    fn bound(&mut self) {
        let (d, inner) = (self.columns, self.leaf_count() - 1);
        let mut boxes = vec![0.0; (2 * inner + 1) * 2 * d];
        for (leaf, bounds) in boxes[inner * 2 * d..].chunks_exact_mut(2 * d).enumerate() {
            let rows = self.places(leaf).len();
            for (c, column) in self.leaf(leaf).chunks_exact(LEAF).enumerate() {
                bounds[c] = column[..rows].iter().copied().fold(f64::INFINITY, f64::min);
                bounds[d + c] = column[..rows].iter().copied().fold(f64::NEG_INFINITY, f64::max);
            }
        }
        for node in (0..inner).rev() {
            let (upper, lower) = boxes.split_at_mut((2 * node + 1) * 2 * d);
            for c in 0..d {
                upper[node * 2 * d + c] = lower[c].min(lower[2 * d + c]);
                upper[node * 2 * d + d + c] = lower[d + c].max(lower[3 * d + c]);
            }
        }
        self.boxes = boxes;
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    pub(super) fn rows(&self) -> usize {
        self.order.len()
    }

    pub(super) fn leaf_count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Places (positions in the tree's order) of a leaf's rows.
    pub(super) fn places(&self, leaf: usize) -> std::ops::Range<usize> {
        self.starts[leaf] as usize..self.starts[leaf + 1] as usize
    }

    /// The original row at a place.
    pub(super) fn row(&self, place: usize) -> usize {
        self.order[place] as usize
    }

    /// Coordinates of row `i` of a leaf.
    pub(super) fn coordinates(&self, leaf: usize, i: usize, to: &mut [f64]) {
        to.iter_mut().zip(self.leaf(leaf).chunks_exact(LEAF)).for_each(|(t, column)| *t = column[i]);
    }

    #[inline(always)]
    fn leaf(&self, leaf: usize) -> &[f64] {
        &self.leaves[leaf * self.columns * LEAF..(leaf + 1) * self.columns * LEAF]
    }

    /// Squared distances from a point to the rows of a leaf; infinite beyond the last.
    #[inline(always)]
    pub(super) fn squares(&self, leaf: usize, point: &[f64]) -> [f64; LEAF] {
        let mut squares = [0.0; LEAF];
        for (column, x) in self.leaf(leaf).chunks_exact(LEAF).zip(point) {
            for i in 0..LEAF {
                squares[i] += (column[i] - x) * (column[i] - x);
            }
        }
        squares
    }

    /// Least squared distance from a point to the box of a node.
    #[inline(always)]
    fn to_box(&self, node: usize, point: &[f64]) -> f64 {
        let (low, high) = self.boxes[node * 2 * self.columns..(node + 1) * 2 * self.columns].split_at(self.columns);
        let mut square = 0.0;
        for ((l, h), x) in low.iter().zip(high).zip(point) {
            let outside = (l - x).max(x - h).max(0.0);
            square += outside * outside;
        }
        square
    }

    /// Least squared distance from a point to a leaf.
    #[inline(always)]
    pub(super) fn to_leaf(&self, leaf: usize, point: &[f64]) -> f64 {
        self.to_box(self.leaf_count() - 1 + leaf, point)
    }

    /// Leaves that may hold a row within the squared distance of a row of `leaf`, ascending.
    pub(super) fn leaves_near(&self, leaf: usize, square: f64) -> Vec<u32> {
        let (d, inner) = (self.columns, self.leaf_count() - 1);
        let bounds = |node: usize| self.boxes[node * 2 * d..(node + 1) * 2 * d].split_at(d);
        let (own_low, own_high) = bounds(inner + leaf);
        let apart = |node: usize| -> f64 {
            let (low, high) = bounds(node);
            (0..d).map(|c| (low[c] - own_high[c]).max(own_low[c] - high[c]).max(0.0)).map(|gap| gap * gap).sum()
        };
        let (mut near, mut stack) = (Vec::new(), vec![0]);
        while let Some(node) = stack.pop() {
            if apart(node) > square {
                continue;
            }
            if node >= inner {
                near.push((node - inner) as u32);
            } else {
                stack.extend([2 * node + 2, 2 * node + 1]);
            }
        }
        near
    }

    /// Goes through the leaves within the squared distance `bound` of a point, the nearer child first.
    ///
    /// `skip` leaves out nodes. `visit` gets a leaf and the squared distances to its rows, and returns the new bound;
    /// nodes at exactly the bound are still visited.
    #[inline(always)]
    pub(super) fn search(
        &self,
        point: &[f64],
        mut bound: f64,
        skip: impl Fn(usize) -> bool,
        mut visit: impl FnMut(usize, &[f64; LEAF]) -> f64,
    ) {
        let inner = self.leaf_count() - 1;
        let mut stack = [(0usize, 0.0f64); DEPTH];
        let mut height = 1;
        while height > 0 {
            height -= 1;
            let (mut node, mut nearest) = stack[height];
            while nearest <= bound && !skip(node) {
                if node >= inner {
                    bound = visit(node - inner, &self.squares(node - inner, point));
                    break;
                }
                let (left, right) = (2 * node + 1, 2 * node + 2);
                let (to_left, to_right) = (self.to_box(left, point), self.to_box(right, point));
                let (near, far) = if to_left <= to_right {
                    ((left, to_left), (right, to_right))
                } else {
                    ((right, to_right), (left, to_left))
                };
                stack[height] = far;
                height += 1;
                (node, nearest) = near;
            }
        }
    }

    /// The nearest rows to a point, nearest first, as (squared distance, place); of equally near ones the lowest
    /// places. Fills `found`, or as much of it as there are rows, and returns how many.
    pub(super) fn nearest(&self, point: &[f64], found: &mut [(f64, u32)]) -> usize {
        let count = found.len().min(self.rows());
        let found = &mut found[..count];
        found.fill((f64::INFINITY, u32::MAX));
        vectorised(
            #[inline(always)]
            || {
                self.search(
                    point,
                    f64::INFINITY,
                    |_| false,
                    |leaf, squares| {
                        let places = self.places(leaf);
                        for (place, &square) in places.zip(squares) {
                            let entry = (square, place as u32);
                            if entry < found[count - 1] {
                                let at = found.partition_point(|f| *f < entry);
                                found[at..].rotate_right(1);
                                found[at] = entry;
                            }
                        }
                        found[count - 1].0
                    },
                );
            },
        );
        count
    }
}

/// Orders rows into leaves of equal size, and notes where each begins.
fn split(data: &[f64], columns: usize, order: &mut [u32], starts: &mut [u32], first: usize) {
    if starts.len() == 1 {
        starts[0] = first as u32;
        return;
    }
    let at = |row: u32, c: usize| data[row as usize * columns + c];
    let extent = |c: usize| {
        let (low, high) =
            order.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &r| (l.min(at(r, c)), h.max(at(r, c))));
        high - low
    };
    let extents: Vec<f64> = (0..columns).map(extent).collect();
    let widest = (1..columns).fold(0, |best, c| if extents[c] > extents[best] { c } else { best });
    let half = order.len() / 2;
    // Rows with equal coordinates are told apart by their number, so the order never depends on chance.
    order.select_nth_unstable_by(half, |&a, &b| at(a, widest).total_cmp(&at(b, widest)).then(a.cmp(&b)));
    let (left, right) = order.split_at_mut(half);
    let (left_starts, right_starts) = starts.split_at_mut(starts.len() / 2);
    let mut lower = || split(data, columns, left, left_starts, first);
    let mut upper = || split(data, columns, right, right_starts, first + half);
    if half > TASK_ROWS {
        rayon::join(lower, upper);
    } else {
        lower();
        upper();
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::tests::blobs;
    use super::*;

    fn square(a: ndarray::ArrayView1<'_, f64>, b: ndarray::ArrayView1<'_, f64>) -> f64 {
        a.iter().zip(b).fold(0.0, |s, (x, y)| s + (x - y) * (x - y))
    }

    /// The `k` nearest rows by comparing with all, as sorted squared distances.
    fn brute(rows: &Array2<f64>, point: ndarray::ArrayView1<'_, f64>, k: usize) -> Vec<f64> {
        let mut all: Vec<f64> = rows.rows().into_iter().map(|r| square(r, point)).collect();
        all.sort_by(f64::total_cmp);
        all.truncate(k);
        all
    }

    #[test]
    fn nearest_rows_are_those_of_an_exhaustive_search() {
        for n in [1, 2, 5, 31, 32, 33, 64, 65, 1000, 5003] {
            let (rows, _) = blobs(n, 3, 1);
            let tree = Tree::new(rows.view()).expect("finite rows");
            let mut seen: Vec<usize> = (0..n).map(|p| tree.row(p)).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..n).collect::<Vec<_>>(), "every row has a place");
            for i in (0..n).step_by(n / 20 + 1) {
                let mut found = [(0.0, 0); 10];
                let count = tree.nearest(&rows.row(i).to_vec(), &mut found);
                // The same operations in the same order: equal to the bit.
                let got: Vec<f64> = found[..count].iter().map(|f| f.0).collect();
                assert_eq!(got, brute(&rows, rows.row(i), 10), "row {i} of {n}");
                for (s, place) in &found[..count] {
                    assert_eq!(*s, square(rows.row(i), rows.row(tree.row(*place as usize))), "place of a neighbour");
                }
            }
        }
    }

    #[test]
    fn leaves_near_a_leaf_hold_all_rows_within_the_radius() {
        let (rows, _) = blobs(3000, 4, 2);
        let tree = Tree::new(rows.view()).expect("finite rows");
        let radius = 1.5;
        for leaf in 0..tree.leaf_count() {
            let near = tree.leaves_near(leaf, radius * radius);
            let inside: usize = near.iter().map(|&l| tree.places(l as usize).len()).sum();
            assert!(inside < 3000, "leaf {leaf} is near to all rows");
            for place in tree.places(leaf) {
                let point = rows.row(tree.row(place));
                let want = rows.rows().into_iter().filter(|r| square(*r, point) <= radius * radius).count();
                let within = |l: &u32| {
                    tree.squares(*l as usize, &point.to_vec()).iter().filter(|s| **s <= radius * radius).count()
                };
                assert_eq!(near.iter().map(within).sum::<usize>(), want, "neighbours of place {place}");
            }
        }
    }

    #[test]
    fn equal_rows_and_unusable_ones() {
        let tree = Tree::new(Array2::from_elem((500, 2), 1.0).view()).expect("finite rows");
        let mut found = [(1.0, 0); 3];
        assert_eq!(tree.nearest(&[1.0, 1.0], &mut found), 3, "three of 500 equal rows");
        assert_eq!(found, [(0.0, 0), (0.0, 1), (0.0, 2)], "the lowest places");
        assert!(Tree::new(Array2::zeros((0, 2)).view()).is_err(), "no row");
        assert!(Tree::new(Array2::from_elem((3, 2), f64::NAN).view()).is_err(), "NaN");
    }
}
