//! Shape-checked containers that travel between the stages.
//!
//! Axes go from the outside in: a waterfall is `[time, distance]` as in the picture, features are
//! `[image, window, feature]`, segments `[segment, channel, sample]`, coefficients `[segment, channel, path]`.

use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView3, Axis};

pub use scatterfall_colormap::Pixels;

/// The plot area of one image as indices of the colour map; rows are time (top first), columns distance.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexPlane {
    /// Number of rows (time samples).
    pub rows: usize,
    /// Number of columns (distance samples).
    pub columns: usize,
    /// Index of the nearest colour of every pixel, row by row.
    pub index: Vec<u8>,
    /// Mean distance of the pixels to the nearest colour (8-bit RGB units), over the columns that were asked for.
    pub residual: f32,
}

/// One image as a decoder hands it over.
#[derive(Clone, Debug, PartialEq)]
pub enum Image {
    /// Colours, for a backend that looks them up itself.
    Colors(Pixels),
    /// Indices.
    Indices(IndexPlane),
    /// Both: colours for the backend, indices for someone else.
    Both(Pixels, IndexPlane),
}

impl Image {
    /// The colours, where they are known.
    pub fn pixels(&self) -> Option<&Pixels> {
        match self {
            Self::Colors(pixels) | Self::Both(pixels, _) => Some(pixels),
            Self::Indices(_) => None,
        }
    }

    /// The indices, where they are known.
    pub fn plane(&self) -> Option<&IndexPlane> {
        match self {
            Self::Indices(plane) | Self::Both(_, plane) => Some(plane),
            Self::Colors(_) => None,
        }
    }

    /// The indices, where they are known, without a copy.
    pub fn into_plane(self) -> Option<IndexPlane> {
        match self {
            Self::Indices(plane) | Self::Both(_, plane) => Some(plane),
            Self::Colors(_) => None,
        }
    }
}

/// Images of one size that are computed together. A clone shares them, so that a batch can be kept until it is done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch(Arc<Vec<Image>>);

impl Batch {
    /// The images, without a copy where nobody else keeps them.
    pub fn into_images(self) -> Vec<Image> {
        Arc::unwrap_or_clone(self.0)
    }

    /// The first `at` images and the rest.
    pub fn split_at(&self, at: usize) -> (Self, Self) {
        let (first, second) = self.0.split_at(at);
        (first.to_vec().into(), second.to_vec().into())
    }
}

impl std::ops::Deref for Batch {
    type Target = [Image];

    fn deref(&self) -> &[Image] {
        &self.0
    }
}

impl From<Vec<Image>> for Batch {
    fn from(images: Vec<Image>) -> Self {
        Self(Arc::new(images))
    }
}

impl From<Vec<Pixels>> for Batch {
    fn from(images: Vec<Pixels>) -> Self {
        images.into_iter().map(Image::Colors).collect::<Vec<_>>().into()
    }
}

/// Feature windows of a batch of images.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureBlock {
    /// `[image, window, feature]`.
    pub values: Array3<f32>,
    /// Mean distance of each image's pixels to the nearest colour of the map (8-bit RGB units), one an image.
    pub residual: Vec<f32>,
}

/// Segments ready for the scattering transform.
///
/// Samples are in single precision. Where a signal (a segment's channel) of a source in double precision would lose by
/// that, because it moves little on a large constant, the constant stands beside its samples: a pressure gauge under a
/// kilometre of water keeps its waves.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SegmentBlock {
    /// `[segment, channel, sample]`, in standard layout: what is left of the signal over its level.
    pub samples: Array3<f32>,
    /// `[segment, channel]`: what is to be added to all samples of a signal; mostly 0.
    pub levels: Array2<f64>,
}

impl From<Array3<f32>> for SegmentBlock {
    /// Samples in single precision, which have no level beside them.
    fn from(samples: Array3<f32>) -> Self {
        let (segments, channels, _) = samples.dim();
        Self { samples, levels: Array2::zeros((segments, channels)) }
    }
}

impl From<ArrayView3<'_, f64>> for SegmentBlock {
    /// Samples in double precision. A signal keeps a level only where single precision would cost it bits.
    fn from(segments: ArrayView3<'_, f64>) -> Self {
        let (rows, channels, bins) = segments.dim();
        let mut samples = Vec::with_capacity(rows * channels * bins);
        let mut levels = Vec::with_capacity(rows * channels);
        for segment in segments.outer_iter() {
            for signal in segment.outer_iter() {
                levels.push(match signal.as_slice() {
                    Some(signal) => round(signal, &mut samples),
                    None => round(&signal.to_vec(), &mut samples),
                });
            }
        }
        let samples = Array3::from_shape_vec((rows, channels, bins), samples).unwrap_or_default();
        let levels = Array2::from_shape_vec((rows, channels), levels).unwrap_or_default();
        Self { samples, levels }
    }
}

impl SegmentBlock {
    /// Segments, channels, samples.
    pub fn dim(&self) -> (usize, usize, usize) {
        self.samples.dim()
    }

    /// Silence of so many segments, channels and samples.
    pub fn zeros(dim: (usize, usize, usize)) -> Self {
        Array3::zeros(dim).into()
    }

    /// True where no signal has a level.
    pub fn is_level(&self) -> bool {
        self.levels.iter().all(|l| *l == 0.0)
    }

    /// The segments before and from `at` on.
    pub fn split_at(&self, at: usize) -> (Self, Self) {
        let (samples, levels) = (self.samples.view(), self.levels.view());
        let (first, last) = (samples.split_at(Axis(0), at), levels.split_at(Axis(0), at));
        let of = |samples: ArrayView3<'_, f32>, levels: ndarray::ArrayView2<'_, f64>| Self {
            samples: samples.to_owned(),
            levels: levels.to_owned(),
        };
        (of(first.0, last.0), of(first.1, last.1))
    }
}

/// Appends a signal in single precision to `out`; returns the level that was taken out before, 0 where that would gain
/// nothing: its samples are single-precision numbers, or it moves by as much as it is large.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "what the level takes care of")]
pub fn round(signal: &[f64], out: &mut Vec<f32>) -> f64 {
    let largest = |level: f64| signal.iter().fold(0.0f64, |a, v| a.max((v - level).abs()));
    let mean = signal.iter().sum::<f64>() / signal.len() as f64;
    // Comparisons with what is not a number are false: such a signal has no level.
    let gains = mean.abs() <= f64::from(f32::MAX) && largest(mean) < 0.5 * largest(0.0);
    let level = if gains && signal.iter().any(|v| f64::from(*v as f32) != *v) { mean } else { 0.0 };
    out.extend(signal.iter().map(|v| (v - level) as f32));
    level
}

/// Scattering coefficients of a block of segments.
///
/// One matrix `[segment, channel * paths]` an order, the path index fastest; the first is order 0 where the network
/// computes it. The path of second-order coefficient `(f1, f2)` is `f1 * F2 + f2`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct CoefficientBlock {
    /// One matrix an order, all with the same number of rows.
    pub orders: Vec<Array2<f32>>,
}

impl CoefficientBlock {
    /// Number of rows (segments).
    pub fn rows(&self) -> usize {
        self.orders.first().map_or(0, |o| o.nrows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(signal: &[f64]) -> (f64, Vec<f32>) {
        let mut out = Vec::new();
        (round(signal, &mut out), out)
    }

    #[test]
    fn a_level_is_kept_where_it_gains() {
        let (level, samples) = rounded(&[1e8 + 0.25, 1e8 - 0.125, 1e8]);
        assert_eq!(level + f64::from(samples[0]), 1e8 + 0.25, "all digits are there");
        assert!(level != 0.0, "beside the samples");
        for (signal, why) in [
            (vec![16_777_216.0, 16_777_215.0], "whole numbers that single precision holds"),
            (vec![0.1, -0.3, 0.2], "noise around zero"),
            (vec![f64::NAN, 1e9 + 0.1], "not a number"),
            (vec![f64::INFINITY, 0.1], "infinite"),
            (vec![1e300, 1.0001e300], "beyond single precision"),
        ] {
            let (level, samples) = rounded(&signal);
            let plain: Vec<u32> = signal.iter().map(|v| (*v as f32).to_bits()).collect();
            let bits: Vec<u32> = samples.iter().map(|v| v.to_bits()).collect();
            assert_eq!((level, bits), (0.0, plain), "{why}");
        }
    }

    #[test]
    fn halves_keep_their_levels() {
        let samples = Array3::from_shape_fn((3, 2, 4), |(i, c, k)| 1e9 * (i + 1) as f64 + 0.1 * (c + k) as f64);
        let block = SegmentBlock::from(samples.view());
        let (first, last) = block.split_at(1);
        assert_eq!((first.dim(), last.dim()), ((1, 2, 4), (2, 2, 4)), "sizes");
        assert_eq!(last.levels.row(1), block.levels.row(2), "levels");
        assert_eq!(last.samples.index_axis(Axis(0), 0), block.samples.index_axis(Axis(0), 1), "samples");
    }
}
