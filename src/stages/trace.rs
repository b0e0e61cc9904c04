//! Where the time of a pass over images went: who waited for whom, and when each batch was in whose hands.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Batches that a trace holds: the first ones; later ones repeat them.
const TRACED: usize = 64;

/// A part that never waits is the bottleneck.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Waits {
    /// Decoding waited for a free place in the queue.
    pub decode: Duration,
    /// Computing waited for decoded images.
    pub compute: Duration,
    /// Writing waited for results.
    pub write: Duration,
}

/// When a batch was in whose hands: begin and end in seconds since the pass began.
///
/// From the end of `submit` to the end of `collect` a device has it; the CPU computes within `submit`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BatchTrace {
    /// Images decoded.
    pub images: usize,
    /// Reading and decoding, on all threads.
    pub decode: [f64; 2],
    /// Handing it to the backend.
    pub submit: [f64; 2],
    /// Waiting for its results and taking them.
    pub collect: [f64; 2],
    /// Writing it to the day's file.
    pub write: [f64; 2],
}

/// The clock of one pass.
#[derive(Clone, Copy)]
pub(super) struct PassClock(Instant);

impl PassClock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the pass began.
    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Does some work, and notes when.
    pub(super) fn time<T>(self, span: &mut [f64; 2], work: impl FnOnce() -> T) -> T {
        span[0] = self.0.elapsed().as_secs_f64();
        let result = work();
        span[1] = self.0.elapsed().as_secs_f64();
        result
    }
}

/// Keeps a batch's times, where it is one of the first.
pub(super) fn keep(trace: &mut Vec<BatchTrace>, batch: BatchTrace) {
    if trace.len() < TRACED {
        trace.push(batch);
    }
}
