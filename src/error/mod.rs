//! The one error type of the library, grouped by who can act on it.

mod archive;
mod libraries;
mod model;
mod seismogram;
mod stored;

use std::path::{Path, PathBuf};

pub use archive::ArchiveError;
pub use model::ModelError;
pub use seismogram::SeismogramError;
pub use stored::StoredError;

/// Result with the library's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. Every message says what is wrong and, where it helps, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration value is missing or out of range. The user mends the file or the command line.
    #[error("configuration: {}{key} = {value}: expected {expected}", before(at))]
    Config {
        /// Where it is set, if in a file.
        at: Option<Place>,
        /// `section.key`.
        key: String,
        /// The value as it was given.
        value: String,
        /// What would be accepted.
        expected: String,
    },
    /// A key or section of the configuration that does not exist.
    #[error("configuration: {}unknown {kind} {key}: {hint}", before(at))]
    UnknownKey {
        /// Where it stands, if in a file.
        at: Option<Place>,
        /// `key` or `section`.
        kind: &'static str,
        /// Its name, as `section.key`.
        key: String,
        /// What may have been meant.
        hint: String,
    },
    /// A configuration file is not TOML.
    #[error("configuration: {at}: {reason}")]
    Toml {
        /// Where the text goes wrong.
        at: Place,
        /// How.
        reason: String,
    },
    /// A configuration file cannot be read.
    #[error("configuration: cannot read {path}: {source}")]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A setting of the command line that is not `section.key=value`.
    #[error("configuration: --set {text}: expected section.key=value, as segments.length_km=1.5")]
    Override {
        /// What was given.
        text: String,
    },
    /// The configuration text is not what it has to be.
    #[error("configuration: {0}")]
    ConfigText(String),
    /// One image cannot be used; the run goes on without it.
    #[error("{path}: {reason}")]
    Image {
        /// The file.
        path: PathBuf,
        /// Why it is left out.
        reason: String,
    },
    /// The archive as a whole cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Seismograms cannot be used.
    #[error(transparent)]
    Seismogram(#[from] SeismogramError),
    /// Results of earlier stages, or the output folder, cannot be used.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// A model cannot be used, or not for this.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The command line of a program that carries this one.
    #[error("{0}")]
    Arguments(String),
    /// Segments or images that the network does not take.
    #[error(transparent)]
    Scattering(scatterfall_scattering::Error),
    /// Rows that cannot be fitted.
    #[error(transparent)]
    Rows(scatterfall_rowstats::Error),
    /// Measurements that the detector does not take.
    #[error("detection: {0}")]
    Detection(scatterfall_detector::DetectorError),
    /// A picture cannot be drawn.
    #[error(transparent)]
    Picture(#[from] scatterfall_figures::Error),
    /// An array cannot be written.
    #[error(transparent)]
    Array(scatterfall_npz::Error),
    /// An invented archive cannot be written.
    #[error(transparent)]
    Synthetic(scatterfall_synth::Error),
    /// The operating system refused a file operation.
    #[error("cannot {action} {path}: {source}{}", remedy(source))]
    Io {
        /// What was tried: `read`, `create`, ...
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A stored file (.npy, .npz, .json) is not what this program can read.
    #[error("{path}: {reason}")]
    Store {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// No usable compute device, or the device failed.
    #[error("{0}")]
    Device(String),
    /// The operating system does not start the threads that are asked for.
    #[error("cannot start {} threads: {reason}; set compute.threads lower", if *.threads == 0 { "all".to_owned() } else { .threads.to_string() })]
    Threads {
        /// Threads asked for; 0: one for each core.
        threads: usize,
        /// The operating system's answer.
        reason: String,
    },
    /// The operating system does not let the program take signals.
    #[error("cannot take signals: {source}")]
    Signals {
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A worker of the program panicked: a mistake in the program, not in its input.
    #[error("a worker of the program failed; please report it")]
    Worker,
    /// Two backends give results that differ by more than they may.
    #[error("{0}")]
    Disagreement(String),
    /// A shader does not compile or does not fit the device.
    #[error("shader {name}: {reason}")]
    Shader {
        /// Name of the shader file without extension.
        name: String,
        /// The compiler's message with its line.
        reason: String,
    },
    /// The user asked to stop (Ctrl-C, SIGTERM). What is complete on disk stays.
    #[error("stopped; {done}; run the same command again to go on")]
    Interrupted {
        /// What is complete, in words.
        done: String,
    },
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the file.
    pub file: String,
    /// Its line, counted from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

/// A place as the beginning of a line, where there is one.
fn before(at: &Option<Place>) -> String {
    at.as_ref().map(|place| format!("{place}: ")).unwrap_or_default()
}

/// What helps against errors of the operating system that come in the middle of a run.
fn remedy(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => "; make room and run the same command again to go on",
        _ => "",
    }
}

impl Error {
    /// A configuration error for `key`.
    pub fn config(key: impl Into<String>, value: impl ToString, expected: impl Into<String>) -> Self {
        Self::Config { at: None, key: key.into(), value: value.to_string(), expected: expected.into() }
    }

    /// The same error, with the place that `find` knows for the key of a configuration error.
    pub(crate) fn config_at(self, find: impl FnOnce(&str) -> Option<Place>) -> Self {
        match self {
            Self::Config { at: None, key, value, expected } => Self::Config { at: find(&key), key, value, expected },
            other => other,
        }
    }

    /// An I/O error for `path`; `action` completes "cannot ...".
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_path_buf(), source }
    }

    /// A stored file that cannot be used.
    pub fn store(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Store { path: path.as_ref().to_path_buf(), reason: reason.into() }
    }

    /// An image that cannot be used.
    pub fn image(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Image { path: path.as_ref().to_path_buf(), reason: reason.into() }
    }

    /// The user asked to stop.
    pub fn interrupted() -> Self {
        Self::Interrupted { done: "finished days are kept".into() }
    }

    /// True where the fault is in what was given to compute on, so that other input may do.
    pub(crate) fn is_of_input(&self) -> bool {
        matches!(
            self,
            Self::Config { .. }
                | Self::Archive(_)
                | Self::Seismogram(_)
                | Self::Stored(_)
                | Self::Model(_)
                | Self::Scattering(_)
                | Self::Rows(_)
                | Self::Detection(_)
                | Self::Picture(_)
                | Self::Array(_)
        )
    }

    /// True where the fault is in the command line or the configuration (exit status 2).
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Config { .. }
                | Self::UnknownKey { .. }
                | Self::Toml { .. }
                | Self::ConfigFile { .. }
                | Self::Override { .. }
                | Self::Arguments(_)
                | Self::ConfigText(_)
        )
    }
}
