//! `overview.html`: the page above the reports of several cables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scatterfall_page::overview::{Cable, Overview, render_overview};

use super::super::results::{left_out, read_json};
use super::found;
use crate::config::Config;
use crate::error::Result;
use crate::store::atomic::write_bytes;
use crate::store::day::Stage;
use scatterfall_npz::{NpzFile, Time};
use scatterfall_timestamps::micros;

/// The overview of an output folder.
pub fn file(output: &Path) -> PathBuf {
    output.join("overview.html")
}

/// Writes it; returns its path.
///
/// # Errors
/// [`crate::Error::Io`].
pub fn write(config: &Config, cables: Vec<Cable>) -> Result<PathBuf> {
    let overview = Overview {
        title: config.input.path.display().to_string(),
        program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        cables,
    };
    let path = file(&config.output.path);
    write_bytes(&path, render_overview(&overview).as_bytes())?;
    Ok(path)
}

/// What the output folder of a cable tells; what cannot be read takes the place of its figures.
pub fn cable(output: &Path, name: &str) -> Cable {
    read(output, name).unwrap_or_else(|e| Cable {
        name: name.to_owned(),
        error: Some(e.to_string()),
        ..Cable::default()
    })
}

fn read(output: &Path, name: &str) -> Result<Cable> {
    let run = read_json(&output.join("run.json"));
    let duration = run["configuration"]["input"]["duration_s"].as_f64().unwrap_or(60.0);
    let mut times = Vec::new();
    for stage in [Stage::Features, Stage::Measurements] {
        for day in stage.days(output)? {
            times.extend(NpzFile::open(&stage.file(output, &day))?.read::<Time>("times")?.1.into_iter().map(|t| t.0));
        }
        if !times.is_empty() {
            break;
        }
    }
    let span = times.iter().min().zip(times.iter().max()).map(|(a, b)| (*a, *b + micros(duration)));
    let mut faults: BTreeMap<String, usize> = BTreeMap::new();
    for fault in found::health(output)? {
        *faults.entry(fault.what).or_default() += 1;
    }
    let events = found::all_events(output)?.into_iter().map(|e| (e.time.0, e.path, e.score)).collect();
    Ok(Cable {
        name: name.to_owned(),
        report: output.join("report.html").is_file().then(|| format!("{}/report.html", address(name))),
        error: None,
        images: (times.len(), left_out(output).len()),
        span,
        events,
        faults: faults.into_iter().collect(),
    })
}

/// A folder's name as part of an address.
fn address(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    name.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_become_addresses() {
        assert_eq!(address("north-1.2_a"), "north-1.2_a", "plain ones stay");
        assert_eq!(address("süd 1#?"), "s%C3%BCd%201%23%3F", "others are escaped byte by byte");
    }
}
