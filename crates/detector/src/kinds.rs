//! Kinds of events: clusters by the shape of their filter responses, duration, extent and speed. Shape, not strength or place, says what kind it is.

use serde::{Deserialize, Serialize};

use crate::events::{Event, Path};
use crate::plan::DetectorPlan;

/// Largest number of events in the hierarchy, whose distances take n(n-1)/2 numbers; more are assigned to the clusters of the strongest.
const MAX_LINKED: usize = 5000;

/// Fitted kinds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Kinds {
    /// Mean descriptor of each kind, the largest kind first.
    pub centers: Vec<Vec<f64>>,
}

/// What an event is described by: `sqrt(max(z, 0) / max)` over the filters (opposite speeds folded), ln(seconds) / 2, ln(km) / 2,
/// |m/s| / 20, and 1 at its path (slants, wide, coarse, slow).
pub fn descriptor(plan: &DetectorPlan, event: &Event) -> Vec<f64> {
    let speeds = plan.speeds_ms.len();
    let mut folded: Vec<(f64, f32)> = Vec::new();
    for (v, &z) in plan.speeds_ms.iter().zip(&event.responses) {
        match folded.iter_mut().find(|(speed, _)| *speed == v.abs()) {
            Some((_, best)) => *best = best.max(z),
            None => folded.push((v.abs(), z)),
        }
    }
    folded.sort_by(|a, b| a.0.total_cmp(&b.0));
    let responses =
        folded.iter().map(|f| f.1).chain(event.responses[speeds.min(event.responses.len())..].iter().copied());
    let responses: Vec<f64> = responses.map(|z| f64::from(z).max(0.0)).collect();
    let largest = responses.iter().copied().fold(1e-9, f64::max);
    let mut out: Vec<f64> = responses.into_iter().map(|z| (z / largest).sqrt()).collect();
    out.push(event.seconds().max(1.0).ln() / 2.0);
    out.push(event.extent_km().max(0.05).ln() / 2.0);
    out.push(event.speed_ms.unwrap_or(0.0).abs().min(45.0) / 20.0);
    out.extend(Path::ALL.map(|p| if p == event.path { 1.0 } else { 0.0 }));
    out
}

/// Clusters descriptors by average linkage (Euclidean) into at most `count` groups; labels count from 0, the largest group first.
pub fn agglomerate(descriptors: &[Vec<f64>], count: usize) -> Vec<usize> {
    let n = descriptors.len();
    if n <= count {
        return (0..n).collect();
    }
    cut(&average_linkage(descriptors), n, count)
}

/// The same into `most` groups or fewer, down to about half as many: where the distance at which groups merge rises the most.
pub fn agglomerate_up_to(descriptors: &[Vec<f64>], most: usize) -> Vec<usize> {
    let n = descriptors.len();
    if n <= most {
        return (0..n).collect();
    }
    let tree = average_linkage(descriptors);
    // With k groups left, the next merge is step n - k.
    let height = |step: usize| tree.steps()[step].dissimilarity;
    let rise = |k: usize| if k < 2 { 0.0 } else { height(n - k) - height(n - k - 1) };
    let least = most.div_ceil(2).max(1);
    let first = |best: usize, k: usize| if rise(k) > rise(best) { k } else { best };
    cut(&tree, n, (least..=most).fold(least, first))
}

fn average_linkage(descriptors: &[Vec<f64>]) -> kodama::Dendrogram<f64> {
    let n = descriptors.len();
    let mut distances = Vec::with_capacity(n * (n - 1) / 2);
    for (i, a) in descriptors.iter().enumerate() {
        distances.extend(descriptors[i + 1..].iter().map(|b| distance(a, b)));
    }
    kodama::linkage(&mut distances, n, kodama::Method::Average)
}

fn cut(tree: &kodama::Dendrogram<f64>, n: usize, count: usize) -> Vec<usize> {
    // The last merges are undone: `count` groups are left.
    let mut parent: Vec<usize> = (0..2 * n - 1).collect();
    for (k, step) in tree.steps().iter().take(n - count.max(1)).enumerate() {
        parent[step.cluster1] = n + k;
        parent[step.cluster2] = n + k;
    }
    let root = |mut i: usize| {
        while parent[i] != i {
            i = parent[i];
        }
        i
    };
    number_by_size(&(0..n).map(root).collect::<Vec<_>>())
}

/// Numbers groups by their size, the largest 0; of equal ones that which occurs first.
fn number_by_size(groups: &[usize]) -> Vec<usize> {
    let mut sizes: Vec<(usize, usize)> = Vec::new();
    for &g in groups {
        match sizes.iter_mut().find(|(group, _)| *group == g) {
            Some((_, size)) => *size += 1,
            None => sizes.push((g, 1)),
        }
    }
    sizes.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
    let number = |g: &usize| sizes.iter().position(|(group, _)| group == g).unwrap_or(0);
    groups.iter().map(number).collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
}

impl Kinds {
    /// Clusters events (average linkage) into at most `count` kinds and numbers them in the events, from 1 on.
    pub fn fit(plan: &DetectorPlan, events: &mut [Event], count: usize) -> Self {
        let descriptors: Vec<Vec<f64>> = events.iter().map(|e| descriptor(plan, e)).collect();
        let mut strongest: Vec<usize> = (0..events.len()).collect();
        strongest.sort_by(|&a, &b| events[b].score.total_cmp(&events[a].score).then(a.cmp(&b)));
        strongest.truncate(MAX_LINKED);
        strongest.sort_unstable();
        let linked: Vec<Vec<f64>> = strongest.iter().map(|&i| descriptors[i].clone()).collect();
        let cluster = if plan.params.improved { agglomerate_up_to } else { agglomerate };
        let labels = cluster(&linked, count.max(1));
        let kinds = Self::of_labels(&linked, &labels);
        kinds.assign(plan, events);
        for (&i, &label) in strongest.iter().zip(&labels) {
            events[i].kind = Some(label + 1);
        }
        kinds
    }

    /// Kinds of clusters that another method found: mean descriptors by label, from 0 on.
    pub fn of_labels(descriptors: &[Vec<f64>], labels: &[usize]) -> Self {
        let count = labels.iter().max().map_or(0, |m| m + 1);
        let mut centers = vec![vec![0.0; descriptors.first().map_or(0, Vec::len)]; count];
        let mut sizes = vec![0usize; count];
        for (d, &label) in descriptors.iter().zip(labels) {
            sizes[label] += 1;
            centers[label].iter_mut().zip(d).for_each(|(c, v)| *c += v);
        }
        for (center, &size) in centers.iter_mut().zip(&sizes) {
            center.iter_mut().for_each(|c| *c /= size.max(1) as f64);
        }
        Self { centers }
    }

    /// Gives each event the kind whose mean is nearest.
    pub fn assign(&self, plan: &DetectorPlan, events: &mut [Event]) {
        for event in events {
            let own = descriptor(plan, event);
            let nearest = (0..self.centers.len())
                .min_by(|&a, &b| distance(&self.centers[a], &own).total_cmp(&distance(&self.centers[b], &own)));
            event.kind = nearest.map(|k| k + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_heaps_are_three_groups() {
        let heap = |x: f64, n: usize| (0..n).map(move |i| vec![x + 0.01 * i as f64, -x]);
        let all: Vec<Vec<f64>> = heap(5.0, 3).chain(heap(0.0, 6)).chain(heap(9.0, 4)).collect();
        let labels = agglomerate(&all, 3);
        assert_eq!(labels, [2, 2, 2, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1], "the largest is the first");
        assert_eq!(agglomerate(&all[..2], 3), [0, 1], "fewer than asked for");
        assert_eq!(agglomerate(&[], 3), Vec::<usize>::new(), "none");
        assert_eq!(agglomerate(&all, 1), [0; 13], "one group");
        assert_eq!(agglomerate_up_to(&all, 5), labels, "three heaps, though five were allowed");
        assert_eq!(agglomerate_up_to(&all[..2], 3), [0, 1], "fewer than allowed");
    }
}
