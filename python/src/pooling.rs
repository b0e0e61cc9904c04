//! Poolings that the kernels do not have: from whole scalograms, in double precision.

use rayon::prelude::*;
use scatterfall_scattering::options::Pooling;

/// How scalograms are pooled over time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reduction {
    /// Within the kernels.
    Kernel(Pooling),
    /// Smallest.
    Min,
    /// Standard deviation (n).
    Std,
    /// Linear between the neighbouring values.
    Quantile(f64),
}

impl Reduction {
    /// The pooling of a name: `median`, `mean`, `max`, `min`, `std`, or `quantile:Q`.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        match name {
            "median" => Ok(Self::Kernel(Pooling::Median)),
            "mean" => Ok(Self::Kernel(Pooling::Mean)),
            "max" => Ok(Self::Kernel(Pooling::Max)),
            "min" => Ok(Self::Min),
            "std" => Ok(Self::Std),
            _ => match name.strip_prefix("quantile:").and_then(|q| q.parse().ok()) {
                Some(q) if (0.0..=1.0).contains(&q) => Ok(Self::Quantile(q)),
                _ => Err(format!(
                    "pooling = {name:?}: expected median, mean, max, min, std or quantile:Q with Q from 0 to 1"
                )),
            },
        }
    }

    /// Each scalogram's pooled value; `samples` a scalogram.
    pub(crate) fn pool(&self, scalograms: &[f32], samples: usize) -> Vec<f32> {
        let init = Vec::new;
        let one = |scratch: &mut Vec<f32>, scalogram: &[f32]| self.of(scalogram, scratch);
        scalograms.par_chunks(samples.max(1)).map_init(init, one).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "stored in single precision")]
    fn of(&self, scalogram: &[f32], scratch: &mut Vec<f32>) -> f32 {
        if scalogram.iter().any(|v| v.is_nan()) {
            return f32::NAN;
        }
        match self {
            Self::Min => scalogram.iter().copied().fold(f32::INFINITY, f32::min),
            Self::Std => deviation(scalogram) as f32,
            Self::Quantile(q) => quantile(scalogram, *q, scratch) as f32,
            // The kernels' own never come here.
            Self::Kernel(_) => f32::NAN,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "segments are far below 2^53 samples")]
fn deviation(values: &[f32]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    (values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n).sqrt()
}

/// NumPy's default quantile of values that are no NaN.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places")]
fn quantile(values: &[f32], q: f64, scratch: &mut Vec<f32>) -> f64 {
    scratch.clear();
    scratch.extend(values);
    let place = q * (values.len() - 1) as f64;
    let (_, low, above) = scratch.select_nth_unstable_by(place.floor() as usize, f32::total_cmp);
    let low = f64::from(*low);
    let next = above.iter().copied().fold(f32::INFINITY, f32::min);
    if next.is_finite() { low + (f64::from(next) - low) * place.fract() } else { low }
}
