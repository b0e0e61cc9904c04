//! What a picture of a waterfall shows: where its plot lies, which colour map it was drawn with, and where time runs.
//!
//! Pixels go in, findings come out, each with how sure it is and why. The way of a set of pictures:
//!
//! ```text
//! pictures -> mask (ground, what changes) -> rectangle (coarse) -> colours (which map) -> rectangle (edges to the pixel)
//!                                                     bar (the picture's own colour bar) -^      -> diverging, time axis
//! ```
//!
//! Nothing here knows files, names or terminals.

mod axis;
mod bar;
mod colours;
mod edges;
mod mask;
mod rectangle;

pub use axis::TimeAxis;
pub use bar::{Bar, bar_of};
pub use colours::{ChosenMap, ColourMap, Fit};

/// An 8-bit RGB picture, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// A picture of `width` x `height` pixels, three bytes each; `None` where the lengths do not fit or there is no pixel.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(3)?;
        (bytes > 0 && bytes == rgb.len()).then_some(Self { width, height, rgb })
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The part inside `rect`.
    fn cut(&self, rect: &Rect) -> Self {
        let lines = (rect.top..rect.bottom).flat_map(|y| {
            let from = 3 * (y * self.width + rect.left);
            self.rgb[from..from + 3 * rect.width()].iter().copied()
        });
        Self { width: rect.width(), height: rect.height(), rgb: lines.collect() }
    }

    /// The colour at column `x` and row `y`.
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let i = 3 * (y * self.width + x);
        [self.rgb[i], self.rgb[i + 1], self.rgb[i + 2]]
    }
}

/// A part of a picture in pixels; `bottom` and `right` lie just outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// First row.
    pub top: usize,
    /// Row after the last.
    pub bottom: usize,
    /// First column.
    pub left: usize,
    /// Column after the last.
    pub right: usize,
}

impl Rect {
    /// Columns.
    pub fn width(&self) -> usize {
        self.right - self.left
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.bottom - self.top
    }

    fn area(&self) -> usize {
        self.width() * self.height()
    }

    /// The same place where `within` begins at the origin.
    fn moved(&self, within: &Self) -> Self {
        Self {
            top: self.top + within.top,
            bottom: self.bottom + within.top,
            left: self.left + within.left,
            right: self.right + within.left,
        }
    }
}

/// How far a finding can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// It may well be wrong: somebody has to look.
    Doubtful,
    /// The best explanation by a margin, though not beyond doubt.
    Likely,
    /// Beyond reasonable doubt.
    Sure,
}

/// A finding, how sure it is, and why, in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<T> {
    /// What was found.
    pub value: T,
    /// How far it can be relied on.
    pub confidence: Confidence,
    /// Why: a clause for people.
    pub why: String,
}

impl<T> Found<T> {
    fn new(value: T, confidence: Confidence, why: impl Into<String>) -> Self {
        Self { value, confidence, why: why.into() }
    }
}

/// Everything that was found in a set of pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// The plot area.
    pub plot: Found<Rect>,
    /// The colour map it was drawn with; `None` where no map explains the colours.
    pub map: Found<Option<ChosenMap>>,
    /// How well every map explains the plot's colours, best first.
    pub fits: Vec<Fit>,
    /// The picture's own colour bar.
    pub bar: Option<Bar>,
    /// Whether the values are signed: a diverging map around a middle that stands for nothing.
    pub diverging: Found<bool>,
    /// Where time runs.
    pub time_axis: Found<TimeAxis>,
}

/// Looks at `pictures` (all of one size, in order of time) with the maps that are known.
///
/// `follows[i]` tells that picture `i + 1` begins where picture `i` ends; it may be shorter than the pictures.
/// Returns `None` where there is no picture, or they differ in size.
pub fn recognize(pictures: &[Picture], follows: &[bool], maps: &[ColourMap]) -> Option<Findings> {
    let first = pictures.first()?;
    if pictures.iter().any(|p| (p.width, p.height) != (first.width, first.height)) {
        return None;
    }
    let mut found = look(pictures, follows, maps);
    // A program's window around a figure: what was found is the figure, and the plot lies in it.
    if let Some(inside) = figure(pictures, &found.plot.value) {
        let within = found.plot.value;
        found = look(&inside, follows, maps);
        found.plot.value = found.plot.value.moved(&within);
        if let Some(bar) = &mut found.bar {
            bar.rect = bar.rect.moved(&within);
        }
    }
    Some(found)
}

/// The pictures cut to `rect`, where that has a ground of its own.
fn figure(pictures: &[Picture], rect: &Rect) -> Option<Vec<Picture>> {
    let first = pictures.first()?;
    if rect.area() == first.width * first.height || rect.area() == 0 {
        return None;
    }
    mask::has_plain_rim(&first.cut(rect)).then(|| pictures.iter().map(|p| p.cut(rect)).collect())
}

fn look(pictures: &[Picture], follows: &[bool], maps: &[ColourMap]) -> Findings {
    let mask = mask::Mask::of(pictures);
    let coarse = rectangle::coarse(&mask);
    let bar = bar::find(&pictures[0], &mask, &coarse);
    let rough = edges::inner(&coarse);
    let (fits, map) = colours::choose(pictures, &rough, maps, bar.as_ref());
    let reference = map.value.as_ref().map(|m| m.colours.clone());
    let plot = edges::refine(pictures, &mask, &coarse, reference.as_deref());
    let values = axis::Values::of(pictures, &plot.value, reference.as_deref());
    let diverging = colours::diverging(pictures, &plot.value, map.value.as_ref());
    let time_axis = axis::find(&values, follows);
    Findings { plot, map, fits, bar, diverging, time_axis }
}
