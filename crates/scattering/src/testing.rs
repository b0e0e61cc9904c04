//! What the tests of this crate share: networks written as TOML, as a configuration file has them.

use serde::Deserialize;

use crate::options::{Bank, Feature, FeatureOptions, NetworkOptions, Normalize, Oversampling, Pooling};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BankText {
    octaves: usize,
    resolution: usize,
    quality: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkText {
    order_0: Option<bool>,
    pooling: Option<String>,
    normalize: Option<String>,
    taper_alpha: Option<f64>,
    oversampling: Option<toml::Value>,
    banks: Option<Vec<BankText>>,
}

/// The options of a network: the keys in `text`, and the program's defaults for those that are missing.
pub(crate) fn network(text: &str) -> NetworkOptions {
    let read: NetworkText = toml::from_str(text).expect("options of a network");
    let bank = |b: BankText| Bank { octaves: b.octaves, resolution: b.resolution, quality: b.quality };
    let default =
        [BankText { octaves: 4, resolution: 6, quality: 1.0 }, BankText { octaves: 2, resolution: 4, quality: 1.0 }];
    NetworkOptions {
        order_0: read.order_0.unwrap_or(true),
        pooling: match read.pooling.as_deref().unwrap_or("median") {
            "median" => Pooling::Median,
            "mean" => Pooling::Mean,
            "max" => Pooling::Max,
            other => panic!("no pooling {other}"),
        },
        normalize: match read.normalize.as_deref().unwrap_or("none") {
            "none" => Normalize::None,
            "l1" => Normalize::L1,
            "l2" => Normalize::L2,
            other => panic!("no normalisation {other}"),
        },
        taper_alpha: read.taper_alpha,
        oversampling: match read.oversampling.and_then(|v| v.as_integer()) {
            Some(times) => Oversampling::Times(usize::try_from(times).expect("positive")),
            None => Oversampling::Full,
        },
        sampling_rate: 1.0,
        banks: read
            .banks
            .map_or_else(|| default.into_iter().map(bank).collect(), |b| b.into_iter().map(bank).collect()),
    }
}

/// The features `std`, `mean` and `max` of windows of three columns on images of a minute and 20 km.
pub(crate) fn features() -> FeatureOptions {
    FeatureOptions {
        window: 3,
        step: 2,
        names: vec![Feature::Std, Feature::Mean, Feature::Max],
        duration_s: 60.0,
        length_km: 20.0,
    }
}
