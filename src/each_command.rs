//! `--each`: every sub-folder is an archive of its own, with an overview above their reports.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use scatterfall::error::ArchiveError;
use scatterfall::stages::report::overview;
use scatterfall::{Error, Result};
use scatterfall_page::overview::Cable;

use crate::cli::{Common, Ending, Folders, Reading, Span};
use crate::commands::{Outcome, configuration_of, lists_events};
use crate::terminal::{print_error, print_status};

/// Carries `work` out for every sub-folder, one after the other, and writes the overview. One that fails does not keep the others
/// from their turn; the first failure is returned in the end.
pub(crate) fn each(
    common: &Common,
    folders: Folders,
    reading: Reading,
    ending: Ending,
    work: impl Fn(&Common, Folders, Reading) -> Result<(PathBuf, usize)>,
) -> Result<Outcome> {
    let config = configuration_of(common, &folders)?;
    let (root, output) = (&config.input.path, &config.output.path);
    let archives = sub_folders(root, output)?;
    let mut common = common.clone();
    let stop = common.stop.clone().map_or_else(taking_signals, Ok)?;
    common.stop = Some(Arc::clone(&stop));
    let (mut outcome, mut failed, mut cables) = (Outcome::default(), None, Vec::new());
    for archive in archives {
        let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
        print_status(format_args!("cable      {name}"));
        let own = Folders { folder: None, input: Some(archive.clone()), output: Some(output.join(&name)) };
        let result = work(&common, own, again(&reading));
        let error = match result {
            Ok((own_output, left_out)) => {
                outcome.left_out += left_out;
                outcome.events |= ending.exit_code && lists_events(&own_output);
                None
            }
            Err(_) if stop.load(Ordering::Relaxed) => return Err(Error::interrupted()),
            Err(error) => {
                let words = error.to_string();
                print_error(&error);
                failed = failed.or(Some(error));
                Some(words)
            }
        };
        cables.push(cable(output, &name, error));
    }
    let page = overview::write(&config, cables)?;
    print_status(format_args!("overview   {}", page.display()));
    failed.map_or(Ok(outcome), Err)
}

fn cable(output: &Path, name: &str, error: Option<String>) -> Cable {
    let own = output.join(name);
    match error {
        Some(error) => Cable { name: name.to_owned(), error: Some(error), ..Cable::default() },
        None => overview::cable(&own, name),
    }
}

/// The flag that ends the work, set by signals.
fn taking_signals() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    crate::stop::on_signals(&stop, crate::program::FAILED).map_err(|source| Error::Signals { source })?;
    Ok(stop)
}

fn again(reading: &Reading) -> Reading {
    let span = Span { start: reading.span.start.clone(), end: reading.span.end.clone() };
    Reading { span, backend: reading.backend, strict: reading.strict }
}

/// The sub-folders that hold archives, by name.
fn sub_folders(root: &Path, output: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(root).map_err(|e| Error::io("read the folder", root, e))?;
    let output = output.canonicalize().ok();
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io("read the folder", root, e))?.path();
        let hidden = path.file_name().is_none_or(|n| n.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden && path.canonicalize().ok() != output {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(ArchiveError::NoSubFolders { path: root.to_path_buf() }.into());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visible_sub_folder_but_the_output_is_an_archive() {
        let root = tempfile::tempdir().expect("a folder");
        for name in ["south", "north", ".hidden", "results"] {
            std::fs::create_dir(root.path().join(name)).expect("a folder");
        }
        std::fs::write(root.path().join("file.png"), b"").expect("a file");
        let found = sub_folders(root.path(), &root.path().join("results")).expect("folders");
        assert_eq!(found, [root.path().join("north"), root.path().join("south")], "in order");
        let none = sub_folders(&root.path().join("south"), root.path()).expect_err("none there");
        assert!(none.to_string().contains("leave out --each"), "{none}");
    }
}
