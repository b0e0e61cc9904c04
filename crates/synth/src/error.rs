//! What can go wrong here.

use std::path::{Path, PathBuf};

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong when an archive is made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option that makes no archive.
    #[error("{option} = {value}: expected {expected}")]
    Option {
        /// Its name.
        option: &'static str,
        /// The value as it was given.
        value: String,
        /// What would be accepted.
        expected: String,
    },
    /// The PNG encoder failed.
    #[error("{file}: cannot be encoded: {reason}")]
    Encode {
        /// Name of the image.
        file: String,
        /// The encoder's words.
        reason: String,
    },
    /// The folder's name is not UTF-8, so that no configuration can name it.
    #[error("{}: a configuration needs a name in UTF-8; choose another folder", .folder.display())]
    FolderName {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds images of something else; two archives in one folder would be read as one.
    #[error(
        "{} holds {}, which is not of this archive: choose an empty folder, or remove its .png files",
        .folder.display(), .file.display()
    )]
    ForeignImage {
        /// The folder.
        folder: PathBuf,
        /// Name of the first such image.
        file: PathBuf,
    },
    /// The operating system refused a file operation.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried: `read`, `create`, ...
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn option(option: &'static str, value: impl ToString, expected: impl Into<String>) -> Self {
        Self::Option { option, value: value.to_string(), expected: expected.into() }
    }

    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_path_buf(), source }
    }
}
