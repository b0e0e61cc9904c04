//! A stretch of consecutive measurements that is scored at once: a day with its margins, or a short archive whole.

use std::ops::Range;

use crate::measure::is_gap;
use crate::plan::DetectorPlan;
use crate::{DetectorError, Measurement};

/// Measurements in the order of time, and which of them count.
///
/// Running medians and trailing boxes see the margins around `core`, so that a day ends nowhere.
#[derive(Debug, Clone)]
pub struct Window<'a> {
    /// The measurements.
    pub images: Vec<&'a Measurement>,
    /// Those that are fitted and scored; the others are margins.
    pub core: Range<usize>,
    /// Stretches without a gap.
    pub pieces: Vec<Range<usize>>,
}

impl<'a> Window<'a> {
    /// Checks shapes and order, and finds the gaps.
    ///
    /// # Errors
    ///
    /// When a measurement does not have the plan's shape, or their times do not ascend.
    pub fn new(plan: &DetectorPlan, images: Vec<&'a Measurement>, core: Range<usize>) -> Result<Self, DetectorError> {
        for image in &images {
            check_shape(plan, image)?;
        }
        let mut pieces = Vec::new();
        let mut first = 0;
        for (k, pair) in images.windows(2).enumerate() {
            let (earlier, later) = (pair[0].time_us, pair[1].time_us);
            if later <= earlier {
                return Err(DetectorError::Order { earlier, later });
            }
            if is_gap(earlier, later, plan.geometry.duration_s) {
                pieces.push(first..k + 1);
                first = k + 1;
            }
        }
        if !images.is_empty() {
            pieces.push(first..images.len());
        }
        Ok(Self { images, core, pieces })
    }

    /// Parts of the pieces that lie in the core.
    pub(crate) fn core_pieces(&self) -> Vec<Range<usize>> {
        let clip = |p: &Range<usize>| p.start.max(self.core.start)..p.end.min(self.core.end);
        self.pieces.iter().map(clip).filter(|p| p.start < p.end).collect()
    }
}

fn check_shape(plan: &DetectorPlan, image: &Measurement) -> Result<(), DetectorError> {
    let (columns, places) = (plan.geometry.columns, plan.block_columns);
    let shapes = [
        ("a measurement's medians", image.median2.len(), columns),
        ("a measurement's spreads", image.spread4.len(), columns),
        ("a measurement's levels", image.level.len(), places),
        ("a measurement's scales", image.scale.len(), places),
        ("a measurement's blocks", image.blocks.len(), plan.block_rows * places),
        ("a measurement's constant columns", image.constant.len(), columns),
        ("a measurement's missing rows", image.missing.len(), plan.block_rows),
        ("a measurement's slants", image.slants.len(), plan.slant_count()),
    ];
    for (what, found, expected) in shapes {
        if found != expected {
            return Err(DetectorError::Shape { what, found: vec![found], expected: vec![expected] });
        }
    }
    Ok(())
}
