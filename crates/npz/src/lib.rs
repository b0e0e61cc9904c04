//! NumPy's .npy arrays and .npz archives, read and written without holding more than a block of an array.
//!
//! - [`NpzFile`] opens an archive, [`NpyReader`] reads an array row by row, converting numbers on the way
//! - [`NpzWriter`] writes archives, [`GrowingArrays`] collects arrays whose number of rows is not known before
//!
//! Arrays are little-endian, in C order, uncompressed. Readers take what NumPy writes with `savez` and
//! `savez_compressed`, and check every header before they believe it: a file may come from anywhere.

mod error;
mod npy;
mod reader;
mod rows;
mod writer;

pub use error::{Error, Result};
pub use npy::{Dtype, Element, F16, FromStored, NpyReader, Time, header};
pub use reader::NpzFile;
pub use rows::GrowingArrays;
pub use writer::NpzWriter;

#[cfg(test)]
mod tests;
