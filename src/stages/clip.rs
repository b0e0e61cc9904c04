//! The cropped pixels of images as arrays, and a picture that shows whether the crop is right.

use std::path::Path;

use image::RgbImage;
use ndarray::ArrayView3;
use rayon::prelude::*;

use crate::archive::{Catalogue, ImageRef, LeftOut};
use crate::config::Crop;
use crate::decode;
use crate::error::{ArchiveError, Error, Result};
use crate::progress::Context;
use crate::store::npz::write_npz;
use crate::store::pictures::SavePicture;
use scatterfall_colormap::Pixels;
use scatterfall_figures::preview::{Preview, preview as draw_preview};

/// Images decoded between two looks at whether to stop.
const BLOCK: usize = 64;

/// Writes `waterfall_npz/STEM.npz` for every image of the catalogue; returns the images that could not be used.
///
/// # Errors
/// [`Error::Archive`] for a crop outside the images, [`Error::Io`] where nothing can be written.
pub(crate) fn compute(ctx: &Context<'_>, catalogue: &Catalogue) -> Result<Vec<LeftOut>> {
    crate::plans::images(ctx.config, catalogue.size, false)?;
    let mut left_out = Vec::new();
    ctx.observer.begin("clip", catalogue.images.len() as u64, "images");
    for images in catalogue.images.chunks(BLOCK) {
        ctx.check()?;
        let results: Vec<Result<()>> = ctx.pool.install(|| {
            let clip = |image: &ImageRef| {
                let pixels = decode::waterfall(&image.path, ctx.config)?;
                write_waterfall(&ctx.config.output.path, image, &pixels)
            };
            images.par_iter().map(clip).collect()
        });
        for (image, result) in images.iter().zip(results) {
            match result {
                Ok(()) => {}
                Err(Error::Image { reason, .. }) => left_out.push(LeftOut { file: image.name.clone(), reason }),
                Err(Error::Io { path, source, .. }) if path == image.path => {
                    left_out.push(LeftOut { file: image.name.clone(), reason: format!("cannot be read: {source}") });
                }
                Err(other) => return Err(other),
            }
        }
        ctx.observer.advance(images.len() as u64, images.iter().map(|i| i.bytes).sum());
    }
    ctx.observer.end();
    if ctx.strict {
        super::strict::refuse(&left_out)?;
    }
    Ok(left_out)
}

/// Writes one image's plot area: `waterfall` `(time, distance, colour)`.
///
/// # Errors
/// [`Error::Io`], [`Error::Store`].
pub(crate) fn write_waterfall(output: &Path, image: &ImageRef, pixels: &Pixels) -> Result<()> {
    let stem = image.path.file_stem().unwrap_or_default();
    let mut name = stem.to_os_string();
    name.push(".npz");
    let path = output.join("waterfall_npz").join(name);
    let view = ArrayView3::from_shape((pixels.rows, pixels.columns, 3), &pixels.rgb)
        .map_err(|e| Error::store(&path, format!("pixels of another size: {e}")))?;
    write_npz(&path, |out| out.add("waterfall", &view))
}

/// Draws the first image that can be decoded, with the crop on it and the recognised colours below, to `path`: whatever is
/// wrong with the crop is drawn and said. Returns what is wrong.
///
/// # Errors
/// [`Error::Archive`] where no image can be decoded; those of writing.
pub(crate) fn preview(ctx: &Context<'_>, catalogue: &Catalogue, path: &Path) -> Result<Option<String>> {
    let config = ctx.config;
    let (width, height) = (catalogue.size.0 as usize, catalogue.size.1 as usize);
    let whole_picture = Crop { top: 0, bottom: height, left: 0, right: width };
    let wanted = config.crop.unwrap_or(whole_picture);
    let outside = wanted.bottom > height || wanted.right > width;
    let problem = outside.then(|| decode::outside(&wanted, width, height));
    let inside = Crop { bottom: wanted.bottom.min(height), right: wanted.right.min(width), ..wanted };
    let crop = if inside.top < inside.bottom && inside.left < inside.right { inside } else { whole_picture };
    let whole = |image| decode::decode(image, None, config.input.max_pixels);
    let Some((image, pixels)) = catalogue.images.iter().find_map(|i| Some((i, whole(&i.path).ok()?))) else {
        let path = config.input.path.clone();
        return Err(ArchiveError::NothingSeen { path, what: "image", done: "decoded" }.into());
    };
    let colormap = config.value.load_colormap()?;
    let mut known = std::collections::HashMap::new();
    let (mut indices, mut distance) = (Vec::new(), 0.0);
    let mut plot = Vec::new();
    for row in pixels.rgb.chunks_exact(3 * width).skip(crop.top).take(crop.bottom - crop.top) {
        plot.extend_from_slice(&row[3 * crop.left..3 * crop.right]);
    }
    let plot = Pixels { rows: crop.bottom - crop.top, columns: crop.right - crop.left, rgb: plot };
    for color in decode::turned(plot, config.time_axis).rgb.as_chunks::<3>().0 {
        let (index, squared) = *known.entry(*color).or_insert_with(|| colormap.nearest(*color));
        indices.push(index);
        distance += f64::from(squared).sqrt();
    }
    let screenshot = RgbImage::from_raw(catalogue.size.0, catalogue.size.1, pixels.rgb)
        .ok_or_else(|| Error::image(&image.path, "pixels of another size"))?;
    let offset = config.input.distance_offset_km;
    #[expect(clippy::cast_precision_loss, reason = "a number of pixels")]
    let residual = distance / indices.len() as f64;
    let input = Preview {
        name: &image.name,
        time: image.time,
        screenshot: &screenshot,
        crop: [crop.top, crop.bottom, crop.left, crop.right],
        indices: &indices,
        colormap: &colormap,
        db: (config.value.db_min, config.value.db_max),
        residual,
        max_residual: config.value.max_residual,
        duration_s: config.input.duration_s,
        distance_km: (offset, offset + config.input.total_distance_km),
        time_axis: config.time_axis,
        problem: problem.as_deref(),
    };
    draw_preview(&input).save(path)?;
    Ok(problem)
}
