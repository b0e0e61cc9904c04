//! Waveforms of the segments that are nearest to each cluster's centre.

use super::axis::{HEADER, header};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{INK, cluster};
use super::scattergram::Extent;
use super::text::Text;
use scatterfall_timestamps::{Micros, iso};

const LEFT: f64 = 120.0;
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 120.0;
const GAP: f64 = 24.0;
/// Waveforms of a cluster.
pub const COLUMNS: usize = 3;

/// One waveform: its start, and the lowest and highest samples of each of its columns.
pub type Waveform = (Micros, Vec<Extent>);

/// Draws a row per cluster: its number, and up to [`COLUMNS`] waveforms, each as high as its panel.
pub fn cluster_waveforms(channel: &str, clusters: &[(i32, Vec<Waveform>)]) -> Canvas {
    let height = HEADER + clusters.len().max(1) as f64 * (HEIGHT + GAP) + GAP;
    let mut canvas = Canvas::new(1600, height as u32);
    header(
        &mut canvas,
        LEFT,
        &format!("Waveforms of the clusters, {channel}"),
        "nearest to each centre; scaled to their panels",
    );
    for (row, (label, waveforms)) in clusters.iter().enumerate() {
        let top = HEADER + GAP + row as f64 * (HEIGHT + GAP);
        canvas.text(&label.to_string(), (LEFT - 50.0, top + HEIGHT / 2.0), Text::new(24.0));
        for (column, (time, extents)) in waveforms.iter().take(COLUMNS).enumerate() {
            let left = LEFT + column as f64 * (WIDTH + GAP);
            let rect = Rect::new(left, top, left + WIDTH, top + HEIGHT);
            draw(&mut canvas, rect, extents, *label);
            canvas.text(&iso(*time), (left, top - 6.0), Text::new(14.0));
        }
    }
    canvas
}

fn draw(canvas: &mut Canvas, rect: Rect, extents: &[Extent], label: i32) {
    let largest = extents.iter().map(|e| e.high.abs().max(e.low.abs())).fold(f32::MIN_POSITIVE, f32::max);
    let middle = (rect.top + rect.bottom) / 2.0;
    let y = |value: f32| middle - f64::from(value / largest) * HEIGHT / 2.0;
    let step = WIDTH / extents.len().max(1) as f64;
    let points: Vec<(f64, f64)> = extents
        .iter()
        .enumerate()
        .flat_map(|(i, e)| [e.low, e.high].map(|value| (rect.left + (i as f64 + 0.5) * step, y(value))))
        .collect();
    canvas.line(&[(rect.left, middle), (rect.right, middle)], Stroke::new(INK, 0.5));
    if points.len() > 1 {
        canvas.line(&points, Stroke::new(cluster(label), 1.0));
    }
}
