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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use scatterfall_scattering::backend::cpu::CpuBackend;
    use scatterfall_synth::{Layout, SynthArchive, SynthOptions};

    use super::*;
    use crate::config::Config;
    use crate::progress::{Observer, threads};

    /// Counts images that are decoded.
    #[derive(Default)]
    struct Counter(AtomicU64);

    impl Observer for Counter {
        fn begin(&self, _: &'static str, _: u64, _: &'static str) {}
        fn advance(&self, items: u64, _: u64) {
            self.0.fetch_add(items, Ordering::Relaxed);
        }
        fn end(&self) {}
    }

    /// Forty images over midnight; returns how many are decoded for `goals`.
    struct Place {
        folder: tempfile::TempDir,
        config: Config,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let layout = Layout::Bare { rows: 32, columns: 220 };
            let options = SynthOptions { images: 40, layout, ..SynthOptions::default() };
            let archive = SynthArchive::new(&options).expect("valid");
            let drawn = folder.path().join("drawn");
            archive.write(&drawn, || {}).expect("written");
            let images = folder.path().join("images");
            std::fs::create_dir(&images).expect("a folder");
            let mut files: Vec<_> = std::fs::read_dir(&drawn).expect("files").flatten().map(|e| e.path()).collect();
            files.retain(|f| f.extension().is_some_and(|e| e == "png"));
            files.sort();
            for (k, file) in files.iter().enumerate() {
                // From 23:40 on.
                let (day, hour, minute) = if k < 20 { (15, 23, 40 + k) } else { (16, 0, k - 20) };
                let name = format!("Waterfall_RMS_202505{day}_{hour:02}{minute:02}00.png");
                std::fs::rename(file, images.join(name)).expect("renamed");
            }
            let text = format!(
                "input.path = {:?}\noutput.path = {:?}\ncrop.enabled = false\ncompute.batch_images = 3\nsegments.bins = 40",
                images.display().to_string(),
                folder.path().join("output").display().to_string()
            );
            Self { config: Config::from_text(&text).expect("valid"), folder }
        }

        /// Brings features and measurements up to date, where wanted; returns how many images were decoded.
        fn decoded(&self, features: bool, detector: bool) -> u64 {
            let counter = Counter::default();
            let ctx = Context::on(&self.config, threads(&self.config.compute).expect("threads")).observer(&counter);
            let catalogue = Catalogue::read(&self.config.input, &self.config.output.path).expect("an archive");
            let plan = crate::detect::plan::plan(&self.config, 32, 220).expect("fits");
            let plan = Arc::new(plan);
            let goals = Goals { features, scattering: features, detector: detector.then_some(&plan) };
            compute(&ctx, &mut CpuBackend::new(Arc::clone(&ctx.pool)), &catalogue, goals).expect("computed");
            counter.0.into_inner()
        }

        fn file(&self, name: &str) -> Vec<u8> {
            std::fs::read(self.folder.path().join("output").join(name)).expect("written")
        }
    }

    const FILES: [&str; 4] = [
        "features/features_20250515.npz",
        "features/features_20250516.npz",
        "detection/blocks_20250515.npz",
        "detection/blocks_20250516.npz",
    ];

    #[test]
    fn an_image_is_decoded_once_whatever_it_is_needed_for() {
        let place = Place::new();
        assert_eq!(place.decoded(true, true), 40, "features and measurements from the same decoding");
        let want = FILES.map(|f| place.file(f));
        assert_eq!(place.decoded(true, true), 0, "all is current");
        let output = &place.config.output.path;
        std::fs::remove_file(output.join(FILES[2])).expect("removed");
        // The first day's twenty, and what its last minutes are measured against.
        assert_eq!(place.decoded(true, true), 31, "one day's measurements alone");
        std::fs::remove_file(output.join(FILES[1])).expect("removed");
        assert_eq!(place.decoded(true, true), 20, "one day's features alone");
        std::fs::remove_file(output.join(FILES[0])).expect("removed");
        std::fs::remove_file(output.join(FILES[3])).expect("removed");
        assert_eq!(place.decoded(true, true), 40, "one day's features, and the other's measurements");
        assert!(FILES.map(|f| place.file(f)) == want, "the same bytes on every way");
        std::fs::remove_dir_all(output).expect("removed");
        assert_eq!((place.decoded(true, false), place.decoded(false, true)), (40, 40), "one after the other");
        assert!(FILES.map(|f| place.file(f)) == want, "the same bytes again");
    }
}
