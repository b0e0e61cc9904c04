//! Events that the border between two windows cuts are joined.

use crate::events::{Event, Path, TrackEnd};
use crate::plan::DetectorPlan;
use crate::tracks::{Peak, belong_together};

/// Longest gap within one event, seconds; gaps of this length are closed inside a window too.
const MAX_GAP_S: f64 = 40.0;

/// Longest gap along the fibre within one event, km.
const MAX_GAP_KM: f64 = 1.0;

/// Longest gap of a slow event, images.
const MAX_SLOW_GAP: f64 = 4.0;

/// Joins the events of windows that follow each other.
///
/// Only events that end or begin near the border between two windows are candidates.
pub(crate) fn join_events(plan: &DetectorPlan, windows: Vec<Vec<Event>>) -> Vec<Event> {
    let mut out: Vec<Event> = Vec::new();
    let mut previous = 0;
    for window in windows {
        let open = previous;
        previous = out.len();
        let mut added = Vec::new();
        for event in window {
            match (open..previous).find(|&i| continues(plan, &out[i], &event)) {
                Some(i) => {
                    let joined = join(&out[i], &event);
                    out[i] = joined;
                    // It may go on into the window after this one.
                    added.push(i);
                }
                None => out.push(event),
            }
        }
        // Joined events move to the open part, behind those that can no longer grow.
        added.sort_unstable();
        added.dedup();
        for i in added.into_iter().rev() {
            let event = out.remove(i);
            previous -= 1;
            out.push(event);
        }
    }
    out
}

fn continues(plan: &DetectorPlan, a: &Event, b: &Event) -> bool {
    if a.path != b.path {
        return false;
    }
    if let (Some([_, a]), Some([b, _])) = (a.ends, b.ends) {
        // No peak lies between two tracks of neighbouring windows, where a single window would have joined them.
        let gap = b.time_s - a.time_s;
        return gap > 0.0 && gap < 100.0 && belong_together(&peak(&a), &peak(&b));
    }
    let gap_s = (b.time_from_us - a.time_to_us) as f64 / 1e6;
    let longest = if a.path == Path::Slow { MAX_SLOW_GAP * plan.geometry.duration_s } else { MAX_GAP_S };
    let gap_km = (b.distance_from_km - a.distance_to_km).max(a.distance_from_km - b.distance_to_km);
    let widest = if a.path == Path::Slow { 0.1 } else { MAX_GAP_KM };
    gap_s <= longest && gap_km <= widest
}

fn peak(end: &TrackEnd) -> Peak {
    Peak { score: 0.0, fit: 0.0, time_s: end.time_s, km: end.km, speed_ms: end.speed_ms, image: 0, rise: 0.0 }
}

fn join(a: &Event, b: &Event) -> Event {
    let stronger = if b.score > a.score { b } else { a };
    let mut out = Event {
        time_from_us: a.time_from_us.min(b.time_from_us),
        time_to_us: a.time_to_us.max(b.time_to_us),
        distance_from_km: a.distance_from_km.min(b.distance_from_km),
        distance_to_km: a.distance_to_km.max(b.distance_to_km),
        rise_index: a.rise_index.max(b.rise_index),
        ends: a.ends.zip(b.ends).map(|(a, b)| [a[0], b[1]]),
        ..stronger.clone()
    };
    out.reason = out.why();
    out
}
