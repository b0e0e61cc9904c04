//! Catalogues of events: QuakeML and CSV read, QuakeML written.

use std::fmt::Write as _;
use std::path::Path;

use chrono::NaiveDateTime;
use scatterfall_timestamps::{Micros, iso};

use crate::error::{Error, Result};

/// An event of a catalogue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    /// Origin time, UTC.
    pub(crate) time: Micros,
    /// What the catalogue calls it: its description, or its time.
    pub(crate) name: String,
}

/// The events of a catalogue file, by time: QuakeML (`.xml`, `.qml`, or beginning with `<`), or CSV with a column of times
/// (`time`, `origin_time`, `datetime`, `time_from`, `date`), as ISO 8601.
///
/// # Errors
/// [`Error::Io`]; [`Error::Store`] for a file without events.
pub(crate) fn read(path: &Path) -> Result<Vec<Known>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let mut events = if text.trim_start().starts_with('<') { from_quakeml(&text) } else { from_csv(&text) };
    if events.is_empty() {
        let reason = "holds no event: QuakeML with origins is read, and CSV with a column `time` (ISO 8601, UTC)";
        return Err(Error::store(path, reason));
    }
    events.sort_by_key(|e| e.time);
    Ok(events)
}

/// The origin times of QuakeML's events. Nothing else is needed of it, so its tags are looked for as they are.
fn from_quakeml(text: &str) -> Vec<Known> {
    let event = |text: &str| {
        let origin = element(text, "origin")?;
        let time = parse_time(element(element(origin, "time")?, "value")?.trim())?;
        let name = element(text, "description").and_then(|d| element(d, "text")).map(|t| t.trim().to_owned());
        Some(Known { time, name: name.unwrap_or_else(|| iso(time)) })
    };
    elements(text, "event").filter_map(event).collect()
}

/// The content of the first element of a name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    elements(text, name).next()
}

/// The contents of elements of a name, none of which lies in another of the same name. A prefix (`q:event`) counts not.
fn elements<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once(open.as_str())?;
            rest = after;
            // `<eventParameters` is no `<event`.
            if !after.starts_with(|c: char| c == '>' || c.is_ascii_whitespace()) {
                continue;
            }
            let (_, content) = after.split_once('>')?;
            let (content, after) = content.split_once(close.as_str())?;
            rest = after;
            return Some(content);
        }
    })
}

fn from_csv(text: &str) -> Vec<Known> {
    const TIMES: [&str; 5] = ["time", "origin_time", "datetime", "time_from", "date"];
    const NAMES: [&str; 4] = ["place", "name", "description", "event"];
    let mut records = crate::store::csv::records(text);
    let header: Vec<String> = records.next().unwrap_or_default().iter().map(|c| c.trim().to_lowercase()).collect();
    let column = |names: &[&str]| names.iter().find_map(|name| header.iter().position(|h| h == name));
    let Some(time_column) = column(&TIMES) else { return Vec::new() };
    let name_column = column(&NAMES);
    records
        .filter_map(|record| {
            let time = parse_time(record.get(time_column)?.trim())?;
            let name = name_column.and_then(|c| record.get(c)).map_or_else(|| iso(time), str::to_owned);
            Some(Known { time, name })
        })
        .collect()
}

/// ISO 8601 in UTC, with `T` or a blank, with `Z` or without.
fn parse_time(text: &str) -> Option<Micros> {
    let text = text.trim_end_matches('Z').trim_end_matches("+00:00");
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|time| time.and_utc().timestamp_micros())
}

/// An event as QuakeML has it: a pick on a channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pick {
    /// Onset, UTC.
    pub(crate) time: Micros,
    /// Network, station, location and channel.
    pub(crate) codes: [String; 4],
    /// How far it stands out.
    pub(crate) score: f64,
}

/// QuakeML 1.2 (BED) of detections: one event a pick, without an origin, as where it was is not known.
pub(crate) fn quakeml(picks: &[Pick]) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <q:quakeml xmlns=\"http://quakeml.org/xmlns/bed/1.2\" xmlns:q=\"http://quakeml.org/xmlns/quakeml/1.2\">\n\
         <eventParameters publicID=\"smi:local/scatterfall\">\n",
    );
    for (k, pick) in picks.iter().enumerate() {
        let k = k + 1;
        let [network, station, location, channel] = pick.codes.each_ref().map(|code| escaped(code));
        let _ = write!(
            text,
            "<event publicID=\"smi:local/scatterfall/event/{k}\">\n\
             <comment><text>score {:.3}</text></comment>\n\
             <pick publicID=\"smi:local/scatterfall/pick/{k}\">\n\
             <time><value>{}</value></time>\n\
             <waveformID networkCode=\"{network}\" stationCode=\"{station}\" locationCode=\"{location}\" \
             channelCode=\"{channel}\"/>\n\
             <evaluationMode>automatic</evaluationMode>\n\
             </pick>\n</event>\n",
            pick.score,
            iso(pick.time),
        );
    }
    text.push_str("</eventParameters>\n</q:quakeml>\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogues_are_read_from_quakeml_and_csv() {
        let xml = "<q:quakeml xmlns:q=\"x\"><eventParameters publicID=\"a\">\
            <event publicID=\"b\"><description><text>North Sea</text></description>\
            <origin publicID=\"o\"><time><value>2024-02-29T01:02:03.5Z</value></time></origin></event>\
            <event publicID=\"c\"><origin><time>\n<value> 2024-02-28T00:00:00.000000Z </value></time></origin></event>\
            <event publicID=\"d\"></event></eventParameters></q:quakeml>";
        let csv =
            "id,time,place\n1,2024-02-29T01:02:03.500Z,North Sea\n2,2024-02-28 00:00:00,\"2024-02-28T00:00:00Z\"\n";
        let want = [(1_709_078_400_000_000, "2024-02-28T00:00:00Z"), (1_709_168_523_500_000, "North Sea")];
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("a.xml", xml), ("a.csv", csv)] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            let events = read(&path).expect("two events");
            let got: Vec<(Micros, &str)> = events.iter().map(|e| (e.time, e.name.as_str())).collect();
            assert_eq!(got, want, "{name}");
        }
        std::fs::write(folder.path().join("b.csv"), "id\n1\n").expect("written");
        assert!(read(&folder.path().join("b.csv")).is_err(), "no times");
    }

    #[test]
    fn detections_are_written_as_events_with_picks() {
        let codes = ["XX", "A&B", "", "HHZ"].map(str::to_owned);
        let text = quakeml(&[Pick { time: 1_709_168_523_500_000, codes, score: 7.25 }]);
        assert!(text.contains("<value>2024-02-29T01:02:03.500000Z</value>"), "time in: {text}");
        assert!(text.contains("stationCode=\"A&amp;B\""), "codes are escaped: {text}");
        assert_eq!(elements(&text, "event").count(), 1, "one event");
    }
}
