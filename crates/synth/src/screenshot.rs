//! The screenshot around a plot area: title, axes, colour bar, and the bitmap letters they are written in.

use image::{Rgba, RgbaImage};
use ndarray::Array2;

use super::{DB_MAX, DB_MIN, MINUTE_S};
use scatterfall_colormap::Colormap;

/// Size of a screenshot in pixels.
const SIZE: (u32, u32) = (1920, 800);
/// The plot area in pixels; `bottom` and `right` lie just outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlotArea {
    /// First row.
    pub top: usize,
    /// Row after the last.
    pub bottom: usize,
    /// First column.
    pub left: usize,
    /// Column after the last.
    pub right: usize,
}

/// Where the plot area lies in it: the defaults of `[crop]`.
pub const PLOT: PlotArea = PlotArea { top: 160, bottom: 696, left: 70, right: 1789 };
/// The colour bar: left edge, top edge, width. Its height is one row a colour.
const BAR: (u32, u32, u32) = (1830, 300, 24);

const WHITE: Rgba<u8> = Rgba([255; 4]);
const BLACK: Rgba<u8> = Rgba([0, 0, 0, 255]);
/// Pixels a dot of a letter.
const SCALE: u32 = 2;
/// Height and advance of a letter in pixels.
const LETTER: (u32, u32) = (7 * SCALE, 6 * SCALE);

/// Everything that all minutes of an archive share.
pub(super) fn frame(km: f64, colormap: &Colormap) -> RgbaImage {
    let mut image = RgbaImage::from_pixel(SIZE.0, SIZE.1, WHITE);
    let [top, bottom, left, right] = [PLOT.top, PLOT.bottom, PLOT.left, PLOT.right].map(|v| v as u32);
    for tick in 0..=10 {
        let x = left + tick * (right - 1 - left) / 10;
        (bottom..bottom + 6).for_each(|y| image.put_pixel(x, y, BLACK));
        let label = format!("{:.1}", km * f64::from(tick) / 10.0);
        write(&mut image, x.saturating_sub(width(&label) / 2), bottom + 10, &label);
    }
    for tick in 0..=6 {
        let y = top + tick * (bottom - 1 - top) / 6;
        (left - 6..left).for_each(|x| image.put_pixel(x, y, BLACK));
        let label = format!("{:.0}", MINUTE_S * f64::from(tick) / 6.0);
        write(&mut image, left - 10 - width(&label), y - LETTER.0 / 2, &label);
    }
    write(&mut image, 880, bottom + 40, "Distance (km)");
    write(&mut image, 16, top - 30, "Time (s)");

    let (x0, y0, bar_width) = BAR;
    for (row, index) in (0..=u8::MAX).rev().enumerate() {
        let [r, g, b] = colormap.color(index);
        (x0..x0 + bar_width).for_each(|x| image.put_pixel(x, y0 + row as u32, Rgba([r, g, b, 255])));
    }
    for tick in 0..=6 {
        let db = DB_MAX - (DB_MAX - DB_MIN) * f64::from(tick) / 6.0;
        write(&mut image, x0 + bar_width + 6, y0 + tick * 255 / 6 - LETTER.0 / 2, &format!("{db:.0}"));
    }
    write(&mut image, x0, y0 - 30, "dB");
    image
}

/// A minute's screenshot: the frame with its title and its plot area (colour indices).
pub(super) fn compose(frame: &RgbaImage, title: &str, indices: &Array2<u8>, colormap: &Colormap) -> RgbaImage {
    let mut image = frame.clone();
    write(&mut image, 70, 60, title);
    let row_bytes = 4 * SIZE.0 as usize;
    let rows = image.chunks_exact_mut(row_bytes).skip(PLOT.top);
    for (row, indices) in rows.zip(indices.rows()) {
        let plot = row.chunks_exact_mut(4).skip(PLOT.left);
        for (pixel, &index) in plot.zip(&indices) {
            pixel[..3].copy_from_slice(&colormap.color(index));
        }
    }
    image
}

/// Width in pixels of a text on its own.
fn width(text: &str) -> u32 {
    LETTER.1 * text.chars().count() as u32 - SCALE
}

/// Writes `text` with its top left corner at `(x, y)`; what lies outside the image is cut off.
fn write(image: &mut RgbaImage, x: u32, y: u32, text: &str) {
    for (letter, x) in text.chars().zip((x..).step_by(LETTER.1 as usize)) {
        let rows = LETTERS.iter().find(|(l, _)| *l == letter).map_or([0; 7], |(_, rows)| *rows);
        for (dy, dx) in (0..LETTER.0).flat_map(|dy| (0..5 * SCALE).map(move |dx| (dy, dx))) {
            let dots = rows[(dy / SCALE) as usize];
            if dots >> (4 - dx / SCALE) & 1 == 1
                && let Some(pixel) = image.get_pixel_mut_checked(x + dx, y + dy)
            {
                *pixel = BLACK;
            }
        }
    }
}

/// The letters in use, 5 x 7 dots: a number a row, the highest of five bits on the left.
const LETTERS: [(char, [u8; 7]); 39] = [
    (' ', [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00]),
    ('0', [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e]),
    ('1', [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e]),
    ('2', [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f]),
    ('3', [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e]),
    ('4', [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02]),
    ('5', [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e]),
    ('6', [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e]),
    ('7', [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08]),
    ('8', [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e]),
    ('9', [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c]),
    ('-', [0x00, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00]),
    ('.', [0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c]),
    (':', [0x00, 0x0c, 0x0c, 0x00, 0x0c, 0x0c, 0x00]),
    ('(', [0x02, 0x04, 0x08, 0x08, 0x08, 0x04, 0x02]),
    (')', [0x08, 0x04, 0x02, 0x02, 0x02, 0x04, 0x08]),
    ('B', [0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e]),
    ('C', [0x0e, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0e]),
    ('D', [0x1c, 0x12, 0x11, 0x11, 0x11, 0x12, 0x1c]),
    ('M', [0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11]),
    ('R', [0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11]),
    ('S', [0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e]),
    ('T', [0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04]),
    ('U', [0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e]),
    ('W', [0x11, 0x11, 0x11, 0x15, 0x15, 0x15, 0x0a]),
    ('a', [0x00, 0x00, 0x0e, 0x01, 0x0f, 0x11, 0x0f]),
    ('c', [0x00, 0x00, 0x0e, 0x10, 0x10, 0x11, 0x0e]),
    ('d', [0x01, 0x01, 0x0d, 0x13, 0x11, 0x11, 0x0f]),
    ('e', [0x00, 0x00, 0x0e, 0x11, 0x1f, 0x10, 0x0e]),
    ('f', [0x06, 0x09, 0x08, 0x1c, 0x08, 0x08, 0x08]),
    ('i', [0x04, 0x00, 0x0c, 0x04, 0x04, 0x04, 0x0e]),
    ('k', [0x10, 0x10, 0x12, 0x14, 0x18, 0x14, 0x12]),
    ('l', [0x0c, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e]),
    ('m', [0x00, 0x00, 0x1a, 0x15, 0x15, 0x11, 0x11]),
    ('n', [0x00, 0x00, 0x16, 0x19, 0x11, 0x11, 0x11]),
    ('r', [0x00, 0x00, 0x16, 0x19, 0x10, 0x10, 0x10]),
    ('s', [0x00, 0x00, 0x0e, 0x10, 0x0e, 0x01, 0x1e]),
    ('t', [0x08, 0x08, 0x1c, 0x08, 0x08, 0x09, 0x06]),
    ('u', [0x00, 0x00, 0x11, 0x11, 0x11, 0x13, 0x0d]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_in_use_is_drawn() {
        let texts = ["Waterfall RMS (dB)   2025-05-15 00:00:00 UTC", "Distance (km)", "Time (s)", "0123456789-."];
        for letter in texts.iter().flat_map(|t| t.chars()).filter(|c| *c != ' ') {
            assert!(LETTERS.iter().any(|(l, rows)| *l == letter && rows.iter().any(|r| *r > 0)), "{letter} is blank");
        }
        assert!(LETTERS.iter().all(|(_, rows)| rows.iter().all(|r| *r < 32)), "five dots a row");
    }

    #[test]
    fn nothing_of_the_frame_lies_on_the_plot_area() {
        let map = Colormap::builtin("jet").expect("comes with the program");
        let mut image = compose(&frame(1e6, &map), &"8".repeat(400), &Array2::zeros((0, 0)), &map);
        let plot = image::imageops::crop(&mut image, 70, 160, 1719, 536);
        assert!(plot.to_image().pixels().all(|p| *p == WHITE), "only the data are drawn there");
        assert!(image.pixels().any(|p| *p == BLACK), "but something is drawn");
    }
}
