//! The detector's plan for an archive's images.

use scatterfall_detector::{DetectorError, DetectorParams, DetectorPlan, Geometry};
use serde_json::{Value, json};

use crate::config::Config;
use crate::error::{Error, Result};

/// Settings of the detector as the configuration has them.
pub(crate) fn params(config: &Config) -> DetectorParams {
    let d = &config.detect;
    DetectorParams {
        speeds_ms: d.speeds_ms.clone(),
        slant_s: d.slant_s,
        block_s: d.block_s,
        block_m: 1000.0 * d.block_km,
        cell_m: 1000.0 * d.cell_km,
        box_s: d.box_s.clone(),
        box_m: d.box_km.iter().map(|km| 1000.0 * km).collect(),
        slow_min: d.slow_min.clone(),
        background_min: d.background_min,
        ..DetectorParams::default()
    }
}

/// The plan for images of `rows` x `columns`; it leaves out filters that do not fit.
///
/// # Errors
/// [`Error::Config`] for settings that no detector can have.
pub(crate) fn plan(config: &Config, rows: usize, columns: usize) -> Result<DetectorPlan> {
    with_params(config, rows, columns, params(config))
}

/// As [`plan`], with the settings of a model.
///
/// # Errors
/// As [`plan`].
pub(crate) fn with_params(
    config: &Config,
    rows: usize,
    columns: usize,
    params: DetectorParams,
) -> Result<DetectorPlan> {
    let (duration_s, length_m) = (config.input.duration_s, 1000.0 * config.input.total_distance_km);
    DetectorPlan::new(Geometry { rows, columns, duration_s, length_m }, params).map_err(error)
}

/// What the measurements depend on, beside the pixels' way to values.
pub(crate) fn measured_with(plan: &DetectorPlan) -> Value {
    let p = &plan.params;
    json!({
        "geometry": plan.geometry, "speeds_ms": p.speeds_ms, "slant_s": p.slant_s, "slant_m": p.slant_m,
        "slant_step_s": p.slant_step_s, "slant_step_m": p.slant_step_m, "block_s": p.block_s, "block_m": p.block_m,
        "cell_m": p.cell_m, "slant_parts": p.slant_parts, "improved": p.improved, "background_min": p.background_min, "saturated_index": p.saturated_index,
    })
}

/// An error of the detector as one of the program.
pub(crate) fn error(e: DetectorError) -> Error {
    match e {
        DetectorError::Parameter { name, value, expected } => Error::config(format!("detect.{name}"), value, expected),
        other => Error::Detection(other),
    }
}
