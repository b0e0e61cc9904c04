//! What is known about a hard archive: the contents of `truth.json`.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::nuisance::Nuisance;

/// Steps in time (s) and distance (km) in which the mask is looked for.
const STEP: (f64, f64) = (1.0, 0.1);
/// Part of its peak rise (in dB) from which an event is said to be at a place, and the least rise in dB that is said so.
const PRESENT: (f64, f64) = (0.2, 0.3);
/// Boxes of the mask: seconds and km.
const BOX: (f64, f64) = (60.0, 1.0);

/// One event, as it stands in `truth.json`. Times are seconds after the archive's start, places km along the fibre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthEvent {
    /// What it is.
    pub kind: String,
    /// Begin and end of what the mask holds; without a mask (too weak or beyond the fibre) those of the event.
    pub t0: f64,
    /// See `t0`.
    pub t1: f64,
    /// The moment from which it is heard anywhere: of an earthquake the first wave's arrival.
    pub onset: f64,
    /// The onset in ISO 8601 (UTC, without a zone mark).
    pub utc: String,
    /// First place of the mask.
    pub x0: f64,
    /// Last place of the mask.
    pub x1: f64,
    /// Speed along the fibre of what moves.
    pub speed_ms: Option<f64>,
    /// Rise over the local noise in dB where it is strongest.
    pub peak_db: f64,
    /// Where it is: boxes `[t_from, t_to, x_from, x_to]`, at most one per image and km, each around the part of the event
    /// in that image and km where the rise is at least a fifth of the peak's (in dB) and 0.3 dB. A cell holds the event
    /// where a box overlaps it.
    pub mask: Vec<[f64; 4]>,
}

/// Head of `truth.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TruthHead {
    /// Time of the first image in ISO 8601 (UTC, without a zone mark).
    pub start: String,
    /// Length of the fibre.
    pub km: f64,
    /// Rows of a plot area.
    pub rows: usize,
    /// Columns of a plot area.
    pub cols: usize,
    /// Images of the archive.
    pub images: usize,
    /// Seconds per image.
    pub duration_s: f64,
    /// Samples per RMS value: the speckle's deviation is about `6.1 / sqrt(samples)` dB.
    pub samples: f64,
}

/// Everything known about a hard archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HardTruth {
    /// The archive.
    #[serde(flatten)]
    pub head: TruthHead,
    /// Every event, kind by kind in the order of time.
    pub events: Vec<TruthEvent>,
    /// What is no event.
    pub nuisances: Vec<Nuisance>,
}

/// Writes `truth.json`, an event at a time, so that the memory does not grow with a month's masks.
///
/// # Errors
/// Those of the writer.
pub(super) fn write(
    to: &mut impl Write,
    head: &TruthHead,
    events: impl Iterator<Item = TruthEvent>,
    nuisances: &[Nuisance],
) -> io::Result<()> {
    let head = serde_json::to_string(head)?;
    write!(to, "{},\n\"events\": [", head.trim_end_matches('}'))?;
    for (k, event) in events.enumerate() {
        write!(to, "{}\n{}", if k > 0 { "," } else { "" }, serde_json::to_string(&event)?)?;
    }
    write!(to, "\n],\n\"nuisances\": [")?;
    for (k, nuisance) in nuisances.iter().enumerate() {
        write!(to, "{}\n{}", if k > 0 { "," } else { "" }, serde_json::to_string(nuisance)?)?;
    }
    writeln!(to, "\n]}}")
}

/// The boxes of an event's mask, within the archive's `seconds` and the fibre.
pub(super) fn mask(event: &Event, seconds: f64, km: f64) -> Vec<[f64; 4]> {
    let gain = event.gain();
    let rise = 10f64.powf((PRESENT.0 * event.peak_db).max(PRESENT.1) / 10.0) - 1.0;
    let bins = ((km / BOX.1).ceil() as usize).max(1);
    let mut done = Vec::new();
    let mut open: Vec<Option<[f64; 4]>> = vec![None; bins];
    let mut image = f64::NAN;
    let (first, last) = (event.t0.max(0.0), event.t1.min(seconds));
    // Short blows are looked for between the steps as well.
    for k in 0..((last - first) / STEP.0 * 4.0).ceil().max(0.0) as usize {
        let t = first + (k as f64 + 0.5) * STEP.0 / 4.0;
        if (t / BOX.0).floor() != image {
            done.extend(open.iter_mut().filter_map(Option::take));
            image = (t / BOX.0).floor();
        }
        let profile = event.profile(t);
        let Some((x0, x1)) = profile.reach() else { continue };
        let (x0, x1) = (x0.max(0.0), x1.min(km));
        // Narrow profiles are asked at their middle and flanks, wide ones every step.
        let step = STEP.1.min(((x1 - x0) / 20.0).max(1e-3));
        for j in 0..((x1 - x0) / step).ceil().max(0.0) as usize {
            let x = x0 + (j as f64 + 0.5) * step;
            if x >= km || gain * profile.at(event, t, x) < rise {
                continue;
            }
            let here = [t - STEP.0 / 8.0, t + STEP.0 / 8.0, (x - step / 2.0).max(0.0), (x + step / 2.0).min(km)];
            let bin = ((x / BOX.1) as usize).min(bins - 1);
            open[bin] = Some(open[bin].map_or(here, |b| around(b, here)));
        }
    }
    done.extend(open.into_iter().flatten());
    done.iter().map(|b| b.map(|v| (v * 1000.0).round() / 1000.0)).collect()
}

/// The box around two boxes.
pub(super) fn around(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
    [a[0].min(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].max(b[3])]
}
