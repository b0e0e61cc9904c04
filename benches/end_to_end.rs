//! The pass over the images (decoding, features, coefficients, the detector's measurements) and a run up to clusters and
//! events, beside decoding alone, on the same files and threads, in turns. Pictures and the report are left out: they take the
//! same time for ten images as for ten thousand.
//!
//! `cargo bench --bench end_to_end -- [IMAGES] [ROUNDS]` (1,000 full-size screenshots and 3 rounds by default) prints, for one
//! thread and for all, with the default features and with costly ones, the median wall time per image and its ratio to decoding
//! alone; the ratio of the processor's time, which does not depend on what else the machine does (Linux); and the share of the
//! threads' time that decoding takes. Then the detector's time per image on one thread beside decoding.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use scatterfall::archive::Catalogue;
use scatterfall::config::Config;
use scatterfall::decode;
use scatterfall::pipeline;
use scatterfall::plans;
use scatterfall::progress::{Context, threads};
use scatterfall::stages::images::{self, Goals};
use scatterfall_detector::{DetectorParams, DetectorPlan, Geometry, Image, Measurer, Reference};
use scatterfall_scattering::backend::cpu::{CpuBackend, Indexer};
use scatterfall_scattering::plan::FeaturePlan;
use scatterfall_synth::{SynthArchive, SynthOptions};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Features, by a name for the table.
const FEATURES: [(&str, &str); 2] =
    [("default", ""), ("costly", "names = [\"std\", \"gabor\", \"dominant_frequency\"]")];

/// Images that the detector alone is measured on, at most: it waits for those after an image.
const DETECTOR_IMAGES: usize = 48;

fn main() -> Outcome<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (images, rounds) = (numbers.first().copied().unwrap_or(1000), numbers.get(1).copied().unwrap_or(3));
    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("archive");
    SynthArchive::new(&SynthOptions { images, ..SynthOptions::default() })?.write(&archive, || {})?;
    let bytes: u64 = files(&archive)?.iter().filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum();
    let all = std::thread::available_parallelism()?.get();
    println!(
        "{images} screenshots of 1920 x 800 pixels, {:.2} MB each; medians of {rounds} rounds",
        bytes as f64 / 1e6 / images as f64
    );
    println!(
        "{:>8} {:>7}  {:>14}  {:>14} {:>7} {:>9}  {:>14} {:>7} {:>9} {:>9}",
        "features",
        "threads",
        "decode alone",
        "one pass",
        "ratio",
        "CPU ratio",
        "to clusters",
        "ratio",
        "images/s",
        "decoding"
    );
    for (name, features) in FEATURES {
        for threads in if all > 1 { vec![1, all] } else { vec![1] } {
            row(folder.path(), &archive, name, features, threads, images, rounds)?;
        }
    }
    detector(&archive)
}

fn row(
    folder: &Path,
    archive: &Path,
    name: &str,
    features: &str,
    threads: usize,
    images: usize,
    rounds: usize,
) -> Outcome<()> {
    let mut columns: [Vec<f64>; 5] = std::array::from_fn(|_| Vec::new());
    for round in 0..=rounds {
        let begun = processor_seconds();
        let alone = decode_alone(archive, threads)?;
        let alone_cpu = processor_seconds() - begun;
        let whole = whole_run(folder, archive, features, threads)?;
        // The first round warms the file cache.
        if round > 0 {
            let each = |seconds: f64| seconds * 1e3 / images as f64;
            let values = [
                each(alone),
                each(whole.pass),
                each(whole.to_clusters),
                whole.decoding_share,
                whole.pass_cpu / alone_cpu,
            ];
            columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        }
    }
    let [alone, pass, clusters, share, cpu] = columns.map(|mut column| median(&mut column));
    println!(
        "{name:>8} {threads:>7}  {alone:>11.2} ms  {pass:>11.2} ms {:>7.2} {cpu:>9.2}  {clusters:>11.2} ms {:>7.2} {:>9.1} {:>8.0}%",
        pass / alone,
        clusters / alone,
        1e3 / clusters,
        100.0 * share
    );
    Ok(())
}

fn files(archive: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files: Vec<_> = std::fs::read_dir(archive)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|f| f.extension().is_some_and(|e| e == "png"));
    files.sort();
    Ok(files)
}

/// Seconds to decode every image with the `image` crate.
fn decode_alone(archive: &Path, n: usize) -> Outcome<f64> {
    let files = files(archive)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build()?;
    let start = Instant::now();
    let pixels: u64 = pool.install(|| {
        let decode = |f: &PathBuf| image::open(f).map(|i| u64::from(i.width()) * u64::from(i.height()));
        files.par_iter().map(decode).sum::<Result<u64, _>>()
    })?;
    assert!(pixels > 0, "something was decoded");
    Ok(start.elapsed().as_secs_f64())
}

/// Seconds of a run.
struct Whole {
    /// Up to features, coefficients and measurements.
    pass: f64,
    /// The processor's time of this on all threads.
    pass_cpu: f64,
    /// Up to clusters and events.
    to_clusters: f64,
    /// Share of the threads' time in the pass that decoding takes.
    decoding_share: f64,
}

/// A run from an archive into an empty folder.
fn whole_run(folder: &Path, archive: &Path, features: &str, n: usize) -> Outcome<Whole> {
    let output = folder.join("output");
    let text = format!(
        "[input]\npath = {:?}\n[output]\npath = {:?}\n[compute]\nthreads = {n}\nbackend = \"cpu\"\n\
         [visualize]\nmethods = []\n[features]\n{features}\n[segments]\nlength_km = 3.0\n",
        archive.display().to_string(),
        output.display().to_string()
    );
    let config = Config::from_text(&text)?;
    let pool = threads(&config.compute)?;
    let ctx = Context::on(&config, Arc::clone(&pool));
    let mut backend = CpuBackend::new(pool);
    let catalogue = Catalogue::read(&config.input, &config.output.path)?;
    let plan = plans::images(&config, catalogue.size, false)?.features;
    let detector = Arc::new(detector_plan(&config, &plan)?);
    let goals = Goals { features: true, scattering: true, detector: Some(&detector) };
    let (start, begun) = (Instant::now(), processor_seconds());
    let done = images::compute(&ctx, &mut backend, &catalogue, goals)?;
    let (pass, pass_cpu) = (start.elapsed().as_secs_f64(), processor_seconds() - begun);
    let decoding_share = done.decoding.as_secs_f64() / (n as f64 * done.wall.as_secs_f64());
    // The rest goes on from what is stored.
    let stages = pipeline::run(&ctx, &mut backend)?.stages;
    std::fs::remove_dir_all(&output)?;
    let rest: f64 = ["transform", "events", "reduce", "cluster"].iter().filter_map(|name| stages.get(*name)).sum();
    Ok(Whole { pass, pass_cpu, to_clusters: pass + rest, decoding_share })
}

/// The detector's measurements of one image beside its decoding, all on one thread.
fn detector(archive: &Path) -> Outcome<()> {
    let config = Config::from_text("")?;
    let files = files(archive)?;
    let files = &files[..files.len().min(DETECTOR_IMAGES)];
    let features = plans::images(&config, (1920, 800), false)?.features;
    let plan = Arc::new(detector_plan(&config, &features)?);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let (mut with_image_crate, mut own, mut measuring) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        with_image_crate.push(decode_alone_of(files)?);
        let start = Instant::now();
        let pixels: Vec<_> = files.iter().map(|f| decode::waterfall(f, &config)).collect::<Result<_, _>>()?;
        own.push(start.elapsed().as_secs_f64());
        let mut indexer = Indexer::new(&features.colormap);
        let image = |(k, pixels)| Image { time_us: 60_000_000 * k as i64, plane: indexer.index(pixels).index };
        let images: Vec<Image> = pixels.iter().enumerate().map(image).collect();
        let mut measurer = Measurer::new(Arc::clone(&plan), Reference::Local)?;
        let start = Instant::now();
        for image in images {
            pool.install(|| measurer.push(vec![image]))?;
        }
        pool.install(|| measurer.finish());
        measuring.push(start.elapsed().as_secs_f64());
    }
    let each = |mut seconds: Vec<f64>| median(&mut seconds) * 1e3 / files.len() as f64;
    let (with_image_crate, own, measuring) = (each(with_image_crate), each(own), each(measuring));
    println!(
        "\none thread, {} images: decoding with the image crate {with_image_crate:.2} ms, the plot area {own:.2} ms; detector \
         {measuring:.2} ms, {:.2} of the first",
        files.len(),
        measuring / with_image_crate
    );
    Ok(())
}

/// The detector as it is by default, for a plan's images.
fn detector_plan(config: &Config, features: &FeaturePlan) -> Outcome<DetectorPlan> {
    let (rows, columns, length_m) = (features.rows, features.columns, 1000.0 * config.input.total_distance_km);
    let geometry = Geometry { rows, columns, duration_s: config.input.duration_s, length_m };
    Ok(DetectorPlan::new(geometry, DetectorParams::default())?)
}

/// Seconds to decode some images with the `image` crate on this thread.
fn decode_alone_of(files: &[PathBuf]) -> Outcome<f64> {
    let start = Instant::now();
    for file in files {
        image::open(file)?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// Seconds of all processors that this program took so far; 0 where the system does not tell them in Linux's way.
fn processor_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name, in brackets, may hold spaces; ticks are hundredths of a second on every Linux.
    let fields = told.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
