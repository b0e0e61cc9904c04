//! Input that cannot be used: what can be left out is left out and reported, the rest is one line that says what to do.

use png::{BitDepth, ColorType};
use scatterfall_colormap::Colormap;

use crate::fixture::{COLUMNS, Fixture, ROWS, ROWS_PER_IMAGE, assert_same, encode, encode_with_palette, results};

/// Minutes of a sound archive here.
const MINUTES: usize = 6;

/// The file name of minute `m`.
fn name(m: usize) -> String {
    format!("Waterfall_20250515_00{m:02}00.png")
}

/// A sound archive with one more file: that one must be left out for a reason that holds `reason`, the run must end with
/// status 3, and everything else must be as if the file were not there.
fn left_out(file: &str, bytes: &[u8], reason: &str) {
    let place = Fixture::minutes(MINUTES);
    place.write(file, bytes);
    let outcome = place.run(&[]).ends_with(3);
    outcome.warns(&[file, reason]);
    let listed = place.left_out();
    assert!(listed.len() == 1 && listed[0].0 == file, "{file} is listed once: {listed:?}");
    assert!(listed[0].1.contains(reason), "`{}` does not say `{reason}`", listed[0].1);
    assert!(outcome.out.contains(file) && outcome.out.contains("1 left out"), "said at the end: {}", outcome.out);
    let features = place.array("features/features_20250515.npz", "features");
    assert_eq!(features.shape()[0], MINUTES, "the others are used");
    assert_eq!(place.table("clustering_results/clusters.csv").len(), MINUTES * ROWS_PER_IMAGE, "rows");

    let sound = Fixture::minutes(MINUTES);
    sound.run(&[]).ends_with(0);
    assert!(sound.left_out().is_empty(), "nothing is left out of a sound archive");
    let numbers = |f: &Fixture| {
        let mut all = results(&f.output());
        // Records name the inputs, and one of the tables has a line.
        all.retain(|name, _| !name.ends_with(".json") && name != "left_out.csv");
        all
    };
    assert_same(&numbers(&place), &numbers(&sound));
}

#[test]
fn a_truncated_image() {
    let whole = Fixture::empty().picture(9);
    left_out(&name(9), &whole[..whole.len() / 2], "ends early");
}

#[test]
fn an_image_without_its_last_bytes() {
    let whole = Fixture::empty().picture(9);
    left_out(&name(9), &whole[..whole.len() - 4], "ends early");
}

#[test]
fn an_empty_file() {
    left_out(&name(9), b"", "empty");
}

#[test]
fn a_text_named_like_an_image() {
    left_out(&name(9), b"The instrument was off, no picture today.\n", "not a PNG");
}

#[test]
fn a_damaged_image() {
    let mut bytes = Fixture::empty().picture(9);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    left_out(&name(9), &bytes, "damaged");
}

#[test]
fn an_image_of_another_size() {
    let smaller = encode(COLUMNS - 1, ROWS, ColorType::Rgb, BitDepth::Eight, &vec![90; (COLUMNS - 1) * ROWS * 3]);
    left_out(&name(9), &smaller, &format!("{} x {ROWS} pixels", COLUMNS - 1));
}

#[test]
fn a_header_that_claims_a_huge_image() {
    // The claim is in the header alone; believing it would take 10 GB.
    let mut bytes = Fixture::empty().picture(9);
    bytes[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    left_out(&name(9), &bytes, "60000 x 60000");
}

#[test]
fn an_image_of_other_colours() {
    let green = encode(COLUMNS, ROWS, ColorType::Rgb, BitDepth::Eight, &[10, 60, 10].repeat(COLUMNS * ROWS));
    left_out(&name(9), &green, "value.max_residual");
}

#[test]
fn a_name_without_a_time() {
    let bytes = Fixture::empty().picture(9);
    left_out("Waterfall_latest.png", &bytes, "input.time_pattern");
    left_out("Waterfall_20251332_000000.png", &bytes, "input.time_pattern");
}

#[test]
fn two_images_of_one_minute() {
    // Ten seconds after minute 2: the first by name is used.
    let bytes = Fixture::empty().picture(9);
    left_out("Waterfall_20250515_000210.png", &bytes, &format!("same minute as {}", name(2)));
}

#[test]
fn of_two_images_of_one_minute_the_first_by_name_is_used() {
    let place = Fixture::minutes(MINUTES);
    place.write("A_20250515_000210.png", &place.picture(9));
    place.run(&[]).ends_with(3);
    let listed = place.left_out();
    assert_eq!(listed.len(), 1, "one is left out: {listed:?}");
    assert_eq!(listed[0].0, name(2), "the one that comes later by name, not by time");
    assert!(listed[0].1.contains("A_20250515_000210.png"), "`{}` names the one that is used", listed[0].1);
}

#[test]
fn a_broken_link() {
    #[cfg(unix)]
    {
        let place = Fixture::minutes(MINUTES);
        std::os::unix::fs::symlink("nowhere.png", place.images().join(name(9))).expect("a link");
        place.run(&[]).ends_with(3);
        assert_eq!(place.left_out().len(), 1, "the link is listed: {:?}", place.left_out());
    }
}

#[test]
fn other_files_and_folders_are_no_images() {
    let place = Fixture::minutes(MINUTES);
    place.write("notes.txt", b"hello");
    std::fs::create_dir(place.images().join("old.png")).expect("a folder with an odd name");
    place.run(&[]).ends_with(0);
    assert!(place.left_out().is_empty(), "nothing is missing: {:?}", place.left_out());
}

#[test]
fn a_missing_minute_is_a_gap() {
    let place = Fixture::minutes(MINUTES);
    std::fs::remove_file(place.images().join(name(3))).expect("removed");
    let outcome = place.run(&[]).ends_with(0);
    assert!(outcome.out.contains("5 images, 0 left out, 1 gaps"), "said at the end: {}", outcome.out);
    let gaps = place.summary()["gaps"].clone();
    let want = serde_json::json!([{ "from": "2025-05-15T00:03:00Z", "to": "2025-05-15T00:04:00Z" }]);
    assert_eq!(gaps, want, "from the end of minute 2 to the start of minute 4");
}

#[test]
fn an_empty_folder() {
    let place = Fixture::empty();
    place.run(&[]).fails(1, &["no .png files", "--input"]);
}

#[test]
fn a_folder_that_does_not_exist() {
    let place = Fixture::empty();
    std::fs::remove_dir(place.images()).expect("removed");
    place.run(&[]).fails(1, &["no such folder", "--input"]);
    assert!(!place.output().exists(), "no output folder is left behind");
}

#[test]
fn an_archive_without_a_usable_image() {
    let place = Fixture::empty();
    place.write(&name(0), b"");
    place.write(&name(1), b"text");
    place.run(&[]).fails(1, &["no usable image", &name(0), "empty"]);
}

#[test]
fn an_archive_of_images_that_all_break_late() {
    let place = Fixture::empty();
    for m in 0..3 {
        let bytes = place.picture(m);
        place.write(&name(m), &bytes[..bytes.len() / 2]);
    }
    let outcome = place.run(&[]);
    outcome.warns(&[&name(0), "ends early"]);
    outcome.fails(1, &["not one of 3 images can be used"]);
}

#[test]
fn an_output_folder_that_is_a_file() {
    let place = Fixture::minutes(2);
    std::fs::write(place.output(), "in the way").expect("a file");
    place.run(&[]).fails(1, &["output", "--output"]);
    assert_eq!(std::fs::read(place.output()).expect("still there"), b"in the way", "nothing is harmed");
}

#[test]
fn an_output_folder_that_cannot_be_made() {
    // Not even root can make a folder there.
    let place = Fixture::minutes(2);
    place.cmd_into("/proc/scatterfall".as_ref(), "run", &[]).fails(1, &["/proc/scatterfall", "--output"]);
}

#[test]
fn a_file_where_a_stage_wants_its_folder() {
    for folder in ["features", "scattering_coefficients", "pca_ica", "clustering_results"] {
        let place = Fixture::minutes(2);
        std::fs::create_dir(place.output()).expect("a folder");
        std::fs::write(place.output().join(folder), "in the way").expect("a file");
        place.run(&[]).fails(1, &[folder]);
        assert_eq!(std::fs::read(place.output().join(folder)).expect("there"), b"in the way", "{folder} is not harmed");
    }
}

#[test]
fn a_crop_outside_the_images() {
    let place = Fixture::minutes(2);
    place.run(&["--set", "crop.enabled=true"]).fails(1, &["outside the image of 84 x 24 pixels", "set [crop]"]);
}

#[test]
fn more_components_than_rows() {
    let place = Fixture::minutes(2);
    let settings = ["--set", "reduce.pca_components=40", "--set", "reduce.ica_components=40"];
    let outcome = place.run(&settings).ends_with(0);
    outcome.warns(&["fewer components than asked for"]);
    let scores = place.array("pca_ica/independent_components.npz", "features");
    let rows = 2 * ROWS_PER_IMAGE;
    assert!(scores.shape() == [rows, rows - 1], "at most the rows less one: {:?}", scores.shape());
    assert!(scores.iter().all(|v| v.is_finite()), "every one is a number");
}

#[test]
fn more_clusters_than_rows() {
    for (method, key) in [
        ("gmm", "cluster.gmm.components"),
        ("kmeans", "cluster.kmeans.clusters"),
        ("agglomerative", "cluster.agglomerative.clusters"),
    ] {
        let place = Fixture::minutes(2);
        let method = format!("cluster.method={method}");
        let outcome = place.run(&["--set", &method, "--set", &format!("{key}=40")]).ends_with(0);
        outcome.warns(&["instead of 40"]);
    }
}

#[test]
fn a_single_image() {
    let place = Fixture::minutes(1);
    let outcome = place.run(&[]).ends_with(0);
    outcome.warns(&["fewer than 20 rows"]);
    assert_eq!(place.table("clustering_results/clusters.csv").len(), ROWS_PER_IMAGE, "rows");
}

#[test]
fn a_single_segment() {
    let place = Fixture::minutes(1);
    place.run(&["--set", "segments.bins=41"]).ends_with(0);
    assert_eq!(place.table("clustering_results/clusters.csv").len(), 1, "one row");
}

#[test]
fn images_without_any_signal() {
    for method in ["gmm", "kmeans", "dbscan", "agglomerative"] {
        let place = Fixture::empty();
        let map = Colormap::builtin("jet").expect("comes with the program");
        let flat = encode(COLUMNS, ROWS, ColorType::Rgb, BitDepth::Eight, &map.color(90).repeat(COLUMNS * ROWS));
        for m in 0..MINUTES {
            place.write(&name(m), &flat);
        }
        place.run(&["--set", &format!("cluster.method={method}")]).ends_with(0);
        let rows = place.table("clustering_results/clusters.csv");
        assert_eq!(rows.len(), MINUTES * ROWS_PER_IMAGE, "every row is there");
        assert!(place.table("anomalies.csv").is_empty(), "{method}: nothing stands out");
    }
}

/// One archive whose images are as `make` encodes the indices of each minute, and one of their 8-bit RGB twins with the
/// colours of `map`: both must give the same features, bit by bit.
fn same_as_rgb(map: &str, make: impl Fn(usize, &[u8], &Colormap) -> Vec<u8>) {
    let colours = scatterfall::colormap::load(map).expect("comes with the program");
    let (place, twin) = (Fixture::empty(), Fixture::empty());
    for m in 0..MINUTES {
        // Any bytes will do: noise along a slope.
        let indices: Vec<u8> = (0..ROWS * COLUMNS).map(|i| (60 + i % COLUMNS + (i * i * (m + 7)) % 41) as u8).collect();
        let rgb: Vec<u8> = indices.iter().flat_map(|&i| colours.color(i)).collect();
        place.write(&name(m), &make(m, &indices, &colours));
        twin.write(&name(m), &encode(COLUMNS, ROWS, ColorType::Rgb, BitDepth::Eight, &rgb));
    }
    let settings = ["--set", &format!("value.colormap={map}")];
    for f in [&place, &twin] {
        f.run(&settings).ends_with(0);
    }
    let features = |f: &Fixture| f.array("features/features_20250515.npz", "features");
    assert!(features(&twin).iter().any(|&v| v > 1.0), "there is something to compare");
    assert_eq!(features(&place), features(&twin), "features of {map} images");
}

/// Samples of 16 bits, high byte first, that round to the given ones of 8.
fn deepen(samples: impl Iterator<Item = u8>) -> Vec<u8> {
    let wobble = [-128i32, 0, 77, 128];
    let deep = |(k, v): (usize, u8)| (i32::from(v) * 257 + wobble[k % 4]).clamp(0, 65_535) as u16;
    samples.enumerate().flat_map(|v| deep(v).to_be_bytes()).collect()
}

#[test]
fn images_of_16_bits() {
    same_as_rgb("jet", |_, indices, map| {
        let data = deepen(indices.iter().flat_map(|&i| map.color(i)));
        encode(COLUMNS, ROWS, ColorType::Rgb, BitDepth::Sixteen, &data)
    });
}

#[test]
fn images_with_a_palette() {
    same_as_rgb("jet", |_, indices, map| {
        // The palette's order is not the map's.
        let palette: Vec<u8> = (0..=255u8).flat_map(|i| map.color(i.wrapping_add(100))).collect();
        let turned: Vec<u8> = indices.iter().map(|i| i.wrapping_sub(100)).collect();
        encode_with_palette(COLUMNS, ROWS, ColorType::Indexed, BitDepth::Eight, &turned, &palette)
    });
}

#[test]
fn grey_images() {
    same_as_rgb("gray", |_, indices, _| encode(COLUMNS, ROWS, ColorType::Grayscale, BitDepth::Eight, indices));
}

#[test]
fn grey_images_of_16_bits() {
    same_as_rgb("gray", |_, indices, _| {
        encode(COLUMNS, ROWS, ColorType::Grayscale, BitDepth::Sixteen, &deepen(indices.iter().copied()))
    });
}

#[test]
fn images_with_transparency_and_kinds_mixed() {
    same_as_rgb("jet", |m, indices, map| {
        let opaque = |i: &u8| [map.color(*i).as_slice(), &[(m * 40) as u8]].concat();
        let rgba: Vec<u8> = indices.iter().flat_map(opaque).collect();
        match m % 3 {
            0 => encode(COLUMNS, ROWS, ColorType::Rgba, BitDepth::Eight, &rgba),
            1 => encode(COLUMNS, ROWS, ColorType::Rgba, BitDepth::Sixteen, &deepen(rgba.into_iter())),
            _ => {
                let palette: Vec<u8> = (0..=255u8).flat_map(|i| map.color(i)).collect();
                encode_with_palette(COLUMNS, ROWS, ColorType::Indexed, BitDepth::Eight, indices, &palette)
            }
        }
    });
}

#[test]
fn strict_makes_a_left_out_file_an_error() {
    let bytes = Fixture::empty().picture(9);
    // Found by the catalogue, and found by decoding.
    for (bytes, reason) in [(&b""[..], "empty"), (&bytes[..bytes.len() / 2], "ends early")] {
        let place = Fixture::minutes(MINUTES);
        place.write(&name(9), bytes);
        let outcome = place.run(&["--strict"]);
        outcome.warns(&[&name(9)]);
        outcome.fails(1, &["--strict", &name(9), reason]);
        assert!(!place.output().join("features/features_20250515.npz").exists(), "the day is not written");
        place.run(&[]).ends_with(3);
    }
}

#[test]
fn keys_that_do_not_exist() {
    let place = Fixture::minutes(2);
    for (setting, unknown, nearest) in [
        ("segments.length=3", "key segments.length:", "segments.length_km"),
        ("feature.window=3", "section feature:", "features"),
        ("cluster.gmm.component=3", "key cluster.gmm.component:", "cluster.gmm.components"),
        ("compute.overlap=0.1", "key compute.overlap:", "segments.overlap"),
    ] {
        place.run(&["--set", setting]).fails(2, &["unknown", unknown, "did you mean", nearest]);
    }
    let file = place.path("mine.toml");
    std::fs::write(&file, "[segments]\nlenght_km = 3.0\n").expect("a configuration");
    let path = file.to_str().expect("UTF-8");
    crate::fixture::program(&["run", "--config", path]).fails(2, &["segments.lenght_km", "segments.length_km"]);
    assert!(!place.output().exists(), "nothing is written for a wrong configuration");
}

#[test]
fn numbers_out_of_range() {
    let place = Fixture::minutes(2);
    for setting in [
        "input.duration_s=-60.0",
        "input.duration_s=nan",
        "input.total_distance_km=0",
        "input.total_distance_km=-inf",
        "segments.length_km=-3.0",
        "segments.length_km=nan",
        "segments.overlap=1.0",
        "segments.overlap=-0.1",
        "segments.bins=0",
        "features.window=-3",
        "features.step=0",
        "value.max_residual=nan",
        "network.banks=[{octaves = 4, resolution = -6}]",
        "network.banks=[{octaves = 4, resolution = 6, quality = nan}]",
        "network.taper_alpha=1.5",
        "reduce.floor=-0.001",
        "reduce.floor=nan",
        "reduce.pca_components=-5",
        "cluster.gmm.components=0",
        "anomaly.quantile=1.5",
        "anomaly.quantile=nan",
        "compute.batch_images=-1",
    ] {
        let (key, value) = setting.split_once('=').expect("key and value");
        let shown = value.split([' ', '{', '[']).next().unwrap_or_default();
        place.run(&["--set", setting]).fails(2, &[key, "expected", shown]);
    }
    assert!(!place.output().exists(), "nothing is written for a wrong configuration");
}

#[test]
fn settings_that_do_not_fit_the_images() {
    for (setting, parts) in [
        ("segments.bins=42", ["segments.bins", "at most the 41 windows"]),
        ("segments.length_km=21", ["segments.length_km", "20 km"]),
        ("features.window=85", ["features.window", "at most the 84 columns"]),
        ("network.taper_alpha=1.0", ["network.taper_alpha", "a smaller alpha"]),
    ] {
        let place = Fixture::minutes(2);
        let more = if setting.contains("length_km") { vec!["--set", "segments.bins=1"] } else { Vec::new() };
        let config = std::fs::read_to_string(place.path("config.toml")).expect("the configuration");
        if !more.is_empty() {
            std::fs::write(place.path("config.toml"), config.replace("bins = 16", "")).expect("written");
        }
        place.run(&["--set", setting]).fails(2, &parts);
    }
}

#[test]
fn stored_files_that_are_broken() {
    for (file, command) in [
        ("features/features_20250515.npz", "transform"),
        ("scattering_coefficients/scattering_coefficients_20250515.npz", "reduce"),
        ("pca_ica/independent_components.npz", "cluster"),
        ("clustering_results/clusters.csv", "visualize"),
    ] {
        let place = Fixture::minutes(2);
        place.run(&[]).ends_with(0);
        let path = place.output().join(file);
        std::fs::write(&path, b"PK\x03\x04 this is no archive of arrays").expect("written");
        // `cluster` would find itself current.
        let settings = ["--set", "cluster.seed=5", "--set", "reduce.seed=5", "--set", "segments.bins=12"];
        let outcome = place.command(command, &place.output(), &settings).output().expect("the program starts");
        crate::fixture::Outcome::of(outcome).fails(1, &[file.rsplit('/').next().expect("a name")]);
        std::fs::remove_file(&path).expect("removed");
        crate::fixture::assert_whole(&place.output());
    }
}
