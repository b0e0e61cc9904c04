//! MiniSEED written for the tests of this crate and of what stands on it.

use std::path::PathBuf;

use chrono::{DateTime, Datelike, Timelike};
use tempfile::TempDir;

use crate::MiniSeedIndex;

/// Folder of the records that ObsPy made.
pub const GOLDENS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens");

/// 2023-11-14T22:13:20 UTC, microseconds.
pub const START: i64 = 1_700_000_000_000_000;

/// A record of 32-bit integers, big-endian, as short as a power of two allows. `id` is `NET.STA.LOC.CHA`; the start is taken
/// to tenths of milliseconds; rates are whole.
pub fn record(id: &str, start_us: i64, rate: f64, samples: &[i32]) -> Vec<u8> {
    let length = (64 + 4 * samples.len()).next_power_of_two().max(128);
    let time = DateTime::from_timestamp_micros(start_us).expect("a time in range");
    let codes: Vec<&str> = id.split('.').collect();
    let mut out = b"000001D ".to_vec();
    for (code, width) in [(codes[1], 5), (codes[2], 2), (codes[3], 3), (codes[0], 2)] {
        out.extend(format!("{code:<width$}").bytes());
    }
    out.extend((time.year() as u16).to_be_bytes());
    out.extend((time.ordinal() as u16).to_be_bytes());
    out.extend([time.hour() as u8, time.minute() as u8, time.second() as u8, 0]);
    out.extend(((time.nanosecond() / 100_000) as u16).to_be_bytes());
    out.extend((samples.len() as u16).to_be_bytes());
    out.extend((rate as i16).to_be_bytes());
    out.extend(1_i16.to_be_bytes());
    out.extend([0, 0, 0, 1, 0, 0, 0, 0]);
    out.extend(64_u16.to_be_bytes());
    out.extend(48_u16.to_be_bytes());
    // Blockette 1000: nothing follows, encoding 3, big-endian, record length.
    out.extend(1000_u16.to_be_bytes());
    out.extend([0, 0, 3, 1, length.trailing_zeros() as u8, 0]);
    out.resize(64, 0);
    out.extend(samples.iter().flat_map(|x| x.to_be_bytes()));
    out.resize(length, 0);
    out
}

/// A file in a temporary folder.
pub fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("the file is written");
    path
}

/// A channel's data: codes, microseconds after [`START`], number of samples.
pub type Source<'a> = (&'a str, i64, usize);

/// An index of one file for each source. Sample i is i plus 1000 times the code of the channel's last letter.
pub fn index(sources: &[Source], rate: f64) -> (MiniSeedIndex, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    for (k, (id, after_us, samples)) in sources.iter().enumerate() {
        let letter = 1000 * i32::from(id.as_bytes()[id.len() - 1]);
        let values: Vec<i32> = (0..*samples as i32).map(|i| letter + i).collect();
        file(&folder, &format!("{k:02}"), &record(id, START + after_us, rate, &values));
    }
    (MiniSeedIndex::open(&[folder.path().to_path_buf()]).expect("valid files"), folder)
}
