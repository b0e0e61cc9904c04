use std::collections::BTreeSet;

use super::*;

fn small(images: usize, seed: u64) -> SynthOptions {
    SynthOptions { images, seed, layout: Layout::SMALL, ..SynthOptions::default() }
}

fn archive(options: &SynthOptions) -> SynthArchive {
    SynthArchive::new(options).expect("valid options")
}

fn kind(event: &Event) -> String {
    serde_json::to_value(event).expect("serialises")["kind"].as_str().expect("a name").to_owned()
}

/// All files of a folder by name.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|e| e.expect("an entry").path())
        .map(|p| (p.file_name().expect("a name").to_string_lossy().into_owned(), std::fs::read(&p).expect("a file")))
        .collect();
    files.sort();
    files
}

#[test]
fn the_seed_alone_decides_the_bytes() {
    let written = |seed: u64, threads: usize| {
        let folder = tempfile::tempdir().expect("a folder");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| archive(&small(6, seed)).write(folder.path(), || ())).expect("written");
        // The configuration holds the folder's name, which differs.
        contents(folder.path()).into_iter().filter(|(name, _)| name != "config.toml").collect::<Vec<_>>()
    };
    let one = written(1, 1);
    assert_eq!(one.len(), 7, "six images and the truth, no temporary files");
    assert!(one == written(1, 2), "two threads write what one writes");
    assert!(one.iter().zip(&written(2, 2)).all(|(a, b)| a.0 == b.0 && a.1 != b.1), "another seed, other contents");
    let distinct: BTreeSet<&Vec<u8>> = one.iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(distinct.len(), 7, "no two minutes are alike");
}

#[test]
fn a_longer_archive_begins_with_the_same_images() {
    let (short, long) = (archive(&small(120, 3)), archive(&small(121, 3)));
    // The swell's length is the archive's.
    let begins =
        |a: &SynthArchive| a.events.iter().filter(|e| kind(e) != "swell" && e.t0 < 7200.0).cloned().collect::<Vec<_>>();
    assert_eq!(begins(&short), begins(&long), "events of the first two hours");
    assert!(short.indices(119) == long.indices(119), "and their last image");
}

#[test]
fn truth_has_the_fields_of_every_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let synth = archive(&small(180, 1));
    synth.write(folder.path(), || ()).expect("written");
    let text = std::fs::read_to_string(folder.path().join("truth.json")).expect("truth.json");
    let truth: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(truth["start"], "2025-05-15T00:00:00", "no zone mark");
    assert_eq!((&truth["km"], &truth["rows"], &truth["cols"]), (&20.0.into(), &96.into(), &344.into()), "sizes");
    let fields = |kind: &str| {
        let events = truth["events"].as_array().expect("a list");
        let event = events.iter().find(|e| e["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in three hours"));
        event.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>()
    };
    for (kind, own) in [
        ("vehicle", &["x0", "speed_ms", "length_s", "width_km"][..]),
        ("earthquake", &["x0", "depth_km", "tail_s"]),
        ("hammering", &["x0", "length_s", "period_s", "width_km"]),
        ("glitch", &["length_s"]),
        ("swell", &["x0", "length_s", "period_s", "width_km"]),
    ] {
        let expected = ["kind", "t0", "db", "utc"].iter().chain(own).map(|f| (*f).to_owned()).collect();
        assert_eq!(fields(kind), expected, "fields of a {kind}");
    }
    let back: Truth = serde_json::from_str(&text).expect("reads back");
    assert_eq!(back.events.len(), synth.events.len(), "all of them");
    for (read, known) in back.events.iter().zip(&synth.events) {
        assert_eq!((kind(read), &read.utc), (kind(known), &known.utc), "in order");
        // serde_json reads a number to its last place or the one beside it; 1e-9 s is many of them at 10,800 s.
        assert!((read.t0 - known.t0).abs() < 1e-9, "{} is {}", read.t0, known.t0);
    }
    let glitch = back.events.iter().find(|e| kind(e) == "glitch").expect("one");
    let us = scatterfall_timestamps::micros(glitch.t0);
    assert_eq!(format!("{}Z", glitch.utc), iso(synth.time(0) + us), "utc is the start plus t0");
}

/// Whether an event says of a pixel that it is loud (`Some(true)`) or that it is just beside (`Some(false)`).
fn expected(event: &Event, t: f64, x: f64, km: f64) -> Option<bool> {
    let d = t - event.t0;
    let at = |place: f64, width: f64| match (x - place).abs() / width {
        r if r < 1.0 => Some(true),
        r if r > 5.0 && r < 12.0 => Some(false),
        _ => None,
    };
    match event.kind {
        Kind::Vehicle { x0, speed_ms, length_s, width_km } => {
            // A column of the small plot area is wider than a vehicle.
            let near = width_km.max(0.06);
            (0.0..length_s).contains(&d).then(|| at(x0 + speed_ms * d / 1000.0, near)).flatten()
        }
        Kind::Hammering { x0, length_s, width_km, .. } => {
            (0.0..length_s).contains(&d).then(|| at(x0, width_km)).flatten()
        }
        Kind::Earthquake { x0, depth_km, tail_s } => {
            let arrival = (x - x0).hypot(depth_km) / 3.4;
            let quiet = (x - x0).hypot(depth_km) / 6.0;
            match d {
                d if d > arrival + 1.0 && d < arrival + tail_s => Some(true),
                d if d < quiet && d > quiet - 30.0 => Some(false),
                _ => None,
            }
        }
        Kind::Glitch { length_s } => match d {
            d if (0.0..length_s).contains(&d) => Some(true),
            d if d.abs() < 20.0 => Some(false),
            _ => None,
        },
        Kind::Swell { x0, width_km, .. } => {
            assert!(km > 0.0, "the swell lies on the fibre");
            Some((x - x0).abs() < width_km)
        }
    }
}

/// Mean of the colour indices (over the quiet fibre's) inside the event less that beside it.
fn contrast(synth: &SynthArchive, event: &Event) -> f64 {
    let km = synth.options.km;
    let mut sums = [(0.0, 0.0); 2];
    let first = ((event.t0 / 60.0) as usize).saturating_sub(1);
    for minute in (first..first + 4).filter(|m| *m < synth.options.images) {
        for ((row, column), &index) in synth.indices(minute).indexed_iter() {
            let t = 60.0 * (minute as f64 + (row as f64 + 0.5) / synth.rows as f64);
            let x = (column as f64 + 0.5) * km / synth.columns as f64;
            if let Some(inside) = expected(event, t, x, km) {
                let sum = &mut sums[usize::from(inside)];
                *sum = (sum.0 + f64::from(index) - f64::from(field::index(synth.background[column])), sum.1 + 1.0);
            }
        }
    }
    assert!(sums[0].1 > 0.0 && sums[1].1 > 0.0, "{event:?} has pixels inside and beside it");
    sums[1].0 / sums[1].1 - sums[0].0 / sums[0].1
}

#[test]
fn events_are_seen_where_the_truth_says() {
    let synth = archive(&small(180, 1));
    for name in ["vehicle", "earthquake", "hammering", "glitch", "swell"] {
        // A late one that is on the fibre for a while; alone, so that no other event lies inside or beside it.
        let event = synth.events.iter().rfind(|e| {
            kind(e) == name
                && match e.kind {
                    Kind::Vehicle { x0, length_s, .. } => {
                        (6.0..14.0).contains(&x0) && length_s > 60.0 && e.t0 < 10_000.0
                    }
                    Kind::Earthquake { tail_s, .. } => e.t0 + 2.0 * tail_s < 10_700.0,
                    _ => true,
                }
        });
        let event = event.unwrap_or_else(|| panic!("no {name}")).clone();
        let alone = SynthArchive { events: vec![event.clone()], ..synth.clone() };
        // Three indices are 0.9 dB; the faintest kind, the swell, is 4 dB on average where it is strong.
        let seen = contrast(&alone, &event);
        assert!(seen > 3.0, "{event:?} stands out by {seen} indices only");
        let without = SynthArchive { events: Vec::new(), ..synth.clone() };
        let unseen = contrast(&without, &event);
        assert!(unseen.abs() < 1.0, "{event:?}: without it the same pixels differ by {unseen}");
    }
}

#[test]
fn an_event_is_left_out_only_where_it_is_negligible() {
    let synth = archive(&small(60, 5));
    for event in &synth.events {
        for minute in 0..60 {
            let from_s = minute as f64 * MINUTE_S;
            let grid = field::Grid { rows: 96, columns: 344, km: 20.0, from_s };
            let mut signal = vec![0.0; 96 * 344];
            event.add(&grid, &mut signal);
            let heard = signal.iter().any(|p| *p > 0.0);
            assert!(!heard || event.reaches(from_s, from_s + MINUTE_S, 20.0), "{event:?} is heard in minute {minute}");
            assert!(signal.iter().all(|p| p.is_finite() && *p > -1e-3), "{event:?}: powers");
        }
    }
}

#[test]
fn a_screenshot_holds_the_plot_area() {
    let synth = archive(&SynthOptions { images: 1, ..SynthOptions::default() });
    let picture = image::load_from_memory(&synth.png(0).expect("encodes")).expect("decodes");
    assert_eq!((picture.width(), picture.height(), picture.color()), (1920, 800, image::ColorType::Rgba8), "form");
    let crop = |dx: u32| picture.crop_imm(70 + dx, 160, 1719, 536).to_rgb8().into_raw();
    let pixels = synth.pixels(0);
    assert_eq!((pixels.rows, pixels.columns), (536, 1719), "size of the plot area");
    assert!(crop(0) == pixels.rgb, "the plot area is the crop");
    assert!(crop(1) != pixels.rgb, "and no other");
}

#[test]
fn colours_are_those_of_the_map() {
    let synth = archive(&small(2, 1));
    let picture = image::load_from_memory(&synth.png(1).expect("encodes")).expect("decodes");
    assert_eq!(picture.color(), image::ColorType::Rgb8, "no alpha");
    let map = Colormap::builtin("jet").expect("comes with the program");
    let off = |bytes: &[u8]| bytes.chunks_exact(3).filter(|c| map.nearest([c[0], c[1], c[2]]).1 > 0).count();
    assert_eq!(off(picture.as_bytes()), 0, "every pixel is a colour of the map");
    assert_eq!(off(&[255, 255, 255]), 1, "white is not");
    let used: BTreeSet<u8> = synth.indices(1).iter().copied().collect();
    assert!(used.len() > 60, "{} colours in use", used.len());
}

#[test]
fn the_configuration_fits() {
    for (options, km, crop) in [
        (
            SynthOptions { images: 1, ..SynthOptions::default() },
            1.0,
            Some([PLOT.top, PLOT.bottom, PLOT.left, PLOT.right]),
        ),
        (small(1, 1), 3.0, None),
        (SynthOptions { km: 2.0, ..small(1, 1) }, 0.5, None),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        archive(&options).write(folder.path(), || ()).expect("written");
        let text = std::fs::read_to_string(folder.path().join("config.toml")).expect("there");
        let config: toml::Table = text.parse().expect("TOML");
        // What is not said is the program's default: 20 km, the plot area of its own screenshots, segments of 1 km.
        let said = |section: &str, key: &str| config.get(section).and_then(|s| s.get(key));
        let number = |section: &str, key: &str| said(section, key).and_then(toml::Value::as_float);
        assert_eq!(config["input"]["path"].as_str().map(Path::new), Some(folder.path()), "where the images are");
        assert_eq!(number("input", "total_distance_km").unwrap_or(20.0), options.km, "what they span");
        let framed = said("crop", "enabled").and_then(toml::Value::as_bool) != Some(false);
        assert_eq!(framed, crop.is_some(), "whether there is a frame");
        assert_eq!(number("segments", "length_km").unwrap_or(1.0), km, "segments fit an image");
    }
    let odd = archive(&small(1, 1)).config(Path::new("/a \"quoted\" \\ folder")).expect("a configuration");
    let path = odd.parse::<toml::Table>().expect("TOML")["input"]["path"].to_string();
    assert!(path.contains("quoted"), "{path} is escaped");
}

#[test]
fn gaps_and_cut_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let synth = archive(&SynthOptions { gap: 2, corrupt: 1, ..small(6, 1) });
    assert_eq!(synth.minutes().collect::<Vec<_>>(), [0, 1, 2, 5], "two are missing in the middle");
    let count = std::sync::atomic::AtomicUsize::new(0);
    synth.write(folder.path(), || _ = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).expect("written");
    assert_eq!(count.into_inner(), 4, "one call an image");
    let files = contents(folder.path());
    let pngs: Vec<_> = files.iter().filter(|(name, _)| name.ends_with(".png")).collect();
    assert_eq!(pngs[3].0, "Waterfall_RMS_20250515_000500.png", "names tell the minute");
    let readable: Vec<bool> = pngs.iter().map(|(_, bytes)| image::load_from_memory(bytes).is_ok()).collect();
    assert_eq!(readable, [true, false, true, true], "the second is cut off");
}

#[test]
fn a_dead_fibre_has_one_colour() {
    let synth = archive(&SynthOptions { constant: true, ..small(2, 1) });
    let first = synth.indices(0)[[0, 0]];
    assert!(synth.indices(1).iter().all(|i| *i == first), "all pixels of all minutes");
    assert!(synth.truth().events.is_empty(), "nothing happens");
}

#[test]
fn archives_are_not_mixed() {
    let folder = tempfile::tempdir().expect("a folder");
    archive(&small(3, 1)).write(folder.path(), || ()).expect("into an empty folder");
    archive(&small(3, 2)).write(folder.path(), || ()).expect("the same files again");
    let error = archive(&small(2, 1)).write(folder.path(), || ()).expect_err("the third image would stay");
    assert!(
        matches!(&error, Error::ForeignImage { file, .. } if file.to_string_lossy().contains("000200.png")),
        "{error} names the file"
    );
}

#[test]
fn impossible_options_are_refused() {
    let refused = |change: fn(&mut SynthOptions)| {
        let mut options = small(3, 1);
        change(&mut options);
        SynthArchive::new(&options).is_err_and(|e| matches!(e, Error::Option { .. }))
    };
    assert!(!refused(|_| ()), "unchanged options are fine");
    assert!(refused(|o| o.images = 0), "no image");
    assert!(refused(|o| o.images = usize::MAX), "beyond the calendar");
    assert!(refused(|o| o.start = Micros::MAX), "start beyond the calendar");
    assert!(refused(|o| o.gap = 3), "nothing left");
    assert!(refused(|o| o.km = f64::NAN), "no length");
    assert!(refused(|o| o.km = 0.0), "length 0");
    assert!(refused(|o| o.layout = Layout::Bare { rows: 0, columns: 5 }), "no rows");
    assert!(refused(|o| o.layout = Layout::Bare { rows: usize::MAX, columns: 3 }), "too many pixels");
    let tiny = archive(&SynthOptions { layout: Layout::Bare { rows: 1, columns: 1 }, ..small(1, 1) });
    assert_eq!(tiny.pixels(0).rgb.len(), 3, "a single pixel is possible");
}

#[test]
fn hard_archives_are_written_with_their_truth() {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = Layout::Bare { rows: 40, columns: 172 };
    let options = SynthOptions { layout, hard: Some(Activity::Busy), ..small(5, 7) };
    archive(&options).write(folder.path(), || ()).expect("written");
    let text = std::fs::read_to_string(folder.path().join("truth.json")).expect("truth.json");
    let truth: HardTruth = serde_json::from_str(&text).expect("reads back");
    assert_eq!((truth.head.start.as_str(), truth.head.images), ("2025-05-15T00:00:00", 5), "the archive's");
    assert!(!truth.events.is_empty(), "a busy archive has events within five minutes");
    let easy = archive(&SynthOptions { layout, ..small(5, 7) });
    assert!(easy.indices(2) != archive(&options).indices(2), "it is another archive than the easy one");
    assert_eq!(contents(folder.path()).len(), 7, "five images, the truth and a configuration; no temporary files");
}
