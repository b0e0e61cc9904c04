//! What can go wrong between a path and its samples.

use std::path::{Path, PathBuf};

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. Messages name the file and say what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The content of a file is not what it should be, or is no longer what was indexed.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No file was given, or the folders given hold none.
    #[error("no MiniSEED file is given")]
    NoFile,
    /// Nothing in the files has a sampling rate.
    #[error("the MiniSEED files hold no samples of a time series")]
    NoSeries,
    /// Channels differ in their sampling rate.
    #[error("different sampling rates: {}; give the files of one rate at a time", list_rates(.0))]
    DifferentRates(Vec<(f64, Vec<String>)>),
}

fn list_rates(rates: &[(f64, Vec<String>)]) -> String {
    let list: Vec<String> = rates.iter().map(|(rate, names)| format!("{rate} Hz ({})", names.join(", "))).collect();
    list.join(", ")
}

impl Error {
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    pub(crate) fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), reason: reason.into() }
    }
}
