//! The writer: .npz files, array after array.

use std::io::{self, Read, Seek, Write};

use ndarray::{ArrayBase, Data, Dimension};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::npy::{Element, header, header_of_whole};
use crate::{Error, Result};

/// Entries from this size on are written with 64-bit sizes; NumPy reads both.
const LARGE: u64 = u32::MAX as u64 - (1 << 16);

/// Values are gathered in blocks of this many bytes before they are written.
const BLOCK: usize = 1 << 16;

/// Writes the arrays of an .npz file one after the other, uncompressed. The same arrays give the same bytes.
///
/// What it writes to is the caller's: a file, a file that takes its name at the end, memory.
///
/// ```
/// use scatterfall_npz::NpzWriter;
///
/// let mut bytes = std::io::Cursor::new(Vec::new());
/// let mut npz = NpzWriter::new(&mut bytes);
/// npz.add("matrix", &ndarray::array![[1.0, 2.0], [3.0, 4.0]])?;
/// npz.finish()?;
/// assert!(!bytes.into_inner().is_empty());
/// # Ok::<(), scatterfall_npz::Error>(())
/// ```
pub struct NpzWriter<W: Write + Seek> {
    zip: ZipWriter<W>,
    current: String,
    block: Vec<u8>,
}

impl<W: Write + Seek> NpzWriter<W> {
    /// A writer to `out`, still without arrays.
    pub fn new(out: W) -> Self {
        Self { zip: ZipWriter::new(out), current: String::new(), block: Vec::new() }
    }

    /// Adds one array.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn add<A, S, D>(&mut self, name: &str, array: &ArrayBase<S, D>) -> Result<()>
    where
        A: Element,
        S: Data<Elem = A>,
        D: Dimension,
    {
        self.start(name, size_of::<A>() as u64 * array.len() as u64)?;
        self.write(&header_of_whole(A::DESCR, array.shape()))?;
        self.put(array.iter().copied())
    }

    /// Begins an array of a known shape, whose values follow in one or several calls of [`Self::put`].
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn begin<A: Element>(&mut self, name: &str, shape: &[usize]) -> Result<()> {
        let values = shape.iter().fold(1u64, |product, &n| product.saturating_mul(n as u64));
        self.start(name, values.saturating_mul(size_of::<A>() as u64))?;
        self.write(&header(A::DESCR, shape))
    }

    /// Writes values of the array that was begun last, the last axis fastest.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn put<A: Element>(&mut self, values: impl IntoIterator<Item = A>) -> Result<()> {
        let mut block = std::mem::take(&mut self.block);
        for value in values {
            value.put(&mut block);
            if block.len() >= BLOCK {
                self.write(&block)?;
                block.clear();
            }
        }
        self.write(&block)?;
        block.clear();
        self.block = block;
        Ok(())
    }

    /// Adds an array whose values are bytes already.
    pub(crate) fn copy(
        &mut self,
        name: &str,
        descr: &str,
        shape: &[usize],
        bytes: u64,
        mut data: impl Read,
    ) -> Result<()> {
        self.start(name, bytes)?;
        self.write(&header(descr, shape))?;
        io::copy(&mut data, &mut self.zip).map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Writes the directory that ends the file.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<()> {
        let Self { zip, current, .. } = self;
        zip.finish().map(|_| ()).map_err(|e| Error::Write { array: current, source: e.into() })
    }

    fn start(&mut self, name: &str, bytes: u64) -> Result<()> {
        name.clone_into(&mut self.current);
        // A fixed time of change, 1980-01-01: the bytes must not depend on the clock.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .large_file(bytes >= LARGE);
        self.zip.start_file(format!("{name}.npy"), options).map_err(|e| self.failed(e.into()))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.zip.write_all(bytes).map_err(|e| self.failed(e))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Write { array: self.current.clone(), source }
    }
}
