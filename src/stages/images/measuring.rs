//! What the detector measures of each image, from the same decoding as the features, day by day.
//!
//! An image is measured against the ten minutes before and after it, so a day also takes the last images of the day before and
//! the first of the day after. Each day has a measurer of its own, so that the same bytes come out whatever days are
//! computed together.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use scatterfall_detector::device::Device;
use scatterfall_detector::{DetectorPlan, Image, Measurement, Measurer, Reference};

use super::day::check_output;
use super::decoding::Failed;
use super::work::MeasuredDay;
use crate::archive::{ImageRef, LeftOut};
use crate::detect::plan::error;
use crate::error::Result;
use crate::formats::measurements::MeasurementWriter;
use crate::progress::Context;
use crate::stages::strict::{refuse, residual_error};
use crate::store::day::{Record, Stage, StoredBackend};
use crate::store::npz::NpzStream;
use scatterfall_scattering::blocks::IndexPlane;

/// Images in the order of their numbers in the catalogue: their values, or why there are none.
pub(super) struct Planes {
    pub(super) images: Vec<(usize, std::result::Result<IndexPlane, Failed>)>,
    /// True where nobody else tells what is left out.
    pub(super) measured_only: bool,
}

/// Who measures.
pub(super) struct By {
    /// A graphics card, as long as it works.
    pub(super) device: Option<Device>,
    pub(super) info: StoredBackend,
}

/// The host.
pub(super) fn cpu() -> StoredBackend {
    StoredBackend { kind: "cpu".into(), ..StoredBackend::default() }
}

impl By {
    /// Says why the device failed, once; the host measures from there on.
    fn look(&mut self) {
        if let Some(failure) = self.device.as_ref().and_then(Device::take_failure) {
            tracing::warn!("{}: {failure}; the detector goes on with the CPU", self.info.device);
            *self = Self { device: None, info: cpu() };
        }
    }
}

/// The days being measured.
pub(super) struct Measuring<'a> {
    ctx: &'a Context<'a>,
    plan: &'a Arc<DetectorPlan>,
    images: &'a [ImageRef],
    size: (u32, u32),
    /// Days that are not begun.
    ahead: std::slice::Iter<'a, MeasuredDay>,
    /// Days whose images are coming in, in order.
    open: VecDeque<OpenDay<'a>>,
    count: usize,
    by: By,
}

impl<'a> Measuring<'a> {
    pub(super) fn new(
        ctx: &'a Context<'a>,
        plan: &'a Arc<DetectorPlan>,
        images: &'a [ImageRef],
        size: (u32, u32),
        days: &'a [MeasuredDay],
        by: By,
    ) -> Self {
        Self { ctx, plan, images, size, ahead: days.iter(), open: VecDeque::new(), count: 0, by }
    }

    /// Measures all that comes; returns the number of images measured, and who did in the end.
    pub(super) fn run(mut self, planes: &Receiver<Planes>) -> Result<(usize, String)> {
        while let Ok(planes) = planes.recv() {
            self.take(planes)?;
        }
        let StoredBackend { kind, device, .. } = self.by.info;
        Ok((self.count, if device.is_empty() { kind } else { device }))
    }

    fn take(&mut self, planes: Planes) -> Result<()> {
        let Some(last) = planes.images.last().map(|(number, _)| *number) else { return Ok(()) };
        while let Some(day) = self.ahead.as_slice().first().filter(|day| day.around.start <= last) {
            self.open.push_back(OpenDay::new(self.ctx, day, self.plan, self.images, self.by.device.clone())?);
            self.ahead.next();
        }
        let max_residual = self.ctx.config.value.max_residual;
        for (number, outcome) in planes.images {
            let outcome = outcome.and_then(|plane| match residual_error(f64::from(plane.residual), max_residual) {
                None => Ok(plane.index),
                Some(reason) => {
                    Err(Failed { left_out: LeftOut { file: self.images[number].name.clone(), reason }, again: false })
                }
            });
            if let (Err(failed), true) = (&outcome, planes.measured_only) {
                tracing::debug!("{} is not measured: {}", failed.left_out.file, failed.left_out.reason);
            }
            let takers: Vec<usize> =
                (0..self.open.len()).filter(|&d| self.open[d].day.around.contains(&number)).collect();
            // The last takes it as it is; days that share it are few.
            let Some((&last, others)) = takers.split_last() else { continue };
            for &other in others {
                self.open[other].add(number, &self.images[number], outcome.clone());
            }
            self.open[last].add(number, &self.images[number], outcome);
        }
        for day in &mut self.open {
            day.measure(self.ctx)?;
            self.by.look();
        }
        while self.open.front().is_some_and(|day| day.day.around.end <= last + 1) {
            if let Some(day) = self.open.pop_front() {
                self.count += day.finish(self.ctx, self.size, &mut self.by)?;
            }
        }
        Ok(())
    }
}

/// A day whose images are coming in.
struct OpenDay<'a> {
    day: &'a MeasuredDay,
    measurer: Measurer,
    writer: MeasurementWriter,
    /// Images that are not measured yet.
    waiting: Vec<Image>,
    /// Times of its own first and last image.
    times: (i64, i64),
    names: Vec<String>,
    left_out: Vec<LeftOut>,
    incomplete: bool,
}

impl<'a> OpenDay<'a> {
    fn new(
        ctx: &Context<'_>,
        day: &'a MeasuredDay,
        plan: &Arc<DetectorPlan>,
        images: &[ImageRef],
        device: Option<Device>,
    ) -> Result<Self> {
        let output = &ctx.config.output.path;
        check_output(output)?;
        let decibels = (ctx.config.value.db_min, ctx.config.value.db_max);
        let stream = NpzStream::new(Stage::Measurements.file(output, &day.day));
        Ok(Self {
            day,
            measurer: Measurer::new(Arc::clone(plan), Reference::Local).map_err(error)?.on(device),
            writer: MeasurementWriter::new(stream, plan, decibels)?,
            waiting: Vec::new(),
            times: (images[day.own.start].time, images[day.own.end - 1].time),
            names: Vec::new(),
            left_out: Vec::new(),
            incomplete: false,
        })
    }

    /// Takes an image, or why there is none.
    fn add(&mut self, number: usize, image: &ImageRef, outcome: std::result::Result<Vec<u8>, Failed>) {
        let own = self.day.own.contains(&number);
        match outcome {
            Ok(plane) => {
                if own {
                    self.names.push(image.name.clone());
                }
                self.waiting.push(Image { time_us: image.time, plane });
            }
            // The neighbours' are told with their own days.
            Err(failed) => {
                self.incomplete |= failed.again;
                if own {
                    self.left_out.push(failed.left_out);
                }
            }
        }
    }

    /// Measures what waits.
    fn measure(&mut self, ctx: &Context<'_>) -> Result<()> {
        ctx.check()?;
        let images = std::mem::take(&mut self.waiting);
        let done = ctx.pool.install(|| self.measurer.push(images)).map_err(error)?;
        self.keep(&done)
    }

    /// Writes the day's own measurements.
    fn keep(&mut self, done: &[Measurement]) -> Result<()> {
        let (first, last) = self.times;
        done.iter().filter(|m| (first..=last).contains(&m.time_us)).try_for_each(|m| self.writer.append(m))
    }

    /// Writes what is left, and the day's file; returns the number of its images.
    fn finish(mut self, ctx: &Context<'_>, size: (u32, u32), by: &mut By) -> Result<usize> {
        let done = ctx.pool.install(|| self.measurer.finish());
        by.look();
        self.keep(&done)?;
        if ctx.strict {
            refuse(&self.left_out)?;
        }
        let count = self.names.len();
        let backend = by.info.clone();
        let file = Stage::Measurements.file(&ctx.config.output.path, &self.day.day);
        let record = |bytes| Record {
            fingerprint: self.day.source.fingerprint(),
            source: self.day.source.clone(),
            backend,
            bytes,
            images: self.names,
            image_size: Some(size),
            left_out: self.left_out,
            incomplete: self.incomplete,
        };
        self.writer.stream.finish(|bytes| record(bytes).write(&file))?;
        tracing::info!(stage = "detect", day = self.day.day, images = count, "day measured");
        Ok(count)
    }
}
