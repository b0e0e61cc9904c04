//! The page that a run ends in, from what is stored.

pub(crate) mod found;
mod maps;
pub mod overview;
mod pictures;

use std::io::Read;
use std::path::{Path, PathBuf};

use scatterfall_page::{Cluster, Figure, Method, Page, Source, TimeAxis, render};
use serde_json::{Value, json};

use super::results::{Results, images_held, left_out, read_json, rows_file};
use super::seismogram::event_waveforms;
use super::visualize;
use super::waterfalls::Waterfalls;
use crate::config::Config;
use crate::error::{Error, Result, StoredError};
use crate::progress::Context;
use crate::store::atomic::write_bytes;
use crate::store::day::{Record, Stage, digest, fingerprint_of};
use scatterfall_figures::time_axis::span_words;
use scatterfall_timestamps::{DAY_US, iso};

/// Version of the page: raised whenever the same results are shown in another way.
const PAGE: u32 = 4;

/// The page of an output folder.
pub fn file(output: &Path) -> PathBuf {
    output.join("report.html")
}

/// Writes `report.html`; false where the one on disk is current.
///
/// # Errors
/// [`Error::Stored`] where there are no clusters yet; those of reading and writing.
pub fn compute(ctx: &Context<'_>) -> Result<bool> {
    let config = ctx.config;
    let output = &config.output.path;
    if !rows_file(output).is_file() {
        let path = rows_file(output);
        return Err(StoredError::Missing { path, command: "cluster" }.into());
    }
    let run = read_json(&output.join("run.json"));
    let fingerprint = fingerprint(config, &run)?;
    let stored = stored_fingerprint(&file(output));
    let with_images = format!("{fingerprint} with images");
    if stored.as_ref() == Some(&with_images) {
        return Ok(false);
    }
    let results = Results::read(config)?;
    let waterfalls = Waterfalls::new(config, &results.images)?;
    // A page without waterfalls is kept while they stay away.
    if !waterfalls.available && stored.as_ref() == Some(&fingerprint) {
        return Ok(false);
    }
    ctx.observer.begin("report", 0, "pictures");
    let written =
        write(ctx, &run, &results, &waterfalls, if waterfalls.available { &with_images } else { &fingerprint });
    ctx.observer.end();
    written.map(|()| true)
}

/// What the page depends on, but for times taken and whether images are still there.
fn fingerprint(config: &Config, run: &Value) -> Result<String> {
    let output = &config.output.path;
    let content = |path: PathBuf| if path.is_file() { digest(&path) } else { Ok(String::new()) };
    let texts = [
        json!([PAGE, env!("CARGO_PKG_VERSION"), device(output, run), run["left_out"], config]).to_string(),
        content(rows_file(output))?,
        content(output.join("anomalies.csv"))?,
        content(output.join("events.csv"))?,
        content(output.join("health.csv"))?,
        content(output.join("event_waveforms.npz"))?,
        content(names_file(config))?,
        content(super::cluster_files::folder(output).join("summary.json"))?,
        content(visualize::record_file(output))?,
    ];
    Ok(fingerprint_of(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// The fingerprint that a page carries in its head.
fn stored_fingerprint(page: &Path) -> Option<String> {
    let mut head = Vec::new();
    std::fs::File::open(page).ok()?.take(4096).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head);
    let (_, after) = head.split_once("<meta name=\"fingerprint\" content=\"")?;
    after.split_once('"').map(|(found, _)| found.to_owned())
}

fn write(
    ctx: &Context<'_>,
    run: &Value,
    results: &Results,
    waterfalls: &Waterfalls<'_>,
    fingerprint: &str,
) -> Result<()> {
    let config = ctx.config;
    let output = &config.output.path;
    let held = images_held(config, results)?;
    let images = if held.is_empty() { results.image_times() } else { held };
    let axis = TimeAxis::new(&images, results.duration);
    let fibre = results.has_distance();
    let mut names = found::names(&names_file(config), fibre || !output.join("events.csv").is_file())?;
    let (events, events_beyond) = found::events(output, &mut names)?;
    let (threshold, false_alarms_per_day) = threshold(config, run, results)?;
    let page = Page {
        title: title(config),
        program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        fingerprint: fingerprint.to_owned(),
        refresh_s: None,
        source: source(config, results),
        image_us: results.duration,
        level: if fibre { maps::level(config, &axis, results.duration)? } else { None },
        score: maps::score(config, results, &axis)?,
        clusters: maps::clusters(results, &axis),
        waterfalls: pictures::make(ctx, results, waterfalls, &events)?,
        waveforms: if fibre {
            Vec::new()
        } else {
            event_waveforms::read(output, &channels(config).unwrap_or_default())?
        },
        events,
        events_beyond,
        names,
        threshold,
        false_alarms_per_day,
        health: found::health(output)?,
        left_out: left_out(output).into_iter().map(|l| (l.file, l.reason)).collect(),
        method: method(config, run, results)?,
        images,
    };
    write_bytes(&file(output), render(&page).as_bytes())
}

/// The score from which on an event is listed, and the number of false alarms per day that it was set for: the detector's where it listed the
/// events, else that of the rows.
fn threshold(config: &Config, run: &Value, results: &Results) -> Result<(Option<f64>, Option<f64>)> {
    let output = &config.output.path;
    if !output.join("events.csv").is_file() || !results.has_distance() {
        return Ok((results.summary["threshold"].as_f64(), None));
    }
    let false_alarms = |asked: f64| config.detect.threshold.is_none().then_some(asked);
    if let Some(model) = super::events::read_model(&crate::model::folder(output))? {
        return Ok((Some(model.threshold), false_alarms(model.false_alarms_per_day)));
    }
    // Events found through a model that lies elsewhere.
    let listed = run["figures"]["events"]["threshold"].as_f64();
    Ok((listed, listed.and_then(|_| false_alarms(config.detect.false_alarms_per_day))))
}

/// Where the user's names of kinds are kept.
fn names_file(config: &Config) -> PathBuf {
    config.output.path.join(&config.kinds.names)
}

/// The fibre, or the channels of a seismogram.
fn source(config: &Config, results: &Results) -> Source {
    if results.has_distance() {
        let input = &config.input;
        let from_km = input.distance_offset_km;
        Source::Fibre { from_km, to_km: from_km + input.total_distance_km }
    } else {
        Source::Seismogram { channels: channels(config).unwrap_or_default() }
    }
}

/// The part for those who tune the method.
fn method(config: &Config, run: &Value, results: &Results) -> Result<Method> {
    let output = &config.output.path;
    let mut facts = facts(results);
    let device = device(output, run);
    if !device.is_empty() {
        facts.push(("Computed on".to_owned(), device));
    }
    Ok(Method {
        facts,
        stages: stages(run),
        clusters: clusters(results),
        figures: figures(output)?,
        configuration: config.table().to_string(),
    })
}

/// Every cluster's size, first and last row, and share of the rows of each hour of the day.
fn clusters(results: &Results) -> Vec<Cluster> {
    let hour = |time: i64| usize::try_from(time.rem_euclid(DAY_US) / (DAY_US / 24)).unwrap_or(0);
    let mut all = [0.0f64; 24];
    results.times.iter().for_each(|&t| all[hour(t)] += 1.0);
    let mut clusters = vec![Cluster::default(); results.clusters];
    let mut spans = vec![(i64::MAX, i64::MIN); results.clusters];
    for (&time, &label) in results.times.iter().zip(&results.labels) {
        let Ok(k) = usize::try_from(label) else { continue };
        clusters[k].rows += 1;
        clusters[k].hours[hour(time)] += 1.0;
        spans[k] = (spans[k].0.min(time), spans[k].1.max(time));
    }
    let clock = |t| iso(t).replace('T', " ").trim_end_matches('Z').to_owned();
    for (cluster, (from, to)) in clusters.iter_mut().zip(spans).filter(|(c, _)| c.rows > 0) {
        cluster.words = format!("Seen from {} to {} ({}).", clock(from), clock(to), span_words(to - from));
        cluster.hours.iter_mut().zip(all).for_each(|(share, n)| *share /= n.max(1.0));
    }
    clusters
}

/// The channels of a seismogram's run; `None` for waterfalls.
fn channels(config: &Config) -> Option<Vec<String>> {
    let output = &config.output.path;
    let days = Stage::Scattering.days(output).unwrap_or_default();
    let record = Record::read(&Stage::Scattering.file(output, days.first()?))?;
    let channels = record.source.config["channels"].as_array()?;
    Some(channels.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// The archive's folder, or the channels of a seismogram.
fn title(config: &Config) -> String {
    channels(config).map_or_else(|| config.input.path.display().to_string(), |c| c.join(", "))
}

/// Who computed, in words.
fn device(output: &Path, run: &Value) -> String {
    let words = |kind: &str, device: &str| match device {
        "" => kind.to_owned(),
        device if device.to_lowercase().contains(kind) => device.to_owned(),
        device => format!("{device} ({kind})"),
    };
    if let (Some(kind), Some(device)) = (run["device"]["kind"].as_str(), run["device"]["device"].as_str()) {
        return words(kind, device);
    }
    let days = Stage::Scattering.days(output).unwrap_or_default();
    let record = days.first().and_then(|day| Record::read(&Stage::Scattering.file(output, day)));
    record.map_or_else(String::new, |r| words(&r.backend.kind, &r.backend.device))
}

/// What the clustering says of itself.
fn facts(results: &Results) -> Vec<(String, String)> {
    let summary = &results.summary;
    let mut facts = Vec::new();
    if let Some(method) = summary["method"].as_str() {
        let kind = ["covariance", "linkage"].iter().find_map(|k| summary[*k].as_str());
        facts.push(("Clustering".to_owned(), kind.map_or(method.to_owned(), |k| format!("{method}, {k}"))));
    }
    for (key, name, digits) in [
        ("silhouette", "Silhouette (sample)", 3),
        ("bic", "BIC", 1),
        ("inertia", "Inertia", 1),
        ("threshold", "Score of an event", 2),
    ] {
        if let Some(value) = summary[key].as_f64() {
            let above = if key == "threshold" { "above " } else { "" };
            facts.push((name.to_owned(), format!("{above}{value:.digits$}")));
        }
    }
    facts
}

/// Seconds that the stages took, in the order of the data's way.
fn stages(run: &Value) -> Vec<(String, f64)> {
    const ORDER: [&str; 8] =
        ["catalogue", "images", "seismogram", "transform", "reduce", "cluster", "apply", "visualize"];
    let seconds = |name: &&str| Some(((*name).to_owned(), run["stages"][*name].as_f64()?));
    ORDER.iter().filter_map(seconds).collect()
}

/// The pictures of reduction and model that are there, as they are.
fn figures(output: &Path) -> Result<Vec<Figure>> {
    let listed = [
        ("scattergram.png", "Scattergram"),
        ("events.png", "Events above the hour's normal"),
        ("pca_ica/explained_variance.png", "Explained variance"),
        ("pca_ica/principal_components_first_two.png", "The first two principal components"),
        ("pca_ica/independent_components.png", "Independent components over time"),
        ("pca_ica/independent_components_first_two.png", "The first two independent components"),
        ("centroids.png", "Centres of the clusters"),
        ("cluster_waveforms.png", "Waveforms nearest to the clusters' centres"),
        ("reachability.png", "Reachability of the events: how their kinds were cut"),
        ("selection.png", "Choice of the number of components"),
    ];
    let mut figures = Vec::new();
    for (name, title) in listed {
        let path = visualize::folder(output).join(name);
        if path.is_file() {
            let png = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
            figures.push(Figure { title: title.to_owned(), png });
        }
    }
    Ok(figures)
}
