//! What can go wrong here.

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong while a picture is made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The rasteriser failed.
    #[error("a picture could not be drawn")]
    Drawing,
    /// A picture could not be written as PNG.
    #[error("a picture could not be encoded: {0}")]
    Encoding(String),
    /// A thumbnail of a waterfall could not be made.
    #[error("a thumbnail could not be made: {0}")]
    Thumbnail(String),
}
