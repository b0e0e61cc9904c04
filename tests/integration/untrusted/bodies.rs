//! What the fuzz targets in `fuzz/` do with some bytes. None may panic, hang or take memory that the bytes do not
//! account for; the results themselves do not matter here.

// Each fuzz target uses one of them.
#![allow(dead_code, reason = "shared by several programs")]

use std::fs;
use std::path::{Path, PathBuf};

use scatterfall::config::{Config, Crop};
use scatterfall::decode;
use scatterfall::plan::ScatteringPlan;
use scatterfall::segment::Segmentation;
use scatterfall::seismogram::{MiniSeedIndex, SegmentPlan, stations};
use scatterfall::store::npy::{FromStored, NpyReader, Time};
use scatterfall::store::npz::NpzFile;
use scatterfall::time::{TimePattern, day_name, iso};

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

/// A MiniSEED file: its index, its samples, its segments.
pub(crate) fn miniseed(data: &[u8]) {
    let path = file(data);
    let index = MiniSeedIndex::open(std::slice::from_ref(&path));
    if let Ok(index) = index {
        for piece in index.pieces() {
            let _ = index.read_samples(piece, 0..u64::MAX);
        }
        if let (Ok(stations), Ok(mut config)) = (stations(&index), Config::from_text("")) {
            config.seismogram.segment_s = 2.0;
            config.seismogram.highpass_hz = Some(0.5);
            for station in &stations {
                let Ok(plan) = SegmentPlan::new(&config.seismogram, station.sampling_rate) else { continue };
                let Ok(mut rows) = station.segments(&index, plan, &config.seismogram) else { continue };
                if plan.bins < 1 << 10 {
                    let _ = ScatteringPlan::new(&config.network, station.channels.len(), plan.bins, 1.0);
                }
                while let Some(time) = rows.next_time() {
                    if !matches!(rows.next_rows(4, time.saturating_add(86_400_000_000)), Ok(Some(_))) {
                        break;
                    }
                }
            }
        }
    }
    let _ = fs::remove_file(path);
}

/// A file with these bytes, of this process and thread.
fn file(data: &[u8]) -> PathBuf {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a temporary folder");
    }
    FOLDER.with(|folder: &tempfile::TempDir| {
        let path = folder.path().join("case");
        fs::write(&path, data).expect("written");
        let _: &Path = &path;
        path
    })
}
