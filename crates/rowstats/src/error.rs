//! What can go wrong here.

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in a fit, or when rows are compared with one.
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
    /// Rows that a method cannot take: none, of other columns than the fit's, not finite.
    #[error("{0}")]
    Rows(String),
    /// The [`RowSource`](crate::reduction::RowSource) failed.
    #[error(transparent)]
    Source(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A parameter that cannot be used.
    pub(crate) fn parameter(parameter: &'static str, value: impl ToString, expected: impl Into<String>) -> Self {
        Self::Parameter { parameter, value: value.to_string(), expected: expected.into() }
    }
}
