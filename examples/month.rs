//! Draws the pictures and the report of a made-up month: 43,200 images of 8 rows each, 200 different waterfalls.
//!
//! `cargo run --release --example month -- FOLDER`; a folder that is there already is only drawn again, so that the
//! time and memory of drawing can be measured alone.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray::{Array1, Array2, Array3};
use scatterfall::config::Config;
use scatterfall::progress::Context;
use scatterfall::stages::{report, visualize};
use scatterfall::store::atomic::write_bytes;
use scatterfall::store::npz::write_npz;
use scatterfall::{Error, Result};
use scatterfall_npz::Time;
use scatterfall_synth::{SynthArchive, SynthOptions};
use scatterfall_timestamps::{compact, iso, parse_compact};

const MINUTE: i64 = 60_000_000;
const DAY: usize = 1_440;
const DAYS: usize = 30;
const PLACES: usize = 8;
const WATERFALLS: usize = 200;
const WINDOWS: usize = 40;

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "month".to_owned()));
    let path = |name: &str| toml::Value::String(folder.join(name).to_string_lossy().into_owned());
    let settings = [format!("input.path={}", path("archive")), format!("output.path={}", path("output"))];
    let config = Config::load(None, &settings)?;
    if !config.output.path.exists() {
        images(&config.input.path)?;
        results(&config.output.path)?;
    }
    let ctx = Context::new(&config)?;
    for name in ["visualizations/record.json", "report.html"] {
        let _ = std::fs::remove_file(config.output.path.join(name));
    }
    let start = Instant::now();
    visualize::compute(&ctx)?;
    let drawn = start.elapsed();
    report::compute(&ctx)?;
    let page = report::file(&config.output.path);
    let bytes = page.metadata().map_err(|e| Error::io("read", &page, e))?.len();
    #[expect(clippy::print_stdout, reason = "an example")]
    {
        println!("pictures {drawn:?}, report {:?}, {bytes} bytes", start.elapsed() - drawn);
    }
    Ok(())
}

fn start() -> i64 {
    parse_compact("20250515_000000").unwrap_or_default()
}

/// Times of the images: an hour and a half missing on the tenth day, a minute on the twentieth.
fn held() -> impl Iterator<Item = usize> {
    (0..DAYS * DAY).filter(|m| !(10 * DAY..10 * DAY + 90).contains(m) && *m != 20 * DAY + 700)
}

fn time(minute: usize) -> i64 {
    start() + minute as i64 * MINUTE
}

fn name(minute: usize) -> String {
    format!("Waterfall_RMS_{}.png", compact(time(minute)))
}

/// Every minute is a link to one of 200 synthetic waterfalls.
fn images(folder: &Path) -> Result<()> {
    let options = SynthOptions { images: WATERFALLS, ..SynthOptions::default() };
    let archive = SynthArchive::new(&options)?;
    let of_all = folder.join("all");
    archive.write(&of_all, || {})?;
    let mut made: Vec<PathBuf> = std::fs::read_dir(&of_all)
        .map_err(|e| Error::io("read", &of_all, e))?
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "png"))
        .collect();
    made.sort();
    for minute in held() {
        let path = folder.join(name(minute));
        std::fs::hard_link(&made[minute % made.len()], &path).map_err(|e| Error::io("write", &path, e))?;
    }
    Ok(())
}

/// The stored results of the month.
fn results(output: &Path) -> Result<()> {
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let mut table = String::from("time,distance_km,cluster,score,image_file\n");
    let (mut times, mut distance, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let mut worst: Vec<(f64, usize, usize, i32)> = Vec::new();
    for minute in held() {
        let of_day = (minute as f64 / DAY as f64 * std::f64::consts::TAU).sin();
        for place in 0..PLACES {
            let chance = random();
            let label: i32 = match place {
                _ if chance < 0.004 => 5,
                2 | 3 if chance < 0.4 + 0.35 * of_day => 1,
                6 => 2,
                7 if chance < 0.5 => 3,
                _ if chance > 0.93 => 4,
                _ => 0,
            };
            let score = 2.0 + random() + if label == 5 { 30.0 * random() } else { 0.0 };
            let km = place as f64 * 2.421_42;
            let _ = writeln!(table, "{},{km:.6},{label},{score:.6},{}", iso(time(minute)), name(minute));
            times.push(Time(time(minute)));
            distance.push(km);
            labels.push(label);
            worst.push((score, minute, place, label));
        }
    }
    let clusters = output.join("clustering_results");
    write_bytes(&clusters.join("clusters.csv"), table.as_bytes())?;
    worst.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut events = String::from("rank,time_from,time_to,distance_from_km,distance_to_km,score,cluster,image_file\n");
    for (rank, (score, minute, place, label)) in (1..=50).zip(&worst) {
        let (from, km) = (time(*minute), *place as f64 * 2.421_42);
        let to = km + 3.0;
        let file = name(*minute);
        let _ =
            writeln!(events, "{rank},{},{},{km:.6},{to:.6},{score:.6},{label},{file}", iso(from), iso(from + MINUTE));
    }
    write_bytes(&output.join("anomalies.csv"), events.as_bytes())?;
    let line = |n: u32| {
        let n = f64::from(n);
        serde_json::json!({ "components": n as u64, "log_likelihood": -6.0 + 0.1 * n, "aic": 4e6 - 9e3 * n, "bic": 4e6 + 3e3 * (n - 6.0).powi(2) })
    };
    let summary = serde_json::json!({
        "method": "gmm", "covariance": "full", "clusters": 6, "silhouette": 0.31, "bic": 4e6, "threshold": 12.5,
        "selection": (2..=10).map(line).collect::<Vec<_>>(),
    });
    write_bytes(&clusters.join("summary.json"), summary.to_string().as_bytes())?;

    let components = Array2::from_shape_fn((labels.len(), 5), |(i, k)| {
        (f64::from(labels[i]) * 1.7 + k as f64).sin() * 1.5 + random() + random() - 1.0
    });
    let (times, distance) = (Array1::from(times), Array1::from(distance));
    for name in ["principal_components", "independent_components"] {
        write_npz(&output.join("pca_ica").join(format!("{name}.npz")), |out| {
            out.add("features", &components)?;
            out.add("explained_variance_ratio", &Array1::from(vec![0.52, 0.2, 0.09, 0.04, 0.02]))?;
            out.add("times", &times)?;
            out.add("distance", &distance)
        })?;
    }
    for day in 0..DAYS {
        let minutes: Vec<usize> = held().filter(|m| m / DAY == day).collect();
        let features = Array3::from_shape_fn((minutes.len(), WINDOWS, 3), |(_, w, k)| {
            (20.0 / (k + 1) as f64 * (1.2 + (w as f64 / 6.0).sin()) + random()) as f32
        });
        let path = output.join("features").join(format!("features_{}.npz", &compact(time(day * DAY))[..8]));
        write_npz(&path, |out| {
            out.add("features", &features)?;
            out.add("times", &minutes.iter().map(|&m| Time(time(m))).collect::<Array1<_>>())?;
            out.add("distance", &(0..WINDOWS).map(|w| w as f64 * 20.0 / WINDOWS as f64).collect::<Array1<_>>())
        })?;
    }
    Ok(())
}
