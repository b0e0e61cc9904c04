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
    /// The distances between all rows take more memory than is allowed.
    #[error("the distances of {rows} rows take {bytes} bytes, more than is allowed")]
    DistanceMemory {
        /// Rows.
        rows: usize,
        /// Bytes that their distances take.
        bytes: u64,
    },
    /// A matrix without a row, or without a column.
    #[error("nothing to fit: a matrix of {rows} rows and {columns} columns")]
    Empty {
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
    /// A row that holds NaN or infinity where every number must be finite.
    #[error("row {row} is not finite")]
    NotFinite {
        /// Its number, from 0.
        row: usize,
    },
    /// Rows of other columns than those of the fit.
    #[error("rows of {found} columns for a fit on {expected}")]
    Columns {
        /// Columns of the rows.
        found: usize,
        /// Columns of the fit.
        expected: usize,
    },
    /// Orders of other columns than those of the fit, or than those of the blocks before.
    #[error("coefficients with {found:?} columns per order, expected {expected:?}")]
    OrderColumns {
        /// Columns of each order.
        found: Vec<usize>,
        /// Columns of each order in the fit.
        expected: Vec<usize>,
    },
    /// Arrays that must have one entry per row, and have more or fewer.
    #[error("{found} {what} for {expected} rows")]
    Length {
        /// What the entries are.
        what: &'static str,
        /// Their number.
        found: usize,
        /// The number of rows.
        expected: usize,
    },
    /// No row takes part in the fit.
    #[error("no row to fit on: {not_finite} rows are not finite, {excluded} are excluded")]
    NoRowTakesPart {
        /// Rows that are not finite.
        not_finite: usize,
        /// Rows that the caller excluded.
        excluded: usize,
    },
    /// No initialisation was tried.
    #[error("no initialisation was tried")]
    NoStart,
    /// The eigenvalue iteration failed: numbers beyond the range of double precision.
    #[error("no eigenvectors of the covariance of the coefficients")]
    Eigenvectors,
    /// Arrays that should fit each other do not: a mistake here.
    #[error("arrays of contradicting shapes: {0}")]
    Shape(#[from] ndarray::ShapeError),
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
