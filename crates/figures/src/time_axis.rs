//! Time axes in UTC: ticks at round clock or calendar times, the date below where it changes.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

use super::axis::{AXIS_TITLE, Axis, LABEL, Panel, Tick};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{GRID, INK};
use super::text::{Anchor, Text, text_width};
use scatterfall_timestamps::{DAY_US, Micros};

/// Room below a panel for the labels of a time axis and its title.
pub const FOOTER: f64 = 92.0;

/// Pixels between two labels of a row.
const SPACING: f64 = 18.0;

const SECOND_US: i64 = 1_000_000;

/// The distance from tick to tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Below a day, a divisor of it.
    Clock(i64),
    /// Days, counted from a Monday.
    Days(i64),
    /// Months, counted from January of year 0.
    Months(i64),
}

const STEPS: &[Step] = &[
    Step::Clock(1_000),
    Step::Clock(2_000),
    Step::Clock(5_000),
    Step::Clock(10_000),
    Step::Clock(20_000),
    Step::Clock(50_000),
    Step::Clock(100_000),
    Step::Clock(200_000),
    Step::Clock(500_000),
    Step::Clock(SECOND_US),
    Step::Clock(2 * SECOND_US),
    Step::Clock(5 * SECOND_US),
    Step::Clock(10 * SECOND_US),
    Step::Clock(15 * SECOND_US),
    Step::Clock(30 * SECOND_US),
    Step::Clock(60 * SECOND_US),
    Step::Clock(120 * SECOND_US),
    Step::Clock(300 * SECOND_US),
    Step::Clock(600 * SECOND_US),
    Step::Clock(900 * SECOND_US),
    Step::Clock(1800 * SECOND_US),
    Step::Clock(3600 * SECOND_US),
    Step::Clock(2 * 3600 * SECOND_US),
    Step::Clock(3 * 3600 * SECOND_US),
    Step::Clock(6 * 3600 * SECOND_US),
    Step::Clock(12 * 3600 * SECOND_US),
    Step::Days(1),
    Step::Days(2),
    Step::Days(7),
    Step::Days(14),
    Step::Months(1),
    Step::Months(2),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(24),
    Step::Months(60),
    Step::Months(120),
    Step::Months(1200),
    Step::Months(12_000),
    Step::Months(120_000),
    Step::Months(1_200_000),
];

/// One tick of a time axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeTick {
    /// When.
    pub at: Micros,
    /// The upper row: a clock time, a day, a month or a year.
    pub label: String,
    /// The lower row: the date (or year) that the upper row leaves out; `None` where it has not changed.
    pub date: Option<String>,
}

/// Ticks for the time from `from` to `to` on an axis of `width` pixels.
pub fn time_ticks(from: Micros, to: Micros, width: f64) -> Vec<TimeTick> {
    let span = to.saturating_sub(from).max(1);
    // The calendar ends before the numbers do.
    let chosen = STEPS.iter().find(|step| {
        let label = text_width(step.sample(), LABEL);
        let pixels = width * (step.nominal_us() as f64 / span as f64);
        pixels >= label + SPACING
    });
    let mut ticks: Vec<TimeTick> = Vec::new();
    let Some(&step) = chosen else { return ticks };
    let mut last_context = None;
    let mut index = step.index_at_or_after(from);
    while let Some(at) = step.time(index).filter(|&at| at <= to) {
        let Some(when) = DateTime::from_timestamp_micros(at) else { break };
        let context = step.context(when);
        let date = (last_context.as_ref() != Some(&context)).then(|| context.clone()).filter(|c| !c.is_empty());
        last_context = Some(context);
        ticks.push(TimeTick { at, label: step.label(when), date });
        index += 1;
    }
    drop_crowded_first_date(&mut ticks, width / span_f64(span));
    ticks
}

fn span_f64(span: i64) -> f64 {
    span as f64
}

/// The first tick names its date whatever the time; where the next date follows at once, that one is enough.
fn drop_crowded_first_date(ticks: &mut [TimeTick], pixels_a_us: f64) {
    let mut dated = ticks.iter().enumerate().filter_map(|(i, t)| Some((i, t.at, t.date.as_ref()?)));
    if let (Some((first, a, text)), Some((_, b, other))) = (dated.next(), dated.next()) {
        let needed = (text_width(text, LABEL) + text_width(other, LABEL)) / 2.0 + SPACING;
        if span_f64(b - a) * pixels_a_us < needed {
            ticks[first].date = None;
        }
    }
}

impl Step {
    fn nominal_us(self) -> i64 {
        match self {
            Self::Clock(us) => us,
            Self::Days(n) => n * DAY_US,
            // February is the tightest.
            Self::Months(n) => n.saturating_mul(28 * DAY_US),
        }
    }

    /// The widest label of the upper row.
    fn sample(self) -> &'static str {
        match self {
            Self::Clock(us) if us < SECOND_US => "00:00:00.000",
            Self::Clock(us) if us < 60 * SECOND_US => "00:00:00",
            Self::Clock(_) => "00:00",
            Self::Days(_) => "28 May",
            Self::Months(n) if n < 12 => "May",
            Self::Months(_) => "2025",
        }
    }

    fn index_at_or_after(self, time: Micros) -> i64 {
        match self {
            Self::Clock(us) => ceil_div(time, us),
            Self::Days(n) => ceil_div(time - MONDAY_US, n * DAY_US),
            Self::Months(n) => {
                let Some(when) = DateTime::from_timestamp_micros(time) else { return i64::MAX };
                let month = i64::from(when.year()) * 12 + i64::from(when.month0());
                let index = ceil_div(month, n);
                // Within the first month the tick lies before the time unless it is its very start.
                if self.time(index).is_some_and(|at| at < time) { index + 1 } else { index }
            }
        }
    }

    fn time(self, index: i64) -> Option<Micros> {
        match self {
            Self::Clock(us) => index.checked_mul(us),
            Self::Days(n) => index.checked_mul(n * DAY_US)?.checked_add(MONDAY_US),
            Self::Months(n) => {
                let month = index.checked_mul(n)?;
                let year = i32::try_from(month.div_euclid(12)).ok()?;
                let date = NaiveDate::from_ymd_opt(year, u32::try_from(month.rem_euclid(12)).ok()? + 1, 1)?;
                Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
            }
        }
    }

    fn label(self, when: DateTime<Utc>) -> String {
        match self {
            Self::Clock(us) if us < SECOND_US => when.format("%H:%M:%S%.3f").to_string(),
            Self::Clock(us) if us < 60 * SECOND_US => when.format("%H:%M:%S").to_string(),
            Self::Clock(_) => format!("{:02}:{:02}", when.hour(), when.minute()),
            Self::Days(_) => when.format("%-d %b").to_string(),
            Self::Months(n) if n < 12 => when.format("%b").to_string(),
            Self::Months(_) => when.format("%Y").to_string(),
        }
    }

    /// What the label leaves out.
    fn context(self, when: DateTime<Utc>) -> String {
        match self {
            Self::Clock(_) => when.format("%Y-%m-%d").to_string(),
            Self::Days(_) => when.format("%Y").to_string(),
            Self::Months(n) if n < 12 => when.format("%Y").to_string(),
            Self::Months(_) => String::new(),
        }
    }
}

/// 1970-01-05, the first Monday.
const MONDAY_US: i64 = 4 * DAY_US;

fn ceil_div(a: i64, b: i64) -> i64 {
    a.div_euclid(b) + i64::from(a.rem_euclid(b) != 0)
}

/// An axis in microseconds for the time from `from` to `to`.
pub fn time_axis(from: Micros, to: Micros) -> Axis {
    Axis { from: from as f64, to: to.max(from.saturating_add(1)) as f64, log: false }
}

/// Grid, labels and title of a panel's x axis that is a [`time_axis`].
pub fn draw_time(panel: &Panel, canvas: &mut Canvas, title: &str) {
    let ticks = panel_ticks(panel);
    mark_time(panel, canvas, &ticks);
    let Rect { left, right, bottom, .. } = panel.rect;
    for tick in &ticks {
        let x = panel.px(span_f64(tick.at));
        canvas.text(&tick.label, (x, bottom + 20.0), Text::new(LABEL).anchor(Anchor::Middle));
        if let Some(date) = &tick.date {
            canvas.text(date, (x, bottom + 45.0), Text::new(LABEL).anchor(Anchor::Middle));
        }
    }
    canvas.text(title, ((left + right) / 2.0, bottom + 74.0), Text::new(AXIS_TITLE).anchor(Anchor::Middle));
}

/// The ticks of a panel whose x axis is a [`time_axis`].
pub fn panel_ticks(panel: &Panel) -> Vec<TimeTick> {
    time_ticks(panel.x.from as i64, panel.x.to as i64, panel.rect.width())
}

/// The grid and tick marks alone; the lines of a new date are darker.
pub fn mark_time(panel: &Panel, canvas: &mut Canvas, ticks: &[TimeTick]) {
    let plain: Vec<Tick> = ticks.iter().map(|t| Tick { at: span_f64(t.at), label: String::new() }).collect();
    panel.mark_x(canvas, &plain);
    let Rect { top, bottom, .. } = panel.rect;
    for tick in ticks.iter().skip(1).filter(|t| t.date.is_some()) {
        let x = panel.px(span_f64(tick.at));
        canvas.line(&[(x, top), (x, bottom)], Stroke::new(darker(GRID), 1.0));
        canvas.line(&[(x, bottom), (x, bottom + 9.0)], Stroke::new(INK, 1.0));
    }
}

fn darker(color: [u8; 3]) -> [u8; 3] {
    color.map(|c| c.saturating_sub(46))
}

/// A number of things in words: `1 image`, `2 images`.
pub fn counted(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// A length of time in words, as short as it can be exact to two units: `45 s`, `10 min`, `3 h`, `2 d 4 h`.
pub fn span_words(span: Micros) -> String {
    let seconds = span.max(0) / SECOND_US;
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let first = parts.iter().position(|p| p.0 > 0).unwrap_or(3);
    let words: Vec<String> = parts[first..(first + 2).min(4)]
        .iter()
        .enumerate()
        .filter(|(i, p)| *i == 0 || p.0 > 0)
        .map(|(_, (n, unit))| format!("{n} {unit}"))
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use scatterfall_timestamps::parse_compact;

    fn at(text: &str) -> Micros {
        parse_compact(text).expect("a valid time")
    }

    fn shown(from: &str, to: &str, width: f64) -> String {
        let words = |t: TimeTick| t.label + &t.date.map_or(String::new(), |d| format!("({d})"));
        time_ticks(at(from), at(to), width).into_iter().map(words).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_length_gets_round_ticks() {
        assert_eq!(
            shown("20250515_115500", "20250515_121500", 600.0),
            "11:55(2025-05-15) 12:00 12:05 12:10 12:15",
            "20 minutes"
        );
        assert_eq!(
            shown("20250514_230000", "20250516_010000", 900.0),
            "00:00(2025-05-15) 03:00 06:00 09:00 12:00 15:00 18:00 21:00 00:00(2025-05-16)",
            "a day: the date of the hour before midnight is dropped with its tick"
        );
        assert_eq!(
            shown("20250515_000000", "20250522_000000", 1400.0),
            "00:00(2025-05-15) 12:00 00:00(2025-05-16) 12:00 00:00(2025-05-17) 12:00 00:00(2025-05-18) 12:00 \
             00:00(2025-05-19) 12:00 00:00(2025-05-20) 12:00 00:00(2025-05-21) 12:00 00:00(2025-05-22)",
            "a week"
        );
        assert_eq!(
            shown("20241220_000000", "20250120_000000", 900.0),
            "23 Dec(2024) 30 Dec 6 Jan(2025) 13 Jan 20 Jan",
            "a month: Mondays"
        );
        assert_eq!(
            shown("20241115_000000", "20250520_000000", 900.0),
            "Dec(2024) Jan(2025) Feb Mar Apr May",
            "half a year"
        );
        assert_eq!(shown("20100615_000000", "20250520_000000", 600.0), "2012 2014 2016 2018 2020 2022 2024", "years");
        assert_eq!(
            shown("20250515_000000", "20250515_000040", 500.0),
            "00:00:00(2025-05-15) 00:00:10 00:00:20 00:00:30 00:00:40",
            "a segment"
        );
    }

    #[test]
    fn labels_never_touch_at_any_length() {
        let start = at("20241227_143712");
        let mut span = 10_000;
        while span < 3_000 * DAY_US {
            for (offset, width) in [(0, 300.0), (span / 3, 700.0), (7 * 3_600 * SECOND_US, 1400.0)] {
                let (from, to) = (start + offset, start + offset + span);
                let ticks = time_ticks(from, to, width);
                assert!(
                    ticks.len() >= if width < 400.0 { 1 } else { 2 },
                    "{} at {width} px: {} ticks",
                    span_words(span),
                    ticks.len()
                );
                let x = |t: &TimeTick| span_f64(t.at - from) / span_f64(span) * width;
                for pair in ticks.windows(2) {
                    let needed = (text_width(&pair[0].label, LABEL) + text_width(&pair[1].label, LABEL)) / 2.0 + 8.0;
                    assert!(x(&pair[1]) - x(&pair[0]) > needed, "{} at {width} px: {pair:?}", span_words(span));
                }
                let dated: Vec<(f64, f64)> =
                    ticks.iter().filter_map(|t| Some((x(t), text_width(t.date.as_ref()?, LABEL)))).collect();
                assert!(!dated.is_empty() || ticks[0].label.len() == 4, "{}: no date at all", span_words(span));
                for pair in dated.windows(2) {
                    assert!(pair[1].0 - pair[0].0 > (pair[0].1 + pair[1].1) / 2.0 + 8.0, "{}: dates", span_words(span));
                }
            }
            span = span * 5 / 4;
        }
    }

    #[test]
    fn times_without_a_calendar_are_harmless() {
        for (from, to) in [(i64::MIN, i64::MAX), (i64::MAX - 5, i64::MAX), (5, 5), (9, 2)] {
            let ticks = time_ticks(from, to, 800.0);
            assert!(ticks.len() < 100, "bounded: {}", ticks.len());
        }
    }

    #[test]
    fn spans_in_words() {
        for (seconds, words) in
            [(0, "0 s"), (45, "45 s"), (60, "1 min"), (90, "1 min 30 s"), (7200, "2 h"), (187_200, "2 d 4 h")]
        {
            assert_eq!(span_words(seconds * SECOND_US), words, "{seconds} s");
        }
    }
}
