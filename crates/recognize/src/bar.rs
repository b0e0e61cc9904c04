//! The picture's own colour bar: a narrow strip beside the plot whose colours change along it and not across it.

use crate::mask::{Mask, apart};
use crate::{Picture, Rect};

/// Shortest bar in pixels: shorter ones say too little.
const SHORTEST: usize = 40;
/// A bar is at least so many times longer than wide.
const ASPECT: usize = 3;
/// Mean difference across a bar that is still taken for none; JPEG makes some.
const ACROSS: f64 = 14.0;
/// Fewest different colours of a bar.
const COLOURS: usize = 20;
/// A line at a bar's end that is so much farther from the next than lines usually are belongs to its frame.
const JUMP: i32 = 24;

/// A colour bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Where it lies in the picture.
    pub rect: Rect,
    /// Whether values rise from bottom to top; otherwise from left to right.
    pub vertical: bool,
    /// 256 colours, from the bottom or left end, where the lowest value usually is.
    pub colours: Box<[[u8; 3]; 256]>,
}

/// The longest colour bar outside the plot.
pub(crate) fn find(picture: &Picture, mask: &Mask, plot: &Rect) -> Option<Bar> {
    mask.ground_colour?;
    let bars = islands(mask, plot).into_iter().filter_map(|rect| read(picture, rect));
    bars.max_by_key(|b| b.rect.width().max(b.rect.height()))
}

/// Bounding boxes of what lies on the ground outside the plot.
fn islands(mask: &Mask, plot: &Rect) -> Vec<Rect> {
    let mut seen: Vec<bool> = mask.ground.clone();
    for y in plot.top..plot.bottom {
        seen[mask.at(plot.left, y)..mask.at(plot.right - 1, y) + 1].fill(true);
    }
    let mut out = Vec::new();
    for start in 0..seen.len() {
        if seen[start] {
            continue;
        }
        let mut rect = Rect { top: usize::MAX, bottom: 0, left: usize::MAX, right: 0 };
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            let (x, y) = (at % mask.width, at / mask.width);
            rect = Rect {
                top: rect.top.min(y),
                bottom: rect.bottom.max(y + 1),
                left: rect.left.min(x),
                right: rect.right.max(x + 1),
            };
            let beside = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
            open.extend(
                beside.into_iter().filter(|(x, y)| *x < mask.width && *y < mask.height).map(|(x, y)| mask.at(x, y)),
            );
        }
        out.push(rect);
    }
    out
}

/// 256 colours of a strip that holds a colour bar and nothing else; `None` where it does not look like one.
pub fn bar_of(strip: &Picture) -> Option<Box<[[u8; 3]; 256]>> {
    let rect = Rect { top: 0, bottom: strip.height(), left: 0, right: strip.width() };
    read(strip, rect).map(|bar| bar.colours)
}

fn read(picture: &Picture, rect: Rect) -> Option<Bar> {
    let (w, h) = (rect.width(), rect.height());
    let vertical = h > w;
    let (length, breadth) = if vertical { (h, w) } else { (w, h) };
    if length < SHORTEST || length < ASPECT * breadth || breadth < 3 {
        return None;
    }
    // Ticks stand out on one side, so the middle of the box lies in the bar.
    let middle = (3 * breadth / 10)..(7 * breadth / 10).max(3 * breadth / 10 + 1);
    let mut line = Vec::with_capacity(length);
    let mut differences = 0.0;
    for along in 0..length {
        let colours: Vec<[u8; 3]> = middle
            .clone()
            .map(|across| {
                if vertical {
                    picture.at(rect.left + across, rect.bottom - 1 - along)
                } else {
                    picture.at(rect.left + along, rect.top + across)
                }
            })
            .collect();
        let median = median_colour(&colours);
        differences += colours.iter().map(|c| f64::from(apart(*c, median))).sum::<f64>() / colours.len() as f64;
        line.push(median);
    }
    let line = without_frame(&line);
    let mut different = line.to_vec();
    different.sort_unstable();
    different.dedup();
    if differences / length as f64 > ACROSS || different.len() < COLOURS || !smooth(line) {
        return None;
    }
    Some(Bar { rect, vertical, colours: resample(line) })
}

/// The median of each channel.
fn median_colour(colours: &[[u8; 3]]) -> [u8; 3] {
    std::array::from_fn(|c| {
        let mut channel: Vec<u8> = colours.iter().map(|p| p[c]).collect();
        channel.sort_unstable();
        channel[channel.len() / 2]
    })
}

/// A bar's line without the lines of its frame at the ends.
fn without_frame(line: &[[u8; 3]]) -> &[[u8; 3]] {
    let reach = 5.min(line.len() / 8);
    let first = (0..reach).rev().find(|i| apart(line[*i], line[*i + 1]) > JUMP).map_or(0, |i| i + 1);
    let n = line.len();
    let last = (n - reach..n).find(|i| apart(line[*i], line[*i - 1]) > JUMP).unwrap_or(n);
    &line[first..last]
}

/// Colours of a bar follow each other closely; those of a line of text, or of an edge of data, do not.
fn smooth(line: &[[u8; 3]]) -> bool {
    let far = line.windows(2).filter(|p| apart(p[0], p[1]) > 48).count();
    far * 25 <= line.len()
}

/// 256 colours, evenly spaced along the line, each the mean of the nearest two.
fn resample(line: &[[u8; 3]]) -> Box<[[u8; 3]; 256]> {
    let n = line.len();
    Box::new(std::array::from_fn(|i| {
        let at = ((i as f64 + 0.5) / 256.0 * n as f64 - 0.5).clamp(0.0, (n - 1) as f64);
        let (low, share) = (at.floor() as usize, at.fract());
        let high = (low + 1).min(n - 1);
        std::array::from_fn(|c| {
            (f64::from(line[low][c]) * (1.0 - share) + f64::from(line[high][c]) * share).round() as u8
        })
    }))
}
