//! scatterfall.
pub mod batch;
mod chunked;
pub mod clustering;
pub mod error;
mod math;
pub mod reduction;
pub use error::{Error, Result};
