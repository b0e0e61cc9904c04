//! New images through a fitted model, from their coefficients on: nothing is fitted, everything else is as in a run.

use serde_json::{Map, json};

use super::cluster_files::{Assignments, files, folder};
use super::reduce::{independent_file, principal_file, record_file, write_components};
use super::rows::{StoredRows, read_matrix, read_places, stored_geometry};
use super::{StageRecord, cluster};
use crate::error::{ModelError, Result};
use crate::model::{self, Model};
use crate::progress::Context;
use crate::store::day::identity;
use scatterfall_npz::NpzFile;
use scatterfall_rowstats::reduction::{Normalised, RowSource, scores};

/// Components of the stored coefficients under the model; false where the results on disk are current.
///
/// # Errors
/// Those of reading and writing; [`crate::Error::Model`] for coefficients of another network.
pub(crate) fn reduce(ctx: &Context<'_>, model: &Model, wanted: Option<&[String]>) -> Result<bool> {
    let config = ctx.config;
    let output = &config.output.path;
    let rows = StoredRows::open(config, wanted)?;
    let (found, own) = (rows.order_columns(), &model.reducer.scaling.order_columns);
    if found != own {
        return Err(ModelError::Coefficients { output: output.clone(), found: found.to_vec(), own: own.clone() }.into());
    }
    let settings = json!({ "model": model.identity, "run_pca": config.reduce.run_pca });
    let record = StageRecord::new(settings, rows.files().iter().map(|f| identity(f)).collect());
    let mut files = vec![independent_file(output)];
    files.extend(config.reduce.run_pca.then(|| principal_file(output)));
    // What a run in this folder fitted is not what these components are of.
    let prepare = || {
        model::invalidate(output)?;
        StageRecord::remove(&model::reduction_file(output))
    };
    record.renew(ctx, "reduce", (&record_file(output), &files), prepare, || {
        let locations = rows.locations();
        let normalised = model.reducer.normals.as_ref().map(|n| Normalised::new(&rows, n, &locations));
        let source: &dyn RowSource = normalised.as_ref().map_or(&rows, |n| n);
        let all = scores(source, &model.reducer.scaling, &model.reducer.pca)?;
        write_components(config, &model.reducer, &all, &rows.places)
    })
}

/// Labels, scores and events of the components under the model; false where the results on disk are current.
///
/// # Errors
/// Those of reading and writing.
pub(crate) fn cluster(ctx: &Context<'_>, model: &Model) -> Result<bool> {
    let config = ctx.config;
    let output = &config.output.path;
    let source = independent_file(output);
    let record_file = folder(output).join("record.json");
    let settings = json!({ "model": model.identity, "anomaly": config.sections(&["anomaly"])["anomaly"] });
    let record = StageRecord::new(settings, cluster::sources(output, &source)?);
    record.renew(
        ctx,
        "cluster",
        (&record_file, &files(output)),
        || Ok(()),
        || {
            let mut file = NpzFile::open(&source)?;
            let components = read_matrix(&mut file, &source, "features")?;
            let places = read_places(&mut file, &source, Some(components.nrows()))?;
            let geometry = stored_geometry(config);
            let (labels, scores) = model.assign(&components, &places, &geometry)?;
            let assignments = Assignments {
                places: &places,
                geometry: &geometry,
                labels: &labels,
                scores: &scores,
                clusters: &model.clusters,
                usual_scores: &model.scores,
            };
            let mut more = Map::new();
            more.insert("model".into(), json!(model.identity));
            assignments.write(config, more).map(|_| ())
        },
    )
}
