//! A day's features and coefficients on their way to its files.

use std::path::Path;
use std::time::Instant;

use super::computing::Computed;
use super::work::FeatureDay;
use crate::archive::{ImageRef, LeftOut};
use crate::config::Config;
use crate::error::{Result, StoredError};
use crate::progress::Context;
use crate::stages::strict::{refuse, residual_error};
use crate::store::day::{Record, Source, Stage, StoredBackend};
use crate::store::npz::NpzStream;
use scatterfall_npz::Time;
use scatterfall_scattering::plan::{ImagePlan, ScatteringPlan};

/// An error where the output folder is gone: it is not to be made anew, as the days before would be missing from it.
pub(super) fn check_output(output: &Path) -> Result<()> {
    if output.is_dir() {
        return Ok(());
    }
    Err(StoredError::FolderGone { path: output.to_path_buf() }.into())
}

/// The files of a day, growing.
pub(super) struct DayWriter {
    features: NpzStream,
    values: usize,
    times: usize,
    residual: usize,
    scattering: Option<ScatteringWriter>,
    /// File names of the images that are in it.
    pub(super) names: Vec<String>,
    left_out: Vec<LeftOut>,
    incomplete: bool,
    max_residual: f64,
    /// Images whose colours are doubtful.
    doubtful: usize,
    begun: Instant,
}

impl DayWriter {
    pub(super) fn new(ctx: &Context<'_>, day: &FeatureDay, plan: &ImagePlan) -> Result<Self> {
        let output = &ctx.config.output.path;
        check_output(output)?;
        let f = &plan.features;
        let mut features = NpzStream::new(Stage::Features.file(output, &day.day));
        let values = features.declare::<f32>("features", &[f.windows, f.features.len()])?;
        let times = features.declare::<Time>("times", &[])?;
        let distance = features.declare::<f64>("distance", &[])?;
        let residual = features.declare::<f32>("residual", &[])?;
        features.append(distance, window_distances(ctx.config, f.windows))?;
        let scattering = match &plan.scattering {
            Some((_, network)) => {
                Some(ScatteringWriter::new(NpzStream::new(Stage::Scattering.file(output, &day.day)), network)?)
            }
            None => None,
        };
        Ok(Self {
            features,
            values,
            times,
            residual,
            scattering,
            names: Vec::new(),
            left_out: Vec::new(),
            incomplete: false,
            max_residual: ctx.config.value.max_residual,
            doubtful: 0,
            begun: Instant::now(),
        })
    }

    pub(super) fn append(&mut self, images: &[ImageRef], batch: Computed<'_>, plan: &ImagePlan) -> Result<()> {
        for (_, failed) in batch.failed {
            self.incomplete |= failed.again;
            self.left_out.push(failed.left_out);
        }
        let Some(mut results) = batch.results else { return Ok(()) };
        for (own, &measured) in results.features.residual.iter_mut().zip(&batch.residuals) {
            *own = measured;
        }
        for (k, image) in batch.numbers.iter().map(|&number| &images[number]).enumerate() {
            let residual = f64::from(results.features.residual[k]);
            if let Some(reason) = residual_error(residual, self.max_residual) {
                tracing::warn!("{} is left out: {reason}", image.name);
                self.left_out.push(LeftOut { file: image.name.clone(), reason });
                continue;
            }
            self.doubtful += usize::from(residual > self.max_residual / 4.0);
            let values = results.features.values.index_axis(ndarray::Axis(0), k);
            self.features.append(self.values, values.iter().copied())?;
            self.features.append(self.times, [Time(image.time)])?;
            self.features.append(self.residual, [results.features.residual[k]])?;
            if let (Some(writer), Some(coefficients), Some((cut, _))) =
                (&mut self.scattering, &results.coefficients, &plan.scattering)
            {
                let number = self.names.len();
                let per_image = cut.count(cut.windows);
                for (i, row) in cut.rows(&(number..number + 1), 0).into_iter().enumerate() {
                    let coefficients = coefficients.orders.iter().map(|o| o.row(k * per_image + i));
                    writer.append(
                        coefficients.map(|r| r.to_slice().unwrap_or(&[])),
                        row.distance_km,
                        image.time,
                        number,
                    )?;
                }
            }
            self.names.push(image.name.clone());
        }
        Ok(())
    }

    pub(super) fn finish(self, ctx: &Context<'_>, day: &FeatureDay, backend: &StoredBackend) -> Result<()> {
        if ctx.strict {
            refuse(&self.left_out)?;
        }
        if self.doubtful > 0 {
            tracing::warn!(
                "{} images of {} have colours far from the colour map (see `residual` in the features); \
                 check [crop] and value.colormap with `scatterfall clip --preview`",
                self.doubtful,
                day.day
            );
        }
        let output = &ctx.config.output.path;
        let record = |source: &Source, bytes, left_out: &[LeftOut]| Record {
            fingerprint: source.fingerprint(),
            source: source.clone(),
            backend: backend.clone(),
            bytes,
            images: self.names.clone(),
            image_size: Some(day.size),
            left_out: left_out.to_vec(),
            incomplete: self.incomplete,
        };
        let file = Stage::Features.file(output, &day.day);
        self.features.finish(|bytes| record(&day.features, bytes, &self.left_out).write(&file))?;
        if let (Some(writer), Some(source)) = (self.scattering, &day.scattering) {
            let file = Stage::Scattering.file(output, &day.day);
            writer.stream.finish(|bytes| record(source, bytes, &[]).write(&file))?;
        }
        let (images, left_out) = (self.names.len(), self.left_out.len());
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_s = (images as f64 / self.begun.elapsed().as_secs_f64().max(1e-9) * 10.0).round() / 10.0;
        tracing::info!(stage = "images", day = day.day, images, left_out, per_s, "day written");
        Ok(())
    }
}

/// Distance of each window's first column in km.
#[expect(clippy::cast_precision_loss, reason = "window numbers are far below 2^53")]
fn window_distances(config: &Config, windows: usize) -> impl Iterator<Item = f64> {
    let per_km = windows as f64 / config.input.total_distance_km;
    let offset = config.input.distance_offset_km;
    (0..windows).map(move |j| j as f64 / per_km + offset)
}

/// The coefficients of a day, growing.
pub(in crate::stages) struct ScatteringWriter {
    pub(in crate::stages) stream: NpzStream,
    orders: Vec<usize>,
    distance: usize,
    times: usize,
    image: usize,
}

impl ScatteringWriter {
    pub(in crate::stages) fn new(mut stream: NpzStream, network: &ScatteringPlan) -> Result<Self> {
        let first = network.first_order();
        let orders = (first..first + network.widths().len())
            .map(|k| stream.declare::<f32>(format!("order_{k}"), &network.row_shape(k)))
            .collect::<Result<_>>()?;
        let distance = stream.declare::<f64>("distance", &[])?;
        let times = stream.declare::<Time>("times", &[])?;
        let image = stream.declare::<i64>("image", &[])?;
        Ok(Self { stream, orders, distance, times, image })
    }

    /// Appends one row: its coefficients per order, its place, its time, its image's number in the day.
    pub(in crate::stages) fn append<'r>(
        &mut self,
        orders: impl Iterator<Item = &'r [f32]>,
        distance_km: f64,
        time: i64,
        image: usize,
    ) -> Result<()> {
        for (&handle, row) in self.orders.iter().zip(orders) {
            self.stream.append(handle, row.iter().copied())?;
        }
        self.stream.append(self.distance, [distance_km])?;
        self.stream.append(self.times, [Time(time)])?;
        self.stream.append(self.image, [i64::try_from(image).unwrap_or(i64::MAX)])
    }
}
