//! `detection/blocks_YYYYMMDD.npz`: what the detector measured of each image of a day.

use std::path::Path;

use rayon::prelude::*;
use scatterfall_detector::slants::SlantPeak;
use scatterfall_detector::{DetectorPlan, Measurement};

use crate::error::{Error, Result};
use crate::store::npz::NpzStream;
use scatterfall_npz::NpzFile;
use scatterfall_npz::Time;

/// The arrays of a day, growing.
///
/// `times` (images), `median2` and `spread4` (images, columns; twice the median and four times the median absolute deviation),
/// `level` and `scale` (images, places; background and noise in index units), `level_db` (images, places), `blocks`
/// (images, steps, places; whitened means), `slant`, `slant_row` and `slant_column` (images, cells, speeds, parts), `missing`
/// (images, steps), `repeated` and `blank` (images; share of rows), `duplicate` (images; 1 where the image repeats the one
/// before), `constant` (images, columns; 1 where a column shows one value only).
pub(crate) struct MeasurementWriter {
    /// The file that grows.
    pub(crate) stream: NpzStream,
    handles: [usize; 15],
    db: (f64, f64),
}

impl MeasurementWriter {
    /// A file of images that `plan` is for; `db` are the decibels of the first and of the last colour.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be made.
    pub(crate) fn new(mut stream: NpzStream, plan: &DetectorPlan, db: (f64, f64)) -> Result<Self> {
        let (columns, places, steps) = (plan.geometry.columns, plan.block_columns, plan.block_rows);
        let slants = [plan.cells, plan.speeds_ms.len(), plan.slant_parts()];
        let handles = [
            stream.declare::<Time>("times", &[])?,
            stream.declare::<u16>("median2", &[columns])?,
            stream.declare::<u16>("spread4", &[columns])?,
            stream.declare::<f32>("level", &[places])?,
            stream.declare::<f32>("scale", &[places])?,
            stream.declare::<f32>("level_db", &[places])?,
            stream.declare::<f32>("blocks", &[steps, places])?,
            stream.declare::<f32>("slant", &slants)?,
            stream.declare::<f32>("slant_row", &slants)?,
            stream.declare::<f32>("slant_column", &slants)?,
            stream.declare::<u8>("missing", &[steps])?,
            stream.declare::<f32>("repeated", &[])?,
            stream.declare::<u8>("duplicate", &[])?,
            stream.declare::<u8>("constant", &[columns])?,
            stream.declare::<f32>("blank", &[])?,
        ];
        Ok(Self { stream, handles, db })
    }

    /// Appends one image.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be written.
    #[expect(clippy::cast_possible_truncation, reason = "decibels are stored in single precision")]
    pub(crate) fn append(&mut self, m: &Measurement) -> Result<()> {
        let [
            times,
            median2,
            spread4,
            level,
            scale,
            level_db,
            blocks,
            slant,
            row,
            column,
            missing,
            repeated,
            duplicate,
            constant,
            blank,
        ] = self.handles;
        let (low, high) = self.db;
        let decibels = m.level.iter().map(|&i| (low + f64::from(i) * (high - low) / 255.0) as f32);
        self.stream.append(times, [Time(m.time_us)])?;
        self.stream.append(median2, m.median2.iter().copied())?;
        self.stream.append(spread4, m.spread4.iter().copied())?;
        self.stream.append(level, m.level.iter().copied())?;
        self.stream.append(scale, m.scale.iter().copied())?;
        self.stream.append(level_db, decibels)?;
        self.stream.append(blocks, m.blocks.iter().copied())?;
        self.stream.append(slant, m.slants.iter().map(|s| s.value))?;
        self.stream.append(row, m.slants.iter().map(|s| s.row))?;
        self.stream.append(column, m.slants.iter().map(|s| s.column))?;
        self.stream.append(missing, m.missing.iter().copied())?;
        self.stream.append(repeated, [m.repeated])?;
        self.stream.append(duplicate, [u8::from(m.duplicate)])?;
        self.stream.append(constant, m.constant.iter().map(|&c| u8::from(c)))?;
        self.stream.append(blank, [m.blank])
    }
}

/// Reads a day.
///
/// # Errors
/// [`Error::Store`] for a file that is damaged or of another geometry.
pub(crate) fn read(path: &Path, plan: &DetectorPlan) -> Result<Vec<Measurement>> {
    let mut file = NpzFile::open(path)?;
    let times = file.read::<Time>("times")?.1;
    let n = times.len();
    let (columns, places, steps) = (plan.geometry.columns, plan.block_columns, plan.block_rows);
    let slants = plan.slant_count();
    let mut array = |name: &str, row: usize| -> Result<Vec<f32>> {
        let (shape, values) = file.read::<f32>(name)?;
        if shape.first() != Some(&n) || values.len() != n * row {
            return Err(Error::store(
                path,
                format!(
                    "{name} has the shape {shape:?}, not {n} images of {row} numbers; run `scatterfall detect` again"
                ),
            ));
        }
        Ok(values)
    };
    let (median2, spread4) = (array("median2", columns)?, array("spread4", columns)?);
    let (level, scale) = (array("level", places)?, array("scale", places)?);
    let blocks = array("blocks", steps * places)?;
    let (slant, row, column) = (array("slant", slants)?, array("slant_row", slants)?, array("slant_column", slants)?);
    let (missing, repeated, duplicate) = (array("missing", steps)?, array("repeated", 1)?, array("duplicate", 1)?);
    let (constant, blank) = (array("constant", columns)?, array("blank", 1)?);
    let image = |k: usize| {
        let peak = |i: usize| SlantPeak { value: slant[i], row: row[i], column: column[i] };
        Measurement {
            time_us: times[k].0,
            median2: whole(&median2[k * columns..(k + 1) * columns]),
            spread4: whole(&spread4[k * columns..(k + 1) * columns]),
            level: level[k * places..(k + 1) * places].to_vec(),
            scale: scale[k * places..(k + 1) * places].to_vec(),
            blocks: blocks[k * steps * places..(k + 1) * steps * places].to_vec(),
            slants: (k * slants..(k + 1) * slants).map(peak).collect(),
            missing: missing[k * steps..(k + 1) * steps].iter().map(|&v| v as u8).collect(),
            repeated: repeated[k],
            duplicate: duplicate[k] > 0.0,
            constant: constant[k * columns..(k + 1) * columns].iter().map(|&c| c > 0.0).collect(),
            blank: blank[k],
        }
    };
    Ok((0..n).into_par_iter().map(image).collect())
}

/// Whole numbers that were read as floating point, which holds those of 16 bits exactly.
fn whole(values: &[f32]) -> Vec<u16> {
    values.iter().map(|&v| v as u16).collect()
}
