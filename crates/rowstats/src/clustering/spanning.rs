//! The minimum spanning tree of rows under the Euclidean distance.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::tree::Tree;
use crate::math::vectorised;

/// Nearest rows that are looked up for each row before the first round. Most edges of the tree are among them.
const NEIGHBOURS: usize = 8;

/// A node whose rows are of several components.
const MIXED: u32 = u32::MAX;

/// An edge: squared distance, lower place, higher place. Ordered like this no two edges are equal, so the tree is
/// unique even where distances are.
type Edge = (f64, u32, u32);

const NO_EDGE: Edge = (f64::INFINITY, u32::MAX, u32::MAX);

/// Edges of the minimum spanning tree as (row, row, distance), in no particular but always the same order.
///
/// Boruvka's algorithm: in each round every component takes its shortest edge outward, which at least halves their
/// number. Candidates are the nearest neighbours of each row, found once; a row whose neighbours have all joined its
/// component searches the k-d tree, past nodes that belong to the component as a whole and no farther than the
/// component's best edge so far.
pub(super) fn minimum_spanning_tree(tree: &Tree) -> Vec<(usize, usize, f64)> {
    let n = tree.rows();
    let mut places = Place::all(tree);
    let mut component: Vec<u32> = (0..n as u32).collect();
    let mut edges = Vec::with_capacity(n.saturating_sub(1));
    while edges.len() + 1 < n {
        let best: Vec<AtomicU64> = (0..n).map(|_| AtomicU64::new(f64::INFINITY.to_bits())).collect();
        places.par_iter_mut().enumerate().for_each(|(place, state)| state.advance(place, &component, &best));
        let nodes = uniform_nodes(tree, &component);
        (0..tree.leaf_count()).into_par_iter().zip(by_leaf(tree, &mut places)).for_each(|(leaf, states)| {
            let mut point = vec![0.0; tree.columns()];
            for (i, state) in states.iter_mut().enumerate() {
                let own = component[tree.places(leaf).start + i];
                if state.outward.is_none() && state.bound <= load(&best[own as usize]) {
                    tree.coordinates(leaf, i, &mut point);
                    state.search(tree, &point, own, &component, &nodes, &best);
                }
            }
        });
        let before = edges.len();
        join(&places, &mut component, &mut edges);
        if edges.len() == before {
            // Cannot happen with finite rows: two components always have an edge between them.
            break;
        }
    }
    edges.into_iter().map(|(square, a, b)| (tree.row(a as usize), tree.row(b as usize), square.sqrt())).collect()
}

/// What is known about the nearest rows outside the component of the row at a place.
struct Place {
    /// Nearest rows, nearest first, as (squared distance, place).
    neighbours: [(f64, u32); NEIGHBOURS],
    /// How many of them have joined the component.
    joined: usize,
    /// The nearest row outside, once known. Components only grow, so it stays the nearest until it joins.
    outward: Option<(f64, u32)>,
    /// No row outside is nearer than this.
    bound: f64,
}

impl Place {
    /// Looks up the nearest neighbours of all places.
    fn all(tree: &Tree) -> Vec<Self> {
        let of_leaf = |leaf: usize| {
            let mut point = vec![0.0; tree.columns()];
            let first = tree.places(leaf).start;
            let place = |i: usize| {
                tree.coordinates(leaf, i, &mut point);
                let mut found = [(f64::INFINITY, MIXED); NEIGHBOURS + 1];
                tree.nearest(&point, &mut found);
                // The row itself is among them unless as many equal rows come before it.
                let own = found.iter().position(|f| f.1 as usize == first + i).unwrap_or(NEIGHBOURS);
                found[own..].rotate_left(1);
                let mut neighbours = [(f64::INFINITY, MIXED); NEIGHBOURS];
                neighbours.copy_from_slice(&found[..NEIGHBOURS]);
                Self { neighbours, joined: 0, outward: None, bound: 0.0 }
            };
            (0..tree.places(leaf).len()).map(place).collect::<Vec<_>>()
        };
        (0..tree.leaf_count()).into_par_iter().flat_map_iter(of_leaf).collect()
    }

    /// Passes over what has joined the component, and offers the nearest row outside to both its ends.
    fn advance(&mut self, place: usize, component: &[u32], best: &[AtomicU64]) {
        let own = component[place];
        if self.outward.is_some_and(|(_, other)| component[other as usize] == own) {
            self.outward = None;
        }
        while self.outward.is_none() && self.joined < NEIGHBOURS {
            let (square, other) = self.neighbours[self.joined];
            if other == MIXED {
                self.joined = NEIGHBOURS;
            } else if component[other as usize] == own {
                self.joined += 1;
                self.bound = square;
            } else {
                self.outward = Some((square, other));
            }
        }
        if let Some((square, other)) = self.outward {
            lower(&best[own as usize], square);
            lower(&best[component[other as usize] as usize], square);
        }
    }

    /// Searches the nearest row outside, as far as the component's best edge so far.
    fn search(&mut self, tree: &Tree, point: &[f64], own: u32, component: &[u32], nodes: &[u32], best: &[AtomicU64]) {
        let reach = load(&best[own as usize]);
        let mut nearest = (reach, MIXED);
        vectorised(
            #[inline(always)]
            || {
                tree.search(
                    point,
                    reach,
                    |node| nodes[node] == own,
                    |leaf, squares| {
                        for (place, &square) in tree.places(leaf).zip(squares) {
                            if component[place] != own && (square, place as u32) < nearest {
                                nearest = (square, place as u32);
                            }
                        }
                        nearest.0
                    },
                );
            },
        );
        if nearest.1 == MIXED {
            self.bound = self.bound.max(reach);
        } else {
            self.outward = Some(nearest);
            self.bound = nearest.0;
            lower(&best[own as usize], nearest.0);
        }
    }
}

fn load(bound: &AtomicU64) -> f64 {
    f64::from_bits(bound.load(Ordering::Relaxed))
}

/// Lowers a bound that several threads share. Bits of numbers that are not negative are ordered as the numbers are.
fn lower(bound: &AtomicU64, to: f64) {
    bound.fetch_min(to.to_bits(), Ordering::Relaxed);
}

/// The places cut into leaves.
fn by_leaf<'a>(tree: &Tree, places: &'a mut [Place]) -> Vec<&'a mut [Place]> {
    let mut rest = places;
    let mut leaves = Vec::with_capacity(tree.leaf_count());
    for leaf in 0..tree.leaf_count() {
        let (own, after) = rest.split_at_mut(tree.places(leaf).len());
        leaves.push(own);
        rest = after;
    }
    leaves
}

/// For each node of the tree the component that all its rows belong to, or [`MIXED`].
fn uniform_nodes(tree: &Tree, component: &[u32]) -> Vec<u32> {
    let inner = tree.leaf_count() - 1;
    let mut nodes = vec![MIXED; inner + tree.leaf_count()];
    for leaf in 0..tree.leaf_count() {
        let own = &component[tree.places(leaf)];
        if own.iter().all(|c| *c == own[0]) {
            nodes[inner + leaf] = own[0];
        }
    }
    for node in (0..inner).rev() {
        let (left, right) = (nodes[2 * node + 1], nodes[2 * node + 2]);
        nodes[node] = if left == right { left } else { MIXED };
    }
    nodes
}

/// Takes the shortest edge of every component, and renames the components that it joins.
fn join(places: &[Place], component: &mut [u32], edges: &mut Vec<Edge>) {
    let n = component.len();
    let mut shortest = vec![NO_EDGE; n];
    for (place, state) in places.iter().enumerate() {
        if let Some((square, other)) = state.outward {
            let edge = (square, other.min(place as u32), other.max(place as u32));
            for end in [place, other as usize] {
                let of = &mut shortest[component[end] as usize];
                if edge < *of {
                    *of = edge;
                }
            }
        }
    }
    let mut parent: Vec<u32> = (0..n as u32).collect();
    for edge in shortest.into_iter().filter(|e| *e != NO_EDGE) {
        let ends = [edge.1, edge.2].map(|place| root(&mut parent, component[place as usize]));
        if ends[0] != ends[1] {
            parent[ends[0].max(ends[1]) as usize] = ends[0].min(ends[1]);
            edges.push(edge);
        }
    }
    component.iter_mut().for_each(|c| *c = root(&mut parent, *c));
}

/// Root of a disjoint set, halving the way to it.
pub(super) fn root(parent: &mut [u32], mut member: u32) -> u32 {
    while parent[member as usize] != member {
        let above = parent[parent[member as usize] as usize];
        parent[member as usize] = above;
        member = above;
    }
    member
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::super::tests::{blobs, on_threads};
    use super::*;

    /// Sorted lengths of the edges by Prim's algorithm, without a tree.
    fn prim(rows: &Array2<f64>) -> Vec<f64> {
        let n = rows.nrows();
        let square =
            |a: usize, b: usize| rows.row(a).iter().zip(rows.row(b)).fold(0.0, |s, (x, y)| s + (x - y) * (x - y));
        let (mut left, mut lengths): (Vec<usize>, Vec<f64>) = ((1..n).collect(), Vec::new());
        let mut distance: Vec<f64> = (0..n).map(|i| square(0, i)).collect();
        while !left.is_empty() {
            let at = (0..left.len()).fold(0, |b, i| if distance[left[i]] < distance[left[b]] { i } else { b });
            let taken = left.swap_remove(at);
            lengths.push(distance[taken].sqrt());
            left.iter().for_each(|&i| distance[i] = distance[i].min(square(taken, i)));
        }
        lengths.sort_by(f64::total_cmp);
        lengths
    }

    fn lengths(rows: &Array2<f64>) -> Vec<f64> {
        let edges = minimum_spanning_tree(&Tree::new(rows.view()).expect("finite rows"));
        let mut lengths: Vec<f64> = edges.iter().map(|e| e.2).collect();
        lengths.sort_by(f64::total_cmp);
        lengths
    }

    #[test]
    fn lengths_agree_with_prims_algorithm() {
        for n in [1, 2, 3, 9, 33, 500, 2000] {
            let (mut rows, _) = blobs(n, 3, 1);
            if n > 10 {
                rows.row_mut(n / 2).fill(1e6);
            }
            // The same squares, summed in the same order: equal to the bit.
            assert_eq!(lengths(&rows), prim(&rows), "{n} rows");
        }
        let (rows, _) = blobs(500, 3, 1);
        let mut moved = rows.clone();
        moved[[3, 0]] += 1e-9;
        assert_ne!(lengths(&moved), prim(&rows), "a row moved by 1e-9 passes");
    }

    #[test]
    fn equal_distances_leave_a_tree() {
        let grid = Array2::from_shape_fn((900, 2), |(i, j)| (if j == 0 { i / 30 } else { i % 30 }) as f64);
        assert_eq!(lengths(&grid), vec![1.0; 899], "a square grid");
        let equal = Array2::from_elem((300, 2), 5.0);
        assert_eq!(lengths(&equal), vec![0.0; 299], "equal rows");
    }

    #[test]
    fn threads_do_not_change_an_edge() {
        let (rows, _) = blobs(3000, 4, 2);
        let tree = Tree::new(rows.view()).expect("finite rows");
        let run = |threads| on_threads(threads, || minimum_spanning_tree(&tree));
        assert_eq!(run(1), run(4), "four threads");
    }
}
