//! One run at a time in an output folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Result, StoredError};
use scatterfall_timestamps::iso;

/// Name of the file that is locked.
const LOCK_FILE: &str = ".lock";

/// Times that a lock file is looked for again after its holder removed it just before.
const ATTEMPTS: usize = 8;

/// Holds the output folder until it is dropped. The operating system releases it when the process dies in any way.
#[derive(Debug)]
pub struct OutputLock {
    file: Option<File>,
    output: PathBuf,
    /// The folder was made for this run: it goes again if nothing comes to be in it.
    made: bool,
}

impl OutputLock {
    /// Takes the folder, making it where it does not exist.
    ///
    /// # Errors
    /// [`crate::Error::Stored`] where the folder cannot be written, or another run holds it, saying which.
    pub fn take(output: &Path) -> Result<Self> {
        let refused = |source: std::io::Error| StoredError::Unwritable { path: output.to_path_buf(), source };
        let made = !output.exists();
        let path = output.join(LOCK_FILE);
        for _ in 0..ATTEMPTS {
            fs::create_dir_all(output).map_err(refused)?;
            let mut file = match OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path) {
                Ok(file) => file,
                // Another run removed its folder in between.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => return Err(refused(e).into()),
            };
            match file.try_lock() {
                // The one who held it may have removed it with its folder.
                Ok(()) if !path.exists() => continue,
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    let _ = file.take(200).read_to_string(&mut holder);
                    let holder = if holder.trim().is_empty() { "another run" } else { holder.trim() }.to_owned();
                    return Err(StoredError::InUse { path: output.to_path_buf(), holder }.into());
                }
                // Some network file systems know no locks: a run there is better than none.
                Err(TryLockError::Error(e)) => {
                    tracing::warn!("{} cannot be locked ({e}): do not start a second run on it", output.display());
                }
            }
            let written = file.set_len(0).and_then(|()| write!(file, "{}", holder()));
            written.map_err(refused)?;
            return Ok(Self { file: Some(file), output: output.to_path_buf(), made });
        }
        Err(StoredError::BeingRemoved { path: output.to_path_buf() }.into())
    }
}

impl Drop for OutputLock {
    fn drop(&mut self) {
        let only_lock = || {
            let entries = fs::read_dir(&self.output).ok()?;
            Some(entries.flatten().all(|e| e.file_name() == LOCK_FILE))
        };
        if self.made && only_lock() == Some(true) {
            // What fails here leaves an empty folder behind, no more. Some systems only remove what is closed.
            let _ = fs::remove_file(self.output.join(LOCK_FILE));
            self.file = None;
            let _ = fs::remove_dir(&self.output);
        }
    }
}

/// Who holds the lock, in words.
fn holder() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { String::new() } else { format!(" on {}", host.trim()) };
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let since = iso(i64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000));
    format!("process {}{host}, since {since}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_refused_until_the_first_ends() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = OutputLock::take(folder.path()).expect("free");
        let second = OutputLock::take(folder.path()).expect_err("held");
        assert!(second.to_string().contains(&format!("process {}", std::process::id())), "{second} names who holds it");
        drop(first);
        OutputLock::take(folder.path()).expect("free again");
        assert!(folder.path().is_dir(), "a folder that was there before stays");
    }

    #[test]
    fn a_folder_made_for_nothing_goes_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("output");
        drop(OutputLock::take(&output).expect("free"));
        assert!(!output.exists(), "nothing came of it");
        let lock = OutputLock::take(&output).expect("free");
        fs::write(output.join("result"), "x").expect("written");
        drop(lock);
        assert!(output.join("result").exists(), "a result stays");
    }

    #[test]
    fn what_a_dead_process_left_is_taken_over() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(LOCK_FILE), "process 1 on another host").expect("written");
        let _held = OutputLock::take(folder.path()).expect("nobody holds it");
        let text = fs::read_to_string(folder.path().join(LOCK_FILE)).expect("readable");
        assert!(text.starts_with(&format!("process {}", std::process::id())), "{text} names the new holder");
    }
}
