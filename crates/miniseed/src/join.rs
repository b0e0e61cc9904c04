//! Joins the segments of single files to trace segments, channel by channel.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::TraceId;
use crate::scan::{FileSegment, interval_us, same_rate};
use crate::segment::TraceSegment;

/// Joins runs to segments, channel by channel in the order of time.
pub(crate) fn join(runs: Vec<FileSegment>) -> Vec<TraceSegment> {
    let mut channels: BTreeMap<TraceId, Vec<FileSegment>> = BTreeMap::new();
    for run in runs {
        channels.entry(run.key.id()).or_default().push(run);
    }
    let mut segments = Vec::new();
    for (id, mut runs) in channels {
        runs.sort_by_key(|run| run.start_us);
        join_channel(&id, runs, &mut segments);
    }
    segments
}

fn join_channel(id: &TraceId, runs: Vec<FileSegment>, segments: &mut Vec<TraceSegment>) {
    // Segments of this channel by the time at which their next sample is due; where data was given twice there are several.
    let mut due: BTreeSet<(i64, usize)> = BTreeSet::new();
    for run in runs {
        let (_, tolerance) = interval_us(run.sampling_rate);
        let window = (run.start_us.saturating_sub(tolerance), 0)..=(run.start_us.saturating_add(tolerance), usize::MAX);
        let found = due.range(window).copied().find(|(_, p)| {
            let segment: &TraceSegment = &segments[*p];
            let nominal = segment.time_us(segment.samples);
            segment.runs.last().is_some_and(|last| last.file != run.file)
                && segment.kind == run.kind
                && same_rate(segment.sampling_rate, run.sampling_rate)
                && (run.start_us.saturating_sub(nominal)).saturating_abs() <= tolerance
        });
        let next = run.end_us.saturating_add(interval_us(run.sampling_rate).0);
        let p = match found {
            Some(place) => {
                due.remove(&place);
                place.1
            }
            None => {
                segments.push(TraceSegment {
                    id: id.clone(),
                    start_us: run.start_us,
                    sampling_rate: run.sampling_rate,
                    samples: 0,
                    kind: run.kind,
                    // Most segments are of one file, and there may be very many.
                    runs: Vec::with_capacity(1),
                });
                segments.len() - 1
            }
        };
        segments[p].samples += run.samples;
        segments[p].runs.push(run);
        due.insert((next, p));
    }
}
