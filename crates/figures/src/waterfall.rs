//! What the pictures that show waterfalls again have in common.

use std::ops::Range;

use super::canvas::{Canvas, Rect};
use super::palette::Rgb;
use scatterfall_colormap::Colormap;
use scatterfall_timestamps::Micros;

/// The recognised plot area of one image.
#[derive(Clone, Copy, Debug)]
pub struct Waterfall<'a> {
    /// Its start, UTC.
    pub time: Micros,
    /// Pixels down (time).
    pub rows: usize,
    /// Pixels across (distance).
    pub columns: usize,
    /// Colour index of every pixel, row by row; what is missing at the end stays white.
    pub indices: &'a [u8],
}

impl Waterfall<'_> {
    /// Draws the whole image.
    pub(super) fn paint(&self, canvas: &mut Canvas, rect: Rect, colors: &[Rgb; 256]) {
        self.paint_columns(canvas, rect, colors, 0..self.columns);
    }

    /// Draws some of its columns.
    pub(super) fn paint_columns(&self, canvas: &mut Canvas, rect: Rect, colors: &[Rgb; 256], columns: Range<usize>) {
        canvas.cells(rect, (columns.len(), self.rows), |x, y| {
            Some(colors[usize::from(*self.indices.get(y * self.columns + columns.start + x)?)])
        });
    }
}

/// What all pictures with waterfalls need to know.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The map that the archive is drawn with.
    pub colormap: &'a Colormap,
    /// Decibels of the first and the last colour.
    pub db: (f64, f64),
    /// Kilometres at the left and at the right edge of an image.
    pub distance_km: (f64, f64),
    /// Seconds that an image spans.
    pub duration_s: f64,
    /// Length of a segment in km.
    pub segment_km: f64,
}

/// With its first letter in upper case.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const SCENE: Scene<'static> = Scene {
        colormap: &Colormap::Gray,
        db: (-113.0, -35.0),
        distance_km: (0.0, 20.0),
        duration_s: 60.0,
        segment_km: 3.0,
    };

    /// A picture of 53 rows, a minute of 2025-05-15.
    pub(in super::super) fn image(indices: &[u8]) -> Waterfall<'_> {
        Waterfall { time: 1_747_267_200_000_000, rows: 53, columns: indices.len() / 53, indices }
    }
}
