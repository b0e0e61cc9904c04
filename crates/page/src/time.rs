//! Times as microseconds since 1970, and how the page writes them.

use chrono::DateTime;

/// Microseconds since 1970-01-01T00:00:00 UTC.
pub type Micros = i64;
/// A day.
pub const DAY_US: Micros = 86_400_000_000;

/// `2025-05-15 11:30`, with seconds only where there are some; UTC.
pub fn clock(time: Micros) -> String {
    let Some(t) = DateTime::from_timestamp_micros(time) else { return "beyond the calendar".to_owned() };
    let format = if time.rem_euclid(60_000_000) == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    t.format(format).to_string()
}
