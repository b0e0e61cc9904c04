//! Panels: a rectangle with two axes, their ticks and labels; colour bars and legends.

use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{GRID, INK, Rgb, SOFT, shade};
use super::text::{Anchor, Text, fit_text, text_width};

/// Size of tick labels and legends in pixels.
pub const LABEL: f64 = 19.0;
/// Size of axis titles.
pub const AXIS_TITLE: f64 = 20.0;
/// Size of the picture's title.
pub const TITLE: f64 = 26.0;
/// Room above a panel for title and subtitle.
pub const HEADER: f64 = 96.0;

/// One tick of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// Where, in the axis's units.
    pub at: f64,
    /// What is written there; empty for a tick without a label.
    pub label: String,
}

/// How an axis maps values to places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// The value at the left or lower end. Larger than `to` on an axis that runs the other way.
    pub from: f64,
    /// The value at the other end.
    pub to: f64,
    /// Logarithmic (both ends positive).
    pub log: bool,
}

impl Axis {
    /// A linear axis; an empty or undefined range is widened to something that can be drawn.
    pub fn linear(from: f64, to: f64) -> Self {
        match (from.is_finite() && to.is_finite(), from == to) {
            (true, false) => Self { from, to, log: false },
            (true, true) => Self { from: from - 0.5, to: to + 0.5, log: false },
            _ => Self { from: 0.0, to: 1.0, log: false },
        }
    }

    /// A logarithmic axis; ends that have no logarithm are replaced.
    pub fn log(from: f64, to: f64) -> Self {
        if from > 0.0 && to > from && to.is_finite() {
            Self { from, to, log: true }
        } else if from > 0.0 && from.is_finite() {
            Self { from: from / 2.0, to: from * 2.0, log: true }
        } else {
            Self { from: 0.1, to: 10.0, log: true }
        }
    }

    /// The range of `values` that are finite, with `margin` (a share of it) on both sides.
    pub fn around(values: impl IntoIterator<Item = f64>, margin: f64) -> Self {
        let finite = values.into_iter().filter(|v| v.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let pad = (high - low) * margin;
        Self::linear(low - pad, high + pad)
    }

    /// Where a value stands, 0 at `from` and 1 at `to`.
    pub fn place(&self, value: f64) -> f64 {
        if self.log {
            (value / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        }
    }

    /// Ticks at round values, `room` of them at most (2 or more).
    pub fn ticks(&self, room: usize) -> Vec<Tick> {
        let (low, high) = (self.from.min(self.to), self.from.max(self.to));
        if self.log { log_ticks(low, high, room) } else { linear_ticks(low, high, room) }
    }
}

fn linear_ticks(low: f64, high: f64, room: usize) -> Vec<Tick> {
    let raw = (high - low) / room.max(2) as f64;
    let decade = 10f64.powf(raw.log10().floor());
    // The sum of a float and a rounded one may fall just short of a tick at the end.
    let slack = (high - low) * 1e-9;
    for factor in [1.0, 2.0, 5.0, 10.0, 20.0, 50.0] {
        let step = decade * factor;
        let first = ((low - slack) / step).ceil();
        let count = ((high + slack) / step).floor() - first;
        if count.is_finite() && count < room.max(2) as f64 {
            let at = |i: i32| (first + f64::from(i)) * step;
            return (0..=count as i32).map(|i| Tick { at: at(i), label: number(at(i), step) }).collect();
        }
    }
    Vec::new()
}

/// Decades, and 2 and 5 between them where there is room.
fn log_ticks(low: f64, high: f64, room: usize) -> Vec<Tick> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let inside = |v: &f64| *v >= low * (1.0 - 1e-9) && *v <= high * (1.0 + 1e-9);
    let of = |factors: &[f64], every: usize| -> Vec<f64> {
        (first..=last)
            .step_by(every)
            .flat_map(|e| factors.iter().map(move |f| f * 10f64.powi(e)))
            .filter(inside)
            .collect()
    };
    let mut chosen = of(&[1.0, 2.0, 5.0], 1);
    if chosen.len() < 2 {
        // Less than half a decade: round values as on a linear axis.
        return linear_ticks(low, high, room);
    }
    if chosen.len() > room {
        chosen = (1..).map(|every| of(&[1.0], every)).find(|t| t.len() <= room.max(1)).unwrap_or_default();
    }
    chosen.into_iter().map(|at| Tick { at, label: number(at, at) }).collect()
}

/// A number with as many decimals as `step` needs; powers of ten where it would be long.
pub fn number(value: f64, step: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    if value.abs() >= 1e7 || value.abs() < 1e-4 && step.abs() < 1e-4 {
        let text = format!("{value:.2e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'));
    }
    let decimals = (-step.abs().log10() - 1e-9).ceil().clamp(0.0, 6.0) as usize;
    format!("{value:.decimals$}").replace('-', "−")
}

/// A number with three significant digits.
pub fn significant(value: f64) -> String {
    number(value, 10f64.powf(value.abs().log10().floor() - 2.0))
}

/// A rectangle with two axes.
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    /// Where it lies on the canvas.
    pub rect: Rect,
    /// The level axis, left to right.
    pub x: Axis,
    /// The upright axis, bottom to top.
    pub y: Axis,
}

impl Panel {
    /// Place of an x value on the canvas.
    pub fn px(&self, x: f64) -> f64 {
        self.rect.left + self.x.place(x) * self.rect.width()
    }

    /// Place of a y value on the canvas.
    pub fn py(&self, y: f64) -> f64 {
        self.rect.bottom - self.y.place(y) * self.rect.height()
    }

    /// Place of a point on the canvas.
    pub fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.px(x), self.py(y))
    }

    /// Level lines of the grid, labels of the y axis and its title.
    pub fn draw_y(&self, canvas: &mut Canvas, ticks: &[Tick], title: &str) {
        let Rect { left, right, .. } = self.rect;
        let mut widest: f64 = 0.0;
        for tick in ticks {
            let y = self.py(tick.at);
            canvas.line(&[(left, y), (right, y)], Stroke::new(GRID, 1.0));
            canvas.line(&[(left - 6.0, y), (left, y)], Stroke::new(INK, 1.0));
            canvas.text(&tick.label, (left - 11.0, y), Text::new(LABEL).anchor(Anchor::End));
            widest = widest.max(text_width(&tick.label, LABEL));
        }
        let middle = (self.rect.top + self.rect.bottom) / 2.0;
        let style = Text::new(AXIS_TITLE).anchor(Anchor::Middle).upwards();
        canvas.text(title, (left - 30.0 - widest, middle), style);
    }

    /// Upright lines of the grid, labels of the x axis and its title.
    pub fn draw_x(&self, canvas: &mut Canvas, ticks: &[Tick], title: &str) {
        let Rect { left, right, bottom, .. } = self.rect;
        self.mark_x(canvas, ticks);
        for tick in ticks {
            canvas.text(&tick.label, (self.px(tick.at), bottom + 20.0), Text::new(LABEL).anchor(Anchor::Middle));
        }
        canvas.text(title, ((left + right) / 2.0, bottom + 50.0), Text::new(AXIS_TITLE).anchor(Anchor::Middle));
    }

    /// The x axis's grid and ticks without labels, for a panel that shares the axis of the one below.
    pub fn mark_x(&self, canvas: &mut Canvas, ticks: &[Tick]) {
        let Rect { top, bottom, .. } = self.rect;
        for tick in ticks {
            let x = self.px(tick.at);
            canvas.line(&[(x, top), (x, bottom)], Stroke::new(GRID, 1.0));
            canvas.line(&[(x, bottom), (x, bottom + 6.0)], Stroke::new(INK, 1.0));
        }
    }

    /// The frame; drawn last, over the data.
    pub fn frame(&self, canvas: &mut Canvas) {
        canvas.outline(self.rect, Stroke::new(INK, 1.0));
    }

    /// A line through points in the axes' units, cut at the frame. Points that are not finite break it.
    pub fn line(&self, canvas: &mut Canvas, points: impl IntoIterator<Item = (f64, f64)>, stroke: Stroke) {
        let mut piece: Vec<(f64, f64)> = Vec::new();
        let mut last: Option<(f64, f64)> = None;
        for point in points {
            let to = self.at(point);
            if !(to.0.is_finite() && to.1.is_finite()) {
                canvas.line(&std::mem::take(&mut piece), stroke);
                last = None;
                continue;
            }
            if let Some((from, to)) = last.and_then(|from| clip(from, to, self.rect)) {
                if piece.last() != Some(&from) {
                    canvas.line(&std::mem::take(&mut piece), stroke);
                    piece.push(from);
                }
                piece.push(to);
            }
            last = Some(to);
        }
        canvas.line(&piece, stroke);
    }

    /// A text in the middle, for a panel without data.
    pub fn note(&self, canvas: &mut Canvas, text: &str) {
        let Rect { left, top, right, bottom } = self.rect;
        let style = Text::new(AXIS_TITLE).color(SOFT).anchor(Anchor::Middle);
        canvas.text(text, ((left + right) / 2.0, (top + bottom) / 2.0), style);
    }
}

/// The part of a segment inside a rectangle (Liang and Barsky 1984).
fn clip(from: (f64, f64), to: (f64, f64), rect: Rect) -> Option<((f64, f64), (f64, f64))> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for (direction, room) in
        [(-dx, from.0 - rect.left), (dx, rect.right - from.0), (-dy, from.1 - rect.top), (dy, rect.bottom - from.1)]
    {
        if direction == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if direction < 0.0 {
            enter = enter.max(room / direction);
        } else {
            leave = leave.min(room / direction);
        }
    }
    let at = |t: f64| (from.0 + t * dx, from.1 + t * dy);
    // At the ends the points themselves, so that consecutive segments join.
    let start = if enter == 0.0 { from } else { at(enter) };
    let end = if leave == 1.0 { to } else { at(leave) };
    (enter <= leave).then_some((start, end))
}

/// Title and subtitle in the room above the panels.
pub fn header(canvas: &mut Canvas, left: f64, title: &str, subtitle: &str) {
    let room = canvas.width() - left - 16.0;
    canvas.text(&fit_text(title, TITLE, room), (left, 32.0), Text::new(TITLE));
    if !subtitle.is_empty() {
        canvas.text(&fit_text(subtitle, LABEL, room), (left, 66.0), Text::new(LABEL).color(SOFT));
    }
}

/// A colour bar with its ticks and title on its right.
pub fn color_bar(canvas: &mut Canvas, rect: Rect, colors: &[Rgb; 256], (low, high): (f64, f64), title: &str) {
    canvas.cells(rect, (1, 256), |_, row| Some(colors[255 - row.min(255)]));
    canvas.outline(rect, Stroke::new(INK, 1.0));
    let axis = Axis::linear(low, high);
    let ticks = axis.ticks(((rect.height() / 50.0) as usize).clamp(2, 8));
    let mut widest: f64 = 0.0;
    for tick in &ticks {
        let y = rect.bottom - axis.place(tick.at) * rect.height();
        canvas.line(&[(rect.right, y), (rect.right + 6.0, y)], Stroke::new(INK, 1.0));
        canvas.text(&tick.label, (rect.right + 10.0, y), Text::new(LABEL));
        widest = widest.max(text_width(&tick.label, LABEL));
    }
    let style = Text::new(AXIS_TITLE).anchor(Anchor::Middle).upwards();
    canvas.text(title, (rect.right + 28.0 + widest, (rect.top + rect.bottom) / 2.0), style);
}

/// Swatches with their names in a row from `(left, y)`, wrapped at `right`. Returns the y of the last row.
pub fn legend(canvas: &mut Canvas, (left, y): (f64, f64), right: f64, entries: &[(Rgb, String)]) -> f64 {
    let (mut x, mut y) = (left, y);
    for (color, name) in entries {
        let width = 28.0 + text_width(name, LABEL);
        if x > left && x + width > right {
            (x, y) = (left, y + 28.0);
        }
        let swatch = Rect::new(x, y - 8.0, x + 20.0, y + 8.0);
        canvas.fill(swatch, *color, 1.0);
        canvas.outline(swatch, Stroke::new(SOFT, 1.0));
        canvas.text(name, (x + 28.0, y), Text::new(LABEL));
        x += width + 26.0;
    }
    y
}

/// Colour of a value on a scale, `None` where it is not finite.
pub fn shaded(colors: &[Rgb; 256], value: f64, (low, high): (f64, f64)) -> Option<Rgb> {
    value.is_finite().then(|| shade(colors, value, low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis, room: usize) -> Vec<String> {
        axis.ticks(room).into_iter().map(|t| t.label).collect()
    }

    #[test]
    fn linear_ticks_are_round_and_fit() {
        assert_eq!(labels(Axis::linear(0.0, 20.0), 6), ["0", "5", "10", "15", "20"], "kilometres");
        assert_eq!(labels(Axis::linear(0.0, 1.0), 6), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"], "shares");
        assert_eq!(labels(Axis::linear(20.0, 0.0), 6), ["0", "5", "10", "15", "20"], "a reversed axis");
        assert_eq!(labels(Axis::linear(-113.0, -35.0), 5), ["−100", "−80", "−60", "−40"], "decibels");
        for (from, to) in
            [(0.0, 1e-9), (1e12, 3e12), (-5.0, 1e6), (0.1, 0.3), (7.0, 7.0), (f64::NAN, 1.0), (0.0, 1e300)]
        {
            for room in [2, 5, 9] {
                let axis = Axis::linear(from, to);
                let ticks = axis.ticks(room);
                assert!(!ticks.is_empty() && ticks.len() <= room, "{from}..{to}: {} ticks for {room}", ticks.len());
                assert!(ticks.iter().all(|t| (-1e-6..=1.0 + 1e-6).contains(&axis.place(t.at))), "{from}..{to}: inside");
                let mut seen: Vec<&str> = ticks.iter().map(|t| t.label.as_str()).collect();
                seen.dedup();
                assert_eq!(seen.len(), ticks.len(), "{from}..{to}: labels differ");
            }
        }
    }

    #[test]
    fn log_ticks_thin_out() {
        assert_eq!(labels(Axis::log(0.1, 10.0), 9), ["0.1", "0.2", "0.5", "1", "2", "5", "10"], "two decades");
        assert_eq!(labels(Axis::log(0.001, 1000.0), 9).len(), 7, "six decades: one label each");
        assert_eq!(labels(Axis::log(1e-12, 1e12), 5).len(), 5, "many decades: every sixth");
        assert!(labels(Axis::log(3.0, 4.0), 5).len() >= 2, "within a decade");
        assert!(!Axis::log(-1.0, 0.0).ticks(5).is_empty(), "ends without a logarithm");
    }

    #[test]
    fn lines_are_cut_at_the_frame() {
        let rect = Rect::new(0.0, 0.0, 10.0, 10.0);
        assert_eq!(clip((-5.0, 5.0), (15.0, 5.0), rect), Some(((0.0, 5.0), (10.0, 5.0))), "through");
        assert_eq!(clip((-5.0, -5.0), (-1.0, 20.0), rect), None, "outside");
        assert_eq!(clip((1.0, 1.0), (2.0, 3.0), rect), Some(((1.0, 1.0), (2.0, 3.0))), "inside");
    }

    #[test]
    fn numbers_have_the_decimals_of_their_step() {
        assert_eq!(number(0.30000000000000004, 0.1), "0.3", "rounded to the step");
        assert_eq!(number(-40.0, 20.0), "−40", "a real minus");
        assert_eq!(number(2e7, 1e6), "2e7", "long ones in powers of ten");
        assert_eq!(number(0.0, 0.5), "0", "zero");
        assert_eq!([19.14, 4.783, 0.052, 1234.0].map(significant), ["19.1", "4.78", "0.0520", "1234"], "three digits");
    }
}
