//! scatterfall.
pub mod batch;
pub mod error;
mod math;
pub mod reduction;
pub use error::{Error, Result};
