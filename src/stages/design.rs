//! The network's filter banks as a file.

use std::path::{Path, PathBuf};

use ndarray::{Array0, Array2};
use scatterfall_lane_fft::planned::num_complex::{Complex32, Complex64};
use serde_json::json;

use super::StageRecord;
use crate::error::Result;
use crate::store::day::fingerprint_of;
use crate::store::npz::write_npz;
use crate::store::pictures::SavePicture;
use scatterfall_figures::bank::{BankPicture, Domain, filter_bank};
use scatterfall_scattering::plan::ScatteringPlan;

/// Writes `wavelets/network.npz` below `output`; false where the one on disk is of the same network.
///
/// # Errors
/// [`crate::Error::Io`], [`crate::Error::Store`].
pub(crate) fn write(output: &Path, network: &ScatteringPlan) -> Result<bool> {
    let (folder, file) = (folder(output), folder(output).join("network.npz"));
    let record_file = folder.join("record.json");
    let banks = network.layers.iter().map(|l| json!([l.bank.centers.to_vec(), l.bank.widths.to_vec()]));
    // The norm is not kept apart from the wavelets: the largest modulus of each tells it.
    let norms = network.layers.iter().map(|l| l.bank.wavelets.rows().into_iter().map(largest).collect::<Vec<f64>>());
    let settings = json!({
        "bins": network.bins, "sampling_rate": network.sampling_rate,
        "banks": banks.collect::<Vec<_>>(), "largest": norms.collect::<Vec<_>>(),
    });
    // As a digest: numbers may change in their last bit on the way through a text.
    let record = StageRecord::new(json!(fingerprint_of(&[&settings.to_string()])), Vec::new());
    if record.is_current(&record_file, std::slice::from_ref(&file)) {
        return Ok(false);
    }
    StageRecord::remove(&record_file)?;
    write_file(&file, network)?;
    record.write(&record_file)?;
    Ok(true)
}

fn folder(output: &Path) -> PathBuf {
    output.join("wavelets")
}

fn largest(wavelet: ndarray::ArrayView1<'_, Complex64>) -> f64 {
    wavelet.iter().map(|z| z.norm()).fold(0.0, f64::max)
}

/// Writes the network's filter banks to `path`.
///
/// # Errors
/// [`crate::Error::Io`], [`crate::Error::Store`].
pub(crate) fn write_file(path: &Path, network: &ScatteringPlan) -> Result<()> {
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

/// Draws one layer's filters (0: the first), `wavelets/bank_k.png` below `output` with k from 1; returns the file.
///
/// # Errors
/// [`crate::Error::Io`].
pub(crate) fn draw(output: &Path, network: &ScatteringPlan, layer: usize, domain: Domain) -> Result<PathBuf> {
    let bank = &network.layers[layer].bank;
    let path = folder(output).join(format!("bank_{}.png", layer + 1));
    let picture = BankPicture {
        layer: layer + 1,
        centers: &bank.centers.to_vec(),
        wavelets: bank.wavelets.view(),
        spectra: bank.spectra.view(),
        sampling_rate: network.sampling_rate,
        domain,
    };
    filter_bank(&picture).save(&path)?;
    Ok(path)
}

/// As [`draw`], every layer.
///
/// # Errors
/// [`crate::Error::Io`].
pub(crate) fn draw_all(output: &Path, network: &ScatteringPlan, domain: Domain) -> Result<Vec<PathBuf>> {
    (0..network.layers.len()).map(|layer| draw(output, network, layer, domain)).collect()
}

/// Warns of wavelets that do not fade within a segment, and of filters below its resolution.
pub(crate) fn warn(network: &ScatteringPlan) {
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
        let below = layer.bank.below_resolution(network.bins, network.sampling_rate);
        if let Some(&first) = below.first() {
            tracing::warn!(
                "layer {}: {} of {} filters have their centre ({:.4} and below) under the resolution of a segment of {} \
                 samples, {:.4}: less than one period fits; use longer segments or fewer octaves",
                k + 1,
                below.len(),
                layer.bank.len(),
                layer.bank.centers[first],
                network.bins,
                resolution(network)
            );
        }
    }
}

/// Spectral resolution of a segment: the frequency of one period a segment.
#[expect(clippy::cast_precision_loss, reason = "bins are far below 2^53")]
fn resolution(network: &ScatteringPlan) -> f64 {
    network.sampling_rate / network.bins as f64
}

/// The network in words: one line a layer, then one a filter.
pub(crate) fn describe(network: &ScatteringPlan) -> String {
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
