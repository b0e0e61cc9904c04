//! The command `init`, and what `run` does without a configuration: the same, silently.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use crate::config::{Config, TimeAxis};
use crate::error::{ArchiveError, Error, Result};
use crate::init::{Proposal, Told, configuration, from_python, look};
use crate::store::atomic::write_bytes;

use crate::cli::{Common, Folders};
use crate::terminal::{print_result, print_status};

/// What `init` is asked for.
pub(crate) struct Request {
    pub(crate) folder: Option<PathBuf>,
    pub(crate) output: PathBuf,
    pub(crate) from: Option<PathBuf>,
    pub(crate) km: Option<f64>,
    pub(crate) db: Option<Vec<f64>>,
    pub(crate) time_axis: Option<TimeAxis>,
    pub(crate) preview: Option<PathBuf>,
}

/// Writes the configuration and a preview, and says what was found, what is doubtful and what to do next.
pub(crate) fn init(request: &Request, draw: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<usize> {
    if let Some(script) = &request.from {
        return take_over(script, &request.output);
    }
    let Some(folder) = &request.folder else {
        return Err(Error::config("FOLDER", "nothing", "a folder of pictures, or --from config.py"));
    };
    if let Some(preview) = &request.preview {
        check_preview(preview)?;
    }
    let found = look(folder, &request.output)?;
    for line in found.lines() {
        print_status(line);
    }
    let told = ask(request, &found);
    let map_file = request.output.with_extension("colormap.txt");
    if let Some(map) = found.map().filter(|m| m.name.is_none()) {
        write_bytes(&map_file, map_text(&map.colours).as_bytes())?;
        print_result(format_args!("colours     {} (from the picture's colour bar)", map_file.display()));
    }
    let text = configuration(&found, &told, &map_file);
    write_bytes(&request.output, text.as_bytes())?;
    let config = request.output.display();
    print_result(format_args!("written     {config}"));
    let preview = request.preview.clone().unwrap_or_else(|| request.output.with_extension("preview.png"));
    draw(&found.example, &preview)?;
    for (key, why) in found.doubts() {
        if !(key == "crop.time_axis" && told.time_axis.is_some()) {
            print_result(format_args!("doubtful    {key}: {why}"));
        }
    }
    let open: Vec<&str> = text.lines().filter(|l| l.contains("\"TODO: ")).filter_map(|l| l.split(' ').next()).collect();
    if open.is_empty() {
        print_result(format_args!(
            "next        look at {}, then: scatterfall run --config {config}",
            preview.display()
        ));
    } else {
        let open = open.join(", ");
        print_result(format_args!(
            "next        fill in {open} in {config}, look at {}, then: scatterfall run --config {config}",
            preview.display()
        ));
    }
    Ok(0)
}

/// Refuses a preview that would not be what its name says.
///
/// # Errors
/// A usage error for a name that does not end in `.png`.
pub(crate) fn check_preview(path: &Path) -> Result<()> {
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
        return Ok(());
    }
    Err(Error::config("--preview", path.display(), "a file name that ends in .png: previews are PNG"))
}

fn take_over(script: &Path, output: &Path) -> Result<usize> {
    let bytes = std::fs::read(script).map_err(|e| Error::io("read", script, e))?;
    let (text, left) = from_python(&String::from_utf8_lossy(&bytes));
    // What the script's author has written may be out of range here: better said now than by the first run.
    Config::from_text(&text)?;
    write_bytes(output, text.as_bytes())?;
    for line in &left {
        print_result(format_args!("not taken over  {line}"));
    }
    print_result(format_args!("written     {}", output.display()));
    print_result(format_args!("next        scatterfall run --config {}", output.display()));
    Ok(0)
}

fn map_text(colours: &[[u8; 3]; 256]) -> String {
    let mut text = String::from("# taken from a picture's colour bar: R G B, from the lowest value to the highest\n");
    for [r, g, b] in colours {
        let _ = writeln!(text, "{r} {g} {b}");
    }
    text
}

/// What no picture tells: from the command line, or asked for on a terminal.
fn ask(request: &Request, found: &Proposal) -> Told {
    let mut told = Told { km: request.km, time_axis: request.time_axis, db: None };
    if let Some([low, high]) = request.db.as_deref() {
        told.db = Some((*low, *high));
    }
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return told;
    }
    if told.km.is_none() {
        told.km = question("Kilometres of fibre that a picture spans").and_then(|t| t.parse().ok());
    }
    if told.db.is_none() {
        let answer = question("Decibels of the first and the last colour, as -113 -35").unwrap_or_default();
        let numbers: Vec<f64> = answer.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        told.db = if let [low, high] = numbers[..] { Some((low, high)) } else { None };
    }
    let doubtful = found.doubts().iter().any(|(key, _)| *key == "crop.time_axis");
    if told.time_axis.is_none() && doubtful {
        let answer = question("Where time runs in the picture: down, up, right or left").unwrap_or_default();
        told.time_axis = TimeAxis::NAMES.iter().find(|(n, _)| *n == answer).map(|(_, axis)| *axis);
    }
    told
}

/// Asks a question; `None` for an empty answer.
fn question(text: &str) -> Option<String> {
    print_result(format_args!("{text} (Enter: later)?"));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok()?;
    Some(line.trim().to_owned()).filter(|l| !l.is_empty())
}

/// The options with what was found in the pictures, where there is no configuration file. The user's own settings win.
pub(crate) fn recognised(common: &Common, folders: &Folders) -> Result<Common> {
    let Some(folder) = folders.archive().filter(|_| common.config.is_none()) else { return Ok(common.clone()) };
    let set = |key: &str| common.set.iter().any(|s| s.starts_with(key));
    let crop_set = ["crop.top", "crop.bottom", "crop.left", "crop.right", "crop.enabled"].iter().any(|k| set(k));
    let settled = |key: &str| if key == "crop" { crop_set } else { set(key) };
    if crop_set && set("value.colormap") {
        return Ok(common.clone());
    }
    let output = folders.output.clone().unwrap_or_else(|| PathBuf::from("output"));
    let found = look(folder, &output)?;
    let doubts: Vec<String> = found.doubts().into_iter().filter(|(key, _)| !settled(key)).map(|(_, why)| why).collect();
    if !doubts.is_empty() {
        return Err(ArchiveError::Doubtful { folder: folder.clone(), doubts: doubts.join("; ") }.into());
    }
    let mut common = common.clone();
    let mut sets = Vec::new();
    if !crop_set {
        match found.crop() {
            Some(r) => {
                for (key, edge) in [("top", r.top), ("bottom", r.bottom), ("left", r.left), ("right", r.right)] {
                    sets.push(format!("crop.{key}={edge}"));
                }
            }
            None => sets.push("crop.enabled=false".to_owned()),
        }
    }
    // The usual direction is left unsaid, as files leave it.
    if found.time_axis() != TimeAxis::Down {
        sets.push(format!("crop.time_axis={:?}", found.time_axis().name()));
    }
    if let Some(name) = found.map_name() {
        sets.push(format!("value.colormap={name:?}"));
    } else if let Some(map) = found.map() {
        let file = output.join("colormap.txt");
        write_bytes(&file, map_text(&map.colours).as_bytes())?;
        sets.push(format!("value.colormap={}", toml::Value::String(file.to_string_lossy().into_owned())));
    }
    if found.findings.diverging.value {
        sets.push("value.fold=true".to_owned());
    }
    for line in found.lines() {
        print_status(line);
    }
    if !set("input.total_distance_km") {
        print_status("distance    taken as 20 km, as nothing in the pictures tells: --set input.total_distance_km=KM");
    }
    sets.append(&mut common.set);
    common.set = sets;
    Ok(common)
}
