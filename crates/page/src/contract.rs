//! What the page's script reads: one JSON value, its long arrays packed as base64. Times are milliseconds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::axis::TimeAxis;
use crate::grid::Grid;
use crate::model::{Defect, Event, KindName, Page, Path, Source, Waterfall, Waveform};
use crate::time::Micros;
use crate::words;

#[derive(Serialize)]
pub(crate) struct Contract<'a> {
    title: &'a str,
    program: &'a str,
    key: &'a str,
    refresh: Option<u32>,
    source: &'a Source,
    segments: Vec<(f64, f64)>,
    image: f64,
    images: usize,
    level: Option<Packed>,
    score: Option<Packed>,
    clusters: Option<Packed>,
    events: Events<'a>,
    names: &'a [KindName],
    threshold: Option<f64>,
    health: Vec<Health<'a>>,
    waterfalls: Vec<Picture<'a>>,
    waveforms: Vec<Trace<'a>>,
}

/// One array per column: a third of the size of one object per event.
#[derive(Default, Serialize)]
struct Events<'a> {
    event: Vec<u32>,
    from: Vec<f64>,
    to: Vec<f64>,
    km0: Vec<f64>,
    km1: Vec<f64>,
    peak: Vec<f64>,
    peak_km: Vec<f64>,
    score: Vec<f64>,
    rise: Vec<Option<f64>>,
    path: Vec<Path>,
    speed: Vec<Option<f64>>,
    kind: Vec<i32>,
    file: Vec<&'a str>,
    reason: Vec<String>,
    provisional: Vec<u32>,
}

#[derive(Serialize)]
struct Packed {
    step: f64,
    edges: Vec<f64>,
    cells: String,
    scale: f64,
}

#[derive(Serialize)]
struct Health<'a> {
    what: &'a str,
    from: f64,
    to: f64,
    km0: f64,
    km1: f64,
}

#[derive(Serialize)]
struct Picture<'a> {
    time: f64,
    file: &'a str,
    src: String,
}

#[derive(Serialize)]
struct Trace<'a> {
    channel: &'a str,
    from: f64,
    step: f64,
    /// Samples are `value * unit`.
    unit: f64,
    /// Lowest and highest, 16-bit little-endian, -32768 for none.
    range: String,
}

/// Milliseconds, as JavaScript counts.
fn millis(time: Micros) -> f64 {
    time as f64 / 1e3
}

/// To as many digits after the point as are shown.
fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10f64.powi(digits);
    (value * factor).round() / factor
}

pub(crate) fn png_address(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}

impl<'a> Contract<'a> {
    pub(crate) fn new(page: &'a Page, axis: &TimeAxis) -> Self {
        Self {
            title: &page.title,
            program: &page.program,
            key: &page.fingerprint,
            refresh: page.refresh_s,
            source: &page.source,
            segments: axis.segments.iter().map(|s| (millis(s.from), millis(s.to))).collect(),
            image: millis(page.image_us),
            images: page.images.len() - axis.strays.len(),
            level: page.level.as_ref().map(pack),
            score: page.score.as_ref().map(pack),
            clusters: page.clusters.as_ref().map(pack),
            events: events(&page.events),
            names: &page.names,
            threshold: page.threshold,
            health: page.health.iter().map(health).collect(),
            waterfalls: page.waterfalls.iter().map(picture).collect(),
            waveforms: page.waveforms.iter().map(trace).collect(),
        }
    }

    /// JSON for a `script` element: nothing in it can end the element or begin a comment.
    pub(crate) fn script_json(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_else(|_| "null".to_owned());
        text.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
    }
}

fn pack(grid: &Grid) -> Packed {
    Packed {
        step: millis(grid.step_us),
        edges: grid.edges_km.iter().map(|&km| rounded(km, 4)).collect(),
        cells: STANDARD.encode(&grid.cells),
        scale: grid.scale,
    }
}

fn events(list: &[Event]) -> Events<'_> {
    let mut out = Events::default();
    let finite = |v: f64, digits| v.is_finite().then(|| rounded(v, digits));
    for e in list {
        out.event.push(e.number);
        out.from.push(millis(e.time.0));
        out.to.push(millis(e.time.1));
        out.km0.push(rounded(e.distance_km.0, 3));
        out.km1.push(rounded(e.distance_km.1, 3));
        out.peak.push(millis(e.peak_time));
        out.peak_km.push(rounded(e.peak_km, 3));
        out.score.push(finite(e.score, 2).unwrap_or(0.0));
        out.rise.push(finite(e.rise_db, 1));
        out.path.push(e.path);
        out.speed.push(finite(e.speed_ms, 1));
        out.kind.push(e.kind);
        out.file.push(&e.file);
        out.reason.push(words::reason(e));
        out.provisional.push(u32::from(e.provisional));
    }
    out
}

fn health(defect: &Defect) -> Health<'_> {
    Health {
        what: &defect.what,
        from: millis(defect.time.0),
        to: millis(defect.time.1),
        km0: defect.distance_km.0,
        km1: defect.distance_km.1,
    }
}

fn picture(w: &Waterfall) -> Picture<'_> {
    Picture { time: millis(w.time), file: &w.file, src: png_address(&w.png) }
}

fn trace(w: &Waveform) -> Trace<'_> {
    const STEPS: f32 = 32_000.0;
    let largest = w.range.iter().flat_map(|r| [r.0.abs(), r.1.abs()]).filter(|v| v.is_finite()).fold(0.0, f32::max);
    let unit = if largest > 0.0 { largest / STEPS } else { 1.0 };
    let value = |v: f32| if v.is_finite() { (v / unit).round() as i16 } else { i16::MIN };
    let bytes: Vec<u8> = w.range.iter().flat_map(|r| [value(r.0), value(r.1)]).flat_map(i16::to_le_bytes).collect();
    Trace {
        channel: &w.channel,
        from: millis(w.from),
        step: millis(w.step_us),
        unit: f64::from(unit),
        range: STANDARD.encode(bytes),
    }
}
