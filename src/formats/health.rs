//! `health.csv`: what is wrong with instrument, fibre or recording, by time and place.

use std::path::{Path, PathBuf};

use crate::detect::health::Fault;
use crate::error::Result;
use crate::store::atomic::write_bytes;
use crate::store::csv::Table;
use scatterfall_timestamps::iso;

/// The columns of `health.csv`.
pub(crate) const HEADER: &str = "kind,time_from,time_to,distance_from_km,distance_to_km,images,value";

/// The file.
pub(crate) fn file(output: &Path) -> PathBuf {
    output.join("health.csv")
}

/// Writes the faults in their order.
///
/// # Errors
/// [`crate::Error::Io`].
pub(crate) fn write(output: &Path, faults: &[Fault], offset_km: f64) -> Result<()> {
    let mut table = Table::new(HEADER);
    for f in faults {
        let value = f.value.map_or_else(String::new, |v| format!("{v:.2}"));
        let km = |along: f64| format!("{:.3}", along + offset_km);
        let (from, to) = (iso(f.time_from), iso(f.time_to));
        table.line([f.kind.name(), &from, &to, &km(f.from_km), &km(f.to_km), &f.images.to_string(), &value]);
    }
    write_bytes(&file(output), &table.finish())
}
