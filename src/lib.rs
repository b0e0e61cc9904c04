//! scatterfall.
pub mod archive;
pub mod backend;
pub mod batch;
pub mod colormap;
pub mod config;
pub mod decode;
pub mod error;
pub mod filter_bank;
pub mod plan;
pub mod segment;
pub mod seismogram;
pub mod store;
pub mod time;
pub use error::{Error, Result};
