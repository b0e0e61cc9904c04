//! How far apart two clusters are.

use serde::{Deserialize, Serialize};

/// Distance between clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Linkage {
    /// Growth of the sum of squares within clusters when they join (its root, scaled as in SciPy).
    Ward,
    /// Distance of the two farthest rows.
    Complete,
    /// Mean distance between rows.
    Average,
    /// Distance of the two nearest rows.
    Single,
}
