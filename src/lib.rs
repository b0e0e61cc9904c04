//! scatterfall.
pub mod batch;
pub mod colormap;
pub mod config;
pub mod error;
pub mod plots;
pub mod time;
pub use error::{Error, Result};
