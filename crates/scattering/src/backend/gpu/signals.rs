//! What the host does to signals on their way to the device, and to coefficients on their way back.

use ndarray::Array2;

use crate::backend::cpu::{order_0, power_of_two_below};
use crate::plan::ScatteringPlan;

/// Room for the coefficients of `rows` segments.
pub(super) fn zeros(plan: &ScatteringPlan, rows: usize) -> Vec<Array2<f32>> {
    plan.widths().iter().map(|w| Array2::zeros((rows, plan.channels * w))).collect()
}

/// Samples over the scale of their signal, which the device (where NaN, infinity and denormal numbers are not reliable)
/// then need not care for; signals that are not finite become silence.
#[expect(clippy::cast_possible_truncation, reason = "a division by a power of two")]
pub(super) fn scaled(samples: &[f32], bins: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(samples.len());
    for signal in samples.chunks(bins) {
        let scale = power_of_two_below(signal);
        if scale.is_finite() {
            // In double precision: one over the largest scale is no normal single.
            out.extend(signal.iter().map(|s| (f64::from(*s) / f64::from(scale)) as f32));
        } else {
            out.resize(out.len() + signal.len(), 0.0);
        }
    }
    out
}

/// Fills the segments `rows` of `orders` with the device's coefficients times their signals' scales, and with order 0,
/// which takes nothing but the samples that `fill(row, channel, samples)` writes, and the level it returns. Returns the
/// signals (row and channel) whose first coefficient has a sign, which single precision did not serve.
pub(super) fn unscaled(
    plan: &ScatteringPlan,
    rows: std::ops::Range<usize>,
    words: &[f32],
    orders: &mut [Array2<f32>],
    fill: impl Fn(usize, usize, &mut [f32]) -> f64,
) -> Vec<(usize, usize)> {
    let mut signed = Vec::new();
    let widths = plan.widths();
    let mut samples = vec![0.0; plan.bins];
    for (number, row) in rows.clone().enumerate() {
        for channel in 0..plan.channels {
            let level = fill(row, channel, &mut samples);
            let scale = power_of_two_below(&samples);
            let signal = number * plan.channels + channel;
            let mut at = 0;
            for (k, (order, &width)) in orders.iter_mut().zip(&widths).enumerate() {
                let mut order = order.row_mut(row);
                let to = order.iter_mut().skip(channel * width);
                if plan.order_0 && k == 0 {
                    to.zip(order_0(&samples, level)).for_each(|(to, value)| *to = value);
                } else {
                    let from = words.iter().skip(at + signal * width).take(width);
                    if at == 0 && words.get(signal * width).is_some_and(|first| first.is_sign_negative()) {
                        signed.push((row, channel));
                    }
                    to.zip(from).for_each(|(to, from)| *to = from.abs() * scale);
                    at += rows.len() * plan.channels * width;
                }
            }
        }
    }
    signed
}
