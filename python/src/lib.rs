//! The Python package's compiled part: arrays in, arrays out. Names, defaults and documentation live in
//! `python/scatterfall`.
//!
//! Work is done with the interpreter's lock released, in pieces; between them signals are served, so that Ctrl-C works.

mod bank;
mod command;
mod errors;
mod network;
mod pooling;

use pyo3::prelude::*;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<network::Network>()?;
    module.add_function(wrap_pyfunction!(bank::morlet_bank, module)?)?;
    module.add_function(wrap_pyfunction!(command::command, module)?)?;
    module.add_function(wrap_pyfunction!(command::main, module)?)?;
    Ok(())
}
