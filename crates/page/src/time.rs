//! How the page writes times.

pub(crate) use scatterfall_timestamps::DAY_US;
pub use scatterfall_timestamps::Micros;

/// `2025-05-15 11:30`, with whole seconds only where there are some; UTC.
pub(crate) fn clock(time: Micros) -> String {
    let text = scatterfall_timestamps::iso(time.div_euclid(1_000_000) * 1_000_000)
        .replace('T', " ")
        .trim_end_matches('Z')
        .to_owned();
    text.strip_suffix(":00").map_or(text.clone(), str::to_owned)
}
