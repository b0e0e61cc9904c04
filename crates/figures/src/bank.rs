//! One layer's filters in time and in frequency.

use ndarray::ArrayView2;
use num_complex::Complex64;

use super::axis::{Axis, HEADER, Panel, Tick, header, significant};
use super::canvas::{Canvas, Rect, Stroke};
use super::palette::{SOFT, ramp, shade};
use super::series::{decimated, thinned};

/// What the samples of a segment follow each other in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Seconds: seismograms and arrays.
    Time,
    /// Kilometres: the feature series of waterfalls.
    Distance,
}

impl Domain {
    fn axis(self) -> &'static str {
        match self {
            Self::Time => "time (s)",
            Self::Distance => "distance (km)",
        }
    }

    fn frequency(self) -> &'static str {
        match self {
            Self::Time => "frequency (Hz)",
            Self::Distance => "wavenumber (cycles/km)",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Time => "Hz",
            Self::Distance => "/km",
        }
    }
}

/// One filter bank.
#[derive(Clone, Copy, Debug)]
pub struct BankPicture<'a> {
    /// Its number, from 1.
    pub layer: usize,
    /// Centre of each filter, Hz (or cycles a kilometre).
    pub centers: &'a [f64],
    /// `(filters, bins)`, in time (or distance).
    pub wavelets: ArrayView2<'a, Complex64>,
    /// `(filters, bins)`, discrete Fourier transforms.
    pub spectra: ArrayView2<'a, Complex64>,
    /// Samples per second (or per kilometre).
    pub sampling_rate: f64,
    /// What the samples follow each other in.
    pub domain: Domain,
}

/// Draws the wavelets (real part, and modulus in grey) above each other, and the moduli of their spectra over
/// logarithmic frequency.
pub fn filter_bank(input: &BankPicture<'_>) -> Canvas {
    let (filters, bins) = input.wavelets.dim();
    let height = (44.0 * filters as f64).clamp(320.0, 900.0);
    let (top, bottom) = (HEADER, HEADER + height);
    let mut canvas = Canvas::new(1600, (bottom + 80.0) as u32);
    let colors = ramp("viridis");
    // The last fifth of the map is too light for lines on white.
    let color = |i: usize| shade(&colors, i as f64, 0.0, (filters as f64 - 1.0).max(1.0) * 1.25);
    let half = bins as f64 / input.sampling_rate / 2.0;
    let reach = (half * reach(input.wavelets) * 1.1).min(half);
    let left = Panel {
        rect: Rect::new(130.0, top, 810.0, bottom),
        x: Axis::linear(-reach, reach),
        y: Axis::linear(filters as f64 - 0.3, -0.7),
    };
    left.draw_x(&mut canvas, &left.x.ticks(7), input.domain.axis());
    let every = (22.0 * filters as f64 / height).ceil().max(1.0) as usize;
    let label = |i: usize| Tick { at: i as f64, label: significant(input.centers[i]) };
    let labels: Vec<Tick> = (0..filters.min(input.centers.len())).step_by(every).map(label).collect();
    left.draw_y(&mut canvas, &labels, &format!("centre ({})", input.domain.unit()));
    let columns = left.rect.width() as usize;
    for (i, wavelet) in input.wavelets.rows().into_iter().enumerate() {
        let peak = wavelet.iter().map(|z| z.norm()).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let at = |points: Vec<(f64, f64)>| -> Vec<(f64, f64)> {
            let place =
                |(k, v): (f64, f64)| ((k / (bins as f64 - 1.0).max(1.0) * 2.0 - 1.0) * half, i as f64 - 0.75 * v);
            thinned(&left, &points.into_iter().map(place).collect::<Vec<_>>())
        };
        let modulus = decimated(wavelet.iter().map(|z| z.norm() / peak).collect::<Vec<_>>().into_iter(), columns);
        let real = decimated(wavelet.iter().map(|z| z.re / peak).collect::<Vec<_>>().into_iter(), columns);
        left.line(&mut canvas, at(modulus), Stroke::new([205, 208, 212], 1.5));
        left.line(&mut canvas, at(real), Stroke::new(color(i), 1.5));
    }
    left.frame(&mut canvas);

    let lowest = input.centers.iter().copied().filter(|c| *c > 0.0).fold(f64::INFINITY, f64::min);
    let resolution = input.sampling_rate / bins.max(1) as f64;
    let right = Panel {
        rect: Rect::new(930.0, top, 1550.0, bottom),
        x: Axis::log((lowest / 4.0).max(resolution / 2.0), input.sampling_rate / 2.0),
        y: Axis::linear(0.0, 1.08),
    };
    right.draw_x(&mut canvas, &right.x.ticks(9), input.domain.frequency());
    right.draw_y(&mut canvas, &right.y.ticks(6), "modulus of the spectrum (of its largest)");
    for (i, spectrum) in input.spectra.rows().into_iter().enumerate() {
        let peak = spectrum.iter().map(|z| z.norm()).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let positive = spectrum.iter().take(bins / 2 + 1).enumerate().skip(1);
        let points: Vec<(f64, f64)> = positive.map(|(k, z)| (k as f64 * resolution, z.norm() / peak)).collect();
        right.line(&mut canvas, thinned(&right, &points), Stroke::new(color(i), 2.0));
        if let Some(&center) = input.centers.get(i) {
            let x = right.px(center);
            canvas.line(&[(x, bottom - 8.0), (x, bottom)], Stroke::new(SOFT, 1.5));
        }
    }
    right.frame(&mut canvas);
    let (low, high) = (lowest, input.centers.iter().copied().fold(0.0, f64::max));
    let unit = input.domain.unit();
    let words = format!(
        "{filters} filters, centres {} to {} {unit}; segments of {bins} samples at {} {unit}",
        significant(low),
        significant(high),
        significant(input.sampling_rate),
    );
    header(&mut canvas, 130.0, &format!("Filter bank of layer {}", input.layer), &words);
    canvas
}

/// The share of a segment's half beyond which every wavelet is under 1 % of its peak: the rest is a straight line.
fn reach(wavelets: ArrayView2<'_, Complex64>) -> f64 {
    let middle = (wavelets.ncols() as f64 - 1.0) / 2.0;
    let of_one = |wavelet: ndarray::ArrayView1<'_, Complex64>| {
        let peak = wavelet.iter().map(|z| z.norm()).fold(0.0, f64::max);
        let above = wavelet.iter().enumerate().filter(|(_, z)| z.norm() > 0.01 * peak);
        above.map(|(k, _)| ((k as f64 - middle) / middle.max(1.0)).abs()).fold(0.0, f64::max)
    };
    wavelets.rows().into_iter().map(of_one).fold(0.05, f64::max)
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::{check_texts, says};
    use super::*;
    use crate::canvas::tests::count;
    use ndarray::Array2;

    #[test]
    fn banks_fit() {
        for (filters, bins) in [(1, 1), (8, 97), (24, 128), (120, 2_000)] {
            let centers: Vec<f64> = (0..filters).map(|i| 20.0 * (-(i as f64) / 6.0).exp2()).collect();
            let wave = |i: usize, k: usize| {
                let t = k as f64 / 50.0 - bins as f64 / 100.0;
                let (sin, cos) = (std::f64::consts::TAU * centers[i] * t).sin_cos();
                Complex64::new(cos, sin) * (-(t * centers[i]).powi(2)).exp()
            };
            let wavelets = Array2::from_shape_fn((filters, bins), |(i, k)| wave(i, k));
            let canvas = filter_bank(&BankPicture {
                layer: 1,
                centers: &centers,
                wavelets: wavelets.view(),
                spectra: wavelets.view(),
                sampling_rate: 50.0,
                domain: if bins == 128 { Domain::Distance } else { Domain::Time },
            });
            check_texts(&canvas);
            assert!(says(&canvas, if bins == 128 { "cycles/km" } else { "frequency (Hz)" }), "axis");
            let ink = count(&canvas.finish().expect("drawn"), ramp("viridis")[0]);
            assert!(bins == 1 || ink > 20, "the first filter is drawn: {ink}");
        }
    }
}
