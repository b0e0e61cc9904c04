//! The catalogue of an archive: every image's time, in order; what cannot be used, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::config::Input;
use crate::decode;
use crate::error::{ArchiveError, Error, Result};
use crate::names::{cadence, is_sidecar};
use crate::series::is_gap;
use scatterfall_timestamps::{Micros, day_name, iso, micros};

/// One image of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRef {
    /// The file.
    pub path: PathBuf,
    /// Its path below the archive's folder, for people.
    pub name: String,
    /// Start of the image (UTC).
    pub time: Micros,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Time of its last change, in microseconds since 1970 (0 where the file system has none).
    pub modified: Micros,
}

/// A file that takes no part, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// Path below the archive's folder.
    pub file: String,
    /// The reason, in words.
    pub reason: String,
}

/// A time without images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// End of the image before (ISO 8601, UTC).
    pub from: String,
    /// Start of the image after.
    pub to: String,
}

/// An archive's images.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    /// Usable images in order of time, all of one size.
    pub images: Vec<ImageRef>,
    /// Files named like images that are not used.
    pub left_out: Vec<LeftOut>,
    /// Width and height of the images in pixels.
    pub size: (u32, u32),
}

impl Catalogue {
    /// Reads the folder `input.path` with its sub-folders, leaving out what lies in `output`; or the one picture it names.
    ///
    /// Of two images of the same minute the first by name is used; images of another size than the most common one are
    /// left out.
    ///
    /// # Errors
    /// [`Error::Archive`] where there is no folder, or no image in it that can be used.
    pub fn read(input: &Input, output: &Path) -> Result<Self> {
        let listing = list(&input.path, output)?;
        if listing.files.is_empty() && listing.left_out.is_empty() {
            return Err(ArchiveError::NoImages { path: input.path.clone() }.into());
        }
        Self::from_files(input, listing.files, listing.left_out)
    }

    fn from_files(input: &Input, files: Vec<PathBuf>, mut left_out: Vec<LeftOut>) -> Result<Self> {
        let root = &input.path;
        let mut images = Vec::new();
        for path in files {
            // A name need not be UTF-8 to tell its time.
            let told = path.file_stem().and_then(|s| input.time_pattern.read(&s.to_string_lossy()));
            // A picture given by its own name needs no time in it: that of its last change will do.
            let alone = || (path == *root).then(|| changed(&path)).flatten();
            match told.or_else(alone) {
                Some(time) if input.start.is_some_and(|s| time < s) || input.end.is_some_and(|e| time >= e) => {}
                Some(time) => images.push((time, path)),
                None => left_out.push(left(root, &path, "the name tells no time (see input.time_pattern)")),
            }
        }
        leave_out_unset_clocks(root, &mut images, &mut left_out);
        // The order decides which of two images of a minute is used, so it must not depend on the file system's.
        images.sort_by(|a, b| (a.0, a.1.file_name(), &a.1).cmp(&(b.0, b.1.file_name(), &b.1)));
        let probed: Vec<Result<(ImageRef, (u32, u32))>> =
            images.into_par_iter().map(|(time, path)| probe(input, path, time)).collect();
        let mut kept = Vec::new();
        let mut sizes: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        for result in probed {
            match result {
                Ok((image, size)) => {
                    *sizes.entry(size).or_default() += 1;
                    kept.push((image, size));
                }
                Err(Error::Image { path, reason }) => left_out.push(left(root, &path, reason)),
                Err(Error::Io { path, source, .. }) => {
                    left_out.push(left(root, &path, format!("cannot be read: {source}")));
                }
                Err(other) => return Err(other),
            }
        }
        // Of equally common sizes the one that came first.
        let most = sizes.values().copied().max().unwrap_or(0);
        let Some(size) = kept.iter().map(|(_, s)| *s).find(|s| sizes.get(s) == Some(&most)) else {
            let reason = left_out.first().map_or_else(
                || "none between input.start and input.end".to_owned(),
                |l| format!("{}: {}", l.file, l.reason),
            );
            return Err(ArchiveError::NoneUsable { path: root.to_path_buf(), reason }.into());
        };
        let mut images: Vec<ImageRef> = Vec::new();
        for (image, own) in kept {
            if own != size {
                let reason = format!("{} x {} pixels, while most images have {} x {}", own.0, own.1, size.0, size.1);
                left_out.push(LeftOut { file: image.name, reason });
                continue;
            }
            match images.last_mut() {
                Some(last) if image.time - last.time < micros(input.duration_s / 2.0) => {
                    // The first by name is used; names are compared without their folders.
                    let (used, other) = if file_name(&image) < file_name(last) {
                        let other = std::mem::replace(last, image);
                        (&*last, other)
                    } else {
                        (&*last, image)
                    };
                    let reason = format!("{SAME_MINUTE} {}", used.name);
                    left_out.push(LeftOut { file: other.name, reason });
                }
                _ => images.push(image),
            }
        }
        check_spacing(input, &images, &left_out)?;
        left_out.sort();
        Ok(Self { images, left_out, size })
    }

    /// The images of each UTC day, in order, as ranges of [`Self::images`].
    pub fn days(&self) -> Vec<(String, std::ops::Range<usize>)> {
        let mut days: Vec<(String, std::ops::Range<usize>)> = Vec::new();
        for (i, image) in self.images.iter().enumerate() {
            let day = day_name(image.time);
            match days.last_mut() {
                Some((name, range)) if *name == day => range.end = i + 1,
                _ => days.push((day, i..i + 1)),
            }
        }
        days
    }
}

/// The times without images between the first and the last of `times` (ascending).
pub fn gaps(times: &[Micros], duration_s: f64) -> Vec<Gap> {
    times
        .windows(2)
        .filter(|w| is_gap(w[0], w[1], duration_s))
        .map(|w| Gap { from: iso(w[0] + micros(duration_s)), to: iso(w[1]) })
        .collect()
}

/// Why a pipe, a socket or a device is left out: reading it may never end.
const NOT_REGULAR: &str = "not a regular file";

/// Kinds of files that hold a picture, by the ending of the name. An archive is of one kind.
const KINDS: [&[&str]; 5] = [&["png"], &["jpg", "jpeg"], &["tif", "tiff"], &["webp"], ARRAYS];
/// Arrays are the archive where there is no picture; beside pictures they are results.
const ARRAYS: &[&str] = &["npy", "npz"];

/// The kind of a file that may hold a picture.
fn kind(path: &Path) -> Option<usize> {
    let ending = path.extension()?.to_str()?;
    KINDS.iter().position(|kind| kind.iter().any(|e| ending.eq_ignore_ascii_case(e)))
}

/// Whether a file's name says that it holds a picture of an archive.
pub(crate) fn is_picture(path: &Path) -> bool {
    let sidecar = path.file_name().and_then(|n| n.to_str()).is_some_and(is_sidecar);
    !sidecar && kind(path).is_some()
}

/// The files of an archive.
#[derive(Debug, Default)]
pub struct Listing {
    /// Pictures by their names, in order of their paths.
    pub files: Vec<PathBuf>,
    /// What looks like one and cannot be read.
    pub left_out: Vec<LeftOut>,
}

/// Lists the pictures of the folder `root` with its sub-folders, leaving out what lies in `output` and what systems put beside
/// people's files; or `root` itself where it is a file.
///
/// # Errors
/// [`Error::Archive`] where there is no such folder or it cannot be read.
pub fn list(root: &Path, output: &Path) -> Result<Listing> {
    if !root.exists() {
        return Err(ArchiveError::NoFolder { path: root.to_path_buf() }.into());
    }
    let mut found = Listing::default();
    if root.is_file() {
        found.files.push(root.to_path_buf());
        return Ok(found);
    }
    let output = output.canonicalize().ok();
    // Links are followed (archives are often gathered by links); walkdir reports a loop as an error.
    let walk = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
    let wanted = |e: &walkdir::DirEntry| {
        let sidecar = e.depth() > 0 && e.file_name().to_str().is_some_and(is_sidecar);
        let outside_output = !e.file_type().is_dir() || output.is_none() || e.path().canonicalize().ok() != output;
        !sidecar && outside_output
    };
    for entry in walk.filter_entry(wanted) {
        match entry {
            Ok(entry) if kind(entry.path()).is_some() => {
                if entry.file_type().is_file() {
                    found.files.push(entry.into_path());
                } else if !entry.file_type().is_dir() {
                    found.left_out.push(left(root, entry.path(), NOT_REGULAR));
                }
            }
            Ok(_) => {}
            Err(e) => {
                let path = e.path().unwrap_or(root).to_path_buf();
                if path == *root {
                    return Err(ArchiveError::Unreadable { path, reason: e.to_string() }.into());
                }
                let reason = if e.loop_ancestor().is_some() {
                    "a link that leads back to a folder above it".to_owned()
                } else {
                    format!("cannot be read: {e}")
                };
                found.left_out.push(left(root, &path, reason));
            }
        }
    }
    keep_one_kind(root, &mut found.files);
    Ok(found)
}

/// Keeps the files of the most common kind: previews and copies in another format are no second archive.
fn keep_one_kind(root: &Path, files: &mut Vec<PathBuf>) {
    let mut counts = [0usize; KINDS.len()];
    files.iter().filter_map(|f| kind(f)).for_each(|k| counts[k] += 1);
    let pictures = counts[..KINDS.len() - 1].iter().copied().max().unwrap_or(0);
    let most = if pictures > 0 { pictures } else { counts[KINDS.len() - 1] };
    let Some(kept) = counts.iter().position(|n| *n == most) else { return };
    let arrays = if KINDS[kept] == ARRAYS { 0 } else { counts[KINDS.len() - 1] };
    let others = files.len() - most - arrays;
    if others > 0 {
        let ending = KINDS[kept][0];
        tracing::warn!("{}: {most} .{ending} files are read, {others} pictures of other kinds are not", root.display());
    }
    files.retain(|f| kind(f) == Some(kept));
}

/// Before this no picture was taken: 1980-01-06, where GPS time begins.
const FIRST_TIME: Micros = 315_964_800_000_000;

/// Leaves out pictures of a clock that was not set, where others tell a time.
fn leave_out_unset_clocks(root: &Path, images: &mut Vec<(Micros, PathBuf)>, left_out: &mut Vec<LeftOut>) {
    if images.iter().all(|(time, _)| *time < FIRST_TIME) {
        return;
    }
    images.retain(|(time, path)| {
        let set = *time >= FIRST_TIME;
        if !set {
            left_out.push(left(root, path, format!("its clock was not set: the name says {}", iso(*time))));
        }
        set
    });
}

/// Refuses an archive most of whose pictures would be dropped as "of the same minute".
fn check_spacing(input: &Input, images: &[ImageRef], left_out: &[LeftOut]) -> Result<()> {
    let told = |name: &str| {
        let stem = Path::new(name).file_stem()?.to_string_lossy().into_owned();
        Some((input.time_pattern.read(&stem)?, stem))
    };
    // The same name in another folder is a copy where it is as long; a second cable's pictures are not.
    let stem = |path: &Path| path.file_stem().map(|s| s.to_string_lossy().into_owned());
    let used: BTreeMap<String, u64> = images.iter().filter_map(|i| Some((stem(&i.path)?, i.bytes))).collect();
    let same_minute = left_out.iter().filter(|l| l.reason.starts_with(SAME_MINUTE));
    let is_copy = |file: &str, stem: &str| {
        let bytes = || input.path.join(file).metadata().ok().map(|m| m.len());
        used.get(stem).is_some_and(|own| bytes().is_none_or(|n| n == *own))
    };
    let series = |l: &LeftOut| told(&l.file).filter(|d| !is_copy(&l.file, &d.1)).map(|d| (d.0, l.file.clone()));
    let dropped: Vec<(Micros, String)> = same_minute.filter_map(series).collect();
    if dropped.len() < 3 || dropped.len() * 4 < images.len() {
        return Ok(());
    }
    let path = input.path.clone();
    let times: Vec<Micros> = images.iter().map(|i| i.time).chain(dropped.iter().map(|d| d.0)).collect();
    let starts: BTreeSet<Micros> = images.iter().map(|i| i.time).collect();
    let twins = dropped.iter().filter(|d| starts.contains(&d.0)).count();
    if 2 * twins > dropped.len() {
        let (used, other) = (images.first().map_or_else(String::new, |i| i.name.clone()), dropped[0].1.clone());
        return Err(ArchiveError::TwoSeries { path, used, other }.into());
    }
    match cadence(&times) {
        Some(found) if found.step_s < input.duration_s / 2.0 => {
            Err(ArchiveError::Overlapping { path, step_s: found.step_s, duration_s: input.duration_s }.into())
        }
        _ => Ok(()),
    }
}

/// How the reason of a second picture of a time begins.
const SAME_MINUTE: &str = "of the same minute as";

/// Time of a file's last change.
#[expect(clippy::cast_possible_truncation, reason = "microseconds fit 63 bits for 292,000 years")]
fn changed(path: &Path) -> Option<Micros> {
    let modified = path.metadata().ok()?.modified().ok()?;
    modified.duration_since(UNIX_EPOCH).ok().map(|d| d.as_micros() as i64)
}

fn file_name(image: &ImageRef) -> Option<&std::ffi::OsStr> {
    image.path.file_name()
}

/// A path below `root`, readable even where it is not UTF-8.
fn below(root: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(root).ok().filter(|p| !p.as_os_str().is_empty());
    inner.or_else(|| path.file_name().map(Path::new)).unwrap_or(path).to_string_lossy().into_owned()
}

fn left(root: &Path, path: &Path, reason: impl Into<String>) -> LeftOut {
    LeftOut { file: below(root, path), reason: reason.into() }
}

#[expect(clippy::cast_possible_truncation, reason = "microseconds fit 63 bits for 292,000 years")]
pub(crate) fn probe(input: &Input, path: PathBuf, time: Micros) -> Result<(ImageRef, (u32, u32))> {
    let meta = path.metadata().map_err(|e| Error::io("read", &path, e))?;
    if !meta.is_file() {
        return Err(Error::image(path, NOT_REGULAR));
    }
    let modified =
        meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map_or(0, |d| d.as_micros() as i64);
    let size = decode::size(&path)?;
    if u64::from(size.0) * u64::from(size.1) > input.max_pixels {
        return Err(Error::image(path, decode::too_large(size.0, size.1, input.max_pixels)));
    }
    Ok((ImageRef { name: below(&input.path, &path), path, time, bytes: meta.len(), modified }, size))
}
