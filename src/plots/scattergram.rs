//! The scattergram of a seismogram: waveform, first-order coefficients and second-order coefficients over time.

use ndarray::{ArrayView2, ArrayView3, Axis as Dimension};

use super::axis::{Axis, HEADER, Panel, color_bar, header, number, shaded};
use super::canvas::{Canvas, Rect, Stroke};
use super::counts::micros_f64;
use super::palette::{ABSENT, INK, ramp};
use super::time_axis::{FOOTER, draw_time, mark_time, panel_ticks, span_words, time_axis};
use crate::time::Micros;

const WIDTH: u32 = 1600;
/// Left and right edge of the panels; right of them is room for the colour bars.
const EDGES: (f64, f64) = (130.0, 1410.0);
/// Heights of the waveform's panel and of each order's.
const HEIGHTS: (f64, f64) = (190.0, 300.0);
/// Room between panels.
const BETWEEN: f64 = 34.0;
/// Columns of the raster and of the envelope: two a pixel, as fine as the sheet is drawn.
const COLUMNS: usize = 2 * (EDGES.1 - EDGES.0) as usize;
/// The colour scale leaves out this share of the values at either end, so that one transient does not darken the rest.
const BEYOND_SCALE: f64 = 0.005;

/// Lowest and highest sample in each of many equal spans of time: what a picture needs of a waveform, however long.
#[derive(Clone, Debug)]
pub struct Envelope {
    from: Micros,
    to: Micros,
    /// Sampling interval, microseconds.
    interval: f64,
    columns: Vec<Option<(f64, f64)>>,
}

impl Envelope {
    /// For the time from `from` to `to`, sampled at `sampling_rate` Hz; still empty.
    pub fn new(from: Micros, to: Micros, sampling_rate: f64) -> Self {
        let to = to.max(from.saturating_add(1));
        Self { from, to, interval: 1e6 / sampling_rate, columns: vec![None; COLUMNS] }
    }

    /// Takes samples in, the first of them at time `start`. Those outside the time, and NaN, are passed over.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a column")]
    #[expect(clippy::cast_precision_loss, reason = "sample numbers are far below 2^53")]
    pub fn add(&mut self, start: Micros, samples: &[f64]) {
        let begin = micros_f64(start.saturating_sub(self.from));
        let columns_a_us = COLUMNS as f64 / micros_f64(self.to - self.from);
        for (i, &x) in samples.iter().enumerate() {
            let column = (begin + i as f64 * self.interval) * columns_a_us;
            if x.is_nan() || !(0.0..COLUMNS as f64).contains(&column) {
                continue;
            }
            let extremes = self.columns[column as usize].get_or_insert((x, x));
            *extremes = (extremes.0.min(x), extremes.1.max(x));
        }
    }

    /// The extremes as points of one line, NaN where data is missing in between.
    #[expect(clippy::cast_precision_loss, reason = "column numbers are small")]
    fn points(&self) -> Vec<(f64, f64)> {
        let width = micros_f64(self.to - self.from) / COLUMNS as f64;
        // Neighbouring samples are an interval apart, give or take the width of their columns.
        let reach = self.interval + 1.5 * width;
        let mut points: Vec<(f64, f64)> = Vec::new();
        let mut last = f64::NEG_INFINITY;
        for (c, extremes) in self.columns.iter().enumerate() {
            let Some((low, high)) = *extremes else { continue };
            let at = micros_f64(self.from) + (c as f64 + 0.5) * width;
            if at - last > reach {
                points.push((f64::NAN, f64::NAN));
            }
            points.push((at, low));
            if high > low {
                points.push((at, high));
            }
            last = at;
        }
        points
    }
}

/// One channel's coefficients over time.
#[derive(Clone, Debug)]
pub struct Scattergram<'a> {
    /// The channel, for the title: `NET.STA.LOC.CHA`.
    pub name: &'a str,
    /// The samples, over the time that the picture shows.
    pub waveform: &'a Envelope,
    /// Time of each row's first sample, ascending, UTC.
    pub times: &'a [Micros],
    /// Length of a segment.
    pub segment: Micros,
    /// From one row to the next where nothing is missing.
    pub hop: Micros,
    /// Centre frequencies of the first layer, ascending, Hz.
    pub centers_1: &'a [f64],
    /// First-order coefficients, `[row, f1]`.
    pub order_1: ArrayView2<'a, f32>,
    /// Centre frequencies of the second layer (Hz) and its coefficients, `[row, f1, f2]`.
    pub order_2: Option<(&'a [f64], ArrayView3<'a, f32>)>,
    /// First-order frequency whose second order is shown, Hz; the filter nearest to it on a logarithmic scale is taken.
    pub f1_hz: f64,
}

/// The filter whose centre is nearest to a frequency on a logarithmic scale; none without filters.
pub fn nearest_filter(centers: &[f64], hz: f64) -> Option<usize> {
    let distance = |k: &usize| (centers[*k] / hz).ln().abs();
    (0..centers.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// Draws the waveform (its envelope where it is long), the first order over time and centre frequency, and the second
/// order at the filter nearest to `f1_hz`. Colours are decimal logarithms of the coefficients. A row is drawn at the
/// middle of its segment, a hop wide; where several rows share a pixel, their mean logarithm; grey where there is none.
pub fn scattergram(input: &Scattergram<'_>) -> Canvas {
    let orders = if input.order_2.is_some() { 2.0 } else { 1.0 };
    let height = HEADER + HEIGHTS.0 + orders * (BETWEEN + HEIGHTS.1) + FOOTER;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of constants")]
    let mut canvas = Canvas::new(WIDTH, height as u32);
    let segment_words = format!("{} s", number(micros_f64(input.segment) / 1e6, 0.1));
    let subtitle = format!(
        "{} of {}, {} segments of {segment_words}",
        input.waveform_words(),
        span_words(input.waveform.to - input.waveform.from),
        input.times.len()
    );
    header(&mut canvas, EDGES.0, &format!("Scattergram of {}", input.name), &subtitle);

    let mut top = HEADER;
    draw_waveform(&mut canvas, panel_rect(top, HEIGHTS.0), input.waveform);
    top += HEIGHTS.0 + BETWEEN;
    let rect = panel_rect(top, HEIGHTS.1);
    let last = input.order_2.is_none();
    draw_order(&mut canvas, rect, input, (input.centers_1, input.order_1), "order 1: f1 (Hz)", last);
    if let Some((centers_2, order_2)) = input.order_2 {
        top += HEIGHTS.1 + BETWEEN;
        let rect = panel_rect(top, HEIGHTS.1);
        let chosen = nearest_filter(input.centers_1, input.f1_hz).filter(|k| *k < order_2.len_of(Dimension(1)));
        if let Some(k) = chosen {
            let f1 = input.centers_1[k];
            let title = format!("order 2 at {} Hz: f2 (Hz)", number(f1, f1 / 10.0));
            draw_order(&mut canvas, rect, input, (centers_2, order_2.index_axis(Dimension(1), k)), &title, true);
        }
    }
    canvas
}

impl Scattergram<'_> {
    fn waveform_words(&self) -> &'static str {
        let single = self.waveform.columns.iter().flatten().all(|(low, high)| low == high);
        if single { "waveform" } else { "envelope" }
    }
}

fn panel_rect(top: f64, height: f64) -> Rect {
    Rect::new(EDGES.0, top, EDGES.1, top + height)
}

fn draw_waveform(canvas: &mut Canvas, rect: Rect, waveform: &Envelope) {
    let points = waveform.points();
    let y = Axis::around(points.iter().map(|p| p.1), 0.06);
    let panel = Panel { rect, x: time_axis(waveform.from, waveform.to), y };
    mark_time(&panel, canvas, &panel_ticks(&panel));
    panel.draw_y(canvas, &panel.y.ticks(4), "samples");
    if points.is_empty() {
        panel.note(canvas, "no samples");
    }
    panel.line(canvas, points, Stroke::new(INK, 1.0));
    panel.frame(canvas);
}

/// One order's panel with its colour bar; the last one carries the time axis.
fn draw_order(
    canvas: &mut Canvas,
    rect: Rect,
    input: &Scattergram<'_>,
    (centers, coefficients): (&[f64], ArrayView2<'_, f32>),
    title: &str,
    last: bool,
) {
    let (from, to) = (input.waveform.from, input.waveform.to);
    let panel = Panel { rect, x: time_axis(from, to), y: frequency_axis(centers) };
    if last {
        draw_time(&panel, canvas, "time (UTC)");
    } else {
        mark_time(&panel, canvas, &panel_ticks(&panel));
    }
    panel.draw_y(canvas, &panel.y.ticks(7), title);
    let raster = raster(input, coefficients);
    let filters = centers.len().min(coefficients.ncols());
    let scale = scale(&raster);
    let colors = ramp("viridis");
    canvas.cells(rect, (COLUMNS, filters), |column, row| {
        let value = raster[column * coefficients.ncols() + filters - 1 - row];
        Some(shaded(&colors, value, scale).unwrap_or(ABSENT))
    });
    if input.times.is_empty() {
        panel.note(canvas, "no segments");
    }
    panel.frame(canvas);
    let bar = Rect::new(rect.right + 24.0, rect.top, rect.right + 48.0, rect.bottom);
    color_bar(canvas, bar, &colors, scale, "log10 coefficient");
}

/// A logarithmic axis on which cells of equal height have the centres in their middle: half a step beyond either end.
#[expect(clippy::cast_precision_loss, reason = "filter numbers are small")]
fn frequency_axis(centers: &[f64]) -> Axis {
    let (Some(low), Some(high)) = (centers.first(), centers.last()) else { return Axis::log(0.0, 0.0) };
    let steps = (centers.len() - 1) as f64;
    let half = if steps > 0.0 { (high / low).powf(0.5 / steps) } else { 2f64.sqrt() };
    Axis::log(low / half, high * half)
}

/// Mean decimal logarithm of the coefficients in each column of the picture, `[column, filter]`; NaN without rows.
#[expect(clippy::cast_precision_loss, reason = "columns are few")]
fn raster(input: &Scattergram<'_>, coefficients: ArrayView2<'_, f32>) -> Vec<f64> {
    let filters = coefficients.ncols();
    let mut out = vec![f64::NAN; COLUMNS * filters];
    let from = micros_f64(input.waveform.from);
    let width = micros_f64(input.waveform.to - input.waveform.from) / COLUMNS as f64;
    let rows = input.times.len().min(coefficients.nrows());
    let middle = |row: usize| micros_f64(input.times[row]) + 0.5 * micros_f64(input.segment);
    let before = |time: f64| partition(rows, |row| middle(row) < time);
    for column in 0..COLUMNS {
        let (left, right) = (from + column as f64 * width, from + (column as f64 + 1.0) * width);
        let (mut first, mut end) = (before(left), before(right));
        if first == end {
            // No row's middle lies in the column: the one that reaches over its centre, if any.
            let center = 0.5 * (left + right);
            let near = |row: &usize| *row < rows && (middle(*row) - center).abs() <= 0.5 * micros_f64(input.hop);
            let Some(row) = [first.wrapping_sub(1), first].into_iter().find(near) else { continue };
            (first, end) = (row, row + 1);
        }
        for filter in 0..filters {
            let logs = (first..end).map(|row| f64::from(coefficients[[row, filter]]).log10());
            let (sum, n) = logs.filter(|l| l.is_finite()).fold((0.0, 0.0), |(s, n), l| (s + l, n + 1.0));
            out[column * filters + filter] = sum / n;
        }
    }
    out
}

/// The first of `n` for which `low` no longer holds; it must hold for all before.
fn partition(n: usize, low: impl Fn(usize) -> bool) -> usize {
    let (mut from, mut to) = (0, n);
    while from < to {
        let middle = from + (to - from) / 2;
        if low(middle) { from = middle + 1 } else { to = middle }
    }
    from
}

/// Ends of the colour scale.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the number of values")]
#[expect(clippy::cast_precision_loss, reason = "values of a picture")]
fn scale(values: &[f64]) -> (f64, f64) {
    let mut finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    finite.sort_unstable_by(f64::total_cmp);
    let left_out = (finite.len() as f64 * BEYOND_SCALE) as usize;
    match (finite.get(left_out), finite.iter().nth_back(left_out)) {
        (Some(low), Some(high)) if high > low => (*low, *high),
        (Some(low), _) => (low - 0.5, low + 0.5),
        _ => (0.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3};

    use super::super::canvas::tests::{check_texts, count, says};
    use super::*;

    const SECOND: Micros = 1_000_000;
    const START: Micros = 1_700_000_000_000_000;

    /// Ten minutes at 20 Hz without the fifth minute; segments of 40 s every 20 s in the rest.
    fn example() -> (Envelope, Vec<Micros>) {
        let mut waveform = Envelope::new(START, START + 600 * SECOND, 20.0);
        let tone: Vec<f64> = (0..4800).map(|i| 100.0 * (f64::from(i) * 0.3).sin()).collect();
        waveform.add(START, &tone);
        waveform.add(START + 300 * SECOND, &tone);
        waveform.add(START + 540 * SECOND, &tone);
        let times = (0..11).map(|k| START + 20 * k * SECOND).chain((0..14).map(|k| START + (300 + 20 * k) * SECOND));
        (waveform, times.collect())
    }

    fn centers(n: i32) -> Vec<f64> {
        (0..n).map(|k| 0.1 * 2f64.powf(f64::from(k) / 4.0)).collect()
    }

    #[test]
    fn both_orders_are_drawn_with_their_words() {
        let (waveform, times) = example();
        let (c1, c2) = (centers(16), centers(5));
        let order_1 = Array2::from_shape_fn((25, 16), |(r, f)| ((r + f) as f32).exp2());
        let order_2 = Array3::from_shape_fn((25, 16, 5), |(r, f, g)| 1.0 + (r * f * g) as f32);
        let mut input = Scattergram {
            name: "XX.STA.00.HHZ",
            waveform: &waveform,
            times: &times,
            segment: 40 * SECOND,
            hop: 20 * SECOND,
            centers_1: &c1,
            order_1: order_1.view(),
            order_2: Some((&c2, order_2.view())),
            f1_hz: 1.0,
        };
        let canvas = scattergram(&input);
        check_texts(&canvas);
        for words in ["XX.STA.00.HHZ", "25 segments of 40", "f1 (Hz)", "order 2 at 0.95 Hz", "time (UTC)", "log10"] {
            assert!(says(&canvas, words), "{words:?} is missing");
        }
        let grey = count(&canvas.finish().expect("drawn"), ABSENT);
        // The missing minute takes a tenth of either order, plus half a hop at both ends of each part.
        assert!(grey > 2 * 1280 * 300 / 12, "{grey} grey pixels where data is missing");
        input.order_2 = None;
        let one = scattergram(&input);
        check_texts(&one);
        assert!(one.height() < canvas.height() && says(&one, "time (UTC)"), "one order less, with the time axis");
    }

    #[test]
    fn nothing_to_show_is_a_picture_too() {
        let waveform = Envelope::new(START, START, 20.0);
        let none = Array2::zeros((0, 1));
        let input = Scattergram {
            name: "...",
            waveform: &waveform,
            times: &[],
            segment: SECOND,
            hop: SECOND,
            centers_1: &[1.0],
            order_1: none.view(),
            order_2: None,
            f1_hz: 1.0,
        };
        let canvas = scattergram(&input);
        assert!(says(&canvas, "no samples") && says(&canvas, "no segments"), "said so");
    }

    #[test]
    fn rows_stand_at_the_middle_of_their_segments() {
        let waveform = Envelope::new(0, 100 * SECOND, 20.0);
        let times = [0, 40 * SECOND];
        let order_1 = Array2::from_shape_vec((2, 1), vec![10.0, 1000.0]).expect("two rows");
        let input = Scattergram {
            name: "a",
            waveform: &waveform,
            times: &times,
            segment: 20 * SECOND,
            hop: 10 * SECOND,
            centers_1: &[1.0],
            order_1: order_1.view(),
            order_2: None,
            f1_hz: 1.0,
        };
        let columns = raster(&input, input.order_1);
        let at = |second: usize| columns[second * COLUMNS / 100];
        assert_eq!([at(6), at(14), at(46), at(54)], [1.0, 1.0, 3.0, 3.0], "5 to 15 s and 45 to 55 s");
        assert!([0, 4, 16, 44, 56, 99].into_iter().all(|s| at(s).is_nan()), "nothing elsewhere");
        // All rows in few columns: their mean.
        let crowded: Vec<Micros> = (0..10).collect();
        let order_1 = Array2::from_shape_fn((10, 1), |(r, _)| 10f32.powi(r as i32));
        let input = Scattergram { times: &crowded, order_1: order_1.view(), ..input };
        let mean = raster(&input, input.order_1)[10 * COLUMNS / 100];
        assert!((mean - 4.5).abs() < 1e-6, "{mean}");
    }

    #[test]
    fn envelopes_break_at_gaps_only() {
        let (waveform, _) = example();
        let breaks = waveform.points().iter().filter(|p| p.0.is_nan()).count();
        assert_eq!(breaks, 2, "the beginning and the missing minute");
        let mut sparse = Envelope::new(0, 100 * SECOND, 1.0);
        sparse.add(0, &[1.0, 2.0, f64::NAN, 4.0, 5.0]);
        let points = sparse.points();
        assert_eq!(points.iter().filter(|p| p.0.is_nan()).count(), 2, "the beginning and the NaN");
        assert_eq!(points.iter().filter(|p| p.1 > 0.0).count(), 4, "single samples are points");
    }

    #[test]
    fn the_filter_nearest_on_a_logarithmic_scale() {
        assert_eq!(nearest_filter(&[0.1, 1.0, 10.0], 3.0), Some(1), "below the geometric mean of 1 and 10");
        assert_eq!(nearest_filter(&[0.1, 1.0, 10.0], 3.3), Some(2), "above it");
        assert_eq!(nearest_filter(&[], 1.0), None, "no filters");
        let axis = frequency_axis(&[1.0, 2.0, 4.0]);
        assert!((axis.place(2.0) - 0.5).abs() < 1e-12 && (axis.place(1.0) - 1.0 / 6.0).abs() < 1e-12, "{axis:?}");
    }
}
