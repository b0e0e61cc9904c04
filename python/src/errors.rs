//! The library's errors as Python's; panics too.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::PyErr;
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyRuntimeError, PyValueError};
use scatterfall::Error;

/// Python's exception for an error of the library.
pub(crate) fn exception(error: &Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Config { .. }
        | Error::UnknownKey { .. }
        | Error::Toml { .. }
        | Error::Override { .. }
        | Error::Arguments(_)
        | Error::ConfigText(_)
        | Error::Archive(_)
        | Error::Seismogram(_)
        | Error::Stored(_)
        | Error::Model(_)
        | Error::Scattering(_)
        | Error::Rows(_)
        | Error::Detection(_)
        | Error::Array(_)
        | Error::Image { .. } => {
            PyValueError::new_err(text)
        }
        Error::Io { .. } | Error::ConfigFile { .. } | Error::Store { .. } => PyOSError::new_err(text),
        Error::Interrupted { .. } => PyKeyboardInterrupt::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

/// The same for an error of the kernels' own.
pub(crate) fn of_kernels(error: scatterfall_scattering::Error) -> PyErr {
    exception(&Error::from(error))
}

/// What `work` returns; a panic, which is a mistake in this program, becomes an error that `except Exception` catches.
pub(crate) fn guarded<T>(work: impl FnOnce() -> scatterfall::Result<T>) -> Result<T, PyErr> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|e| exception(&e)),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(PyRuntimeError::new_err(format!("scatterfall failed ({text}); please report this")))
        }
    }
}
