//! Window features of one image: what a column contributes is computed once, windows only add columns up.

use ndarray::ArrayViewMut2;

use super::clock::{Clock, Laps};
use super::gabor::{self, Gabor};
use super::slope::SlopeAspect;
use super::spectrum::{self, Spectrum};
use super::value::Quantiser;
use crate::blocks::Image;
use crate::options::Feature;
use crate::plan::{FeaturePlan, GaborKernel};

/// Tables for one plan.
pub(super) struct FeatureKernel {
    plan: FeaturePlan,
    quantiser: Quantiser,
    gabor: Option<Gabor>,
    slope: Option<SlopeAspect>,
    spectrum: Option<Spectrum>,
}

/// Buffers of one thread, reused from image to image.
pub(super) struct Scratch {
    quantiser: Quantiser,
    /// Indices `[row, column]`.
    index: Vec<u8>,
    /// Indices `[column, row]`, for what looks at one column at a time.
    columns: Vec<u8>,
    gabor: gabor::Scratch,
    spectrum: spectrum::Scratch,
    bins: Vec<usize>,
    per_column: Vec<f64>,
}

impl FeatureKernel {
    pub(super) fn new(plan: &FeaturePlan) -> Self {
        let wants = |f: Feature| plan.features.contains(&f);
        Self {
            gabor: wants(Feature::Gabor).then(|| Gabor::new(&GaborKernel::new(), plan.rows, plan.columns)),
            slope: wants(Feature::SlopeAspect).then(|| SlopeAspect::new(plan)),
            spectrum: wants(Feature::DominantFrequency).then(|| Spectrum::new(plan.rows)),
            quantiser: Quantiser::new(&plan.colormap),
            plan: plan.clone(),
        }
    }

    pub(super) fn scratch(&self) -> Scratch {
        Scratch {
            quantiser: self.quantiser.clone(),
            index: Vec::new(),
            columns: Vec::new(),
            gabor: gabor::Scratch::default(),
            spectrum: spectrum::Scratch::default(),
            bins: Vec::new(),
            per_column: Vec::new(),
        }
    }

    /// Fills `out` `[window, feature]` and returns the image's residual.
    pub(super) fn compute(
        &self,
        image: &Image,
        scratch: &mut Scratch,
        clock: &Clock,
        mut out: ArrayViewMut2<f32>,
    ) -> f32 {
        let mut laps = Laps::start();
        let (index, residual) = match image {
            Image::Indices(plane) | Image::Both(_, plane) => (plane.index.as_slice(), plane.residual),
            Image::Colors(pixels) => {
                let residual = scratch.quantiser.quantise(pixels, &mut scratch.index);
                (scratch.index.as_slice(), residual)
            }
        };
        laps.lap("value");
        let order_statistics = |f: &Feature| matches!(f, Feature::Median | Feature::P75);
        scratch.per_column.resize(self.plan.columns, 0.0);
        if self.plan.features.iter().any(|f| matches!(f, Feature::Std | Feature::Mean)) {
            self.moments(index, &mut out);
            laps.lap("moments");
        }
        if self.plan.features.iter().any(order_statistics) {
            transpose(index, self.plan.rows, self.plan.columns, &mut scratch.columns);
            self.quantiles(&scratch.columns, &mut out);
            laps.lap("quantiles");
        }
        for (k, feature) in self.plan.features.iter().enumerate() {
            match feature {
                Feature::Gabor => {
                    if let Some(gabor) = &self.gabor {
                        gabor.column_sums(index, &mut scratch.gabor, &mut scratch.per_column);
                    }
                    self.mean_of_columns(&scratch.per_column, self.plan.rows, k, &mut out);
                }
                Feature::SlopeAspect => {
                    if let Some(slope) = &self.slope {
                        slope.column_sums(index, &mut scratch.per_column);
                    }
                    self.mean_of_columns(&scratch.per_column, self.plan.rows, k, &mut out);
                }
                Feature::DominantFrequency => {
                    scratch.bins.resize(self.plan.columns, 0);
                    if let Some(spectrum) = &self.spectrum {
                        spectrum.dominant_bins(index, &mut scratch.spectrum, &mut scratch.bins);
                    }
                    let frequencies = scratch.bins.iter().map(|&k| self.plan.frequency(k));
                    scratch.per_column.iter_mut().zip(frequencies).for_each(|(to, f)| *to = f);
                    self.mean_of_columns(&scratch.per_column, 1, k, &mut out);
                }
                Feature::Max => self.maxima(index, k, &mut out),
                Feature::Std | Feature::Mean | Feature::Median | Feature::P75 => continue,
            }
            laps.lap(match feature {
                Feature::Gabor => "gabor",
                Feature::SlopeAspect => "slope",
                Feature::DominantFrequency => "frequency",
                _ => "maxima",
            });
        }
        clock.add(laps.laps());
        residual
    }

    fn place(&self, feature: Feature) -> Option<usize> {
        self.plan.features.iter().position(|f| *f == feature)
    }

    /// Mean over each window of a value a column that was summed over `rows` rows.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "features are stored in single precision"
    )]
    fn mean_of_columns(&self, per_column: &[f64], rows: usize, feature: usize, out: &mut ArrayViewMut2<f32>) {
        let n = (rows * self.plan.window) as f64;
        for w in 0..self.plan.windows {
            let from = w * self.plan.step;
            let sum: f64 = per_column[from..from + self.plan.window].iter().sum();
            out[[w, feature]] = (sum / n) as f32;
        }
    }

    /// `mean` and `std` (n - 1), from sums of whole numbers, which are exact.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "features are stored in single precision"
    )]
    fn moments(&self, index: &[u8], out: &mut ArrayViewMut2<f32>) {
        let columns = self.plan.columns;
        let (mut sums, mut squares) = (vec![0u64; columns], vec![0u64; columns]);
        // 32-bit sums are twice as fast, and 65,536 squares of a byte fit them.
        for rows in index.chunks(columns << 16) {
            let (mut sum, mut square) = (vec![0u32; columns], vec![0u32; columns]);
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || {
                    for row in rows.chunks_exact(columns) {
                        for ((&v, sum), square) in row.iter().zip(&mut sum).zip(&mut square) {
                            *sum += u32::from(v);
                            *square += u32::from(v) * u32::from(v);
                        }
                    }
                },
            );
            sums.iter_mut().zip(sum).for_each(|(a, b)| *a += u64::from(b));
            squares.iter_mut().zip(square).for_each(|(a, b)| *a += u64::from(b));
        }
        let (std, mean) = (self.place(Feature::Std), self.place(Feature::Mean));
        let n = (self.plan.rows * self.plan.window) as u128;
        for w in 0..self.plan.windows {
            let span = w * self.plan.step..w * self.plan.step + self.plan.window;
            let sum: u128 = sums[span.clone()].iter().map(|&s| u128::from(s)).sum();
            let square: u128 = squares[span].iter().map(|&s| u128::from(s)).sum();
            if let Some(k) = mean {
                out[[w, k]] = (sum as f64 / n as f64) as f32;
            }
            if let Some(k) = std {
                // n sum(v^2) - sum(v)^2 is n (n - 1) times the variance, and never negative.
                let spread = n * square - sum * sum;
                out[[w, k]] = (spread as f64 / (n * (n - 1)) as f64).sqrt() as f32;
            }
        }
    }

    fn maxima(&self, index: &[u8], feature: usize, out: &mut ArrayViewMut2<f32>) {
        let mut largest = vec![0u8; self.plan.columns];
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for row in index.chunks_exact(self.plan.columns) {
                    for (m, &v) in largest.iter_mut().zip(row) {
                        *m = (*m).max(v);
                    }
                }
            },
        );
        for w in 0..self.plan.windows {
            let span = w * self.plan.step..w * self.plan.step + self.plan.window;
            out[[w, feature]] = f32::from(largest[span].iter().copied().max().unwrap_or(0));
        }
    }

    /// `median` and `p75` by counting values; linear between neighbours, as NumPy.
    #[expect(clippy::cast_possible_truncation, reason = "features are stored in single precision")]
    fn quantiles(&self, columns: &[u8], out: &mut ArrayViewMut2<f32>) {
        let rows = self.plan.rows;
        let wanted = [(self.place(Feature::Median), 0.5), (self.place(Feature::P75), 0.75)];
        for w in 0..self.plan.windows {
            // Four tables, so that runs of the same value do not wait for one another's counter.
            let mut counts = [[0u32; 256]; 4];
            let from = w * self.plan.step * rows;
            for four in columns[from..from + self.plan.window * rows].chunks(4) {
                four.iter().zip(&mut counts).for_each(|(&v, table)| table[usize::from(v)] += 1);
            }
            let total: [u32; 256] = std::array::from_fn(|v| counts.iter().map(|t| t[v]).sum());
            for (place, q) in wanted {
                if let Some(k) = place {
                    out[[w, k]] = quantile(&total, rows * self.plan.window, q) as f32;
                }
            }
        }
    }
}

/// Quantile `q` of `n` counted values, linear between the two nearest.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are small"
)]
fn quantile(counts: &[u32; 256], n: usize, q: f64) -> f64 {
    let position = q * (n - 1) as f64;
    let below = position.floor() as usize;
    let value = |rank: usize| {
        let mut seen = 0;
        counts.iter().position(|&c| {
            seen += c as usize;
            seen > rank
        })
    };
    let (a, b) = (value(below).unwrap_or(255) as f64, value((below + 1).min(n - 1)).unwrap_or(255) as f64);
    a + (b - a) * (position - below as f64)
}

/// `[row, column]` to `[column, row]`, in blocks that fit the first-level cache.
fn transpose(index: &[u8], rows: usize, columns: usize, out: &mut Vec<u8>) {
    const BLOCK: usize = 32;
    out.resize(rows * columns, 0);
    for from in (0..rows).step_by(BLOCK) {
        let to = (from + BLOCK).min(rows);
        for x in 0..columns {
            for t in from..to {
                out[x * rows + t] = index[t * columns + x];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_as_numpy() {
        let counts = |values: &[u8]| {
            let mut c = [0; 256];
            values.iter().for_each(|&v| c[usize::from(v)] += 1);
            c
        };
        let q = |values: &[u8], q| quantile(&counts(values), values.len(), q);
        // numpy.percentile
        assert_eq!(q(&[1, 2, 3, 10], 0.5), 2.5, "even number");
        assert_eq!(q(&[1, 2, 10], 0.5), 2.0, "odd number");
        assert_eq!(q(&[1, 2, 3, 10], 0.75), 4.75, "a quarter of the way from 3 to 10");
        assert_eq!(q(&[9], 0.75), 9.0, "one value");
    }

    #[test]
    fn transposing_turns_rows_into_columns() {
        let (rows, columns) = (37, 41);
        let index: Vec<u8> = (0..rows * columns).map(|i| (i % 251) as u8).collect();
        let mut out = Vec::new();
        transpose(&index, rows, columns, &mut out);
        for t in 0..rows {
            for x in 0..columns {
                assert_eq!(out[x * rows + t], index[t * columns + x], "row {t}, column {x}");
            }
        }
    }
}
