//! What the clusters are: their centres as a heat map, and how many of them the criteria prefer.

use ndarray::ArrayView2;

use super::axis::{Axis, HEADER, Panel, Tick, color_bar, header};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{INK, NO_CLUSTER, Rgb, SOFT, WHITE, cluster, cluster_name, diverging, shade};
use super::text::{Anchor, Text, text_width};

/// Rows of a heat map or table beyond this are not drawn.
const MAX_ROWS: usize = 40;

/// The clusters' centres in the components, with the clusters' sizes. `centers`: (clusters, components); `sizes`:
/// rows per cluster; `component`: what a column is called (`IC`).
pub fn centroids(centers: ArrayView2<'_, f64>, sizes: &[usize], component: &str) -> Canvas {
    let (all, columns) = centers.dim();
    let rows = all.min(MAX_ROWS);
    let (cell_w, cell_h) = ((900.0 / columns.max(1) as f64).clamp(8.0, 150.0), if rows > 12 { 30.0 } else { 56.0 });
    let (left, width, height) = (270.0, cell_w * columns.max(1) as f64, cell_h * rows.max(1) as f64);
    let rect = Rect::new(left, HEADER, left + width, HEADER + height.max(160.0));
    let cell_h = rect.height() / rows.max(1) as f64;
    let mut canvas = Canvas::new((rect.right + 160.0).max(780.0) as u32, (rect.bottom + 78.0) as u32);
    let reach = centers.iter().filter(|v| v.is_finite()).fold(0.0f64, |m, v| m.max(v.abs())).max(1e-12);
    let colors = diverging();
    let value = |row: usize, column: usize| centers[[row, column]];
    canvas.cells(rect, (columns, rows), |column, row| {
        let v = value(row, column);
        Some(if v.is_finite() { shade(&colors, v, -reach, reach) } else { NO_CLUSTER })
    });
    for row in 0..rows {
        let y = rect.top + (row as f64 + 0.5) * cell_h;
        let label = i32::try_from(row).unwrap_or(i32::MAX);
        canvas.fill(Rect::new(left - 22.0, y - 8.0, left - 6.0, y + 8.0), cluster(label), 1.0);
        let size = sizes.get(row).map_or(String::new(), |n| format!(" ({n} rows)"));
        let text = cluster_name(label) + &size;
        canvas.text(&text, (left - 30.0, y), Text::new(18.0).anchor(Anchor::End));
        for column in (0..columns).filter(|_| cell_w > 64.0 && cell_h > 24.0) {
            let v = value(row, column);
            let at = (left + (column as f64 + 0.5) * cell_w, y);
            let style = Text::new(18.0).anchor(Anchor::Middle).color(readable_on(shade(&colors, v, -reach, reach)));
            // Adding 0 takes the sign off a zero.
            let rounded = (v * 100.0).round() / 100.0 + 0.0;
            canvas.text(&format!("{rounded:.2}").replace('-', "−"), at, style);
        }
    }
    let panel = Panel { rect, x: Axis::linear(0.5, columns as f64 + 0.5), y: Axis::linear(0.0, 1.0) };
    let every = columns.div_ceil((width / 60.0) as usize + 1).max(1);
    for column in (1..=columns).step_by(every) {
        let at = (panel.px(column as f64), rect.bottom + 20.0);
        canvas.text(&format!("{component} {column}"), at, Text::new(18.0).anchor(Anchor::Middle));
    }
    let title = if component == "IC" { "independent component" } else { "component" };
    let at = ((rect.left + rect.right) / 2.0, rect.bottom + 52.0);
    canvas.text(title, at, Text::new(20.0).anchor(Anchor::Middle));
    panel.frame(&mut canvas);
    let bar = Rect::new(rect.right + 26.0, rect.top, rect.right + 50.0, rect.bottom);
    color_bar(&mut canvas, bar, &colors, (-reach, reach), "centre (standard deviations)");
    let cut = if rows < all { format!("; the first {rows} of {all}") } else { String::new() };
    header(&mut canvas, 40.0, "Centres of the clusters", &format!("in the components that were clustered{cut}"));
    canvas
}

/// Ink on light colours, white on dark ones.
fn readable_on([r, g, b]: Rgb) -> Rgb {
    let luminance = 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b);
    if luminance > 140.0 { INK } else { WHITE }
}

/// One candidate of a model selection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Number of components.
    pub components: usize,
    /// Mean log-likelihood a row.
    pub log_likelihood: f64,
    /// Akaike's criterion.
    pub aic: f64,
    /// The Bayesian criterion.
    pub bic: f64,
}

/// AIC and BIC against the number of components, with the table of their values; `chosen`: the number taken.
pub fn selection(candidates: &[Candidate], chosen: usize) -> Canvas {
    const ROW: f64 = 30.0;
    let shown = &candidates[..candidates.len().min(MAX_ROWS)];
    let bottom = (HEADER + ROW * (shown.len() + 1) as f64).max(500.0);
    let mut canvas = Canvas::new(1500, (bottom + 78.0) as u32);
    let numbers = shown.iter().map(|c| c.components as f64);
    let panel = Panel {
        rect: Rect::new(150.0, HEADER, 800.0, bottom),
        x: Axis::around(numbers.clone(), 0.05),
        y: Axis::around(shown.iter().flat_map(|c| [c.aic, c.bic]), 0.08),
    };
    let every = shown.len().div_ceil(12).max(1);
    let ticks: Vec<Tick> = shown
        .iter()
        .step_by(every)
        .map(|c| Tick { at: c.components as f64, label: c.components.to_string() })
        .collect();
    panel.draw_x(&mut canvas, &ticks, "number of components");
    panel.draw_y(&mut canvas, &panel.y.ticks(7), "criterion (lower is better)");
    if let Some(c) = shown.iter().find(|c| c.components == chosen) {
        let x = panel.px(c.components as f64);
        canvas.line(&[(x, panel.rect.top), (x, panel.rect.bottom)], Stroke::new(SOFT, 2.0));
    }
    for (color, of) in [(cluster(0), (|c: &Candidate| c.aic) as fn(&Candidate) -> f64), (cluster(5), |c| c.bic)] {
        let points = shown.iter().map(|c| (c.components as f64, of(c)));
        panel.line(&mut canvas, points.clone(), Stroke::new(color, 2.5));
        for point in points.filter(|p| p.1.is_finite()) {
            canvas.dot(panel.at(point), 5.0, color, 1.0);
        }
    }
    panel.frame(&mut canvas);
    let entries = [(cluster(0), "AIC".to_owned()), (cluster(5), "BIC".to_owned()), (SOFT, "chosen".to_owned())];
    super::axis::legend(&mut canvas, (panel.rect.right - 260.0, 66.0), 1500.0, &entries);
    let columns = [960.0, 1140.0, 1300.0, 1460.0];
    let lowest = |of: fn(&Candidate) -> f64| shown.iter().map(of).fold(f64::INFINITY, f64::min);
    let (best_aic, best_bic) = (lowest(|c| c.aic), lowest(|c| c.bic));
    let y = HEADER + ROW / 2.0;
    for (x, words) in columns.into_iter().zip(["components", "log-likelihood", "AIC", "BIC"]) {
        canvas.text(words, (x, y), Text::new(18.0).color(SOFT).anchor(Anchor::End));
    }
    for (i, c) in shown.iter().enumerate() {
        let y = y + ROW * (i + 1) as f64;
        if c.components == chosen {
            canvas.fill(Rect::new(840.0, y - ROW / 2.0, 1470.0, y + ROW / 2.0), [232, 238, 246], 1.0);
        }
        let cells = [
            (c.components.to_string(), false),
            (format!("{:.4}", c.log_likelihood), false),
            (format!("{:.1}", c.aic), c.aic == best_aic),
            (format!("{:.1}", c.bic), c.bic == best_bic),
        ];
        for (x, (words, best)) in columns.into_iter().zip(cells) {
            let words = words.replace('-', "−");
            canvas.text(&words, (x, y), Text::new(18.0).anchor(Anchor::End));
            if best {
                let from = x - text_width(&words, 18.0);
                canvas.line(&[(from, y + 11.0), (x, y + 11.0)], Stroke::new(INK, 1.5));
            }
        }
    }
    header(
        &mut canvas,
        panel.rect.left,
        "Choice of the number of Gaussian components",
        "underlined: the lowest of its column",
    );
    canvas
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::{check_texts, count, says};
    use super::*;
    use ndarray::Array2;

    #[test]
    fn centroid_maps_fit() {
        for (clusters, components) in [(1, 1), (6, 5), (12, 40), (60, 3), (0, 5)] {
            let mut centers = Array2::from_shape_fn((clusters, components), |(i, k)| i as f64 * 0.7 - k as f64 * 0.4);
            if clusters > 3 {
                centers[[2, 1]] = f64::NAN;
            }
            let canvas = centroids(centers.view(), &vec![123_456; clusters], "IC");
            check_texts(&canvas);
            assert!(says(&canvas, "independent component"), "axis");
        }
        let canvas = centroids(Array2::from_elem((2, 2), 1.0).view(), &[1, 1], "IC");
        assert!(
            count(&canvas.finish().expect("drawn"), diverging()[255]) > 10_000,
            "the largest takes the scale's end"
        );
    }

    #[test]
    fn selection_tables_fit() {
        let candidate = |components: usize| Candidate {
            components,
            log_likelihood: -7.5 + 0.1 * components as f64,
            aic: -1_234_567.8 - 500.0 * components as f64,
            bic: -1_234_567.8 + (components as f64 - 5.0).powi(2) * 90.0,
        };
        for n in [0, 1, 9, 60] {
            let canvas = selection(&(2..2 + n).map(candidate).collect::<Vec<_>>(), 5);
            check_texts(&canvas);
            assert!(says(&canvas, "number of components"), "axis");
        }
    }
}
