//! Draws every picture from made-up data into a folder, to look at them: `cargo run --example pictures -- FOLDER`.

use std::path::PathBuf;

use scatterfall::plots::counts::{Counts, save_counts};
use scatterfall::time::parse_compact;

const MINUTE: i64 = 60_000_000;

fn main() -> scatterfall::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "pictures".to_owned()));
    for (name, minutes) in [("20min", 20), ("day", 1_440), ("week", 10_080), ("month", 43_200), ("halfyear", 262_800)] {
        let (times, labels) = archive(minutes);
        let input = Counts { times: &times, labels: &labels, duration: MINUTE, accumulate: 4, place_km: 13.8896 };
        save_counts(&input, 3, &folder.join("counts").join(name))?;
    }
    Ok(())
}

/// Images every minute with some gaps, labels that follow the time of day.
fn archive(minutes: i64) -> (Vec<i64>, Vec<i32>) {
    let start = parse_compact("20250515_113000").unwrap_or_default();
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let missing = |i: i64| (minutes / 3..minutes / 3 + minutes / 12 + 2).contains(&i) || i == minutes * 3 / 4;
    let kept = (0..minutes).filter(|&i| !missing(i));
    kept.map(|i| {
        let day = (i as f64 / 1_440.0 * std::f64::consts::TAU).sin();
        let label = if random() < 0.15 { 2 } else { i32::from(random() < 0.4 + 0.35 * day) };
        (start + i * MINUTE, label)
    })
    .unzip()
}
