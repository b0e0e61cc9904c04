//! Window features of waterfall images and wavelet scattering transforms: arrays in, arrays out.
//!
//! ```text
//! options -> plan -> backend::{cpu, gpu} -> blocks
//!            (sizes, filter banks, tables)  (features, coefficients)
//! ```
//!
//! - [`ScatteringNetwork`] is the whole of it for programs that bring their own segments
//! - [`options`] names what a plan is made from, [`plan`] computes everything that is known before data arrives
//! - [`backend`] executes plans: on the CPU always, on a graphics device with the feature `gpu`
//!
//! Nothing here reads a file or knows how an archive is laid out.

pub mod backend;
pub mod blocks;
mod error;
pub mod filter_bank;
pub mod network;
pub mod options;
pub mod plan;
pub mod segmentation;
#[cfg(test)]
mod testing;

pub use error::{Error, Result};
pub use network::ScatteringNetwork;
