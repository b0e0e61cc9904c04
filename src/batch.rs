//! Shape-checked containers that travel between the stages.
//!
//! Axes go from the outside in: a waterfall is `[time, distance]` as in the picture, features are
//! `[image, window, feature]`, segments `[segment, channel, sample]`, coefficients `[segment, channel, path]`.

use ndarray::{Array2, Array3, ArrayView2};

/// Pixels of one cropped image as the decoder gives them, rows are time (top first), columns distance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Number of rows (time samples).
    pub rows: usize,
    /// Number of columns (distance samples).
    pub columns: usize,
    /// Bytes a pixel: 1 (grey), 3 (RGB) or 4 (RGBA, alpha is ignored).
    pub channels: usize,
    /// `rows * columns * channels` bytes, row by row.
    pub bytes: Vec<u8>,
}

/// Feature windows of a batch of images.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureBlock {
    /// `[image, window, feature]`.
    pub values: Array3<f32>,
    /// Mean distance of each image's pixels to the nearest colour of the map (8-bit RGB units), one an image.
    pub residual: Vec<f32>,
}

/// Segments ready for the scattering transform: `[segment, channel, sample]`, contiguous.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentBlock {
    /// `[segment, channel, sample]`.
    pub samples: Array3<f32>,
}

/// Scattering coefficients of a block of segments.
///
/// `orders[k]` is `[segment, channel * paths]` with the path index fastest; the first entry is order 0 when the
/// network computes it. A path of order 2 is `f1 * F2 + f2`.
#[derive(Clone, Debug, PartialEq)]
pub struct CoefficientBlock {
    /// One matrix an order, all with the same number of rows.
    pub orders: Vec<Array2<f32>>,
}

impl CoefficientBlock {
    /// Number of rows (segments).
    pub fn rows(&self) -> usize {
        self.orders.first().map_or(0, |o| o.nrows())
    }

    /// The orders as views.
    pub fn views(&self) -> Vec<ArrayView2<'_, f32>> {
        self.orders.iter().map(|o| o.view()).collect()
    }
}
