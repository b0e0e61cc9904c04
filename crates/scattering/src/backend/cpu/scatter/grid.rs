//! The samples at which each scalogram is computed, and the filters' spectra arranged for them.
//!
//! A filter whose spectrum lies within `M` of `n` bins needs no transform of `n` points: its convolution at every
//! `n / M`-th sample is an inverse transform of `M` points, and turning the spectrum's phases first gives the samples
//! in between. `n / M` short transforms, which stay in the first-level cache, take the place of a long one that
//! works mostly on zeros. All samples are still computed. With `network.oversampling` only as many are as the filter's
//! band needs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use scatterfall_lane_fft::planned::num_complex::Complex64;

use crate::options::Oversampling;
use crate::plan::ScatteringPlan;
use scatterfall_lane_fft::{self, LaneFft, unit};

/// Part of a filter's largest spectral value below which its spectrum counts as zero. What is left out is this part
/// of the input's largest spectral value at most; pooled values may be some thousand times smaller than that, and have
/// to be right to 1e-5.
const SPECTRUM_FLOOR: f64 = 1e-12;

/// The same for signals on a level, which may be 1e8 times what moves on it and leaks through a filter's side lobes.
const LEVEL_FLOOR: f64 = 1e-15;

/// The same where scalograms are sampled coarsely, which costs more accuracy than this does.
const COARSE_FLOOR: f64 = 1e-6;

/// Part of a filter's largest spectral value that bounds its band, for coarse sampling.
const BAND_FLOOR: f64 = 1e-3;

/// Fewest samples of a coarse scalogram, times the oversampling: a median of fewer says little.
const FEWEST_SAMPLES: usize = 32;

/// Grids of all layers.
pub(super) struct Grids {
    /// For every layer the lengths of input that occur, the longest first.
    pub(super) layers: Vec<Vec<Input>>,
    /// Transforms, by the numbers that inputs and filters give.
    pub(super) ffts: Vec<LaneFft>,
    /// Samples of the longest scalogram.
    pub(super) most_samples: usize,
    /// Complex numbers of scratch that the transforms need.
    pub(super) scratch: usize,
}

/// What a layer does with inputs of one length.
pub(super) struct Input {
    /// Samples.
    pub(super) n: usize,
    /// Transform of the input: of `n / 2` points where `n` is even, else of `n`.
    pub(super) fft: usize,
    /// `exp(-2 pi i k / n)` for k up to `n / 2`.
    pub(super) twiddles: Vec<(f64, f64)>,
    /// The layer's filters.
    pub(super) filters: Vec<Filter>,
}

/// One filter for inputs of one length.
pub(super) struct Filter {
    /// Points of a transform.
    pub(super) points: usize,
    /// Transforms: the scalogram has `points * shifts` samples, number `m` of shift `r` at the time `m shifts + r`.
    pub(super) shifts: usize,
    /// Transform of `points`.
    pub(super) fft: usize,
    /// Where the spectrum is not zero.
    pub(super) runs: Vec<Run>,
    /// True where several bins fall on one point.
    pub(super) folded: bool,
    /// The spectrum, run by run, over the number of input samples: `[shift][bin]`.
    pub(super) taps: Vec<(f64, f64)>,
    /// Bins of the spectrum.
    pub(super) width: usize,
    /// Samples that are pooled, in the order in which they come: `[shift][point]`.
    pub(super) kept: Vec<Range<usize>>,
    /// Which of the next layer's inputs this is.
    pub(super) next: usize,
}

/// Bins that are neighbours in the input's spectrum and in the transform's.
#[derive(Debug, PartialEq)]
pub(super) struct Run {
    /// First bin of the input's spectrum.
    pub(super) from: usize,
    /// First point of the transform.
    pub(super) to: usize,
    /// Bins.
    pub(super) length: usize,
}

impl Grids {
    /// Grids for `plan`; `whole`: every scalogram in the order of time. `in_lanes`: several signals side by side.
    pub(super) fn new(plan: &ScatteringPlan, whole: bool, in_lanes: bool) -> Self {
        Self::with(plan, whole, in_lanes, plan.oversampling, SPECTRUM_FLOOR)
    }

    /// The same for signals on a level: every sample is computed, from all of a filter's spectrum.
    pub(super) fn for_levels(plan: &ScatteringPlan, whole: bool, in_lanes: bool) -> Self {
        Self::with(plan, whole, in_lanes, Oversampling::Full, LEVEL_FLOOR)
    }

    fn with(plan: &ScatteringPlan, whole: bool, in_lanes: bool, oversampling: Oversampling, floor: f64) -> Self {
        let mut ffts = Ffts { by_length: BTreeMap::new(), plans: Vec::new(), in_lanes };
        let mut lengths = vec![plan.bins];
        let mut layers = Vec::new();
        let mut most_samples = 0;
        for layer in 0..plan.layers.len() {
            let pooled = unshifted(&plan.pooled, plan.bins, layer + 1);
            let spectra = plan.spectra(layer);
            let mut inputs: Vec<Input> = Vec::new();
            for &n in &lengths {
                let filters = spectra.rows().into_iter().map(|row| {
                    let spectrum = row.to_vec();
                    let sampling = match oversampling {
                        _ if whole => Sampling { points: n, shifts: 1, floor },
                        Oversampling::Full => full(n, &spectrum, in_lanes, floor),
                        Oversampling::Times(times) => coarse(n, &spectrum, times),
                    };
                    Filter::new(&spectrum, n, &sampling, &pooled, &mut ffts)
                });
                inputs.push(Input {
                    n,
                    filters: filters.collect(),
                    fft: ffts.number(packed(n)),
                    twiddles: (0..=n / 2).map(|k| unit(k, n)).map(|(cos, sin)| (cos, -sin)).collect(),
                });
            }
            let samples: BTreeSet<usize> =
                inputs.iter().flat_map(|i| &i.filters).map(|f| f.points * f.shifts).collect();
            lengths = samples.into_iter().rev().collect();
            most_samples = lengths.iter().copied().fold(most_samples, usize::max);
            for filter in inputs.iter_mut().flat_map(|i| &mut i.filters) {
                filter.next = lengths.iter().position(|n| *n == filter.points * filter.shifts).unwrap_or(0);
            }
            layers.push(inputs);
        }
        let scratch = ffts.plans.iter().map(LaneFft::scratch_len).max().unwrap_or(0);
        Self { layers, ffts: ffts.plans, most_samples, scratch }
    }
}

/// Transforms made so far.
struct Ffts {
    by_length: BTreeMap<usize, usize>,
    plans: Vec<LaneFft>,
    in_lanes: bool,
}

impl Ffts {
    fn number(&mut self, n: usize) -> usize {
        let (plans, single) = (&mut self.plans, !self.in_lanes);
        *self.by_length.entry(n).or_insert_with(|| {
            plans.push(LaneFft::new(n, single));
            plans.len() - 1
        })
    }
}

/// How densely a scalogram is sampled, and how much of the spectrum counts.
struct Sampling {
    points: usize,
    shifts: usize,
    floor: f64,
}

/// Every sample, by the cheapest transforms.
fn full(n: usize, spectrum: &[Complex64], in_lanes: bool, floor: f64) -> Sampling {
    let width = support(spectrum, floor).len();
    let cost = |points: usize| {
        let transform = if in_lanes { scatterfall_lane_fft::cost(points) } else { cost_alone(points) };
        (n / points) * (points * transform + PRODUCT_COST * width)
    };
    let points = (1..=n).filter(|m| n.is_multiple_of(*m) && *m >= width).min_by_key(|m| cost(*m)).unwrap_or(n);
    Sampling { points, shifts: n / points, floor }
}

/// Cost of a bin's product with the filter, in the units of [`lanes::cost`].
const PRODUCT_COST: usize = 4;

/// Cost of a sample of a transform of one signal by itself, in the units of [`lanes::cost`].
fn cost_alone(n: usize) -> usize {
    n.ilog2() as usize * 4
}

/// `times` as many samples as the filter has bins in its band, rounded up to a length with small factors.
fn coarse(n: usize, spectrum: &[Complex64], times: usize) -> Sampling {
    let band = support(spectrum, BAND_FLOOR).len();
    let points = (times * band.max(FEWEST_SAMPLES)..n).find(|m| scatterfall_lane_fft::is_smooth(*m)).unwrap_or(n);
    Sampling { points, shifts: 1, floor: COARSE_FLOOR }
}

/// The shortest stretch of bins, which may run over the end, outside which a spectrum is below `floor` of its largest
/// value.
fn support(spectrum: &[Complex64], floor: f64) -> Range<usize> {
    let n = spectrum.len();
    let largest = spectrum.iter().map(|z| z.norm()).fold(0.0, f64::max);
    let counts: Vec<usize> = (0..n).filter(|&k| spectrum[k].norm() > floor * largest).collect();
    let (Some(&first), Some(&last)) = (counts.first(), counts.last()) else {
        return 0..0;
    };
    // The complement of the longest gap between neighbours around the circle.
    let around = (n - (last - first), last, first);
    let gaps = counts.windows(2).map(|w| (w[1] - w[0], w[0], w[1]));
    let (_, before, after) = gaps.chain([around]).max_by_key(|g| g.0).unwrap_or(around);
    let end = if before >= after { before } else { before + n };
    after..end + 1
}

impl Filter {
    #[expect(clippy::cast_precision_loss, reason = "bins are far below 2^53")]
    fn new(spectrum: &[Complex64], n: usize, sampling: &Sampling, pooled: &[Range<usize>], ffts: &mut Ffts) -> Self {
        let bins = spectrum.len();
        let Sampling { points, shifts, floor } = *sampling;
        // Bins with their signed frequencies; an input that is sampled coarsely holds the lower ones only.
        let signed = |bin: usize| if bin > bins / 2 { bin as i64 - bins as i64 } else { bin as i64 };
        let held = |frequency: i64| n == bins || 2 * frequency.unsigned_abs() < n as u64;
        let band: Vec<(i64, Complex64)> = support(spectrum, floor)
            .map(|k| (signed(k % bins), spectrum[k % bins]))
            .filter(|(frequency, _)| held(*frequency))
            .collect();
        let place = |frequency: i64, length: usize| frequency.rem_euclid(length as i64).unsigned_abs() as usize;
        let mut runs: Vec<Run> = Vec::new();
        for (frequency, _) in &band {
            let (from, to) = (place(*frequency, n), place(*frequency, points));
            match runs.last_mut() {
                Some(run) if run.from + run.length == from && run.to + run.length == to => run.length += 1,
                _ => runs.push(Run { from, to, length: 1 }),
            }
        }
        let taps = (0..shifts)
            .flat_map(|r| band.iter().map(move |(frequency, z)| (r, *frequency, *z)))
            .map(|(r, frequency, z)| {
                let (cos, sin) = unit(place(frequency * r as i64, n), n);
                let z = z * Complex64::new(cos, sin) / n as f64;
                (z.re, z.im)
            })
            .collect();
        Self {
            points,
            shifts,
            fft: ffts.number(points),
            runs,
            folded: band.iter().map(|(f, _)| place(*f, points)).collect::<BTreeSet<_>>().len() < band.len(),
            taps,
            width: band.len(),
            kept: kept(pooled, bins, points, shifts),
            next: 0,
        }
    }
}

/// The samples at the times `pooled` (of `bins`), in the order in which transforms give them.
fn kept(pooled: &[Range<usize>], bins: usize, points: usize, shifts: usize) -> Vec<Range<usize>> {
    let samples = points * shifts;
    // Sample `t` of the scalogram stands at the time `t bins / samples`.
    let times = pooled.iter().map(|p| (p.start * samples).div_ceil(bins)..(p.end * samples).div_ceil(bins));
    let times: Vec<Range<usize>> = times.filter(|t| !t.is_empty()).collect();
    let mut kept: Vec<Range<usize>> = Vec::new();
    for shift in 0..shifts {
        let point = |time: usize| shift * points + time.saturating_sub(shift).div_ceil(shifts);
        for range in times.iter().map(|t| point(t.start)..point(t.end)).filter(|r| !r.is_empty()) {
            match kept.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => kept.push(range),
            }
        }
    }
    if kept.is_empty() {
        // A stretch between two samples: the one next to it.
        let time = pooled.first().map_or(0, |p| p.start * samples / bins);
        kept.push(time..time + 1);
    }
    kept
}

/// Complex numbers that `n` real ones are transformed as.
#[inline(always)]
pub(super) fn packed(n: usize) -> usize {
    if n.is_multiple_of(2) { n / 2 } else { n }
}

/// Where the samples `pooled` of a scalogram lie before `shifts` fftshifts (each by half the bins, rounded down).
pub(super) fn unshifted(pooled: &Range<usize>, bins: usize, shifts: usize) -> Vec<Range<usize>> {
    let back = shifts * (bins / 2) % bins;
    let from = (pooled.start + bins - back) % bins;
    let to = from + pooled.len();
    let rest = 0..to.saturating_sub(bins);
    let mut ranges = vec![from..to.min(bins), rest];
    ranges.retain(|r| !r.is_empty());
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::network;

    fn plan(text: &str, bins: usize) -> ScatteringPlan {
        ScatteringPlan::new(&network(text), 1, bins, 1.0).expect("valid")
    }

    #[test]
    fn shifts_are_undone() {
        assert_eq!(unshifted(&(0..10), 10, 1), [5..10, 0..5], "everything, in another order");
        assert_eq!(unshifted(&(4..6), 10, 1), [9..10, 0..1], "around the end");
        assert_eq!(unshifted(&(4..6), 10, 2), std::slice::from_ref(&(4..6)), "two halves are a whole");
        assert_eq!(unshifted(&(5..6), 11, 2), std::slice::from_ref(&(6..7)), "odd lengths lose one each turn");
    }

    #[test]
    fn kept_samples_come_shift_by_shift() {
        let kept = |pooled: Range<usize>, points, shifts| kept(&[pooled], 12, points, shifts);
        assert_eq!(kept(0..12, 3, 4), std::slice::from_ref(&(0..12)), "all");
        // Times 0, 3, 6, 9 | 1, 4, 7, 10 | 2, 5, 8, 11; of these 4 to 8.
        assert_eq!(kept(4..9, 4, 3), [2..3, 5..7, 9..11], "part of each shift");
        assert_eq!(kept(4..9, 6, 1), std::slice::from_ref(&(2..5)), "every other sample");
        assert_eq!(kept(5..6, 3, 1), std::slice::from_ref(&(1..2)), "between two samples");
    }

    #[test]
    fn supports_run_over_the_end() {
        let spectrum = |ones: &[usize]| {
            let mut s = vec![Complex64::new(1e-9, 0.0); 10];
            ones.iter().for_each(|k| s[*k] = Complex64::new(0.0, 1.0));
            s
        };
        assert_eq!(support(&spectrum(&[2, 3, 4]), 1e-6), 2..5, "in the middle");
        assert_eq!(support(&spectrum(&[9, 0, 1]), 1e-6), 9..12, "around the end");
        assert_eq!(support(&spectrum(&[7]), 1e-6), 7..8, "a single bin");
        assert_eq!(support(&spectrum(&[0, 9]), 1e-12).len(), 10, "all count");
        assert_eq!(support(&[Complex64::default(); 4], 1e-6), 0..0, "none counts");
    }

    #[test]
    fn narrow_filters_take_short_transforms() {
        let banks = "banks = [{ octaves = 6, resolution = 1, quality = 2.0 }, { octaves = 1, resolution = 1, quality = 1.0 }]\n";
        let grids = Grids::new(&plan(banks, 2000), false, true);
        let points: Vec<usize> = grids.layers[0][0].filters.iter().map(|f| f.points).collect();
        assert!(points[1..5].windows(2).all(|p| p[1] < p[0]), "narrower with every octave: {points:?}");
        assert!(grids.layers[0][0].filters.iter().all(|f| f.points * f.shifts == 2000), "all samples are computed");
        assert_eq!(grids.layers[1].len(), 1, "so the second layer has one length of input");

        let coarse = Grids::new(&plan(&format!("{banks}oversampling = 2"), 2000), false, true);
        assert!(coarse.layers[1].len() > 3, "coarse scalograms are inputs of several lengths");
        for filter in &coarse.layers[0][0].filters {
            assert_eq!(coarse.layers[1][filter.next].n, filter.points, "the next layer takes what this one gives");
        }
    }
}
