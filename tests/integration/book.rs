//! The book, the README and what stands beside them say nothing that does not exist: links, commands, options, keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::fixture::program;

/// Options that the documents may name although no help lists them.
const BUILTIN_OPTIONS: [&str; 2] = ["--help", "--version"];
/// Endings of file names, which look like keys where a file is named after a section.
const FILE_ENDINGS: [&str; 12] = ["npz", "npy", "csv", "json", "png", "toml", "html", "xml", "dat", "rs", "txt", "py"];

/// A document: its path from the repository's root, and its text.
struct Document {
    path: PathBuf,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn markdown_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder's entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    files.sort();
    files
}

/// Everything that a person reads and no compiler checks.
fn documents() -> Vec<Document> {
    let mut paths = markdown_files(root());
    paths.extend(markdown_files(&root().join("docs/src")));
    for entry in fs::read_dir(root().join("crates")).expect("crates/") {
        paths.extend(markdown_files(&entry.expect("a crate").path()));
    }
    if root().join("python").is_dir() {
        paths.extend(markdown_files(&root().join("python")));
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Document { path: path.strip_prefix(root()).expect("below the root").to_path_buf(), text }
    };
    paths.into_iter().map(read).collect()
}

/// The lines outside of fenced blocks, and those inside with the word behind the fence.
fn lines(text: &str) -> impl Iterator<Item = (Option<String>, &str)> {
    let mut fence: Option<String> = None;
    text.lines().filter_map(move |line| {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            return Some((fence.clone(), line));
        };
        fence = match fence {
            None => Some(language.trim().to_owned()),
            Some(_) => None,
        };
        None
    })
}

/// The targets of links outside of fenced blocks that are neither addresses nor mail.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (_, line) in lines(text).filter(|(fence, _)| fence.is_none()) {
        for part in line.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target.to_owned());
            }
        }
    }
    found
}

/// The anchors of a document's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = lines(text).filter(|(fence, line)| fence.is_none() && line.starts_with('#'));
    headings
        .map(|(_, line)| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Why a link leads nowhere, if it does.
fn broken(document: &Document, target: &str) -> Option<String> {
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let here = root().join(&document.path);
    let path = if file.is_empty() { here } else { here.parent()?.join(file) };
    if !path.exists() {
        return Some(format!("{}: no file {target}", document.path.display()));
    }
    let anchor = anchor?;
    let text = fs::read_to_string(&path).unwrap_or_default();
    (!anchors(&text).contains(anchor)).then(|| format!("{}: no heading {target}", document.path.display()))
}

/// The command lines of `console` blocks that call the program, as words after its name; continued lines are joined.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let console: Vec<&str> =
        lines(text).filter(|(fence, _)| fence.as_deref() == Some("console")).map(|(_, line)| line.trim()).collect();
    let joined = console.join("\n").replace("\\\n", " ");
    let calls = joined.lines().filter_map(|line| line.strip_prefix("$ "));
    calls
        .flat_map(|line| line.split(['|', ';', '&']).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|call| {
            let call = call.split(" #").next().unwrap_or_default();
            let mut words = call.split_whitespace().map(str::to_owned);
            let name = words.next()?;
            (name == "scatterfall" || name.ends_with("/scatterfall")).then(|| words.collect())
        })
        .collect()
}

/// What the built program offers: for each command, its help.
fn offered() -> BTreeMap<String, String> {
    let help = program(&["--help"]).ends_with(0).out;
    let commands = help.lines().skip_while(|line| line.trim() != "Commands:").skip(1);
    commands
        .take_while(|line| !line.trim().is_empty() && line.starts_with("  "))
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(|name| (name.to_owned(), program(&[name, "--help"]).ends_with(0).out))
        .collect()
}

/// Why a command line would be refused for its command or its options, if it would be.
fn refused(words: &[String], offered: &BTreeMap<String, String>) -> Option<String> {
    let first = words.first()?;
    if BUILTIN_OPTIONS.contains(&first.as_str()) {
        return None;
    }
    let Some(help) = offered.get(first) else { return Some(format!("no command {first}")) };
    let options: BTreeSet<&str> = help
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '='))
        .filter(|word| word.starts_with('-'))
        .collect();
    for word in words.iter().filter(|word| word.len() > 1 && word.starts_with('-') && word.parse::<f64>().is_err()) {
        let option = word.split('=').next().unwrap_or_default();
        if !options.contains(option) && !BUILTIN_OPTIONS.contains(&option) {
            return Some(format!("{first} has no option {option}"));
        }
    }
    None
}

/// Every `section.key` of the configuration, those without a default too, and the sections.
fn known_keys() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for key in scatterfall::config::keys() {
        let sections = key.match_indices('.').map(|(at, _)| key[..at].to_owned());
        known.extend(sections.collect::<Vec<_>>());
        known.insert(key);
    }
    known
}

/// What a text names as keys: `section.key` in backticks where the section exists, `[section]` in backticks, and
/// whatever `--set` sets.
fn named_keys(text: &str, known: &BTreeSet<String>) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for part in text.split("--set ").skip(1) {
        if let Some((key, _)) = part.split_whitespace().next().unwrap_or_default().split_once('=') {
            named.insert(key.trim_matches('`').to_owned());
        }
    }
    for (_, line) in lines(text).filter(|(fence, _)| fence.is_none()) {
        for span in line.split('`').skip(1).step_by(2) {
            let name = span.split([' ', '=']).next().unwrap_or_default();
            if let Some(section) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                let section = section.trim_start_matches('[').trim_end_matches(']');
                if section.starts_with(|c: char| c.is_ascii_lowercase()) && !section.contains(['(', ',']) {
                    named.insert(section.to_owned());
                }
                continue;
            }
            let Some((section, key)) = name.split_once('.') else { continue };
            let last = key.rsplit('.').next().unwrap_or_default();
            let is_key = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.'));
            if is_key && known.contains(section) && !FILE_ENDINGS.contains(&last) {
                named.insert(name.to_owned());
            }
        }
    }
    // `--set section.key=value` in a sentence is the form, not a key.
    named.remove("section.key");
    named
}

#[test]
fn every_link_leads_somewhere() {
    let documents = documents();
    let dead: Vec<String> =
        documents.iter().flat_map(|d| links(&d.text).into_iter().filter_map(|l| broken(d, &l))).collect();
    assert!(dead.is_empty(), "{}", dead.join("\n"));
    assert!(documents.iter().map(|d| links(&d.text).len()).sum::<usize>() > 20, "there are links to check");
}

#[test]
fn the_summary_lists_every_chapter() {
    let folder = root().join("docs/src");
    let summary = fs::read_to_string(folder.join("SUMMARY.md")).expect("SUMMARY.md");
    let listed: BTreeSet<String> = links(&summary).into_iter().collect();
    let chapters = markdown_files(&folder).into_iter().filter_map(|p| Some(p.file_name()?.to_str()?.to_owned()));
    let chapters: BTreeSet<String> = chapters.filter(|name| name != "SUMMARY.md").collect();
    assert_eq!(listed, chapters, "chapters of SUMMARY.md and files of docs/src");
}

#[test]
fn every_command_line_is_one() {
    let offered = offered();
    assert!(offered.contains_key("run") && offered.contains_key("devices"), "commands in --help: {:?}", offered.keys());
    let mut seen = 0;
    let mut wrong = Vec::new();
    for document in documents() {
        for words in command_lines(&document.text) {
            seen += 1;
            wrong.extend(refused(&words, &offered).map(|why| format!("{}: {why}", document.path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 10, "there are command lines to check");
}

#[test]
fn every_key_is_one() {
    let known = known_keys();
    let mut wrong = Vec::new();
    for document in documents() {
        for key in named_keys(&document.text, &known).difference(&known) {
            wrong.push(format!("{}: no key {key}", document.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_key_has_its_line_in_the_book() {
    let known = known_keys();
    let text = fs::read_to_string(root().join("docs/src/configuration.md")).expect("the chapter on configuration");
    let named = named_keys(&text, &known);
    // Sections with tables of their own are named by their keys.
    let missing: Vec<&String> = known.iter().filter(|key| key.contains('.') && !named.contains(*key)).collect();
    let is_section = |key: &str| known.iter().any(|other| other.starts_with(&format!("{key}.")));
    let missing: Vec<&&String> = missing.iter().filter(|key| !is_section(key)).collect();
    assert!(missing.is_empty(), "docs/src/configuration.md lacks {missing:?}");
}

#[test]
fn what_does_not_exist_is_noticed() {
    let text = "# A title\n\nSee [there](nowhere.md), [here](#another-title) and [up](#a-title).\n\n\
                Set `segments.lenght_km` in `[segment]` of `network.npz`, or `cluster.gmm.components = 3`.\n\n\
                ```console\n$ scatterfall walk --input x\n$ scatterfall run --inptu x \\\n  --output y\n\
                $ scatterfall run --set reduce.sed=3 | less\n```\n";
    let document = Document { path: "docs/src/introduction.md".into(), text: text.to_owned() };
    let dead: Vec<String> = links(text).iter().filter_map(|l| broken(&document, l)).collect();
    assert!(dead.len() >= 2 && dead[0].contains("nowhere.md") && dead[1].contains("another-title"), "links: {dead:?}");
    assert!(anchors(text).contains("a-title"), "anchors: {:?}", anchors(text));

    let offered = offered();
    let lines = command_lines(text);
    assert_eq!(lines.len(), 3, "command lines: {lines:?}");
    let wrong: Vec<String> = lines.iter().filter_map(|words| refused(words, &offered)).collect();
    assert_eq!(wrong, ["no command walk", "run has no option --inptu"], "refused");

    let known = known_keys();
    let named = named_keys(text, &known);
    let unknown: Vec<&String> = named.difference(&known).collect();
    assert_eq!(unknown, ["reduce.sed", "segment", "segments.lenght_km"], "keys that do not exist");
    assert!(named.contains("cluster.gmm.components"), "a key that does");
}
