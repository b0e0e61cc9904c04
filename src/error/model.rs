//! What is wrong with a fitted model, or with data that it is applied to.

use std::path::PathBuf;

/// A fault of a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The folder is no model.
    #[error("{path}: no such file; --model takes the folder `model` that a run leaves in its output folder")]
    NotThere {
        /// The file that is looked for.
        path: PathBuf,
    },
    /// Files of another form.
    #[error("{folder}: a model of format {found}, but this program reads format {expected}: fit it again")]
    Format {
        /// The model.
        folder: PathBuf,
        /// Its format.
        found: i64,
        /// The program's.
        expected: u32,
    },
    /// Fitted on results that this program computes in another way.
    #[error(
        "{folder}: fitted with version {found} of the numbers, but this program computes version {expected}: fit it again, or \
         use the program that fitted it"
    )]
    Numbers {
        /// The model.
        folder: PathBuf,
        /// Its version.
        found: i64,
        /// The program's.
        expected: u32,
    },
    /// A setting differs from the one that it was fitted with.
    #[error("{folder}: fitted with {key} = {own}, but here it is {here}: leave it out, or fit a model with it")]
    Setting {
        /// The model.
        folder: PathBuf,
        /// `section.key`.
        key: String,
        /// The model's value.
        own: String,
        /// The value given.
        here: String,
    },
    /// Images of another size.
    #[error(
        "{folder}: fitted on images of {} x {} pixels, but these are of {} x {}: fit a model on images like these",
        own.0, own.1, here.0, here.1
    )]
    ImageSize {
        /// The model.
        folder: PathBuf,
        /// Width and height that it was fitted on.
        own: (u32, u32),
        /// Width and height of the images.
        here: (u32, u32),
    },
    /// Images of another number of windows.
    #[error("{folder}: fitted on images of {own} windows, but these have {here}: fit a model on images like these")]
    Windows {
        /// The model.
        folder: PathBuf,
        /// Windows that it was fitted on.
        own: usize,
        /// Windows of the images.
        here: usize,
    },
    /// Stored coefficients of another network.
    #[error(
        "{found:?} coefficients an order are stored in {output}, but the model reduces {own:?}; use another --output, or --fresh"
    )]
    Coefficients {
        /// The folder of the coefficients.
        output: PathBuf,
        /// Coefficients of each order there.
        found: Vec<usize>,
        /// Those of the model.
        own: Vec<usize>,
    },
    /// A detector for images of another form.
    #[error("the model's detector is for images of {own}, these are {here}")]
    Detector {
        /// Form of the images that it was fitted on.
        own: String,
        /// Form of these.
        here: String,
    },
    /// A folder is to be watched without a model.
    #[error(
        "watch needs a fitted model, and {model} is none: run `scatterfall run {folder} --output {output}` first, or name one \
         with --model"
    )]
    NoneToWatch {
        /// The folder that is no model.
        model: PathBuf,
        /// The folder to be watched.
        folder: PathBuf,
        /// The output folder.
        output: PathBuf,
    },
    /// A model that was fitted without the detector.
    #[error("{folder} has no detector: fit the model again by `scatterfall run` with detect.enabled = true")]
    NoDetector {
        /// The model.
        folder: PathBuf,
    },
    /// No station is like those that it was fitted on.
    #[error("no station has as many channels and the sampling rate that the model was fitted on")]
    NoStation,
}
