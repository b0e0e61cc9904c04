//! The images of a benchmark, as files' contents in memory.

use rayon::prelude::*;

use crate::archive::Catalogue;
use crate::config::Config;
use crate::error::{ArchiveError, Error, Result};
use crate::progress::Context;
use scatterfall_synth::{Layout, SynthArchive, SynthOptions};

/// PNG files in memory, with names that tell their times.
pub(crate) struct Input {
    /// Name and content.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
}

impl Input {
    /// Synthetic screenshots, the same every time.
    ///
    /// # Errors
    /// Those of [`SynthArchive`].
    pub(crate) fn synthetic(images: usize) -> Result<Self> {
        let options = SynthOptions { images, layout: Layout::Screenshot, ..SynthOptions::default() };
        let archive = SynthArchive::new(&options)?;
        let minutes: Vec<usize> = archive.minutes().collect();
        let draw = |&minute: &usize| Ok((archive.file_name(minute), archive.png(minute)?));
        let files: Vec<(String, Vec<u8>)> = minutes.par_iter().map(draw).collect::<Result<_>>()?;
        Self::new(files)
    }

    /// The first images of the configuration's archive.
    ///
    /// # Errors
    /// Those of reading the archive.
    pub(crate) fn of_archive(ctx: &Context<'_>, images: usize) -> Result<Self> {
        let catalogue = Catalogue::read(&ctx.config.input, &ctx.config.output.path)?;
        let read = |image: &crate::archive::ImageRef| {
            let content = std::fs::read(&image.path).map_err(|e| Error::io("read", &image.path, e))?;
            let name = image.path.file_name().map(|n| n.to_string_lossy().into_owned());
            Ok((name.unwrap_or_default(), content))
        };
        let files: Vec<(String, Vec<u8>)> = catalogue.images.iter().take(images).map(read).collect::<Result<_>>()?;
        Self::new(files)
    }

    fn new(files: Vec<(String, Vec<u8>)>) -> Result<Self> {
        let first = files.first().ok_or(ArchiveError::NothingToMeasure)?;
        let size = crate::decode::header_size(&first.1).map_err(|reason| Error::image(&first.0, reason))?;
        Ok(Self { files, size })
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, content)| content.len() as u64).sum()
    }

    /// `config` for these images as an archive in `folder`.
    pub(super) fn config(config: &Config, folder: &std::path::Path) -> Config {
        let mut config = config.clone();
        config.input.path = folder.join("archive");
        config.input.start = None;
        config.input.end = None;
        config.output.path = folder.join("output");
        config.output.waterfall_npz = false;
        config.visualize.methods.clear();
        config
    }

    /// Writes the files, so that a whole run can read them.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn write(&self, folder: &std::path::Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
        for (name, content) in &self.files {
            let path = folder.join(name);
            std::fs::write(&path, content).map_err(|e| Error::io("write", &path, e))?;
        }
        Ok(())
    }
}
