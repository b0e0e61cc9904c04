//! What the program says about itself can be lost, never a run: logs on full disks, pipes that nobody reads, lines that
//! are not ours.

use std::fs::{File, OpenOptions};
use std::process::Stdio;

use crate::fixture::{Fixture, command, program};

/// A file that takes no byte.
fn full_disk() -> File {
    OpenOptions::new().write(true).open("/dev/full").expect("/dev/full")
}

/// The writing end of a pipe whose reader is gone.
fn broken_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_does_not_end_a_run() {
    let place = Fixture::minutes(2);
    place.write("Waterfall_20250515_000100.png", b"no picture");
    let whole = place.run(&["--verbose"]).ends_with(3);
    assert!(whole.err.contains("WARN"), "the run has something to say: {}", whole.err);
    let table = std::fs::read(place.output().join("clustering_results/clusters.csv")).expect("a table");
    let wanted: [(&str, &[&str]); 3] =
        [("text", &["-vv"]), ("json", &["--log-format", "json", "-v"]), ("quiet", &["--quiet"])];
    for (name, more) in wanted {
        for (kind, sink) in [("a full disk", Stdio::from(full_disk())), ("a broken pipe", broken_pipe())] {
            let output = place.path(&format!("{name} {kind}"));
            let status = place.command("run", &output, more).stderr(sink).status().expect("it starts");
            assert_eq!(status.code(), Some(3), "{name} log on {kind}: one image is left out, as before");
            let again = std::fs::read(output.join("clustering_results/clusters.csv")).expect("a table");
            assert_eq!(again, table, "{name} log on {kind}: the same results");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_nobody_reads_do_not_end_a_run() {
    let place = Fixture::minutes(2);
    for (kind, sink) in [("a full disk", Stdio::from(full_disk())), ("a broken pipe", broken_pipe())] {
        let output = place.path(kind);
        let mut run = place.command("run", &output, &[]);
        let ended = run.stdout(sink).output().expect("it starts");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "standard output on {kind}: {said}");
        assert!(!said.contains("panicked"), "standard output on {kind}: {said}");
        assert!(output.join("report.html").is_file(), "standard output on {kind}: everything is written");
    }
    for arguments in [&["devices"][..], &["--help"], &["--version"]] {
        let ended = command(arguments).stdout(broken_pipe()).output().expect("it starts");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
}

#[test]
fn only_our_own_lines_reach_the_log() {
    for folder in [None, Some(""), Some("relative")] {
        let mut devices = command(&["devices"]);
        match folder {
            Some(folder) => devices.env("XDG_RUNTIME_DIR", folder),
            None => devices.env_remove("XDG_RUNTIME_DIR"),
        };
        let ended = devices.output().expect("it starts");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "XDG_RUNTIME_DIR {folder:?}: nothing of a driver's");
        assert!(ended.status.success(), "XDG_RUNTIME_DIR {folder:?}");
    }
}

#[test]
fn a_program_that_starts_itself_again_keeps_its_arguments() {
    let strange = ["seismogram", "no such file", "--set", "reduce.seed=7", "--log-format", "json"];
    let usual = program(&strange);
    let ended = command(&strange).env_remove("XDG_RUNTIME_DIR").output().expect("it starts");
    assert_eq!(ended.status.code(), usual.status, "the same exit status");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("no such file"), "spaces and all: {said}");
}
