//! Whether two backends agree, by the measure that the program promises.

use ndarray::{ArrayView1, Axis};

use super::Agreement;
use crate::config::Feature;
use crate::error::{Error, Result};
use scatterfall_scattering::backend::ImageResults;
use scatterfall_scattering::blocks::{CoefficientBlock, SegmentBlock};
use scatterfall_scattering::plan::{FeaturePlan, ScatteringPlan};

/// Part of the largest of its column that a feature may differ by.
const FEATURES: f64 = 2e-4;
/// Share of windows whose dominant frequency may differ: two peaks may be equal to the last digit.
const FREQUENCIES: f64 = 2e-3;
/// Part of the largest of its row, channel and order that a coefficient may differ by.
const ORDERS_1_AND_2: f64 = 1e-5;
/// From the third order on, where moduli of moduli have lost a digit.
const FURTHER_ORDERS: f64 = 5e-5;
/// Of a constant channel, which has next to nothing but its rounding in the filters' bands.
const CONSTANT: f64 = 5e-4;

/// How far the features of the same images differ.
pub(super) fn features(plan: &FeaturePlan, got: &ImageResults, want: &ImageResults) -> Vec<Agreement> {
    let columns = plan.features.iter().zip(got.features.values.axis_iter(Axis(2)));
    columns
        .zip(want.features.values.axis_iter(Axis(2)))
        .map(|((feature, got), want)| {
            let largest = want.iter().fold(f64::MIN_POSITIVE, |a, v| a.max(f64::from(v.abs())));
            let differences = got.iter().zip(&want).map(|(g, w)| difference(*g, *w) / largest);
            let (difference, allowed) = if *feature == Feature::DominantFrequency {
                let differ = differences.filter(|d| *d > FEATURES).count();
                (differ as f64 / want.len().max(1) as f64, FREQUENCIES)
            } else {
                (differences.fold(0.0, f64::max), FEATURES)
            };
            Agreement { what: feature.name().into(), difference, allowed }
        })
        .collect()
}

/// How far the coefficients of the same segments differ.
pub(super) fn coefficients(
    plan: &ScatteringPlan,
    segments: &SegmentBlock,
    got: &CoefficientBlock,
    want: &CoefficientBlock,
) -> Vec<Agreement> {
    let is_constant = |samples: ArrayView1<f32>| samples.iter().all(|v| *v == samples[0]);
    let mut out = Vec::new();
    for (k, ((got, want), width)) in got.orders.iter().zip(&want.orders).zip(plan.widths()).enumerate() {
        let order = k + plan.first_order();
        let allowed = if order < 3 { ORDERS_1_AND_2 } else { FURTHER_ORDERS };
        let mut worst = 0.0f64;
        for ((segment, got), want) in segments.samples.outer_iter().zip(got.rows()).zip(want.rows()) {
            let channels = got.exact_chunks(width).into_iter().zip(want.exact_chunks(width));
            for ((got, want), samples) in channels.zip(segment.outer_iter()) {
                let largest = want.iter().fold(f64::MIN_POSITIVE, |a, v| a.max(f64::from(v.abs())));
                // Measured against what is allowed for it, so that one figure serves all.
                let scale = if is_constant(samples) { allowed / CONSTANT } else { 1.0 };
                let off = got.iter().zip(want).map(|(g, w)| difference(*g, *w) / largest).fold(0.0, f64::max);
                worst = worst.max(off * scale);
            }
        }
        out.push(Agreement { what: format!("order {order}"), difference: worst, allowed });
    }
    out
}

/// Not a number agrees with its like alone.
fn difference(got: f32, want: f32) -> f64 {
    match (got.is_nan(), want.is_nan()) {
        (true, true) => 0.0,
        (false, false) => f64::from((got - want).abs()),
        _ => f64::INFINITY,
    }
}

/// An error that names what disagrees.
pub(super) fn check(all: &[Agreement]) -> Result<()> {
    let wrong: Vec<String> = all
        .iter()
        .filter(|a| a.difference.is_nan() || a.difference > a.allowed)
        .map(|a| format!("{} differs by {:.1e} (allowed {:.1e})", a.what, a.difference, a.allowed))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let list = wrong.join(", ");
    Err(Error::Disagreement(format!(
        "CPU and GPU disagree: {list}; use --backend cpu and report the graphics card and driver"
    )))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3};

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_difference_is_found_where_it_is() {
        let plan = ScatteringPlan::new(&Config::from_text("").expect("defaults").network, 2, 64, 1.0).expect("valid");
        let segments: SegmentBlock =
            Array3::from_shape_fn((3, 2, 64), |(i, c, t)| ((i + 2 * c + 1) * t) as f32 % 7.0).into();
        let orders = plan.widths().iter().map(|w| Array2::from_elem((3, 2 * w), 2.0f32)).collect();
        let want = CoefficientBlock { orders };
        assert!(check(&coefficients(&plan, &segments, &want, &want)).is_ok(), "the same");
        let mut got = want.clone();
        got.orders[1][[2, 5]] += 1e-4;
        let found = coefficients(&plan, &segments, &got, &want);
        assert!((found[1].difference - 5e-5).abs() < 1e-6, "5e-5 of the largest: {found:?}");
        let error = check(&found).expect_err("more than 1e-5").to_string();
        assert!(error.contains("order 1 differs") && !error.contains("order 2"), "named: {error}");
        got.orders[1][[2, 5]] = f32::NAN;
        assert!(check(&coefficients(&plan, &segments, &got, &want)).is_err(), "NaN agrees with nothing else");
        // What a silent channel may.
        let silent = Array3::zeros((3, 2, 64));
        got.orders[1][[2, 5]] = 2.0 + 1e-4;
        assert!(check(&coefficients(&plan, &silent.into(), &got, &want)).is_ok(), "a constant channel's rounding");
    }
}
