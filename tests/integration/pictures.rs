//! Pictures and the report: from stored files alone, drawn once, left alone while they are current.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use crate::fixture::{Fixture, files, program};

const PICTURES: [&str; 2] =
    ["--set", "visualize.methods=[\"cluster_counts\", \"waterfall_clusters\", \"features_clusters\"]"];

/// Times of change of the pictures, the network and the report.
fn drawn(output: &Path) -> BTreeMap<String, SystemTime> {
    let ours = |n: &String| n.starts_with("visualizations/") || n.starts_with("wavelets/") || n == "report.html";
    let changed = |n: &str| output.join(n).metadata().and_then(|m| m.modified()).expect("a time of change");
    files(output).into_keys().filter(ours).map(|n| (n.clone(), changed(&n))).collect()
}

fn report(output: &Path) -> String {
    std::fs::read_to_string(output.join("report.html")).expect("a page")
}

/// Waterfalls that a page holds.
fn thumbnails(page: &str) -> usize {
    page.matches("\"src\":\"data:image/png").count()
}

#[test]
fn drawn_once_and_again_only_for_something_new() {
    let place = Fixture::minutes(7);
    place.run(&PICTURES).ends_with(0);
    let first = drawn(&place.output());
    for name in [
        "report.html",
        "visualizations/centroids.png",
        "visualizations/cluster_blackdots/20250515_000000_cluster0.png",
        "visualizations/cluster_blackdots/20250515_000000_cluster1.png",
        "visualizations/cluster_counts/cluster1_counts.png",
        "visualizations/cluster_map.png",
        "visualizations/coverage.png",
        "visualizations/detection_rate.png",
        "visualizations/examples/cluster1.png",
        "visualizations/features_clusters/20250515_000600.png",
        "visualizations/pca_ica/explained_variance.png",
        "visualizations/pca_ica/independent_components.png",
        "visualizations/pca_ica/independent_components_first_two.png",
        "visualizations/pca_ica/principal_components.png",
        "visualizations/pca_ica/principal_components_first_two.png",
        "visualizations/score_map.png",
        "wavelets/bank_1.png",
        "wavelets/bank_2.png",
        "wavelets/network.npz",
    ] {
        assert!(first.contains_key(name), "{name} is missing from {:?}", first.keys());
    }
    assert!(thumbnails(&report(&place.output())) >= 7, "waterfalls in the page");
    place.run(&PICTURES).ends_with(0);
    place.cmd("visualize", &PICTURES).ends_with(0);
    place.cmd("report", &PICTURES).ends_with(0);
    assert_eq!(drawn(&place.output()), first, "nothing is drawn or written again");

    // The negative controls: a picture that went, and an image more.
    std::fs::remove_file(place.output().join("visualizations/coverage.png")).expect("removed");
    place.run(&PICTURES).ends_with(0);
    let second = drawn(&place.output());
    assert!(second["visualizations/coverage.png"] > first["visualizations/coverage.png"], "drawn again");
    assert_eq!(second["wavelets/network.npz"], first["wavelets/network.npz"], "the same network");
    place.add("20250515_000700", 7);
    place.run(&PICTURES).ends_with(0);
    let third = drawn(&place.output());
    assert!(third["visualizations/cluster_map.png"] > second["visualizations/cluster_map.png"], "a new image");
    assert!(third["report.html"] > second["report.html"], "a new page");
}

#[test]
fn an_archive_that_went() {
    let place = Fixture::minutes(3);
    let apart = place.path("apart");
    place.run(&PICTURES).ends_with(0);
    place.cmd_into(&apart, "run", &["--set", "visualize.methods=[]"]).ends_with(0);
    let without: Vec<String> = drawn(&apart).into_keys().filter(|n| n.ends_with(".png")).collect();
    assert!(without.is_empty(), "an empty list asks for no pictures: {without:?}");
    let before = drawn(&place.output());
    let move_images = |away: bool| {
        for m in 0..3 {
            let paths =
                [place.images().join(format!("Waterfall_20250515_00{m:02}00.png")), place.path(&format!("{m}"))];
            let (from, to) = if away { (&paths[0], &paths[1]) } else { (&paths[1], &paths[0]) };
            std::fs::rename(from, to).expect("moved");
        }
    };
    move_images(true);
    for command in ["visualize", "report"] {
        place.cmd(command, &PICTURES).ends_with(0);
    }
    assert_eq!(drawn(&place.output()), before, "what was drawn from them is kept");
    std::fs::remove_file(apart.join("report.html")).expect("removed");
    place.cmd_into(&apart, "visualize", &PICTURES).ends_with(0).warns(&["images are not there"]);
    place.cmd_into(&apart, "report", &PICTURES).ends_with(0);
    let drawn_apart = drawn(&apart);
    assert!(drawn_apart.contains_key("visualizations/cluster_map.png"), "what needs no images");
    assert!(!drawn_apart.keys().any(|n| n.contains("blackdots") || n.contains("features_clusters")), "no waterfalls");
    assert_eq!(thumbnails(&report(&apart)), 0, "none in the page");
    move_images(false);
    for command in ["visualize", "report"] {
        place.cmd_into(&apart, command, &PICTURES).ends_with(0);
    }
    assert!(drawn(&apart).keys().any(|n| n.contains("blackdots")), "they are back");
    assert!(thumbnails(&report(&apart)) >= 3, "in the page too");
}

#[test]
fn names_stay_text() {
    let place = Fixture::minutes(3);
    let evil = "<img src=x onerror=alert(1)>_20250515_000300.png";
    place.write(evil, &place.picture(3));
    place.write("<script>_20250515_000400.png", b"no picture");
    place.run(&[]).ends_with(3);
    let rows = place.table("clustering_results/clusters.csv");
    assert!(rows.iter().any(|r| r["image_file"] == evil), "it is one of the images");
    let page = report(&place.output());
    assert!(!page.contains("<img src=x") && !page.contains("<script>_2025"), "no markup of names");
    assert!(page.contains("&lt;script&gt;_20250515_000400.png"), "the file that was left out, as text");
}

#[test]
fn seismograms_have_the_panels_that_fit() {
    let place = Fixture::empty();
    let input = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/miniseed/tests/goldens/no_blockettes.mseed");
    let output = place.path("seismograms");
    let settings = ["--set", "seismogram.segment_s=0.2", "--set", "cluster.gmm.components=2"];
    let settings = [&settings[..], &["--set", "reduce.ica_components=2"]].concat();
    let all = ["seismogram", "--input", input, "--output", output.to_str().expect("UTF-8")];
    program(&[&all[..], &settings].concat()).ends_with(0);
    // One folder a station where there are several.
    let folders = files(&output).into_keys().filter(|n| n.contains("scattering_coefficients_"));
    let folder = folders.filter_map(|n| n.split_once("scattering_coefficients/").map(|(f, _)| output.join(f))).next();
    let folder = folder.expect("coefficients");
    let station = ["--output", folder.to_str().expect("UTF-8")];
    for command in ["reduce", "cluster", "visualize", "report"] {
        program(&[&[command], &station[..], &settings].concat()).ends_with(0);
    }
    let written = drawn(&folder);
    for name in
        ["scattergram.png", "pca_ica/independent_components_first_two.png", "cluster_counts/cluster0_counts.png"]
    {
        assert!(written.contains_key(&format!("visualizations/{name}")), "{name} is missing from {:?}", written.keys());
    }
    assert!(written.contains_key("wavelets/bank_1.png"), "the filters");
    for part in ["map", "examples", "blackdots", "coverage"] {
        assert!(!written.keys().any(|n| n.contains(part)), "{part} does not fit: {:?}", written.keys());
    }
    let page = report(&folder);
    assert!(page.contains("Scattergram") && page.contains("<dt>Segments</dt>") && !page.contains("Coverage"), "page");
}
