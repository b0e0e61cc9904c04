//! What the configuration leaves to the archive: the pattern of its names, and the seconds that a picture spans.

use std::path::Path;

use crate::archive;
use crate::config::{Config, Input};
use crate::error::{ArchiveError, Result};
use crate::names::{TimePattern, cadence, find};
use scatterfall_timestamps::Micros;

/// Finds what is `auto`, puts it into `config`, and says what was found, a line each.
///
/// Where there is no archive (a later stage alone), the run's own record in the output folder is asked.
///
/// # Errors
/// [`crate::Error::Archive`] where names tell no time, or times no spacing, with the key to set.
pub(crate) fn settle(config: &mut Config) -> Result<Vec<String>> {
    let mut said = Vec::new();
    if !(config.input.pattern_auto || config.input.duration_auto) {
        return Ok(said);
    }
    let Ok(listing) = archive::list(&config.input.path, &config.output.path) else {
        recall(config);
        return Ok(said);
    };
    let stems: Vec<String> =
        listing.files.iter().filter_map(|f| f.file_stem()).map(|s| s.to_string_lossy().into_owned()).collect();
    if config.input.pattern_auto && !stems.is_empty() {
        said.extend(settle_pattern(config, &stems)?);
    }
    if config.input.duration_auto {
        if stems.is_empty() {
            recall(config);
        } else {
            let times: Vec<Micros> = stems.iter().filter_map(|s| config.input.time_pattern.read(s)).collect();
            said.extend(settle_duration(&mut config.input, &times)?);
        }
    }
    Ok(said)
}

fn settle_pattern(config: &mut Config, stems: &[String]) -> Result<Option<String>> {
    config.input.pattern_auto = false;
    // Names that tell nothing are listed one by one later on, or are all there are: either way the rule stands.
    let Some(found) = find(stems) else { return Ok(None) };
    if let Some(rival) = found.rival {
        let pattern = found.pattern.unwrap_or_default();
        return Err(ArchiveError::AmbiguousNames { pattern, rival }.into());
    }
    let Some(pattern) = found.pattern else { return Ok(None) };
    if let Some(rule) = TimePattern::new(Some(&pattern), config.input.utc_offset_h) {
        config.input.time_pattern = rule;
    }
    Ok(Some(format!("names: {pattern}, {} of {}", found.read, stems.len())))
}

fn settle_duration(input: &mut Input, times: &[Micros]) -> Result<Option<String>> {
    input.duration_auto = false;
    let Some(found) = cadence(times) else { return Ok(None) };
    let step = found.step_s;
    if found.is_clear() && step <= 86_400.0 {
        input.duration_s = step;
        return Ok(Some(format!("a picture every {step} s")));
    }
    // A few pictures of an hour say nothing; neither do they lose anything.
    let usual = scatterfall_timestamps::micros(input.duration_s / 2.0);
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if found.steps < 4 && sorted.windows(2).all(|w| w[1] - w[0] >= usual) {
        return Ok(None);
    }
    Err(ArchiveError::NoCadence { path: input.path.clone(), step_s: step }.into())
}

/// The record of the run that wrote the output folder.
fn recall(config: &mut Config) {
    let Some(recorded) = recorded(&config.output.path) else { return };
    if let Some(seconds) = recorded["duration_s"].as_f64().filter(|s| *s > 0.0 && *s <= 86_400.0) {
        config.input.duration_s = seconds;
        config.input.duration_auto = false;
    }
    if let Some(pattern) = recorded["time_pattern"].as_str()
        && let Some(rule) = TimePattern::new(Some(pattern), config.input.utc_offset_h)
    {
        config.input.time_pattern = rule;
        config.input.pattern_auto = false;
    }
}

fn recorded(output: &Path) -> Option<serde_json::Value> {
    let text = std::fs::read_to_string(output.join("run.json")).ok()?;
    let run: serde_json::Value = serde_json::from_str(&text).ok()?;
    run.get("configuration").or_else(|| run.get("config"))?.get("input").cloned()
}
