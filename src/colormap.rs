//! Colour maps by name or from a file.

use std::io::Read as _;
use std::path::Path;

use scatterfall_colormap::Colormap;
use scatterfall_recognize::{ColourMap, Picture, bar_of};

use crate::error::{Error, Result};

/// What is read of a file: rows take up to 12 bytes each, comments not much more.
const MAX_BYTES: u64 = 1 << 20;

/// A map by name (with `_r` behind it: backwards), or from a file: 256 rows `R G B` of numbers from 0 to 255 or from 0 to 1
/// with comments or without, or a strip cut from a picture's colour bar (PNG).
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
        return Err(wrong(&format!("{} (with _r: backwards), or a file of 256 \"R G B\" rows", names.join(", "))));
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(name).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    read.map_err(|e| Error::io("read", name, e))?;
    if bytes.starts_with(b"\x89PNG") {
        return strip(&bytes).map_err(|reason| wrong(&format!("a strip cut from a colour bar ({reason})")));
    }
    let map = Colormap::parse(&String::from_utf8_lossy(&bytes));
    map.ok_or_else(|| wrong("a file of 256 rows \"R G B\", each number from 0 to 255, or from 0 to 1"))
}

/// 256 colours along the longer side of a strip cut from a picture, the lowest value at the bottom or left.
fn strip(bytes: &[u8]) -> std::result::Result<Colormap, String> {
    let pixels = crate::decode::from_bytes(bytes, None, 1 << 22)?;
    let picture = Picture::new(pixels.columns, pixels.rows, pixels.rgb);
    let colours = picture.and_then(|p| bar_of(&p));
    colours.map(Colormap::Table).ok_or_else(|| "its colours do not run along one side".to_owned())
}

/// Every map that comes with the program, as recognition takes them.
pub fn known() -> Vec<ColourMap> {
    let known = |name: &str| {
        let map = Colormap::builtin(name)?;
        let colours = Box::new(std::array::from_fn(|i| map.color(u8::try_from(i).unwrap_or(u8::MAX))));
        Some(ColourMap { name: name.to_owned(), colours, diverging: Colormap::is_diverging(name) })
    };
    Colormap::names().filter_map(known).collect()
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
