//! Arrays that grow row by row, side by side.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::SpooledTempFile;

use crate::npy::Element;
use crate::{Error, NpzWriter, Result};

/// Bytes of an array that stay in memory before they go to a scratch file.
const SPOOL: usize = 1 << 20;

/// The arrays of an .npz file that grow row by row, with as many rows at the end as it happened to get.
///
/// Arrays grow side by side, but an .npz file holds one after the other; so each collects its rows in memory or, where
/// they are many, in a nameless scratch file, and [`Self::write`] puts them together.
pub struct GrowingArrays {
    folder: PathBuf,
    arrays: Vec<Growing>,
}

struct Growing {
    name: String,
    descr: &'static str,
    row: Vec<usize>,
    rows: usize,
    data: SpooledTempFile,
    bytes: u64,
}

impl GrowingArrays {
    /// No arrays yet; scratch files are made in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), arrays: Vec::new() }
    }

    /// Declares an array with rows of shape `row` (empty: one number per row) and returns its handle.
    pub fn declare<T: Element>(&mut self, name: impl Into<String>, row: &[usize]) -> usize {
        let data = tempfile::spooled_tempfile_in(SPOOL, &self.folder);
        self.arrays.push(Growing { name: name.into(), descr: T::DESCR, row: row.to_vec(), rows: 0, data, bytes: 0 });
        self.arrays.len() - 1
    }

    /// Appends rows to the array `handle`, which must be of type `T`; `values` holds whole rows.
    ///
    /// # Errors
    /// [`Error::Io`] where the scratch file cannot be written, [`Error::NoRows`] for values that make no whole rows.
    pub fn append<T: Element>(&mut self, handle: usize, values: impl IntoIterator<Item = T>) -> Result<()> {
        let array = &mut self.arrays[handle];
        let mut bytes = Vec::new();
        let mut count = 0;
        for value in values {
            value.put(&mut bytes);
            count += 1;
        }
        let row: usize = array.row.iter().product();
        if T::DESCR != array.descr || (row > 0 && count % row != 0) {
            return Err(Error::NoRows { count, descr: T::DESCR, array: array.name.clone() });
        }
        array.rows += count / row.max(1);
        array.bytes += bytes.len() as u64;
        array.data.write_all(&bytes).map_err(|e| Error::io("write", &self.folder, e))
    }

    /// Writes all arrays, in the order in which they were declared.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Io`] where a scratch file cannot be read.
    pub fn write<W: Write + Seek>(self, out: W) -> Result<()> {
        let mut npz = NpzWriter::new(out);
        for mut array in self.arrays {
            let mut shape = vec![array.rows];
            shape.extend(&array.row);
            array.data.seek(SeekFrom::Start(0)).map_err(|e| Error::io("read", &self.folder, e))?;
            npz.copy(&array.name, array.descr, &shape, array.bytes, &mut array.data)?;
        }
        npz.finish()
    }

    /// The folder of the scratch files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
