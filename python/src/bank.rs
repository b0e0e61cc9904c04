//! Filter banks.

use numpy::{IntoPyArray, PyArray1, PyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use scatterfall_scattering::options::{Bank, Normalize};
use scatterfall_scattering::filter_bank::FilterBank;

/// Most samples of a bank in time.
const MAX_SAMPLES: usize = 1 << 28;

type Arrays<'py> = (
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray2<numpy::Complex64>>,
    Bound<'py, PyArray2<numpy::Complex64>>,
);

/// Ratios (octaves), centres (Hz), widths (s), wavelets and spectra of a complex Morlet bank.
#[pyfunction]
pub(crate) fn morlet_bank<'py>(
    py: Python<'py>,
    octaves: usize,
    resolution: usize,
    quality: f64,
    bins: usize,
    sampling_rate: f64,
    normalize: Option<&str>,
) -> PyResult<Arrays<'py>> {
    let positive = |v: f64| v.is_finite() && v > 0.0;
    if bins == 0 || !positive(quality) || !positive(sampling_rate) {
        return Err(PyValueError::new_err("bins, quality and sampling_rate have to be positive and finite"));
    }
    if octaves.saturating_mul(resolution).saturating_mul(bins) > MAX_SAMPLES {
        let text = format!("{octaves} octaves x {resolution} filters of {bins} samples are more than {MAX_SAMPLES}");
        return Err(PyValueError::new_err(text));
    }
    let normalize = match normalize {
        None | Some("none") => Normalize::None,
        Some("l1") => Normalize::L1,
        Some("l2") => Normalize::L2,
        Some(other) => {
            return Err(PyValueError::new_err(format!("normalize = {other:?}: expected 'l1', 'l2' or None")));
        }
    };
    let bank = FilterBank::new(&Bank { octaves, resolution, quality }, bins, sampling_rate, normalize);
    Ok((
        bank.ratios.into_pyarray(py),
        bank.centers.into_pyarray(py),
        bank.widths.into_pyarray(py),
        bank.wavelets.into_pyarray(py),
        bank.spectra.into_pyarray(py),
    ))
}
