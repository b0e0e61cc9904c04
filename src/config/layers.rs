//! Configuration texts laid over each other: tables merged by presence, unknown keys refused by name, errors with the file
//! and line that they come from.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value as Json;
use serde_path_to_error::Segment;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::file::ConfigFile;
use super::{Config, DEFAULTS};
use crate::error::{Error, Place, Result};

/// What lies under a configuration file: the defaults and, where given, a table over them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layers {
    base: Option<Table>,
}

impl Layers {
    /// `base` over the defaults.
    pub fn over(base: Table) -> Self {
        Self { base: Some(base) }
    }

    /// These layers, with `file` laid over them and then every `section.key=value` of `overrides`.
    ///
    /// # Errors
    /// [`Error::ConfigFile`] if the file cannot be read, [`Error::Toml`] if it is no TOML, [`Error::UnknownKey`] and
    /// [`Error::Config`] for what is wrong in it, [`Error::Override`].
    pub fn config(&self, file: Option<&Path>, overrides: &[String]) -> Result<Config> {
        let mut layers: Vec<Layer> = self.base.iter().cloned().map(Layer::from).collect();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| Error::ConfigFile { path: path.to_path_buf(), source })?;
            layers.push(Layer::parse(&text, &path.display().to_string())?);
        }
        for text in overrides {
            layers.push(parse_override(text)?.into());
        }
        merged(&layers)
    }
}

/// One text of a configuration.
pub(super) struct Layer {
    table: Table,
    /// Name of the file, and the line of every key in it; empty for what is no file.
    file: String,
    lines: BTreeMap<String, usize>,
}

impl From<Table> for Layer {
    fn from(table: Table) -> Self {
        Self { table, file: String::new(), lines: BTreeMap::new() }
    }
}

impl Layer {
    /// Reads TOML; `file` names it in errors.
    pub(super) fn parse(text: &str, file: &str) -> Result<Self> {
        let wrong = |e: toml::de::Error| Error::Toml {
            at: Place { file: file.to_owned(), line: line_of(text, e.span().map_or(0, |s| s.start)) },
            reason: e.message().lines().map(str::trim).collect::<Vec<_>>().join(", "),
        };
        let mut lines = BTreeMap::new();
        let spans = DeTable::parse(text).map_err(wrong)?;
        note_lines(spans.get_ref(), "", text, &mut lines);
        let table = text.parse::<Table>().map_err(wrong)?;
        Ok(Self { table, file: file.to_owned(), lines })
    }

    /// Where the key at `path` stands, or the nearest table around it.
    fn place(&self, path: &str) -> Option<Place> {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return Some(Place { file: self.file.clone(), line: *line });
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// The line, counted from 1, of a byte of `text`.
fn line_of(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|b| *b == b'\n').count()
}

/// Notes the line of every key below `path`.
fn note_lines(table: &DeTable<'_>, path: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let path = dotted(path, key.get_ref());
        lines.insert(path.clone(), line_of(text, key.span().start));
        note_value(value, &path, text, lines);
    }
}

fn note_value(value: &Spanned<DeValue<'_>>, path: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    match value.get_ref() {
        DeValue::Table(inner) => note_lines(inner, path, text, lines),
        DeValue::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let path = format!("{path}[{i}]");
                lines.insert(path.clone(), line_of(text, item.span().start));
                note_value(item, &path, text, lines);
            }
        }
        _ => {}
    }
}

fn dotted(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The defaults with `layers` over them, checked.
pub(super) fn merged(layers: &[Layer]) -> Result<Config> {
    let mut root: Table = DEFAULTS.parse().expect("config.toml is TOML, which a test holds");
    for layer in layers {
        check_keys(layer, &layer.table, &KNOWN, "")?;
        choose_length(&mut root, &layer.table);
        merge(&mut root, &layer.table);
    }
    let file: ConfigFile =
        serde_path_to_error::deserialize(root.clone()).map_err(|e| wrong_value(&e, &root, layers))?;
    Config::try_from(file).map_err(|e| e.config_at(|key| place_of(layers, key)))
}

/// `length_km` and `bins` exclude each other: the later layer's choice holds.
fn choose_length(root: &mut Table, layer: &Table) {
    let has = |key: &str| layer.get("segments").and_then(|s| s.get(key)).is_some();
    if has("length_km")
        && !has("bins")
        && let Some(Value::Table(segments)) = root.get_mut("segments")
    {
        segments.remove("bins");
    }
}

/// Lays `over` on `base`: tables key by key, everything else (the list of banks too) as a whole.
fn merge(base: &mut Table, over: &Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            (_, value) => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Where the last layer that sets `path` sets it.
fn place_of(layers: &[Layer], path: &str) -> Option<Place> {
    let sets = |layer: &&Layer| {
        let mut value = layer.table.get(path.split(['.', '[']).next().unwrap_or_default());
        for part in path.split('.').skip(1) {
            let key = part.split('[').next().unwrap_or_default();
            let inner = value.and_then(|v| match v {
                Value::Array(items) => items.first(),
                other => Some(other),
            });
            value = inner.and_then(|v| v.get(key));
        }
        value.is_some()
    };
    layers.iter().rev().find(sets)?.place(path)
}

/// What serde says about a value, as an error that names the key, the value and what is expected.
fn wrong_value(error: &serde_path_to_error::Error<toml::de::Error>, root: &Table, layers: &[Layer]) -> Error {
    let path = error.path().to_string();
    let message = error.inner().message();
    let mut key: String = error.path().iter().filter_map(key_of).collect::<Vec<_>>().join(".");
    if let Some(name) = message.strip_prefix("missing field `").and_then(|m| m.split('`').next()) {
        key = dotted(&key, name);
        return Error::config(key, "nothing", "a value").config_at(|_| place_of(layers, &path));
    }
    let expected = message.rsplit_once("expected ").map_or(message, |(_, expected)| expected);
    let value = value_at(root, error.path()).map_or_else(|| "nothing".to_owned(), ToString::to_string);
    Error::config(key, value, plain_words(expected)).config_at(|_| place_of(layers, &path))
}

fn key_of(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Map { key } => Some(key),
        _ => None,
    }
}

fn value_at<'a>(root: &'a Table, path: &serde_path_to_error::Path) -> Option<&'a Value> {
    let mut segments = path.iter();
    let mut value = root.get(segments.next().and_then(key_of)?)?;
    for segment in segments {
        value = match segment {
            Segment::Map { key } => value.get(key)?,
            Segment::Seq { index } => value.get(*index)?,
            _ => return Some(value),
        };
    }
    Some(value)
}

/// serde's words for what it expects, as a user of TOML calls them.
fn plain_words(expected: &str) -> String {
    match expected {
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        _ if expected.starts_with("struct ") || expected == "a map" => "a table".to_owned(),
        _ => expected.trim_start_matches("one of ").replace('`', ""),
    }
}

/// Every key with its default, `null` for those without one.
static KNOWN: LazyLock<Json> = LazyLock::new(|| serde_json::to_value(Config::default()).unwrap_or_default());

/// Every `section.key`, those without a default too.
pub fn keys() -> Vec<String> {
    let mut found = Vec::new();
    collect_keys(&KNOWN, "", &mut found);
    found
}

fn collect_keys(known: &Json, path: &str, found: &mut Vec<String>) {
    match table_of(known) {
        Some(table) => table.iter().for_each(|(key, inner)| collect_keys(inner, &dotted(path, key), found)),
        None => found.push(path.to_owned()),
    }
}

/// The keys below a section, or below each table of a list of tables.
fn table_of(known: &Json) -> Option<&serde_json::Map<String, Json>> {
    match known {
        Json::Object(table) => Some(table),
        Json::Array(items) => items.first().and_then(Json::as_object),
        _ => None,
    }
}

/// Refuses sections and keys that do not exist, naming one that is most likely meant.
fn check_keys(layer: &Layer, table: &Table, known: &Json, path: &str) -> Result<()> {
    let Some(keys) = table_of(known) else { return Ok(()) };
    for (key, value) in table {
        let name = dotted(path, key);
        let Some(inner) = keys.get(key) else {
            return Err(unknown(layer, &name, keys));
        };
        if table_of(inner).is_none() {
            continue;
        }
        match (inner, value) {
            (Json::Object(_), Value::Table(value)) => check_keys(layer, value, inner, &name)?,
            (Json::Array(_), Value::Array(items)) => check_tables(layer, items, inner, &name)?,
            _ => {
                let expected = if inner.is_array() { LIST_OF_TABLES.to_owned() } else { format!("a table, [{name}]") };
                return Err(Error::config(&name, value, expected).config_at(|_| layer.place(&name)));
            }
        }
    }
    Ok(())
}

/// What stands for the only list of tables.
const LIST_OF_TABLES: &str = "a list of tables, [[network.banks]]";

fn check_tables(layer: &Layer, items: &[Value], known: &Json, name: &str) -> Result<()> {
    for item in items {
        let Value::Table(table) = item else {
            return Err(Error::config(name, item, LIST_OF_TABLES).config_at(|_| layer.place(name)));
        };
        check_keys(layer, table, known, name)?;
    }
    Ok(())
}

fn unknown(layer: &Layer, path: &str, known: &serde_json::Map<String, Json>) -> Error {
    let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
    let distance = |name: &str| strsim::damerau_levenshtein(key, name);
    let nearest = known.keys().min_by_key(|name| distance(name)).filter(|name| distance(name) <= 1 + key.len() / 3);
    // A key that another section has is most likely what was meant as well.
    let elsewhere = keys().into_iter().find(|name| name.rsplit('.').next() == Some(key));
    let hint = match (nearest, elsewhere) {
        (Some(name), _) => format!("did you mean {}?", dotted(section, name)),
        (None, Some(name)) => format!("did you mean {name}?"),
        (None, None) => format!("there are {}", known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
    };
    // The same key of several banks has a line in each; the first one is named.
    let at = layer.place(path).filter(|_| layer.lines.contains_key(path)).or_else(|| first_place(layer, path));
    Error::UnknownKey { at, kind: if section.is_empty() { "section" } else { "key" }, key: path.to_owned(), hint }
}

/// Where the first table of a list has the key at `path`.
fn first_place(layer: &Layer, path: &str) -> Option<Place> {
    let plain = |name: &str| name.split('[').map(|p| p.split_once(']').map_or(p, |(_, rest)| rest)).collect::<String>();
    let line = layer.lines.iter().filter(|(name, _)| plain(name) == path).map(|(_, line)| *line).min()?;
    Some(Place { file: layer.file.clone(), line })
}

/// Parses one `section.key=value` of the command line. A value that is not TOML is taken as a string.
fn parse_override(text: &str) -> Result<Table> {
    let wrong = || Error::Override { text: text.to_owned() };
    let (path, value) = text.split_once('=').ok_or_else(wrong)?;
    let value = value.trim();
    let value = format!("value = {value}")
        .parse::<Table>()
        .ok()
        .filter(|t| t.len() == 1)
        .and_then(|mut t| t.remove("value"))
        .unwrap_or_else(|| plain_value(path.trim(), value));
    let mut parts: Vec<&str> = path.trim().split('.').map(str::trim).collect();
    let key = parts.pop().unwrap_or_default();
    if parts.is_empty() || key.is_empty() || parts.iter().any(|p| p.is_empty()) {
        return Err(wrong());
    }
    let mut table = Table::from_iter([(key.to_owned(), value)]);
    for part in parts.into_iter().rev() {
        table = Table::from_iter([(part.to_owned(), Value::Table(table))]);
    }
    Ok(table)
}

/// A value that is not TOML: a word, or words with commas between them where the key holds a list of words.
fn plain_value(path: &str, value: &str) -> Value {
    let default = path.split('.').try_fold(&*KNOWN, |known, key| known.get(key));
    let is_list = default.and_then(|d| d.get(0)).is_some_and(Json::is_string);
    if !is_list {
        return Value::String(value.to_owned());
    }
    let words = value.split(',').map(str::trim).filter(|w| !w.is_empty());
    Value::Array(words.map(|w| Value::String(w.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let layer = Layer::parse(text, "test.toml").expect("valid TOML");
        merged(&[layer]).expect_err(text).to_string()
    }

    #[test]
    fn unknown_keys_name_the_nearest_with_its_line() {
        for (text, hint) in [
            ("[features]\nwindwo = 3", "test.toml, line 2: unknown key features.windwo: did you mean features.window?"),
            ("[feature]\nwindow = 3", "test.toml, line 1: unknown section feature: did you mean features?"),
            ("\n[network]\noverlap = 0.2", "line 3: unknown key network.overlap: did you mean segments.overlap?"),
            ("[cluster.gmm]\ncomponent = 3", "did you mean cluster.gmm.components?"),
            (
                "[[network.banks]]\noctaves = 3\n[[network.banks]]\noctave = 3",
                "line 4: unknown key network.banks.octave",
            ),
            ("[cluster.dbscan]\nxyzzy = 3", "unknown key cluster.dbscan.xyzzy: there are eps, min_samples"),
        ] {
            let error = error(text);
            assert!(error.contains(hint), "{error} lacks {hint}");
        }
    }

    #[test]
    fn wrong_values_have_their_line() {
        for (text, part) in [
            ("[input]\npath = \"x\"\nduration_s = -1", "test.toml, line 3: input.duration_s = -1: expected seconds"),
            ("[crop]\n\nbottom = 10", "test.toml, line 3: crop.bottom = 10: expected a row below crop.top = 160"),
            ("[features]\nnames = [\"std\",\n\"sdt\"]", "line 3: features.names = \"sdt\": expected std, gabor"),
            ("[[network.banks]]\noctaves = 4\n", "line 1: network.banks.resolution = nothing: expected a value"),
            ("output.waterfall_npz = 1", "line 1: output.waterfall_npz = 1: expected true or false"),
            ("input = 3", "line 1: input = 3: expected a table, [input]"),
            ("[network]\nbanks = [3]", "line 2: network.banks = 3: expected a list of tables"),
        ] {
            let error = error(text);
            assert!(error.contains(part), "{error} lacks {part}");
        }
        let no_file = merged(&[parse_override("reduce.floor=-1").expect("valid").into()]).expect_err("below 0");
        assert!(no_file.to_string().starts_with("configuration: reduce.floor = -1: expected"), "{no_file}");
    }

    #[test]
    fn text_that_is_no_toml_has_its_line() {
        let broken = Layer::parse("[input]\npath = \n", "broken.toml").err().expect("no TOML").to_string();
        assert!(broken.contains("broken.toml, line 2: "), "{broken}");
    }

    #[test]
    fn overrides_win_and_lists_are_replaced() {
        let parse = |text: &str| text.parse::<Table>().expect("valid TOML");
        let mut base = parse("[a]\nx = 1\ny = 2\nbanks = [1, 2]");
        for text in ["a.x=5", "a.banks=[7]", "a.name=plain text"] {
            merge(&mut base, &parse_override(text).expect("valid"));
        }
        assert_eq!(base, parse("[a]\nx = 5\ny = 2\nbanks = [7]\nname = \"plain text\""), "merged");
        let words = parse_override("features.names=std, mean").expect("valid");
        assert_eq!(words, parse("features.names = [\"std\", \"mean\"]"), "words where a list is due");
        for bad in ["a.x", "x=1", ".x=1", "a.=1"] {
            assert!(parse_override(bad).is_err(), "{bad} must be refused");
        }
    }

    #[test]
    fn the_later_layer_chooses_between_length_and_bins() {
        use crate::config::SegmentLength;

        let length = |texts: &[&str]| {
            let layers: Vec<Layer> = texts.iter().map(|t| Layer::parse(t, "test").expect("valid TOML")).collect();
            merged(&layers).expect("valid").segments.length
        };
        assert_eq!(length(&["[segments]\nbins = 64"]), SegmentLength::Bins(64), "bins alone");
        let later = length(&["[segments]\nbins = 64", "[segments]\nlength_km = 2"]);
        assert_eq!(later, SegmentLength::Km(2.0), "the later layer's length");
    }
}
