//! What stands out: a score for every row, and events made of the rows with the highest.

use crate::places::{Geometry, Places};
use scatterfall_timestamps::{Micros, micros};

/// Rows that stand out together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// Start of the first image.
    pub(crate) time_from: Micros,
    /// End of the last image.
    pub(crate) time_to: Micros,
    /// Lowest place in km.
    pub(crate) distance_from_km: f64,
    /// End of the highest segment in km.
    pub(crate) distance_to_km: f64,
    /// The worst score of its rows.
    pub(crate) score: f64,
    /// The row that has it.
    pub(crate) worst: usize,
    /// Number of rows.
    pub(crate) rows: usize,
}

/// Merges the rows that score `threshold` or more into events, worst first. Where many rows tie for the highest score, their
/// quantile is that score; a row with the lowest score of all is no event, so rows that are all alike make none.
///
/// Two rows belong to one event where their images are of the same or neighbouring minutes and their segments overlap.
pub(crate) fn events(scores: &[f64], places: &Places, geometry: &Geometry, threshold: f64) -> Vec<Event> {
    let duration = micros(geometry.duration_s);
    let reach = micros(1.5 * geometry.duration_s);
    let lowest = scores.iter().copied().filter(|s| s.is_finite()).fold(f64::INFINITY, f64::min);
    // A score that only ties with the threshold stands out where others lie below it.
    let stands_out = |s: f64| s.is_finite() && (s > threshold || (s == threshold && s > lowest));
    let mut rows: Vec<usize> = (0..scores.len()).filter(|&i| stands_out(scores[i])).collect();
    rows.sort_by_key(|&i| (places.times[i], i));
    let place: Vec<f64> = rows.iter().map(|&i| geometry.place(places.distance[i])).collect();
    let mut parent: Vec<usize> = (0..rows.len()).collect();
    let mut oldest = 0;
    for b in 0..rows.len() {
        while places.times[rows[b]] - places.times[rows[oldest]] > reach {
            oldest += 1;
        }
        for a in oldest..b {
            // Of one place always; a segment without extent (a seismogram's) still overlaps itself.
            let apart = (place[a] - place[b]).abs();
            if apart < geometry.segment_km || apart == 0.0 {
                let (root_a, root_b) = (root(&mut parent, a), root(&mut parent, b));
                parent[root_a.max(root_b)] = root_a.min(root_b);
            }
        }
    }
    let mut by_root: Vec<Option<Event>> = vec![None; rows.len()];
    for b in 0..rows.len() {
        let (i, from) = (rows[b], place[b]);
        let single = Event {
            time_from: places.times[i],
            time_to: places.times[i] + duration,
            distance_from_km: from,
            distance_to_km: from + geometry.segment_km,
            score: scores[i],
            worst: i,
            rows: 1,
        };
        let slot = &mut by_root[root(&mut parent, b)];
        *slot = Some(match slot.take() {
            None => single,
            Some(e) => Event {
                time_from: e.time_from.min(single.time_from),
                time_to: e.time_to.max(single.time_to),
                distance_from_km: e.distance_from_km.min(single.distance_from_km),
                distance_to_km: e.distance_to_km.max(single.distance_to_km),
                score: e.score.max(single.score),
                worst: if single.score > e.score { i } else { e.worst },
                rows: e.rows + 1,
            },
        });
    }
    let mut events: Vec<Event> = by_root.into_iter().flatten().collect();
    events.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.worst.cmp(&b.worst)));
    events
}

fn root(parent: &mut [usize], mut i: usize) -> usize {
    while parent[i] != i {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Micros = 60_000_000;

    fn geometry() -> Geometry {
        Geometry { segment_km: 3.0, duration_s: 60.0, period_km: None, offset_km: 0.0 }
    }

    #[test]
    fn rows_that_tie_for_the_highest_score_are_events() {
        // A fibre that broke shows one colour: all of its rows have the same score, which is also their quantile.
        let places = Places { times: (0..100).map(|k| k * MINUTE).collect(), distance: vec![2.4; 100] };
        let scores: Vec<f64> = (0..100).map(|k| if k >= 40 { 9.0 } else { 1.0 }).collect();
        let threshold = scatterfall_rowstats::baselines::quantile(&scores, 0.999).expect("finite scores");
        let found = events(&scores, &places, &geometry(), threshold);
        assert_eq!(found.iter().map(|e| (e.time_from, e.rows)).collect::<Vec<_>>(), [(40 * MINUTE, 60)], "one event");
    }

    #[test]
    fn neighbours_merge_and_others_do_not() {
        let places = Places { times: vec![0, 0, MINUTE, 5 * MINUTE, MINUTE], distance: vec![0.0, 2.4, 4.8, 0.0, 15.0] };
        let scores = [10.0, 30.0, 20.0, 5.0, 7.0];
        let found = events(&scores, &places, &geometry(), 1.0);
        assert_eq!(found.len(), 3, "one of three rows, two of one");
        let e = &found[0];
        assert_eq!((e.rows, e.worst, e.score), (3, 1, 30.0), "the worst row stands for all");
        assert_eq!(
            (e.time_from, e.time_to, e.distance_from_km, e.distance_to_km),
            (0, 2 * MINUTE, 0.0, 4.8 + 3.0),
            "span"
        );
        assert_eq!((found[1].worst, found[2].worst), (4, 3), "worst first");
        assert!(events(&scores, &places, &geometry(), 30.1).is_empty(), "nothing above the highest");
        let alike = events(&[4.0; 5], &places, &geometry(), 4.0);
        assert!(alike.is_empty(), "rows that are all alike make no event");
    }
}
