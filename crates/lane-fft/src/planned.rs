//! Plans of Fourier transforms by `rustfft` and `realfft`.
//!
//! Both libraries are generic over the sample, so a crate that asks them for a plan compiles all of their kernels: a
//! third of the code of `scatterfall`, compiled anew with every change of it, twice where tests are built. Here they
//! are compiled once. Transforms are not normalised.

use std::sync::Arc;

pub use realfft::RealToComplex;
pub use rustfft::{Fft, num_complex};

/// Forward transform of `n` complex samples.
pub fn forward(n: usize) -> Arc<dyn Fft<f64>> {
    rustfft::FftPlanner::new().plan_fft_forward(n)
}

/// Inverse transform of `n` complex samples.
pub fn inverse(n: usize) -> Arc<dyn Fft<f64>> {
    rustfft::FftPlanner::new().plan_fft_inverse(n)
}

/// Forward transform of `n` real samples to `n / 2 + 1` complex ones.
pub fn real(n: usize) -> Arc<dyn RealToComplex<f64>> {
    realfft::RealFftPlanner::new().plan_fft_forward(n)
}
