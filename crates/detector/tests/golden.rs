//! Scores and events against the detector's definition in NumPy (golden.py makes golden.json) on a small archive with events on every path.

mod archive;

use std::sync::Arc;

use archive::{GEOMETRY, IMAGES, images, plane};
use scatterfall_detector::{
    DetectorModel, DetectorParams, DetectorPlan, Event, Kinds, Measurement, Measurer, Path, Reference, Threshold,
    detect, fit,
};
use serde_json::Value;

/// The settings of the definition: every pixel, medians as normals, filters unscaled.
fn plan() -> Arc<DetectorPlan> {
    let params = DetectorParams {
        slant_step_s: 0.0,
        slant_step_m: 0.0,
        saturated_index: 256,
        slant_parts: 1,
        improved: false,
        ..DetectorParams::default()
    };
    Arc::new(DetectorPlan::new(GEOMETRY, params).expect("the plan of the golden archive"))
}

fn golden() -> Value {
    serde_json::from_str(include_str!("golden.json")).expect("golden.json")
}

fn numbers(golden: &Value, key: &str) -> Vec<f32> {
    let list = golden[key].as_array().expect("a list");
    list.iter().map(|v| v.as_f64().expect("a number") as f32).collect()
}

fn measurements(plan: &Arc<DetectorPlan>, golden: &Value) -> Vec<Measurement> {
    let reference =
        Reference::Fixed { median: numbers(golden, "median"), scale: numbers(golden, "scale"), check_repeats: true };
    let mut measurer = Measurer::new(plan.clone(), reference).expect("a measurer");
    let mut out = measurer.push(images()).expect("images in order");
    out.append(&mut measurer.finish());
    out
}

fn fitted() -> (Arc<DetectorPlan>, Value, DetectorModel, Vec<Vec<Measurement>>) {
    let (plan, golden) = (plan(), golden());
    let measured = measurements(&plan, &golden);
    let days = vec![measured[..20].to_vec(), measured[20..].to_vec()];
    let threshold = Threshold { false_alarms_per_day: 10.0, fixed: None };
    let model = fit(&plan, days.as_slice(), threshold).expect("a model");
    (plan, golden, model, days)
}

#[test]
fn the_archive_is_the_one_of_the_script() {
    let sums: Vec<u64> = (0..IMAGES).map(|k| plane(k).iter().map(|&v| u64::from(v)).sum()).collect();
    let right: Vec<u64> = golden()["checksum"].as_array().expect("a list").iter().filter_map(Value::as_u64).collect();
    assert_eq!(sums, right, "sums of the planes");
}

/// Deviations of an f16 of the definition's file, and of single precision in sums of hundreds.
fn close(found: f32, right: f32) -> bool {
    (found - right).abs() <= 2e-3 + 1e-3 * right.abs()
}

#[test]
fn scores_are_those_of_the_definition() {
    let (plan, golden, model, days) = fitted();
    let mut scores = Vec::new();
    let mut filters = Vec::new();
    detect(&plan, &model, days.as_slice(), |_, day| {
        scores.extend(day.score);
        filters.extend(day.filters);
        Ok(())
    })
    .expect("scores");
    let (right, right_filters) = (numbers(&golden, "score"), numbers(&golden, "filters"));
    assert_eq!(scores.len(), right.len(), "cells");
    assert_eq!(filters.len(), right_filters.len(), "filters");
    let names = plan.filters();
    let mut wrong = Vec::new();
    for (i, (&a, &b)) in filters.iter().zip(&right_filters).enumerate() {
        if !close(a, b) {
            let (cell, filter) = (i / names.len(), i % names.len());
            wrong.push(format!(
                "image {} cell {} {}: {a} and {b}",
                cell / plan.cells,
                cell % plan.cells,
                names[filter]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ: {:#?}", wrong.len(), filters.len(), &wrong[..wrong.len().min(12)]);
    assert!(scores.iter().zip(&right).all(|(&a, &b)| close(a, b)), "largest filters");
    assert!(!close(scores[0] + 0.01 + 0.002 * scores[0], right[0]), "a score that is off is noticed");
    let threshold = golden["threshold"].as_f64().expect("a number");
    assert!((model.threshold - threshold).abs() < 2e-3, "threshold {} and {threshold}", model.threshold);
}

fn seconds(text: &str) -> f64 {
    // All times are on the 15th and 16th: seconds since the 15th.
    let number = |a: usize, b: usize| text[a..b].parse::<f64>().expect("digits");
    (number(8, 10) - 15.0) * 86_400.0
        + number(11, 13) * 3600.0
        + number(14, 16) * 60.0
        + text[17..].parse::<f64>().expect("s")
}

#[test]
fn events_are_those_of_the_definition() {
    let (plan, golden, model, days) = fitted();
    let mut events = detect(&plan, &model, days.as_slice(), |_, _| Ok(())).expect("events");
    Kinds::fit(&plan, &mut events, 3);
    let right = golden["events"].as_array().expect("a list");
    assert_eq!(events.len(), right.len(), "{events:#?}");
    let mut paths = std::collections::BTreeSet::new();
    for (event, right) in events.iter().zip(right) {
        compare_event(event, right);
        paths.insert(event.path);
    }
    assert_eq!(paths.len(), Path::ALL.len(), "the archive has events on every path");
    for (a, b) in right.iter().enumerate().flat_map(|(i, _)| (0..i).map(move |j| (i, j))) {
        let same = right[a]["kind"] == right[b]["kind"];
        assert_eq!(events[a].kind == events[b].kind, same, "kinds of events {a} and {b}");
    }
}

fn compare_event(event: &Event, right: &Value) {
    let text = |key: &str| right[key].as_str().expect("a text");
    let number = |key: &str| text(key).parse::<f64>().expect("a number");
    let day = 20_223 * 86_400_000_000i64;
    for (key, us) in
        [("time_from", event.time_from_us), ("time_to", event.time_to_us), ("peak_time", event.peak_time_us)]
    {
        let found = (us - day) as f64 / 1e6;
        // The definition cuts the last digit, so that a tenth may tip over.
        assert!((found - seconds(text(key))).abs() < 0.11, "{key}: {found} s and {} in {event:?}", text(key));
    }
    for (key, km) in [
        ("distance_from_km", event.distance_from_km),
        ("distance_to_km", event.distance_to_km),
        ("peak_km", event.peak_km),
    ] {
        assert!((km - number(key)).abs() < 2e-3, "{key}: {km} and {} in {event:?}", text(key));
    }
    assert!(
        close(event.score, number("score") as f32) || (f64::from(event.score) - number("score")).abs() < 0.03,
        "{event:?}"
    );
    assert_eq!(event.path.name(), text("path"), "path");
    assert_eq!(event.speed_ms.is_some(), !text("speed_ms").is_empty(), "{event:?}");
    if let Some(v) = event.speed_ms {
        assert!((v - number("speed_ms")).abs() < 0.06, "speed {v} and {}", text("speed_ms"));
    }
}
