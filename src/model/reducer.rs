//! The fitted way from coefficients to components.

use std::path::Path;

use ndarray::{Array0, Array1, Array2, ArrayView2, Axis, Slice};

use super::arrays::Stored;
use crate::error::{Error, Result};
use crate::store::npz::write_npz;
use scatterfall_rowstats::reduction::{Ica, Pca, PlaceNormals, Scaling, rotated};

/// Maximum number of coefficients of a row that a stored reduction may have.
const MAX_COLUMNS: i64 = 1 << 22;

/// Scaling, principal components and the rotation to independent ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Reducer {
    /// What is usual at each place, where rows are compared without it.
    pub normals: Option<PlaceNormals>,
    /// Logarithm and scaling.
    pub scaling: Scaling,
    /// As many principal components as either output needs.
    pub pca: Pca,
    /// k x k, from the first k whitened scores to the independent components.
    pub rotation: Array2<f64>,
    /// D x k, from components to scaled coefficients.
    pub mixing: Array2<f64>,
    /// k x D, from scaled coefficients to components.
    pub unmixing: Array2<f64>,
}

impl Reducer {
    /// A reduction from its fitted parts.
    pub fn new(normals: Option<PlaceNormals>, scaling: Scaling, pca: Pca, ica: Ica) -> Self {
        Self { normals, scaling, pca, rotation: ica.rotation, mixing: ica.mixing, unmixing: ica.unmixing }
    }

    /// Independent components of whitened scores, which may have more columns than the rotation.
    pub fn independent(&self, scores: ArrayView2<'_, f64>) -> Array2<f64> {
        rotated(scores.slice_axis(Axis(1), Slice::from(..self.rotation.nrows())), &self.rotation)
    }

    /// Writes it; the file appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Store`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let whole = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        write_npz(path, |out| {
            out.add("floor", &Array0::from_elem((), self.scaling.floor))?;
            out.add("order_columns", &self.scaling.order_columns.iter().map(|&n| whole(n)).collect::<Array1<i64>>())?;
            out.add("offset", &self.scaling.offset)?;
            out.add("factor", &self.scaling.factor)?;
            out.add("mean", &self.pca.mean)?;
            out.add("components", &self.pca.components)?;
            out.add("explained_variance", &self.pca.explained_variance)?;
            out.add("explained_variance_ratio", &self.pca.explained_variance_ratio)?;
            out.add("rows", &Array1::from_elem(1, whole(self.pca.rows)))?;
            out.add("rotation", &self.rotation)?;
            out.add("mixing", &self.mixing)?;
            out.add("unmixing", &self.unmixing)?;
            let Some(normals) = &self.normals else { return Ok(()) };
            out.add("place_km", &Array1::from(normals.places_km.clone()))?;
            out.add("place_mean", &normals.mean)?;
            out.add("overall_mean", &normals.overall)
        })
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Store`] for arrays that do not fit each other.
    pub fn read(path: &Path) -> Result<Self> {
        let mut file = Stored::open(path)?;
        let order_columns: Vec<usize> = file
            .integers("order_columns", None, 1, MAX_COLUMNS)?
            .into_iter()
            .map(|n| usize::try_from(n).unwrap_or_default())
            .collect();
        let columns = Some(order_columns.iter().sum());
        let floor = file.scalar("floor")?;
        file.positive("floor", [floor].iter())?;
        let factor = file.vector("factor", columns)?;
        // Scores are computed from the mean over the factor.
        file.positive("factor", factor.iter())?;
        let scaling = Scaling { floor, order_columns, offset: file.vector("offset", columns)?, factor };
        let components = file.matrix("components", (None, columns))?;
        let found = Some(components.nrows());
        let pca = Pca {
            mean: file.vector("mean", columns)?,
            explained_variance: file.vector("explained_variance", found)?,
            explained_variance_ratio: file.vector("explained_variance_ratio", found)?,
            rows: file.integers("rows", Some(1), 0, i64::MAX)?.first().map_or(0, |&n| usize::try_from(n).unwrap_or(0)),
            components,
            limit: None,
        };
        let normals = match file.has("place_km") {
            false => None,
            true => {
                let places = file.vector("place_km", None)?;
                Some(PlaceNormals {
                    floor,
                    mean: file.matrix("place_mean", (Some(places.len()), columns))?,
                    overall: file.vector("overall_mean", columns)?,
                    places_km: places.to_vec(),
                })
            }
        };
        let rotation = file.matrix("rotation", (None, None))?;
        let k = rotation.nrows();
        if k == 0 || rotation.ncols() != k || k > pca.components.nrows() {
            let found =
                format!("has the shape {:?} for {} principal components", rotation.dim(), pca.components.nrows());
            return Err(Error::store(path, format!("rotation: {found}")));
        }
        Ok(Self {
            normals,
            mixing: file.matrix("mixing", (columns, Some(k)))?,
            unmixing: file.matrix("unmixing", (Some(k), columns))?,
            scaling,
            pca,
            rotation,
        })
    }
}
