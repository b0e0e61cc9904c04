//! The raw configuration: TOML tables, merged by presence, with unknown keys refused by name.

use toml::{Table, Value};

use crate::error::{Error, Result};

/// Every section with its keys. `config.toml` shows each of them; a test holds the two together.
pub(super) const KEYS: &[(&str, &[&str])] = &[
    (
        "input",
        &[
            "path",
            "duration_s",
            "total_distance_km",
            "time_pattern",
            "utc_offset_h",
            "start",
            "end",
            "distance_offset_km",
            "max_pixels",
        ],
    ),
    ("exclude", &["distance_km", "time"]),
    ("output", &["path", "waterfall_npz"]),
    ("crop", &["enabled", "top", "bottom", "left", "right", "time_axis"]),
    ("value", &["colormap", "db_min", "db_max", "max_residual", "fold"]),
    ("features", &["window", "step", "names"]),
    ("segments", &["length_km", "bins", "overlap", "continuity"]),
    ("network", &["order_0", "pooling", "normalize", "taper_alpha", "oversampling", "sampling_rate", "banks"]),
    ("network.banks", &["octaves", "resolution", "quality"]),
    ("seismogram", &["segment_s", "overlap", "detrend", "highpass_hz"]),
    ("reduce", &["run_pca", "pca_components", "ica_components", "scaling", "floor", "seed"]),
    ("cluster", &["method", "on", "seed", "kmeans", "gmm", "dbscan", "agglomerative"]),
    ("cluster.kmeans", &["clusters"]),
    ("cluster.gmm", &["components", "covariance", "select", "range"]),
    ("cluster.dbscan", &["eps", "min_samples"]),
    ("cluster.agglomerative", &["clusters", "exact", "linkage"]),
    ("anomaly", &["baseline", "top", "quantile"]),
    (
        "detect",
        &[
            "enabled",
            "false_alarms_per_day",
            "threshold",
            "cell_km",
            "background_min",
            "speeds_ms",
            "slant_s",
            "block_s",
            "block_km",
            "box_s",
            "box_km",
            "slow_min",
            "top",
        ],
    ),
    ("kinds", &["method", "clusters", "eps", "min_samples", "names"]),
    ("visualize", &["methods", "occurrences_km", "accumulate_files", "image_step", "images_per_group"]),
    ("compute", &["backend", "threads", "memory_mib", "batch_images"]),
];

/// Parses TOML text; `origin` names it in the error.
pub(super) fn parse(text: &str, origin: &str) -> Result<Table> {
    text.parse::<Table>().map_err(|e| Error::ConfigText(format!("{origin}: {}", one_line(&e.to_string()))))
}

/// A TOML error spans several lines with a drawing of the place; a log line has room for one.
fn one_line(message: &str) -> String {
    let kept: Vec<&str> = message
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('|') && !l.contains(" | ") && !l.ends_with('|'))
        .collect();
    kept.join(": ")
}

/// Parses one `section.key=value` of the command line. A value that is not TOML is taken as a string.
pub(super) fn parse_override(text: &str) -> Result<Table> {
    let (path, value) =
        text.split_once('=').ok_or_else(|| Error::ConfigText(format!("--set {text}: expected section.key=value")))?;
    let value = value.trim();
    let value = format!("value = {value}")
        .parse::<Table>()
        .ok()
        .filter(|t| t.len() == 1)
        .and_then(|mut t| t.remove("value"))
        .unwrap_or_else(|| plain(path.trim(), value));
    let mut parts: Vec<&str> = path.trim().split('.').map(str::trim).collect();
    let key = parts.pop().unwrap_or_default();
    if parts.is_empty() || key.is_empty() || parts.iter().any(|p| p.is_empty()) {
        return Err(Error::ConfigText(format!("--set {text}: expected section.key=value")));
    }
    let mut table = Table::new();
    table.insert(key.to_owned(), value);
    for part in parts.into_iter().rev() {
        let mut outer = Table::new();
        outer.insert(part.to_owned(), Value::Table(table));
        table = outer;
    }
    Ok(table)
}

/// Keys that hold a list of words.
const WORD_LISTS: [&str; 2] = ["features.names", "visualize.methods"];

/// A value that is not TOML: a word, or words with commas between them where a list is due.
fn plain(path: &str, value: &str) -> Value {
    if !WORD_LISTS.contains(&path) {
        return Value::String(value.to_owned());
    }
    let words = value.split(',').map(str::trim).filter(|w| !w.is_empty());
    Value::Array(words.map(|w| Value::String(w.to_owned())).collect())
}

/// Lays `over` on `base`: tables key by key, everything else (the list of banks too) as a whole.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Refuses sections and keys that do not exist, naming the nearest one that does.
pub(super) fn check_keys(table: &Table) -> Result<()> {
    check_section(table, "")
}

fn check_section(table: &Table, section: &str) -> Result<()> {
    let known: Vec<&str> = match KEYS.iter().find(|(name, _)| *name == section) {
        Some((_, keys)) => keys.to_vec(),
        None => KEYS.iter().map(|(name, _)| *name).filter(|name| !name.contains('.')).collect(),
    };
    let dotted = |key: &str| if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
    for (key, value) in table {
        if !known.contains(&key.as_str()) {
            return Err(unknown(&dotted(key), &known, section));
        }
        let name = dotted(key);
        if KEYS.iter().any(|(s, _)| *s == name) {
            match value {
                Value::Table(inner) => check_section(inner, &name)?,
                Value::Array(items) => {
                    for item in items {
                        match item {
                            Value::Table(inner) => check_section(inner, &name)?,
                            other => return Err(Error::config(name, other, "a list of tables, [[network.banks]]")),
                        }
                    }
                }
                other => return Err(Error::config(name.clone(), other, format!("a table, [{name}]"))),
            }
        }
    }
    Ok(())
}

fn unknown(path: &str, known: &[&str], section: &str) -> Error {
    let key = path.rsplit('.').next().unwrap_or(path);
    // A key of another section, or one that differs by a few letters, is most likely what was meant.
    let elsewhere = KEYS.iter().find(|(s, keys)| *s != section && !s.is_empty() && keys.contains(&key));
    let nearest = known.iter().min_by_key(|k| edit_distance(key, k));
    let hint = match (nearest, elsewhere) {
        (Some(k), _) if edit_distance(key, k) <= 1 + key.len() / 3 => {
            format!("did you mean {}{k}?", if section.is_empty() { String::new() } else { format!("{section}.") })
        }
        (_, Some((s, _))) => format!("did you mean {s}.{key}?"),
        (Some(k), None) => format!("the nearest known one is {k}"),
        (None, None) => String::new(),
    };
    Error::ConfigText(format!("unknown {} {path}: {hint}", if section.is_empty() { "section" } else { "key" }))
}

/// Levenshtein distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Typed access to one section, with errors that name the key, the value and what is expected.
pub(super) struct Section<'a> {
    name: &'a str,
    table: Option<&'a Table>,
}

impl<'a> Section<'a> {
    /// The section at the dotted path `name`.
    pub(super) fn new(root: &'a Table, name: &'a str) -> Self {
        let mut table = Some(root);
        for part in name.split('.') {
            table = table.and_then(|t| t.get(part)).and_then(Value::as_table);
        }
        Self { name, table }
    }

    /// One table of a list (a bank).
    pub(super) fn of(table: &'a Table, name: &'a str) -> Self {
        Self { name, table: Some(table) }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.and_then(|t| t.get(key))
    }

    pub(super) fn error(&self, key: &str, value: &Value, expected: &str) -> Error {
        Error::config(format!("{}.{key}", self.name), value, expected)
    }

    fn required<T>(&self, key: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| Error::config(format!("{}.{key}", self.name), "nothing", "a value"))
    }

    /// A finite number that `accept` takes.
    pub(super) fn number_if(&self, key: &str, expected: &str, accept: fn(f64) -> bool) -> Result<Option<f64>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = match value {
            Value::Float(f) => *f,
            #[expect(clippy::cast_precision_loss, reason = "whole numbers written for a quantity are small")]
            Value::Integer(i) => *i as f64,
            _ => return Err(self.error(key, value, expected)),
        };
        if number.is_finite() && accept(number) { Ok(Some(number)) } else { Err(self.error(key, value, expected)) }
    }

    /// As [`Self::number_if`], for a key that has a default.
    pub(super) fn number(&self, key: &str, expected: &str, accept: fn(f64) -> bool) -> Result<f64> {
        let value = self.number_if(key, expected, accept)?;
        self.required(key, value)
    }

    /// A list of finite numbers that `accept` takes.
    pub(super) fn numbers(&self, key: &str, expected: &str, accept: fn(f64) -> bool) -> Result<Vec<f64>> {
        let items = match self.get(key) {
            Some(Value::Array(items)) => items,
            Some(other) => return Err(self.error(key, other, expected)),
            None => return self.required(key, None),
        };
        #[expect(clippy::cast_precision_loss, reason = "whole numbers written for a quantity are small")]
        let number = |v: &Value| v.as_float().or_else(|| v.as_integer().map(|i| i as f64));
        let of =
            |v: &Value| number(v).filter(|n| n.is_finite() && accept(*n)).ok_or_else(|| self.error(key, v, expected));
        items.iter().map(of).collect()
    }

    /// A whole number of at least `least` and at most `most`.
    pub(super) fn count_if(&self, key: &str, least: usize, most: usize) -> Result<Option<usize>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let expected = format!("a whole number from {least} to {most}");
        match value.as_integer().and_then(|i| usize::try_from(i).ok()) {
            Some(n) if (least..=most).contains(&n) => Ok(Some(n)),
            _ => Err(self.error(key, value, &expected)),
        }
    }

    /// As [`Self::count_if`], for a key that has a default.
    pub(super) fn count(&self, key: &str, least: usize, most: usize) -> Result<usize> {
        let value = self.count_if(key, least, most)?;
        self.required(key, value)
    }

    /// true or false.
    pub(super) fn flag(&self, key: &str) -> Result<bool> {
        match self.get(key) {
            Some(Value::Boolean(b)) => Ok(*b),
            Some(other) => Err(self.error(key, other, "true or false")),
            None => self.required(key, None),
        }
    }

    /// A text that is not empty.
    pub(super) fn text_if(&self, key: &str) -> Result<Option<&'a str>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(s)) if !s.is_empty() => Ok(Some(s)),
            Some(other) => Err(self.error(key, other, "a text in quotes")),
        }
    }

    /// As [`Self::text_if`], for a key that has a default.
    pub(super) fn text(&self, key: &str) -> Result<&'a str> {
        let value = self.text_if(key)?;
        self.required(key, value)
    }

    /// One of the named choices.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<T> {
        match self.get(key) {
            None => self.required(key, None),
            Some(value) => self.choice_of(key, value, choices),
        }
    }

    /// Every entry of a list, each one of the named choices.
    pub(super) fn choices<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<Vec<T>> {
        match self.get(key) {
            Some(Value::Array(items)) => items.iter().map(|v| self.choice_of(key, v, choices)).collect(),
            Some(other) => Err(self.error(key, other, "a list")),
            None => self.required(key, None),
        }
    }

    fn choice_of<T: Copy>(&self, key: &str, value: &Value, choices: &[(&str, T)]) -> Result<T> {
        value.as_str().and_then(|s| choices.iter().find(|(name, _)| *name == s)).map(|(_, choice)| *choice).ok_or_else(
            || {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                self.error(key, value, &names.join(", "))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_letters() {
        assert_eq!(edit_distance("window", "windwo"), 2, "a swap is two edits");
        assert_eq!(edit_distance("", "abc"), 3, "insertions");
        assert_eq!(edit_distance("step", "step"), 0, "equal");
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        for (text, hint) in [
            ("[features]\nwindwo = 3", "did you mean features.window?"),
            ("[feature]\nwindow = 3", "did you mean features?"),
            ("[network]\noverlap = 0.2", "did you mean segments.overlap?"),
            ("[cluster.gmm]\ncomponent = 3", "did you mean cluster.gmm.components?"),
            ("[[network.banks]]\noctave = 3", "did you mean network.banks.octaves?"),
        ] {
            let error = check_keys(&parse(text, "test").expect("valid TOML")).expect_err("an unknown key");
            assert!(error.to_string().contains(hint), "{error} lacks {hint}");
        }
    }

    #[test]
    fn overrides_win_and_banks_are_replaced() {
        let mut base = parse("[a]\nx = 1\ny = 2\nbanks = [1, 2]", "test").expect("valid TOML");
        merge(&mut base, parse_override("a.x=5").expect("valid"));
        merge(&mut base, parse_override("a.banks=[7]").expect("valid"));
        merge(&mut base, parse_override("a.name=plain text").expect("valid"));
        assert_eq!(base, parse("[a]\nx = 5\ny = 2\nbanks = [7]\nname = \"plain text\"", "t").expect("valid"), "merged");
        for bad in ["a.x", "x=1", ".x=1", "a.=1"] {
            assert!(parse_override(bad).is_err(), "{bad} must be refused");
        }
    }
}
