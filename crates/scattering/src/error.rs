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
    /// A setting that the CPU takes and the GPU does not.
    #[error("{parameter} = {value}: expected {supported} on the GPU; the CPU takes the others too")]
    NotOnGpu {
        /// The setting.
        parameter: &'static str,
        /// The value as it was given.
        value: String,
        /// What the GPU takes.
        supported: &'static str,
    },
    /// Segments of another length than the network was made for.
    #[error("segments of {found} samples for a network of {expected}; make a network for this length")]
    SegmentLength {
        /// Samples per segment of the input.
        found: usize,
        /// Samples per segment of the network.
        expected: usize,
    },
    /// Arrays that should fit each other do not: a mistake of a backend.
    #[error("arrays of contradicting shapes: {0}")]
    Shape(#[from] ndarray::ShapeError),
    /// A graphics device is asked for, and there is none.
    #[error("no graphics adapter found")]
    NoAdapter,
    /// A graphics device is asked for, and none of those that are there serves the choice.
    #[error("{reason}")]
    NoSuitableAdapter {
        /// What was found instead.
        reason: String,
    },
    /// A graphics device is asked for of a build without the feature `gpu`.
    #[error("this program was built without the `gpu` feature")]
    NoGpuFeature,
    /// What is asked for does not fit the device's limits; the CPU has none of them.
    #[error("{what} of {size} {unit}: the device takes up to {limit}")]
    DeviceLimit {
        /// What is too large.
        what: String,
        /// Its size.
        size: u64,
        /// The most that the device takes.
        limit: u64,
        /// What both are counted in.
        unit: &'static str,
    },
    /// The device or its driver reports a failure.
    #[error("{0}")]
    Device(String),
    /// A batch is collected that was not submitted, or not in its turn: a mistake of the caller.
    #[error("batch {0} was not submitted, or is collected out of order")]
    Ticket(u64),
    /// An image of another size than the plan's is in a batch: a mistake of the caller.
    #[error("an image of {bytes} bytes in a batch of others")]
    ImageSize {
        /// Length of its pixels.
        bytes: usize,
    },
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

    /// True where another device may do what this one could not.
    pub fn is_device(&self) -> bool {
        match self {
            Self::NoAdapter
            | Self::NoSuitableAdapter { .. }
            | Self::NoGpuFeature
            | Self::DeviceLimit { .. }
            | Self::Device(_)
            | Self::Shader { .. }
            | Self::Shape(_) => true,
            Self::Parameter { .. }
            | Self::NotOnGpu { .. }
            | Self::SegmentLength { .. }
            | Self::Ticket(_)
            | Self::ImageSize { .. } => false,
        }
    }
}
