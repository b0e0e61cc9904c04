//! The synthetic archive of golden.py: arithmetic on integers, the same pixels in both languages.

#![allow(dead_code, reason = "each test takes what it needs")]

use scatterfall_detector::{Geometry, Image};

pub(crate) const GEOMETRY: Geometry = Geometry { rows: 120, columns: 240, duration_s: 60.0, length_m: 6000.0 };
pub(crate) const IMAGES: usize = 40;
const GAP_AFTER: usize = 25;

/// Start of an image: 2025-05-15T23:40 and on, with a gap.
pub(crate) fn time_us(image: usize) -> i64 {
    let minutes = image + if image >= GAP_AFTER { 7 } else { 0 };
    (20_223 * 86_400 + 23 * 3600 + 40 * 60 + minutes as i64 * 60) * 1_000_000
}

/// Sum of the four bytes of a hash of each pixel's number, over 16.
pub(crate) fn noise(pixel: u64) -> i64 {
    let mut h = (pixel.wrapping_mul(2_654_435_761) & 0xFFFF_FFFF) as u32;
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    h ^= h >> 15;
    i64::from(h.to_le_bytes().iter().map(|b| u32::from(*b)).sum::<u32>() / 16)
}

fn pixel(image: usize, row: usize, column: usize) -> u8 {
    let (rows, x) = (GEOMETRY.rows as i64, column as i64);
    let t = image as i64 * rows + row as i64;
    let mut a =
        noise((image * GEOMETRY.rows * GEOMETRY.columns + row * GEOMETRY.columns + column) as u64) + 60 + x * 37 % 41;
    let on = |is: bool, by: i64| if is { by } else { 0 };
    a += on((x * 250 - 115 * (t - 8 * rows)).abs() < 400, 22);
    a += on((x * 250 - 60_000 + 65 * (t - 11 * rows)).abs() < 400, 12);
    let since = t - 5 * rows - 40;
    a += on((0..30).contains(&since), 20 * (30 - since) / 30);
    a += on((17 * rows..21 * rows).contains(&t) && t / 2 % 2 == 0 && (120..130).contains(&x), 16);
    a += on(t >= 29 * rows && (180..185).contains(&x), 7);
    a += on(t >= 34 * rows + 17, 6);
    a -= on(x == 77 && (4 * rows..6 * rows).contains(&t), 30);
    a.clamp(0, 255) as u8
}

/// Index plane of an image.
pub(crate) fn plane(image: usize) -> Vec<u8> {
    let columns = GEOMETRY.columns;
    let mut plane: Vec<u8> = (0..GEOMETRY.rows * columns).map(|i| pixel(image, i / columns, i % columns)).collect();
    if image == 12 {
        plane[40 * columns..50 * columns].fill(0);
    }
    if image == 14 {
        for row in 71..77 {
            plane.copy_within(70 * columns..71 * columns, row * columns);
        }
    }
    plane
}

/// All images.
pub(crate) fn images() -> Vec<Image> {
    (0..IMAGES).map(|k| Image { time_us: time_us(k), plane: plane(k) }).collect()
}
