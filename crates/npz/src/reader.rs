//! .npz files being read, array by array.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::npy::{FromStored, NpyReader};
use crate::{Error, Result};

/// An .npz file being read.
pub struct NpzFile {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
}

impl NpzFile {
    /// Opens `path`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`] where it is no .npz file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let zip = ZipArchive::new(BufReader::with_capacity(1 << 18, file))
            .map_err(|e| Error::NotNpz { path: path.to_path_buf(), reason: e.to_string() })?;
        Ok(Self { path: path.to_path_buf(), zip })
    }

    /// True where the file holds an array of that name.
    pub fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&entry_name(name)).is_some()
    }

    /// The array `name`, to be read row by row.
    ///
    /// # Errors
    /// [`Error::Format`] where it is missing or no array.
    pub fn stream(&mut self, name: &str) -> Result<NpyReader<impl Read + '_>> {
        let bytes = self.bytes(name)?;
        let path = &self.path;
        let entry = self.zip.by_name(&entry_name(name)).map_err(|e| missing(path, name, &e))?;
        NpyReader::new(entry, bytes).map_err(|e| Error::format(path, format!("{name}: {e}")))
    }

    /// Bytes of the array `name` with its header, of whatever type its numbers are.
    ///
    /// # Errors
    /// [`Error::Format`] where it is missing or claims more than the file can hold.
    pub fn bytes(&mut self, name: &str) -> Result<u64> {
        let path = &self.path;
        let entry = self.zip.by_name(&entry_name(name)).map_err(|e| missing(path, name, &e))?;
        // Deflate cannot shrink by more than about 1,032; a larger claim is a lie.
        if entry.size() / 1100 > entry.compressed_size() {
            return Err(Error::format(path, format!("{name}: claims more bytes than it can hold")));
        }
        Ok(entry.size())
    }

    /// The whole array `name` with its shape.
    ///
    /// # Errors
    /// [`Error::Format`].
    pub fn read<T: FromStored>(&mut self, name: &str) -> Result<(Vec<usize>, Vec<T>)> {
        let path = self.path.clone();
        self.stream(name)?.read_all().map_err(|e| Error::format(path, format!("{name}: {e}")))
    }
}

fn entry_name(array: &str) -> String {
    format!("{array}.npy")
}

fn missing(path: &Path, name: &str, why: &zip::result::ZipError) -> Error {
    Error::format(path, format!("{name}: no such array ({why})"))
}
