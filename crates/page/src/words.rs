//! What happened, in words.

use crate::axis::TimeAxis;
use crate::model::{Defect, Event, Page, Path, Source};
use crate::time::{Micros, clock};

/// An event over this share of the fibre counts as one over all of it.
const WHOLE_FIBRE: f64 = 0.6;
const SECOND_US: Micros = 1_000_000;

/// `1 image`, `2 images`; thousands are set apart.
pub(crate) fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// A number with thin spaces between thousands.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A length of time to two units: `45 s`, `10 min`, `3 h`, `2 d 4 h`.
pub(crate) fn span_words(span: Micros) -> String {
    let seconds = span.max(0) / SECOND_US;
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let first = parts.iter().position(|p| p.0 > 0).unwrap_or(3);
    let shown = parts[first..(first + 2).min(4)].iter().enumerate().filter(|(i, p)| *i == 0 || p.0 > 0);
    shown.map(|(_, (n, unit))| format!("{n}\u{a0}{unit}")).collect::<Vec<_>>().join(" ")
}

/// The page's first sentence.
pub(crate) fn sentence(page: &Page, axis: &TimeAxis) -> String {
    let events: Vec<&Event> = page.events.iter().filter(|e| !is_ignored(page, e.kind)).collect();
    let total = events.len() + page.events_beyond;
    let length = span_words(axis.recorded());
    let fibre = matches!(page.source, Source::Fibre { .. });
    let mut text = match (total, fibre) {
        (0, true) => format!("No event in {length}"),
        (0, false) => format!("No unusual segment in {length}"),
        (n, true) => format!("{} in {length}", counted(n, "event", "events")),
        (n, false) => format!("{} in {length}", counted(n, "unusual span", "unusual spans")),
    };
    let parts = by_behaviour(page, &events);
    if !parts.is_empty() {
        text += ": ";
        text += &parts.join(", ");
    }
    text += "; ";
    text += &recorder(page, axis);
    text.push('.');
    text
}

/// True for kinds that the user named `ignore`.
pub(crate) fn is_ignored(page: &Page, kind: i32) -> bool {
    page.names.iter().any(|n| n.kind == kind && n.name.trim().eq_ignore_ascii_case("ignore"))
}

/// How many events did what, most telling first.
fn by_behaviour(page: &Page, events: &[&Event]) -> Vec<String> {
    let Source::Fibre { from_km, to_km } = page.source else { return Vec::new() };
    let whole = (to_km - from_km) * WHOLE_FIBRE;
    let count = |fits: &dyn Fn(&Event) -> bool| events.iter().filter(|e| fits(e)).count();
    let extent = |e: &Event| e.distance_km.1 - e.distance_km.0;
    let classes = [
        (count(&|e| e.path == Path::Wide && extent(e) >= whole), "over the whole fibre"),
        (count(&|e| e.path == Path::Wide && extent(e) < whole), "over several kilometres"),
        (count(&|e| e.path == Path::Slants), "moving"),
        (count(&|e| e.path == Path::Coarse), "local"),
        (count(&|e| e.path == Path::Slow), "steady"),
        (count(&|e| e.path == Path::Row), "of unusual texture"),
    ];
    classes.iter().filter(|c| c.0 > 0).map(|(n, what)| format!("{} {what}", grouped(*n))).collect()
}

/// Is the recorder well?
fn recorder(page: &Page, axis: &TimeAxis) -> String {
    let missing: Micros = axis.gaps().iter().map(|g| g.to - g.from).sum();
    let mut parts = Vec::new();
    if missing > 0 {
        parts.push(format!("{} missing", span_words(missing)));
    }
    for what in ["dead", "saturated"] {
        let km = covered(page.health.iter().filter(|d| d.what == what));
        if km > 0.0 {
            parts.push(format!("{} km {what}", short(km)));
        }
    }
    for what in ["frozen", "blank", "repeated"] {
        let time: Micros = page.health.iter().filter(|d| d.what == what).map(|d| d.time.1 - d.time.0).sum();
        if time > 0 {
            parts.push(format!("{} {what}", span_words(time)));
        }
    }
    for (what, one, many) in [("stepped", "step in level", "steps in level"), ("restart", "restart", "restarts")] {
        let n = page.health.iter().filter(|d| d.what == what).count();
        if n > 0 {
            parts.push(counted(n, one, many));
        }
    }
    if !page.left_out.is_empty() {
        parts.push(counted(page.left_out.len(), "file left out", "files left out"));
    }
    let subject = if matches!(page.source, Source::Fibre { .. }) { "recorder" } else { "record" };
    if parts.is_empty() { format!("{subject}: complete and well") } else { format!("{subject}: {}", parts.join(", ")) }
}

/// Kilometres that at least one defect covers.
fn covered<'a>(defects: impl Iterator<Item = &'a Defect>) -> f64 {
    let mut spans: Vec<(f64, f64)> = defects.map(|d| d.distance_km).filter(|d| d.1 > d.0).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut sum, mut end) = (0.0, f64::NEG_INFINITY);
    for (from, to) in spans {
        sum += (to - from.max(end)).max(0.0);
        end = end.max(to);
    }
    sum
}

/// A number to two digits after the point, without closing zeros.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Why an event is listed, where its finder left no words.
pub(crate) fn reason(event: &Event) -> String {
    if !event.reason.is_empty() {
        return event.reason.clone();
    }
    let (from, to) = event.distance_km;
    let level = |e: &Event| if e.rise_db.is_finite() { format!("{:+.0} dB", e.rise_db) } else { "a rise".to_owned() };
    let length = span_words((event.time.1 - event.time.0).max(SECOND_US));
    match event.path {
        Path::Slants if event.speed_ms.is_finite() => {
            let (start, end) = if event.speed_ms < 0.0 { (to, from) } else { (from, to) };
            format!("moves {:+.0} m/s from {} to {} km, {}", event.speed_ms, short(start), short(end), level(event))
        }
        Path::Slow => format!("steady {} at {} km since {}", level(event), short(event.peak_km), clock(event.time.0)),
        Path::Row => format!("score {:.1} for {length}", event.score),
        _ if to - from < 1.0 => format!("level {} at {} km for {length}", level(event), short(event.peak_km)),
        _ => format!("level {} over {:.0} km for {length}", level(event), to - from),
    }
}

/// From when to when, in words.
pub(crate) fn span(axis: &TimeAxis) -> String {
    axis.span().map_or_else(
        || "no images".to_owned(),
        |s| format!("{} to {} UTC, {} recorded", clock(s.from), clock(s.to), span_words(axis.recorded())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_sentence_says_what_happened_and_whether_the_recorder_is_well() {
        let page = fixture::three_hours();
        let axis = TimeAxis::new(&page.images, page.image_us);
        assert_eq!(
            sentence(&page, &axis).replace('\u{a0}', " "),
            "31 events in 2 h 57 min: 7 over the whole fibre, 22 moving, 2 steady; recorder: 3 min missing, 1 km dead.",
            "the example of the page's purpose"
        );
        let quiet = Page { events: Vec::new(), health: Vec::new(), images: page.images[..60].to_vec(), ..page };
        let axis = TimeAxis::new(&quiet.images, quiet.image_us);
        assert_eq!(
            sentence(&quiet, &axis).replace('\u{a0}', " "),
            "No event in 1 h; recorder: complete and well.",
            "nothing is said too"
        );
    }

    #[test]
    fn reasons_name_direction_and_place() {
        let mut event = fixture::three_hours().events[10].clone();
        (event.path, event.speed_ms, event.distance_km, event.rise_db) = (Path::Slants, -17.2, (4.2, 5.1), 6.4);
        assert_eq!(reason(&event), "moves -17 m/s from 5.1 to 4.2 km, +6 dB", "from the far end");
        event.reason = "given".to_owned();
        assert_eq!(reason(&event), "given", "the finder's own words win");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567", "thousands");
        assert_eq!(short(7.30), "7.3", "no closing zeros");
    }
}
