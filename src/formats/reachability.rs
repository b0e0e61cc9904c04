//! `reachability.csv`: events in the order of OPTICS, each with the distance at which it joins those before it.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::store::atomic::write_bytes;
use crate::store::csv::Table;
use scatterfall_timestamps::{Micros, iso};

/// The columns of `reachability.csv`.
pub(crate) const HEADER: &str = "time,distance_km,reachability,kind";

/// An event's place in the order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reached {
    /// When it was strongest.
    pub(crate) time: Micros,
    /// Where it was strongest, in km.
    pub(crate) distance_km: f64,
    /// Distance to the nearest dense neighbourhood before it; nothing for the first of a heap.
    pub(crate) reachability: Option<f64>,
    /// Its kind, from 1 on; nothing for noise.
    pub(crate) kind: Option<usize>,
}

/// The file.
pub(crate) fn file(output: &Path) -> PathBuf {
    output.join("reachability.csv")
}

/// Writes the events in their order.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn write(output: &Path, order: &[Reached]) -> Result<()> {
    let mut table = Table::new(HEADER);
    for event in order {
        let reachability = event.reachability.map_or_else(String::new, |r| format!("{r:.6}"));
        let kind = event.kind.map_or_else(String::new, |k| k.to_string());
        table.line([iso(event.time), format!("{:.3}", event.distance_km), reachability, kind]);
    }
    write_bytes(&file(output), &table.finish())
}

/// Reads reachabilities and kinds in their order.
///
/// # Errors
/// [`Error::Io`], [`Error::Store`] for a line that is none of [`write`]'s.
pub(crate) fn read(path: &Path) -> Result<Vec<(Option<f64>, Option<usize>)>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(Error::store(path, format!("its columns are not {HEADER}")));
    }
    let parsed = |line: &str| {
        let mut fields = line.split(',').skip(2);
        let (reachability, kind) = (fields.next()?, fields.next()?);
        let reachability = if reachability.is_empty() { None } else { Some(reachability.parse().ok()?) };
        let kind = if kind.is_empty() { None } else { Some(kind.parse().ok()?) };
        Some((reachability, kind))
    };
    lines
        .map(|line| parsed(line).ok_or_else(|| Error::store(path, format!("`{line}` is no event of {HEADER}"))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let event = |reachability, kind| Reached { time: 1_700_000_000_000_000, distance_km: 1.5, reachability, kind };
        write(folder.path(), &[event(None, None), event(Some(0.25), Some(3))]).expect("written");
        let path = file(folder.path());
        assert_eq!(read(&path).expect("valid"), [(None, None), (Some(0.25), Some(3))], "as written");
        std::fs::write(&path, format!("{HEADER}\n2023,1.5,much,3\n")).expect("written");
        assert!(read(&path).is_err(), "a word is no distance");
        std::fs::write(&path, "time\n").expect("written");
        assert!(read(&path).is_err(), "another table");
    }
}
