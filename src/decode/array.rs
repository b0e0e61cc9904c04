//! Waterfalls as arrays (.npy, .npz): the data themselves, for those who have them.
//!
//! `(time, distance)` of decibels, or of colour indices (unsigned 8-bit), or `(time, distance, 3)` colours as `clip` writes
//! them. Values become the configured map's colours, so that everything after this sees a picture.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::{outside, too_large};
use crate::colormap;
use crate::config::{Config, Crop};
use crate::error::{Error, Result};
use scatterfall_colormap::Pixels;
use scatterfall_npz::NpzFile;
use scatterfall_npz::{FromStored, NpyReader};

/// Names under which an .npz holds a waterfall, the first that is there.
const NAMES: [&str; 4] = ["waterfall", "data", "values", "arr_0"];

/// Whether a file holds an array by its name.
pub(super) fn is_array(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy") || e.eq_ignore_ascii_case("npz"))
}

/// Width and height of the array as a picture.
pub(super) fn size(path: &Path) -> Result<(u32, u32)> {
    let (rows, columns, _) = with_array(path, |reader| plane(reader.shape()))?;
    match (u32::try_from(columns), u32::try_from(rows)) {
        (Ok(width), Ok(height)) => Ok((width, height)),
        _ => Err(Error::image(path, "an array too large for a picture")),
    }
}

/// The plot area as pixels of the configured map.
pub(super) fn decode(path: &Path, config: &Config) -> Result<Pixels> {
    let (height, width, colours) = with_array(path, |reader| plane(reader.shape()))?;
    if height as u64 * width as u64 > config.input.max_pixels {
        return Err(Error::image(path, too_large(width, height, config.input.max_pixels)));
    }
    let crop = config.crop.unwrap_or(Crop { top: 0, bottom: height, left: 0, right: width });
    if crop.bottom > height || crop.right > width {
        return Err(Error::image(path, outside(&crop, width, height)));
    }
    let bytes: Option<Vec<u8>> = read(path).ok();
    let (rows, columns) = (crop.bottom - crop.top, crop.right - crop.left);
    let mut rgb = Vec::with_capacity(3 * rows * columns);
    let places = || (crop.top..crop.bottom).flat_map(|y| (crop.left..crop.right).map(move |x| y * width + x));
    if colours {
        let values = bytes.ok_or_else(|| Error::image(path, "colours that are no unsigned 8-bit numbers"))?;
        places().for_each(|i| rgb.extend_from_slice(&values[3 * i..3 * i + 3]));
        return Ok(Pixels { rows, columns, rgb });
    }
    let map = colormap::load(&config.value.colormap)?;
    if let Some(indices) = bytes {
        places().for_each(|i| rgb.extend(map.color(indices[i])));
    } else {
        let values: Vec<f64> = read(path)?;
        let (low, high) = (config.value.db_min, config.value.db_max);
        // What is not a number is drawn as the lowest value, as a dead place is.
        let index = |v: f64| ((v - low) / (high - low) * 255.0).round().clamp(0.0, 255.0) as u8;
        places().for_each(|i| rgb.extend(map.color(index(values[i]))));
    }
    Ok(Pixels { rows, columns, rgb })
}

fn read<T: FromStored>(path: &Path) -> Result<Vec<T>> {
    with_array(path, |mut reader| {
        let mut out = Vec::new();
        let n = reader.shape().iter().product();
        reader.read(n, &mut out).map(|()| out)
    })
}

/// Rows, columns, and whether each element is a colour.
fn plane(shape: &[usize]) -> std::result::Result<(usize, usize, bool), String> {
    match *shape {
        [rows, columns] if rows > 0 && columns > 0 => Ok((rows, columns, false)),
        [rows, columns, 3] if rows > 0 && columns > 0 => Ok((rows, columns, true)),
        _ => Err(format!("an array of shape {shape:?}, where (time, distance) is expected")),
    }
}

/// Opens the array and hands it to `work`, whose error is the reason why it cannot be used.
fn with_array<T>(
    path: &Path,
    work: impl FnOnce(NpyReader<Box<dyn std::io::Read + '_>>) -> std::result::Result<T, String>,
) -> Result<T> {
    let wrong = |reason: String| Error::image(path, reason);
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) {
        let mut file = NpzFile::open(path).map_err(|e| wrong(e.to_string()))?;
        let name = NAMES.iter().find(|n| file.has(n));
        let name = name.ok_or_else(|| wrong(format!("holds none of the arrays {}", NAMES.join(", "))))?;
        let reader = file.stream(name).map_err(|e| wrong(e.to_string()))?;
        return work(reader.boxed()).map_err(wrong);
    }
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let bytes = file.metadata().map_err(|e| Error::io("read", path, e))?.len();
    let reader: Box<dyn std::io::Read> = Box::new(BufReader::with_capacity(1 << 20, file));
    work(NpyReader::new(reader, bytes).map_err(wrong)?).map_err(wrong)
}
