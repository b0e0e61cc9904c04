//! `events.csv` and `events.json`: what happened, one line per event.

use std::path::{Path, PathBuf};

use scatterfall_detector::{Event, Reason};
use serde_json::{Value, json};

use crate::error::Result;
use crate::store::atomic::write_bytes;
use crate::store::csv::Table;
use scatterfall_timestamps::{Micros, iso};

/// The columns of `events.csv`.
pub(crate) const HEADER: &str = "event,time_from,time_to,distance_from_km,distance_to_km,peak_time,peak_km,score,rise_db,path,speed_ms,kind,image_file";

/// The list in CSV.
pub(crate) fn csv_file(output: &Path) -> PathBuf {
    output.join("events.csv")
}

/// The list in JSON, with the reason in words.
pub(crate) fn json_file(output: &Path) -> PathBuf {
    output.join("events.json")
}

/// An event as it is listed.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// What was found.
    pub(crate) event: &'a Event,
    /// Name or number of its kind.
    pub(crate) kind: String,
    /// The image that holds its peak.
    pub(crate) image_file: &'a str,
}

/// What index units and distances of the fibre are in the user's units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Units {
    /// Decibels per index unit.
    pub(crate) db_per_index: f64,
    /// Distance of the fibre's first column in km.
    pub(crate) offset_km: f64,
}

/// Writes both lists; events are numbered from 1 in their order.
///
/// # Errors
/// [`crate::Error::Io`].
pub(crate) fn write(output: &Path, entries: &[Entry<'_>], units: Units) -> Result<()> {
    write_bytes(&csv_file(output), &csv(entries, units))?;
    let list: Vec<Value> = (1..).zip(entries).map(|(number, e)| value(number, e, units)).collect();
    let mut text = serde_json::to_string_pretty(&list).unwrap_or_default();
    text.push('\n');
    write_bytes(&json_file(output), text.as_bytes())
}

fn csv(entries: &[Entry<'_>], units: Units) -> Vec<u8> {
    let mut table = Table::new(HEADER);
    for (number, entry) in (1..).zip(entries) {
        let e = entry.event;
        let speed = e.speed_ms.map_or_else(String::new, |v| format!("{v:.1}"));
        let km = |along: f64| format!("{:.3}", along + units.offset_km);
        table.line([
            &number.to_string(),
            &tenths(e.time_from_us),
            &tenths(e.time_to_us),
            &km(e.distance_from_km),
            &km(e.distance_to_km),
            &tenths(e.peak_time_us),
            &km(e.peak_km),
            &format!("{:.2}", e.score),
            &format!("{:.1}", f64::from(e.rise_index) * units.db_per_index),
            e.path.name(),
            &speed,
            &entry.kind,
            entry.image_file,
        ]);
    }
    table.finish()
}

/// An event in JSON, as `events.json` has it.
pub(crate) fn value(number: usize, entry: &Entry<'_>, units: Units) -> Value {
    let e = entry.event;
    let round = |v: f64, digits: i32| (v * 10f64.powi(digits)).round() / 10f64.powi(digits);
    json!({
        "event": number,
        "time_from": tenths(e.time_from_us), "time_to": tenths(e.time_to_us), "peak_time": tenths(e.peak_time_us),
        "distance_from_km": round(e.distance_from_km + units.offset_km, 3),
        "distance_to_km": round(e.distance_to_km + units.offset_km, 3),
        "peak_km": round(e.peak_km + units.offset_km, 3),
        "score": round(f64::from(e.score), 2),
        "rise_db": round(f64::from(e.rise_index) * units.db_per_index, 1),
        "path": e.path.name(), "speed_ms": e.speed_ms.map(|v| round(v, 1)), "kind": entry.kind,
        "image_file": entry.image_file, "reason": words(&e.reason, units),
    })
}

/// Writes both lists from events in JSON, which are numbered from 1 in their order.
///
/// # Errors
/// [`crate::Error::Io`].
pub(crate) fn write_values(output: &Path, list: &[Value]) -> Result<()> {
    let mut list = list.to_vec();
    let mut table = Table::new(HEADER);
    for (number, event) in (1..).zip(&mut list) {
        event["event"] = json!(number);
        let of_field = |key: &str| match (&event[key], key) {
            (Value::String(s), _) => s.clone(),
            (Value::Number(n), "event") => n.to_string(),
            (Value::Number(n), "rise_db" | "speed_ms") => format!("{:.1}", n.as_f64().unwrap_or(0.0)),
            (Value::Number(n), "score") => format!("{:.2}", n.as_f64().unwrap_or(0.0)),
            (Value::Number(n), _) => format!("{:.3}", n.as_f64().unwrap_or(0.0)),
            _ => String::new(),
        };
        table.line(HEADER.split(',').map(of_field));
    }
    write_bytes(&csv_file(output), &table.finish())?;
    let mut text = serde_json::to_string_pretty(&list).unwrap_or_default();
    text.push('\n');
    write_bytes(&json_file(output), text.as_bytes())
}

/// Why an event is one, in words.
pub(crate) fn words(reason: &Reason, units: Units) -> String {
    let db = |index: f32| f64::from(index) * units.db_per_index;
    match *reason {
        Reason::Rises { rise_index, extent_km, seconds } => {
            format!("level {:+.1} dB over {} for {}", db(rise_index), length(extent_km), duration(seconds))
        }
        Reason::Moves { speed_ms, from_km, to_km } => {
            let (from, to) = (from_km + units.offset_km, to_km + units.offset_km);
            format!("moves {speed_ms:+.0} m/s from {from:.1} to {to:.1} km")
        }
        Reason::Steady { rise_index, km, since_us } => {
            let since = iso(since_us);
            let minute = since.get(11..16).unwrap_or(&since);
            format!("steady {:+.1} dB at {:.2} km since {minute}", db(rise_index), km + units.offset_km)
        }
    }
}

fn length(km: f64) -> String {
    if km < 1.0 { format!("{:.0} m", 1000.0 * km) } else { format!("{km:.1} km") }
}

fn duration(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}

/// A time in ISO 8601 (UTC) to a tenth of a second.
pub(crate) fn tenths(time: Micros) -> String {
    let rounded = (time + 50_000).div_euclid(100_000);
    let whole = iso(rounded.div_euclid(10) * 1_000_000);
    format!("{}.{}Z", whole.trim_end_matches('Z'), rounded.rem_euclid(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_to_tenths() {
        assert_eq!(tenths(0), "1970-01-01T00:00:00.0Z", "whole seconds");
        assert_eq!(tenths(59_949_999), "1970-01-01T00:00:59.9Z", "down");
        assert_eq!(tenths(59_950_000), "1970-01-01T00:01:00.0Z", "up, into the next minute");
        assert_eq!(tenths(-1), "1970-01-01T00:00:00.0Z", "before 1970");
    }

    #[test]
    fn reasons_are_sentences() {
        let units = Units { db_per_index: 0.5, offset_km: 1.0 };
        let rises = Reason::Rises { rise_index: 36.0, extent_km: 17.0, seconds: 12.2 };
        assert_eq!(words(&rises, units), "level +18.0 dB over 17.0 km for 12 s");
        let moves = Reason::Moves { speed_ms: -17.2, from_km: 4.2, to_km: 3.1 };
        assert_eq!(words(&moves, units), "moves -17 m/s from 5.2 to 4.1 km");
        let steady = Reason::Steady { rise_index: 4.0, km: 6.3, since_us: 7_800_000_000 };
        assert_eq!(words(&steady, units), "steady +2.0 dB at 7.30 km since 02:10");
    }
}
