//! One module per file format of the output folder, reader and writer together.

pub mod events;
pub mod health;
pub mod measurements;
pub mod names;
pub mod reachability;
pub mod scores;
