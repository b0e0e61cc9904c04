//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// What the names of unfinished files end with; they begin with a dot.
const UNFINISHED: &str = ".partial";

/// A file on its way to [`write_atomic`]'s path.
///
/// The first write that fails is remembered and everything after it swallowed: writers of archives know no better than
/// to write more when they are dropped in mid-archive. [`write_atomic`] reports it.
#[derive(Debug)]
pub struct AtomicFile {
    file: BufWriter<File>,
    failed: Option<io::Error>,
    position: u64,
    length: u64,
}

impl AtomicFile {
    fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 18, File::create(path)?);
        Ok(Self { file, failed: None, position: 0, length: 0 })
    }

    fn moved_to(&mut self, position: u64) {
        self.position = position;
        self.length = self.length.max(position);
    }

    /// The length in bytes, once everything is on the disk.
    fn finish(mut self) -> io::Result<u64> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(self.length)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &self.failed {
            Some(_) => bytes.len(),
            None => match self.file.write(bytes) {
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => return Err(e),
                Err(e) => {
                    self.failed = Some(e);
                    bytes.len()
                }
            },
        };
        self.moved_to(self.position + written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::Current(n) => self.position.checked_add_signed(n),
            SeekFrom::End(n) => self.length.checked_add_signed(n),
        };
        let target = target.ok_or(io::ErrorKind::InvalidInput)?;
        if target != self.position && self.failed.is_none() {
            self.failed = self.file.seek(SeekFrom::Start(target)).err();
        }
        self.moved_to(target);
        Ok(target)
    }
}

/// Writes `path` through `write`: under a temporary name in the same folder, synced, then renamed.
///
/// Where anything fails the temporary file is removed and what was at `path` before stays.
///
/// # Errors
/// [`Error::Io`], and what `write` returns.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut AtomicFile) -> Result<()>) -> Result<()> {
    write_atomic_then(path, write, |_| Ok(()))
}

/// As [`write_atomic`]; `ready` is called with the length in bytes when all is on the disk and only the name is
/// missing, and can still prevent that.
///
/// # Errors
/// [`Error::Io`], and what `write` and `ready` return.
pub fn write_atomic_then(
    path: &Path,
    write: impl FnOnce(&mut AtomicFile) -> Result<()>,
    ready: impl FnOnce(u64) -> Result<()>,
) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A name that no other writer of this file has, on this machine or another.
    let own = RandomState::new().hash_one(std::process::id());
    let temporary = folder.join(format!(".{name}.{own:016x}{UNFINISHED}"));
    let failed = |e| Error::io("write", path, e);
    let result = AtomicFile::create(&temporary).map_err(failed).and_then(|mut file| {
        write(&mut file)?;
        ready(file.finish().map_err(failed)?)?;
        fs::rename(&temporary, path).map_err(failed)?;
        sync_folder(folder);
        Ok(())
    });
    if result.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Removes what a killed run may have left half-written in a folder (not in the folders below it). Only for who holds
/// the output folder's lock.
pub fn remove_unfinished(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        // Scratch files lose their name at once, but for a moment they have one.
        let ours = (name.starts_with('.') && name.ends_with(UNFINISHED)) || name.starts_with(".tmp");
        if ours && entry.file_type().is_ok_and(|t| t.is_file()) {
            let _ = fs::remove_file(entry.path());
        }
    }
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
    fn unfinished_files_are_found() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [".day.npz.partial", ".tmpA1b2C3", "day.npz", ".lock", "notes.partial"] {
            fs::write(folder.path().join(name), b"x").expect("written");
        }
        remove_unfinished(folder.path());
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).expect("readable").flatten().map(|e| e.file_name()).collect();
        left.sort();
        assert_eq!(left, [".lock", "day.npz", "notes.partial"], "what is not ours stays");
    }

    /// `/dev/full` takes nothing: what a full disk answers, at the lowest layer.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_reported_once() {
        let mut full = AtomicFile::create(Path::new("/dev/full")).expect("it opens");
        let mut zip = zip::ZipWriter::new(&mut full);
        zip.start_file("a", zip::write::SimpleFileOptions::default()).expect("nothing is written yet");
        let bytes = vec![7; 1 << 20];
        zip.write_all(&bytes).expect("swallowed");
        drop(zip);
        let error = full.finish().expect_err("the disk is full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "the first failure");

        let mut full = AtomicFile::create(Path::new("/dev/full")).expect("it opens");
        full.write_all(b"less than the buffer").expect("held back");
        assert!(full.finish().is_err(), "flushing fails");
    }

    #[test]
    fn seeking_back_writes_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let mut told = 0;
        let failed = |e| Error::io("write", &path, e);
        write_atomic_then(
            &path,
            |out| {
                out.write_all(b"0123456789").map_err(failed)?;
                out.seek(SeekFrom::Start(2)).map_err(failed)?;
                out.write_all(b"ab").map_err(failed)?;
                assert_eq!(out.stream_position().map_err(failed)?, 4, "position");
                out.seek(SeekFrom::End(0)).map_err(failed)?;
                out.write_all(b"!").map_err(failed)
            },
            |length| {
                told = length;
                Ok(())
            },
        )
        .expect("written");
        assert_eq!((fs::read(&path).expect("there").as_slice(), told), (b"01ab456789!".as_slice(), 11), "content");
    }

    #[test]
    fn a_failure_leaves_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sub").join("file.txt");
        write_bytes(&path, b"first").expect("written");
        let failed = write_atomic(&path, |out| {
            out.write_all(b"half").map_err(|e| Error::io("write", &path, e))?;
            Err(Error::interrupted())
        });
        assert!(failed.is_err(), "the error comes through");
        assert_eq!(fs::read(&path).expect("still there"), b"first", "the old content");
        let entries = fs::read_dir(path.parent().expect("a parent")).expect("readable").count();
        assert_eq!(entries, 1, "no temporary file is left");
    }
}
