//! Health of the record: what the instrument, and not the ground, did.

use serde::{Deserialize, Serialize};

use crate::Measurement;
use crate::measure::is_gap;
use crate::plan::DetectorPlan;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// A stretch shows one value.
    Dead,
    /// A stretch stays at the highest colours.
    Saturated,
    /// Rows repeat the row above.
    Frozen,
    /// Rows are blank or saturated all along the fibre.
    Blank,
    /// The image is a copy of the one before it.
    Repeated,
    /// There are no images.
    Gap,
}

impl Fault {
    /// Name in files.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Dead => "dead",
            Fault::Saturated => "saturated",
            Fault::Frozen => "frozen",
            Fault::Blank => "blank",
            Fault::Repeated => "repeated",
            Fault::Gap => "gap",
        }
    }
}

/// A stretch and time in which the record cannot be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// Since when, microseconds since 1970 (UTC).
    pub time_from_us: i64,
    /// Until when.
    pub time_to_us: i64,
    /// First place, km.
    pub distance_from_km: f64,
    /// Last place, km.
    pub distance_to_km: f64,
    /// Number of images.
    pub images: usize,
}

/// Median index from which a column is saturated.
const SATURATED_INDEX: u16 = 250;

/// Collects findings over the measurements in the order of time; what goes on from image to image is one finding.
pub struct HealthScan<'a> {
    plan: &'a DetectorPlan,
    last_us: Option<i64>,
    open: Vec<Finding>,
    done: Vec<Finding>,
}

impl<'a> HealthScan<'a> {
    /// Starts a scan.
    pub fn new(plan: &'a DetectorPlan) -> Self {
        Self { plan, last_us: None, open: Vec::new(), done: Vec::new() }
    }

    /// Takes the next image.
    pub fn push(&mut self, image: &Measurement) {
        let duration_us = (self.plan.geometry.duration_s * 1e6) as i64;
        let (start, end) = (image.time_us, image.time_us + duration_us);
        let gap = self.last_us.filter(|&t| is_gap(t, start, self.plan.geometry.duration_s));
        if let Some(last) = gap {
            self.done.append(&mut self.open);
            self.done.push(self.finding(Fault::Gap, (last + duration_us, start), (0, self.plan.geometry.columns), 0));
        }
        self.last_us = Some(start);
        let mut going_on = Vec::new();
        for (fault, columns) in self.faults(image) {
            let new = self.finding(fault, (start, end), columns, 1);
            let same = self.open.iter().position(|o| o.fault == fault && overlaps(o, &new));
            going_on.push(match same {
                Some(i) => extended(self.open.swap_remove(i), &new),
                None => new,
            });
        }
        self.done.append(&mut self.open);
        self.open = going_on;
    }

    /// Ends the scan; findings in the order of time and place.
    pub fn finish(mut self) -> Vec<Finding> {
        self.done.append(&mut self.open);
        self.done.sort_by(|a, b| {
            let by_place = a.distance_from_km.total_cmp(&b.distance_from_km);
            a.time_from_us.cmp(&b.time_from_us).then(by_place).then(a.fault.cmp(&b.fault))
        });
        self.done
    }

    fn finding(&self, fault: Fault, time: (i64, i64), columns: (usize, usize), images: usize) -> Finding {
        let km = |column: usize| column as f64 * self.plan.geometry.meters_per_column() / 1000.0;
        Finding {
            fault,
            time_from_us: time.0,
            time_to_us: time.1,
            distance_from_km: km(columns.0),
            distance_to_km: km(columns.1),
            images,
        }
    }

    /// Faults of an image and their columns.
    fn faults(&self, image: &Measurement) -> Vec<(Fault, (usize, usize))> {
        let columns = image.median2.len();
        let everywhere = (0, columns);
        if image.duplicate {
            return vec![(Fault::Repeated, everywhere)];
        }
        let mut out = Vec::new();
        let is_high = |x: usize| image.median2[x] >= 2 * SATURATED_INDEX;
        let fault = |x: usize| match (is_high(x), image.constant[x]) {
            (true, _) => Some(Fault::Saturated),
            (false, true) => Some(Fault::Dead),
            _ => None,
        };
        let mut first = 0;
        while first < columns {
            let here = fault(first);
            let end = (first..columns).find(|&x| fault(x) != here).unwrap_or(columns);
            out.extend(here.map(|f| (f, (first, end))));
            first = end;
        }
        let missing: usize = image.missing.iter().map(|&m| usize::from(m)).sum();
        let blank = (f64::from(image.blank) * self.plan.geometry.rows as f64).round() as usize;
        if blank > 0 {
            out.push((Fault::Blank, everywhere));
        }
        if missing > blank {
            out.push((Fault::Frozen, everywhere));
        }
        out
    }
}

fn overlaps(a: &Finding, b: &Finding) -> bool {
    a.distance_from_km < b.distance_to_km && b.distance_from_km < a.distance_to_km
}

fn extended(old: Finding, new: &Finding) -> Finding {
    Finding {
        time_to_us: new.time_to_us,
        distance_from_km: old.distance_from_km.min(new.distance_from_km),
        distance_to_km: old.distance_to_km.max(new.distance_to_km),
        images: old.images + new.images,
        ..old
    }
}
