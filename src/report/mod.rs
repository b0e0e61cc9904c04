//! Small pictures for the report page.

#![expect(clippy::cast_possible_truncation, reason = "pixels and palette entries, bounded by the image")]

mod thumbnail;

pub use thumbnail::thumbnail;
