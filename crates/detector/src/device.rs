//! The seam to a device that whitens images and sums along lines in the host's stead.
//!
//! The samples of an image stay on the device until the slants of its neighbours are done. Whoever implements [`Kernels`] computes what
//! [`crate::whiten::whiten`], [`crate::blocks::block_means`] and [`crate::slants::SlantPlan::largest`] compute.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use crate::plan::DetectorPlan;
use crate::slants::SlantPeak;
use crate::whiten::Whitening;

/// Why a device failed.
pub type KernelError = Box<dyn std::error::Error + Send + Sync>;

/// An image's samples in a device's memory, of a kind that the device knows; they go with the last copy of this.
#[derive(Clone)]
pub struct DeviceSamples(pub Arc<dyn Any + Send + Sync>);

/// An image to be whitened.
pub struct Job<'a> {
    /// The image and what it is measured against.
    pub input: Whitening<'a>,
    /// What each column is too high by in each part of the rows ([`crate::whiten::column_jumps`]).
    pub jumps: Vec<f32>,
    /// Rows whose mean stands for missing ones; none where nothing is filled.
    pub fill: Vec<usize>,
}

/// What a device makes of a [`Job`].
pub struct OnDevice {
    /// Samples of the slants, widened.
    pub samples: DeviceSamples,
    /// Means of the whitened image (block rows x block columns).
    pub blocks: Vec<f32>,
}

/// An image's samples between those of its neighbours, which are missing at a gap.
pub struct Neighbours<'a> {
    /// The image before.
    pub earlier: Option<&'a DeviceSamples>,
    /// The image.
    pub here: &'a DeviceSamples,
    /// The image after.
    pub later: Option<&'a DeviceSamples>,
}

/// The kernels of a device.
pub trait Kernels: Send {
    /// Whitens images.
    ///
    /// # Errors
    ///
    /// Where the device fails.
    fn whiten(&mut self, plan: &Arc<DetectorPlan>, images: &[Job<'_>]) -> Result<Vec<OnDevice>, KernelError>;

    /// The largest line sums of images (cells x speeds x parts each).
    ///
    /// # Errors
    ///
    /// Where the device fails.
    fn largest(
        &mut self,
        plan: &Arc<DetectorPlan>,
        images: &[Neighbours<'_>],
    ) -> Result<Vec<Vec<SlantPeak>>, KernelError>;
}

/// A device that several measurers share, until it fails.
#[derive(Clone)]
pub struct Device(Arc<Mutex<State>>);

struct State {
    /// None after the first failure.
    kernels: Option<Box<dyn Kernels>>,
    failure: Option<KernelError>,
}

impl Device {
    /// A device with these kernels.
    pub fn new(kernels: Box<dyn Kernels>) -> Self {
        Self(Arc::new(Mutex::new(State { kernels: Some(kernels), failure: None })))
    }

    /// Whether it has not failed yet.
    pub fn works(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).kernels.is_some()
    }

    /// Why it failed; told once.
    pub fn take_failure(&self) -> Option<KernelError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failure.take()
    }

    /// Has it do some work; none where it fails, or has failed.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&mut dyn Kernels) -> Result<T, KernelError>) -> Option<T> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match work(state.kernels.as_mut()?.as_mut()) {
            Ok(done) => Some(done),
            Err(failure) => {
                *state = State { kernels: None, failure: Some(failure) };
                None
            }
        }
    }
}
