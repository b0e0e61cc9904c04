//! The archive's folder as it grows: which pictures are new, and which of them are still being written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::archive;
use crate::config::Config;
use crate::error::Result;
use scatterfall_timestamps::Micros;

/// The whole folder is listed again this often beside the system's own notices, some of which may be lost.
const RELIST: Duration = Duration::from_secs(60);

/// How often the folder is listed where the system gives no notices at all.
const FALLBACK_POLL: Duration = Duration::from_secs(5);

/// Notices are gathered for so long, since one picture causes several.
const GATHER: Duration = Duration::from_millis(20);

/// A picture that was seen and not read yet.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The file.
    pub(super) path: PathBuf,
    /// Start of the image.
    pub(super) time: Micros,
    /// Length and time of change when it was last looked at.
    stamp: Option<(u64, SystemTime)>,
    /// Since when these are the same.
    since: Instant,
    /// The stamp at which it could not be read.
    tried: Option<(u64, SystemTime)>,
}

/// What is known of the folder.
pub(super) struct Folder {
    root: PathBuf,
    /// The same as notices name it.
    absolute: PathBuf,
    output: PathBuf,
    rule: crate::names::TimePattern,
    known: HashSet<PathBuf>,
    /// Files that were given up as they were then.
    broken: HashMap<PathBuf, Option<(u64, SystemTime)>>,
    pending: BTreeMap<(Micros, PathBuf), Candidate>,
    notices: Receiver<notify::Result<notify::Event>>,
    /// Ends the system's notices when it is dropped.
    _watcher: Option<RecommendedWatcher>,
    relist: Duration,
    listed: Option<Instant>,
}

impl Folder {
    /// Begins to follow the configuration's folder: by the system's notices, or by listing it every `poll`.
    pub(super) fn follow(config: &Config, poll: Option<Duration>) -> Self {
        let (sender, notices) = channel();
        let root = config.input.path.clone();
        let watcher = match poll {
            Some(_) => None,
            None => match start(&root, sender) {
                Ok(watcher) => Some(watcher),
                Err(e) => {
                    tracing::warn!("the system gives no notices of new files ({e}): the folder is listed every 5 s");
                    None
                }
            },
        };
        let relist = poll.unwrap_or(if watcher.is_some() { RELIST } else { FALLBACK_POLL });
        Self {
            absolute: std::path::absolute(&root).unwrap_or_else(|_| root.clone()),
            root,
            output: config.output.path.clone(),
            rule: config.input.time_pattern.clone(),
            known: HashSet::new(),
            broken: HashMap::new(),
            pending: BTreeMap::new(),
            notices,
            _watcher: watcher,
            relist,
            listed: None,
        }
    }

    /// Waits for news, at most `longest`, and notes what is new.
    ///
    /// # Errors
    /// [`crate::Error::Archive`] where the folder cannot be listed.
    pub(super) fn wait(&mut self, longest: Duration) -> Result<()> {
        let until_list = self.listed.map_or(Duration::ZERO, |t| self.relist.saturating_sub(t.elapsed()));
        let mut longest = longest.min(until_list);
        let until = Instant::now() + longest;
        loop {
            match self.notices.recv_timeout(longest) {
                // Reading a file is told as well, this program's own reading too.
                Ok(Ok(event)) if is_read(event.kind) => longest = until.saturating_duration_since(Instant::now()),
                Ok(Ok(event)) => {
                    event.paths.into_iter().for_each(|path| self.see(path));
                    longest = GATHER;
                }
                // Notices were lost: the listing finds what they told.
                Ok(Err(_)) => self.listed = None,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(longest);
                    break;
                }
            }
        }
        if self.listed.is_none_or(|t| t.elapsed() >= self.relist) {
            self.list()?;
        }
        Ok(())
    }

    /// Lists the whole folder.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub(super) fn list(&mut self) -> Result<()> {
        let listing = archive::list(&self.root, &self.output)?;
        listing.files.into_iter().for_each(|path| self.see(path));
        self.listed = Some(Instant::now());
        Ok(())
    }

    /// Notes a file where it is a picture whose name tells a time, and new.
    fn see(&mut self, path: PathBuf) {
        let path = path.strip_prefix(&self.absolute).map(|rest| self.root.join(rest)).unwrap_or(path);
        if self.broken.get(&path).is_some_and(|then| stamp(&path) != *then) {
            self.broken.remove(&path);
            self.known.remove(&path);
        }
        if self.known.contains(&path) || !archive::is_picture(&path) || path.starts_with(&self.output) {
            return;
        }
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(time) = self.rule.read(&stem) else { return };
        let new = || Candidate { path: path.clone(), time, stamp: None, since: Instant::now(), tried: None };
        self.pending.entry((time, path.clone())).or_insert_with(new);
    }

    /// Up to `count` pictures that may be read, in the order of time, with how long each has not changed.
    pub(super) fn candidates(&mut self, count: usize) -> Vec<(Candidate, Duration)> {
        let mut found = Vec::new();
        let mut gone = Vec::new();
        for (key, candidate) in &mut self.pending {
            if found.len() == count {
                break;
            }
            let Some(stamp) = stamp(&candidate.path) else {
                gone.push(key.clone());
                continue;
            };
            if candidate.stamp != Some(stamp) {
                (candidate.stamp, candidate.since) = (Some(stamp), Instant::now());
            }
            found.push((candidate.clone(), candidate.since.elapsed()));
        }
        for key in gone {
            self.pending.remove(&key);
        }
        found
    }

    /// A picture was read or left out.
    pub(super) fn done(&mut self, candidate: &Candidate) {
        self.pending.remove(&(candidate.time, candidate.path.clone()));
        self.known.insert(candidate.path.clone());
    }

    /// A picture is left out as it is now; it is read again should it change.
    pub(super) fn gave_up(&mut self, candidate: &Candidate) {
        self.done(candidate);
        self.broken.insert(candidate.path.clone(), candidate.stamp);
    }

    /// A picture could not be read as it is now.
    pub(super) fn failed(&mut self, candidate: &Candidate) {
        if let Some(kept) = self.pending.get_mut(&(candidate.time, candidate.path.clone())) {
            kept.tried = candidate.stamp;
        }
    }

    /// Files that wait to be read.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Path> {
        self.pending.values().map(|c| c.path.as_path())
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

impl Candidate {
    /// Whether it was tried as it is now and could not be read.
    pub(super) fn was_tried(&self) -> bool {
        self.tried.is_some() && self.tried == self.stamp
    }

    /// Whether the file is still as it was when it was listed.
    pub(super) fn is_unchanged(&self) -> bool {
        stamp(&self.path) == self.stamp
    }

    /// Seconds since the file's last change.
    pub(super) fn age_s(&self) -> f64 {
        let modified = self.stamp.map(|s| s.1);
        modified.and_then(|m| m.elapsed().ok()).map_or(0.0, |age| age.as_secs_f64())
    }
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let meta = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some((meta.len(), meta.modified().unwrap_or(SystemTime::UNIX_EPOCH)))
}

/// Whether a notice only says that a file was opened or read.
fn is_read(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

fn start(
    root: &Path,
    sender: std::sync::mpsc::Sender<notify::Result<notify::Event>>,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(sender)?;
    watcher.watch(root, RecursiveMode::Recursive)?;
    Ok(watcher)
}
