//! The page of the last day, which loads itself again.

use std::collections::{BTreeMap, VecDeque};

use scatterfall_detector::{DetectorModel, DetectorPlan, Measurement};
use scatterfall_figures::thumbnail::thumbnail;
use scatterfall_figures::waterfall::Waterfall;
use scatterfall_page::{Event, KindName, LevelMap, Method, Page, Path, Source, TimeAxis, render};
use serde_json::Value;

use crate::config::Config;
use crate::error::Result;
use crate::stages::events::names_file;
use crate::stages::report::found;
use crate::store::atomic::write_bytes;
use scatterfall_colormap::Colormap;
use scatterfall_timestamps::{DAY_US, Micros, micros, parse_iso};

/// Pictures of images with events that are kept, and of the last images whether they have some or not.
const PICTURES: usize = 160;
const LAST_PICTURES: usize = 24;

/// Pixels of a picture.
const SIZE: (usize, usize) = (420, 120);

/// What the page is made from.
pub(super) struct LivePage {
    colormap: Colormap,
    /// Start and level in dB of every place, one row per image of the last day.
    levels: VecDeque<(Micros, Vec<f32>)>,
    pictures: BTreeMap<Micros, (String, Vec<u8>)>,
}

impl LivePage {
    /// A page with nothing on it.
    ///
    /// # Errors
    /// Those of a colour map's file.
    pub(super) fn new(config: &Config) -> Result<Self> {
        Ok(Self { colormap: config.value.load_colormap()?, levels: VecDeque::new(), pictures: BTreeMap::new() })
    }

    /// Takes a measured image.
    pub(super) fn add(&mut self, m: &Measurement, config: &Config) {
        let row = level_db(m, config);
        self.levels.push_back((m.time_us, row));
        while self.levels.front().is_some_and(|l| m.time_us - l.0 > DAY_US) {
            self.levels.pop_front();
        }
    }

    /// Takes a picture of an image's plane.
    pub(super) fn picture(&mut self, time: Micros, name: &str, plane: &[u8], plan: &DetectorPlan) {
        let (rows, columns) = (plan.geometry.rows, plan.geometry.columns);
        let view = Waterfall { time, rows, columns, indices: plane };
        match thumbnail(&view, 0..columns, &self.colormap, SIZE) {
            Ok(png) => drop(self.pictures.insert(time, (name.to_owned(), png))),
            Err(e) => tracing::debug!("no picture of {name}: {e}"),
        }
    }

    /// Keeps pictures of the images that events are in, and of the last ones.
    fn forget(&mut self, events: &[Event]) {
        let last = self.pictures.keys().rev().nth(LAST_PICTURES).copied().unwrap_or(Micros::MIN);
        let wanted = |file: &str| events.iter().any(|e| e.file == file);
        self.pictures.retain(|&time, (name, _)| time > last || wanted(name));
        while self.pictures.len() > PICTURES {
            self.pictures.pop_first();
        }
    }

    /// Writes `report.html`.
    ///
    /// # Errors
    /// Those of reading names and of writing.
    pub(super) fn write(
        &mut self,
        config: &Config,
        plan: &DetectorPlan,
        model: &DetectorModel,
        last: &[Measurement],
        events: &[(Value, bool)],
    ) -> Result<()> {
        let mut levels: Vec<(Micros, Vec<f32>)> = self.levels.iter().cloned().collect();
        levels.extend(last.iter().map(|m| (m.time_us, level_db(m, config))));
        let image_us = micros(plan.geometry.duration_s);
        let images: Vec<Micros> = levels.iter().map(|l| l.0).collect();
        let first = images.first().copied().unwrap_or(Micros::MAX);
        let axis = TimeAxis::new(&images, image_us);
        let from_km = config.input.distance_offset_km;
        let to_km = from_km + config.input.total_distance_km;
        let places = plan.block_columns;
        let edges: Vec<f64> = (0..=places).map(|i| from_km + (to_km - from_km) * i as f64 / places as f64).collect();
        let mut map = LevelMap::new(&axis, &edges, image_us);
        levels.iter().for_each(|(time, row)| map.add(*time, image_us, row));
        let mut names = found::names(&names_file(config), true)?;
        let of_day = |(i, e): (usize, &(Value, bool))| event(i, e, &mut names).filter(|e| e.time.1 >= first);
        let events: Vec<Event> = events.iter().enumerate().filter_map(of_day).collect();
        self.forget(&events);
        let picture = |(&time, (file, png)): (&Micros, &(String, Vec<u8>))| {
            (time >= first).then(|| scatterfall_page::Waterfall { time, file: file.clone(), png: png.clone() })
        };
        let page = Page {
            title: config.input.path.display().to_string(),
            program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
            fingerprint: "watch".to_owned(),
            refresh_s: Some(refresh_s(plan.geometry.duration_s)),
            source: Source::Fibre { from_km, to_km },
            image_us,
            level: (!images.is_empty()).then(|| map.finish()),
            score: None,
            clusters: None,
            waterfalls: self.pictures.iter().filter_map(picture).collect(),
            waveforms: Vec::new(),
            events,
            events_beyond: 0,
            names,
            threshold: Some(model.threshold),
            false_alarms_per_day: Some(model.false_alarms_per_day),
            health: found::health(&config.output.path)?,
            left_out: Vec::new(),
            method: Method { configuration: config.table().to_string(), ..Method::default() },
            images,
        };
        write_bytes(&config.output.path.join("report.html"), render(&page).as_bytes())
    }
}

/// A page is looked at again as often as there may be something new, but no more than every ten seconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 10 to 300")]
fn refresh_s(duration_s: f64) -> u32 {
    duration_s.clamp(10.0, 300.0) as u32
}

/// Level of every place of an image in dB.
#[expect(clippy::cast_possible_truncation, reason = "decibels in single precision")]
fn level_db(m: &Measurement, config: &Config) -> Vec<f32> {
    let (low, high) = (config.value.db_min, config.value.db_max);
    let places = m.level.len();
    let steps = (m.blocks.len() / places.max(1)).max(1) as f32;
    let of_place = |x: usize| {
        let mean = m.blocks[x..].iter().step_by(places).sum::<f32>() / steps;
        let index = f64::from(m.level[x] + mean * m.scale[x]);
        (low + index * (high - low) / 255.0) as f32
    };
    (0..places).map(of_place).collect()
}

/// An event of the lists as the page takes it; the flag says whether it is provisional.
fn event(i: usize, (value, provisional): &(Value, bool), names: &mut Vec<KindName>) -> Option<Event> {
    let time = |key: &str| parse_iso(value[key].as_str()?);
    let number = |key: &str| value[key].as_f64();
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    let kind = if text("kind").is_empty() { -1 } else { found::kind_number(text("kind"), names) };
    Some(Event {
        number: u32::try_from(i + 1).ok()?,
        time: (time("time_from")?, time("time_to")?),
        distance_km: (number("distance_from_km")?, number("distance_to_km")?),
        peak_time: time("peak_time")?,
        peak_km: number("peak_km")?,
        score: number("score")?,
        rise_db: number("rise_db").unwrap_or(f64::NAN),
        path: Path::read(text("path"))?,
        speed_ms: number("speed_ms").unwrap_or(f64::NAN),
        kind,
        file: text("image_file").to_owned(),
        reason: text("reason").to_owned(),
        provisional: *provisional,
    })
}
