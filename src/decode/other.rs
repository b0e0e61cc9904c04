//! Pictures in other formats than PNG: JPEG, TIFF and WebP, decoded whole.

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, ImageReader, Limits};

use super::{outside, too_large};
use crate::config::Crop;
use crate::error::{Error, Result};
use scatterfall_colormap::Pixels;

/// The format of a file by its name; `None` for PNG and for what has no ending of a picture.
pub(super) fn format(path: &Path) -> Option<ImageFormat> {
    let format = ImageFormat::from_path(path).ok()?;
    matches!(format, ImageFormat::Jpeg | ImageFormat::Tiff | ImageFormat::WebP).then_some(format)
}

/// Width and height that the file's header declares.
pub(super) fn size(path: &Path, format: ImageFormat) -> Result<(u32, u32)> {
    let mut reader = ImageReader::open(path).map_err(|e| Error::io("open", path, e))?;
    reader.set_format(format);
    let size = reader.into_dimensions().map_err(|e| Error::image(path, reason(format, &e)))?;
    if size.0 == 0 || size.1 == 0 {
        return Err(Error::image(path, "a picture without pixels"));
    }
    Ok(size)
}

/// The plot area as 8-bit RGB. The error is the reason in words.
pub(super) fn from_bytes(
    bytes: &[u8],
    format: ImageFormat,
    crop: Option<&Crop>,
    max_pixels: u64,
) -> std::result::Result<Pixels, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    let reader = || ImageReader::with_format(Cursor::new(bytes), format);
    let (width, height) = reader().into_dimensions().map_err(|e| reason(format, &e))?;
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(too_large(width, height, max_pixels));
    }
    let mut limited = reader();
    let mut limits = Limits::default();
    // Sixteen bytes a pixel are the most that a decoded picture takes, with as much again for its work.
    limits.max_alloc = Some(max_pixels.saturating_mul(32).max(1 << 26));
    limited.limits(limits);
    let picture = limited.decode().map_err(|e| reason(format, &e))?.to_rgb8();
    let (width, height) = (width as usize, height as usize);
    let crop = crop.copied().unwrap_or(Crop { top: 0, bottom: height, left: 0, right: width });
    if crop.bottom > height || crop.right > width {
        return Err(outside(&crop, width, height));
    }
    let (rows, columns) = (crop.bottom - crop.top, crop.right - crop.left);
    let mut rgb = Vec::with_capacity(3 * rows * columns);
    for line in picture.chunks_exact(3 * width).skip(crop.top).take(rows) {
        rgb.extend_from_slice(&line[3 * crop.left..3 * crop.right]);
    }
    Ok(Pixels { rows, columns, rgb })
}

fn reason(format: ImageFormat, error: &image::ImageError) -> String {
    let name = match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Tiff => "TIFF",
        _ => "WebP",
    };
    format!("not a readable {name}: {}", error.to_string().lines().next().unwrap_or_default())
}
