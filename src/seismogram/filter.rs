//! Preprocessing of a continuous merged segment of samples: detrending, then a high-pass filter, sample by sample.

use std::f64::consts::PI;

use crate::config::Detrend;
use crate::error::{Error, Result};

/// Mean and slope of a merged segment of known length, gathered in one pass.
///
/// With u = i - (n - 1) / 2 the line's coefficients are independent: mean = sum x / n, slope = sum u x / sum u^2, where
/// sum u^2 = n (n^2 - 1) / 12.
#[derive(Clone, Debug)]
pub(super) struct Trend {
    centre: f64,
    samples: f64,
    seen: u64,
    sum: f64,
    moment: f64,
}

impl Trend {
    /// For a merged segment of `samples` samples.
    pub(super) fn new(samples: u64) -> Self {
        let n = samples as f64;
        Self { centre: (n - 1.0) / 2.0, samples: n, seen: 0, sum: 0.0, moment: 0.0 }
    }

    /// Takes the next samples in.
    pub(super) fn add(&mut self, samples: &[f64]) {
        for x in samples {
            self.sum += x;
            self.moment += (self.seen as f64 - self.centre) * x;
            self.seen += 1;
        }
    }

    /// What `detrend` takes out: the least-squares line (`scipy.signal.detrend`, ObsPy's `detrend("linear")`), or the mean
    /// as a line without slope.
    pub(super) fn line(&self, detrend: Detrend) -> Line {
        let n = self.samples;
        let mean = self.sum / n;
        let slope = if n > 1.0 { self.moment / (n * (n * n - 1.0) / 12.0) } else { 0.0 };
        match detrend {
            Detrend::None => Line { first: 0.0, slope: 0.0 },
            Detrend::Demean => Line { first: mean, slope: 0.0 },
            Detrend::Linear => Line { first: mean - slope * self.centre, slope },
        }
    }
}

/// A straight line over the samples of a merged segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// Its value at sample 0.
    first: f64,
    /// What it grows by from sample to sample.
    slope: f64,
}

impl Line {
    /// Takes the line from `samples`, the first of which is sample `from` of the merged segment.
    pub(super) fn subtract(&self, from: u64, samples: &mut [f64]) {
        for (i, x) in samples.iter_mut().enumerate() {
            *x -= self.first + self.slope * (from + i as u64) as f64;
        }
    }
}

/// Butterworth high-pass filter of 4th order, forward only, at rest before the first sample.
///
/// The filter of ObsPy's `filter("highpass", freq=..., corners=4)`: the analogue prototype with 1 / |H|^2 = 1 + (fc / f)^8,
/// by the bilinear transform with its corner prewarped, as two second-order sections. Each section is
/// H(z) = g (1 - z^-1)^2 / (1 + a1 z^-1 + a2 z^-2), run in transposed direct form II.
#[derive(Clone, Debug)]
pub struct Highpass {
    sections: [Section; 2],
}

#[derive(Clone, Debug)]
struct Section {
    gain: f64,
    a1: f64,
    a2: f64,
    state: [f64; 2],
}

impl Highpass {
    /// Corner `corner_hz` (-3 dB) for samples at `sampling_rate` Hz.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless the corner lies above 0 and below half of the sampling rate.
    pub fn new(corner_hz: f64, sampling_rate: f64) -> Result<Self> {
        if !(corner_hz > 0.0 && corner_hz < sampling_rate / 2.0) {
            let expected = format!("above 0 and below half of the sampling rate ({} Hz)", sampling_rate / 2.0);
            return Err(Error::config("seismogram.highpass_hz", corner_hz, expected));
        }
        let warped = (PI * corner_hz / sampling_rate).tan();
        // The prototype's poles lie at angles of pi/8 and 3 pi/8 from the negative axis; the one nearer to the unit circle
        // comes last, as in scipy, so that what it amplifies is not filtered again.
        let sections = [1.0, 3.0].map(|odd| {
            let damping = 2.0 * (odd * PI / 8.0).cos();
            let norm = 1.0 + damping * warped + warped * warped;
            Section {
                gain: 1.0 / norm,
                a1: 2.0 * (warped * warped - 1.0) / norm,
                a2: (1.0 - damping * warped + warped * warped) / norm,
                state: [0.0; 2],
            }
        });
        Ok(Self { sections })
    }

    /// Filters the next samples in place; calls follow each other like one long signal.
    pub fn apply(&mut self, samples: &mut [f64]) {
        for section in &mut self.sections {
            let Section { gain, a1, a2, state: [mut s1, mut s2] } = *section;
            for x in samples.iter_mut() {
                let input = gain * *x;
                let output = input + s1;
                s1 = s2 - 2.0 * input - a1 * output;
                s2 = input - a2 * output;
                *x = output;
            }
            section.state = [s1, s2];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trend, a step and two tones; the formula is also in crates/miniseed/tests/goldens/make_miniseed.py.
    fn signal(n: usize) -> Vec<f64> {
        (0..n)
            .map(|i| {
                let t = i as f64;
                1000.0 + 0.5 * t + 30.0 * (0.07 * t).sin() + 5.0 * (1.3 * t).cos() + if i >= n / 2 { 40.0 } else { 0.0 }
            })
            .collect()
    }

    /// Largest difference over the largest value.
    fn error(got: &[f64], want: &[f64]) -> f64 {
        assert_eq!(got.len(), want.len(), "lengths");
        let scale = want.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        got.iter().zip(want).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / scale
    }

    fn golden(name: &str) -> Vec<f64> {
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../../crates/miniseed/tests/goldens/filter.json"))
                .expect("the golden parses");
        all[name].as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
    }

    fn detrended(x: &[f64], detrend: Detrend, chunk: usize) -> Vec<f64> {
        let mut trend = Trend::new(x.len() as u64);
        x.chunks(chunk).for_each(|part| trend.add(part));
        let line = trend.line(detrend);
        let mut out = x.to_vec();
        for (k, part) in out.chunks_mut(chunk).enumerate() {
            line.subtract((k * chunk) as u64, part);
        }
        out
    }

    fn highpassed(x: &[f64], corner_hz: f64, chunk: usize) -> Vec<f64> {
        let mut filter = Highpass::new(corner_hz, 50.0).expect("the corner is in range");
        let mut out = x.to_vec();
        out.chunks_mut(chunk).for_each(|part| filter.apply(part));
        out
    }

    // Double precision on both sides; what is left is the order of additions, and the goldens have 12 digits.
    const TOLERANCE: f64 = 1e-11;

    #[test]
    fn detrending_agrees_with_obspy_in_any_chunks() {
        let x = signal(48);
        for chunk in [1, 7, 48] {
            assert!(error(&detrended(&x, Detrend::Linear, chunk), &golden("linear")) < TOLERANCE, "linear, by {chunk}");
            assert!(error(&detrended(&x, Detrend::Demean, chunk), &golden("demean")) < TOLERANCE, "demean, by {chunk}");
            assert_eq!(detrended(&x, Detrend::None, chunk), x, "none, by {chunk}");
        }
        assert!(error(&detrended(&x, Detrend::Demean, 7), &golden("linear")) > 0.1, "the comparison can fail");
        assert_eq!(detrended(&[7.0], Detrend::Linear, 1), [0.0], "a single sample has no slope");
    }

    #[test]
    fn highpass_agrees_with_obspy_in_any_chunks() {
        let x = signal(48);
        for chunk in [1, 7, 48] {
            assert!(error(&highpassed(&x, 2.0, chunk), &golden("highpass_2")) < TOLERANCE, "2 Hz, by {chunk}");
            assert!(error(&highpassed(&x, 20.0, chunk), &golden("highpass_20")) < TOLERANCE, "20 Hz, by {chunk}");
        }
        assert!(error(&highpassed(&x, 2.001, 48), &golden("highpass_2")) > 1e-5, "the comparison can fail");
    }

    #[test]
    fn highpass_has_butterworths_gain() {
        // At f the digital filter has the analogue gain at tan(pi f / fs): 1 / sqrt(1 + (wc / w)^8).
        let (fs, corner) = (50.0_f64, 3.0);
        for f in [1.0_f64, 3.0, 10.0] {
            let mut x: Vec<f64> = (0..4000).map(|i| (2.0 * PI * f / fs * f64::from(i)).sin()).collect();
            Highpass::new(corner, fs).expect("the corner is in range").apply(&mut x);
            // Over whole periods, after the filter has settled.
            let rms = (x[2000..].iter().map(|v| v * v).sum::<f64>() / 2000.0).sqrt();
            let ratio = (PI * corner / fs).tan() / (PI * f / fs).tan();
            let want = (0.5 / (1.0 + ratio.powi(8))).sqrt();
            assert!((rms - want).abs() < 1e-9, "gain at {f} Hz: {rms} for {want}");
        }
    }

    #[test]
    fn corners_out_of_range_are_refused() {
        for corner in [0.0, -1.0, 25.0, 30.0, f64::NAN, f64::INFINITY] {
            assert!(Highpass::new(corner, 50.0).is_err_and(|e| e.is_usage()), "corner {corner}");
        }
    }
}
