//! Each section of the merged tables as its type, every value checked.

use toml::{Table, Value};

use super::table::Section;
use super::*;

/// Most components, clusters, windows and the like that are accepted; beyond is a typing error.
const MANY: usize = 1_000_000;
/// What a time looks like.
const EXPECTED_TIME: &str = "\"YYYYMMDD_HHMMSS\", or ISO 8601 as \"2025-05-15T09:30:00Z\"";
/// What is to be found from the archive.
const AUTO: &str = "auto";
/// Seconds an image spans where nothing tells.
const USUAL_DURATION_S: f64 = 60.0;

pub(super) fn input(s: &Section) -> Result<Input> {
    let time = |key: &str| -> Result<Option<Micros>> {
        let Some(text) = s.get(key) else { return Ok(None) };
        text.as_str().and_then(parse_time).map(Some).ok_or_else(|| s.error(key, text, EXPECTED_TIME))
    };
    let offset = s.number("utc_offset_h", "hours from -24 to 24", |v| v.abs() <= 24.0)?;
    let pattern = s.text_if("time_pattern")?;
    let pattern_auto = pattern == Some(AUTO);
    let pattern = pattern.filter(|_| !pattern_auto);
    let duration_auto = s.get("duration_s").and_then(Value::as_str) == Some(AUTO);
    let duration_s = match duration_auto {
        true => USUAL_DURATION_S,
        false => s.number("duration_s", "seconds, above 0, or \"auto\"", |v| v > 0.0 && v <= 86_400.0)?,
    };
    let time_pattern = TimePattern::new(pattern, offset).ok_or_else(|| {
        Error::config(
            "input.time_pattern",
            pattern.unwrap_or_default(),
            "a strftime pattern with year, month, day, hour and minute, as \"*_%Y%m%d_%H%M%S\"",
        )
    })?;
    let (start, end) = (time("start")?, time("end")?);
    if let (Some(a), Some(b), Some(value)) = (start, end, s.get("end"))
        && a >= b
    {
        return Err(s.error("end", value, "a time after input.start"));
    }
    Ok(Input {
        path: s.text("path")?.into(),
        duration_s,
        duration_auto,
        pattern_auto,
        utc_offset_h: offset,
        total_distance_km: s.number("total_distance_km", "kilometres, above 0", |v| v > 0.0 && v <= 1e6)?,
        time_pattern,
        start,
        end,
        distance_offset_km: s.number("distance_offset_km", "kilometres", |v| v.abs() <= 1e6)?,
        max_pixels: s.count("max_pixels", 1, 1 << 40)? as u64,
    })
}

pub(super) fn exclude(s: &Section) -> Result<Exclude> {
    let pairs = |key: &str, expected: &str| -> Result<Vec<(Value, Value)>> {
        let Some(value) = s.get(key) else { return Ok(Vec::new()) };
        let wrong = || s.error(key, value, expected);
        let pair = |v: &Value| match v.as_array().map(Vec::as_slice) {
            Some([a, b]) => Ok((a.clone(), b.clone())),
            _ => Err(wrong()),
        };
        value.as_array().ok_or_else(wrong)?.iter().map(pair).collect()
    };
    #[expect(clippy::cast_precision_loss, reason = "kilometres are small")]
    let km = |v: &Value| v.as_float().or_else(|| v.as_integer().map(|i| i as f64)).filter(|f| f.is_finite());
    let expected_km = "pairs of kilometres, [[from, to], ...]";
    let expected_time = "pairs of times, [[\"YYYYMMDD_HHMMSS\", \"YYYYMMDD_HHMMSS\"], ...]";
    let mut out = Exclude::default();
    for (a, b) in pairs("distance_km", expected_km)? {
        match (km(&a), km(&b)) {
            (Some(from), Some(to)) if from < to => out.distance_km.push((from, to)),
            _ => return Err(s.error("distance_km", &Value::Array(vec![a, b]), expected_km)),
        }
    }
    for (a, b) in pairs("time", expected_time)? {
        match (a.as_str().and_then(parse_time), b.as_str().and_then(parse_time)) {
            (Some(from), Some(to)) if from < to => out.time.push((from, to)),
            _ => return Err(s.error("time", &Value::Array(vec![a, b]), expected_time)),
        }
    }
    Ok(out)
}

pub(super) fn output(s: &Section) -> Result<Output> {
    Ok(Output { path: s.text("path")?.into(), waterfall_npz: s.flag("waterfall_npz")? })
}

pub(super) fn crop(s: &Section) -> Result<Option<Crop>> {
    if !s.flag("enabled")? {
        return Ok(None);
    }
    let edge = |key| s.count(key, 0, MANY);
    let crop = Crop { top: edge("top")?, bottom: edge("bottom")?, left: edge("left")?, right: edge("right")? };
    if crop.bottom <= crop.top {
        return Err(Error::config("crop.bottom", crop.bottom, format!("a row below crop.top = {}", crop.top)));
    }
    if crop.right <= crop.left {
        return Err(Error::config("crop.right", crop.right, format!("a column right of crop.left = {}", crop.left)));
    }
    Ok(Some(crop))
}

pub(super) fn time_axis(s: &Section) -> Result<TimeAxis> {
    let Some(name) = s.text_if("time_axis")? else { return Ok(TimeAxis::Down) };
    let axis = TimeAxis::NAMES.iter().find(|(n, _)| *n == name).map(|(_, axis)| *axis);
    axis.ok_or_else(|| Error::config("crop.time_axis", name, "\"down\", \"up\", \"right\" or \"left\""))
}

pub(super) fn value(s: &Section) -> Result<ValueScale> {
    let scale = ValueScale {
        colormap: s.text("colormap")?.to_owned(),
        db_min: s.number("db_min", "decibels", |_| true)?,
        db_max: s.number("db_max", "decibels", |_| true)?,
        max_residual: s.number("max_residual", "a colour distance, above 0", |v| v > 0.0)?,
        fold: s.flag("fold")?,
    };
    if scale.db_max <= scale.db_min {
        return Err(Error::config("value.db_max", scale.db_max, format!("more than value.db_min = {}", scale.db_min)));
    }
    Ok(scale)
}

pub(super) fn features(s: &Section) -> Result<Features> {
    let names = s.choices("names", &Feature::NAMES)?;
    for (i, name) in names.iter().enumerate() {
        if names[..i].contains(name) {
            return Err(Error::config("features.names", name.name(), "each feature once"));
        }
    }
    if names.is_empty() {
        return Err(Error::config("features.names", "[]", "at least one feature"));
    }
    Ok(Features { window: s.count("window", 1, 4096)?, step: s.count("step", 1, MANY)?, names })
}

pub(super) fn segments(s: &Section) -> Result<Segments> {
    let km = s.number("length_km", "kilometres, above 0", |v| v > 0.0)?;
    Ok(Segments {
        length: s.count_if("bins", 1, 1 << 24)?.map_or(SegmentLength::Km(km), SegmentLength::Bins),
        overlap: s.number("overlap", "a share from 0 up to (not including) 1", |v| (0.0..1.0).contains(&v))?,
        continuity: s
            .choice("continuity", &[("per-image", Continuity::PerImage), ("concatenated", Continuity::Concatenated)])?,
    })
}

fn pooling(s: &Section) -> Result<Pooling> {
    const NAMED: [(&str, Pooling); 5] = [
        ("median", Pooling::Median),
        ("mean", Pooling::Mean),
        ("max", Pooling::Max),
        ("min", Pooling::Min),
        ("std", Pooling::Std),
    ];
    let text = s.text("pooling")?;
    let percent = text.strip_prefix('p').and_then(|p| p.parse::<u8>().ok()).filter(|p| (1..=99).contains(p));
    let named = NAMED.iter().find(|(name, _)| *name == text).map(|(_, pooling)| *pooling);
    named.or(percent.map(Pooling::Percentile)).ok_or_else(|| {
        Error::config("network.pooling", text, "median, mean, max, min, std, or a percentile from p1 to p99")
    })
}

pub(super) fn network(s: &Section) -> Result<Network> {
    let tables: &[Value] = match s.get("banks") {
        Some(Value::Array(items)) => items,
        _ => &[],
    };
    if tables.is_empty() {
        return Err(Error::config("network.banks", "[]", "at least one [[network.banks]] table"));
    }
    let bank = |v: &Value| {
        let empty = Table::new();
        let b = Section::of(v.as_table().unwrap_or(&empty), "network.banks");
        Ok(Bank {
            octaves: b.count("octaves", 1, 30)?,
            resolution: b.count("resolution", 1, 256)?,
            quality: b.number_if("quality", "a number above 0", |v| v > 0.0)?.unwrap_or(1.0),
        })
    };
    let oversampling = match s.get("oversampling") {
        Some(Value::String(t)) if t == "full" => Oversampling::Full,
        Some(Value::Integer(n @ (1 | 2 | 4))) => Oversampling::Times(if *n == 1 {
            1
        } else if *n == 2 {
            2
        } else {
            4
        }),
        Some(other) => return Err(s.error("oversampling", other, "\"full\", 1, 2 or 4")),
        None => Oversampling::Full,
    };
    Ok(Network {
        order_0: s.flag("order_0")?,
        pooling: pooling(s)?,
        normalize: s.choice("normalize", &[("none", Normalize::None), ("l1", Normalize::L1), ("l2", Normalize::L2)])?,
        taper_alpha: s.number_if("taper_alpha", "a number from 0 to 1", |v| (0.0..=1.0).contains(&v))?,
        oversampling,
        sampling_rate: s.number("sampling_rate", "Hz, above 0", |v| v > 0.0)?,
        banks: tables.iter().map(bank).collect::<Result<_>>()?,
    })
}

pub(super) fn seismogram(s: &Section) -> Result<Seismogram> {
    Ok(Seismogram {
        segment_s: s.number("segment_s", "seconds, above 0", |v| v > 0.0)?,
        overlap: s.number("overlap", "a share from 0 up to (not including) 1", |v| (0.0..1.0).contains(&v))?,
        detrend: s
            .choice("detrend", &[("none", Detrend::None), ("demean", Detrend::Demean), ("linear", Detrend::Linear)])?,
        highpass_hz: s.number_if("highpass_hz", "Hz, above 0", |v| v > 0.0)?,
    })
}

pub(super) fn reduce(s: &Section) -> Result<Reduce> {
    Ok(Reduce {
        run_pca: s.flag("run_pca")?,
        pca_components: s.count("pca_components", 1, MANY)?,
        ica_components: s.count("ica_components", 1, MANY)?,
        scaling: s.choice(
            "scaling",
            &[
                ("balanced", ScalingKind::Balanced),
                ("none", ScalingKind::None),
                ("standard", ScalingKind::Standard),
                ("minmax", ScalingKind::MinMax),
            ],
        )?,
        floor: s.number("floor", "a number above 0 that single precision can hold", |v| {
            v >= f64::from(f32::MIN_POSITIVE) && v <= f64::from(f32::MAX)
        })?,
        seed: s.count("seed", 0, i64::MAX as usize)? as u64,
    })
}

pub(super) fn cluster(root: &Table) -> Result<Cluster> {
    let s = Section::new(root, "cluster");
    let gmm = Section::new(root, "cluster.gmm");
    let dbscan = Section::new(root, "cluster.dbscan");
    let agglomerative = Section::new(root, "cluster.agglomerative");
    let expected_range = "[fewest, most], both at least 1";
    let range = match gmm.get("range") {
        Some(value) => {
            let ends: Vec<usize> = value
                .as_array()
                .map(|a| a.iter().filter_map(Value::as_integer).filter_map(|i| usize::try_from(i).ok()).collect())
                .unwrap_or_default();
            match ends[..] {
                [a, b] if a >= 1 && a <= b && b <= 10_000 => (a, b),
                _ => return Err(gmm.error("range", value, expected_range)),
            }
        }
        None => return Err(Error::config("cluster.gmm.range", "nothing", expected_range)),
    };
    Ok(Cluster {
        method: s.choice(
            "method",
            &[
                ("gmm", Method::Gmm),
                ("kmeans", Method::KMeans),
                ("dbscan", Method::Dbscan),
                ("agglomerative", Method::Agglomerative),
            ],
        )?,
        on: s.choice("on", &[("rows", ClusterOn::Rows), ("normalised", ClusterOn::Normalised)])?,
        seed: s.count("seed", 0, i64::MAX as usize)? as u64,
        kmeans_clusters: Section::new(root, "cluster.kmeans").count("clusters", 1, MANY)?,
        gmm_components: gmm.count("components", 1, 10_000)?,
        gmm_covariance: gmm.choice(
            "covariance",
            &[
                ("full", Covariance::Full),
                ("diag", Covariance::Diag),
                ("tied", Covariance::Tied),
                ("spherical", Covariance::Spherical),
            ],
        )?,
        gmm_select: gmm
            .choice("select", &[("none", None), ("aic", Some(Criterion::Aic)), ("bic", Some(Criterion::Bic))])?,
        gmm_range: range,
        dbscan_eps: dbscan.number("eps", "a distance above 0", |v| v > 0.0)?,
        dbscan_min_samples: dbscan.count("min_samples", 1, MANY)?,
        agglomerative_clusters: agglomerative.count("clusters", 1, MANY)?,
        agglomerative_exact: agglomerative.flag("exact")?,
        agglomerative_linkage: agglomerative.choice(
            "linkage",
            &[
                ("ward", Linkage::Ward),
                ("complete", Linkage::Complete),
                ("average", Linkage::Average),
                ("single", Linkage::Single),
            ],
        )?,
    })
}

pub(super) fn detect(s: &Section) -> Result<Detect> {
    let positive = |v: f64| v > 0.0 && v <= 1e6;
    let length = |key| s.number(key, "a number above 0", positive);
    let lengths = |key| {
        let all = s.numbers(key, "a list of numbers above 0", positive)?;
        if all.is_empty() { Err(Error::config(format!("detect.{key}"), "[]", "at least one number")) } else { Ok(all) }
    };
    Ok(Detect {
        enabled: s.flag("enabled")?,
        false_alarms_per_day: length("false_alarms_per_day")?,
        threshold: s.number_if("threshold", "a score above 0", positive)?,
        cell_km: length("cell_km")?,
        background_min: length("background_min")?,
        speeds_ms: s.numbers("speeds_ms", "speeds in m/s, not 0", |v| v != 0.0 && v.abs() <= 1e4)?,
        slant_s: length("slant_s")?,
        block_s: length("block_s")?,
        block_km: length("block_km")?,
        box_s: lengths("box_s")?,
        box_km: lengths("box_km")?,
        slow_min: lengths("slow_min")?,
        top: s.count("top", 1, MANY)?,
    })
}

pub(super) fn kinds(s: &Section) -> Result<Kinds> {
    Ok(Kinds {
        method: s.choice(
            "method",
            &[
                ("agglomerative", KindMethod::Agglomerative),
                ("gmm", KindMethod::Gmm),
                ("kmeans", KindMethod::KMeans),
                ("dbscan", KindMethod::Dbscan),
                ("optics", KindMethod::Optics),
            ],
        )?,
        clusters: s.count("clusters", 1, 1000)?,
        eps: s.number("eps", "a distance above 0", |v| v > 0.0)?,
        min_samples: s.count("min_samples", 2, 10_000)?,
        names: s.text("names")?.into(),
    })
}

pub(super) fn anomaly(s: &Section) -> Result<Anomaly> {
    Ok(Anomaly {
        baseline: s.choice("baseline", &[("place", Baseline::Place), ("model", Baseline::Model)])?,
        top: s.count("top", 1, MANY)?,
        quantile: s.number("quantile", "a share from 0 to 1", |v| (0.0..=1.0).contains(&v))?,
    })
}

pub(super) fn visualize(s: &Section) -> Result<Visualize> {
    Ok(Visualize {
        methods: s.choices(
            "methods",
            &[
                ("cluster_counts", Picture::ClusterCounts),
                ("waterfall_clusters", Picture::WaterfallClusters),
                ("features_clusters", Picture::FeaturesClusters),
            ],
        )?,
        occurrences_km: s.number("occurrences_km", "kilometres", |_| true)?,
        accumulate_files: s.count("accumulate_files", 1, MANY)?,
        image_step: s.count("image_step", 1, MANY)?,
        images_per_group: s.count("images_per_group", 1, 1000)?,
    })
}

pub(super) fn compute(s: &Section) -> Result<Compute> {
    Ok(Compute {
        backend: s.choice(
            "backend",
            &[("auto", BackendChoice::Auto), ("gpu", BackendChoice::Gpu), ("cpu", BackendChoice::Cpu)],
        )?,
        threads: s.count("threads", 0, 4096)?,
        memory_bytes: s.count("memory_mib", 16, 1 << 24)? << 20,
        batch_images: s.count("batch_images", 0, 100_000)?,
    })
}
