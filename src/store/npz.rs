//! NumPy's archives of arrays: written whole (small files, through `ndarray-npy`), or streamed row by row (days).

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ndarray::{ArrayBase, Data, Dimension};
use ndarray_npy::{NpzWriter, WritableElement, WriteDataError};
use tempfile::SpooledTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::atomic::{AtomicFile, write_atomic, write_atomic_then};
use super::npy::{Element, FromStored, NpyReader, Time, header};
use crate::error::{Error, Result};

impl WritableElement for Time {
    fn type_descriptor() -> py_literal::Value {
        py_literal::Value::String(Self::DESCR.into())
    }

    fn write<W: Write>(&self, writer: W) -> std::result::Result<(), WriteDataError> {
        Self::write_slice(&[*self], writer)
    }

    fn write_slice<W: Write>(slice: &[Self], mut writer: W) -> std::result::Result<(), WriteDataError> {
        let mut bytes = Vec::with_capacity(8 * slice.len());
        slice.iter().for_each(|t| t.put(&mut bytes));
        Ok(writer.write_all(&bytes)?)
    }
}

/// Arrays being added to a new .npz file.
pub struct Arrays<'a> {
    path: &'a Path,
    writer: NpzWriter<&'a mut AtomicFile>,
}

impl Arrays<'_> {
    /// Adds one array.
    ///
    /// # Errors
    /// [`Error::Store`] where it cannot be written.
    pub fn add<A, S, D>(&mut self, name: &str, array: &ArrayBase<S, D>) -> Result<()>
    where
        A: WritableElement + Clone,
        S: Data<Elem = A>,
        D: Dimension,
    {
        // NumPy orders axes as they are; a transposed view would be written as such and read by few others.
        let standard = array.as_standard_layout();
        let added = self.writer.add_array(name, &standard);
        added.map_err(|e| Error::store(self.path, format!("cannot write {name}: {e}")))
    }
}

/// Writes an .npz file whose arrays fit memory; it appears whole or not at all.
///
/// # Errors
/// [`Error::Io`], [`Error::Store`].
pub fn write_npz(path: &Path, fill: impl FnOnce(&mut Arrays<'_>) -> Result<()>) -> Result<()> {
    write_atomic(path, |out| {
        let mut arrays = Arrays { path, writer: NpzWriter::new(out) };
        fill(&mut arrays)?;
        let finished = arrays.writer.finish().map_err(|e| Error::store(path, format!("cannot be written: {e}")));
        finished.map(|_| ())
    })
}

/// Bytes of an array that stay in memory before they go to a scratch file.
const SPOOL: usize = 1 << 20;

/// An .npz file that grows row by row, with as many rows at the end as it happened to get.
///
/// Arrays grow side by side, but an .npz file holds one after the other; so each collects its rows in memory or, where
/// they are many, in a nameless scratch file of the same folder, and [`Self::finish`] puts them together.
pub struct NpzStream {
    path: PathBuf,
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

impl NpzStream {
    /// A stream to `path`, still without arrays.
    pub fn new(path: PathBuf) -> Self {
        Self { path, arrays: Vec::new() }
    }

    /// Declares an array with rows of shape `row` (empty: one number a row) and returns its handle.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be made.
    pub fn declare<T: Element>(&mut self, name: impl Into<String>, row: &[usize]) -> Result<usize> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
        let data = tempfile::spooled_tempfile_in(SPOOL, folder);
        self.arrays.push(Growing { name: name.into(), descr: T::DESCR, row: row.to_vec(), rows: 0, data, bytes: 0 });
        Ok(self.arrays.len() - 1)
    }

    /// Appends rows to the array `handle`, which must be of type `T`; `values` holds whole rows.
    ///
    /// # Errors
    /// [`Error::Io`] where the scratch file cannot be written, [`Error::Store`] for values that make no whole rows.
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
            return Err(Error::store(
                &self.path,
                format!("{count} values of {} are no rows of {}", T::DESCR, array.name),
            ));
        }
        array.rows += count / row.max(1);
        array.bytes += bytes.len() as u64;
        array.data.write_all(&bytes).map_err(|e| Error::io("write", &self.path, e))
    }

    /// Writes the file; it appears whole or not at all. `before` is called with its length in bytes just before it
    /// takes its name, and can still prevent that.
    ///
    /// # Errors
    /// [`Error::Io`], and what `before` returns.
    pub fn finish(self, before: impl FnOnce(u64) -> Result<()>) -> Result<()> {
        let Self { path, arrays } = self;
        let failed = |e: io::Error| Error::io("write", &path, e);
        let write = |out: &mut AtomicFile| {
            let mut zip = ZipWriter::new(out);
            for mut array in arrays {
                let options = SimpleFileOptions::default()
                    .compression_method(CompressionMethod::Stored)
                    .large_file(array.bytes >= u64::from(u32::MAX) - (1 << 16));
                zip.start_file(format!("{}.npy", array.name), options).map_err(|e| failed(e.into()))?;
                let mut shape = vec![array.rows];
                shape.extend(&array.row);
                zip.write_all(&header(array.descr, &shape)).map_err(failed)?;
                array.data.seek(SeekFrom::Start(0)).map_err(failed)?;
                io::copy(&mut array.data, &mut zip).map_err(failed)?;
            }
            zip.finish().map(|_| ()).map_err(|e| failed(e.into()))
        };
        write_atomic_then(&path, write, before)
    }
}

/// An .npz file being read.
pub struct NpzFile {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
}

impl NpzFile {
    /// Opens `path`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Store`] where it is no .npz file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let zip = ZipArchive::new(BufReader::with_capacity(1 << 18, file))
            .map_err(|e| Error::store(path, format!("not an .npz file ({e}); remove it and run again")))?;
        Ok(Self { path: path.to_path_buf(), zip })
    }

    /// True where the file holds an array of that name.
    pub fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&entry_name(name)).is_some()
    }

    /// The array `name`, to be read row by row.
    ///
    /// # Errors
    /// [`Error::Store`] where it is missing or no array.
    pub fn stream(&mut self, name: &str) -> Result<NpyReader<impl Read + '_>> {
        let bytes = self.bytes(name)?;
        let path = &self.path;
        let entry = self.zip.by_name(&entry_name(name)).map_err(|e| missing(path, name, &e))?;
        NpyReader::new(entry, bytes).map_err(|e| Error::store(path, format!("{name}: {e}")))
    }

    /// Bytes of the array `name` with its header, of whatever type its numbers are.
    ///
    /// # Errors
    /// [`Error::Store`] where it is missing or claims more than the file can hold.
    pub fn bytes(&mut self, name: &str) -> Result<u64> {
        let path = &self.path;
        let entry = self.zip.by_name(&entry_name(name)).map_err(|e| missing(path, name, &e))?;
        // Deflate cannot shrink by more than about 1,032; a larger claim is a lie.
        if entry.size() / 1100 > entry.compressed_size() {
            return Err(Error::store(path, format!("{name}: claims more bytes than it can hold")));
        }
        Ok(entry.size())
    }

    /// The whole array `name` with its shape.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn read<T: FromStored>(&mut self, name: &str) -> Result<(Vec<usize>, Vec<T>)> {
        let path = self.path.clone();
        self.stream(name)?.read_all().map_err(|e| Error::store(path, format!("{name}: {e}")))
    }
}

fn entry_name(array: &str) -> String {
    format!("{array}.npy")
}

fn missing(path: &Path, name: &str, why: &zip::result::ZipError) -> Error {
    Error::store(path, format!("{name}: no such array ({why})"))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};

    use super::*;

    #[test]
    fn streams_grow_and_are_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("day.npz");
        let write = || {
            let mut stream = NpzStream::new(path.clone());
            let a = stream.declare::<f32>("a", &[2, 3]).expect("declared");
            let t = stream.declare::<Time>("times", &[]).expect("declared");
            for block in 0..4i16 {
                stream.append(a, (0..12).map(|i| f32::from(block) * 12.0 + i as f32)).expect("appended");
                stream.append(t, [Time(block.into()), Time(i64::from(block) + 1)]).expect("appended");
            }
            assert!(stream.append(a, [1.0f32]).is_err(), "a part of a row");
            assert!(stream.append(a, [1.0f64; 6]).is_err(), "another type");
            let mut length = 0;
            stream
                .finish(|bytes| {
                    length = bytes;
                    Ok(())
                })
                .expect("written");
            length
        };
        let length = write();
        let first = std::fs::read(&path).expect("there");
        assert_eq!(first.len() as u64, length, "the length that is told");
        write();
        assert_eq!(std::fs::read(&path).expect("there"), first, "same rows, same bytes");
        let mut file = NpzFile::open(&path).expect("opened");
        assert!(file.has("a") && !file.has("b"), "names");
        let (shape, values) = file.read::<f64>("a").expect("read");
        assert_eq!((shape, values[47]), (vec![8, 2, 3], 47.0), "eight rows");
        let mut some = Vec::<f32>::new();
        let mut stream = file.stream("a").expect("there");
        stream.read(6, &mut some).and_then(|()| stream.read(6, &mut some)).expect("two rows");
        assert_eq!(some, [6.0, 7.0, 8.0, 9.0, 10.0, 11.0], "the second row");
    }

    #[test]
    fn whole_arrays_and_broken_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("whole.npz");
        let matrix: Array2<f64> = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        write_npz(&path, |out| {
            out.add("turned", &matrix.t())?;
            out.add("times", &Array1::from(vec![Time(3)]))
        })
        .expect("written");
        let mut file = NpzFile::open(&path).expect("opened");
        let (shape, values) = file.read::<f64>("turned").expect("read");
        assert_eq!((shape, values), (vec![2, 3], vec![1.0, 3.0, 5.0, 2.0, 4.0, 6.0]), "rows of the view");
        assert_eq!(file.read::<Time>("times").expect("read").1, [Time(3)], "a time");
        assert!(file.read::<f64>("times").is_err() && file.read::<f64>("none").is_err(), "another type, no such array");
        let bytes = std::fs::read(&path).expect("there");
        for n in (0..bytes.len()).step_by(7) {
            std::fs::write(&path, &bytes[..n]).expect("written");
            let whole = NpzFile::open(&path).and_then(|mut f| f.read::<f64>("turned"));
            assert!(whole.is_err(), "cut after {n} bytes");
        }
    }
}
