//! Tracks: slant peaks that one moving thing left.

use std::ops::Range;

use crate::plan::DetectorPlan;
use crate::slant_normals::SlantScores;
use crate::window::Window;

/// A slant that stands out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Peak {
    pub(crate) score: f32,
    /// What compares with the boxes' deviations.
    pub(crate) fit: f32,
    /// Seconds from the window's start, gaps left out.
    pub(crate) time_s: f64,
    pub(crate) km: f64,
    /// Speed, the centroid of neighbouring speeds, m/s.
    pub(crate) speed_ms: f64,
    /// Image of the window.
    pub(crate) image: usize,
    /// Mean over the line, deviations.
    pub(crate) rise: f32,
}

/// Longest step in time between two peaks of a track, seconds.
const MAX_STEP_S: f64 = 100.0;

/// A line that meets one more than twice as strong within this many seconds of both centres is its shadow.
const SHADOW_S: f64 = 12.0;

/// Each cell's largest slant of either direction in each part of an image where it exceeds `low`, the strongest first.
///
/// `scores` holds a series of images for every cell and speed.
pub(crate) fn slant_peaks(plan: &DetectorPlan, window: &Window<'_>, scores: &[SlantScores], low: f32) -> Vec<Peak> {
    let speeds = plan.speeds_ms.len();
    let split = plan.speeds_ms.partition_point(|v| *v < 0.0);
    let mut peaks = Vec::new();
    for image in window.core.clone() {
        for cell in 0..plan.cells {
            let series = &scores[cell * speeds..(cell + 1) * speeds];
            for side in [0..split, split..speeds] {
                // Most cells are quiet.
                if side.clone().all(|v| series[v].largest[image] <= low) {
                    continue;
                }
                let part_peak = |part: usize| side_peak(plan, window, series, (image, cell, part), side.clone(), low);
                peaks.extend((0..plan.slant_parts()).filter_map(part_peak));
            }
        }
    }
    peaks.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.time_s.total_cmp(&a.time_s)).then(b.km.total_cmp(&a.km)));
    peaks
}

/// The largest slant of one direction in a cell's part.
fn side_peak(
    plan: &DetectorPlan,
    window: &Window<'_>,
    series: &[SlantScores],
    (image, cell, part): (usize, usize, usize),
    side: Range<usize>,
    low: f32,
) -> Option<Peak> {
    let (geometry, parts) = (&plan.geometry, plan.slant_parts());
    let line = |v: usize| window.images[image].slants[(cell * plan.speeds_ms.len() + v) * parts + part];
    let score = |v: usize| series[v].score(image, line(v).value);
    let z: Vec<f32> = side.clone().map(score).collect();
    let k = first_largest(&z).filter(|&k| z[k] > low)?;
    let line = line(side.start + k);
    let near = k.saturating_sub(1)..(k + 2).min(z.len());
    let weight = |j: usize| f64::from((z[j] - 0.5 * z[k]).max(0.0));
    let total: f64 = near.clone().map(weight).sum();
    let speed: f64 = near.map(|j| weight(j) * plan.speeds_ms[side.start + j]).sum();
    let samples = plan.slants.as_ref().map_or(1.0, |s| (s.samples * s.row_step * s.width * s.column_step) as f64);
    Some(Peak {
        score: z[k],
        fit: if plan.params.improved { line.value } else { z[k] },
        time_s: image as f64 * geometry.duration_s + (f64::from(line.row) + 0.5) * geometry.seconds_per_row(),
        km: (f64::from(line.column) + 0.5) * geometry.meters_per_column() / 1000.0,
        speed_ms: speed / total,
        image,
        rise: (f64::from(line.value) / samples.sqrt()) as f32,
    })
}

fn first_largest(values: &[f32]) -> Option<usize> {
    let mut best = None;
    for (k, &v) in values.iter().enumerate() {
        if best.is_none_or(|b: usize| v > values[b]) {
            best = Some(k);
        }
    }
    best
}

/// Joins peaks (the strongest first) to tracks, each in the order of time, that of the strongest first.
///
/// A peak in a stronger one's shadow is left out. Two peaks of the same direction, at most 100 s apart, belong together where each one's line
/// passes the other within 0.5 km + 3 m/s times their distance in time. A track holds a peak above `threshold`.
///
/// `by_sum`: a track counts by what its 20 s bins add up to, [`BIN_COST`] off each but the first, as long as its best peak exceeds 0.75 of the threshold:
/// many weak peaks in one line are no chance.
pub(crate) fn tracks(peaks: &[Peak], threshold: f32, by_sum: bool) -> Vec<Vec<Peak>> {
    let mut order: Vec<usize> = (0..peaks.len()).collect();
    order.sort_by(|&a, &b| peaks[a].time_s.total_cmp(&peaks[b].time_s));
    let times: Vec<f64> = order.iter().map(|&i| peaks[i].time_s).collect();
    let mut keep = vec![true; peaks.len()];
    for (i, p) in peaks.iter().enumerate() {
        let from = times.partition_point(|t| *t < p.time_s - 20.0);
        let to = times.partition_point(|t| *t < p.time_s + 20.0);
        let is_shadow = |&j: &usize| keep[j] && 0.5 * peaks[j].score > p.score && casts_shadow(&peaks[j], p);
        keep[i] = !order[from..to].iter().any(is_shadow);
    }
    order.retain(|&i| keep[i]);
    let mut groups = Groups::new(peaks.len());
    for (n, &i) in order.iter().enumerate() {
        let near = order[n + 1..].iter().take_while(|&&j| peaks[j].time_s < peaks[i].time_s + MAX_STEP_S);
        for &j in near.filter(|&&j| belong_together(&peaks[i], &peaks[j])) {
            groups.join(i, j);
        }
    }
    let mut members: std::collections::BTreeMap<usize, Vec<Peak>> = std::collections::BTreeMap::new();
    for &i in &order {
        members.entry(groups.root(i)).or_default().push(peaks[i]);
    }
    let is_listed = |track: &[Peak]| {
        let best = track.iter().map(|p| p.score).fold(f32::NEG_INFINITY, f32::max);
        if by_sum { best > LEAST_TOP * threshold && summed_score(track) > threshold } else { best > threshold }
    };
    members.retain(|_, track| is_listed(track));
    let mut out = Vec::new();
    for i in (0..peaks.len()).filter(|&i| keep[i]) {
        out.extend(members.remove(&groups.root(i)));
    }
    out
}

/// Share of the threshold that the best peak of a track exceeds: gusts and showers leave many weak peaks.
const LEAST_TOP: f32 = 0.75;

/// What a 20 s bin of a track costs, in scores on the standard Gumbel law: a peak below it is no evidence.
const BIN_COST: f32 = 5.0;

fn summed_score(track: &[Peak]) -> f32 {
    let mut bins: std::collections::BTreeMap<i64, f32> = std::collections::BTreeMap::new();
    for p in track {
        let best = bins.entry((p.time_s / 20.0) as i64).or_insert(0.0);
        *best = best.max(p.score - BIN_COST);
    }
    BIN_COST + bins.values().sum::<f32>()
}

fn casts_shadow(strong: &Peak, weak: &Peak) -> bool {
    let (v, w) = (weak.speed_ms / 1000.0, strong.speed_ms / 1000.0);
    let difference = if (w - v).abs() < 1e-4 { 1e-4 } else { w - v };
    let meets = (weak.km + v * (strong.time_s - weak.time_s) - strong.km) / difference;
    meets.abs() <= SHADOW_S && (strong.time_s + meets - weak.time_s).abs() <= SHADOW_S
}

/// Whether each of two peaks lies on the other's line.
pub(crate) fn belong_together(a: &Peak, b: &Peak) -> bool {
    let (d, f) = (b.time_s - a.time_s, b.km - a.km);
    let far = (f - a.speed_ms / 1000.0 * d).abs().max((f - b.speed_ms / 1000.0 * d).abs());
    a.speed_ms * b.speed_ms > 0.0 && far < 0.5 + 0.003 * d.abs()
}

/// Slope of a line through the peaks, weighted by their scores, m/s; the strongest peak's speed where they span under 30 s
/// or where the slope contradicts it.
pub(crate) fn track_speed(track: &[Peak], strongest: &Peak) -> f64 {
    let length = track[track.len() - 1].time_s - track[0].time_s;
    if length < 30.0 {
        return strongest.speed_ms;
    }
    let total: f64 = track.iter().map(|p| f64::from(p.score)).sum();
    let mean = |of: fn(&Peak) -> f64| track.iter().map(|p| f64::from(p.score) * of(p)).sum::<f64>() / total;
    let (t, x) = (mean(|p| p.time_s), mean(|p| p.km));
    let (mut cross, mut square) = (0.0, 0.0);
    for p in track {
        cross += f64::from(p.score) * (p.time_s - t) * (p.km - x);
        square += f64::from(p.score) * (p.time_s - t).powi(2);
    }
    let slope = cross / square * 1000.0;
    let agrees = (slope - strongest.speed_ms).abs() <= 10.0 && slope * strongest.speed_ms > 0.0;
    if agrees { slope } else { strongest.speed_ms }
}

/// Union of sets, the smaller root wins.
struct Groups(Vec<usize>);

impl Groups {
    fn new(n: usize) -> Self {
        Self((0..n).collect())
    }

    fn root(&mut self, i: usize) -> usize {
        let mut root = i;
        while self.0[root] != root {
            root = self.0[root];
        }
        let mut at = i;
        while self.0[at] != root {
            at = std::mem::replace(&mut self.0[at], root);
        }
        root
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
