//! Images in, features out: window features of waterfall images, without an archive, a configuration file or a run.
//!
//! `cargo run --release --example features -- [IMAGE.png ...]`; without arguments it draws two images itself.

use std::path::PathBuf;

use ndarray::Axis;
use scatterfall::config::Config;
use scatterfall::progress::threads;
use scatterfall::{Result, decode, plans};
use scatterfall_colormap::Pixels;
use scatterfall_scattering::backend;
use scatterfall_synth::{Layout, SynthArchive, SynthOptions};

#[expect(clippy::print_stdout, reason = "an example")]
fn main() -> Result<()> {
    // An image spans a minute and 20 km; its colours are those of the map `jet`, its plot area is the whole of it.
    let config = Config::from_text("crop.enabled = false\nfeatures.names = ['mean', 'std', 'dominant_frequency']")?;
    let images = images(&config)?;
    let size = (images[0].columns as u32, images[0].rows as u32);
    let plan = plans::images(&config, size, false)?;

    let mut backend = backend::open(config.compute.backend, threads(&config.compute)?)?;
    let ticket = backend.submit(&plan, images.into())?;
    let features = backend.collect(ticket)?.features;

    let (count, windows, _) = features.values.dim();
    println!("{count} images of {windows} windows on {}", backend.info().device);
    for (channel, feature) in plan.features.features.iter().enumerate() {
        let of_all = features.values.index_axis(Axis(2), channel);
        println!("{:20} {:10.3} on average", feature.name(), of_all.mean().unwrap_or(f32::NAN));
    }
    println!("colours are {:.2} (8-bit units) from the colour map's", features.residual[0]);
    Ok(())
}

/// The images that are named, which must be of one size; else two minutes of a synthetic archive.
fn images(config: &Config) -> Result<Vec<Pixels>> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if !files.is_empty() {
        return files.iter().map(|file| decode::decode(file, None, config.input.max_pixels)).collect();
    }
    let layout = Layout::Bare { rows: 120, columns: 800 };
    let archive = SynthArchive::new(&SynthOptions { images: 2, layout, ..SynthOptions::default() })?;
    Ok(archive.minutes().map(|minute| archive.pixels(minute)).collect())
}
