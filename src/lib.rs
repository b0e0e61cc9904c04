//! Wavelet scattering, clustering and anomaly search over months of DAS waterfall images.
//!
//! ```text
//! archive -> decode -> value -> features -> segments -> scattering -> store -> reduce -> cluster -> anomalies -> pictures
//! (catalogue) (CPU)    '-------- backend, a batch at a time --------'   days   '------ CPU, over the stored days ------'
//! ```
//!
//! [`pipeline`] strings the [`stages`] together and is the place to begin reading. What is computed is laid down in
//! [`plans`] before data arrives; a backend of `scatterfall_scattering` carries it out.

// The command line's modules name the library by its name, as other programs do.
extern crate self as scatterfall;

pub mod anomaly;
pub mod archive;
pub mod bench;
mod cli;
pub mod colormap;
mod commands;
pub mod config;
pub mod decode;
pub mod detect;
pub mod devices;
mod documents;
mod each_command;
pub mod error;
pub mod formats;
pub mod init;
mod init_command;
pub mod model;
pub mod names;
pub mod pipeline;
pub mod places;
pub mod plans;
pub mod program;
pub mod progress;
pub mod seismogram;
pub mod series;
pub mod settle;
pub mod shard;
pub mod stages;
mod stop;
pub mod store;
pub mod summary;
mod terminal;
pub mod watch;

pub use error::{Error, Result};
