//! A machine that is rebooted, a disk that is full, an archive that is broken, missing or still being written.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::fixture::{Fixture, Outcome, assert_same, assert_whole, json, results};

/// What is done to an archive before a run.
type Damage<'a> = &'a dyn Fn(&Fixture);

const DAYS: [&str; 4] = ["20250515", "20250516", "20250517", "20250519"];
const PICTURES: [&str; 2] = ["--set", "visualize.methods=[\"cluster_counts\"]"];
/// One image after the other, so that there is a middle of a run to do something in.
const SLOWLY: [&str; 4] = ["--threads", "1", "--set", "compute.batch_images=1"];

/// Days of some minutes each.
fn days(minutes: usize) -> Fixture {
    let place = Fixture::empty();
    DAYS.iter().for_each(|day| place.add_day(day, minutes));
    place
}

fn image(day: &str, m: usize) -> String {
    format!("Waterfall_{day}_{:02}{:02}00.png", m / 60, m % 60)
}

/// The results of a run that nothing disturbs.
fn undisturbed(place: &Fixture, settings: &[&str]) -> std::collections::BTreeMap<String, Vec<u8>> {
    let output = place.path("undisturbed");
    place.cmd_into(&output, "run", settings).ends_with(0);
    results(&output)
}

/// Stops a run at 50 random moments and starts it again each time: the results are those of a run that nothing disturbs.
/// `check` looks at every run that was stopped.
fn stopped_at_fifty_moments(seed: u64, stop: fn(&mut Child), check: fn(&Fixture, Outcome)) {
    const STOPS: usize = 50;
    let place = days(9);
    let begun = Instant::now();
    let want = undisturbed(&place, &PICTURES);
    let whole = begun.elapsed();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut stops, mut finished) = (0, 0);
    while stops < STOPS {
        let mut run = place.command("run", &place.output(), &PICTURES);
        let mut run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        std::thread::sleep(whole.mul_f64(random.r#gen::<f64>()));
        stop(&mut run);
        let outcome = ended(run);
        if outcome.status == Some(0) {
            assert_same(&results(&place.output()), &want);
            fs::remove_dir_all(place.output()).expect("removed, to begin anew");
            finished += 1;
            // A machine on which everything else stood still while the first run was timed.
            assert!(finished < 20 * STOPS, "only {stops} of {finished} runs were stopped in time");
        } else {
            check(&place, outcome);
            stops += 1;
        }
    }
    place.run(&PICTURES).ends_with(0);
    assert_same(&results(&place.output()), &want);
}

#[test]
fn a_run_killed_at_fifty_moments_loses_nothing() {
    let kill = |run: &mut Child| run.kill().expect("killed, or ended before");
    stopped_at_fifty_moments(7, kill, |_, outcome| assert_eq!(outcome.status, None, "it was killed: {}", outcome.err));
}

#[test]
fn a_run_terminated_at_fifty_moments_loses_nothing() {
    let terminate = |run: &mut Child| {
        // The signal as a service manager sends it; a run that has ended before is still there to be waited for.
        let sent = Command::new("kill").arg("-TERM").arg(run.id().to_string()).status();
        assert!(sent.is_ok_and(|s| s.success()), "the signal is sent");
    };
    stopped_at_fifty_moments(11, terminate, |place, outcome| {
        assert_whole(&place.output());
        // In its first milliseconds the program does not listen yet, and dies of the signal.
        if outcome.status.is_some() {
            outcome.fails(1, &["stopped", "go on"]);
        }
    });
}

#[test]
fn a_disk_that_is_full_loses_nothing() {
    let place = days(9);
    let want = undisturbed(&place, &PICTURES);
    let mut failures = 0;
    for blocks in (0..16).map(|k| 1 << k) {
        // No file may grow beyond so many blocks; the signal that comes with it is not wanted.
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let run = place.command("run", &place.output(), &PICTURES);
        let mut limited = Command::new("sh");
        limited.arg("-c").arg(limit).arg(run.get_program()).args(run.get_args());
        let outcome = Outcome::of(limited.output().expect("there is a shell"));
        assert_whole(&place.output());
        if outcome.status == Some(0) {
            break;
        }
        outcome.fails(1, &["cannot write", "make room", "go on"]);
        failures += 1;
    }
    assert!(failures > 3, "the disk was full {failures} times");
    assert_same(&results(&place.output()), &want);
}

/// Starts a run and waits until it has written its first day.
fn started(place: &Fixture) -> Child {
    let mut command = place.command("run", &place.output(), &SLOWLY);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let first = place.output().join(format!("features/features_{}.npz", DAYS[0]));
    let begun = Instant::now();
    while !first.exists() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{} never came", first.display());
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

fn ended(child: Child) -> Outcome {
    Outcome::of(child.wait_with_output().expect("ended"))
}

#[test]
fn an_output_folder_that_goes_away() {
    let place = days(60);
    let child = started(&place);
    let elsewhere = place.path("elsewhere");
    fs::rename(place.output(), &elsewhere).expect("moved away");
    let outcome = ended(child);
    if outcome.status != Some(0) {
        assert_eq!(outcome.status, Some(1), "the run fails: {}", outcome.err);
        let told = outcome.err.lines().filter(|l| l.starts_with("scatterfall: ")).collect::<Vec<_>>();
        assert!(told.len() == 1 && told[0].contains("output"), "and says why: {}", outcome.err);
    }
    let _ = fs::remove_dir_all(place.output());
    fs::rename(&elsewhere, place.output()).expect("moved back");
    place.run(&[]).ends_with(0);
    assert_same(&results(&place.output()), &undisturbed(&place, &[]));
}

#[test]
fn an_archive_that_goes_away() {
    let place = days(60);
    let child = started(&place);
    let elsewhere = place.path("elsewhere");
    fs::rename(place.images(), &elsewhere).expect("the disk is unplugged");
    let outcome = ended(child);
    // On a fast machine it may have read everything before.
    if outcome.status != Some(0) {
        outcome.warns(&["cannot be read"]);
        outcome.fails(1, &["the archive's folder cannot be read any more", "run the same command again"]);
    }
    fs::rename(&elsewhere, place.images()).expect("it is back");
    place.run(&[]).ends_with(0);
    assert_same(&results(&place.output()), &undisturbed(&place, &[]));
}

#[test]
fn an_image_that_vanishes_after_it_was_catalogued() {
    let place = days(60);
    let child = started(&place);
    let (name, elsewhere) = (image(DAYS[3], 57), place.path("elsewhere.png"));
    fs::rename(place.images().join(&name), &elsewhere).expect("moved away");
    let outcome = ended(child);
    if outcome.status != Some(0) {
        let outcome = outcome.ends_with(3);
        outcome.warns(&[&name, "cannot be read"]);
        assert!(outcome.out.contains(&name), "it is listed: {}", outcome.out);
        assert_eq!(place.left_out().len(), 1, "and nothing else");
    }
    fs::rename(&elsewhere, place.images().join(&name)).expect("it is back");
    // The very same file, yet its day is not taken for complete.
    place.run(&[]).ends_with(0);
    assert_same(&results(&place.output()), &undisturbed(&place, &[]));
}

#[test]
fn an_image_that_is_still_being_written() {
    let place = days(60);
    let name = image(DAYS[3], 58);
    let whole = fs::read(place.images().join(&name)).expect("an image");
    place.write(&name, &whole[..whole.len() / 2]);
    let child = started(&place);
    place.write(&name, &whole[..whole.len() * 3 / 4]);
    let outcome = ended(child).ends_with(3);
    outcome.warns(&[&name, "ends early"]);
    place.write(&name, &whole);
    place.run(&[]).ends_with(0);
    assert_same(&results(&place.output()), &undisturbed(&place, &[]));
}

/// The program as a user who is not root, to whom permissions mean something; `None` where there is no such user.
fn as_nobody(place: &Fixture, output: &Path) -> Option<Outcome> {
    const NOBODY: u32 = 65_534;
    let run = place.command("run", output, &[]);
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0");
    let mut program = PathBuf::from(run.get_program());
    if root {
        // The program may lie where only root may go.
        let copy = place.path("scatterfall");
        fs::copy(&program, &copy).expect("copied");
        program = copy;
        for folder in [place.path("."), place.output()] {
            fs::create_dir_all(&folder).expect("a folder");
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("open to all");
        }
    }
    let mut command = Command::new(program);
    command.args(run.get_args());
    if root {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.output().ok().map(Outcome::of)
}

#[test]
fn a_file_and_a_folder_that_may_not_be_read() {
    let place = Fixture::minutes(6);
    let shut = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("shut");
    shut(&place.images().join(image(DAYS[0], 2)));
    let folder = place.images().join("private");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join(image(DAYS[1], 0)), place.picture(0)).expect("an image");
    shut(&folder);
    let Some(outcome) = as_nobody(&place, &place.output()) else { return };
    let outcome = outcome.ends_with(3);
    outcome.warns(&[&image(DAYS[0], 2), "ermission denied"]);
    outcome.warns(&["private", "ermission denied"]);
    assert_eq!(place.left_out().len(), 2, "both are listed: {:?}", place.left_out());
    assert_eq!(place.summary()["images"], 5, "the others are used");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("open again");
}

#[test]
fn an_output_folder_that_may_not_be_written() {
    let place = Fixture::minutes(2);
    let shut = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o555)).expect("shut");
    let locked = place.path("locked");
    fs::create_dir(&locked).expect("a folder");
    shut(&locked);
    // Neither a folder in it can be made, nor a file in itself.
    for output in [locked.join("results"), locked.clone()] {
        let Some(outcome) = as_nobody(&place, &output) else { return };
        outcome.fails(1, &["cannot write to the output folder", "locked", "--output"]);
    }
    // Results of a run as another user.
    place.run(&[]).ends_with(0);
    let want = results(&place.output());
    fs::remove_file(place.output().join("anomalies.csv")).expect("removed");
    shut(&place.output().join("clustering_results"));
    let Some(outcome) = as_nobody(&place, &place.output()) else { return };
    assert_eq!(outcome.status, Some(1), "it fails: {}", outcome.err);
    fs::set_permissions(place.output().join("clustering_results"), fs::Permissions::from_mode(0o755)).expect("open");
    place.run(&[]).ends_with(0);
    assert_same(&results(&place.output()), &want);
}

#[test]
fn pipes_sockets_devices_and_loops_named_like_images() {
    let place = Fixture::minutes(6);
    let at = |m| place.images().join(image(DAYS[0], m));
    let pipe = Command::new("mkfifo").arg(at(10)).status();
    assert!(pipe.is_ok_and(|s| s.success()), "a pipe is made");
    let _socket = std::os::unix::net::UnixListener::bind(at(11)).expect("a socket");
    symlink("/dev/zero", at(12)).expect("a device");
    symlink(at(13), at(13)).expect("a link to itself");
    symlink("..", place.images().join("loop")).expect("a link to a folder above");
    fs::create_dir(at(14)).expect("a folder named like an image");
    place.run(&[]).ends_with(3);
    let listed = place.left_out();
    let reason = |name: &str| listed.iter().find(|l| l.0 == name).map_or("not listed", |l| l.1.as_str());
    for m in [10, 11, 12] {
        assert_eq!(reason(&image(DAYS[0], m)), "not a regular file", "minute {m}");
    }
    assert!(reason(&image(DAYS[0], 13)).starts_with("cannot be read"), "{}", reason(&image(DAYS[0], 13)));
    assert!(listed.iter().any(|l| l.1.contains("leads back")), "the loop: {listed:?}");
    assert_eq!(place.summary()["images"], 6, "the images are used");
}

#[test]
fn names_that_are_not_utf_8() {
    let place = Fixture::minutes(3);
    let odd = |bytes: &[u8]| place.images().join(std::ffi::OsStr::from_bytes(bytes));
    fs::write(odd(b"fibre_\xe9_20250515_000300.png"), place.picture(3)).expect("an image");
    fs::write(odd(b"\xff\xfe.png"), place.picture(4)).expect("an image");
    fs::create_dir(odd(b"\xe9t\xe9")).expect("a folder");
    fs::write(odd(b"\xe9t\xe9/Waterfall_20250515_000400.png"), place.picture(4)).expect("an image");
    place.run(&[]).ends_with(3);
    let listed = place.left_out();
    assert!(listed.len() == 1 && listed[0].1.contains("tells no time"), "a name without a time: {listed:?}");
    assert_eq!(place.summary()["images"], 5, "the others tell theirs");
    let rows = place.table("clustering_results/clusters.csv");
    assert!(rows.iter().any(|r| r["image_file"].contains("_20250515_000300.png")), "under a readable name");
}

#[test]
fn images_in_folders_by_day() {
    let (flat, nested) = (days(4), Fixture::empty());
    for day in DAYS {
        let folder = nested.images().join(&day[..4]).join(&day[4..6]).join(&day[6..]);
        fs::create_dir_all(&folder).expect("folders");
        for m in 0..4 {
            fs::write(folder.join(image(day, m)), nested.picture(m)).expect("an image");
        }
    }
    flat.run(&[]).ends_with(0);
    nested.run(&[]).ends_with(0);
    let arrays = |place: &Fixture| {
        let mut all = results(&place.output());
        all.retain(|name, _| name.ends_with(".npz"));
        all
    };
    assert_same(&arrays(&nested), &arrays(&flat));
}

#[test]
fn two_hundred_thousand_files_in_one_folder() {
    let place = Fixture::minutes(3);
    // A name costs little, a file system's limit on links to one file does not matter: links that lead nowhere.
    for k in 0..200_000 {
        let (day, minute) = (k / 1440, k % 1440);
        let name = format!(
            "x_{}{:02}{:02}_{:02}{:02}00.png",
            2026 + day / 336,
            day / 28 % 12 + 1,
            day % 28 + 1,
            minute / 60,
            minute % 60
        );
        symlink("nowhere", place.images().join(name)).expect("a link");
    }
    place.run(&["--end", "20250516_000000"]).ends_with(3);
    assert_eq!(place.summary()["images"], 3, "the images are found among them");
    assert_eq!(place.left_out().len(), 200_000, "every link is listed");
    let table = fs::read_to_string(place.output().join("left_out.csv")).expect("a table");
    assert_eq!(table.lines().count(), 200_001, "and stands in the table");
}

#[test]
fn an_archive_of_bombs() {
    let place = Fixture::empty();
    for m in 0..3 {
        let mut bytes = place.picture(m);
        bytes[16..20].copy_from_slice(&60_000u32.to_be_bytes());
        bytes[20..24].copy_from_slice(&60_000u32.to_be_bytes());
        place.write(&image(DAYS[0], m), &bytes);
    }
    place.run(&[]).fails(1, &["60000 x 60000", "input.max_pixels"]);
    assert!(!place.output().exists(), "nothing is left behind");
}

#[test]
fn the_table_of_what_was_left_out() {
    let place = Fixture::minutes(4);
    place.write("a \"b\", c.png", &place.picture(0));
    place.write(&image(DAYS[0], 9), b"");
    place.run(&[]).ends_with(3);
    let text = fs::read_to_string(place.output().join("left_out.csv")).expect("a table");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "file,reason", "header");
    assert_eq!(lines[1], format!("{},the file is empty", image(DAYS[0], 9)), "a plain line");
    assert!(lines[2].starts_with("\"a \"\"b\"\", c.png\",the name tells no time"), "a quoted one: {}", lines[2]);
    assert_eq!(lines.len(), 3, "a line a file");
    fs::remove_file(place.images().join("a \"b\", c.png")).expect("removed");
    fs::remove_file(place.images().join(image(DAYS[0], 9))).expect("removed");
    place.run(&[]).ends_with(0);
    let text = fs::read_to_string(place.output().join("left_out.csv")).expect("a table");
    assert_eq!(text, "file,reason\n", "nothing is left out any more");
}

#[test]
fn clipping_lists_what_it_leaves_out() {
    let place = Fixture::minutes(4);
    let whole = place.picture(9);
    place.write(&image(DAYS[0], 9), &whole[..whole.len() / 2]);
    place.write(&image(DAYS[0], 10), b"text");
    place.cmd("clip", &[]).ends_with(3);
    let listed = place.left_out();
    assert_eq!(listed.len(), 2, "found by the catalogue, and by decoding: {listed:?}");
    assert_eq!(place.summary()["images"], 4, "the others are clipped");
}

#[test]
fn strict_runs_write_nothing_where_a_file_is_left_out() {
    let green = |place: &Fixture| {
        let pixels = [10, 60, 10].repeat(crate::fixture::COLUMNS * crate::fixture::ROWS);
        let (columns, rows) = (crate::fixture::COLUMNS, crate::fixture::ROWS);
        let bytes = crate::fixture::encode(columns, rows, png::ColorType::Rgb, png::BitDepth::Eight, &pixels);
        place.write(&image(DAYS[3], 3), &bytes);
    };
    let cut = |place: &Fixture| {
        let whole = place.picture(3);
        place.write(&image(DAYS[3], 3), &whole[..whole.len() / 2]);
    };
    let cases: [(Damage<'_>, &str); 2] = [(&green, "value.max_residual"), (&cut, "ends early")];
    for (spoil, reason) in cases {
        let place = days(4);
        spoil(&place);
        place.run(&["--strict"]).fails(1, &["--strict", &image(DAYS[3], 3), reason]);
        assert!(!place.output().exists(), "no day is written, though the first three are sound");
        place.run(&[]).ends_with(3);
        // Days that are current count as well.
        place.run(&["--strict"]).fails(1, &["--strict", &image(DAYS[3], 3), reason]);
        fs::remove_file(place.images().join(image(DAYS[3], 3))).expect("removed");
        place.run(&["--strict"]).ends_with(0);
    }
}

#[test]
fn what_fails_at_once_leaves_nothing_behind() {
    let place = Fixture::minutes(2);
    for (command, more) in
        [("run", vec!["--set", "crop.enabled=true"]), ("transform", vec![]), ("reduce", vec![]), ("visualize", vec![])]
    {
        place.cmd(command, &more).ends_with(1);
        assert!(!place.output().exists(), "{command} leaves no output folder");
    }
    fs::create_dir(place.output()).expect("a folder");
    place.cmd("transform", &[]).fails(1, &["run `scatterfall features` first"]);
    assert!(!place.output().join("wavelets").exists(), "and no filters");
}

#[test]
fn a_quiet_run_says_only_what_is_wrong() {
    let place = Fixture::minutes(4);
    let outcome = place.run(&["-q"]).ends_with(0);
    assert!(outcome.out.is_empty() && outcome.err.is_empty(), "nothing: {}{}", outcome.out, outcome.err);
    place.write(&image(DAYS[0], 9), b"");
    let outcome = place.run(&["-q"]).ends_with(3);
    assert!(outcome.out.is_empty(), "no summary: {}", outcome.out);
    assert!(outcome.err.lines().count() == 1 && outcome.err.contains("1 files left out"), "but this: {}", outcome.err);
}

#[test]
fn logs_as_json_tell_stages_days_counts_and_rates() {
    let place = days(4);
    place.write(&image(DAYS[0], 9), b"");
    let outcome = place.run(&["--log-format", "json"]).ends_with(3);
    let lines: Vec<serde_json::Value> =
        outcome.err.lines().map(|l| serde_json::from_str(l).expect("a JSON object a line")).collect();
    for day in DAYS {
        let line = lines.iter().find(|l| l["day"] == day && l["stage"] == "images").expect("a line a day");
        assert!(line["images"] == 4 && line["left_out"] == 0 && line["per_s"].is_number(), "{line}");
    }
    let done = lines.iter().find(|l| l["message"] == "stage done" && l["stage"] == "images").expect("the stage's end");
    assert!(done["done"] == 16 && done["total"] == 16 && done["unit"] == "images", "counts: {done}");
    assert!(done["per_s"].as_f64() > Some(0.0) && done["mb_per_s"].is_number(), "rates: {done}");
    assert!(lines.iter().any(|l| l["stage"] == "reduce" && l["seconds"].is_number()), "stages without a count");

    let failed = place.run(&["--log-format", "json", "--set", "crop.enabled=true", "--strict"]).ends_with(1);
    let last = failed.err.lines().last().expect("a line");
    let last: serde_json::Value = serde_json::from_str(last).expect("what went wrong is an object, too");
    assert_eq!(last["level"], "ERROR", "{last}");
}

#[test]
fn a_lock_names_its_holder_and_dies_with_it() {
    let place = days(60);
    let mut child = started(&place);
    // Not by way of the fixture, which looks for unfinished files: the first run has some.
    let second = place.command("run", &place.output(), &[]).output().expect("the program starts");
    let outcome = Outcome::of(second);
    // On a fast machine the first run may be over.
    if child.try_wait().expect("a child").is_none() {
        outcome.fails(1, &["in use by process", &child.id().to_string()]);
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    place.run(&[]).ends_with(0);
}

#[test]
fn progress_is_told_line_by_line_off_a_terminal() {
    // Lines come every ten seconds: a run that is stopped by its reader, not by its end.
    let place = days(3);
    let mut command = place.command("run", &place.output(), &["-v"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let text: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(child.wait().is_ok_and(|s| s.success()), "it ends well");
    assert!(text.iter().any(|l| l.contains("day written") && l.contains(DAYS[1])), "every day: {text:?}");
    assert!(!text.iter().any(|l| l.contains('\r') || l.contains('\u{1b}')), "no bar: {text:?}");
}

/// A MiniSEED file of one channel: records of 512 bytes, 112 samples of 32 bits each, at 20 Hz.
fn miniseed(channel: &[u8; 3], records: usize) -> Vec<u8> {
    let mut file = Vec::new();
    for r in 0..records {
        let mut record =
            format!("{:06}D ABC    {}XX", r + 1, std::str::from_utf8(channel).expect("ASCII")).into_bytes();
        // 112 samples at 20 Hz last 5.6 s: so many tenths of milliseconds after midnight.
        let time = r * 56_000;
        let (seconds, fraction) = (time / 10_000, time % 10_000);
        record.extend(2025u16.to_be_bytes());
        record.extend(135u16.to_be_bytes());
        record.extend([(seconds / 3600) as u8, (seconds / 60 % 60) as u8, (seconds % 60) as u8, 0]);
        record.extend((fraction as u16).to_be_bytes());
        record.extend(112u16.to_be_bytes());
        record.extend([0, 20, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 64, 0, 48]);
        // Blockette 1000: 32-bit integers, big endian, 2^9 bytes.
        record.extend([3, 232, 0, 0, 3, 1, 9, 0]);
        record.resize(64, 0);
        let sample = |k: usize| ((k as f64 * 0.7).sin() * 900.0 + (k as f64 * 0.05).sin() * 400.0) as i32;
        record.extend((r * 112..(r + 1) * 112).flat_map(|k| sample(k).to_be_bytes()));
        assert_eq!(record.len(), 512, "a record");
        file.extend(record);
    }
    file
}

#[test]
fn seismograms_with_bad_files_among_them() {
    let place = Fixture::empty();
    let folder = place.path("seismograms");
    fs::create_dir(&folder).expect("a folder");
    for channel in [b"HHZ", b"HHN", b"HHE"] {
        let name = format!("{}.mseed", std::str::from_utf8(channel).expect("ASCII"));
        fs::write(folder.join(name), miniseed(channel, 30)).expect("written");
    }
    fs::write(folder.join("notes.txt"), "no seismogram\n").expect("written");
    assert!(Command::new("mkfifo").arg(folder.join("pipe.mseed")).status().is_ok_and(|s| s.success()), "a pipe");
    symlink(folder.join("gone"), folder.join("link.mseed")).expect("a link");
    let text = |p: &Path| p.to_str().expect("UTF-8").to_owned();
    let output = place.output();
    let arguments = |input: &Path| {
        let mut all: Vec<String> = ["seismogram", "--config"].map(str::to_owned).to_vec();
        all.extend([text(&place.path("config.toml")), "--input".into(), text(input)]);
        all.extend(["--output".into(), text(&output), "--f1".into(), "2".into()]);
        all
    };
    let run = |input: &Path| {
        let arguments = arguments(input);
        crate::fixture::program(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let outcome = run(&folder).ends_with(3);
    assert!(outcome.out.contains("XX.ABC.: 7 segments, 0 left out at gaps"), "7 segments of 40 s: {}", outcome.out);
    assert!(outcome.out.contains("notes.txt"), "what is no seismogram is named: {}", outcome.out);
    let listed = json(&output.join("run.json"))["left_out"].as_array().expect("a list").len();
    assert_eq!(listed, 2, "the text and the broken link; the pipe is no file");
    assert_whole(&output);
    let coefficients = output.join("scattering_coefficients/scattering_coefficients_20250515.npz");
    let order_1 = crate::fixture::read_array(&coefficients, "order_1");
    assert_eq!(order_1.shape(), [7, 3, 4], "rows, channels, filters");
    assert!(output.join("visualizations/scattergram.png").exists(), "the scattergram");
    let before = results(&output);
    run(&folder).ends_with(3);
    assert_same(&results(&output), &before);

    fs::remove_dir_all(&output).expect("removed");
    run(&folder.join("pipe.mseed")).fails(1, &["pipe.mseed", "not a regular file"]);
    assert!(!output.exists(), "nothing is left behind");
    // A header may claim any sampling rate; no memory is taken for segments that there are no samples for.
    let mut fast = miniseed(b"HHZ", 3);
    for record in fast.chunks_exact_mut(512) {
        record[32..36].copy_from_slice(&[0x7f, 0xff, 0x7f, 0xff]);
    }
    fs::write(folder.join("fast.mseed"), fast).expect("written");
    run(&folder.join("fast.mseed")).fails(1, &["no continuous data is as long as a segment"]);
}

#[test]
fn the_demonstration() {
    let place = Fixture::empty();
    let folder = place.path("demo");
    let arguments = ["demo", "--output", folder.to_str().expect("UTF-8"), "--set", "compute.backend=cpu"];
    let outcome = crate::fixture::program(&arguments).ends_with(0);
    for part in ["180 images, 0 left out, 0 gaps", "anomalies.csv", "truth.json"] {
        assert!(outcome.out.contains(part), "it says `{part}`: {}", outcome.out);
    }
    assert_whole(&folder.join("output"));
    let anomalies = fs::read_to_string(folder.join("output/anomalies.csv")).expect("a table");
    assert!(anomalies.lines().count() > 3, "something stands out: {anomalies}");
    // Once more: the archive is made again, and all comes out the same; records tell the images' times of change.
    let numbers = || {
        let mut all = results(&folder.join("output"));
        all.retain(|name, _| !name.ends_with(".json"));
        all
    };
    let before = numbers();
    crate::fixture::program(&arguments).ends_with(0);
    assert_same(&numbers(), &before);
}
