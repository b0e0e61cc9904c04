//! Merging: pieces of one thing become one entry.

use crate::events::{Event, Path, TrackEnd};

/// Longest gap between two events that may be one, seconds.
const MAX_GAP_S: f64 = 900.0;

/// Merges entries that belong to one thing, and returns them unsorted.
///
/// - wide with wide: less than 120 s apart, 0.3 of the shorter stretch shared;
/// - what is narrow with a wide event of up to 10 km: less than 120 s apart, within 0.5 km; with a longer one: less than 30 s, half of it inside, weaker;
/// - spots (narrow events, slow tracks that stay within 0.4 km): less than 150 s apart, within 0.3 km;
/// - tracks: one begins on the other's line (0.3 km + 3 m/s per second of gap, less than 150 s, speeds within 6 m/s);
/// - slow events: less than 900 s apart at the place; a narrow event within 60 s and 0.1 km of one belongs to it.
pub fn merge_events(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|e| (e.time_from_us, e.time_to_us));
    let mut group: Vec<usize> = (0..events.len()).collect();
    // Through what is narrow between them a level that stays for hours must not become one with an earthquake.
    let has = |path: Path| events.iter().map(|e| e.path == path).collect::<Vec<bool>>();
    let (mut slow, mut wide) = (has(Path::Slow), has(Path::Wide));
    for i in 0..events.len() {
        for j in 0..i {
            if gap_s(&events[i], &events[j]) <= MAX_GAP_S && is_one(&events[j], &events[i]) {
                let (a, b) = (root(&group, i), root(&group, j));
                let (kept, gone) = (a.min(b), a.max(b));
                if (slow[a] || slow[b]) && (wide[a] || wide[b]) {
                    continue;
                }
                group[gone] = kept;
                (slow[kept], wide[kept]) = (slow[a] || slow[b], wide[a] || wide[b]);
            }
        }
    }
    let mut members: std::collections::BTreeMap<usize, Vec<Event>> = std::collections::BTreeMap::new();
    for (i, event) in events.into_iter().enumerate() {
        members.entry(root(&group, i)).or_default().push(event);
    }
    members.into_values().map(one_entry).collect()
}

fn root(group: &[usize], mut i: usize) -> usize {
    while group[i] != i {
        i = group[i];
    }
    i
}

/// Time between two events; negative where they overlap.
fn gap_s(a: &Event, b: &Event) -> f64 {
    (a.time_from_us.max(b.time_from_us) - a.time_to_us.min(b.time_to_us)) as f64 / 1e6
}

fn is_spot(e: &Event) -> bool {
    match e.path {
        Path::Coarse => true,
        Path::Slants => e.speed_ms.is_none_or(|v| v.abs() < 6.0) && e.extent_km() < 0.4,
        _ => false,
    }
}

/// Whether two events, `a` the earlier, are one thing.
fn is_one(a: &Event, b: &Event) -> bool {
    let gap = gap_s(a, b);
    let shared = a.distance_to_km.min(b.distance_to_km) - a.distance_from_km.max(b.distance_from_km);
    let shorter = a.extent_km().min(b.extent_km());
    match (a.path, b.path) {
        (Path::Wide, Path::Wide) => gap < 120.0 && shared >= 0.3 * shorter,
        (Path::Wide, Path::Coarse) | (Path::Coarse, Path::Wide) => {
            let (wide, narrow) = if a.path == Path::Wide { (a, b) } else { (b, a) };
            if wide.extent_km() < 10.0 {
                return gap < 120.0 && shared > -0.5;
            }
            gap < 30.0 && shared >= 0.5 * shorter && narrow.score < wide.score
        }
        (Path::Slow, Path::Slow) => shared > -0.1,
        (Path::Slow, Path::Coarse) | (Path::Coarse, Path::Slow) => gap < 60.0 && shared > -0.1,
        _ if is_spot(a) && is_spot(b) => gap < 150.0 && shared > -0.3,
        (Path::Slants, Path::Slants) => gap < 150.0 && goes_on(a, b),
        _ => false,
    }
}

/// Whether the later track begins on the earlier one's line.
fn goes_on(a: &Event, b: &Event) -> bool {
    let (Some([_, end]), Some([start, _]), Some(v), Some(w)) = (a.ends, b.ends, a.speed_ms, b.speed_ms) else {
        return false;
    };
    let d = start.time_s - end.time_s;
    if v * w <= 0.0 || (v - w).abs() >= 6.0 || d < -10.0 {
        return false;
    }
    let off = |speed: f64| (start.km - end.km - speed * d / 1000.0).abs();
    off(v).max(off(w)) < 0.3 + 0.003 * d.max(0.0)
}

/// The strongest of a group, a wide one before others, with the extent of all.
fn one_entry(group: Vec<Event>) -> Event {
    let is_wide = |e: &Event| e.path == Path::Wide;
    let better = |a: &Event, b: &Event| is_wide(b).cmp(&is_wide(a)).then(b.score.total_cmp(&a.score)).is_gt();
    let mut out = group[0].clone();
    for event in &group[1..] {
        if better(&out, event) {
            out = event.clone();
        }
    }
    if group.len() == 1 {
        return out;
    }
    for event in &group {
        out.time_from_us = out.time_from_us.min(event.time_from_us);
        out.time_to_us = out.time_to_us.max(event.time_to_us);
        out.distance_from_km = out.distance_from_km.min(event.distance_from_km);
        out.distance_to_km = out.distance_to_km.max(event.distance_to_km);
        out.rise_index = out.rise_index.max(event.rise_index);
    }
    let ends: Vec<TrackEnd> = group.iter().filter_map(|e| e.ends).flatten().collect();
    if out.ends.is_some() {
        let first = ends.iter().min_by(|a, b| a.time_s.total_cmp(&b.time_s));
        let last = ends.iter().max_by(|a, b| a.time_s.total_cmp(&b.time_s));
        out.ends = first.zip(last).map(|(a, b)| [*a, *b]);
    }
    if group.len() > 2 && out.path == Path::Slants && is_spot(&out) {
        out.path = Path::Coarse;
        out.speed_ms = None;
        out.ends = None;
    }
    out.reason = out.why();
    out
}
