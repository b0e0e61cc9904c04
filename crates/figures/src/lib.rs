//! The pictures: pure functions from data in memory to a [`Canvas`], which is then saved as a PNG.
//!
//! Every picture has a plain input struct of slices and numbers and a function that draws it; nothing here reads a
//! file or a configuration. `plotters` rasterises lines and shapes; layout, ticks and text are done here, because its
//! charts can neither break a time axis at days nor reserve exactly the room that the labels need.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "sizes and places in pixels, counts far below 2^53, times below 2^53 microseconds; casts saturate"
)]

pub mod axis;
pub mod bank;
pub mod canvas;
pub mod cluster_waveforms;
pub mod clusters;
pub mod counts;
pub mod coverage;
pub mod detections;
mod error;
pub mod examples;
pub mod image_features;
pub mod map;
pub mod palette;
pub mod preview;
pub mod rate;
pub mod reachability;
pub mod reduction;

pub mod rows;
pub mod scattergram;
pub mod series;
pub mod stack;
pub mod text;
pub mod thumbnail;
pub mod time_axis;
pub mod waterfall;

pub use canvas::Canvas;
pub use error::{Error, Result};
