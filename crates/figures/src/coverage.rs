//! Which hours of an archive there are images of.

use super::axis::{Axis, HEADER, LABEL, Panel, header, legend};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{ABSENT, INK, Rgb, WHITE};
use super::text::{Anchor, Text};
use super::time_axis::{counted, span_words};
use scatterfall_timestamps::{DAY_US, Micros};

const WIDTH: u32 = 1600;

/// What there is of an archive.
#[derive(Clone, Copy, Debug)]
pub struct Coverage<'a> {
    /// Start of each image that was used, ascending, UTC.
    pub held: &'a [Micros],
    /// Start of each image that was left out and whose time is known.
    pub left_out: &'a [Micros],
    /// Time that an image spans.
    pub duration: Micros,
}

const HELD: Rgb = [0, 114, 178];
const LEFT_OUT: Rgb = [213, 94, 0];
/// A century: more days come from a wrong clock.
const MAX_DAYS: i64 = 36_525;

/// A calendar, day by hour: what is held, missing and left out, to the minute.
pub fn coverage(input: &Coverage<'_>) -> Canvas {
    let all = || input.held.iter().chain(input.left_out).copied();
    let from = all().min().unwrap_or_default();
    let to = all().max().unwrap_or_default().saturating_add(input.duration.max(1));
    let (first, last) = (from.div_euclid(DAY_US), (to - 1).div_euclid(DAY_US));
    let days = (last - first + 1).clamp(1, MAX_DAYS) as usize;
    let row = (620.0 / days as f64).clamp(0.0, 30.0);
    let height = (row * days as f64).max(60.0);
    let rect = Rect::new(150.0, HEADER + 34.0, 150.0 + MINUTES as f64 * 0.9, HEADER + 34.0 + height);
    let mut canvas = Canvas::new(WIDTH, (rect.bottom + 80.0) as u32);
    let states = minutes(input, first * DAY_US, days, (from, to));
    // Of a single day only the hours that there is something of.
    let of_day = |t: Micros| (t - first * DAY_US) as f64 / HOUR_US;
    let hours = if days == 1 { (of_day(from).floor(), of_day(to).ceil().min(24.0)) } else { (0.0, 24.0) };
    let skipped = (hours.0 * 60.0) as usize;
    let shown = ((hours.1 - hours.0) * 60.0).max(60.0) as usize;
    canvas
        .cells(rect, (shown, days), |minute, day| states[day * MINUTES + (skipped + minute).min(MINUTES - 1)].color());
    let panel = Panel { rect, x: Axis::linear(hours.0, hours.1), y: Axis::linear(days as f64, 0.0) };
    emphasise(&panel, &mut canvas, input.left_out, first);
    let (step, labelled) = match hours.1 - hours.0 {
        h if h <= 2.0 => (10, 10),
        h if h <= 6.0 => (30, 30),
        _ => (60, 120),
    };
    for minute in (skipped..=skipped + shown).step_by(step) {
        let x = panel.px(minute as f64 / 60.0);
        canvas.line(&[(x, rect.top), (x, rect.bottom)], Stroke { alpha: 0.35, ..Stroke::new(WHITE, 1.0) });
        canvas.line(&[(x, rect.bottom), (x, rect.bottom + 5.0)], Stroke::new(INK, 1.0));
        if minute % labelled == 0 {
            let (hour, rest) = (minute / 60, minute % 60);
            let words = if step < 60 { format!("{hour:02}:{rest:02}") } else { format!("{hour:02}") };
            canvas.text(&words, (x, rect.bottom + 20.0), Text::new(LABEL).anchor(Anchor::Middle));
        }
    }
    let middle = (rect.left + rect.right) / 2.0;
    let words = if step < 60 { "time of the day (UTC)" } else { "hour of the day (UTC)" };
    canvas.text(words, (middle, rect.bottom + 50.0), Text::new(20.0).anchor(Anchor::Middle));
    let row = rect.height() / days as f64;
    let every = (19.5 / row).ceil().max(1.0) as usize;
    for day in (0..days).step_by(every) {
        let y = rect.top + (day as f64 + 0.5) * row;
        let name = scatterfall_timestamps::iso((first + day as i64) * DAY_US);
        canvas.text(&name[..10.min(name.len())], (rect.left - 12.0, y), Text::new(18.0).anchor(Anchor::End));
        if every == 1 {
            let line = &states[day * MINUTES..(day + 1) * MINUTES];
            let within = line.iter().filter(|s| **s != State::Outside).count().max(1);
            let held = line.iter().filter(|s| **s == State::Held).count();
            let words = format!("{:.1} %", held as f64 * 100.0 / within as f64);
            canvas.text(&words, (rect.right + 14.0, y), Text::new(18.0));
        }
    }
    panel.frame(&mut canvas);
    let count = |state| states.iter().filter(|s| **s == state).count();
    let (held, out, missing) = (count(State::Held), count(State::LeftOut), count(State::Missing));
    let share = held as f64 * 100.0 / (held + out + missing).max(1) as f64;
    let span = span_words(to - from);
    let words = format!(
        "{} in {span}: {share:.1} % of the minutes are held; {} left out",
        counted(input.held.len(), "image"),
        counted(input.left_out.len(), "image")
    );
    header(&mut canvas, rect.left, "Coverage of the archive", &words);
    let entries = [(HELD, "held".to_owned()), (ABSENT, "missing".to_owned()), (LEFT_OUT, "left out".to_owned())];
    legend(&mut canvas, (rect.left, HEADER), 1580.0, &entries);
    canvas
}

const MINUTES: usize = 1_440;
const HOUR_US: f64 = 3.6e9;

/// Draws images that were left out a second time, larger: a minute is less than a pixel.
fn emphasise(panel: &Panel, canvas: &mut Canvas, left_out: &[Micros], first_day: i64) {
    let row = panel.rect.height() / (panel.y.from - panel.y.to);
    for &time in left_out {
        let x = panel.px(time.rem_euclid(DAY_US) as f64 / 3.6e9);
        let y = panel.py((time.div_euclid(DAY_US) - first_day) as f64 + 0.5);
        let half = (row / 2.0).max(2.5);
        let rect = Rect::new(x - 1.0, y - half, x + 2.5, y + half);
        if panel.rect.contains(rect) {
            canvas.fill(rect, LEFT_OUT, 1.0);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Outside,
    Missing,
    Held,
    LeftOut,
}

impl State {
    fn color(self) -> Option<Rgb> {
        match self {
            Self::Outside => None,
            Self::Missing => Some(ABSENT),
            Self::Held => Some(HELD),
            Self::LeftOut => Some(LEFT_OUT),
        }
    }
}

/// The state of every minute of `days` days from `start`.
fn minutes(input: &Coverage<'_>, start: Micros, days: usize, (from, to): (Micros, Micros)) -> Vec<State> {
    const MINUTE_US: i64 = 60_000_000;
    let mut states = vec![State::Outside; days * MINUTES];
    let mut mark = |begin: Micros, end: Micros, state: State| {
        let clamp = |m: i64| m.clamp(0, states.len() as i64) as usize;
        let first = clamp((begin - start).div_euclid(MINUTE_US));
        let end = clamp((end - start + MINUTE_US - 1).div_euclid(MINUTE_US));
        states[first..end.max(first)].fill(state);
    };
    mark(from, to, State::Missing);
    for (times, state) in [(input.held, State::Held), (input.left_out, State::LeftOut)] {
        for &time in times {
            mark(time, time.saturating_add(input.duration), state);
        }
    }
    states
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::{check_texts, says};
    use super::super::map::tests::{Example, MINUTE};
    use super::*;

    #[test]
    fn coverage_tells_held_missing_and_left_out() {
        for minutes in [1, 20, 1_440, 43_200, 262_800] {
            let mut held = Example::new(minutes, 1).times;
            held.dedup();
            let left_out = [held[0] + 6 * MINUTE];
            let input = Coverage { held: &held, left_out: &left_out, duration: MINUTE };
            let canvas = coverage(&input);
            check_texts(&canvas);
            let axis = if minutes <= 20 { "time of the day (UTC)" } else { "hour of the day (UTC)" };
            assert!(says(&canvas, axis), "axis of {minutes} minutes");
            let day = held[0].div_euclid(DAY_US);
            let states = super::minutes(&input, day * DAY_US, 1, (held[0], held[0] + 30 * MINUTE));
            assert_eq!(states[690], State::Held, "11:30");
            assert_eq!(states[695 + 1], State::LeftOut, "11:36");
            assert_eq!(states[689], State::Outside, "before the first");
        }
        let far = Coverage { held: &[0, i64::MAX / 2], left_out: &[], duration: MINUTE };
        check_texts(&coverage(&far));
        check_texts(&coverage(&Coverage { held: &[], ..far }));
    }
}
