//! scatterfall.
pub mod batch;
pub mod colormap;
pub mod config;
pub mod error;
pub mod filter_bank;
pub mod plan;
pub mod segment;
pub mod synth;
pub mod time;
pub use error::{Error, Result};
