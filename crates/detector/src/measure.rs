//! What is measured of one image, and the driver that measures a stream of images.
//!
//! An image is measured against its own surroundings: the medians of the ten minutes before and after it. So results lag ten minutes
//! behind, pixels are needed once, and a measurement holds nothing that depends on the rest of the archive.

use std::collections::VecDeque;
use std::sync::Arc;

use rayon::prelude::*;

use crate::DetectorError;
use crate::blocks::{block_means, rows_to_fill_from};
use crate::columns::{ColumnStatistics, column_statistics, columns_of_value, median_of_rows, repeated_columns};
use crate::device::{Device, Job, OnDevice};
use crate::plan::DetectorPlan;
use crate::slants::SlantPeak;
use crate::whiten::{Whitened, Whitening, column_jumps, whiten};

/// Smallest standard deviation of a column, index units: what the quantisation of the colours allows.
pub const MIN_SCALE: f32 = 1.0;

/// Below this share of repeated rows in the surroundings a repeated row is a defect; a plot drawn larger than its data repeats rows everywhere.
const MAX_REPEATED: f32 = 0.05;

/// An image to be measured.
#[derive(Debug, Clone)]
pub struct Image {
    /// Start of the image, microseconds since 1970 (UTC).
    pub time_us: i64,
    /// Colour index of every pixel (rows x columns, the rows one after the other).
    pub plane: Vec<u8>,
}

/// What is kept of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Start of the image, microseconds since 1970 (UTC).
    pub time_us: i64,
    /// Twice the median of every column, index units.
    pub median2: Vec<u16>,
    /// Four times the median absolute deviation of every column, index units.
    pub spread4: Vec<u16>,
    /// Background of every place of the block record, index units: the mean over its columns.
    pub level: Vec<f32>,
    /// Standard deviation of every place's noise, index units: the mean over its columns.
    pub scale: Vec<f32>,
    /// Means of the whitened image (block rows x block columns).
    pub blocks: Vec<f32>,
    /// Largest line sums (cells x speeds).
    pub slants: Vec<SlantPeak>,
    /// Columns that show one value only: a dead or saturated stretch. They take no part in anything.
    pub constant: Vec<bool>,
    /// Share of rows that are blank or saturated all along the fibre.
    pub blank: f32,
    /// Missing rows in each time step of the block record (block rows), 255 at most.
    pub missing: Vec<u8>,
    /// Share of rows that repeat the row above.
    pub repeated: f32,
    /// Whether the image is, byte for byte, the one before it.
    pub duplicate: bool,
}

impl Measurement {
    /// Whether most rows of the image are there; others take no part in fits.
    pub fn is_usable(&self, rows: usize) -> bool {
        2 * self.missing.iter().map(|&m| usize::from(m)).sum::<usize>() < rows
    }
}

/// What the pixels are measured against.
#[derive(Debug, Clone, Default)]
pub enum Reference {
    /// The medians of the surroundings, for backgrounds and spreads.
    #[default]
    Local,
    /// Given medians and standard deviations of the columns, index units: slants take the spread, blocks both.
    ///
    /// This is the two-pass way: whoever knows the whole archive's medians can give them.
    Fixed {
        /// Median of every column.
        median: Vec<f32>,
        /// Standard deviation of every column's noise.
        scale: Vec<f32>,
        /// Whether repeated rows count as missing.
        check_repeats: bool,
    },
}

/// An image with its columns' medians, waiting for its surroundings.
#[derive(Clone)]
struct Pending {
    time_us: i64,
    plane: Vec<u8>,
    statistics: ColumnStatistics,
    repeated_rows: Vec<bool>,
    repeated: f32,
    duplicate: bool,
    hash: u64,
}

/// Column medians that backgrounds are taken over.
#[derive(Clone)]
struct Surrounding {
    median2: Vec<u16>,
    spread4: Vec<u16>,
    repeated: f32,
}

/// A measurement without slants, and the samples that they are computed from.
#[derive(Clone)]
struct Prepared {
    measurement: Measurement,
    samples: Vec<f32>,
}

/// What an image is whitened from.
struct Source {
    plane: Vec<u8>,
    /// Nothing but the parts' middle values.
    statistics: ColumnStatistics,
    background: Vec<f32>,
    /// Infinite where a column counts 0.
    scale: Vec<f32>,
    missing: Vec<bool>,
}

impl Source {
    fn input(&self) -> Whitening<'_> {
        let Self { plane, statistics, background, scale, missing } = self;
        Whitening { plane, statistics, background, scale, missing }
    }

    fn job(&self, plan: &DetectorPlan) -> Job<'_> {
        let input = self.input();
        Job { input, jumps: column_jumps(plan, &input), fill: rows_to_fill_from(plan, &self.missing) }
    }
}

/// Measures images in the order of their times, ten minutes behind.
///
/// Holds the planes of the minutes that wait (one byte a pixel) and the medians of the surroundings, nothing else. A step of more than 1.5
/// durations is a gap, which neither backgrounds nor slants cross. The results do not depend on how images are batched, nor on threads.
///
/// A clone that is finished tells what the minutes that wait look like against what is known so far, and leaves the stream as it is.
#[derive(Clone)]
pub struct Measurer {
    plan: Arc<DetectorPlan>,
    reference: Reference,
    /// Who whitens, as long as it works; the host otherwise.
    device: Option<Device>,
    /// Images whose background is not complete.
    pending: VecDeque<Pending>,
    /// Medians of the images around the first pending one: up to the background's reach before it, all pending ones after.
    surroundings: VecDeque<Surrounding>,
    /// How many of `surroundings` come before the first pending image.
    passed: usize,
    /// The samples before the first prepared image, within the same piece.
    earlier: Option<Vec<f32>>,
    /// Images that wait for the samples of the next one.
    prepared: VecDeque<Prepared>,
    last: Option<(i64, u64)>,
}

impl Measurer {
    /// Starts a stream.
    ///
    /// # Errors
    ///
    /// When a fixed reference does not have the plan's columns.
    pub fn new(plan: Arc<DetectorPlan>, reference: Reference) -> Result<Self, DetectorError> {
        if let Reference::Fixed { median, scale, .. } = &reference {
            for (what, found) in [("the reference median", median.len()), ("the reference scale", scale.len())] {
                if found != plan.geometry.columns {
                    let expected = vec![plan.geometry.columns];
                    return Err(DetectorError::Shape { what, found: vec![found], expected });
                }
            }
        }
        Ok(Self {
            plan,
            reference,
            device: None,
            pending: VecDeque::new(),
            surroundings: VecDeque::new(),
            passed: 0,
            earlier: None,
            prepared: VecDeque::new(),
            last: None,
        })
    }

    /// The same with a device that whitens; should it fail, the host goes on without a gap. A fixed reference stays the host's.
    pub fn on(mut self, device: Option<Device>) -> Self {
        self.device = device.filter(|_| matches!(self.reference, Reference::Local));
        self
    }

    /// Takes the next images and returns the measurements that are complete, in order.
    ///
    /// # Errors
    ///
    /// When an image has another size than the plan, or comes before one that was given earlier.
    pub fn push(&mut self, images: Vec<Image>) -> Result<Vec<Measurement>, DetectorError> {
        let (rows, columns) = (self.plan.geometry.rows, self.plan.geometry.columns);
        let mut before = self.last.map(|(time, _)| time);
        for image in &images {
            if image.plane.len() != rows * columns {
                let (found, expected) = (vec![image.plane.len()], vec![rows, columns]);
                return Err(DetectorError::Shape { what: "an image", found, expected });
            }
            if let Some(earlier) = before.filter(|&t| t >= image.time_us) {
                return Err(DetectorError::Order { earlier, later: image.time_us });
            }
            before = Some(image.time_us);
        }
        let plan = &self.plan;
        let examined: Vec<Pending> = images.into_par_iter().map(|image| Pending::new(plan, image)).collect();
        let mut out = Vec::new();
        for mut image in examined {
            if let Some((time, hash)) = self.last {
                if is_gap(time, image.time_us, self.plan.geometry.duration_s) {
                    out.append(&mut self.end_piece());
                }
                image.duplicate = hash == image.hash;
            }
            self.last = Some((image.time_us, image.hash));
            self.surroundings.push_back(image.surrounding());
            self.pending.push_back(image);
        }
        let ready = self.pending.len().saturating_sub(self.plan.background_images);
        self.prepare(ready);
        out.append(&mut self.complete(false));
        Ok(out)
    }

    /// Ends the stream and returns the rest of the measurements. The next image starts a new one.
    pub fn finish(&mut self) -> Vec<Measurement> {
        let out = self.end_piece();
        self.last = None;
        out
    }

    fn end_piece(&mut self) -> Vec<Measurement> {
        self.prepare(self.pending.len());
        let out = self.complete(true);
        self.earlier = None;
        self.surroundings.clear();
        self.passed = 0;
        out
    }

    /// Whitens the first `count` pending images.
    fn prepare(&mut self, count: usize) {
        let reach = self.plan.background_images;
        let (passed, surroundings) = (self.passed, self.surroundings.make_contiguous());
        let (plan, reference) = (&self.plan, &self.reference);
        let images: Vec<(usize, Pending)> = self.pending.drain(..count).enumerate().collect();
        let surroundings = &*surroundings;
        let compare = |(i, image): (usize, Pending)| {
            let at = passed + i;
            let around = &surroundings[at.saturating_sub(reach)..(at + reach + 1).min(surroundings.len())];
            compare(plan, reference, image, around)
        };
        let prepared: Vec<Prepared> = match self.device.as_ref().filter(|device| device.works()) {
            Some(device) => {
                let compared: Vec<(Measurement, Source)> = images.into_par_iter().map(compare).collect();
                prepare_on(device, plan, compared)
            }
            None => images.into_par_iter().map(|i| prepare(plan, reference, compare(i))).collect(),
        };
        self.prepared.extend(prepared);
        self.passed += count;
        let done = self.passed.saturating_sub(reach);
        self.surroundings.drain(..done);
        self.passed -= done;
    }

    /// Computes the slants of the prepared images whose neighbours are known.
    fn complete(&mut self, ends: bool) -> Vec<Measurement> {
        let ready = if ends { self.prepared.len() } else { self.prepared.len().saturating_sub(1) };
        if ready == 0 {
            return Vec::new();
        }
        let (plan, earlier, prepared) = (&self.plan, self.earlier.as_deref(), self.prepared.make_contiguous());
        let slants: Vec<Vec<SlantPeak>> = (0..ready)
            .into_par_iter()
            .map(|i| {
                let before = if i == 0 { earlier } else { Some(prepared[i - 1].samples.as_slice()) };
                let after = prepared.get(i + 1).map(|p| p.samples.as_slice());
                plan.slants.as_ref().map_or_else(Vec::new, |s| s.largest(before, &prepared[i].samples, after))
            })
            .collect();
        let mut out = Vec::with_capacity(ready);
        for (prepared, slants) in self.prepared.drain(..ready).zip(slants) {
            self.earlier = Some(prepared.samples);
            out.push(Measurement { slants, ..prepared.measurement });
        }
        out
    }
}

/// Whether a gap lies between two images that follow each other.
pub fn is_gap(earlier_us: i64, later_us: i64, duration_s: f64) -> bool {
    (later_us - earlier_us) as f64 > 1.5e6 * duration_s
}

impl Pending {
    fn new(plan: &DetectorPlan, image: Image) -> Self {
        let columns = plan.geometry.columns;
        let statistics = column_statistics(&image.plane, columns, &plan.part_edges);
        let constant = statistics.constant.iter().filter(|c| **c).count();
        // Constant columns always repeat and say nothing.
        let repeats = |n: usize| n.saturating_sub(constant) as f64 > 0.9 * (columns - constant) as f64;
        let repeated_rows: Vec<bool> = repeated_columns(&image.plane, columns).into_iter().map(repeats).collect();
        let repeated = repeated_rows.iter().filter(|r| **r).count() as f32 / repeated_rows.len() as f32;
        let hash = hash(&image.plane);
        let Image { time_us, plane } = image;
        Self { time_us, plane, statistics, repeated_rows, repeated, duplicate: false, hash }
    }

    fn surrounding(&self) -> Surrounding {
        Surrounding {
            median2: self.statistics.median2.clone(),
            spread4: self.statistics.spread4.clone(),
            repeated: self.repeated,
        }
    }
}

/// FNV-1a over words of eight bytes: tells copies of an image from its likes without keeping it.
fn hash(plane: &[u8]) -> u64 {
    let mut lanes = [0xcbf2_9ce4_8422_2325u64; 4];
    for chunk in plane.chunks(32) {
        for (lane, word) in lanes.iter_mut().zip(chunk.chunks(8)) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            *lane = (*lane ^ u64::from_le_bytes(bytes)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
        }
    }
    lanes.into_iter().fold(0, |h, l| (h ^ l).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(31))
}

/// Median over the surroundings of each column's median, and of its spread as a standard deviation, index units.
fn local_background(around: &[Surrounding]) -> (Vec<f32>, Vec<f32>) {
    let medians: Vec<&[u16]> = around.iter().map(|s| s.median2.as_slice()).collect();
    let spreads: Vec<&[u16]> = around.iter().map(|s| s.spread4.as_slice()).collect();
    let background = median_of_rows(&medians).into_iter().map(|v| f32::from(v) / 4.0).collect();
    let scale = |v: u16| (1.4826 * f32::from(v) / 8.0).max(MIN_SCALE);
    (background, median_of_rows(&spreads).into_iter().map(scale).collect())
}

/// Rows of which more than half of the live columns show the lowest or the highest value.
fn blank_rows(image: &Pending, columns: usize) -> Vec<bool> {
    let ColumnStatistics { constant, median2, .. } = &image.statistics;
    let live = constant.iter().filter(|c| !**c).count();
    let mut blank = vec![false; image.repeated_rows.len()];
    for value in [0u8, 255] {
        let dead = constant.iter().zip(median2).filter(|&(&c, &m)| c && m == 2 * u16::from(value)).count();
        for (blank, count) in blank.iter_mut().zip(columns_of_value(&image.plane, columns, value)) {
            *blank = *blank || 2 * (count - dead) > live;
        }
    }
    blank
}

/// A measurement without blocks and slants, and what these are computed from.
fn compare(
    plan: &DetectorPlan,
    reference: &Reference,
    image: Pending,
    around: &[Surrounding],
) -> (Measurement, Source) {
    let columns = plan.geometry.columns;
    let (background, local_scale) = local_background(around);
    let mut repeated: Vec<f32> = around.iter().map(|s| s.repeated).collect();
    let (scale, check_repeats) = match reference {
        Reference::Local => (&local_scale, crate::filters::median(&mut repeated) < MAX_REPEATED),
        Reference::Fixed { scale, check_repeats, .. } => (scale, *check_repeats),
    };
    let level_columns = if let Reference::Fixed { median, .. } = reference { median } else { &background };
    let blank = blank_rows(&image, columns);
    let missing: Vec<bool> = (0..plan.geometry.rows)
        .map(|r| image.duplicate || blank[r] || (check_repeats && image.repeated_rows[r]))
        .collect();
    let means = |values: &[f32]| {
        let mean = |e: &[usize]| values[e[0]..e[1]].iter().sum::<f32>() / (e[1] - e[0]) as f32;
        plan.column_edges.windows(2).map(mean).collect::<Vec<f32>>()
    };
    let missing_rows = |e: &[usize]| missing[e[0]..e[1]].iter().filter(|m| **m).count().min(255) as u8;
    let ColumnStatistics { median2, spread4, parts, constant } = image.statistics;
    let measurement = Measurement {
        time_us: image.time_us,
        level: means(level_columns),
        scale: means(scale),
        blocks: Vec::new(),
        slants: Vec::new(),
        blank: blank.iter().filter(|b| **b).count() as f32 / blank.len() as f32,
        missing: plan.row_edges.windows(2).map(missing_rows).collect(),
        repeated: image.repeated,
        duplicate: image.duplicate,
        median2,
        spread4,
        constant,
    };
    // Over an infinite scale a column counts 0.
    let counting = scale.iter().zip(&measurement.constant).map(|(&s, &c)| if c { f32::INFINITY } else { s });
    let scale = counting.collect();
    let statistics = ColumnStatistics { parts, ..ColumnStatistics::default() };
    (measurement, Source { plane: image.plane, statistics, background, scale, missing })
}

/// Blocks and samples by the host.
fn prepare(plan: &DetectorPlan, reference: &Reference, (mut measurement, source): (Measurement, Source)) -> Prepared {
    let input = source.input();
    let Whitened { samples, mut row_means } = whiten(plan, input);
    if let Reference::Fixed { median, .. } = reference {
        row_means = whiten(plan, Whitening { background: median, ..input }).row_means;
    }
    measurement.blocks = block_means(plan, &mut row_means, &source.missing);
    Prepared { measurement, samples }
}

/// Blocks and samples by a device, by the host where that fails.
fn prepare_on(device: &Device, plan: &Arc<DetectorPlan>, compared: Vec<(Measurement, Source)>) -> Vec<Prepared> {
    let jobs: Vec<Job<'_>> = compared.par_iter().map(|(_, source)| source.job(plan)).collect();
    let done = device.run(|kernels| kernels.whiten(plan, &jobs)).filter(|done| done.len() == jobs.len());
    drop(jobs);
    let Some(done) = done else {
        return compared.into_par_iter().map(|c| prepare(plan, &Reference::Local, c)).collect();
    };
    let join = |((measurement, _), OnDevice { samples, blocks }): ((Measurement, Source), OnDevice)| Prepared {
        measurement: Measurement { blocks, ..measurement },
        samples,
    };
    compared.into_iter().zip(done).map(join).collect()
}
