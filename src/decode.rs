//! From a picture to the plot area's pixels.
//!
//! Rows above the crop are inflated and dropped, rows below it are not read at all, so neither time nor memory is spent
//! on axes and margins.

mod array;
mod other;

use std::fmt::Display;
use std::fs::File;
use std::io::{Cursor, Read};
use std::panic::AssertUnwindSafe;
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use crate::config::{Config, Crop, TimeAxis};
use crate::error::{Error, Result};
use scatterfall_colormap::Pixels;

/// Width and height in pixels that a picture's header declares.
///
/// # Errors
/// [`Error::Io`] where the file cannot be read, [`Error::Image`] where it is no picture.
pub fn size(path: &Path) -> Result<(u32, u32)> {
    if array::is_array(path) {
        return array::size(path);
    }
    if let Some(format) = other::format(path) {
        return other::size(path, format);
    }
    let mut head = Vec::with_capacity(24);
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    file.take(24).read_to_end(&mut head).map_err(|e| Error::io("read", path, e))?;
    header_size(&head).map_err(|reason| Error::image(path, reason))
}

/// As [`size`], from the beginning of a file's content. The error is the reason in words.
///
/// # Errors
/// Why this is no PNG.
pub fn header_size(head: &[u8]) -> std::result::Result<(u32, u32), String> {
    let number = |at: usize| -> Option<u32> { Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?)) };
    if head.is_empty() {
        return Err("the file is empty".into());
    }
    match (head.starts_with(b"\x89PNG\r\n\x1a\n"), head.get(12..16), number(16), number(20)) {
        (true, Some(b"IHDR"), Some(width), Some(height)) if width > 0 && height > 0 => Ok((width, height)),
        (true, ..) => Err("the PNG header is broken".into()),
        (false, ..) => Err("not a PNG image".into()),
    }
}

/// Takes the plot area of a picture, row by row from the top.
pub trait Rows {
    /// The plot area has so many rows and columns. Called once, before the first row; rows that never come are an error's.
    fn begin(&mut self, rows: usize, columns: usize);
    /// The next row: three bytes (red, green, blue) a column.
    fn row(&mut self, rgb: &[u8]);
}

/// The rows as they come.
impl Rows for Pixels {
    fn begin(&mut self, rows: usize, columns: usize) {
        (self.rows, self.columns) = (rows, columns);
        self.rgb.clear();
        self.rgb.reserve(3 * rows * columns);
    }

    fn row(&mut self, rgb: &[u8]) {
        self.rgb.extend_from_slice(rgb);
    }
}

/// The plot area of the image in `path`; the whole image where `crop` is `None`.
///
/// Palette, grey, 16-bit (rounded to 8) and images with alpha (ignored) become 8-bit RGB.
///
/// # Errors
/// [`Error::Io`] where the file cannot be read (try again later), [`Error::Image`] where its content cannot be used.
pub fn decode(path: &Path, crop: Option<&Crop>, max_pixels: u64) -> Result<Pixels> {
    let mut pixels = nothing();
    decode_into(path, crop, max_pixels, &mut Vec::new(), &mut pixels)?;
    Ok(pixels)
}

/// As [`decode`], row by row; `file` is room for the file's content, to be used again for the next.
fn decode_into(
    path: &Path,
    crop: Option<&Crop>,
    max_pixels: u64,
    file: &mut Vec<u8>,
    rows: &mut dyn Rows,
) -> Result<()> {
    let broken = |reason: String| Error::image(path, reason);
    // Eight bytes a pixel is the most that a PNG can need; a longer file is something else.
    let most = max_pixels.saturating_mul(8).saturating_add(1 << 20);
    let source = File::open(path).map_err(|e| Error::io("open", path, e))?;
    // Room at once for what it says it holds, within reason: it may grow, or be no plain file.
    let length = source.metadata().map_or(0, |m| m.len()).min(16 << 20);
    file.clear();
    file.reserve(usize::try_from(length).unwrap_or(0) + 1);
    source.take(most.saturating_add(1)).read_to_end(file).map_err(|e| Error::io("read", path, e))?;
    if file.len() as u64 > most {
        return Err(broken(format!("longer than {most} bytes, more than input.max_pixels = {max_pixels} can need")));
    }
    let format = other::format(path);
    // A run of months must not end at one file that trips the decoder. What the rows hold then is thrown away.
    let decoded = std::panic::catch_unwind(AssertUnwindSafe(|| match format {
        None => rows_from_bytes(file, crop, max_pixels, rows),
        Some(format) => other::from_bytes(file, format, crop, max_pixels).map(|pixels| feed(&pixels, rows)),
    }));
    decoded.unwrap_or_else(|_| Err("the decoder fails on it; please report the file".into())).map_err(broken)
}

fn nothing() -> Pixels {
    Pixels { rows: 0, columns: 0, rgb: Vec::new() }
}

fn feed(pixels: &Pixels, rows: &mut dyn Rows) {
    rows.begin(pixels.rows, pixels.columns);
    pixels.rgb.chunks_exact((3 * pixels.columns).max(1)).for_each(|row| rows.row(row));
}

/// The waterfall in a picture: the plot area, turned so that time runs down.
///
/// # Errors
/// Those of [`decode`].
pub fn waterfall(path: &Path, config: &Config) -> Result<Pixels> {
    let mut pixels = nothing();
    waterfall_into(path, config, &mut Vec::new(), &mut pixels)?;
    Ok(pixels)
}

/// As [`waterfall`], row by row, so that nothing but what the rows are made into needs memory; `file` is room for the file's
/// content, to be used again for the next.
///
/// # Errors
/// Those of [`decode`].
pub fn waterfall_into(path: &Path, config: &Config, file: &mut Vec<u8>, rows: &mut dyn Rows) -> Result<()> {
    let (crop, max_pixels) = (config.crop.as_ref(), config.input.max_pixels);
    if array::is_array(path) {
        feed(&turned(array::decode(path, config)?, config.time_axis), rows);
        return Ok(());
    }
    if config.time_axis == TimeAxis::Down {
        return decode_into(path, crop, max_pixels, file, rows);
    }
    let mut pixels = nothing();
    decode_into(path, crop, max_pixels, file, &mut pixels)?;
    feed(&turned(pixels, config.time_axis), rows);
    Ok(())
}

/// Pixels turned so that rows are time, the first one first, and columns are distance.
pub fn turned(pixels: Pixels, axis: TimeAxis) -> Pixels {
    let (height, width) = (pixels.rows, pixels.columns);
    if axis == TimeAxis::Down {
        return pixels;
    }
    let from = pixels.rgb.as_chunks::<3>().0;
    let (rows, columns) = if axis == TimeAxis::Up { (height, width) } else { (width, height) };
    let mut rgb = Vec::with_capacity(pixels.rgb.len());
    for row in 0..rows {
        for column in 0..columns {
            let at = match axis {
                TimeAxis::Down => row * width + column,
                TimeAxis::Up => (height - 1 - row) * width + column,
                TimeAxis::Right => column * width + row,
                TimeAxis::Left => column * width + (width - 1 - row),
            };
            rgb.extend_from_slice(&from[at]);
        }
    }
    Pixels { rows, columns, rgb }
}

/// As [`decode`], from a file's content. The error is the reason in words.
///
/// # Errors
/// Why the content cannot be used.
pub fn from_bytes(bytes: &[u8], crop: Option<&Crop>, max_pixels: u64) -> std::result::Result<Pixels, String> {
    let mut pixels = nothing();
    rows_from_bytes(bytes, crop, max_pixels, &mut pixels)?;
    Ok(pixels)
}

fn rows_from_bytes(
    bytes: &[u8],
    crop: Option<&Crop>,
    max_pixels: u64,
    out: &mut dyn Rows,
) -> std::result::Result<(), String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    let compressed = check_chunks(bytes)?;
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 64 << 20 });
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.ignore_checksums(true);
    let mut reader = decoder.read_info().map_err(|e| reason(&e))?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    if width as u64 * height as u64 > max_pixels {
        return Err(too_large(width, height, max_pixels));
    }
    let raw = reader.info().raw_row_length() as u64;
    // An interlaced image has at least as many bytes as the same one row by row.
    if (raw * height as u64) / DEFLATE_RATIO > compressed {
        return Err(format!("{compressed} bytes of data cannot hold {width} x {height} pixels"));
    }
    let crop = crop.copied().unwrap_or(Crop { top: 0, bottom: height, left: 0, right: width });
    if crop.bottom > height || crop.right > width {
        return Err(outside(&crop, width, height));
    }
    let (rows, columns) = (crop.bottom - crop.top, crop.right - crop.left);
    let (color, depth) = reader.output_color_type();
    let samples = match color {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err("a palette that was not expanded".into()),
    };
    out.begin(rows, columns);
    let mut rgb = vec![0; 3 * columns];
    let mut keep = |line: &[u8]| match (samples, depth) {
        (3, BitDepth::Eight) => out.row(&line[3 * crop.left..3 * crop.right]),
        (_, BitDepth::Eight) => {
            to_rgb(&line[crop.left * samples..crop.right * samples], samples, &mut rgb);
            out.row(&rgb);
        }
        _ => {
            let wide = &line[2 * crop.left * samples..2 * crop.right * samples];
            // To the nearest of 256: 65,535 is 255 times 257.
            let rounded = |b: &[u8]| ((u32::from(b[0]) << 8 | u32::from(b[1])) * 255 + 32_767) / 65_535;
            let narrow: Vec<u8> = wide.chunks_exact(2).map(|b| rounded(b) as u8).collect();
            to_rgb(&narrow, samples, &mut rgb);
            out.row(&rgb);
        }
    };
    if reader.info().interlaced {
        let mut frame = vec![0; reader.output_buffer_size().ok_or("the image is too large")?];
        let line = reader.next_frame(&mut frame).map_err(|e| reason(&e))?.line_size;
        frame.chunks_exact(line).skip(crop.top).take(rows).for_each(&mut keep);
    } else {
        for y in 0..crop.bottom {
            let row = reader.next_row().map_err(|e| reason(&e))?.ok_or("the image ends early")?;
            if y >= crop.top {
                keep(row.data());
            }
        }
    }
    Ok(())
}

/// Deflate shrinks by no more than about 1,032: an image that claims more is cut off, or a bomb.
const DEFLATE_RATIO: u64 = 1100;

/// Walks a PNG's chunks to its end, holding each against its checksum; returns the bytes of compressed pixels.
///
/// Rows below the crop are never inflated, and the decoder compares a checksum only when it reaches it; so a file that
/// is damaged, or still being written, is found out here, at a small part of the decoding's cost.
fn check_chunks(bytes: &[u8]) -> std::result::Result<u64, String> {
    let mut compressed = 0;
    let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n").ok_or("not a PNG image")?;
    loop {
        let number = |at: usize| -> Option<u32> { Some(u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?)) };
        let length = number(0).ok_or("the file ends early")? as usize;
        let (chunk, sum) = (rest.get(4..length.saturating_add(8)), number(length.saturating_add(8)));
        let (Some(chunk), Some(sum)) = (chunk, sum) else {
            return Err("the file ends early".into());
        };
        if crc32fast::hash(chunk) != sum {
            return Err("the file is damaged: a checksum is wrong".into());
        }
        if chunk.starts_with(b"IEND") {
            return Ok(compressed);
        }
        if chunk.starts_with(b"IDAT") {
            compressed += length as u64;
        }
        // The decoder takes for granted that these are whole colours, and no more than 256 (png 0.18.1).
        if chunk.starts_with(b"PLTE") && (!length.is_multiple_of(3) || !(3..=768).contains(&length)) {
            return Err("the palette is broken".into());
        }
        rest = &rest[length + 12..];
    }
}

/// Why an image of so many pixels is left out.
pub(crate) fn too_large(width: impl Display, height: impl Display, max_pixels: u64) -> String {
    format!("{width} x {height} pixels are more than input.max_pixels = {max_pixels}")
}

/// Why a crop does not fit an image.
pub(crate) fn outside(crop: &Crop, width: usize, height: usize) -> String {
    format!(
        "the crop (rows {}..{}, columns {}..{}) reaches outside the image of {width} x {height} pixels; \
         set [crop], or crop.enabled = false where the whole image is the plot area",
        crop.top, crop.bottom, crop.left, crop.right
    )
}

/// Red, green and blue of a line's pixels.
fn to_rgb(line: &[u8], samples: usize, rgb: &mut [u8]) {
    let to = rgb.as_chunks_mut::<3>().0;
    match samples {
        3 => rgb.copy_from_slice(line),
        4 => {
            for (to, [r, g, b, _]) in to.iter_mut().zip(line.as_chunks::<4>().0) {
                *to = [*r, *g, *b];
            }
        }
        n => {
            for (to, pixel) in to.iter_mut().zip(line.chunks_exact(n)) {
                *to = [pixel[0]; 3];
            }
        }
    }
}

fn reason(error: &png::DecodingError) -> String {
    match error {
        png::DecodingError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => "the file ends early".into(),
        png::DecodingError::LimitsExceeded => "the image is too large".into(),
        other => format!("not a readable PNG: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PNG of `width` x `height` whose samples count up.
    fn encode(width: u32, height: u32, color: ColorType, depth: BitDepth, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, width, height);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == ColorType::Indexed {
            encoder.set_palette((0..=255u8).flat_map(|i| [i, 255 - i, 7]).collect::<Vec<u8>>());
        }
        encoder.write_header().and_then(|mut w| w.write_image_data(data)).expect("encodes");
        out
    }

    const ALL: u64 = 1000;

    #[test]
    fn every_colour_type_becomes_rgb() {
        let eight: Vec<u8> = (0..24).map(|i| i * 10).collect();
        let rgb = |bytes: Vec<u8>| from_bytes(&bytes, None, ALL).expect("decodes").rgb;
        assert_eq!(rgb(encode(4, 2, ColorType::Rgb, BitDepth::Eight, &eight)), eight, "RGB as it is");
        let grey = rgb(encode(4, 2, ColorType::Grayscale, BitDepth::Eight, &eight[..8]));
        assert_eq!(grey[3..6], [10, 10, 10], "grey three times");
        let alpha = rgb(encode(3, 2, ColorType::Rgba, BitDepth::Eight, &eight));
        assert_eq!(alpha[..6], [0, 10, 20, 40, 50, 60], "alpha is ignored");
        let palette = rgb(encode(4, 2, ColorType::Indexed, BitDepth::Eight, &eight[..8]));
        assert_eq!(palette[3..6], [10, 245, 7], "palette looked up");
        // 0x0180 = 384 is 1.494 of 257, 0x0181 is 1.498, 0x0182 is 1.502
        let wide = [0x01, 0x81, 0x01, 0x82, 0xff, 0xff];
        let deep = rgb(encode(1, 1, ColorType::Rgb, BitDepth::Sixteen, &wide));
        assert_eq!(deep, [1, 2, 255], "16 bits are rounded, not cut");
        let ga = rgb(encode(4, 2, ColorType::GrayscaleAlpha, BitDepth::Eight, &eight[..16]));
        assert_eq!(ga[3..6], [20, 20, 20], "grey with alpha");
    }

    #[test]
    fn crops_rows_and_columns() {
        let data: Vec<u8> = (0..60).collect();
        let png = encode(5, 4, ColorType::Rgb, BitDepth::Eight, &data);
        let crop = Crop { top: 1, bottom: 3, left: 2, right: 4 };
        let pixels = from_bytes(&png, Some(&crop), ALL).expect("decodes");
        assert_eq!((pixels.rows, pixels.columns), (2, 2), "size");
        assert_eq!(pixels.rgb, [21, 22, 23, 24, 25, 26, 36, 37, 38, 39, 40, 41], "the middle");
        let wide = Crop { right: 6, ..crop };
        assert!(from_bytes(&png, Some(&wide), ALL).is_err_and(|e| e.contains("outside")), "a column too many");
    }

    #[test]
    fn pictures_are_turned_so_that_time_runs_down() {
        // Time 0 holds 1 2 3 along the fibre, time 1 holds 4 5 6.
        let picture =
            |rows, columns, values: &[u8]| Pixels { rows, columns, rgb: values.iter().flat_map(|v| [*v; 3]).collect() };
        let want = picture(2, 3, &[1, 2, 3, 4, 5, 6]);
        for (axis, drawn) in [
            (TimeAxis::Down, want.clone()),
            (TimeAxis::Up, picture(2, 3, &[4, 5, 6, 1, 2, 3])),
            (TimeAxis::Right, picture(3, 2, &[1, 4, 2, 5, 3, 6])),
            (TimeAxis::Left, picture(3, 2, &[4, 1, 5, 2, 6, 3])),
        ] {
            let got = turned(drawn, axis);
            assert_eq!((got.rows, got.columns, got.rgb), (2, 3, want.rgb.clone()), "{axis:?}");
        }
    }

    #[test]
    fn broken_files_have_a_reason() {
        let data: Vec<u8> = (0..60u32).map(|i| (i * i * 7919 % 251) as u8).collect();
        let png = encode(5, 4, ColorType::Rgb, BitDepth::Eight, &data);
        for n in 0..png.len() {
            assert!(from_bytes(&png[..n], None, ALL).is_err(), "cut after {n} of {} bytes", png.len());
        }
        assert!(from_bytes(b"hello", None, ALL).is_err_and(|e| e.contains("PNG")), "a text");
        assert!(from_bytes(&png, None, 19).is_err_and(|e| e.contains("max_pixels")), "a limit");
        for n in [0, 1, 4, 771] {
            let mut palette = png[..33].to_vec();
            let chunk = [b"PLTE".to_vec(), vec![7; n]].concat();
            palette.extend((n as u32).to_be_bytes());
            palette.extend(&chunk);
            palette.extend(crc32fast::hash(&chunk).to_be_bytes());
            palette.extend(&png[33..]);
            assert!(from_bytes(&palette, None, ALL).is_err_and(|e| e.contains("palette")), "{n} bytes of palette");
        }
        for n in 0..png.len() {
            let mut flipped = png.clone();
            flipped[n] ^= 0x55;
            assert!(from_bytes(&flipped, None, ALL).is_err(), "byte {n} is damaged");
        }
    }
}
