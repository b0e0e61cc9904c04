//! Batches to the backend, as many on their way as it takes, and from there to the day's files.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use super::Wanted;
use super::day::DayWriter;
use super::decoding::{Decoded, Failed, Outcome};
use super::measuring::Planes;
use super::ordered::Taker;
use super::work::Portion;
use crate::archive::ImageRef;
use crate::error::Result;
use crate::progress::Context;
use crate::stages::trace::{BatchTrace, PassClock, keep};
use crate::store::day::StoredBackend;
use scatterfall_scattering::backend::{Backend, ImageResults, Ticket};
use scatterfall_scattering::blocks::{Batch, Image};
use scatterfall_scattering::plan::ImagePlan;

/// A batch on its way to the disk.
pub(super) struct Computed<'a> {
    portion: &'a Portion,
    /// Numbers of the images in the catalogue.
    pub(super) numbers: Vec<usize>,
    pub(super) residuals: Vec<f32>,
    pub(super) results: Option<ImageResults>,
    pub(super) failed: Vec<(usize, Failed)>,
    trace: BatchTrace,
}

/// A batch that the backend works on.
struct Flying<'a> {
    ticket: Option<Ticket>,
    batch: Batch,
    computed: Computed<'a>,
}

/// Where batches go from here.
pub(super) struct Computing<'s, 'a> {
    pub(super) ctx: &'s Context<'s>,
    pub(super) plan: &'s ImagePlan,
    pub(super) clock: PassClock,
    pub(super) to_write: SyncSender<Computed<'a>>,
    /// Where the detector measures, too.
    pub(super) to_measure: Option<SyncSender<Planes>>,
}

impl<'a> Computing<'_, 'a> {
    /// Computes what is decoded; returns the time that it waited for that.
    pub(super) fn run(
        &self,
        backend: &mut dyn Backend,
        decoded: &Receiver<Decoded<'a>>,
        taker: &Taker<Outcome>,
    ) -> Result<Duration> {
        let mut waited = Duration::ZERO;
        let mut flying: VecDeque<Flying<'a>> = VecDeque::new();
        loop {
            let start = Instant::now();
            let Ok(batch) = decoded.recv() else { break };
            waited += start.elapsed();
            taker.taken(batch.portion.images.len());
            self.ctx.check()?;
            flying.push_back(self.submit(backend, batch)?);
            while flying.len() >= backend.depth().max(1) {
                if let Some(oldest) = flying.pop_front()
                    && !self.land(backend, oldest)?
                {
                    return Ok(waited);
                }
            }
        }
        while let Some(oldest) = flying.pop_front() {
            if !self.land(backend, oldest)? {
                break;
            }
        }
        Ok(waited)
    }

    fn submit(&self, backend: &mut dyn Backend, decoded: Decoded<'a>) -> Result<Flying<'a>> {
        let Decoded { portion, images, numbers, residuals, failed, mut trace } = decoded;
        let batch = Batch::from(images);
        let wanted = portion.day.is_some() && !batch.is_empty();
        let submit = || wanted.then(|| backend.submit(self.plan, batch.clone())).transpose();
        let ticket = self.clock.time(&mut trace.submit, submit)?;
        let computed = Computed { portion, numbers, residuals, results: None, failed, trace };
        Ok(Flying { ticket, batch, computed })
    }

    /// Waits for a batch and hands it on; false where nobody takes it.
    fn land(&self, backend: &mut dyn Backend, flying: Flying<'a>) -> Result<bool> {
        let Flying { ticket, batch, mut computed } = flying;
        let collect = || ticket.map(|t| backend.collect(t)).transpose();
        computed.results = self.clock.time(&mut computed.trace.collect, collect)?;
        if let Some(to_measure) = &self.to_measure {
            let planes = batch.into_images().into_iter().filter_map(Image::into_plane);
            let mut images: Vec<_> = computed.numbers.iter().copied().zip(planes.map(Ok)).collect();
            images.extend(computed.failed.iter().map(|(number, failed)| (*number, Err(failed.clone()))));
            images.sort_by_key(|(number, _)| *number);
            let measured_only = computed.portion.day.is_none();
            if to_measure.send(Planes { images, measured_only }).is_err() {
                return Ok(false);
            }
        }
        Ok(self.to_write.send(computed).is_ok())
    }
}

/// Writes what is computed, day by day; returns images, the time that it waited, and the first batches' times.
pub(super) fn write_all(
    ctx: &Context<'_>,
    images: &[ImageRef],
    wanted: &Wanted<'_>,
    backend: &StoredBackend,
    clock: PassClock,
    computed: &Receiver<Computed<'_>>,
) -> Result<(usize, Duration, Vec<BatchTrace>)> {
    let (mut count, mut waited) = (0, Duration::ZERO);
    let mut trace = Vec::new();
    let mut writer: Option<DayWriter> = None;
    loop {
        let start = Instant::now();
        let Ok(mut batch) = computed.recv() else { break };
        waited += start.elapsed();
        let (day, last) = (batch.portion.day, batch.portion.last);
        let mut times = std::mem::take(&mut batch.trace);
        if let Some(day) = day {
            let mut growing = match writer.take() {
                Some(growing) => growing,
                None => DayWriter::new(ctx, &wanted.features.days[day], wanted.plan)?,
            };
            clock.time(&mut times.write, || growing.append(images, batch, wanted.plan))?;
            if last {
                count += growing.names.len();
                growing.finish(ctx, &wanted.features.days[day], backend)?;
            } else {
                writer = Some(growing);
            }
        }
        keep(&mut trace, times);
    }
    Ok((count, waited, trace))
}
