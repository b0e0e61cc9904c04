//! The page's maps: levels, scores and clusters, streamed from the stored days.

use std::path::{Path, PathBuf};

use scatterfall_page::{Grid, LabelMap, LevelMap, ScoreMap, TimeAxis};

use super::super::results::Results;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::store::day::Stage;
use scatterfall_npz::{NpzFile, Time};
use scatterfall_timestamps::Micros;

/// The files `detection/STEM_YYYYMMDD.npz`, by day.
fn detection_files(output: &Path, stem: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(output.join("detection")) else { return Vec::new() };
    let is_one = |p: &PathBuf| {
        let name = p.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        name.starts_with(&format!("{stem}_")) && name.ends_with(".npz")
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(is_one).collect();
    files.sort();
    files
}

/// Ends of `n` places of equal length between two distances.
fn even_edges(from: f64, to: f64, n: usize) -> Vec<f64> {
    (0..=n).map(|i| from + (to - from) * i as f64 / n.max(1) as f64).collect()
}

fn fibre(config: &Config) -> (f64, f64) {
    let input = &config.input;
    (input.distance_offset_km, input.distance_offset_km + input.total_distance_km)
}

/// Levels from the detector's record, else the images' means from the stored features.
///
/// # Errors
/// Those of reading.
pub(super) fn level(config: &Config, axis: &TimeAxis, image_us: Micros) -> Result<Option<Grid>> {
    let files = detection_files(&config.output.path, "blocks");
    if files.is_empty() { feature_levels(config, axis, image_us) } else { block_levels(config, axis, image_us, &files) }
}

fn block_levels(config: &Config, axis: &TimeAxis, image_us: Micros, files: &[PathBuf]) -> Result<Option<Grid>> {
    let mut map: Option<(LevelMap, usize)> = None;
    for path in files {
        let mut file = NpzFile::open(path)?;
        let wrong = |what: String| Error::store(path, format!("{what}; run `scatterfall detect` again"));
        let (_, times) = file.read::<Time>("times")?;
        let (shape, level) = file.read::<f32>("level")?;
        let (_, scale) = file.read::<f32>("scale")?;
        let mut blocks = file.stream("blocks")?;
        let [images, steps, places] = blocks.shape()[..] else {
            return Err(wrong(format!("blocks has the shape {:?}", blocks.shape())));
        };
        let fits = shape == [images, places] && scale.len() == level.len() && times.len() == images;
        if !fits || steps == 0 || places == 0 {
            return Err(wrong(format!("blocks has the shape {:?}, level {shape:?}", blocks.shape())));
        }
        let step = (image_us / steps as i64).max(1);
        let (map, known) = map.get_or_insert_with(|| {
            let (from, to) = fibre(config);
            (LevelMap::new(axis, &even_edges(from, to, places), step), places)
        });
        if *known != places {
            return Err(wrong(format!("{places} places, not {known} as the days before")));
        }
        let mut values: Vec<f32> = Vec::new();
        for (i, time) in times.iter().enumerate() {
            blocks.read(steps * places, &mut values).map_err(|e| Error::store(path, format!("blocks: {e}")))?;
            let (level, scale) = (&level[i * places..][..places], &scale[i * places..][..places]);
            for (k, row) in values.chunks_exact_mut(places).enumerate() {
                to_decibels(row, level, scale, config);
                map.add(time.0 + k as i64 * step, step, row);
            }
        }
    }
    Ok(map.map(|(map, _)| map.finish()))
}

/// Whitened means into dB: times the noise, plus the background, both in index units.
fn to_decibels(row: &mut [f32], level: &[f32], scale: &[f32], config: &Config) {
    let db_per_index = ((config.value.db_max - config.value.db_min) / 255.0) as f32;
    for ((value, level), scale) in row.iter_mut().zip(level).zip(scale) {
        *value = (level + *value * scale) * db_per_index;
    }
}

/// One level per image and window: the mean (else the median or the maximum) in dB, averaged to a quarter of a kilometre.
fn feature_levels(config: &Config, axis: &TimeAxis, image_us: Micros) -> Result<Option<Grid>> {
    let output = &config.output.path;
    let names = config.features.names.iter().map(|f| f.name()).collect::<Vec<_>>();
    let Some(feature) = ["mean", "median", "max"].iter().find_map(|n| names.iter().position(|m| m == n)) else {
        return Ok(None);
    };
    let (from, to) = fibre(config);
    let places = ((to - from) / 0.25).round().clamp(1.0, 400.0) as usize;
    let mut map = LevelMap::new(axis, &even_edges(from, to, places), image_us);
    let scale = (config.value.db_max - config.value.db_min) / 255.0;
    for day in Stage::Features.days(output)? {
        let path = Stage::Features.file(output, &day);
        let mut file = NpzFile::open(&path)?;
        let (_, times) = file.read::<Time>("times")?;
        let (_, distance) = file.read::<f64>("distance")?;
        let mut stream = file.stream("features")?;
        let [images, windows, features] = stream.shape()[..] else { return Ok(None) };
        if features != names.len() || windows != distance.len() || images != times.len() {
            return Ok(None);
        }
        let place: Vec<usize> =
            distance.iter().map(|km| (((km - from) / (to - from) * places as f64) as usize).min(places - 1)).collect();
        let mut values: Vec<f32> = Vec::new();
        for time in times {
            stream.read(windows * features, &mut values).map_err(|e| Error::store(&path, format!("features: {e}")))?;
            let (mut sums, mut counts) = (vec![0.0f32; places], vec![0.0f32; places]);
            for (window, &p) in values.chunks_exact(features).zip(&place) {
                sums[p] += window[feature];
                counts[p] += 1.0;
            }
            // No window: NaN, which stands for missing.
            let levels: Vec<f32> = sums.iter().zip(&counts).map(|(s, n)| s / n * scale as f32).collect();
            map.add(time.0, image_us, &levels);
        }
    }
    Ok(Some(map.finish()))
}

/// Scores from the detector's cells, else those of the rows.
///
/// # Errors
/// Those of reading.
pub(super) fn score(config: &Config, results: &Results, axis: &TimeAxis) -> Result<Option<Grid>> {
    let files = detection_files(&config.output.path, "scores");
    if files.is_empty() {
        return Ok(row_scores(results, axis));
    }
    let mut map: Option<ScoreMap> = None;
    for path in files {
        let mut file = NpzFile::open(&path)?;
        let (_, times) = file.read::<Time>("times")?;
        let (_, edges) = file.read::<f64>("distance")?;
        let (shape, scores) = file.read::<f32>("score")?;
        let cells = edges.len().saturating_sub(1);
        if shape != [times.len(), cells] || cells == 0 {
            return Err(Error::store(&path, format!("score has the shape {shape:?}; run `scatterfall detect` again")));
        }
        let map = map.get_or_insert_with(|| ScoreMap::new(axis, &edges, results.duration));
        for (time, row) in times.iter().zip(scores.chunks_exact(cells)) {
            map.add(time.0, results.duration, row);
        }
    }
    Ok(map.map(ScoreMap::finish))
}

/// Ends of the stretches that rows stand for, and the number of each row's stretch.
fn row_places(results: &Results) -> (Vec<f64>, Vec<usize>) {
    if !results.has_distance() {
        return (vec![0.0, 1.0], vec![0; results.times.len()]);
    }
    let mut starts = results.place_km.clone();
    starts.sort_by(f64::total_cmp);
    starts.dedup_by(|a, b| (*a - *b).abs() < 1e-6);
    let place = |km: &f64| starts.partition_point(|s| *s <= km + 1e-6).saturating_sub(1);
    let places = results.place_km.iter().map(place).collect();
    let mut edges = starts;
    // The last segment reaches as far as it is long.
    edges.extend(edges.last().map(|last| last + results.geometry.segment_km));
    (edges, places)
}

fn row_scores(results: &Results, axis: &TimeAxis) -> Option<Grid> {
    if !results.scores.iter().any(|s| s.is_finite()) {
        return None;
    }
    let (edges, places) = row_places(results);
    let mut map = ScoreMap::new(axis, &edges, results.duration);
    for (i, &place) in places.iter().enumerate() {
        map.add_one(results.times[i], results.duration, place, results.scores[i] as f32);
    }
    Some(map.finish())
}

/// Clusters of the rows.
pub(super) fn clusters(results: &Results, axis: &TimeAxis) -> Option<Grid> {
    if results.labels.is_empty() {
        return None;
    }
    let (edges, places) = row_places(results);
    let mut map = LabelMap::new(axis, &edges, results.duration);
    for (i, &place) in places.iter().enumerate() {
        map.add(results.times[i], results.duration, place, results.labels[i], results.scores[i] as f32);
    }
    Some(map.finish())
}
