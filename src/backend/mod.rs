//! The seam between what is to be computed (`plan`) and who computes it.
//!
//! A backend takes whole batches at stage level: images in, features (and coefficients) out; segments in, coefficients
//! out. Nothing here knows files or the command line.

pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;

use serde::Serialize;

use crate::batch::{CoefficientBlock, FeatureBlock, Pixels, SegmentBlock};
use crate::error::Result;
use crate::plan::{ImagePlan, ScatteringPlan};

/// Who computes, in words, for logs and `run.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackendInfo {
    /// `cpu` or `gpu`.
    pub kind: &'static str,
    /// The processor or adapter.
    pub device: String,
    /// Driver, API, instruction set: whatever else tells two of them apart.
    pub detail: String,
}

/// A submitted batch that has not been collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What becomes of a batch of images.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageResults {
    /// Feature windows, one an image, in the order of the batch.
    pub features: FeatureBlock,
    /// Coefficients of every image's segments, image by image, where the plan asks for them.
    pub coefficients: Option<CoefficientBlock>,
}

/// A device that computes batches.
///
/// Tickets are collected in the order in which they were submitted. Every image of a batch has the plan's size.
pub trait Backend: Send {
    /// Who this is.
    fn info(&self) -> &BackendInfo;

    /// Batches that may be submitted before the first must be collected.
    fn depth(&self) -> usize;

    /// Images a batch that the device can hold with `memory_bytes` for all batches in flight together, at least 1.
    fn batch_images(&self, plan: &ImagePlan, memory_bytes: usize) -> usize;

    /// Starts a batch.
    ///
    /// # Errors
    /// [`crate::Error::Device`] where the device fails.
    fn submit(&mut self, plan: &ImagePlan, batch: Vec<Pixels>) -> Result<Ticket>;

    /// Waits for a batch.
    ///
    /// # Errors
    /// [`crate::Error::Device`] where the device fails or the ticket is unknown.
    fn collect(&mut self, ticket: Ticket) -> Result<ImageResults>;

    /// Transforms segments `[segment, channel, sample]`; a sample that is not finite makes its channel's coefficients NaN.
    ///
    /// # Errors
    /// [`crate::Error::Device`] where the device fails.
    fn scatter(&mut self, plan: &ScatteringPlan, segments: &SegmentBlock) -> Result<CoefficientBlock>;
}
