//! A run up to clustering beside decoding alone, on the same files and threads, in turns. Pictures and the report are left
//! out: they take the same time for ten images as for ten thousand. Features are the costly ones (std, gabor, dominant_frequency), segments
//! 3 km long, whatever the defaults.
//!
//! `cargo bench --bench end_to_end -- [IMAGES] [ROUNDS]` (24 full-size screenshots and 5 rounds by default) prints, for one
//! thread and for all, the median wall time an image of both and their ratio, up to the coefficients and up to clusters and
//! anomalies (whose part an image is the smaller the more images there are).

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use scatterfall::config::Config;
use scatterfall::pipeline;
use scatterfall::progress::{Context, threads};
use scatterfall_scattering::backend::cpu::CpuBackend;
use scatterfall_synth::{SynthArchive, SynthOptions};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (images, rounds) = (numbers.first().copied().unwrap_or(24), numbers.get(1).copied().unwrap_or(5));
    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("archive");
    SynthArchive::new(&SynthOptions { images, ..SynthOptions::default() })?.write(&archive, || {})?;
    let bytes: u64 = files(&archive)?.iter().filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum();
    let all = std::thread::available_parallelism()?.get();
    println!(
        "{images} screenshots of 1920 x 800 pixels, {:.2} MB each; medians of {rounds} rounds",
        bytes as f64 / 1e6 / images as f64
    );
    println!("{:>22}  {:>22}  {:>22}", "decoding alone", "up to coefficients", "up to clusters");
    println!(
        "{:>7} {:>14}  {:>14} {:>7}  {:>14} {:>7} {:>9}",
        "threads", "ms/image", "ms/image", "ratio", "ms/image", "ratio", "images/s"
    );
    for threads in if all > 1 { vec![1, all] } else { vec![1] } {
        let (mut decode, mut coefficients, mut clusters) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=rounds {
            let (d, [c, r]) = (decode_alone(&archive, threads)?, whole_run(folder.path(), &archive, threads)?);
            // The first round warms the file cache.
            if round > 0 {
                decode.push(d * 1e3 / images as f64);
                coefficients.push(c * 1e3 / images as f64);
                clusters.push(r * 1e3 / images as f64);
            }
        }
        let (d, c, r) = (median(&mut decode), median(&mut coefficients), median(&mut clusters));
        println!("{threads:>7} {d:>14.1}  {c:>14.1} {:>7.2}  {r:>14.1} {:>7.2} {:>9.1}", c / d, r / d, 1e3 / r);
    }
    Ok(())
}

fn files(archive: &Path) -> Outcome<Vec<std::path::PathBuf>> {
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
        let decode = |f: &std::path::PathBuf| image::open(f).map(|i| u64::from(i.width()) * u64::from(i.height()));
        files.par_iter().map(decode).sum::<Result<u64, _>>()
    })?;
    assert!(pixels > 0, "something was decoded");
    Ok(start.elapsed().as_secs_f64())
}

/// Seconds from an archive to coefficients, and to clusters and anomalies, into an empty folder.
fn whole_run(folder: &Path, archive: &Path, n: usize) -> Outcome<[f64; 2]> {
    let output = folder.join("output");
    let text = format!(
        "[input]\npath = {:?}\n[output]\npath = {:?}\n[compute]\nthreads = {n}\nbackend = \"cpu\"\n\
         [visualize]\nmethods = []\n\
         [features]\nnames = [\"std\", \"gabor\", \"dominant_frequency\"]\n[segments]\nlength_km = 3.0\n",
        archive.display().to_string(),
        output.display().to_string()
    );
    let config = Config::from_text(&text)?;
    let pool = threads(&config.compute)?;
    let ctx = Context::on(&config, Arc::clone(&pool));
    let stages = pipeline::run(&ctx, &mut CpuBackend::new(pool))?.stages;
    std::fs::remove_dir_all(&output)?;
    let seconds = |names: &[&str]| names.iter().filter_map(|name| stages.get(*name)).sum::<f64>();
    let coefficients = seconds(&["catalogue", "images", "transform"]);
    Ok([coefficients, coefficients + seconds(&["reduce", "cluster"])])
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
