//! Where the time of the threads goes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Seconds by what took them, summed up over threads.
#[derive(Default)]
pub(super) struct Clock(Mutex<BTreeMap<&'static str, Duration>>);

impl Clock {
    /// Adds what a thread, or several, took.
    pub(super) fn add(&self, laps: &[(&'static str, Duration)]) {
        let mut total = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (name, time) in laps {
            *total.entry(name).or_default() += *time;
        }
    }

    /// What was added so far.
    pub(super) fn seconds(&self) -> BTreeMap<&'static str, f64> {
        let total = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        total.iter().map(|(name, time)| (*name, time.as_secs_f64())).collect()
    }
}

/// One thread's work on one image, part after part.
pub(super) struct Laps {
    since: Instant,
    laps: Vec<(&'static str, Duration)>,
}

impl Laps {
    pub(super) fn start() -> Self {
        Self { since: Instant::now(), laps: Vec::with_capacity(8) }
    }

    /// Notes the time since the last part as that of `name`.
    pub(super) fn lap(&mut self, name: &'static str) {
        let now = Instant::now();
        self.laps.push((name, now - self.since));
        self.since = now;
    }

    pub(super) fn laps(&self) -> &[(&'static str, Duration)] {
        &self.laps
    }
}
