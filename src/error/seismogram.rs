//! What is wrong with seismograms.

/// A fault of seismograms.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeismogramError {
    /// The files cannot be read as asked for.
    #[error(transparent)]
    MiniSeed(scatterfall_miniseed::Error),
    /// Nothing is as long as a segment.
    #[error(
        "no continuous data is as long as a segment of {segment_s} s on all channels of a station; set seismogram.segment_s \
         lower, or choose channels by --channel"
    )]
    TooShort {
        /// Length of a segment in seconds.
        segment_s: f64,
    },
    /// More samples than this machine can address.
    #[error("{name} is too long")]
    TooLong {
        /// The trace.
        name: String,
    },
    /// A file became shorter while it was read.
    #[error("a seismogram ended before its index says")]
    Ended,
}
