//! Event detection in waterfall images of distributed acoustic sensing.
//!
//! Arrays in, arrays out: images of colour indices become measurements, measurements of days become scores, scores become events.
//!
//! ```text
//! image -> columns (medians) -> whiten -+-> slants (lines of moving things) ---+-> Measurement, one per image
//!              ^ +-10 minutes           '-> blocks (1 s x 250 m) --------------'
//!
//! days of measurements -> fit -> DetectorModel (normals, threshold, kinds)
//!                      -> detect -> scores of each day, events -> kinds
//! ```
//!
//! [`Measurer`] drives the first line over a stream of images; [`DetectorPlan`] holds every length in pixels. [`fit`] and [`detect`] go over
//! stored days, some at a time, within bounded memory.

mod assemble;
pub mod blocks;
pub mod boxes;
pub mod columns;
pub mod device;
mod error;
mod events;
pub mod filters;
mod grid;
mod health;
mod join;
mod kinds;
mod measure;
mod merge;
mod params;
mod plan;
mod score;
mod slant_normals;
pub mod slants;
pub mod slow;
mod tracks;
pub mod whiten;
mod window;

pub use assemble::{DayScores, Days, DetectorModel, Threshold, detect, detect_window, fit};
pub use error::DetectorError;
pub use events::{Event, Path, Reason, find_events};
pub use health::{Fault, Finding, HealthScan};
pub use kinds::{Kinds, agglomerate, agglomerate_up_to, descriptor};
pub use measure::{Image, MIN_SCALE, Measurement, Measurer, Reference, is_gap};
pub use merge::merge_events;
pub use params::{DetectorParams, Geometry, MAX_WINDOW};
pub use plan::{BlockBox, DetectorPlan, LeftOut, SlowBox};
pub use score::{FilterScale, Gumbel, Normals, Scored, fair_scales, fit_window, score_window};
pub use slant_normals::{SlantNormals, SlantScores};
pub use window::Window;
