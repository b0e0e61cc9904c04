//! What a file holds, whatever its format.

use std::path::Path;

use crate::error::{Error, Result};
use crate::file_segment::FileScan;
use crate::records_scan::scan_records;
use crate::sac;
use crate::window::Window;

/// Reads a file once, from its first byte to its last: SAC if it has such a header, MiniSEED otherwise.
pub(crate) fn scan_file(file: usize, path: &Path) -> Result<FileScan> {
    let mut window = Window::open(path)?;
    let length = window.length();
    match sac::parse(window.bytes(0, sac::HEADER)?, length) {
        Some(Ok(header)) => sac::scan(file, path, &mut window, &header),
        Some(Err(reason)) => Err(Error::file(path, reason)),
        None => scan_records(file, path, &mut window),
    }
}
