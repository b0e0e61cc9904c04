//! What is wrong with results that earlier stages left in the output folder, and with the folder itself.

use std::path::PathBuf;

/// A fault of stored results.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// An earlier stage has not run.
    #[error("{path}: nothing there; run `scatterfall {command}` first")]
    Missing {
        /// The file or folder that the stage writes.
        path: PathBuf,
        /// The stage's command.
        command: &'static str,
    },
    /// A file that was there when the program started is gone.
    #[error("{path} is gone: something removed it while the program ran; run the same command again to go on")]
    Removed {
        /// The file.
        path: PathBuf,
    },
    /// The output folder is gone.
    #[error("{path}: the output folder is gone; run the same command again")]
    FolderGone {
        /// The folder.
        path: PathBuf,
    },
    /// Features of another shape than they have.
    #[error("{path}: `features` has the shape {shape:?}, not (images, windows, features)")]
    FeatureShape {
        /// The file.
        path: PathBuf,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Features of other channels than are configured.
    #[error(
        "{path}: {images} images with {stored} features and {times} times, but features.names lists {channels}; run \
         `scatterfall features` again"
    )]
    OtherFeatures {
        /// The file.
        path: PathBuf,
        /// Images stored.
        images: usize,
        /// Features stored.
        stored: usize,
        /// Times stored.
        times: usize,
        /// Features configured.
        channels: usize,
    },
    /// The archive is too short for a single segment.
    #[error("no rows: no run of images is as long as a segment; set segments.length_km or segments.bins lower")]
    NoRows,
    /// No row is left for a fit.
    #[error("{path}: of {rows} rows none is finite and outside [exclude]")]
    NoRowTakesPart {
        /// The file of the rows.
        path: PathBuf,
        /// Rows there.
        rows: usize,
    },
    /// Days whose coefficients do not belong together.
    #[error("{source}: the days were computed with different networks or features; run again with --fresh")]
    DaysDiffer {
        /// What differs.
        source: scatterfall_rowstats::Error,
    },
    /// The output folder cannot be written.
    #[error("cannot write to the output folder {path}: {source}; choose another (--output, output.path)")]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// Another run works in the output folder.
    #[error("{path} is in use by {holder}; wait for it, or choose another --output")]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The other run.
        holder: String,
    },
    /// Another run takes the output folder away.
    #[error("{path} is being removed by another run; try again")]
    BeingRemoved {
        /// The folder.
        path: PathBuf,
    },
    /// The output folder of a model's own run.
    #[error("{path} holds the model and the results that it was fitted on; choose another --output")]
    HoldsModel {
        /// The folder.
        path: PathBuf,
    },
    /// Scalograms that do not fit the memory.
    #[error(
        "the scalograms of {segments} segments need {} MiB, more than compute.memory_mib = {limit_mib}; pool them, or take fewer \
         segments",
        needed_mib.map_or_else(|| "far too many".to_owned(), |n| n.to_string())
    )]
    ScalogramMemory {
        /// Segments.
        segments: usize,
        /// Memory needed, if it can be counted.
        needed_mib: Option<usize>,
        /// Memory allowed.
        limit_mib: usize,
    },
}
