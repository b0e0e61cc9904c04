//! How often each cluster occurs at one place: bars over time and the accumulated count.

use std::ops::Range;

use super::axis::{Axis, HEADER, Panel, header, legend};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{ABSENT, Rgb, cluster};
use super::series::thinned;
use super::time_axis::{FOOTER, counted, draw_time, span_words, time_axis};
use scatterfall_timestamps::Micros;

const WIDTH: u32 = 1600;
const HEIGHT: u32 = 560;

/// Bars thinner than this many pixels are merged.
const THINNEST_BAR: f64 = 3.0;

/// The label of one place in each image.
#[derive(Clone, Copy, Debug)]
pub struct Counts<'a> {
    /// Start of each image that has a row at the place, ascending, UTC.
    pub times: &'a [Micros],
    /// Cluster of that row; negative: none.
    pub labels: &'a [i32],
    /// Time that an image spans.
    pub duration: Micros,
    /// Images that one bar gathers.
    pub accumulate: usize,
    /// Where the row lies, in km; `None` for the segments of a seismogram, which have no places.
    pub place_km: Option<f64>,
}

impl Counts<'_> {
    /// ` at 13.89 km`, or nothing.
    fn place(&self) -> String {
        self.place_km.map_or_else(String::new, |km| format!(" at {km:.2} km"))
    }

    /// What the times are of.
    pub(crate) fn unit(&self) -> &'static str {
        if self.place_km.is_some() { "image" } else { "segment" }
    }
}

/// Images that follow each other without a gap, or a part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which images.
    pub images: Range<usize>,
    /// Start of the first.
    pub from: Micros,
    /// End of the last.
    pub to: Micros,
}

/// The pieces of an archive between its gaps: steps of more than 1.5 `duration`.
pub fn pieces(times: &[Micros], duration: Micros) -> Vec<Group> {
    let mut pieces = Vec::new();
    let mut first = 0;
    for i in 1..=times.len() {
        // More than 1.5 durations, in whole numbers.
        let ends =
            i == times.len() || times[i].saturating_sub(times[i - 1]).saturating_mul(2) > duration.saturating_mul(3);
        if ends {
            pieces.push(group(times, duration, first..i));
            first = i;
        }
    }
    pieces
}

/// Every piece in groups of `size` images, the last of each piece what is left over: no group spans a gap.
pub fn groups(times: &[Micros], duration: Micros, size: usize) -> Vec<Group> {
    let size = size.max(1);
    let cut = |piece: Group| {
        let Range { start, end } = piece.images;
        (start..end).step_by(size).map(move |i| group(times, duration, i..(i + size).min(end))).collect::<Vec<_>>()
    };
    pieces(times, duration).into_iter().flat_map(cut).collect()
}

fn group(times: &[Micros], duration: Micros, images: Range<usize>) -> Group {
    let last = images.end.saturating_sub(1).max(images.start);
    Group { from: times[images.start], to: times[last].saturating_add(duration), images }
}

/// Draws how often `label` occurs in each group of images.
pub fn occurrences(input: &Counts<'_>, label: i32) -> Canvas {
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let (from, to) = span(input);
    let size = input.accumulate.max(1);
    let bar_px = panel_rect().width() * input.duration.max(1) as f64 * size as f64 / (to - from) as f64;
    // Where a bar would be a hair's breadth, several groups share one, which then shows their mean.
    let merged = if bar_px < THINNEST_BAR { (THINNEST_BAR / bar_px).ceil() as usize } else { 1 };
    let bars = groups(input.times, input.duration, size.saturating_mul(merged));
    let count = |g: &Group| input.labels[g.images.clone()].iter().filter(|&&l| l == label).count();
    let height = |g: &Group| {
        let n = count(g) as f64;
        // The left-over groups of a piece hold fewer images: they show what they hold, unless bars are means.
        if merged == 1 { n } else { n * size as f64 / g.images.len() as f64 }
    };
    let highest = bars.iter().map(height).fold(0.0, f64::max);
    let panel = Panel { rect: panel_rect(), x: time_axis(from, to), y: Axis::linear(0.0, (highest * 1.08).max(1.08)) };
    let color = cluster(label);
    absent(&panel, &mut canvas, input);
    draw_time(&panel, &mut canvas, "time (UTC)");
    let unit = input.unit();
    let words = if size == 1 { format!("occurrences ({unit}s)") } else { format!("occurrences in {size} {unit}s") };
    panel.draw_y(&mut canvas, &whole_ticks(&panel.y, merged == 1), &words);
    let mut short = false;
    for bar in &bars {
        let partial = merged == 1 && bar.images.len() < size;
        short |= partial;
        let rect = Rect::new(px(&panel, bar.from), panel.py(height(bar)), px(&panel, bar.to), panel.rect.bottom);
        canvas.fill(rect, color, if partial { 0.45 } else { 1.0 });
        if rect.width() > 8.0 && rect.height() > 0.0 {
            canvas.outline(rect, Stroke::new([255; 3], 1.0));
        }
    }
    panel.frame(&mut canvas);
    let total = input.labels.iter().filter(|&&l| l == label).count();
    let merging = if merged > 1 { format!("; each bar is the mean of {merged} groups") } else { String::new() };
    let title = format!("Cluster {label}{}: {total} of {}", input.place(), counted(input.times.len(), input.unit()));
    let group_span = span_words(input.duration.saturating_mul(size as i64));
    header(&mut canvas, panel.rect.left, &title, &format!("groups of {size} {unit}s ({group_span}){merging}"));
    let mut entries = vec![(color, format!("cluster {label}"))];
    if short {
        entries.push((pale(color), format!("fewer than {size} {unit}s")));
    }
    gap_legend(&mut canvas, input, entries);
    canvas
}

/// Draws the number of occurrences of `label` up to each time.
pub fn accumulated(input: &Counts<'_>, label: i32) -> Canvas {
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let (from, to) = span(input);
    let total = input.labels.iter().filter(|&&l| l == label).count();
    let y = Axis::linear(0.0, (total as f64 * 1.05).max(1.05));
    let panel = Panel { rect: panel_rect(), x: time_axis(from, to), y };
    absent(&panel, &mut canvas, input);
    draw_time(&panel, &mut canvas, "time (UTC)");
    panel.draw_y(&mut canvas, &whole_ticks(&panel.y, true), "accumulated occurrences");
    let color = cluster(label);
    let mut so_far = 0.0;
    for piece in pieces(input.times, input.duration) {
        let mut points = vec![(micros_f64(piece.from), so_far)];
        for i in piece.images {
            if input.labels[i] == label {
                let at = micros_f64(input.times[i]);
                points.extend([(at, so_far), (at, so_far + 1.0)]);
                so_far += 1.0;
            }
        }
        points.push((micros_f64(piece.to), so_far));
        panel.line(&mut canvas, thinned(&panel, &points), Stroke::new(color, 3.0));
    }
    panel.frame(&mut canvas);
    let title = format!("Cluster {label}{}, accumulated", input.place());
    let (images, unit) = (counted(input.times.len(), input.unit()), input.unit());
    header(
        &mut canvas,
        panel.rect.left,
        &title,
        &format!("{total} of {images}; the line breaks where {unit}s are missing"),
    );
    gap_legend(&mut canvas, input, vec![(color, format!("cluster {label}"))]);
    canvas
}

fn panel_rect() -> Rect {
    Rect::new(110.0, HEADER, f64::from(WIDTH) - 66.0, f64::from(HEIGHT) - FOOTER)
}

fn span(input: &Counts<'_>) -> (Micros, Micros) {
    let from = input.times.first().copied().unwrap_or_default();
    let to = input.times.last().copied().unwrap_or_default().saturating_add(input.duration.max(1));
    (from, to.max(from.saturating_add(1)))
}

pub(super) fn micros_f64(time: Micros) -> f64 {
    time as f64
}

fn px(panel: &Panel, time: Micros) -> f64 {
    panel.px(micros_f64(time))
}

/// Shades the stretches between the pieces, at least a pixel wide.
fn absent(panel: &Panel, canvas: &mut Canvas, input: &Counts<'_>) {
    if input.times.is_empty() {
        panel.note(canvas, &format!("no {} has a row here", input.unit()));
    }
    for pair in pieces(input.times, input.duration).windows(2) {
        let (left, right) = (px(panel, pair[0].to), px(panel, pair[1].from));
        canvas.fill(Rect::new(left, panel.rect.top, right.max(left + 1.0), panel.rect.bottom), ABSENT, 1.0);
    }
}

/// The legend at the right of the header; gaps are in it where there are some.
fn gap_legend(canvas: &mut Canvas, input: &Counts<'_>, mut entries: Vec<(Rgb, String)>) {
    if pieces(input.times, input.duration).len() > 1 {
        entries.push((ABSENT, format!("no {}s", input.unit())));
    }
    let width: f64 = entries.iter().map(|(_, n)| 54.0 + super::text::text_width(n, super::axis::LABEL)).sum();
    let right = f64::from(WIDTH) - 40.0;
    legend(canvas, (right - width, 66.0), right, &entries);
}

/// Ticks of a count axis; `whole`: only whole numbers can occur.
fn whole_ticks(axis: &Axis, whole: bool) -> Vec<super::axis::Tick> {
    let mut ticks = axis.ticks(7);
    if whole {
        ticks.retain(|t| (t.at - t.at.round()).abs() < 1e-9);
        ticks.iter_mut().for_each(|t| t.label = super::axis::number(t.at, 1.0));
    }
    ticks
}

fn pale(color: Rgb) -> Rgb {
    color.map(|c| (f64::from(c) * 0.45 + 255.0 * 0.55).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::{check_texts, count, says};
    use super::*;
    use scatterfall_timestamps::DAY_US;

    const MINUTE: Micros = 60_000_000;

    /// Images every minute with a gap of 3 after the first 10, labels 0 0 0 1 0 0 0 1 ...
    fn example(images: i64) -> (Vec<Micros>, Vec<i32>) {
        let start = scatterfall_timestamps::parse_compact("20250514_233000").expect("a valid time");
        let times = (0..images).map(|i| start + (i + if i < 10 { 0 } else { 3 }) * MINUTE).collect();
        (times, (0..images).map(|i| i32::from(i % 4 == 3)).collect())
    }

    fn input<'a>(times: &'a [Micros], labels: &'a [i32]) -> Counts<'a> {
        Counts { times, labels, duration: MINUTE, accumulate: 4, place_km: Some(13.8896) }
    }

    #[test]
    fn groups_end_at_gaps() {
        let (times, _) = example(15);
        let ranges: Vec<Range<usize>> = groups(&times, MINUTE, 4).into_iter().map(|g| g.images).collect();
        assert_eq!(ranges, [0..4, 4..8, 8..10, 10..14, 14..15], "two left over before the gap, one at the end");
        let whole = pieces(&times, MINUTE);
        assert_eq!(whole.len(), 2, "one gap");
        assert_eq!((whole[0].to, whole[1].from), (times[9] + MINUTE, times[10]), "the gap itself");
        let slow: Vec<Micros> = (0..5).map(|i| i * MINUTE * 3 / 2).collect();
        assert_eq!(pieces(&slow, MINUTE).len(), 1, "exactly 1.5 durations is no gap");
        assert_eq!(pieces(&[0, MINUTE * 3 / 2 + 1], MINUTE).len(), 2, "a microsecond more is one");
        assert!(groups(&[], MINUTE, 4).is_empty(), "no images, no groups");
    }

    #[test]
    fn bars_and_lines_leave_the_gap_open() {
        let (times, labels) = example(20);
        let input = input(&times, &labels);
        for canvas in [occurrences(&input, 0), accumulated(&input, 0)] {
            check_texts(&canvas);
            assert!(says(&canvas, "13.89 km") && says(&canvas, "no images") && says(&canvas, "time (UTC)"), "words");
            let picture = canvas.finish().expect("drawn");
            let panel =
                Panel { rect: panel_rect(), x: time_axis(times[0], times[19] + MINUTE), y: Axis::linear(0.0, 1.0) };
            let middle = px(&panel, times[9] + MINUTE + 3 * MINUTE / 2);
            for y in (panel.rect.top as u32 + 2)..(panel.rect.bottom as u32 - 2) {
                let pixel = picture.get_pixel(middle as u32, y).0;
                assert!(
                    pixel == ABSENT || pixel[0].abs_diff(226) < 8,
                    "nothing is drawn across the gap: {pixel:?} at {y}"
                );
            }
            assert!(count(&picture, cluster(0)) > 500, "something is drawn beside it");
        }
    }

    #[test]
    fn all_lengths_fit() {
        for minutes in [1, 10, 20, 1_440, 10_080, 43_200, 262_800] {
            let (times, labels) = example(minutes);
            let input = input(&times, &labels);
            for label in [0, 1, 7] {
                for canvas in [occurrences(&input, label), accumulated(&input, label)] {
                    check_texts(&canvas);
                    let picture = canvas.finish().expect("drawn");
                    // More than the legend's swatch, which is all that a cluster without occurrences has.
                    let there = minutes > 4 && label < 2;
                    assert!(!there || count(&picture, cluster(label)) > 400, "{minutes} minutes, cluster {label}");
                }
            }
        }
        check_texts(&occurrences(&input(&[], &[]), 0));
        check_texts(&accumulated(&input(&[], &[]), 0));
    }

    #[test]
    fn long_archives_show_means() {
        let (times, labels) = example(43_200);
        let input = input(&times, &labels);
        assert!(says(&occurrences(&input, 0), "mean of 23 groups"), "0.13 pixels a group, 3 a bar");
        let (times, labels) = example(100);
        assert!(!says(&occurrences(&self::input(&times, &labels), 0), "mean"), "wide enough bars");
        let far = [0, 400 * 365 * DAY_US];
        check_texts(&occurrences(&self::input(&far, &[0, 0]), 0));
    }
}
