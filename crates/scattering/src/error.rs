//! What can go wrong here.

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong while something is planned or computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is out of range, or does not suit the data. The caller mends it.
    #[error("{parameter} = {value}: expected {expected}")]
    Parameter {
        /// Its name, `group.name`.
        parameter: &'static str,
        /// The value as it was given.
        value: String,
        /// What would be accepted.
        expected: String,
    },
    /// Arrays whose shapes do not suit each other or the plan.
    #[error("{0}")]
    Shape(String),
    /// No usable compute device, or the device failed.
    #[error("{0}")]
    Device(String),
    /// A shader does not compile or does not fit the device.
    #[error("shader {name}: {reason}")]
    Shader {
        /// Name of the shader file without extension.
        name: String,
        /// The compiler's message with its line.
        reason: String,
    },
}

impl Error {
    /// A parameter that cannot be used.
    pub(crate) fn parameter(parameter: &'static str, value: impl ToString, expected: impl Into<String>) -> Self {
        Self::Parameter { parameter, value: value.to_string(), expected: expected.into() }
    }
}
