//! The one place where the archive's images are decoded, and their colours become values.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::ordered::Ordered;
use super::work::Portion;
use crate::archive::{ImageRef, LeftOut};
use crate::decode::{self, Rows};
use crate::error::{ArchiveError, Error, Result};
use crate::progress::Context;
use crate::stages::clip;
use crate::stages::strict::used_columns;
use crate::stages::trace::{BatchTrace, PassClock};
use scatterfall_colormap::{Colormap, Pixels};
use scatterfall_scattering::backend::cpu::Indexer;
use scatterfall_scattering::blocks::{Image, IndexPlane};
use scatterfall_scattering::plan::FeaturePlan;

/// An image that could not be decoded.
#[derive(Clone)]
pub(super) struct Failed {
    pub(super) left_out: LeftOut,
    /// It may work next time.
    pub(super) again: bool,
}

/// A portion of the work, decoded.
pub(super) struct Decoded<'a> {
    pub(super) portion: &'a Portion,
    /// In the portion's order; an image that failed has none.
    pub(super) images: Vec<Image>,
    /// Numbers of `images` in the catalogue.
    pub(super) numbers: Vec<usize>,
    /// Residual of each image's part in use; empty where that is the whole image, as the backend measures it.
    pub(super) residuals: Vec<f32>,
    /// Those that failed, with their numbers.
    pub(super) failed: Vec<(usize, Failed)>,
    pub(super) trace: BatchTrace,
}

/// What an image is decoded to.
pub(super) struct Target {
    /// Colours for the backend.
    pub(super) colors: bool,
    /// Indices for a backend that takes them.
    pub(super) indices: bool,
    /// Indices for the detector.
    pub(super) detector: bool,
}

/// One image's decoding: what came of it, and when.
pub(super) type Outcome = (Result<(Image, f32)>, [f64; 2]);

/// What a thread needs to decode an image, used again for the next.
struct Desk {
    file: Vec<u8>,
    indexer: Indexer,
}

/// Decodes images for a plan.
pub(super) struct Decoder<'a> {
    ctx: &'a Context<'a>,
    colormap: &'a Colormap,
    /// Columns whose colours count for the residual.
    used: Vec<Range<usize>>,
    rows: usize,
    columns: usize,
    target: Target,
    clock: PassClock,
    desks: Mutex<Vec<Desk>>,
    nanoseconds: AtomicU64,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(ctx: &'a Context<'a>, plan: &'a FeaturePlan, target: Target, clock: PassClock) -> Self {
        Self {
            ctx,
            colormap: &plan.colormap,
            used: used_columns(ctx.config, plan.columns),
            rows: plan.rows,
            columns: plan.columns,
            target,
            clock,
            desks: Mutex::default(),
            nanoseconds: AtomicU64::new(0),
        }
    }

    fn is_all_used(&self) -> bool {
        self.used == std::slice::from_ref(&(0..self.columns))
    }

    /// Time that threads spent so far, summed up.
    fn spent(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }

    /// Decodes an image.
    fn decode(&self, image: &ImageRef, with_features: bool) -> Outcome {
        let mut span = [0.0; 2];
        let begun = Instant::now();
        let result = self.clock.time(&mut span, || self.image(image, with_features));
        let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(took, Ordering::Relaxed);
        self.ctx.observer.advance(1, image.bytes);
        (result, span)
    }

    fn image(&self, image: &ImageRef, with_features: bool) -> Result<(Image, f32)> {
        self.ctx.check()?;
        let free = self.desks.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut desk = free.unwrap_or_else(|| Desk { file: Vec::new(), indexer: Indexer::new(self.colormap) });
        let clipped = with_features && self.ctx.config.output.waterfall_npz;
        let colors = with_features && self.target.colors;
        let indices = self.target.indices || self.target.detector || !with_features;
        let empty = || Pixels { rows: 0, columns: 0, rgb: Vec::new() };
        let mut rows = Sink {
            used: &self.used,
            indexer: (indices || !self.is_all_used()).then_some(&mut desk.indexer),
            pixels: (colors || clipped).then(empty),
            plane: IndexPlane { rows: 0, columns: 0, index: Vec::new(), residual: 0.0 },
            filled: 0,
            distance: 0.0,
        };
        let read = decode::waterfall_into(&image.path, self.ctx.config, &mut desk.file, &mut rows);
        let (pixels, plane) = rows.finish();
        self.desks.lock().unwrap_or_else(PoisonError::into_inner).push(desk);
        read?;
        if (plane.rows, plane.columns) != (self.rows, self.columns) {
            let (rows, columns) = (self.rows, self.columns);
            let reason = format!(
                "its plot area has {} x {} pixels, not {columns} x {rows} as the others'",
                plane.columns, plane.rows
            );
            return Err(Error::image(&image.path, reason));
        }
        if let (Some(pixels), true) = (&pixels, clipped) {
            clip::write_waterfall(&self.ctx.config.output.path, image, pixels)?;
        }
        let residual = plane.residual;
        let image = match (pixels.filter(|_| colors), indices) {
            (Some(pixels), true) => Image::Both(pixels, plane),
            (Some(pixels), false) => Image::Colors(pixels),
            (None, _) => Image::Indices(plane),
        };
        Ok((image, residual))
    }

    /// Decodes the images of all portions on the pool's threads and hands them on portion by portion.
    pub(super) fn decode_all(
        &self,
        queue: Ordered<Outcome>,
        images: &[ImageRef],
        portions: &'a [Portion],
        ahead: usize,
        to_compute: &SyncSender<Decoded<'a>>,
    ) -> Result<(Duration, Duration)> {
        let places: Vec<(usize, usize)> =
            portions.iter().enumerate().flat_map(|(p, portion)| portion.images.clone().map(move |n| (p, n))).collect();
        let work = |item: usize| {
            let (portion, number) = places[item];
            self.decode(&images[number], portions[portion].day.is_some())
        };
        let mut open: Option<Decoded<'a>> = None;
        let deliver = |item: usize, outcome: Outcome| {
            let (portion, number) = (&portions[places[item].0], places[item].1);
            let mut decoded = open.take().unwrap_or_else(|| Decoded::new(portion));
            self.add(&mut decoded, &images[number], number, outcome)?;
            if number + 1 == portion.images.end {
                return Ok(to_compute.send(decoded).is_ok());
            }
            open = Some(decoded);
            Ok(true)
        };
        let fared = queue.run(&self.ctx.pool, places.len(), ahead, work, deliver)?;
        Ok((fared.waited, self.spent()))
    }

    /// Adds an image to its portion.
    fn add(&self, decoded: &mut Decoded<'_>, image: &ImageRef, number: usize, outcome: Outcome) -> Result<()> {
        let (result, [begin, end]) = outcome;
        let trace = &mut decoded.trace;
        trace.decode[0] = if trace.images == 0 { begin } else { trace.decode[0].min(begin) };
        trace.decode[1] = trace.decode[1].max(end);
        trace.images += 1;
        let (reason, again) = match result {
            Ok((image, residual)) => {
                decoded.images.push(image);
                decoded.numbers.push(number);
                if !self.is_all_used() {
                    decoded.residuals.push(residual);
                }
                return Ok(());
            }
            Err(Error::Image { reason, .. }) => (reason, false),
            Err(Error::Io { path, source, .. }) if path == image.path => (format!("cannot be read: {source}"), true),
            Err(other) => return Err(other),
        };
        tracing::warn!("{} is left out: {reason}", image.name);
        let archive = &self.ctx.config.input.path;
        if again && !archive.exists() {
            // Not one file, but the disk: going on would leave out every image that is left.
            return Err(ArchiveError::Gone { path: archive.clone() }.into());
        }
        decoded.failed.push((number, Failed { left_out: LeftOut { file: image.name.clone(), reason }, again }));
        Ok(())
    }
}

impl<'a> Decoded<'a> {
    fn new(portion: &'a Portion) -> Self {
        let room = portion.images.len();
        Self {
            portion,
            images: Vec::with_capacity(room),
            numbers: Vec::with_capacity(room),
            residuals: Vec::new(),
            failed: Vec::new(),
            trace: BatchTrace::default(),
        }
    }
}

/// Makes values of rows of colours as they come, so that an image's colours go through no memory where nobody keeps them.
struct Sink<'a> {
    used: &'a [Range<usize>],
    /// None where nobody wants the values.
    indexer: Option<&'a mut Indexer>,
    pixels: Option<Pixels>,
    plane: IndexPlane,
    /// Pixels of the plane that are filled.
    filled: usize,
    /// Sum over the columns in use.
    distance: f64,
}

impl Sink<'_> {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a mean of colour distances")]
    fn finish(mut self) -> (Option<Pixels>, IndexPlane) {
        let columns: usize = self.used.iter().map(ExactSizeIterator::len).sum();
        self.plane.residual = (self.distance / (self.plane.rows * columns).max(1) as f64) as f32;
        (self.pixels, self.plane)
    }
}

impl Rows for Sink<'_> {
    fn begin(&mut self, rows: usize, columns: usize) {
        (self.plane.rows, self.plane.columns) = (rows, columns);
        if self.indexer.is_some() {
            self.plane.index.resize(rows * columns, 0);
        }
        if let Some(pixels) = &mut self.pixels {
            pixels.begin(rows, columns);
        }
    }

    fn row(&mut self, rgb: &[u8]) {
        if let Some(pixels) = &mut self.pixels {
            pixels.row(rgb);
        }
        let columns = self.plane.columns;
        let Some(indexer) = &mut self.indexer else { return };
        let Some(out) = self.plane.index.get_mut(self.filled..self.filled + columns) else { return };
        self.filled += columns;
        if self.used == std::slice::from_ref(&(0..columns)) {
            self.distance = indexer.indices(rgb, out, self.distance);
            return;
        }
        indexer.indices(rgb, out, 0.0);
        for part in self.used {
            let rgb = &rgb[3 * part.start..3 * part.end];
            self.distance = indexer.indices(rgb, &mut out[part.clone()], self.distance);
        }
    }
}
