//! File names: the times they tell, the pattern by which they tell them, and how far apart pictures are.

mod cadence;
mod find;
mod pattern;
mod rule;

pub use cadence::{Cadence, cadence};
pub use find::{FoundPattern, find};
pub use pattern::{Pattern, Told};
pub use rule::TimePattern;

/// Whether a file's or folder's name is one that systems put beside people's own: copies of Finder's, thumbnails of a
/// network store or of Windows, the bin.
pub fn is_sidecar(name: &str) -> bool {
    name.starts_with("._")
        || name.eq_ignore_ascii_case("thumbs.db")
        || matches!(
            name,
            "@eaDir" | ".DS_Store" | "__MACOSX" | ".AppleDouble" | "#recycle" | "$RECYCLE.BIN" | ".thumbnails"
        )
        || name.starts_with("SYNOPHOTO_THUMB")
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_systems_leave_is_told_from_pictures() {
        for name in ["._wf_20250515_000000.png", "@eaDir", ".DS_Store", "Thumbs.db", "SYNOPHOTO_THUMB_M.png"] {
            assert!(super::is_sidecar(name), "{name}");
        }
        for name in ["wf_20250515_000000.png", "_wf.png", "eaDir", ".hidden_20250515_000000.png"] {
            assert!(!super::is_sidecar(name), "{name}");
        }
    }
}
