//! Same input and configuration, same bytes: whatever is run alone or together, stopped, repeated or split up.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::fixture::{Fixture, Outcome, assert_same, assert_whole, files, results};

const PICTURES: [&str; 2] = ["--set", "visualize.methods=[\"cluster_counts\"]"];
const CONCATENATED: [&str; 2] = ["--set", "segments.continuity=concatenated"];
const DAYS: [&str; 3] = ["20250515", "20250516", "20250519"];

/// Three days of a few minutes.
fn days() -> Fixture {
    let place = Fixture::empty();
    for (k, day) in DAYS.iter().enumerate() {
        place.add_day(day, 4 + k);
    }
    place
}

/// Times of change of the files below a folder, without those of the run itself and the pictures, which are redrawn.
fn changes(folder: &Path) -> BTreeMap<String, SystemTime> {
    let stages = ["features", "scattering_coefficients", "pca_ica", "clustering_results"];
    let keep = |n: &String| stages.iter().any(|s| n.starts_with(s)) || n == "anomalies.csv";
    let changed = |n: &String| folder.join(n).metadata().and_then(|m| m.modified()).expect("a time of change");
    files(folder).into_keys().filter(keep).map(|n| (n.clone(), changed(&n))).collect()
}

/// `run` must write what the single stages write.
fn as_single_stages(settings: &[&str]) {
    let place = days();
    let settings = [settings, &PICTURES].concat();
    let apart = place.path("apart");
    for stage in ["features", "transform", "detect", "events", "reduce", "cluster", "visualize"] {
        place.cmd_into(&apart, stage, &settings).ends_with(0);
    }
    place.run(&settings).ends_with(0);
    let together = results(&place.output());
    assert!(together.contains_key("anomalies.csv"), "there is something to compare");
    assert_same(&together, &results(&apart));

    // The negative control: another setting gives other bytes.
    let other = place.path("other");
    place.cmd_into(&other, "run", &[&settings[..], &["--set", "features.step=3"]].concat()).ends_with(0);
    let (other, file) = (results(&other), "pca_ica/independent_components.npz");
    assert!(other[file] != together[file], "windows of another step have other components");
}

#[test]
fn single_stages_write_what_a_run_writes() {
    as_single_stages(&[]);
}

#[test]
fn single_stages_write_what_a_run_writes_across_images() {
    as_single_stages(&CONCATENATED);
}

#[test]
fn threads_and_batches_change_nothing() {
    let place = days();
    place.run(&[]).ends_with(0);
    let want = results(&place.output());
    let settings = ["--threads 1", "--threads 2", "--set compute.batch_images=1", "--set compute.batch_images=3"];
    for (k, more) in settings.iter().enumerate() {
        let output = place.path(&format!("output{k}"));
        place.cmd_into(&output, "run", &more.split(' ').collect::<Vec<_>>()).ends_with(0);
        assert_same(&results(&output), &want);
    }
}

#[test]
fn a_second_run_has_nothing_to_do() {
    for settings in [&[][..], &CONCATENATED] {
        let place = days();
        let settings = [settings, &PICTURES].concat();
        place.run(&settings).ends_with(0);
        let (bytes, times) = (results(&place.output()), changes(&place.output()));
        place.run(&settings).ends_with(0);
        assert_eq!(place.summary()["figures"]["images_computed"], 0, "no image is computed");
        assert_eq!(place.summary()["figures"]["days_current"], 3, "every day is current");
        assert_eq!(place.summary()["images"], 15, "and all of them are reported");
        assert_same(&results(&place.output()), &bytes);
        assert_eq!(changes(&place.output()), times, "nothing is written");
    }
}

/// A run of which only what `keep` takes is on disk must go on to the same bytes.
fn goes_on(settings: &[&str], keep: impl Fn(&str) -> bool) {
    let place = days();
    place.run(settings).ends_with(0);
    let want = results(&place.output());
    let mut removed = 0;
    for name in want.keys().filter(|n| !keep(n)) {
        std::fs::remove_file(place.output().join(name)).expect("removed");
        removed += 1;
    }
    assert!(removed > 0, "something is missing");
    place.run(settings).ends_with(0);
    assert_same(&results(&place.output()), &want);
}

#[test]
fn a_run_stopped_after_its_first_day_goes_on() {
    for settings in [&[][..], &CONCATENATED] {
        goes_on(settings, |n| n.contains(DAYS[0]));
    }
}

#[test]
fn a_run_stopped_within_a_day_goes_on() {
    // The features are written first, a record before its day.
    goes_on(&[], |n| n.contains(DAYS[0]) || (n.contains(DAYS[1]) && n.starts_with("features")));
    goes_on(&[], |n| n.contains(DAYS[0]) || (n.contains(DAYS[1]) && n.ends_with(".json")));
}

#[test]
fn a_run_stopped_after_a_later_stage_goes_on() {
    let days = |n: &str| n.starts_with("features") || n.starts_with("scattering");
    goes_on(&[], days);
    goes_on(&[], |n| days(n) || n.starts_with("pca_ica"));
    goes_on(&[], |n| days(n) || (n.starts_with("pca_ica") && !n.contains("independent")));
    goes_on(&[], |n| !n.contains("clusters.csv"));
}

/// Waits until `path` is there, at most as long as a very slow machine takes.
fn wait_for(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(120), "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Three days that take a while.
fn long_days() -> Fixture {
    let place = Fixture::empty();
    DAYS.iter().for_each(|day| place.add_day(day, 60));
    place
}

#[test]
fn a_killed_run_goes_on() {
    let place = long_days();
    let untouched = place.path("untouched");
    place.cmd_into(&untouched, "run", &[]).ends_with(0);
    let mut child = place.command("run", &place.output(), &["--threads", "1"]).spawn().expect("the program starts");
    wait_for(&place.output().join(format!("features/features_{}.npz", DAYS[0])));
    child.kill().expect("killed");
    child.wait().expect("ended");
    place.run(&[]).ends_with(0);
    assert_same(&results(&place.output()), &results(&untouched));
}

#[cfg(unix)]
#[test]
fn a_run_that_is_asked_to_stop_says_how_to_go_on() {
    let place = long_days();
    let mut command = place.command("run", &place.output(), &["--threads", "1", "--set", "compute.batch_images=1"]);
    let child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    wait_for(&place.output().join(format!("features/features_{}.npz", DAYS[0])));
    let sent = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|s| s.success()), "the signal is sent");
    let outcome = Outcome::of(child.wait_with_output().expect("ended"));
    assert_whole(&place.output());
    // On a fast machine it may have been through with everything.
    if outcome.status != Some(0) {
        outcome.fails(1, &["stopped", "run the same command again"]);
    }
    place.run(&[]).ends_with(0);
    let untouched = place.path("untouched");
    place.cmd_into(&untouched, "run", &[]).ends_with(0);
    assert_same(&results(&place.output()), &results(&untouched));
}

#[test]
fn a_new_image_costs_its_own_day() {
    let place = days();
    place.run(&[]).ends_with(0);
    let before = changes(&place.output());
    place.add(&format!("{}_010000", DAYS[1]), 40);
    place.run(&[]).ends_with(0);
    assert_eq!(place.summary()["figures"]["images_computed"], 6, "the five images of the day and the new one");
    let after = changes(&place.output());
    for (name, time) in &before {
        let same_day = name.contains(DAYS[0]) || name.contains(DAYS[2]);
        assert_eq!(after[name] == *time, same_day, "{name} is written anew only where the new image counts");
    }
    let fresh = place.path("fresh");
    place.cmd_into(&fresh, "run", &[]).ends_with(0);
    assert_same(&results(&place.output()), &results(&fresh));
}

#[test]
fn a_new_image_moves_the_distance_of_later_days_where_images_are_concatenated() {
    let place = days();
    place.run(&CONCATENATED).ends_with(0);
    place.add(&format!("{}_010000", DAYS[1]), 40);
    place.run(&CONCATENATED).ends_with(0);
    let fresh = place.path("fresh");
    place.cmd_into(&fresh, "run", &CONCATENATED).ends_with(0);
    assert_same(&results(&place.output()), &results(&fresh));
}

#[test]
fn an_image_that_changes_is_computed_again() {
    let place = days();
    place.run(&[]).ends_with(0);
    let before = results(&place.output());
    place.add(&format!("{}_000100", DAYS[0]), 50);
    place.run(&[]).ends_with(0);
    let after = results(&place.output());
    let changed = |day: &str| {
        let file = format!("features/features_{day}.npz");
        before[&file] != after[&file]
    };
    assert_eq!(DAYS.map(changed), [true, false, false], "the first day's features alone are others");
    let fresh = place.path("fresh");
    place.cmd_into(&fresh, "run", &[]).ends_with(0);
    assert_same(&after, &results(&fresh));
}

#[test]
fn an_image_that_goes_takes_its_rows_along() {
    let place = days();
    place.run(&[]).ends_with(0);
    std::fs::remove_file(place.images().join(format!("Waterfall_{}_000200.png", DAYS[2]))).expect("removed");
    place.run(&[]).ends_with(0);
    let fresh = place.path("fresh");
    place.cmd_into(&fresh, "run", &[]).ends_with(0);
    assert_same(&results(&place.output()), &results(&fresh));
}

#[test]
fn other_settings_reach_every_stage_after_them() {
    let place = days();
    place.run(&[]).ends_with(0);
    for setting in [
        "features.window=5",
        "features.names=[\"mean\", \"max\"]",
        "segments.overlap=0.25",
        "network.pooling=mean",
        "network.order_0=false",
        "reduce.scaling=standard",
        "reduce.ica_components=2",
        "cluster.gmm.components=3",
        "cluster.method=kmeans",
        "cluster.method=dbscan",
        "cluster.method=agglomerative",
        "anomaly.baseline=model",
        "anomaly.quantile=0.5",
        "exclude.distance_km=[[0.0, 4.0]]",
        "value.colormap=viridis",
        "input.total_distance_km=10",
    ] {
        let settings = ["--set", setting, "--set", "value.max_residual=400"];
        place.run(&settings).ends_with(0);
        let fresh = place.path("fresh");
        place.cmd_into(&fresh, "run", &settings).ends_with(0);
        assert_same(&results(&place.output()), &results(&fresh));
        std::fs::remove_dir_all(&fresh).expect("removed");
    }
}

#[test]
fn a_fresh_run_removes_its_own_results_and_nothing_else() {
    let place = days();
    place.run(&[]).ends_with(0);
    let want = results(&place.output());
    let own = place.output().join("notes.txt");
    std::fs::write(&own, "mine").expect("written");
    // A day of another archive, a record of another form.
    std::fs::copy(
        place.output().join(format!("features/features_{}.npz", DAYS[0])),
        place.output().join("features/features_20240101.npz"),
    )
    .expect("copied");
    place.run(&["--fresh"]).ends_with(0);
    assert_eq!(place.summary()["figures"]["images_computed"], 15, "everything is computed again");
    assert_eq!(std::fs::read(&own).expect("still there"), b"mine", "what others wrote stays");
    std::fs::remove_file(&own).expect("removed");
    assert_same(&results(&place.output()), &want);
}

#[test]
fn days_of_another_archive_are_left_aside() {
    let place = days();
    place.run(&[]).ends_with(0);
    for m in 0..4 {
        std::fs::remove_file(place.images().join(format!("Waterfall_{}_00{m:02}00.png", DAYS[0]))).expect("removed");
    }
    let outcome = place.run(&[]).ends_with(0);
    outcome.warns(&["1 stored days", "not of this archive", "--fresh"]);
    assert_eq!(place.summary()["images"], 11, "images of the other two days");
    let rows = place.table("clustering_results/clusters.csv");
    assert!(rows.iter().all(|r| !r["time"].starts_with("2025-05-15")), "no row of the day that went");
    let fresh = place.path("fresh");
    place.cmd_into(&fresh, "run", &[]).ends_with(0);
    let mut all = results(&place.output());
    assert!(all.keys().any(|n| n.contains(DAYS[0])), "its files stay");
    all.retain(|n, _| !n.contains(DAYS[0]));
    // The clusters' record lists every stored day.
    let without_records = |mut all: BTreeMap<String, Vec<u8>>| {
        all.retain(|n, _| !n.ends_with("record.json"));
        all
    };
    assert_same(&without_records(all), &without_records(results(&fresh)));
}

#[test]
fn one_run_at_a_time_in_a_folder() {
    let place = Fixture::minutes(2);
    place.run(&[]).ends_with(0);
    let before = results(&place.output());
    // Another process: this one.
    let lock = scatterfall::store::lock::OutputLock::take(&place.output()).expect("free");
    let holder = format!("process {}", std::process::id());
    for command in ["run", "features", "transform", "reduce", "cluster", "visualize"] {
        place.cmd(command, &[]).fails(1, &["in use", &holder, "--output"]);
    }
    place.run(&["--fresh"]).fails(1, &["in use"]);
    assert_same(&results(&place.output()), &before);
    drop(lock);
    place.run(&[]).ends_with(0);
}

#[test]
fn kinds_by_optics_come_with_their_reachability() {
    let place = Fixture::minutes(24);
    let settings = |method: &str| {
        // Without methods no picture at all is drawn.
        let pictures = format!("visualize.methods={}", if method == "optics" { "cluster_counts" } else { "[]" });
        ["detect.threshold=3", &pictures, &format!("kinds.method={method}"), "kinds.min_samples=2"]
            .map(|s| ["--set".to_owned(), s.to_owned()])
            .concat()
    };
    let run = |method: &str| {
        let settings = settings(method);
        place.run(&settings.iter().map(String::as_str).collect::<Vec<_>>()).ends_with(0);
    };
    run("optics");
    let order = place.table("reachability.csv");
    assert!(!order.is_empty(), "events at so low a threshold");
    assert!(order[0]["reachability"].is_empty(), "the first is not reached");
    assert!(place.output().join("visualizations/reachability.png").is_file(), "its picture");
    // Another method leaves no order of an earlier one behind.
    for method in ["dbscan", "kmeans", "gmm", "agglomerative"] {
        run(method);
        assert!(!place.output().join("reachability.csv").exists(), "{method}");
        assert!(!place.table("events.csv").is_empty(), "{method}: events");
    }
}
