//! The seam between what is to be computed (`plan`) and the backend that computes it.
//!
//! A backend takes whole batches at stage level: images in, features (and coefficients) out; segments in, coefficients
//! out. Nothing here knows files or the command line.

mod color_hash;
pub mod cpu;
pub mod failover;
#[cfg(feature = "gpu")]
pub mod gpu;

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::ThreadPool;
use scatterfall_detector::device::Kernels;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::blocks::{Batch, CoefficientBlock, FeatureBlock, SegmentBlock};
use crate::plan::{ImagePlan, ScatteringPlan};

/// Which backend computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendChoice {
    /// A GPU where there is one.
    Auto,
    /// A GPU, or an error.
    Gpu,
    /// The CPU.
    Cpu,
}

/// Name of the backend and of its device, for logs and `run.json`.
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

    /// True for a graphics adapter that is a program on the CPU.
    fn is_software(&self) -> bool {
        false
    }

    /// True where the device looks colours up itself: it then takes images with colours only. Otherwise indices serve as well,
    /// and save the way through memory.
    fn needs_colors(&self) -> bool {
        false
    }

    /// Batches that may be submitted before the first must be collected.
    fn depth(&self) -> usize;

    /// Images a batch that the device can hold with `memory_bytes` for all batches in flight together, at least 1.
    fn batch_images(&self, plan: &ImagePlan, memory_bytes: usize) -> usize;

    /// Starts a batch.
    ///
    /// # Errors
    /// [`crate::Error::Device`] where the device fails.
    fn submit(&mut self, plan: &ImagePlan, batch: Batch) -> Result<Ticket>;

    /// Waits for a batch.
    ///
    /// # Errors
    /// [`crate::Error::Device`] where the device fails or the ticket is unknown.
    fn collect(&mut self, ticket: Ticket) -> Result<ImageResults>;

    /// Kernels for the event detector on the same card, on a way of its own to it: neither waits for the other, nor falls with it. None
    /// where the host measures.
    ///
    /// # Errors
    /// [`crate::Error::Device`] where they cannot be had.
    fn detector(&self) -> Result<Option<Box<dyn Kernels>>> {
        Ok(None)
    }

    /// Transforms segments; a sample that is not finite makes its channel's coefficients NaN.
    ///
    /// # Errors
    /// [`crate::Error::Device`] where the device fails.
    fn scatter(&mut self, plan: &ScatteringPlan, segments: &SegmentBlock) -> Result<CoefficientBlock>;

    /// Seconds that transfers and kernels took so far, by name; empty where a backend does not measure. On the CPU those of
    /// all threads together.
    fn seconds(&self) -> BTreeMap<&'static str, f64> {
        BTreeMap::new()
    }

    /// What was counted so far, by name: bytes to and from a device, dispatches, signals by precision.
    fn counts(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }
}

/// Logs what transfers and kernels took, and what was counted, where a backend does.
pub fn log_figures(backend: &dyn Backend) {
    let (device, seconds, counts) = (&backend.info().device, backend.seconds(), backend.counts());
    if !seconds.is_empty() {
        let list: Vec<String> = seconds.iter().map(|(name, s)| format!("{name} {s:.3} s")).collect();
        tracing::info!("{device}: {}", list.join(", "));
    }
    if !counts.is_empty() {
        let list: Vec<String> = counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
        tracing::info!("{device}: {}", list.join(", "));
    }
}

/// The backend that serves `choice`; what it falls back to computes on `pool`.
///
/// `auto` takes a discrete or integrated GPU where there is one, the CPU otherwise; `gpu` insists on an adapter of any kind.
/// A GPU that fails in mid-run is followed by the CPU ([`failover`]).
///
/// # Errors
/// [`crate::Error::Device`] where `gpu` is asked for and there is none that can be opened.
pub fn open(choice: BackendChoice, pool: Arc<ThreadPool>) -> Result<Box<dyn Backend>> {
    let cpu = Box::new(cpu::CpuBackend::new(Arc::clone(&pool)));
    if choice == BackendChoice::Cpu {
        return Ok(cpu);
    }
    match open_gpu(choice, pool) {
        Ok(gpu) => Ok(Box::new(failover::Failover::new(gpu, cpu))),
        Err(error) if choice == BackendChoice::Auto => {
            tracing::info!("CPU backend, {}: {error}", cpu.info().device);
            Ok(cpu)
        }
        Err(error) => Err(error),
    }
}

/// The graphics device that serves `choice`, without anything to fall back to.
///
/// # Errors
/// [`crate::Error::Device`] where there is none (for `auto`: none but software), or it cannot be opened.
#[cfg(feature = "gpu")]
pub fn open_gpu(choice: BackendChoice, pool: Arc<ThreadPool>) -> Result<Box<dyn Backend>> {
    Ok(Box::new(gpu::GpuBackend::open(choice, gpu::DeviceLimits::Adapter, pool)?))
}

/// The graphics device that serves a choice: this program knows none.
///
/// # Errors
/// [`crate::Error::Device`], always.
#[cfg(not(feature = "gpu"))]
pub fn open_gpu(_: BackendChoice, _: Arc<ThreadPool>) -> Result<Box<dyn Backend>> {
    Err(crate::Error::NoGpuFeature)
}
