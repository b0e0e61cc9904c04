//! Which signals single precision does not serve: the estimate of what rounding does to a layer's coefficients.

use super::device::Gpu;
use super::kernels::{Kernel, Source};
use super::layer::{LayerPass, SIGN};
use super::params::PrecisionCheckParams;
use super::recorder::Recorder;
use crate::Result;

/// What a coefficient may be off, as part of the largest of its row, channel and order: up to the second order, and
/// from the third on.
const ALLOWED: [f32; 2] = [1e-5, 5e-5];

/// Rounding unit of single precision.
const ROUNDING: f32 = 1.0 / (1 << 24) as f32;

/// Differences over the estimate reach 4.4 (the worst path of a tone, at a length of 211).
const MARGIN: f32 = 5.0;

/// precision_check.wgsl: invocations per workgroup; a test holds it against the shader.
pub(super) const CHECK_WG: usize = 64;

/// Number of bins that an invocation takes, about: its share of the reduction is small beside them.
const BINS_PER_LANE: usize = 32;

/// The kernel.
pub(super) struct PrecisionCheck(Kernel);

/// The kernel's text for spectra of signals of `bins` samples.
#[expect(clippy::cast_possible_truncation, reason = "lengths are below 2^26")]
pub(super) fn source(bins: usize) -> Source {
    let lanes = (bins / BINS_PER_LANE).next_power_of_two().clamp(1, CHECK_WG);
    let constants = [("N", bins as u32), ("CHECK_LANES", lanes as u32)];
    Source::new("precision_check", &constants, &[SIGN, include_str!("../../../../../shaders/precision_check.wgsl")], "")
}

impl PrecisionCheck {
    pub(super) fn new(gpu: &Gpu, bins: usize) -> Result<Self> {
        Ok(Self(Kernel::new::<PrecisionCheckParams>(gpu, &source(bins))?))
    }

    /// Records the check of the layer of order `order`, whose paths were computed by `pass`; `first`: width and place
    /// of the first layer's coefficients; `noise`: of the layer's inputs and of its paths.
    pub(super) fn record(
        &self,
        rec: &mut Recorder,
        pass: &LayerPass,
        order: usize,
        (first_width, first_out): (u32, u32),
        noise: [&wgpu::Buffer; 2],
        list: &wgpu::Buffer,
    ) -> Result<()> {
        let p = &pass.params;
        let params = PrecisionCheckParams {
            signals: p.signals,
            filters: p.filters,
            width: p.width,
            first_width,
            out: p.out,
            first_out,
            first_layer: p.first_layer,
            limit: ALLOWED[usize::from(order > 2)] / (MARGIN * ROUNDING),
        };
        let buffers = [
            ("spectra", pass.input),
            ("supports", pass.supports),
            ("filters", pass.filters),
            ("input_noise", noise[0]),
            ("coefficients", pass.coefficients),
            ("noise", noise[1]),
            ("list", list),
        ];
        rec.dispatch(&self.0, p.signals as usize, &params, &buffers)
    }
}
