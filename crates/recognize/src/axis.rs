//! Where time runs: along the side on which what one picture ends with is what the next begins with.

use crate::colours::nearest;
use crate::{Confidence, Found, Picture, Rect};
use serde::{Deserialize, Serialize};

/// Difference between the two directions, in standard errors, above which one is taken.
const CLEAR: f64 = 3.0;
/// As [`CLEAR`], for certainty.
const VERY_CLEAR: f64 = 6.0;
/// How much more of the picture must stay in its place along one side than along the other to tell distance from time.
const STILL: f64 = 0.25;
/// Deviations, in standard deviations, below which a line's values are taken for noise, and where they are capped.
const NOISE: f64 = 1.5;
const CAP: f64 = 6.0;
/// Pixels to either side over which a line is smoothed: what moves has moved a little from one picture to the next.
const REACH: usize = 3;

/// The way from earlier to later in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeAxis {
    /// From the top to the bottom.
    Down,
    /// From the bottom to the top.
    Up,
    /// From the left to the right.
    Right,
    /// From the right to the left.
    Left,
}

impl TimeAxis {
    /// Every direction with its name.
    pub const NAMES: [(&'static str, Self); 4] =
        [("down", Self::Down), ("up", Self::Up), ("right", Self::Right), ("left", Self::Left)];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, a)| *a == self).map_or("", |(n, _)| n)
    }
}

/// What direction finding needs of each picture: its edges and its mean along either side.
pub(crate) struct Values {
    pictures: Vec<Lines>,
}

struct Lines {
    top: Vec<f64>,
    bottom: Vec<f64>,
    left: Vec<f64>,
    right: Vec<f64>,
    /// Mean of every column, and of every row.
    columns: Vec<f64>,
    rows: Vec<f64>,
}

/// Values of 32 x 32 x 32 colours, so that a pixel's is looked up.
struct Lookup(Vec<f32>);

impl Lookup {
    fn new(map: Option<&[[u8; 3]; 256]>) -> Self {
        let middle = |v: usize| (8 * v + 4) as u8;
        let value = |i: usize| {
            let colour = [middle(i >> 10), middle(i >> 5 & 31), middle(i & 31)];
            match map {
                Some(map) => f32::from(nearest(map, colour).0),
                None => colour.iter().map(|c| f32::from(*c)).sum::<f32>() / 3.0,
            }
        };
        Self((0..1 << 15).map(value).collect())
    }

    fn at(&self, picture: &Picture, x: usize, y: usize) -> f64 {
        let [r, g, b] = picture.at(x, y).map(|c| usize::from(c) >> 3);
        f64::from(self.0[r << 10 | g << 5 | b])
    }
}

impl Values {
    pub(crate) fn of(pictures: &[Picture], rect: &Rect, map: Option<&[[u8; 3]; 256]>) -> Self {
        let lookup = Lookup::new(map);
        Self { pictures: pictures.iter().map(|p| lines(p, rect, &lookup)).collect() }
    }
}

fn lines(picture: &Picture, rect: &Rect, lookup: &Lookup) -> Lines {
    let (w, h) = (rect.width(), rect.height());
    let (mut columns, mut rows) = (vec![0.0; w], vec![0.0; h]);
    // So much of the time at either end: less is noise, in more of it things move on.
    let (band_y, band_x) = ((h / 120).max(1), (w / 120).max(1));
    let (mut top, mut bottom, mut left, mut right) = (vec![0.0; w], vec![0.0; w], vec![0.0; h], vec![0.0; h]);
    for y in 0..h {
        for x in 0..w {
            let value = lookup.at(picture, rect.left + x, rect.top + y);
            columns[x] += value / h as f64;
            rows[y] += value / w as f64;
            if y < band_y {
                top[x] += value;
            }
            if y + band_y >= h {
                bottom[x] += value;
            }
            if x < band_x {
                left[y] += value;
            }
            if x + band_x >= w {
                right[y] += value;
            }
        }
    }
    Lines { top, bottom, left, right, columns, rows }
}

/// Means of a few neighbours.
fn smooth(line: &[f64]) -> Vec<f64> {
    let mean = |i: usize| {
        let part = &line[i.saturating_sub(REACH)..(i + REACH + 1).min(line.len())];
        part.iter().sum::<f64>() / part.len() as f64
    };
    (0..line.len()).map(mean).collect()
}

/// What stands out of a line's noise.
fn outstanding(line: &[f64]) -> Vec<f64> {
    let n = line.len() as f64;
    let mean = line.iter().sum::<f64>() / n;
    let deviation = (line.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt().max(1e-9);
    let out = |v: &f64| {
        let z = v / deviation;
        z.signum() * (z.abs() - NOISE).clamp(0.0, CAP)
    };
    smooth(&line.iter().map(out).collect::<Vec<f64>>())
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let (mut ab, mut aa, mut bb) = (0.0, 1e-9, 1e-9);
    for (a, b) in a.iter().zip(b) {
        ab += (a - ma) * (b - mb);
        aa += (a - ma).powi(2);
        bb += (b - mb).powi(2);
    }
    ab / (aa * bb).sqrt()
}

/// Each line less the mean of all, and of that what stands out: what is always there tells nothing of time.
fn centred(lines: &[&Vec<f64>]) -> Vec<Vec<f64>> {
    let n = lines.len() as f64;
    let mean: Vec<f64> = (0..lines[0].len()).map(|i| lines.iter().map(|l| l[i]).sum::<f64>() / n).collect();
    lines.iter().map(|l| outstanding(&l.iter().zip(&mean).map(|(v, m)| v - m).collect::<Vec<f64>>())).collect()
}

/// How much better ends agree with the next picture's beginnings than with those of others, in standard errors.
fn continuity(ends: &[&Vec<f64>], starts: &[&Vec<f64>], follows: &[bool]) -> f64 {
    let (ends, starts) = (centred(ends), centred(starts));
    let (mut next, mut other) = (Vec::new(), Vec::new());
    for (i, end) in ends.iter().enumerate() {
        for (j, start) in starts.iter().enumerate() {
            if j == i + 1 && follows.get(i).copied().unwrap_or(false) {
                next.push(correlation(end, start));
            } else if j.abs_diff(i) > 1 {
                other.push(correlation(end, start));
            }
        }
    }
    if next.is_empty() || other.len() < 2 {
        return 0.0;
    }
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (of_next, of_other) = (mean(&next), mean(&other));
    let spread = (other.iter().map(|v| (v - of_other).powi(2)).sum::<f64>() / other.len() as f64).sqrt();
    // As many independent values as a tenth of a line's pixels: less spread than theirs is chance.
    let floor = (10.0 / ends[0].len() as f64).sqrt().min(0.3);
    (of_next - of_other) * (next.len() as f64).sqrt() / spread.max(floor)
}

/// Finds the direction of time.
pub(crate) fn find(values: &Values, follows: &[bool]) -> Found<TimeAxis> {
    let p = &values.pictures;
    let edge = |pick: fn(&Lines) -> &Vec<f64>| p.iter().map(pick).collect::<Vec<_>>();
    let (top, bottom) = (edge(|l| &l.top), edge(|l| &l.bottom));
    let (left, right) = (edge(|l| &l.left), edge(|l| &l.right));
    let mut scores = [
        (TimeAxis::Down, continuity(&bottom, &top, follows)),
        (TimeAxis::Up, continuity(&top, &bottom, follows)),
        (TimeAxis::Right, continuity(&right, &left, follows)),
        (TimeAxis::Left, continuity(&left, &right, follows)),
    ];
    let across = still(p);
    let pairs = follows.iter().take(p.len().saturating_sub(1)).filter(|f| **f).count();
    if pairs < 2 {
        return Found::new(
            TimeAxis::Down,
            Confidence::Doubtful,
            "fewer than three pictures follow each other, so nothing tells where time runs",
        );
    }
    // Distance lies along the side on which what stays in its place is seen; time runs across it.
    let possible = |axis: TimeAxis| match axis {
        TimeAxis::Down | TimeAxis::Up => across > -STILL,
        TimeAxis::Right | TimeAxis::Left => across < STILL,
    };
    scores.sort_by(|a, b| possible(b.0).cmp(&possible(a.0)).then(b.1.total_cmp(&a.1)));
    let ((best, score), (other, next)) = (scores[0], scores[1]);
    let margin = score - next.max(0.0);
    let why = format!(
        "a guess: over {pairs} steps the edge of one picture continues in the next {score:.1} standard errors better \
         than chance; for the next best direction, {}, it is {next:.1}",
        other.name()
    );
    let confidence = match margin {
        m if m >= VERY_CLEAR => Confidence::Sure,
        m if m >= CLEAR => Confidence::Likely,
        _ => Confidence::Doubtful,
    };
    Found::new(best, confidence, why)
}

/// How much more what stays in its place is seen along the columns than along the rows, from -1 to 1.
fn still(pictures: &[Lines]) -> f64 {
    let alike = |pick: fn(&Lines) -> &Vec<f64>| {
        let pairs: Vec<f64> = pictures.windows(2).map(|w| correlation(pick(&w[0]), pick(&w[1]))).collect();
        pairs.iter().sum::<f64>() / pairs.len().max(1) as f64
    };
    alike(|l| &l.columns) - alike(|l| &l.rows)
}
