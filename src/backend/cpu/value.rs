//! Colours to indices without a search a pixel.
//!
//! Nearly every pixel of a screenshot has exactly a colour of the map, so a small hash table of colours seen so far
//! answers it; only a colour that is not in the table is searched for, once as long as its slot is not needed by
//! another.

use crate::batch::Pixels;
use crate::colormap::Colormap;

/// Slots of the table. 4,096 of 8 bytes stay in the first-level cache beside the pixels.
const SLOTS: usize = 4096;

/// Marks a slot that holds no colour; colours have 24 bits.
const EMPTY: u32 = u32::MAX;

/// A colour map with the answers found so far. One a thread.
pub(super) struct Quantiser {
    map: Colormap,
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    color: u32,
    index: u8,
    exact: bool,
}

impl Quantiser {
    pub(super) fn new(map: &Colormap) -> Self {
        let empty = Slot { color: EMPTY, index: 0, exact: false };
        let mut this = Self { map: map.clone(), slots: vec![empty; SLOTS] };
        for index in (0..=u8::MAX).rev() {
            let [r, g, b] = map.color(index);
            this.look_up(r, g, b);
        }
        this
    }

    #[inline]
    fn look_up(&mut self, r: u8, g: u8, b: u8) -> (u8, f64) {
        let color = u32::from_le_bytes([r, g, b, 0]);
        // Fibonacci hashing: the top bits of the product mix all three channels.
        let slot = &mut self.slots[(color.wrapping_mul(0x9E37_79B1) >> 20) as usize % SLOTS];
        if slot.color == color && slot.exact {
            return (slot.index, 0.0);
        }
        let (index, distance2) = self.map.nearest([r, g, b]);
        // An exact colour is never displaced by one that has to be measured anyway.
        if distance2 == 0 || !slot.exact {
            *slot = Slot { color, index, exact: distance2 == 0 };
        }
        (index, f64::from(distance2).sqrt())
    }

    /// Writes each pixel's index to `out` (row by row) and returns the mean distance to the nearest colour.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a mean of colour distances")]
    pub(super) fn quantise(&mut self, pixels: &Pixels, out: &mut Vec<u8>) -> f32 {
        let mut distance = 0.0;
        out.clear();
        out.reserve_exact(pixels.rows * pixels.columns);
        // Neighbours often share a colour that is not in the map (axes, text, a wrong crop): remember the last one.
        let mut last = ([0, 0, 0], self.look_up(0, 0, 0));
        for rgb in pixels.rgb.chunks_exact(3) {
            let rgb = [rgb[0], rgb[1], rgb[2]];
            if rgb != last.0 {
                last = (rgb, self.look_up(rgb[0], rgb[1], rgb[2]));
            }
            out.push(last.1.0);
            distance += last.1.1;
        }
        (distance / (pixels.rows * pixels.columns).max(1) as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random colours, and colours of the map with small changes.
    fn pixels(map: &Colormap) -> Pixels {
        let mut state = 7u32;
        let mut rgb = Vec::new();
        for i in 0..3000u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [r, g, b, _] = state.to_be_bytes();
            let [x, y, z] = map.color(r);
            rgb.extend(match i % 3 {
                0 => [r, g, b],
                1 => [x, y, z],
                _ => [x.saturating_add(g % 3), y, z.saturating_sub(b % 3)],
            });
        }
        Pixels { rows: 30, columns: 100, rgb }
    }

    #[test]
    fn the_table_gives_what_the_search_gives() {
        for name in ["jet", "viridis", "gray"] {
            let map = Colormap::load(name).expect("comes with the program");
            let pixels = pixels(&map);
            let (mut quantiser, mut got) = (Quantiser::new(&map), Vec::new());
            let residual = quantiser.quantise(&pixels, &mut got);
            let (mut want, mut distance) = (Vec::new(), 0.0);
            for rgb in pixels.rgb.chunks_exact(3) {
                let (index, d) = map.nearest([rgb[0], rgb[1], rgb[2]]);
                want.push(index);
                distance += f64::from(d).sqrt();
            }
            assert_eq!(got, want, "{name}");
            assert!((f64::from(residual) - distance / 3000.0).abs() < 1e-5, "{name}: {residual} rounds an f64 mean");
            assert!(residual > 1.0, "{name}: random colours are far from the map");
            let again = quantiser.quantise(&pixels, &mut got);
            assert_eq!((again, &got), (residual, &want), "{name}: what was seen before does not matter");
        }
    }
}
