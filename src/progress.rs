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

/// What stops a run that nobody stops.
static NEVER: AtomicBool = AtomicBool::new(false);

impl<'a> Context<'a> {
    /// A context with the threads that the configuration asks for. Nobody hears of its progress and nobody stops it;
    /// files that are left out are no error.
    ///
    /// ```
    /// use scatterfall::config::Config;
    /// use scatterfall::progress::Context;
    ///
    /// let config = Config::from_text("compute.threads = 1")?;
    /// let context = Context::new(&config)?.strict(true);
    /// assert!(context.strict && context.check().is_ok());
    /// # Ok::<(), scatterfall::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Threads`] where the operating system refuses the threads.
    pub fn new(config: &'a Config) -> Result<Self> {
        Ok(Self::on(config, threads(&config.compute)?))
    }

    /// As [`Self::new`], on threads that are there already.
    pub fn on(config: &'a Config, pool: Arc<ThreadPool>) -> Self {
        Self { config, pool, observer: &Silent, stop: &NEVER, strict: false }
    }

    /// The same context, whose progress `observer` hears of.
    pub fn observer(self, observer: &'a dyn Observer) -> Self {
        Self { observer, ..self }
    }

    /// The same context, which stops at the next block of work once `stop` is set.
    pub fn stop(self, stop: &'a AtomicBool) -> Self {
        Self { stop, ..self }
    }

    /// The same context; with `strict` any file that is left out is an error.
    pub fn strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }
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
/// [`Error::Threads`] where the operating system refuses them.
pub fn threads(compute: &Compute) -> Result<Arc<ThreadPool>> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(compute.threads)
        .thread_name(|i| format!("worker {i}"))
        .build()
        .map_err(|e| Error::Threads { threads: compute.threads, reason: e.to_string() })?;
    Ok(Arc::new(pool))
}
