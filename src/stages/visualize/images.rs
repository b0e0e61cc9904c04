//! Pictures with waterfalls: stacks with marked rows, images beside their features, examples of clusters.

use std::sync::Arc;

use ndarray::Array2;

use super::{Job, MAX_DRAWN, choose, folder, named_clusters};
use crate::config::{Config, Feature};
use crate::error::{Error, Result};
use crate::stages::results::Results;
use crate::stages::waterfalls::{Picture, Waterfalls};
use crate::store::day::Stage;
use crate::store::pictures::SavePicture;
use scatterfall_figures::counts::groups;
use scatterfall_figures::examples::{Example, examples};
use scatterfall_figures::image_features::{ImageFeatures, features_clusters};
use scatterfall_figures::stack::{Mark, Stack};
use scatterfall_figures::waterfall::Waterfall;
use scatterfall_npz::NpzFile;
use scatterfall_npz::Time;
use scatterfall_scattering::backend::cpu::gabor_response;
use scatterfall_timestamps::{Micros, compact, day_name};

/// Examples of each kind in a picture.
const EXAMPLES: usize = 5;

/// The highest score of an image's rows; NaN where none has one.
fn score_of(results: &Results, time: Micros) -> f64 {
    results.rows_of(time).map(|i| results.scores[i]).fold(f64::NAN, f64::max)
}

/// Groups of images under each other, a picture a group and cluster.
pub(super) fn stacks<'a>(
    config: &'a Config,
    results: &'a Results,
    waterfalls: &'a Waterfalls<'_>,
    jobs: &mut Vec<Job<'a>>,
) {
    let (step, size) = (config.visualize.image_step, config.visualize.images_per_group);
    let times = results.image_times();
    let groups: Vec<Vec<Micros>> = groups(&times, results.duration, step.saturating_mul(size))
        .into_iter()
        .map(|g| g.images.step_by(step).map(|i| times[i]).collect())
        .collect();
    let score = |g: &Vec<Micros>| g.iter().map(|&t| score_of(results, t)).fold(f64::NAN, f64::max);
    let chosen = choose(&groups.iter().map(score).collect::<Vec<_>>(), MAX_DRAWN);
    if chosen.len() < groups.len() {
        tracing::info!(
            "cluster_blackdots: {} of {} groups of images are drawn: evenly spaced ones, and those with the highest scores",
            chosen.len(),
            groups.len()
        );
    }
    for g in chosen {
        let times = groups[g].clone();
        jobs.push(Box::new(move || stack(config, results, waterfalls, &times)));
    }
}

fn stack(
    config: &Config,
    results: &Results,
    waterfalls: &Waterfalls<'_>,
    times: &[Micros],
) -> Result<Vec<std::path::PathBuf>> {
    let pictures: Vec<(Micros, Arc<Picture>)> =
        times.iter().filter_map(|&t| Some((t, waterfalls.shared(t)?))).collect();
    let Some(&(first, _)) = pictures.first() else { return Ok(Vec::new()) };
    let views: Vec<Waterfall<'_>> = pictures.iter().map(|(_, p)| p.view()).collect();
    let stack = Stack::new(&views, waterfalls.scene(results.geometry.segment_km));
    let mut marks = Vec::new();
    for (image, &(time, _)) in pictures.iter().enumerate() {
        let mark = |i: usize| Mark { image, distance_km: results.place_km[i], label: results.labels[i] };
        marks.extend(results.rows_of(time).map(mark));
    }
    let folder = folder(&config.output.path).join("cluster_blackdots");
    let mut files = Vec::new();
    for label in named_clusters(results) {
        let path = folder.join(format!("{}_cluster{label}.png", compact(first)));
        stack.marked(&marks, label).save(&path)?;
        files.push(path);
    }
    Ok(files)
}

/// Images beside their features and clusters.
pub(super) fn features<'a>(
    config: &'a Config,
    results: &'a Results,
    waterfalls: &'a Waterfalls<'_>,
    jobs: &mut Vec<Job<'a>>,
) {
    let times = results.image_times();
    let scores: Vec<f64> = times.iter().map(|&t| score_of(results, t)).collect();
    let chosen = choose(&scores, MAX_DRAWN);
    if chosen.len() < times.len() {
        tracing::info!(
            "features_clusters: {} of {} images are drawn: evenly spaced ones, and those with the highest scores",
            chosen.len(),
            times.len()
        );
    }
    for i in chosen {
        let time = times[i];
        jobs.push(Box::new(move || {
            let Some(picture) = waterfalls.shared(time) else { return Ok(Vec::new()) };
            let path = folder(&config.output.path).join("features_clusters").join(format!("{}.png", compact(time)));
            one_image(config, results, waterfalls, &picture.view())?.save(&path)?;
            Ok(vec![path])
        }));
    }
}

fn one_image(
    config: &Config,
    results: &Results,
    waterfalls: &Waterfalls<'_>,
    image: &Waterfall<'_>,
) -> Result<scatterfall_figures::Canvas> {
    let (distance, stored) = stored_features(config, image)?;
    let column = |feature| -> Option<Vec<f32>> {
        let k = config.features.names.iter().position(|&f| f == feature)?;
        Some(stored.as_ref()?.column(k).to_vec())
    };
    let (std, frequency) = (column(Feature::Std), column(Feature::DominantFrequency));
    let gabor = column(Feature::Gabor).map(|mean| (gabor_response(image.indices, image.rows, image.columns), mean));
    let others: Vec<(&str, &str, Vec<f32>)> = config
        .features
        .names
        .iter()
        .filter_map(|&feature| {
            let (title, unit) = in_words(feature)?;
            Some((title, unit, column(feature)?))
        })
        .collect();
    let others: Vec<(&str, &str, &[f32])> = others.iter().map(|(title, unit, v)| (*title, *unit, &v[..])).collect();
    let segments: Vec<(f64, i32)> =
        results.rows_of(image.time).map(|i| (results.place_km[i], results.labels[i])).collect();
    let input = ImageFeatures {
        image: *image,
        name: waterfalls.name(image.time),
        distance: &distance,
        std: std.as_deref(),
        gabor: gabor.as_ref().map(|(response, mean)| (&response[..], &mean[..])),
        dominant_frequency: frequency.as_deref(),
        others: &others,
        segments: &segments,
        clusters: results.clusters,
    };
    Ok(features_clusters(&input, &waterfalls.scene(results.geometry.segment_km)))
}

/// Name and unit of a feature that has no panel of a kind of its own.
fn in_words(feature: Feature) -> Option<(&'static str, &'static str)> {
    match feature {
        Feature::Std | Feature::Gabor | Feature::DominantFrequency => None,
        Feature::Mean => Some(("mean", "colour index")),
        Feature::Median => Some(("median", "colour index")),
        Feature::P75 => Some(("upper quartile", "colour index")),
        Feature::Max => Some(("largest value", "colour index")),
        Feature::SlopeAspect => Some(("slope aspect", "degrees · m/s")),
    }
}

/// The centres of the windows (km) and the features of one image, `(windows, features)`, where they are stored.
#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn stored_features(config: &Config, image: &Waterfall<'_>) -> Result<(Vec<f64>, Option<Array2<f32>>)> {
    let path = Stage::Features.file(&config.output.path, &day_name(image.time));
    if !path.is_file() {
        return Ok((Vec::new(), None));
    }
    let mut file = NpzFile::open(&path)?;
    let (_, times) = file.read::<Time>("times")?;
    let Some(number) = times.iter().position(|t| t.0 == image.time) else { return Ok((Vec::new(), None)) };
    let half = config.features.window as f64 / 2.0 * config.input.total_distance_km / image.columns.max(1) as f64;
    let distance: Vec<f64> = file.read::<f64>("distance")?.1.into_iter().map(|d| d + half).collect();
    let mut stream = file.stream("features")?;
    let [_, windows, features] = *stream.shape() else {
        return Err(Error::store(&path, "`features` is not (images, windows, features)"));
    };
    if windows != distance.len() || features != config.features.names.len() {
        return Err(Error::store(&path, "features of another configuration; run `scatterfall features` again"));
    }
    let mut values = Vec::new();
    for _ in 0..=number {
        stream.read::<f32>(windows * features, &mut values).map_err(|e| Error::store(&path, e))?;
    }
    let values = Array2::from_shape_vec((windows, features), values).map_err(|e| Error::store(&path, e.to_string()))?;
    Ok((distance, Some(values)))
}

/// Typical and worst examples, a picture a cluster.
pub(super) fn examples_of_clusters<'a>(
    config: &'a Config,
    results: &'a Results,
    waterfalls: &'a Waterfalls<'_>,
    jobs: &mut Vec<Job<'a>>,
) {
    let centers = std::sync::Arc::new(results.centers());
    for label in named_clusters(results) {
        let centers = std::sync::Arc::clone(&centers);
        jobs.push(Box::new(move || {
            let load = |rows: Vec<usize>| -> Vec<(usize, Arc<Picture>)> {
                rows.into_iter().filter_map(|i| Some((i, waterfalls.shared(results.times[i])?))).collect()
            };
            let typical = load(results.typical(label, EXAMPLES, centers.as_ref().as_ref()));
            let worst = load(results.worst(label, EXAMPLES));
            if typical.is_empty() && worst.is_empty() {
                return Ok(Vec::new());
            }
            let path = folder(&config.output.path).join("examples").join(format!("cluster{label}.png"));
            let scene = waterfalls.scene(results.geometry.segment_km);
            examples(label, &as_examples(results, &typical), &as_examples(results, &worst), &scene).save(&path)?;
            Ok(vec![path])
        }));
    }
}

fn as_examples<'p>(results: &Results, rows: &'p [(usize, Arc<Picture>)]) -> Vec<Example<'p>> {
    let example = |(i, picture): &'p (usize, Arc<Picture>)| Example {
        image: picture.view(),
        distance_km: results.place_km[*i],
        score: results.scores[*i],
    };
    rows.iter().map(example).collect()
}
