//! Joins the segments of single files to trace segments, channel by channel.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::{interval_us, same_rate};
use crate::file_segment::FileSegment;
use crate::header::TraceId;
use crate::segment::TraceSegment;

/// The trace segments of all files, ordered by channel and start.
pub(crate) fn join(found: Vec<FileSegment>) -> Vec<TraceSegment> {
    let mut channels: BTreeMap<TraceId, Vec<FileSegment>> = BTreeMap::new();
    for segment in found {
        channels.entry(segment.key.id()).or_default().push(segment);
    }
    let mut joined = Vec::new();
    for (id, mut segments) in channels {
        segments.sort_by_key(|s| s.clock.start_us());
        join_channel(&id, segments, &mut joined);
    }
    joined
}

fn join_channel(id: &TraceId, found: Vec<FileSegment>, joined: &mut Vec<TraceSegment>) {
    // Segments of this channel by the time at which their next sample is due; where data was given twice there are several.
    let mut due: BTreeSet<(i64, usize)> = BTreeSet::new();
    for next in found {
        let (interval, tolerance) = interval_us(next.sampling_rate());
        let start_us = next.clock.start_us();
        let window = (start_us.saturating_sub(tolerance), 0)..=(start_us.saturating_add(tolerance), usize::MAX);
        let place = due.range(window).copied().find(|(_, k)| continues(&joined[*k], &next));
        let k = match place {
            Some(place) => {
                due.remove(&place);
                let (_, k) = place;
                let segment = &mut joined[k];
                segment.clock.append(segment.samples, &next.clock);
                k
            }
            None => {
                joined.push(TraceSegment {
                    id: id.clone(),
                    clock: next.clock.clone(),
                    samples: 0,
                    kind: next.kind,
                    // Most segments are of one file, and there may be very many.
                    files: Vec::with_capacity(1),
                });
                joined.len() - 1
            }
        };
        due.insert((next.end_us.saturating_add(interval), k));
        joined[k].samples += next.samples;
        joined[k].files.push(next);
    }
}

/// True where a file's segment goes on with a trace segment whose next sample is due now by its last record.
fn continues(segment: &TraceSegment, next: &FileSegment) -> bool {
    let (interval, tolerance) = interval_us(next.sampling_rate());
    // Headers that drift are followed, so the end may be off by the interval that is no drift yet.
    let allowed = if segment.clock.drifts() { tolerance.saturating_add(interval) } else { tolerance };
    let expected = segment.time_us(segment.samples);
    segment.files.last().is_some_and(|last| last.file != next.file)
        && segment.kind == next.kind
        && same_rate(segment.sampling_rate(), next.sampling_rate())
        && next.clock.start_us().saturating_sub(expected).saturating_abs() <= allowed
}
