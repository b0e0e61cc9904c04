//! The Gabor response: per pixel the larger modulus of two oriented complex filters, summed over time.
//!
//! Both kernels separate into the same two one-dimensional ones (even and odd), so a pixel costs two convolutions along
//! distance and four along time. Those along time take two rows at once by the fast algorithm for finite impulse
//! responses (Winograd 1980; Vetterli 1988): with the taps' even and odd ones `h0` and `h1`, the rows' `x0` and `x1`, the
//! products `h0 x0`, `h1 x1` and `(h0 + h1)(x1 + x0')` give both outputs, three quarters of the plain way's. The image is
//! worked off in strips of columns that fit the second-level cache; no full-size temporary is made.

use pulp::{Simd, WithSimd};

use crate::plan::GaborKernel;

const RADIUS: usize = GaborKernel::RADIUS;

/// Taps from one end to the other.
const TAPS: usize = 2 * RADIUS + 1;

/// Columns a strip: two floats a pixel and row keep some hundred rows within a second-level cache, and the number is a
/// multiple of every vector length.
const STRIP: usize = 64;

/// Vectors along distance that are worked on at once: sums of one would wait for each other.
const AT_ONCE: usize = 2;

/// Products of a pair of rows along time: `h0 x0`, `h1 x1` and `(h0 + h1)(x1 + x0')`.
const PRODUCTS: usize = 3;

/// Pairs of taps along time, the last one's second of them zero.
const PAIRS: usize = RADIUS + 1;

/// Taps and reflected coordinates for one image size.
pub(super) struct Gabor {
    even: [f32; RADIUS + 1],
    odd: [f32; RADIUS + 1],
    /// Along time, for each pair of taps and each product: even, odd.
    pairs: [[[f32; 2]; PRODUCTS]; PAIRS],
    rows: usize,
    columns: usize,
    /// Row of the image at position `t - RADIUS`.
    row_at: Vec<usize>,
    /// Column of the image at position `x - RADIUS`, padded to whole strips.
    column_at: Vec<usize>,
}

/// A strip that is convolved along distance, of one thread: `[vector of columns, pair of rows, product, even or odd]`, with
/// rows reflected at both ends, so that the convolution along time runs over neighbours.
#[derive(Default)]
pub(super) struct Scratch(Vec<f32>);

impl Gabor {
    #[expect(clippy::cast_possible_truncation, reason = "single precision is enough for the taps")]
    pub(super) fn new(kernel: &GaborKernel, rows: usize, columns: usize) -> Self {
        let strips = columns.div_ceil(STRIP) * STRIP;
        // Taps from one end to the other, even and odd.
        let tap = |k: usize| match k {
            0..RADIUS => [kernel.even[RADIUS - k], -kernel.odd[RADIUS - k]],
            RADIUS..TAPS => [kernel.even[k - RADIUS], kernel.odd[k - RADIUS]],
            _ => [0.0; 2],
        };
        let pair = |i: usize| {
            let ([e0, o0], [e1, o1]) = (tap(2 * i), tap(2 * i + 1));
            [[e0, o0], [e1, o1], [e0 + e1, o0 + o1]].map(|product| product.map(|v| v as f32))
        };
        Self {
            pairs: std::array::from_fn(pair),
            even: kernel.even.map(|v| v as f32),
            odd: kernel.odd.map(|v| v as f32),
            rows,
            columns,
            row_at: (0..rows + 2 * RADIUS).map(|t| reflect(t, rows)).collect(),
            column_at: (0..strips + 2 * RADIUS).map(|x| reflect(x, columns)).collect(),
        }
    }

    /// Sums over time of the response, one a column. `index` is `[rows, columns]`.
    pub(super) fn column_sums(&self, index: &[u8], scratch: &mut Scratch, sums: &mut [f64]) {
        for (strip, sums) in sums.chunks_mut(STRIP).enumerate() {
            let mut total = [0.0; STRIP];
            self.strip(
                index,
                strip * STRIP,
                scratch,
                #[inline(always)]
                |_, x, response| {
                    for (s, &r) in total[x..x + response.len()].iter_mut().zip(response) {
                        *s += f64::from(r);
                    }
                },
            );
            sums.copy_from_slice(&total[..sums.len()]);
        }
    }

    /// The response of every pixel, `[rows, columns]`.
    pub(super) fn response(&self, index: &[u8]) -> Vec<f32> {
        let mut scratch = Scratch::default();
        let mut out = vec![0.0; self.rows * self.columns];
        for first in (0..self.columns).step_by(STRIP) {
            let keep = |t: usize, x: usize, response: &[f32]| {
                let row = &mut out[t * self.columns..(t + 1) * self.columns];
                row.iter_mut().skip(first + x).zip(response).for_each(|(to, &r)| *to = r);
            };
            self.strip(index, first, &mut scratch, keep);
        }
        out
    }

    /// Pairs of rows of a convolved strip: with the reflected rows, and beyond them what the last pair needs to be there.
    fn pairs_of_rows(&self) -> usize {
        self.rows / 2 + PAIRS + 1
    }

    /// Hands `keep` the response at row `t` of some columns from the strip's column `x` on, for all of the strip.
    fn strip(&self, index: &[u8], first: usize, scratch: &mut Scratch, keep: impl FnMut(usize, usize, &[f32])) {
        scratch.0.resize(self.pairs_of_rows() * PRODUCTS * 2 * STRIP, 0.0);
        pulp::Arch::new().dispatch(Strip { gabor: self, index, first, convolved: &mut scratch.0, keep });
    }
}

/// Position `i - RADIUS` mirrored into `0..n`, edges doubled (SciPy's `reflect`), as often as it takes.
fn reflect(i: usize, n: usize) -> usize {
    // `RADIUS` more than a multiple of the period keeps the difference positive.
    let period = 2 * n;
    let p = (i + period * RADIUS.div_ceil(period) - RADIUS) % period;
    if p < n { p } else { period - 1 - p }
}

/// One strip of columns, compiled for the vector unit at hand.
struct Strip<'a, K> {
    gabor: &'a Gabor,
    index: &'a [u8],
    first: usize,
    convolved: &'a mut [f32],
    keep: K,
}

impl<K: FnMut(usize, usize, &[f32])> WithSimd for Strip<'_, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let g = self.gabor;
        let (pairs, lanes, zero) = (g.pairs_of_rows(), S::F32_LANES, simd.splat_f32s(0.0));
        let convolved = S::as_mut_simd_f32s(self.convolved).0.as_chunks_mut::<2>().0.as_chunks_mut::<PRODUCTS>().0;
        let at = &g.column_at[self.first..self.first + STRIP + 2 * RADIUS];
        // Away from the borders the reflected columns are simply the next ones.
        let inside = self.first >= RADIUS && self.first + STRIP + RADIUS <= g.columns;
        for t in 0..g.rows {
            let row = &self.index[t * g.columns..(t + 1) * g.columns];
            let mut line = [0.0f32; STRIP + 2 * RADIUS];
            if inside {
                let row = &row[self.first - RADIUS..self.first + STRIP + RADIUS];
                for (l, &v) in line.iter_mut().zip(row) {
                    *l = f32::from(v);
                }
            } else {
                for (l, &x) in line.iter_mut().zip(at) {
                    *l = f32::from(row[x]);
                }
            }
            for v in (0..STRIP / lanes).step_by(AT_ONCE) {
                let both = along_distance(simd, g, &line[v * lanes..][..AT_ONCE * lanes + 2 * RADIUS]);
                for (v, convolved_row) in (v..).zip(both) {
                    let row = RADIUS + t;
                    convolved[v * pairs + row / 2][row % 2] = convolved_row;
                }
            }
        }
        for (v, rows) in convolved.chunks_exact_mut(pairs).enumerate() {
            let padded = g.rows + 2 * RADIUS;
            for t in (0..RADIUS).chain(padded - RADIUS..2 * pairs) {
                let own = g.row_at.get(t).map(|row| RADIUS + row);
                rows[t / 2][t % 2] = own.map_or([zero; 2], |row| rows[row / 2][row % 2]);
            }
            for m in 0..pairs - 1 {
                let ([_, x1, _], [x0, ..]) = (rows[m], rows[m + 1]);
                rows[m][2] = [simd.add_f32s(x1[0], x0[0]), simd.add_f32s(x1[1], x0[1])];
            }
            // What a pair's second row still needs of the next pair.
            let mut open = [[zero; 2]; 2];
            for (j, rows) in rows.array_windows::<PAIRS>().enumerate().take(g.rows / 2 + 1) {
                let [a, b, c] = along_time::<S>(simd, g, rows);
                let (mut first, mut second) = (a, open);
                for x in 0..2 {
                    for t in 0..2 {
                        first[x][t] = simd.add_f32s(a[x][t], b[x][t]);
                        second[x][t] = simd.sub_f32s(open[x][t], a[x][t]);
                        open[x][t] = simd.sub_f32s(c[x][t], b[x][t]);
                    }
                }
                if j > 0 {
                    let response = [response::<S>(simd, second)];
                    (self.keep)(2 * j - 1, v * lanes, pulp::bytemuck::cast_slice(&response));
                }
                if 2 * j < g.rows {
                    let response = [response::<S>(simd, first)];
                    (self.keep)(2 * j, v * lanes, pulp::bytemuck::cast_slice(&response));
                }
            }
        }
    }
}

/// Even and odd convolution of vectors of columns with the borders to both sides.
#[inline(always)]
fn along_distance<S: Simd>(simd: S, g: &Gabor, line: &[f32]) -> [[S::f32s; 2]; AT_ONCE] {
    let at = |v: usize, x: usize| S::as_simd_f32s(&line[v * S::F32_LANES + x..][..S::F32_LANES]).0[0];
    let mut even = [simd.splat_f32s(0.0); AT_ONCE];
    let mut odd = even;
    for (v, even) in even.iter_mut().enumerate() {
        *even = simd.mul_f32s(simd.splat_f32s(g.even[0]), at(v, RADIUS));
    }
    // An inclusive range would cost a third more: it keeps the loop from being plain.
    for k in 1..RADIUS + 1 {
        let (c, s) = (simd.splat_f32s(g.even[k]), simd.splat_f32s(g.odd[k]));
        for v in 0..AT_ONCE {
            let (before, after) = (at(v, RADIUS - k), at(v, RADIUS + k));
            even[v] = simd.mul_add_e_f32s(c, simd.add_f32s(after, before), even[v]);
            odd[v] = simd.mul_add_e_f32s(s, simd.sub_f32s(after, before), odd[v]);
        }
    }
    let mut both = [[simd.splat_f32s(0.0); 2]; AT_ONCE];
    for v in 0..AT_ONCE {
        both[v] = [even[v], odd[v]];
    }
    both
}

/// Sums of a pixel's four convolutions: `[even or odd along distance][even or odd along time]`.
type Four<V> = [[V; 2]; 2];

/// The products of a pair of rows, summed over the pairs of taps.
#[inline(always)]
fn along_time<S: Simd>(simd: S, g: &Gabor, rows: &[[[S::f32s; 2]; PRODUCTS]; PAIRS]) -> [Four<S::f32s>; PRODUCTS] {
    let mut sums = [[[simd.splat_f32s(0.0); 2]; 2]; PRODUCTS];
    for (rows, taps) in rows.iter().zip(&g.pairs) {
        for ((sums, row), taps) in sums.iter_mut().zip(rows).zip(taps) {
            let taps = [simd.splat_f32s(taps[0]), simd.splat_f32s(taps[1])];
            for (sums, value) in sums.iter_mut().zip(row) {
                for (sum, tap) in sums.iter_mut().zip(taps) {
                    *sum = simd.mul_add_e_f32s(tap, *value, *sum);
                }
            }
        }
    }
    sums
}

/// The larger modulus of the two filters.
#[inline(always)]
fn response<S: Simd>(simd: S, [[ee, eo], [oe, oo]]: Four<S::f32s>) -> S::f32s {
    // (e + i o)(e + i o) at 45 degrees, (e - i o)(e + i o) at 135.
    let rising = norm2(simd, simd.sub_f32s(ee, oo), simd.add_f32s(eo, oe));
    let falling = norm2(simd, simd.add_f32s(ee, oo), simd.sub_f32s(eo, oe));
    simd.sqrt_f32s(simd.max_f32s(rising, falling))
}

#[inline(always)]
fn norm2<S: Simd>(simd: S, re: S::f32s, im: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(re, re, simd.mul_f32s(im, im))
}

#[cfg(test)]
mod tests {
    use super::super::gabor_response;
    use super::*;

    #[test]
    fn reflection_doubles_the_edge() {
        let at = |n: usize, i: i32| reflect(usize::try_from(i + 24).expect("in reach"), n);
        assert_eq!(
            [at(4, -1), at(4, -2), at(4, -4), at(4, -5), at(4, 4), at(4, 7), at(4, 8)],
            [0, 1, 3, 3, 3, 0, 0],
            "n = 4"
        );
        assert_eq!([at(1, -24), at(1, 24), at(100, 0), at(100, 99), at(100, 100)], [0, 0, 0, 99, 99], "extremes");
    }

    #[test]
    fn agrees_with_the_two_dimensional_convolution() {
        // Straight from the definition, in double precision, on an image smaller than the kernel and one that needs two
        // strips.
        for (rows, columns) in [(5, 7), (30, 70)] {
            let index: Vec<u8> = (0..rows * columns).map(|i| (i * 7919 % 251) as u8).collect();
            let kernel = GaborKernel::new();
            let tap = |table: &[f64; RADIUS + 1], k: i64, sign: f64| {
                let v = table[k.unsigned_abs() as usize];
                if k < 0 { sign * v } else { v }
            };
            let mut want = vec![0.0; columns];
            for t in 0..rows {
                for (x, want) in want.iter_mut().enumerate() {
                    let (mut rising, mut falling) = ([0.0; 2], [0.0; 2]);
                    for dt in -24..=24i64 {
                        for dx in -24..=24i64 {
                            let row = reflect((t as i64 + dt + 24) as usize, rows);
                            let column = reflect((x as i64 + dx + 24) as usize, columns);
                            let v = f64::from(index[row * columns + column]);
                            let (et, ot) = (tap(&kernel.even, dt, 1.0), tap(&kernel.odd, dt, -1.0));
                            let (ex, ox) = (tap(&kernel.even, dx, 1.0), tap(&kernel.odd, dx, -1.0));
                            rising[0] += v * (et * ex - ot * ox);
                            rising[1] += v * (et * ox + ot * ex);
                            falling[0] += v * (et * ex + ot * ox);
                            falling[1] += v * (ot * ex - et * ox);
                        }
                    }
                    *want += rising[0].hypot(rising[1]).max(falling[0].hypot(falling[1]));
                }
            }
            let mut got = vec![0.0; columns];
            Gabor::new(&kernel, rows, columns).column_sums(&index, &mut Scratch::default(), &mut got);
            let largest = want.iter().copied().fold(0.0, f64::max);
            let worst = got.iter().zip(&want).map(|(g, w)| (g - w).abs()).fold(0.0, f64::max);
            // 98 products of single precision, each rounded to 6e-8 of values up to 255.
            assert!(worst < 2e-5 * largest, "{rows} x {columns}: {worst} of {largest}");
            let single = gabor_response(&index, rows, columns);
            let sum = |x: usize| single.iter().skip(x).step_by(columns).map(|&r| f64::from(r)).sum::<f64>();
            assert!((0..columns).all(|x| (sum(x) - got[x]).abs() < 1e-9 * largest), "each pixel's own response");
            assert!((got[0] - want[1]).abs() > 1e-3 * largest, "negative control: columns differ");
        }
    }
}
