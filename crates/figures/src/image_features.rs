//! One image beside its features and clusters, over distance.

use super::axis::{Axis, HEADER, LABEL, Panel, color_bar, header, legend, shaded};
use super::canvas::{Canvas, Rect, Stroke};
use super::map::MAX_NAMED;
use super::palette::{INK, NO_CLUSTER, Rgb, WHITE, cluster, cluster_name, ramp, table};
use super::series::quantile;
use super::text::{Anchor, Text, text_width};
use super::waterfall::{Scene, Waterfall};
use scatterfall_timestamps::iso;

/// One image with its features and clusters over distance. Parts that are `None` or empty are left out.
#[derive(Clone, Copy, Debug)]
pub struct ImageFeatures<'a> {
    /// The image.
    pub image: Waterfall<'a>,
    /// Name of the file.
    pub name: &'a str,
    /// Centre of each window in km, for the features' lines.
    pub distance: &'a [f64],
    /// Standard deviation of each window (colour indices).
    pub std: Option<&'a [f32]>,
    /// Gabor response of each pixel, `(rows, columns)` of the image, and its mean in each window.
    pub gabor: Option<(&'a [f32], &'a [f32])>,
    /// Dominant frequency of each window, Hz.
    pub dominant_frequency: Option<&'a [f32]>,
    /// Further features of each window: name, unit, values.
    pub others: &'a [(&'a str, &'a str, &'a [f32])],
    /// Where each segment begins in km, and its cluster.
    pub segments: &'a [(f64, i32)],
    /// Number of clusters of the whole run, for the legend.
    pub clusters: usize,
}

/// Panels over distance: waterfall with standard deviation, Gabor response with its mean, waterfall with dominant
/// frequency, the same with each further feature; clusters of the segments.
pub fn features_clusters(input: &ImageFeatures<'_>, scene: &Scene<'_>) -> Canvas {
    const EACH: f64 = 250.0;
    const BAND: f64 = 110.0;
    let colors = table(scene.colormap);
    let response = ramp("viridis");
    let mut parts: Vec<Part<'_>> = Vec::new();
    if let Some(values) = input.std {
        parts.push(Part { title: "standard deviation", unit: "colour index", values, gabor: None });
    }
    if let Some((map, values)) = input.gabor {
        parts.push(Part { title: "Gabor response", unit: "mean response", values, gabor: Some(map) });
    }
    if let Some(values) = input.dominant_frequency {
        parts.push(Part { title: "dominant frequency", unit: "Hz", values, gabor: None });
    }
    parts.extend(input.others.iter().map(|&(title, unit, values)| Part { title, unit, values, gabor: None }));
    let band_top = HEADER + EACH * parts.len() as f64;
    let mut canvas = Canvas::new(1600, (band_top + BAND + 180.0) as u32);
    let (left, right) = (100.0, 1310.0);
    let x = Axis::linear(scene.distance_km.0, scene.distance_km.1);
    for (i, part) in parts.iter().enumerate() {
        let top = HEADER + EACH * i as f64;
        let rect = Rect::new(left, top + 26.0, right, top + EACH - 20.0);
        let under = Panel { rect, x, y: Axis::linear(scene.duration_s, 0.0) };
        under.draw_y(&mut canvas, &under.y.ticks(5), "time (s)");
        let bar = Rect::new(right + 150.0, rect.top, right + 168.0, rect.bottom);
        if let Some(map) = part.gabor {
            let finite = || map.iter().map(|&v| f64::from(v));
            let range = (0.0, quantile(finite(), 0.995).unwrap_or(1.0).max(1e-9));
            let Waterfall { rows, columns, .. } = input.image;
            canvas.cells(rect, (columns, rows), |x, y| shaded(&response, f64::from(*map.get(y * columns + x)?), range));
            color_bar(&mut canvas, bar, &response, range, "response");
        } else {
            input.image.paint(&mut canvas, rect, &colors);
            color_bar(&mut canvas, bar, &colors, scene.db, "dB");
        }
        canvas.text(part.title, (rect.left, rect.top - 14.0), Text::new(18.0));
        let points = || input.distance.iter().copied().zip(part.values.iter().map(|&v| f64::from(v)));
        let over = Panel { rect, x, y: Axis::around(points().map(|p| p.1), 0.08) };
        over.line(&mut canvas, points(), Stroke::new(WHITE, 4.5));
        over.line(&mut canvas, points(), Stroke::new([0; 3], 2.0));
        over.frame(&mut canvas);
        for x in over.x.ticks(12) {
            let x = over.px(x.at);
            canvas.line(&[(x, rect.bottom), (x, rect.bottom + 6.0)], Stroke::new(INK, 1.0));
        }
        right_axis(&over, &mut canvas, part.unit);
    }
    let rect = Rect::new(left, band_top + 30.0, right, band_top + 30.0 + BAND);
    let band = Panel { rect, x, y: Axis::linear(0.0, 1.0) };
    band.draw_x(&mut canvas, &band.x.ticks(12), "distance (km)");
    segments(&band, &mut canvas, input.segments, scene.segment_km);
    band.frame(&mut canvas);
    canvas.text("clusters of the segments", (left, rect.top - 14.0), Text::new(18.0));
    let mut entries: Vec<(Rgb, String)> =
        (0..(input.clusters as i32).min(MAX_NAMED)).map(|l| (cluster(l), cluster_name(l))).collect();
    if input.segments.iter().any(|s| s.1 < 0) {
        entries.push((NO_CLUSTER, cluster_name(-1)));
    }
    legend(&mut canvas, (left, rect.bottom + 90.0), right + 220.0, &entries);
    header(
        &mut canvas,
        left,
        input.name,
        &format!("start {}; black line: the feature, right-hand axis", iso(input.image.time)),
    );
    canvas
}

struct Part<'a> {
    title: &'a str,
    unit: &'a str,
    values: &'a [f32],
    gabor: Option<&'a [f32]>,
}

fn right_axis(panel: &Panel, canvas: &mut Canvas, title: &str) {
    let Rect { right, top, bottom, .. } = panel.rect;
    let mut widest: f64 = 0.0;
    for tick in panel.y.ticks(5) {
        let y = panel.py(tick.at);
        canvas.line(&[(right, y), (right + 6.0, y)], Stroke::new(INK, 1.0));
        canvas.text(&tick.label, (right + 10.0, y), Text::new(LABEL));
        widest = widest.max(text_width(&tick.label, LABEL));
    }
    let style = Text::new(18.0).anchor(Anchor::Middle).upwards();
    canvas.text(title, (right + 26.0 + widest, (top + bottom) / 2.0), style);
}

/// Segments as boxes in two rows by turns, because neighbours overlap.
fn segments(panel: &Panel, canvas: &mut Canvas, segments: &[(f64, i32)], segment_km: f64) {
    let Rect { left, right, top, bottom } = panel.rect;
    let half = (bottom - top) / 2.0;
    for (i, &(from, label)) in segments.iter().filter(|s| s.0.is_finite()).enumerate() {
        let y = top + half * (i % 2) as f64;
        let rect = Rect::new(panel.px(from).max(left), y + 5.0, panel.px(from + segment_km).min(right), y + half - 5.0);
        canvas.fill(rect, cluster(label), 1.0);
        canvas.outline(rect, Stroke::new(INK, 1.0));
        let name = label.to_string();
        if label >= 0 && rect.width() > text_width(&name, 18.0) + 14.0 {
            let middle = ((rect.left + rect.right) / 2.0, (rect.top + rect.bottom) / 2.0);
            canvas.dot(middle, 14.0, WHITE, 0.85);
            canvas.text(&name, middle, Text::new(18.0).anchor(Anchor::Middle));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::{check_texts, says};
    use super::super::waterfall::tests::{SCENE, image};
    use super::*;

    #[test]
    fn feature_pictures_leave_out_what_is_not_there() {
        let indices = vec![60; 53 * 200];
        let map: Vec<f32> = (0..53 * 200).map(|i| i as f32).collect();
        let (distance, values): (Vec<f64>, Vec<f32>) = (0..99).map(|i| (f64::from(i) * 0.2, (i as f32).sin())).unzip();
        let segments: Vec<(f64, i32)> = (0..8).map(|i| (f64::from(i) * 2.4, i - 1)).collect();
        let full = ImageFeatures {
            image: image(&indices),
            name: "a_20250515_000000.png",
            distance: &distance,
            std: Some(&values),
            gabor: Some((&map, &values)),
            dominant_frequency: Some(&values),
            others: &[("largest value", "colour index", &values)],
            segments: &segments,
            clusters: 7,
        };
        let canvas = features_clusters(&full, &SCENE);
        check_texts(&canvas);
        for words in [
            "standard deviation",
            "Gabor response",
            "dominant frequency",
            "largest value",
            "cluster 6",
            "no cluster",
            "Hz",
            "distance (km)",
        ] {
            assert!(says(&canvas, words), "{words}");
        }
        let bare =
            ImageFeatures { std: None, gabor: None, dominant_frequency: None, others: &[], segments: &[], ..full };
        let canvas = features_clusters(&bare, &SCENE);
        check_texts(&canvas);
        assert!(!says(&canvas, "Gabor"), "left out");
        check_texts(&features_clusters(&ImageFeatures { clusters: 40, ..full }, &SCENE));
    }
}
