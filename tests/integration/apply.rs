//! New images through a fitted model: the same numbers as the fit gave, and every model that does not fit is refused.

use std::path::{Path, PathBuf};

use ndarray::Array1;
use scatterfall::store::npz::write_npz;

use crate::fixture::{Fixture, Outcome, assert_same, assert_whole, files, json, program, results};

const METHODS: [&str; 4] = ["gmm", "kmeans", "dbscan", "agglomerative"];

/// Minutes that give every place a normal of its own.
const MINUTES: usize = 24;

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// `apply` on the archive of `place`, without its configuration file: the model brings it.
fn apply(place: &Fixture, model: &Path, output: &Path, more: &[&str]) -> Outcome {
    let mut arguments = vec!["apply", "--model", text(model), "--input"];
    let images = place.images();
    arguments.extend([text(&images), "--output", text(output), "--set", "compute.backend=cpu"]);
    arguments.extend(["--set", "visualize.methods=[]"]);
    arguments.extend(more);
    let outcome = program(&arguments);
    assert_whole(output);
    outcome
}

/// A fitted archive, and its model moved away from the results.
fn fitted(settings: &[&str]) -> (Fixture, PathBuf) {
    let place = Fixture::minutes(MINUTES);
    let dense = ["--set", "cluster.dbscan.eps=1.5", "--set", "cluster.dbscan.min_samples=4"];
    place.run(&[settings, &dense].concat()).ends_with(0);
    let model = place.path("model");
    std::fs::rename(place.output().join("model"), &model).expect("a model was written");
    (place, model)
}

/// Changes one line of a model's `model.toml`.
fn edit(model: &Path, from: &str, to: &str) {
    let path = model.join("model.toml");
    let toml = std::fs::read_to_string(&path).expect("a model");
    assert!(toml.contains(from), "`{from}` is not in\n{toml}");
    std::fs::write(path, toml.replacen(from, to, 1)).expect("written");
}

fn column(folder: &Path, name: &str) -> Vec<String> {
    let csv = std::fs::read_to_string(folder.join("clustering_results/clusters.csv")).expect("a table");
    let ix = csv.lines().next().and_then(|h| h.split(',').position(|n| n == name)).expect("the column");
    csv.lines().skip(1).map(|l| l.split(',').nth(ix).unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_fitted_archive_gives_the_same_labels_and_scores() {
    for method in METHODS {
        for baseline in ["place", "model"] {
            let settings = [format!("cluster.method={method}"), format!("anomaly.baseline={baseline}")];
            let (place, model) = fitted(&["--set", &settings[0], "--set", &settings[1]]);
            let output = place.path("applied");
            apply(&place, &model, &output, &[]).ends_with(0);
            let (got, want) = (column(&output, "score"), column(&place.output(), "score"));
            assert_eq!(got, want, "{method}, {baseline}: scores");
            assert!(got.iter().any(|s| *s != got[0]), "{method}, {baseline}: scores differ from row to row");
            let (got, want) = (column(&output, "cluster"), column(&place.output(), "cluster"));
            let same = got.iter().zip(&want).filter(|(a, b)| a == b).count();
            // Border rows of DBSCAN may go to the nearer of two clusters, rows of a hierarchy to the nearer mean.
            let least = if matches!(method, "gmm" | "kmeans") { got.len() } else { got.len() * 8 / 10 };
            assert!(same >= least, "{method}, {baseline}: {same} of {} labels", got.len());
            for file in ["pca_ica/independent_components.npz", "pca_ica/principal_components.npz", "anomalies.csv"] {
                let read = |folder: &Path| std::fs::read(folder.join(file)).expect("written");
                assert!(
                    read(&output) == read(&place.output()) || (file == "anomalies.csv" && least < got.len()),
                    "{method}, {baseline}: {file}"
                );
            }
        }
    }
}

/// Share of a component's variance that lies between places, largest of all components.
fn told_by_place(place: &Fixture) -> f64 {
    let file = "pca_ica/principal_components.npz";
    let (rows, distance) = (place.array(file, "features"), place.array(file, "distance"));
    let means = |column: ndarray::ArrayViewD<'_, f64>| {
        let mut sums = std::collections::BTreeMap::<i64, (f64, f64)>::new();
        for (value, km) in column.iter().zip(&distance) {
            let own = sums.entry((km.rem_euclid(crate::fixture::KM) * 1e6).round() as i64).or_default();
            *own = (own.0 + value, own.1 + 1.0);
        }
        sums.into_values().map(|(sum, n)| n * (sum / n).powi(2)).sum::<f64>()
    };
    let n = rows.shape()[0] as f64;
    // Components are white: their mean is 0 and their variance 1.
    (0..rows.shape()[1]).map(|c| means(rows.index_axis(ndarray::Axis(1), c)) / n).fold(0.0, f64::max)
}

#[test]
fn rows_without_their_places_normal_tell_no_places_and_are_applied_alike() {
    let (as_they_are, _) = fitted(&["--set", "reduce.run_pca=true"]);
    let (place, model) = fitted(&["--set", "reduce.run_pca=true", "--set", "cluster.on=normalised"]);
    let (before, after) = (told_by_place(&as_they_are), told_by_place(&place));
    // The logarithms' means are removed exactly but for the rounding of single-precision coefficients.
    assert!(after < 1e-6, "{after} of a component is told by its place");
    assert!(before > 1e-2, "{before} is, where rows are taken as they are");
    let output = place.path("applied");
    apply(&place, &model, &output, &[]).ends_with(0);
    for name in ["cluster", "score"] {
        assert_eq!(column(&output, name), column(&place.output(), name), "{name}");
    }
}

#[test]
fn core_rows_keep_their_cluster() {
    let (place, model) = fitted(&["--set", "cluster.method=dbscan"]);
    let output = place.path("applied");
    apply(&place, &model, &output, &[]).ends_with(0);
    let rows = place.array("pca_ica/independent_components.npz", "features");
    let core = crate::fixture::read_array(&model.join("clusters.npz"), "core");
    let (got, want) = (column(&output, "cluster"), column(&place.output(), "cluster"));
    let is_core = |i: usize| core.outer_iter().any(|c| c == rows.index_axis(ndarray::Axis(0), i));
    let count = (0..want.len()).filter(|&i| is_core(i)).inspect(|&i| assert_eq!(got[i], want[i], "row {i}")).count();
    assert!(count > 0 && count == core.shape()[0], "{count} core rows of {}", core.shape()[0]);
}

#[test]
fn new_days_are_scored_as_the_fit_would_score_them() {
    let (place, model) = fitted(&[]);
    let before = column(&place.output(), "score");
    place.add_day("20250516", 6);
    let output = place.path("applied");
    apply(&place, &model, &output, &[]).ends_with(0);
    let scores = column(&output, "score");
    assert_eq!(scores[..before.len()], before, "rows of the fit");
    // The same minutes once more, a day later.
    assert_eq!(scores[before.len()..], before[..scores.len() - before.len()], "rows of the new day");
    let (here, there) = (
        json(&output.join("clustering_results/summary.json")),
        json(&place.output().join("clustering_results/summary.json")),
    );
    assert_eq!(here["threshold"], there["threshold"], "learnt from the fit");
    assert_eq!(here["method"], "gmm", "{here}");
}

#[test]
fn rows_that_took_no_part_are_labelled_and_a_quantile_may_change() {
    let (place, model) = fitted(&["--set", "exclude.distance_km=[[0.0, 1.0]]"]);
    let output = place.path("applied");
    apply(&place, &model, &output, &["--set", "anomaly.quantile=0.5"]).ends_with(0);
    assert_eq!(column(&output, "score"), column(&place.output(), "score"), "scores");
    let threshold = |folder: &Path| json(&folder.join("clustering_results/summary.json"))["threshold"].as_f64();
    assert!(threshold(&output) < threshold(&place.output()), "the median of the fit's scores");
}

#[test]
fn across_images_too() {
    let (place, model) = fitted(&["--set", "segments.continuity=concatenated"]);
    let output = place.path("applied");
    apply(&place, &model, &output, &[]).ends_with(0);
    assert_eq!(column(&output, "score"), column(&place.output(), "score"), "scores");
}

#[test]
fn it_goes_on_where_it_was_stopped() {
    let (place, model) = fitted(&[]);
    place.add_day("20250516", 3);
    let (output, fresh) = (place.path("applied"), place.path("fresh"));
    apply(&place, &model, &fresh, &[]).ends_with(0);
    let want = results(&fresh);
    apply(&place, &model, &output, &[]).ends_with(0);
    apply(&place, &model, &output, &[]).ends_with(0);
    let figures = &json(&output.join("run.json"))["figures"];
    assert_eq!((&figures["days_computed"], &figures["days_current"]), (&0.into(), &2.into()), "nothing to do");
    for gone in [
        "scattering_coefficients/scattering_coefficients_20250516.npz",
        "features/features_20250515.npz",
        "anomalies.csv",
    ] {
        std::fs::remove_file(output.join(gone)).expect("was there");
        apply(&place, &model, &output, &[]).ends_with(0);
        assert_same(&results(&output), &want);
    }
    // A run's own fit in that folder is not taken for the model's, nor the other way round.
    place.cmd_into(&output, "run", &[]).ends_with(0);
    assert!(output.join("model/model.toml").is_file(), "a run leaves a model");
    apply(&place, &model, &output, &[]).ends_with(0);
    assert!(!output.join("model/model.toml").exists(), "the results are no longer those that it was fitted on");
    assert_eq!(column(&output, "score"), column(&fresh, "score"), "scores of the model");
}

#[test]
fn the_same_fit_leaves_the_same_model() {
    let (place, model) = fitted(&[]);
    let other = place.path("other");
    place
        .cmd_into(
            &other,
            "run",
            &["--threads", "1", "--set", "cluster.dbscan.eps=1.5", "--set", "cluster.dbscan.min_samples=4"],
        )
        .ends_with(0);
    assert_same(&files(&other.join("model")), &files(&model));
}

#[test]
fn a_model_of_other_things_is_refused() {
    let (place, model) = fitted(&[]);
    let output = place.path("applied");
    for (setting, parts) in [
        ("features.names=[\"std\"]", ["features.names", "\"gabor\""]),
        ("features.window=4", ["features.window = 3", "here it is 4"]),
        ("segments.bins=17", ["segments.bins = 16", "here it is 17"]),
        ("segments.length_km=2.0", ["segments.bins = 16", "unset"]),
        ("network.pooling=mean", ["network.pooling", "median"]),
        ("network.banks=[{octaves=2, resolution=2}]", ["network.banks", "octaves"]),
        ("reduce.ica_components=2", ["reduce.ica_components = 3", "here it is 2"]),
        ("cluster.method=kmeans", ["cluster.method", "gmm"]),
        ("anomaly.baseline=model", ["anomaly.baseline", "place"]),
        ("input.total_distance_km=10", ["input.total_distance_km", "10"]),
        ("value.colormap=viridis", ["value.colormap", "viridis"]),
        ("crop.enabled=true", ["crop.enabled = false", "true"]),
    ] {
        apply(&place, &model, &output, &["--set", setting]).fails(1, &parts);
    }
    // What is as it was, or does not matter, may be said again.
    let config = place.path("config.toml");
    let same = ["--config", text(&config), "--set", "input.duration_s=60", "--set", "anomaly.top=3"];
    apply(&place, &model, &output, &same).ends_with(0);

    for (from, to, parts) in [
        ("numbers = 1", "numbers = 99", ["version 99 of the numbers", "version 1"]),
        ("format = 1", "format = 7", ["format 7", "format 1"]),
        ("width = 84", "width = 85", ["85 x 24 pixels", "84 x 24"]),
        ("height = 24", "height = 48", ["84 x 48 pixels", "84 x 24"]),
    ] {
        let whole = std::fs::read(model.join("model.toml")).expect("a model");
        edit(&model, from, to);
        apply(&place, &model, &place.path("other"), &[]).fails(1, &parts);
        std::fs::write(model.join("model.toml"), whole).expect("written back");
    }
}

#[test]
fn images_of_another_size() {
    let (_fitted, model) = fitted(&[]);
    let place = Fixture::empty();
    for m in 0..2 {
        let other = crate::fixture::encode(
            crate::fixture::COLUMNS,
            2 * crate::fixture::ROWS,
            png::ColorType::Rgb,
            png::BitDepth::Eight,
            &[place.pixels(m), place.pixels(m)].concat(),
        );
        place.write(&format!("Waterfall_20250515_000{m}00.png"), &other);
    }
    apply(&place, &model, &place.output(), &[]).fails(1, &["84 x 24 pixels", "84 x 48", "fit a model"]);
}

#[test]
fn folders_that_are_no_model() {
    let (place, model) = fitted(&[]);
    let output = place.path("applied");
    apply(&place, &place.path("nowhere"), &output, &[]).fails(1, &["model.toml", "no such file", "--model"]);
    let own = place.output().join("model");
    std::fs::rename(&model, &own).expect("moved back");
    apply(&place, &own, &place.output(), &[]).fails(1, &["holds the model", "--output"]);
    let whole: Vec<(PathBuf, Vec<u8>)> = std::fs::read_dir(&own)
        .expect("a folder")
        .map(|e| e.expect("an entry").path())
        .map(|p| (p.clone(), std::fs::read(&p).expect("readable")))
        .collect();
    for (path, bytes) in &whole {
        let name = path.file_name().and_then(|n| n.to_str()).expect("a name");
        for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(path, &bytes[..cut]).expect("written");
            let outcome = apply(&place, &own, &output, &[]);
            // A last byte of model.toml that is missing may be a line's end, or change a version or a digest.
            if !(name == "model.toml" && cut == bytes.len() - 1) {
                outcome.fails(1, &[name]);
            }
        }
        std::fs::remove_file(path).expect("removed");
        // Without a detector a model is one that was fitted with `detect.enabled = false`.
        let outcome = apply(&place, &own, &output, &[]);
        if name == "detector.json" {
            outcome.ends_with(0);
        } else {
            outcome.fails(1, &[name]);
        }
        std::fs::write(path, bytes).expect("written back");
    }
    apply(&place, &own, &output, &[]).ends_with(0);
}

/// A model whose files are sound but for one array, digests and all.
#[test]
fn hostile_models() {
    let (place, model) = fitted(&[]);
    let output = place.path("applied");
    let digest = |name: &str| scatterfall::store::day::digest(&model.join(name)).expect("there");
    for (file, arrays) in [
        ("scores.npz", vec![("scores", Array1::<f64>::zeros(3)), ("place_km", Array1::from(vec![f64::NAN]))]),
        ("reduction.npz", vec![("order_columns", Array1::from(vec![1e300])), ("floor", Array1::zeros(0))]),
        ("clusters.npz", vec![("weights", Array1::zeros(2)), ("means", Array1::zeros(6))]),
        ("network.npz", vec![("centers_1", Array1::zeros(4))]),
    ] {
        let (path, old) = (model.join(file), digest(file));
        let whole = std::fs::read(&path).expect("readable");
        write_npz(&path, |out| arrays.iter().try_for_each(|(name, array)| out.add(name, array))).expect("written");
        let new = digest(file);
        edit(&model, &old, &new);
        apply(&place, &model, &output, &[]).fails(1, &[file]);
        edit(&model, &new, &old);
        std::fs::write(path, whole).expect("written back");
    }
    edit(&model, "[files]", "[files]\n\"../../secret\" = \"\"");
    apply(&place, &model, &output, &[]).fails(1, &["secret"]);
    edit(&model, "[files]\n\"../../secret\" = \"\"", "[files]");
    edit(&model, "names = [\"std\"", "names = [\"sdt\"");
    apply(&place, &model, &output, &[]).fails(2, &["features.names", "sdt"]);
    edit(&model, "names = [\"sdt\"", "names = [\"std\"");
    edit(&model, "[configuration.crop]", "[configuration.output]\npath = \"/\"\n[configuration.crop]");
    apply(&place, &model, &output, &[]).fails(1, &["[output]"]);
}

#[test]
fn stages_of_different_settings_leave_no_model() {
    let place = Fixture::minutes(4);
    place.run(&[]).ends_with(0);
    assert!(place.output().join("model/model.toml").is_file(), "a model");
    place.cmd("reduce", &["--set", "reduce.ica_components=2"]).ends_with(0);
    assert!(!place.output().join("model/model.toml").exists(), "its reduction is another now");
    place.cmd("cluster", &[]).ends_with(0).warns(&["no model", "the reduction", "same configuration"]);
    assert!(!place.output().join("model/model.toml").exists(), "still none");
    place.cmd("reduce", &[]).ends_with(0);
    place.cmd("cluster", &[]).ends_with(0);
    assert!(place.output().join("model/model.toml").is_file(), "one story again");
}

#[test]
fn colours_of_a_file_travel_with_the_model() {
    let place = Fixture::minutes(4);
    let map = scatterfall_colormap::Colormap::builtin("jet").expect("comes with the program");
    let rows: Vec<String> = (0..=u8::MAX).map(|i| map.color(i)).map(|[r, g, b]| format!("{r}, {g}, {b}\n")).collect();
    let file = place.path("colours.txt");
    std::fs::write(&file, rows.concat()).expect("written");
    let setting = format!("value.colormap={:?}", text(&file));
    place.run(&["--set", &setting]).ends_with(0);
    std::fs::remove_file(&file).expect("removed");
    let (model, output) = (place.output().join("model"), place.path("applied"));
    apply(&place, &model, &output, &[]).ends_with(0);
    assert_eq!(column(&output, "score"), column(&place.output(), "score"), "scores");
    apply(&place, &model, &output, &["--set", "value.colormap=jet"]).ends_with(0);
    apply(&place, &model, &output, &["--set", "value.colormap=gray"]).fails(1, &["value.colormap", "other colours"]);
}
