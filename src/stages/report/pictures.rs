//! Which images the page keeps a picture of, and the pictures.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;
use scatterfall_page::{Event, Waterfall};

use super::super::results::Results;
use super::super::waterfalls::Waterfalls;
use crate::error::Result;
use crate::progress::Context;
use scatterfall_figures::thumbnail::thumbnail;
use scatterfall_timestamps::Micros;

/// Pictures at most, and their bytes: base64 makes 4 MB of them.
const MAX_PICTURES: usize = 240;
const MAX_BYTES: usize = 3_000_000;
/// Pixels of a whole waterfall.
const SIZE: (usize, usize) = (420, 120);

/// Events in the order in which they are worth a picture: in turn the best of every kind, the first of each kind before.
fn ranked(events: &[Event]) -> Vec<&Event> {
    let mut kinds: BTreeMap<i32, Vec<&Event>> = BTreeMap::new();
    events.iter().for_each(|e| kinds.entry(e.kind).or_default().push(e));
    let mut order: Vec<(usize, usize, &Event)> = Vec::with_capacity(events.len());
    for members in kinds.values_mut() {
        members.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.number.cmp(&b.number)));
        if let Some(first) = (0..members.len()).min_by_key(|&i| members[i].time.0) {
            members[..=first].rotate_right(1);
        }
        let size = members.len();
        order.extend(members.iter().enumerate().map(|(i, e)| (i, size, *e)));
    }
    order.sort_by_key(|&(turn, size, e)| (turn, size, e.number));
    order.into_iter().map(|o| o.2).collect()
}

/// Starts of the images that get a picture, most wanted first: those of events with the image before and after, then
/// images evenly spread over the archive.
fn wanted(results: &Results, events: &[Event]) -> Vec<Micros> {
    let times = results.image_times();
    let by_name: HashMap<&str, usize> =
        results.images.values().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    for event in ranked(events) {
        let named = by_name.get(event.file.as_str()).copied().filter(|_| !event.file.is_empty());
        let at = named.unwrap_or_else(|| times.partition_point(|&t| t <= event.peak_time).saturating_sub(1));
        let around = [Some(at), at.checked_add(1), at.checked_sub(1)];
        order.extend(around.into_iter().flatten().filter(|&i| i < times.len() && seen.insert(i)));
        if order.len() >= MAX_PICTURES {
            break;
        }
    }
    let n = times.len().min(MAX_PICTURES);
    order.extend((0..n).map(|k| (2 * k + 1) * times.len() / (2 * n)).filter(|&i| seen.insert(i)));
    order.truncate(MAX_PICTURES);
    order.into_iter().map(|i| times[i]).collect()
}

/// The pictures of the images that are worth one, as far as there is room for them.
///
/// # Errors
/// [`crate::Error::Stopped`] on Ctrl-C; those of encoding.
pub(super) fn make(
    ctx: &Context<'_>,
    results: &Results,
    waterfalls: &Waterfalls<'_>,
    events: &[Event],
) -> Result<Vec<Waterfall>> {
    if !waterfalls.available || !results.has_distance() {
        return Ok(Vec::new());
    }
    let scene = waterfalls.scene(results.geometry.segment_km);
    let one = |time: &Micros| -> Result<Option<Waterfall>> {
        ctx.check()?;
        let Some(picture) = waterfalls.load(*time) else { return Ok(None) };
        let view = picture.view();
        let png = thumbnail(&view, 0..view.columns, scene.colormap, SIZE)?;
        Ok(Some(Waterfall { time: *time, file: waterfalls.name(*time).to_owned(), png }))
    };
    let order = wanted(results, events);
    let made: Vec<Option<Waterfall>> = ctx.pool.install(|| order.par_iter().map(one).collect::<Result<_>>())?;
    let mut bytes = 0;
    let mut kept: Vec<Waterfall> = made
        .into_iter()
        .flatten()
        .take_while(|w| {
            bytes += w.png.len();
            bytes <= MAX_BYTES
        })
        .collect();
    kept.sort_by_key(|w| w.time);
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use scatterfall_page::Path;

    use super::*;

    fn event(number: u32, kind: i32, score: f64) -> Event {
        let time = i64::from(number);
        Event {
            number,
            time: (time, time),
            distance_km: (0.0, 1.0),
            peak_time: time,
            peak_km: 0.5,
            score,
            rise_db: 1.0,
            path: Path::Coarse,
            speed_ms: f64::NAN,
            kind,
            file: String::new(),
            reason: String::new(),
            provisional: false,
        }
    }

    #[test]
    fn every_kind_has_its_first_and_its_best_before_any_has_its_third() {
        let events = [
            event(1, 1, 5.0),
            event(2, 1, 9.0),
            event(3, 1, 8.0),
            event(4, 2, 1.0),
            event(5, 2, 2.0),
            event(6, 3, 1.0),
        ];
        let order: Vec<u32> = ranked(&events).iter().map(|e| e.number).collect();
        assert_eq!(order, [6, 4, 1, 5, 2, 3], "rarest kind first, in turn");
        assert!(ranked(&[]).is_empty(), "none");
    }
}
