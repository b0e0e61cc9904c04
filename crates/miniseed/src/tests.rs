//! Files on disk in, segments out.

use std::fs;
use std::path::{Path, PathBuf};

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;
use crate::testing::{self, GOLDENS, START};

fn open(path: &Path) -> Result<MiniSeedIndex> {
    MiniSeedIndex::open(&[path.to_path_buf()])
}

fn samples(index: &MiniSeedIndex, segment: &TraceSegment) -> Vec<f64> {
    index.read_samples(segment, 0..u64::MAX).expect("the segment can be read")
}

#[test]
fn every_encoding_time_and_layout_as_obspy_reads_it() {
    let path = Path::new(GOLDENS).join("expected.json");
    let text = fs::read_to_string(path).expect("the goldens are there");
    let expected: serde_json::Value = serde_json::from_str(&text).expect("the goldens parse");
    let expected = expected.as_object().expect("an object");
    // Files that hold the same share an entry.
    let files: Vec<(&str, &serde_json::Value)> =
        expected.iter().flat_map(|(names, want)| names.split(' ').map(move |name| (name, want))).collect();
    assert_eq!(files.len(), 24, "goldens");
    for (name, want) in files {
        let index = open(&Path::new(GOLDENS).join(format!("{name}.mseed"))).expect("the record is valid");
        let mut want: Vec<&serde_json::Value> = want.as_array().expect("a list").iter().collect();
        want.sort_by_key(|w| (w["id"].as_str(), w["start_us"].as_i64()));
        assert_eq!(index.segments().len(), want.len(), "{name}: segments");
        for (segment, want) in index.segments().iter().zip(want) {
            let values: Vec<f64> =
                want["samples"].as_array().expect("a list").iter().filter_map(|v| v.as_f64()).collect();
            let kind = match want["type"].as_str() {
                Some("int32") => SampleType::Int32,
                Some("float32") => SampleType::Float32,
                _ => SampleType::Float64,
            };
            assert_eq!(Some(segment.id.to_string().as_str()), want["id"].as_str(), "{name}: codes");
            assert_eq!(Some(segment.start_us()), want["start_us"].as_i64(), "{name}: start");
            assert_eq!(Some(segment.sampling_rate()), want["rate"].as_f64(), "{name}: rate");
            assert_eq!(segment.kind, kind, "{name}: type");
            assert_eq!(samples(&index, segment), values, "{name}: samples");
            assert_ne!(samples(&index, segment)[1..], values[..values.len() - 1], "{name}: the comparison can fail");
        }
    }
}

#[test]
fn any_range_reads_the_same_samples() {
    let folder = tempfile::tempdir().expect("a folder");
    let all: Vec<i32> = (0..500).map(|i| i * i % 977).collect();
    let bytes: Vec<u8> = all
        .chunks(37)
        .enumerate()
        .flat_map(|(k, part)| testing::record("XX.A..HHZ", START + k as i64 * 370_000, 100.0, part))
        .collect();
    let path = testing::file(&folder, "a", &bytes);
    let index = open(&path).expect("valid records");
    let [segment] = index.segments() else { panic!("one segment, not {}", index.segments().len()) };
    let all: Vec<f64> = all.into_iter().map(f64::from).collect();
    for (from, to) in [(0, 500), (0, 1), (36, 38), (37, 74), (111, 300), (499, 500), (490, 900), (500, 501), (9, 3)] {
        let got = index.read_samples(segment, from..to).expect("the segment can be read");
        let want = all.get(from as usize..to.clamp(from, 500) as usize).unwrap_or_default();
        assert_eq!(got, want, "samples {from}..{to}");
    }
}

#[test]
fn files_in_any_order_make_one_piece_until_there_is_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    // 100 samples at 100 Hz last 1 s; the fourth file starts 6 ms late (more than half an interval).
    let starts = [0, 1_000_000, 2_004_000, 3_006_000];
    let values = |k: i32| (0..100).map(|i| 1000 * k + i).collect::<Vec<i32>>();
    let mut paths: Vec<PathBuf> = (0..4)
        .map(|k| {
            let bytes = testing::record("XX.A..HHZ", START + starts[k], 100.0, &values(k as i32));
            testing::file(&folder, &format!("{}", 9 - k), &bytes)
        })
        .collect();
    for turn in 0..4 {
        paths.rotate_left(turn);
        let index = MiniSeedIndex::open(&paths).expect("valid records");
        let found: Vec<(i64, u64)> = index.segments().iter().map(|p| (p.start_us(), p.samples)).collect();
        assert_eq!(found, [(START, 300), (START + 3_006_000, 100)], "order {turn}");
        let want: Vec<f64> = [0, 1, 2].into_iter().flat_map(values).map(f64::from).collect();
        assert_eq!(samples(&index, &index.segments()[0]), want, "order {turn}");
    }
    let by_folder = open(folder.path()).expect("a folder is as good as its files");
    assert_eq!((by_folder.segments().len(), by_folder.files().len()), (2, 4), "segments and files of the folder");
}

#[test]
fn drift_does_not_add_up_across_files() {
    let folder = tempfile::tempdir().expect("a folder");
    // Each file starts 2 ms later than the one before promised: within 5 ms by itself, beyond it for the third.
    let paths: Vec<PathBuf> = (0..4)
        .map(|k| {
            let bytes = testing::record("XX.A..HHZ", START + k * 1_002_000, 100.0, &[k as i32; 100]);
            testing::file(&folder, &format!("{k}"), &bytes)
        })
        .collect();
    let index = MiniSeedIndex::open(&paths).expect("valid records");
    let found: Vec<(i64, u64)> = index.segments().iter().map(|p| (p.start_us() - START, p.samples)).collect();
    assert_eq!(found, [(0, 300), (3_006_000, 100)], "2, 4 and 6 ms");
}

#[test]
fn in_a_file_only_what_follows_is_joined() {
    let folder = tempfile::tempdir().expect("a folder");
    let part = |k: i64| testing::record("XX.A..HHZ", START + k * 1_000_000, 100.0, &[k as i32; 100]);
    let path = testing::file(&folder, "a", &[part(0), part(2), part(1)].concat());
    let found: Vec<i64> = open(&path).expect("valid").segments().iter().map(|p| p.start_us() - START).collect();
    assert_eq!(found, [0, 1_000_000, 2_000_000], "three segments, as ObsPy has them");
    let twice = MiniSeedIndex::open(&[path.clone(), path]).expect("a file may be given twice");
    assert_eq!(twice.segments().iter().map(|p| p.samples).sum::<u64>(), 600, "segments are what was read");
}

fn patched(record: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut record = record.to_vec();
    record[at..at + bytes.len()].copy_from_slice(bytes);
    record
}

/// A record of three samples whose blockette 1000 at byte 48 leads on to this one at byte 56.
fn with_blockette(blockette: &[u8]) -> Vec<u8> {
    let good = testing::record("XX.A..HHZ", START, 100.0, &[1, 2, 3]);
    let mut record = patched(&good, 50, &[0, 56]);
    // The data begins behind the blockette.
    record[45] = 80;
    record.splice(56..56 + blockette.len(), blockette.iter().copied());
    record.resize(128, 0);
    record[80..92].copy_from_slice(&good[64..76]);
    record
}

#[test]
fn what_is_no_miniseed_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = testing::record("XX.A..HHZ", START, 100.0, &[1, 2, 3]);
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("empty", Vec::new(), "0 bytes"),
        ("short", good[..100].to_vec(), "100 bytes"),
        ("version 3", [b"MS\x03\0".as_slice(), &[0; 200]].concat(), "checksum"),
        ("text", b"Dear reader, ".repeat(20), "does not begin"),
        ("blank", vec![b' '; 512], "no MiniSEED data record"),
        ("length", patched(&good, 54, &[30]), "2^30"),
        ("shift", patched(&good, 54, &[255]), "2^255"),
        ("samples", patched(&good, 30, &[0xFF, 0xFF]), "65535 samples"),
        ("24 bits", patched(&good, 52, &[2]), "24-bit"),
        ("loop", patched(&good, 48, &[0x01, 0xF4, 0, 48]), "not after it"),
        ("rate", with_blockette(&[0, 100, 0, 0, 0x7F, 0xC0, 0, 0, 0, 0, 0, 0]), "NaN Hz"),
    ];
    for (name, bytes, reason) in cases {
        let path = testing::file(&folder, name, &bytes);
        match open(&path) {
            Err(Error::File { path: named, reason: words }) => {
                assert_eq!(named, path, "{name}: the file is named");
                assert!(words.contains(reason), "{name}: {words}");
            }
            other => panic!("{name}: {other:?}"),
        }
        fs::remove_file(path).expect("the file goes");
    }
    assert!(matches!(open(&folder.path().join("none")), Err(Error::Io { .. })), "a missing file");
    assert!(matches!(open(folder.path()), Err(Error::NoFile)), "an empty folder");
    testing::file(&folder, "a", &good);
    testing::file(&folder, "b", b"junk");
    let index = open(folder.path()).expect("one file is enough");
    assert_eq!((index.segments().len(), index.refused().len()), (1, 1), "the other is listed");
}

#[test]
fn version_3_and_sac_as_their_libraries_wrote_them() {
    let path = Path::new(GOLDENS).join("expected_others.json");
    let text = fs::read_to_string(path).expect("the goldens are there");
    let expected: serde_json::Value = serde_json::from_str(&text).expect("the goldens parse");
    let expected = expected.as_object().expect("an object");
    assert_eq!(expected.len(), 7, "goldens");
    for (name, want) in expected {
        let index = open(&Path::new(GOLDENS).join(name)).expect("the file is valid");
        let ([segment], want) = (index.segments(), &want[0]) else { panic!("{name}: {:?}", index.segments()) };
        let values: Vec<f64> = want["samples"].as_array().expect("a list").iter().filter_map(|v| v.as_f64()).collect();
        assert_eq!(Some(segment.id.to_string().as_str()), want["id"].as_str(), "{name}: codes");
        assert_eq!(Some(segment.start_us()), want["start_us"].as_i64(), "{name}: start");
        assert_eq!(Some(segment.sampling_rate()), want["rate"].as_f64(), "{name}: rate");
        assert_eq!(samples(&index, segment), values, "{name}: samples");
        for (from, to) in [(1, 3), (60, 90), (89, 90)] {
            let got = index.read_samples(segment, from..to).expect("readable");
            assert_eq!(got, values[from as usize..to as usize], "{name}: samples {from}..{to}");
        }
    }
}

/// Twenty records of 50 samples at 100 Hz, counting up.
fn twenty() -> (Vec<Vec<u8>>, Vec<f64>) {
    let record = |k: i32| {
        let values: Vec<i32> = (50 * k..50 * k + 50).collect();
        testing::record("XX.A..HHZ", START + i64::from(k) * 500_000, 100.0, &values)
    };
    ((0..20).map(record).collect(), (0..1000).map(f64::from).collect())
}

#[test]
fn a_bad_record_costs_itself_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let damages: [(&str, usize, &[u8]); 6] = [
        ("missing samples", 30, &[0xFF, 0xFF]),
        ("length too large", 54, &[13]),
        ("impossible length", 54, &[3]),
        ("encoding", 52, &[2]),
        ("no header", 0, b"####################################"),
        ("blockettes", 48, &[0x01, 0xF4, 0, 48]),
    ];
    for (name, at, bytes) in damages {
        for bad in [0, 7, 19] {
            let (mut records, all) = twenty();
            records[bad] = patched(&records[bad], at, bytes);
            let path = testing::file(&folder, "a", &records.concat());
            let index = open(&path).expect("nineteen records are good");
            let rest = [&all[..50 * bad], &all[50 * bad + 50..]];
            let mut want: Vec<Vec<f64>> = rest.map(<[f64]>::to_vec).into_iter().filter(|s| !s.is_empty()).collect();
            // A record ends at the latest where the next one begins, so this one loses nothing unless it is the last.
            let saved = name == "length too large" && bad != 19;
            if saved {
                want = vec![all.clone()];
            }
            let got: Vec<Vec<f64>> = index.segments().iter().map(|s| samples(&index, s)).collect();
            assert_eq!(got, want, "{name}, record {bad}");
            let listed: Vec<u64> = index.bad_records().iter().map(|b| b.offset).collect();
            let want = if name == "no header" || saved { vec![] } else { vec![512 * bad as u64] };
            assert_eq!(listed, want, "{name}, record {bad}: listed");
        }
    }
}

#[test]
fn unknown_blockettes_are_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = testing::file(&folder, "a", &with_blockette(&[0, 7, 0, 0]));
    let index = open(&path).expect("the record is good");
    assert_eq!(samples(&index, &index.segments()[0]), [1.0, 2.0, 3.0], "samples");
}

#[test]
fn samples_that_are_no_numbers_are_gaps() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = fs::read(Path::new(GOLDENS).join("float64_le.mseed")).expect("the golden is there");
    let clean = open(&testing::file(&folder, "a", &whole)).expect("valid");
    let all = samples(&clean, &clean.segments()[0]);
    let data = usize::from(whole[44]) | usize::from(whole[45]) << 8;
    let mut bytes = whole;
    for (i, value) in [(3, f64::NAN), (4, f64::INFINITY), (9, f64::NAN)] {
        bytes[data + 8 * i..data + 8 * i + 8].copy_from_slice(&value.to_le_bytes());
    }
    let index = open(&testing::file(&folder, "a", &bytes)).expect("valid");
    let got: Vec<Vec<f64>> = index.segments().iter().map(|s| samples(&index, s)).collect();
    assert_eq!(got, [all[..3].to_vec(), all[5..9].to_vec(), all[10..].to_vec()], "three segments");
    let starts: Vec<i64> = index.segments().iter().map(TraceSegment::start_us).collect();
    let first = &clean.segments()[0];
    assert_eq!(starts, [0, 5, 10].map(|i| first.time_us(i)), "each at its time");
}

#[test]
fn times_follow_headers_that_drift() {
    let folder = tempfile::tempdir().expect("a folder");
    // Each record of 100 samples begins 4 ms later than the one before promised: 400 ms in the end.
    let record = |k: i64| testing::record("XX.A..HHZ", START + k * 1_004_000, 100.0, &[k as i32; 100]);
    let bytes: Vec<u8> = (0..100).flat_map(record).collect();
    let index = open(&testing::file(&folder, "a", &bytes)).expect("valid");
    let [segment] = index.segments() else { panic!("one segment, not {}", index.segments().len()) };
    assert_eq!(segment.samples, 10_000, "samples");
    for k in [0, 1, 50, 99] {
        let off = segment.time_us(100 * k as u64) - START - k * 1_004_000;
        assert!(off.abs() <= 10_000, "record {k} is {off} us off");
    }
    assert!(segment.clock.drift_us() > 380_000, "the drift is told: {}", segment.clock.drift_us());
}

#[test]
fn selections_keep_channels_and_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let (records, all) = twenty();
    testing::file(&folder, "a", &records[..10].concat());
    testing::file(&folder, "b", &records[10..].concat());
    testing::file(&folder, "c", &testing::record("XX.A..VM1", START, 1.0, &[1, 2, 3]));
    let index = || open(folder.path()).expect("valid");
    let only = |pattern: &str| Selection { channels: vec![pattern.into()], ..Selection::default() };
    assert_eq!(index().select(&Selection::default()).expect("all").segments().len(), 2, "everything");
    assert_eq!(index().select(&only("HH?")).expect("one").segments().len(), 1, "by channel");
    let words = index().select(&only("BHZ")).expect_err("nothing").to_string();
    assert!(words.contains("XX.A..HHZ") && words.contains("XX.A..VM1"), "what there is: {words}");
    for (from, to) in [(0, 1), (49, 51), (123, 777), (500, 1000), (499, 500), (0, 1000), (950, 1000)] {
        let time = |i: i64| Some(START + i * 10_000);
        let chosen = Selection { start_us: time(from), end_us: time(to), ..only("HHZ") };
        let index = index().select(&chosen).expect("some samples");
        let [segment] = index.segments() else { panic!("one segment, not {}", index.segments().len()) };
        assert_eq!(samples(&index, segment), all[from as usize..to as usize], "samples {from}..{to}");
        assert_eq!(Some(segment.start_us()), time(from), "start {from}..{to}");
        let tail = index.read_samples(segment, 1..u64::MAX).expect("readable");
        assert_eq!(tail, all[(from as usize + 1).min(to as usize)..to as usize], "without the first, {from}..{to}");
    }
}

#[test]
fn damage_in_version_3_costs_the_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = fs::read(Path::new(GOLDENS).join("v3_int32.mseed3")).expect("the golden is there");
    let starts: Vec<usize> = (0..whole.len() - 3).filter(|i| whole[*i..].starts_with(b"MS\x03")).collect();
    assert!(starts.len() >= 4, "records: {starts:?}");
    let clean = open(&testing::file(&folder, "a", &whole)).expect("valid");
    let all = samples(&clean, &clean.segments()[0]);
    let mut bytes = whole.clone();
    bytes[starts[1] + 100] ^= 1;
    let index = open(&testing::file(&folder, "a", &bytes)).expect("the others are good");
    let got: Vec<Vec<f64>> = index.segments().iter().map(|s| samples(&index, s)).collect();
    assert_eq!(got.len(), 2, "a gap");
    assert!(all.starts_with(&got[0]) && all.ends_with(&got[1]), "the samples around it");
    assert_eq!(index.bad_records()[0].offset, starts[1] as u64, "its place");
    assert!(index.bad_records()[0].reason.contains("checksum"), "{:?}", index.bad_records());
}

#[test]
fn a_file_that_changes_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = testing::file(&folder, "a", &testing::record("XX.A..HHZ", START, 100.0, &[1, 2, 3]));
    let index = open(&path).expect("valid");
    testing::file(&folder, "a", &testing::record("XX.A..HHZ", START, 100.0, &[1, 2]));
    let answer = index.read_samples(&index.segments()[0], 0..3);
    assert!(matches!(answer, Err(Error::File { .. })), "{answer:?}");
}

/// Opens damaged bytes; whatever comes out must be readable and no more than the bytes can hold.
fn survive(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("the file is written");
    let Ok(index) = open(path) else { return };
    let total: u64 = index.segments().iter().map(|p| p.samples).sum();
    // Seven Steim-2 differences a word of four bytes are the densest encoding.
    assert!(total <= bytes.len() as u64 / 4 * 7, "{total} samples from {} bytes", bytes.len());
    for segment in index.segments() {
        assert_eq!(samples(&index, segment).len() as u64, segment.samples, "samples of a damaged file");
    }
}

#[test]
fn damage_never_panics() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("damaged");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
    for name in
        ["steim2_be.mseed", "float64_le.mseed", "no_blockettes.mseed", "mixed.mseed", "v3_steim2.mseed3", "big.sac"]
    {
        let whole = fs::read(Path::new(GOLDENS).join(name)).expect("the golden is there");
        for at in 0..whole.len().min(320) {
            survive(&path, &whole[..at]);
            let mut bytes = whole.clone();
            bytes[at] = !bytes[at];
            survive(&path, &bytes);
            bytes[at] = random.r#gen();
            let other = random.gen_range(0..bytes.len());
            bytes[other] = random.r#gen();
            survive(&path, &bytes);
        }
    }
}
