//! Properties that hold whatever the archive: batches and threads, days alone, gaps, mirrors, poison.

mod archive;

use std::sync::Arc;

use archive::{GEOMETRY, images, noise, time_us};
use scatterfall_detector::{
    DetectorParams, DetectorPlan, Event, Geometry, Image, Measurement, Measurer, Path, Reference, Threshold, detect,
    fit,
};

fn plan(geometry: Geometry) -> Arc<DetectorPlan> {
    Arc::new(DetectorPlan::new(geometry, DetectorParams::default()).expect("a plan"))
}

fn measure(plan: &Arc<DetectorPlan>, images: Vec<Image>, batch: usize) -> Vec<Measurement> {
    let mut measurer = Measurer::new(plan.clone(), Reference::Local).expect("a measurer");
    let mut out = Vec::new();
    for images in images.chunks(batch) {
        out.append(&mut measurer.push(images.to_vec()).expect("images in order"));
    }
    out.append(&mut measurer.finish());
    out
}

fn events(plan: &DetectorPlan, days: &[Vec<Measurement>]) -> Vec<Event> {
    let model = fit(plan, days, Threshold { false_alarms_per_day: 10.0, fixed: None }).expect("a model");
    detect(plan, &model, days, |_, _| Ok(())).expect("events")
}

#[test]
fn batches_and_threads_change_nothing() {
    let plan = plan(GEOMETRY);
    let whole = measure(&plan, images(), 64);
    assert_eq!(whole.len(), images().len(), "one measurement an image");
    assert_eq!(measure(&plan, images(), 1), whole, "batches of 1");
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    assert_eq!(one.install(|| measure(&plan, images(), 7)), whole, "one thread, batches of 7");
    let found = events(&plan, std::slice::from_ref(&whole));
    assert_eq!(one.install(|| events(&plan, &[whole])), found, "events by one thread");
    assert!(found.len() >= 4, "the archive has events");
}

#[test]
fn a_day_alone_is_the_same() {
    let plan = plan(GEOMETRY);
    let whole = measure(&plan, images(), 9);
    let (lead, first, end) = (plan.lead_images(), 13, 14);
    let alone = measure(&plan, images()[first - lead..end + lead].to_vec(), 4);
    assert_eq!(alone[lead..lead + end - first], whole[first..end], "measured with its lead alone");
    let short = measure(&plan, images()[first - 1..end + lead].to_vec(), 4);
    assert_ne!(short[1], whole[first], "a lead of one image is not enough");
}

#[test]
fn gaps_are_not_crossed() {
    let plan = plan(GEOMETRY);
    let whole = measure(&plan, images(), 64);
    assert_eq!(measure(&plan, images()[..25].to_vec(), 64), whole[..25], "before the gap");
    assert_eq!(measure(&plan, images()[25..].to_vec(), 64), whole[25..], "after the gap");
}

/// Noise and one line at `speed_ms` that starts at `start_m` after eight minutes.
fn line(speed_ms: f64, start_m: f64) -> Vec<Image> {
    let Geometry { rows, columns, .. } = GEOMETRY;
    let (dt, dx) = (GEOMETRY.seconds_per_row(), GEOMETRY.meters_per_column());
    let pixel = |image: usize, i: usize| {
        let t = ((image as f64 - 8.0) * rows as f64 + (i / columns) as f64) * dt;
        let away = (i % columns) as f64 * dx - (start_m + speed_ms * t);
        let rise = if t >= 0.0 && away.abs() < 30.0 { 18 } else { 0 };
        (noise((image * rows * columns + i) as u64) + 70 + rise).clamp(0, 255) as u8
    };
    let plane = |image: usize| (0..rows * columns).map(|i| pixel(image, i)).collect();
    (0..24).map(|image| Image { time_us: time_us(image), plane: plane(image) }).collect()
}

fn mirrored(images: Vec<Image>) -> Vec<Image> {
    let turn = |mut image: Image| {
        image.plane.chunks_exact_mut(GEOMETRY.columns).for_each(<[u8]>::reverse);
        image
    };
    images.into_iter().map(turn).collect()
}

#[test]
fn a_line_is_one_event_with_its_speed() {
    let plan = plan(GEOMETRY);
    for (speed, start) in [(23.0, 500.0), (-13.0, 5500.0), (36.0, 200.0), (-10.0, 5800.0)] {
        let found = events(&plan, &[measure(&plan, line(speed, start), 64)]);
        // Noise may list something of its own elsewhere.
        let is_on_line = |e: &&Event| {
            let t = (e.peak_time_us - time_us(8)) as f64 / 1e6;
            (e.peak_km - (start + speed * t) / 1000.0).abs() < 0.5
        };
        let moving: Vec<&Event> = found.iter().filter(|e| e.path == Path::Slants).filter(is_on_line).collect();
        assert_eq!(moving.len(), 1, "{speed} m/s: {found:#?}");
        let v = moving[0].speed_ms.expect("a speed");
        assert!((v - speed).abs() < 1.0, "{speed} m/s is found as {v}");
        let onset = (moving[0].time_from_us - time_us(8)) as f64 / 1e6;
        assert!(onset.abs() < 8.0, "{speed} m/s: onset {onset} s late");
    }
}

/// Noise and gusts: a stretch of 400 m that rises and falls within 40 s, every four minutes.
fn gusts() -> Vec<Image> {
    let Geometry { rows, columns, .. } = GEOMETRY;
    let (dt, dx) = (GEOMETRY.seconds_per_row(), GEOMETRY.meters_per_column());
    let pixel = |image: usize, i: usize| {
        let t = ((image % 4) * rows + i / columns) as f64 * dt;
        let (away_s, away_m) = ((t - 130.0) / 20.0, ((i % columns) as f64 * dx - 3200.0) / 200.0);
        let rise = 45.0 * (1.0 - away_s * away_s).max(0.0) * if away_m.abs() < 1.0 { 1.0 } else { 0.0 };
        (noise((image * rows * columns + i) as u64) + 70 + rise as i64).clamp(0, 255) as u8
    };
    let plane = |image: usize| (0..rows * columns).map(|i| pixel(image, i)).collect();
    (0..40).map(|image| Image { time_us: time_us(0) + 60_000_000 * image as i64, plane: plane(image) }).collect()
}

#[test]
fn what_rises_and_falls_in_place_does_not_move() {
    let fast = |params: DetectorParams| {
        let plan = Arc::new(DetectorPlan::new(GEOMETRY, params).expect("a plan"));
        let measured = measure(&plan, gusts(), 64);
        let fast: Vec<usize> = (0..plan.speeds_ms.len()).filter(|&v| plan.speeds_ms[v].abs() > 5.0).collect();
        let lines = measured.iter().flat_map(|m| m.slants.chunks_exact(plan.slant_parts()).enumerate());
        let lines = lines.filter(|(i, _)| fast.contains(&(i % plan.speeds_ms.len())));
        lines.flat_map(|(_, parts)| parts).map(|p| p.value).fold(f32::MIN, f32::max)
    };
    let (kept, plain) =
        (fast(DetectorParams::default()), fast(DetectorParams { improved: false, ..DetectorParams::default() }));
    // Lines across such a gust reach 30 deviations and more; chance alone reaches 5 to 7 among so many lines.
    assert!(plain > 30.0, "the gusts are strong: {plain}");
    assert!(kept < 8.0, "they light no line: {kept}");
}

#[test]
fn the_border_of_days_cuts_no_event() {
    // Days of 10 images, each a window of its own with its neighbours as margins.
    let params = DetectorParams { window_images: 10, ..DetectorParams::default() };
    let by_day = Arc::new(DetectorPlan::new(GEOMETRY, params).expect("a plan"));
    let measured = measure(&by_day, line(13.0, 300.0), 64);
    let days: Vec<Vec<Measurement>> = measured.chunks(10).map(<[Measurement]>::to_vec).collect();
    assert_eq!(days.len(), 3, "the line goes on over a border");
    let found = events(&by_day, &days);
    let moving: Vec<&Event> = found.iter().filter(|e| e.path == Path::Slants).collect();
    assert_eq!(moving.len(), 1, "{found:#?}");
    assert!(moving[0].time_from_us < time_us(9) && moving[0].time_to_us > time_us(12), "{moving:#?}");
    let whole = events(&plan(GEOMETRY), &[measured]);
    let of_whole = whole.iter().find(|e| e.path == Path::Slants).expect("a track");
    let (v, w) = (moving[0].speed_ms.expect("a speed"), of_whole.speed_ms.expect("a speed"));
    assert!((v - w).abs() < 0.5, "speed {v} by day, {w} at once");
}

#[test]
fn a_mirrored_fibre_has_mirrored_events() {
    let plan = plan(GEOMETRY);
    let found = events(&plan, &[measure(&plan, line(18.0, 400.0), 64)]);
    let turned = events(&plan, &[measure(&plan, mirrored(line(18.0, 400.0)), 64)]);
    let moving = |events: &[Event]| events.iter().find(|e| e.path == Path::Slants).cloned().expect("a track");
    let (a, b) = (moving(&found), moving(&turned));
    let (v, w) = (a.speed_ms.expect("a speed"), b.speed_ms.expect("a speed"));
    assert!((v + w).abs() < 1.0, "speeds {v} and {w}");
    assert!((a.distance_from_km + b.distance_to_km - 6.0).abs() < 0.2, "{a:?} and {b:?}");
    assert!((a.time_from_us - b.time_from_us).abs() < 5_000_000, "{a:?} and {b:?}");
}

#[test]
fn poison_is_survived() {
    let minute = |k: usize, plane: Vec<u8>| Image { time_us: time_us(k), plane };
    let sizes = [(1, 1), (1, 50), (50, 1), (11, 52), (83, 40)];
    for (rows, columns) in sizes {
        let geometry = Geometry { rows, columns, duration_s: 60.0, length_m: 20_000.0 };
        let plan = plan(geometry);
        for value in [0u8, 7, 255] {
            for count in [1, 3, 30] {
                let images: Vec<Image> = (0..count).map(|k| minute(k, vec![value; rows * columns])).collect();
                let measured = measure(&plan, images, 5);
                let model =
                    fit(&plan, [measured.clone()].as_slice(), Threshold { false_alarms_per_day: 10.0, fixed: None });
                let model = model.expect("a model of constant images");
                let mut finite = true;
                let found = detect(&plan, &model, [measured].as_slice(), |_, day| {
                    finite &= day.score.iter().chain(&day.filters).all(|v| v.is_finite());
                    Ok(())
                });
                assert!(finite, "{rows} x {columns} of {value}: scores are finite");
                assert!(found.expect("events").is_empty(), "{rows} x {columns} of {value}: nothing happens");
            }
        }
    }
}

#[test]
fn nonsense_is_refused_in_one_line() {
    let plan = plan(GEOMETRY);
    let mut measurer = Measurer::new(plan.clone(), Reference::Local).expect("a measurer");
    let wrong = Image { time_us: 0, plane: vec![0; 5] };
    let text = measurer.push(vec![wrong]).expect_err("a wrong size").to_string();
    assert!(text.contains("[5]") && text.contains("[120, 240]") && !text.contains('\n'), "{text}");
    let image = |time_us| Image { time_us, plane: vec![0; 120 * 240] };
    assert!(measurer.push(vec![image(60), image(60)]).is_err(), "the same time twice");
    let none: [Vec<Measurement>; 0] = [];
    assert!(fit(&plan, none.as_slice(), Threshold { false_alarms_per_day: 10.0, fixed: None }).is_err(), "no days");
    for geometry in [Geometry { rows: 0, ..GEOMETRY }, Geometry { length_m: f64::NAN, ..GEOMETRY }] {
        assert!(DetectorPlan::new(geometry, DetectorParams::default()).is_err(), "{geometry:?}");
    }
    let params = DetectorParams { speeds_ms: vec![0.0], ..DetectorParams::default() };
    assert!(DetectorPlan::new(GEOMETRY, params).is_err(), "a slant that stands still");
}

#[test]
fn what_does_not_fit_is_left_out_and_said() {
    let of = |rows, columns, length_m| plan(Geometry { rows, columns, duration_s: 60.0, length_m });
    assert!(of(536, 1719, 20_000.0).left_out.is_empty(), "everything fits 20 km");
    assert_eq!(of(536, 1719, 20_000.0).filter_count(), 38, "filters of the definition");
    let long = of(83, 1719, 91_000.0);
    assert!(
        long.speeds_ms.len() < 16 && !long.left_out.is_empty(),
        "3 m/s does not move on 91 km: {:?}",
        long.left_out
    );
    let coarse = of(11, 52, 20_000.0);
    assert!(coarse.filter_count() > 0 && coarse.left_out.len() > 8, "{:?}", coarse.left_out);
    let short = of(536, 1719, 270.0);
    assert_eq!(short.boxes.iter().filter(|b| !b.narrow).count(), 0, "wide boxes do not fit 270 m");
}
