//! Scores of a station's segments over time, with the events above the threshold and those of a catalogue.

use super::axis::{Axis, HEADER, Panel, header};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{INK, cluster};
use super::text::Text;
use super::time_axis::{FOOTER, draw_time, time_axis};
use scatterfall_timestamps::Micros;

const LEFT: f64 = 150.0;
const RIGHT: f64 = 1430.0;
const HEIGHT: f64 = 420.0;
/// Points of the line at most: more than the panel has pixels.
const POINTS: usize = 2600;

/// Scores of the segments of one station.
#[derive(Clone, Copy, Debug)]
pub struct Detections<'a> {
    /// `NET.STA.LOC`.
    pub station: &'a str,
    /// Start of each segment, ascending, UTC.
    pub times: &'a [Micros],
    /// Length of a segment.
    pub segment: Micros,
    /// Score of each segment; NaN: none.
    pub scores: &'a [f64],
    /// Scores above it are events.
    pub threshold: f64,
    /// Begin and end of each event.
    pub events: &'a [(Micros, Micros)],
    /// Origin times of the catalogue's events.
    pub catalogue: &'a [Micros],
}

/// Draws the scores, the threshold, the events as bars below, and the catalogue's events as lines.
pub fn detections(input: &Detections<'_>) -> Canvas {
    let mut canvas = Canvas::new(1600, (HEADER + HEIGHT + FOOTER) as u32);
    let from = input.times.first().copied().unwrap_or_default();
    let to = input.times.last().map_or(from, |t| t.saturating_add(input.segment));
    let rect = Rect::new(LEFT, HEADER + 24.0, RIGHT, HEADER + HEIGHT - 14.0);
    let finite = || input.scores.iter().copied().filter(|s| s.is_finite());
    let top = input.threshold.is_finite().then_some(input.threshold);
    let y = Axis::around(finite().chain(top), 0.08);
    let panel = Panel { rect, x: time_axis(from, to.max(from.saturating_add(1_000))), y };
    draw_time(&panel, &mut canvas, "time (UTC)");
    panel.draw_y(&mut canvas, &y.ticks(6), "score");
    for time in input.catalogue.iter().filter(|t| (from..=to).contains(*t)) {
        let x = panel.px(*time as f64);
        canvas.line(&[(x, rect.top), (x, rect.bottom)], Stroke::new(cluster(2), 1.5));
    }
    panel.line(&mut canvas, highest(input), Stroke::new(cluster(0), 1.0));
    if let Some(threshold) = top {
        let y = panel.py(threshold);
        canvas.line(&[(rect.left, y), (rect.right, y)], Stroke::new(INK, 1.0));
    }
    for (from, to) in input.events {
        let (left, right) = (panel.px(*from as f64), panel.px(*to as f64));
        let bar = Rect::new(left, rect.bottom - 8.0, right.max(left + 2.0), rect.bottom - 2.0);
        canvas.fill(bar, cluster(1), 1.0);
    }
    if input.times.is_empty() {
        panel.note(&mut canvas, "no segments");
    }
    panel.frame(&mut canvas);
    canvas.text("largest deviation from the hour's normal", (rect.left, rect.top - 14.0), Text::new(18.0));
    let words = format!("{} events (bars), {} of a catalogue (lines)", input.events.len(), input.catalogue.len());
    header(&mut canvas, LEFT, &format!("Events of {}", input.station), &words);
    canvas
}

/// The line's points: of many segments the highest score of each few.
fn highest<'a>(input: &Detections<'a>) -> impl Iterator<Item = (f64, f64)> + 'a {
    let size = input.times.len().div_ceil(POINTS).max(1);
    input.times.chunks(size).zip(input.scores.chunks(size)).filter_map(|(times, scores)| {
        let best =
            (0..scores.len()).filter(|i| scores[*i].is_finite()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]))?;
        Some((times[best] as f64, scores[best]))
    })
}
