//! Colours to indices without a search a pixel.
//!
//! Nearly every pixel of a screenshot has exactly a colour of the map, so a hash table of the map's colours, each in a
//! slot of its own, answers it. Any other colour is searched for, once as long as its place among the colours searched
//! for so far is not needed by another.

use super::super::color_hash::{COLOR, packed, slot, table};
use crate::blocks::Pixels;
use scatterfall_colormap::Colormap;

/// Slots of both tables: with 4,096 of 4 and 8 bytes they stay in the first and second cache.
const SLOTS: usize = 1 << 12;

/// A colour map with the answers found so far. One a thread.
#[derive(Clone)]
pub(super) struct Quantiser {
    map: Colormap,
    /// Spreads the map's colours over the slots.
    factor: u32,
    /// Colours of the map with their indices. A slot without one holds another slot's, which no colour of its own matches.
    exact: Box<[u32; SLOTS]>,
    /// Other colours.
    searched: Box<[Searched; SLOTS]>,
}

#[derive(Clone, Copy)]
struct Searched {
    color: u32,
    index: u8,
    /// Squared distance to the map's colour; 0 marks a slot that holds nothing yet.
    distance2: u32,
}

impl Quantiser {
    pub(super) fn new(map: &Colormap) -> Self {
        let (exact, factor) = table::<SLOTS>(map);
        let nothing = Searched { color: 0, index: 0, distance2: 0 };
        Self { map: map.clone(), factor, exact, searched: Box::new([nothing; SLOTS]) }
    }

    /// Index and distance of a colour that is not among the exact ones.
    #[inline(never)]
    fn search(&mut self, color: u32) -> (u8, f64) {
        let searched = &mut self.searched[slot::<SLOTS>(color, self.factor)];
        if searched.color != color || searched.distance2 == 0 {
            let [r, g, b, _] = color.to_le_bytes();
            let (index, distance2) = self.map.nearest([r, g, b]);
            *searched = Searched { color, index, distance2 };
        }
        (searched.index, f64::from(searched.distance2).sqrt())
    }

    /// Writes each pixel's index to `out` (row by row) and returns the mean distance to the nearest colour.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a mean of colour distances")]
    pub(super) fn quantise(&mut self, pixels: &Pixels, out: &mut Vec<u8>) -> f32 {
        let n = pixels.rows * pixels.columns;
        out.resize(n, 0);
        (self.lookup(&pixels.rgb, out, 0.0) / n.max(1) as f64) as f32
    }

    /// Writes each pixel's index to `out`; adds their distances to the nearest colour to `distance`, one after the other.
    pub(super) fn lookup(&mut self, rgb: &[u8], out: &mut [u8], mut distance: f64) -> f64 {
        // Neighbours often share a colour that is not in the map (axes, text, a wrong crop): remember the last one.
        let (mut last, mut answer) = (u32::MAX, (0, 0.0));
        for (out, rgb) in out.iter_mut().zip(rgb.as_chunks::<3>().0) {
            let color = packed(*rgb);
            let exact = self.exact[slot::<SLOTS>(color, self.factor)];
            if exact & COLOR == color {
                *out = (exact >> 24) as u8;
                continue;
            }
            if color != last {
                (last, answer) = (color, self.search(color));
            }
            *out = answer.0;
            distance += answer.1;
        }
        distance
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
            let map = Colormap::builtin(name).expect("comes with the program");
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

    #[test]
    fn the_maps_colours_have_slots_of_their_own() {
        for name in ["jet", "viridis", "gray", "turbo", "inferno", "magma", "plasma", "seismic"] {
            let map = Colormap::builtin(name).expect("comes with the program");
            let quantiser = Quantiser::new(&map);
            for index in 0..=u8::MAX {
                let color = packed(map.color(index));
                let found = quantiser.exact[slot::<SLOTS>(color, quantiser.factor)];
                assert_eq!(found & COLOR, color, "{name}: colour {index}");
                assert_eq!((found >> 24) as u8, map.nearest(map.color(index)).0, "{name}: index {index}");
            }
        }
    }
}
