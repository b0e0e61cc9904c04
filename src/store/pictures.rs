//! Pictures as files.

use std::path::Path;

use scatterfall_figures::Canvas;

use super::atomic::write_bytes;
use crate::error::Result;

/// Pictures that can be written.
pub trait SavePicture {
    /// Writes the picture as a PNG; the file appears whole or not at all. Missing folders are made.
    ///
    /// # Errors
    /// [`crate::Error::Io`] where the file cannot be written.
    fn save(&self, path: &Path) -> Result<()>;
}

impl SavePicture for Canvas {
    fn save(&self, path: &Path) -> Result<()> {
        write_bytes(path, &self.png()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_whole_and_under_their_name_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b.png");
        let canvas = Canvas::new(30, 20);
        canvas.save(&path).expect("saved");
        assert!(image::open(&path).is_ok(), "a PNG");
        assert_eq!(std::fs::read_dir(folder.path().join("a")).expect("listed").count(), 1, "nothing temporary is left");
        assert!(canvas.save(&folder.path().join("a/b.png/c.png")).is_err(), "a file is no folder");
    }
}
