//! Wavelet scattering, clustering and anomaly search over months of DAS waterfall images.
//!
//! ```text
//! archive -> decode -> value -> features -> segments -> scattering -> store -> reduce -> cluster -> anomalies -> pictures
//! (catalogue) (CPU)    '-------- backend, a batch at a time --------'   days   '------ CPU, over the stored days ------'
//! ```
//!
//! [`pipeline`] strings the [`stages`] together and is the place to begin reading. What is computed is laid down in a
//! [`plan`] before data arrives; a [`backend`] carries it out.

pub mod anomaly;
pub mod archive;
pub mod backend;
pub mod batch;
pub mod bench;
mod chunked;
pub mod clustering;
pub mod colormap;
pub mod config;
pub mod decode;
pub mod error;
pub mod filter_bank;
mod math;
pub mod names;
pub mod init;
pub mod model;
pub mod network;
pub mod pipeline;
pub mod places;
pub mod plan;
pub mod plots;
pub mod progress;
pub mod reduction;
pub mod report;
pub mod segment;
pub mod seismogram;
pub mod settle;
pub mod stages;
pub mod store;
pub mod summary;
pub mod synth;
pub mod time;

pub use error::{Error, Result};
pub use network::ScatteringNetwork;
