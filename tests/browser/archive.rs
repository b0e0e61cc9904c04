//! A synthetic archive with evil file names, run by the program.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::webdriver::Browser;

/// A file name that would run a script if it ever became markup.
const EVIL: &str = "<img src=x onerror=alert(1)>";

fn program(arguments: &[&str]) {
    let out = Command::new(env!("CARGO_BIN_EXE_scatterfall")).args(arguments).output().expect("the program starts");
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The table of events of an output folder, as text.
fn events(output: &Path) -> String {
    let read = |name: &str| std::fs::read_to_string(output.join(name));
    read("events.csv").or_else(|_| read("anomalies.csv")).expect("events")
}

/// The report of a synthetic archive whose strongest image, and one that is left out, have the evil name.
pub(crate) fn report(folder: &Path) -> PathBuf {
    let (archive, output) = (folder.join("archive"), folder.join("output"));
    program(&["synth", "--output", text(&archive), "--images", "90", "--small"]);
    let config = archive.join("config.toml");
    let run = [
        ["run", "--config", text(&config), "--output", text(&output), "--backend", "cpu", "--no-progress"].as_slice(),
        // Few rows, few pictures: the page is what is looked at here.
        &["--set", "anomaly.quantile=0.98", "--set", "visualize.methods=[\"cluster_counts\"]"],
    ]
    .concat();
    program(&run);
    let table = events(&output);
    let name = |line: &str| line.split(',').find(|f| f.ends_with(".png")).map(str::to_owned);
    let worst = table.lines().nth(1).and_then(name).expect("an event");
    let time = worst.strip_prefix("Waterfall_RMS_").expect("the usual name").to_owned();
    std::fs::rename(archive.join(&worst), archive.join(format!("{EVIL}_{time}"))).expect("renamed");
    std::fs::write(archive.join(format!("{EVIL}_20250515_000000.png")), b"no picture").expect("written");
    let out = Command::new(env!("CARGO_BIN_EXE_scatterfall")).args(&run).output().expect("the program starts");
    assert_eq!(out.status.code(), Some(3), "one file is left out: {}", String::from_utf8_lossy(&out.stderr));
    output.join("report.html")
}

/// The report of an archive with weak events of many kinds, weather and faults.
pub(crate) fn hard_report(folder: &Path) -> PathBuf {
    let (archive, output) = (folder.join("hard"), folder.join("hard_output"));
    program(&["synth", "--output", text(&archive), "--images", "60", "--small", "--hard", "--seed", "7"]);
    let config = archive.join("config.toml");
    let run = ["run", "--config", text(&config), "--output", text(&output), "--backend", "cpu", "--no-progress"];
    program(&[&run[..], &["--set", "visualize.methods=[]"]].concat());
    output.join("report.html")
}

/// The evil names are shown as text, and ran nothing.
pub(crate) fn names_stay_text(browser: &Browser) {
    let words = browser.text("return document.getElementById('left-out-table').textContent;");
    assert!(words.contains(EVIL), "the name as text: {words}");
    assert_eq!(browser.run("return document.querySelectorAll('img[src=x], [onerror]').length;"), 0, "no markup of it");
}
