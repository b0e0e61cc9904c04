//! What every command accepts, says and returns.

use std::path::Path;

use crate::fixture::{Fixture, ROWS_PER_IMAGE, assert_whole, files, program};

const COMMANDS: [&str; 14] = [
    "run",
    "demo",
    "clip",
    "features",
    "design",
    "transform",
    "reduce",
    "cluster",
    "visualize",
    "scatter",
    "seismogram",
    "synth",
    "devices",
    "bench",
];

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn help_and_version() {
    let all = program(&["--help"]).ends_with(0).out;
    for command in COMMANDS {
        assert!(all.lines().any(|l| l.trim_start().starts_with(command)), "{command} is listed");
        let own = program(&[command, "--help"]).ends_with(0).out;
        for option in ["--config", "--set", "--threads", "--no-progress", "--log-format"] {
            assert!(own.contains(option), "{command} takes {option}");
        }
    }
}

#[test]
fn a_wrong_command_line() {
    for arguments in [
        &["walk"][..],
        &["run", "--inputs", "x"],
        &["run", "--threads", "many"],
        &["run", "--backend", "abacus"],
        &["scatter"],
        &["synth", "--images", "3"],
        &["synth", "--output", "x", "--images", "0"],
        &["run", "-q", "-v"],
        &[],
    ] {
        let outcome = program(arguments).ends_with(2);
        assert!(outcome.err.contains("--help") || outcome.err.contains("Usage"), "where help is: {}", outcome.err);
    }
}

#[test]
fn a_wrong_configuration() {
    let place = Fixture::minutes(1);
    place.run(&["--set", "segments"]).fails(2, &["--set segments", "expected section.key=value"]);
    place.run(&["--start", "yesterday"]).fails(2, &["input.start", "yesterday", "YYYYMMDD_HHMMSS"]);
    place.run(&["--set", "cluster.method=guess"]).fails(2, &["cluster.method", "guess", "kmeans"]);
    place.run(&["--set", "value.colormap=sunset"]).fails(2, &["value.colormap", "sunset", "jet"]);
    let missing = place.path("none.toml");
    program(&["run", "--config", text(&missing)]).fails(2, &["cannot read", "none.toml"]);
    let broken = place.path("broken.toml");
    std::fs::write(&broken, "[input\npath = 3\n").expect("written");
    program(&["run", "--config", text(&broken)]).fails(2, &["broken.toml", "line 1"]);
}

#[test]
fn the_command_line_wins_over_the_file_and_that_over_the_defaults() {
    let place = Fixture::minutes(2);
    place.cmd("features", &["--set", "features.step=4", "--threads", "1"]).ends_with(0);
    let told = place.summary()["configuration"].clone();
    assert_eq!(told["features"]["step"], 4, "the command line");
    assert_eq!(told["crop"]["enabled"], false, "the file");
    assert_eq!(told["features"]["window"], 3, "the default");
    assert_eq!(told["compute"]["threads"], 1, "--threads");
    assert_eq!(place.array("features/features_20250515.npz", "features").shape()[1], 21, "and it is obeyed");
}

#[test]
fn a_span_of_time() {
    let place = Fixture::minutes(6);
    place.run(&["--start", "20250515_000200", "--end", "20250515_000400"]).ends_with(0);
    let rows = place.table("clustering_results/clusters.csv");
    assert_eq!(rows.len(), 2 * ROWS_PER_IMAGE, "two images");
    assert_eq!(rows[0]["time"], "2025-05-15T00:02:00Z", "from the start on");
    assert_eq!(rows[rows.len() - 1]["time"], "2025-05-15T00:03:00Z", "up to the end, which is not part of it");
    assert_eq!(rows[0]["image_file"], "Waterfall_20250515_000200.png", "the image");
}

#[test]
fn what_a_run_writes() {
    let place = Fixture::minutes(6);
    let outcome = place.run(&["--set", "visualize.methods=[\"cluster_counts\"]"]).ends_with(0);
    assert!(outcome.out.starts_with("6 images, 0 left out, 0 gaps\n"), "the last word: {}", outcome.out);
    let written: Vec<String> = files(&place.output()).into_keys().filter(|n| n != ".lock").collect();
    let want = [
        "anomalies.csv",
        "clustering_results/cluster_labels.dat",
        "clustering_results/clusters.csv",
        "clustering_results/model.npz",
        "clustering_results/record.json",
        "clustering_results/summary.json",
        "features/features_20250515.json",
        "features/features_20250515.npz",
        "pca_ica/independent_components.npz",
        "pca_ica/principal_components.npz",
        "pca_ica/record.json",
        "run.json",
        "scattering_coefficients/scattering_coefficients_20250515.json",
        "scattering_coefficients/scattering_coefficients_20250515.npz",
        "visualizations/cluster_counts/cluster0_accumulated_counts.png",
        "visualizations/cluster_counts/cluster0_counts.png",
        "visualizations/cluster_counts/cluster1_accumulated_counts.png",
        "visualizations/cluster_counts/cluster1_counts.png",
        "wavelets/network.npz",
    ];
    for name in want {
        assert!(written.iter().any(|w| w == name), "{name} is missing from {written:?}");
    }
    for (file, array, shape) in [
        ("features/features_20250515.npz", "features", &[6, 41, 3][..]),
        ("features/features_20250515.npz", "distance", &[41]),
        ("scattering_coefficients/scattering_coefficients_20250515.npz", "order_0", &[24, 3, 3]),
        ("scattering_coefficients/scattering_coefficients_20250515.npz", "order_1", &[24, 3, 4]),
        ("scattering_coefficients/scattering_coefficients_20250515.npz", "order_2", &[24, 3, 4, 2]),
        ("scattering_coefficients/scattering_coefficients_20250515.npz", "distance", &[24]),
        ("scattering_coefficients/scattering_coefficients_20250515.npz", "image", &[24]),
        ("pca_ica/principal_components.npz", "features", &[24, 3]),
        ("pca_ica/principal_components.npz", "components", &[3, 45]),
        ("pca_ica/independent_components.npz", "unmixing", &[3, 45]),
        ("pca_ica/independent_components.npz", "mixing", &[45, 3]),
        ("clustering_results/model.npz", "covariances", &[2, 3, 3]),
    ] {
        assert_eq!(place.array(file, array).shape(), shape, "{file}: {array}");
    }
    let told = place.summary();
    assert_eq!(told["program"]["version"], env!("CARGO_PKG_VERSION"), "version");
    assert_eq!(told["images"], 6, "images");
    assert!(told["device"]["kind"].is_string() && told["stages"]["reduce"].is_number(), "device and stages: {told}");
}

#[test]
fn logs_as_json() {
    let place = Fixture::minutes(1);
    let outcome = place.run(&["--log-format", "json", "-v"]).ends_with(0);
    let lines: Vec<serde_json::Value> =
        outcome.err.lines().map(|l| serde_json::from_str(l).expect("a JSON object a line")).collect();
    assert!(lines.iter().any(|l| l["level"] == "WARN"), "the warnings are among them: {}", outcome.err);
}

#[test]
fn a_quiet_run_warns_of_nothing() {
    let outcome = Fixture::minutes(1).run(&["-q"]).ends_with(0);
    assert!(outcome.err.is_empty(), "a single image would be worth a warning: {}", outcome.err);
}

#[test]
fn stages_without_the_stage_before() {
    for (command, before) in
        [("transform", "features"), ("reduce", "transform"), ("cluster", "reduce"), ("visualize", "cluster")]
    {
        let place = Fixture::minutes(1);
        place.cmd(command, &[]).fails(1, &["nothing there", &format!("run `scatterfall {before}` first")]);
    }
}

#[test]
fn devices_are_told() {
    // What there is differs from machine to machine; a choice, or its absence, is always explained.
    let told = program(&["devices"]).ends_with(0).out;
    let explained = if cfg!(feature = "gpu") { "--backend auto takes" } else { "without the `gpu` feature" };
    assert!(told.contains(explained), "{told}");
}

#[test]
fn clipping() {
    let place = Fixture::minutes(2);
    let crop =
        ["crop.enabled=true", "crop.top=2", "crop.bottom=12", "crop.left=5", "crop.right=35"].map(|k| ["--set", k]);
    let preview = place.path("preview.png");
    let more = [crop.concat(), vec!["--preview", text(&preview)]].concat();
    place.cmd("clip", &more).ends_with(0);
    assert!(std::fs::read(&preview).expect("a picture").starts_with(b"\x89PNG"), "a PNG file");
    assert!(!place.output().join("waterfall_npz").exists(), "a preview clips nothing");

    place.write("Waterfall_20250515_000500.png", b"text");
    place.cmd("clip", &crop.concat()).ends_with(3);
    let clipped = place.array("waterfall_npz/Waterfall_20250515_000100.npz", "waterfall");
    assert_eq!(clipped.shape(), [10, 30, 3], "time, distance, colour");
    let pixels = place.pixels(1);
    let at = |t: usize, x: usize, c: usize| f64::from(pixels[(t * crate::fixture::COLUMNS + x) * 3 + c]);
    for ((t, x, c), value) in clipped.into_dimensionality::<ndarray::Ix3>().expect("three axes").indexed_iter() {
        assert_eq!(*value, at(t + 2, x + 5, c), "pixel {t}, {x}, {c}");
    }
}

#[test]
fn synthetic_archives() {
    let place = Fixture::empty();
    let folder = place.path("synthetic");
    let arguments = ["synth", "--output", text(&folder), "--images", "3", "--small"];
    let outcome = program(&arguments).ends_with(0);
    assert!(outcome.out.contains("scatterfall run --config"), "what to do next: {}", outcome.out);
    let made: Vec<String> = files(&folder).into_keys().collect();
    assert_eq!(made.len(), 5, "three images, the truth, a configuration: {made:?}");
    let config = folder.join("config.toml");
    let output = place.path("results");
    program(&["run", "--config", text(&config), "--output", text(&output), "--set", "visualize.methods=[]"])
        .ends_with(0);
    assert_whole(&output);
    program(&["synth", "--output", text(&folder), "--images", "2", "--small"]).fails(1, &["not of this archive"]);
}

#[test]
fn an_output_folder_within_the_archive() {
    let place = Fixture::minutes(3);
    let output = place.images().join("results");
    let settings = ["--set", "visualize.methods=[\"cluster_counts\"]"];
    for _ in 0..2 {
        let outcome = place.cmd_into(&output, "run", &settings).ends_with(0);
        assert!(outcome.out.contains("3 images"), "its pictures are not read as images: {}", outcome.out);
    }
}

#[test]
fn names_of_other_forms() {
    let place = Fixture::empty();
    for m in 0..3 {
        place.write(&format!("das 2025-05-15T02-{m:02} (RMS).PNG"), &place.picture(m));
    }
    let pattern = "input.time_pattern=\"das %Y-%m-%dT%H-%M*\"";
    place.run(&["--set", pattern, "--set", "input.utc_offset_h=2"]).ends_with(0);
    let rows = place.table("clustering_results/clusters.csv");
    assert_eq!(rows[0]["time"], "2025-05-15T00:00:00Z", "two hours behind the clock of the names");
    assert_eq!(rows.len(), 3 * ROWS_PER_IMAGE, "rows");
}

#[test]
fn the_version_names_what_was_built() {
    let said = program(&["--version"]).ends_with(0).out;
    assert!(said.starts_with(&format!("scatterfall {} (", env!("CARGO_PKG_VERSION"))), "version: {said}");
    assert!(said.trim_end().ends_with("features: gpu)") || said.trim_end().ends_with("features: none)"), "{said}");
}

#[test]
fn completions_and_manual_pages() {
    for shell in ["bash", "zsh", "fish"] {
        let script = program(&["completions", shell]).ends_with(0).out;
        assert!(script.contains("seismogram") && script.contains("log-format"), "{shell}: commands and options");
    }
    program(&["completions", "cmd"]).ends_with(2);
    assert!(program(&["man"]).ends_with(0).out.contains(".TH scatterfall 1"), "one page");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pages = folder.path().join("man1");
    program(&["man", "--output", text(&pages)]).ends_with(0);
    let run = std::fs::read_to_string(pages.join("scatterfall-run.1")).expect("the page of run");
    assert!(run.contains("\\-\\-strict"), "with its options: {run}");
}
