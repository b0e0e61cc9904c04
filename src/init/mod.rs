//! A configuration for an archive that nobody has described: what its pictures and names tell.
//!
//! ```text
//! folder -> listing -> names (pattern, spacing) -> a sample of pictures -> recognition -> Proposal -> my.toml, preview
//! ```

mod python;
mod text;

use std::path::{Path, PathBuf};

use scatterfall_recognize::{ChosenMap, Confidence, Findings, Fit, Picture, Rect, TimeAxis, recognize};

pub(crate) use python::from_python;
pub(crate) use text::{Told, configuration};

use crate::archive;
use crate::colormap;
use crate::decode;
use crate::error::{ArchiveError, Error, Result};
use crate::names::{FoundPattern, TimePattern, cadence, find};
use crate::series::is_gap;
use scatterfall_timestamps::Micros;

/// Runs of pictures that follow each other, and pictures of each: from the beginning, the middle and the end.
const RUNS: usize = 3;
const RUN_PICTURES: usize = 6;
/// Most pixels of a picture that is looked at.
const MAX_PIXELS: u64 = 64_000_000;

/// What was found in an archive.
#[derive(Clone, Debug)]
pub(crate) struct Proposal {
    /// The folder or picture.
    pub(crate) input: PathBuf,
    /// Pictures there.
    pub(crate) pictures: usize,
    /// Width and height of those looked at.
    pub(crate) size: (usize, usize),
    /// A picture that was looked at.
    pub(crate) example: PathBuf,
    /// The pattern of the names.
    pub(crate) names: Option<FoundPattern>,
    /// Seconds from one picture to the next; `None` where the names do not tell.
    pub(crate) step_s: Option<f64>,
    /// What the pictures show.
    pub(crate) findings: Findings,
}

impl Proposal {
    /// The plot area, `None` where it is the whole picture.
    pub(crate) fn crop(&self) -> Option<Rect> {
        let plot = self.findings.plot.value;
        ((plot.width(), plot.height()) != self.size).then_some(plot)
    }

    /// The time axis.
    pub(crate) fn time_axis(&self) -> TimeAxis {
        self.findings.time_axis.value
    }

    /// The chosen colour map.
    pub(crate) fn map(&self) -> Option<&ChosenMap> {
        self.findings.map.value.as_ref()
    }

    /// The map as `value.colormap` names it; `None` for one of the picture's own.
    pub(crate) fn map_name(&self) -> Option<String> {
        let map = self.map()?;
        let name = map.name.as_ref()?;
        Some(if map.reversed { format!("{name}_r") } else { name.clone() })
    }

    /// The best fits, for people.
    pub(crate) fn best_fits(&self) -> &[Fit] {
        &self.findings.fits[..self.findings.fits.len().min(4)]
    }

    /// What may well be wrong: configuration key and why.
    pub(crate) fn doubts(&self) -> Vec<(&'static str, String)> {
        let f = &self.findings;
        let mut doubts = Vec::new();
        if f.plot.confidence == Confidence::Doubtful {
            doubts.push(("crop", format!("the plot's rectangle ({})", f.plot.why)));
        }
        if f.map.confidence == Confidence::Doubtful {
            doubts.push(("value.colormap", format!("the colour map ({})", f.map.why)));
        }
        if f.diverging.confidence == Confidence::Doubtful {
            doubts.push(("value.fold", format!("whether values are signed ({})", f.diverging.why)));
        }
        if f.time_axis.confidence == Confidence::Doubtful {
            doubts.push(("crop.time_axis", format!("where time runs ({})", f.time_axis.why)));
        }
        if self.names.is_none() {
            doubts.push(("input.time_pattern", "the names tell no time".to_owned()));
        }
        if let Some(rival) = self.names.as_ref().and_then(|n| n.rival.as_ref()) {
            doubts.push(("input.time_pattern", format!("the names can also be read as {rival}")));
        }
        if self.step_s.is_none() {
            doubts
                .push(("input.duration_s", "the seconds a picture spans (no usual step between the names)".to_owned()));
        }
        doubts
    }

    /// What was found, in four lines.
    pub(crate) fn lines(&self) -> [String; 4] {
        let f = &self.findings;
        let plot = f.plot.value;
        let map = match (self.map_name(), self.map()) {
            (Some(name), _) => name,
            (None, Some(_)) => "the picture's own colour bar".to_owned(),
            (None, None) => "none found".to_owned(),
        };
        let signed = if f.diverging.value { ", signed values (fold)" } else { "" };
        let pattern = match &self.names {
            Some(FoundPattern { pattern: Some(p), .. }) => p.clone(),
            Some(_) => "*_%Y%m%d_%H%M%S".to_owned(),
            None => "no times".to_owned(),
        };
        let step = self.step_s.map_or("of unknown length".to_owned(), |s| format!("every {s} s"));
        [
            format!(
                "plot        rows {} to {}, columns {} to {} ({})",
                plot.top, plot.bottom, plot.left, plot.right, f.plot.why
            ),
            format!("colours     {map}{signed} ({})", f.map.why),
            format!("time        runs {} ({})", f.time_axis.value.name(), f.time_axis.why),
            format!("names       {pattern}, {} pictures, {step}", self.pictures),
        ]
    }
}

/// Nothing of an archive could be used to propose a configuration.
fn nothing_seen(input: &Path, done: &'static str) -> Error {
    ArchiveError::NothingSeen { path: input.to_path_buf(), what: "picture", done }.into()
}

/// Looks at the archive (a folder, or one picture).
///
/// # Errors
/// [`Error::Archive`] where there is no picture that can be decoded.
pub(crate) fn look(input: &Path, output: &Path) -> Result<Proposal> {
    let listing = archive::list(input, output)?;
    let stem = |f: &PathBuf| f.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let stems: Vec<String> = listing.files.iter().map(stem).collect();
    let names = find(&stems);
    let rule = names.as_ref().and_then(|n| TimePattern::new(n.pattern.as_deref(), 0.0));
    let mut timed: Vec<(Option<Micros>, &PathBuf)> =
        listing.files.iter().zip(&stems).map(|(f, s)| (rule.as_ref().and_then(|r| r.read(s)), f)).collect();
    timed.sort();
    let times: Vec<Micros> = timed.iter().filter_map(|t| t.0).collect();
    let step_s = cadence(&times).filter(|c| c.is_clear()).map(|c| c.step_s);
    let chosen = sample(&timed, step_s);
    let decoded: Vec<(Option<Micros>, &PathBuf, Picture)> =
        chosen.into_iter().filter_map(|(time, path)| Some((time, path, picture(path)?))).collect();
    let Some(size) = usual_size(&decoded) else {
        return Err(nothing_seen(input, "decoded"));
    };
    let alike: Vec<(Option<Micros>, &PathBuf, Picture)> =
        decoded.into_iter().filter(|d| (d.2.width(), d.2.height()) == size).collect();
    let follows: Vec<bool> = alike
        .windows(2)
        .map(|w| matches!((w[0].0, w[1].0, step_s), (Some(a), Some(b), Some(s)) if a < b && !is_gap(a, b, s)))
        .collect();
    let example = alike[0].1.clone();
    let pictures: Vec<Picture> = alike.into_iter().map(|d| d.2).collect();
    let Some(findings) = recognize(&pictures, &follows, &colormap::known()) else {
        return Err(nothing_seen(input, "recognised"));
    };
    Ok(Proposal { input: input.to_path_buf(), pictures: listing.files.len(), size, example, names, step_s, findings })
}

/// Runs of pictures that follow each other.
fn sample<'a>(timed: &[(Option<Micros>, &'a PathBuf)], step_s: Option<f64>) -> Vec<(Option<Micros>, &'a PathBuf)> {
    let n = timed.len();
    if n <= RUNS * RUN_PICTURES {
        return timed.to_vec();
    }
    let unbroken = |from: usize| {
        let run = &timed[from..(from + RUN_PICTURES).min(n)];
        run.windows(2)
            .filter(|w| matches!((w[0].0, w[1].0, step_s), (Some(a), Some(b), Some(s)) if a < b && !is_gap(a, b, s)))
            .count()
    };
    let mut out = Vec::new();
    let part = n / RUNS;
    for k in 0..RUNS {
        // The least broken run of this part, the first of equals.
        let last = ((k + 1) * part).saturating_sub(RUN_PICTURES).max(k * part);
        let best = (k * part..=last.min(k * part + 200)).max_by_key(|from| (unbroken(*from), std::cmp::Reverse(*from)));
        let from = best.unwrap_or(k * part);
        out.extend_from_slice(&timed[from..(from + RUN_PICTURES).min((k + 1) * part).min(n)]);
    }
    out
}

fn picture(path: &Path) -> Option<Picture> {
    let pixels = decode::decode(path, None, MAX_PIXELS).ok()?;
    Picture::new(pixels.columns, pixels.rows, pixels.rgb)
}

/// The most common size, the first of equals.
fn usual_size(decoded: &[(Option<Micros>, &PathBuf, Picture)]) -> Option<(usize, usize)> {
    let sizes: Vec<(usize, usize)> = decoded.iter().map(|d| (d.2.width(), d.2.height())).collect();
    let count = |size: &(usize, usize)| sizes.iter().filter(|s| *s == size).count();
    let most = sizes.iter().map(count).max()?;
    sizes.iter().find(|s| count(s) == most).copied()
}
