//! scatterfall.
pub mod batch;
pub mod config;
pub mod error;
pub mod seismogram;
pub mod time;
pub use error::{Error, Result};
