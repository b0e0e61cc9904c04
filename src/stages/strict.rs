//! `--strict`: every image is looked at before anything is written, so that one left-out file leaves no half of a
//! result.

use std::ops::Range;

use rayon::prelude::*;

use crate::archive::{ImageRef, LeftOut};
use crate::config::Config;
use crate::decode;
use crate::error::{ArchiveError, Error, Result};
use crate::progress::Context;
use scatterfall_colormap::Pixels;
use scatterfall_scattering::backend::cpu::residual;
use scatterfall_scattering::plan::FeaturePlan;

/// Images looked at between two looks at whether to stop.
const BLOCK: usize = 64;

/// The error that `--strict` makes of the first left-out file, where there is one.
///
/// # Errors
/// [`Error::Archive`], naming the file and the reason.
pub(crate) fn refuse(left_out: &[LeftOut]) -> Result<()> {
    match left_out.first() {
        Some(LeftOut { file, reason }) => {
            Err(ArchiveError::LeftOut { file: file.clone(), reason: reason.clone() }.into())
        }
        None => Ok(()),
    }
}

/// Decodes every image and measures its colours, as the computation will.
///
/// # Errors
/// [`Error::Archive`] for the first image that would be left out.
pub(super) fn precheck_images(ctx: &Context<'_>, images: &[&ImageRef], plan: &FeaturePlan) -> Result<()> {
    let config = ctx.config;
    let unusable = |image: &&ImageRef| {
        let reason = match decode::waterfall(&image.path, config) {
            Ok(pixels) => {
                let used = used_columns(config, pixels.columns);
                residual_error(f64::from(residual_of(plan, &pixels, &used)), config.value.max_residual)?
            }
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

/// Ranges of an image's columns that [exclude] does not name.
pub(crate) fn used_columns(config: &Config, columns: usize) -> Vec<Range<usize>> {
    let input = &config.input;
    let place = |c: usize| (c as f64 + 0.5) * input.total_distance_km / columns as f64 + input.distance_offset_km;
    let excluded = |c: usize| config.exclude.distance_km.iter().any(|&(a, b)| (a..b).contains(&place(c)));
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for c in (0..columns).filter(|&c| !excluded(c)) {
        match ranges.last_mut() {
            Some(last) if last.end == c => last.end = c + 1,
            _ => ranges.push(c..c + 1),
        }
    }
    // Where all is excluded the whole image says whether crop and colours are right.
    if ranges.is_empty() { std::iter::once(0..columns).collect() } else { ranges }
}

/// Mean distance to the colour map over some columns of an image.
pub(crate) fn residual_of(plan: &FeaturePlan, pixels: &Pixels, used: &[Range<usize>]) -> f32 {
    if used == std::slice::from_ref(&(0..pixels.columns)) {
        return residual(&plan.colormap, pixels);
    }
    let columns: usize = used.iter().map(ExactSizeIterator::len).sum();
    let rows = pixels.rgb.chunks_exact(3 * pixels.columns);
    let rgb = rows.flat_map(|row| used.iter().flat_map(|r| &row[3 * r.start..3 * r.end])).copied().collect();
    residual(&plan.colormap, &Pixels { rows: pixels.rows, columns, rgb })
}

/// Why an image with such a residual is left out; `None` where it is not.
pub(crate) fn residual_error(residual: f64, most: f64) -> Option<String> {
    (residual > most).then(|| {
        format!(
            "its colours are {residual:.0} away from the colour map on average, more than value.max_residual = {most}: \
             wrong [crop] or value.colormap? (A dead stretch of fibre does not count where exclude.distance_km names it.)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fibre that broke at 12 of 20 km: white from there on.
    #[test]
    fn the_residual_is_that_of_the_part_in_use() {
        let (rows, columns) = (4, 100);
        let map = scatterfall_colormap::Colormap::builtin("jet").expect("comes with the program");
        let color = |c: usize| if c < 60 { map.color(c as u8) } else { [255; 3] };
        let rgb = (0..rows * columns).flat_map(|k| color(k % columns)).collect();
        let pixels = Pixels { rows, columns, rgb };
        let whole = Config::from_text("").expect("valid");
        let part = Config::from_text("[exclude]\ndistance_km = [[11.5, 20.0]]").expect("valid");
        let plan = |config: &Config| crate::plans::features(config, rows, columns).expect("valid");
        let of = |config: &Config| residual_of(&plan(config), &pixels, &used_columns(config, columns));
        assert_eq!(used_columns(&whole, columns), std::slice::from_ref(&(0..columns)), "nothing excluded");
        assert_eq!(
            used_columns(&part, columns),
            std::slice::from_ref(&(0..57)),
            "pixels whose middle lies before 11.5 km"
        );
        assert!(of(&whole) > 40.0, "white is far from every colour of the map: {}", of(&whole));
        assert_eq!(of(&part), 0.0, "the sound part has the map's colours");
    }
}
