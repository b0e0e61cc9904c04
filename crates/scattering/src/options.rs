//! What plans are made from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A window feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the definition of each is in `backend::cpu`, under the same name")]
pub enum Feature {
    Std,
    Gabor,
    DominantFrequency,
    Mean,
    Median,
    P75,
    Max,
    SlopeAspect,
}

impl Feature {
    /// Every feature with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("std", Self::Std),
        ("gabor", Self::Gabor),
        ("dominant_frequency", Self::DominantFrequency),
        ("mean", Self::Mean),
        ("median", Self::Median),
        ("p75", Self::P75),
        ("max", Self::Max),
        ("slope_aspect", Self::SlopeAspect),
    ];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, f)| *f == self).map_or("", |(n, _)| n)
    }
}

/// Windows over the columns of an image, and what is computed on each.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureOptions {
    /// Columns per window.
    pub window: usize,
    /// Columns from one window to the next.
    pub step: usize,
    /// The channels, in order.
    pub names: Vec<Feature>,
    /// Seconds that an image spans.
    pub duration_s: f64,
    /// Kilometres that an image spans.
    pub length_km: f64,
}

/// How long a segment is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SegmentLength {
    /// Kilometres of fibre.
    Km(f64),
    /// Windows.
    Bins(usize),
}

/// Whether segments may cross from one image to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Continuity {
    /// Segments lie within one image.
    PerImage,
    /// Images that follow each other form one series.
    Concatenated,
}

/// Cutting feature series into segments.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentOptions {
    /// Length of a segment.
    pub length: SegmentLength,
    /// Share that the next segment repeats.
    pub overlap: f64,
    /// Whether segments may cross images.
    pub continuity: Continuity,
}

/// What is taken from a scalogram over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pooling {
    /// NumPy's median: mean of the two middle values where the number is even.
    Median,
    /// Arithmetic mean.
    Mean,
    /// Largest value.
    Max,
    /// Smallest value.
    Min,
    /// Standard deviation (n).
    Std,
    /// NumPy's percentile with linear interpolation, from 1 to 99.
    Percentile(u8),
}

impl Pooling {
    /// Every pooling that is a word of its own.
    const NAMES: [(&'static str, Self); 5] =
        [("median", Self::Median), ("mean", Self::Mean), ("max", Self::Max), ("min", Self::Min), ("std", Self::Std)];
}

/// The name: a word, or `p` with the percentile.
impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, Self::NAMES.iter().find(|(_, pooling)| pooling == self)) {
            (Self::Percentile(percent), _) => write!(f, "p{percent}"),
            (_, Some((name, _))) => f.write_str(name),
            (_, None) => Err(fmt::Error),
        }
    }
}

impl FromStr for Pooling {
    type Err = PoolingName;

    fn from_str(text: &str) -> Result<Self, PoolingName> {
        let percent = text.strip_prefix('p').and_then(|p| p.parse::<u8>().ok()).filter(|p| (1..=99).contains(p));
        let named = Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, pooling)| *pooling);
        named.or(percent.map(Self::Percentile)).ok_or(PoolingName)
    }
}

impl TryFrom<String> for Pooling {
    type Error = PoolingName;

    fn try_from(text: String) -> Result<Self, PoolingName> {
        text.parse()
    }
}

impl From<Pooling> for String {
    fn from(pooling: Pooling) -> Self {
        pooling.to_string()
    }
}

/// A name that no pooling has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected median, mean, max, min, std, or a percentile from p1 to p99")]
pub struct PoolingName;

/// Normalisation of the wavelets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// As defined, modulus 1 at its middle.
    None,
    /// Sum of the moduli is 1.
    L1,
    /// Sum of the squared moduli is 1.
    L2,
}

/// Sampling of the scalograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oversampling {
    /// As densely as the segment.
    Full,
    /// This many times as densely as the filter's band needs.
    Times(usize),
}

/// One layer's filter bank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bank {
    /// Octaves below the Nyquist frequency.
    pub octaves: usize,
    /// Filters per octave.
    pub resolution: usize,
    /// Width in periods of the centre frequency.
    pub quality: f64,
}

/// The scattering network.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkOptions {
    /// Also statistics of the samples themselves.
    pub order_0: bool,
    /// Pooling over time.
    pub pooling: Pooling,
    /// Normalisation of the wavelets.
    pub normalize: Normalize,
    /// Shape of the Tukey window.
    pub taper_alpha: Option<f64>,
    /// Sampling of the scalograms.
    pub oversampling: Oversampling,
    /// Hz, for plain arrays.
    pub sampling_rate: f64,
    /// One bank a layer.
    pub banks: Vec<Bank>,
}
