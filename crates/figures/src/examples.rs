//! Typical and worst examples of a cluster.

use std::ops::Range;

use super::axis::{Axis, HEADER, Panel, Tick, color_bar, header};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{INK, SOFT, cluster_name, table};
use super::text::{Anchor, Text};
use super::waterfall::{Scene, Waterfall, capital};
use scatterfall_timestamps::iso;

/// One row with the image it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// The image.
    pub image: Waterfall<'a>,
    /// Where its segment begins, km.
    pub distance_km: f64,
    /// Its anomaly score.
    pub score: f64,
}

/// Cropped waterfalls of one cluster: the rows nearest its centre, and those with the highest scores. At most five of
/// each are drawn.
pub fn examples(label: i32, typical: &[Example<'_>], worst: &[Example<'_>], scene: &Scene<'_>) -> Canvas {
    const TILE: f64 = 262.0;
    const HIGH: f64 = 190.0;
    const LEFT: f64 = 78.0;
    let mut canvas = Canvas::new(1660, 900);
    let colors = table(scene.colormap);
    for (row, (name, list)) in [("nearest to the centre", typical), ("highest scores", worst)].into_iter().enumerate() {
        let top = HEADER + 40.0 + row as f64 * 400.0;
        canvas.text(name, (LEFT, top - 22.0), Text::new(20.0));
        if list.is_empty() {
            canvas.text("none", (LEFT, top + 20.0), Text::new(18.0).color(SOFT));
        }
        for (i, example) in list.iter().take(5).enumerate() {
            let left = LEFT + i as f64 * (TILE + 24.0);
            let rect = Rect::new(left, top, left + TILE, top + HIGH);
            let from = example.distance_km;
            let panel =
                Panel { rect, x: Axis::linear(from, from + scene.segment_km), y: Axis::linear(scene.duration_s, 0.0) };
            example.image.paint_columns(&mut canvas, rect, &colors, columns_of(&example.image, scene, from));
            // The first and the last tick of neighbours would meet: those inside are enough.
            let inner: Vec<Tick> =
                panel.x.ticks(5).into_iter().filter(|t| (0.08..0.92).contains(&panel.x.place(t.at))).collect();
            for tick in &inner {
                let x = panel.px(tick.at);
                canvas.line(&[(x, rect.bottom), (x, rect.bottom + 6.0)], Stroke::new(INK, 1.0));
                canvas.text(&tick.label, (x, rect.bottom + 19.0), Text::new(17.0).anchor(Anchor::Middle));
            }
            canvas.text(
                "distance (km)",
                (left + TILE / 2.0, rect.bottom + 44.0),
                Text::new(17.0).anchor(Anchor::Middle),
            );
            for tick in panel.y.ticks(4).iter().filter(|_| i == 0) {
                let y = panel.py(tick.at);
                canvas.line(&[(left - 6.0, y), (left, y)], Stroke::new(INK, 1.0));
                canvas.text(&tick.label, (left - 10.0, y), Text::new(17.0).anchor(Anchor::End));
            }
            if i == 0 {
                canvas.text(
                    "time (s)",
                    (left - 56.0, top + HIGH / 2.0),
                    Text::new(17.0).anchor(Anchor::Middle).upwards(),
                );
            }
            panel.frame(&mut canvas);
            canvas.text(&iso(example.image.time), (left, rect.bottom + 74.0), Text::new(17.0));
            let score =
                if example.score.is_finite() { format!("score {:.3}", example.score) } else { "no score".to_owned() };
            canvas.text(&score.replace('-', "−"), (left, rect.bottom + 100.0), Text::new(17.0).color(SOFT));
        }
    }
    color_bar(&mut canvas, Rect::new(1516.0, HEADER + 40.0, 1532.0, HEADER + 40.0 + HIGH), &colors, scene.db, "dB");
    let title = format!("{}: typical and worst examples", capital(&cluster_name(label)));
    header(&mut canvas, LEFT, &title, "the segment of the row, cut out of its image");
    canvas
}

/// The columns of an image that a segment at `from` km covers; at least one.
fn columns_of(image: &Waterfall<'_>, scene: &Scene<'_>, from: f64) -> Range<usize> {
    let (left, right) = scene.distance_km;
    let column = |km: f64| {
        ((km - left) / (right - left) * image.columns as f64).round().clamp(0.0, image.columns as f64) as usize
    };
    let first = column(from).min(image.columns.saturating_sub(1));
    first..column(from + scene.segment_km).max(first + 1).min(image.columns.max(1))
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::{check_texts, says};
    use super::super::waterfall::tests::{SCENE, image};
    use super::*;

    #[test]
    fn examples_fit() {
        let indices = vec![200; 53 * 200];
        let example =
            |i: i32| Example { image: image(&indices), distance_km: f64::from(i) * 2.4, score: f64::from(i) * 1000.0 };
        for n in [0, 1, 5, 9] {
            let list: Vec<Example<'_>> = (0..n).map(example).collect();
            let canvas = examples(3, &list, &list, &SCENE);
            check_texts(&canvas);
            assert!(says(&canvas, "Cluster 3"), "title");
        }
        let columns = |km| columns_of(&image(&indices), &SCENE, km);
        assert_eq!(
            (columns(0.0), columns(17.0), columns(40.0)),
            (0..30, 170..200, 199..200),
            "3 of 20 km are 30 of 200 columns"
        );
    }
}
