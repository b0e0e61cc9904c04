//! What is out of date, day by day, and in which batches it is computed.

use std::ops::Range;

use scatterfall_detector::{DetectorPlan, is_gap};
use serde_json::Value;

use super::Wanted;
use crate::archive::{Catalogue, ImageRef};
use crate::config::Config;
use crate::detect::plan::measured_with;
use crate::error::Result;
use crate::progress::Context;
use crate::stages::strict::refuse;
use crate::stages::{features_config, scattering_config};
use crate::store::day::{Source, Stage, State, state};

/// A day whose features are out of date.
pub(super) struct FeatureDay {
    pub(super) day: String,
    pub(super) size: (u32, u32),
    /// Its images' numbers in the catalogue.
    images: Range<usize>,
    pub(super) features: Source,
    pub(super) scattering: Option<Source>,
}

/// A day whose measurements are out of date.
pub(super) struct MeasuredDay {
    pub(super) day: String,
    /// Numbers of the images that its measurements need: its own, and those around them.
    pub(super) around: Range<usize>,
    /// Numbers of its own.
    pub(super) own: Range<usize>,
    pub(super) source: Source,
}

/// Days of a kind that are out of date, and the number of those that are current.
pub(super) struct Stale<T> {
    pub(super) days: Vec<T>,
    pub(super) current: usize,
}

impl<T> Default for Stale<T> {
    fn default() -> Self {
        Self { days: Vec::new(), current: 0 }
    }
}

/// Images that are computed together; all of one day of features, or of none.
pub(super) struct Portion {
    /// Numbers of its images in the catalogue, which follow each other.
    pub(super) images: Range<usize>,
    /// The day of features, where their features are out of date.
    pub(super) day: Option<usize>,
    /// The last of its day.
    pub(super) last: bool,
}

/// Days of features that are not current.
///
/// # Errors
/// With `--strict` where a current day left images out.
pub(super) fn feature_days(
    ctx: &Context<'_>,
    catalogue: &Catalogue,
    with_scattering: bool,
) -> Result<Stale<FeatureDay>> {
    let config = ctx.config;
    let output = &config.output.path;
    let mut stale = Stale::default();
    for (day, range) in catalogue.days() {
        let features = Source::of_images(features_config(config), &catalogue.images[range.clone()]);
        let scattering =
            with_scattering.then(|| Source::of_stage(scattering_config(config, 0), features.fingerprint()));
        // Where only the coefficients are out of date the stored features serve; that is the transform stage's work.
        match state(&Stage::Features.file(output, &day), &features) {
            State::Missing => {
                stale.days.push(FeatureDay { day, size: catalogue.size, images: range, features, scattering });
            }
            State::Current(record) => {
                if ctx.strict {
                    refuse(&record.left_out)?;
                }
                stale.current += 1;
            }
            State::Untracked => stale.current += 1,
        }
    }
    Ok(stale)
}

/// What a day's measurements depend on beside its images.
pub(crate) fn measured_settings(config: &Config, plan: &DetectorPlan) -> Value {
    let mut settings = features_config(config);
    if let Some(all) = settings.as_object_mut() {
        all.remove("features");
        all.insert("detect".into(), measured_with(plan));
    }
    settings
}

/// Days of measurements that are not current.
pub(super) fn measured_days(ctx: &Context<'_>, catalogue: &Catalogue, plan: &DetectorPlan) -> Stale<MeasuredDay> {
    let settings = measured_settings(ctx.config, plan);
    let mut stale = Stale::default();
    for (day, own) in catalogue.days() {
        let around = with_neighbours(&catalogue.images, &own, plan);
        let source = Source::of_images(settings.clone(), &catalogue.images[around.clone()]);
        match state(&Stage::Measurements.file(&ctx.config.output.path, &day), &source) {
            State::Missing => stale.days.push(MeasuredDay { day, around, own, source }),
            State::Current(_) | State::Untracked => stale.current += 1,
        }
    }
    stale
}

/// The images of a day with those before and after it that its measurements need: so many, and none beyond a gap.
pub(crate) fn with_neighbours(images: &[ImageRef], day: &Range<usize>, plan: &DetectorPlan) -> Range<usize> {
    let (mut start, mut end) = (day.start, day.end);
    let duration = plan.geometry.duration_s;
    let follows = |k: usize| !is_gap(images[k - 1].time, images[k].time, duration);
    while start > 0 && day.start - start < plan.lead_images() && follows(start) {
        start -= 1;
    }
    while end < images.len() && end - day.end < plan.lead_images() && follows(end) {
        end += 1;
    }
    start..end
}

/// All images that some day needs, each once, in order, at most `most` together.
pub(super) fn portions(wanted: &Wanted<'_>, images: usize, most: usize) -> Vec<Portion> {
    /// What an image is needed for.
    #[derive(Clone, Copy, PartialEq)]
    enum Need {
        Nothing,
        Measurements,
        Features(usize),
    }
    let mut needs = vec![Need::Nothing; images];
    for day in &wanted.measured.days {
        needs[day.around.clone()].fill(Need::Measurements);
    }
    for (k, day) in wanted.features.days.iter().enumerate() {
        needs[day.images.clone()].fill(Need::Features(k));
    }
    let mut portions = Vec::new();
    let mut start = 0;
    for stretch in needs.chunk_by(PartialEq::eq) {
        let end = start + stretch.len();
        let day = match stretch[0] {
            Need::Nothing => {
                start = end;
                continue;
            }
            Need::Measurements => None,
            Need::Features(day) => Some(day),
        };
        while start < end {
            let to = end.min(start + most.max(1));
            portions.push(Portion { images: start..to, day, last: to == end });
            start = to;
        }
    }
    portions
}
