//! The configuration as it stands in a file: the keys of every section, for those sections whose types are kept in
//! another form.

use std::path::PathBuf;
use std::result::Result as StdResult;

use scatterfall_recognize::TimeAxis;
use scatterfall_scattering::backend::BackendChoice;
use scatterfall_timestamps::{Micros, compact, iso, parse_time};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rules::{self, MAX_COUNT};
use super::{
    Anomaly, Bank, Cluster, Compute, Config, Continuity, Crop, Detect, Exclude, Features, Input, Kinds, Network,
    Normalize, Output, Oversampling, Pooling, Reduce, SegmentLength, Segments, Seismogram, ValueScale, Visualize,
};
use crate::error::{Error, Result};
use crate::names::TimePattern;

/// What is to be found from the archive.
const AUTO: &str = "auto";
/// Seconds that an image spans where nothing tells.
const USUAL_DURATION_S: f64 = 60.0;
/// What a time looks like.
const EXPECTED_TIME: &str = "\"YYYYMMDD_HHMMSS\", or ISO 8601 as \"2025-05-15T09:30:00Z\"";
/// Most bytes that `compute.memory_mib` may ask for, in MiB.
const MAX_MIB: u64 = 1 << 24;

/// Every section.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    input: InputKeys,
    exclude: ExcludeKeys,
    output: Output,
    crop: CropKeys,
    value: ValueScale,
    features: Features,
    segments: SegmentKeys,
    network: NetworkKeys,
    seismogram: Seismogram,
    reduce: Reduce,
    cluster: Cluster,
    detect: Detect,
    kinds: Kinds,
    anomaly: Anomaly,
    visualize: Visualize,
    compute: ComputeKeys,
}

impl TryFrom<ConfigFile> for Config {
    type Error = Error;

    fn try_from(file: ConfigFile) -> Result<Self> {
        let time_axis = file.crop.time_axis.unwrap_or(TimeAxis::Down);
        let value = file.value;
        if value.db_max <= value.db_min {
            let expected = format!("more than value.db_min = {}", value.db_min);
            return Err(Error::config("value.db_max", value.db_max, expected));
        }
        Ok(Self {
            input: file.input.try_into()?,
            exclude: file.exclude.into(),
            output: file.output,
            crop: file.crop.area()?,
            time_axis,
            value,
            features: file.features,
            segments: file.segments.into(),
            network: file.network.into(),
            seismogram: file.seismogram,
            reduce: file.reduce,
            cluster: file.cluster,
            detect: file.detect,
            kinds: file.kinds,
            anomaly: file.anomaly,
            visualize: file.visualize,
            compute: file.compute.into(),
        })
    }
}

impl From<Config> for ConfigFile {
    fn from(config: Config) -> Self {
        Self {
            input: config.input.into(),
            exclude: config.exclude.into(),
            output: config.output,
            crop: CropKeys::new(config.crop, config.time_axis),
            value: config.value,
            features: config.features,
            segments: config.segments.into(),
            network: config.network.into(),
            seismogram: config.seismogram,
            reduce: config.reduce,
            cluster: config.cluster,
            detect: config.detect,
            kinds: config.kinds,
            anomaly: config.anomaly,
            visualize: config.visualize,
            compute: config.compute.into(),
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputKeys {
    #[serde(deserialize_with = "rules::path", serialize_with = "rules::write_path")]
    path: PathBuf,
    #[serde(with = "duration")]
    duration_s: Option<f64>,
    #[serde(deserialize_with = "rules::number::<rules::Length, _>")]
    total_distance_km: f64,
    #[serde(deserialize_with = "rules::text")]
    time_pattern: String,
    #[serde(deserialize_with = "rules::number::<rules::ZoneHours, _>")]
    utc_offset_h: f64,
    #[serde(default, with = "optional_time")]
    start: Option<Micros>,
    #[serde(default, with = "optional_time")]
    end: Option<Micros>,
    #[serde(deserialize_with = "rules::number::<rules::Kilometres, _>")]
    distance_offset_km: f64,
    #[serde(deserialize_with = "rules::large::<1, { 1 << 40 }, _>")]
    max_pixels: u64,
}

impl TryFrom<InputKeys> for Input {
    type Error = Error;

    fn try_from(keys: InputKeys) -> Result<Self> {
        let pattern_auto = keys.time_pattern == AUTO;
        let pattern = (!pattern_auto).then_some(keys.time_pattern.as_str());
        let Some(time_pattern) = TimePattern::new(pattern, keys.utc_offset_h) else {
            let expected = "a strftime pattern with year, month, day, hour and minute, as \"*_%Y%m%d_%H%M%S\"";
            return Err(Error::config("input.time_pattern", keys.time_pattern, expected));
        };
        if let (Some(start), Some(end)) = (keys.start, keys.end)
            && start >= end
        {
            return Err(Error::config("input.end", write_time(end), "a time after input.start"));
        }
        Ok(Self {
            path: keys.path,
            duration_s: keys.duration_s.unwrap_or(USUAL_DURATION_S),
            duration_auto: keys.duration_s.is_none(),
            pattern_auto,
            utc_offset_h: keys.utc_offset_h,
            total_distance_km: keys.total_distance_km,
            time_pattern,
            start: keys.start,
            end: keys.end,
            distance_offset_km: keys.distance_offset_km,
            max_pixels: keys.max_pixels,
        })
    }
}

impl From<Input> for InputKeys {
    fn from(input: Input) -> Self {
        let pattern = input.time_pattern.text().filter(|_| !input.pattern_auto);
        Self {
            path: input.path,
            duration_s: (!input.duration_auto).then_some(input.duration_s),
            total_distance_km: input.total_distance_km,
            time_pattern: pattern.unwrap_or_else(|| AUTO.to_owned()),
            utc_offset_h: input.utc_offset_h,
            start: input.start,
            end: input.end,
            distance_offset_km: input.distance_offset_km,
            max_pixels: input.max_pixels,
        }
    }
}

/// `input.duration_s`: a number, or a word for what is found from the archive.
mod duration {
    use super::*;

    struct DurationVisitor;

    impl serde::de::Visitor<'_> for DurationVisitor {
        type Value = Option<f64>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("seconds, above 0, or \"auto\"")
        }

        fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> StdResult<Self::Value, E> {
            if seconds > 0.0 && seconds <= 86_400.0 {
                Ok(Some(seconds))
            } else {
                Err(E::invalid_value(serde::de::Unexpected::Float(seconds), &self))
            }
        }

        #[expect(clippy::cast_precision_loss, reason = "whole numbers written for a quantity are small")]
        fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> StdResult<Self::Value, E> {
            self.visit_f64(seconds as f64)
        }

        #[expect(clippy::cast_precision_loss, reason = "whole numbers written for a quantity are small")]
        fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> StdResult<Self::Value, E> {
            self.visit_f64(seconds as f64)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> StdResult<Self::Value, E> {
            match text {
                AUTO => Ok(None),
                _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
            }
        }
    }

    pub(super) fn serialize<S: Serializer>(seconds: &Option<f64>, serializer: S) -> StdResult<S::Ok, S::Error> {
        match seconds {
            Some(seconds) => seconds.serialize(serializer),
            None => AUTO.serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> StdResult<Option<f64>, D::Error> {
        deserializer.deserialize_any(DurationVisitor)
    }
}

/// A time as it is written in a file: without a fraction where it has none.
fn write_time(time: Micros) -> String {
    if time % 1_000_000 == 0 { compact(time) } else { iso(time) }
}

/// A time, or none.
mod optional_time {
    use super::*;

    pub(super) fn serialize<S: Serializer>(time: &Option<Micros>, serializer: S) -> StdResult<S::Ok, S::Error> {
        time.map(write_time).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> StdResult<Option<Micros>, D::Error> {
        let wrong = || D::Error::custom(format_args!("expected {EXPECTED_TIME}"));
        let text = Option::<String>::deserialize(deserializer).map_err(|_| wrong())?;
        text.map(|text| parse_time(&text).ok_or_else(wrong)).transpose()
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExcludeKeys {
    #[serde(deserialize_with = "distances")]
    distance_km: Vec<(f64, f64)>,
    #[serde(serialize_with = "write_spans", deserialize_with = "spans")]
    time: Vec<(Micros, Micros)>,
}

/// Stretches of fibre, each of them with its smaller end first.
fn distances<'de, D: Deserializer<'de>>(deserializer: D) -> StdResult<Vec<(f64, f64)>, D::Error> {
    let wrong = || D::Error::custom("expected pairs of kilometres, [[from, to], ...]");
    let pairs = Vec::<(f64, f64)>::deserialize(deserializer).map_err(|_| wrong())?;
    let valid = pairs.iter().all(|(from, to)| from.is_finite() && to.is_finite() && from < to);
    if valid { Ok(pairs) } else { Err(wrong()) }
}

/// Spans of time, each of them with its earlier end first.
fn spans<'de, D: Deserializer<'de>>(deserializer: D) -> StdResult<Vec<(Micros, Micros)>, D::Error> {
    let wrong = || D::Error::custom("expected pairs of times, [[\"YYYYMMDD_HHMMSS\", \"YYYYMMDD_HHMMSS\"], ...]");
    let pairs = Vec::<(String, String)>::deserialize(deserializer).map_err(|_| wrong())?;
    let times = pairs.iter().map(|(from, to)| Some((parse_time(from)?, parse_time(to)?)));
    let valid = |span: &Option<(Micros, Micros)>| span.is_some_and(|(from, to)| from < to);
    times.map(|span| if valid(&span) { span.ok_or_else(wrong) } else { Err(wrong()) }).collect()
}

fn write_spans<S: Serializer>(spans: &[(Micros, Micros)], serializer: S) -> StdResult<S::Ok, S::Error> {
    serializer.collect_seq(spans.iter().map(|(from, to)| [write_time(*from), write_time(*to)]))
}

impl From<ExcludeKeys> for Exclude {
    fn from(keys: ExcludeKeys) -> Self {
        Self { distance_km: keys.distance_km, time: keys.time }
    }
}

impl From<Exclude> for ExcludeKeys {
    fn from(exclude: Exclude) -> Self {
        Self { distance_km: exclude.distance_km, time: exclude.time }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CropKeys {
    enabled: bool,
    #[serde(default, deserialize_with = "edge")]
    top: Option<usize>,
    #[serde(default, deserialize_with = "edge")]
    bottom: Option<usize>,
    #[serde(default, deserialize_with = "edge")]
    left: Option<usize>,
    #[serde(default, deserialize_with = "edge")]
    right: Option<usize>,
    #[serde(default)]
    time_axis: Option<TimeAxis>,
}

fn edge<'de, D: Deserializer<'de>>(deserializer: D) -> StdResult<Option<usize>, D::Error> {
    rules::optional_count::<0, { MAX_COUNT as u64 }, D>(deserializer)
}

impl CropKeys {
    fn new(area: Option<Crop>, axis: TimeAxis) -> Self {
        Self {
            enabled: area.is_some(),
            top: area.map(|a| a.top),
            bottom: area.map(|a| a.bottom),
            left: area.map(|a| a.left),
            right: area.map(|a| a.right),
            // Left out where it is the usual one, as most files have it.
            time_axis: (axis != TimeAxis::Down).then_some(axis),
        }
    }

    /// The plot area.
    fn area(&self) -> Result<Option<Crop>> {
        if !self.enabled {
            return Ok(None);
        }
        let edge = |key: &str, value: Option<usize>| {
            value.ok_or_else(|| Error::config(format!("crop.{key}"), "nothing", "an edge of the plot area in pixels"))
        };
        let crop = Crop {
            top: edge("top", self.top)?,
            bottom: edge("bottom", self.bottom)?,
            left: edge("left", self.left)?,
            right: edge("right", self.right)?,
        };
        if crop.bottom <= crop.top {
            return Err(Error::config("crop.bottom", crop.bottom, format!("a row below crop.top = {}", crop.top)));
        }
        if crop.right <= crop.left {
            let expected = format!("a column right of crop.left = {}", crop.left);
            return Err(Error::config("crop.right", crop.right, expected));
        }
        Ok(Some(crop))
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SegmentKeys {
    #[serde(default, deserialize_with = "rules::optional::<rules::Length, _>")]
    length_km: Option<f64>,
    #[serde(default, deserialize_with = "rules::optional_count::<1, { 1 << 24 }, _>")]
    bins: Option<usize>,
    #[serde(deserialize_with = "rules::number::<rules::Overlap, _>")]
    overlap: f64,
    continuity: Continuity,
}

impl From<SegmentKeys> for Segments {
    fn from(keys: SegmentKeys) -> Self {
        let length = match (keys.bins, keys.length_km) {
            (Some(bins), _) => SegmentLength::Bins(bins),
            (None, km) => SegmentLength::Km(km.unwrap_or(1.0)),
        };
        Self { length, overlap: keys.overlap, continuity: keys.continuity }
    }
}

impl From<Segments> for SegmentKeys {
    fn from(segments: Segments) -> Self {
        let (length_km, bins) = match segments.length {
            SegmentLength::Km(km) => (Some(km), None),
            SegmentLength::Bins(bins) => (None, Some(bins)),
        };
        Self { length_km, bins, overlap: segments.overlap, continuity: segments.continuity }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkKeys {
    order_0: bool,
    pooling: Pooling,
    normalize: Normalize,
    #[serde(default, deserialize_with = "rules::optional::<rules::Taper, _>")]
    taper_alpha: Option<f64>,
    #[serde(with = "oversampling")]
    oversampling: Oversampling,
    #[serde(deserialize_with = "rules::number::<rules::Hertz, _>")]
    sampling_rate: f64,
    #[serde(deserialize_with = "banks")]
    banks: Vec<BankKeys>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BankKeys {
    #[serde(deserialize_with = "rules::count::<1, 30, _>")]
    octaves: usize,
    #[serde(deserialize_with = "rules::count::<1, 256, _>")]
    resolution: usize,
    #[serde(default = "one", deserialize_with = "rules::number::<rules::Positive, _>")]
    quality: f64,
}

fn one() -> f64 {
    1.0
}

fn banks<'de, D: Deserializer<'de>>(deserializer: D) -> StdResult<Vec<BankKeys>, D::Error> {
    rules::not_empty(Vec::deserialize(deserializer)?, "at least one [[network.banks]] table")
}

impl From<NetworkKeys> for Network {
    fn from(keys: NetworkKeys) -> Self {
        let bank = |b: BankKeys| Bank { octaves: b.octaves, resolution: b.resolution, quality: b.quality };
        Self {
            order_0: keys.order_0,
            pooling: keys.pooling,
            normalize: keys.normalize,
            taper_alpha: keys.taper_alpha,
            oversampling: keys.oversampling,
            sampling_rate: keys.sampling_rate,
            banks: keys.banks.into_iter().map(bank).collect(),
        }
    }
}

impl From<Network> for NetworkKeys {
    fn from(network: Network) -> Self {
        let bank = |b: Bank| BankKeys { octaves: b.octaves, resolution: b.resolution, quality: b.quality };
        Self {
            order_0: network.order_0,
            pooling: network.pooling,
            normalize: network.normalize,
            taper_alpha: network.taper_alpha,
            oversampling: network.oversampling,
            sampling_rate: network.sampling_rate,
            banks: network.banks.into_iter().map(bank).collect(),
        }
    }
}

/// `network.oversampling`: a word, or a factor.
mod oversampling {
    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Keys {
        Factor(usize),
        Word(String),
    }

    pub(super) fn serialize<S: Serializer>(sampling: &Oversampling, s: S) -> StdResult<S::Ok, S::Error> {
        match sampling {
            Oversampling::Full => Keys::Word("full".to_owned()).serialize(s),
            Oversampling::Times(factor) => Keys::Factor(*factor).serialize(s),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> StdResult<Oversampling, D::Error> {
        match Keys::deserialize(d) {
            Ok(Keys::Word(word)) if word == "full" => Ok(Oversampling::Full),
            Ok(Keys::Factor(factor @ (1 | 2 | 4))) => Ok(Oversampling::Times(factor)),
            _ => Err(D::Error::custom("expected \"full\", 1, 2 or 4")),
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ComputeKeys {
    backend: BackendChoice,
    #[serde(deserialize_with = "rules::count::<0, 4096, _>")]
    threads: usize,
    #[serde(deserialize_with = "rules::count::<16, MAX_MIB, _>")]
    memory_mib: usize,
    #[serde(deserialize_with = "rules::count::<0, 100_000, _>")]
    batch_images: usize,
}

impl From<ComputeKeys> for Compute {
    fn from(keys: ComputeKeys) -> Self {
        Self {
            backend: keys.backend,
            threads: keys.threads,
            memory_bytes: keys.memory_mib << 20,
            batch_images: keys.batch_images,
        }
    }
}

impl From<Compute> for ComputeKeys {
    fn from(compute: Compute) -> Self {
        Self {
            backend: compute.backend,
            threads: compute.threads,
            memory_mib: compute.memory_bytes >> 20,
            batch_images: compute.batch_images,
        }
    }
}
