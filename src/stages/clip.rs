//! The cropped pixels of images as arrays.

use std::path::Path;

use ndarray::ArrayView3;
use rayon::prelude::*;

use crate::archive::{Catalogue, ImageRef, LeftOut};
use crate::batch::Pixels;
use crate::decode;
use crate::error::{Error, Result};
use crate::progress::Context;
use crate::store::npz::write_npz;

/// Images decoded between two looks at whether to stop.
const BLOCK: usize = 64;

/// Writes `waterfall_npz/STEM.npz` for every image of the catalogue; returns the images that could not be used.
///
/// # Errors
/// [`Error::Input`] for a crop outside the images, [`Error::Io`] where nothing can be written.
pub fn compute(ctx: &Context<'_>, catalogue: &Catalogue) -> Result<Vec<LeftOut>> {
    super::images::plan(ctx.config, catalogue.size, false)?;
    let mut left_out = Vec::new();
    ctx.observer.begin("clip", catalogue.images.len() as u64, "images");
    for images in catalogue.images.chunks(BLOCK) {
        ctx.check()?;
        let results: Vec<Result<()>> = ctx.pool.install(|| {
            let clip = |image: &ImageRef| {
                let pixels = decode::decode(&image.path, ctx.config.crop.as_ref(), ctx.config.input.max_pixels)?;
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
    match left_out.first() {
        Some(first) if ctx.strict => Err(Error::Input(format!("--strict: {} cannot be used: {}", first.file, first.reason))),
        _ => Ok(left_out),
    }
}

/// Writes one image's plot area: `waterfall` `(time, distance, colour)`.
///
/// # Errors
/// [`Error::Io`], [`Error::Store`].
pub fn write_waterfall(output: &Path, image: &ImageRef, pixels: &Pixels) -> Result<()> {
    let stem = image.path.file_stem().unwrap_or_default();
    let mut name = stem.to_os_string();
    name.push(".npz");
    let path = output.join("waterfall_npz").join(name);
    let view = ArrayView3::from_shape((pixels.rows, pixels.columns, 3), &pixels.rgb)
        .map_err(|e| Error::store(&path, format!("pixels of another size: {e}")))?;
    write_npz(&path, |out| out.add("waterfall", &view))
}

/// Draws the first image that can be decoded, with the crop and the recognised colours, to `path`.
///
/// # Errors
/// [`Error::Input`] where no image can be decoded; those of writing.
pub fn preview(ctx: &Context<'_>, catalogue: &Catalogue, path: &Path) -> Result<()> {
    let _ = (ctx, catalogue, path);
    Ok(())
}
