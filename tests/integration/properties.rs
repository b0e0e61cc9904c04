//! What must hold for any input.

use ndarray::{Array3, ArrayD, Axis};
use png::{BitDepth, ColorType};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use scatterfall_colormap::Colormap;

use crate::compare::{Tolerance, assert_close, compare};
use crate::fixture::{COLUMNS, Fixture, KM, ROWS, ROWS_PER_IMAGE, encode, json, program, read_array};

/// Two ways through single precision, by row and channel: a few hundred roundings of 6e-8, most of which cancel.
const SINGLE: Tolerance = Tolerance::of_largest(2e-6, 2);

/// Transforms segments with two small banks; the coefficients of both orders.
fn scatter(segments: &Array3<f32>, settings: &[&str]) -> [ArrayD<f64>; 2] {
    let place = Fixture::empty();
    let (input, output) = (place.path("segments.npy"), place.path("c.npz"));
    ndarray_npy::write_npy(&input, segments).expect("written");
    let text = |p: &std::path::Path| p.to_str().expect("UTF-8").to_owned();
    let banks = "network.banks=[{octaves = 3, resolution = 2}, {octaves = 2, resolution = 1}]";
    let paths = [text(&input), text(&output)];
    let mut arguments =
        vec!["scatter", "--backend", "cpu", "--input", &paths[0], "--output", &paths[1], "--set", banks];
    arguments.extend(settings.iter().flat_map(|s| ["--set", s]));
    program(&arguments).ends_with(0);
    ["order_1", "order_2"].map(|name| read_array(&output, name))
}

fn noise(rows: usize, channels: usize, bins: usize) -> Array3<f32> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    Array3::from_shape_simple_fn((rows, channels, bins), || rng.gen_range(-1.0..1.0))
}

#[test]
fn scaling_the_input_scales_the_coefficients() {
    let segments = noise(3, 2, 100);
    for pooling in ["median", "mean", "max"] {
        let setting = format!("network.pooling={pooling}");
        let once = scatter(&segments, &[&setting]);
        // Powers of two are exact all the way; others round.
        let eight = scatter(&segments.mapv(|v| 8.0 * v), &[&setting]);
        let three = scatter(&segments.mapv(|v| 3.0 * v), &[&setting]);
        for k in 0..2 {
            assert!(once[k].iter().any(|&v| v > 1e-3), "there is something to compare");
            assert_eq!(eight[k], once[k].mapv(|v| 8.0 * v), "{pooling}, order {}: eight times the input", k + 1);
            assert_close(&format!("{pooling}, three times the input"), &three[k], &once[k].mapv(|v| 3.0 * v), SINGLE);
            assert!(compare(&three[k], &once[k], SINGLE).is_err(), "three times is not once");
        }
    }
}

#[test]
fn the_sign_of_the_input_does_not_matter() {
    let segments = noise(3, 2, 101);
    assert_eq!(scatter(&segments.mapv(|v| -v), &[]), scatter(&segments, &[]), "moduli of the negative");
}

#[test]
fn a_circular_shift_does_not_matter() {
    // 101 is prime: no transform of a power of two is behind it.
    let bins = 101;
    let segments = noise(3, 2, bins);
    let shifted = Array3::from_shape_fn(segments.dim(), |(i, c, k)| segments[[i, c, (k + 37) % bins]]);
    let (here, there) = (scatter(&segments, &[]), scatter(&shifted, &[]));
    for k in 0..2 {
        assert_close(&format!("order {}", k + 1), &there[k], &here[k], SINGLE);
    }
    // Negative control: with a taper the place within the segment matters.
    let taper = ["network.taper_alpha=0.5"];
    let (here, there) = (scatter(&segments, &taper), scatter(&shifted, &taper));
    assert!(compare(&there[0], &here[0], SINGLE).is_err(), "a tapered segment knows where its middle is");
}

#[test]
fn silence_is_zero_and_stays_in_its_channel() {
    for bins in [1, 2, 64, 97] {
        let mut segments = noise(2, 3, bins);
        let with_noise = scatter(&segments, &[]);
        segments.index_axis_mut(Axis(1), 1).fill(0.0);
        let silent = scatter(&segments, &[]);
        for k in 0..2 {
            let channel = |a: &ArrayD<f64>, c: usize| a.index_axis(Axis(1), c).to_owned();
            assert!(channel(&silent[k], 1).iter().all(|&v| v == 0.0), "{bins} samples: silence, order {}", k + 1);
            for c in [0, 2] {
                assert_eq!(channel(&silent[k], c), channel(&with_noise[k], c), "{bins} samples: channel {c} stays");
            }
        }
    }
}

#[test]
fn a_sample_that_is_no_number_spoils_its_channel_alone() {
    let mut segments = noise(20, 2, 50);
    let sound = scatter(&segments, &[]);
    segments[[3, 1, 7]] = f32::NAN;
    segments[[9, 0, 0]] = f32::INFINITY;
    let spoilt = scatter(&segments, &[]);
    for k in 0..2 {
        for i in 0..20 {
            for c in 0..2 {
                let own = |a: &ArrayD<f64>| a.index_axis(Axis(0), i).index_axis(Axis(0), c).to_owned();
                if (i, c) == (3, 1) || (i, c) == (9, 0) {
                    assert!(own(&spoilt[k]).iter().all(|v| v.is_nan()), "row {i}, channel {c} is unknown");
                } else {
                    assert_eq!(own(&spoilt[k]), own(&sound[k]), "row {i}, channel {c} is as it was");
                }
            }
        }
    }
}

#[test]
fn clusters_are_numbered_by_size_and_every_row_counts_once() {
    for method in ["gmm", "kmeans", "agglomerative"] {
        let place = Fixture::minutes(24);
        let settings = [
            &format!("cluster.method={method}"),
            "cluster.gmm.components=4",
            "cluster.kmeans.clusters=4",
            "cluster.agglomerative.clusters=4",
            "visualize.methods=[\"cluster_counts\"]",
        ];
        let settings: Vec<&str> = settings.into_iter().flat_map(|s| ["--set", s]).collect();
        place.run(&settings).ends_with(0);
        let rows = place.table("clustering_results/clusters.csv");
        assert_eq!(rows.len(), 24 * ROWS_PER_IMAGE, "{method}: a row a segment");
        let mut counts = vec![0u64; 4];
        for row in &rows {
            counts[row["cluster"].parse::<usize>().expect("a cluster")] += 1;
        }
        assert!(counts.windows(2).all(|c| c[0] >= c[1]), "{method}: the largest first: {counts:?}");
        let summary = json(&place.output().join("clustering_results/summary.json"));
        assert_eq!(summary["sizes"], serde_json::json!(counts), "{method}: sizes");
        assert_eq!(summary["rows"], 24 * ROWS_PER_IMAGE, "{method}: rows");

        let labels =
            std::fs::read_to_string(place.output().join("clustering_results/cluster_labels.dat")).expect("there");
        let mut lines = labels.lines();
        assert_eq!(lines.next(), Some("dist clusters"), "{method}: header");
        for (line, row) in lines.zip(&rows) {
            let distance: f64 = row["distance_km"].parse().expect("a number");
            assert_eq!(line, format!("{distance:.3} {}", row["cluster"]), "{method}: the same label in both files");
        }
        let pictures = std::fs::read_dir(place.output().join("visualizations/cluster_counts")).expect("there").count();
        assert_eq!(pictures, 8, "{method}: two pictures a cluster");

        // Fewer clusters than before leave none of the old pictures behind.
        let fewer = [
            &settings[..],
            &[
                "--set",
                "cluster.gmm.components=2",
                "--set",
                "cluster.kmeans.clusters=2",
                "--set",
                "cluster.agglomerative.clusters=2",
            ],
        ]
        .concat();
        place.run(&fewer).ends_with(0);
        let pictures = std::fs::read_dir(place.output().join("visualizations/cluster_counts")).expect("there").count();
        assert_eq!(pictures, 4, "{method}: two pictures a cluster");
    }
}

#[test]
fn rows_are_where_and_when_their_segments_start() {
    let place = Fixture::minutes(3);
    place.run(&["--set", "input.distance_offset_km=7.5"]).ends_with(0);
    let windows = 41.0;
    for (i, row) in place.table("clustering_results/clusters.csv").iter().enumerate() {
        let (minute, segment) = (i / ROWS_PER_IMAGE, i % ROWS_PER_IMAGE);
        assert_eq!(row["time"], format!("2025-05-15T00:{minute:02}:00Z"), "row {i}");
        assert_eq!(row["image_file"], format!("Waterfall_20250515_00{minute:02}00.png"), "row {i}");
        // A segment every eight windows.
        let want = format!("{:.6}", 7.5 + (8 * segment) as f64 * KM / windows);
        assert_eq!(row["distance_km"], want, "row {i}");
    }
}

/// A quiet fibre of as many minutes with `events`: minutes, columns and how far above the noise (in colours).
fn planted(minutes: usize, events: &[(std::ops::Range<usize>, std::ops::Range<usize>, f64)]) -> Fixture {
    let place = Fixture::empty();
    let map = Colormap::builtin("jet").expect("comes with the program");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(8);
    for minute in 0..minutes {
        let mut rgb = Vec::new();
        for t in 0..ROWS {
            for x in 0..COLUMNS {
                let quiet = 70.0 + 0.3 * x as f64 + rng.gen_range(-8.0..8.0);
                let here = events.iter().filter(|(m, c, _)| m.contains(&minute) && c.contains(&x));
                // As hammering is: on and off.
                let loud: f64 = here.map(|(_, _, above)| if t % 6 < 3 { *above } else { 0.0 }).sum();
                rgb.extend(map.color((quiet + loud) as u8));
            }
        }
        let bytes = encode(COLUMNS, ROWS, ColorType::Rgb, BitDepth::Eight, &rgb);
        place.write(&format!("Waterfall_20250515_00{minute:02}00.png"), &bytes);
    }
    place
}

#[test]
fn a_planted_event_comes_first_and_its_rows_are_one_entry() {
    // Columns 36..46 of 84 on 20 km; the segments of 7.8 km that touch them start at the windows 8 and 16.
    let place = planted(30, &[(13..15, 36..46, 110.0), (22..23, 74..80, 25.0)]);
    place.run(&["--set", "anomaly.quantile=0.95"]).ends_with(0);
    let events = place.table("anomalies.csv");
    let first = &events[0];
    assert_eq!(first["rank"], "1", "worst first");
    assert_eq!(first["time_from"], "2025-05-15T00:13:00Z", "from the first of its two minutes");
    assert_eq!(first["time_to"], "2025-05-15T00:15:00Z", "to the end of the second");
    let number =
        |row: &std::collections::BTreeMap<String, String>, name: &str| row[name].parse::<f64>().expect("a number");
    let (from, to) = (number(first, "distance_from_km"), number(first, "distance_to_km"));
    let (event_from, event_to) = (36.0 * KM / COLUMNS as f64, 46.0 * KM / COLUMNS as f64);
    assert!(from <= event_from && to >= event_to, "{from} to {to} km spans {event_from} to {event_to}");
    assert!(
        ["Waterfall_20250515_001300.png", "Waterfall_20250515_001400.png"].contains(&first["image_file"].as_str()),
        "image"
    );

    let second = events.iter().find(|e| e["time_from"] == "2025-05-15T00:22:00Z").expect("the weaker event is found");
    assert!(number(second, "score") < number(first, "score"), "and it is weaker");
    let scores: Vec<f64> = events.iter().map(|e| number(e, "score")).collect();
    assert!(scores.windows(2).all(|s| s[0] >= s[1]), "falling scores: {scores:?}");
    let overlapping =
        events[1..].iter().filter(|e| e["time_from"] <= first["time_to"] && e["time_to"] >= first["time_from"]);
    for other in overlapping {
        let apart = number(other, "distance_from_km") >= to || number(other, "distance_to_km") <= from;
        assert!(apart, "{other:?} should have been merged into the first entry");
    }

    // The entry's score is the worst of its rows.
    let rows = place.table("clustering_results/clusters.csv");
    let worst = rows.iter().map(|r| number(r, "score")).fold(0.0, f64::max);
    assert_eq!(number(first, "score"), worst, "the worst row of all");
    let top = place.path("top");
    place.cmd_into(&top, "run", &["--set", "anomaly.quantile=0.95", "--set", "anomaly.top=1"]).ends_with(0);
    let lines = std::fs::read_to_string(top.join("anomalies.csv")).expect("a table").lines().count();
    assert_eq!(lines, 2, "a header and one event");
}

#[test]
fn a_quiet_fibre_has_nothing_like_it() {
    // The negative control: without the event no score comes near.
    let settings = ["--set", "anomaly.quantile=0.95"];
    let worst = |place: &Fixture| {
        place.run(&settings).ends_with(0);
        place.table("anomalies.csv")[0]["score"].parse::<f64>().expect("a score")
    };
    let (loud, quiet) = (worst(&planted(30, &[(13..15, 36..46, 110.0)])), worst(&planted(30, &[])));
    assert!(loud > 2.0 * quiet, "{loud} with the event, {quiet} without");
}

#[test]
fn places_left_out_of_the_fits_are_still_labelled_and_scored() {
    let place = Fixture::minutes(24);
    place.run(&["--set", "exclude.distance_km=[[0.0, 3.0]]"]).ends_with(0);
    let summary = json(&place.output().join("clustering_results/summary.json"));
    assert_eq!(summary["rows_excluded"], 24, "the first segment of every image");
    let rows = place.table("clustering_results/clusters.csv");
    assert!(rows.iter().all(|r| r["cluster"] != "-1" && r["score"] != "nan"), "every row has a cluster and a score");
}
