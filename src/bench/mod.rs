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

pub(crate) use self::input::Input;
pub(crate) use self::measure::run;

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Images.
    pub(crate) images: usize,
    /// Repetitions that count.
    pub(crate) repetitions: usize,
    /// Measure the CPU.
    pub(crate) cpu: bool,
    /// Measure a GPU.
    pub(crate) gpu: Gpu,
}

/// Whether a GPU takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gpu {
    /// No.
    No,
    /// Where `--backend auto` would take one.
    Auto,
    /// Yes, of any kind, or it is an error.
    Yes,
}

/// One device, for the lines above the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Device {
    /// `cpu` or `gpu`.
    pub(crate) kind: &'static str,
    /// Its name.
    pub(crate) name: String,
    /// Driver, interface, instruction set.
    pub(crate) detail: String,
    /// It is a program that computes on the CPU, and says nothing about graphics cards.
    pub(crate) software: bool,
}

/// Median, least and most of some repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// Median.
    pub(crate) median: f64,
    /// Least.
    pub(crate) min: f64,
    /// Most.
    pub(crate) max: f64,
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
pub(crate) enum Place {
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
pub(crate) struct Row {
    /// The stage.
    pub(crate) stage: String,
    /// Where.
    pub(crate) place: Place,
    /// Milliseconds an image.
    pub(crate) ms_per_image: Spread,
    /// Images per second.
    pub(crate) images_per_s: f64,
    /// Millions of bytes of the stage's input a second: files for decoding, pixels for features, samples for the transform.
    pub(crate) mb_per_s: Option<f64>,
    /// Segments per second.
    pub(crate) segments_per_s: Option<f64>,
    /// Thousands of millions of floating-point operations per second, counted as if done the plain way (see
    /// `docs/performance.md`).
    pub(crate) gflop_per_s: Option<f64>,
    /// Thousands of millions of bytes per second, input read once and results written once.
    pub(crate) gb_per_s: Option<f64>,
    /// How many times as fast as the same stage on all threads of the CPU.
    pub(crate) times_cpu: Option<f64>,
}

/// The largest difference between both backends' results, and what is allowed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Agreement {
    /// Of which results.
    pub(crate) what: String,
    /// Share of the largest value; for the dominant frequency the share of windows that differ.
    pub(crate) difference: f64,
    /// Most that is allowed.
    pub(crate) allowed: f64,
}

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Version of the program.
    pub(crate) version: &'static str,
    /// Threads of the CPU that "all" means.
    pub(crate) threads: usize,
    /// Number of images.
    pub(crate) images: usize,
    /// Width and height of the images in pixels.
    pub(crate) image_size: (u32, u32),
    /// Width and height of the plot area in pixels.
    pub(crate) plot_size: (usize, usize),
    /// Bytes of an image's file, on average.
    pub(crate) file_bytes: u64,
    /// Segments per image.
    pub(crate) segments: usize,
    /// Channels and samples of a segment.
    pub(crate) segment: (usize, usize),
    /// Repetitions.
    pub(crate) repetitions: usize,
    /// Devices.
    pub(crate) devices: Vec<Device>,
    /// Why there is no GPU among them, where one was looked for.
    pub(crate) no_gpu: Option<String>,
    /// The table.
    pub(crate) rows: Vec<Row>,
    /// Comparison of both backends' results.
    pub(crate) agreement: Vec<Agreement>,
    /// What a month of one-minute images would take, by place.
    pub(crate) month: BTreeMap<Place, Month>,
}

/// Seconds for 43,200 images, if each took as long as here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Month {
    /// From files to coefficients, which grows as the number of images.
    pub(crate) to_coefficients_s: f64,
    /// Reduction and clustering, which grow more slowly: an upper bound.
    pub(crate) to_clusters_s: f64,
}
