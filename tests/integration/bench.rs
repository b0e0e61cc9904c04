//! `scatterfall bench`: its table and figures are there and consistent, and nothing is left behind.

use serde_json::Value;

use crate::fixture::{Fixture, program};

/// Stages that every CPU is measured on.
const STAGES: [&str; 14] = [
    "decode",
    "value",
    "std",
    "mean",
    "max",
    "median",
    "p75",
    "gabor",
    "slope_aspect",
    "dominant_frequency",
    "all features",
    "transform",
    "reduce",
    "cluster",
];

#[test]
fn the_table_and_its_figures() {
    let place = Fixture::minutes(6);
    let json = place.path("bench.json");
    let [config, input, file] =
        [place.path("config.toml"), place.images(), json.clone()].map(|p| p.to_str().expect("UTF-8").to_owned());
    let fixed =
        ["bench", "--config", &config, "--input", &input, "--json", &file, "--repetitions", "2", "--threads", "2"];
    let told = program(&[&fixed[..], &["--backend", "cpu", "--images", "5"]].concat()).ends_with(0);
    for stage in STAGES.into_iter().chain(["end to end", "CPU, 1 thread", "CPU, 2 threads", "a month"]) {
        assert!(told.out.contains(stage), "`{stage}` is told:\n{}", told.out);
    }
    let told: Value = serde_json::from_slice(&std::fs::read(&json).expect("written")).expect("JSON");
    assert_eq!(
        (&told["images"], &told["threads"], &told["repetitions"]),
        (&5.into(), &2.into(), &2.into()),
        "as asked"
    );
    let rows = told["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2 * (STAGES.len() + 1), "each stage on one thread and on two");
    for row in rows {
        let ms = |key: &str| row["ms_per_image"][key].as_f64().expect("a number");
        assert!(ms("min") <= ms("median") && ms("median") <= ms("max") && ms("min") > 0.0, "an order: {row}");
        let rate = row["images_per_s"].as_f64().expect("a number");
        assert!((rate * ms("median") / 1e3 - 1.0).abs() < 1e-9, "the rate is the time's: {row}");
        if row["place"] == "cpu_all_threads" {
            assert_eq!(row["times_cpu"], 1.0, "it is compared with itself: {row}");
        }
    }
    assert!(told["agreement"].as_array().is_some_and(Vec::is_empty), "there is nothing to compare");
    assert!(!place.output().exists(), "nothing is written where a run would write");

    program(&[&fixed[..], &["--backend", "cpu", "--images", "0"]].concat()).ends_with(2);
    let long = ["--backend", "cpu", "--set", "segments.bins=60", "--set", "segments.continuity=concatenated"];
    program(&[&fixed[..], &long].concat()).fails(2, &["segments", "60 windows", "at most the 41 windows"]);
    let empty = Fixture::empty();
    let [config, input] = [empty.path("config.toml"), empty.images()].map(|p| p.to_str().expect("UTF-8").to_owned());
    program(&["bench", "--config", &config, "--input", &input, "--backend", "cpu"]).fails(1, &["images"]);
}
