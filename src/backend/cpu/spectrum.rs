//! Dominant frequency of a column: the lowest bin of its spectrum that is as good as the largest.

use std::sync::Arc;

use scatterfall_fft::RealToComplex;
use scatterfall_fft::num_complex::Complex32;

/// A bin counts as the largest when its modulus is within this of it (DESIGN of the feature): of several equal peaks
/// the lowest is taken, whatever rounding does to them.
const WITHIN: f32 = 1e-4;

/// Transform of one image height.
pub(super) struct Spectrum {
    fft: Arc<dyn RealToComplex<f32>>,
}

/// Buffers of one thread.
pub(super) struct Scratch {
    time: Vec<f32>,
    frequency: Vec<Complex32>,
    fft: Vec<Complex32>,
}

impl Spectrum {
    pub(super) fn new(rows: usize) -> Self {
        Self { fft: scatterfall_fft::real_f32(rows) }
    }

    pub(super) fn scratch(&self) -> Scratch {
        Scratch {
            time: self.fft.make_input_vec(),
            frequency: self.fft.make_output_vec(),
            fft: self.fft.make_scratch_vec(),
        }
    }

    /// The dominant bin of a column of values; 0 for a constant one.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the mean of bytes")]
    pub(super) fn dominant_bin(&self, column: &[u8], scratch: &mut Scratch) -> usize {
        let first = column[0];
        if column.iter().all(|&v| v == first) {
            return 0;
        }
        let sum: u64 = column.iter().map(|&v| u64::from(v)).sum();
        let mean = (sum as f64 / column.len() as f64) as f32;
        scratch.time.iter_mut().zip(column).for_each(|(t, &v)| *t = f32::from(v) - mean);
        // The lengths are the plan's own, so this cannot fail; a column of another length is a programmer's error.
        if self.fft.process_with_scratch(&mut scratch.time, &mut scratch.frequency, &mut scratch.fft).is_err() {
            return 0;
        }
        // The mean was taken off: what rounding leaves of it is no peak.
        scratch.frequency[0] = Complex32::default();
        let largest = scratch.frequency.iter().map(|z| z.norm_sqr()).fold(0.0, f32::max);
        let enough = largest * (1.0 - WITHIN) * (1.0 - WITHIN);
        scratch.frequency.iter().position(|z| z.norm_sqr() >= enough).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dominant(column: &[u8]) -> usize {
        let s = Spectrum::new(column.len());
        s.dominant_bin(column, &mut s.scratch())
    }

    #[test]
    fn waves_constants_and_ties() {
        let wave = |n: usize, k: usize| -> Vec<u8> {
            (0..n)
                .map(|t| (128.0 + 100.0 * (std::f64::consts::TAU * (k * t) as f64 / n as f64).cos()).round() as u8)
                .collect()
        };
        for n in [96, 500, 536, 97, 2] {
            for k in [1, n / 4, n / 2 - 1] {
                if k > 0 {
                    assert_eq!(dominant(&wave(n, k)), k, "{k} cycles in {n}");
                }
            }
            assert_eq!(dominant(&vec![200; n]), 0, "a constant");
        }
        assert_eq!(dominant(&[7]), 0, "a single row");
        // An impulse has the same modulus everywhere but at zero: the lowest wins.
        let mut impulse = vec![10; 536];
        impulse[300] = 11;
        assert_eq!(dominant(&impulse), 1, "all bins are equal");
    }
}
