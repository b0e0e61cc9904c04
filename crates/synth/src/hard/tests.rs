use super::*;

fn options(images: usize, seed: u64, activity: Activity) -> HardOptions {
    HardOptions { images, seed, day_s: 0.0, km: 20.0, rows: 40, columns: 172, activity }
}

fn truth(archive: &HardArchive) -> HardTruth {
    let mut bytes = Vec::new();
    archive.write_truth(&mut bytes, |s| format!("{s:.3}")).expect("a vector takes all");
    serde_json::from_slice(&bytes).expect("reads back")
}

#[test]
fn a_longer_archive_begins_with_the_same_images_and_threads_do_not_matter() {
    let (short, long) =
        (HardArchive::new(&options(30, 3, Activity::Normal)), HardArchive::new(&options(90, 3, Activity::Normal)));
    for image in [29, 0, 11] {
        assert_eq!(short.field(image), long.field(image), "image {image}, in any order");
    }
    assert_ne!(short.field(3), short.field(4), "images differ");
    assert_ne!(short.field(3), HardArchive::new(&options(30, 4, Activity::Normal)).field(3), "seeds differ");
}

#[test]
fn every_kind_occurs_and_its_mask_lies_in_the_archive() {
    let truth = truth(&HardArchive::new(&options(1440, 1, Activity::Normal)));
    let kinds: std::collections::BTreeSet<&str> = truth.events.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(kinds.len(), 10, "{kinds:?}");
    assert_eq!(truth.head.images, 1440, "the head is read back");
    for e in &truth.events {
        assert!((0.7..=14.0).contains(&e.peak_db), "{e:?}");
        for &[t0, t1, x0, x1] in &e.mask {
            assert!(0.0 <= t0 && t0 < t1 && t1 <= 86_400.5, "{}: {t0} to {t1} s", e.kind);
            assert!(0.0 <= x0 && x0 < x1 && x1 <= 20.0, "{}: {x0} to {x1} km", e.kind);
            assert!(t1 - t0 <= 60.5 && x1 - x0 <= 1.3, "{}: a box is in one image and km", e.kind);
        }
    }
    let seen = truth.events.iter().filter(|e| !e.mask.is_empty()).count();
    assert!(seen * 10 > truth.events.len() * 9, "{seen} of {} are on the fibre", truth.events.len());
}

/// The picture and the truth agree: inside the mask of a strong event the level is higher than in the same archive
/// without events, elsewhere it is the same.
#[test]
fn the_mask_is_where_the_picture_changes() {
    let (with, without) =
        (HardArchive::new(&options(240, 5, Activity::Normal)), HardArchive::new(&options(240, 5, Activity::Quiet)));
    let truth = truth(&with);
    for image in [20, 77, 130, 201] {
        let change = with.field(image) - without.field(image);
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for ((row, column), &db) in change.indexed_iter() {
            let (t, x) = (image as f64 * 60.0 + (row as f64 + 0.5) * 1.5, (column as f64 + 0.5) * 20.0 / 172.0);
            let within = |e: &&TruthEvent, margin: f64| {
                let holds = |b: &&[f64; 4]| {
                    t > b[0] - 20.0 * margin && t < b[1] + 20.0 * margin && x > b[2] - margin && x < b[3] + margin
                };
                e.mask.iter().any(|b| holds(&b))
            };
            if truth.events.iter().any(|e| within(&e, 0.0)) {
                inside.push(db);
            } else if !truth.events.iter().any(|e| within(&e, 2.0)) {
                outside.push(db);
            }
        }
        let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len().max(1) as f32;
        // Beyond 2 km and 40 s of any mask only codas and flanks below the mask's bound are left.
        assert!(outside.iter().all(|&d| d < 3.0), "image {image}: nothing is loud outside");
        assert!(inside.is_empty() || mean(&inside) > mean(&outside), "image {image}: inside is louder");
    }
}

#[test]
fn quiet_archives_have_nuisances_and_no_events() {
    let truth = truth(&HardArchive::new(&options(720, 2, Activity::Quiet)));
    assert!(truth.events.is_empty(), "no events");
    for kind in [NuisanceKind::Rain, NuisanceKind::GainStep, NuisanceKind::Frozen, NuisanceKind::Saturated] {
        assert!(truth.nuisances.iter().any(|n| n.kind == kind), "{kind:?} within twelve hours");
    }
}

#[test]
fn coarse_and_tiny_geometries_are_drawn() {
    for (rows, columns, km) in [(1, 1, 0.05), (11, 52, 0.52), (83, 1719, 91.0), (536, 3, 20.0)] {
        let o = HardOptions { rows, columns, km, ..options(2, 1, Activity::Busy) };
        let archive = HardArchive::new(&o);
        assert_eq!(archive.field(1).dim(), (rows, columns), "{km} km");
        assert!(archive.field(0).iter().all(|v| v.is_finite()), "{km} km: all levels are numbers");
        truth(&archive);
    }
}
