//! From a configuration and the size of the images to what is to be computed.

use scatterfall_scattering::options::FeatureOptions;
use scatterfall_scattering::plan::{FeaturePlan, ImagePlan, ScatteringPlan};
use scatterfall_scattering::segmentation::Segmentation;

use crate::config::{Config, Continuity, Crop};
use crate::decode;
use crate::error::{ArchiveError, Result};

/// What is to be computed on a catalogue's images.
///
/// # Errors
/// [`crate::Error::Archive`] for a crop outside the images, [`crate::Error::Config`] for what does not fit their size.
pub fn images(config: &Config, size: (u32, u32), with_scattering: bool) -> Result<ImagePlan> {
    let (width, height) = (size.0 as usize, size.1 as usize);
    let crop = config.crop.unwrap_or(Crop { top: 0, bottom: height, left: 0, right: width });
    if crop.bottom > height || crop.right > width {
        return Err(ArchiveError::CropOutside(decode::outside(&crop, width, height)).into());
    }
    let (rows, columns) = crop.shape(config.time_axis);
    let features = features(config, rows, columns)?;
    let scattering = if with_scattering {
        let cut = segmentation(config, features.windows)?;
        let network = network(config, &cut)?;
        (cut.continuity == Continuity::PerImage).then_some((cut, network))
    } else {
        None
    };
    Ok(ImagePlan { features, scattering })
}

/// Features of plot areas of `rows` x `columns` pixels.
///
/// # Errors
/// [`crate::Error::Config`] where not a single window fits, or the colour map cannot be read.
pub fn features(config: &Config, rows: usize, columns: usize) -> Result<FeaturePlan> {
    let options = FeatureOptions {
        window: config.features.window,
        step: config.features.step,
        names: config.features.names.clone(),
        duration_s: config.input.duration_s,
        length_km: config.input.total_distance_km,
    };
    Ok(FeaturePlan::new(&options, config.value.load_colormap()?, rows, columns)?)
}

/// How images of `windows` windows are cut.
///
/// # Errors
/// [`crate::Error::Config`] where a segment does not fit an image.
pub fn segmentation(config: &Config, windows: usize) -> Result<Segmentation> {
    let (km, offset_km) = (config.input.total_distance_km, config.input.distance_offset_km);
    Ok(Segmentation::new(&config.segments, windows, km, offset_km)?)
}

/// The network for segments cut this way.
///
/// # Errors
/// [`crate::Error::Config`].
pub fn network(config: &Config, cut: &Segmentation) -> Result<ScatteringPlan> {
    Ok(ScatteringPlan::new(&config.network, config.features.names.len(), cut.bins, cut.windows_per_km)?)
}
