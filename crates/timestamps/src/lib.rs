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

/// Reads a time as people write it: `YYYYMMDD_HHMMSS`, or ISO 8601 with `T` or a space, to the day, minute or second, with a
/// zone or without (UTC).
pub fn parse_time(text: &str) -> Option<Micros> {
    let text = text.trim();
    if let Some(time) = parse_compact(text) {
        return Some(time);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    let bare = text.strip_suffix('Z').unwrap_or(text).replacen(' ', "T", 1);
    let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y%m%dT%H%M%S"];
    let time = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(&bare, form).ok());
    let day = || NaiveDate::parse_from_str(&bare, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    Some(time.or_else(day)?.and_utc().timestamp_micros())
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
    fn times_are_read_as_people_write_them() {
        for text in [
            "20250515_000100",
            "2025-05-15T00:01:00Z",
            "2025-05-15 00:01",
            "2025-05-15T02:01:00+02:00",
            "20250515T000100",
        ] {
            assert_eq!(parse_time(text), Some(at("20250515_000100")), "{text}");
        }
        assert_eq!(parse_time("2025-05-15"), Some(at("20250515_000000")), "a day");
        for bad in ["", "2025", "yesterday", "2025-13-01", "2025-05-15T25:00", "2025-05-15 "] {
            assert_eq!(parse_time(bad).is_some(), bad == "2025-05-15 ", "{bad}");
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
