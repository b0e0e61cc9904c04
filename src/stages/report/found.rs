//! What was found: events, names of kinds, the recorder's defects.

use std::collections::BTreeMap;
use std::path::Path;

use ::csv::StringRecord;
use scatterfall_page::{Defect, Event, KindName, Path as Found};

use crate::error::{Error, Result};
use crate::store::csv;
use scatterfall_timestamps::{Micros, parse_iso};

/// Events that the page lists at most.
const MAX_EVENTS: usize = 20_000;

/// Kinds of a seismogram's events: in no catalogue, or in one.
const UNKNOWN: i32 = 0;
const KNOWN: i32 = 1;
/// Kinds that a table names, but `names.toml` does not, are numbered from here.
const NAMED: i32 = 1000;

/// The lines of a table by the names of its columns.
struct Table {
    columns: StringRecord,
    lines: Vec<StringRecord>,
}

impl Table {
    fn read(text: &str) -> Self {
        let mut records = csv::records(text);
        Self { columns: records.next().unwrap_or_default(), lines: records.collect() }
    }

    /// The field of a line under a column; `None` where there is no such column, or it is empty.
    fn field<'b>(&self, line: &'b StringRecord, column: &str) -> Option<&'b str> {
        let at = self.columns.iter().position(|c| c == column)?;
        line.get(at).filter(|f| !f.is_empty())
    }

    fn number(&self, line: &StringRecord, column: &str) -> Option<f64> {
        self.field(line, column)?.parse().ok()
    }

    fn time(&self, line: &StringRecord, column: &str) -> Option<Micros> {
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
pub(super) fn events(output: &Path, names: &mut Vec<KindName>) -> Result<(Vec<Event>, usize)> {
    let mut events = read_events(output, names)?;
    events.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.number.cmp(&b.number)));
    let beyond = events.len().saturating_sub(MAX_EVENTS);
    events.truncate(MAX_EVENTS);
    Ok((events, beyond))
}

/// All events of an output folder, as they stand in its list.
///
/// # Errors
/// As [`events`].
pub(crate) fn all_events(output: &Path) -> Result<Vec<Event>> {
    read_events(output, &mut Vec::new())
}

fn read_events(output: &Path, names: &mut Vec<KindName>) -> Result<Vec<Event>> {
    let detected = output.join("events.csv");
    let events = match text_of(&detected)? {
        Some(text) => {
            let mut events = detector_events(&text, names).ok_or_else(|| not_a_table(&detected, "events"))?;
            add_reasons(output, &mut events)?;
            events
        }
        None => {
            let path = output.join("anomalies.csv");
            let Some(text) = text_of(&path)? else { return Ok(Vec::new()) };
            row_events(&text).ok_or_else(|| not_a_table(&path, "cluster"))?
        }
    };
    Ok(events)
}

fn not_a_table(path: &Path, stage: &str) -> Error {
    Error::store(path, format!("not a table of events; run `scatterfall {stage}` again"))
}

fn detector_events(text: &str, names: &mut Vec<KindName>) -> Option<Vec<Event>> {
    let table = Table::read(text);
    let event = |(i, line): (usize, &StringRecord)| {
        let time = (table.time(line, "time_from")?, table.time(line, "time_to")?);
        // A seismogram's events have no place, no path and no kind.
        let seismic = !table.columns.iter().any(|c| c == "distance_from_km");
        let km = |column: &str| if seismic { Some(0.0) } else { table.number(line, column) };
        let distance_km = (km("distance_from_km")?, km("distance_to_km")?);
        let known = table.field(line, "catalogue").is_some();
        let kind = if seismic {
            Some(if known { KNOWN } else { UNKNOWN })
        } else {
            table.field(line, "kind").map(|k| kind_number(k, names))
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

/// The number of a kind that a table tells by number or by name; a name that has none yet is given one.
pub(crate) fn kind_number(text: &str, names: &mut Vec<KindName>) -> i32 {
    if let Ok(number) = text.parse() {
        return number;
    }
    if let Some(known) = names.iter().find(|n| n.name == text) {
        return known.kind;
    }
    let kind = names.iter().map(|n| n.kind).fold(NAMED, i32::max) + 1;
    names.push(KindName { kind, name: text.to_owned() });
    kind
}

/// The reasons of `events.json`, by the events' numbers; without the file the page finds words of its own.
fn add_reasons(output: &Path, events: &mut [Event]) -> Result<()> {
    let Some(text) = text_of(&output.join("events.json"))? else { return Ok(()) };
    let list: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
    let reasons: BTreeMap<u64, &str> =
        list.iter().filter_map(|e| Some((e["event"].as_u64()?, e["reason"].as_str()?))).collect();
    for event in events.iter_mut().filter(|e| e.reason.is_empty()) {
        if let Some(reason) = reasons.get(&u64::from(event.number)) {
            (*reason).clone_into(&mut event.reason);
        }
    }
    Ok(())
}

/// What a seismogram's event is, in words: onset, channels, band, the catalogue's name for it.
fn seismic_reason(table: &Table, line: &StringRecord) -> String {
    let mut parts = Vec::new();
    if let Some(onset) = table.field(line, "onset") {
        let (whole, fraction) =
            onset.trim_end_matches('Z').split_once('.').unwrap_or((onset.trim_end_matches('Z'), ""));
        // A hundredth of a second is what an onset is known to.
        let hundredths = fraction.get(..2).map_or_else(String::new, |f| format!(".{f}"));
        parts.push(format!("onset {}{hundredths}", whole.replace('T', " ")));
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
    let event = |line: &StringRecord| {
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
pub(crate) fn health(output: &Path) -> Result<Vec<Defect>> {
    let Some(text) = text_of(&output.join("health.csv"))? else { return Ok(Vec::new()) };
    let table = Table::read(&text);
    let defect = |line: &StringRecord| {
        let what = match table.field(line, "kind")? {
            // The page tells gaps from the images themselves.
            "gap" => return None,
            "gain_step" => "stepped",
            "missing_rows" => "blank",
            "repeated_image" => "repeated",
            other => other,
        };
        let images = table.number(line, "images").map(|n| format!("{n} images"));
        let words = [images, table.field(line, "value").map(|v| format!("size {v}"))];
        Some(Defect {
            what: what.to_owned(),
            time: (table.time(line, "time_from")?, table.time(line, "time_to")?),
            distance_km: (
                table.number(line, "distance_from_km").unwrap_or(0.0),
                table.number(line, "distance_to_km").unwrap_or(0.0),
            ),
            words: words.into_iter().flatten().collect::<Vec<_>>().join(", "),
        })
    };
    Ok(table.lines.iter().filter_map(defect).collect())
}

/// The names that `names.toml` gives to kinds; without one, a seismogram's events have them, unless `unnamed`.
///
/// # Errors
/// [`Error::Store`] for a file that is no such table.
pub(crate) fn names(path: &Path, unnamed: bool) -> Result<Vec<KindName>> {
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
        let events = detector_events(text, &mut Vec::new()).expect("a table");
        assert_eq!((events[0].number, events[0].file.as_str(), events[0].kind), (1, "a,b.png", 1), "the first");
        assert!(events[0].rise_db.is_nan() && events[1].speed_ms.is_nan(), "what is not told is not invented");
        assert_eq!(events[1].path, Found::Wide, "its path");
        assert!(detector_events("event\n1\n", &mut Vec::new()).is_none(), "another table");
        let seismic = "event,time_from,time_to,onset,peak_time,score,channels,band_from_hz,band_to_hz,catalogue\n\
                       1,2025-05-15T00:00:00Z,2025-05-15T00:01:00Z,2025-05-15T00:00:12Z,2025-05-15T00:00:30Z,9.5,HHZ,1,4,\n";
        let seismic = detector_events(seismic, &mut Vec::new()).expect("a table");
        assert_eq!((seismic[0].kind, seismic[0].path), (UNKNOWN, Found::Row), "no place, no kind");
        assert!(
            seismic[0].reason.starts_with("onset 2025-05-15 00:00:12, on HHZ, strongest from 1"),
            "{}",
            seismic[0].reason
        );
    }

    #[test]
    fn kinds_are_known_by_number_or_name() {
        let mut names = vec![KindName { kind: 3, name: "train".to_owned() }];
        assert_eq!(kind_number("7", &mut names), 7, "a number");
        assert_eq!(kind_number("train", &mut names), 3, "a name of names.toml");
        let other = kind_number("ship", &mut names);
        assert!(other > NAMED && kind_number("ship", &mut names) == other, "one number per name");
        assert_eq!(names.len(), 2, "and its name is kept");
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
