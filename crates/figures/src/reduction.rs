//! Principal and independent components.

use ndarray::ArrayView2;

use super::axis::{Axis, HEADER, Panel, Tick, color_bar, header, shaded};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{Rgb, cluster, ramp};
use super::series::{binned_mean, decimated};
use super::text::{Anchor, Text};
use super::time_axis::{FOOTER, counted, draw_time, mark_time, panel_ticks, time_axis};
use scatterfall_timestamps::{Micros, iso};

/// Which reduction the components come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whitened principal components.
    Principal,
    /// Independent components of unit variance.
    Independent,
}

impl Kind {
    fn adjective(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Independent => "independent",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Principal => "Principal components",
            Self::Independent => "Independent components",
        }
    }
}

/// More components than this are not drawn along the rows.
const MAX_PANELS: usize = 12;
const PANEL_HEIGHT: f64 = 120.0;

/// Bars of each component's share of the variance, and the cumulative share. `ratio`: shares, largest first.
pub fn explained_variance(ratio: &[f64]) -> Canvas {
    let mut canvas = Canvas::new(1000, 640);
    let panel = Panel {
        rect: Rect::new(110.0, HEADER, 960.0, 560.0),
        x: Axis::linear(0.4, ratio.len() as f64 + 0.6),
        y: Axis::linear(0.0, 1.0),
    };
    let every = ratio.len().div_ceil(16).max(1);
    let number = |i: usize| Tick { at: i as f64, label: i.to_string() };
    panel.draw_x(&mut canvas, &(1..=ratio.len()).step_by(every).map(number).collect::<Vec<_>>(), "principal component");
    let percent = |i: u32| Tick { at: f64::from(i) / 5.0, label: format!("{} %", i * 20) };
    panel.draw_y(&mut canvas, &(0..=5).map(percent).collect::<Vec<_>>(), "explained variance");
    let mut sum = 0.0;
    let mut line = Vec::new();
    for (i, share) in ratio.iter().enumerate() {
        let x = (i + 1) as f64;
        let bar = Rect::new(panel.px(x - 0.36), panel.py(share.clamp(0.0, 1.0)), panel.px(x + 0.36), panel.rect.bottom);
        canvas.fill(bar, cluster(4), 1.0);
        sum += share;
        line.push((x, sum));
    }
    panel.line(&mut canvas, line.iter().copied(), Stroke::new(cluster(0), 2.5));
    for &point in &line {
        let at = panel.at(point);
        canvas.dot(at, 5.5, cluster(0), 1.0);
        if ratio.len() <= 10 {
            // Under the line where its top would leave the panel.
            let y = if at.1 < panel.rect.top + 40.0 { at.1 + 24.0 } else { at.1 - 20.0 };
            // Ends at the point: the rising line passes on the right.
            canvas.text(&format!("{:.1} %", point.1 * 100.0), (at.0 + 8.0, y), Text::new(18.0).anchor(Anchor::End));
        }
    }
    panel.frame(&mut canvas);
    let subtitle = format!("bars: each component; line: cumulative, {:.1} % with all {}", sum * 100.0, ratio.len());
    header(&mut canvas, panel.rect.left, "Explained variance of the principal components", &subtitle);
    canvas
}

/// Every component over time, one panel each. `values`: (rows, components); `times`: (rows), ascending, the starts of the rows'
/// images, which span `duration`.
///
/// The rows of one image, which lie at different places, follow each other within its time.
pub fn over_time(values: ArrayView2<'_, f64>, times: &[Micros], duration: Micros, kind: Kind) -> Canvas {
    let (rows, components) = values.dim();
    let drawn = components.min(MAX_PANELS);
    let bottom = HEADER + drawn.max(1) as f64 * PANEL_HEIGHT;
    let mut canvas = Canvas::new(1600, (bottom + FOOTER) as u32);
    let at = moments(times, duration);
    let (from, to) = (times.first().copied().unwrap_or(0), times.last().copied().unwrap_or(0).saturating_add(duration));
    for k in 0..drawn {
        let top = HEADER + k as f64 * PANEL_HEIGHT;
        let rect = Rect::new(150.0, top, 1550.0, top + PANEL_HEIGHT - 10.0);
        let column = values.column(k);
        let points = decimated(column.iter().copied(), rect.width() as usize);
        let panel = Panel {
            rect,
            x: time_axis(from, to.max(from.saturating_add(1))),
            y: Axis::around(points.iter().map(|p| p.1), 0.08),
        };
        if k + 1 == drawn {
            draw_time(&panel, &mut canvas, "time (UTC)");
        } else {
            mark_time(&panel, &mut canvas, &panel_ticks(&panel));
        }
        panel.draw_y(&mut canvas, &panel.y.ticks(4), &format!("{} {}", short(kind), k + 1));
        let crowded = points.len() < rows;
        let (color, width) = if crowded { ([178, 212, 236], 1.0) } else { (cluster(0), 1.2) };
        panel.line(&mut canvas, timed(points.iter().copied(), &at, duration), Stroke::new(color, width));
        if crowded {
            let means = binned_mean(column.iter().copied(), 350);
            panel.line(&mut canvas, timed(means.into_iter(), &at, duration), Stroke::new(cluster(0), 1.8));
        }
        panel.frame(&mut canvas);
    }
    let span = match (times.first(), times.last()) {
        (Some(&a), Some(&b)) => format!("; {} to {}", iso(a), iso(b)),
        _ => String::new(),
    };
    let words = if rows > 2 * 1_400 { "; light: range of each pixel, dark: mean of 350 parts" } else { "" };
    let all = if drawn < components { format!("; the first {drawn} of {components}") } else { String::new() };
    header(&mut canvas, 150.0, &format!("{} over time", kind.title()), &(counted(rows, "row") + &span + &all + words));
    canvas
}

/// The time of each row: within its image, in the order of the rows.
fn moments(times: &[Micros], duration: Micros) -> Vec<f64> {
    let mut out = Vec::with_capacity(times.len());
    for image in times.chunk_by(PartialEq::eq) {
        let step = duration as f64 / image.len() as f64;
        out.extend((0..image.len()).map(|i| image[0] as f64 + (i as f64 + 0.5) * step));
    }
    out
}

/// Points `(row, value)` as `(time, value)`, with a break where there are no images.
fn timed(points: impl Iterator<Item = (f64, f64)>, at: &[f64], duration: Micros) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::new();
    let mut last: Option<usize> = None;
    for (row, value) in points {
        let row = (row as usize).min(at.len().saturating_sub(1));
        let Some(&time) = at.get(row) else { continue };
        let gap = |before: usize| at[before..=row].windows(2).any(|w| w[1] - w[0] > 1.5 * duration as f64);
        if last.is_some_and(gap) {
            out.push((time, f64::NAN));
        }
        out.push((time, value));
        last = Some(row);
    }
    out
}

fn short(kind: Kind) -> &'static str {
    match kind {
        Kind::Principal => "PC",
        Kind::Independent => "IC",
    }
}

/// The first two components against each other, coloured by distance or time. `values`: (rows, components, 2 or more);
/// `by`: (rows), `name_of_by`: what that is, with its unit.
pub fn first_two(values: ArrayView2<'_, f64>, by: &[f64], name_of_by: &str, kind: Kind) -> Canvas {
    let mut canvas = Canvas::new(1000, 860);
    let rect = Rect::new(120.0, HEADER, 850.0, 780.0);
    let name = |k: u8| format!("{} component {k}", kind.adjective());
    let title = format!("{}: the first two", kind.title());
    if values.ncols() < 2 {
        let panel = Panel { rect, x: Axis::linear(0.0, 1.0), y: Axis::linear(0.0, 1.0) };
        panel.note(&mut canvas, "there is only one component");
        panel.frame(&mut canvas);
        header(&mut canvas, rect.left, &title, "");
        return canvas;
    }
    let (x, y) = (values.column(0), values.column(1));
    let panel = Panel { rect, x: Axis::around(x.iter().copied(), 0.04), y: Axis::around(y.iter().copied(), 0.04) };
    panel.draw_x(&mut canvas, &panel.x.ticks(8), &name(1));
    panel.draw_y(&mut canvas, &panel.y.ticks(8), &name(2));
    let colors = ramp("viridis");
    let scale = Axis::around(by.iter().copied(), 0.0);
    let n = values.nrows();
    let (radius, alpha) = match n {
        0..=1_000 => (4.0, 0.9),
        1_001..=20_000 => (2.5, 0.8),
        _ => (1.5, 0.7),
    };
    let color = |i: usize| -> Option<Rgb> { shaded(&colors, *by.get(i)?, (scale.from, scale.to)) };
    for i in scattered(n) {
        if let (Some(color), true) = (color(i), x[i].is_finite() && y[i].is_finite()) {
            canvas.dot(panel.at((x[i], y[i])), radius, color, alpha);
        }
    }
    panel.frame(&mut canvas);
    color_bar(&mut canvas, Rect::new(874.0, HEADER, 898.0, 780.0), &colors, (scale.from, scale.to), name_of_by);
    header(&mut canvas, rect.left, &title, &counted(n, "row"));
    canvas
}

/// All of `0..n` in an order that jumps about: rows drawn in their own order would hide the early ones.
fn scattered(n: usize) -> impl Iterator<Item = usize> {
    const STRIDE: usize = 7_919;
    let stride = if n.is_multiple_of(STRIDE) { 1 } else { STRIDE };
    (0..n).scan(0, move |at, _| {
        let i = *at;
        *at = (*at + stride) % n;
        Some(i)
    })
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::{check_texts, count, says};
    use super::*;
    use ndarray::Array2;

    fn example(rows: usize, components: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, components), |(i, k)| {
            if i % 97 == 5 { f64::NAN } else { ((i * (k + 3)) as f64 * 0.1).sin() * 10f64.powi(k as i32) }
        })
    }

    #[test]
    fn variance_pictures_fit() {
        for ratio in [&[0.61, 0.2, 0.09, 0.04, 0.02][..], &[1.0], &[0.03; 30], &[]] {
            let canvas = explained_variance(ratio);
            check_texts(&canvas);
            assert!(says(&canvas, "explained variance"), "axis");
            let bars = count(&canvas.finish().expect("drawn"), cluster(4));
            assert!(ratio.is_empty() || bars > 1_000, "bars are there: {bars}");
        }
    }

    #[test]
    fn component_pictures_fit() {
        for (rows, components) in [(1, 1), (40, 2), (5_000, 5), (300, 20)] {
            let values = example(rows, components);
            let distance: Vec<f64> = (0..rows).map(|i| (i % 8) as f64 * 2.4).collect();
            for kind in [Kind::Principal, Kind::Independent] {
                let times: Vec<Micros> = (0..rows as i64).map(|i| i / 8 * 60_000_000).collect();
                let canvas = over_time(values.view(), &times, 60_000_000, kind);
                check_texts(&canvas);
                assert!(says(&canvas, "time (UTC)"), "axis");
                let canvas = first_two(values.view(), &distance, "distance (km)", kind);
                check_texts(&canvas);
                assert!(components < 2 || says(&canvas, "distance (km)"), "colour bar");
            }
        }
    }

    #[test]
    fn a_line_breaks_where_there_are_no_images() {
        const MINUTE: Micros = 60_000_000;
        let at = moments(&[0, 0, MINUTE, 10 * MINUTE], MINUTE);
        assert_eq!(at, [15e6, 45e6, 90e6, 630e6], "rows of an image share its time");
        let line = timed([(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0)].into_iter(), &at, MINUTE);
        assert_eq!(line.len(), 5, "one break");
        assert!(line[3].1.is_nan() && line[4] == (630e6, 4.0), "before the image behind the gap");
    }

    #[test]
    fn every_row_is_drawn_once() {
        for n in [0, 1, 10, 7_919, 20_000] {
            let mut seen: Vec<usize> = scattered(n).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..n), "{n} rows");
        }
    }
}
