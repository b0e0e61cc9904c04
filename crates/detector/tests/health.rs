//! Faults of the record are findings and no events, and hide nothing elsewhere.

mod archive;

use std::sync::Arc;

use archive::{GEOMETRY, images, time_us};
use scatterfall_detector::{
    DetectorParams, DetectorPlan, Event, Fault, Finding, HealthScan, Image, Measurer, Path, Reference, Threshold,
    detect, fit,
};

fn run(images: Vec<Image>) -> (Vec<Event>, Vec<Finding>) {
    let plan = Arc::new(DetectorPlan::new(GEOMETRY, DetectorParams::default()).expect("a plan"));
    let mut measurer = Measurer::new(plan.clone(), Reference::Local).expect("a measurer");
    let mut measured = measurer.push(images).expect("images in order");
    measured.append(&mut measurer.finish());
    let mut scan = HealthScan::new(&plan);
    measured.iter().for_each(|m| scan.push(m));
    let days = [measured];
    let threshold = Threshold { false_alarms_per_day: 10.0, fixed: None };
    let model = fit(&plan, days.as_slice(), threshold).expect("a model");
    (detect(&plan, &model, days.as_slice(), |_, _| Ok(())).expect("events"), scan.finish())
}

fn find(findings: &[Finding], fault: Fault) -> Vec<&Finding> {
    findings.iter().filter(|f| f.fault == fault).collect()
}

#[test]
fn a_sound_record_has_its_planted_faults_only() {
    let (_, findings) = run(images());
    let faults: Vec<Fault> = findings.iter().map(|f| f.fault).collect();
    assert_eq!(faults, [Fault::Blank, Fault::Frozen, Fault::Gap], "{findings:#?}");
    assert_eq!(findings[0].time_from_us, time_us(12), "the blank rows");
    assert_eq!(findings[1].time_from_us, time_us(14), "the rows that repeat");
    assert_eq!((findings[2].time_from_us, findings[2].time_to_us), (time_us(24) + 60_000_000, time_us(25)), "the gap");
}

/// A white stretch over a third of the fibre for ten minutes.
fn with_dead_stretch() -> Vec<Image> {
    let mut images = images();
    for image in &mut images[2..12] {
        image.plane.chunks_exact_mut(GEOMETRY.columns).for_each(|row| row[150..230].fill(255));
    }
    images
}

#[test]
fn a_dead_stretch_is_no_event_and_hides_none() {
    let (sound, _) = run(images());
    let (events, findings) = run(with_dead_stretch());
    let dead = find(&findings, Fault::Saturated);
    assert_eq!(dead.len(), 1, "{findings:#?}");
    assert_eq!((dead[0].time_from_us, dead[0].images), (time_us(2), 10), "since when, and how long");
    assert!((dead[0].distance_from_km - 3.75).abs() < 0.03 && (dead[0].distance_to_km - 5.75).abs() < 0.03, "{dead:?}");
    let inside =
        |e: &&Event| e.peak_km > 3.8 && e.peak_km < 5.7 && e.peak_time_us > time_us(2) && e.peak_time_us < time_us(12);
    assert_eq!(events.iter().filter(inside).count(), 0, "{events:#?}");
    for path in [Path::Wide, Path::Slants] {
        let of = |list: &[Event]| list.iter().filter(|e| e.path == path && e.peak_km < 3.7).count();
        assert!(of(&events) >= of(&sound).min(1), "{path:?} elsewhere is still found: {events:#?}");
    }
}

#[test]
fn repeated_images_are_no_events() {
    let mut repeated = images();
    for k in 31..40 {
        repeated[k].plane = repeated[30].plane.clone();
    }
    let (events, findings) = run(repeated);
    let copies = find(&findings, Fault::Repeated);
    assert_eq!(copies.len(), 1, "{findings:#?}");
    assert_eq!((copies[0].time_from_us, copies[0].images), (time_us(31), 9), "which images");
    let late: Vec<&Event> = events.iter().filter(|e| e.time_from_us >= time_us(32)).collect();
    assert!(late.is_empty(), "nothing happens in copies: {late:#?}");
    assert!(events.iter().any(|e| e.path == Path::Wide), "the earthquake before is found: {events:#?}");
}
