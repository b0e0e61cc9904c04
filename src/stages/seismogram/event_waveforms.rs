//! `event_waveforms.npz`: what the page draws of a station's record and, finer, of its strongest events: the lowest and highest
//! sample of each step.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array3};
use scatterfall_miniseed::MiniSeedIndex;
use scatterfall_npz::{NpzFile, Time};
use scatterfall_page::Waveform;

use super::Station;
use crate::error::{Error, Result};
use crate::progress::Context;
use crate::seismogram::PreparedReader;
use crate::stages::report::found;
use crate::store::npz::write_npz;
use scatterfall_timestamps::{Micros, micros};

/// Events that are drawn: the strongest.
const MAX_EVENTS: usize = 60;

/// Channels of each.
const MAX_CHANNELS: usize = 3;

/// Steps of a waveform: pixels of its panel.
const STEPS: usize = 1000;

/// Time before and after an event, in its own lengths, and at least in seconds.
const AROUND: f64 = 2.0;
const MIN_AROUND_S: f64 = 5.0;

/// Samples that are read at a time.
const BLOCK: usize = 1 << 16;

/// Lowest and highest sample of each step from a time on.
struct Trace {
    channel: usize,
    from: Micros,
    step_us: Micros,
    range: Vec<(f32, f32)>,
}

impl Trace {
    fn end(&self) -> Micros {
        self.from + self.step_us * STEPS as Micros
    }

    fn add(&mut self, time: Micros, sample: f32) {
        let Ok(step) = usize::try_from((time - self.from).div_euclid(self.step_us)) else { return };
        if let Some((low, high)) = self.range.get_mut(step) {
            // The first sample of a step takes the place of NaN.
            (*low, *high) = (low.min(sample), high.max(sample));
        }
    }
}

fn file(output: &Path) -> PathBuf {
    output.join("event_waveforms.npz")
}

/// Writes the waveforms of a station's strongest events; nothing where it has none.
///
/// # Errors
/// Those of reading the record and of writing.
pub(super) fn write(ctx: &Context<'_>, index: &MiniSeedIndex, station: &Station) -> Result<()> {
    let output = &ctx.config.output.path;
    let mut events = found::all_events(output)?;
    events.sort_by(|a, b| b.score.total_cmp(&a.score));
    events.truncate(MAX_EVENTS);
    let mut traces = Vec::new();
    for (c, channel) in station.channels.iter().enumerate().take(MAX_CHANNELS) {
        let mut own: Vec<Trace> = events.iter().map(|e| trace(c, around(e.time))).collect();
        let starts = channel.segments.iter().map(|s| s.start_us()).min();
        let ends = channel.segments.iter().map(|s| s.time_us(s.samples)).max();
        own.extend(starts.zip(ends).map(|whole| trace(c, whole)));
        for segment in &channel.segments {
            let (start, end) = (segment.start_us(), segment.time_us(segment.samples));
            let mut wanted: Vec<&mut Trace> = own.iter_mut().filter(|t| t.from < end && t.end() > start).collect();
            if wanted.is_empty() {
                continue;
            }
            let mut reader = PreparedReader::new(index, segment, &ctx.config.seismogram)?;
            let (mut samples, mut done) = (Vec::new(), 0u64);
            while done < segment.samples {
                ctx.check()?;
                let count = usize::try_from(segment.samples - done).unwrap_or(BLOCK).min(BLOCK);
                samples.clear();
                reader.read(count, &mut samples)?;
                let (from, to) = (segment.time_us(done), segment.time_us(done + count as u64));
                for trace in wanted.iter_mut().filter(|t| t.from < to && t.end() > from) {
                    #[expect(clippy::cast_possible_truncation, reason = "for a picture")]
                    let each = (done..).zip(&samples).map(|(i, &s)| (segment.time_us(i), s as f32));
                    each.for_each(|(time, sample)| trace.add(time, sample));
                }
                done += count as u64;
            }
        }
        traces.append(&mut own);
    }
    if traces.is_empty() {
        return Ok(());
    }
    write_npz(&file(output), |out| {
        out.add("channel", &traces.iter().map(|t| t.channel as i64).collect::<Array1<i64>>())?;
        out.add("from", &traces.iter().map(|t| Time(t.from)).collect::<Array1<Time>>())?;
        out.add("step_us", &traces.iter().map(|t| t.step_us).collect::<Array1<i64>>())?;
        let value = |(i, k, side): (usize, usize, usize)| {
            let (low, high) = traces[i].range[k];
            if side == 0 { low } else { high }
        };
        out.add("range", &Array3::from_shape_fn((traces.len(), STEPS, 2), value))
    })
}

/// The time that is drawn of an event.
fn around((from, to): (Micros, Micros)) -> (Micros, Micros) {
    #[expect(clippy::cast_precision_loss, reason = "events are shorter than a century")]
    let beside = micros((AROUND * (to - from) as f64 / 1e6).max(MIN_AROUND_S));
    (from - beside, to + beside)
}

/// An empty trace between two times.
fn trace(channel: usize, (from, to): (Micros, Micros)) -> Trace {
    let step_us = ((to - from) / STEPS as Micros + 1).max(1);
    Trace { channel, from, step_us, range: vec![(f32::NAN, f32::NAN); STEPS] }
}

/// The waveforms of a station's events for its page; `channels` are the names of its channels. None where none are stored.
///
/// # Errors
/// [`Error::Store`] for a file that is damaged.
pub(crate) fn read(output: &Path, channels: &[String]) -> Result<Vec<Waveform>> {
    let path = file(output);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let mut stored = NpzFile::open(&path)?;
    let (_, channel) = stored.read::<f32>("channel")?;
    let (_, from) = stored.read::<Time>("from")?;
    let (_, step) = stored.read::<f64>("step_us")?;
    let (shape, range) = stored.read::<f32>("range")?;
    let n = channel.len();
    if from.len() != n || step.len() != n || shape.len() != 3 || shape[0] != n || shape[2] != 2 {
        return Err(Error::store(&path, format!("{n} waveforms of the shape {shape:?}; run the command again")));
    }
    let waveform = |i: usize| {
        let of_trace = &range[2 * i * shape[1]..2 * (i + 1) * shape[1]];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a channel's number; microseconds")]
        let (at, step_us) = (channel[i] as usize, step[i] as Micros);
        let name = channels.get(at).cloned().unwrap_or_else(|| at.to_string());
        let range = of_trace.chunks_exact(2).map(|r| (r[0], r[1])).collect();
        Waveform { channel: name, from: from[i].0, step_us, range }
    };
    Ok((0..n).map(waveform).collect())
}
