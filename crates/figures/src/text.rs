//! Text on a canvas.
//!
//! Glyphs are placed with `ab_glyph` itself: the text of `plotters` starts every glyph at its ink, which leaves out
//! the side bearings and spaces letters unevenly.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};

use super::canvas::{Canvas, SCALE};
use super::palette::{INK, Rgb};

/// Where a text stands relative to the point it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// How a text is drawn. Vertically it is centred on its point.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Size of an em in pixels of the finished picture.
    pub size: f64,
    /// Colour.
    pub color: Rgb,
    /// Position along the text.
    pub anchor: Anchor,
    /// Turned to read from bottom to top.
    pub upwards: bool,
}

impl Text {
    /// Level text in ink that begins at its point.
    pub fn new(size: f64) -> Self {
        Self { size, color: INK, anchor: Anchor::Start, upwards: false }
    }

    /// The same in another colour.
    pub fn color(self, color: Rgb) -> Self {
        Self { color, ..self }
    }

    /// The same, placed otherwise.
    pub fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    /// The same, reading upwards.
    pub fn upwards(self) -> Self {
        Self { upwards: true, ..self }
    }
}

impl Canvas {
    /// One line of text at a point.
    pub fn text(&mut self, text: &str, at: (f64, f64), style: Text) {
        let Some(font) = font() else {
            self.failed = true;
            return;
        };
        let text = printable(text);
        let scale = f64::from(SCALE);
        let width = text_width(&text, style.size);
        let start = match style.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -width / 2.0,
            Anchor::End => -width,
        };
        #[cfg(test)]
        self.texts.push((text.clone(), text_box(at, start, width, style)));
        let scaled = font.as_scaled(px_scale(font, style.size * scale));
        // Half the height of digits and capitals above the point's middle, so that labels sit level with their ticks.
        let baseline = (CAP_HEIGHT / 2.0 * style.size * scale) as f32;
        let mut pen = (start * scale) as f32;
        let mut last = None;
        for c in text.chars() {
            let id = font.glyph_id(c);
            if let Some(last) = last {
                pen += scaled.kern(last, id);
            }
            last = Some(id);
            let glyph = id.with_scale_and_position(scaled.scale(), point(pen, baseline));
            pen += scaled.h_advance(id);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let bounds = outline.px_bounds();
            let origin = ((at.0 * scale).round() as i32, (at.1 * scale).round() as i32);
            let (left, top) = (bounds.min.x as i32, bounds.min.y as i32);
            outline.draw(|x, y, coverage| {
                let (x, y) = (left.saturating_add_unsigned(x), top.saturating_add_unsigned(y));
                let (x, y) = if style.upwards { (y, -x) } else { (x, y) };
                self.blend(origin.0.saturating_add(x), origin.1.saturating_add(y), style.color, coverage);
            });
        }
    }

    /// Mixes a colour into one fine pixel; outside the sheet nothing happens.
    fn blend(&mut self, x: i32, y: i32, color: Rgb, coverage: f32) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if x >= self.width * SCALE || y >= self.height * SCALE {
            return;
        }
        let at = 3 * (y as usize * (self.width * SCALE) as usize + x as usize);
        for (old, new) in self.rgb[at..at + 3].iter_mut().zip(color) {
            let (a, b) = (f32::from(*old), f32::from(new));
            *old = (a + (b - a) * coverage.clamp(0.0, 1.0)).round() as u8;
        }
    }
}

/// Height of digits and capitals of the font in em.
const CAP_HEIGHT: f64 = 0.729;

/// DejaVu Sans (free licence, see the `dejavu` crate): covers the names that people give their files.
fn font() -> Option<&'static FontRef<'static>> {
    static FONT: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    FONT.get_or_init(|| FontRef::try_from_slice(dejavu::sans::regular()).ok()).as_ref()
}

/// ab_glyph scales by the line's height, everyone else by the em.
fn px_scale(font: &FontRef<'_>, size: f64) -> PxScale {
    PxScale::from(size as f32 * font.height_unscaled() / font.units_per_em().unwrap_or(1.0))
}

/// Width of a line of text in pixels; `size` is that of the em.
pub fn text_width(text: &str, size: f64) -> f64 {
    let Some(font) = font() else { return 0.0 };
    let scaled = font.as_scaled(px_scale(font, size));
    let mut width = 0.0;
    let mut last = None;
    for c in text.chars() {
        let id = font.glyph_id(c);
        width += last.map_or(0.0, |last| scaled.kern(last, id)) + scaled.h_advance(id);
        last = Some(id);
    }
    f64::from(width)
}

/// `text`, cut with an ellipsis where it is wider than `room` pixels.
pub fn fit_text(text: &str, size: f64, room: f64) -> String {
    if text_width(text, size) <= room {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(400).collect();
    while !kept.is_empty() && text_width(&kept, size) + text_width("…", size) > room {
        kept.pop();
    }
    kept + "…"
}

/// Control characters have no picture.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
fn text_box((x, y): (f64, f64), start: f64, width: f64, style: Text) -> super::canvas::Rect {
    use super::canvas::Rect;
    let half = CAP_HEIGHT / 2.0 * style.size;
    let below = half + 0.2 * style.size;
    if style.upwards {
        Rect::new(x - half, y - start - width, x + below, y - start)
    } else {
        Rect::new(x + start, y - half, x + start + width, y + below)
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::tests::check_texts;
    use super::super::palette::WHITE;
    use super::*;

    #[test]
    fn text_is_drawn_and_measured() {
        let mut canvas = Canvas::new(200, 60);
        canvas.text("Überlauf µs\u{7}", (100.0, 30.0), Text::new(20.0).anchor(Anchor::Middle));
        check_texts(&canvas);
        let picture = canvas.finish().expect("drawn");
        let ink: Vec<u32> = picture.enumerate_pixels().filter(|(.., p)| p.0 != WHITE).map(|(x, ..)| x).collect();
        let (first, last) = (ink.iter().min().expect("ink"), ink.iter().max().expect("ink"));
        let width = text_width("Überlauf µs\u{fffd}", 20.0);
        // The ink is narrower than the advance by the bearings of the outer glyphs, a few pixels.
        assert!((f64::from(last - first) - width).abs() < 6.0, "{first}..{last} for {width}");
        assert!(fit_text("a rather long name.png", 20.0, 100.0).ends_with('…'), "cut");
        assert_eq!(fit_text("short", 20.0, 100.0), "short", "not cut");
    }
}
