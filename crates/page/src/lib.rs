//! The page that a run ends in: one file that needs nothing else, for reading, searching and printing.
//!
//! The caller fills a [`Page`] with plain values; [`render`] makes HTML of it. What a reader works with (map, list,
//! filters) is drawn by a script from one JSON value in the page; what a reader without script needs (the opening
//! sentence, the recorder's state, the figures of the method) stands in the markup. Every name is escaped and a content
//! security policy forbids requests to anywhere.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts far below 2^53, times below 2^53 microseconds; values are clamped before they are packed"
)]

mod axis;
mod contract;
mod grid;
mod method;
mod model;
pub mod overview;
mod script;
mod skeleton;
mod time;
mod words;

pub use axis::{Segment, TimeAxis};
pub use grid::{Grid, LabelMap, LevelMap, MAX_CELLS, ScoreMap};
pub use model::{Cluster, Defect, Event, Figure, KindName, Method, Page, Path, Source, Waterfall, Waveform};
pub use time::Micros;

/// The page as HTML.
pub fn render(page: &Page) -> String {
    let axis = TimeAxis::new(&page.images, page.image_us);
    let json = contract::Contract::new(page, &axis).script_json();
    skeleton::document(page, &axis, &json)
}

#[cfg(test)]
#[path = "../fixtures/pages.rs"]
mod fixture;
#[cfg(test)]
mod tests;
