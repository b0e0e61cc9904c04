//! Times as microseconds since 1970-01-01 UTC: reading them from file names, writing them as ISO 8601.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Microseconds since 1970-01-01T00:00:00 UTC, NumPy's `datetime64[us]`.
pub type Micros = i64;

/// Microseconds of a UTC day.
pub const DAY_US: i64 = 86_400_000_000;

/// Seconds as microseconds, rounded.
#[expect(clippy::cast_possible_truncation, reason = "saturates; configured durations are far below the limit")]
pub fn micros(seconds: f64) -> Micros {
    (seconds * 1e6).round() as i64
}

/// The UTC day a time lies in, as `YYYYMMDD`.
pub fn day_name(time: Micros) -> String {
    match DateTime::from_timestamp_micros(time) {
        Some(t) => t.format("%Y%m%d").to_string(),
        None => "00000000".to_owned(),
    }
}

/// Midnight (UTC) of a day named `YYYYMMDD`.
pub fn day_start(name: &str) -> Option<Micros> {
    if name.len() != 8 || !name.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let date = NaiveDate::parse_from_str(name, "%Y%m%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

/// ISO 8601 in UTC, with a fraction only where there is one: `2025-05-15T00:01:00Z`.
pub fn iso(time: Micros) -> String {
    match DateTime::from_timestamp_micros(time) {
        Some(t) if time % 1_000_000 == 0 => t.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Some(t) => t.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        None => "out of range".to_owned(),
    }
}

/// `YYYYMMDD_HHMMSS` in UTC; fractions are left out.
pub fn compact(time: Micros) -> String {
    match DateTime::from_timestamp_micros(time) {
        Some(t) => t.format("%Y%m%d_%H%M%S").to_string(),
        None => "00000000_000000".to_owned(),
    }
}

/// Reads what [`iso`] writes.
pub fn parse_iso(text: &str) -> Option<Micros> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.fZ").ok().map(|t| t.and_utc().timestamp_micros())
}

/// Reads `YYYYMMDD_HHMMSS` (UTC).
pub fn parse_compact(text: &str) -> Option<Micros> {
    // chrono's numbers may be shorter than their field; a time of another length is a typing error.
    if text.len() != 15 {
        return None;
    }
    NaiveDateTime::parse_from_str(text, "%Y%m%d_%H%M%S").ok().map(|t| t.and_utc().timestamp_micros())
}

/// How a file name tells its time.
#[derive(Clone, Debug, PartialEq)]
pub struct TimePattern {
    /// `None`: the last two `_` parts of the stem are `%Y%m%d` and `%H%M%S`.
    pattern: Option<Pattern>,
    /// Hours that the name's clock is ahead of UTC.
    offset_us: i64,
}

#[derive(Clone, Debug, PartialEq)]
struct Pattern {
    format: String,
    open_start: bool,
    open_end: bool,
}

impl TimePattern {
    /// A pattern in strftime notation; `*` at either end stands for any text. `None`: the default rule.
    /// Returns `None` for a pattern that does not fix date, hour and minute.
    pub fn new(pattern: Option<&str>, utc_offset_h: f64) -> Option<Self> {
        let offset_us = micros(utc_offset_h * 3600.0);
        let Some(text) = pattern else { return Some(Self { pattern: None, offset_us }) };
        let open_start = text.starts_with('*');
        let open_end = text.len() > 1 && text.ends_with('*');
        let format = text[usize::from(open_start)..text.len() - usize::from(open_end)].to_owned();
        let items: Vec<chrono::format::Item> = chrono::format::StrftimeItems::new(&format).collect();
        if items.iter().any(|i| matches!(i, chrono::format::Item::Error)) {
            return None;
        }
        // A known time must survive writing and reading, to the minute: a pattern without a date could never be read.
        let known = NaiveDate::from_ymd_opt(2025, 5, 15)?.and_hms_opt(13, 45, 0)?;
        let mut written = String::new();
        std::fmt::Write::write_fmt(&mut written, format_args!("{}", known.format(&format))).ok()?;
        let this = Self { pattern: Some(Pattern { format, open_start, open_end }), offset_us: 0 };
        (this.read(&written) == Some(known.and_utc().timestamp_micros())).then_some(Self { offset_us, ..this })
    }

    /// The UTC time that a file's stem tells, or `None`.
    pub fn read(&self, stem: &str) -> Option<Micros> {
        let local = match &self.pattern {
            None => {
                let mut parts = stem.rsplit('_');
                let (time, date) = (parts.next()?, parts.next()?);
                parse_compact(&format!("{date}_{time}"))?
            }
            Some(p) => p.read(stem)?.and_utc().timestamp_micros(),
        };
        local.checked_sub(self.offset_us)
    }
}

impl Pattern {
    fn read(&self, stem: &str) -> Option<NaiveDateTime> {
        let starts = stem.char_indices().map(|(i, _)| i).take(if self.open_start { usize::MAX } else { 1 });
        for start in starts {
            if let Ok((time, rest)) = NaiveDateTime::parse_and_remainder(&stem[start..], &self.format)
                && (rest.is_empty() || self.open_end)
            {
                return Some(time);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Micros {
        parse_compact(text).expect("a valid time")
    }

    #[test]
    fn iso_times_are_read_back() {
        for time in [0, -1, 1_500_000, at("20250515_000100"), at("19691231_235959") + 7] {
            assert_eq!(parse_iso(&iso(time)), Some(time), "{}", iso(time));
        }
        assert_eq!(parse_iso("2025-05-15 00:01:00"), None, "another form");
        assert_eq!(compact(at("20250515_000100")), "20250515_000100", "as file names have it");
    }

    #[test]
    fn the_last_two_parts_are_the_default() {
        let p = TimePattern::new(None, 0.0).expect("the default");
        assert_eq!(p.read("Waterfall_RMS_20250515_000100"), Some(at("20250515_000100")), "the usual name");
        assert_eq!(p.read("20250515_000100"), Some(at("20250515_000100")), "nothing before");
        for bad in [
            "",
            "_",
            "x",
            "a_20251315_000000",
            "a_20250515_240000",
            "a_2025051_0000000",
            "a_20250515",
            "é_2025é515_000000",
        ] {
            assert_eq!(p.read(bad), None, "{bad} has no time");
        }
    }

    #[test]
    fn offsets_are_taken_off() {
        let p = TimePattern::new(None, 2.0).expect("the default");
        assert_eq!(p.read("a_20250515_010000"), Some(at("20250514_230000")), "local 01:00 is 23:00 UTC the day before");
    }

    #[test]
    fn patterns_with_and_without_stars() {
        let p = TimePattern::new(Some("das-%Y-%m-%dT%H-%M-%S"), 0.0).expect("valid");
        assert_eq!(p.read("das-2025-05-15T00-01-00"), Some(at("20250515_000100")), "exact");
        assert_eq!(p.read("xdas-2025-05-15T00-01-00"), None, "text before is not allowed");
        let p = TimePattern::new(Some("*%Y%m%dT%H%M%S*"), 0.0).expect("valid");
        assert_eq!(p.read("fibre é 20250515T000100_v2"), Some(at("20250515_000100")), "text on both sides");
        for bad in ["%Y", "%H%M%S", "%Q", "*", "no fields"] {
            assert!(TimePattern::new(Some(bad), 0.0).is_none(), "{bad} cannot tell a time");
        }
    }

    #[test]
    fn iso_and_days() {
        assert_eq!(iso(at("20250515_000100")), "2025-05-15T00:01:00Z", "whole seconds");
        assert_eq!(iso(at("20250515_000100") + 5), "2025-05-15T00:01:00.000005Z", "a fraction");
        assert_eq!(day_name(at("20250515_235959")), "20250515", "day");
        assert_eq!(day_start("20250515"), Some(at("20250515_000000")), "midnight");
        assert_eq!(day_start("2025051x"), None, "not a day");
    }
}
