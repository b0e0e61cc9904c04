//! From coefficients to principal and independent components.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Axis, Slice};
use serde_json::{Value, json};

use super::StageRecord;
use super::rows::StoredRows;
use crate::config::{ClusterOn, Config};
use crate::error::Result;
use crate::model::{self, Reducer};
use crate::places::Places;
use crate::progress::Context;
use crate::store::day::identity;
use crate::store::npz::write_npz;
use scatterfall_npz::Time;
use scatterfall_rowstats::reduction::{
    Ica, IcaOptions, Moments, Normalised, Pca, PlaceNormals, RowSource, Scaling, Scores, scores,
};

/// Independent components of the rows.
pub(crate) fn independent_file(output: &Path) -> PathBuf {
    output.join("pca_ica").join("independent_components.npz")
}

/// Principal components of the rows.
pub(crate) fn principal_file(output: &Path) -> PathBuf {
    output.join("pca_ica").join("principal_components.npz")
}

pub(super) fn record_file(output: &Path) -> PathBuf {
    output.join("pca_ica").join("record.json")
}

/// Reduces the stored coefficients, of `wanted` days where given; false where the results on disk are current.
///
/// # Errors
/// Those of reading and writing; [`crate::Error::Rows`] where no row is finite.
pub(crate) fn compute(ctx: &Context<'_>, wanted: Option<&[String]>) -> Result<bool> {
    let config = ctx.config;
    let output = &config.output.path;
    let rows = StoredRows::open(config, wanted)?;
    let record = StageRecord::new(settings(config), rows.files().iter().map(|f| identity(f)).collect());
    let mut files = vec![independent_file(output), model::reduction_file(output)];
    files.extend(config.reduce.run_pca.then(|| principal_file(output)));
    let prepare = || {
        model::invalidate(output)?;
        // What an earlier run with other settings left would not belong to these components.
        if config.reduce.run_pca { Ok(()) } else { StageRecord::remove(&principal_file(output)) }
    };
    record.renew(ctx, "reduce", (&record_file(output), &files), prepare, || reduce(config, &rows))
}

/// What the reduction depends on beside the rows.
pub(super) fn settings(config: &Config) -> Value {
    let sections = config.sections(&["reduce", "exclude"]);
    json!({
        "reduce": sections["reduce"], "exclude": sections["exclude"], "order_0": config.network.order_0,
        "normalised": config.cluster.on == ClusterOn::Normalised,
    })
}

fn reduce(config: &Config, rows: &StoredRows<'_>) -> Result<()> {
    let settings = &config.reduce;
    super::repeated::warn(&rows.repeated);
    let locations = rows.locations();
    let normals = match config.cluster.on {
        ClusterOn::Rows => None,
        ClusterOn::Normalised => Some(PlaceNormals::fit(rows, &locations, settings.floor)?),
    };
    let normalised = normals.as_ref().map(|n| Normalised::new(rows, n, &locations));
    let source: &dyn RowSource = normalised.as_ref().map_or(rows, |n| n);
    let moments = Moments::accumulate(source, settings.floor)?;
    if moments.not_finite > 0 {
        tracing::warn!("{} rows are not finite: they take no part, and are labelled -1", moments.not_finite);
    }
    let scaling = Scaling::fit(settings.scaling, &moments);
    let pca = Pca::fit(&moments, &scaling, settings.pca_components.max(settings.ica_components))?;
    let found = pca.components.nrows();
    if let Some(limit) = &pca.limit {
        tracing::warn!("fewer components than asked for: {limit}");
    }
    let all = scores(source, &scaling, &pca)?;
    let own = pca.truncated(settings.ica_components.min(found));
    let whitened = all.values.slice_axis(Axis(1), Slice::from(..own.components.nrows()));
    let options = IcaOptions { seed: settings.seed, ..IcaOptions::default() };
    let ica = Ica::fit(whitened, &all.fitted, &own, &options)?;
    if !ica.converged {
        tracing::warn!(
            "the independent components did not converge after {} starts of {} iterations; \
             fewer (reduce.ica_components) may",
            ica.starts,
            options.max_iterations
        );
    }
    tracing::info!(
        components = ica.unmixing.nrows(),
        iterations = ica.iterations,
        converged = ica.converged,
        "reduced"
    );
    let reducer = Reducer::new(normals.clone(), scaling, pca, ica);
    reducer.write(&model::reduction_file(&config.output.path))?;
    write_components(config, &reducer, &all, &rows.places)
}

/// Writes both kinds of components from the whitened scores of all rows.
pub(super) fn write_components(config: &Config, reducer: &Reducer, all: &Scores, places: &Places) -> Result<()> {
    let output = &config.output.path;
    let pca = &reducer.pca;
    if config.reduce.run_pca {
        let own = pca.truncated(config.reduce.pca_components.min(pca.components.nrows()));
        let scores = all.values.slice_axis(Axis(1), Slice::from(..own.components.nrows()));
        write_npz(&principal_file(output), |out| {
            out.add("features", &scores)?;
            out.add("explained_variance_ratio", &own.explained_variance_ratio)?;
            out.add("components", &own.components)?;
            out.add("mean", &own.mean)?;
            add_places(out, places)
        })?;
    }
    write_npz(&independent_file(output), |out| {
        out.add("features", &reducer.independent(all.values.view()))?;
        out.add("mixing", &reducer.mixing)?;
        out.add("unmixing", &reducer.unmixing)?;
        out.add("mean", &pca.mean)?;
        add_places(out, places)
    })
}

fn add_places(out: &mut crate::store::npz::Arrays<'_>, places: &Places) -> scatterfall_npz::Result<()> {
    out.add("times", &places.times.iter().map(|&t| Time(t)).collect::<Array1<_>>())?;
    out.add("distance", &Array1::from(places.distance.clone()))
}
