//! The plot's edges to the pixel: from well inside outwards, as long as lines have the map's colours.

use crate::colours::nearest;
use crate::mask::{Mask, apart};
use crate::{Confidence, Found, Picture, Rect};

/// Share of a line's pixels that must be data for the line to belong to the plot.
const LINE_SHARE: f64 = 0.55;
/// Thickest frame line in pixels, its blurred sides included.
const FRAME: usize = 5;
/// Largest difference of a channel along a line of one colour; JPEG makes some.
const PLAIN: i32 = 5;
/// Pixels compared along a line.
const ALONG: usize = 400;
/// Distance to the map's nearest colour that is added to what the inside shows, for a line at the edge.
const SLACK: f64 = 6.0;

/// The rectangle's inside, well away from what surrounds it.
pub(crate) fn inner(rect: &Rect) -> Rect {
    let (dx, dy) = (rect.width() / 12, rect.height() / 12);
    Rect { top: rect.top + dy, bottom: rect.bottom - dy, left: rect.left + dx, right: rect.right - dx }
}

/// One side of a rectangle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Top,
    Bottom,
    Left,
    Right,
}

/// What tells data from what surrounds them.
struct Judge<'a> {
    pictures: &'a [Picture],
    mask: &'a Mask,
    map: Option<&'a [[u8; 3]; 256]>,
    /// Distance to the map up to which a pixel is data.
    tolerance: f64,
}

impl Judge<'_> {
    /// Pixels of a line: places along it within `across`, at most [`ALONG`].
    fn line(&self, side: Side, at: usize, across: &Rect) -> Vec<(usize, usize)> {
        let range = match side {
            Side::Top | Side::Bottom => across.left..across.right,
            Side::Left | Side::Right => across.top..across.bottom,
        };
        let step = (range.len() / ALONG).max(1);
        range.step_by(step).map(|i| if matches!(side, Side::Top | Side::Bottom) { (i, at) } else { (at, i) }).collect()
    }

    /// Mean over the pictures of the share of the line's pixels that are data.
    fn share(&self, line: &[(usize, usize)]) -> f64 {
        let pictures = &self.pictures[..self.pictures.len().min(4)];
        let data = |picture: &Picture, x: usize, y: usize| {
            let colour = picture.at(x, y);
            let at = self.mask.at(x, y);
            let still = self.mask.changes.is_empty() || !self.mask.changes[at];
            !(self.mask.ground[at] && still) && self.map.is_none_or(|m| nearest(m, colour).1 <= self.tolerance)
        };
        let n: usize = pictures.iter().map(|p| line.iter().filter(|(x, y)| data(p, *x, *y)).count()).sum();
        n as f64 / (pictures.len() * line.len()) as f64
    }

    /// Whether a line is of one colour, as a frame's is.
    fn plain(&self, line: &[(usize, usize)]) -> bool {
        let picture = &self.pictures[0];
        let mut colours: Vec<[u8; 3]> = line.iter().map(|(x, y)| picture.at(*x, *y)).collect();
        colours.sort_unstable();
        let middle = colours[colours.len() / 2];
        let near = colours.iter().filter(|c| apart(**c, middle) <= PLAIN).count();
        near as f64 >= 0.93 * colours.len() as f64
    }
}

/// The rectangle around `coarse` whose lines are data, to the pixel.
pub(crate) fn refine(pictures: &[Picture], mask: &Mask, coarse: &Rect, map: Option<&[[u8; 3]; 256]>) -> Found<Rect> {
    let inside = inner(coarse);
    let tolerance = map.map_or(0.0, |m| typical(pictures, &inside, m) + SLACK);
    let judge = Judge { pictures, mask, map, tolerance };
    let mut rect = *coarse;
    rect.top = walk(&judge, Side::Top, &inside);
    rect.bottom = walk(&judge, Side::Bottom, &inside) + 1;
    rect.left = walk(&judge, Side::Left, &inside);
    rect.right = walk(&judge, Side::Right, &inside) + 1;
    let (confidence, why) = verdict(&judge, mask, coarse, &rect);
    Found::new(rect, confidence, why)
}

/// The distance to the map that nine of ten pixels inside stay below.
fn typical(pictures: &[Picture], rect: &Rect, map: &[[u8; 3]; 256]) -> f64 {
    let mut distances: Vec<(f64, usize)> =
        crate::colours::sample(pictures, rect).into_iter().map(|(c, n)| (nearest(map, c).1, n)).collect();
    distances.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: usize = distances.iter().map(|d| d.1).sum();
    let mut seen = 0;
    distances
        .into_iter()
        .find(|(_, n)| {
            seen += n;
            10 * seen >= 9 * total
        })
        .map_or(0.0, |d| d.0)
}

/// The last line of data on one side, starting well inside.
fn walk(judge: &Judge, side: Side, inside: &Rect) -> usize {
    let (start, end, outwards): (usize, usize, isize) = match side {
        Side::Top => (inside.top, 0, -1),
        Side::Bottom => (inside.bottom - 1, judge.mask.height - 1, 1),
        Side::Left => (inside.left, 0, -1),
        Side::Right => (inside.right - 1, judge.mask.width - 1, 1),
    };
    let step = |at: usize| at.wrapping_add_signed(outwards);
    let good = |at: usize| judge.share(&judge.line(side, at, inside)) >= LINE_SHARE;
    let mut last = start;
    let mut at = start;
    // A cursor's line may cross the plot: data may go on behind it.
    let mut misses = 0;
    while at != end {
        at = step(at);
        if good(at) {
            (last, misses) = (at, 0);
        } else {
            misses += 1;
            if misses > FRAME {
                break;
            }
        }
    }
    without_frame(judge, side, inside, last, outwards, start)
}

/// Steps back over plain lines at the edge: a frame, unless they are many.
fn without_frame(judge: &Judge, side: Side, inside: &Rect, last: usize, outwards: isize, start: usize) -> usize {
    let mut at = last;
    for _ in 0..=FRAME {
        if at == start || !judge.plain(&judge.line(side, at, inside)) {
            return at;
        }
        at = at.wrapping_add_signed(-outwards);
    }
    last
}

fn verdict(judge: &Judge, mask: &Mask, coarse: &Rect, rect: &Rect) -> (Confidence, String) {
    let whole = mask.width * mask.height;
    let size = format!("{} x {} of {} x {} pixels", rect.width(), rect.height(), mask.width, mask.height);
    if judge.map.is_none() {
        return (Confidence::Doubtful, format!("{size}, though no colour map explains it"));
    }
    let filled = data_share(judge, rect);
    let why = format!("{size}, {:.0} % of them data", 100.0 * filled);
    let far = |a: usize, b: usize, n: usize| a.abs_diff(b) > n / 50 + 6;
    let moved = far(coarse.top, rect.top, mask.height)
        || far(coarse.bottom, rect.bottom, mask.height)
        || far(coarse.left, rect.left, mask.width)
        || far(coarse.right, rect.right, mask.width);
    if filled < 0.75 || rect.area() * 20 < whole || moved {
        return (Confidence::Doubtful, why);
    }
    (if filled < 0.93 { Confidence::Likely } else { Confidence::Sure }, why)
}

/// Share of a grid of the rectangle's pixels that are data.
fn data_share(judge: &Judge, rect: &Rect) -> f64 {
    let step = (rect.height() / 60).max(1);
    let lines: Vec<f64> =
        (rect.top..rect.bottom).step_by(step).map(|y| judge.share(&judge.line(Side::Top, y, rect))).collect();
    lines.iter().sum::<f64>() / lines.len().max(1) as f64
}
