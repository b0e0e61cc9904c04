//! Writes a report page from made-up data: `cargo run --example report -- FILE.html [MINUTES]`.

use std::path::PathBuf;

use scatterfall::Result;
use scatterfall::store::atomic::write_bytes;
use scatterfall::store::pictures::SavePicture;
use scatterfall_colormap::Colormap;
use scatterfall_figures::clusters::centroids;
use scatterfall_figures::counts::{Counts, pieces};
use scatterfall_figures::coverage::Coverage;
use scatterfall_figures::reduction::explained_variance;
use scatterfall_figures::report::{ClusterCard, EventLine, PictureFile, ReportData, Thumbnail, render, thumbnail};
use scatterfall_figures::rows::Rows;
use scatterfall_figures::waterfall::Waterfall;
use scatterfall_timestamps::{day_name, parse_compact};

const MINUTE: i64 = 60_000_000;
const PLACES: usize = 8;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().unwrap_or_else(|| "report.html".to_owned()));
    let minutes: i64 = arguments.next().and_then(|m| m.parse().ok()).unwrap_or(43_200);
    let start = parse_compact("20250515_113000").unwrap_or_default();
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let missing = |i: &i64| (minutes / 3..minutes / 3 + minutes / 12 + 2).contains(i) || *i == minutes * 3 / 4;
    let held: Vec<i64> = (0..minutes).filter(|i| !missing(i)).map(|i| start + i * MINUTE).collect();
    let (mut times, mut distance, mut labels, mut scores) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for &time in &held {
        let day = ((time - start) as f64 / 8.64e10 * std::f64::consts::TAU).sin();
        for place in 0..PLACES {
            let chance = random();
            let label = match place {
                _ if chance < 0.004 => 5,
                2 | 3 if chance < 0.4 + 0.35 * day => 1,
                6 => 2,
                7 if chance < 0.5 => 3,
                _ if chance > 0.93 => 4,
                _ => 0,
            };
            times.push(time);
            distance.push(place as f64 * 2.4);
            labels.push(label);
            scores.push(2.0 + random() + if label == 5 { 30.0 * random() } else { 0.0 });
        }
    }
    let name = |time: i64| {
        let of_day = time.rem_euclid(86_400_000_000) / 1_000_000;
        format!("Waterfall_RMS_{}_{:02}{:02}00.png", day_name(time), of_day / 3_600, of_day / 60 % 60)
    };
    let map = Colormap::builtin("jet").expect("comes with the program");
    let (rows, columns) = (268, 860);
    let mut thumbnails = Vec::new();
    for i in 0..200.min(held.len()) {
        let time = held[i * held.len() / 200.min(held.len())];
        let place = random();
        let pixel = |at: usize, noise: f64| {
            let (t, x) = ((at / columns) as f64 / rows as f64, (at % columns) as f64 / columns as f64);
            let line = (-((x - place - 0.4 * t) / 0.006).powi(2)).exp();
            (60.0 + 40.0 * noise + 120.0 * line + 30.0 * x).clamp(0.0, 255.0) as u8
        };
        let indices: Vec<u8> = (0..rows * columns).map(|at| pixel(at, random())).collect();
        let image = Waterfall { time, rows, columns, indices: &indices };
        let png = thumbnail(&image, 0..columns, &map, (320, 100))?;
        thumbnails.push(Thumbnail { time, distance_km: (0.0, 20.0), file: name(time), png });
    }
    let event = |i: usize| {
        let time = held[i * 7_919 % held.len()];
        let from = (i % PLACES) as f64 * 2.4;
        EventLine {
            time: (time, time + (1 + i as i64 % 4) * MINUTE),
            distance_km: (from, from + 3.0),
            score: 32.0 / (1.0 + 0.1 * i as f64),
            cluster: (i * 5 % 6) as i32,
            file: if i == 3 { "<img src=x onerror=alert(1)>_20250515_000000.png".to_owned() } else { name(time) },
            thumbnail: (i % 7 != 5).then_some(i % thumbnails.len()),
        }
    };
    let events: Vec<EventLine> = (0..50).map(event).collect();
    let pair = |k: usize| vec![k % thumbnails.len(), (k + 7) % thumbnails.len()];
    let cards: Vec<ClusterCard> = (0..6).map(|k| ClusterCard { typical: pair(k), worst: pair(k + 30) }).collect();
    let png = |canvas: scatterfall_figures::Canvas| -> Result<Vec<u8>> {
        let file = std::env::temp_dir().join(format!("scatterfall-example-{}.png", std::process::id()));
        canvas.save(&file)?;
        let bytes = std::fs::read(&file).map_err(|e| scatterfall::Error::io("read", &file, e))?;
        std::fs::remove_file(&file).map_err(|e| scatterfall::Error::io("remove", &file, e))?;
        Ok(bytes)
    };
    let centers = ndarray::Array2::from_shape_fn((6, 5), |(i, k)| ((i * 5 + k) as f64 * 1.7).sin() * 2.0);
    let pictures = [
        PictureFile {
            title: "Explained variance".to_owned(),
            png: png(explained_variance(&[0.52, 0.2, 0.09, 0.04, 0.02]))?,
        },
        PictureFile {
            title: "Centres of the clusters".to_owned(),
            png: png(centroids(centers.view(), &[9; 6], "IC"))?,
        },
    ];
    let at_place: Vec<i32> = labels.iter().skip(2).step_by(PLACES).copied().collect();
    let gaps: Vec<(i64, i64)> = pieces(&held, MINUTE).windows(2).map(|p| (p[0].to, p[1].from)).collect();
    let left_out = [
        ("sub/<img src=x onerror=alert(1)>_20250515_000000.png".to_owned(), "not a PNG file".to_owned()),
        (name(start + minutes * 3 / 4 * MINUTE), "truncated: the image ends at row 311 of 800".to_owned()),
    ];
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let data = ReportData {
        title: "Fibre north, archive of May and June",
        program: "scatterfall 0.1.0",
        device: "x86_64 CPU",
        fingerprint: "",
        facts: &[text("Clustering", "gmm, 6 components, full"), text("Silhouette (sample)", "0.31")],
        stages: &[("features".to_owned(), 311.2), ("transform".to_owned(), 92.5), ("reduce".to_owned(), 14.1)],
        gaps: &gaps,
        left_out: &left_out,
        configuration: include_str!("../config.toml"),
        rows: Rows {
            times: &times,
            distance: &distance,
            labels: &labels,
            scores: &scores,
            duration: MINUTE,
            segment_km: 3.0,
        },
        has_distance: true,
        coverage: Some(Coverage { held: &held, left_out: &[start + minutes * 3 / 4 * MINUTE], duration: MINUTE }),
        counts: Some(Counts { times: &held, labels: &at_place, duration: MINUTE, accumulate: 4, place_km: Some(4.8) }),
        events: &events,
        cards: &cards,
        thumbnails: &thumbnails,
        pictures: &pictures,
    };
    write_bytes(&path, render(&data).as_bytes())
}
