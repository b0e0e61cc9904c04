//! The nearest-neighbour chain algorithm.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::linkage::Linkage;

/// Joins of all members into one, as (member, member, distance) with one member of each cluster, in no order.
///
/// Members are rows of `points` that count `weights` times each. Follows nearest neighbours until two clusters are each
/// other's nearest and joins those (Murtagh, 1983), which for ward, complete and average linkage gives the hierarchy of
/// always joining the nearest two, in O(m^2). Distances are updated by Lance and Williams' formulas, squared ones for
/// ward. Takes 8 m (m - 1) / 2 bytes.
pub(super) fn nearest_neighbour_chain(
    points: ArrayView2<'_, f64>,
    weights: &[f64],
    linkage: Linkage,
) -> Vec<(usize, usize, f64)> {
    let m = points.nrows();
    let mut distances = Condensed::new(points, weights, linkage);
    let mut size = weights.to_vec();
    let mut active: Vec<usize> = (0..m).collect();
    let (mut chain, mut joins) = (Vec::<usize>::new(), Vec::with_capacity(m.saturating_sub(1)));
    while active.len() > 1 {
        if chain.is_empty() {
            chain.push(active[0]);
        }
        let (a, b, between) = loop {
            let top = chain[chain.len() - 1];
            // The one before in the chain wins ties, else rounding could send the chain round in circles.
            let before = chain.len().checked_sub(2).map(|i| chain[i]);
            let start = before.map_or((f64::INFINITY, top), |b| (distances.get(top, b), b));
            let nearest = active.iter().filter(|&&c| c != top).fold(start, |best, &c| {
                let distance = distances.get(top, c);
                if distance < best.0 || best.1 == top { (distance, c) } else { best }
            });
            if Some(nearest.1) == before {
                chain.truncate(chain.len() - 2);
                break (top.min(nearest.1), top.max(nearest.1), nearest.0);
            }
            chain.push(nearest.1);
        };
        joins.push((a, b, if linkage == Linkage::Ward { between.sqrt() } else { between }));
        // The joined cluster lives on as b.
        active.retain(|&c| c != a);
        for &c in active.iter().filter(|&&c| c != b) {
            let (to_a, to_b) = (distances.get(a, c), distances.get(b, c));
            let updated = match linkage {
                Linkage::Single => to_a.min(to_b),
                Linkage::Complete => to_a.max(to_b),
                Linkage::Average => (size[a] * to_a + size[b] * to_b) / (size[a] + size[b]),
                Linkage::Ward => {
                    let sum = (size[a] + size[c]) * to_a + (size[b] + size[c]) * to_b - size[c] * between;
                    (sum / (size[a] + size[b] + size[c])).max(0.0)
                }
            };
            distances.set(b, c, updated);
        }
        size[b] += size[a];
    }
    joins
}

/// Distances between all pairs, row i of the upper triangle after row i - 1.
struct Condensed {
    values: Vec<f64>,
    members: usize,
}

impl Condensed {
    /// Ward's distances are squared: 2 w v / (w + v) times the squared distance for weights w and v, which for single
    /// rows is that itself.
    fn new(points: ArrayView2<'_, f64>, weights: &[f64], linkage: Linkage) -> Self {
        let m = points.nrows();
        let points = points.as_standard_layout();
        let (data, d) = (points.as_slice().unwrap_or(&[]), points.ncols());
        let mut values = vec![0.0; m * m.saturating_sub(1) / 2];
        let mut rest = values.as_mut_slice();
        let mut rows = Vec::with_capacity(m);
        for i in 0..m {
            let (row, after) = rest.split_at_mut(m - 1 - i);
            rows.push(row);
            rest = after;
        }
        rows.into_par_iter().enumerate().for_each(|(i, row)| {
            let own = &data[i * d..(i + 1) * d];
            for ((value, other), weight) in
                row.iter_mut().zip(data[(i + 1) * d..].chunks_exact(d)).zip(&weights[i + 1..])
            {
                let square: f64 = own.iter().zip(other).map(|(x, y)| (x - y) * (x - y)).sum();
                *value = match linkage {
                    Linkage::Ward => square * (2.0 * weights[i] * weight / (weights[i] + weight)),
                    _ => square.sqrt(),
                };
            }
        });
        Self { values, members: m }
    }

    fn index(&self, a: usize, b: usize) -> usize {
        let (low, high) = (a.min(b), a.max(b));
        low * (2 * self.members - low - 1) / 2 + high - low - 1
    }

    fn get(&self, a: usize, b: usize) -> f64 {
        self.values[self.index(a, b)]
    }

    fn set(&mut self, a: usize, b: usize, value: f64) {
        let index = self.index(a, b);
        self.values[index] = value;
    }
}
