//! The program's commands.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::errors::guarded;

/// How often signals are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Runs a command (its arguments without the program's name) and returns how many files were left out.
///
/// It runs on a thread of its own. An exception that a signal's handler raises (KeyboardInterrupt) stops it; what is
/// complete on disk stays.
#[pyfunction]
pub(crate) fn command(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<usize> {
    let stop = Arc::new(AtomicBool::new(false));
    let (done, wait) = channel();
    let own = Arc::clone(&stop);
    let work = move || {
        let all = std::iter::once(OsString::from("scatterfall")).chain(arguments);
        // Nobody receives where the interpreter has gone.
        let _ = done.send(guarded(|| scatterfall::program::run(all, own)));
    };
    let failed = |what: &dyn std::fmt::Display| PyRuntimeError::new_err(format!("scatterfall's thread failed: {what}"));
    thread::Builder::new().name("scatterfall".into()).spawn(work).map_err(|e| failed(&e))?;
    let mut raised = None;
    let wait = std::sync::Mutex::new(wait);
    loop {
        let glance = py.detach(|| match wait.lock() {
            Ok(wait) => wait.recv_timeout(POLL_INTERVAL),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        });
        match (glance, raised.take()) {
            (Ok(_), Some(error)) => return Err(error),
            (Ok(result), None) => return result,
            (Err(RecvTimeoutError::Disconnected), _) => return Err(failed(&"it ended without a result")),
            (Err(RecvTimeoutError::Timeout), error) => raised = error,
        }
        if raised.is_none()
            && let Err(error) = py.check_signals()
        {
            stop.store(true, Ordering::Relaxed);
            raised = Some(error);
        }
    }
}

/// The program itself: the whole command line in, the exit status out.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<u8> {
    py.detach(|| guarded(|| Ok(scatterfall::program::main(arguments))))
}
