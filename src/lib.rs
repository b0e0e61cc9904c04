//! scatterfall.
pub mod archive;
pub mod backend;
pub mod batch;
mod chunked;
pub mod clustering;
pub mod colormap;
pub mod config;
pub mod decode;
pub mod error;
pub mod filter_bank;
mod math;
pub mod plan;
pub mod plots;
pub mod reduction;
pub mod segment;
pub mod store;
pub mod time;
pub use error::{Error, Result};
