//! From components to clusters, scores and events.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2, Axis};
use serde_json::{Value, json};

use super::StageRecord;
use super::reduce::independent_file;
use super::rows::{image_names, read_matrix, read_places, stored_windows};
use crate::anomaly::{Event, LEAST_ROWS, PlaceNormals, events, quantile};
use crate::clustering::{Covariances, Gmm, GmmOptions, KMeans, KMeansOptions, NOISE, sizes};
use crate::config::{Baseline, Config, Method};
use crate::error::{Error, Result};
use crate::places::{Geometry, Places};
use crate::progress::Context;
use crate::store::atomic::{write_atomic, write_bytes};
use crate::store::day::{Stage, digest, identity};
use crate::store::npz::{NpzFile, write_npz};
use crate::time::{iso, micros};

/// The folder of the clustering's results.
pub fn folder(output: &Path) -> PathBuf {
    output.join("clustering_results")
}

/// Clusters the stored components; false where the results on disk are current.
///
/// # Errors
/// [`Error::Input`] where there are no components, or none is finite; those of reading and writing.
pub fn compute(ctx: &Context<'_>) -> Result<bool> {
    let config = ctx.config;
    let output = &config.output.path;
    let source = independent_file(output);
    if !source.is_file() {
        return Err(Error::Input(format!("{}: nothing there; run `scatterfall reduce` first", source.display())));
    }
    let folder = folder(output);
    let record_file = folder.join("record.json");
    // The names of the images come from the days.
    let mut before = vec![digest(&source)?];
    for day in Stage::Features.days(output)? {
        before.push(identity(&Stage::Features.file(output, &day)));
    }
    let settings = config.sections(&["cluster", "anomaly", "exclude", "segments"]);
    let record = StageRecord::new(settings, before);
    let names = ["cluster_labels.dat", "clusters.csv", "summary.json"];
    let mut files: Vec<PathBuf> = names.iter().map(|n| folder.join(n)).collect();
    files.push(output.join("anomalies.csv"));
    if record.is_current(&record_file, &files) {
        return Ok(false);
    }
    StageRecord::remove(&record_file)?;
    ctx.observer.begin("cluster", 0, "rows");
    let result = ctx.pool.install(|| cluster(config, &source));
    ctx.observer.end();
    result?;
    record.write(&record_file)?;
    Ok(true)
}

/// Labels and model scores of the rows that take part, and what tells about the fit.
struct Fitted {
    labels: Vec<i32>,
    /// The `model` score.
    scores: Vec<f64>,
    clusters: usize,
    summary: Value,
    model: Model,
}

enum Model {
    Gmm(Gmm),
    KMeans(KMeans),
}

fn cluster(config: &Config, source: &Path) -> Result<()> {
    let output = &config.output.path;
    let mut file = NpzFile::open(source)?;
    let components = read_matrix(&mut file, source, "features")?;
    let places = read_places(&mut file, source, Some(components.nrows()))?;
    let geometry = Geometry::new(config, stored_windows(config));

    let finite: Vec<usize> =
        (0..components.nrows()).filter(|&i| components.row(i).iter().all(|v| v.is_finite())).collect();
    let used: Vec<bool> = (0..components.nrows())
        .map(|i| geometry.takes_part(&config.exclude, places.times[i], places.distance[i]))
        .collect();
    let fit_rows: Vec<usize> = finite.iter().copied().filter(|&i| used[i]).collect();
    if fit_rows.is_empty() {
        return Err(Error::Input(format!(
            "{}: of {} rows none is finite and outside [exclude]",
            source.display(),
            components.nrows()
        )));
    }
    let fitted = fit(config, components.select(Axis(0), &fit_rows).view())?;
    let (all_labels, all_scores) = match fit_rows.len() == finite.len() {
        true => (fitted.labels.clone(), fitted.scores.clone()),
        // Rows that took no part in the fit are labelled by it all the same.
        false => assign(&fitted.model, components.select(Axis(0), &finite).view())?,
    };
    let mut labels = vec![NOISE; components.nrows()];
    let mut scores = vec![f64::NAN; components.nrows()];
    for ((&i, label), score) in finite.iter().zip(all_labels).zip(all_scores) {
        (labels[i], scores[i]) = (label, score);
    }
    if config.anomaly.baseline == Baseline::Place {
        let normals = PlaceNormals::fit(components.view(), &places, &geometry, &used);
        judge_by_place(&normals, &components, &places, &geometry, &finite, &mut scores);
    }

    let threshold = quantile(&scores, config.anomaly.quantile).unwrap_or(f64::INFINITY);
    let mut events = events(&scores, &places, &geometry, threshold);
    events.truncate(config.anomaly.top);
    let names = image_names(output)?;
    let name = |i: usize| names.get(&places.times[i]).map_or("", String::as_str);

    let folder = folder(output);
    write_model(&folder.join("model.npz"), &fitted.model)?;
    write_bytes(&folder.join("cluster_labels.dat"), dat(&places, &labels).as_bytes())?;
    write_atomic(&folder.join("clusters.csv"), |out| {
        let failed = |e| Error::io("write", folder.join("clusters.csv"), e);
        writeln!(out, "time,distance_km,cluster,score,image_file").map_err(failed)?;
        for (i, (label, score)) in labels.iter().zip(&scores).enumerate() {
            let (time, distance) = (iso(places.times[i]), places.distance[i]);
            let name = csv_field(name(i));
            writeln!(out, "{time},{distance:.6},{label},{},{name}", number(*score)).map_err(failed)?;
        }
        Ok(())
    })?;
    write_bytes(&output.join("anomalies.csv"), anomalies(&events, &labels, name).as_bytes())?;
    let mut summary = json!({
        "rows": components.nrows(),
        "rows_not_finite": components.nrows() - finite.len(),
        "rows_excluded": used.iter().filter(|u| !**u).count(),
        "clusters": fitted.clusters,
        "sizes": sizes(&labels, fitted.clusters),
        "noise": labels.iter().filter(|&&l| l == NOISE).count(),
        "baseline": match config.anomaly.baseline { Baseline::Place => "place", Baseline::Model => "model" },
        "threshold": if threshold.is_finite() { json!(threshold) } else { Value::Null },
        "events": events.len(),
    });
    if let (Some(all), Some(own)) = (summary.as_object_mut(), fitted.summary.as_object()) {
        all.extend(own.clone());
    }
    write_bytes(&folder.join("summary.json"), format!("{summary:#}\n").as_bytes())?;
    tracing::info!(rows = components.nrows(), clusters = fitted.clusters, events = events.len(), "clustered");
    Ok(())
}

fn fit(config: &Config, rows: ArrayView2<'_, f64>) -> Result<Fitted> {
    let settings = &config.cluster;
    let (fitted, wanted) = match settings.method {
        Method::KMeans => {
            let model = KMeans::fit(rows, &KMeansOptions::new(settings.kmeans_clusters, settings.seed))?;
            let (labels, scores) = assign(&Model::KMeans(model.clone()), rows)?;
            let summary = json!({
                "method": "kmeans", "inertia": model.inertia, "iterations": model.iterations, "converged": model.converged,
            });
            let clusters = model.centers.nrows();
            (Fitted { labels, scores, clusters, summary, model: Model::KMeans(model) }, settings.kmeans_clusters)
        }
        Method::Gmm => {
            let options = GmmOptions::new(settings.gmm_components, settings.gmm_covariance, settings.seed);
            let (model, table) = match settings.gmm_select {
                Some(criterion) => {
                    let (model, table) = Gmm::select(rows, &options, criterion, settings.gmm_range)?;
                    (model, Some(table))
                }
                None => (Gmm::fit(rows, &options)?, None),
            };
            let mut summary = json!({
                "method": "gmm", "covariance": config.resolved["cluster"]["gmm"]["covariance"],
                "log_likelihood": model.log_likelihood, "aic": model.aic, "bic": model.bic,
                "iterations": model.iterations, "converged": model.converged,
            });
            let clusters = model.weights.len();
            let mut wanted = settings.gmm_components;
            if let Some(table) = table {
                wanted = clusters;
                summary["selection"] = table
                    .iter()
                    .map(|s| {
                        json!({ "components": s.components, "log_likelihood": s.log_likelihood, "aic": s.aic, "bic": s.bic })
                    })
                    .collect();
            }
            let scores = model.scores.iter().map(|s| -s).collect();
            (Fitted { labels: model.labels.clone(), scores, clusters, summary, model: Model::Gmm(model) }, wanted)
        }
        Method::Dbscan | Method::Agglomerative => {
            return Err(Error::config("cluster.method", "dbscan or agglomerative", "gmm or kmeans"));
        }
    };
    if fitted.clusters < wanted {
        tracing::warn!("{} clusters instead of {wanted}: there are not enough different rows", fitted.clusters);
    }
    Ok(fitted)
}

/// Labels and model scores of rows.
fn assign(model: &Model, rows: ArrayView2<'_, f64>) -> Result<(Vec<i32>, Vec<f64>)> {
    match model {
        Model::Gmm(gmm) => {
            let found = gmm.evaluate(rows)?;
            Ok((found.labels, found.scores.into_iter().map(|s| -s).collect()))
        }
        Model::KMeans(kmeans) => {
            let (labels, distances) = kmeans.assign(rows)?;
            // A cluster whose rows are all equal has no spread: its own rows score 0.
            let score = |(&label, distance): (&i32, f64)| {
                let spread = usize::try_from(label).map_or(0.0, |l| kmeans.spread[l]);
                if distance == 0.0 { 0.0 } else { distance / spread.max(f64::MIN_POSITIVE) }
            };
            let scores = labels.iter().zip(distances).map(score).collect();
            Ok((labels, scores))
        }
    }
}

fn judge_by_place(
    normals: &PlaceNormals,
    components: &Array2<f64>,
    places: &Places,
    geometry: &Geometry,
    finite: &[usize],
    scores: &mut [f64],
) {
    let mut by_model = 0;
    for &i in finite {
        match normals.score(components.row(i), geometry.place(places.distance[i])) {
            Some(score) => scores[i] = score,
            None => by_model += 1,
        }
    }
    if by_model > 0 {
        tracing::warn!(
            "{by_model} rows are at places with fewer than {LEAST_ROWS} rows: they are scored by the clusters instead \
             of their place's own normal"
        );
    }
}

fn write_model(path: &Path, model: &Model) -> Result<()> {
    write_npz(path, |out| match model {
        Model::Gmm(gmm) => {
            out.add("weights", &gmm.weights)?;
            out.add("means", &gmm.means)?;
            match &gmm.covariances {
                Covariances::Full(c) => out.add("covariances", c),
                Covariances::Diag(c) | Covariances::Tied(c) => out.add("covariances", c),
                Covariances::Spherical(c) => out.add("covariances", c),
            }
        }
        Model::KMeans(kmeans) => {
            out.add("centers", &kmeans.centers)?;
            out.add("spread", &kmeans.spread)
        }
    })
}

fn dat(places: &Places, labels: &[i32]) -> String {
    let mut text = String::from("dist clusters\n");
    for (distance, label) in places.distance.iter().zip(labels) {
        let _ = writeln!(text, "{distance:.3} {label}");
    }
    text
}

fn anomalies<'n>(events: &[Event], labels: &[i32], name: impl Fn(usize) -> &'n str) -> String {
    let mut text = String::from("rank,time_from,time_to,distance_from_km,distance_to_km,score,cluster,image_file\n");
    for (rank, e) in (1..).zip(events) {
        let _ = writeln!(
            text,
            "{rank},{},{},{:.6},{:.6},{},{},{}",
            iso(e.time_from),
            iso(e.time_to),
            e.distance_from_km,
            e.distance_to_km,
            number(e.score),
            labels[e.worst],
            csv_field(name(e.worst))
        );
    }
    text
}

/// A score as text: enough digits to tell rows apart, `nan` where there is none.
fn number(score: f64) -> String {
    if score.is_finite() { format!("{score:.6}") } else { "nan".into() }
}

/// A field of a CSV file, quoted where it must be (RFC 4180).
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}

/// Time after the last row's start that it still covers.
pub(super) fn duration(config: &Config) -> i64 {
    micros(config.input.duration_s)
}
