//! A window of bounded size on a file: the bytes at an offset, read ahead in larger segments.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Bytes read first: who wants a record or two does not pay for more.
const FIRST_READ: u64 = 4096;
/// Bytes read at once in the end, doubling up to it: long enough that seeking and system calls do not count.
const READ_AHEAD: u64 = 256 * 1024;

/// Reads slices of a file, forwards mostly, without holding more than [`READ_AHEAD`] or the slice asked for.
pub(crate) struct Window {
    file: File,
    path: PathBuf,
    length: u64,
    /// Offset in the file of `bytes[0]`.
    start: u64,
    bytes: Vec<u8>,
    /// Bytes to read next time.
    ahead: u64,
}

impl Window {
    /// Opens the file; nothing is read yet.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::read(path, e))?;
        let length = file.metadata().map_err(|e| Error::read(path, e))?.len();
        Ok(Self { file, path: path.to_path_buf(), length, start: 0, bytes: Vec::new(), ahead: FIRST_READ })
    }

    /// Length of the file in bytes when it was opened.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The `count` bytes at `offset`, or fewer where the file ends before.
    pub(crate) fn bytes(&mut self, offset: u64, count: usize) -> Result<&[u8]> {
        let wanted = (count as u64).min(self.length.saturating_sub(offset));
        let held = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + wanted > held {
            self.fill(offset, wanted)?;
        }
        let from = ((offset - self.start) as usize).min(self.bytes.len());
        let to = (from + wanted as usize).min(self.bytes.len());
        Ok(&self.bytes[from..to])
    }

    fn fill(&mut self, offset: u64, wanted: u64) -> Result<()> {
        let fail = |e| Error::read(&self.path, e);
        self.bytes.clear();
        self.start = offset;
        self.file.seek(SeekFrom::Start(offset)).map_err(fail)?;
        self.file.by_ref().take(wanted.max(self.ahead)).read_to_end(&mut self.bytes).map_err(fail)?;
        self.ahead = (2 * self.ahead).min(READ_AHEAD);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn any_slice_comes_back_whatever_the_order() {
        let data: Vec<u8> = (0..READ_AHEAD as usize * 2 + 77).map(|i| (i * 31 % 251) as u8).collect();
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(&data).expect("the file takes the data");
        let mut window = Window::open(file.path()).expect("the file opens");
        for (offset, count) in [(0, 10), (5, 300_000), (524_000, 365), (524_300, 100), (1, 0), (600_000, 5), (3, 3)] {
            let from = offset.min(data.len());
            let want = &data[from..(from + count).min(data.len())];
            let got = window.bytes(offset as u64, count).expect("the file can be read");
            assert_eq!(got, want, "{count} bytes at {offset}");
        }
    }
}
