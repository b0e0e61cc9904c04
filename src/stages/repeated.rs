//! Images that repeat the one before: a recorder or viewer that hangs stores the same picture again and again.
//!
//! Their rows are labelled and scored like any others, but take no part in fits: where most of an archive is one picture, its
//! spread is nothing, and all that is alive would seem to stand out.

use std::collections::HashSet;
use std::path::Path;

use crate::error::{Error, Result};
use crate::store::day::Stage;
use scatterfall_npz::{NpzFile, Time};
use scatterfall_timestamps::Micros;

/// Images that must be left for fits; with fewer nothing is taken out.
const MIN_IMAGES: usize = 20;

/// Times of the stored images whose features are, to the last bit, those of the image before.
///
/// # Errors
/// Those of reading the stored features.
pub(super) fn repeated_images(output: &Path) -> Result<HashSet<Micros>> {
    let mut repeated = HashSet::new();
    let (mut images, mut before) = (0, Vec::new());
    for day in Stage::Features.days(output)? {
        let path = Stage::Features.file(output, &day);
        let mut file = NpzFile::open(&path)?;
        let (_, times) = file.read::<Time>("times")?;
        let mut stream = file.stream("features")?;
        let [rows, windows, features] = stream.shape()[..] else { return Ok(HashSet::new()) };
        if rows != times.len() {
            return Err(Error::store(&path, format!("{rows} images, but {} times", times.len())));
        }
        for time in times {
            let mut values: Vec<f32> = Vec::with_capacity(windows * features);
            stream.read(windows * features, &mut values).map_err(|e| Error::store(&path, e))?;
            let bits: Vec<u32> = values.into_iter().map(f32::to_bits).collect();
            if bits == before {
                repeated.insert(time.0);
            }
            before = bits;
            images += 1;
        }
    }
    if images - repeated.len() < MIN_IMAGES {
        return Ok(HashSet::new());
    }
    Ok(repeated)
}

/// Says once that images repeat.
pub(super) fn warn(repeated: &HashSet<Micros>) {
    if !repeated.is_empty() {
        tracing::warn!(
            "{} images repeat the image before them, bit for bit: they take no part in fits; does the recorder hang?",
            repeated.len()
        );
    }
}
