//! What a stage has to do, counted: floating-point operations as if done the plain way, bytes as if every array were
//! read or written once. Whoever needs fewer operations reaches more of these a second.

use crate::config::Feature;
use scatterfall_scattering::plan::{FeaturePlan, GaborKernel, ScatteringPlan};

/// Work an image (or, for the transform, a segment).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Work {
    /// Floating-point operations; a multiply-add is two.
    pub(super) flops: Option<f64>,
    /// Bytes read and written.
    pub(super) bytes: f64,
}

/// Colours to indices.
pub(super) fn value(plan: &FeaturePlan) -> Work {
    Work { flops: None, bytes: 4.0 * pixels(plan) }
}

/// One window feature, from indices.
pub(super) fn feature(plan: &FeaturePlan, feature: Feature) -> Work {
    let results = 4.0 * plan.windows as f64;
    let flops = match feature {
        // Two filters along distance and four along time, of 49 taps each; two moduli, the larger of them.
        Feature::Gabor => Some(pixels(plan) * (2.0 * 6.0 * (2 * GaborKernel::RADIUS + 1) as f64 + 10.0)),
        Feature::DominantFrequency => {
            Some(plan.columns as f64 * (transform(plan.rows) / 2.0 + 3.0 * plan.rows as f64 / 2.0))
        }
        // Whole numbers.
        _ => None,
    };
    Work { flops, bytes: pixels(plan) + results }
}

/// A segment's coefficients, from its samples.
pub(super) fn scattering(plan: &ScatteringPlan) -> Work {
    let (n, widths) = (plan.bins, plan.widths());
    let widths = &widths[usize::from(plan.order_0)..];
    let paths: usize = widths.iter().sum();
    // Every layer's inputs are transformed, as real numbers; every path is a product, an inverse transform and a modulus.
    let inputs = 1 + widths.split_last().map_or(0, |(_, inner)| inner.iter().sum::<usize>());
    let samples = n as f64;
    let flops = inputs as f64 * transform(n) / 2.0 + paths as f64 * (transform(n) + (6.0 + 4.0) * samples);
    let bytes = 4.0 * (samples + paths as f64);
    Work { flops: Some(plan.channels as f64 * flops), bytes: plan.channels as f64 * bytes }
}

fn pixels(plan: &FeaturePlan) -> f64 {
    (plan.rows * plan.columns) as f64
}

/// Operations of a complex Fourier transform by the usual convention, 5 n log2 n.
fn transform(n: usize) -> f64 {
    5.0 * n as f64 * (n as f64).log2()
}
