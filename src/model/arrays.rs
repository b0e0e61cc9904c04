//! Arrays of a model, read as untrusted: of the expected shape and finite, or an error that names them.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, ArrayD, IxDyn};

use crate::error::{Error, Result};
use scatterfall_npz::NpzFile;

/// An .npz file of a model.
pub(super) struct Stored {
    path: PathBuf,
    file: NpzFile,
}

impl Stored {
    pub(super) fn open(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_path_buf(), file: NpzFile::open(path)? })
    }

    /// What is wrong with an array of this file.
    pub(super) fn wrong(&self, name: &str, reason: impl std::fmt::Display) -> Error {
        Error::store(&self.path, format!("{name}: {reason}"))
    }

    /// Whether there is an array of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.file.has(name)
    }

    /// Bytes of an array of any type.
    pub(super) fn bytes(&mut self, name: &str) -> Result<u64> {
        Ok(self.file.bytes(name)?)
    }

    /// A finite array of this shape; `None` stands for any length.
    pub(super) fn array(&mut self, name: &str, shape: &[Option<usize>]) -> Result<ArrayD<f64>> {
        let (found, values) = self.file.read::<f64>(name)?;
        let fits = found.len() == shape.len() && found.iter().zip(shape).all(|(n, want)| want.is_none_or(|w| w == *n));
        if !fits {
            let shape: Vec<String> = shape.iter().map(|n| n.map_or("any".into(), |n| n.to_string())).collect();
            return Err(self.wrong(name, format!("has the shape {found:?}, expected ({})", shape.join(", "))));
        }
        if !values.iter().all(|v| v.is_finite()) {
            return Err(self.wrong(name, "holds numbers that are not finite"));
        }
        ArrayD::from_shape_vec(IxDyn(&found), values).map_err(|e| self.wrong(name, e))
    }

    pub(super) fn vector(&mut self, name: &str, length: Option<usize>) -> Result<Array1<f64>> {
        self.array(name, &[length])?.into_dimensionality().map_err(|e| self.wrong(name, e))
    }

    pub(super) fn matrix(&mut self, name: &str, shape: (Option<usize>, Option<usize>)) -> Result<Array2<f64>> {
        self.array(name, &[shape.0, shape.1])?.into_dimensionality().map_err(|e| self.wrong(name, e))
    }

    pub(super) fn scalar(&mut self, name: &str) -> Result<f64> {
        Ok(self.array(name, &[])?.iter().copied().next().unwrap_or(0.0))
    }

    /// Whole numbers from `least` to `most`.
    pub(super) fn integers(&mut self, name: &str, length: Option<usize>, least: i64, most: i64) -> Result<Vec<i64>> {
        let (shape, values) = self.file.read::<i64>(name)?;
        if shape.len() != 1 || length.is_some_and(|n| n != shape[0]) {
            return Err(self.wrong(name, format!("has the shape {shape:?}")));
        }
        if let Some(other) = values.iter().find(|v| !(least..=most).contains(*v)) {
            return Err(self.wrong(name, format!("holds {other}, expected {least} to {most}")));
        }
        Ok(values)
    }

    /// All of `values` above zero.
    pub(super) fn positive<'v>(&self, name: &str, mut values: impl Iterator<Item = &'v f64>) -> Result<()> {
        if values.all(|v| *v > 0.0) { Ok(()) } else { Err(self.wrong(name, "expected numbers above 0")) }
    }
}
