//! Writing a model beside the results, where the stored stages and the configuration tell one story.

use std::collections::BTreeSet;

use super::reduce;
use super::rows::{read_matrix, stored_windows};
use super::{StageRecord, features_config, same_scattering};
use crate::config::Config;
use crate::error::Result;
use crate::model::{self, Fit, Images, Reducer, Traces};
use crate::places::Places;
use crate::plans::{network, segmentation};
use crate::seismogram::SegmentPlan;
use crate::store::day::{RESULTS_VERSION, Record, Stage};
use scatterfall_npz::NpzFile;
use scatterfall_scattering::plan::ScatteringPlan;
use scatterfall_timestamps::{day_name, iso};

/// Writes the model, or says why there is none: results without images of this program behind them have none.
///
/// `components` is the open file of the independent components, `rows` the number of rows that took part in the fit.
pub(super) fn write_model(
    config: &Config,
    components: &mut NpzFile,
    places: &Places,
    rows: usize,
    fitted: &model::Fitted<'_>,
) -> Result<()> {
    let source = match source(config, components, places) {
        Ok(source) => source,
        Err(Missing::Foreign(what)) => {
            tracing::info!("no model for `scatterfall apply` is written: {what} was not made by this program");
            return Ok(());
        }
        Err(Missing::Other(what)) => {
            tracing::warn!(
                "no model for `scatterfall apply` is written: {what} was made with other settings; \
                 give every stage the same configuration"
            );
            return Ok(());
        }
    };
    let network = match &source {
        model::Source::Images(images) => network(config, &segmentation(config, images.windows)?)?,
        model::Source::Traces(traces) => {
            let bins = SegmentPlan::new(&config.seismogram, traces.sampling_rate)?.bins;
            ScatteringPlan::new(&config.network, traces.channels.len(), bins, traces.sampling_rate)?
        }
    };
    let time = |t: Option<&i64>| t.map_or_else(String::new, |&t| iso(t));
    let fit = Fit { rows, from: time(places.times.iter().min()), to: time(places.times.iter().max()) };
    model::write(config, source, fit, &network, fitted)
}

/// Why there is no model.
enum Missing {
    /// A stage's files have no record.
    Foreign(&'static str),
    /// A stage's record is of another configuration.
    Other(&'static str),
}

/// What is behind the components, where every stage between them was computed with this configuration.
fn source(config: &Config, components: &mut NpzFile, places: &Places) -> std::result::Result<model::Source, Missing> {
    let output = &config.output.path;
    let reduction = model::reduction_file(output);
    let unmixing = read_matrix(components, &reduce::independent_file(output), "unmixing");
    let same = unmixing.ok().zip(Reducer::read(&reduction).ok()).is_some_and(|(u, r)| u == r.unmixing);
    let settings = StageRecord::stored_config(&reduce::record_file(output));
    match settings {
        Some(settings) if same && settings == reduce::settings(config) => {}
        Some(_) if same => return Err(Missing::Other("the reduction")),
        _ => return Err(Missing::Foreign("the reduction")),
    }
    let days: BTreeSet<String> = places.times.iter().map(|&t| day_name(t)).collect();
    if let Some(traces) = traces(config, &days)? {
        return Ok(model::Source::Traces(traces));
    }
    let (own, mut size) = (features_config(config), None);
    for day in days {
        let record = |stage: Stage, name| {
            let record = Record::read(&stage.file(output, &day)).ok_or(Missing::Foreign(name))?;
            if record.source.numbers == RESULTS_VERSION { Ok(record) } else { Err(Missing::Other(name)) }
        };
        let features = record(Stage::Features, "a day of features")?;
        let coefficients = record(Stage::Scattering, "a day of coefficients")?;
        if features.source.config != own {
            return Err(Missing::Other("a day of features"));
        }
        if !same_scattering(&coefficients.source.config, config) {
            return Err(Missing::Other("a day of coefficients"));
        }
        size = size.or(features.image_size);
    }
    let windows = stored_windows(config).ok_or(Missing::Foreign("the features"))?;
    Ok(model::Source::Images(Images { width: size.map(|s| s.0), height: size.map(|s| s.1), windows }))
}

/// The seismograms that the days are of; none where they are of images.
fn traces(config: &Config, days: &BTreeSet<String>) -> std::result::Result<Option<Traces>, Missing> {
    let mut own = config.sections(&["seismogram", "network"]);
    if let Some(network) = own["network"].as_object_mut() {
        network.remove("sampling_rate");
    }
    let mut found = None;
    for day in days {
        let Some(record) = Record::read(&Stage::Scattering.file(&config.output.path, day)) else { return Ok(None) };
        let stored = &record.source.config;
        let (Some(channels), Some(sampling_rate)) = (stored["channels"].as_array(), stored["sampling_rate"].as_f64())
        else {
            return Ok(None);
        };
        let same = ["seismogram", "network"].iter().all(|section| stored[*section] == own[*section]);
        if record.source.numbers != RESULTS_VERSION || !same {
            return Err(Missing::Other("a day of coefficients"));
        }
        let channels = channels.iter().filter_map(|c| c.as_str().map(str::to_owned)).collect();
        found = Some(Traces { channels, sampling_rate });
    }
    Ok(found)
}
