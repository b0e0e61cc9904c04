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
    /// No channel, or no time, is what was asked for.
    #[error("nothing of what was asked for is in the files: they hold {} from {} to {}", list(.channels), time(*.first_us), time(*.last_us))]
    NothingSelected {
        /// The channels there are.
        channels: Vec<String>,
        /// Time of the first sample, microseconds since 1970-01-01 UTC.
        first_us: i64,
        /// Time behind the last sample.
        last_us: i64,
    },
}

/// Channels that a message names.
const NAMED: usize = 12;

fn list(channels: &[String]) -> String {
    let more = channels.len().saturating_sub(NAMED);
    let named = channels[..channels.len() - more].join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

fn time(time_us: i64) -> String {
    chrono::DateTime::from_timestamp_micros(time_us)
        .map_or_else(|| "?".to_owned(), |t| t.format("%Y-%m-%dT%H:%M:%S").to_string())
}

impl Error {
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    pub(crate) fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), reason: reason.into() }
    }
}
