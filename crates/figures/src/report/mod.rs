//! The page that a run ends in: one file that needs nothing else, for reading, searching and printing.
//!
//! The page is made of `assets/report/` (markup, style, script) and of sections written here. Numbers for the
//! interactive map travel packed in a `script` element; every name is escaped; a content security policy forbids
//! requests to anywhere.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "counts far below 2^53, times below 2^53 microseconds, places in a chart; casts saturate"
)]

mod charts;
mod html;
mod pack;
mod sections;
mod thumbnail;

use serde_json::json;

use crate::counts::Counts;
use crate::coverage::Coverage;
use crate::palette::{cluster, ramp};
use crate::rows::Rows;
use scatterfall_timestamps::Micros;

pub use thumbnail::thumbnail;

/// A small picture of a waterfall, or of a part of one.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    /// Start of its image, UTC.
    pub time: Micros,
    /// The stretch of fibre that it shows, km.
    pub distance_km: (f64, f64),
    /// The image's file name.
    pub file: String,
    /// The picture as a PNG.
    pub png: Vec<u8>,
}

/// One line of the anomaly table.
#[derive(Clone, Debug)]
pub struct EventLine {
    /// Start and end, UTC.
    pub time: (Micros, Micros),
    /// Stretch of fibre, km.
    pub distance_km: (f64, f64),
    /// Its worst score.
    pub score: f64,
    /// Cluster of its worst row; negative: none.
    pub cluster: i32,
    /// Name of the image of its worst row.
    pub file: String,
    /// Its picture among [`ReportData::thumbnails`].
    pub thumbnail: Option<usize>,
}

/// What one cluster's card shows beside what the rows tell.
#[derive(Clone, Debug, Default)]
pub struct ClusterCard {
    /// Pictures of rows near the centre, among [`ReportData::thumbnails`].
    pub typical: Vec<usize>,
    /// Pictures of the rows with the highest scores.
    pub worst: Vec<usize>,
}

/// A finished picture to be shown as it is.
#[derive(Clone, Debug)]
pub struct PictureFile {
    /// What it shows.
    pub title: String,
    /// The file's bytes, a PNG.
    pub png: Vec<u8>,
}

/// All that the page shows. What is empty or `None` is left out.
#[derive(Clone, Copy, Debug)]
pub struct ReportData<'a> {
    /// The page's title, for example the archive's folder.
    pub title: &'a str,
    /// Program and version.
    pub program: &'a str,
    /// The device that computed, in words.
    pub device: &'a str,
    /// What the page was made from, so that the next run can tell whether it is current.
    pub fingerprint: &'a str,
    /// Further facts for the summary, name and value.
    pub facts: &'a [(String, String)],
    /// Seconds that each stage took.
    pub stages: &'a [(String, f64)],
    /// End of the image before and start of the image after each gap.
    pub gaps: &'a [(Micros, Micros)],
    /// Files that were left out, and why.
    pub left_out: &'a [(String, String)],
    /// The configuration as text.
    pub configuration: &'a str,
    /// All rows, by time.
    pub rows: Rows<'a>,
    /// False for seismograms: rows have times, but no places.
    pub has_distance: bool,
    /// What there is of the archive.
    pub coverage: Option<Coverage<'a>>,
    /// The labels at the configured distance.
    pub counts: Option<Counts<'a>>,
    /// Events, worst first.
    pub events: &'a [EventLine],
    /// Cards of cluster 0 and following; may be shorter than the clusters are many.
    pub cards: &'a [ClusterCard],
    /// Pictures that events, cards and the map refer to.
    pub thumbnails: &'a [Thumbnail],
    /// Other pictures: reduction, centres, selection.
    pub pictures: &'a [PictureFile],
}

/// The page as text.
pub fn render(data: &ReportData<'_>) -> String {
    let sections = sections::all(data);
    let nav: String = sections.iter().map(|s| format!("<a href=\"#{}\">{}</a>", s.id, s.title)).collect();
    let body: String = sections.iter().map(sections::Section::html).collect();
    let title = html::escape(data.title);
    html::fill(
        include_str!("../../assets/page.html"),
        &[
            ("title", &title),
            ("fingerprint", &html::escape(data.fingerprint)),
            ("span", &sections::span(data)),
            ("style", include_str!("../../assets/style.css")),
            ("nav", &nav),
            ("sections", &body),
            ("footer", &format!("Written by {}. All times are UTC.", html::escape(data.program))),
            ("data", &html::script_json(&script_data(data))),
            ("script", include_str!("../../assets/report.js")),
        ],
    )
}

/// What the script works with. Times are milliseconds since 1970, as JavaScript counts.
fn script_data(data: &ReportData<'_>) -> serde_json::Value {
    let map = pack::PackedMap::new(&data.rows);
    let millis = |t: Micros| t as f64 / 1e3;
    let clusters = sections::cluster_count(data);
    let colors: Vec<String> = (0..clusters.min(254) as i32).map(|l| html::hex(cluster(l))).collect();
    let thumbnail = |t: &Thumbnail| {
        json!({
            "time": millis(t.time),
            "from": t.distance_km.0,
            "to": t.distance_km.1,
            "file": t.file,
            "src": html::png_address(&t.png),
        })
    };
    let event = |(i, e): (usize, &EventLine)| {
        json!({
            "rank": i + 1,
            "time": [millis(e.time.0), millis(e.time.1)],
            "distance": [e.distance_km.0, e.distance_km.1],
        })
    };
    json!({
        "from": millis(data.rows.span().0),
        "step": map.step_us / 1e3,
        "columns": map.columns,
        "exact": map.exact,
        "edges": map.edges,
        "labels": map.labels,
        "scores": map.scores,
        "scoreRange": [map.score_range.0, map.score_range.1],
        "scale": [map.scale.0, map.scale.1],
        "ramp": ramp("inferno").map(html::hex).concat().replace('#', ""),
        "colors": colors,
        "noCluster": html::hex(cluster(-1)),
        "duration": millis(data.rows.duration),
        "segment": data.rows.segment_km,
        "hasDistance": data.has_distance,
        "events": data.events.iter().enumerate().map(event).collect::<Vec<_>>(),
        "thumbnails": data.thumbnails.iter().map(thumbnail).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
