//! One module per file format of the output folder, reader and writer together.

pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod measurements;
pub(crate) mod names;
pub(crate) mod reachability;
pub(crate) mod scores;
