//! Colour maps by name or from a file.

use std::io::Read as _;
use std::path::Path;

use scatterfall_colormap::Colormap;

use crate::error::{Error, Result};

/// What is read of a file: rows take up to 12 bytes each, comments not much more.
const MAX_BYTES: u64 = 1 << 16;

/// A map by name, or from a text file of 256 rows `R G B` (0 to 255, separated by spaces or commas).
///
/// # Errors
/// [`Error::Config`] for a name that is neither a map nor a file, and for a file of another form.
pub fn load(name: &str) -> Result<Colormap> {
    if let Some(map) = Colormap::builtin(name) {
        return Ok(map);
    }
    let wrong = |expected: &str| Error::config("value.colormap", name, expected);
    if !Path::new(name).is_file() {
        let names: Vec<&str> = Colormap::names().collect();
        return Err(wrong(&format!("{} or a file of 256 \"R G B\" rows", names.join(", "))));
    }
    let mut text = String::new();
    let read = std::fs::File::open(name).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
    read.map_err(|e| Error::io("read", name, e))?;
    Colormap::parse(&text).ok_or_else(|| wrong("a file of 256 rows \"R G B\", each number from 0 to 255"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_neither_map_nor_file_is_refused() {
        assert!(load("jet").is_ok_and(|map| Some(map) == Colormap::builtin("jet")), "by name");
        assert!(load("no such map").is_err_and(|e| e.is_usage()), "neither a name nor a file");
    }
}
