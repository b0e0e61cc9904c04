//! A seismogram and its scattering coefficients over one time axis.

use ndarray::ArrayView2;

use super::axis::{Axis, HEADER, Panel, color_bar, header, shaded, significant};
use super::canvas::{Canvas, Rect, Stroke};
use super::counts::pieces;
use super::palette::{ABSENT, INK, WHITE, cluster, ramp};
use super::series::quantile;
use super::text::Text;
use super::time_axis::{FOOTER, draw_time, mark_time, panel_ticks, time_axis};
use scatterfall_timestamps::Micros;

/// The lowest and the highest sample of a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Its start, UTC.
    pub time: Micros,
    /// Lowest sample.
    pub low: f32,
    /// Highest sample.
    pub high: f32,
}

/// Extents of a continuous piece of samples, as fine as a picture can show: `most` of them at most.
///
/// Samples that are few are taken as they are, `low` and `high` the same.
pub fn extents(start: Micros, sampling_rate: f64, samples: &[f32], most: usize) -> Vec<Extent> {
    let size = samples.len().div_ceil(most.max(1)).max(1);
    let extent = |(i, chunk): (usize, &[f32])| Extent {
        time: start.saturating_add(scatterfall_timestamps::micros((i * size) as f64 / sampling_rate)),
        low: chunk.iter().copied().fold(f32::INFINITY, f32::min),
        high: chunk.iter().copied().fold(f32::NEG_INFINITY, f32::max),
    };
    samples.chunks(size).enumerate().map(extent).collect()
}

/// One channel of a run over seismograms.
#[derive(Clone, Copy, Debug)]
pub struct Scattergram<'a> {
    /// `NET.STA.LOC.CHA`.
    pub channel: &'a str,
    /// The waveform, one list a continuous piece; may be empty.
    pub waveform: &'a [Vec<Extent>],
    /// Start of each segment, ascending, UTC.
    pub times: &'a [Micros],
    /// Length of a segment.
    pub segment: Micros,
    /// Steps from one segment to the next; longer ones are gaps.
    pub hop: Micros,
    /// First order, `(segments, filters)`.
    pub order_1: ArrayView2<'a, f32>,
    /// Centres of the first layer's filters, Hz.
    pub centers_1: &'a [f64],
    /// Second order at one filter of the first layer: that filter's index and `(segments, filters of the second)`.
    pub order_2: Option<(usize, ArrayView2<'a, f32>)>,
    /// Centres of the second layer's filters, Hz.
    pub centers_2: &'a [f64],
}

const LEFT: f64 = 130.0;
const RIGHT: f64 = 1430.0;

/// The filter whose centre is nearest to `hz`, by ratio.
pub fn nearest_filter(centers: &[f64], hz: f64) -> Option<usize> {
    let off = |c: f64| (c / hz).ln().abs();
    (0..centers.len())
        .filter(|&i| off(centers[i]).is_finite())
        .min_by(|&a, &b| off(centers[a]).total_cmp(&off(centers[b])))
}

/// Draws the waveform, the first order over time and logarithmic frequency, and the second order at one filter.
pub fn scattergram(input: &Scattergram<'_>) -> Canvas {
    let with_second = input.order_2.is_some();
    let waveform_height = if input.waveform.is_empty() { 0.0 } else { 236.0 };
    let order_height = 300.0;
    let total = waveform_height + order_height * if with_second { 2.0 } else { 1.0 };
    let mut canvas = Canvas::new(1600, (HEADER + total + FOOTER) as u32);
    let x = span(input);
    let mut top = HEADER;
    if !input.waveform.is_empty() {
        waveform(&mut canvas, input, x, Rect::new(LEFT, top + 24.0, RIGHT, top + waveform_height - 14.0));
        top += waveform_height;
    }
    let rect = Rect::new(LEFT, top + 24.0, RIGHT, top + order_height - 14.0);
    let last = if with_second { None } else { Some(()) };
    mesh(
        &mut canvas,
        input,
        Mesh { x, rect, values: input.order_1, centers: input.centers_1, name: "first order".to_owned() },
        last,
    );
    if let Some((filter, values)) = input.order_2 {
        top += order_height;
        let rect = Rect::new(LEFT, top + 24.0, RIGHT, top + order_height - 14.0);
        let hz = input.centers_1.get(filter).copied().unwrap_or(f64::NAN);
        let name = format!("second order at {} Hz", significant(hz));
        mesh(&mut canvas, input, Mesh { x, rect, values, centers: input.centers_2, name }, Some(()));
    }
    let segments = input.times.len();
    let seconds = input.segment as f64 / 1e6;
    let words = format!(
        "{segments} segments of {} s; colours: decimal logarithm of the coefficients",
        significant(seconds).trim_end_matches(".0")
    );
    header(&mut canvas, LEFT, &format!("Scattergram of {}", input.channel), &words);
    canvas
}

fn span(input: &Scattergram<'_>) -> Axis {
    let wave = input.waveform.iter().flat_map(|p| [p.first(), p.last()]).flatten().map(|e| e.time);
    let ends = input.times.last().map(|t| t.saturating_add(input.segment));
    let all = || wave.clone().chain(input.times.first().copied()).chain(ends);
    let (from, to) = (all().min().unwrap_or_default(), all().max().unwrap_or_default());
    time_axis(from, to.max(from.saturating_add(1_000)))
}

fn waveform(canvas: &mut Canvas, input: &Scattergram<'_>, x: Axis, rect: Rect) {
    let all = || input.waveform.iter().flatten();
    let y = Axis::around(all().flat_map(|e| [f64::from(e.low), f64::from(e.high)]), 0.05);
    let panel = Panel { rect, x, y };
    mark_time(&panel, canvas, &panel_ticks(&panel));
    panel.draw_y(canvas, &y.ticks(5), "amplitude");
    for piece in input.waveform {
        let points = piece.iter().flat_map(|e| {
            let (x, low, high) = (e.time as f64, f64::from(e.low), f64::from(e.high));
            [(x, low), (x, high)].into_iter().take(if low == high { 1 } else { 2 })
        });
        panel.line(canvas, points, Stroke::new(cluster(0), 1.0));
    }
    panel.frame(canvas);
    canvas.text("waveform", (rect.left, rect.top - 14.0), Text::new(18.0));
}

/// Coefficients over time and frequency.
struct Mesh<'a> {
    x: Axis,
    rect: Rect,
    values: ArrayView2<'a, f32>,
    centers: &'a [f64],
    name: String,
}

/// Every coefficient a cell from its segment's start to the next, around its filter's centre on the log axis. The
/// last panel names the time.
fn mesh(canvas: &mut Canvas, input: &Scattergram<'_>, mesh: Mesh<'_>, last: Option<()>) {
    let edges = frequency_edges(mesh.centers);
    let (low, high) = edges.iter().fold((f64::INFINITY, 0.0f64), |(a, b), e| (a.min(e.0), b.max(e.1)));
    let panel = Panel { rect: mesh.rect, x: mesh.x, y: Axis::log(low, high) };
    let colors = ramp("viridis");
    let logs = || mesh.values.iter().map(|&v| f64::from(v).log10());
    // The lowest and highest thousandth of the cells share their colours: single cells would stretch the scale.
    let scale = (quantile(logs(), 0.001).unwrap_or(0.0), quantile(logs(), 0.999).unwrap_or(1.0));
    let scale = if scale.1 > scale.0 { scale } else { (scale.0 - 0.5, scale.0 + 0.5) };
    canvas.fill(panel.rect, ABSENT, 1.0);
    let columns = columns(input, &panel);
    for (filter, &(from, to)) in edges.iter().enumerate().filter(|(i, _)| *i < mesh.values.ncols()) {
        let strip = Rect::new(panel.rect.left, panel.py(to), panel.rect.right, panel.py(from));
        canvas.cells(strip, (columns.len(), 1), |column, _| {
            let value = *mesh.values.get((columns[column]?, filter))?;
            Some(shaded(&colors, f64::from(value).log10(), scale).unwrap_or(WHITE))
        });
    }
    if mesh.centers.is_empty() || input.times.is_empty() {
        panel.note(canvas, "no coefficients");
    }
    let Rect { left, right, bottom, .. } = panel.rect;
    let below = Panel { rect: Rect::new(left, bottom, right, bottom), ..panel };
    if last.is_some() {
        draw_time(&below, canvas, "time (UTC)");
    } else {
        mark_time(&below, canvas, &panel_ticks(&panel));
    }
    // The labels of the y axis without its grid, which would lie over the cells.
    let ticks = panel.y.ticks(7);
    for tick in &ticks {
        let y = panel.py(tick.at);
        canvas.line(&[(left - 6.0, y), (left, y)], Stroke::new(INK, 1.0));
        canvas.text(&tick.label, (left - 11.0, y), Text::new(super::axis::LABEL).anchor(super::text::Anchor::End));
    }
    let style = Text::new(super::axis::AXIS_TITLE).anchor(super::text::Anchor::Middle).upwards();
    canvas.text("frequency (Hz)", (left - 86.0, (panel.rect.top + bottom) / 2.0), style);
    panel.frame(canvas);
    canvas.text(&mesh.name, (left, panel.rect.top - 14.0), Text::new(18.0));
    let bar = Rect::new(right + 26.0, panel.rect.top, right + 46.0, bottom);
    color_bar(canvas, bar, &colors, scale, "log10");
}

/// Lower and upper end of each filter's cell: half-way to its neighbours on the log axis.
fn frequency_edges(centers: &[f64]) -> Vec<(f64, f64)> {
    // Centres come in either order; half a step beyond the outermost is as far as inside.
    let ratio = |a: usize, b: usize| (centers[a] / centers[b]).abs().sqrt();
    let n = centers.len();
    (0..n)
        .map(|i| {
            let before = if i > 0 {
                ratio(i - 1, i)
            } else if n > 1 {
                1.0 / ratio(1, 0)
            } else {
                1.1
            };
            let after = if i + 1 < n { ratio(i + 1, i) } else { 1.0 / before };
            let (a, b) = (centers[i] * before, centers[i] * after);
            (a.min(b), a.max(b))
        })
        .collect()
}

/// The segment that each fine column of the panel shows, `None` in a gap. A segment shows from its start to the next
/// one's, and to its own end where a gap follows.
fn columns(input: &Scattergram<'_>, panel: &Panel) -> Vec<Option<usize>> {
    let mut columns = vec![None; (panel.rect.width() * 2.0) as usize];
    let n = columns.len() as f64;
    let hop = input.hop.max(1);
    for piece in pieces(input.times, hop) {
        for i in piece.images.clone() {
            let from = input.times[i];
            let to =
                if i + 1 < piece.images.end { input.times[i + 1] } else { from.saturating_add(input.segment.max(hop)) };
            let column = |t: Micros| (panel.x.place(t as f64) * n).clamp(0.0, n);
            // At least one column each, so that short segments of a long record do not vanish altogether.
            let (first, end) = (column(from).floor() as usize, column(to).ceil() as usize);
            let range = first.min(columns.len())..end.min(columns.len());
            columns[range].fill(Some(i));
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::{check_texts, count, says};
    use super::*;
    use ndarray::Array2;

    const SECOND: Micros = 1_000_000;

    #[test]
    fn scattergrams_fit_at_any_length() {
        let start = scatterfall_timestamps::parse_compact("20250515_233000").expect("a valid time");
        let centers: Vec<f64> = (0..24).map(|i| 20.0 * (-f64::from(i) / 6.0).exp2()).collect();
        for segments in [0, 1, 60, 4_319] {
            let times: Vec<Micros> =
                (0..segments).map(|i| start + (i + if i > segments / 2 { 20 } else { 0 }) * 20 * SECOND).collect();
            let values = Array2::from_shape_fn((times.len(), 24), |(i, k)| 1e-6 * ((i + 3 * k) % 40) as f32);
            let samples: Vec<f32> = (0..4_000).map(|i| (i as f32 * 0.3).sin() * 1e5).collect();
            let waveform = [extents(start, 50.0, &samples, 1_500)];
            let input = Scattergram {
                channel: "FR.CIEL..HHZ",
                waveform: &waveform,
                times: &times,
                segment: 40 * SECOND,
                hop: 20 * SECOND,
                order_1: values.view(),
                centers_1: &centers,
                order_2: Some((nearest_filter(&centers, 1.0).expect("one"), values.view())),
                centers_2: &centers,
            };
            let canvas = scattergram(&input);
            check_texts(&canvas);
            for words in
                ["time (UTC)", "frequency (Hz)", "first order", "second order at 1.40 Hz", "amplitude", "log10"]
            {
                assert!(says(&canvas, words), "{words} with {segments} segments");
            }
            let picture = canvas.finish().expect("drawn");
            assert!(segments < 60 || count(&picture, ABSENT) > 1_000, "the gap is left open");
            let alone = scattergram(&Scattergram { waveform: &[], order_2: None, ..input });
            check_texts(&alone);
            assert!(says(&alone, "time (UTC)") && !says(&alone, "second order"), "panels that do not fit are left out");
        }
    }

    #[test]
    fn extents_hold_every_sample() {
        let samples: Vec<f32> = (0..1_001).map(|i| if i == 777 { -50.0 } else { 1.0 }).collect();
        let found = extents(0, 100.0, &samples, 100);
        assert_eq!(found.len(), 91, "11 samples each");
        assert_eq!(found[70], Extent { time: 7_700_000, low: -50.0, high: 1.0 }, "the spike is in its place");
        assert_eq!(extents(0, 100.0, &samples[..3], 100).len(), 3, "few as they are");
        assert!(extents(0, 100.0, &[], 100).is_empty(), "none");
    }

    #[test]
    fn cells_meet_on_the_log_axis() {
        for centers in [vec![8.0, 4.0, 2.0], vec![2.0, 4.0, 8.0]] {
            let edges = frequency_edges(&centers);
            for (&center, edge) in centers.iter().zip(&edges) {
                let root = 2f64.sqrt();
                assert!((edge.0 * root - center).abs() < 1e-12 && (edge.1 / root - center).abs() < 1e-12, "{edge:?}");
            }
        }
        assert_eq!(frequency_edges(&[4.0]).len(), 1, "a single filter has a cell");
        assert_eq!(nearest_filter(&[8.0, 4.0, 1.2, 0.5], 1.0), Some(2), "nearest by ratio");
        assert_eq!(nearest_filter(&[], 1.0), None, "none");
    }
}
