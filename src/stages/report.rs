//! The page that a run ends in, from what is stored.

use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Value, json};

use super::results::{Results, images_held, left_out, left_out_times, read_json, rows_file};
use super::visualize;
use super::waterfalls::Waterfalls;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::progress::Context;
use crate::store::atomic::write_bytes;
use crate::store::csv;
use crate::store::day::{Record, Stage, digest, fingerprint_of};
use scatterfall_figures::counts::{Counts, pieces};
use scatterfall_figures::coverage::Coverage;
use scatterfall_figures::report::{ClusterCard, EventLine, PictureFile, ReportData, Thumbnail, render, thumbnail};
use scatterfall_figures::waterfall::{Scene, Waterfall};
use scatterfall_timestamps::{Micros, parse_iso};

/// Version of the page: raised whenever the same results are shown in another way.
const PAGE: u32 = 2;

/// Waterfalls that the map can show at most: evenly spaced images, whole.
const MAP_PICTURES: usize = 110;
/// Pictures beside the events.
const EVENT_PICTURES: usize = 60;
/// Typical pictures, and worst ones, on a cluster's card.
const CARD_PICTURES: usize = 2;
/// Clusters whose cards have pictures.
const PICTURED_CLUSTERS: usize = 12;

/// Pixels of a whole waterfall, and of a part of one.
const WHOLE: (usize, usize) = (320, 100);
const PART: (usize, usize) = (272, 100);

/// The page of an output folder.
pub fn file(output: &Path) -> PathBuf {
    output.join("report.html")
}

/// Writes `report.html`; false where the one on disk is current.
///
/// # Errors
/// [`Error::Input`] where there are no clusters yet; those of reading and writing.
pub fn compute(ctx: &Context<'_>) -> Result<bool> {
    let config = ctx.config;
    let output = &config.output.path;
    if !rows_file(output).is_file() {
        let path = rows_file(output);
        return Err(Error::Input(format!("{}: nothing there; run `scatterfall cluster` first", path.display())));
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
        json!([PAGE, env!("CARGO_PKG_VERSION"), device(output, run), run["left_out"], config.resolved]).to_string(),
        content(rows_file(output))?,
        content(output.join("anomalies.csv"))?,
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
    let mut events = read_events(output)?;
    let mut cards = vec![ClusterCard::default(); results.clusters];
    let wanted = if waterfalls.available { wanted(results, &mut events, &mut cards) } else { Vec::new() };
    let thumbnails = ctx.pool.install(|| make(ctx, results, waterfalls, wanted))?;
    let (thumbnails, place) = thumbnails;
    // Pictures that could not be made leave their places.
    events.iter_mut().for_each(|e| e.thumbnail = e.thumbnail.and_then(|t| place[t]));
    for card in &mut cards {
        for list in [&mut card.typical, &mut card.worst] {
            *list = list.iter().filter_map(|&t| place[t]).collect();
        }
    }
    let held = images_held(config, results)?;
    let left_out_at = left_out_times(config);
    let times = results.image_times();
    let all = if held.is_empty() { &times } else { &held };
    let gaps: Vec<(Micros, Micros)> = pieces(all, results.duration).windows(2).map(|p| (p[0].to, p[1].from)).collect();
    let labels_at = results.labels_at(config.visualize.occurrences_km);
    let left_out: Vec<(String, String)> = left_out(output).into_iter().map(|l| (l.file, l.reason)).collect();
    let pictures = pictures(output)?;
    let data = ReportData {
        title: &title(config),
        program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
        device: &device(output, run),
        fingerprint,
        facts: &facts(results),
        stages: &stages(run),
        gaps: &gaps,
        left_out: &left_out,
        configuration: &config.resolved.to_string(),
        rows: results.rows(),
        has_distance: results.has_distance(),
        coverage: (!held.is_empty()).then_some(Coverage {
            held: &held,
            left_out: &left_out_at,
            duration: results.duration,
        }),
        counts: Some(Counts {
            times: &times,
            labels: &labels_at,
            duration: results.duration,
            accumulate: config.visualize.accumulate_files,
            place_km: results.has_distance().then_some(config.visualize.occurrences_km),
        }),
        events: &events,
        cards: &cards,
        thumbnails: &thumbnails,
        pictures: &pictures,
    };
    write_bytes(&file(output), render(&data).as_bytes())
}

/// A thumbnail to be made: an image, and a stretch of fibre (all of it where `None`).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wanted {
    time: Micros,
    distance_km: Option<(f64, f64)>,
}

/// The thumbnails of events, cards and map; events and cards are told their numbers.
fn wanted(results: &Results, events: &mut [EventLine], cards: &mut [ClusterCard]) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut add = |wish: Wanted| {
        wanted.iter().position(|w| *w == wish).unwrap_or_else(|| {
            wanted.push(wish);
            wanted.len() - 1
        })
    };
    let by_name: HashMap<&str, Micros> = results.images.iter().map(|(&t, n)| (n.as_str(), t)).collect();
    for event in events.iter_mut().take(EVENT_PICTURES) {
        let Some(&time) = by_name.get(event.file.as_str()).filter(|_| !event.file.is_empty()) else { continue };
        event.thumbnail = Some(add(Wanted { time, distance_km: Some(event.distance_km) }));
    }
    let centers = results.centers();
    for (label, card) in (0..).zip(cards).take(PICTURED_CLUSTERS) {
        let mut of = |rows: Vec<usize>| -> Vec<usize> {
            let stretch = |i: usize| (results.place_km[i], results.place_km[i] + results.geometry.segment_km);
            rows.into_iter().map(|i| add(Wanted { time: results.times[i], distance_km: Some(stretch(i)) })).collect()
        };
        card.typical = of(results.typical(label, CARD_PICTURES, centers.as_ref()));
        card.worst = of(results.worst(label, CARD_PICTURES));
    }
    let times = results.image_times();
    let n = times.len().min(MAP_PICTURES);
    for k in 0..n {
        add(Wanted { time: times[(2 * k + 1) * times.len() / (2 * n)], distance_km: None });
    }
    wanted
}

/// The pictures that can be made, and where each wanted one is among them.
fn make(
    ctx: &Context<'_>,
    results: &Results,
    waterfalls: &Waterfalls<'_>,
    wanted: Vec<Wanted>,
) -> Result<(Vec<Thumbnail>, Vec<Option<usize>>)> {
    let scene = waterfalls.scene(results.geometry.segment_km);
    // Several pictures of one image are made together: it is decoded once.
    let mut by_time: Vec<usize> = (0..wanted.len()).collect();
    by_time.sort_by_key(|&i| wanted[i].time);
    let of_image = |group: &[usize]| -> Result<Vec<(usize, Thumbnail)>> {
        ctx.check()?;
        let Some(picture) = waterfalls.load(wanted[group[0]].time) else { return Ok(Vec::new()) };
        group.iter().map(|&i| Ok((i, one(&picture.view(), wanted[i], &scene, waterfalls)?))).collect()
    };
    let groups: Vec<&[usize]> = by_time.chunk_by(|&a, &b| wanted[a].time == wanted[b].time).collect();
    let made: Vec<Vec<(usize, Thumbnail)>> = groups.into_par_iter().map(of_image).collect::<Result<_>>()?;
    let mut place = vec![None; wanted.len()];
    let mut thumbnails = Vec::new();
    for (i, thumbnail) in made.into_iter().flatten() {
        place[i] = Some(thumbnails.len());
        thumbnails.push(thumbnail);
    }
    Ok((thumbnails, place))
}

fn one(image: &Waterfall<'_>, wanted: Wanted, scene: &Scene<'_>, waterfalls: &Waterfalls<'_>) -> Result<Thumbnail> {
    let (columns, size) = match wanted.distance_km {
        Some(stretch) => (columns_of(image, scene, stretch), PART),
        None => (0..image.columns, WHOLE),
    };
    let (left, right) = scene.distance_km;
    Ok(Thumbnail {
        time: image.time,
        distance_km: wanted.distance_km.map_or((left, right), |(a, b)| (a.max(left), b.min(right))),
        file: waterfalls.name(image.time).to_owned(),
        png: thumbnail(image, columns, scene.colormap, size)?,
    })
}

/// The columns of an image that show a stretch of fibre; at least one.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels, held within the image"
)]
fn columns_of(image: &Waterfall<'_>, scene: &Scene<'_>, (from, to): (f64, f64)) -> Range<usize> {
    let (left, right) = scene.distance_km;
    let all = image.columns as f64;
    let column = |km: f64| ((km - left) / (right - left) * all).round().clamp(0.0, all) as usize;
    let first = column(from).min(image.columns.saturating_sub(1));
    first..column(to).clamp(first + 1, image.columns.max(first + 1))
}

/// The lines of `anomalies.csv`; none where there is no such file.
fn read_events(output: &Path) -> Result<Vec<EventLine>> {
    let path = output.join("anomalies.csv");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
    let event = |record: Vec<std::borrow::Cow<'_, str>>| -> Option<EventLine> {
        let [_, time_from, time_to, from, to, score, cluster, file] = &record[..] else { return None };
        Some(EventLine {
            time: (parse_iso(time_from)?, parse_iso(time_to)?),
            distance_km: (from.parse().ok()?, to.parse().ok()?),
            score: score.parse().ok()?,
            cluster: cluster.parse().ok()?,
            file: file.to_string(),
            thumbnail: None,
        })
    };
    let events: Option<Vec<EventLine>> = csv::records(&text).skip(1).map(event).collect();
    events.ok_or_else(|| Error::store(&path, "not a table of events; run `scatterfall cluster` again"))
}

/// The archive's folder, or the channels of a seismogram.
fn title(config: &Config) -> String {
    let output = &config.output.path;
    let days = Stage::Scattering.days(output).unwrap_or_default();
    let record = days.first().and_then(|day| Record::read(&Stage::Scattering.file(output, day)));
    let channels = record.as_ref().and_then(|r| r.source.config["channels"].as_array());
    match channels {
        Some(channels) => channels.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        None => config.input.path.display().to_string(),
    }
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
fn pictures(output: &Path) -> Result<Vec<PictureFile>> {
    let listed = [
        ("scattergram.png", "Scattergram"),
        ("events.png", "Events above the hour's normal"),
        ("pca_ica/explained_variance.png", "Explained variance"),
        ("pca_ica/principal_components_first_two.png", "The first two principal components"),
        ("pca_ica/independent_components.png", "Independent components along the rows"),
        ("pca_ica/independent_components_first_two.png", "The first two independent components"),
        ("centroids.png", "Centres of the clusters"),
        ("selection.png", "Choice of the number of components"),
    ];
    let mut pictures = Vec::new();
    for (name, title) in listed {
        let path = visualize::folder(output).join(name);
        if path.is_file() {
            let png = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
            pictures.push(PictureFile { title: title.to_owned(), png });
        }
    }
    Ok(pictures)
}
