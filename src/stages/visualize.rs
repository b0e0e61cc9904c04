//! Pictures from stored results.

use std::path::{Path, PathBuf};

use super::results::folder;
use super::rows::{read_places, stored_geometry};
use crate::config::{Config, Picture};
use crate::error::{Error, Result};
use crate::places::Places;
use crate::plots::counts::{Counts, save_counts};
use crate::progress::Context;
use crate::stages::reduce::independent_file;
use crate::store::npz::NpzFile;
use crate::time::micros;

/// Draws the pictures that the configuration asks for; returns their files.
///
/// # Errors
/// [`Error::Input`] where there are no clusters yet; those of reading and writing.
pub fn compute(ctx: &Context<'_>) -> Result<Vec<PathBuf>> {
    let config = ctx.config;
    let source = independent_file(&config.output.path);
    let labels_file = folder(&config.output.path).join("cluster_labels.dat");
    if !labels_file.is_file() || !source.is_file() {
        return Err(Error::Input(format!("{}: nothing there; run `scatterfall cluster` first", labels_file.display())));
    }
    let labels = read_labels(&labels_file)?;
    let places = read_places(&mut NpzFile::open(&source)?, &source, None)?;
    if labels.len() != places.times.len() {
        let found = format!("{} labels for {} rows; run `scatterfall cluster` again", labels.len(), places.times.len());
        return Err(Error::store(&labels_file, found));
    }
    let mut files = Vec::new();
    if config.visualize.methods.contains(&Picture::ClusterCounts) {
        files.extend(cluster_counts(config, &places, &labels)?);
    }
    Ok(files)
}

fn read_labels(path: &Path) -> Result<Vec<i32>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let label = |line: &str| line.split_whitespace().nth(1).and_then(|l| l.parse().ok());
    let labels: Option<Vec<i32>> = text.lines().skip(1).map(label).collect();
    labels.ok_or_else(|| Error::store(path, "not a file of `distance cluster` lines; run `scatterfall cluster` again"))
}

/// How often each cluster occurs at one place.
fn cluster_counts(config: &Config, places: &Places, labels: &[i32]) -> Result<Vec<PathBuf>> {
    let geometry = stored_geometry(config);
    let wanted = config.visualize.occurrences_km;
    // Of each image the row nearest the wanted place; the first of two that are equally near.
    let (mut times, mut nearest): (Vec<i64>, Vec<(f64, i32)>) = (Vec::new(), Vec::new());
    for ((&time, &distance), &label) in places.times.iter().zip(&places.distance).zip(labels) {
        let apart = (geometry.place(distance) - wanted).abs();
        match (times.last(), nearest.last_mut()) {
            (Some(&last), Some(best)) if last == time => {
                if apart < best.0 {
                    *best = (apart, label);
                }
            }
            _ => {
                times.push(time);
                nearest.push((apart, label));
            }
        }
    }
    let chosen: Vec<i32> = nearest.iter().map(|(_, label)| *label).collect();
    let clusters = labels.iter().copied().max().map_or(0, |l| usize::try_from(l + 1).unwrap_or(0));
    let input = Counts {
        times: &times,
        labels: &chosen,
        duration: micros(geometry.duration_s),
        accumulate: config.visualize.accumulate_files,
        place_km: wanted,
    };
    let folder = config.output.path.join("visualizations").join("cluster_counts");
    // Fewer clusters than last time must not leave the old ones' pictures behind.
    remove_pictures(&folder)?;
    save_counts(&input, clusters, &folder)
}

/// Removes the pictures of a folder that is about to be drawn anew.
fn remove_pictures(folder: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for path in entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "png")) {
        std::fs::remove_file(&path).map_err(|e| Error::io("replace", &path, e))?;
    }
    Ok(())
}
