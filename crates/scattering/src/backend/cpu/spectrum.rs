//! Dominant frequency of columns: the lowest bin of each spectrum that is as good as the largest.
//!
//! Several columns are transformed side by side, two a lane of the vector unit: one as the real and one as the imaginary
//! part of a complex signal, whose spectrum falls apart into the two of its parts. Rows of the image lie in memory as the
//! lanes want them, so nothing is transposed.

use pulp::{NullaryFnOnce, Simd, WithSimd};
use scatterfall_lane_fft::planned::num_complex::Complex64;

use scatterfall_lane_fft::{InPlace, LaneFft, Pair, pairs_mut};

/// A bin counts as the largest when its modulus is within this of it (DESIGN of the feature): of several equal peaks
/// the lowest is taken, whatever rounding does to them.
const WITHIN: f64 = 1e-4;

/// Transform of one image height.
pub(super) struct Spectrum {
    rows: usize,
    fft: LaneFft,
}

/// Buffers of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    data: Vec<f64>,
    power: Vec<f64>,
    fft: Vec<Complex64>,
}

impl Spectrum {
    pub(super) fn new(rows: usize) -> Self {
        Self { rows, fft: LaneFft::new(rows, pulp::Arch::new().dispatch(Lanes) == 1) }
    }

    /// The dominant bin of every column of `index` `[row, column]`; 0 for a constant one.
    pub(super) fn dominant_bins(&self, index: &[u8], scratch: &mut Scratch, bins: &mut [usize]) {
        let columns = bins.len();
        pulp::Arch::new().dispatch(Columns { spectrum: self, index, columns, scratch, bins });
    }
}

/// How many numbers of double precision the vector unit takes.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F64_LANES
    }
}

struct Columns<'a> {
    spectrum: &'a Spectrum,
    index: &'a [u8],
    columns: usize,
    scratch: &'a mut Scratch,
    bins: &'a mut [usize],
}

impl WithSimd for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { spectrum, index, columns, scratch, bins } = self;
        let (rows, lanes) = (spectrum.rows, S::F64_LANES);
        let half = rows / 2 + 1;
        scratch.data.resize(2 * rows * lanes, 0.0);
        scratch.power.resize(2 * half * lanes, 0.0);
        scratch.fft.resize(spectrum.fft.scratch_len(), Complex64::default());
        for (group, bins) in bins.chunks_mut(2 * lanes).enumerate() {
            let first = group * 2 * lanes;
            simd.vectorize(Load { index, columns, first, count: bins.len(), pair: 2 * lanes, out: &mut scratch.data });
            let constant: Vec<bool> = (0..bins.len())
                .map(|lane| scratch.data.iter().skip(lane).step_by(2 * lanes).all(|&v| v == 0.0))
                .collect();
            let spectra = pairs_mut::<S>(&mut scratch.data);
            spectrum.fft.forward(simd, spectra, &mut scratch.fft, InPlace);
            let (places, power) = (spectrum.fft.places(), pairs_mut::<S>(&mut scratch.power));
            let found = simd.vectorize(Peaks { simd, spectra, places, power });
            let found: &[f64] = pulp::bytemuck::cast_slice(&found);
            for ((bin, constant), found) in bins.iter_mut().zip(constant).zip(found) {
                // What rounding left of a constant column is no peak.
                *bin = if constant { 0 } else { *found as usize };
            }
        }
    }
}

/// Columns from `first` on, less their means: the first half of a pair's lanes in the real parts, the others in the
/// imaginary ones, zeros where there are no more columns.
struct Load<'a> {
    index: &'a [u8],
    columns: usize,
    first: usize,
    count: usize,
    pair: usize,
    out: &'a mut [f64],
}

impl NullaryFnOnce for Load<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        /// Lanes of the widest vector unit, real and imaginary.
        const MOST: usize = 16;
        let Self { index, columns, first, count, pair, out } = self;
        let mut sums = [0u64; MOST];
        for row in index.chunks_exact(columns) {
            for (sum, &v) in sums.iter_mut().zip(&row[first..first + count]) {
                *sum += u64::from(v);
            }
        }
        let rows = (index.len() / columns) as f64;
        let means = sums.map(|sum| sum as f64 / rows);
        for (out, row) in out.chunks_exact_mut(pair).zip(index.chunks_exact(columns)) {
            let row = &row[first..first + count];
            out[count..].fill(0.0);
            for ((to, &v), mean) in out.iter_mut().zip(row).zip(&means) {
                *to = f64::from(v) - mean;
            }
        }
    }
}

/// The lowest of the largest bins of both signals in each lane.
struct Peaks<'a, S: Simd> {
    simd: S,
    spectra: &'a [Pair<S::f64s>],
    /// Where each bin stands in `spectra`.
    places: &'a [u32],
    power: &'a mut [Pair<S::f64s>],
}

impl<S: Simd> NullaryFnOnce for Peaks<'_, S> {
    type Output = Pair<S::f64s>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        let Self { simd, spectra, places, power } = self;
        let (n, zero) = (spectra.len(), simd.splat_f64s(0.0));
        let mut largest = [zero; 2];
        power[0] = [zero; 2];
        for k in 1..power.len() {
            // Of z = a + i b: twice the spectrum of a is z(k) + conj z(-k), twice that of i b is z(k) - conj z(-k).
            let ([re, im], [re_back, im_back]) = (spectra[places[k] as usize], spectra[places[n - k] as usize]);
            let a = norm2(simd, simd.add_f64s(re, re_back), simd.sub_f64s(im, im_back));
            let b = norm2(simd, simd.sub_f64s(re, re_back), simd.add_f64s(im, im_back));
            power[k] = [a, b];
            largest = [simd.max_f64s(largest[0], a), simd.max_f64s(largest[1], b)];
        }
        let enough = simd.splat_f64s((1.0 - WITHIN) * (1.0 - WITHIN));
        let mut found = [zero; 2];
        for side in 0..2 {
            let enough = simd.mul_f64s(enough, largest[side]);
            // From the back, so that the lowest is what stays.
            for (k, power) in power.iter().enumerate().skip(1).rev() {
                let is_peak = simd.less_than_or_equal_f64s(enough, power[side]);
                found[side] = simd.select_f64s(is_peak, simd.splat_f64s(k as f64), found[side]);
            }
        }
        found
    }
}

#[inline(always)]
fn norm2<S: Simd>(simd: S, re: S::f64s, im: S::f64s) -> S::f64s {
    simd.mul_add_e_f64s(re, re, simd.mul_f64s(im, im))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dominant bins of columns of the same length.
    fn dominant_of(columns: &[Vec<u8>]) -> Vec<usize> {
        let rows = columns[0].len();
        let index: Vec<u8> = (0..rows).flat_map(|t| columns.iter().map(move |c| c[t])).collect();
        let mut bins = vec![usize::MAX; columns.len()];
        Spectrum::new(rows).dominant_bins(&index, &mut Scratch::default(), &mut bins);
        bins
    }

    fn dominant(column: &[u8]) -> usize {
        dominant_of(&[column.to_vec()])[0]
    }

    #[test]
    fn columns_do_not_mix() {
        // More than two full vectors, constants among them: beside a strong wave, what rounding leaves of a constant
        // column is no peak.
        let n = 536;
        let wave = |k: usize| -> Vec<u8> {
            let value = |t: usize| 128.0 + 127.0 * (std::f64::consts::TAU * (k * t) as f64 / n as f64).cos();
            (0..n).map(|t| value(t).round() as u8).collect()
        };
        let columns: Vec<Vec<u8>> =
            (0..45).map(|x| if x % 3 == 1 { vec![x; n] } else { wave(5 * x as usize + 1) }).collect();
        let want: Vec<usize> = (0..45).map(|x| if x % 3 == 1 { 0 } else { 5 * x + 1 }).collect();
        assert_eq!(dominant_of(&columns), want, "each column its own");
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
