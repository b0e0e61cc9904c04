//! The block record: means of about 1 s x 250 m, one step after the other.

use crate::plan::{DetectorPlan, odd};

/// Means of the rows of every time step (block rows x block columns).
///
/// A missing row is as the 10 s before and after it, so that it makes no step; `row_means` (rows x block columns) is overwritten there.
pub fn block_means(plan: &DetectorPlan, row_means: &mut [f32], missing: &[bool]) -> Vec<f32> {
    let places = plan.block_columns;
    if missing.contains(&true) && missing.contains(&false) {
        fill_missing(plan, row_means, missing);
    }
    let mut out = Vec::with_capacity(plan.block_rows * places);
    for e in plan.row_edges.windows(2) {
        let start = out.len();
        out.resize(start + places, 0.0);
        for row in row_means[e[0] * places..e[1] * places].chunks_exact(places) {
            out[start..].iter_mut().zip(row).for_each(|(o, v)| *o += v);
        }
        let n = (e[1] - e[0]) as f32;
        out[start..].iter_mut().for_each(|o| *o /= n);
    }
    out
}

/// The rows whose mean stands for missing ones; none where no row or every row is missing.
pub(crate) fn rows_to_fill_from(plan: &DetectorPlan, missing: &[bool]) -> Vec<usize> {
    if !missing.contains(&true) {
        return Vec::new();
    }
    let reach = odd(20.0 / plan.geometry.seconds_per_row()) / 2;
    let is_near = |r: usize| missing[r.saturating_sub(reach)..(r + reach + 1).min(missing.len())].contains(&true);
    let around: Vec<usize> = (0..missing.len()).filter(|&r| !missing[r] && is_near(r)).collect();
    if around.is_empty() { (0..missing.len()).filter(|&r| !missing[r]).collect() } else { around }
}

fn fill_missing(plan: &DetectorPlan, row_means: &mut [f32], missing: &[bool]) {
    let places = plan.block_columns;
    let around = rows_to_fill_from(plan, missing);
    let mut mean = vec![0.0f64; places];
    for &r in &around {
        let row = &row_means[r * places..(r + 1) * places];
        mean.iter_mut().zip(row).for_each(|(m, &v)| *m += f64::from(v));
    }
    for (r, row) in row_means.chunks_exact_mut(places).enumerate() {
        if missing[r] {
            row.iter_mut().zip(&mean).for_each(|(v, m)| *v = (m / around.len() as f64) as f32);
        }
    }
}
