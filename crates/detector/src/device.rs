//! The seam to a device that whitens images in the host's stead.
//!
//! Whoever implements [`Kernels`] computes what [`crate::whiten::whiten`] and [`crate::blocks::block_means`] compute; lines are summed by the
//! host, from the samples that come back.

use std::sync::{Arc, Mutex, PoisonError};

use crate::plan::DetectorPlan;
use crate::whiten::Whitening;

/// Why a device failed.
pub type KernelError = Box<dyn std::error::Error + Send + Sync>;

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
    /// Samples of the slants, widened; empty where the plan has none.
    pub samples: Vec<f32>,
    /// Means of the whitened image (block rows x block columns).
    pub blocks: Vec<f32>,
}

/// The kernels of a device.
pub trait Kernels: Send {
    /// Whitens images.
    ///
    /// # Errors
    ///
    /// Where the device fails.
    fn whiten(&mut self, plan: &Arc<DetectorPlan>, images: &[Job<'_>]) -> Result<Vec<OnDevice>, KernelError>;
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
