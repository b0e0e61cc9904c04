//! The parts of the page, each left out where there is nothing to show.

use std::fmt::Write as _;

use super::html::{escape, hex, png_address};
use super::{EventLine, ReportData, charts};
use crate::palette::{cluster, cluster_name};
use crate::time_axis::{counted, span_words};
use scatterfall_timestamps::{DAY_US, Micros, iso};

/// Lists are cut here; the files of the run hold all of it.
const MOST_LINES: usize = 500;

/// One part of the page.
pub(super) struct Section {
    /// Its anchor.
    pub(super) id: &'static str,
    /// Its heading.
    pub(super) title: &'static str,
    body: String,
}

impl Section {
    pub(super) fn html(&self) -> String {
        let Self { id, title, body } = self;
        format!(
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\"><h2 id=\"{id}-title\">{title}</h2>\n{body}</section>\n"
        )
    }
}

/// The sections that have something to show, in order.
pub(super) fn all(data: &ReportData<'_>) -> Vec<Section> {
    let candidates = [
        ("summary", "Summary", summary(data)),
        ("map", "Map", map(data)),
        ("anomalies", "Anomalies", anomalies(data)),
        ("clusters", "Clusters", clusters(data)),
        ("counts", "Counts", counts(data)),
        ("coverage", "Coverage", coverage(data)),
        ("left-out", "Left out", left_out(data)),
        ("pictures", "Reduction and model", pictures(data)),
        ("configuration", "Configuration", configuration(data)),
    ];
    let kept = candidates.into_iter().filter(|c| !c.2.is_empty());
    kept.map(|(id, title, body)| Section { id, title, body }).collect()
}

/// Clusters that occur, or have a card.
pub(super) fn cluster_count(data: &ReportData<'_>) -> usize {
    let highest = data.rows.labels.iter().copied().max().unwrap_or(-1);
    usize::try_from(highest + 1).unwrap_or(0).max(data.cards.len())
}

/// From when to when, in words.
pub(super) fn span(data: &ReportData<'_>) -> String {
    if data.rows.times.is_empty() {
        return "no rows".to_owned();
    }
    let (from, to) = data.rows.span();
    format!("{} to {} ({})", clock(from), clock(to), span_words(to - from))
}

/// `2025-05-15 11:30` with seconds only where there are some.
fn clock(time: Micros) -> String {
    let text = iso(time).replace('T', " ").trim_end_matches('Z').to_owned();
    text.strip_suffix(":00").map_or(text.clone(), str::to_owned)
}

/// A clock time that no line breaks, as markup.
fn unbroken(time: Micros) -> String {
    format!("<span class=\"nowrap\">{}</span>", clock(time))
}

fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let lead = digits.len() % 3;
    let (head, tail) = digits.split_at(lead);
    let mut parts: Vec<&str> = if head.is_empty() { Vec::new() } else { vec![head] };
    parts.extend((0..tail.len() / 3).map(|i| &tail[3 * i..3 * i + 3]));
    parts.join("\u{202f}")
}

fn summary(data: &ReportData<'_>) -> String {
    let images = data.rows.image_times().len();
    let missing: Micros = data.gaps.iter().map(|g| g.1 - g.0).sum();
    let seconds: f64 = data.stages.iter().map(|s| s.1).sum();
    let item = |name: &str, value: String, words: bool| {
        let class = if words { " class=\"words\"" } else { "" };
        format!("<div><dt>{}</dt><dd{class}>{}</dd></div>", escape(name), escape(&value))
    };
    let unit = if data.has_distance { "Images with results" } else { "Segments" };
    let mut out = String::from("<dl class=\"facts\">");
    out += &item(unit, grouped(images), false);
    out += &item("Rows", grouped(data.rows.labels.len()), false);
    out += &item("Clusters", cluster_count(data).to_string(), false);
    out += &item("Events listed", data.events.len().to_string(), false);
    let gaps = if data.gaps.is_empty() {
        "none".to_owned()
    } else {
        format!("{}, {}", counted(data.gaps.len(), "gap"), span_words(missing))
    };
    out += &item("Missing", gaps, true);
    out += &item(
        "Left out",
        if data.left_out.is_empty() { "none".to_owned() } else { counted(data.left_out.len(), "file") },
        true,
    );
    if !data.device.is_empty() {
        out += &item("Computed on", data.device.to_owned(), true);
    }
    if !data.stages.is_empty() {
        out += &item(
            "Time taken",
            if seconds < 60.0 { format!("{seconds:.1} s") } else { span_words((seconds * 1e6) as i64) },
            true,
        );
    }
    for (name, value) in data.facts {
        out += &item(name, value.clone(), true);
    }
    out += "</dl>";
    if !data.stages.is_empty() {
        out += "<details><summary>Time of each stage</summary><table><thead><tr><th scope=\"col\">Stage</th><th scope=\"col\" class=\"number\">Seconds</th></tr></thead><tbody>";
        for (name, seconds) in data.stages {
            let _ = write!(out, "<tr><td>{}</td><td class=\"number\">{seconds:.2}</td></tr>", escape(name));
        }
        out += "</tbody></table></details>";
    }
    out
}

fn map(data: &ReportData<'_>) -> String {
    if data.rows.times.is_empty() {
        return String::new();
    }
    let what = if data.has_distance { "time and distance" } else { "time" };
    let mut chips = String::new();
    let chip = |label: i32, color: String| {
        let name = cluster_name(label);
        format!(
            "<label class=\"chip\"><input type=\"checkbox\" class=\"map-cluster\" value=\"{label}\" checked>\
             <span class=\"swatch\" style=\"background:{color}\"></span>{name}</label>"
        )
    };
    for label in 0..cluster_count(data).min(254) as i32 {
        chips += &chip(label, hex(cluster(label)));
    }
    if data.rows.labels.iter().any(|&l| l < 0) {
        chips += &chip(-1, hex(cluster(-1)));
    }
    let score = if data.rows.scores.iter().any(|s| s.is_finite()) {
        "<button type=\"button\" class=\"button\" id=\"map-score\" aria-pressed=\"false\">Score</button>"
    } else {
        ""
    };
    format!(
        "<p class=\"soft small\" id=\"map-help\">Every row over {what}. Move over it to read values, drag to zoom in on a \
         time, click for the waterfall. With the keyboard: arrows move, + and − zoom, Enter shows the waterfall, Escape \
         shows all. <span id=\"map-resolution\"></span></p>\
         <div class=\"bar no-print\"><fieldset><legend>Show</legend>\
         <button type=\"button\" class=\"button\" id=\"map-labels\" aria-pressed=\"true\">Cluster</button>{score}</fieldset>\
         <fieldset><legend>Zoom</legend><button type=\"button\" class=\"button\" id=\"map-in\" aria-label=\"Zoom in\">+</button>\
         <button type=\"button\" class=\"button\" id=\"map-out\" aria-label=\"Zoom out\">−</button>\
         <button type=\"button\" class=\"button\" id=\"map-left\" aria-label=\"Earlier\">←</button>\
         <button type=\"button\" class=\"button\" id=\"map-right\" aria-label=\"Later\">→</button>\
         <button type=\"button\" class=\"button\" id=\"map-reset\">All</button></fieldset>\
         <span class=\"scale\" id=\"map-scale\" hidden><span id=\"map-scale-low\"></span><canvas width=\"256\" height=\"1\" \
         aria-hidden=\"true\"></canvas><span id=\"map-scale-high\"></span></span></div>\
         <fieldset class=\"bar\" id=\"map-clusters\" style=\"border:0;margin:0;padding:0\"><legend class=\"skip\">Clusters shown</legend>{chips}</fieldset>\
         <div class=\"map\"><canvas id=\"map-canvas\" tabindex=\"0\" role=\"application\" aria-roledescription=\"map\" \
         aria-label=\"Clusters over {what}\" aria-describedby=\"map-help\"></canvas><div id=\"map-tip\" hidden></div></div>\
         <p class=\"soft small\" id=\"map-view\" aria-live=\"polite\"></p><p class=\"skip\" id=\"map-status\" role=\"status\"></p>\
         <div id=\"map-detail\" hidden><div id=\"map-detail-text\"></div><figure id=\"map-detail-figure\" style=\"margin:0\" hidden>\
         <img alt=\"\"><figcaption class=\"small soft\"></figcaption></figure></div>"
    )
}

fn anomalies(data: &ReportData<'_>) -> String {
    if data.events.is_empty() {
        return String::new();
    }
    let mut options: Vec<i32> = data.events.iter().map(|e| e.cluster).collect();
    options.sort_unstable();
    options.dedup();
    let options: String =
        options.iter().map(|l| format!("<option value=\"{l}\">{}</option>", cluster_name(*l))).collect();
    let pictured = data.events.iter().any(|e| e.thumbnail.is_some());
    let column = |key: &str, name: &str, class: &str, sort: &str| {
        format!(
            "<th scope=\"col\" class=\"{class}\" aria-sort=\"{sort}\"><button type=\"button\" data-sort=\"{key}\">{name}</button></th>"
        )
    };
    let mut head = column("rank", "Rank", "number", "ascending");
    if pictured {
        head += "<th scope=\"col\">Picture</th>";
    }
    head += &column("time", "Time (UTC)", "", "none");
    if data.has_distance {
        head += &column("place", "Place (km)", "number", "none");
    }
    head += &column("score", "Score", "number", "none");
    head += &column("cluster", "Cluster", "", "none");
    head += &column("file", "File", "", "none");
    let lines: String = data.events.iter().enumerate().map(|(i, e)| event_line(data, i, e, pictured)).collect();
    format!(
        "<div class=\"bar no-print\"><label>Search <input type=\"search\" id=\"anomaly-filter\" placeholder=\"time, file, cluster\"></label>\
         <label>Cluster <select id=\"anomaly-cluster\"><option value=\"\">all</option>{options}</select></label>\
         <span id=\"anomaly-count\" role=\"status\" class=\"soft small\">{}</span></div>\
         <table id=\"anomaly-table\" class=\"stack\"><caption>The events with the highest scores; select a heading to sort.</caption>\
         <thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>",
        counted(data.events.len(), "event")
    )
}

fn event_line(data: &ReportData<'_>, index: usize, event: &EventLine, pictured: bool) -> String {
    let (from, to) = event.time;
    let (rank, score) = (index + 1, event.score);
    let mut out = format!(
        "<tr data-rank=\"{rank}\" data-time=\"{from}\" data-place=\"{}\" data-score=\"{score}\" data-cluster=\"{}\" data-file=\"{}\">\
         <td class=\"number\" data-label=\"Rank\">{rank}</td>",
        event.distance_km.0,
        event.cluster,
        escape(&event.file)
    );
    if pictured {
        out += "<td data-label=\"Picture\">";
        if let Some(i) = event.thumbnail {
            out += &image(data, i, 160);
        }
        out += "</td>";
    }
    let _ = write!(
        out,
        "<td data-label=\"Time (UTC)\"><span>{}<br><span class=\"soft small\">for {}</span> \
         <button type=\"button\" class=\"button no-print\" data-show=\"{index}\" aria-label=\"Show event {rank} on the map\">map</button></span></td>",
        unbroken(from),
        span_words(to - from),
    );
    if data.has_distance {
        let _ = write!(
            out,
            "<td class=\"number\" data-label=\"Place (km)\">{:.2} – {:.2}</td>",
            event.distance_km.0, event.distance_km.1
        );
    }
    let _ = write!(
        out,
        "<td class=\"number\" data-label=\"Score\">{score:.2}</td><td data-label=\"Cluster\"><span><span class=\"swatch\" \
         style=\"background:{}\"></span> {}</span></td><td data-label=\"File\"><bdi class=\"file\">{}</bdi></td></tr>",
        hex(cluster(event.cluster)),
        if event.cluster < 0 { "none".to_owned() } else { event.cluster.to_string() },
        escape(&event.file)
    );
    out
}

/// A thumbnail whose pixels the script puts in: each is held once, however often it is shown.
fn image(data: &ReportData<'_>, index: usize, width: u32) -> String {
    let Some(picture) = data.thumbnails.get(index) else { return String::new() };
    let words = format!("Waterfall of {}", clock(picture.time));
    format!("<img data-thumbnail=\"{index}\" width=\"{width}\" alt=\"{}\">", escape(&words))
}

fn clusters(data: &ReportData<'_>) -> String {
    let n = cluster_count(data);
    if n == 0 {
        return String::new();
    }
    let all = data.rows.labels.len().max(1);
    let mut out = String::from("<div class=\"cards\">");
    for label in 0..n.min(MOST_LINES) as i32 {
        let size = data.rows.labels.iter().filter(|&&l| l == label).count();
        let _ = write!(
            out,
            "<article class=\"card\" id=\"cluster-{label}\"><h3><span class=\"swatch\" style=\"background:{}\"></span> Cluster {label}</h3>\
             <p>{} rows, {:.1} % of all. {}</p>{}<p class=\"soft small\">Share of the rows by hour of the day (UTC)</p>",
            hex(cluster(label)),
            grouped(size),
            size as f64 * 100.0 / all as f64,
            seen(data, label),
            charts::hours_of_day(&hours(data, label), label),
        );
        if let Some(card) = data.cards.get(label as usize) {
            out += &strip(data, "Typical", &card.typical);
            out += &strip(data, "Highest scores", &card.worst);
        }
        out += "</article>";
    }
    let noise = data.rows.labels.iter().filter(|&&l| l < 0).count();
    out += "</div>";
    if noise > 0 {
        let _ = write!(out, "<p class=\"soft\">{} rows are in no cluster.</p>", grouped(noise));
    }
    out
}

fn strip(data: &ReportData<'_>, title: &str, pictures: &[usize]) -> String {
    if pictures.is_empty() {
        return String::new();
    }
    let mut out = format!("<p class=\"small\">{title}</p><div class=\"strip\">");
    for &i in pictures.iter().take(4) {
        let Some(picture) = data.thumbnails.get(i) else { continue };
        let (from, to) = picture.distance_km;
        let place = if data.has_distance { format!("{from:.1} – {to:.1} km") } else { String::new() };
        let _ = write!(
            out,
            "<figure>{}<figcaption>{}<br>{place}</figcaption></figure>",
            image(data, i, 136),
            clock(picture.time)
        );
    }
    out + "</div>"
}

/// First and last time of a cluster, as markup.
fn seen(data: &ReportData<'_>, label: i32) -> String {
    let mut times = data.rows.times.iter().zip(data.rows.labels).filter(|(_, l)| **l == label).map(|(t, _)| *t);
    match (times.next(), times.next_back()) {
        (Some(a), Some(b)) => format!("Seen from {} to {}.", unbroken(a), unbroken(b)),
        (Some(a), None) => format!("Seen at {}.", unbroken(a)),
        _ => String::new(),
    }
}

/// Share of the rows of each hour of the day that have a label.
fn hours(data: &ReportData<'_>, label: i32) -> [f64; 24] {
    let (mut with, mut all) = ([0.0; 24], [0.0f64; 24]);
    for (time, &l) in data.rows.times.iter().zip(data.rows.labels) {
        let hour = (time.rem_euclid(DAY_US) / (DAY_US / 24)) as usize;
        all[hour] += 1.0;
        with[hour] += f64::from(l == label);
    }
    std::array::from_fn(|h| with[h] / all[h].max(1.0))
}

fn counts(data: &ReportData<'_>) -> String {
    let Some(counts) = data.counts.filter(|c| !c.times.is_empty()) else { return String::new() };
    let size = counts.accumulate.max(1);
    let span = span_words(counts.duration.saturating_mul(size as i64));
    let place = counts.place_km.map_or_else(String::new, |km| format!(" at {km:.2} km"));
    let unit = counts.unit();
    format!(
        "<p class=\"soft small\">Occurrences{place} in groups of {size} {unit}s ({span}); where a bar would be too thin, \
         the mean of several groups. Shaded: no {unit}s.</p><div class=\"scroll\">{}</div>",
        charts::counts(&counts, cluster_count(data))
    )
}

fn coverage(data: &ReportData<'_>) -> String {
    let Some(coverage) = data.coverage.filter(|c| !c.held.is_empty() || !c.left_out.is_empty()) else {
        return String::new();
    };
    let key = |class: &str, words: &str| {
        format!(
            "<span class=\"key\"><svg class=\"calendar\" width=\"14\" height=\"14\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"14\" height=\"14\"/></svg>{words}</span>"
        )
    };
    let keys = [
        ("c4", "all held"),
        ("c3", "over 90 %"),
        ("c2", "over half"),
        ("c1", "less"),
        ("c0", "missing"),
        ("out", "images left out"),
    ];
    let keys: String = keys.map(|(class, words)| key(class, words)).concat();
    let mut out = format!("<p>{keys}</p><div class=\"scroll\">{}</div>", charts::calendar(&coverage));
    if !data.gaps.is_empty() {
        let _ = write!(
            out,
            "<details><summary>{}</summary><table id=\"gap-table\"><thead><tr><th scope=\"col\">From (UTC)</th><th scope=\"col\">To (UTC)</th><th scope=\"col\" class=\"number\">Length</th></tr></thead><tbody>",
            counted(data.gaps.len(), "gap")
        );
        for (from, to) in data.gaps.iter().take(MOST_LINES) {
            let _ = write!(
                out,
                "<tr><td>{}</td><td>{}</td><td class=\"number\">{}</td></tr>",
                clock(*from),
                clock(*to),
                span_words(to - from)
            );
        }
        out += "</tbody></table>";
        out += &cut(data.gaps.len());
        out += "</details>";
    }
    out
}

fn left_out(data: &ReportData<'_>) -> String {
    if data.left_out.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<table id=\"left-out-table\" class=\"stack\"><thead><tr><th scope=\"col\">File</th><th scope=\"col\">Reason</th></tr></thead><tbody>",
    );
    for (file, reason) in data.left_out.iter().take(MOST_LINES) {
        let _ = write!(
            out,
            "<tr><td data-label=\"File\"><bdi class=\"file\">{}</bdi></td><td data-label=\"Reason\">{}</td></tr>",
            escape(file),
            escape(reason)
        );
    }
    out + "</tbody></table>" + &cut(data.left_out.len())
}

fn cut(n: usize) -> String {
    if n > MOST_LINES {
        format!("<p class=\"soft small\">The first {MOST_LINES} of {n}; run.json lists all.</p>")
    } else {
        String::new()
    }
}

fn pictures(data: &ReportData<'_>) -> String {
    if data.pictures.is_empty() {
        return String::new();
    }
    let figure = |p: &super::PictureFile| {
        let title = escape(&p.title);
        format!(
            "<figure><img src=\"{}\" alt=\"{title}\"><figcaption>{title}</figcaption></figure>",
            png_address(&p.png)
        )
    };
    format!("<div class=\"pictures\">{}</div>", data.pictures.iter().map(figure).collect::<String>())
}

fn configuration(data: &ReportData<'_>) -> String {
    if data.configuration.is_empty() {
        return String::new();
    }
    format!("<details><summary>All settings of the run</summary><pre>{}</pre></details>", escape(data.configuration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_clocks_read_well() {
        assert_eq!(
            [0, 999, 1_000, 345_600].map(grouped),
            ["0", "999", "1\u{202f}000", "345\u{202f}600"],
            "groups of three"
        );
        assert_eq!(clock(0), "1970-01-01 00:00", "whole minutes");
        assert_eq!(clock(1_500_000), "1970-01-01 00:00:01.500000", "a fraction");
    }
}
