//! Small pictures of waterfalls for the page.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::waterfall::Waterfall;
use scatterfall_colormap::Colormap;

/// Colours of a thumbnail: fewer than the map's, so that noise packs better.
const LEVELS: usize = 64;

/// A palette PNG of some columns of a waterfall, `width` x `height` pixels or fewer.
///
/// Each pixel is half-way between the mean and the largest index of its cell: faint noise becomes even, and lines
/// thinner than a pixel stay.
///
/// # Errors
/// [`Error::Thumbnail`] where there are no such columns or the indices are fewer than the image's pixels.
pub fn thumbnail(
    image: &Waterfall<'_>,
    columns: Range<usize>,
    colormap: &Colormap,
    (width, height): (usize, usize),
) -> Result<Vec<u8>> {
    let fault = |what: String| Error::Thumbnail(what);
    if columns.is_empty()
        || columns.end > image.columns
        || image.rows == 0
        || image.indices.len() < image.rows * image.columns
    {
        return Err(fault(format!("columns {columns:?} of an image of {} x {} pixels", image.columns, image.rows)));
    }
    let (width, height) = (width.clamp(1, columns.len()), height.clamp(1, image.rows));
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        let rows = y * image.rows / height..(y + 1) * image.rows / height;
        for x in 0..width {
            let cell = columns.start + x * columns.len() / width..columns.start + (x + 1) * columns.len() / width;
            let (mut sum, mut most) = (0u64, 0u8);
            for row in rows.clone() {
                let line = &image.indices[row * image.columns..][cell.clone()];
                sum += line.iter().map(|&v| u64::from(v)).sum::<u64>();
                most = most.max(line.iter().copied().max().unwrap_or(0));
            }
            let mean = sum / (rows.len() * cell.len()) as u64;
            pixels.push(((mean + u64::from(most)) / 2 * LEVELS as u64 / 256) as u8);
        }
    }
    let level = |l: usize| colormap.color(((2 * l + 1) * 256 / (2 * LEVELS)) as u8);
    let palette: Vec<u8> = (0..LEVELS).flat_map(level).collect();
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width as u32, height as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().map_err(|e| fault(e.to_string()))?;
    writer.write_image_data(&pixels).map_err(|e| fault(e.to_string()))?;
    writer.finish().map_err(|e| fault(e.to_string()))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thin_lines_survive_and_files_are_small() {
        let map = Colormap::builtin("jet").expect("comes with the program");
        let mut state = 1u32;
        let mut indices: Vec<u8> = (0..536 * 1_719)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                60 + (state >> 27) as u8
            })
            .collect();
        (0..536).for_each(|row| indices[row * 1_719 + 860] = 250);
        let image = Waterfall { time: 0, rows: 536, columns: 1_719, indices: &indices };
        let png = thumbnail(&image, 0..1_719, &map, (240, 80)).expect("made");
        assert!(png.len() < 12_000, "{} bytes of noise", png.len());
        let back = image::load_from_memory(&png).expect("a PNG").to_rgb8();
        assert_eq!(back.dimensions(), (240, 80), "size");
        let index = |x| map.nearest(back.get_pixel(x, 40).0).0;
        assert!(index(120) > index(60) + 60, "the line: {} beside {}", index(120), index(60));
    }

    #[test]
    fn columns_that_are_not_there_are_refused() {
        let indices = [7; 12];
        let image = Waterfall { time: 0, rows: 3, columns: 4, indices: &indices };
        let make = |columns| thumbnail(&image, columns, &Colormap::Gray, (100, 100));
        let back = image::load_from_memory(&make(1..3).expect("made")).expect("a PNG");
        assert_eq!((back.width(), back.height()), (2, 3), "never larger than the image");
        assert!(make(2..2).is_err() && make(3..5).is_err(), "none, or too far");
        assert!(thumbnail(&Waterfall { rows: 4, ..image }, 0..4, &Colormap::Gray, (9, 9)).is_err(), "too few pixels");
    }
}
