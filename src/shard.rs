//! Days as tasks: any number of processes, on any machines that see the folders, compute one archive's days into one
//! output folder.
//!
//! No task holds the folder's lock. Files appear under their names whole, by way of temporary names that no two writers
//! share, so of two tasks with the same day the later one puts the same bytes in place of the earlier one's. The archive
//! is listed once, not by every task.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::archive::{Catalogue, ImageRef, LeftOut};
use crate::error::Result;
use crate::progress::Context;
use crate::store::atomic::write_bytes;

/// Which of an archive's days a task takes: every `of`-th, from the `number`-th on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `of`.
    pub number: usize,
    /// Tasks in all.
    pub of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text.split_once('/').map(|(k, n)| (k.trim().parse(), n.trim().parse()));
        match parts {
            Some((Ok(number), Ok(of))) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err(format!("{text:?} is no share of the days: K/N with K from 1 to N, for example 3/8")),
        }
    }
}

impl Shard {
    /// Leaves this task's days in the catalogue.
    pub fn keep(self, catalogue: &mut Catalogue) {
        let ranges = catalogue.days().into_iter().map(|(_, range)| range);
        let own: Vec<_> = ranges.skip(self.number - 1).step_by(self.of).collect();
        catalogue.images = own.into_iter().flat_map(|range| catalogue.images[range].to_vec()).collect();
    }
}

/// A catalogue as it is stored: what it was made with, and its contents.
#[derive(Serialize, Deserialize)]
struct Stored {
    program: String,
    input: serde_json::Value,
    size: (u32, u32),
    images: Vec<ImageRef>,
    left_out: Vec<LeftOut>,
}

/// Where the catalogue of tasks is stored.
pub fn catalogue_file(output: &Path) -> PathBuf {
    output.join("catalogue.json")
}

/// The stored catalogue of the archive, or, where there is none for this configuration (or it is to be made `anew`), one
/// made now and stored.
///
/// # Errors
/// Those of [`Catalogue::read`] and of writing.
pub fn catalogue(ctx: &Context<'_>, anew: bool) -> Result<Catalogue> {
    let (config, path) = (ctx.config, catalogue_file(&ctx.config.output.path));
    let input = config.sections(&["input"]);
    let stored = if anew { None } else { read(&path, &input) };
    if let Some(stored) = stored {
        return Ok(Catalogue { images: stored.images, left_out: stored.left_out, size: stored.size });
    }
    let catalogue = ctx.pool.install(|| Catalogue::read(&config.input, &config.output.path))?;
    let Catalogue { images, left_out, size } = catalogue.clone();
    let stored = Stored { program: env!("CARGO_PKG_VERSION").into(), input, size, images, left_out };
    match serde_json::to_vec(&stored) {
        Ok(text) => write_bytes(&path, &text)?,
        // A path that is not UTF-8: the archive is listed again.
        Err(error) => tracing::warn!("the catalogue cannot be stored: {error}"),
    }
    Ok(catalogue)
}

/// A stored catalogue that fits; anything else is made again.
fn read(path: &Path, input: &serde_json::Value) -> Option<Stored> {
    let text = std::fs::read(path).ok()?;
    let stored: Stored = serde_json::from_slice(&text).ok()?;
    (stored.program == env!("CARGO_PKG_VERSION") && stored.input == *input && !stored.images.is_empty())
        .then_some(stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scatterfall_timestamps::DAY_US;

    #[test]
    fn shares_are_read() {
        assert_eq!("3/8".parse(), Ok(Shard { number: 3, of: 8 }), "a third of eight");
        for wrong in ["0/8", "9/8", "8", "a/b", "1/0", "", "-1/2"] {
            assert!(wrong.parse::<Shard>().is_err_and(|e| e.contains("K/N")), "{wrong}");
        }
    }

    #[test]
    fn every_day_has_one_task() {
        let image = |k: i64| ImageRef {
            path: PathBuf::new(),
            name: format!("{k}"),
            time: k * DAY_US / 2,
            bytes: 0,
            modified: 0,
        };
        let all = Catalogue { images: (0..14).map(image).collect(), left_out: Vec::new(), size: (1, 1) };
        let mut seen = Vec::new();
        for number in 1..=3 {
            let mut own = all.clone();
            Shard { number, of: 3 }.keep(&mut own);
            assert!(own.images.len() < 14, "a task has a part");
            seen.extend(own.images);
        }
        seen.sort_by_key(|i| i.time);
        assert_eq!(seen, all.images, "all images, each once");
        let mut none = all.clone();
        Shard { number: 9, of: 9 }.keep(&mut none);
        assert!(none.images.is_empty(), "more tasks than days");
    }
}
