//! Continuous samples of one channel in one file, and where they lie in it.

use std::ops::Range;

use crate::byte_order::ByteOrder;
use crate::clock::Clock;
use crate::encoding::{Encoding, SampleType, Samples};
use crate::header::{SourceKey, TraceId};

/// Bytes of a file between two marks: what a reader walks through at most to come to a sample.
const MARK_EVERY: u64 = 1 << 20;

/// Records of one channel and file that follow each other without gap or overlap.
///
/// Raw samples count from the first sample of the first record; the segment's own samples are the `samples` raw ones from
/// `skip` on.
#[derive(Clone, Debug)]
pub(crate) struct FileSegment {
    pub(crate) file: usize,
    pub(crate) key: SourceKey,
    pub(crate) kind: SampleType,
    pub(crate) clock: Clock,
    /// Time of the last sample by the last record's own start time.
    pub(crate) end_us: i64,
    pub(crate) samples: u64,
    pub(crate) skip: u64,
    pub(crate) place: Place,
}

/// Where the samples of a segment are.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In records; marks by place, the first at the segment's first record.
    Records(Vec<Mark>),
    /// One after the other from an offset on.
    Array {
        /// Of raw sample 0.
        offset: u64,
        encoding: Encoding,
        order: ByteOrder,
        /// Bytes of a sample.
        width: u64,
    },
}

/// A record that a reader may begin at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) offset: u64,
    /// Number of its first raw sample.
    pub(crate) raw: u64,
}

impl FileSegment {
    pub(crate) fn sampling_rate(&self) -> f64 {
        self.clock.sampling_rate()
    }

    /// Number of the first raw sample behind the segment.
    pub(crate) fn raw_end(&self) -> u64 {
        self.skip + self.samples
    }

    /// Notes that the record at `offset` goes on here; `always` where a reader could not find it from the one before.
    pub(crate) fn mark(&mut self, offset: u64, always: bool) {
        let raw = self.raw_end();
        if let Place::Records(marks) = &mut self.place
            && (always || marks.last().is_none_or(|last| offset - last.offset >= MARK_EVERY))
        {
            marks.push(Mark { offset, raw });
        }
    }

    /// The samples from `first` up to (not including) `end`.
    pub(crate) fn slice(&self, first: u64, end: u64) -> Self {
        let mut part = Self { skip: self.skip + first, samples: end - first, ..self.clone() };
        part.clock = self.clock.from(first).until(end - first);
        if end < self.samples {
            part.end_us = self.clock.time_us(end.saturating_sub(1));
        }
        if let Place::Records(marks) = &mut part.place {
            marks.truncate(marks.partition_point(|m| m.raw < part.skip + part.samples).max(1));
            marks.drain(..marks.partition_point(|m| m.raw <= part.skip).saturating_sub(1));
        }
        part
    }
}

/// A record that cannot be used: a gap where it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadPlace {
    pub(crate) offset: u64,
    /// Channel and start, where the header could be read.
    pub(crate) source: Option<(TraceId, i64)>,
    pub(crate) reason: String,
}

/// What a file holds.
pub(crate) struct FileScan {
    pub(crate) segments: Vec<FileSegment>,
    pub(crate) bad: Vec<BadPlace>,
}

/// Where the samples are finite; NaN and infinity are no measurements, and seen as a gap.
pub(crate) fn finite_ranges(samples: &Samples) -> Vec<Range<usize>> {
    match samples {
        Samples::Int32(v) => std::iter::once(0..v.len()).collect(),
        Samples::Float32(v) => ranges(v.iter().map(|x| x.is_finite())),
        Samples::Float64(v) => ranges(v.iter().map(|x| x.is_finite())),
    }
}

/// The ranges of places where `keep` is true.
fn ranges(keep: impl ExactSizeIterator<Item = bool>) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut from = None;
    let end = keep.len();
    for (i, keep) in keep.enumerate() {
        match (keep, from) {
            (true, None) => from = Some(i),
            (false, Some(begin)) => {
                out.push(begin..i);
                from = None;
            }
            _ => {}
        }
    }
    out.extend(from.map(|begin| begin..end));
    out
}
