//! One pass over the images: to features, to coefficients where segments lie within an image, and to what the detector
//! measures.
//!
//! ```text
//! decoding -> computing -+-> writing     an image is read and decoded once,
//!                        '-> measuring   whatever is out of date
//! ```
//!
//! Four threads joined by short queues: one has the pool decode images, two batches ahead at most; one hands batches to the
//! backend; one writes days of features and coefficients; one measures for the detector and writes that. Memory is a few
//! batches, however long the archive.

mod computing;
mod day;
mod decoding;
mod measuring;
mod ordered;
mod work;

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use scatterfall_detector::DetectorPlan;
use scatterfall_detector::device::Device;

pub(super) use self::day::ScatteringWriter;
pub(crate) use self::work::{measured_settings, with_neighbours};

use self::computing::{Computing, write_all};
use self::decoding::{Decoder, Target};
use self::measuring::{By, Measuring, cpu};
use self::ordered::Ordered;
use self::work::{FeatureDay, MeasuredDay, Stale, feature_days, measured_days, portions};
use super::strict::precheck_images;
use super::trace::{BatchTrace, PassClock, Waits};
use crate::archive::{Catalogue, ImageRef};
use crate::error::{Error, Result};
use crate::plans;
use crate::progress::Context;
use crate::store::day::StoredBackend;
use scatterfall_scattering::backend::Backend;
use scatterfall_scattering::plan::ImagePlan;

/// What a pass is to bring up to date.
#[derive(Clone, Copy, Debug, Default)]
pub struct Goals<'a> {
    /// Features.
    pub features: bool,
    /// Coefficients with the features, where segments lie within an image.
    pub scattering: bool,
    /// The detector's measurements.
    pub detector: Option<&'a Arc<DetectorPlan>>,
}

/// What one pass over the images did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImagesSummary {
    /// Images that were decoded and used.
    pub images: usize,
    /// Days computed.
    pub days: usize,
    /// Days that were current.
    pub days_current: usize,
    /// Images that the detector measured.
    pub measured: usize,
    /// Who measured them: a graphics card, or `cpu`.
    pub measured_by: String,
    /// Time that each part waited for another.
    pub waits: Waits,
    /// Time that threads spent on reading, decoding and looking values up, summed up.
    pub decoding: Duration,
    /// Wall-clock time of the pass.
    pub wall: Duration,
    /// The first batches' times.
    pub trace: Vec<BatchTrace>,
}

/// What is out of date.
struct Wanted<'a> {
    plan: &'a ImagePlan,
    features: Stale<FeatureDay>,
    measured: Stale<MeasuredDay>,
}

/// Brings every day of the catalogue up to date.
///
/// # Errors
/// The first that is not an image's own; [`Error::Interrupted`] when asked to stop. Finished days stay.
pub fn compute(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    catalogue: &Catalogue,
    goals: Goals<'_>,
) -> Result<ImagesSummary> {
    let plan = plans::images(ctx.config, catalogue.size, goals.features && goals.scattering)?;
    let mut wanted = Wanted { plan: &plan, features: Stale::default(), measured: Stale::default() };
    if goals.features {
        wanted.features = feature_days(ctx, catalogue, plan.scattering.is_some())?;
    }
    if let Some(detector) = goals.detector {
        wanted.measured = measured_days(ctx, catalogue, detector);
    }
    let (days, days_current) = (wanted.features.days.len(), wanted.features.current);
    let mut summary = ImagesSummary { days, days_current, ..ImagesSummary::default() };
    if wanted.features.days.is_empty() && wanted.measured.days.is_empty() {
        return Ok(summary);
    }
    let batch = match ctx.config.compute.batch_images {
        // Half of the memory goes to the batches; decoders, queues and the days being written share the other half.
        0 => backend.batch_images(&plan, ctx.config.compute.memory_bytes / 2),
        n => n,
    };
    let portions = portions(&wanted, catalogue.images.len(), batch);
    let needed = || portions.iter().flat_map(|p| &catalogue.images[p.images.clone()]);
    if ctx.strict {
        precheck_images(ctx, &needed().collect::<Vec<&ImageRef>>(), &plan.features)?;
    }
    std::fs::create_dir_all(&ctx.config.output.path)
        .map_err(|e| Error::io("create the folder", &ctx.config.output.path, e))?;
    ctx.observer.begin("images", needed().count() as u64, "images");
    let pass = Pass { ctx, catalogue, wanted: &wanted, detector: goals.detector };
    let result = pass.run(backend, &portions, 2 * batch, &mut summary);
    ctx.observer.end();
    result.map(|()| summary)
}

/// Everything that the threads of a pass share.
struct Pass<'a> {
    ctx: &'a Context<'a>,
    catalogue: &'a Catalogue,
    wanted: &'a Wanted<'a>,
    detector: Option<&'a Arc<DetectorPlan>>,
}

impl Pass<'_> {
    fn run(
        &self,
        backend: &mut dyn Backend,
        portions: &[work::Portion],
        ahead: usize,
        summary: &mut ImagesSummary,
    ) -> Result<()> {
        let (ctx, wanted, images) = (self.ctx, self.wanted, self.catalogue.images.as_slice());
        // Where all measurements are current nobody takes values.
        let detector = self.detector.filter(|_| !wanted.measured.days.is_empty());
        let colors = backend.needs_colors();
        let info = StoredBackend::from(backend.info());
        let device = detector.and_then(|_| detector_device(backend));
        let by = By { info: if device.is_some() { info.clone() } else { cpu() }, device };
        let clock = PassClock::start();
        let target = Target { colors, indices: !colors, detector: detector.is_some() };
        let decoder = Decoder::new(ctx, &wanted.plan.features, target, clock);
        let (queue, taker) = Ordered::new();
        // The queue itself bounds what is decoded ahead.
        let (to_compute, decoded) = sync_channel(portions.len());
        let (to_write, computed) = sync_channel(1);
        let (to_measure, planes) = sync_channel(1);
        let to_measure = detector.map(|_| to_measure);
        thread::scope(|scope| {
            let decoder = &decoder;
            let decoding = scope.spawn(move || decoder.decode_all(queue, images, portions, ahead, &to_compute));
            let writing = scope.spawn(move || write_all(ctx, images, wanted, &info, clock, &computed));
            let measuring = scope.spawn(move || match detector {
                Some(plan) => {
                    Measuring::new(ctx, plan, images, self.catalogue.size, &wanted.measured.days, by).run(&planes)
                }
                None => Ok((0, String::new())),
            });
            let computing = Computing { ctx, plan: wanted.plan, clock, to_write, to_measure };
            let waited = computing.run(backend, &decoded, &taker);
            // Whoever waits for one of these ends.
            drop((computing, decoded, taker));
            let (decoding, writing, measuring) =
                (joined(decoding.join()), joined(writing.join()), joined(measuring.join()));
            // An error of those at the end is the cause where the others only found a queue closed.
            (summary.images, summary.waits.write, summary.trace) = writing?;
            (summary.measured, summary.measured_by) = measuring?;
            summary.waits.compute = waited?;
            (summary.waits.decode, summary.decoding) = decoding?;
            Ok::<(), Error>(())
        })?;
        summary.wall = clock.elapsed();
        Ok(())
    }
}

/// The detector's way to the backend's card, where it has one; without it the host measures.
fn detector_device(backend: &dyn Backend) -> Option<Device> {
    match backend.detector() {
        Ok(kernels) => kernels.map(Device::new),
        Err(error) => {
            tracing::warn!("{}: {error}; the detector measures on the CPU", backend.info().device);
            None
        }
    }
}

/// A thread that panicked is a fault of the program; it ends the run as an error like any other.
fn joined<T>(result: thread::Result<Result<T>>) -> Result<T> {
    result.unwrap_or_else(|_| Err(Error::Worker))
}
