//! Event detection in waterfall images of distributed acoustic sensing.
//!
//! Arrays in, arrays out: images of colour indices become measurements, measurements of days become scores, scores become events.
//!
//! ```text
//! image -> columns (medians) -> whiten -+-> slants (lines of moving things) ---+-> Measurement, one per image
//!              ^ +-10 minutes           '-> blocks (1 s x 250 m) --------------'
//! ```
//!
//! [`Measurer`] drives the first line over a stream of images; [`DetectorPlan`] holds every length in pixels.

pub mod blocks;
pub mod columns;
mod error;
pub mod filters;
mod measure;
mod params;
mod plan;
pub mod slants;
pub mod whiten;

pub use error::DetectorError;
pub use measure::{Image, MIN_SCALE, Measurement, Measurer, Reference, is_gap};
pub use params::{DetectorParams, Geometry};
pub use plan::{BlockBox, DetectorPlan, LeftOut, SlowBox};
