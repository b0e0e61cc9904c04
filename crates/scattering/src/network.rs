//! The scattering network by itself, for programs that bring their own arrays.

use ndarray::{ArrayD, ArrayView3, IxDyn};

use crate::backend::cpu::ScatteringKernel;
use crate::blocks::{CoefficientBlock, SegmentBlock};
use crate::filter_bank::FilterBank;
use crate::options::{Bank, NetworkOptions, Normalize, Oversampling, Pooling};
use crate::plan::ScatteringPlan;
use crate::{Error, Result};

/// A wavelet scattering network (Andén and Mallat 2014, doi:10.1109/TSP.2014.2326991) of complex Morlet filter banks,
/// with the definitions and numbers of scatseisnet 0.4 (Seydoux et al. 2020, doi:10.1038/s41467-020-17841-x).
///
/// A layer convolves its input with every filter of its bank (circularly, over the segment) and takes moduli: the
/// scalograms, which are the next layer's inputs. Coefficients are scalograms pooled over time. The work is spread over
/// the threads of the current rayon pool; inside, several segments share a vector unit, so a call with many segments is
/// faster than many calls.
///
/// ```
/// use ndarray::Array3;
/// use scatterfall_scattering::ScatteringNetwork;
/// use scatterfall_scattering::options::{Bank, Pooling};
///
/// let banks = [
///     Bank { octaves: 4, resolution: 4, quality: 1.0 },
///     Bank { octaves: 4, resolution: 1, quality: 2.0 },
/// ];
/// // Ten segments of three channels, 256 samples each, at 50 Hz: a wave of 5 Hz.
/// let segments = Array3::from_shape_fn((10, 3, 256), |(_, _, k)| (0.628_318_5 * k as f32).sin());
/// let network = ScatteringNetwork::new(&banks, 256, 50.0)?;
/// let orders = network.transform(segments.view(), Pooling::Median)?;
/// assert_eq!(orders[0].shape(), [10, 3, 16]);
/// assert_eq!(orders[1].shape(), [10, 3, 16, 4]);
///
/// // The filter that answers most is the one centred nearest to the wave.
/// let first: Vec<f32> = orders[0].iter().take(16).copied().collect();
/// let strongest = (0..16).max_by(|a, b| first[*a].total_cmp(&first[*b])).unwrap_or(0);
/// let centre = network.banks().next().map_or(0.0, |b| b.centers[strongest]);
/// assert!((centre - 5.0).abs() < 1.0);
/// # Ok::<(), scatterfall_scattering::Error>(())
/// ```
#[derive(Clone)]
pub struct ScatteringNetwork {
    network: NetworkOptions,
    plan: ScatteringPlan,
    kernel: ScatteringKernel,
}

impl ScatteringNetwork {
    /// A network of one layer a bank, for segments of `bins` samples at `sampling_rate` Hz, without taper,
    /// normalisation or order 0, every scalogram sample computed.
    ///
    /// # Errors
    /// [`Error::Parameter`] where there is no bank or no sample, a bank or the rate is not positive and finite, or the
    /// coefficients would be too many for any machine.
    pub fn new(banks: &[Bank], bins: usize, sampling_rate: f64) -> Result<Self> {
        if bins == 0 {
            return Err(Error::parameter("bins", bins, "1 or more samples a segment"));
        }
        if !(sampling_rate.is_finite() && sampling_rate > 0.0) {
            return Err(Error::parameter("sampling_rate", sampling_rate, "a positive number of Hz"));
        }
        if banks.is_empty() {
            return Err(Error::parameter("banks", "none", "one bank a layer, 1 or more"));
        }
        for bank in banks {
            let positive = bank.octaves > 0 && bank.resolution > 0 && bank.quality.is_finite() && bank.quality > 0.0;
            if !positive {
                let value = format!("{bank:?}");
                return Err(Error::parameter("banks", value, "positive octaves, resolution and quality"));
            }
        }
        let network = NetworkOptions {
            order_0: false,
            pooling: Pooling::Median,
            normalize: Normalize::None,
            taper_alpha: None,
            oversampling: Oversampling::Full,
            sampling_rate,
            banks: banks.to_vec(),
        };
        Self::with(network, bins)
    }

    fn with(network: NetworkOptions, bins: usize) -> Result<Self> {
        let plan = ScatteringPlan::new(&network, 1, bins, network.sampling_rate)?;
        let kernel = ScatteringKernel::new(&plan);
        Ok(Self { network, plan, kernel })
    }

    /// The same network with wavelets divided by their L1 or L2 norm.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn normalized(self, normalize: Normalize) -> Result<Self> {
        Self::with(NetworkOptions { normalize, ..self.network }, self.plan.bins)
    }

    /// The same network with a Tukey window of shape `alpha` (0 to 1) on every segment; only samples at which it is 1
    /// are pooled.
    ///
    /// # Errors
    /// [`Error::Parameter`] where `alpha` is not between 0 and 1, or leaves no sample to pool.
    pub fn tapered(self, alpha: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&alpha) {
            return Err(Error::parameter("alpha", alpha, "0 to 1"));
        }
        Self::with(NetworkOptions { taper_alpha: Some(alpha), ..self.network }, self.plan.bins)
    }

    /// The same network with scalograms sampled as `oversampling` says: coarser is faster and approximate.
    ///
    /// # Errors
    /// [`Error::Parameter`] for `Oversampling::Times(0)`.
    pub fn oversampled(self, oversampling: Oversampling) -> Result<Self> {
        if oversampling == Oversampling::Times(0) {
            return Err(Error::parameter("oversampling", 0, "1 or more"));
        }
        Self::with(NetworkOptions { oversampling, ..self.network }, self.plan.bins)
    }

    /// Samples per segment.
    pub fn bins(&self) -> usize {
        self.plan.bins
    }

    /// The layers' filter banks, the outermost first: centre frequencies, temporal widths, wavelets and spectra.
    pub fn banks(&self) -> impl ExactSizeIterator<Item = &FilterBank> {
        self.plan.layers.iter().map(|l| &l.bank)
    }

    /// Scattering coefficients of `segments`, `(segments, channels, bins)`: first order `(segments, channels, F1)`,
    /// second `(segments, channels, F1, F2)` and so on, `Fk` the filters of layer k, highest centre first. The unit is
    /// the samples'.
    ///
    /// A channel with a sample that is not finite gives NaN; the others are not touched by it.
    ///
    /// # Errors
    /// [`Error::SegmentLength`] where the last axis is not as long as [`Self::bins`]; [`Error::Parameter`] as for [`Self::new`].
    pub fn transform(&self, segments: ArrayView3<'_, f32>, pooling: Pooling) -> Result<Vec<ArrayD<f32>>> {
        self.check(&segments)?;
        self.shaped(segments.dim(), self.kernel.pooled_by(pooling).transform(segments), None)
    }

    /// [`Self::transform`] of samples in double precision: what moves little on a large constant keeps its bits.
    ///
    /// ```
    /// # use ndarray::Array3;
    /// # use scatterfall_scattering::{ScatteringNetwork, options::{Bank, Pooling}};
    /// let network = ScatteringNetwork::new(&[Bank { octaves: 3, resolution: 2, quality: 4.0 }], 512, 1.0)?;
    /// let wave = |level: f64| Array3::from_shape_fn((1, 1, 512), |(_, _, k)| level + (1.3 * k as f64).sin());
    /// let [plain, deep] = [0.0, 1e8].map(|level| network.transform_block(&wave(level).view().into(), Pooling::Max));
    /// assert!((plain?[0][[0, 0, 2]] - deep?[0][[0, 0, 2]]).abs() < 1e-4);
    /// # Ok::<(), scatterfall_scattering::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::transform`].
    pub fn transform_block(&self, segments: &SegmentBlock, pooling: Pooling) -> Result<Vec<ArrayD<f32>>> {
        self.check(&segments.samples.view())?;
        let coefficients = self.kernel.pooled_by(pooling).transform_block(&self.plan, segments);
        self.shaped(segments.dim(), coefficients, None)
    }

    /// [`Self::scalograms`] of samples in double precision.
    ///
    /// # Errors
    /// As [`Self::transform`].
    pub fn scalograms_block(&self, segments: &SegmentBlock) -> Result<Vec<ArrayD<f32>>> {
        self.check(&segments.samples.view())?;
        let samples = ScatteringKernel::unpooled(&self.plan).transform_block(&self.plan, segments);
        self.shaped(segments.dim(), samples, Some(self.plan.pooled.len()))
    }

    /// Scalograms of `segments` before pooling: as [`Self::transform`] gives, with time as one more axis at the end.
    /// With a taper only the samples at which it is 1. Always every sample, whatever the oversampling.
    ///
    /// ```
    /// # use ndarray::Array3;
    /// # use scatterfall_scattering::{ScatteringNetwork, options::Bank};
    /// let network = ScatteringNetwork::new(&[Bank { octaves: 3, resolution: 2, quality: 1.0 }], 64, 1.0)?;
    /// let scalograms = network.scalograms(Array3::zeros((2, 1, 64)).view())?;
    /// assert_eq!(scalograms[0].shape(), [2, 1, 6, 64]);
    /// # Ok::<(), scatterfall_scattering::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::transform`].
    pub fn scalograms(&self, segments: ArrayView3<'_, f32>) -> Result<Vec<ArrayD<f32>>> {
        self.check(&segments)?;
        let samples = ScatteringKernel::unpooled(&self.plan).transform(segments);
        self.shaped(segments.dim(), samples, Some(self.plan.pooled.len()))
    }

    fn check(&self, segments: &ArrayView3<'_, f32>) -> Result<()> {
        let (bins, own) = (segments.dim().2, self.plan.bins);
        if bins != own {
            return Err(Error::SegmentLength { found: bins, expected: own });
        }
        Ok(())
    }

    /// The orders with one axis a layer.
    fn shaped(
        &self,
        (rows, channels, _): (usize, usize, usize),
        coefficients: CoefficientBlock,
        time: Option<usize>,
    ) -> Result<Vec<ArrayD<f32>>> {
        let filters = self.plan.filters();
        let with_axes = |(k, order): (usize, ndarray::Array2<f32>)| {
            let shape: Vec<usize> =
                [rows, channels].into_iter().chain(filters[..=k].iter().copied()).chain(time).collect();
            let values = order.into_raw_vec_and_offset().0;
            Ok(ArrayD::from_shape_vec(IxDyn(&shape), values)?)
        };
        coefficients.orders.into_iter().enumerate().map(with_axes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    const BANKS: [Bank; 2] =
        [Bank { octaves: 3, resolution: 2, quality: 1.0 }, Bank { octaves: 2, resolution: 1, quality: 1.0 }];

    #[test]
    fn maxima_of_scalograms_are_max_pooled_coefficients() {
        let network = ScatteringNetwork::new(&BANKS, 50, 10.0).and_then(|n| n.tapered(0.2)).expect("valid");
        let segments = Array3::from_shape_fn((2, 3, 50), |(s, c, k)| ((s + c + 1) as f32 * 0.3 * k as f32).sin());
        let pooled = network.transform(segments.view(), Pooling::Max).expect("fits");
        let whole = network.scalograms(segments.view()).expect("fits");
        for (pooled, whole) in pooled.iter().zip(&whole) {
            let time = ndarray::Axis(whole.ndim() - 1);
            let largest = whole.map_axis(time, |s| s.iter().copied().fold(0.0, f32::max));
            assert_eq!(pooled, &largest, "the same samples either way");
        }
        let other = network.transform(segments.view(), Pooling::Mean).expect("fits");
        assert_ne!(pooled[0], other[0], "negative control: another pooling, other coefficients");
    }

    #[test]
    fn what_makes_no_network_is_refused() {
        let bad = Bank { quality: 0.0, ..BANKS[0] };
        for (banks, bins, rate) in [
            (&BANKS[..], 0, 1.0),
            (&BANKS, 10, 0.0),
            (&BANKS, 10, f64::NAN),
            (&[], 10, 1.0),
            (&[bad], 10, 1.0),
            (&[Bank { octaves: 0, ..BANKS[0] }], 10, 1.0),
        ] {
            assert!(ScatteringNetwork::new(banks, bins, rate).is_err(), "{banks:?}, {bins} samples, {rate} Hz");
        }
        let network = ScatteringNetwork::new(&BANKS, 10, 1.0).expect("valid");
        assert!(
            network.clone().tapered(1.5).is_err() && network.clone().tapered(1.0).is_err(),
            "no such window; no sample left"
        );
        assert!(network.transform(Array3::zeros((1, 1, 11)).view(), Pooling::Mean).is_err(), "another length");
        assert_eq!(
            network.transform(Array3::zeros((0, 1, 10)).view(), Pooling::Mean).expect("empty")[0].shape(),
            [0, 1, 6]
        );
    }
}
