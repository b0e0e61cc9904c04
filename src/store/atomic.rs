//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Writes `path` through `write`: under a temporary name in the same folder, synced, then renamed.
///
/// Where anything fails the temporary file is removed and what was at `path` before stays.
///
/// # Errors
/// [`Error::Io`], and what `write` returns.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.partial"));
    let result = fill(&temporary, write).and_then(|()| {
        fs::rename(&temporary, path).map_err(|e| Error::io("write", path, e))?;
        sync_folder(folder);
        Ok(())
    });
    if result.is_err() {
        // The first error is the one to report; a leftover is written over next time.
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn fill(temporary: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let file = File::create(temporary).map_err(|e| Error::io("write", temporary, e))?;
    let mut out = BufWriter::with_capacity(1 << 18, file);
    write(&mut out)?;
    out.flush().map_err(|e| Error::io("write", temporary, e))?;
    out.get_ref().sync_all().map_err(|e| Error::io("write", temporary, e))
}

/// As [`write_atomic`], for content that is at hand.
///
/// # Errors
/// [`Error::Io`].
pub fn write_bytes(path: &Path, content: &[u8]) -> Result<()> {
    write_atomic(path, |out| out.write_all(content).map_err(|e| Error::io("write", path, e)))
}

/// Makes a rename last through a power cut. Some file systems cannot sync a folder; the file itself is safe.
fn sync_folder(folder: &Path) {
    if let Ok(f) = File::open(folder) {
        let _ = f.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leaves_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sub").join("file.txt");
        write_bytes(&path, b"first").expect("written");
        let failed = write_atomic(&path, |out| {
            out.write_all(b"half").map_err(|e| Error::io("write", &path, e))?;
            Err(Error::Input("the disk is full".into()))
        });
        assert!(failed.is_err(), "the error comes through");
        assert_eq!(fs::read(&path).expect("still there"), b"first", "the old content");
        let entries = fs::read_dir(path.parent().expect("a parent")).expect("readable").count();
        assert_eq!(entries, 1, "no temporary file is left");
    }
}
