//! The configuration that a proposal makes: commented TOML with what differs from the defaults.

use std::fmt::Write as _;
use std::path::Path;

use super::Proposal;
use scatterfall_recognize::{Confidence, TimeAxis};

/// What no picture tells: the user says it, or it is left to be filled in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// Kilometres of fibre that a picture spans.
    pub(crate) km: Option<f64>,
    /// Decibels of the map's first and last colour.
    pub(crate) db: Option<(f64, f64)>,
    /// Where time runs, where the user says it.
    pub(crate) time_axis: Option<TimeAxis>,
}

/// The text of my.toml; `map_file` is where a map of the picture's own is written.
///
/// A key that must be filled in holds a text where a number is due, so that no run passes over it.
pub(crate) fn configuration(found: &Proposal, told: &Told, map_file: &Path) -> String {
    let mut out = String::from(
        "# scatterfall: what was found in the pictures. Only what differs from the defaults is here; `config.toml` of the\n\
         # program explains every key. Look at the preview beside this file before a long run.\n\n",
    );
    let f = &found.findings;
    let _ = writeln!(out, "[input]\npath = {}", quoted(&found.input.to_string_lossy()));
    if let Some(pattern) = found.names.as_ref().and_then(|n| n.pattern.as_ref()) {
        let _ = writeln!(out, "time_pattern = {}  # how the names tell their times", quoted(pattern));
    }
    match found.step_s {
        Some(step) => {
            let _ = writeln!(out, "duration_s = {step:?}  # the spacing of the names");
        }
        None => {
            let _ = writeln!(out, "{}", todo("duration_s", "seconds that a picture spans: its names do not tell"));
        }
    }
    match told.km {
        Some(km) => {
            let _ = writeln!(out, "total_distance_km = {km:?}");
        }
        None => {
            let _ = writeln!(out, "{}", todo("total_distance_km", "kilometres of fibre that a picture spans"));
        }
    }
    crop(&mut out, found, told);
    let _ = writeln!(out, "\n[value]");
    match (found.map_name(), found.map()) {
        (Some(name), _) => {
            let _ = writeln!(out, "colormap = {}  # {}", quoted(&name), f.map.why);
        }
        (None, Some(_)) => {
            let file = quoted(&map_file.to_string_lossy());
            let _ = writeln!(out, "colormap = {file}  # taken from the picture's colour bar: {}", f.map.why);
        }
        (None, None) => {
            let _ = writeln!(out, "{}  # {}", todo("colormap", "a map's name, or a file"), f.map.why);
        }
    }
    for fit in found.best_fits() {
        let name = if fit.name.is_empty() { "the picture's bar" } else { &fit.name };
        let _ = writeln!(out, "#   {name}: mean distance {:.1}", fit.residual);
    }
    if f.diverging.value {
        let _ = writeln!(out, "fold = true  # signed values: {}", f.diverging.why);
    }
    match told.db {
        Some((low, high)) => {
            let _ = writeln!(out, "db_min = {low:?}\ndb_max = {high:?}");
        }
        None => {
            let _ = writeln!(out, "{}", todo("db_min", "decibels (or other units) of the map's first colour"));
            let _ = writeln!(out, "{}", todo("db_max", "decibels of its last colour"));
        }
    }
    out
}

fn crop(out: &mut String, found: &Proposal, told: &Told) {
    let f = &found.findings;
    let _ = writeln!(out, "\n[crop]  # {}", f.plot.why);
    let doubtful = f.plot.confidence == Confidence::Doubtful;
    if let Some(r) = found.crop() {
        let _ = writeln!(out, "top = {}\nbottom = {}\nleft = {}\nright = {}", r.top, r.bottom, r.left, r.right);
    }
    if doubtful {
        out.push_str("# The rectangle is doubtful: compare it with the preview, then write true, or false for the whole picture.\n");
        let _ = writeln!(out, "{}", todo("enabled", "true or false"));
    } else if found.crop().is_none() {
        out.push_str("enabled = false  # the whole picture is the plot\n");
    }
    let _ = match (told.time_axis, f.time_axis.confidence) {
        (Some(axis), _) => writeln!(out, "time_axis = {}", quoted(axis.name())),
        (None, Confidence::Doubtful) => {
            writeln!(out, "{}  # {}", todo("time_axis", "down, up, right or left"), f.time_axis.why)
        }
        (None, _) => writeln!(out, "time_axis = {}  # {}", quoted(found.time_axis().name()), f.time_axis.why),
    };
}

/// A line that no run accepts until it is filled in.
fn todo(key: &str, what: &str) -> String {
    format!("{key} = \"TODO: {what}\"")
}

/// A TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
