//! What the kernels of all FFT strategies share: where samples lie, a layer's paths, the taper's table.

use scatterfall_lane_fft::planned::{forward, num_complex::Complex64};

use super::params::ScalogramParams;
use crate::options::Pooling;
use crate::plan::ScatteringPlan;

pub(super) const SCALE: &str = include_str!("../../../../../shaders/scale.wgsl");
pub(super) const SIGN: &str = include_str!("../../../../../shaders/sign.wgsl");

/// pool.wgsl's number, of a pooling that `check_pooling` of scatter.rs lets through.
pub(super) fn pooling_number(pooling: Pooling) -> u32 {
    match pooling {
        Pooling::Median => 0,
        Pooling::Mean => 1,
        Pooling::Max | Pooling::Min | Pooling::Std | Pooling::Percentile(_) => 2,
    }
}

/// Where samples lie in a device buffer: `[image, window, channel]` of features, or `[segment, channel, sample]`.
pub(super) struct Series<'a> {
    pub(super) buffer: &'a wgpu::Buffer,
    /// Segments per image.
    pub(super) segments: usize,
    pub(super) image_stride: usize,
    pub(super) segment_stride: usize,
    pub(super) channel_stride: usize,
    pub(super) sample_stride: usize,
}

/// One layer's paths, for one chunk of signals.
pub(super) struct LayerPass<'a> {
    pub(super) params: ScalogramParams,
    pub(super) supports: &'a wgpu::Buffer,
    pub(super) filters: &'a wgpu::Buffer,
    /// Spectra of the layer's inputs.
    pub(super) input: &'a wgpu::Buffer,
    /// Where those of the next layer's go, if there is one.
    pub(super) next: Option<&'a wgpu::Buffer>,
    pub(super) coefficients: &'a wgpu::Buffer,
}

impl LayerPass<'_> {
    /// Paths of all signals.
    pub(super) fn paths(&self) -> u32 {
        self.params.signals * self.params.width
    }
}

/// spectrum.wgsl's table: the taper, and its transform.
#[expect(clippy::cast_possible_truncation, reason = "single precision tables")]
pub(super) fn taper(plan: &ScatteringPlan) -> Vec<[f32; 4]> {
    taper_double(plan).into_iter().map(|row| row.map(|v| v as f32)).collect()
}

/// The same in double precision.
#[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
pub(super) fn taper_double(plan: &ScatteringPlan) -> Vec<[f64; 4]> {
    let Some(taper) = &plan.taper else {
        let mut out = vec![[1.0, 0.0, 0.0, 0.0]; plan.bins];
        out[0][1] = plan.bins as f64;
        return out;
    };
    let mut spectrum: Vec<Complex64> = taper.iter().map(|&t| t.into()).collect();
    forward(plan.bins).process(&mut spectrum);
    taper.iter().zip(spectrum).map(|(&t, z)| [t, z.re, z.im, 0.0]).collect()
}
