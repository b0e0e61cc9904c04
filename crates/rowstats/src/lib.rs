//! Statistics of many rows: fewer columns, clusters, and what is usual at a location.
//!
//! - [`reduction`]: log scaling, principal and independent components of coefficients that are streamed
//! - [`clustering`]: k-means, Gaussian mixtures, DBSCAN and hierarchies, and their quality
//! - [`baselines`]: median and spread of the rows of each location, and how far a row is from them
//! - [`math`]: elementary functions that compilers vectorise, and the random numbers of all fits
//!
//! Sums run in a fixed order: the number of threads changes no result.

pub mod baselines;
pub mod clustering;
mod error;
pub mod math;
pub mod reduction;
mod soa_matrix;

pub use error::{Error, Result};
