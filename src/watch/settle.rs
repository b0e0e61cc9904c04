//! The exact list: what `apply` with the same model says of the archive as it is now.
//!
//! The days' files are put together from what was measured image by image, so no picture is decoded again; a day of which something is
//! missing (pictures that came late, or were changed) is measured anew.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use scatterfall_detector::{DetectorModel, DetectorPlan, Measurement};
use serde_json::Value;

use super::stored::{Seen, Stored};
use crate::archive::{Catalogue, ImageRef, LeftOut};
use crate::error::{Error, Result};
use crate::formats::events::json_file;
use crate::formats::measurements::{self, MeasurementWriter};
use crate::progress::Context;
use crate::stages::images::{self, Goals, measured_settings, with_neighbours};
use crate::stages::{StageRecord, events};
use crate::store::day::{Record, Source, Stage, State, StoredBackend, state};
use crate::store::npz::NpzStream;
use crate::summary::RunSummary;
use scatterfall_scattering::backend::cpu::CpuBackend;
use scatterfall_timestamps::{Micros, day_name};

/// What the list is made from.
pub(super) struct Archive<'a> {
    pub(super) plan: &'a Arc<DetectorPlan>,
    pub(super) model: &'a DetectorModel,
    pub(super) stored: &'a Stored,
    /// Files that are still being written.
    pub(super) unfinished: HashSet<PathBuf>,
    /// The last images as far as they can be measured now.
    pub(super) last: Vec<(Seen, Measurement)>,
}

impl Archive<'_> {
    /// Makes the list, `events.csv` and all that belongs to it; returns its events. None where there is no image yet.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub(super) fn settle(&self, ctx: &Context<'_>) -> Result<Option<Vec<Value>>> {
        let config = ctx.config;
        let output = &config.output.path;
        let mut catalogue = match ctx.pool.install(|| Catalogue::read(&config.input, output)) {
            Ok(catalogue) => catalogue,
            Err(Error::Archive(reason)) => {
                tracing::debug!("no list yet: {reason}");
                return Ok(None);
            }
            Err(other) => return Err(other),
        };
        catalogue.images.retain(|i| !self.unfinished.contains(&i.path));
        if catalogue.images.is_empty() {
            return Ok(None);
        }
        for (day, range) in catalogue.days() {
            self.extend_day(ctx, &catalogue, &day, range)?;
        }
        let goals = Goals { detector: Some(self.plan), ..Goals::default() };
        images::compute(ctx, &mut CpuBackend::new(Arc::clone(&ctx.pool)), &catalogue, goals)?;
        let days: Vec<String> = catalogue.days().into_iter().map(|(day, _)| day).collect();
        events::compute(ctx, Some(&days), Some(self.model))?;
        let mut left_out = catalogue.left_out;
        for day in &days {
            let record = Record::read(&Stage::Measurements.file(output, day));
            left_out.extend(record.into_iter().flat_map(|r| r.left_out));
        }
        left_out.sort();
        left_out.dedup();
        let mut summary = RunSummary { images: catalogue.images.len(), ..RunSummary::default() };
        summary.finish_with(config, left_out, None)?;
        let path = json_file(output);
        let text = std::fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        serde_json::from_slice(&text).map(Some).map_err(|e| Error::store(&path, e.to_string()))
    }

    /// Writes a day's file from what is measured, where all of it is and the file is not current.
    fn extend_day(
        &self,
        ctx: &Context<'_>,
        catalogue: &Catalogue,
        day: &str,
        range: std::ops::Range<usize>,
    ) -> Result<()> {
        let output = &ctx.config.output.path;
        let file = Stage::Measurements.file(output, day);
        let around = with_neighbours(&catalogue.images, &range, self.plan);
        let source = Source::of_images(measured_settings(ctx.config, self.plan), &catalogue.images[around.clone()]);
        if !matches!(state(&file, &source), State::Missing) {
            return Ok(());
        }
        let own = &catalogue.images[range.clone()];
        let beside = catalogue.images[around.start..range.start].iter().chain(&catalogue.images[range.end..around.end]);
        if !self.are_sound(beside) {
            return Ok(());
        }
        let Some((measured, left_out)) = self.measured(ctx, day, own)? else { return Ok(()) };
        let db = (ctx.config.value.db_min, ctx.config.value.db_max);
        let mut writer = MeasurementWriter::new(NpzStream::new(file.clone()), self.plan, db)?;
        let mut names = Vec::new();
        for (name, source) in &measured {
            match source {
                Measured::Here(measurement) => writer.append(measurement)?,
                Measured::Stored(time) => writer.append(&self.stored.read(*time, self.plan)?)?,
            }
            names.push((*name).to_owned());
        }
        let backend = StoredBackend { kind: "cpu".into(), ..StoredBackend::default() };
        let (fingerprint, image_size) = (source.fingerprint(), Some(catalogue.size));
        let record = |bytes| Record {
            fingerprint,
            source,
            backend,
            bytes,
            images: names,
            image_size,
            left_out,
            incomplete: false,
        };
        writer.stream.finish(|bytes| record(bytes).write(&file))
    }

    /// Whether none of these images was left out: a stream has further neighbours then than the day alone would have.
    fn are_sound<'i>(&self, mut images: impl Iterator<Item = &'i ImageRef>) -> bool {
        let mut days: HashMap<String, HashMap<String, Seen>> = HashMap::new();
        let is_sound = |image: &ImageRef| {
            let day = day_name(image.time);
            let seen = days.entry(day).or_insert_with_key(|day| self.stored.of_day(day));
            seen.get(&image.name).is_none_or(|s| s.left_out.is_none())
        };
        images.all(is_sound)
    }

    /// Where the measurement of every image of a day is, and what is left out; none where one is missing.
    fn measured<'i>(&self, ctx: &Context<'_>, day: &str, own: &'i [ImageRef]) -> Result<Option<DayParts<'i>>> {
        let seen = self.stored.of_day(day);
        let mut last: HashMap<&str, &(Seen, Measurement)> = HashMap::new();
        last.extend(self.last.iter().map(|l| (l.0.name.as_str(), l)));
        let mut before = self.day_file(ctx, day)?;
        let (mut measured, mut left_out) = (Vec::new(), Vec::new());
        for image in own {
            if let Some(seen) = seen.get(&image.name).filter(|s| s.is(image)) {
                match &seen.left_out {
                    Some(reason) => left_out.push(LeftOut { file: image.name.clone(), reason: reason.clone() }),
                    None => measured.push((image.name.as_str(), Measured::Stored(image.time))),
                }
            } else if let Some((_, m)) = last.get(image.name.as_str()).filter(|l| l.0.is(image)) {
                measured.push((image.name.as_str(), Measured::Here(Box::new(m.clone()))));
            } else if let Some(m) = before.remove(&image.time) {
                measured.push((image.name.as_str(), Measured::Here(Box::new(m))));
            } else {
                return Ok(None);
            }
        }
        Ok(Some((measured, left_out)))
    }

    /// The measurements of a day's file that later images do not change.
    fn day_file(&self, ctx: &Context<'_>, day: &str) -> Result<BTreeMap<Micros, Measurement>> {
        let file = Stage::Measurements.file(&ctx.config.output.path, day);
        let Some(record) = Record::read(&file).filter(|r| !r.incomplete && r.left_out.is_empty()) else {
            return Ok(BTreeMap::new());
        };
        let settings = measured_settings(ctx.config, self.plan);
        if !file.is_file() || record.source.config != settings {
            return Ok(BTreeMap::new());
        }
        let mut all = measurements::read(&file, self.plan)?;
        all.truncate(all.len().saturating_sub(self.plan.lead_images()));
        Ok(all.into_iter().map(|m| (m.time_us, m)).collect())
    }

    /// Has the list made anew by the next [`Self::settle`], since another one stands in its place.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn forget_list(ctx: &Context<'_>) -> Result<()> {
        StageRecord::remove(&Stage::Measurements.folder(&ctx.config.output.path).join("record.json"))
    }
}

/// Measurements of a day's images in order by their names, and what is left out.
type DayParts<'i> = (Vec<(&'i str, Measured)>, Vec<LeftOut>);

/// Where a measurement is.
enum Measured {
    Here(Box<Measurement>),
    Stored(Micros),
}
