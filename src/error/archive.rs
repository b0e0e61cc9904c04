//! What is wrong with an archive of images; who runs the program chooses another, or says more about this one.

use std::path::PathBuf;

/// A fault of an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The folder does not exist.
    #[error("{path}: no such folder; set input.path or --input")]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The folder cannot be read.
    #[error("cannot read the folder {path}: {reason}")]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// The operating system's answer.
        reason: String,
    },
    /// The folder could be read before.
    #[error("{path}: the archive's folder cannot be read any more; run the same command again to go on")]
    Gone {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds no images.
    #[error("{path}: no .png files there, nor .jpg, .tif or .webp; set input.path or --input")]
    NoImages {
        /// The folder.
        path: PathBuf,
    },
    /// None of its images can be used.
    #[error("{path}: no usable image ({reason})")]
    NoneUsable {
        /// The folder.
        path: PathBuf,
        /// Why the first one cannot.
        reason: String,
    },
    /// All of its images had to be left out.
    #[error("{path}: not one of {images} images can be used; the log says why for each")]
    AllLeftOut {
        /// The folder.
        path: PathBuf,
        /// Images tried.
        images: usize,
    },
    /// None of its images can be decoded or recognised.
    #[error("{path}: no {what} there can be {done}")]
    NothingSeen {
        /// The folder or file.
        path: PathBuf,
        /// `image` or `picture`.
        what: &'static str,
        /// What failed: `decoded`, `recognised`.
        done: &'static str,
    },
    /// Images of two series lie in one folder.
    #[error(
        "{path}: two series of pictures of the same times, as {used} and {other}: give each a folder of its own (--each \
         takes every sub-folder as an archive), or name one by its beginning in input.time_pattern"
    )]
    TwoSeries {
        /// The folder.
        path: PathBuf,
        /// An image of the first series.
        used: String,
        /// One of the second.
        other: String,
    },
    /// Sub-folders are to be archives, and there are none.
    #[error("{path}: no sub-folders there; leave out --each")]
    NoSubFolders {
        /// The folder.
        path: PathBuf,
    },
    /// Images follow each other faster than each of them lasts.
    #[error(
        "{path}: a picture every {step_s} s, while input.duration_s = {duration_s} says that each spans longer: set \
         input.duration_s = {step_s}"
    )]
    Overlapping {
        /// The folder.
        path: PathBuf,
        /// Seconds from one image to the next.
        step_s: f64,
        /// Seconds that an image is said to span.
        duration_s: f64,
    },
    /// The names can be read in two ways.
    #[error("the file names can be read as {pattern} and as {rival}: set input.time_pattern to the right one")]
    AmbiguousNames {
        /// One pattern.
        pattern: String,
        /// The other.
        rival: String,
    },
    /// The spacing of the images tells no duration.
    #[error(
        "{path}: pictures follow each other in steps of no usual length (most often {step_s} s): set input.duration_s to the \
         seconds that a picture spans"
    )]
    NoCadence {
        /// The folder.
        path: PathBuf,
        /// The most common step.
        step_s: f64,
    },
    /// Too little is known of the images to go on without a configuration.
    #[error(
        "{folder}: without a configuration this cannot be told for sure: {doubts}; run `scatterfall init {folder}`, look at its \
         preview, and run with the file that it writes"
    )]
    Doubtful {
        /// The folder.
        folder: PathBuf,
        /// What cannot be told.
        doubts: String,
    },
    /// An image had to be left out where none may be.
    #[error("--strict: {file} cannot be used: {reason}")]
    LeftOut {
        /// The image.
        file: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// The plot area does not fit the images.
    #[error("{0}")]
    CropOutside(String),
    /// The preview shows that the settings do not fit the image.
    #[error("{0}")]
    Preview(String),
    /// A benchmark without images.
    #[error("there is no image to measure with")]
    NothingToMeasure,
}
