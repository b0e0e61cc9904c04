//! What the detector's kernels need to know of a plan, in the device's memory.

use std::sync::Arc;

use scatterfall_detector::DetectorPlan;
use scatterfall_detector::whiten::{ROW_JUMP, hold_reach, surroundings};
use wgpu::BufferUsages;

use super::super::buffers::{table, too_many};
use super::super::device::Gpu;
use super::super::params::DetectParams;
use crate::Result;

/// Tables of one plan.
pub(super) struct Tables {
    pub(super) plan: Arc<DetectorPlan>,
    /// What all dispatches share.
    pub(super) params: DetectParams,
    /// Time step and part of every row.
    pub(super) rows: wgpu::Buffer,
    pub(super) column_edges: wgpu::Buffer,
    pub(super) row_edges: wgpu::Buffer,
    /// Where each column lies between the places.
    pub(super) between: wgpu::Buffer,
    pub(super) slants: Option<SlantTables>,
}

/// Tables of the slants.
pub(super) struct SlantTables {
    /// One over the root of 0, 1, ... samples.
    pub(super) roots: wgpu::Buffer,
}

impl Tables {
    pub(super) fn new(gpu: &Gpu, plan: &Arc<DetectorPlan>) -> Result<Self> {
        let mut params = whitening_params(plan)?;
        let slants = SlantTables::new(gpu, plan, &mut params)?;
        let steps = numbers_in(&plan.row_edges).into_iter().zip(numbers_in(&plan.part_edges));
        let rows: Vec<[u32; 2]> = steps.map(|(step, part)| [step, part]).collect();
        let (_, between) = surroundings(plan);
        let between: Vec<[u32; 2]> = between
            .into_iter()
            .map(|(first, fraction)| Ok([word(first)?, fraction.to_bits()]))
            .collect::<Result<_>>()?;
        let usage = BufferUsages::STORAGE;
        Ok(Self {
            plan: Arc::clone(plan),
            params,
            rows: table(gpu, "rows of the detector", &rows, usage)?,
            column_edges: table(gpu, "places of the detector", &words(&plan.column_edges)?, usage)?,
            row_edges: table(gpu, "steps of the detector", &words(&plan.row_edges)?, usage)?,
            between: table(gpu, "columns of the detector", &between, usage)?,
            slants,
        })
    }
}

impl SlantTables {
    #[expect(clippy::cast_possible_truncation, reason = "kernels compute in single precision")]
    fn new(gpu: &Gpu, plan: &DetectorPlan, params: &mut DetectParams) -> Result<Option<Self>> {
        let Some(slants) = plan.slants.as_deref() else { return Ok(None) };
        params.sample_rows = word(slants.rows)?;
        params.sample_columns = word(slants.columns)?;
        params.row_step = word(slants.row_step)?;
        params.column_step = word(slants.column_step)?;
        params.width = word(slants.width)?;
        let last_row = plan.geometry.rows - (slants.rows - 1) * slants.row_step;
        let last_column = plan.geometry.columns - (slants.columns - 1) * slants.column_step;
        let scale = |rows: usize, columns: usize| 1.0 / ((rows * columns) as f32).sqrt();
        params.scale = scale(slants.row_step, slants.column_step);
        params.scale_right = scale(slants.row_step, last_column);
        params.scale_below = scale(last_row, slants.column_step);
        params.scale_corner = scale(last_row, last_column);
        let widest = slants.width.min(slants.columns);
        let roots: Vec<f32> = (0..=widest).map(|n| (1.0 / (n.max(1) as f64).sqrt()) as f32).collect();
        Ok(Some(Self { roots: table(gpu, "roots of the detector", &roots, BufferUsages::STORAGE)? }))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "kernels compute in single precision")]
fn whitening_params(plan: &DetectorPlan) -> Result<DetectParams> {
    let (rows, columns) = (plan.geometry.rows, plan.geometry.columns);
    // Kernels count pixels, and rows there and back, in 32 bits.
    word(4 * rows * columns)?;
    Ok(DetectParams {
        rows: word(rows)?,
        columns: word(columns)?,
        places: word(plan.block_columns)?,
        steps: word(plan.block_rows)?,
        plane_words: word((rows * columns).div_ceil(4))?,
        parts: word(plan.part_edges.len() - 1)?,
        limit: plan.params.saturated_index.into(),
        hold_reach: word(hold_reach(plan).min(columns))?,
        improved: plan.params.improved.into(),
        level_width: word(surroundings(plan).0)?,
        row_reach: word(plan.row_reach)?,
        row_jump: (ROW_JUMP / (columns as f64).sqrt()) as f32,
        ..DetectParams::default()
    })
}

/// A number that a kernel holds.
pub(super) fn word(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| too_many(n))
}

fn words(numbers: &[usize]) -> Result<Vec<u32>> {
    numbers.iter().map(|&n| word(n)).collect()
}

/// Number of the stretch between `edges` that each element lies in.
#[expect(clippy::cast_possible_truncation, reason = "no more stretches than rows, which were counted before")]
fn numbers_in(edges: &[usize]) -> Vec<u32> {
    edges.windows(2).enumerate().flat_map(|(k, e)| (e[0]..e[1]).map(move |_| k as u32)).collect()
}
