//! The files that were asked for, folders walked through.

use std::path::PathBuf;

use walkdir::WalkDir;

use crate::error::{Error, Result};

/// A file that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// Files as given, folders replaced by the files in them; and what cannot be one of them.
pub(crate) fn list_files(inputs: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<Refused>)> {
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    for input in inputs {
        let metadata = std::fs::metadata(input).map_err(|e| Error::read(input, e))?;
        if !metadata.is_dir() {
            // Opening a pipe may never end.
            match metadata.is_file() {
                true => files.push(input.clone()),
                false => refused.push(Refused { path: input.clone(), reason: "not a regular file".into() }),
            }
            continue;
        }
        for entry in WalkDir::new(input).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() => files.push(entry.into_path()),
                Ok(_) => {}
                Err(e) => {
                    let path = e.path().unwrap_or(input).to_path_buf();
                    refused.push(Refused { path, reason: format!("cannot be read: {e}") });
                }
            }
        }
    }
    Ok((files, refused))
}
