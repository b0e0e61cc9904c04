//! The configuration of the Python scripts that people come from, as TOML. Assignments are read; nothing is executed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::text::quoted;

/// A value of a plain assignment.
#[derive(Clone, Debug, PartialEq)]
enum Literal {
    None,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Literal>),
}

/// The TOML that says what `source` (a config.py) says, and a line for everything that cannot be taken over.
pub(crate) fn from_python(source: &str) -> (String, Vec<String>) {
    let mut left = Vec::new();
    let mut values: BTreeMap<String, Literal> = BTreeMap::new();
    for (name, text) in assignments(source) {
        match literal(text.trim(), &values) {
            Some(value) => {
                values.insert(name, value);
            }
            None => left.push(format!("{name} = {}: not a plain value", text.trim())),
        }
    }
    let mut taken = Taken { values, sections: BTreeMap::new(), left };
    input(&mut taken);
    features(&mut taken);
    clusters(&mut taken);
    pictures(&mut taken);
    let Taken { values, sections, mut left } = taken;
    left.extend(values.keys().map(|name| format!("{name}: no key of this program corresponds to it")));
    (written(&sections, &left), left)
}

/// Names and texts of `NAME = value`, brackets joined over lines, comments taken off.
fn assignments(source: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in source.trim_start_matches('\u{feff}').lines() {
        let line = without_comment(line);
        if let Some((name, text)) = open.take() {
            let text = format!("{text} {}", line.trim());
            if depth(&text) > 0 {
                open = Some((name, text))
            } else {
                out.push((name, text))
            }
            continue;
        }
        let Some((name, text)) = line.split_once('=') else { continue };
        // An annotation (`NAME: float = 1`) is no part of the name.
        let name = name.split(':').next().unwrap_or_default().trim();
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        if line.starts_with(char::is_whitespace) || !plain || text.starts_with('=') {
            continue;
        }
        let entry = (name.to_owned(), text.trim().to_owned());
        if depth(&entry.1) > 0 { open = Some(entry) } else { out.push(entry) }
    }
    out
}

/// The line up to a `#` that is not inside quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (i, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return &line[..i],
            (None, '\'' | '"') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
    }
    line
}

/// Brackets that are open at the end of a text.
fn depth(text: &str) -> i32 {
    text.chars().map(|c| i32::from("([{".contains(c)) - i32::from(")]}".contains(c))).sum()
}

/// Most brackets within each other.
const DEEPEST: usize = 8;

fn literal(text: &str, known: &BTreeMap<String, Literal>) -> Option<Literal> {
    nested(text, known, 0)
}

fn nested(text: &str, known: &BTreeMap<String, Literal>, level: usize) -> Option<Literal> {
    let text = text.trim();
    if level > DEEPEST {
        return None;
    }
    let inside = |open: char, close: char| text.strip_prefix(open).and_then(|t| t.strip_suffix(close));
    match text {
        "None" => return Some(Literal::None),
        "True" => return Some(Literal::Bool(true)),
        "False" => return Some(Literal::Bool(false)),
        _ => {}
    }
    let bare = text.trim_start_matches(['r', 'R', 'u', 'b']);
    for quote in ['\'', '"'] {
        let content = bare.strip_prefix(quote).and_then(|t| t.strip_suffix(quote));
        if let Some(content) = content.filter(|c| !c.contains(quote)) {
            return Some(Literal::Text(content.to_owned()));
        }
    }
    if let Some(items) = inside('[', ']').or_else(|| inside('(', ')')) {
        let parts = split(items);
        if text.starts_with('(') && parts.len() == 1 && !items.trim_end().ends_with(',') {
            return nested(items, known, level + 1);
        }
        return parts.iter().map(|p| nested(p, known, level + 1)).collect::<Option<_>>().map(Literal::List);
    }
    if let Some(range) = text.strip_prefix("range(").and_then(|t| t.strip_suffix(')')) {
        let ends: Vec<f64> = split(range).iter().filter_map(|p| p.trim().parse().ok()).collect();
        // A range of Python does not hold its end.
        return match ends[..] {
            [from, to] | [from, to, 1.0] => Some(Literal::List(vec![Literal::Number(from), Literal::Number(to - 1.0)])),
            _ => None,
        };
    }
    if let Some(value) = known.get(text) {
        return Some(value.clone());
    }
    number(text).map(Literal::Number)
}

/// A number, or products and quotients of numbers.
fn number(text: &str) -> Option<f64> {
    let mut value = None;
    let mut rest = text;
    let mut times = true;
    loop {
        let end = rest.find(['*', '/']).unwrap_or(rest.len());
        let n: f64 = rest[..end].trim().replace('_', "").parse().ok()?;
        value = Some(match value {
            None => n,
            Some(v) if times => v * n,
            Some(v) => v / n,
        });
        match rest[end..].chars().next() {
            None => return value.filter(|v: &f64| v.is_finite()),
            Some(c) => times = c == '*',
        }
        rest = &rest[end + 1..];
    }
}

/// The items of a list, by the commas that are in no bracket.
fn split(text: &str) -> Vec<&str> {
    let (mut out, mut start, mut level) = (Vec::new(), 0, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' => level += 1,
            ')' | ']' => level -= 1,
            ',' if level == 0 => {
                out.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    out.push(&text[start..]);
    out.retain(|p| !p.trim().is_empty());
    out
}

/// Assignments on their way into sections.
struct Taken {
    values: BTreeMap<String, Literal>,
    sections: BTreeMap<&'static str, Vec<(&'static str, String)>>,
    left: Vec<String>,
}

impl Taken {
    fn set(&mut self, section: &'static str, key: &'static str, value: String) {
        self.sections.entry(section).or_default().push((key, value));
    }

    /// Takes the number `name`, times `factor`.
    fn number(&mut self, name: &str, section: &'static str, key: &'static str, factor: f64) {
        match self.values.remove(name) {
            Some(Literal::Number(n)) => self.set(section, key, float(n * factor)),
            other => self.refuse(name, other),
        }
    }

    fn whole(&mut self, name: &str, section: &'static str, key: &'static str) {
        match self.values.remove(name) {
            Some(Literal::Number(n)) if n >= 0.0 && n.fract() == 0.0 => self.set(section, key, format!("{n:.0}")),
            other => self.refuse(name, other),
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.values.remove(name) {
            Some(Literal::Text(t)) if !t.eq_ignore_ascii_case("none") => Some(t),
            Some(Literal::Text(_) | Literal::None) | None => None,
            other => {
                self.refuse(name, other);
                None
            }
        }
    }

    /// Names what is there and cannot be used.
    fn refuse(&mut self, name: &str, value: Option<Literal>) {
        if let Some(value) = value.filter(|v| *v != Literal::None) {
            self.left.push(format!("{name} = {value:?}: not what this setting can be"));
        }
    }

    /// A word that must be one of some.
    fn word(&mut self, name: &str, section: &'static str, key: &'static str, words: &[(&str, &str)]) {
        let Some(text) = self.text(name) else { return };
        let lower = text.to_lowercase();
        match words.iter().find(|(theirs, _)| *theirs == lower) {
            Some((_, ours)) => self.set(section, key, quoted(ours)),
            None => self.left.push(format!("{name} = {text:?}: unknown")),
        }
    }
}

/// A number as TOML has it.
fn float(n: f64) -> String {
    // Minutes times 60 and the like leave digits behind that nobody wrote.
    let rounded = (n * 1e9).round() / 1e9;
    if rounded == n || (rounded - n).abs() < 1e-12 * n.abs() { format!("{rounded:?}") } else { format!("{n:?}") }
}

fn input(t: &mut Taken) {
    if let Some(glob) = t.text("DAS_WATERFALL_PATH") {
        let fixed = glob.find(['*', '?', '[']).map_or(glob.as_str(), |i| &glob[..i]);
        let folder = match fixed.rfind(['/', '\\']) {
            Some(i) if fixed.len() < glob.len() => &fixed[..=i],
            None if fixed.len() < glob.len() => ".",
            _ => fixed,
        };
        t.set("input", "path", quoted(if folder.len() > 1 { folder.trim_end_matches('/') } else { folder }));
        if let Some(file) = Path::new(&glob).file_name().map(|f| f.to_string_lossy().into_owned())
            && file != "*.png"
            && file.contains('*')
        {
            t.left.push(format!("DAS_WATERFALL_PATH = {glob:?}: every picture of the folder is read, not only {file}"));
        }
    }
    for (name, key) in [("START_TIME", "start"), ("END_TIME", "end")] {
        if let Some(time) = t.text(name) {
            t.set("input", key, quoted(&time));
        }
    }
    t.number("DURATION_WATERFALL", "input", "duration_s", 60.0);
    t.number("TOTAL_DISTANCE_KM", "input", "total_distance_km", 1.0);
    if let Some(path) = t.text("OUTPUT_PATH") {
        t.set("output", "path", quoted(&path));
    }
    match t.values.remove("CROP_OR_NOT") {
        Some(Literal::Bool(crop)) => t.set("crop", "enabled", crop.to_string()),
        Some(Literal::Number(n)) => t.set("crop", "enabled", (n != 0.0).to_string()),
        other => t.refuse("CROP_OR_NOT", other),
    }
    for (name, key) in [("CROP_TOP", "top"), ("CROP_BOTTOM", "bottom"), ("CROP_LEFT", "left"), ("CROP_RIGHT", "right")]
    {
        t.whole(name, "crop", key);
    }
    t.number("ORIGINAL_DMIN", "value", "db_min", 1.0);
    t.number("ORIGINAL_DMAX", "value", "db_max", 1.0);
}

fn features(t: &mut Taken) {
    // What the scripts always do.
    t.set("features", "names", "[\"std\", \"gabor\", \"dominant_frequency\"]".into());
    t.whole("WINDOW_SIZE_CHANNEL", "features", "window");
    t.whole("STEP_CHANNEL", "features", "step");
    t.set("segments", "continuity", quoted("concatenated"));
    t.number("SEGMENT_DISTANCE", "segments", "length_km", 1.0);
    t.number("SEGMENT_OVERLAP", "segments", "overlap", 1.0);
    t.set("network", "order_0", "false".into());
    for (section, n) in [("network.banks 1", 1), ("network.banks 2", 2)] {
        t.whole(&format!("OCTAVES_{n}"), section, "octaves");
        t.whole(&format!("RESOLUTION_{n}"), section, "resolution");
        t.number(&format!("QUALITY_{n}"), section, "quality", 1.0);
    }
    t.set("reduce", "scaling", quoted("none"));
    match t.values.remove("RUN_PCA") {
        Some(Literal::Bool(run)) => t.set("reduce", "run_pca", run.to_string()),
        other => t.refuse("RUN_PCA", other),
    }
    t.whole("PCA_COMPONENTS", "reduce", "pca_components");
    t.whole("ICA_COMPONENTS", "reduce", "ica_components");
}

fn clusters(t: &mut Taken) {
    let methods = [
        ("gmm", "gmm"),
        ("kmeans", "kmeans"),
        ("k-means", "kmeans"),
        ("dbscan", "dbscan"),
        ("agglomerative", "agglomerative"),
        ("agg", "agglomerative"),
        ("hierarchical", "agglomerative"),
    ];
    t.word("CLUSTER_METHOD", "cluster", "method", &methods);
    t.whole("KMEANS_CLUSTERS", "cluster.kmeans", "clusters");
    t.whole("GMM_N_COMPONENTS", "cluster.gmm", "components");
    let covariances = [("full", "full"), ("diag", "diag"), ("tied", "tied"), ("spherical", "spherical")];
    t.word("GMM_COVARIANCE_TYPE", "cluster.gmm", "covariance", &covariances);
    t.word("SELECT_CLUSTERS_WITH", "cluster.gmm", "select", &[("aic", "aic"), ("bic", "bic")]);
    match t.values.remove("GMM_COMPONENT_RANGE") {
        Some(Literal::List(ends)) if ends.len() >= 2 => match (&ends[0], &ends[ends.len() - 1]) {
            (Literal::Number(a), Literal::Number(b)) => t.set("cluster.gmm", "range", format!("[{a:.0}, {b:.0}]")),
            _ => t.refuse("GMM_COMPONENT_RANGE", Some(Literal::List(ends))),
        },
        other => t.refuse("GMM_COMPONENT_RANGE", other),
    }
    t.number("DBSCAN_EPS", "cluster.dbscan", "eps", 1.0);
    t.whole("DBSCAN_MIN_SAMPLES", "cluster.dbscan", "min_samples");
    t.whole("AGG_N_CLUSTERS", "cluster.agglomerative", "clusters");
    let linkages = [("ward", "ward"), ("complete", "complete"), ("average", "average"), ("single", "single")];
    t.word("AGG_LINKAGE", "cluster.agglomerative", "linkage", &linkages);
}

fn pictures(t: &mut Taken) {
    t.number("OCCURRENCES_LOC", "visualize", "occurrences_km", 1.0);
    t.whole("ACCUMULATIONS_PER_FILE", "visualize", "accumulate_files");
    t.whole("IMAGE_STEPS", "visualize", "image_step");
    t.whole("IMAGE_PER_GROUP", "visualize", "images_per_group");
    let wanted: Vec<String> = match t.values.remove("VISUALIZATION_METHOD") {
        Some(Literal::Text(one)) => vec![one],
        Some(Literal::List(many)) => {
            many.into_iter().filter_map(|m| if let Literal::Text(text) = m { Some(text) } else { None }).collect()
        }
        other => {
            t.refuse("VISUALIZATION_METHOD", other);
            return;
        }
    };
    let mut methods: Vec<&str> = Vec::new();
    for name in wanted {
        let lower = name.to_lowercase();
        let ours: &[&str] = match lower.as_str() {
            "all" => &["cluster_counts", "waterfall_clusters", "features_clusters"],
            l if l.contains("count") => &["cluster_counts"],
            l if l.contains("feature") => &["features_clusters"],
            l if l.contains("waterfall") || l.contains("blackdot") || l.contains("image") => &["waterfall_clusters"],
            _ => {
                t.left.push(format!("VISUALIZATION_METHOD {name:?}: unknown"));
                &[]
            }
        };
        methods.extend(ours.iter().filter(|o| !methods.contains(o)).collect::<Vec<_>>());
    }
    if !methods.is_empty() {
        let list: Vec<String> = methods.iter().map(|m| quoted(m)).collect();
        t.set("visualize", "methods", format!("[{}]", list.join(", ")));
    }
}

fn written(sections: &BTreeMap<&'static str, Vec<(&'static str, String)>>, left: &[String]) -> String {
    let mut out = String::from("# scatterfall: taken over from the Python scripts' configuration.\n");
    for line in left {
        let _ = writeln!(out, "# not taken over: {}", line.replace('\n', " "));
    }
    for (name, entries) in sections {
        // Banks are a list of tables, one a layer.
        let head = if name.starts_with("network.banks") { "[[network.banks]]".to_owned() } else { format!("[{name}]") };
        let _ = writeln!(out, "\n{head}");
        for (key, value) in entries {
            let _ = writeln!(out, "{key} = {value}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Continuity, Feature, Method, SegmentLength};

    const SOURCE: &str = r#"
import os
DAS_WATERFALL_PATH = './data/2025/*.png'   # where the images are
START_TIME = "None"
END_TIME = '20250516_000000'
ORIGINAL_DMIN, x = 1, 2
ORIGINAL_DMIN = -113
ORIGINAL_DMAX = -35.0
OUTPUT_PATH = "./out"
CROP_OR_NOT = True
CROP_TOP = 160
CROP_BOTTOM = 696
CROP_LEFT = 70
CROP_RIGHT = 1789
DURATION_WATERFALL = 1
TOTAL_DISTANCE_KM: float = 20
WINDOW_SIZE_CHANNEL = 3
STEP_CHANNEL = 2
SEGMENT_DISTANCE = 3
SEGMENT_OVERLAP = 0.2
OCTAVES_1, OCTAVES_2 = 9, 9
OCTAVES_1 = 4
RESOLUTION_1 = 6
QUALITY_1 = 1
OCTAVES_2 = 2
RESOLUTION_2 = 4
QUALITY_2 = 1
RUN_PCA = False
PCA_COMPONENTS = 5
ICA_COMPONENTS = 4
CLUSTER_METHOD = 'kmeans'
KMEANS_CLUSTERS = 7
GMM_N_COMPONENTS = 6
GMM_COVARIANCE_TYPE = "full"
SELECT_CLUSTERS_WITH = "BIC"
GMM_COMPONENT_RANGE = range(2, 11)
DBSCAN_EPS = 0.6
DBSCAN_MIN_SAMPLES = 5 * 10
AGG_N_CLUSTERS = 5
AGG_LINKAGE = 'ward'
OCCURRENCES_LOC = 13.8896
ACCUMULATIONS_PER_FILE = 4
IMAGE_STEPS = 2
IMAGE_PER_GROUP = 5
VISUALIZATION_METHOD = [
    'cluster_counts',
    "features_clusters",
]
OTHER_THING = os.path.join("a", "b")
UNKNOWN = 3
"#;

    #[test]
    fn every_setting_is_taken_over_and_the_rest_is_named() {
        let (text, left) = from_python(SOURCE);
        let config = Config::from_text(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert_eq!(config.input.path, Path::new("./data/2025"), "the folder of the glob");
        assert_eq!((config.input.duration_s, config.input.total_distance_km), (60.0, 20.0), "minutes are seconds");
        assert!(config.input.start.is_none() && config.input.end.is_some(), "\"None\" is none");
        assert_eq!(config.crop.map(|c| (c.top, c.bottom, c.left, c.right)), Some((160, 696, 70, 1789)), "crop");
        assert_eq!((config.value.db_min, config.value.db_max), (-113.0, -35.0), "decibels");
        assert_eq!(config.features.names, [Feature::Std, Feature::Gabor, Feature::DominantFrequency], "their features");
        assert_eq!(config.segments.length, SegmentLength::Km(3.0), "kilometres");
        assert_eq!(config.segments.continuity, Continuity::Concatenated, "their way");
        assert!(!config.network.order_0 && !config.reduce.run_pca, "flags");
        let banks: Vec<(usize, usize)> = config.network.banks.iter().map(|b| (b.octaves, b.resolution)).collect();
        assert_eq!(banks, [(4, 6), (2, 4)], "banks");
        assert_eq!((config.cluster.method, config.cluster.kmeans.clusters), (Method::KMeans, 7), "clusters");
        assert_eq!((config.cluster.gmm.range, config.cluster.dbscan.min_samples), ((2, 10), 50), "ranges and products");
        assert_eq!(config.visualize.methods.len(), 2, "pictures");
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left[0].starts_with("OTHER_THING") && left[1].starts_with("UNKNOWN"), "{left:?}");
    }

    #[test]
    fn nothing_in_a_file_breaks_the_reading() {
        for source in [
            "",
            "A = [",
            "A = ((((((((((((1))))))))))))",
            "A = 'x",
            "DBSCAN_EPS = 'x'",
            "A = 1/0",
            "\u{feff}CROP_TOP = -1",
        ] {
            let (text, _) = from_python(source);
            assert!(Config::from_text(&text).is_ok(), "{source}: {text}");
        }
    }
}
