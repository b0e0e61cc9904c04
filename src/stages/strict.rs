//! `--strict`: every image is looked at before anything is written, so that one left-out file leaves no half of a
//! result.

use rayon::prelude::*;

use crate::archive::{ImageRef, LeftOut};
use crate::decode;
use crate::error::{Error, Result};
use crate::progress::Context;
use scatterfall_scattering::backend::cpu::residual;
use scatterfall_scattering::plan::FeaturePlan;

/// Images looked at between two looks at whether to stop.
const BLOCK: usize = 64;

/// The error that `--strict` makes of the first left-out file, where there is one.
///
/// # Errors
/// [`Error::Input`], naming the file and the reason.
pub fn refuse(left_out: &[LeftOut]) -> Result<()> {
    match left_out.first() {
        Some(LeftOut { file, reason }) => Err(Error::Input(format!("--strict: {file} cannot be used: {reason}"))),
        None => Ok(()),
    }
}

/// Decodes every image and measures its colours, as the computation will.
///
/// # Errors
/// [`Error::Input`] for the first image that would be left out.
pub(super) fn look_at(ctx: &Context<'_>, images: &[&ImageRef], plan: &FeaturePlan) -> Result<()> {
    let config = ctx.config;
    let unusable = |image: &&ImageRef| {
        let reason = match decode::waterfall(&image.path, config) {
            Ok(pixels) => too_far(f64::from(residual(&plan.colormap, &pixels)), config.value.max_residual)?,
            Err(Error::Image { reason, .. }) => reason,
            Err(other) => other.to_string(),
        };
        Some(LeftOut { file: image.name.clone(), reason })
    };
    ctx.observer.begin("check", images.len() as u64, "images");
    for block in images.chunks(BLOCK) {
        ctx.check()?;
        let found: Vec<LeftOut> = ctx.pool.install(|| block.par_iter().filter_map(unusable).collect());
        for left in &found {
            tracing::warn!("{} cannot be used: {}", left.file, left.reason);
        }
        refuse(&found)?;
        ctx.observer.advance(block.len() as u64, block.iter().map(|i| i.bytes).sum());
    }
    ctx.observer.end();
    Ok(())
}

/// Why an image with such a residual is left out; `None` where it is not.
pub(super) fn too_far(residual: f64, most: f64) -> Option<String> {
    (residual > most).then(|| {
        format!(
            "its colours are {residual:.0} away from the colour map on average, more than value.max_residual = {most}: \
             wrong [crop] or value.colormap?"
        )
    })
}
