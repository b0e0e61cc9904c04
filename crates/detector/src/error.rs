//! What can go wrong: settings that cannot work, arrays that do not fit together.

/// An error of the detector.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// A setting has a value that no detector can be built with.
    #[error("{name} is {value}; {expected}")]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// An array has another shape than the plan.
    #[error("{what} has the shape {found:?}, the detector's plan expects {expected:?}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape of the plan.
        expected: Vec<usize>,
    },
    /// Images do not come in the order of time.
    #[error(
        "an image at {later} us came after one at {earlier} us; give images in the order of their times, each once"
    )]
    Order {
        /// Time of the image that came first, microseconds.
        earlier: i64,
        /// Time of the image that came after it, microseconds.
        later: i64,
    },
    /// There is nothing to fit or score.
    #[error("there are no measurements to {0}")]
    Empty(&'static str),
    /// A source of measurements failed.
    #[error("measurements of day {day} cannot be read: {reason}")]
    Source {
        /// Number of the day in its source.
        day: usize,
        /// What the source says.
        reason: String,
    },
}
