//! A folder that grows while it is watched: kills, slow and broken files, restarts; nothing is lost, nothing is told twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fixture::{Fixture, command, json, program};

/// Minutes of the archive: some of its events are decided while it is replayed, some only when it is settled.
const MINUTES: usize = 44;

/// A watched program is given this long for each thing that is waited for.
const TIMEOUT: Duration = Duration::from_secs(120);

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// A synthetic archive, the model of a run over it, and its pictures in order.
fn fitted() -> (Fixture, PathBuf, Vec<PathBuf>) {
    let place = Fixture::empty();
    let archive = place.path("archive");
    let minutes = MINUTES.to_string();
    program(&["synth", "--output", text(&archive), "--images", &minutes, "--small", "--seed", "3"]).ends_with(0);
    let (config, output) = (archive.join("config.toml"), place.path("fit"));
    let arguments = ["run", "--config", text(&config), "--output", text(&output), "--set", "visualize.methods=[]"];
    program(&[&arguments[..], &["--set", "compute.backend=cpu"]].concat()).ends_with(0);
    let pictures = std::fs::read_dir(&archive).expect("an archive").map(|e| e.expect("an entry").path());
    let mut pictures: Vec<PathBuf> = pictures.filter(|p| p.extension().is_some_and(|e| e == "png")).collect();
    pictures.sort();
    (place, output.join("model"), pictures)
}

/// The program watching, which is killed when it is dropped.
struct Watching(Child);

impl Watching {
    fn start(folder: &Path, model: &Path, output: &Path, more: &[&str]) -> Self {
        let arguments = ["watch", text(folder), "--model", text(model), "--output", text(output), "--idle", "1"];
        let mut command = command(&[&arguments[..], more].concat());
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started"))
    }

    fn kill(&mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("ended");
    }

    /// Ends it as a service manager does; returns its exit status.
    fn end(&mut self) -> Option<i32> {
        let id = self.0.id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &id]).status().expect("kill is there");
        assert!(sent.success(), "the signal was sent");
        self.0.wait().expect("ended").code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < TIMEOUT, "{what} did not come about in {} s", TIMEOUT.as_secs());
        sleep(Duration::from_millis(50));
    }
}

fn name(picture: &Path) -> &str {
    picture.file_name().and_then(|n| n.to_str()).expect("a name")
}

/// Writes a picture piece by piece.
fn write_slowly(from: &Path, to: &Path) {
    use std::io::Write as _;
    let bytes = std::fs::read(from).expect("a picture");
    let mut file = std::fs::File::create(to).expect("created");
    for piece in bytes.chunks(bytes.len() / 4 + 1) {
        file.write_all(piece).expect("written");
        sleep(Duration::from_millis(200));
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|l| serde_json::from_str(l).expect("JSON in every line")).collect()
}

fn seconds(event: &Value, key: &str) -> f64 {
    let time = event[key].as_str().expect("a time");
    scatterfall_timestamps::parse_iso(time).expect("ISO 8601") as f64 / 1e6
}

/// Whether a line may be about a listed event: they overlap in time and place.
fn is_about(line: &Value, event: &Value) -> bool {
    let number = |e: &Value, key: &str| e[key].as_f64().expect("a number");
    let in_time = seconds(line, "time_from") <= seconds(event, "time_to") + 60.0
        && seconds(event, "time_from") <= seconds(line, "time_to") + 60.0;
    let in_place = number(line, "distance_from_km") <= number(event, "distance_to_km") + 0.3
        && number(event, "distance_from_km") <= number(line, "distance_to_km") + 0.3;
    in_time && in_place
}

#[test]
fn a_replay_with_kills_ends_in_the_list_of_apply_and_tells_every_event_once() {
    let (place, model, pictures) = fitted();
    let (folder, output) = (place.path("incoming"), place.path("watched"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let given = place.path("given.jsonl");
    let hook = format!("cat >> '{}'", given.display());
    let more = ["--on-event", hook.as_str()];
    let mut watching = Watching::start(&folder, &model, &output, &more);
    for (i, picture) in pictures.iter().enumerate() {
        let to = folder.join(name(picture));
        match i {
            7 => write_slowly(picture, &to),
            12 => std::fs::write(&to, &std::fs::read(picture).expect("a picture")[..3000]).expect("written"),
            _ => drop(std::fs::copy(picture, &to).expect("copied")),
        }
        sleep(Duration::from_millis(30));
        if i == 18 || i == 30 {
            watching.kill();
            watching = Watching::start(&folder, &model, &output, &more);
        }
    }
    let status = output.join("status.json");
    let last = name(pictures.last().expect("pictures"));
    wait_for("the last image", || {
        status.is_file() && json(&status)["last_image"]["file"] == last && json(&status)["waiting"] == 0
    });
    wait_for("the settled list", || json(&status)["settled"] == true);
    wait_for("the command", || json(&status)["on_event"]["waiting"] == 0);
    assert_eq!(watching.end(), Some(0), "SIGTERM ends it in order");

    let applied = place.path("applied");
    let arguments = ["apply", "--model", text(&model), "--input", text(&folder), "--output", text(&applied)];
    program(&[&arguments[..], &["--set", "visualize.methods=[]", "--set", "compute.backend=cpu"]].concat())
        .ends_with(3);
    for file in ["events.csv", "events.json", "health.csv"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).expect("written");
        assert!(read(&output) == read(&applied), "{file} is that of `apply`");
    }
    let told = lines(&output.join("events.jsonl"));
    let listed = json(&output.join("events.json"));
    let listed = listed.as_array().expect("a list");
    assert!(listed.len() > 10, "something happens in the archive: {}", listed.len());
    for event in listed {
        assert!(told.iter().any(|line| is_about(line, event)), "never told: {event}");
    }
    let ids: BTreeSet<&str> = told.iter().filter_map(|l| l["id"].as_str()).collect();
    assert_eq!(ids.len(), told.len(), "no event is told twice");
    // Two findings on the stream may turn out to be one event in the end; the other way round none is left out.
    assert!(told.len() >= listed.len() && told.len() <= listed.len() + listed.len() / 10 + 1, "{}", told.len());
    assert!(lines(&given) == told, "the command was given every line once, in order");
    let metrics = std::fs::read_to_string(output.join("metrics.prom")).expect("written");
    assert!(metrics.contains("\nscatterfall_up 0\n"), "it says that it ended");
    let page = std::fs::read_to_string(output.join("report.html")).expect("written");
    assert!(page.contains("\"refresh\":60"), "the page loads itself again");
}

#[test]
fn a_folder_is_read_at_once_again_and_again_by_cron() {
    let (place, model, pictures) = fitted();
    let (folder, output) = (place.path("incoming"), place.path("watched"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (given, mark) = (place.path("given.jsonl"), place.path("mark"));
    // The command fails the first time that it is run.
    let hook = format!("test -e '{0}' || {{ touch '{0}'; exit 1; }}; cat >> '{1}'", mark.display(), given.display());
    let once = |pictures: &[PathBuf]| {
        for picture in pictures {
            std::fs::copy(picture, folder.join(name(picture))).expect("copied");
        }
        let arguments = ["watch", text(&folder), "--model", text(&model), "--output", text(&output), "--once"];
        program(&[&arguments[..], &["--poll", "1", "--on-event", hook.as_str()]].concat()).ends_with(0);
        (std::fs::read(output.join("events.csv")).expect("a list"), lines(&output.join("events.jsonl")))
    };
    let (_, first) = once(&pictures[..25]);
    assert!(first.is_empty(), "what was there before the first watching is listed and not told");
    let (list, second) = once(&pictures[25..]);
    assert!(!second.is_empty(), "what came since is told");
    assert!(once(&[]) == (list.clone(), second.clone()), "nothing new, nothing changes");
    assert!(lines(&given) == second, "the failed attempt was repeated");
    let applied = place.path("applied");
    let arguments = ["apply", "--model", text(&model), "--input", text(&folder), "--output", text(&applied)];
    program(&[&arguments[..], &["--set", "visualize.methods=[]", "--set", "compute.backend=cpu"]].concat())
        .ends_with(0);
    assert!(std::fs::read(applied.join("events.csv")).expect("a list") == list, "the list of `apply`");
}

#[test]
fn without_a_model_it_says_what_to_do() {
    let place = Fixture::minutes(1);
    let (images, output) = (place.images(), place.path("none"));
    let outcome = program(&["watch", text(&images), "--output", text(&output)]);
    outcome.fails(1, &["watch needs a fitted model", "scatterfall run", "--model"]);
}
