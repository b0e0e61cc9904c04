//! Wavelet scattering, clustering and anomaly search over months of DAS waterfall images.
//!
//! ```text
//! archive -> decode -> value -> features -> segments -> scattering -> store -> reduce -> cluster -> anomalies -> pictures
//! (catalogue) (CPU)    '-------- backend, a batch at a time --------'   days   '------ CPU, over the stored days ------'
//! ```
//!
//! [`pipeline`] strings the [`stages`] together and is the place to begin reading. What is computed is laid down in
//! [`plans`] before data arrives; a backend of `scatterfall_scattering` carries it out.

pub mod anomaly;
pub mod archive;
pub mod bench;
pub mod colormap;
pub mod config;
pub mod decode;
pub mod devices;
pub mod error;
pub mod model;
pub mod pipeline;
pub mod places;
pub mod plans;
pub mod progress;
pub mod seismogram;
pub mod series;
pub mod stages;
pub mod store;
pub mod summary;

pub use error::{Error, Result};
