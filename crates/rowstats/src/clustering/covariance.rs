//! Covariances of the components of a Gaussian mixture.

use ndarray::{Array1, Array2, Array3};
use serde::{Deserialize, Serialize};

/// Structure of the covariances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Covariance {
    /// A matrix for each component.
    Full,
    /// A diagonal matrix for each component.
    Diag,
    /// One matrix for all components.
    Tied,
    /// One variance for each component.
    Spherical,
}

/// The covariances in scikit-learn's shapes, for k components and d columns.
#[derive(Clone, Debug, PartialEq)]
pub enum Covariances {
    /// k x d x d.
    Full(Array3<f64>),
    /// k x d.
    Diag(Array2<f64>),
    /// d x d.
    Tied(Array2<f64>),
    /// k.
    Spherical(Array1<f64>),
}
