//! Shape-checked containers that travel between the stages.
//!
//! Axes go from the outside in: a waterfall is `[time, distance]` as in the picture, features are
//! `[image, window, feature]`, segments `[segment, channel, sample]`, coefficients `[segment, channel, path]`.

use ndarray::{Array2, Array3};

pub use scatterfall_colormap::Pixels;

/// Feature windows of a batch of images.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureBlock {
    /// `[image, window, feature]`.
    pub values: Array3<f32>,
    /// Mean distance of each image's pixels to the nearest colour of the map (8-bit RGB units), one an image.
    pub residual: Vec<f32>,
}

/// Segments ready for the scattering transform: `[segment, channel, sample]`, in standard layout.
pub type SegmentBlock = Array3<f32>;

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
