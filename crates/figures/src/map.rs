//! The whole archive at a glance: cluster and score over time and distance.

use super::axis::{Axis, HEADER, LABEL, Panel, color_bar, header, legend, shaded};
use super::canvas::{Canvas, Rect, Stroke};
use super::counts::pieces;
use super::palette::{ABSENT, Rgb, WHITE, cluster, cluster_name, ramp};
use super::rows::{Map, Rows};
use super::series::quantile;
use super::text::{Anchor, Text};
use super::time_axis::{FOOTER, counted, draw_time, span_words, time_axis};

const WIDTH: u32 = 1600;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 1460.0;

/// More clusters than this are not named in legends, nor drawn as lines.
pub const MAX_NAMED: i32 = 12;

/// The cluster at each time and distance, by majority where a pixel holds several rows.
pub fn cluster_map(rows: &Rows<'_>) -> Canvas {
    let (mut canvas, panel, map) = archive(rows, 2);
    paint(&panel, &mut canvas, &map, |at| map.label[at].map(cluster));
    finish_time(&panel, &mut canvas, rows);
    let images = rows.image_times();
    let subtitle = format!(
        "{} of {}; {}",
        counted(rows.labels.len(), "row"),
        counted(images.len(), "image"),
        per_pixel(rows, &panel, "most frequent cluster")
    );
    header(&mut canvas, LEFT, "Clusters over time and distance", &subtitle);
    let highest = rows.labels.iter().copied().max().unwrap_or(-1);
    let mut entries: Vec<(Rgb, String)> =
        (0..=highest.min(MAX_NAMED - 1)).map(|l| (cluster(l), cluster_name(l))).collect();
    if highest >= MAX_NAMED {
        entries.push((WHITE, format!("… {} clusters, colours repeat", highest + 1)));
    }
    if rows.labels.iter().any(|&l| l < 0) {
        entries.push((cluster(-1), cluster_name(-1)));
    }
    if pieces(&images, rows.duration).len() > 1 {
        entries.push((ABSENT, "no images".to_owned()));
    }
    legend(&mut canvas, (LEFT, HEADER + 4.0), RIGHT + 110.0, &entries);
    canvas
}

/// The anomaly score at each time and distance, the largest where a pixel holds several rows.
pub fn score_map(rows: &Rows<'_>) -> Canvas {
    let (mut canvas, panel, map) = archive(rows, 0);
    let colors = ramp("inferno");
    // A few rows may score a thousand times the rest: the scale ends where the last thousandth of the pixels begins.
    let low = quantile(map.score.iter().copied(), 0.0).unwrap_or(0.0);
    let high = quantile(map.score.iter().copied(), 0.999).unwrap_or(1.0);
    let scale = if high > low { (low, high) } else { (low - 0.5, low + 0.5) };
    paint(&panel, &mut canvas, &map, |at| match map.label[at] {
        Some(_) => Some(shaded(&colors, map.score[at], scale).unwrap_or(cluster(-1))),
        None => None,
    });
    finish_time(&panel, &mut canvas, rows);
    let subtitle = format!(
        "{}; the scale ends at the 99.9 % quantile of the pixels; grey: no images",
        per_pixel(rows, &panel, "largest score")
    );
    header(&mut canvas, LEFT, "Anomaly score over time and distance", &subtitle);
    let bar = Rect::new(RIGHT + 26.0, panel.rect.top, RIGHT + 48.0, panel.rect.bottom);
    color_bar(&mut canvas, bar, &colors, scale, "score");
    canvas
}

fn archive(rows: &Rows<'_>, legend_rows: u32) -> (Canvas, Panel, Map) {
    let (from, to) = rows.span();
    let top = HEADER + f64::from(legend_rows) * 28.0;
    let rect = Rect::new(LEFT, top, RIGHT, top + 460.0);
    let map = Map::new(rows, rect.width() as usize);
    let (first, last) = (map.edges.first().copied().unwrap_or(0.0), map.edges.last().copied().unwrap_or(1.0));
    let panel = Panel { rect, x: time_axis(from, to), y: Axis::linear(first, last) };
    (Canvas::new(WIDTH, (rect.bottom + FOOTER) as u32), panel, map)
}

/// Fills the map's pixels; those without rows are shown as absent.
fn paint(panel: &Panel, canvas: &mut Canvas, map: &Map, color: impl Fn(usize) -> Option<Rgb>) {
    canvas.fill(panel.rect, ABSENT, 1.0);
    let n = map.places();
    for (place, edges) in map.edges.windows(2).enumerate() {
        let Rect { left, right, .. } = panel.rect;
        let strip = Rect::new(left, panel.py(edges[1]), right, panel.py(edges[0]));
        canvas.cells(strip, (map.columns, 1), |column, _| color(column * n + place));
    }
    if n == 0 {
        panel.note(canvas, "no rows");
    }
}

/// The axes of a map; no grid over it.
fn finish_time(panel: &Panel, canvas: &mut Canvas, rows: &Rows<'_>) {
    let Rect { left, right, top, bottom } = panel.rect;
    let below = Panel { rect: Rect::new(left, bottom, right, bottom), ..*panel };
    draw_time(&below, canvas, "time (UTC)");
    let ticks = panel.y.ticks(9);
    for tick in &ticks {
        let y = panel.py(tick.at);
        canvas.line(&[(left - 6.0, y), (left, y)], Stroke::new(super::palette::INK, 1.0));
        canvas.text(&tick.label, (left - 11.0, y), Text::new(LABEL).anchor(Anchor::End));
    }
    let title = if rows.segment_km > 0.0 { "start of segment (km)" } else { "distance (km)" };
    canvas.text(title, (left - 72.0, (top + bottom) / 2.0), Text::new(20.0).anchor(Anchor::Middle).upwards());
    panel.frame(canvas);
}

fn per_pixel(rows: &Rows<'_>, panel: &Panel, what: &str) -> String {
    let (from, to) = rows.span();
    let pixel = ((to - from) as f64 / panel.rect.width()) as i64;
    if pixel > rows.duration {
        format!("{what} of each pixel ({})", span_words(pixel))
    } else {
        "every row is shown".to_owned()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::canvas::tests::{check_texts, count, says};
    use super::*;
    use scatterfall_timestamps::Micros;

    pub(in super::super) const MINUTE: Micros = 60_000_000;

    /// Rows of an archive.
    #[derive(Default)]
    pub(in super::super) struct Example {
        pub(in super::super) times: Vec<Micros>,
        distance: Vec<f64>,
        labels: Vec<i32>,
        scores: Vec<f64>,
    }

    impl Example {
        /// Images every minute with gaps, eight places each; labels from -1 to `clusters - 1`.
        pub(in super::super) fn new(minutes: i64, clusters: i32) -> Self {
            let start = scatterfall_timestamps::parse_compact("20250515_113000").expect("a valid time");
            let mut example = Self::default();
            let gap = |m: &i64| (5..8).contains(m) || (minutes / 2..minutes / 2 + minutes / 20).contains(m);
            for minute in (0..minutes).filter(|m| !gap(m)) {
                for place in 0..8 {
                    example.times.push(start + minute * MINUTE);
                    example.distance.push(f64::from(place) * 2.4);
                    example.labels.push(((minute + i64::from(place)) % i64::from(clusters + 1)) as i32 - 1);
                    example.scores.push((minute % 50) as f64);
                }
            }
            example
        }

        pub(in super::super) fn rows(&self) -> Rows<'_> {
            Rows {
                times: &self.times,
                distance: &self.distance,
                labels: &self.labels,
                scores: &self.scores,
                duration: MINUTE,
                segment_km: 3.0,
            }
        }
    }

    #[test]
    fn maps_fit_at_any_length() {
        for (minutes, clusters) in [(1, 1), (20, 3), (1_440, 12), (43_200, 6), (2_000, 40)] {
            let example = Example::new(minutes, clusters);
            let rows = example.rows();
            for canvas in [cluster_map(&rows), score_map(&rows)] {
                check_texts(&canvas);
                assert!(says(&canvas, "time (UTC)"), "axis");
                let picture = canvas.finish().expect("drawn");
                assert!(minutes < 20 || count(&picture, ABSENT) > 500, "the gap is there at {minutes} minutes");
            }
            assert_eq!(says(&cluster_map(&rows), "every row"), minutes <= 20, "said where pixels hold several");
        }
        let nothing = Example::default();
        let none = nothing.rows();
        for canvas in [cluster_map(&none), score_map(&none)] {
            check_texts(&canvas);
        }
    }
}
