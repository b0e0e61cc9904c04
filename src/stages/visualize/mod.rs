//! Pictures from stored results.
//!
//! Everything is drawn from files: the clustered rows, the components, the stored days, and the archive's images where
//! they still are. What does not fit a run (waterfalls of a seismogram, components that were not kept) is left out. Of
//! a long archive only some groups and images are drawn, see `choose`.

mod images;

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::reduce::{independent_file, principal_file};
use super::results::{Results, images_held, left_out, rows_file};
use super::rows::{read_matrix, stored_windows};
use super::waterfalls::Waterfalls;
use super::{StageRecord, design, features_config};
use crate::config::{Config, Picture};
use crate::error::{Result, StoredError};
use crate::formats;
use crate::progress::Context;
use crate::store::day::{Stage, digest, identity};
use crate::store::pictures::SavePicture;
use scatterfall_figures::bank::Domain;
use scatterfall_figures::clusters::{Candidate, centroids, selection};
use scatterfall_figures::counts::{Counts, accumulated, occurrences};
use scatterfall_figures::coverage::{Coverage, coverage};
use scatterfall_figures::map::{MAX_NAMED, cluster_map, score_map};
use scatterfall_figures::rate::detection_rate;
use scatterfall_figures::reachability::reachability;
use scatterfall_figures::reduction::{Kind, explained_variance, first_two, over_time};
use scatterfall_npz::NpzFile;

/// Version of the pictures: raised whenever the same results are drawn in another way.
const DRAWING: u32 = 3;

/// Groups of images that are stacked at most, and images drawn beside their features.
const MAX_DRAWN: usize = 12;

/// The folder of the pictures.
pub(super) fn folder(output: &Path) -> PathBuf {
    output.join("visualizations")
}

pub(super) fn record_file(output: &Path) -> PathBuf {
    folder(output).join("record.json")
}

/// What the pictures on disk were drawn from, and which they are.
#[derive(Debug, Serialize, Deserialize)]
struct Drawn {
    made_from: StageRecord,
    /// The archive's images were there: without them the waterfalls are left out, with them they are kept even after
    /// the images have gone.
    with_images: bool,
    /// The pictures, from the output folder.
    files: Vec<String>,
}

/// A piece of work: draws some pictures, saves them, returns their files.
type Job<'a> = Box<dyn Fn() -> Result<Vec<PathBuf>> + Send + Sync + 'a>;

/// Draws the pictures that the configuration asks for; false where those on disk are current.
///
/// # Errors
/// [`crate::Error::Stored`] where there are no clusters yet; those of reading and writing.
pub fn compute(ctx: &Context<'_>) -> Result<bool> {
    let config = ctx.config;
    let output = &config.output.path;
    let path = rows_file(output);
    if !path.is_file() {
        return Err(StoredError::Missing { path, command: "cluster" }.into());
    }
    let made_from = source(config)?;
    let drawn = std::fs::read(record_file(output)).ok().and_then(|t| serde_json::from_slice::<Drawn>(&t).ok());
    let drawn = drawn.filter(|d| d.made_from == made_from && d.files.iter().all(|f| output.join(f).is_file()));
    if drawn.as_ref().is_some_and(|d| d.with_images) {
        return Ok(false);
    }
    let results = Results::read(config)?;
    let waterfalls = Waterfalls::new(config, &results.images)?;
    if drawn.is_some() && !waterfalls.available {
        return Ok(false);
    }
    if !waterfalls.available && results.has_distance() {
        tracing::warn!(
            "{}: the archive's images are not there; pictures of waterfalls are left out",
            config.input.path.display()
        );
    }
    StageRecord::remove(&record_file(output))?;
    remove_pictures(output)?;
    let jobs = jobs(config, &results, &waterfalls)?;
    ctx.observer.begin("visualize", jobs.len() as u64, "pictures");
    let files: Result<Vec<Vec<PathBuf>>> = ctx.pool.install(|| {
        let draw = |job: &Job<'_>| {
            ctx.check()?;
            let files = job()?;
            ctx.observer.advance(1, 0);
            Ok(files)
        };
        jobs.par_iter().map(draw).collect()
    });
    ctx.observer.end();
    let below = |path: PathBuf| path.strip_prefix(output).unwrap_or(&path).to_string_lossy().into_owned();
    let mut files: Vec<String> = files?.into_iter().flatten().map(below).collect();
    files.sort();
    let drawn = Drawn { made_from, with_images: waterfalls.available, files };
    super::write_json(&record_file(output), &drawn)?;
    Ok(true)
}

/// Everything that the pictures depend on, but for whether images are still there.
fn source(config: &Config) -> Result<StageRecord> {
    let output = &config.output.path;
    let mut before = Vec::new();
    let summary = super::cluster_files::folder(output).join("summary.json");
    let order = formats::reachability::file(output);
    for file in [rows_file(output), summary, independent_file(output), principal_file(output), order] {
        before.push(if file.is_file() { digest(&file)? } else { "none".into() });
    }
    for day in Stage::Features.days(output)? {
        before.push(identity(&Stage::Features.file(output, &day)));
    }
    let sections = config.sections(&["visualize", "segments", "network"]);
    let settings = json!({
        "drawing": DRAWING,
        "sections": sections,
        "kinds_eps": config.kinds.eps,
        "features": features_config(config),
        "db": [config.value.db_min, config.value.db_max],
        "left_out": left_out(output),
    });
    Ok(StageRecord::new(settings, before))
}

fn jobs<'a>(config: &'a Config, results: &'a Results, waterfalls: &'a Waterfalls<'_>) -> Result<Vec<Job<'a>>> {
    let wanted = |picture| config.visualize.methods.contains(&picture);
    let mut jobs: Vec<Job<'a>> = Vec::new();
    // An empty list asks for no picture at all.
    if config.visualize.methods.is_empty() {
        return Ok(jobs);
    }
    // The longest first, so that no core is left with one of them at the end.
    if waterfalls.available {
        if wanted(Picture::WaterfallClusters) {
            images::stacks(config, results, waterfalls, &mut jobs);
        }
        if wanted(Picture::FeaturesClusters) {
            images::features(config, results, waterfalls, &mut jobs);
        }
        images::examples_of_clusters(config, results, waterfalls, &mut jobs);
    }
    if wanted(Picture::ClusterCounts) {
        jobs.push(Box::new(move || cluster_counts(config, results)));
    }
    reduction(config, results, &mut jobs);
    model(config, results, &mut jobs);
    archive(config, results, &mut jobs)?;
    if let Some(network) = stored_windows(config).and_then(|windows| {
        let cut = crate::plans::segmentation(config, windows).ok()?;
        crate::plans::network(config, &cut).ok()
    }) {
        let output = &config.output.path;
        let layers = network.layers.len();
        let network = std::sync::Arc::new(network);
        for layer in 0..layers {
            let network = std::sync::Arc::clone(&network);
            jobs.push(Box::new(move || Ok(vec![design::draw(output, &network, layer, Domain::Distance)?])));
        }
    }
    Ok(jobs)
}

/// How often each cluster occurs at one place.
fn cluster_counts(config: &Config, results: &Results) -> Result<Vec<PathBuf>> {
    let wanted = config.visualize.occurrences_km;
    let input = Counts {
        times: &results.image_times(),
        labels: &results.labels_at(wanted),
        duration: results.duration,
        accumulate: config.visualize.accumulate_files,
        place_km: results.has_distance().then_some(wanted),
    };
    save_counts(&input, results.clusters, &folder(&config.output.path).join("cluster_counts"))
}

/// Writes `clusterK_counts.png` and `clusterK_accumulated_counts.png` for every label from 0 to `clusters - 1`.
///
/// # Errors
/// [`crate::Error::Io`] where a file cannot be written.
fn save_counts(input: &Counts<'_>, clusters: usize, folder: &Path) -> Result<Vec<PathBuf>> {
    let labels = 0..i32::try_from(clusters).unwrap_or(i32::MAX);
    let pictures = labels.into_par_iter().map(|label| {
        let paths = ["counts", "accumulated_counts"].map(|kind| folder.join(format!("cluster{label}_{kind}.png")));
        occurrences(input, label).save(&paths[0])?;
        accumulated(input, label).save(&paths[1])?;
        Ok(paths)
    });
    Ok(pictures.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Principal and independent components.
fn reduction<'a>(config: &'a Config, results: &'a Results, jobs: &mut Vec<Job<'a>>) {
    let output = &config.output.path;
    let folder = folder(output).join("pca_ica");
    for (source, kind, name) in [
        (principal_file(output), Kind::Principal, "principal_components"),
        (independent_file(output), Kind::Independent, "independent_components"),
    ] {
        if !source.is_file() {
            continue;
        }
        let folder = folder.clone();
        jobs.push(Box::new(move || {
            let mut file = NpzFile::open(&source)?;
            let values = read_matrix(&mut file, &source, "features")?;
            let mut files = Vec::new();
            if kind == Kind::Principal {
                let (_, ratio) = file.read::<f64>("explained_variance_ratio")?;
                files.push(folder.join("explained_variance.png"));
                explained_variance(&ratio).save(&folder.join("explained_variance.png"))?;
            }
            let along = folder.join(format!("{name}.png"));
            over_time(values.view(), &results.times, results.duration, kind).save(&along)?;
            let two = folder.join(format!("{name}_first_two.png"));
            if results.has_distance() {
                first_two(values.view(), &results.place_km, "distance (km)", kind).save(&two)?;
            } else {
                let (time, name) = elapsed(results);
                first_two(values.view(), &time, name, kind).save(&two)?;
            }
            files.extend([along, two]);
            Ok(files)
        }));
    }
}

/// Time of each row since the first, and what it is in.
#[expect(clippy::cast_precision_loss, reason = "microseconds of a run")]
fn elapsed(results: &Results) -> (Vec<f64>, &'static str) {
    let first = results.times.first().copied().unwrap_or_default();
    let since = |t: &i64| t.saturating_sub(first) as f64 / 1e6;
    let (unit, name) = match results.times.last().map_or(0.0, since) {
        s if s < 600.0 => (1.0, "time since the first row (s)"),
        s if s < 36_000.0 => (60.0, "time since the first row (min)"),
        s if s < 864_000.0 => (3_600.0, "time since the first row (h)"),
        _ => (86_400.0, "time since the first row (days)"),
    };
    (results.times.iter().map(|t| since(t) / unit).collect(), name)
}

/// What the clusters are, and how their number was chosen.
fn model<'a>(config: &'a Config, results: &'a Results, jobs: &mut Vec<Job<'a>>) {
    let folder = folder(&config.output.path);
    if let Some(centers) = results.centers() {
        let path = folder.join("centroids.png");
        jobs.push(Box::new(move || {
            centroids(centers.view(), &results.sizes(), "IC").save(&path)?;
            Ok(vec![path.clone()])
        }));
    }
    let order = formats::reachability::file(&config.output.path);
    if order.is_file() {
        let path = folder.join("reachability.png");
        jobs.push(Box::new(move || {
            reachability(&formats::reachability::read(&order)?, config.kinds.eps).save(&path)?;
            Ok(vec![path.clone()])
        }));
    }
    let candidate = |line: &serde_json::Value| {
        Some(Candidate {
            components: usize::try_from(line["components"].as_u64()?).ok()?,
            log_likelihood: line["log_likelihood"].as_f64()?,
            aic: line["aic"].as_f64()?,
            bic: line["bic"].as_f64()?,
        })
    };
    let lines = results.summary["selection"].as_array();
    let candidates: Vec<Candidate> = lines.into_iter().flatten().filter_map(candidate).collect();
    if !candidates.is_empty() {
        let path = folder.join("selection.png");
        jobs.push(Box::new(move || {
            selection(&candidates, results.clusters).save(&path)?;
            Ok(vec![path.clone()])
        }));
    }
}

/// The archive as a whole: maps, rates, coverage.
fn archive<'a>(config: &'a Config, results: &'a Results, jobs: &mut Vec<Job<'a>>) -> Result<()> {
    let folder = folder(&config.output.path);
    let mut add = |name: &str, draw: fn(&scatterfall_figures::rows::Rows<'_>) -> scatterfall_figures::Canvas| {
        let path = folder.join(name);
        jobs.push(Box::new(move || {
            draw(&results.rows()).save(&path)?;
            Ok(vec![path.clone()])
        }));
    };
    add("detection_rate.png", detection_rate);
    // Rows of seismograms have no places to map.
    if results.has_distance() {
        add("cluster_map.png", cluster_map);
        if results.scores.iter().any(|s| s.is_finite()) {
            add("score_map.png", score_map);
        }
    }
    let held = images_held(config, results)?;
    if !held.is_empty() {
        let times = super::results::left_out_times(config);
        let path = folder.join("coverage.png");
        jobs.push(Box::new(move || {
            let input = Coverage { held: &held, left_out: &times, duration: results.duration };
            coverage(&input).save(&path)?;
            Ok(vec![path.clone()])
        }));
    }
    Ok(())
}

/// Which of many things to draw, given the score of each: all, or two thirds of `most` evenly spaced and the rest
/// those with the highest scores. Ascending.
fn choose(scores: &[f64], most: usize) -> Vec<usize> {
    let n = scores.len();
    if n <= most {
        return (0..n).collect();
    }
    let even = (2 * most).div_ceil(3);
    let mut chosen: Vec<usize> = (0..even).map(|k| (2 * k + 1) * n / (2 * even)).collect();
    let mut worst: Vec<usize> = (0..n).filter(|i| scores[*i].is_finite() && !chosen.contains(i)).collect();
    worst.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    chosen.extend(worst.into_iter().take(most - even));
    chosen.sort_unstable();
    chosen
}

/// The labels that get pictures of their own.
fn named_clusters(results: &Results) -> std::ops::Range<i32> {
    0..i32::try_from(results.clusters).unwrap_or(MAX_NAMED).min(MAX_NAMED)
}

/// Removes the pictures of an earlier run, and nothing else: a scattergram is not drawn here.
fn remove_pictures(output: &Path) -> Result<()> {
    const FOLDERS: [&str; 5] = ["cluster_counts", "cluster_blackdots", "features_clusters", "examples", "pca_ica"];
    const FILES: [&str; 6] =
        ["cluster_map.png", "score_map.png", "detection_rate.png", "coverage.png", "centroids.png", "selection.png"];
    let mut old: Vec<PathBuf> = FILES.iter().map(|f| folder(output).join(f)).collect();
    for name in FOLDERS {
        let Ok(entries) = std::fs::read_dir(folder(output).join(name)) else { continue };
        old.extend(entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "png")));
    }
    old.iter().try_for_each(|path| StageRecord::remove(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_archives_are_sampled_evenly_and_at_the_worst() {
        assert_eq!(choose(&[1.0; 12], 12), (0..12).collect::<Vec<_>>(), "as many as are drawn: all");
        let mut scores = vec![1.0; 4_320];
        (scores[7], scores[8], scores[4_000], scores[270]) = (50.0, f64::NAN, 40.0, 60.0);
        let chosen = choose(&scores, 12);
        assert_eq!(chosen.len(), 12, "no more, none twice: {chosen:?}");
        assert!([7, 270, 4_000].iter().all(|i| chosen.contains(i)), "the highest scores: {chosen:?}");
        assert!(!chosen.contains(&8), "no score is not the highest");
        assert!([810, 1_350, 4_050].iter().all(|i| chosen.contains(i)), "evenly spaced: {chosen:?}");
        assert_eq!(choose(&[f64::NAN; 100], 12).len(), 8, "without scores only the evenly spaced");
        assert!(choose(&[], 12).is_empty(), "nothing");
    }
}
