//! One run at a time in an output folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Holds the output folder until it is dropped. The operating system releases it when the process dies in any way.
#[derive(Debug)]
pub struct OutputLock {
    _file: File,
}

impl OutputLock {
    /// Takes the folder, making it where it does not exist.
    ///
    /// # Errors
    /// [`Error::Input`] where the folder cannot be written, or another run holds it, saying which.
    pub fn take(output: &Path) -> Result<Self> {
        let refused = |e: std::io::Error| {
            let output = output.display();
            Error::Input(format!(
                "cannot write to the output folder {output}: {e}; choose another (--output, output.path)"
            ))
        };
        fs::create_dir_all(output).map_err(refused)?;
        let path = output.join(".lock");
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.take(200).read_to_string(&mut holder);
                let holder = if holder.trim().is_empty() { "another run" } else { holder.trim() };
                return Err(Error::Input(format!(
                    "{} is in use by {holder}; wait for it, or choose another --output",
                    output.display()
                )));
            }
            // Some network file systems know no locks: a run there is better than none.
            Err(TryLockError::Error(e)) => {
                tracing::warn!("{} cannot be locked ({e}): do not start a second run on it", output.display());
            }
        }
        let written = file.set_len(0).and_then(|()| write!(file, "process {}", std::process::id()));
        written.map_err(|e| Error::io("write", &path, e))?;
        Ok(Self { _file: file })
    }
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
    }
}
