//! The page above the reports of several cables: one line of figures and one picture of events over time for each.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::model::Path;
use crate::script::STYLE;
use crate::skeleton::POLICY;
use crate::time::{Micros, clock};
use crate::words::{counted, grouped, span_words};

/// Bars of the picture of events over time.
const BARS: usize = 96;

/// One cable, or other archive of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cable {
    /// Its name: that of its folder.
    pub name: String,
    /// Address of its report, relative to the overview; none where there is none.
    pub report: Option<String>,
    /// Why there are no results, where there are none.
    pub error: Option<String>,
    /// Images read, and left out.
    pub images: (usize, usize),
    /// Begin of the first and end of the last image.
    pub span: Option<(Micros, Micros)>,
    /// Onsets of the events, how they were found, and their scores.
    pub events: Vec<(Micros, Path, f64)>,
    /// Faults of instrument and fibre, in words with how many there are.
    pub faults: Vec<(String, usize)>,
}

/// All cables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// For example the folder of the archives.
    pub title: String,
    /// Program and version.
    pub program: String,
    /// The cables.
    pub cables: Vec<Cable>,
}

/// The overview as HTML.
pub fn render_overview(overview: &Overview) -> String {
    let spans = overview.cables.iter().filter_map(|c| c.span);
    let whole = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                link rel="icon" href="data:,";
                title { (overview.title) " – scatterfall" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header.top { div.wrap.title { div {
                    h1 { bdi { (overview.title) } }
                    @if let Some((from, to)) = whole { p.soft { (clock(from)) " to " (clock(to)) " UTC" } }
                } } }
                main.wrap {
                    p.lead { (sentence(overview)) }
                    @for cable in &overview.cables { (section(cable, whole)) }
                }
                footer.wrap.soft.small { "Written by " (overview.program) ". One file: nothing on this page is loaded from elsewhere." }
            }
        }
    }
    .into_string()
}

fn sentence(overview: &Overview) -> String {
    let events: usize = overview.cables.iter().map(|c| c.events.len()).sum();
    let quiet = overview.cables.iter().filter(|c| c.error.is_none() && c.events.is_empty()).count();
    let failed = overview.cables.iter().filter(|c| c.error.is_some()).count();
    let mut text =
        format!("{} on {}", counted(events, "event", "events"), counted(overview.cables.len(), "cable", "cables"));
    if quiet > 0 {
        text += &format!("; {} without any", grouped(quiet));
    }
    if failed > 0 {
        text += &format!("; {} without results", grouped(failed));
    }
    text + "."
}

fn section(cable: &Cable, whole: Option<(Micros, Micros)>) -> Markup {
    html! {
        section aria-label=(cable.name) {
            h2 {
                @match &cable.report {
                    Some(address) => a href=(address) { bdi { (cable.name) } },
                    None => bdi { (cable.name) },
                }
            }
            @match &cable.error {
                Some(error) => p.note { "No results: " (error) },
                None => {
                    p { (figures(cable)) }
                    @if let Some(whole) = whole { (bars(cable, whole)) }
                    @if !cable.faults.is_empty() { p.soft.small { "Recorder and fibre: " (faults(cable)) "." } }
                }
            }
        }
    }
}

fn figures(cable: &Cable) -> String {
    let count = |path: Path| cable.events.iter().filter(|e| e.1 == path).count();
    let classes = [
        (Path::Wide, "wide"),
        (Path::Slants, "moving"),
        (Path::Coarse, "local"),
        (Path::Slow, "steady"),
        (Path::Row, "of unusual texture"),
    ];
    let parts: Vec<String> = classes
        .iter()
        .map(|(path, word)| (count(*path), word))
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{} {word}", grouped(n)))
        .collect();
    let mut text = counted(cable.events.len(), "event", "events");
    if !parts.is_empty() {
        text += &format!(" ({})", parts.join(", "));
    }
    let (images, left_out) = cable.images;
    text += &format!("; {}", counted(images, "image", "images"));
    if let Some((from, to)) = cable.span {
        text += &format!(" over {}", span_words(to - from));
    }
    if left_out > 0 {
        text += &format!(", {} left out", grouped(left_out));
    }
    if let Some(strongest) = cable.events.iter().max_by(|a, b| a.2.total_cmp(&b.2)) {
        text += &format!("; the strongest at {} UTC", clock(strongest.0));
    }
    text + "."
}

fn faults(cable: &Cable) -> String {
    let words: Vec<String> = cable.faults.iter().map(|(what, n)| format!("{what} {}", grouped(*n))).collect();
    words.join(", ")
}

/// Events over the time of all cables: the height of a bar is the root of their number.
fn bars(cable: &Cable, (from, to): (Micros, Micros)) -> Markup {
    let length = (to - from).max(1);
    let mut counts = [0usize; BARS];
    for (time, ..) in &cable.events {
        let at = (time - from).clamp(0, length - 1) as f64 / length as f64;
        counts[(at * BARS as f64) as usize] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let place = |time: Micros| (time - from) as f64 / length as f64 * (10 * BARS) as f64;
    let label = format!("Events of {} over time, at most {most} in {}", cable.name, span_words(length / BARS as i64));
    html! {
        svg role="img" aria-label=(label) viewBox={ "0 0 " (10 * BARS) " 60" } preserveAspectRatio="none" width="100%" height="60" {
            @if let Some((first, last)) = cable.span {
                rect x=(format!("{:.1}", place(first))) y="56" width=(format!("{:.1}", (place(last) - place(first)).max(1.0))) height="4"
                    fill="var(--absent)" {}
            }
            @for (i, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
                @let height = 54.0 * (*n as f64 / most as f64).sqrt();
                rect x=(10 * i) y=(format!("{:.1}", 55.0 - height)) width="9" height=(format!("{height:.1}")) fill="var(--accent)" {
                    title { (counted(*n, "event", "events")) " from " (clock(from + length * i as i64 / BARS as i64)) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overview_names_every_cable_and_escapes_its_name() {
        let north = Cable {
            name: "north <1>".into(),
            report: Some("north%20%3C1%3E/report.html".into()),
            images: (120, 2),
            span: Some((0, 7_200_000_000)),
            events: vec![(60_000_000, Path::Wide, 9.0), (3_600_000_000, Path::Slants, 12.0)],
            faults: vec![("dead".into(), 1)],
            ..Cable::default()
        };
        let south = Cable { name: "south".into(), error: Some("no images".into()), ..Cable::default() };
        let overview = Overview { title: "both".into(), program: "test".into(), cables: vec![north, south] };
        let html = render_overview(&overview);
        assert!(html.contains("2 events on 2 cables; 1 without results."), "the sentence");
        assert!(html.contains("north &lt;1&gt;") && !html.contains("north <1>"), "names are escaped");
        assert!(html.contains("2 events (1 wide, 1 moving); 120 images over 2\u{a0}h, 2 left out"), "figures");
        assert!(html.contains("href=\"north%20%3C1%3E/report.html\""), "the way to the report");
        assert_eq!(html.matches("<rect").count(), 3, "its time and two bars");
        assert!(!html.contains("http:") && !html.contains("https:"), "no request");
    }
}
