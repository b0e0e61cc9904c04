//! What the page shows, as plain values: the caller fills it, nothing here reads files.

use serde::Serialize;

use crate::grid::Grid;
use crate::time::Micros;

/// The kind of record that was searched.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Source {
    /// Waterfalls of a fibre.
    Fibre {
        /// First and last kilometre shown.
        from_km: f64,
        /// End of the fibre.
        to_km: f64,
    },
    /// Segments of one or more seismic traces.
    Seismogram {
        /// Names of the channels.
        channels: Vec<String>,
    },
}

/// How an event was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// Moves along the fibre.
    Slants,
    /// Rises over kilometres at once.
    Wide,
    /// A short local burst.
    Coarse,
    /// A level that stays.
    Slow,
    /// An unusual row of the scattering transform.
    Row,
}

impl Path {
    /// Reads the name as written in `events.csv`.
    pub fn read(name: &str) -> Option<Self> {
        Some(match name {
            "slants" => Self::Slants,
            "wide" => Self::Wide,
            "coarse" => Self::Coarse,
            "slow" => Self::Slow,
            "row" => Self::Row,
            _ => return None,
        })
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Number in `events.csv`.
    pub number: u32,
    /// Start and end, UTC.
    pub time: (Micros, Micros),
    /// Stretch of fibre, km.
    pub distance_km: (f64, f64),
    /// When it was strongest.
    pub peak_time: Micros,
    /// Where it was strongest, km.
    pub peak_km: f64,
    /// Robust deviations above normal.
    pub score: f64,
    /// Largest rise over the place's normal, dB; NaN where unknown.
    pub rise_db: f64,
    /// How it was found.
    pub path: Path,
    /// Speed along the fibre, m/s, positive towards larger distance; NaN where it does not move.
    pub speed_ms: f64,
    /// Number of its kind.
    pub kind: i32,
    /// The image that shows its peak.
    pub file: String,
    /// Why it is listed, in words; empty: the page writes them.
    pub reason: String,
    /// True for a first word that may still change.
    pub provisional: bool,
}

/// A kind's name, given by the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindName {
    /// Number of the kind.
    pub kind: i32,
    /// Its name; `ignore` leaves its events out of the list.
    pub name: String,
}

/// A defect of the recorder or the fibre.
#[derive(Clone, Debug, PartialEq)]
pub struct Defect {
    /// `dead`, `saturated`, `stepped`, `frozen`, `blank`, `restart`, `repeated`.
    pub what: String,
    /// Start and end, UTC.
    pub time: (Micros, Micros),
    /// Stretch of fibre, km.
    pub distance_km: (f64, f64),
    /// Further words; may be empty.
    pub words: String,
}

/// A whole waterfall, reduced: rows are time, columns distance.
#[derive(Clone, Debug, PartialEq)]
pub struct Waterfall {
    /// Start of its image.
    pub time: Micros,
    /// Name of the image.
    pub file: String,
    /// The picture, a PNG.
    pub png: Vec<u8>,
}

/// A part of a seismogram, reduced to the lowest and highest sample of each step.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform {
    /// Channel that it belongs to.
    pub channel: String,
    /// Time of the first step.
    pub from: Micros,
    /// Length of a step.
    pub step_us: Micros,
    /// Lowest and highest sample of every step; NaN where there is none.
    pub range: Vec<(f32, f32)>,
}

/// A picture that is shown as it is.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// A PNG.
    pub png: Vec<u8>,
}

/// A cluster of rows, for the part on the method.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Rows in it.
    pub rows: usize,
    /// When and where it occurs, in words.
    pub words: String,
    /// Share of its rows in each hour of the day, UTC.
    pub hours: [f64; 24],
}

/// Figures of the method, for those who tune it: they come last.
#[derive(Clone, Debug, Default)]
pub struct Method {
    /// Name and value.
    pub facts: Vec<(String, String)>,
    /// Seconds that each stage took.
    pub stages: Vec<(String, f64)>,
    /// Clusters of rows.
    pub clusters: Vec<Cluster>,
    /// Pictures of reduction and model.
    pub figures: Vec<Figure>,
    /// The configuration as text.
    pub configuration: String,
}

/// All that the page shows. What is empty or `None` is left out.
#[derive(Clone, Debug)]
pub struct Page {
    /// For example the archive's folder.
    pub title: String,
    /// Program and version.
    pub program: String,
    /// What the page was made from, so that the next run can tell whether it is current.
    pub fingerprint: String,
    /// The page loads itself again after so many seconds (`watch`).
    pub refresh_s: Option<u32>,
    /// What was recorded.
    pub source: Source,
    /// Starts of the images (or segments) with results, ascending.
    pub images: Vec<Micros>,
    /// What one of them spans.
    pub image_us: Micros,
    /// Level over the place's normal ([`crate::LevelMap`]).
    pub level: Option<Grid>,
    /// Scores ([`crate::ScoreMap`]).
    pub score: Option<Grid>,
    /// Clusters of rows ([`crate::LabelMap`]).
    pub clusters: Option<Grid>,
    /// What happened.
    pub events: Vec<Event>,
    /// Events that were found but not listed because the list is full.
    pub events_beyond: usize,
    /// Names of kinds.
    pub names: Vec<KindName>,
    /// The score from which on an event is listed.
    pub threshold: Option<f64>,
    /// False alarms per day that the threshold was set for.
    pub false_alarms_per_day: Option<f64>,
    /// Recorder and fibre.
    pub health: Vec<Defect>,
    /// Files that were left out, and why.
    pub left_out: Vec<(String, String)>,
    /// Pictures of images.
    pub waterfalls: Vec<Waterfall>,
    /// Parts of seismograms.
    pub waveforms: Vec<Waveform>,
    /// Figures of the method.
    pub method: Method,
}
