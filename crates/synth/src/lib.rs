//! Synthetic archives: waterfall images with known events, for demonstrations, tests and benchmarks.
//!
//! A quiet fibre has a level of its own at every place and noise; vehicles, earthquakes, hammering, glitches of the
//! instrument and swell add power to it ([`Event`]). The level in dB becomes the index of a colour, the colours become a
//! bare plot area or a screenshot with margins, and one PNG a minute is written beside the truth about the events and
//! a configuration that fits.
//!
//! [`SynthOptions::hard`] makes an archive with weak events of more kinds, weather and faults of the instrument instead.
//!
//! The same options give the same bytes, whatever the number of threads: every minute draws from a random stream of its
//! own. (Across platforms the mathematical functions may differ in the last place, and then a few pixels by one colour.)

mod error;
mod events;
mod field;
mod hard;
mod screenshot;

use std::io::Write;
use std::path::Path;

use chrono::DateTime;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, RgbImage, RgbaImage};
use ndarray::Array2;
use rand::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use error::{Error, Result};
pub use events::{Event, Kind};
pub use hard::{Activity, HardArchive, HardOptions, HardTruth, Nuisance, NuisanceKind, TruthEvent, TruthHead};
use scatterfall_colormap::{Colormap, Pixels};
use scatterfall_timestamps::{Micros, iso, micros};
pub use screenshot::{PLOT, PlotArea};

/// Decibels of the first and of the last colour: the defaults of `[value]`.
const DB_MIN: f64 = -113.0;
const DB_MAX: f64 = -35.0;
/// Seconds an image: the default of `[input]`.
const MINUTE_S: f64 = 60.0;
const MINUTE_US: Micros = 60_000_000;
const DAY_US: Micros = 1440 * MINUTE_US;
/// The years 1 to 9999: others have no name of eight digits.
const CALENDAR: std::ops::Range<Micros> = -62_135_596_800_000_000..253_402_300_800_000_000;
/// Nineteen years: more is a typing error, and its list of events would not fit the memory.
const MAX_IMAGES: usize = 10_000_000;

/// The generator of all random numbers here.
type Random = Xoshiro256PlusPlus;

/// What an archive's images look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// RGBA screenshots of 1920 x 800 pixels with the plot area at [`PLOT`] and title, axes and colour bar around it.
    Screenshot,
    /// RGB images that are the plot area and nothing else.
    Bare {
        /// Rows (time), at least 1.
        rows: usize,
        /// Columns (distance), at least 1.
        columns: usize,
    },
}

impl Layout {
    /// A small plot area, for tests.
    pub const SMALL: Self = Self::Bare { rows: 96, columns: 344 };
    /// Half a screenshot's plot area, for hard archives: in a smaller one a car is narrower than a column.
    pub const HALF: Self = Self::Bare { rows: 268, columns: 860 };

    /// Rows and columns of the plot area.
    pub fn plot_size(self) -> (usize, usize) {
        match self {
            Self::Screenshot => (PLOT.bottom - PLOT.top, PLOT.right - PLOT.left),
            Self::Bare { rows, columns } => (rows, columns),
        }
    }
}

/// What to make.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthOptions {
    /// Minutes that the archive spans.
    pub images: usize,
    /// Random seed.
    pub seed: u64,
    /// Time of the first image.
    pub start: Micros,
    /// Length of the fibre.
    pub km: f64,
    /// What the images look like.
    pub layout: Layout,
    /// Images left out in the middle.
    pub gap: usize,
    /// Files cut off half-way, from the second on.
    pub corrupt: usize,
    /// A dead fibre: one colour, no noise, no events.
    pub constant: bool,
    /// A hard archive, and how much happens in it.
    pub hard: Option<Activity>,
}

impl Default for SynthOptions {
    /// An hour of 20 km from 2025-05-15 on, as screenshots.
    fn default() -> Self {
        Self {
            images: 60,
            seed: 1,
            start: 1_747_267_200_000_000,
            km: 20.0,
            layout: Layout::Screenshot,
            gap: 0,
            corrupt: 0,
            constant: false,
            hard: None,
        }
    }
}

/// What is known about an archive: the contents of `truth.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Time of the first image in ISO 8601 (UTC, without a zone mark).
    pub start: String,
    /// Length of the fibre.
    pub km: f64,
    /// Rows of a plot area.
    pub rows: usize,
    /// Columns of a plot area.
    pub cols: usize,
    /// Everything that happens, kind by kind in the order of time; some of it before the first image or beyond the fibre.
    pub events: Vec<Event>,
}

/// An archive that can be drawn, minute by minute, and written.
#[derive(Clone, Debug)]
pub struct SynthArchive {
    options: SynthOptions,
    rows: usize,
    columns: usize,
    colormap: Colormap,
    background: Vec<f32>,
    events: Vec<Event>,
    hard: Option<HardArchive>,
    frame: Option<RgbaImage>,
}

impl SynthArchive {
    /// Draws the fibre and the events; images are drawn when they are asked for.
    ///
    /// # Errors
    /// [`Error::Option`] for options that make no archive: no image or more than 10 million, a gap as long as the
    /// archive, an image of no or of more than 64 million pixels, a length outside 1 m to 1,000,000 km, times out of the
    /// years 1 to 9999.
    pub fn new(options: &SynthOptions) -> Result<Self> {
        let (rows, columns) = options.layout.plot_size();
        let pixels = rows.checked_mul(columns).filter(|n| (1..=64_000_000).contains(n));
        if pixels.is_none() {
            return Err(Error::option("rows x columns", format!("{rows} x {columns}"), "1 to 64000000 pixels"));
        }
        if !CALENDAR.contains(&options.start) {
            return Err(Error::option("start", iso(options.start), "a time in the years 1 to 9999"));
        }
        let most =
            usize::try_from((CALENDAR.end - options.start) / MINUTE_US).map_or(MAX_IMAGES, |n| n.min(MAX_IMAGES));
        if !(1..=most).contains(&options.images) {
            return Err(Error::option("images", options.images, format!("1 to {most}")));
        }
        if options.gap >= options.images {
            return Err(Error::option("gap", options.gap, format!("fewer than the {} images", options.images)));
        }
        if !(0.001..=1e6).contains(&options.km) {
            return Err(Error::option("km", options.km, "0.001 to 1000000 kilometres"));
        }

        let colormap = Colormap::builtin("jet").unwrap_or(Colormap::Gray);
        let frame = (options.layout == Layout::Screenshot).then(|| screenshot::frame(options.km, &colormap));
        let (background, events) = if options.constant || options.hard.is_some() {
            (field::silence(columns), Vec::new())
        } else {
            let seconds = options.images as f64 * MINUTE_S;
            (field::background(options.seed, columns), events::draw(options.seed, options.start, seconds, options.km))
        };
        let hard = options.hard.filter(|_| !options.constant).map(|activity| {
            let day_s = options.start.rem_euclid(DAY_US) as f64 / 1e6;
            let (images, seed, km) = (options.images, options.seed, options.km);
            HardArchive::new(&HardOptions { images, seed, day_s, km, rows, columns, activity })
        });
        Ok(Self { options: options.clone(), rows, columns, colormap, background, events, hard, frame })
    }

    /// The minutes that have an image: those of the gap are missing.
    pub fn minutes(&self) -> impl Iterator<Item = usize> + use<> {
        let gap = self.options.images / 2..self.options.images / 2 + self.options.gap;
        (0..self.options.images).filter(move |m| !gap.contains(m))
    }

    /// Time of a minute's first row.
    pub fn time(&self, minute: usize) -> Micros {
        self.options.start.saturating_add((minute as Micros).saturating_mul(MINUTE_US))
    }

    /// File name of a minute's image: `Waterfall_RMS_YYYYMMDD_HHMMSS.png`.
    pub fn file_name(&self, minute: usize) -> String {
        format!("Waterfall_RMS_{}.png", self.format(minute, "%Y%m%d_%H%M%S"))
    }

    /// Colour indices of a minute's plot area, `[time, distance]`.
    pub fn indices(&self, minute: usize) -> Array2<u8> {
        if self.options.constant {
            return Array2::from_shape_fn((self.rows, self.columns), |(_, column)| {
                field::index(self.background[column])
            });
        }
        if let Some(hard) = &self.hard {
            return hard.field(minute).mapv(field::index);
        }
        let from_s = minute as f64 * MINUTE_S;
        let grid = field::Grid { rows: self.rows, columns: self.columns, km: self.options.km, from_s };
        let events = self.events.iter().filter(|e| e.reaches(from_s, from_s + MINUTE_S, self.options.km));
        field::render(stream(self.options.seed, minute as u64), &grid, &self.background, events)
    }

    /// A minute's plot area.
    pub fn pixels(&self, minute: usize) -> Pixels {
        let rgb = self.indices(minute).iter().flat_map(|&i| self.colormap.color(i)).collect();
        Pixels { rows: self.rows, columns: self.columns, rgb }
    }

    /// A minute's image as it is written: RGBA for screenshots, else RGB.
    pub fn image(&self, minute: usize) -> DynamicImage {
        let indices = self.indices(minute);
        if let Some(frame) = &self.frame {
            let title = format!("Waterfall RMS (dB)   {} UTC", self.format(minute, "%Y-%m-%d %H:%M:%S"));
            return screenshot::compose(frame, &title, &indices, &self.colormap).into();
        }
        let color = |x: u32, y: u32| image::Rgb(self.colormap.color(indices[[y as usize, x as usize]]));
        RgbImage::from_fn(self.columns as u32, self.rows as u32, color).into()
    }

    /// A minute's image as a PNG file. A screenshot takes 1.3 MB: 6 % more than with zlib's level 6 and adaptive filters,
    /// which take ten times as long to write and decode no slower.
    ///
    /// # Errors
    /// [`Error::Encode`] where the encoder fails.
    pub fn png(&self, minute: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Level(1), FilterType::NoFilter);
        let written = self.image(minute).write_with_encoder(encoder);
        written.map_err(|e| Error::Encode { file: self.file_name(minute), reason: e.to_string() })?;
        Ok(bytes)
    }

    /// What is known about the archive, unless it is a hard one, whose truth is a [`HardTruth`].
    pub fn truth(&self) -> Truth {
        Truth {
            start: iso(self.options.start).trim_end_matches('Z').to_owned(),
            km: self.options.km,
            rows: self.rows,
            cols: self.columns,
            events: self.events.clone(),
        }
    }

    /// A configuration that reads the archive from `folder`: the keys that differ from the defaults.
    ///
    /// # Errors
    /// [`Error::FolderName`] where the folder has no absolute name in UTF-8.
    pub fn config(&self, folder: &Path) -> Result<String> {
        let absolute = std::path::absolute(folder).map_err(|e| Error::io("find", folder, e))?;
        let name = absolute.to_str().ok_or_else(|| Error::FolderName { folder: folder.to_path_buf() })?;
        let km = self.options.km;
        let mut text = "# Reads the synthetic archive in this folder; truth.json lists its events.\n".to_owned();
        text += &format!("[input]\npath = {}\n", toml::Value::from(name));
        if km != 20.0 {
            text += &format!("total_distance_km = {}\n", toml::Value::from(km));
        }
        if self.options.layout != Layout::Screenshot {
            text += "\n[crop]\nenabled = false\n";
        }
        // The default's segments must lie within an image, and hold enough windows where columns are few.
        let length_km = match self.options.layout {
            _ if km < 3.0 => Some(km / 4.0),
            Layout::Screenshot => None,
            _ => Some(3.0),
        };
        if let Some(length_km) = length_km {
            text += &format!("\n[segments]\nlength_km = {}\n", toml::Value::from(length_km));
        }
        Ok(text)
    }

    /// Writes the images, `truth.json` and `config.toml` to `folder`, on all threads of rayon's current pool. Each file
    /// appears whole; `written` is called after each image, from any of the threads.
    ///
    /// # Errors
    /// [`Error::ForeignImage`] where the folder holds .png files of something else, [`Error::Io`] for what cannot be written.
    pub fn write(&self, folder: &Path, written: impl Fn() + Sync) -> Result<()> {
        let config = self.config(folder)?;
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
        self.refuse_others(folder)?;
        let minutes: Vec<usize> = self.minutes().collect();
        minutes.par_iter().enumerate().try_for_each(|(k, &minute)| {
            let mut bytes = self.png(minute)?;
            if (1..=self.options.corrupt).contains(&k) {
                bytes.truncate(bytes.len() / 2);
            }
            write_whole(folder, &self.file_name(minute), &bytes)?;
            written();
            Ok(())
        })?;
        self.write_truth(folder)?;
        write_whole(folder, "config.toml", config.as_bytes())
    }

    fn write_truth(&self, folder: &Path) -> Result<()> {
        if let Some(hard) = &self.hard {
            let utc = |s: f64| {
                let time = self.options.start.saturating_add(micros(s));
                iso(time).trim_end_matches('Z').to_owned()
            };
            return write_with(folder, "truth.json", |to| hard.write_truth(to, utc));
        }
        let truth = serde_json::to_string_pretty(&self.truth())
            .map_err(|e| Error::io("write", folder.join("truth.json"), e.into()))?;
        write_whole(folder, "truth.json", (truth + "\n").as_bytes())
    }

    /// Two archives in one folder would be read as one.
    fn refuse_others(&self, folder: &Path) -> Result<()> {
        let own: std::collections::HashSet<String> = self.minutes().map(|m| self.file_name(m)).collect();
        for entry in std::fs::read_dir(folder).map_err(|e| Error::io("read", folder, e))? {
            let name = entry.map_err(|e| Error::io("read", folder, e))?.file_name();
            let is_png = Path::new(&name).extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
            if is_png && !name.to_str().is_some_and(|n| own.contains(n)) {
                return Err(Error::ForeignImage { folder: folder.to_path_buf(), file: name.into() });
            }
        }
        Ok(())
    }

    fn format(&self, minute: usize, pattern: &str) -> String {
        // `new` has checked that all times of the archive are calendar times.
        DateTime::from_timestamp_micros(self.time(minute)).unwrap_or_default().format(pattern).to_string()
    }
}

/// Random numbers of one purpose: the minutes have the streams 0, 1, ..., other purposes count down from the highest.
fn stream(seed: u64, purpose: u64) -> Random {
    // `seed_from_u64` hashes its argument, so neighbouring numbers give unrelated streams.
    let mixed = Random::seed_from_u64(seed).next_u64();
    Random::seed_from_u64(mixed ^ purpose)
}

/// Writes a file under a temporary name and renames it.
fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    write_with(folder, name, |to| to.write_all(bytes))
}

/// Writes a file that appears whole, piece by piece.
fn write_with(
    folder: &Path,
    name: &str,
    contents: impl FnOnce(&mut std::io::BufWriter<std::fs::File>) -> std::io::Result<()>,
) -> Result<()> {
    let path = folder.join(name);
    let temporary = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let write = || {
        let mut to = std::io::BufWriter::new(std::fs::File::create(&temporary)?);
        contents(&mut to)?;
        to.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        std::fs::rename(&temporary, &path)
    };
    write().map_err(|e| {
        // What is left of it is of no use; the first error is the one to tell.
        let _ = std::fs::remove_file(&temporary);
        Error::io("write", path.clone(), e)
    })
}

#[cfg(test)]
mod tests;
