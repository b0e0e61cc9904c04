//! Seismograms: what is chosen, what bad data costs, and the whole way to events and the report.

use std::fs;
use std::path::{Path, PathBuf};

use scatterfall_miniseed::testing::{START, record};

use crate::fixture::{Fixture, Outcome, files, json, program, read_array};

/// Records of 100 samples of noise at a rate; a burst where `loud` says so.
fn channel(id: &str, rate: f64, records: usize, loud: impl Fn(usize) -> bool) -> Vec<Vec<u8>> {
    let step_us = (100.0 / rate * 1e6) as i64;
    let mut state = 12_345_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 54) as i32 - 512
    };
    (0..records)
        .map(|k| {
            let gain = if loud(k) { 40 } else { 1 };
            let samples: Vec<i32> = (0..100).map(|_| gain * noise()).collect();
            record(id, START + k as i64 * step_us, rate, &samples)
        })
        .collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

const SMALL: [&str; 4] = ["--set", "seismogram.segment_s=4", "--backend", "cpu"];

fn seismogram(input: &Path, output: &Path, more: &[&str]) -> Outcome {
    let own = ["seismogram", text(input), "--output", text(output)];
    program(&[&own[..], &SMALL, more].concat())
}

fn written(place: &Fixture, name: &str, records: &[Vec<u8>]) -> PathBuf {
    let path = place.path(name);
    fs::write(&path, records.concat()).expect("written");
    path
}

#[test]
fn several_rates_give_an_output_each_and_channels_are_chosen() {
    let place = Fixture::empty();
    let mut records = channel("XX.ABC..HHZ", 100.0, 60, |_| false);
    records.extend(channel("XX.ABC..HHN", 100.0, 60, |_| false));
    records.extend(channel("XX.ABC..VM1", 1.0, 2, |_| false));
    let input = written(&place, "q330.mseed", &records);
    let output = place.path("both");
    let outcome = seismogram(&input, &output, &["--set", "seismogram.segment_s=40"]).ends_with(0);
    for name in ["XX.ABC..100Hz", "XX.ABC..1Hz"] {
        assert!(outcome.out.contains(name), "{name} in: {}", outcome.out);
        assert!(files(&output.join(name)).keys().any(|f| f.contains("scattering_coefficients_")), "{name}: days");
    }
    let output = place.path("one");
    seismogram(&input, &output, &["--channel", "HH?"]).ends_with(0);
    let days = output.join("scattering_coefficients/scattering_coefficients_20231114.npz");
    assert_eq!(read_array(&days, "order_1").shape()[..2], [29, 2], "segments of 4 s in a minute, two channels");
    let output = place.path("part");
    let span = ["--channel", "HHZ", "--start", "20231114_221330", "--end", "20231114_221350"];
    seismogram(&input, &output, &span).ends_with(0);
    let days = output.join("scattering_coefficients/scattering_coefficients_20231114.npz");
    assert_eq!(read_array(&days, "order_1").shape()[..2], [9, 1], "20 s of one channel");
    seismogram(&input, &place.path("none"), &["--channel", "BHZ"]).fails(1, &["XX.ABC..HHZ", "XX.ABC..VM1"]);
}

#[test]
fn a_bad_record_is_listed_and_the_others_are_used() {
    let place = Fixture::empty();
    let mut records = channel("XX.ABC..HHZ", 100.0, 60, |_| false);
    // More samples than the record holds.
    records[30][30..32].copy_from_slice(&[0xFF, 0xFF]);
    let input = written(&place, "bad.mseed", &records);
    let output = place.output();
    let outcome = seismogram(&input, &output, &[]).ends_with(3);
    assert!(outcome.out.contains("XX.ABC.: 27 segments, 2 left out at gaps"), "30 s and 29 s: {}", outcome.out);
    let left_out = json(&output.join("run.json"))["left_out"][0]["reason"].to_string();
    assert!(left_out.contains("record at byte 15360"), "its place: {left_out}");
}

#[test]
fn the_whole_way_finds_a_burst_and_writes_a_report() {
    let place = Fixture::empty();
    let records = channel("XX.ABC..HHZ", 100.0, 600, |k| (400..405).contains(&k));
    let input = written(&place, "day.mseed", &records);
    let catalogue = place.path("catalogue.csv");
    fs::write(&catalogue, "time,place\n2023-11-14T22:20:00Z,a quarry\n").expect("written");
    let more = ["--all", "--catalog", text(&catalogue), "--set", "cluster.gmm.components=2"];
    let output = place.output();
    seismogram(&input, &output, &more).ends_with(0);
    let station = output.join("XX.ABC.");
    for name in ["report.html", "clustering_results/clusters.csv", "events.xml", "visualizations/events.png"] {
        assert!(station.join(name).is_file(), "{name} is missing of {:?}", files(&station).keys());
    }
    let events = fs::read_to_string(station.join("events.csv")).expect("the events");
    let lines: Vec<Vec<&str>> = events.lines().map(|l| l.split(',').collect()).collect();
    let loudest = lines[1..].iter().max_by(|a, b| {
        let score = |l: &[&str]| l[5].parse::<f64>().expect("a score");
        score(a).total_cmp(&score(b))
    });
    let loudest = loudest.expect("an event");
    // The burst begins 400 s after 22:13:20.
    assert!(loudest[3].starts_with("2023-11-14T22:20:0") || loudest[3].starts_with("2023-11-14T22:19:59"), "{events}");
    assert_eq!((loudest[6], loudest[9]), ("HHZ", "a quarry"), "channel and catalogue: {events}");

    // The same data through the model that was fitted on it.
    let (model, again) = (station.join("model"), place.path("again"));
    let own = ["apply", "--model", text(&model), "--input", text(&input), "--output", text(&again)];
    program(&[&own[..], &["--backend", "cpu"]].concat()).ends_with(0);
    let table = |folder: &Path| fs::read_to_string(folder.join("clustering_results/clusters.csv")).expect("labels");
    assert_eq!(table(&again.join("XX.ABC.")), table(&station), "labels and scores");
}

#[test]
fn design_before_data_is_that_of_the_seismograms() {
    let place = Fixture::empty();
    let output = place.output();
    let own = ["design", "--sampling-rate", "100", "--segment-s", "20", "--output", text(&output)];
    let outcome = program(&own).ends_with(0);
    assert!(outcome.out.contains("1 channels x 2000 samples at 100"), "the bank: {}", outcome.out);
    assert!(output.join("wavelets/bank_1.png").is_file(), "drawn");
}
