//! Which pixels are the ground that a plot lies on, and which change from picture to picture.

use std::collections::HashMap;

use crate::Picture;

/// Largest difference of a channel within which a colour is taken for the ground's: JPEG blurs it around letters.
const GROUND_TOLERANCE: i32 = 10;
/// Difference of a channel from which a pixel has changed between two pictures; what JPEG adds to a still one is less.
const CHANGE: i32 = 24;
/// Share of the picture's rim that a ground must cover to be one.
const RIM_SHARE: f64 = 0.15;
/// Share of pixels that must change before changes say where the plot is.
const CHANGING_SHARE: f64 = 0.02;

/// What is known of every pixel before any colour map is.
pub(crate) struct Mask {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Pixels of the ground, connected to the rim.
    pub(crate) ground: Vec<bool>,
    /// Pixels that differ from one picture to another; empty where nothing can be said.
    pub(crate) changes: Vec<bool>,
    /// Pixels unlike their neighbours in either direction, as data are.
    pub(crate) rough: Vec<bool>,
    /// The ground's colour, where there is one.
    pub(crate) ground_colour: Option<[u8; 3]>,
}

impl Mask {
    pub(crate) fn of(pictures: &[Picture]) -> Self {
        let first = &pictures[0];
        let (width, height) = (first.width, first.height);
        let ground_colour = rim_colour(first);
        let ground = ground_colour.map_or_else(|| vec![false; width * height], |c| flood(first, c));
        Self { width, height, ground, changes: changes(pictures), rough: rough(first), ground_colour }
    }

    pub(crate) fn at(&self, x: usize, y: usize) -> usize {
        y * self.width + x
    }
}

/// Largest difference of a channel.
pub(crate) fn apart(a: [u8; 3], b: [u8; 3]) -> i32 {
    (0..3).map(|c| (i32::from(a[c]) - i32::from(b[c])).abs()).max().unwrap_or(0)
}

/// Whether most of the picture's rim is exactly of one colour, and a tenth of the picture with it: no data look so.
pub(crate) fn has_plain_rim(picture: &Picture) -> bool {
    let (w, h) = (picture.width, picture.height);
    let Some(colour) = rim_colour(picture) else { return false };
    let rim = (0..w).flat_map(|x| [(x, 0), (x, h - 1)]).chain((0..h).flat_map(|y| [(0, y), (w - 1, y)]));
    let alike = rim.filter(|(x, y)| apart(picture.at(*x, *y), colour) <= 2).count();
    // Most: more than half of the 2 (w + h) pixels.
    alike > w + h && flood(picture, colour).iter().filter(|g| **g).count() * 10 > w * h
}

/// The most common colour of the picture's rim, where it is common enough to be a ground.
fn rim_colour(picture: &Picture) -> Option<[u8; 3]> {
    let (w, h) = (picture.width, picture.height);
    let horizontal = (0..w).flat_map(|x| [(x, 0), (x, h - 1)]);
    let vertical = (0..h).flat_map(|y| [(0, y), (w - 1, y)]);
    let rim: Vec<[u8; 3]> = horizontal.chain(vertical).map(|(x, y)| picture.at(x, y)).collect();
    let mut counts: HashMap<[u8; 3], usize> = HashMap::new();
    for colour in &rim {
        *counts.entry(*colour).or_default() += 1;
    }
    // Of equally common colours the darkest, so that the answer does not depend on the map's order.
    let most = counts.iter().max_by_key(|(colour, n)| (**n, std::cmp::Reverse(**colour))).map(|(colour, _)| *colour)?;
    let near = rim.iter().filter(|c| apart(**c, most) <= GROUND_TOLERANCE).count();
    (near as f64 >= RIM_SHARE * rim.len() as f64).then_some(most)
}

/// Pixels near `colour` that are connected to the rim.
fn flood(picture: &Picture, colour: [u8; 3]) -> Vec<bool> {
    let (w, h) = (picture.width, picture.height);
    let mut ground = vec![false; w * h];
    let horizontal = (0..w).flat_map(|x| [(x, 0), (x, h - 1)]);
    let vertical = (0..h).flat_map(|y| [(0, y), (w - 1, y)]);
    let mut open: Vec<(usize, usize)> = horizontal.chain(vertical).collect();
    while let Some((x, y)) = open.pop() {
        if ground[y * w + x] || apart(picture.at(x, y), colour) > GROUND_TOLERANCE {
            continue;
        }
        ground[y * w + x] = true;
        let beside = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
        open.extend(beside.into_iter().filter(|(x, y)| *x < w && *y < h));
    }
    ground
}

/// Pixels that differ between any picture and the next; empty where too few do.
fn changes(pictures: &[Picture]) -> Vec<bool> {
    let first = &pictures[0];
    let mut changed = vec![false; first.width * first.height];
    for pair in pictures.windows(2) {
        let (a, b) = (pair[0].rgb.as_chunks::<3>().0, pair[1].rgb.as_chunks::<3>().0);
        for ((to, a), b) in changed.iter_mut().zip(a).zip(b) {
            *to |= apart(*a, *b) > CHANGE;
        }
    }
    let n = changed.iter().filter(|c| **c).count();
    if (n as f64) < CHANGING_SHARE * changed.len() as f64 { Vec::new() } else { changed }
}

/// Pixels that differ both from a neighbour in their row and from one in their column.
fn rough(picture: &Picture) -> Vec<bool> {
    let (w, h) = (picture.width, picture.height);
    let mut out = vec![false; w * h];
    for y in 0..h {
        for x in 0..w {
            let here = picture.at(x, y);
            let beside = [x.wrapping_sub(1), x + 1].into_iter().filter(|x| *x < w);
            let above = [y.wrapping_sub(1), y + 1].into_iter().filter(|y| *y < h);
            let across = beside.map(|x| picture.at(x, y)).any(|c| c != here);
            out[y * w + x] = across && above.map(|y| picture.at(x, y)).any(|c| c != here);
        }
    }
    out
}
