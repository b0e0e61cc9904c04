//! What is to be computed, in full, before data arrives: sizes, tables, paths. Pure data, no device.
//!
//! Backends take their numbers from here and derive none of their own, so that two backends cannot disagree about
//! anything but arithmetic.

use ndarray::Array2;
use scatterfall_lane_fft::planned::num_complex::Complex64;

use crate::filter_bank::FilterBank;
use crate::options::{Feature, FeatureOptions, NetworkOptions, Oversampling, Pooling};
use crate::segmentation::Segmentation;
use crate::{Error, Result};
use scatterfall_colormap::Colormap;

/// From an image's pixels to its feature windows.
#[derive(Clone, Debug, PartialEq)]
pub struct FeaturePlan {
    /// Rows of the plot area (time).
    pub rows: usize,
    /// Columns of the plot area (distance).
    pub columns: usize,
    /// Colours to values.
    pub colormap: Colormap,
    /// The features, in the order of the channels.
    pub features: Vec<Feature>,
    /// Columns per window.
    pub window: usize,
    /// Columns from one window to the next.
    pub step: usize,
    /// Number of windows.
    pub windows: usize,
    /// Seconds a row.
    pub seconds_per_row: f64,
    /// Metres a column.
    pub meters_per_column: f64,
}

impl FeaturePlan {
    /// The plan for plot areas of `rows` x `columns` pixels.
    ///
    /// # Errors
    /// [`Error::Parameter`] where not a single window fits, or `std` would have one sample only.
    #[expect(clippy::cast_precision_loss, reason = "pixel counts are far below 2^53")]
    pub fn new(options: &FeatureOptions, colormap: Colormap, rows: usize, columns: usize) -> Result<Self> {
        let (window, step) = (options.window, options.step);
        if columns < window {
            return Err(Error::parameter("window", window, format!("at most the {columns} columns of an image")));
        }
        if rows * window < 2 && options.names.contains(&Feature::Std) {
            return Err(Error::parameter("window", window, "2 or more: `std` needs two pixels a window"));
        }
        Ok(Self {
            rows,
            columns,
            colormap,
            features: options.names.clone(),
            window,
            step,
            windows: (columns - window) / step + 1,
            seconds_per_row: options.duration_s / rows as f64,
            meters_per_column: options.length_km * 1000.0 / columns as f64,
        })
    }

    /// Frequency in Hz of bin `k` of a real Fourier transform over time.
    #[expect(clippy::cast_precision_loss, reason = "row numbers are far below 2^53")]
    pub fn frequency(&self, k: usize) -> f64 {
        k as f64 / (self.rows as f64 * self.seconds_per_row)
    }
}

/// The Gabor feature's kernel (scikit-image's `gabor_kernel(0.05, theta)` at 45 and 135 degrees), separated.
///
/// The kernel at 45 degrees is `(even + i odd)(t) (even + i odd)(x)`, the one at 135 degrees has the sign of `odd(x)`
/// turned. `even` and `odd` hold the taps 0..=24; negative taps follow from the symmetry.
#[derive(Clone, Debug, PartialEq)]
pub struct GaborKernel {
    /// Cosine part, taps 0..=RADIUS.
    pub even: [f64; Self::RADIUS + 1],
    /// Sine part, taps 0..=RADIUS.
    pub odd: [f64; Self::RADIUS + 1],
}

impl GaborKernel {
    /// Reach of the kernel to either side in pixels: ceil(3 sigma cos 45 deg).
    pub const RADIUS: usize = 24;
    /// Cycles a pixel along the wave's direction.
    pub const FREQUENCY: f64 = 0.05;

    /// The taps: a Gaussian of standard deviation `sqrt(ln 2 / 2) / pi * 3 / f` (bandwidth 1 octave, 11.2434 pixels)
    /// over a wave of frequency `f`, whose cycles along each axis are `f cos 45 deg`.
    #[expect(clippy::cast_precision_loss, reason = "25 taps")]
    pub fn new() -> Self {
        use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI, TAU};
        let sigma = (LN_2 / 2.0).sqrt() / PI * 3.0 / Self::FREQUENCY;
        let tap = |k: usize| {
            let t = k as f64;
            let envelope = (-0.5 * (t / sigma).powi(2)).exp() / (TAU.sqrt() * sigma);
            let (sin, cos) = (TAU * Self::FREQUENCY * FRAC_1_SQRT_2 * t).sin_cos();
            (envelope * cos, envelope * sin)
        };
        Self { even: std::array::from_fn(|k| tap(k).0), odd: std::array::from_fn(|k| tap(k).1) }
    }
}

impl Default for GaborKernel {
    fn default() -> Self {
        Self::new()
    }
}

/// One layer of the scattering network.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its filters.
    pub bank: FilterBank,
}

/// From segments to pooled scattering coefficients.
#[derive(Clone, Debug, PartialEq)]
pub struct ScatteringPlan {
    /// Channels a segment.
    pub channels: usize,
    /// Samples per segment and channel.
    pub bins: usize,
    /// Hz (or windows per kilometre).
    pub sampling_rate: f64,
    /// The layers, outermost first.
    pub layers: Vec<Layer>,
    /// Pooling over time.
    pub pooling: Pooling,
    /// Sampling of the scalograms.
    pub oversampling: Oversampling,
    /// Tukey window that segments are multiplied with, `bins` values.
    pub taper: Option<Vec<f64>>,
    /// The samples of an (fftshifted) scalogram that are pooled: where the taper is 1.
    pub pooled: std::ops::Range<usize>,
    /// Also order 0: mean and maximum of the absolute samples, standard deviation of the samples.
    pub order_0: bool,
}

/// Values of order 0 a channel: mean absolute, largest absolute, standard deviation (n).
pub const ORDER_0_VALUES: usize = 3;

/// Maximum number of coefficients per channel and order; no machine holds a larger configuration.
const MAX_PATHS: usize = 1 << 22;

/// Most samples of a layer's filters together, of 32 bytes each in time and frequency.
const MAX_FILTER_SAMPLES: usize = 1 << 28;

impl ScatteringPlan {
    /// The plan for segments of `channels` x `bins` samples.
    ///
    /// # Errors
    /// [`Error::Parameter`] where the taper leaves no sample to pool, or the paths are too many.
    pub fn new(network: &NetworkOptions, channels: usize, bins: usize, sampling_rate: f64) -> Result<Self> {
        // Before anything takes memory: a length may come from a file's header.
        let mut paths = 1usize;
        for bank in &network.banks {
            let filters = bank.octaves * bank.resolution;
            paths = paths.saturating_mul(filters);
            if paths > MAX_PATHS || filters.saturating_mul(bins) > MAX_FILTER_SAMPLES {
                let expected =
                    format!("at most {MAX_PATHS} coefficients a channel and {MAX_FILTER_SAMPLES} filter samples");
                return Err(Error::parameter("banks", format!("{paths} paths of {bins} samples"), expected));
            }
        }
        let taper = network.taper_alpha.map(|alpha| tukey(bins, alpha));
        let ones: Vec<usize> = match &taper {
            Some(t) => (0..bins).filter(|&k| t[k] == 1.0).collect(),
            None => (0..bins).collect(),
        };
        // A Tukey window is 1 on one stretch around its middle.
        let pooled = match (ones.first(), ones.last()) {
            (Some(&a), Some(&b)) => a..b + 1,
            _ => {
                let alpha = network.taper_alpha.unwrap_or_default();
                let expected =
                    format!("a taper that leaves at least one of {bins} samples untouched (a smaller alpha)");
                return Err(Error::parameter("taper_alpha", alpha, expected));
            }
        };
        let layer = |bank| Layer { bank: FilterBank::new(bank, bins, sampling_rate, network.normalize) };
        let layers = network.banks.iter().map(layer).collect();
        Ok(Self {
            channels,
            bins,
            sampling_rate,
            layers,
            pooling: network.pooling,
            oversampling: network.oversampling,
            taper,
            pooled,
            order_0: network.order_0,
        })
    }

    /// The plan for one channel and filters of one's own: a layer a matrix of spectra, `(filters, bins)`, which are the
    /// discrete Fourier transforms of its wavelets, not normalised. `taper`: `bins` values that segments are multiplied
    /// with; those samples are pooled at which it is 1, which have to be one stretch.
    ///
    /// # Errors
    /// [`Error::Parameter`] where there are no samples, lengths differ, the taper leaves no stretch, or the paths are too many.
    pub fn of_spectra(spectra: Vec<Array2<Complex64>>, bins: usize, taper: Option<Vec<f64>>) -> Result<Self> {
        let wrong = |key: &'static str, value: usize, expected: &str| Err(Error::parameter(key, value, expected));
        if bins == 0 {
            return wrong("bins", bins, "1 or more samples a segment");
        }
        if let Some(other) = spectra.iter().find(|s| s.ncols() != bins) {
            return wrong("spectra", other.ncols(), "as many bins as a segment has samples");
        }
        let paths = spectra.iter().try_fold(1usize, |paths, s| paths.checked_mul(s.nrows()));
        if paths.is_none_or(|paths| paths > MAX_PATHS) {
            return wrong("spectra", spectra.len(), "layers of fewer filters: these have too many paths");
        }
        let ones: Vec<usize> = match &taper {
            Some(taper) if taper.len() != bins => return wrong("taper", taper.len(), "a value a sample"),
            Some(taper) => (0..bins).filter(|&k| taper[k] == 1.0).collect(),
            None => (0..bins).collect(),
        };
        let pooled = match (ones.first(), ones.last()) {
            (Some(&first), Some(&last)) if last - first + 1 == ones.len() => first..last + 1,
            _ => return wrong("taper", ones.len(), "one stretch of samples at which the taper is 1"),
        };
        Ok(Self {
            channels: 1,
            bins,
            sampling_rate: 1.0,
            layers: spectra.into_iter().map(|s| Layer { bank: FilterBank::of_spectra(s) }).collect(),
            pooling: Pooling::Median,
            oversampling: Oversampling::Full,
            taper,
            pooled,
            order_0: false,
        })
    }

    /// Filters of each layer.
    pub fn filters(&self) -> Vec<usize> {
        self.layers.iter().map(|l| l.bank.len()).collect()
    }

    /// Coefficients a channel of each order that is computed, order 0 first where it is asked for.
    pub fn widths(&self) -> Vec<usize> {
        let mut widths = if self.order_0 { vec![ORDER_0_VALUES] } else { Vec::new() };
        let mut paths = 1;
        for n in self.filters() {
            paths *= n;
            widths.push(paths);
        }
        widths
    }

    /// The number of the first order that is computed: 0 or 1.
    pub fn first_order(&self) -> usize {
        usize::from(!self.order_0)
    }

    /// Shape of one row of order `k` in files: channels, then the filters of each layer down to that order.
    pub fn row_shape(&self, order: usize) -> Vec<usize> {
        let mut shape = vec![self.channels];
        match order {
            0 => shape.push(ORDER_0_VALUES),
            k => shape.extend(&self.filters()[..k]),
        }
        shape
    }

    /// Spectra of layer `k` (0 the outermost), `(filters, bins)`.
    pub fn spectra(&self, k: usize) -> &Array2<Complex64> {
        &self.layers[k].bank.spectra
    }
}

/// From images to features and, where segments stay within an image, to coefficients.
#[derive(Clone, Debug, PartialEq)]
pub struct ImagePlan {
    /// Pixels to features.
    pub features: FeaturePlan,
    /// Where the transform follows at once: how an image is cut, and the network. Only for segments within one image.
    pub scattering: Option<(Segmentation, ScatteringPlan)>,
}

/// SciPy's `tukey(n, alpha)` (symmetric).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small whole numbers"
)]
fn tukey(n: usize, alpha: f64) -> Vec<f64> {
    use std::f64::consts::PI;
    if alpha <= 0.0 || n <= 1 {
        return vec![1.0; n];
    }
    let last = (n - 1) as f64;
    // The flat part starts after floor(alpha (n - 1) / 2) and the window is its own mirror image.
    let width = (alpha * last / 2.0).floor() as usize;
    if alpha >= 1.0 {
        return (0..n).map(|k| 0.5 - 0.5 * (2.0 * PI * k as f64 / last).cos()).collect();
    }
    (0..n)
        .map(|k| {
            if k <= width {
                0.5 * (1.0 + (PI * (-1.0 + 2.0 * k as f64 / alpha / last)).cos())
            } else if k < n - width - 1 {
                1.0
            } else {
                0.5 * (1.0 + (PI * (-2.0 / alpha + 1.0 + 2.0 * k as f64 / alpha / last)).cos())
            }
        })
        .collect()
}
