//! How often each cluster occurs, as a running average.

use super::axis::{Axis, HEADER, Panel, header, legend, number};
use super::canvas::{Canvas, Rect, Stroke};
use super::counts::{Group, pieces};
use super::map::MAX_NAMED;
use super::palette::{ABSENT, Rgb, cluster, cluster_name};
use super::rows::Rows;
use super::series::{running_mean, thinned};
use super::time_axis::{FOOTER, draw_time, span_words, time_axis};
use scatterfall_timestamps::Micros;

const WIDTH: u32 = 1600;
const LEFT: f64 = 110.0;

/// Share of the rows in each cluster over time, as a running average that does not reach across gaps.
pub fn detection_rate(rows: &Rows<'_>) -> Canvas {
    let mut canvas = Canvas::new(WIDTH, 620);
    let (from, to) = rows.span();
    let rect = Rect::new(LEFT, HEADER + 34.0, 1534.0, 620.0 - FOOTER);
    let images = rows.image_times();
    let clusters = rows.labels.iter().copied().max().unwrap_or(-1).min(MAX_NAMED - 1) + 1;
    let window = nice_window(to - from, rows.duration);
    let window_images = (window / rows.duration.max(1)).max(1) as usize;
    let held = pieces(&images, rows.duration);
    let lines: Vec<Vec<(f64, f64)>> = (0..clusters)
        .map(|label| {
            let shares = shares(rows, &images, label);
            let of_piece = |piece: &Group| {
                let mean = running_mean(&shares[piece.images.clone()], window_images);
                let points = piece.images.clone().zip(mean);
                let at = |(i, share): (usize, f64)| (images[i].saturating_add(rows.duration / 2) as f64, share);
                let mut points: Vec<_> = points.map(at).collect();
                points.push((piece.to as f64, f64::NAN));
                points
            };
            held.iter().flat_map(of_piece).collect()
        })
        .collect();
    let highest = lines.iter().flatten().map(|p| p.1).filter(|v| v.is_finite()).fold(0.0, f64::max);
    let panel = Panel { rect, x: time_axis(from, to), y: Axis::linear(0.0, (highest * 1.06).max(0.01)) };
    for pair in held.windows(2) {
        let (left, right) = (panel.px(pair[0].to as f64), panel.px(pair[1].from as f64));
        canvas.fill(Rect::new(left, rect.top, right.max(left + 1.0), rect.bottom), ABSENT, 1.0);
    }
    draw_time(&panel, &mut canvas, "time (UTC)");
    let mut ticks = panel.y.ticks(7);
    ticks.iter_mut().for_each(|t| t.label = format!("{} %", number((t.at * 1e6).round() / 1e4, 1.0)));
    panel.draw_y(&mut canvas, &ticks, "share of the rows");
    for (label, line) in (0..).zip(&lines) {
        panel.line(&mut canvas, thinned(&panel, line), Stroke::new(cluster(label), 2.5));
    }
    panel.frame(&mut canvas);
    let words = format!("share of the rows, running average over {}", span_words(window));
    header(&mut canvas, LEFT, "How often each cluster occurs", &words);
    let mut entries: Vec<(Rgb, String)> = (0..clusters).map(|l| (cluster(l), cluster_name(l))).collect();
    if held.len() > 1 {
        entries.push((ABSENT, "no images".to_owned()));
    }
    legend(&mut canvas, (LEFT, HEADER), 1580.0, &entries);
    canvas
}

/// Share of each image's rows that have a label.
fn shares(rows: &Rows<'_>, images: &[Micros], label: i32) -> Vec<f64> {
    let mut row = 0;
    images
        .iter()
        .map(|&time| {
            let begin = row;
            while row < rows.times.len() && rows.times[row] == time {
                row += 1;
            }
            let n = rows.labels[begin..row].iter().filter(|&&l| l == label).count();
            n as f64 / (row - begin).max(1) as f64
        })
        .collect()
}

/// A round length near a fiftieth of the span, five images at least.
fn nice_window(span: Micros, duration: Micros) -> Micros {
    const MINUTE: Micros = 60_000_000;
    const ROUND: [Micros; 11] = [1, 2, 5, 10, 30, 60, 120, 360, 720, 1_440, 10_080];
    let least = duration.saturating_mul(5);
    let target = (span / 50).max(least);
    ROUND.iter().map(|m| m * MINUTE).filter(|&w| w >= least).min_by_key(|w| w.abs_diff(target)).unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::{check_texts, count, says};
    use super::super::map::tests::{Example, MINUTE};
    use super::*;
    use scatterfall_timestamps::DAY_US;

    #[test]
    fn rates_fit_at_any_length() {
        for (minutes, clusters) in [(1, 1), (20, 3), (1_440, 12), (43_200, 6), (2_000, 40)] {
            let example = Example::new(minutes, clusters);
            let rows = example.rows();
            let canvas = detection_rate(&rows);
            check_texts(&canvas);
            assert!(says(&canvas, "time (UTC)") && says(&canvas, "share of the rows"), "axes");
            let picture = canvas.finish().expect("drawn");
            assert!(count(&picture, cluster(0)) > 200, "a line at {minutes} minutes");
        }
        check_texts(&detection_rate(&Example::default().rows()));
    }

    #[test]
    fn shares_are_of_each_image() {
        let rows = Rows {
            times: &[0, 0, MINUTE, MINUTE],
            distance: &[0.0; 4],
            labels: &[1, 0, 1, 1],
            scores: &[],
            duration: MINUTE,
            segment_km: 1.0,
        };
        assert_eq!(shares(&rows, &rows.image_times(), 1), [0.5, 1.0], "one of two, two of two");
    }

    #[test]
    fn windows_are_round() {
        assert_eq!(nice_window(20 * MINUTE, MINUTE), 5 * MINUTE, "five images at least");
        assert_eq!(nice_window(DAY_US, MINUTE), 30 * MINUTE, "a day");
        assert_eq!(nice_window(30 * DAY_US, MINUTE), 720 * MINUTE, "a month");
    }
}
