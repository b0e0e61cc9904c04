//! Kinds of events by the method of `[kinds]`.
//!
//! DBSCAN and OPTICS are linfa-clustering's. Its OPTICS orders the events rightly, but gives the first event of a heap
//! the heap's core distance in place of none, so that heaps run into each other; reachabilities are therefore computed
//! here, from its order, by the definition of Ankerst, Breunig, Kriegel and Sander (1999).

use linfa::traits::Transformer;
use linfa_clustering::{Dbscan, Optics, OpticsAnalysis};
use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::config::{KindMethod, Kinds as Settings};
use crate::error::Result;
use crate::formats::reachability::Reached;
use scatterfall_detector::{DetectorPlan, Event, Kinds, agglomerate, descriptor};
use scatterfall_rowstats::clustering::{Covariance, Gmm, GmmOptions, KMeans, KMeansOptions};

/// Largest number of events that a method is given, the strongest; the others get the kind whose mean is nearest.
const MAX_FITTED: usize = 5000;
/// Seed of the initialisations of k-means and of the mixture.
const SEED: u64 = 4;

/// Fitted kinds.
pub(super) struct Fitted {
    /// What new events are compared with.
    pub(super) kinds: Kinds,
    /// The events in the order of OPTICS.
    pub(super) order: Option<Vec<Reached>>,
}

/// Finds the kinds of `events` and numbers them in the events, from 1 on; noise has none.
///
/// # Errors
/// Those of the clustering.
pub(super) fn fit(settings: &Settings, plan: &DetectorPlan, events: &mut [Event]) -> Result<Fitted> {
    if settings.method == KindMethod::Agglomerative || events.len() < 2 {
        return Ok(Fitted { kinds: Kinds::fit(plan, events, settings.clusters), order: None });
    }
    let chosen = strongest(events);
    let rows = descriptors(plan, events, &chosen);
    let mut order = None;
    let labels = match settings.method {
        KindMethod::Agglomerative => {
            let rows: Vec<Vec<f64>> = rows.outer_iter().map(|r| r.to_vec()).collect();
            agglomerate(&rows, settings.clusters).into_iter().map(Some).collect()
        }
        KindMethod::KMeans => {
            let count = settings.clusters.min(rows.nrows());
            counted(&KMeans::fit(rows.view(), &KMeansOptions::new(count, SEED))?.labels)
        }
        // Few events in many columns: full covariances would have more numbers than there are events.
        KindMethod::Gmm => {
            let count = settings.clusters.min(rows.nrows());
            counted(&Gmm::fit(rows.view(), &GmmOptions::new(count, Covariance::Diag, SEED))?.labels)
        }
        KindMethod::Dbscan => dbscan(rows.view(), settings.eps, settings.min_samples),
        KindMethod::Optics => {
            let found = optics(rows.view(), settings.eps, settings.min_samples);
            let labels = by_size(&found.labels);
            let reached = found.order.iter().map(|&(i, reachability)| Reached {
                time: events[chosen[i]].image_time_us,
                distance_km: events[chosen[i]].peak_km,
                reachability,
                kind: labels[i].map(|k| k + 1),
            });
            order = Some(reached.collect());
            found.labels
        }
    };
    let labels = by_size(&labels);
    let (known, numbers): (Vec<Vec<f64>>, Vec<usize>) =
        rows.outer_iter().zip(&labels).filter_map(|(row, label)| label.map(|l| (row.to_vec(), l))).unzip();
    let kinds = Kinds::of_labels(&known, &numbers);
    kinds.assign(plan, events);
    for (&i, label) in chosen.iter().zip(&labels) {
        events[i].kind = label.map(|l| l + 1);
    }
    Ok(Fitted { kinds, order })
}

/// The strongest events, in their own order.
fn strongest(events: &[Event]) -> Vec<usize> {
    let mut chosen: Vec<usize> = (0..events.len()).collect();
    chosen.sort_by(|&a, &b| events[b].score.total_cmp(&events[a].score).then(a.cmp(&b)));
    chosen.truncate(MAX_FITTED);
    chosen.sort_unstable();
    chosen
}

fn descriptors(plan: &DetectorPlan, events: &[Event], chosen: &[usize]) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = chosen.iter().map(|&i| descriptor(plan, &events[i])).collect();
    let columns = rows.first().map_or(0, Vec::len);
    Array2::from_shape_fn((rows.len(), columns), |(i, j)| rows[i].get(j).copied().unwrap_or(0.0))
}

/// Labels of a clustering that leaves none out.
fn counted(labels: &[i32]) -> Vec<Option<usize>> {
    labels.iter().map(|&l| usize::try_from(l).ok()).collect()
}

/// Labels anew, the largest group 0; of equal ones that which occurs first.
fn by_size(labels: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut sizes: Vec<(usize, usize)> = Vec::new();
    for label in labels.iter().flatten() {
        match sizes.iter_mut().find(|(own, _)| own == label) {
            Some((_, size)) => *size += 1,
            None => sizes.push((*label, 1)),
        }
    }
    sizes.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
    let number = |label: usize| sizes.iter().position(|(own, _)| *own == label);
    labels.iter().map(|label| label.and_then(number)).collect()
}

/// Labels of DBSCAN.
fn dbscan(rows: ArrayView2<'_, f64>, eps: f64, min_samples: usize) -> Vec<Option<usize>> {
    match Dbscan::params(min_samples).tolerance(eps).transform(&rows) {
        Ok(labels) => labels.to_vec(),
        // The configuration admits no such eps or number.
        Err(_) => vec![None; rows.nrows()],
    }
}

/// What OPTICS found.
struct Reachability {
    /// Rows in their order, with their reachabilities within `eps`.
    order: Vec<(usize, Option<f64>)>,
    /// Clusters of the cut at `eps`, by row.
    labels: Vec<Option<usize>>,
}

/// OPTICS with neighbourhoods of `eps`, cut there: a row that is not reached begins a cluster where its own
/// neighbourhood is dense, else it is noise.
fn optics(rows: ArrayView2<'_, f64>, eps: f64, min_samples: usize) -> Reachability {
    let n = rows.nrows();
    let Ok(analysis) = Optics::params(min_samples).tolerance(eps).transform(rows) else {
        return Reachability { order: (0..n).map(|i| (i, None)).collect(), labels: vec![None; n] };
    };
    let mut reached = vec![None::<f64>; n];
    let mut labels = vec![None; n];
    let mut order = Vec::with_capacity(n);
    let mut clusters = 0;
    for sample in analysis.iter() {
        let (i, core) = (sample.index(), *sample.core_distance());
        if reached[i].is_none() && core.is_some() {
            clusters += 1;
        }
        if reached[i].is_some() || core.is_some() {
            labels[i] = Some(clusters - 1);
        }
        order.push((i, reached[i]));
        let Some(core) = core else { continue };
        for (j, own) in reached.iter_mut().enumerate() {
            let apart = distance(rows.row(i), rows.row(j));
            if apart <= eps {
                let from_here = apart.max(core);
                *own = Some(own.map_or(from_here, |r| r.min(from_here)));
            }
        }
    }
    adopt_borders(rows, eps, &analysis, &mut labels);
    Reachability { order, labels }
}

/// Gives rows that stand before the dense row that reaches them, which the library's order allows, that row's cluster.
fn adopt_borders(rows: ArrayView2<'_, f64>, eps: f64, analysis: &OpticsAnalysis<f64>, labels: &mut [Option<usize>]) {
    let dense: Vec<usize> = analysis.iter().filter(|s| s.core_distance().is_some()).map(|s| s.index()).collect();
    for i in 0..labels.len() {
        if labels[i].is_some() {
            continue;
        }
        let apart = dense.iter().map(|&j| (distance(rows.row(i), rows.row(j)), j));
        let nearest = apart.min_by(|a, b| a.0.total_cmp(&b.0));
        labels[i] = nearest.filter(|(apart, _)| *apart <= eps).and_then(|(_, j)| labels[j]);
    }
}

fn distance(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Points with scikit-learn's labels of DBSCAN and of OPTICS cut at the same eps, made by the script beside them.
    const GOLDEN: &str = include_str!("../../tests/goldens/kinds.csv");
    const EPS: f64 = 0.6;
    const MIN_SAMPLES: usize = 5;

    struct Golden {
        points: Array2<f64>,
        dbscan: Vec<Option<usize>>,
        optics: Vec<Option<usize>>,
        core: Vec<bool>,
    }

    fn golden() -> Golden {
        let lines: Vec<Vec<f64>> = GOLDEN
            .lines()
            .skip(1)
            .map(|line| line.split(',').map(|field| field.parse().expect("a number")).collect())
            .collect();
        let label = |column: usize| lines.iter().map(|l| (l[column] >= 0.0).then_some(l[column] as usize)).collect();
        Golden {
            points: Array2::from_shape_fn((lines.len(), 3), |(i, j)| lines[i][j]),
            dbscan: label(3),
            optics: label(4),
            core: lines.iter().map(|l| l[5] > 0.5).collect(),
        }
    }

    /// The groups of the rows that `chosen` picks, whatever their numbers.
    fn partition(labels: &[Option<usize>], chosen: impl Fn(usize) -> bool) -> BTreeSet<Vec<usize>> {
        let numbers: BTreeSet<usize> = labels.iter().flatten().copied().collect();
        let members = |k: usize| (0..labels.len()).filter(|&i| labels[i] == Some(k) && chosen(i)).collect();
        numbers.into_iter().map(members).collect()
    }

    #[test]
    fn dbscan_is_scikit_learns() {
        let golden = golden();
        let labels = dbscan(golden.points.view(), EPS, MIN_SAMPLES);
        assert_eq!(partition(&labels, |_| true), partition(&golden.dbscan, |_| true), "all rows");
        let other = dbscan(golden.points.view(), EPS / 2.0, MIN_SAMPLES);
        assert_ne!(partition(&other, |_| true), partition(&golden.dbscan, |_| true), "another eps is another result");
    }

    #[test]
    fn optics_cut_at_eps_is_scikit_learns() {
        let golden = golden();
        let found = optics(golden.points.view(), EPS, MIN_SAMPLES);
        // A border row belongs to whichever heap comes first, which the definition leaves open.
        let core = |i: usize| golden.core[i];
        assert_eq!(partition(&found.labels, core), partition(&golden.optics, core), "core rows");
        let noise = |labels: &[Option<usize>]| -> Vec<bool> { labels.iter().map(Option::is_none).collect() };
        assert_eq!(noise(&found.labels), noise(&golden.optics), "noise");
        let order: BTreeSet<usize> = found.order.iter().map(|o| o.0).collect();
        assert_eq!(order.len(), golden.points.nrows(), "each row once");
        let starts = found.order.iter().filter(|(i, r)| r.is_none() && found.labels[*i].is_some()).count();
        let heaps = partition(&golden.optics, core).len();
        assert!(starts >= heaps, "each heap begins unreached: {starts} of {heaps}");
    }

    #[test]
    fn the_reachabilities_of_the_library_join_heaps() {
        // The reason why they are computed here: the first row of a heap has one.
        let golden = golden();
        let analysis = Optics::params(MIN_SAMPLES).tolerance(EPS).transform(golden.points.view()).expect("valid");
        let dense = analysis.iter().filter(|s| s.core_distance().is_some());
        assert_eq!(dense.filter(|s| s.reachability_distance().is_none()).count(), 0, "none begins a heap");
    }

    #[test]
    fn groups_are_numbered_by_size() {
        let labels = [Some(7), None, Some(2), Some(2), Some(9)];
        assert_eq!(by_size(&labels), [Some(1), None, Some(0), Some(0), Some(2)], "the largest is 0");
        assert_eq!(by_size(&[None, None]), [None, None], "all noise");
    }

    #[test]
    fn nothing_and_one_event_are_no_fault() {
        assert!(dbscan(Array2::zeros((0, 3)).view(), EPS, MIN_SAMPLES).is_empty(), "none");
        let one = optics(Array2::zeros((1, 3)).view(), EPS, MIN_SAMPLES);
        assert_eq!((one.labels, one.order), (vec![None], vec![(0, None)]), "one");
    }
}
