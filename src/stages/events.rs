//! The stage `events`: from the measurements of all stored days to scores, events, kinds and health.

use std::path::{Path, PathBuf};

use scatterfall_detector::{
    DayScores, Days, DetectorError, DetectorModel, DetectorPlan, Event, Threshold, detect, fit,
};
use serde_json::{Value, json};

use super::{StageRecord, kinds, stored_days};
use crate::config::Config;
use crate::detect::health::{Fault, HealthWatch};
use crate::detect::plan::{error, plan, with_params};
use crate::detect::stored::StoredDays;
use crate::error::{Error, ModelError, Result};
use crate::formats::events::{Entry, Units};
use crate::formats::names::Names;
use crate::formats::{events, health, reachability, scores};
use crate::model;
use crate::progress::Context;
use crate::store::atomic::write_bytes;
use crate::store::day::{Stage, digest, identity};
use scatterfall_timestamps::micros;

/// What the stage found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct EventsSummary {
    /// Events in the list.
    pub(crate) events: usize,
    /// Score from which an event is listed.
    pub(crate) threshold: f64,
    /// False when everything was current.
    pub(crate) computed: bool,
}

/// The detector's part of a model.
pub(crate) fn model_file(output: &Path) -> PathBuf {
    model::folder(output).join("detector.json")
}

/// Reads the detector of a model's folder; `None` where it has none.
///
/// # Errors
/// [`Error::Io`], and [`Error::Store`] for a file that is damaged.
pub(crate) fn read_model(folder: &Path) -> Result<Option<DetectorModel>> {
    let path = folder.join("detector.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", &path, e)),
    };
    let read = serde_json::from_slice(&text);
    read.map(Some).map_err(|e| Error::store(&path, format!("{e}; fit the model again with `scatterfall run`")))
}

/// The plan for the stored measurements: that of the configuration, or of a model.
///
/// # Errors
/// [`Error::Config`]; [`Error::Model`] where the model is for other images.
pub(crate) fn plan_for(config: &Config, size: (usize, usize), model: Option<&DetectorModel>) -> Result<DetectorPlan> {
    let Some(model) = model else { return plan(config, size.0, size.1) };
    let own = with_params(config, size.0, size.1, model.params.clone())?;
    if own.geometry != model.geometry {
        let (own, here) = (format!("{:?}", model.geometry), format!("{:?}", own.geometry));
        return Err(ModelError::Detector { own, here }.into());
    }
    Ok(own)
}

/// Rows and columns of the stored days' images.
fn stored_size(output: &Path, day: &str) -> Result<(usize, usize)> {
    let path = Stage::Measurements.file(output, day);
    let record = crate::store::day::Record::read(&path);
    let geometry = record.map_or(Value::Null, |r| r.source.config["detect"]["geometry"].clone());
    let number = |key: &str| geometry[key].as_u64().and_then(|n| usize::try_from(n).ok());
    match (number("rows"), number("columns")) {
        (Some(rows), Some(columns)) => Ok((rows, columns)),
        _ => {
            Err(Error::store(&path, "its record does not tell the size of the images; run `scatterfall detect` again"))
        }
    }
}

/// Scores the stored days and lists their events, `wanted` days where given. Without a model the detector is fitted to them first.
///
/// # Errors
/// [`Error::Stored`] where nothing is stored; those of reading and writing.
pub(crate) fn compute(
    ctx: &Context<'_>,
    wanted: Option<&[String]>,
    model: Option<&DetectorModel>,
) -> Result<EventsSummary> {
    let config = ctx.config;
    let output = &config.output.path;
    let days = stored_days(output, Stage::Measurements, wanted)?;
    let plan = plan_for(config, stored_size(output, &days[0])?, model)?;
    let stored = StoredDays::open(output, &days, &plan)?;
    if stored.count() == 0 {
        return Ok(EventsSummary::default());
    }
    let names_file = names_file(config);
    let record_file = Stage::Measurements.folder(output).join("record.json");
    let mut before: Vec<String> = stored.files().iter().map(|f| identity(f)).collect();
    before.push(if names_file.is_file() { digest(&names_file)? } else { String::new() });
    before.push(model.map_or_else(String::new, |m| serde_json::to_string(m).unwrap_or_default()));
    let record = StageRecord::new(settings(config), before);
    let mut files: Vec<PathBuf> =
        stored.files().iter().filter_map(|f| day_of(f)).map(|day| Stage::Scores.file(output, &day)).collect();
    files.extend([events::csv_file(output), events::json_file(output), health::file(output)]);
    if record.is_current(&record_file, &files) {
        return Ok(EventsSummary::default());
    }
    StageRecord::remove(&record_file)?;
    ctx.observer.begin("events", 0, "days");
    let names = Names::read(&names_file)?;
    let summary = ctx.pool.install(|| find(config, &plan, &stored, model, &names));
    ctx.observer.end();
    let summary = summary?;
    record.write(&record_file)?;
    Ok(summary)
}

/// What events depend on beside the measurements.
fn settings(config: &Config) -> Value {
    let mut settings = config.sections(&["detect", "kinds", "exclude"]);
    settings["value"] = json!([config.value.db_min, config.value.db_max]);
    settings["offset_km"] = json!(config.input.distance_offset_km);
    settings
}

/// Where kinds are named: relative to the output folder.
pub(crate) fn names_file(config: &Config) -> PathBuf {
    config.output.path.join(&config.kinds.names)
}

fn day_of(file: &Path) -> Option<String> {
    file.file_stem()?.to_str()?.rsplit('_').next().map(str::to_owned)
}

fn find(
    config: &Config,
    plan: &DetectorPlan,
    stored: &StoredDays<'_>,
    given: Option<&DetectorModel>,
    names: &Names,
) -> Result<EventsSummary> {
    let output = &config.output.path;
    let mut fitted = None;
    let model = match given {
        Some(model) => model,
        None => {
            let threshold =
                Threshold { false_alarms_per_day: config.detect.false_alarms_per_day, fixed: config.detect.threshold };
            fitted.insert(fit(plan, stored, threshold).map_err(error)?)
        }
    };
    let offset_km = config.input.distance_offset_km;
    let sink = |day: usize, scored: DayScores| {
        let name = day_of(&stored.files()[day]).unwrap_or_default();
        scores::write(&Stage::Scores.file(output, &name), plan, &scored, offset_km).map_err(|e| e.to_string())
    };
    let mut found = detect(plan, model, stored, sink).map_err(error)?;
    let threshold = model.threshold;
    let mut reached = None;
    match (given, fitted) {
        (Some(model), _) => model.kinds.assign(plan, &mut found),
        (None, Some(mut model)) => {
            let fitted = kinds::fit(&config.kinds, plan, &mut found)?;
            model.kinds = fitted.kinds;
            reached = fitted.order;
            let text = serde_json::to_string(&model).unwrap_or_default();
            write_bytes(&model_file(output), text.as_bytes())?;
        }
        (None, None) => {}
    }
    match reached {
        Some(order) => reachability::write(output, &order)?,
        None => StageRecord::remove(&reachability::file(output))?,
    }
    let faults = look_after(plan, stored)?;
    health::write(output, &faults, offset_km)?;
    let listed = list(config, &found, names);
    let entries: Vec<Entry<'_>> = listed
        .iter()
        .map(|&event| Entry {
            event,
            kind: names.of(event.kind),
            image_file: stored.names.get(&event.image_time_us).map_or("", String::as_str),
        })
        .collect();
    let units = Units { db_per_index: (config.value.db_max - config.value.db_min) / 255.0, offset_km };
    events::write(output, &entries, units)?;
    tracing::info!(events = entries.len(), threshold, faults = faults.len(), "events listed");
    Ok(EventsSummary { events: entries.len(), threshold, computed: true })
}

/// Faults of all days.
fn look_after(plan: &DetectorPlan, stored: &StoredDays<'_>) -> Result<Vec<Fault>> {
    let mut watch = HealthWatch::new(plan);
    for day in 0..stored.count() {
        let measured = stored.load(day).map_err(|reason| Error::Detection(DetectorError::Source { day, reason }))?;
        measured.iter().for_each(|m| watch.see(m));
    }
    Ok(watch.finish())
}

/// The events that are listed, in the order of time: those outside [exclude] whose kind is not ignored, the strongest.
pub(crate) fn list<'e>(config: &Config, found: &'e [Event], names: &Names) -> Vec<&'e Event> {
    let offset = config.input.distance_offset_km;
    let duration = micros(config.input.duration_s);
    let excluded = |e: &Event| {
        let (place, minute) = (e.peak_km + offset, e.image_time_us);
        config.exclude.distance_km.iter().any(|&(a, b)| (a..b).contains(&place))
            || config.exclude.time.iter().any(|&(a, b)| minute < b && a < minute + duration)
    };
    let mut listed: Vec<(usize, &Event)> =
        found.iter().enumerate().filter(|(_, e)| !excluded(e) && !names.ignores(e.kind)).collect();
    listed.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then(a.0.cmp(&b.0)));
    listed.truncate(config.detect.top);
    listed.sort_by_key(|(k, _)| *k);
    listed.into_iter().map(|(_, e)| e).collect()
}
