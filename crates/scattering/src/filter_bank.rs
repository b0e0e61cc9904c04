//! Complex Morlet filter banks, made once on the host in double precision.

use ndarray::{Array1, Array2, Axis};
use scatterfall_lane_fft::planned::num_complex::Complex64;

use crate::options::{Bank, Normalize};

/// A bank of complex Morlet wavelets in time and frequency.
///
/// Filter `i` has the ratio `r = -(i + 1) / resolution` octaves below the Nyquist frequency, so the highest centre
/// comes first, as in scatseisnet 0.4 (`ComplexMorletBank`), whose definitions these are:
///
/// - centre `f = 2^r fs / 2` (Hz), width `w = quality / f` (s),
/// - `psi(t) = exp(-(t / w)^2) exp(2 pi i f t)` on `t = linspace(-1/2, 1/2, bins) bins / fs`, both ends included,
/// - optionally divided by its L1 or L2 norm.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterBank {
    /// Octaves relative to the Nyquist frequency, `(filters)`, negative, descending.
    pub ratios: Array1<f64>,
    /// Centre frequencies in Hz, `(filters)`, descending.
    pub centers: Array1<f64>,
    /// Temporal widths in seconds, `(filters)`.
    pub widths: Array1<f64>,
    /// Wavelets in time, `(filters, bins)`.
    pub wavelets: Array2<Complex64>,
    /// Discrete Fourier transforms of the wavelets, `(filters, bins)`, not normalised.
    pub spectra: Array2<Complex64>,
}

impl FilterBank {
    /// The bank for segments of `bins` samples at `sampling_rate` Hz. `bins` must be at least 1.
    #[expect(clippy::cast_precision_loss, reason = "bins and filters are far below 2^53")]
    pub fn new(bank: &Bank, bins: usize, sampling_rate: f64, normalize: Normalize) -> Self {
        let n = bank.octaves * bank.resolution;
        let octaves = bank.octaves as f64;
        // numpy.linspace(octaves, 0, n, endpoint=False), reversed and negated.
        let step = -octaves / n as f64;
        let ratios: Array1<f64> = (0..n).rev().map(|i| -(octaves + i as f64 * step)).collect();
        let centers = ratios.mapv(|r| r.exp2() * sampling_rate / 2.0);
        let widths = centers.mapv(|f| bank.quality / f);
        let duration = bins as f64 / sampling_rate;
        let time = |k: usize| {
            // numpy.linspace(-1/2, 1/2, bins) of one sample is its start.
            if bins == 1 { -0.5 * duration } else { (-0.5 + k as f64 / (bins - 1) as f64) * duration }
        };
        let mut wavelets = Array2::from_shape_fn((n, bins), |(i, k)| {
            let t = time(k);
            let (sin, cos) = (2.0 * std::f64::consts::PI * centers[i] * t).sin_cos();
            Complex64::new(cos, sin) * (-(t / widths[i]).powi(2)).exp()
        });
        for mut wavelet in wavelets.axis_iter_mut(Axis(0)) {
            let norm = match normalize {
                Normalize::None => 1.0,
                Normalize::L1 => wavelet.iter().map(|z| z.norm()).sum(),
                Normalize::L2 => wavelet.iter().map(|z| z.norm_sqr()).sum::<f64>().sqrt(),
            };
            wavelet.mapv_inplace(|z| z / norm);
        }
        let fft = scatterfall_lane_fft::planned::forward(bins);
        let mut spectra = wavelets.clone();
        for mut row in spectra.axis_iter_mut(Axis(0)) {
            let mut buffer = row.to_vec();
            fft.process(&mut buffer);
            row.assign(&Array1::from(buffer));
        }
        Self { ratios, centers, widths, wavelets, spectra }
    }

    /// A bank of which nothing but the spectra is known, `(filters, bins)`: centres, widths and ratios are NaN, and there
    /// are no wavelets.
    pub fn of_spectra(spectra: Array2<Complex64>) -> Self {
        let unknown = Array1::from_elem(spectra.nrows(), f64::NAN);
        Self {
            ratios: unknown.clone(),
            centers: unknown.clone(),
            widths: unknown,
            wavelets: Array2::zeros((spectra.nrows(), 0)),
            spectra,
        }
    }

    /// Number of filters.
    pub fn len(&self) -> usize {
        self.centers.len()
    }

    /// True for a bank without filters (which configuration does not allow).
    pub fn is_empty(&self) -> bool {
        self.centers.is_empty()
    }

    /// The wavelets that do not fade within the segment: their modulus at its ends is above 1 % of the largest.
    pub fn longer_than_segment(&self) -> Vec<usize> {
        let at_end = |i: usize| self.wavelets[[i, 0]].norm();
        let largest = |i: usize| self.wavelets.row(i).iter().map(|z| z.norm()).fold(0.0, f64::max);
        (0..self.len()).filter(|&i| at_end(i) > 0.01 * largest(i)).collect()
    }

    /// The filters whose centre lies under the spectral resolution of a segment, `sampling_rate / bins`: not even one of
    /// their periods fits into it.
    #[expect(clippy::cast_precision_loss, reason = "bins are far below 2^53")]
    pub fn below_resolution(&self, bins: usize, sampling_rate: f64) -> Vec<usize> {
        (0..self.len()).filter(|&i| self.centers[i] * (bins as f64) < sampling_rate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bank(octaves: usize, resolution: usize, quality: f64) -> Bank {
        Bank { octaves, resolution, quality }
    }

    #[test]
    fn centres_descend_by_the_resolution() {
        let b = FilterBank::new(&bank(2, 2, 1.0), 16, 1.0, Normalize::None);
        // scatseisnet 0.4.1: ComplexMorletBank(16, octaves=2, resolution=2).centers
        let want = [0.353_553_390_593_273_8, 0.25, 0.176_776_695_296_636_9, 0.125];
        for (got, want) in b.centers.iter().zip(want) {
            assert!((got - want).abs() < 1e-15, "{got} is not {want}: rounding of one power of two at most");
        }
        assert_eq!(b.widths[1], 4.0, "quality over centre");
    }

    #[test]
    fn spectra_peak_at_their_centre_and_fade_at_zero() {
        let bins = 256;
        let b = FilterBank::new(&bank(4, 2, 2.0), bins, 100.0, Normalize::None);
        for i in 0..b.len() {
            let power: Vec<f64> = b.spectra.row(i).iter().map(|z| z.norm()).collect();
            let peak = power.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(k, _)| k);
            let frequency = peak as f64 * 100.0 / bins as f64;
            // The samples lie bins / (bins - 1) apart, which moves the peak by that much, plus half a bin of resolution.
            assert!(
                (frequency - b.centers[i]).abs() <= 100.0 / bins as f64,
                "filter {i} peaks at {frequency} Hz, not {} Hz",
                b.centers[i]
            );
            // Quality 2: exp(-(2 pi)^2) of the peak would be left at zero frequency; windowing leaves more for the longest.
            assert!(power[0] < 2e-2 * power[peak], "filter {i} keeps {} of its peak at zero", power[0] / power[peak]);
        }
        // Negative control: a very short wavelet does not fade at zero frequency.
        let short = FilterBank::new(&bank(1, 1, 0.1), bins, 100.0, Normalize::None);
        let peak = short.spectra.row(0).iter().map(|z| z.norm()).fold(0.0, f64::max);
        assert!(short.spectra[[0, 0]].norm() > 0.1 * peak, "quality 0.1 has a mean");
    }

    #[test]
    fn norms_are_one() {
        let l1 = FilterBank::new(&bank(2, 3, 1.0), 101, 10.0, Normalize::L1);
        let l2 = FilterBank::new(&bank(2, 3, 1.0), 101, 10.0, Normalize::L2);
        for i in 0..6 {
            let one: f64 = l1.wavelets.row(i).iter().map(|z| z.norm()).sum();
            let two: f64 = l2.wavelets.row(i).iter().map(|z| z.norm_sqr()).sum();
            assert!((one - 1.0).abs() < 1e-12 && (two - 1.0).abs() < 1e-12, "filter {i}: {one}, {two}");
        }
    }

    #[test]
    fn long_wavelets_are_named() {
        let b = FilterBank::new(&bank(8, 1, 1.0), 64, 1.0, Normalize::None);
        // Widths 4, 8, 16, ...: the ends lie 32 samples out, and two widths (exp(-4) = 1.8 %) are not enough.
        assert_eq!(b.longer_than_segment(), [2, 3, 4, 5, 6, 7], "from the third on");
        let one = FilterBank::new(&bank(1, 1, 1.0), 1, 1.0, Normalize::None);
        assert!(one.wavelets[[0, 0]].norm().is_finite(), "one sample");
    }
}
