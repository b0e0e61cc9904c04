//! From stored features to coefficients, day by day.

use std::path::Path;

use ndarray::Array3;

use super::images::ScatteringWriter;
use super::{scattering_config, stored_days};
use crate::error::{Result, StoredError};
use crate::plans::{network, segmentation};
use crate::progress::Context;
use crate::series::series;
use crate::store::day::{Record, Source, Stage, State, StoredBackend, fingerprint, state};
use crate::store::npz::NpzStream;
use scatterfall_npz::NpzFile;
use scatterfall_npz::Time;
use scatterfall_scattering::backend::Backend;

/// Samples that are transformed at a time: enough to keep many cores or a device busy.
const BLOCK_SAMPLES: usize = 1 << 20;

/// Transforms every stored day of features whose coefficients are not current, of `wanted` days where given.
/// Returns the numbers of days transformed and of days that were current.
///
/// # Errors
/// [`crate::Error::Stored`] where no features are stored, [`crate::Error::Store`] for files of another shape.
pub(crate) fn compute(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    wanted: Option<&[String]>,
) -> Result<(usize, usize)> {
    let output = &ctx.config.output.path;
    let days = stored_days(output, Stage::Features, wanted)?;
    let (mut done, mut current, mut images_before) = (0, 0, 0);
    ctx.observer.begin("transform", days.len() as u64, "days");
    for day in days {
        ctx.check()?;
        let features = Stage::Features.file(output, &day);
        let target = Stage::Scattering.file(output, &day);
        let source = Source::of_stage(scattering_config(ctx.config, images_before), fingerprint(&features));
        let mut file = NpzFile::open(&features)?;
        let (_, times) = file.read::<Time>("times")?;
        if state(&target, &source) == State::Missing {
            let record = Record::read(&features);
            let day_file = DayFile { path: &features, times: &times, images_before };
            let stream = transform_day(ctx, backend, &mut file, &day_file, NpzStream::new(target.clone()))?;
            let record = |bytes| Record {
                fingerprint: source.fingerprint(),
                source: source.clone(),
                backend: StoredBackend::from(backend.info()),
                bytes,
                images: record.as_ref().map(|r| r.images.clone()).unwrap_or_default(),
                image_size: record.as_ref().and_then(|r| r.image_size),
                left_out: Vec::new(),
                incomplete: record.as_ref().is_some_and(|r| r.incomplete),
            };
            stream.finish(|bytes| record(bytes).write(&target))?;
            done += 1;
            tracing::info!(stage = "transform", day, images = times.len(), "day written");
        } else {
            current += 1;
        }
        images_before += times.len();
        ctx.observer.advance(1, 0);
    }
    ctx.observer.end();
    Ok((done, current))
}

/// The features of a day.
struct DayFile<'a> {
    path: &'a Path,
    times: &'a [Time],
    /// Images of the days before it.
    images_before: usize,
}

fn transform_day(
    ctx: &Context<'_>,
    backend: &mut dyn Backend,
    file: &mut NpzFile,
    day: &DayFile<'_>,
    stream: NpzStream,
) -> Result<NpzStream> {
    let DayFile { path, times, images_before } = *day;
    let (shape, values) = file.read::<f32>("features")?;
    let channels = ctx.config.features.names.len();
    let [images, windows, stored] = shape[..] else {
        return Err(StoredError::FeatureShape { path: path.to_path_buf(), shape }.into());
    };
    if images != times.len() || stored != channels {
        let (path, times) = (path.to_path_buf(), times.len());
        return Err(StoredError::OtherFeatures { path, images, stored, times, channels }.into());
    }
    let cut = segmentation(ctx.config, windows)?;
    let network = network(ctx.config, &cut)?;
    let mut writer = ScatteringWriter::new(stream, &network)?;
    let times: Vec<i64> = times.iter().map(|t| t.0).collect();
    let rows: Vec<_> = series(&times, ctx.config.input.duration_s, cut.continuity)
        .iter()
        .flat_map(|run| cut.rows(run, images_before))
        .collect();
    let block = (BLOCK_SAMPLES / (channels * cut.bins)).max(1);
    for rows in rows.chunks(block) {
        ctx.check()?;
        // A run's images follow each other in the file, so a segment is one stretch of windows there.
        let segments = Array3::from_shape_fn((rows.len(), channels, cut.bins), |(i, channel, k)| {
            let window = rows[i].image * windows + rows[i].window + k;
            values[window * channels + channel]
        });
        let coefficients = backend.scatter(&network, &segments.into())?;
        for (i, row) in rows.iter().enumerate() {
            let orders = coefficients.orders.iter().map(|o| o.row(i));
            let orders = orders.map(|r| r.to_slice().unwrap_or(&[]));
            writer.append(orders, row.distance_km, times[row.image], row.image)?;
        }
    }
    Ok(writer.stream)
}
