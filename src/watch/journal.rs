//! `events.jsonl`: every new event once. The file is its own memory: what stands in it was told, also over restarts.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Error, Result};
use scatterfall_timestamps::{Micros, iso, parse_iso};

/// Two findings that are less apart in time may be one event.
const SAME_S: f64 = 60.0;

/// So far apart along the fibre they may still be one.
const SAME_KM: f64 = 0.3;

/// Events that ended before the newest one by more than this are compared with nothing any more.
const RECENT_S: f64 = 2.0 * 86_400.0;

/// When, where and how fast: what tells one event from another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    path: String,
    from: Micros,
    to: Micros,
    km: (f64, f64),
    peak: (Micros, f64),
    speed_ms: Option<f64>,
    score: f64,
}

impl Mark {
    /// Reads it from an event's JSON.
    pub(super) fn read(event: &Value) -> Option<Self> {
        let time = |key: &str| parse_iso(event[key].as_str()?);
        Some(Self {
            path: event["path"].as_str()?.to_owned(),
            from: time("time_from")?,
            to: time("time_to")?,
            km: (event["distance_from_km"].as_f64()?, event["distance_to_km"].as_f64()?),
            peak: (time("peak_time")?, event["peak_km"].as_f64()?),
            speed_ms: event["speed_ms"].as_f64(),
            score: event["score"].as_f64()?,
        })
    }

    /// Onset of the event.
    pub(super) fn begin(&self) -> Micros {
        self.from
    }

    /// Its nearest place, metres.
    pub(super) fn near_m(&self) -> i64 {
        (1000.0 * self.km.0).round() as i64
    }

    /// End of the event.
    pub(super) fn end(&self) -> Micros {
        self.to
    }

    /// Place on its line at a time.
    fn km_at(&self, time: Micros) -> f64 {
        self.peak.1 + self.speed_ms.unwrap_or(0.0) * (time - self.peak.0) as f64 / 1e9
    }

    /// Whether two findings are close enough in time and place to be one event.
    fn is_near(&self, other: &Self) -> bool {
        let gap_s = (self.from.max(other.from) - self.to.min(other.to)) as f64 / 1e6;
        let gap_km = self.km.0.max(other.km.0) - self.km.1.min(other.km.1);
        gap_s <= SAME_S && gap_km <= SAME_KM
    }

    /// How unlike two findings are, where they may be one event.
    fn distance(&self, other: &Self) -> Option<f64> {
        let gap_s = (self.from.max(other.from) - self.to.min(other.to)) as f64 / 1e6;
        let family = |path: &str| matches!(path, "wide" | "slow").then(|| path.to_owned());
        if !self.is_near(other) || family(&self.path) != family(&other.path) {
            return None;
        }
        let peaks = (self.peak.0 - other.peak.0).abs() as f64 / 60e6 + (self.peak.1 - other.peak.1).abs();
        if let (Some(a), Some(b)) = (self.speed_ms, other.speed_ms) {
            let middle = self.from.max(other.from).midpoint(self.to.min(other.to));
            let apart = (self.km_at(middle) - other.km_at(middle)).abs();
            return (a * b > 0.0 && apart < 0.5 + 0.003 * gap_s.max(0.0)).then_some(apart);
        }
        Some(peaks)
    }
}

/// One line of the journal.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// What it says.
    pub(super) value: Value,
    /// The event as it was told.
    told: Mark,
    /// The event as it was found last.
    mark: Mark,
}

/// The journal.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// The lines that new findings are compared with.
    recent: Vec<Line>,
    /// Lines of the file.
    count: usize,
}

impl Journal {
    /// Opens the journal of an output folder; a line that a crash cut off is removed.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn open(output: &Path) -> Result<Self> {
        let path = file(output);
        let failed = |e| Error::io("write", &path, e);
        let mut options = OpenOptions::new();
        let mut file = options.create(true).read(true).write(true).truncate(false).open(&path).map_err(failed)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let whole = text.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        file.set_len(whole as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let lines = text[..whole].split(|&b| b == b'\n').filter(|l| !l.is_empty());
        let mut recent = Vec::new();
        let mut count = 0;
        for line in lines {
            count += 1;
            let value: Value = serde_json::from_slice(line).unwrap_or_default();
            recent.extend(Mark::read(&value).map(|mark| Line { value, told: mark.clone(), mark }));
        }
        let mut this = Self { path, file, recent, count };
        this.forget();
        Ok(this)
    }

    /// Lines of the file.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Lines of the last days, for lists.
    pub(super) fn recent(&self) -> &[Line] {
        &self.recent
    }

    /// Tells of the events that were not told yet, given with whether they still go on; returns the new lines.
    ///
    /// Each finding is one event of the journal at most, and the other way round: the strongest choose first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn tell(&mut self, events: &[(Value, bool)]) -> Result<Vec<Value>> {
        let mut marked: Vec<(Mark, &(Value, bool))> =
            events.iter().filter_map(|e| Some((Mark::read(&e.0)?, e))).collect();
        marked.sort_by(|a, b| b.0.score.total_cmp(&a.0.score));
        let known = self.recent.len();
        let mut taken = vec![false; known];
        let mut new = Vec::new();
        for (mark, (value, ongoing)) in marked {
            // What was found last may have moved on from look to look; the event that was told has not.
            let likeness = |(i, line): (usize, &Line)| {
                line.told.is_near(&mark).then(|| line.mark.distance(&mark))?.map(|apart| (apart, i))
            };
            let free = self.recent[..known].iter().enumerate().filter(|(i, _)| !taken[*i]);
            match free.filter_map(likeness).min_by(|a, b| a.0.total_cmp(&b.0)) {
                Some((_, i)) => {
                    taken[i] = true;
                    self.recent[i].mark = mark;
                }
                None => new.push((mark, line(value, *ongoing))),
            }
        }
        new.sort_by_key(|(mark, _)| mark.from);
        let lines: Vec<Value> = new.iter().map(|(_, value)| value.clone()).collect();
        self.append(&lines)?;
        self.recent.extend(new.into_iter().map(|(mark, value)| Line { value, told: mark.clone(), mark }));
        self.forget();
        Ok(lines)
    }

    fn append(&mut self, lines: &[Value]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let text: String = lines.iter().map(|l| format!("{l}\n")).collect();
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|e| Error::io("write", &self.path, e))?;
        self.count += lines.len();
        Ok(())
    }

    fn forget(&mut self) {
        let newest = self.recent.iter().map(|l| l.mark.to).max().unwrap_or(0);
        self.recent.retain(|l| (newest - l.mark.to) as f64 <= RECENT_S * 1e6);
    }
}

/// The journal of an output folder.
pub(super) fn file(output: &Path) -> PathBuf {
    output.join("events.jsonl")
}

/// A new line: the event with a name of its own and the time at which it was told.
fn line(event: &Value, ongoing: bool) -> Value {
    let mut line = event.clone();
    if let Some(fields) = line.as_object_mut() {
        fields.remove("event");
        let text = |key: &str| event[key].as_str().unwrap_or_default().replace([':', '-'], "");
        let id = format!("{}-{:.2}km-{}", text("peak_time"), event["peak_km"].as_f64().unwrap_or(0.0), text("path"));
        fields.insert("id".into(), json!(id));
        fields.insert("state".into(), json!(if ongoing { "ongoing" } else { "final" }));
        fields.insert("told".into(), json!(iso(super::now())));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(minute: u32, second: f64, km: f64, path: &str, speed: Option<f64>) -> Value {
        let time = |s: f64| format!("2025-05-15T00:{minute:02}:{s:04.1}Z");
        json!({
            "event": 1, "time_from": time(second), "time_to": time(second + 20.0), "peak_time": time(second + 10.0),
            "distance_from_km": km - 0.2, "distance_to_km": km + 0.2, "peak_km": km, "score": 9.0, "path": path,
            "speed_ms": speed,
        })
    }

    #[test]
    fn an_event_is_told_once_also_after_a_crash() {
        let folder = tempfile::tempdir().expect("a folder");
        let (a, b) = (event(1, 2.0, 5.0, "coarse", None), event(1, 2.0, 9.0, "coarse", None));
        let mut journal = Journal::open(folder.path()).expect("opened");
        let told = journal.tell(&[(a.clone(), false), (b, true)]).expect("told");
        assert_eq!((told.len(), journal.count()), (2, 2), "both are new");
        assert_eq!((&told[0]["state"], &told[1]["state"]), (&json!("final"), &json!("ongoing")), "as it stands");
        // The same one, a little longer and elsewhere in the list.
        assert!(journal.tell(&[(event(1, 4.0, 5.1, "coarse", None), false)]).expect("told").is_empty(), "known");
        drop(journal);
        let mut torn = OpenOptions::new().append(true).open(file(folder.path())).expect("there");
        torn.write_all(b"{\"time_from\": \"20").expect("written");
        let mut journal = Journal::open(folder.path()).expect("opened again");
        assert_eq!(journal.count(), 2, "the torn line does not count");
        assert!(journal.tell(&[(a, false)]).expect("told").is_empty(), "still known");
        let text = std::fs::read_to_string(file(folder.path())).expect("read");
        assert!(text.ends_with("}\n") && text.lines().count() == 2, "whole lines only");
    }

    #[test]
    fn two_vehicles_that_meet_are_two_events() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::open(folder.path()).expect("opened");
        let up = (event(3, 5.0, 7.0, "slants", Some(20.0)), false);
        let down = (event(3, 5.0, 7.0, "slants", Some(-20.0)), false);
        let behind = (event(3, 5.0, 7.1, "slants", Some(21.0)), false);
        assert_eq!(journal.tell(std::slice::from_ref(&up)).expect("told").len(), 1, "the first");
        assert_eq!(journal.tell(&[up.clone(), down.clone()]).expect("told").len(), 1, "the other direction is new");
        assert_eq!(journal.tell(&[up, behind, down]).expect("told").len(), 1, "one finding for one event");
    }

    #[test]
    fn a_line_does_not_wander_from_event_to_event() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut journal = Journal::open(folder.path()).expect("opened");
        let at = |second: f64| [(event(1, second, 5.0, "coarse", None), false)];
        assert_eq!(journal.tell(&at(0.0)).expect("told").len(), 1, "the first");
        assert!(journal.tell(&at(38.0)).expect("told").is_empty(), "found later, still the same");
        let later = [(event(2, 39.0, 5.0, "coarse", None), false)];
        assert_eq!(journal.tell(&later).expect("told").len(), 1, "near what was found last, far from what was told");
    }

    #[test]
    fn what_is_far_in_time_or_place_is_another_event() {
        let mark = |e: Value| Mark::read(&e).expect("an event");
        let here = mark(event(1, 2.0, 5.0, "coarse", None));
        assert!(here.distance(&mark(event(1, 30.0, 5.0, "slants", Some(3.0)))).is_some(), "a spot that moves a little");
        assert!(here.distance(&mark(event(3, 2.0, 5.0, "coarse", None))).is_none(), "100 s later");
        assert!(here.distance(&mark(event(1, 2.0, 6.0, "coarse", None))).is_none(), "600 m further");
        assert!(here.distance(&mark(event(1, 2.0, 5.0, "wide", None))).is_none(), "another family");
    }
}
