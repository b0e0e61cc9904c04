//! From components to clusters, scores and events.

use std::path::Path;

use ndarray::{ArrayView2, Axis};
use serde_json::{Map, Value, json};

use super::cluster_files::{Assignments, files, folder};
use super::reduce::independent_file;
use super::repeated::repeated_images;
use super::rows::{read_matrix, read_places, stored_geometry};
use super::{StageRecord, fitted};
use crate::config::{Baseline, Config, Method};
use crate::error::{Result, StoredError};
use crate::model::{self, Clusters, Near, assign};
use crate::progress::Context;
use crate::store::day::{Stage, digest, identity};
use scatterfall_npz::NpzFile;
use scatterfall_rowstats::baselines::LocationBaselines;
use scatterfall_rowstats::clustering::{
    Agglomerative, AgglomerativeOptions, Dbscan, DbscanOptions, Gmm, GmmOptions, KMeans, KMeansOptions, Selection,
    silhouette,
};

/// Rows that the silhouette is computed on: its cost grows with their square.
const SILHOUETTE_ROWS: usize = 2000;

/// Clusters the stored components; false where the results on disk are current.
///
/// # Errors
/// [`crate::Error::Stored`] where there are no components, or none is finite; those of reading and writing.
pub(crate) fn compute(ctx: &Context<'_>) -> Result<bool> {
    let config = ctx.config;
    let output = &config.output.path;
    let source = independent_file(output);
    if !source.is_file() {
        return Err(StoredError::Missing { path: source, command: "reduce" }.into());
    }
    let record_file = folder(output).join("record.json");
    let mut before = sources(output, &source)?;
    let reduction = model::reduction_file(output);
    if reduction.is_file() {
        before.push(digest(&reduction)?);
    }
    // All that a model tells of its configuration, not only what clusters depend on.
    let record = StageRecord::new(json!(model::configuration(config)), before);
    let results = (record_file.as_path(), &files(output)[..]);
    record.renew(ctx, "cluster", results, || model::invalidate(output), || cluster(config, &source))
}

/// Identities of what labels are made from: the components, and the days, which name the images.
pub(super) fn sources(output: &Path, components: &Path) -> Result<Vec<String>> {
    let mut before = vec![digest(components)?];
    for day in Stage::Features.days(output)? {
        before.push(identity(&Stage::Features.file(output, &day)));
    }
    Ok(before)
}

/// A fitted clustering, with what it says about the rows that took part.
struct Fitted {
    labels: Vec<i32>,
    clusters: Clusters,
    /// Clusters that were asked for, where a number was.
    wanted: Option<usize>,
    summary: Value,
}

fn cluster(config: &Config, source: &Path) -> Result<()> {
    let mut file = NpzFile::open(source)?;
    let components = read_matrix(&mut file, source, "features")?;
    let places = read_places(&mut file, source, Some(components.nrows()))?;
    let geometry = stored_geometry(config);

    let repeated = repeated_images(&config.output.path)?;
    let used: Vec<bool> = (0..components.nrows())
        .map(|i| {
            let (time, distance) = (places.times[i], places.distance[i]);
            !repeated.contains(&time) && geometry.takes_part(&config.exclude, time, distance)
        })
        .collect();
    let fit_rows: Vec<usize> =
        (0..components.nrows()).filter(|&i| used[i] && components.row(i).iter().all(|v| v.is_finite())).collect();
    if fit_rows.is_empty() {
        return Err(StoredError::NoRowTakesPart { path: source.to_path_buf(), rows: components.nrows() }.into());
    }
    let fit_values = components.select(Axis(0), &fit_rows);
    let own = fit(config, fit_values.view())?;
    let count = own.clusters.count();
    if let Some(wanted) = own.wanted.filter(|&wanted| count < wanted) {
        tracing::warn!("{count} clusters instead of {wanted}: there are not enough different rows");
    }
    let normals = (config.anomaly.baseline == Baseline::Place)
        .then(|| LocationBaselines::fit(components.view(), &geometry.locations(&places), &used));
    // Rows that took no part in the fit are labelled by it all the same.
    let (mut labels, scores) = assign(&own.clusters, normals.as_ref(), &components, &places, &geometry)?;
    for (&i, &label) in fit_rows.iter().zip(&own.labels) {
        labels[i] = label;
    }
    let mut more = Map::new();
    more.insert("images_repeated".into(), json!(repeated.len()));
    more.insert("rows_excluded".into(), json!(used.iter().filter(|u| !**u).count()));
    let quality = silhouette(fit_values.view(), &own.labels, SILHOUETTE_ROWS, config.cluster.seed);
    more.insert("silhouette".into(), json!(quality));
    more.extend(own.summary.as_object().cloned().unwrap_or_default());
    let assignments = Assignments {
        places: &places,
        geometry: &geometry,
        labels: &labels,
        scores: &scores,
        clusters: &own.clusters,
        usual_scores: &scores,
    };
    assignments.write(config, more)?;
    let fitted = model::Fitted { clusters: &own.clusters, normals: normals.as_ref(), scores: &scores };
    fitted::write_model(config, &mut file, &places, fit_rows.len(), &fitted)
}

fn fit(config: &Config, rows: ArrayView2<'_, f64>) -> Result<Fitted> {
    let settings = &config.cluster;
    match settings.method {
        Method::KMeans => {
            let model = KMeans::fit(rows, &KMeansOptions::new(settings.kmeans.clusters, settings.seed))?;
            let summary = json!({
                "inertia": model.inertia, "iterations": model.iterations, "converged": model.converged,
            });
            let (labels, wanted) = (model.labels.clone(), Some(settings.kmeans.clusters));
            Ok(Fitted { labels, clusters: Clusters::KMeans(model), wanted, summary })
        }
        Method::Gmm => fit_gmm(config, rows),
        Method::Dbscan => {
            let eps = settings.dbscan.eps;
            let fit = Dbscan::fit(rows, &DbscanOptions { eps, min_samples: settings.dbscan.min_samples })?;
            let core: Vec<usize> = (0..rows.nrows()).filter(|&i| fit.core[i]).collect();
            let summary = json!({ "core_rows": core.len() });
            let clusters = Clusters::Dbscan {
                core: rows.select(Axis(0), &core),
                core_labels: core.iter().map(|&i| fit.labels[i]).collect(),
                eps,
                near: Near::new(rows)?,
            };
            Ok(Fitted { labels: fit.labels, clusters, wanted: None, summary })
        }
        Method::Agglomerative => {
            let fit = Agglomerative::fit(
                rows,
                &AgglomerativeOptions {
                    clusters: settings.agglomerative.clusters,
                    linkage: settings.agglomerative.linkage,
                    exact: settings.agglomerative.exact,
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
                "linkage": settings.agglomerative.linkage,
                "representatives": fit.representatives,
            });
            let clusters = Clusters::Agglomerative { merges: fit.merges, centers: fit.centers, near: Near::new(rows)? };
            Ok(Fitted { labels: fit.labels, clusters, wanted: Some(settings.agglomerative.clusters), summary })
        }
    }
}

fn fit_gmm(config: &Config, rows: ArrayView2<'_, f64>) -> Result<Fitted> {
    let settings = &config.cluster;
    let options = GmmOptions::new(settings.gmm.components, settings.gmm.covariance, settings.seed);
    let (model, table) = match settings.gmm.select {
        Some(criterion) => {
            let (model, table) = Gmm::select(rows, &options, criterion, settings.gmm.range)?;
            (model, Some(table))
        }
        None => (Gmm::fit(rows, &options)?, None),
    };
    let mut summary = json!({
        "covariance": settings.gmm.covariance,
        "log_likelihood": model.log_likelihood, "aic": model.aic, "bic": model.bic,
        "iterations": model.iterations, "converged": model.converged,
    });
    let wanted = table.is_none().then_some(settings.gmm.components);
    if let Some(table) = table {
        let line = |s: &Selection| json!({ "components": s.components, "log_likelihood": s.log_likelihood, "aic": s.aic, "bic": s.bic });
        summary["selection"] = table.iter().map(line).collect();
    }
    Ok(Fitted { labels: model.labels.clone(), clusters: Clusters::Gmm(model), wanted, summary })
}
