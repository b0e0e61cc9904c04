//! Wavelet scattering, event detection and clustering over months of DAS waterfall images, and over seismograms.
//!
//! This crate is the program `scatterfall` as a library: it reads archives and writes results. The computations on arrays
//! are crates of their own (`scatterfall-scattering`, `-detector`, `-rowstats`, ...), which know nothing of files.
//!
//! # Processing an archive
//!
//! A [`Config`](config::Config) says what to compute, in the words of `config.toml`; a [`Context`](progress::Context) adds
//! threads, an observer of progress and a way to stop; [`pipeline::run`] does the rest.
//!
//! ```
//! use scatterfall::config::Config;
//! use scatterfall::{pipeline, progress::Context};
//! use scatterfall_scattering::backend;
//!
//! fn process(folder: &std::path::Path) -> scatterfall::Result<()> {
//!     let mut config = Config::from_text("segments.length_km = 1.5")?;
//!     config.input.path = folder.join("images");
//!     config.output.path = folder.join("results");
//!     let context = Context::new(&config)?;
//!     let mut backend = backend::open(config.compute.backend, context.pool.clone())?;
//!     let summary = pipeline::run(&context, backend.as_mut())?;
//!     assert!(config.output.path.join("report.html").is_file(), "{} files left out", summary.left_out.len());
//!     Ok(())
//! }
//! # assert!(process(std::path::Path::new("no such folder")).is_err());
//! ```
//!
//! Results are stored by days, each with a fingerprint of the fields that it depends on. A second run computes what is
//! missing or stale, so a field that is changed between two runs is enough to have its results computed again.
//!
//! # Finding the way
//!
//! ```text
//! archive -> decode -> value -> features -> segments -> scattering -> store -> reduce -> cluster -> anomalies -> pictures
//! (catalogue) (CPU)    '------ backend, a batch at a time -----'       days   '----- CPU, over the stored days -----'
//! ```
//!
//! | Task | Module |
//! | --- | --- |
//! | run all stages, or one of them | [`pipeline`], [`stages`] |
//! | settings, their defaults and their rules | [`config`] |
//! | list the images of a folder and their times | [`archive`], [`names`] |
//! | read pixels | [`decode`], [`colormap`] |
//! | sizes and labels before data arrives | [`plans`], [`places`] |
//! | apply a fitted model to new images | [`model`] |
//! | seismograms | [`seismogram`] |
//! | read and write result files | [`store`], [`summary`] |
//! | what can go wrong, and who can mend it | [`error`] |
//! | the command line within another program | [`program`] |

// The command line's modules name the library by its name, as other programs do.
extern crate self as scatterfall;

mod anomaly;
pub mod archive;
mod bench;
mod cli;
pub mod colormap;
mod commands;
pub mod config;
pub mod decode;
mod detect;
mod devices;
mod documents;
mod each_command;
pub mod error;
mod formats;
mod init;
mod init_command;
pub mod model;
pub mod names;
pub mod pipeline;
pub mod places;
pub mod plans;
pub mod program;
pub mod progress;
pub mod seismogram;
mod series;
mod settle;
pub mod shard;
pub mod stages;
mod stop;
pub mod store;
pub mod summary;
mod terminal;
mod watch;

pub use error::{Error, Result};
