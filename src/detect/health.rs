//! Health of instrument, fibre and recording, read off the measurements: what takes no part in lists and is worth a look.

use scatterfall_detector::{DetectorPlan, Measurement, is_gap};

use scatterfall_timestamps::{Micros, micros};

/// Twice the median at and above which a column that does not vary counts as saturated (index 254 of 255).
const SATURATED: u16 = 508;
/// Index units by which all levels must change, and stay changed, to count as a step of gain.
const STEP: f32 = 2.0;
/// Images on both sides of a step that its size is taken from.
const STEP_IMAGES: usize = 4;
/// Metres from which a stretch that does not vary is listed: a single channel may be dead for good reasons.
const MIN_STRETCH_M: f64 = 20.0;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FaultKind {
    /// A stretch at the lowest colour.
    Dead,
    /// A stretch at the highest colour.
    Saturated,
    /// A stretch that shows one other value.
    Frozen,
    /// Rows that repeat the one above, or are blank.
    MissingRows,
    /// Images that repeat the one before.
    RepeatedImage,
    /// All levels change and stay changed.
    GainStep,
    /// Time without images; the recorder stood still, or its files are gone.
    Gap,
}

impl FaultKind {
    /// The name in `health.csv`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Saturated => "saturated",
            Self::Frozen => "frozen",
            Self::MissingRows => "missing_rows",
            Self::RepeatedImage => "repeated_image",
            Self::GainStep => "gain_step",
            Self::Gap => "gap",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// What it is.
    pub(crate) kind: FaultKind,
    /// Begin.
    pub(crate) time_from: Micros,
    /// End.
    pub(crate) time_to: Micros,
    /// First place in km from the fibre's first column.
    pub(crate) from_km: f64,
    /// Last place.
    pub(crate) to_km: f64,
    /// Images that show it.
    pub(crate) images: usize,
    /// Size where it has one: index units of a step, rows that are missing.
    pub(crate) value: Option<f64>,
}

/// Collects faults from measurements in the order of time.
pub(crate) struct HealthWatch<'a> {
    plan: &'a DetectorPlan,
    done: Vec<Fault>,
    /// Stretches that the image before still showed.
    open: Vec<Fault>,
    last: Option<Micros>,
    /// Median level of each image, its time, and whether a gap lies before it.
    levels: Vec<(Micros, f32)>,
}

impl<'a> HealthWatch<'a> {
    /// Nothing seen so far.
    pub(crate) fn new(plan: &'a DetectorPlan) -> Self {
        Self { plan, done: Vec::new(), open: Vec::new(), last: None, levels: Vec::new() }
    }

    /// Looks at the next image.
    pub(crate) fn see(&mut self, m: &Measurement) {
        let geometry = self.plan.geometry;
        let duration = micros(geometry.duration_s);
        if let Some(last) = self.last.filter(|&last| is_gap(last, m.time_us, geometry.duration_s)) {
            self.close_all();
            self.done.push(self.whole(FaultKind::Gap, last + duration, m.time_us, 0, None));
            self.end_levels();
        }
        let mut now = flat_stretches(self.plan, m);
        if m.duplicate {
            now.push(self.whole(FaultKind::RepeatedImage, m.time_us, m.time_us + duration, 1, None));
        }
        let missing: usize = m.missing.iter().map(|&n| usize::from(n)).sum();
        if missing > 0 && !m.duplicate {
            now.push(self.missing_rows(m, missing));
        }
        self.carry_on(now);
        if !m.duplicate {
            self.levels.push((m.time_us, middle(m.median2.iter().map(|&v| f32::from(v) / 2.0).collect())));
        }
        self.last = Some(m.time_us);
    }

    /// All faults, by time and place.
    pub(crate) fn finish(mut self) -> Vec<Fault> {
        self.close_all();
        self.end_levels();
        self.done.sort_by(|a, b| {
            let place = a.from_km.total_cmp(&b.from_km);
            a.time_from.cmp(&b.time_from).then(a.kind.cmp(&b.kind)).then(place)
        });
        self.done
    }

    fn whole(&self, kind: FaultKind, time_from: Micros, time_to: Micros, images: usize, value: Option<f64>) -> Fault {
        let to_km = self.plan.geometry.length_m / 1000.0;
        Fault { kind, time_from, time_to, from_km: 0.0, to_km, images, value }
    }

    fn missing_rows(&self, m: &Measurement, missing: usize) -> Fault {
        let step = self.plan.block_seconds();
        let first = m.missing.iter().position(|&n| n > 0).unwrap_or(0);
        let last = m.missing.iter().rposition(|&n| n > 0).unwrap_or(0);
        let at = |steps: usize| m.time_us + micros(steps as f64 * step);
        self.whole(FaultKind::MissingRows, at(first), at(last + 1), 1, Some(missing as f64))
    }

    /// Joins what an image shows to what the one before showed.
    fn carry_on(&mut self, now: Vec<Fault>) {
        let before = std::mem::take(&mut self.open);
        let mut left: Vec<Option<Fault>> = before.into_iter().map(Some).collect();
        for fault in now {
            let same = |old: &Fault| {
                let overlap = old.to_km.min(fault.to_km) - old.from_km.max(fault.from_km);
                let touches = fault.kind != FaultKind::MissingRows || fault.time_from <= old.time_to;
                old.kind == fault.kind
                    && touches
                    && overlap > 0.5 * (fault.to_km - fault.from_km).min(old.to_km - old.from_km)
            };
            let found = left.iter_mut().find(|old| old.as_ref().is_some_and(same)).and_then(Option::take);
            self.open.push(match found {
                Some(old) => Fault {
                    time_to: fault.time_to,
                    from_km: old.from_km.min(fault.from_km),
                    to_km: old.to_km.max(fault.to_km),
                    images: old.images + fault.images,
                    value: old.value.zip(fault.value).map(|(a, b)| a + b),
                    ..old
                },
                None => fault,
            });
        }
        self.done.extend(left.into_iter().flatten());
    }

    fn close_all(&mut self) {
        self.done.append(&mut self.open);
    }

    /// Finds the steps of gain in the levels since the last gap.
    fn end_levels(&mut self) {
        let levels = std::mem::take(&mut self.levels);
        let n = levels.len();
        let size = |k: usize| {
            let part = |range: std::ops::Range<usize>| middle(levels[range].iter().map(|l| l.1).collect());
            part(k..(k + STEP_IMAGES).min(n)) - part(k.saturating_sub(STEP_IMAGES)..k)
        };
        let sizes: Vec<f32> = (0..n).map(|k| if k == 0 { 0.0 } else { size(k) }).collect();
        let jump = |k: usize| (levels[k].1 - levels[k - 1].1).abs();
        for k in 1..n {
            let around = k.saturating_sub(STEP_IMAGES).max(1)..(k + STEP_IMAGES + 1).min(n);
            // The image of the largest jump, and the first of equal ones.
            let first = around.clone().all(|j| jump(j) < jump(k) || (jump(j) <= jump(k) && j >= k));
            if first && sizes[k].abs() >= STEP && jump(k) >= 0.5 * STEP && stays(&levels, k) {
                self.done.push(self.whole(FaultKind::GainStep, levels[k].0, levels[k].0, 1, Some(f64::from(sizes[k]))));
            }
        }
    }
}

/// Whether every level from image `k` on lies beyond every one before it, [`STEP_IMAGES`] on either side: an earthquake raises
/// levels too, but they come back.
fn stays(levels: &[(Micros, f32)], k: usize) -> bool {
    let (Some(from), Some(after)) = (k.checked_sub(STEP_IMAGES), levels.get(k..k + STEP_IMAGES)) else { return false };
    let range = |part: &[(Micros, f32)]| {
        part.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), l| (low.min(l.1), high.max(l.1)))
    };
    let (before, after) = (range(&levels[from..k]), range(after));
    after.0 - before.1 >= 0.5 * STEP || before.0 - after.1 >= 0.5 * STEP
}

/// Stretches of an image whose columns do not vary at all.
fn flat_stretches(plan: &DetectorPlan, m: &Measurement) -> Vec<Fault> {
    let geometry = plan.geometry;
    let dx = geometry.meters_per_column();
    let kind = |c: usize| {
        (m.spread4[c] == 0).then_some(match m.median2[c] {
            0 => FaultKind::Dead,
            v if v >= SATURATED => FaultKind::Saturated,
            _ => FaultKind::Frozen,
        })
    };
    let mut found = Vec::new();
    let mut from = 0;
    for c in 1..=geometry.columns {
        if c < geometry.columns && kind(c) == kind(from) {
            continue;
        }
        if let Some(kind) = kind(from).filter(|_| (c - from) as f64 * dx >= MIN_STRETCH_M) {
            let km = |column: usize| column as f64 * dx / 1000.0;
            let (time_from, time_to) = (m.time_us, m.time_us + micros(geometry.duration_s));
            found.push(Fault { kind, time_from, time_to, from_km: km(from), to_km: km(c), images: 1, value: None });
        }
        from = c;
    }
    found
}

/// The middle value of some; 0 of none.
fn middle(mut values: Vec<f32>) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let at = values.len() / 2;
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use scatterfall_detector::{DetectorParams, Geometry};

    use super::*;

    const MINUTE: Micros = 60_000_000;

    fn plan() -> DetectorPlan {
        let geometry = Geometry { rows: 60, columns: 100, duration_s: 60.0, length_m: 5000.0 };
        DetectorPlan::new(geometry, DetectorParams::default()).expect("valid")
    }

    fn image(minute: i64, level: u16) -> Measurement {
        let plan = plan();
        Measurement {
            time_us: minute * MINUTE,
            median2: vec![level; 100],
            spread4: vec![8; 100],
            level: vec![0.0; plan.block_columns],
            scale: vec![1.0; plan.block_columns],
            blocks: vec![0.0; plan.block_rows * plan.block_columns],
            slants: Vec::new(),
            missing: vec![0; plan.block_rows],
            repeated: 0.0,
            duplicate: false,
            constant: vec![false; 100],
            blank: 0.0,
        }
    }

    fn faults(images: &[Measurement]) -> Vec<Fault> {
        let plan = plan();
        let mut watch = HealthWatch::new(&plan);
        images.iter().for_each(|m| watch.see(m));
        watch.finish()
    }

    #[test]
    fn a_sound_archive_has_no_faults() {
        let images: Vec<_> = (0..30).map(|k| image(k, 200 + (k % 2) as u16)).collect();
        assert!(faults(&images).is_empty(), "nothing is wrong");
    }

    #[test]
    fn what_comes_back_is_no_step() {
        let quake: Vec<_> = (0..30).map(|k| image(k, if (12..15).contains(&k) { 260 } else { 200 })).collect();
        assert!(faults(&quake).is_empty(), "three minutes of shaking");
        let step: Vec<_> = (0..30).map(|k| image(k, if k >= 12 { 260 } else { 200 })).collect();
        assert_eq!(faults(&step).len(), 1, "a level that stays");
    }

    #[test]
    fn every_kind_is_found_once() {
        let mut images: Vec<_> = (0..40).map(|k| image(k, if k < 20 { 200 } else { 212 })).collect();
        for m in &mut images[5..9] {
            m.spread4[60..].fill(0);
            m.median2[60..].fill(0);
        }
        images[12].missing[10..14].fill(1);
        images[30].duplicate = true;
        images[31].duplicate = true;
        images.iter_mut().skip(36).for_each(|m| m.time_us += 10 * MINUTE);
        let found = faults(&images);
        let kinds: Vec<_> = found.iter().map(|f| (f.kind, f.time_from / MINUTE, f.images)).collect();
        let expected = [
            (FaultKind::Dead, 5, 4),
            (FaultKind::MissingRows, 12, 1),
            (FaultKind::GainStep, 20, 1),
            (FaultKind::RepeatedImage, 30, 2),
            (FaultKind::Gap, 36, 0),
        ];
        assert_eq!(kinds, expected, "one fault each");
        assert_eq!((found[0].from_km, found[0].to_km, found[0].time_to), (3.0, 5.0, 9 * MINUTE), "where it is dead");
        assert_eq!(found[2].value, Some(6.0), "index units of the step");
    }
}
