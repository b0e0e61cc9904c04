//! Small charts as SVG, drawn in the page's own colours.

use std::fmt::Write as _;

use super::html::{escape, hex};
use crate::counts::{Counts, groups, pieces};
use crate::coverage::Coverage;
use crate::palette::cluster;
use crate::time_axis::{counted, time_ticks};
use scatterfall_timestamps::{DAY_US, Micros, iso};

const WIDTH: f64 = 1_160.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 1_130.0;

/// Share of the day at each hour (UTC) as bars. `hours`: 24 shares.
pub(super) fn hours_of_day(hours: &[f64; 24], label: i32) -> String {
    let highest = hours.iter().copied().fold(0.0, f64::max);
    let mut svg = String::from("<svg class=\"chart\" viewBox=\"0 0 300 74\" role=\"img\" aria-label=\"");
    let peak = (0..24).max_by(|&a, &b| hours[a].total_cmp(&hours[b])).unwrap_or(0);
    let words = if highest > 0.0 {
        format!("When it is active: most between {peak:02}:00 and {:02}:00 UTC", (peak + 1) % 24)
    } else {
        "Never active".to_owned()
    };
    let _ = write!(svg, "{}\">", escape(&words));
    let mut bars = String::new();
    for (hour, share) in hours.iter().enumerate() {
        let height = share / highest.max(f64::MIN_POSITIVE) * 46.0;
        let _ = write!(bars, "M{:.1} 52v{:.1}h9.4v{height:.1}z", 6.0 + 12.0 * hour as f64, -height);
    }
    let _ =
        write!(svg, "<path d=\"{bars}\" fill=\"{}\"/><path class=\"grid\" d=\"M4 52.5H296\"/>", hex(cluster(label)));
    for hour in [0, 6, 12, 18] {
        let _ = write!(svg, "<text x=\"{}\" y=\"68\">{hour:02}h</text>", 6 + 12 * hour);
    }
    svg + "</svg>"
}

/// Occurrences of every cluster at one place, one strip each over a shared time axis.
pub(super) fn counts(input: &Counts<'_>, clusters: usize) -> String {
    const STRIP: f64 = 74.0;
    let clusters = clusters.min(crate::map::MOST_NAMED as usize);
    let (Some(&from), Some(&last)) = (input.times.first(), input.times.last()) else { return String::new() };
    let to = last.saturating_add(input.duration.max(1)).max(from + 1);
    let x = |t: Micros| LEFT + (t - from) as f64 / (to - from) as f64 * (RIGHT - LEFT);
    let size = input.accumulate.max(1);
    // At least two units a bar: groups are merged, and a bar shows their mean, as in the pictures.
    let unit = (RIGHT - LEFT) * input.duration.max(1) as f64 * size as f64 / (to - from) as f64;
    let merged = if unit < 2.0 { (2.0 / unit).ceil() as usize } else { 1 };
    let bars = groups(input.times, input.duration, size.saturating_mul(merged));
    let bottom = 10.0 + STRIP * clusters as f64;
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"Occurrences of each cluster over time\">",
        bottom + 44.0
    );
    for pair in pieces(input.times, input.duration).windows(2) {
        let (a, b) = (x(pair[0].to), x(pair[1].from));
        let _ = write!(
            svg,
            "<rect class=\"absent\" x=\"{a:.1}\" y=\"10\" width=\"{:.1}\" height=\"{:.1}\"/>",
            (b - a).max(0.6),
            bottom - 10.0
        );
    }
    for (label, strip) in (0..clusters as i32).zip(0..) {
        let base = 10.0 + STRIP * f64::from(strip + 1) - 8.0;
        let mean = |g: &crate::counts::Group| {
            let n = input.labels[g.images.clone()].iter().filter(|&&l| l == label).count() as f64;
            if merged == 1 { n } else { n * size as f64 / g.images.len() as f64 }
        };
        let heights: Vec<f64> = bars.iter().map(mean).collect();
        let highest = heights.iter().copied().fold(0.0, f64::max);
        let mut path = String::new();
        for (bar, height) in bars.iter().zip(&heights).filter(|(_, h)| **h > 0.0) {
            let h = height / highest * (STRIP - 26.0);
            let _ = write!(path, "M{:.1} {base}v{:.1}H{:.1}V{base}z", x(bar.from), -h, x(bar.to));
        }
        let total = input.labels.iter().filter(|&&l| l == label).count();
        let _ = write!(
            svg,
            "<path d=\"{path}\" fill=\"{}\"/><path class=\"grid\" d=\"M{LEFT} {base}H{RIGHT}\"/>\
             <text x=\"{LEFT}\" y=\"{}\">cluster {label}: {} of {}</text>\
             <text x=\"{}\" y=\"{base}\" text-anchor=\"end\">0</text>",
            hex(cluster(label)),
            base - STRIP + 17.0,
            total,
            counted(input.times.len(), input.unit()),
            LEFT - 6.0,
        );
        if highest > 0.0 {
            let (x, y) = (LEFT - 6.0, base - STRIP + 36.0);
            let _ = write!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{}</text>", short(highest));
        }
    }
    svg + &time_labels(from, to, bottom) + "</svg>"
}

fn short(value: f64) -> String {
    if value == value.round() { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Tick labels under a chart; the lower row holds the dates.
fn time_labels(from: Micros, to: Micros, bottom: f64) -> String {
    let mut out = String::new();
    // Labels of these charts are 12 units high, those that the ticks are chosen for 19.
    for tick in time_ticks(from, to, (RIGHT - LEFT) * 1.3) {
        let x = LEFT + (tick.at - from) as f64 / (to - from) as f64 * (RIGHT - LEFT);
        let _ = write!(
            out,
            "<path class=\"grid\" d=\"M{x:.1} {bottom}v5\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            bottom + 18.0,
            tick.label
        );
        if let Some(date) = tick.date {
            let _ = write!(out, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{date}</text>", bottom + 34.0);
        }
    }
    out
}

/// A century of days: more come from a wrong clock.
const MOST_DAYS: i64 = 36_525;

/// How time is cut into the calendar's cells: a row a day, or what there is of a single day.
struct Cells {
    /// Where the first row begins.
    start: Micros,
    /// Time of a cell.
    unit: Micros,
    columns: usize,
    rows: usize,
}

const HOUR: Micros = DAY_US / 24;

impl Cells {
    /// Hours of every day; of a single day its hours alone, and where these are few, every ten minutes of them.
    fn new(from: Micros, to: Micros) -> Self {
        let (first, last) = (from.div_euclid(DAY_US), (to - 1).div_euclid(DAY_US));
        if last > first {
            let rows = (last - first).saturating_add(1).min(MOST_DAYS) as usize;
            return Self { start: first * DAY_US, unit: HOUR, columns: 24, rows };
        }
        let start = from.div_euclid(HOUR) * HOUR;
        let hours = (to - start + HOUR - 1).div_euclid(HOUR).clamp(1, 24);
        let in_hour = if hours <= 6 { 6 } else { 1 };
        Self { start, unit: HOUR / in_hour, columns: (hours * in_hour) as usize, rows: 1 }
    }

    fn count(&self) -> usize {
        self.columns * self.rows
    }

    /// The cell of a time.
    fn of(&self, t: Micros) -> Option<usize> {
        let cell = usize::try_from(t.saturating_sub(self.start).div_euclid(self.unit)).ok()?;
        Some(cell).filter(|&c| c < self.count())
    }

    fn begin(&self, cell: usize) -> Micros {
        self.start + cell as i64 * self.unit
    }

    /// Columns from one label to the next.
    fn step(&self) -> usize {
        match self.columns {
            n if self.unit == HOUR => n.div_ceil(12),
            n if n <= 12 => 1,
            _ => 3,
        }
    }

    /// The time of the day at the left edge of a column.
    fn label(&self, column: usize) -> String {
        let minutes = (self.start.rem_euclid(DAY_US) + column as i64 * self.unit) / 60_000_000;
        if self.unit == HOUR {
            format!("{:02}", minutes / 60)
        } else {
            format!("{:02}:{:02}", minutes / 60, minutes % 60)
        }
    }
}

/// The hours of every day: how much of each is held, and where images were left out.
pub(super) fn calendar(input: &Coverage<'_>) -> String {
    let all = || input.held.iter().chain(input.left_out).copied();
    let (Some(from), Some(last)) = (all().min(), all().max()) else { return String::new() };
    let to = last.saturating_add(input.duration.max(1));
    let cells = Cells::new(from, to);
    let (mut held, mut out) = (vec![0i64; cells.count()], vec![false; cells.count()]);
    for &time in input.held {
        // An image may reach into the next cell.
        let (mut at, end) = (time, time.saturating_add(input.duration));
        while let Some(c) = cells.of(at).filter(|_| at < end) {
            let stop = (cells.begin(c) + cells.unit).min(end);
            held[c] += stop - at;
            at = stop;
        }
    }
    input.left_out.iter().filter_map(|&t| cells.of(t)).for_each(|c| out[c] = true);
    let days = cells.rows;
    let high = if days <= 62 { 18.0 } else { 900.0 / days as f64 };
    let (left, all_wide) = (92.0, 912.0);
    let width = all_wide / cells.columns as f64;
    let mut paths = [const { String::new() }; 5];
    let mut marks = String::new();
    for c in 0..cells.count() {
        let begin = cells.begin(c);
        let expected = (begin + cells.unit).min(to) - begin.max(from);
        if expected <= 0 {
            continue;
        }
        let level = match held[c] as f64 / expected as f64 {
            s if s <= 0.0 => 0,
            s if s < 0.5 => 1,
            s if s < 0.9 => 2,
            s if s < 0.999 => 3,
            _ => 4,
        };
        let (x, y) = (left + (c % cells.columns) as f64 * width, 4.0 + (c / cells.columns) as f64 * high);
        let inner = (high - if high > 6.0 { 1.5 } else { 0.0 }).max(0.3);
        let _ = write!(paths[level], "M{x:.1} {y:.2}h{:.1}v{inner:.2}h-{:.1}z", width - 1.5, width - 1.5);
        if out[c] {
            let _ = write!(marks, "M{:.1} {y:.2}h5v{inner:.2}h-5z", x + width - 6.5);
        }
    }
    let bottom = 4.0 + high * days as f64;
    let mut svg = format!(
        "<svg class=\"chart calendar\" viewBox=\"0 0 1020 {:.0}\" role=\"img\" aria-label=\"Coverage by day and hour, {} of {}\">",
        bottom + 40.0,
        counted(input.held.len(), "image"),
        counted(days, "day")
    );
    for (level, path) in paths.iter().enumerate() {
        let _ = write!(svg, "<path class=\"c{level}\" d=\"{path}\"/>");
    }
    let _ = write!(svg, "<path class=\"out\" d=\"{marks}\"/>");
    let every = (15.0 / high).ceil().max(1.0) as usize;
    for day in (0..days).step_by(every) {
        let name = iso(cells.begin(day * cells.columns));
        let y = 4.0 + (day as f64 + 0.5) * high + 4.0;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            &name[..name.len().min(10)]
        );
    }
    for column in (0..=cells.columns).step_by(cells.step()) {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            left + column as f64 * width,
            bottom + 16.0,
            cells.label(column)
        );
    }
    let words = if cells.unit == HOUR { "hour" } else { "time" };
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{words} of the day (UTC)</text>",
        left + all_wide / 2.0,
        bottom + 34.0
    );
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Micros = 60_000_000;

    #[test]
    fn charts_are_bounded_at_any_length() {
        for minutes in [1, 20, 1_440, 43_200, 262_800] {
            let times: Vec<Micros> =
                (0..minutes).map(|i| (i + if i > minutes / 2 { minutes / 10 } else { 0 }) * MINUTE).collect();
            let labels: Vec<i32> = (0..minutes).map(|i| (i % 7) as i32 - 1).collect();
            let input = Counts { times: &times, labels: &labels, duration: MINUTE, accumulate: 4, place_km: Some(1.0) };
            let svg = counts(&input, 6);
            assert!(
                svg.len() < 300_000 && svg.contains("cluster 5") && !svg.contains("NaN"),
                "{minutes}: {} bytes",
                svg.len()
            );
            let svg = calendar(&Coverage { held: &times, left_out: &times[..1], duration: MINUTE });
            assert!(
                svg.len() < 300_000 && svg.contains("class=\"out\" d=\"M") && !svg.contains("NaN"),
                "{minutes}: {}",
                svg.len()
            );
        }
        let none = Counts { times: &[], labels: &[], duration: MINUTE, accumulate: 4, place_km: Some(1.0) };
        assert_eq!(counts(&none, 3), "", "no images");
        let far = Coverage { held: &[0, i64::MAX / 2], left_out: &[i64::MIN / 2], duration: MINUTE };
        assert!(!calendar(&far).is_empty(), "wrong clocks are bounded");
    }

    #[test]
    fn hours_are_full_partly_held_or_missing() {
        // 00:30 to 03:00 of which 01:xx is half missing and 02:xx wholly but for its last minute.
        let held: Vec<Micros> = (30..180).filter(|m| !(90..179).contains(m)).map(|m| m * MINUTE).collect();
        let svg = calendar(&Coverage { held: &held, left_out: &[100 * MINUTE], duration: MINUTE });
        let cells = |level: &str| {
            let path =
                svg.split(&format!("class=\"{level}\" d=\"")).nth(1).and_then(|p| p.split('"').next()).unwrap_or("");
            path.matches('M').count()
        };
        // In cells of ten minutes: 00:30 to 01:30 whole, nothing up to 02:50, then a tenth.
        assert_eq!([cells("c4"), cells("c2"), cells("c1"), cells("c0"), cells("out")], [6, 0, 1, 8, 1], "{svg}");
        assert!(svg.contains(">02:30<") && svg.contains("time of the day"), "labels of half hours: {svg}");
        // The same on the next day as well: hours of two days.
        let both: Vec<Micros> = held.iter().flat_map(|&t| [t, t + DAY_US]).collect();
        let svg = calendar(&Coverage { held: &both, left_out: &[100 * MINUTE], duration: MINUTE });
        let cells = |level: &str| {
            let path =
                svg.split(&format!("class=\"{level}\" d=\"")).nth(1).and_then(|p| p.split('"').next()).unwrap_or("");
            path.matches('M').count()
        };
        // The second day's first hour is half missing.
        assert_eq!([cells("c4"), cells("c2"), cells("c1"), cells("out")], [1, 3, 2, 1], "{svg}");
        assert_eq!(cells("c0"), 21, "from 03:00 to midnight");
        assert!(svg.contains("hour of the day"), "labels of hours");
    }

    #[test]
    fn hours_of_day_name_the_busiest() {
        let mut hours = [0.1; 24];
        hours[13] = 0.5;
        assert!(hours_of_day(&hours, 2).contains("between 13:00 and 14:00"), "in words too");
        assert!(hours_of_day(&[0.0; 24], 2).contains("Never"), "an empty cluster");
    }
}
