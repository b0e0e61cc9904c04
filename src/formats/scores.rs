//! `detection/scores_YYYYMMDD.npz`: the scores of a day's cells.

use std::path::Path;

use scatterfall_detector::{DayScores, DetectorPlan};

use crate::error::Result;
use crate::store::npz::NpzStream;
use scatterfall_npz::{F16, Time};

/// Writes `score` (images, cells) f32, `filters` (images, cells, filters) f16, `peak_time` (images, cells), `peak_km` and `speed_ms`
/// (images, cells) f32, `times` (images), `distance` (cells + 1 edges, km).
///
/// # Errors
/// [`crate::Error::Io`] where it cannot be written.
pub(crate) fn write(path: &Path, plan: &DetectorPlan, day: &DayScores, offset_km: f64) -> Result<()> {
    let mut out = NpzStream::new(path.to_path_buf());
    let score = out.declare::<f32>("score", &[plan.cells])?;
    out.append(score, day.score.iter().copied())?;
    let filters = out.declare::<F16>("filters", &[plan.cells, plan.filter_count()])?;
    out.append(filters, day.filters.iter().map(|&v| F16::from_f32(v)))?;
    let peak_time = out.declare::<Time>("peak_time", &[plan.cells])?;
    out.append(peak_time, day.peak_time_us.iter().map(|&t| Time(t)))?;
    let peak_km = out.declare::<f32>("peak_km", &[plan.cells])?;
    out.append(peak_km, day.peak_km.iter().map(|&x| x + offset_km as f32))?;
    let speed_ms = out.declare::<f32>("speed_ms", &[plan.cells])?;
    out.append(speed_ms, day.speed_ms.iter().copied())?;
    let times = out.declare::<Time>("times", &[])?;
    out.append(times, day.times_us.iter().map(|&t| Time(t)))?;
    let distance = out.declare::<f64>("distance", &[])?;
    out.append(distance, plan.cell_edges_km().into_iter().map(|x| x + offset_km))?;
    out.finish(|_| Ok(()))
}
