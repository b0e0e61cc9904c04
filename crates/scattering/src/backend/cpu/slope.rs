//! The slope-aspect feature, summed over time for every column.
//!
//! Values are whole numbers from 0 to 255, so a pixel's two differences are one of 511 each, and the feature of a pixel
//! is a look-up; only the borders, where differences are one-sided and twice as steep, need tables of their own.

use crate::plan::FeaturePlan;

/// Differences of two values: -255 to 255.
const SPAN: usize = 511;

/// Tables of the feature by the differences along time and distance.
pub(super) struct SlopeAspect {
    rows: usize,
    columns: usize,
    /// `[steepness][difference in time][difference in distance]`; steepness 0: central along both axes, 1: one-sided in
    /// time, 2: one-sided in distance, 3: both. Empty where the image has no pixel of the kind.
    tables: [Vec<f64>; 4],
}

impl SlopeAspect {
    pub(super) fn new(plan: &FeaturePlan) -> Self {
        let table = |sided_t: bool, sided_x: bool| {
            // numpy.gradient: (next - previous) / 2 inside, (next - this) at the borders, 0 along an axis of length 1.
            let scale = |sided: bool, n: usize, spacing: f64| match (n, sided) {
                (1, _) => 0.0,
                (_, true) => 1.0 / spacing,
                (_, false) => 0.5 / spacing,
            };
            let (along_t, along_x) =
                (scale(sided_t, plan.rows, plan.seconds_per_row), scale(sided_x, plan.columns, plan.meters_per_column));
            let mut out = Vec::with_capacity(SPAN * SPAN);
            for dt in -255..=255i32 {
                for dx in -255..=255i32 {
                    out.push(slope_aspect(f64::from(dt) * along_t, f64::from(dx) * along_x));
                }
            }
            out
        };
        Self {
            rows: plan.rows,
            columns: plan.columns,
            tables: [table(false, false), table(true, false), table(false, true), table(true, true)],
        }
    }

    /// Sums over time, one a column. `index` is `[rows, columns]`.
    pub(super) fn column_sums(&self, index: &[u8], sums: &mut [f64]) {
        sums.fill(0.0);
        for t in 0..self.rows {
            let (above, below) = (t.saturating_sub(1), (t + 1).min(self.rows - 1));
            let sided_t = t == 0 || t + 1 == self.rows;
            let row = |t: usize| &index[t * self.columns..(t + 1) * self.columns];
            let (above, here, below) = (row(above), row(t), row(below));
            for (x, sum) in sums.iter_mut().enumerate() {
                let (left, right) = (x.saturating_sub(1), (x + 1).min(self.columns - 1));
                let sided_x = x == 0 || x + 1 == self.columns;
                let table = &self.tables[usize::from(sided_t) + 2 * usize::from(sided_x)];
                let difference = |a: u8, b: u8| usize::from(a) + 255 - usize::from(b);
                *sum += table[difference(below[x], above[x]) * SPAN + difference(here[right], here[left])];
            }
        }
    }
}

/// Aspect in degrees, [0, 360), times the ratio of the slopes; the small number keeps a flat line finite.
fn slope_aspect(along_t: f64, along_x: f64) -> f64 {
    const EPSILON: f64 = 1e-6;
    let aspect = (along_t.atan2(along_x).to_degrees() + 360.0) % 360.0;
    aspect * along_t / (along_x + EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_and_a_flat_line() {
        assert_eq!(slope_aspect(0.0, 5.0), 0.0, "nothing changes over time");
        assert_eq!(slope_aspect(0.0, -5.0), 0.0, "nor here");
        assert!((slope_aspect(1.0, 1.0) - 45.0 / (1.0 + 1e-6)).abs() < 1e-9, "45 degrees, slope 1");
        assert!((slope_aspect(-1.0, 1.0) + 315.0 / (1.0 + 1e-6)).abs() < 1e-9, "315 degrees, slope -1");
        assert_eq!(slope_aspect(2.0, 0.0), 90.0 * 2.0 / 1e-6, "a vertical edge is finite");
    }
}
