//! The one error type of the library, grouped by who can act on it.

use std::path::{Path, PathBuf};

/// Result with the library's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. Every message says what is wrong and, where it helps, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration value is missing, unknown or out of range. The user mends the file or the command line.
    #[error("configuration: {key} = {value}: expected {expected}")]
    Config {
        /// `section.key`.
        key: String,
        /// The value as it was given.
        value: String,
        /// What would be accepted.
        expected: String,
    },
    /// The configuration text is not TOML, or names a key that does not exist.
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
    /// The input as a whole cannot be used (nothing there, nothing usable, contradicting settings).
    #[error("{0}")]
    Input(String),
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

/// What helps against errors of the operating system that come in the middle of a run.
fn remedy(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => "; make room and run the same command again to go on",
        _ => "",
    }
}

impl From<scatterfall_scattering::Error> for Error {
    fn from(error: scatterfall_scattering::Error) -> Self {
        use scatterfall_scattering::Error as Scattering;
        match error {
            Scattering::Parameter { parameter, value, expected } => Self::config(parameter, value, expected),
            Scattering::Shader { name, reason } => Self::Shader { name, reason },
            Scattering::NoAdapter => Self::Device(format!(
                "{error}: install a Vulkan, Metal or DirectX 12 driver (`scatterfall devices` lists what is there), or use \
                 --backend cpu"
            )),
            Scattering::Device(_) => Self::Device(format!("{error}; update the driver or use --backend cpu")),
            error if error.is_device() => Self::Device(format!("{error}; use --backend cpu")),
            other => Self::Input(other.to_string()),
        }
    }
}

impl From<scatterfall_rowstats::Error> for Error {
    fn from(error: scatterfall_rowstats::Error) -> Self {
        use scatterfall_rowstats::Error as Rowstats;
        match error {
            Rowstats::Parameter { parameter, value, expected } => Self::config(parameter, value, expected),
            // What a source of rows reports is this program's own, and comes back as it was.
            Rowstats::Source(error) => error.downcast::<Self>().map_or_else(|e| Self::Input(e.to_string()), |own| *own),
            Rowstats::OrderColumns { .. } => Self::Input(format!(
                "{error}: the days were computed with different networks or features; run again with --fresh"
            )),
            other => Self::Input(other.to_string()),
        }
    }
}

impl From<Error> for scatterfall_rowstats::Error {
    fn from(error: Error) -> Self {
        Self::Source(Box::new(error))
    }
}

impl From<scatterfall_npz::Error> for Error {
    fn from(error: scatterfall_npz::Error) -> Self {
        use scatterfall_npz::Error as Npz;
        match error {
            Npz::Io { action, path, source } => Self::io(action, path, source),
            Npz::Format { path, reason } => Self::store(path, reason),
            Npz::NotNpz { path, reason } => {
                Self::store(path, format!("not an .npz file ({reason}); remove it and run again"))
            }
            other => Self::Input(other.to_string()),
        }
    }
}

impl From<scatterfall_figures::Error> for Error {
    fn from(error: scatterfall_figures::Error) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<scatterfall_synth::Error> for Error {
    fn from(error: scatterfall_synth::Error) -> Self {
        use scatterfall_synth::Error as Synth;
        match error {
            Synth::Option { option, value, expected } => Self::config(option, value, expected),
            Synth::Io { action, path, source } => Self::io(action, path, source),
            other => Self::Input(other.to_string()),
        }
    }
}

impl Error {
    /// A configuration error for `key`.
    pub fn config(key: impl Into<String>, value: impl ToString, expected: impl Into<String>) -> Self {
        Self::Config { key: key.into(), value: value.to_string(), expected: expected.into() }
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

    /// True where the fault is in the command line or the configuration (exit status 2).
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Config { .. } | Self::ConfigText(_))
    }
}

impl From<scatterfall_miniseed::Error> for Error {
    fn from(error: scatterfall_miniseed::Error) -> Self {
        use scatterfall_miniseed::Error as E;
        match error {
            E::Io { path, source } => Self::Io { action: "read", path, source },
            E::File { path, reason } => Self::Store { path, reason },
            other => Self::Input(other.to_string()),
        }
    }
}
