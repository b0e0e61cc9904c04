//! A white sheet with lines, shapes, pixel maps and text, and the way to a PNG file.

use image::RgbImage;
use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::{Color as _, RGBColor, ShapeStyle};

use super::palette::Rgb;
use crate::error::{Error, Result};

/// Everything is drawn this many times larger and averaged down at the end: smooth edges at any angle.
pub(super) const SCALE: u32 = 2;

/// A rectangle in pixels of the finished picture; y grows downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Lower edge.
    pub bottom: f64,
}

impl Rect {
    /// A rectangle from its edges.
    pub fn new(left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self { left, top, right, bottom }
    }

    /// Pixels across.
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Pixels down.
    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// True where `other` lies inside, edges included.
    pub fn contains(&self, other: Rect) -> bool {
        other.left >= self.left && other.top >= self.top && other.right <= self.right && other.bottom <= self.bottom
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Stroke {
    /// Colour.
    pub color: Rgb,
    /// Opacity, 0 to 1.
    pub alpha: f64,
    /// Width in pixels of the finished picture.
    pub width: f64,
}

impl Stroke {
    /// An opaque line.
    pub fn new(color: Rgb, width: f64) -> Self {
        Self { color, alpha: 1.0, width }
    }

    fn shape(&self) -> ShapeStyle {
        let width = ((self.width * f64::from(SCALE)).round() as u32).max(1);
        filled(self.color, self.alpha).stroke_width(width)
    }
}

fn filled([r, g, b]: Rgb, alpha: f64) -> ShapeStyle {
    RGBColor(r, g, b).mix(alpha).filled()
}

/// A picture being drawn. Coordinates are pixels of the finished picture from its upper left corner.
#[derive(Clone)]
pub struct Canvas {
    pub(super) width: u32,
    pub(super) height: u32,
    /// The sheet at [`SCALE`] times the size, row by row, red first.
    pub(super) rgb: Vec<u8>,
    /// A drawing call failed: nothing is saved.
    pub(super) failed: bool,
    /// Every text with the room it takes, for the tests of layout.
    #[cfg(test)]
    pub(super) texts: Vec<(String, Rect)>,
}

impl Canvas {
    /// A white sheet.
    pub fn new(width: u32, height: u32) -> Self {
        let pixels = (width * SCALE) as usize * (height * SCALE) as usize;
        Self {
            width,
            height,
            rgb: vec![255; 3 * pixels],
            failed: false,
            #[cfg(test)]
            texts: Vec::new(),
        }
    }

    /// Pixels across.
    pub fn width(&self) -> f64 {
        f64::from(self.width)
    }

    /// Pixels down.
    pub fn height(&self) -> f64 {
        f64::from(self.height)
    }

    fn with_backend<E>(&mut self, draw: impl FnOnce(&mut BitMapBackend<'_>) -> std::result::Result<(), E>) {
        let mut backend = BitMapBackend::with_buffer(&mut self.rgb, (self.width * SCALE, self.height * SCALE));
        self.failed |= draw(&mut backend).is_err();
    }

    /// A line through points.
    pub fn line(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        let shape = stroke.shape();
        let mut distinct: Vec<(i32, i32)> = points.iter().map(|&p| grid(p)).collect();
        distinct.dedup();
        self.with_backend(|backend| {
            let mut ends = distinct.into_iter();
            // Segment by segment: the outline of a whole thick line crosses itself, and its overlaps stay empty.
            let mut from = ends.next().unwrap_or_default();
            ends.try_for_each(|to| {
                let start = std::mem::replace(&mut from, to);
                backend.draw_path([start, to], &shape)?;
                // Round joins.
                let joined = shape.stroke_width > 3 && stroke.alpha >= 1.0;
                if joined { backend.draw_circle(to, shape.stroke_width / 2 - 1, &shape, true) } else { Ok(()) }
            })
        });
    }

    /// A filled rectangle.
    pub fn fill(&mut self, rect: Rect, color: Rgb, alpha: f64) {
        let (from, to) = (grid((rect.left, rect.top)), grid((rect.right, rect.bottom)));
        if to.0 <= from.0 || to.1 <= from.1 {
            return;
        }

        let style = filled(color, alpha);
        self.with_backend(|backend| backend.draw_rect(from, to, &style, true));
    }

    /// The outline of a rectangle.
    pub fn outline(&mut self, rect: Rect, stroke: Stroke) {
        let Rect { left, top, right, bottom } = rect;
        self.line(&[(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], stroke);
    }

    /// A filled circle.
    pub fn dot(&mut self, center: (f64, f64), radius: f64, color: Rgb, alpha: f64) {
        let radius = (radius * f64::from(SCALE)).round() as u32;
        let style = filled(color, alpha);
        self.with_backend(|backend| backend.draw_circle(grid(center), radius, &style, true));
    }

    /// A filled polygon.
    pub fn polygon(&mut self, corners: &[(f64, f64)], color: Rgb, alpha: f64) {
        let style = filled(color, alpha);
        self.with_backend(|backend| backend.fill_polygon(corners.iter().map(|&p| grid(p)), &style));
    }

    /// A map of `columns` x `rows` cells stretched over `rect`, each cell a rectangle of one colour (`None`: left as it
    /// is). `cell(column, row)` is asked at most once a fine pixel.
    pub fn cells(&mut self, rect: Rect, (columns, rows): (usize, usize), cell: impl Fn(usize, usize) -> Option<Rgb>) {
        let ((x0, y0), (x1, y1)) = (grid((rect.left, rect.top)), grid((rect.right, rect.bottom)));
        let (sheet_w, sheet_h) = ((self.width * SCALE) as i32, (self.height * SCALE) as i32);
        if columns == 0 || rows == 0 || x1 <= x0 || y1 <= y0 {
            return;
        }
        let pick = |at: i32, from: i32, to: i32, n: usize| {
            let share = (f64::from(at - from) + 0.5) / f64::from(to - from);
            ((share * n as f64) as usize).min(n - 1)
        };
        for y in y0.max(0)..y1.min(sheet_h) {
            let row = pick(y, y0, y1, rows);
            for x in x0.max(0)..x1.min(sheet_w) {
                if let Some(color) = cell(pick(x, x0, x1, columns), row) {
                    let at = 3 * (y as usize * sheet_w as usize + x as usize);
                    self.rgb[at..at + 3].copy_from_slice(&color);
                }
            }
        }
    }

    /// The finished picture.
    ///
    /// # Errors
    /// [`Error::Drawing`] where a drawing call failed, which means a fault of this program.
    pub fn finish(&self) -> Result<RgbImage> {
        if self.failed {
            return Err(Error::Drawing);
        }
        const N: usize = SCALE as usize;
        let mut out = RgbImage::new(self.width, self.height);
        let row = 3 * self.width as usize;
        // Fine rows are added as they lie, which the compiler makes vectors of; only their sum is taken apart into pixels.
        let mut fine_sums = vec![0u16; N * row];
        const ALL: u16 = (N * N) as u16;
        for (fine_rows, out) in self.rgb.chunks_exact(N * N * row).zip(out.chunks_exact_mut(row)) {
            fine_sums.fill(0);
            for fine_row in fine_rows.chunks_exact(N * row) {
                fine_sums.iter_mut().zip(fine_row).for_each(|(s, &c)| *s += u16::from(c));
            }
            for (mean, pixels) in out.chunks_exact_mut(3).zip(fine_sums.chunks_exact(3 * N)) {
                for (channel, mean) in mean.iter_mut().enumerate() {
                    let sum: u16 = pixels[channel..].iter().step_by(3).sum();
                    // A mean of bytes is one.
                    *mean = ((sum + ALL / 2) / ALL) as u8;
                }
            }
        }
        Ok(out)
    }

    /// The picture as the bytes of a PNG file.
    ///
    /// # Errors
    /// [`Error::Drawing`] or [`Error::Encoding`] where the rasteriser or the encoder fails.
    pub fn png(&self) -> Result<Vec<u8>> {
        png(&self.finish()?)
    }

    /// Every text drawn so far and the room it takes.
    #[cfg(test)]
    pub(crate) fn texts(&self) -> &[(String, Rect)] {
        &self.texts
    }
}

fn grid((x, y): (f64, f64)) -> (i32, i32) {
    // Far outside is kept near, so that the rasteriser's own arithmetic cannot overflow.
    let at = |v: f64| (v * f64::from(SCALE)).round().clamp(-65_536.0, 65_536.0) as i32;
    (at(x), at(y))
}

/// A picture as the bytes of a PNG file.
///
/// By fdeflate, which is made for PNG: encoding was most of the time that drawing takes. Rows are taken from those above because
/// waterfalls are mostly stretched downwards.
fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let fault = |e: png::EncodingError| Error::Encoding(e.to_string());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Up);
    let mut writer = encoder.write_header().map_err(fault)?;
    writer.write_image_data(picture.as_raw()).map_err(fault)?;
    writer.finish().map_err(fault)?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::palette::{INK, WHITE};
    use super::super::text::Text;
    use super::*;

    /// No text leaves the sheet, and no two overlap.
    pub(crate) fn check_texts(canvas: &Canvas) {
        let texts = canvas.texts();
        assert!(!texts.is_empty(), "a picture without a word");
        for (i, (text, a)) in texts.iter().enumerate() {
            let inside = a.left >= 0.0 && a.top >= 0.0 && a.right <= canvas.width() && a.bottom <= canvas.height();
            assert!(inside, "{text:?} is cut off: {a:?}");
            for (other, b) in &texts[..i] {
                let apart = a.right < b.left || b.right < a.left || a.bottom < b.top || b.bottom < a.top;
                assert!(apart, "{text:?} {a:?} and {other:?} {b:?} overlap");
            }
        }
    }

    /// True where a text is on the picture.
    pub(crate) fn says(canvas: &Canvas, text: &str) -> bool {
        canvas.texts().iter().any(|(t, _)| t.contains(text))
    }

    /// Pixels of exactly one colour.
    pub(crate) fn count(picture: &RgbImage, color: Rgb) -> usize {
        picture.pixels().filter(|p| p.0 == color).count()
    }

    #[test]
    fn shapes_land_where_they_are_told() {
        let mut canvas = Canvas::new(40, 30);
        canvas.fill(Rect::new(10.0, 5.0, 20.0, 15.0), [255, 0, 0], 1.0);
        canvas.cells(Rect::new(30.0, 20.0, 34.0, 24.0), (2, 2), |x, y| (x == y).then_some([0, 0, 255]));
        let picture = canvas.finish().expect("drawn");
        assert_eq!(picture.dimensions(), (40, 30), "size");
        assert_eq!(count(&picture, [255, 0, 0]), 100, "10 x 10 pixels");
        assert_eq!(picture.get_pixel(10, 5).0, [255, 0, 0], "first corner");
        assert_eq!(picture.get_pixel(20, 15).0, WHITE, "the far edge is outside");
        assert_eq!(count(&picture, [0, 0, 255]), 8, "two of four cells, 2 x 2 pixels each");
    }

    #[test]
    fn coordinates_outside_are_harmless() {
        let mut canvas = Canvas::new(20, 20);
        let far = [(-1e300, 5.0), (1e300, 5.0), (f64::NAN, f64::INFINITY), (3.0, -50.0)];
        canvas.line(&far, Stroke::new(INK, 2.0));
        canvas.fill(Rect::new(-100.0, -100.0, 100.0, 100.0), INK, 0.5);
        canvas.dot((-5.0, 500.0), 30.0, INK, 1.0);
        canvas.polygon(&far, INK, 1.0);
        canvas.cells(Rect::new(-10.0, -10.0, 500.0, 30.0), (3, 3), |_, _| Some(INK));
        canvas.text("outside", (-1e12, 1e12), Text::new(12.0));
        canvas.finish().expect("nothing failed");
    }

    #[test]
    #[should_panic(expected = "overlap")]
    fn overlapping_texts_are_caught() {
        let mut canvas = Canvas::new(200, 60);
        canvas.text("one", (50.0, 30.0), Text::new(20.0));
        canvas.text("two", (60.0, 30.0), Text::new(20.0));
        check_texts(&canvas);
    }

    #[test]
    #[should_panic(expected = "cut off")]
    fn texts_that_leave_the_sheet_are_caught() {
        let mut canvas = Canvas::new(200, 60);
        canvas.text("one", (190.0, 30.0), Text::new(20.0));
        check_texts(&canvas);
    }

    #[test]
    fn a_png_holds_the_pixels() {
        let mut canvas = Canvas::new(30, 20);
        canvas.dot((15.0, 10.0), 5.0, INK, 1.0);
        let back = image::load_from_memory(&canvas.png().expect("encoded")).expect("a PNG").to_rgb8();
        assert_eq!(back, canvas.finish().expect("drawn"), "the same pixels");
    }
}
