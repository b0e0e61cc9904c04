//! The rows of all stored days in order: where and when they are, which take part in fits, their coefficients.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2};

use super::repeated::repeated_images;
use super::stored_days;
use crate::config::{Config, Exclude};
use crate::error::{Error, Result, StoredError};
use crate::places::{Geometry, Places};
use crate::store::day::{Record, Stage};
use scatterfall_npz::NpzFile;
use scatterfall_npz::Time;
use scatterfall_rowstats::reduction::{RowSource, Visit};
use scatterfall_timestamps::Micros;

/// Rows read at a time.
const BLOCK: usize = 2048;

/// Reads `times` and `distance` of an .npz file; both must have `rows` entries where that is given.
pub(super) fn read_places(file: &mut NpzFile, path: &Path, rows: Option<usize>) -> Result<Places> {
    let (_, times) = file.read::<Time>("times")?;
    let (_, distance) = file.read::<f64>("distance")?;
    let rows = rows.unwrap_or(times.len());
    if times.len() != rows || distance.len() != rows {
        let found = format!("{rows} rows, but {} times and {} distances", times.len(), distance.len());
        return Err(Error::store(path, found));
    }
    Ok(Places { times: times.into_iter().map(|t| t.0).collect(), distance })
}

/// Windows per image, from the first stored day of features that tells.
pub(crate) fn stored_windows(config: &Config) -> Option<usize> {
    let output = &config.output.path;
    let day = Stage::Features.days(output).ok()?.into_iter().next()?;
    let mut file = NpzFile::open(&Stage::Features.file(output, &day)).ok()?;
    let shape = file.stream("distance").ok()?.shape().to_vec();
    shape.first().copied()
}

/// The geometry of the stored rows: that of the images they are from, or of a seismogram's segments.
pub(super) fn stored_geometry(config: &Config) -> Geometry {
    let output = &config.output.path;
    let first = Stage::Scattering.days(output).unwrap_or_default().into_iter().next();
    let record = first.and_then(|day| Record::read(&Stage::Scattering.file(output, &day)));
    match record.and_then(|r| r.source.config["seismogram"]["segment_s"].as_f64()) {
        Some(segment_s) => Geometry { segment_km: 0.0, duration_s: segment_s, period_km: None, offset_km: 0.0 },
        None => Geometry::new(config, stored_windows(config)),
    }
}

/// File names of images by their times, from the records of the stored days.
pub(super) fn image_names(output: &Path) -> Result<HashMap<Micros, String>> {
    let mut names = HashMap::new();
    for day in Stage::Features.days(output)? {
        let path = Stage::Features.file(output, &day);
        let Some(record) = Record::read(&path) else { continue };
        let (_, times) = NpzFile::open(&path)?.read::<Time>("times")?;
        names.extend(times.into_iter().map(|t| t.0).zip(record.images));
    }
    Ok(names)
}

/// The stored coefficients of all days, as one long matrix that is read a block at a time.
pub(crate) struct StoredRows<'a> {
    files: Vec<PathBuf>,
    orders: Vec<String>,
    columns: Vec<usize>,
    exclude: &'a Exclude,
    geometry: Geometry,
    /// Times of images that repeat the one before, which take no part in fits.
    pub(super) repeated: HashSet<Micros>,
    /// Where and when the rows are, day after day.
    pub(crate) places: Places,
    rows: Vec<usize>,
}

impl<'a> StoredRows<'a> {
    /// The rows of every stored day, of `wanted` days where given.
    ///
    /// # Errors
    /// [`Error::Stored`] where nothing is stored or no row is, [`Error::Store`] for a file that does not fit the others.
    pub(crate) fn open(config: &'a Config, wanted: Option<&[String]>) -> Result<Self> {
        let output = &config.output.path;
        let days = stored_days(output, Stage::Scattering, wanted)?;
        let files: Vec<PathBuf> = days.iter().map(|d| Stage::Scattering.file(output, d)).collect();
        let mut places = Places::default();
        let (mut orders, mut columns, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for path in &files {
            let mut file = NpzFile::open(path)?;
            let own = read_places(&mut file, path, None)?;
            let first = usize::from(!(config.network.order_0 && file.has("order_0")));
            let names: Vec<String> = (first..).map(|k| format!("order_{k}")).take_while(|n| file.has(n)).collect();
            let mut widths = Vec::new();
            for name in &names {
                let shape = file.stream(name)?.shape().to_vec();
                if shape.first() != Some(&own.times.len()) {
                    let found = format!("{name} has the shape {shape:?}, but there are {} times", own.times.len());
                    return Err(Error::store(path, found));
                }
                widths.push(shape[1..].iter().product());
            }
            if orders.is_empty() {
                (orders, columns) = (names, widths);
            } else if (&names, &widths) != (&orders, &columns) {
                let found = format!(
                    "its orders have {widths:?} columns, those of the days before {columns:?}: computed with another \
                     network or other features; run `scatterfall transform` again, or use --fresh"
                );
                return Err(Error::store(path, found));
            }
            rows.push(own.times.len());
            places.extend(own);
        }
        if orders.is_empty() {
            return Err(Error::store(&files[0], "no array `order_1`; run `scatterfall transform` first"));
        }
        if places.times.is_empty() {
            return Err(StoredError::NoRows.into());
        }
        let geometry = stored_geometry(config);
        let repeated = repeated_images(output)?;
        Ok(Self { files, orders, columns, exclude: &config.exclude, geometry, repeated, places, rows })
    }

    /// The place on the fibre of every row, in km.
    pub(crate) fn locations(&self) -> Vec<f64> {
        self.geometry.locations(&self.places)
    }

    /// The day files.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

impl RowSource for StoredRows<'_> {
    fn order_columns(&self) -> &[usize] {
        &self.columns
    }

    fn for_each_block(&self, visit: &mut Visit<'_>) -> scatterfall_rowstats::Result<()> {
        let mut first = 0;
        for (path, &rows) in self.files.iter().zip(&self.rows) {
            // One handle an order: entries of an archive can only be read one after another.
            let mut archives =
                self.orders.iter().map(|_| NpzFile::open(path).map_err(Error::from)).collect::<Result<Vec<_>>>()?;
            let mut streams = archives
                .iter_mut()
                .zip(&self.orders)
                .map(|(archive, name)| archive.stream(name).map_err(Error::from))
                .collect::<Result<Vec<_>>>()?;
            let mut buffers = vec![Vec::new(); self.orders.len()];
            for from in (0..rows).step_by(BLOCK) {
                let n = BLOCK.min(rows - from);
                for ((stream, buffer), columns) in streams.iter_mut().zip(&mut buffers).zip(&self.columns) {
                    stream.read::<f32>(n * columns, buffer).map_err(|e| Error::store(path, e))?;
                }
                let views: Vec<ArrayView2<'_, f32>> = buffers
                    .iter()
                    .zip(&self.columns)
                    .map(|(b, &c)| ArrayView2::from_shape((n, c), b))
                    .collect::<std::result::Result<_, _>>()
                    .map_err(|e| Error::store(path, e.to_string()))?;
                let mask: Vec<bool> = (first + from..first + from + n)
                    .map(|i| (self.places.times[i], self.places.distance[i]))
                    .map(|(time, distance)| {
                        !self.repeated.contains(&time) && self.geometry.takes_part(self.exclude, time, distance)
                    })
                    .collect();
                visit(&views, &mask)?;
            }
            first += rows;
        }
        Ok(())
    }
}

/// A matrix of an .npz file.
pub(super) fn read_matrix(file: &mut NpzFile, path: &Path, name: &str) -> Result<Array2<f64>> {
    let (shape, values) = file.read::<f64>(name)?;
    let [rows, columns] = shape[..] else {
        return Err(Error::store(path, format!("{name} has the shape {shape:?}, not (rows, columns)")));
    };
    Array2::from_shape_vec((rows, columns), values).map_err(|e| Error::store(path, format!("{name}: {e}")))
}
