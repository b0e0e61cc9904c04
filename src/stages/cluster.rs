//! From components to clusters, scores and events.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ndarray::{Array0, Array1, Array2, ArrayView2, Axis};
use serde_json::{Value, json};

use super::StageRecord;
use super::reduce::independent_file;
use super::rows::{image_names, read_matrix, read_places, stored_geometry};
use crate::anomaly::{Event, LEAST_ROWS, PlaceNormals, events, median, quantile};
use crate::clustering::{
    Agglomerative, AgglomerativeOptions, Covariances, Dbscan, DbscanOptions, Gmm, GmmOptions, KMeans, KMeansOptions,
    NOISE, Neighbours, Selection, assign_to_core, silhouette, sizes,
};
use crate::config::{Baseline, Config, Method};
use crate::error::{Error, Result};
use crate::places::{Geometry, Places};
use crate::progress::Context;
use crate::store::atomic::{write_atomic, write_bytes};
use crate::store::csv::csv_field;
use crate::store::day::{Stage, digest, identity};
use crate::store::npz::{NpzFile, write_npz};
use crate::time::iso;

/// Rows that the silhouette is computed on: its cost grows with their square.
const SILHOUETTE_ROWS: usize = 2000;

/// Nearest rows that a row is compared with where clusters have no shape of their own (DBSCAN, agglomerative).
const NEIGHBOURS: usize = 10;

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

/// A fitted clustering, with what it says about the rows that took part.
struct Fitted {
    labels: Vec<i32>,
    clusters: usize,
    /// Clusters that were asked for, where a number was.
    wanted: Option<usize>,
    summary: Value,
    model: Model,
}

enum Model {
    Gmm(Gmm),
    KMeans(KMeans),
    Dbscan { core: Array2<f64>, core_labels: Vec<i32>, eps: f64, near: Near },
    Agglomerative { fit: Agglomerative, near: Near },
}

/// The rows that took part, for scores by the distance to the nearest of them.
struct Near {
    rows: Neighbours,
    /// Median over the rows that took part.
    usual: f64,
}

fn cluster(config: &Config, source: &Path) -> Result<()> {
    let output = &config.output.path;
    let mut file = NpzFile::open(source)?;
    let components = read_matrix(&mut file, source, "features")?;
    let places = read_places(&mut file, source, Some(components.nrows()))?;
    let geometry = stored_geometry(config);

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
    let fit_values = components.select(Axis(0), &fit_rows);
    let fitted = fit(config, fit_values.view())?;
    if let Some(wanted) = fitted.wanted.filter(|&wanted| fitted.clusters < wanted) {
        tracing::warn!("{} clusters instead of {wanted}: there are not enough different rows", fitted.clusters);
    }
    // Rows that took no part in the fit are labelled by it all the same.
    let (all_labels, all_scores) = assign(&fitted.model, components.select(Axis(0), &finite).view())?;
    let mut labels = vec![NOISE; components.nrows()];
    let mut scores = vec![f64::NAN; components.nrows()];
    for ((&i, label), score) in finite.iter().zip(all_labels).zip(all_scores) {
        (labels[i], scores[i]) = (label, score);
    }
    for (&i, &label) in fit_rows.iter().zip(&fitted.labels) {
        labels[i] = label;
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
        "silhouette": silhouette(fit_values.view(), &fitted.labels, SILHOUETTE_ROWS, config.cluster.seed),
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
    match settings.method {
        Method::KMeans => {
            let model = KMeans::fit(rows, &KMeansOptions::new(settings.kmeans_clusters, settings.seed))?;
            let summary = json!({
                "method": "kmeans", "inertia": model.inertia, "iterations": model.iterations, "converged": model.converged,
            });
            let (labels, clusters) = (model.labels.clone(), model.centers.nrows());
            let wanted = Some(settings.kmeans_clusters);
            Ok(Fitted { labels, clusters, wanted, summary, model: Model::KMeans(model) })
        }
        Method::Gmm => fit_gmm(config, rows),
        Method::Dbscan => {
            let eps = settings.dbscan_eps;
            let fit = Dbscan::fit(rows, &DbscanOptions { eps, min_samples: settings.dbscan_min_samples })?;
            let core: Vec<usize> = (0..rows.nrows()).filter(|&i| fit.core[i]).collect();
            let summary = json!({ "method": "dbscan", "core_rows": core.len() });
            let model = Model::Dbscan {
                core: rows.select(Axis(0), &core),
                core_labels: core.iter().map(|&i| fit.labels[i]).collect(),
                eps,
                near: Near::new(rows)?,
            };
            Ok(Fitted { labels: fit.labels, clusters: fit.clusters, wanted: None, summary, model })
        }
        Method::Agglomerative => {
            let fit = Agglomerative::fit(
                rows,
                &AgglomerativeOptions {
                    clusters: settings.agglomerative_clusters,
                    linkage: settings.agglomerative_linkage,
                    exact: settings.agglomerative_exact,
                    memory_bytes: config.compute.memory_bytes as u64,
                    seed: settings.seed,
                },
            )?;
            if let Some(n) = fit.representatives {
                tracing::warn!(
                    "the distances of {} rows do not fit compute.memory_mib: {n} representatives were clustered in their \
                     place (see summary.json)",
                    rows.nrows()
                );
            }
            let summary = json!({
                "method": "agglomerative", "linkage": config.resolved["cluster"]["agglomerative"]["linkage"],
                "representatives": fit.representatives,
            });
            let (labels, clusters) = (fit.labels.clone(), fit.centers.nrows());
            let wanted = Some(settings.agglomerative_clusters);
            Ok(Fitted {
                labels,
                clusters,
                wanted,
                summary,
                model: Model::Agglomerative { fit, near: Near::new(rows)? },
            })
        }
    }
}

fn fit_gmm(config: &Config, rows: ArrayView2<'_, f64>) -> Result<Fitted> {
    let settings = &config.cluster;
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
    let wanted = table.is_none().then_some(settings.gmm_components);
    if let Some(table) = table {
        let line = |s: &Selection| json!({ "components": s.components, "log_likelihood": s.log_likelihood, "aic": s.aic, "bic": s.bic });
        summary["selection"] = table.iter().map(line).collect();
    }
    let (labels, clusters) = (model.labels.clone(), model.weights.len());
    Ok(Fitted { labels, clusters, wanted, summary, model: Model::Gmm(model) })
}

impl Near {
    fn new(rows: ArrayView2<'_, f64>) -> Result<Self> {
        let index = Neighbours::new(rows)?;
        let usual = median(&mut index.mean_distances(rows, NEIGHBOURS)?);
        Ok(Self { rows: index, usual })
    }

    /// Mean distance to the nearest rows, over what is usual; 0 at distance 0.
    fn scores(&self, rows: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
        let distances = self.rows.mean_distances(rows, NEIGHBOURS)?;
        Ok(distances.into_iter().map(|d| over(d, self.usual)).collect())
    }
}

/// `distance / usual`, 0 at distance 0 even where nothing is usual (all rows equal).
fn over(distance: f64, usual: f64) -> f64 {
    if distance == 0.0 { 0.0 } else { distance / usual.max(f64::MIN_POSITIVE) }
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
            let spread = |label: i32| usize::try_from(label).map_or(0.0, |l| kmeans.spread[l]);
            let scores = labels.iter().zip(distances).map(|(&label, d)| over(d, spread(label))).collect();
            Ok((labels, scores))
        }
        Model::Dbscan { core, core_labels, eps, near } => {
            Ok((assign_to_core(core.view(), core_labels, *eps, rows)?, near.scores(rows)?))
        }
        Model::Agglomerative { fit, near } => {
            let nearest = |row: ndarray::ArrayView1<'_, f64>| {
                let distance = |c: ndarray::ArrayView1<'_, f64>| -> f64 { (&c - &row).mapv(|d| d * d).sum() };
                let centers = fit.centers.rows().into_iter().map(distance).enumerate();
                centers.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(NOISE, |(k, _)| i32::try_from(k).unwrap_or(NOISE))
            };
            Ok((rows.rows().into_iter().map(nearest).collect(), near.scores(rows)?))
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
        Model::Dbscan { core, core_labels, eps, near } => {
            out.add("core", core)?;
            out.add("core_labels", &Array1::from(core_labels.clone()))?;
            out.add("eps", &Array0::from_elem((), *eps))?;
            out.add("usual_distance", &Array0::from_elem((), near.usual))
        }
        Model::Agglomerative { fit, near } => {
            out.add("heights", &fit.merges.column(2))?;
            out.add("merges", &fit.merges)?;
            out.add("centers", &fit.centers)?;
            out.add("usual_distance", &Array0::from_elem((), near.usual))
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
