//! Events from stored days: the detector's settings for an archive, the measurements of its days, health.
//!
//! The numbers are the work of `scatterfall_detector`; here they meet the archive's files.

pub(crate) mod health;
pub(crate) mod plan;
pub(crate) mod stored;
