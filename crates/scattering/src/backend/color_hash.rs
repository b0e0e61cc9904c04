//! A hash table of a colour map's colours, in which each has a slot of its own.
//!
//! Both backends look pixels up in it before they search: nearly every pixel of a screenshot has exactly a colour of the
//! map.

use scatterfall_colormap::Colormap;

/// Factors of the hash that are tried.
const TRIES: u32 = 4096;

/// The bits of a slot that are its colour; the others are its index.
pub(super) const COLOR: u32 = 0x00FF_FFFF;

/// A colour's 24 bits.
pub(super) fn packed([r, g, b]: [u8; 3]) -> u32 {
    u32::from_le_bytes([r, g, b, 0])
}

/// The slot of a colour among `SLOTS`, a power of two: the top bits of the product mix all three channels.
#[inline(always)]
pub(super) fn slot<const SLOTS: usize>(color: u32, factor: u32) -> usize {
    (color.wrapping_mul(factor) >> (u32::BITS - SLOTS.trailing_zeros())) as usize
}

/// Colours of the map with their indices in the top byte, and the factor that spreads them over the slots.
///
/// Of equal colours the lowest index counts, as in a search. An empty slot holds a colour that belongs to another one,
/// so that nothing matches there.
pub(super) fn table<const SLOTS: usize>(map: &Colormap) -> (Box<[u32; SLOTS]>, u32) {
    let colors: [u32; 256] = std::array::from_fn(|index| packed(map.color(index as u8)));
    let factor = factor::<SLOTS>(&colors);
    let mut table = Box::new([colors[0]; SLOTS]);
    for (index, &color) in (0..=u8::MAX).zip(&colors).rev() {
        table[slot::<SLOTS>(color, factor)] = color | u32::from(index) << 24;
    }
    (table, factor)
}

/// The first of some factors that gives every colour a slot of its own, or the one that loses the fewest: a colour
/// without a slot is searched for, which is slower and no less right.
fn factor<const SLOTS: usize>(colors: &[u32; 256]) -> u32 {
    let mut different = *colors;
    different.sort_unstable();
    let different = different.chunk_by(|a, b| a == b).map(|equal| equal[0]);
    let mut best = (usize::MAX, 1);
    for k in 0..TRIES {
        let factor = 0x9E37_79B1_u32.wrapping_mul(2 * k + 1);
        let mut taken = vec![false; SLOTS];
        let mut lost = 0;
        for color in different.clone() {
            lost += usize::from(std::mem::replace(&mut taken[slot::<SLOTS>(color, factor)], true));
        }
        if lost < best.0 {
            best = (lost, factor);
        }
        if lost == 0 {
            break;
        }
    }
    best.1
}
