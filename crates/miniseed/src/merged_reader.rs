//! Reads the samples of a merged segment.

use crate::error::Result;
use crate::index::MiniSeedIndex;
use crate::merged::{MergedSegment, SegmentSlice};
use crate::reader::TraceReader;

/// Reads the samples of a merged segment as they are.
pub struct MergedReader<'a> {
    index: &'a MiniSeedIndex,
    /// The parts that were not begun yet.
    parts: &'a [SegmentSlice],
    /// On the current part, with the number of samples left in it.
    current: Option<(TraceReader<'a>, u64)>,
}

impl<'a> MergedReader<'a> {
    /// Starts at the first sample.
    pub fn new(index: &'a MiniSeedIndex, merged: &'a MergedSegment) -> Self {
        Self { index, parts: &merged.parts, current: None }
    }

    /// The current part's reader, or the next part's where it is used up; none at the end.
    fn part(&mut self) -> Result<Option<&mut (TraceReader<'a>, u64)>> {
        if self.current.as_ref().is_none_or(|(_, left)| *left == 0) {
            self.current = None;
            if let Some((part, later)) = self.parts.split_first() {
                let mut reader = self.index.reader(&self.index.segments()[part.segment]);
                reader.skip(part.first)?;
                self.current = Some((reader, part.samples));
                self.parts = later;
            }
        }
        Ok(self.current.as_mut())
    }

    /// Appends the next `count` samples, or what is left, to `out`.
    ///
    /// # Errors
    ///
    /// As [`TraceReader::read`].
    pub fn read(&mut self, mut count: usize, out: &mut Vec<f64>) -> Result<()> {
        while count > 0 {
            let Some((reader, left)) = self.part()? else { break };
            let step = reader.read(count.min(usize::try_from(*left).unwrap_or(usize::MAX)), out)?;
            if step == 0 {
                break;
            }
            *left -= step as u64;
            count -= step;
        }
        Ok(())
    }

    /// Passes over the next `count` samples.
    ///
    /// # Errors
    ///
    /// As [`TraceReader::skip`].
    pub fn skip(&mut self, mut count: u64) -> Result<()> {
        while count > 0 {
            let Some((reader, left)) = self.part()? else { break };
            let step = count.min(*left);
            reader.skip(step)?;
            *left -= step;
            count -= step;
        }
        Ok(())
    }
}
