//! `scatterfall bench`: every stage on every backend, side by side, on the same images, with results compared.
//!
//! What is timed is what a run does: the same decoder, plans and backends. Every figure is the median of several
//! repetitions after some that warm up caches, shaders and the processor's clock.

mod agreement;
mod input;
mod measure;
mod operations;
mod table;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::input::Input;
pub use self::measure::run;

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Images.
    pub images: usize,
    /// Repetitions that count.
    pub repetitions: usize,
    /// Measure the CPU.
    pub cpu: bool,
    /// Measure a GPU.
    pub gpu: Gpu,
}

/// Whether a GPU takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gpu {
    /// No.
    No,
    /// Where `--backend auto` would take one.
    Auto,
    /// Yes, of any kind, or it is an error.
    Yes,
}

/// One device, for the lines above the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// `cpu` or `gpu`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Driver, interface, instruction set.
    pub detail: String,
    /// It is a program that computes on the CPU, and says nothing about graphics cards.
    pub software: bool,
}

/// Median, least and most of some repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Median.
    pub median: f64,
    /// Least.
    pub min: f64,
    /// Most.
    pub max: f64,
}

impl Spread {
    /// Of at least one value.
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |k: usize| values.get(k).copied().unwrap_or(f64::NAN);
        Self { median: at(values.len() / 2), min: at(0), max: at(values.len().saturating_sub(1)) }
    }
}

/// Where a stage was timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// One thread.
    CpuOneThread,
    /// All threads.
    CpuAllThreads,
    /// The device's own clock around its kernels.
    GpuKernels,
    /// The host's clock from the input in its memory to the results there.
    GpuWithTransfers,
}

/// One stage in one place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The stage.
    pub stage: String,
    /// Where.
    pub place: Place,
    /// Milliseconds an image.
    pub ms_per_image: Spread,
    /// Images a second.
    pub images_per_s: f64,
    /// Millions of bytes of the stage's input a second: files for decoding, pixels for features, samples for the transform.
    pub mb_per_s: Option<f64>,
    /// Segments a second.
    pub segments_per_s: Option<f64>,
    /// Thousands of millions of floating-point operations a second, counted as if done the plain way (see
    /// `docs/performance.md`).
    pub gflop_per_s: Option<f64>,
    /// Thousands of millions of bytes a second, input read once and results written once.
    pub gb_per_s: Option<f64>,
    /// How many times as fast as the same stage on all threads of the CPU.
    pub times_cpu: Option<f64>,
}

/// The largest difference between both backends' results, and what is allowed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Of which results.
    pub what: String,
    /// Share of the largest value; for the dominant frequency the share of windows that differ.
    pub difference: f64,
    /// Most that is allowed.
    pub allowed: f64,
}

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Version of the program.
    pub version: &'static str,
    /// Threads of the CPU that "all" means.
    pub threads: usize,
    /// Number of images.
    pub images: usize,
    /// Width and height of the images in pixels.
    pub image_size: (u32, u32),
    /// Width and height of the plot area in pixels.
    pub plot_size: (usize, usize),
    /// Bytes of an image's file, on average.
    pub file_bytes: u64,
    /// Segments an image.
    pub segments: usize,
    /// Channels and samples of a segment.
    pub segment: (usize, usize),
    /// Repetitions.
    pub repetitions: usize,
    /// Devices.
    pub devices: Vec<Device>,
    /// Why there is no GPU among them, where one was looked for.
    pub no_gpu: Option<String>,
    /// The table.
    pub rows: Vec<Row>,
    /// Comparison of both backends' results.
    pub agreement: Vec<Agreement>,
    /// What a month of one-minute images would take, by place.
    pub month: BTreeMap<Place, Month>,
}

/// Seconds for 43,200 images, if each took as long as here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Month {
    /// From files to coefficients, which grows as the number of images.
    pub to_coefficients_s: f64,
    /// Reduction and clustering, which grow more slowly: an upper bound.
    pub to_clusters_s: f64,
}
