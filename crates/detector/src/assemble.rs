//! Fitting and scoring an archive day by day, within bounded memory.
//!
//! A short archive is one window. A longer one is fitted and scored by day, each with an hour of its neighbours on either side: a place's normal
//! is the median of its days', and events that midnight cuts are joined.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::events::{Event, find_events, order};
use crate::filters::median;
use crate::join::join_events;
use crate::kinds::Kinds;
use crate::measure::MIN_SCALE;
use crate::merge::merge_events;
use crate::plan::DetectorPlan;
use crate::score::{FilterScale, Gumbel, Normals, fair_scales, fit_window, score_window};
use crate::slant_normals::SlantNormals;
use crate::slow::{ColumnBackground, SlowNormals};
use crate::window::Window;
use crate::{DetectorError, DetectorParams, Geometry, Measurement};

/// Windows that normals and threshold are fitted to: medians over more days say the same.
const MAX_FITTED: usize = 10;

/// Margin of a day's window, minutes: the longest reach of a running level.
const MARGIN_MIN: f64 = 60.0;

/// Stored measurements, day by day.
pub trait Days {
    /// Number of days.
    fn count(&self) -> usize;

    /// Number of images of a day.
    fn images(&self, day: usize) -> usize;

    /// A day's measurements in the order of time.
    ///
    /// # Errors
    ///
    /// Says in one line why they cannot be read.
    fn load(&self, day: usize) -> Result<Vec<Measurement>, String>;
}

impl Days for [Vec<Measurement>] {
    fn count(&self) -> usize {
        self.len()
    }

    fn images(&self, day: usize) -> usize {
        self[day].len()
    }

    fn load(&self, day: usize) -> Result<Vec<Measurement>, String> {
        Ok(self[day].clone())
    }
}

/// What is fitted to an archive; all that scoring new days needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectorModel {
    /// The picture.
    pub geometry: Geometry,
    /// The settings.
    pub params: DetectorParams,
    /// What is normal at each place.
    pub normals: Normals,
    /// Score from which an event is listed.
    pub threshold: f64,
    /// Number of false alarms per day that the user asked for.
    pub false_alarms_per_day: f64,
    /// Kinds of events.
    pub kinds: Kinds,
}

/// How the threshold is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Number of false alarms per day that the user asks for.
    pub false_alarms_per_day: f64,
    /// A threshold set by hand.
    pub fixed: Option<f64>,
}

/// Scores of one day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DayScores {
    /// Starts of the images, microseconds since 1970.
    pub times_us: Vec<i64>,
    /// Score (images x cells).
    pub score: Vec<f32>,
    /// Values of all filters (images x cells x filters).
    pub filters: Vec<f32>,
    /// Time of the strongest slant of each cell, microseconds since 1970 (images x cells); the image's start where there is none.
    pub peak_time_us: Vec<i64>,
    /// Its place, km (NaN where there is none).
    pub peak_km: Vec<f32>,
    /// Its speed, m/s (NaN where there is none).
    pub speed_ms: Vec<f32>,
}

/// Loads days and keeps those that the next window needs.
struct Loader<'a, D: Days + ?Sized> {
    days: &'a D,
    kept: BTreeMap<usize, Rc<Vec<Measurement>>>,
}

impl<D: Days + ?Sized> Loader<'_, D> {
    fn get(&mut self, day: usize) -> Result<Rc<Vec<Measurement>>, DetectorError> {
        if let Some(found) = self.kept.get(&day) {
            return Ok(found.clone());
        }
        let loaded = self.days.load(day).map_err(|reason| DetectorError::Source { day, reason })?;
        let loaded = Rc::new(loaded);
        self.kept.insert(day, loaded.clone());
        Ok(loaded)
    }
}

/// Days of each window: all at once where they are few.
fn window_days<D: Days + ?Sized>(days: &D, max_images: usize) -> Vec<Range<usize>> {
    let total: usize = (0..days.count()).map(|d| days.images(d)).sum();
    if total <= max_images {
        return std::iter::once(0..days.count()).collect();
    }
    (0..days.count()).map(|d| d..d + 1).collect()
}

/// At most `count` of the windows, evenly spaced.
fn evenly(windows: Vec<Range<usize>>, count: usize) -> Vec<Range<usize>> {
    let n = windows.len();
    if n <= count {
        return windows;
    }
    (0..count).map(|i| windows[(2 * i + 1) * n / (2 * count)].clone()).collect()
}

/// Calls `visit` with at most `max_windows` evenly spaced windows and the days of their core (number and images).
fn for_each_window<D: Days + ?Sized>(
    plan: &DetectorPlan,
    loader: &mut Loader<'_, D>,
    max_windows: usize,
    mut visit: impl FnMut(&Window<'_>, &[(usize, usize)]) -> Result<(), DetectorError>,
) -> Result<(), DetectorError> {
    let margin = plan.geometry.images_in(MARGIN_MIN);
    for core_days in evenly(window_days(loader.days, plan.params.window_images), max_windows) {
        loader.kept.retain(|day, _| day + 1 >= core_days.start && *day <= core_days.end);
        let before = core_days.start.checked_sub(1).map(|d| loader.get(d)).transpose()?;
        let core: Vec<_> = core_days.clone().map(|d| loader.get(d)).collect::<Result<_, _>>()?;
        let after = (core_days.end < loader.days.count()).then(|| loader.get(core_days.end)).transpose()?;
        let mut images: Vec<&Measurement> = Vec::new();
        if let Some(before) = &before {
            images.extend(&before[before.len().saturating_sub(margin)..]);
        }
        let first = images.len();
        core.iter().for_each(|day| images.extend(day.iter()));
        let end = images.len();
        if let Some(after) = &after {
            images.extend(&after[..after.len().min(margin)]);
        }
        if end == first {
            continue;
        }
        let sizes: Vec<(usize, usize)> = core_days.zip(core.iter().map(|d| d.len())).collect();
        visit(&Window::new(plan, images, first..end)?, &sizes)?;
    }
    Ok(())
}

/// Exact medians of the columns over all images, by counting.
struct ColumnCounts {
    columns: usize,
    median2: Vec<u32>,
    spread4: Vec<u32>,
}

impl ColumnCounts {
    const LEVELS: usize = 1021;

    fn new(columns: usize) -> Self {
        Self { columns, median2: vec![0; columns * Self::LEVELS], spread4: vec![0; columns * Self::LEVELS] }
    }

    fn add(&mut self, image: &Measurement) {
        for x in (0..self.columns).filter(|&x| !image.constant[x]) {
            let at = |v: u16| x * Self::LEVELS + usize::from(v).min(Self::LEVELS - 1);
            self.median2[at(image.median2[x])] += 1;
            self.spread4[at(image.spread4[x])] += 1;
        }
    }

    fn background(&self) -> ColumnBackground {
        let median = self.median2.chunks_exact(Self::LEVELS).map(|c| median_of_counts(c) / 2.0).collect();
        let scale = |c: &[u32]| (1.4826 * median_of_counts(c) / 4.0).max(MIN_SCALE);
        ColumnBackground { median, scale: self.spread4.chunks_exact(Self::LEVELS).map(scale).collect() }
    }
}

fn median_of_counts(counts: &[u32]) -> f32 {
    let n: usize = counts.iter().map(|&c| c as usize).sum();
    let value_at = |rank: usize| {
        let mut below = 0;
        counts.iter().position(|&c| {
            below += c as usize;
            below > rank
        })
    };
    if n == 0 {
        return 0.0;
    }
    let (low, high) = (value_at((n - 1) / 2).unwrap_or(0), value_at(n / 2).unwrap_or(0));
    (low + high) as f32 / 2.0
}

/// Median over the windows of each number.
fn median_of(windows: &[Normals], pick: impl Fn(&Normals) -> &[f32]) -> Vec<f32> {
    let n = windows.first().map_or(0, |w| pick(w).len());
    (0..n).map(|i| median(&mut windows.iter().map(|w| pick(w)[i]).collect::<Vec<_>>())).collect()
}

fn merge(windows: Vec<Normals>, columns: ColumnBackground) -> Normals {
    let slow = windows.first().map_or(0, |w| w.slow.len());
    let slants = SlantNormals {
        center: median_of(&windows, |w| &w.slants.center),
        deviation: median_of(&windows, |w| &w.slants.deviation),
        floor: median_of(&windows, |w| &w.slants.floor),
    };
    let of_box = |i: usize| SlowNormals {
        center: median_of(&windows, |w| &w.slow[i].center),
        deviation: median_of(&windows, |w| &w.slow[i].deviation),
    };
    Normals {
        slants,
        boxes: median_of(&windows, |w| &w.boxes),
        slow: (0..slow).map(of_box).collect(),
        scales: windows.first().map_or_else(Vec::new, |w| w.scales.clone()),
        columns,
    }
}

/// Fits what is normal, the filters' scales and the threshold.
///
/// # Errors
///
/// When there are no measurements, or they do not have the plan's shapes, or a day cannot be read.
pub fn fit<D: Days + ?Sized>(
    plan: &DetectorPlan,
    days: &D,
    threshold: Threshold,
) -> Result<DetectorModel, DetectorError> {
    let mut loader = Loader { days, kept: BTreeMap::new() };
    let mut counts = ColumnCounts::new(plan.geometry.columns);
    for_each_window(plan, &mut loader, usize::MAX, |window, _| {
        let rows = plan.geometry.rows;
        window.images[window.core.clone()].iter().filter(|m| m.is_usable(rows)).for_each(|image| counts.add(image));
        Ok(())
    })?;
    let columns = counts.background();
    let mut windows = Vec::new();
    for_each_window(plan, &mut loader, MAX_FITTED, |window, _| {
        windows.push(fit_window(plan, window, &columns));
        Ok(())
    })?;
    if windows.is_empty() {
        return Err(DetectorError::Empty("fit the detector to"));
    }
    let mut normals = merge(windows, columns);
    let mut filters = Vec::new();
    for_each_window(plan, &mut loader, MAX_FITTED, |window, _| {
        let scored = score_window(plan, window, &normals, false).filters;
        let cells = scored.chunks_exact(plan.filter_count());
        let places = window.images[window.core.clone()].iter().flat_map(|m| (0..plan.cells).map(move |c| (m, c)));
        let live = cells.zip(places).filter(|(_, (image, cell))| is_live(plan, image, *cell));
        live.for_each(|(values, _)| filters.extend_from_slice(values));
        Ok(())
    })?;
    let count = plan.filter_count();
    if plan.params.improved {
        normals.scales = fair_scales(plan, &filters);
    }
    let largest = |cell: &[f32]| {
        let scaled = cell.iter().zip(&normals.scales).map(|(&v, s): (_, &FilterScale)| s.apply(v));
        scaled.fold(f32::NEG_INFINITY, f32::max)
    };
    let scores: Vec<f32> = filters.chunks_exact(count).map(largest).collect();
    let probability = (threshold.false_alarms_per_day / plan.cells_per_day()).min(0.5);
    // The largest of filters that each follow the standard law is above what one of them reaches.
    let least = if plan.params.improved { Gumbel { mode: 0.0, scale: 1.0 }.exceeded_with(probability) } else { 0.0 };
    let fitted = || Gumbel::through_low_quantiles(scores).exceeded_with(probability).max(least);
    Ok(DetectorModel {
        geometry: plan.geometry,
        params: plan.params.clone(),
        normals,
        threshold: threshold.fixed.unwrap_or_else(fitted),
        false_alarms_per_day: threshold.false_alarms_per_day,
        kinds: Kinds::default(),
    })
}

/// Whether a cell has pixels that are there and vary; others would pull the quantiles down.
fn is_live(plan: &DetectorPlan, image: &Measurement, cell: usize) -> bool {
    let columns = &image.constant[plan.cell_columns[cell]..plan.cell_columns[cell + 1]];
    image.is_usable(plan.geometry.rows) && 2 * columns.iter().filter(|c| **c).count() <= columns.len()
}

/// Scores days with a fitted model, hands each day's scores to `sink` and returns the events, without kinds.
///
/// # Errors
///
/// When the measurements do not have the plan's shapes, a day cannot be read, or `sink` fails (its error comes back as the day's).
pub fn detect<D: Days + ?Sized>(
    plan: &DetectorPlan,
    model: &DetectorModel,
    days: &D,
    mut sink: impl FnMut(usize, DayScores) -> Result<(), String>,
) -> Result<Vec<Event>, DetectorError> {
    let mut loader = Loader { days, kept: BTreeMap::new() };
    let mut windows: Vec<Vec<Event>> = Vec::new();
    for_each_window(plan, &mut loader, usize::MAX, |window, sizes| {
        let scored = score_window(plan, window, &model.normals, true);
        windows.push(find_events(plan, window, &scored, model.threshold as f32));
        let mut first = 0;
        for &(day, images) in sizes {
            let scores = day_scores(plan, window, &scored.filters, first..first + images);
            sink(day, scores).map_err(|reason| DetectorError::Source { day, reason })?;
            first += images;
        }
        Ok(())
    })?;
    let mut events = join_events(plan, windows);
    if plan.params.improved {
        events = merge_events(events);
    }
    events.sort_by(order);
    Ok(events)
}

/// Events of one window under a fitted model, in their order and without kinds: what [`detect`] finds where all days are one window.
pub fn detect_window(plan: &DetectorPlan, model: &DetectorModel, window: &Window<'_>) -> Vec<Event> {
    let scored = score_window(plan, window, &model.normals, true);
    let mut events = find_events(plan, window, &scored, model.threshold as f32);
    if plan.params.improved {
        events = merge_events(events);
    }
    events.sort_by(order);
    events
}

/// Scores of the core's images `part`.
fn day_scores(plan: &DetectorPlan, window: &Window<'_>, filters: &[f32], part: Range<usize>) -> DayScores {
    let (count, speeds) = (plan.filter_count(), plan.speeds_ms.len());
    let stride = plan.cells * count;
    let filters = &filters[part.start * stride..part.end * stride];
    let mut out = DayScores { filters: filters.to_vec(), ..DayScores::default() };
    let geometry = &plan.geometry;
    for (image, cells) in window.images[window.core.clone()][part].iter().zip(filters.chunks_exact(stride)) {
        out.times_us.push(image.time_us);
        for (cell, values) in cells.chunks_exact(count).enumerate() {
            out.score.push(values.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let strongest = (0..speeds).max_by(|&a, &b| values[a].total_cmp(&values[b]).then(b.cmp(&a)));
            let parts = plan.slant_parts();
            let strongest_part = |v: usize| {
                let lines = &image.slants[(cell * speeds + v) * parts..][..parts];
                lines.iter().skip(1).fold(lines[0], |best, p| if p.value > best.value { *p } else { best })
            };
            let peak = strongest.map(|v| (v, strongest_part(v)));
            out.peak_time_us.push(peak.map_or(image.time_us, |(_, p)| {
                image.time_us + ((f64::from(p.row) + 0.5) * geometry.seconds_per_row() * 1e6) as i64
            }));
            let km = |column: f32| (f64::from(column) + 0.5) * geometry.meters_per_column() / 1000.0;
            out.peak_km.push(peak.map_or(f32::NAN, |(_, p)| km(p.column) as f32));
            out.speed_ms.push(peak.map_or(f32::NAN, |(v, _)| plan.speeds_ms[v] as f32));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitted_windows_are_evenly_spaced() {
        let days = |n: usize| (0..n).map(|d| d..d + 1).collect::<Vec<_>>();
        assert_eq!(evenly(days(3), 10), days(3), "few are all taken");
        let of_month: Vec<usize> = evenly(days(30), 10).iter().map(|w| w.start).collect();
        assert_eq!(of_month, [1, 4, 7, 10, 13, 16, 19, 22, 25, 28], "ten of thirty");
    }

    #[test]
    fn medians_of_counts_are_medians() {
        let mut counts = vec![0; 10];
        for v in [7, 2, 2, 9] {
            counts[v] += 1;
        }
        assert_eq!(median_of_counts(&counts), 4.5, "mean of the two middle values");
        counts[9] += 1;
        assert_eq!(median_of_counts(&counts), 7.0, "an odd number");
        assert_eq!(median_of_counts(&[0, 0]), 0.0, "none");
    }
}
