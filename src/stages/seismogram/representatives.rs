//! The waveforms that a station's clusters stand for: the segments nearest to each centre.

use scatterfall_figures::cluster_waveforms::{COLUMNS, Waveform, cluster_waveforms};
use scatterfall_figures::scattergram::Extent;
use scatterfall_miniseed::{Channel, MiniSeedIndex, Station};
use scatterfall_timestamps::{Micros, micros};

use crate::config::Seismogram;
use crate::error::Result;
use crate::progress::Context;
use crate::seismogram::{PreparedReader, SegmentPlan};
use crate::stages::results::Results;
use crate::store::pictures::SavePicture;

/// Clusters that are drawn at most.
const MAX_CLUSTERS: i32 = 20;
/// Columns of one waveform: the pixels of its panel.
const POINTS: usize = 440;

/// Draws `visualizations/cluster_waveforms.png` of a station whose rows are clustered; nothing where the clusters have no
/// centres.
///
/// # Errors
/// Those of reading and writing.
pub(crate) fn draw(ctx: &Context<'_>, index: &MiniSeedIndex, station: &Station) -> Result<()> {
    let results = Results::read(ctx.config)?;
    let (Some(centers), Some(channel)) = (results.centers(), station.channels.first()) else { return Ok(()) };
    let settings = &ctx.config.seismogram;
    let bins = SegmentPlan::new(settings, station.sampling_rate)?.bins;
    let mut clusters = Vec::new();
    for label in 0..i32::try_from(results.clusters).unwrap_or(MAX_CLUSTERS).min(MAX_CLUSTERS) {
        ctx.check()?;
        let rows = results.typical(label, COLUMNS, Some(&centers));
        let waveforms = rows.into_iter().map(|row| read(index, channel, settings, results.times[row], bins));
        let waveforms: Vec<Waveform> = waveforms.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        clusters.push((label, waveforms));
    }
    let picture = cluster_waveforms(&channel.id.to_string(), &clusters);
    picture.save(&ctx.config.output.path.join("visualizations").join("cluster_waveforms.png"))
}

/// The segment that begins at a time, as it was transformed and without its mean.
fn read(
    index: &MiniSeedIndex,
    channel: &Channel,
    settings: &Seismogram,
    time: Micros,
    bins: usize,
) -> Result<Option<Waveform>> {
    let half = micros(0.5 / channel.segments.first().map_or(1.0, |s| s.sampling_rate()));
    let holds = |from: Micros, to: Micros| from <= time.saturating_add(half) && time < to;
    let Some(segment) = channel.segments.iter().find(|s| holds(s.start_us(), s.time_us(s.samples))) else {
        return Ok(None);
    };
    let first = u64::try_from(segment.nearest(time)).unwrap_or(0);
    let count = usize::try_from(segment.samples.saturating_sub(first)).unwrap_or(bins).min(bins);
    let mut reader = PreparedReader::new(index, segment, settings)?;
    reader.advance(first)?;
    let mut samples = Vec::new();
    reader.read(count, &mut samples)?;
    let mean = samples.iter().sum::<f64>() / samples.len().max(1) as f64;
    let size = samples.len().div_ceil(POINTS).max(1);
    let extent = |(i, chunk): (usize, &[f64])| Extent {
        time: segment.time_us(first + (i * size) as u64),
        low: (chunk.iter().copied().fold(f64::INFINITY, f64::min) - mean) as f32,
        high: (chunk.iter().copied().fold(f64::NEG_INFINITY, f64::max) - mean) as f32,
    };
    Ok(Some((time, samples.chunks(size).enumerate().map(extent).collect())))
}
