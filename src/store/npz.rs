//! .npz files of this program: they appear whole or not at all.

use std::path::{Path, PathBuf};

use scatterfall_npz::{Element, GrowingArrays, NpzWriter};

use super::atomic::{AtomicFile, write_atomic, write_atomic_then};
use crate::error::{Error, Result};

/// Arrays being added to a new .npz file.
pub type Arrays<'a> = NpzWriter<&'a mut AtomicFile>;

/// Writes an .npz file whose arrays fit memory; it appears whole or not at all.
///
/// # Errors
/// [`Error::Io`], [`Error::Store`].
pub fn write_npz(path: &Path, fill: impl FnOnce(&mut Arrays<'_>) -> scatterfall_npz::Result<()>) -> Result<()> {
    write_atomic(path, |out| {
        let mut arrays = NpzWriter::new(out);
        fill(&mut arrays).and_then(|()| arrays.finish()).map_err(|e| not_written(path, e))
    })
}

/// An .npz file that grows row by row, with as many rows at the end as it happened to get.
pub struct NpzStream {
    path: PathBuf,
    arrays: GrowingArrays,
}

impl NpzStream {
    /// A stream to `path`, still without arrays. Scratch files lie in the same folder.
    pub fn new(path: PathBuf) -> Self {
        let folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
        Self { path, arrays: GrowingArrays::new(folder) }
    }

    /// Declares an array with rows of shape `row` (empty: one number per row) and returns its handle.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be made.
    pub fn declare<T: Element>(&mut self, name: impl Into<String>, row: &[usize]) -> Result<usize> {
        let folder = self.arrays.folder();
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
        Ok(self.arrays.declare::<T>(name, row))
    }

    /// Appends rows to the array `handle`, which must be of type `T`; `values` holds whole rows.
    ///
    /// # Errors
    /// [`Error::Io`] where the scratch file cannot be written, [`Error::Store`] for values that make no whole rows.
    pub fn append<T: Element>(&mut self, handle: usize, values: impl IntoIterator<Item = T>) -> Result<()> {
        self.arrays.append(handle, values).map_err(|e| not_written(&self.path, e))
    }

    /// Writes the file; it appears whole or not at all. `before` is called with its length in bytes just before it
    /// takes its name, and can still prevent that.
    ///
    /// # Errors
    /// [`Error::Io`], and what `before` returns.
    pub fn finish(self, before: impl FnOnce(u64) -> Result<()>) -> Result<()> {
        let Self { path, arrays } = self;
        write_atomic_then(&path, |out| arrays.write(out).map_err(|e| not_written(&path, e)), before)
    }
}

/// Where the operating system refused to write, its answer is what counts, whatever array it was at.
fn not_written(path: &Path, error: scatterfall_npz::Error) -> Error {
    match error {
        scatterfall_npz::Error::Write { source, .. } | scatterfall_npz::Error::Io { source, .. } => {
            Error::io("write", path, source)
        }
        other => Error::store(path, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_told_before_the_file_has_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/day.npz");
        let mut stream = NpzStream::new(path.clone());
        let a = stream.declare::<f32>("a", &[2]).expect("declared");
        stream.append(a, [1.0f32, 2.0]).expect("appended");
        assert!(stream.append(a, [1.0f32]).is_err(), "a part of a row");
        let mut length = 0;
        stream
            .finish(|bytes| {
                length = bytes;
                assert!(!path.exists(), "not yet");
                Ok(())
            })
            .expect("written");
        assert_eq!(std::fs::metadata(&path).expect("there").len(), length, "the length that was told");
        let refused = NpzStream::new(path.clone()).finish(|_| Err(Error::store(&path, "no")));
        assert!(refused.is_err(), "refused by the caller");
        assert_eq!(std::fs::metadata(&path).expect("there").len(), length, "what was there stays");
    }
}
