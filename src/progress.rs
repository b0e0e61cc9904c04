//! What a run tells while it goes on, and how it is asked to stop. The library never touches a terminal itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::ThreadPool;

use crate::config::{Compute, Config};
use crate::error::{Error, Result};

/// Hears of the work's progress. Called from several threads.
pub trait Observer: Sync {
    /// A stage begins that will handle `total` of `unit` (0: not known).
    fn begin(&self, stage: &'static str, total: u64, unit: &'static str);
    /// So many more are done, from so many bytes read.
    fn advance(&self, items: u64, bytes: u64);
    /// The stage is over.
    fn end(&self);
}

/// An observer that is not interested.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn begin(&self, _: &'static str, _: u64, _: &'static str) {}
    fn advance(&self, _: u64, _: u64) {}
    fn end(&self) {}
}

/// What every stage is handed.
pub struct Context<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Threads for everything that is done on the CPU.
    pub pool: Arc<ThreadPool>,
    /// Who hears of progress.
    pub observer: &'a dyn Observer,
    /// Set from outside to stop.
    pub stop: &'a AtomicBool,
    /// Any file that is left out is an error.
    pub strict: bool,
}

impl Context<'_> {
    /// An error once the run was asked to stop; called between blocks of work.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn check(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::interrupted());
        }
        Ok(())
    }
}

/// The threads that `[compute]` asks for.
///
/// # Errors
/// [`Error::Device`] where the operating system refuses them.
pub fn threads(compute: &Compute) -> Result<Arc<ThreadPool>> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(compute.threads)
        .thread_name(|i| format!("worker {i}"))
        .build()
        .map_err(|e| {
            Error::Device(format!("cannot start {} threads: {e}; set compute.threads lower", compute.threads))
        })?;
    Ok(Arc::new(pool))
}
