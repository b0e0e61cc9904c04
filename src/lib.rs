//! scatterfall.
pub mod batch;
pub mod error;
pub use error::{Error, Result};
