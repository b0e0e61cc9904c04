//! Boxes over the block record: what rises above its running level, in time and along the fibre. Boxes run across images, never across gaps.

use std::ops::Range;

use rayon::prelude::*;

use crate::filters::{mad, median, running_median};
use crate::plan::{BlockBox, DetectorPlan, at_least_one};
use crate::slants::box_row;
use crate::slow::ColumnBackground;
use crate::window::Window;

/// Smallest step of gain, deviations.
const MIN_GAIN_STEP: f32 = 0.35;

/// Stretch of time that a deviation is taken over, seconds.
const CHUNK_S: f64 = 120.0;

/// Places on either side that a place's surroundings reach to.
const NEAR_PLACES: usize = 8;

/// Smallest common step, deviations.
const MIN_COMMON_STEP: f32 = 0.3;

/// The block record of a window, one series per place, less gain steps and running level.
#[derive(Debug)]
pub struct BlockRecord {
    /// Steps in time of all images.
    pub steps: usize,
    /// Places.
    pub places: usize,
    /// Places x steps.
    pub values: Vec<f32>,
    /// Stretches of steps without a gap.
    pub pieces: Vec<Range<usize>>,
    /// Steps of the core's images that are there.
    pub core: Vec<Range<usize>>,
    block_s: f64,
    floor: f32,
    improved: bool,
}

impl BlockRecord {
    /// Joins the images' blocks.
    ///
    /// Blocks are measured against the background of their minutes, which moves; it is given back against the long-term one, so that a step of gain is
    /// a step of the record and no pulse of an image.
    pub fn new(plan: &DetectorPlan, window: &Window<'_>, background: &ColumnBackground) -> Self {
        let (n, places) = (plan.block_rows, plan.block_columns);
        let steps = window.images.len() * n;
        let scale = |r: &Range<usize>| r.start * n..r.end * n;
        let pieces: Vec<Range<usize>> = window.pieces.iter().map(scale).collect();
        let block_s = plan.block_seconds();
        let long_term = |e: &[usize]| {
            let columns = &background.median[e[0]..e[1]];
            columns.iter().sum::<f32>() / columns.len() as f32
        };
        let long_term: Vec<f32> = plan.column_edges.windows(2).map(long_term).collect();
        let mut values = vec![0.0; steps * places];
        values.par_chunks_exact_mut(steps.max(1)).enumerate().for_each(|(x, series)| {
            for (image, part) in window.images.iter().zip(series.chunks_exact_mut(n)) {
                let moved = (image.level[x] - long_term[x]) / image.scale[x];
                part.iter_mut().zip(image.blocks[x..].iter().step_by(places)).for_each(|(v, b)| *v = *b + moved);
            }
        });
        let pixels = (plan.geometry.rows * plan.geometry.columns) as f64;
        // Half the noise of white speckle.
        let floor = 0.5 * ((n * places) as f64 / pixels).sqrt();
        let rows = plan.geometry.rows;
        let core =
            window.core.clone().filter(|&k| window.images[k].is_usable(rows)).map(|k| scale(&(k..k + 1))).collect();
        let mut record =
            Self { steps, places, values, pieces, core, block_s, floor: floor as f32, improved: plan.params.improved };
        if plan.params.improved {
            record.remove_common_steps();
        } else {
            record.remove_gain_steps();
        }
        record.remove_level();
        record
    }

    fn count(&self, seconds: f64) -> usize {
        at_least_one(seconds / self.block_s)
    }

    /// Gain: what all places rise by within 5 s and keep, the medians of 1 to 4 min on either side say.
    fn remove_gain_steps(&mut self) {
        for piece in self.pieces.clone() {
            let median_of_places = |t: usize| median(&mut series_at(&self.values, self.steps, piece.start + t));
            let common: Vec<f32> = (0..piece.len()).into_par_iter().map(median_of_places).collect();
            let gain = self.gain_steps(&common);
            if gain.iter().all(|&g| g == 0.0) {
                continue;
            }
            self.values.par_chunks_exact_mut(self.steps).for_each(|series| {
                series[piece.clone()].iter_mut().zip(&gain).for_each(|(v, g)| *v -= g);
            });
        }
    }

    fn gain_steps(&self, common: &[f32]) -> Vec<f32> {
        let (n, w) = (common.len(), self.count(240.0));
        let (short, long, minute) = (self.count(5.0), self.count(180.0), self.count(60.0));
        let padded: Vec<f32> = (0..n + 2 * w).map(|i| common[mirror(i as isize - w as isize, n)]).collect();
        let window_median = |k: usize| -> Vec<f32> { padded.par_windows(k).map(|p| median(&mut p.to_vec())).collect() };
        let a = window_median(short);
        let jump: Vec<f32> = (0..n).map(|t| a[(w + 1 + t).min(a.len() - 1)] - a[w - short + t]).collect();
        if jump.iter().all(|j| j.abs() <= MIN_GAIN_STEP) {
            return vec![0.0; n];
        }
        let b = window_median(long);
        let kept: Vec<f32> = (0..n).map(|t| b[(w + minute + t).min(b.len() - 1)] - b[t]).collect();
        let reach = self.count(10.0);
        let mut gain = 0.0;
        (0..n)
            .map(|t| {
                let around = &jump[t.saturating_sub(reach)..(t + reach + 1).min(n)];
                let size = jump[t].abs();
                let top = size > MIN_GAIN_STEP && around.iter().all(|j| j.abs() <= size);
                if top && (kept[t] - jump[t]).abs() < 0.3 * size {
                    gain += jump[t];
                }
                gain
            })
            .collect()
    }

    /// Gain: a step that all places make alike within two seconds and keep. No wave is the same everywhere at once.
    fn remove_common_steps(&mut self) {
        for piece in self.pieces.clone() {
            let median_of_places = |t: usize| median(&mut series_at(&self.values, self.steps, piece.start + t));
            let common: Vec<f32> = (0..piece.len()).into_par_iter().map(median_of_places).collect();
            let found = self.common_steps(&piece, &common);
            if found.is_empty() {
                continue;
            }
            let (seam, around) = (self.count(2.0), self.count(5.0));
            self.values.par_chunks_exact_mut(self.steps).for_each(|series| {
                let series = &mut series[piece.clone()];
                for &(t, jump) in &found {
                    series[t..].iter_mut().for_each(|v| *v -= jump);
                    bridge(series, t.saturating_sub(seam)..(t + seam).min(series.len()), around);
                }
            });
        }
    }

    /// Steps in time (within the piece) and sizes of common steps.
    fn common_steps(&self, piece: &Range<usize>, common: &[f32]) -> Vec<(usize, f32)> {
        let (n, w, reach) = (common.len(), self.count(5.0), self.count(10.0));
        let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
        // Only where the common level moves can all places jump.
        let moves = |&t: &usize| (mean(&common[t..t + w]) - mean(&common[t - w..t])).abs() > 0.5 * MIN_COMMON_STEP;
        let candidates: Vec<usize> = (w..(n + 1).saturating_sub(w)).filter(moves).collect();
        let jump_at = |&t: &usize| {
            let at = |x: usize| {
                let series = &self.values[x * self.steps..(x + 1) * self.steps][piece.clone()];
                mean(&series[t..t + w]) - mean(&series[t - w..t])
            };
            let mut jumps: Vec<f32> = (0..self.places).map(at).collect();
            let jump = median(&mut jumps);
            jumps.iter_mut().for_each(|j| *j -= jump);
            (t, jump, mad(&mut jumps))
        };
        let jumps: Vec<(usize, f32, f32)> = candidates.par_iter().map(jump_at).collect();
        let is_step = |&(t, jump, spread): &(usize, f32, f32)| {
            let from = jumps.partition_point(|j| j.0 + reach < t);
            let to = jumps.partition_point(|j| j.0 <= t + reach);
            let is_top = jumps[from..to].iter().all(|j| j.1.abs() <= jump.abs());
            let alike = jump.abs() > MIN_COMMON_STEP && spread < 0.3 * jump.abs() + 0.1;
            if !is_top || !alike || t < 2 || t + 2 >= n {
                return false;
            }
            let sharp = 0.5 * (common[t + 1] + common[t + 2] - common[t - 2] - common[t - 1]);
            sharp / jump > 0.7 && self.kept_rise(common, t) / jump > 0.65
        };
        jumps.iter().filter(|j| is_step(j)).map(|&(t, jump, _)| (t, jump)).collect()
    }

    /// Median of the 1 to 4 min after a time less that of the 3 min before it; shorter where the piece ends.
    fn kept_rise(&self, common: &[f32], t: usize) -> f32 {
        let (n, minute) = (common.len(), self.count(60.0));
        let end = (t + self.count(240.0)).min(n);
        let start = if t + 2 * minute <= end { t + minute } else { t };
        let before = t.saturating_sub(self.count(180.0))..t;
        median(&mut common[start..end].to_vec()) - median(&mut common[before].to_vec())
    }

    /// Running median over +-5 min: of 20 s medians, linear between.
    fn remove_level(&mut self) {
        let (short, five_minutes) = (self.count(20.0), self.count(300.0));
        let pieces = &self.pieces;
        self.values.par_chunks_exact_mut(self.steps.max(1)).for_each(|series| {
            for piece in pieces {
                let part = &mut series[piece.clone()];
                let k = short.min(part.len());
                let coarse: Vec<f32> = part.chunks_exact(k).map(|c| median(&mut c.to_vec())).collect();
                let level = running_median(&coarse, five_minutes / k);
                for (t, v) in part.iter_mut().enumerate() {
                    *v -= interpolate(&level, t as f64 / k as f64 - 0.5);
                }
            }
        });
    }

    /// The record summed along the fibre over `count` places, over the root of their number; places x steps.
    fn along_fibre(&self, count: usize) -> Vec<f32> {
        if count <= 1 {
            return self.values.clone();
        }
        let mut out = vec![0.0; self.values.len()];
        let (before, places) = (count / 2, self.places);
        if count >= places {
            let scale = 1.0 / (places as f32).sqrt();
            let total = |t: usize| series_at(&self.values, self.steps, t).iter().sum::<f32>() * scale;
            let total: Vec<f32> = (0..self.steps).into_par_iter().map(total).collect();
            out.par_chunks_exact_mut(self.steps.max(1)).for_each(|sums| sums.copy_from_slice(&total));
            return out;
        }
        out.par_chunks_exact_mut(self.steps.max(1)).enumerate().for_each(|(x, sums)| {
            let (from, to) = (x.saturating_sub(before), (x + count - before).min(places));
            for place in from..to {
                let series = &self.values[place * self.steps..(place + 1) * self.steps];
                sums.iter_mut().zip(series).for_each(|(s, v)| *s += v);
            }
            let scale = 1.0 / ((to - from) as f32).sqrt();
            sums.iter_mut().for_each(|s| *s *= scale);
        });
        out
    }

    /// Sums over a box in time of one place's series, piece by piece.
    fn along_time(&self, series: &[f32], count: usize) -> Vec<f32> {
        let mut out = vec![0.0; series.len()];
        for piece in &self.pieces {
            box_clipped(&series[piece.clone()], count, &mut out[piece.clone()]);
        }
        out
    }

    /// Deviations of every box (boxes x places) over the core: 1.4826 MAD.
    pub fn fit(&self, boxes: &[BlockBox]) -> Vec<f32> {
        let mut out = Vec::with_capacity(boxes.len() * self.places);
        self.for_each_width(boxes, |summed, b| {
            let deviation = |s: &[f32]| {
                let sums = self.along_time(s, b.steps);
                let mut used: Vec<f32> = self.core.iter().flat_map(|steps| &sums[steps.clone()]).copied().collect();
                mad(&mut used)
            };
            out.par_extend(summed.par_chunks_exact(self.steps.max(1)).map(deviation));
        });
        out
    }

    /// Calls `visit` with the scores (places x steps) of each box.
    ///
    /// A box counts over the larger of the deviation of +-30 min (which hushes rain, wind and traffic hum) and 0.7 of the place's (which keeps a quiet
    /// hour from raising noise).
    pub fn score(&self, boxes: &[BlockBox], deviations: &[f32], mut visit: impl FnMut(usize, Vec<f32>)) {
        let mut index = 0;
        self.for_each_width(boxes, |summed, b| {
            let place = &deviations[index * self.places..(index + 1) * self.places];
            let floor = (0.5 * median(&mut place.to_vec())).max(self.floor);
            let mut scores = vec![0.0; summed.len()];
            let chunks: Vec<Vec<f32>> = scores
                .par_chunks_exact_mut(self.steps.max(1))
                .zip(summed.par_chunks_exact(self.steps.max(1)))
                .map(|(out, series)| {
                    out.copy_from_slice(&self.along_time(series, b.steps));
                    self.chunk_deviations(out)
                })
                .collect();
            let least: Vec<f32> = place.iter().map(|p| (0.7 * p).max(floor)).collect();
            let noise = self.local_noise(&chunks, place, &least, b.narrow);
            scores.par_chunks_exact_mut(self.steps.max(1)).zip(&noise).for_each(|(series, noise)| {
                self.normalise(series, noise);
            });
            visit(index, scores);
            index += 1;
        });
    }

    /// Deviations (1.4826 MAD) of stretches of two minutes, piece by piece.
    fn chunk_deviations(&self, sums: &[f32]) -> Vec<f32> {
        let of_piece = |piece: &Range<usize>| {
            let k = self.count(CHUNK_S).min(piece.len());
            sums[piece.clone()].chunks_exact(k).map(|c| mad(&mut c.to_vec())).collect::<Vec<f32>>()
        };
        self.pieces.iter().flat_map(of_piece).collect()
    }

    /// Numbers of each piece's stretches.
    fn chunk_ranges(&self) -> Vec<Range<usize>> {
        let mut first = 0;
        let range = |piece: &Range<usize>| {
            let count = piece.len() / self.count(CHUNK_S).min(piece.len()).max(1);
            first += count;
            first - count..first
        };
        self.pieces.iter().map(range).collect()
    }

    /// What a box counts over, by place and stretch: the largest of the deviation of +-30 min, the place's, and that of the surroundings now.
    fn local_noise(&self, chunks: &[Vec<f32>], place: &[f32], least: &[f32], narrow: bool) -> Vec<Vec<f32>> {
        let ranges = self.chunk_ranges();
        let half = self.count(1800.0) / self.count(CHUNK_S);
        let activity = if self.improved && narrow { self.activity(chunks, place, &ranges) } else { Vec::new() };
        let of_place = |(x, chunks): (usize, &Vec<f32>)| {
            let mut out = Vec::with_capacity(chunks.len());
            for range in &ranges {
                let k = if range.len() == 1 { 1 } else { half };
                let slow = running_median(&chunks[range.clone()], k);
                out.extend(slow.iter().map(|s| s.max(least[x])));
            }
            if !activity.is_empty() {
                out.iter_mut().zip(&activity[x]).for_each(|(o, a)| *o = o.max(a * place[x]));
            }
            out
        };
        chunks.par_iter().enumerate().map(of_place).collect()
    }

    /// How much louder than usual the surroundings are: the median of the 4 km around and three stretches.
    fn activity(&self, chunks: &[Vec<f32>], place: &[f32], ranges: &[Range<usize>]) -> Vec<Vec<f32>> {
        let reach = (NEAR_PLACES.min(self.places / 4)).max(1);
        let of_place = |x: usize| {
            let near = x.saturating_sub(reach)..(x + reach + 1).min(self.places);
            let mut out = Vec::with_capacity(chunks[x].len());
            for range in ranges {
                for t in range.clone() {
                    let times = t.saturating_sub(1).max(range.start)..(t + 2).min(range.end);
                    let mut ratios: Vec<f32> = near
                        .clone()
                        .filter(|&p| place[p] > 0.0)
                        .flat_map(|p| chunks[p][times.clone()].iter().map(move |c| c / place[p]))
                        .collect();
                    out.push(if ratios.is_empty() { 0.0 } else { median(&mut ratios) });
                }
            }
            out
        };
        (0..self.places).into_par_iter().map(of_place).collect()
    }

    fn normalise(&self, series: &mut [f32], noise: &[f32]) {
        for (piece, range) in self.pieces.iter().zip(self.chunk_ranges()) {
            let k = self.count(CHUNK_S).min(piece.len());
            let noise = &noise[range];
            for (t, v) in series[piece.clone()].iter_mut().enumerate() {
                *v /= noise[(t / k).min(noise.len() - 1)];
            }
        }
    }

    /// Boxes of the same length along the fibre follow each other in a plan and share their sums.
    fn for_each_width(&self, boxes: &[BlockBox], mut visit: impl FnMut(&[f32], &BlockBox)) {
        for group in boxes.chunk_by(|a, b| a.places == b.places) {
            let summed = self.along_fibre(group[0].places);
            group.iter().for_each(|b| visit(&summed, b));
        }
    }
}

/// Replaces a stretch by the mean of what lies around it.
fn bridge(series: &mut [f32], stretch: Range<usize>, around: usize) {
    let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len().max(1) as f32;
    let before = &series[stretch.start.saturating_sub(around)..stretch.start];
    let after = &series[stretch.end..(stretch.end + around).min(series.len())];
    let level = match (before.is_empty(), after.is_empty()) {
        (false, false) => 0.5 * (mean(before) + mean(after)),
        (true, _) => mean(after),
        (_, true) => mean(before),
    };
    series[stretch].fill(level);
}

/// One step of every place.
fn series_at(values: &[f32], steps: usize, t: usize) -> Vec<f32> {
    values[t..].iter().step_by(steps).copied().collect()
}

/// Sum over `count` values (centred) over the root of how many there are; at the ends over those there are.
fn box_clipped(line: &[f32], count: usize, out: &mut [f32]) {
    let n = line.len();
    if count < n {
        box_row(line, count, out);
        return;
    }
    let before = count / 2;
    let prefix: Vec<f64> = std::iter::once(0.0)
        .chain(line.iter().scan(0.0, |sum, &v| {
            *sum += f64::from(v);
            Some(*sum)
        }))
        .collect();
    for (i, o) in out.iter_mut().enumerate() {
        let (from, to) = (i.saturating_sub(before), (i + count - before).min(n));
        *o = ((prefix[to] - prefix[from]) / ((to - from) as f64).sqrt()) as f32;
    }
}

/// Index of NumPy's `reflect` padding (the border value is not repeated).
fn mirror(i: isize, n: usize) -> usize {
    if n <= 1 {
        return 0;
    }
    let period = 2 * (n as isize - 1);
    let m = i.rem_euclid(period);
    (if m < n as isize { m } else { period - m }) as usize
}

/// Linear interpolation at a fractional index; the end values go on.
fn interpolate(values: &[f32], at: f64) -> f32 {
    let last = values.len() - 1;
    let at = at.clamp(0.0, last as f64);
    let i = (at as usize).min(last.saturating_sub(1));
    let (a, b) = (values[i], values[(i + 1).min(last)]);
    (f64::from(a) + (at - i as f64) * (f64::from(b) - f64::from(a))) as f32
}
