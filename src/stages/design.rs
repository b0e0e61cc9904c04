//! The network's filter banks as a file.

use std::path::Path;

use ndarray::{Array0, Array2};
use scatterfall_fft::num_complex::{Complex32, Complex64};

use crate::config::Oversampling;
use crate::error::Result;
use crate::plan::ScatteringPlan;
use crate::store::npz::write_npz;

/// Writes `wavelets/network.npz` below `output`.
///
/// # Errors
/// [`crate::Error::Io`], [`crate::Error::Store`].
pub fn write(output: &Path, network: &ScatteringPlan) -> Result<()> {
    write_file(&output.join("wavelets").join("network.npz"), network)
}

/// Writes the network's filter banks to `path`.
///
/// # Errors
/// [`crate::Error::Io`], [`crate::Error::Store`].
pub fn write_file(path: &Path, network: &ScatteringPlan) -> Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "stored in single precision")]
    let single = |m: &Array2<Complex64>| m.mapv(|z| Complex32::new(z.re as f32, z.im as f32));
    write_npz(path, |out| {
        for (k, layer) in network.layers.iter().enumerate() {
            let (k, bank) = (k + 1, &layer.bank);
            out.add(&format!("centers_{k}"), &bank.centers)?;
            out.add(&format!("widths_{k}"), &bank.widths)?;
            out.add(&format!("ratios_{k}"), &bank.ratios)?;
            out.add(&format!("wavelets_{k}"), &single(&bank.wavelets))?;
            out.add(&format!("spectra_{k}"), &single(&bank.spectra))?;
        }
        out.add("bins", &Array0::from_elem((), i64::try_from(network.bins).unwrap_or(i64::MAX)))?;
        out.add("sampling_rate", &Array0::from_elem((), network.sampling_rate))
    })
}

/// Warns of wavelets that do not fade within a segment, and of a sampling that is finer than asked for.
pub fn warn(network: &ScatteringPlan) {
    if network.oversampling != Oversampling::Full {
        tracing::warn!("network.oversampling: the CPU computes every scalogram sample, exact but no faster");
    }
    for (k, layer) in network.layers.iter().enumerate() {
        let long = layer.bank.longer_than_segment();
        if let Some(&first) = long.first() {
            tracing::warn!(
                "layer {}: {} of {} wavelets (centres of {:.4} and below) are longer than a segment of {} samples; \
                 use longer segments or fewer octaves",
                k + 1,
                long.len(),
                layer.bank.len(),
                layer.bank.centers[first],
                network.bins
            );
        }
    }
}

/// The network in words: one line a layer, then one a filter.
pub fn describe(network: &ScatteringPlan) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} channels x {} samples at {:.4} samples a unit, pooling {:?}",
        network.channels, network.bins, network.sampling_rate, network.pooling
    );
    for (k, layer) in network.layers.iter().enumerate() {
        let bank = &layer.bank;
        let _ = writeln!(text, "layer {}: {} filters", k + 1, bank.len());
        let _ = writeln!(text, "  {:>6} {:>12} {:>12}", "filter", "centre", "width");
        for i in 0..bank.len() {
            let _ = writeln!(text, "  {i:>6} {:>12.6} {:>12.6}", bank.centers[i], bank.widths[i]);
        }
    }
    let first = network.first_order();
    for (k, width) in network.widths().iter().enumerate() {
        let _ = writeln!(text, "order {}: {width} coefficients a channel", first + k);
    }
    text.trim_end().to_owned()
}
