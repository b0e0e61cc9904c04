//! What the fuzz targets in `fuzz/` do with some bytes. None may panic, hang or take memory that the bytes do not
//! account for; the results themselves do not matter here.

// Each fuzz target uses one of them.
#![allow(dead_code, reason = "shared by several programs")]

use std::fs;
use std::path::PathBuf;

use std::sync::LazyLock;

use ndarray::Array2;
use scatterfall::config::{Config, Crop, Seismogram};
use scatterfall::model::Model;
use scatterfall::names::TimePattern;
use scatterfall::places::{Geometry, Places};
use scatterfall::seismogram::{SegmentPlan, SegmentReader};
use scatterfall::store::day::digest;
use scatterfall::{Result, decode};
use scatterfall_miniseed::{MiniSeedIndex, stations};
use scatterfall_npz::NpzFile;
use scatterfall_npz::{FromStored, NpyReader, Time};
use scatterfall_scattering::segmentation::Segmentation;
use scatterfall_timestamps::{day_name, iso};

/// File names to times: a pattern (empty: the default rule) and a stem, apart by a newline.
pub(crate) fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (pattern, stem) = text.split_once('\n').unwrap_or(("", text));
    let pattern = TimePattern::new((!pattern.is_empty()).then_some(pattern), 2.0);
    if let Some(time) = pattern.and_then(|p| p.read(stem)) {
        let (_, _) = (iso(time), day_name(time));
    }
}

/// A configuration file, and the same text as the value of `--set`.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(config) = Config::from_text(text) {
        let _ = config.sections(&["input", "network", "cluster"]);
        let _ =
            Segmentation::new(&config.segments, 859, config.input.total_distance_km, config.input.distance_offset_km);
    }
    let overrides: Vec<String> = text.lines().map(str::to_owned).collect();
    let _ = Config::load(None, &overrides);
}

/// A PNG image, whole and cropped: as it is, and with the checksums of its chunks put right, so that the decoder is
/// reached however the bytes were changed.
pub(crate) fn png(data: &[u8]) {
    // Small enough for a decoder under a sanitizer to be through in time.
    const PIXELS: u64 = 1 << 21;
    let mut mended = data.to_vec();
    mend_checksums(&mut mended);
    let crop = Crop { top: 2, bottom: 9, left: 3, right: 17 };
    for bytes in [data, &mended] {
        let _ = decode::header_size(bytes);
        for crop in [None, Some(&crop)] {
            if let Ok(pixels) = decode::from_bytes(bytes, crop, PIXELS) {
                assert_eq!(pixels.rgb.len(), 3 * pixels.rows * pixels.columns, "as many bytes as pixels");
            }
        }
    }
}

/// Writes the right checksum after every chunk of a PNG file.
fn mend_checksums(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes) {
        let end = at.saturating_add(8).saturating_add(length as usize);
        let Some(chunk) = bytes.get(at + 4..end) else { return };
        let sum = crc32fast::hash(chunk).to_be_bytes();
        let Some(stored) = bytes.get_mut(end..end + 4) else { return };
        stored.copy_from_slice(&sum);
        at = end + 4;
    }
}

fn read_npy<T: FromStored>(data: &[u8]) {
    if let Ok((shape, values)) = NpyReader::new(data, data.len() as u64).and_then(NpyReader::read_all::<T>) {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "as many values as the shape says");
    }
}

/// An array.
pub(crate) fn npy(data: &[u8]) {
    read_npy::<f32>(data);
    read_npy::<f64>(data);
    read_npy::<i64>(data);
    read_npy::<Time>(data);
}

/// An archive of arrays.
pub(crate) fn npz(data: &[u8]) {
    let path = file(data);
    if let Ok(mut npz) = NpzFile::open(&path) {
        for name in ["features", "distance", "order_1", "a", ""] {
            let _ = (npz.has(name), npz.read::<f32>(name));
        }
        let _ = (npz.read::<Time>("times"), npz.read::<i64>("image"));
    }
    let _ = fs::remove_file(path);
}

/// Reading the defaults takes longer than most cases.
static SEISMOGRAM: LazyLock<Seismogram> = LazyLock::new(|| {
    let defaults = Config::from_text("").expect("the defaults").seismogram;
    Seismogram { segment_s: 2.0, highpass_hz: Some(0.5), ..defaults }
});

/// A MiniSEED file: its index, its samples, its segments.
pub(crate) fn miniseed(data: &[u8]) {
    let path = file(data);
    let index = MiniSeedIndex::open(std::slice::from_ref(&path));
    if let Ok(index) = index {
        for segment in index.segments() {
            let _ = index.read_samples(segment, 0..u64::MAX);
        }
        for station in stations(&index).unwrap_or_default() {
            let Ok(plan) = SegmentPlan::new(&SEISMOGRAM, station.sampling_rate) else { continue };
            let Ok(mut rows) = SegmentReader::open(&station, &index, plan, &SEISMOGRAM) else { continue };
            while let Some(time) = rows.next_time() {
                if !matches!(rows.next_rows(4, time.saturating_add(86_400_000_000)), Ok(Some(_))) {
                    break;
                }
            }
        }
    }
    let _ = fs::remove_file(path);
}

/// The files of a model, in the order in which a case has them.
const MODEL_FILES: [&str; 6] =
    ["model.toml", "network.npz", "reduction.npz", "clusters.npz", "scores.npz", "colormap.txt"];

/// What stands between two files of a model.
const BETWEEN_FILES: &[u8] = b"\n-- next file --\n";

/// The folder of a model, given as its files one after the other. Instead of their digests `model.toml` names the files,
/// as `@clusters.npz`: so what is read into arrays is reached however the bytes were changed.
pub(crate) fn model(data: &[u8]) {
    if let Ok(model) = load_model(data) {
        use_model(&model);
    }
}

pub(crate) fn load_model(data: &[u8]) -> Result<Model> {
    let folder = folder().join("model");
    let _ = fs::create_dir(&folder);
    let mut rest = Some(data);
    for name in MODEL_FILES {
        let path = folder.join(name);
        let Some(bytes) = rest else {
            let _ = fs::remove_file(path);
            continue;
        };
        let end = bytes.windows(BETWEEN_FILES.len()).position(|w| w == BETWEEN_FILES);
        fs::write(path, &bytes[..end.unwrap_or(bytes.len())]).expect("written");
        rest = end.map(|end| &bytes[end + BETWEEN_FILES.len()..]);
    }
    let header = folder.join(MODEL_FILES[0]);
    if let Ok(mut text) = fs::read_to_string(&header) {
        for name in &MODEL_FILES[1..] {
            if let Ok(digest) = digest(&folder.join(name)) {
                text = text.replace(&format!("@{name}"), &digest);
            }
        }
        fs::write(header, text).expect("written");
    }
    Model::load(&folder)
}

/// Rows through a model, from coefficients to scores.
fn use_model(model: &Model) {
    const ROWS: usize = 3;
    let widths = &model.reducer.scaling.order_columns;
    let orders: Vec<Array2<f32>> =
        widths.iter().map(|&n| Array2::from_shape_fn((ROWS, n), |(i, j)| (i * n + j) as f32)).collect();
    let orders: Vec<_> = orders.iter().map(Array2::view).collect();
    let Ok(scores) = model.reducer.pca.transform(&model.reducer.scaling, &orders) else { return };
    let components = model.reducer.independent(scores.view());
    let Ok(config) = model.config(None, &[]) else { return };
    let geometry = Geometry::new(&config, Some(model.header.images.windows));
    let places = Places { times: vec![0; ROWS], distance: vec![0.0, 1.0, f64::MAX] };
    if let Ok((labels, scores)) = model.assign(&components, &places, &geometry) {
        assert!(labels.len() == ROWS && scores.len() == ROWS, "a label and a score a row");
        let count = model.clusters.count();
        assert!(labels.iter().all(|&l| usize::try_from(l).map_or(l == -1, |l| l < count)), "{labels:?} of {count}");
    }
}

/// A file with these bytes, of this process and thread.
fn file(data: &[u8]) -> PathBuf {
    let path = folder().join("case");
    fs::write(&path, data).expect("written");
    path
}

/// A folder of this process and thread.
fn folder() -> PathBuf {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a temporary folder");
    }
    FOLDER.with(|folder| folder.path().to_path_buf())
}
