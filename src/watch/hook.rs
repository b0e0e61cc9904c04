//! `--on-event`: a command that is given every new event as JSON on its standard input.
//!
//! It runs on a thread of its own and never holds up the watching. What it was given is counted on the disk, so it is given an event
//! again only where it was killed before it could say that it was done.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::journal;
use crate::error::Result;
use crate::store::atomic::write_bytes;

/// Attempts before an event is put aside.
const ATTEMPTS: u32 = 8;

/// Wait after the first failure; it doubles each time, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A command that runs for longer has failed.
const TIME_LIMIT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(50);

/// The thread that runs the command.
pub(super) struct Hook {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    command: String,
    output: PathBuf,
    stop: AtomicBool,
    /// Lines of the journal that the command was given, or that were put aside.
    done: AtomicUsize,
    failures: AtomicUsize,
}

impl Hook {
    /// Starts it where the count of an earlier process stands; a first one begins with the journal's line `first`.
    pub(super) fn start(command: String, output: &Path, first: usize) -> Result<Self> {
        let path = count_file(output);
        let stored = std::fs::read(&path).ok().and_then(|t| serde_json::from_slice::<Value>(&t).ok());
        let done = stored.and_then(|v| usize::try_from(v["given"].as_u64()?).ok()).unwrap_or(first);
        let shared = Shared {
            command,
            output: output.to_path_buf(),
            stop: AtomicBool::new(false),
            done: AtomicUsize::new(done),
            failures: AtomicUsize::new(0),
        };
        let shared = Arc::new(shared);
        let of_thread = Arc::clone(&shared);
        let spawned = std::thread::Builder::new().name("on-event".into()).spawn(move || of_thread.work());
        let thread = spawned.map_err(|e| crate::Error::io("start the thread of", "--on-event", e))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Events that the command has yet to take, of `count` in the journal.
    pub(super) fn waiting(&self, count: usize) -> usize {
        count.saturating_sub(self.shared.done.load(Ordering::Relaxed))
    }

    /// Attempts that failed since the start.
    pub(super) fn failures(&self) -> usize {
        self.shared.failures.load(Ordering::Relaxed)
    }

    /// Waits until nothing waits, at most `longest`.
    pub(super) fn drain(&self, count: usize, longest: Duration) {
        let begun = Instant::now();
        while self.waiting(count) > 0 && begun.elapsed() < longest {
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn work(&self) {
        let mut read = (0u64, 0usize);
        while !self.stopped() {
            let Some(line) = self.next(&mut read) else {
                std::thread::sleep(POLL);
                continue;
            };
            if !self.deliver(&line) {
                return;
            }
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            let text = json!({ "given": done }).to_string();
            if let Err(e) = write_bytes(&count_file(&self.output), text.as_bytes()) {
                tracing::error!("{e}");
            }
        }
    }

    /// The next line that was not given; `read` is how far the file was read, in bytes and lines.
    fn next(&self, read: &mut (u64, usize)) -> Option<String> {
        use std::io::{BufRead, BufReader, Seek, SeekFrom};
        let mut file = std::fs::File::open(journal::file(&self.output)).ok()?;
        if file.metadata().ok()?.len() <= read.0 {
            return None;
        }
        file.seek(SeekFrom::Start(read.0)).ok()?;
        let mut lines = BufReader::new(file);
        loop {
            let mut line = String::new();
            let bytes = lines.read_line(&mut line).ok()?;
            if bytes == 0 || !line.ends_with('\n') {
                return None;
            }
            let wanted = read.1 == self.done.load(Ordering::Relaxed);
            *read = (read.0 + bytes as u64, read.1 + 1);
            if wanted {
                return Some(line);
            }
        }
    }

    /// Gives a line to the command until it takes it; false where the watching ends before.
    fn deliver(&self, line: &str) -> bool {
        let mut wait = FIRST_WAIT;
        for attempt in 1..=ATTEMPTS {
            let Some(result) = self.attempt(line) else { return false };
            let Err(reason) = result else { return true };
            self.failures.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("--on-event failed (attempt {attempt} of {ATTEMPTS}): {reason}");
            let until = Instant::now() + wait;
            while attempt < ATTEMPTS && Instant::now() < until {
                if self.stopped() {
                    return false;
                }
                std::thread::sleep(POLL);
            }
            wait = (2 * wait).min(LONGEST_WAIT);
        }
        self.put_aside(line);
        true
    }

    /// Runs the command once; `None` where the watching ends before it does.
    fn attempt(&self, line: &str) -> Option<std::result::Result<(), String>> {
        let mut child = match shell(&self.command).stdin(Stdio::piped()).spawn() {
            Ok(child) => child,
            Err(e) => return Some(Err(e.to_string())),
        };
        // A command that does not read its input closes it: that is its own business.
        if let Some(mut input) = child.stdin.take() {
            let _ = input.write_all(line.as_bytes());
        }
        let begun = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Some(Ok(())),
                Ok(Some(status)) => return Some(Err(status.to_string())),
                Ok(None) if self.stopped() => {
                    end(&mut child);
                    return None;
                }
                Ok(None) if begun.elapsed() > TIME_LIMIT => {
                    end(&mut child);
                    return Some(Err(format!("still running after {} s", TIME_LIMIT.as_secs())));
                }
                Ok(None) => std::thread::sleep(POLL / 5),
                Err(e) => return Some(Err(e.to_string())),
            }
        }
    }

    fn put_aside(&self, line: &str) {
        let path = self.output.join("watch").join("undelivered.jsonl");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        if let Err(e) = file.and_then(|mut f| f.write_all(line.as_bytes())) {
            tracing::error!("cannot write {}: {e}", path.display());
        }
        tracing::error!("--on-event did not take an event; it is kept in {}", path.display());
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn shell(command: &str) -> Command {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut shell = Command::new(shell);
    shell.arg(flag).arg(command);
    shell
}

fn count_file(output: &Path) -> PathBuf {
    output.join("watch").join("on_event.json")
}
