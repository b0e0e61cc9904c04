//! The page's time axis: recorded time runs on, gaps are folded, times far from the rest are left out.

use crate::time::{DAY_US, Micros};

/// A group of images counts as stray when it holds fewer than one image in this many.
const STRAY_SHARE: usize = 50;
/// Two groups of images are far apart when the gap between them exceeds this.
const FAR: Micros = 90 * DAY_US;

/// A span of time without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Start, UTC.
    pub from: Micros,
    /// End, UTC.
    pub to: Micros,
}

/// The recorded spans of an archive, and the images whose times are implausible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeAxis {
    /// Recorded spans, ascending, without overlap.
    pub segments: Vec<Segment>,
    /// Starts of images that lie so far from the rest that they would hide it.
    pub strays: Vec<Micros>,
}

impl TimeAxis {
    /// The axis of images that each span `image_us`, by their starts in ascending order.
    ///
    /// A gap is a step of more than 1.5 times what an image spans.
    pub fn new(starts: &[Micros], image_us: Micros) -> Self {
        let image_us = image_us.max(1);
        let groups: Vec<&[Micros]> = starts.chunk_by(|a, b| b.saturating_sub(*a) <= FAR).collect();
        let largest = groups.iter().map(|g| g.len()).max().unwrap_or(0);
        let is_stray = |group: &[Micros]| group.len() * STRAY_SHARE < largest;
        let mut axis = Self::default();
        for group in groups {
            if is_stray(group) {
                axis.strays.extend(group);
                continue;
            }
            for run in group.chunk_by(|a, b| b - a <= image_us + image_us / 2) {
                axis.push(run[0], run[run.len() - 1].saturating_add(image_us));
            }
        }
        axis
    }

    /// Appends a span; one that overlaps or touches the last one prolongs it.
    fn push(&mut self, from: Micros, to: Micros) {
        match self.segments.last_mut() {
            Some(last) if from <= last.to => last.to = last.to.max(to),
            _ => self.segments.push(Segment { from, to }),
        }
    }

    /// Start of the first and end of the last span; `None` for an empty axis.
    pub fn span(&self) -> Option<Segment> {
        Some(Segment { from: self.segments.first()?.from, to: self.segments.last()?.to })
    }

    /// Recorded time: the lengths of all spans.
    pub fn recorded(&self) -> Micros {
        self.segments.iter().map(|s| s.to - s.from).sum()
    }

    /// What is not recorded between the first and the last image, longest first.
    pub fn gaps(&self) -> Vec<Segment> {
        let mut gaps: Vec<Segment> =
            self.segments.windows(2).map(|w| Segment { from: w[0].to, to: w[1].from }).collect();
        gaps.sort_by_key(|g| (g.from - g.to, g.from));
        gaps
    }

    /// Number of columns of `step` that the spans hold; each span begins a column of its own.
    pub fn columns(&self, step: Micros) -> usize {
        self.segments.iter().map(|s| columns_of(s, step)).sum()
    }

    /// First column of every span for columns of `step`.
    pub(crate) fn offsets(&self, step: Micros) -> Vec<usize> {
        let mut next = 0;
        let mut offsets = Vec::with_capacity(self.segments.len());
        for segment in &self.segments {
            offsets.push(next);
            next += columns_of(segment, step);
        }
        offsets
    }

    /// The span that holds a time, by its number.
    pub fn segment_at(&self, time: Micros) -> Option<usize> {
        let after = self.segments.partition_point(|s| s.from <= time);
        let at = after.checked_sub(1)?;
        (time < self.segments[at].to).then_some(at)
    }
}

fn columns_of(segment: &Segment, step: Micros) -> usize {
    let (length, step) = (segment.to.abs_diff(segment.from), step.max(1).unsigned_abs());
    usize::try_from(length.div_ceil(step)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Micros = 60_000_000;

    #[test]
    fn gaps_divide_and_short_steps_do_not() {
        let starts: Vec<Micros> = [0, 1, 2, 10, 11].map(|m| m * MINUTE).into();
        let axis = TimeAxis::new(&starts, MINUTE);
        assert_eq!(axis.segments.len(), 2, "two spans");
        assert_eq!(axis.recorded(), 5 * MINUTE, "five images");
        assert_eq!(axis.gaps(), [Segment { from: 3 * MINUTE, to: 10 * MINUTE }], "seven minutes are missing");
        assert_eq!(axis.columns(MINUTE), 5, "one column per image");
        assert_eq!(axis.offsets(2 * MINUTE), [0, 2], "a span begins a column of its own");
        assert_eq!((axis.segment_at(2 * MINUTE), axis.segment_at(5 * MINUTE)), (Some(0), None), "inside, between");
    }

    #[test]
    fn strays_are_named_and_do_not_stretch_the_axis() {
        let day = 20_000 * DAY_US;
        let mut starts: Vec<Micros> = (0..5).map(|m| m * MINUTE).collect();
        starts.extend((0..1000).map(|m| day + m * MINUTE));
        let axis = TimeAxis::new(&starts, MINUTE);
        assert_eq!(axis.strays, &starts[..5], "1970");
        assert_eq!(axis.span(), Some(Segment { from: day, to: day + 1000 * MINUTE }), "the rest");
        // Two campaigns of comparable size both stay.
        let both: Vec<Micros> = (0..40).map(|m| m * MINUTE).chain((0..1000).map(|m| day + m * MINUTE)).collect();
        assert!(TimeAxis::new(&both, MINUTE).strays.is_empty(), "a twenty-fifth is no stray");
        assert_eq!(TimeAxis::new(&[], MINUTE), TimeAxis::default(), "nothing");
    }
}
