//! Files on disk: written whole or not at all, readable by NumPy, checked before they are believed.

pub mod atomic;
pub(crate) mod csv;
pub mod day;
pub mod lock;
pub mod npz;
pub mod pictures;
