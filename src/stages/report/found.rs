//! What was found: events, names of kinds, the recorder's defects.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use scatterfall_page::{Defect, Event, KindName, Path as Found};

use crate::error::{Error, Result};
use crate::store::csv;
use scatterfall_timestamps::{Micros, parse_iso};

/// Events that the page lists at most.
const MAX_EVENTS: usize = 3000;

/// Kinds of a seismogram's events: in no catalogue, or in one.
const UNKNOWN: i32 = 0;
const KNOWN: i32 = 1;

/// The lines of a table by the names of its columns.
struct Table<'a> {
    columns: Vec<Cow<'a, str>>,
    lines: Vec<Vec<Cow<'a, str>>>,
}

impl<'a> Table<'a> {
    fn read(text: &'a str) -> Self {
        let mut records = csv::records(text);
        Self { columns: records.next().unwrap_or_default(), lines: records.collect() }
    }

    /// The field of a line under a column; `None` where there is no such column, or it is empty.
    fn field<'b>(&self, line: &'b [Cow<'a, str>], column: &str) -> Option<&'b str> {
        let at = self.columns.iter().position(|c| c == column)?;
        line.get(at).map(AsRef::as_ref).filter(|f| !f.is_empty())
    }

    fn number(&self, line: &[Cow<'a, str>], column: &str) -> Option<f64> {
        self.field(line, column)?.parse().ok()
    }

    fn time(&self, line: &[Cow<'a, str>], column: &str) -> Option<Micros> {
        let text = self.field(line, column)?;
        parse_iso(text).or_else(|| parse_iso(&format!("{text}Z")))
    }
}

fn text_of(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", path, e)),
    }
}

/// The events of an output folder, strongest first, and how many more there are than the page lists.
///
/// Where the detector did not run (seismograms), the unusual rows of `anomalies.csv` take their place.
///
/// # Errors
/// Those of reading; [`Error::Store`] for a file that is no such table.
pub(super) fn events(output: &Path) -> Result<(Vec<Event>, usize)> {
    let detected = output.join("events.csv");
    let mut events = match text_of(&detected)? {
        Some(text) => detector_events(&text).ok_or_else(|| not_a_table(&detected, "events"))?,
        None => {
            let path = output.join("anomalies.csv");
            let Some(text) = text_of(&path)? else { return Ok((Vec::new(), 0)) };
            row_events(&text).ok_or_else(|| not_a_table(&path, "cluster"))?
        }
    };
    events.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.number.cmp(&b.number)));
    let beyond = events.len().saturating_sub(MAX_EVENTS);
    events.truncate(MAX_EVENTS);
    Ok((events, beyond))
}

fn not_a_table(path: &Path, stage: &str) -> Error {
    Error::store(path, format!("not a table of events; run `scatterfall {stage}` again"))
}

fn detector_events(text: &str) -> Option<Vec<Event>> {
    let table = Table::read(text);
    let event = |(i, line): (usize, &Vec<Cow<'_, str>>)| {
        let time = (table.time(line, "time_from")?, table.time(line, "time_to")?);
        // A seismogram's events have no place, no path and no kind.
        let seismic = !table.columns.iter().any(|c| c == "distance_from_km");
        let km = |column: &str| if seismic { Some(0.0) } else { table.number(line, column) };
        let distance_km = (km("distance_from_km")?, km("distance_to_km")?);
        let known = table.field(line, "catalogue").is_some();
        let kind = if seismic {
            Some(if known { KNOWN } else { UNKNOWN })
        } else {
            table.number(line, "kind").map(|k| k as i32)
        };
        Some(Event {
            number: table.number(line, "event").map_or(i as u32 + 1, |n| n as u32),
            time,
            distance_km,
            peak_time: table.time(line, "peak_time").unwrap_or(time.0),
            peak_km: table.number(line, "peak_km").unwrap_or(distance_km.0),
            score: table.number(line, "score")?,
            rise_db: table.number(line, "rise_db").unwrap_or(f64::NAN),
            path: if seismic { Found::Row } else { Found::read(table.field(line, "path")?)? },
            speed_ms: table.number(line, "speed_ms").unwrap_or(f64::NAN),
            kind: kind.unwrap_or(-1),
            file: table.field(line, "image_file").unwrap_or_default().to_owned(),
            reason: if seismic {
                seismic_reason(&table, line)
            } else {
                table.field(line, "reason").unwrap_or_default().to_owned()
            },
            provisional: table.field(line, "state") == Some("provisional"),
        })
    };
    table.lines.iter().enumerate().map(event).collect()
}

/// What a seismogram's event is, in words: onset, channels, band, the catalogue's name for it.
fn seismic_reason(table: &Table<'_>, line: &[Cow<'_, str>]) -> String {
    let mut parts = Vec::new();
    if let Some(onset) = table.field(line, "onset") {
        parts.push(format!("onset {}", onset.trim_end_matches('Z').replace('T', " ")));
    }
    if let Some(channels) = table.field(line, "channels") {
        parts.push(format!("on {channels}"));
    }
    if let (Some(from), Some(to)) = (table.number(line, "band_from_hz"), table.number(line, "band_to_hz")) {
        parts.push(format!("strongest from {from:.3} to {to:.3} Hz"));
    }
    if let Some(known) = table.field(line, "catalogue") {
        parts.push(format!("catalogue: {known}"));
    }
    parts.join(", ")
}

fn row_events(text: &str) -> Option<Vec<Event>> {
    let table = Table::read(text);
    let event = |line: &Vec<Cow<'_, str>>| {
        let time = (table.time(line, "time_from")?, table.time(line, "time_to")?);
        let distance_km = (table.number(line, "distance_from_km")?, table.number(line, "distance_to_km")?);
        Some(Event {
            number: table.number(line, "rank")? as u32,
            time,
            distance_km,
            peak_time: time.0 + (time.1 - time.0) / 2,
            peak_km: (distance_km.0 + distance_km.1) / 2.0,
            score: table.number(line, "score")?,
            rise_db: f64::NAN,
            path: Found::Row,
            speed_ms: f64::NAN,
            kind: table.number(line, "cluster")? as i32,
            file: table.field(line, "image_file").unwrap_or_default().to_owned(),
            reason: String::new(),
            provisional: false,
        })
    };
    table.lines.iter().map(event).collect()
}

/// The defects of `health.csv`; none where there is no such file. Lines that cannot be read are left out.
///
/// # Errors
/// Those of reading.
pub(super) fn health(output: &Path) -> Result<Vec<Defect>> {
    let Some(text) = text_of(&output.join("health.csv"))? else { return Ok(Vec::new()) };
    let table = Table::read(&text);
    let defect = |line: &Vec<Cow<'_, str>>| {
        let what = ["what", "kind", "defect", "state"].iter().find_map(|c| table.field(line, c))?;
        let words = ["words", "detail", "reason", "remark"].iter().find_map(|c| table.field(line, c));
        Some(Defect {
            what: what.to_owned(),
            time: (table.time(line, "time_from")?, table.time(line, "time_to")?),
            distance_km: (
                table.number(line, "distance_from_km").unwrap_or(0.0),
                table.number(line, "distance_to_km").unwrap_or(0.0),
            ),
            words: words.unwrap_or_default().to_owned(),
        })
    };
    Ok(table.lines.iter().filter_map(defect).collect())
}

/// The names that `names.toml` gives to kinds; without one, a seismogram's events have them, unless `unnamed`.
///
/// # Errors
/// [`Error::Store`] for a file that is no such table.
pub(super) fn names(path: &Path, unnamed: bool) -> Result<Vec<KindName>> {
    let Some(text) = text_of(path)? else {
        let given = |kind, name: &str| KindName { kind, name: name.to_owned() };
        return Ok(if unnamed { Vec::new() } else { vec![given(UNKNOWN, "event"), given(KNOWN, "catalogued event")] });
    };
    let table: BTreeMap<String, toml::Value> = toml::from_str(&text).map_err(|e| {
        Error::store(path, format!("{}; correct the file or save it again from the report", e.message()))
    })?;
    // The kinds may stand at the top or in a table of their own.
    let kinds = match table.get("kinds") {
        Some(toml::Value::Table(kinds)) => kinds.clone().into_iter().collect(),
        _ => table,
    };
    let name = |(key, value): (String, toml::Value)| {
        Some(KindName { kind: key.parse().ok()?, name: value.as_str()?.to_owned() })
    };
    Ok(kinds.into_iter().filter_map(name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_by_the_names_of_columns() {
        let text = "event,time_from,time_to,distance_from_km,distance_to_km,peak_time,peak_km,score,path,speed_ms,image_file,kind\n\
                    1,2025-05-15T00:00:56.7,2025-05-15T00:01:24.2,8.758,9.285,2025-05-15T00:01:05.9,8.924,42.29,slants,18.1,\"a,b.png\",1\n\
                    2,2025-05-15T00:02:00Z,2025-05-15T00:02:30Z,0,20,2025-05-15T00:02:10Z,3,9,wide,,b.png,2\n";
        let events = detector_events(text).expect("a table");
        assert_eq!((events[0].number, events[0].file.as_str(), events[0].kind), (1, "a,b.png", 1), "the first");
        assert!(events[0].rise_db.is_nan() && events[1].speed_ms.is_nan(), "what is not told is not invented");
        assert_eq!(events[1].path, Found::Wide, "its path");
        assert!(detector_events("event\n1\n").is_none(), "another table");
        let seismic = "event,time_from,time_to,onset,peak_time,score,channels,band_from_hz,band_to_hz,catalogue\n\
                       1,2025-05-15T00:00:00Z,2025-05-15T00:01:00Z,2025-05-15T00:00:12Z,2025-05-15T00:00:30Z,9.5,HHZ,1,4,\n";
        let seismic = detector_events(seismic).expect("a table");
        assert_eq!((seismic[0].kind, seismic[0].path), (UNKNOWN, Found::Row), "no place, no kind");
        assert!(
            seismic[0].reason.starts_with("onset 2025-05-15 00:00:12, on HHZ, strongest from 1"),
            "{}",
            seismic[0].reason
        );
    }

    #[test]
    fn names_of_kinds_are_read_from_either_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("names.toml");
        assert!(names(&path, true).expect("none").is_empty(), "no file");
        for text in ["1 = \"train\"\n\"2\" = \"ignore\"\n", "[kinds]\n1 = \"train\"\n2 = \"ignore\"\n"] {
            std::fs::write(&path, text).expect("written");
            let found = names(&path, true).expect("names");
            assert_eq!(found.len(), 2, "{text}");
            assert_eq!((found[0].kind, found[0].name.as_str()), (1, "train"), "{text}");
        }
        std::fs::write(&path, "1 = [").expect("written");
        assert!(names(&path, true).is_err(), "no TOML");
    }
}
