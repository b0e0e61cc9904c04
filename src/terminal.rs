//! The terminal: log lines and progress on standard error, results on standard output.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use scatterfall::Error;
use scatterfall::archive::LeftOut;
use scatterfall::progress::Observer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::cli::{Common, LogFormat};

/// The bar that log lines must step around.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Only what is wrong is said.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Everything on standard error is a JSON object a line.
static JSON: AtomicBool = AtomicBool::new(false);

fn with_bar<T>(use_bar: impl FnOnce(Option<&ProgressBar>) -> T) -> T {
    let bar = BAR.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    use_bar(bar.as_ref())
}

/// A writer to standard error that hides the bar while a line is written.
///
/// It never fails: a log on a full disk, or one that nobody reads any more, must not end a run (the log's own answer to a
/// failed write is a message on standard error, which fails as well and panics).
#[derive(Clone, Copy)]
struct AroundBar;

impl Write for AroundBar {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = with_bar(|bar| match bar {
            Some(bar) => bar.suspend(|| io::stderr().write_all(line)),
            None => io::stderr().write_all(line),
        });
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}

impl MakeWriter<'_> for AroundBar {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        *self
    }
}

/// Says only what is wrong, or more.
pub(crate) fn be_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// Starts logging.
pub(crate) fn start_logging(common: &Common) {
    let json = common.log_format == LogFormat::Json;
    be_quiet(common.quiet);
    JSON.store(json, Ordering::Relaxed);
    let level = match (common.quiet, common.verbose) {
        (true, _) => LevelFilter::ERROR,
        // Programs read JSON logs; they follow the run at INFO.
        (_, 0) if !json => LevelFilter::WARN,
        (_, 0 | 1) => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    // Other crates' lines (a GPU driver's, say) are only of interest to who debugs.
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(AroundBar).with_target(false);
    match common.log_format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => {
            builder.with_ansi(io::stderr().is_terminal()).without_time().compact().init();
        }
    }
}

/// Progress: a bar on a terminal, a plain line now and then elsewhere, an object in a JSON log.
pub(crate) struct Progress {
    bars: bool,
    lines: bool,
    objects: bool,
    plain: Mutex<Option<Plain>>,
    bytes: AtomicU64,
}

struct Plain {
    stage: &'static str,
    unit: &'static str,
    total: u64,
    done: u64,
    start: Instant,
    next: Duration,
}

impl Plain {
    /// Items and megabytes per second, and the seconds left.
    #[expect(clippy::cast_precision_loss, reason = "rates for people")]
    fn rates(&self, bytes: u64) -> (f64, f64, f64) {
        let seconds = self.start.elapsed().as_secs_f64().max(1e-9);
        let rate = self.done as f64 / seconds;
        (rate, bytes as f64 / 1e6 / seconds, self.total.saturating_sub(self.done) as f64 / rate.max(1e-9))
    }

    fn print_line(&self, bytes: u64) {
        let Self { stage, unit, total, done, .. } = self;
        let (rate, mb, left) = self.rates(bytes);
        let line = format!("{stage}: {done} of {total} {unit}, {rate:.1} a second, {mb:.1} MB/s, {left:.0} s left");
        let _ = writeln!(io::stderr(), "{line}");
    }

    fn log(&self, bytes: u64, message: &str) {
        let Self { stage, unit, total, done, .. } = *self;
        let tenths = |v: f64| (v * 10.0).round() / 10.0;
        let (rate, mb, left) = self.rates(bytes);
        let (per_s, mb_per_s, left_s) = (tenths(rate), tenths(mb), tenths(left));
        tracing::info!(stage, done, total, unit, per_s, mb_per_s, left_s, "{message}");
    }
}

/// Time between plain lines.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

impl Progress {
    pub(crate) fn new(common: &Common) -> Self {
        let wanted = !common.no_progress && !common.quiet;
        let text = wanted && common.log_format == LogFormat::Text;
        let terminal = io::stderr().is_terminal();
        Self {
            bars: text && terminal,
            lines: text && !terminal,
            objects: wanted && !text,
            plain: Mutex::new(None),
            bytes: AtomicU64::new(0),
        }
    }

    fn plain<T>(&self, use_plain: impl FnOnce(&mut Option<Plain>) -> T) -> T {
        use_plain(&mut self.plain.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Observer for Progress {
    fn begin(&self, stage: &'static str, total: u64, unit: &'static str) {
        self.bytes.store(0, Ordering::Relaxed);
        if self.bars {
            let template = match total {
                0 => "{prefix:10} {spinner} {elapsed}",
                _ => "{prefix:10} {wide_bar} {pos}/{len} {per_sec} {msg} {left} left",
            };
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let rate = move |s: &ProgressState, w: &mut dyn std::fmt::Write| {
                let _ = write!(w, "{:.1} {unit}/s", s.per_sec());
            };
            let left = |s: &ProgressState, w: &mut dyn std::fmt::Write| {
                let _ = match s.pos() {
                    0 => write!(w, "?"),
                    _ => write!(w, "{:#}", HumanDuration(s.eta())),
                };
            };
            bar.set_style(style.with_key("per_sec", rate).with_key("left", left));
            bar.set_prefix(stage);
            bar.enable_steady_tick(Duration::from_millis(200));
            *BAR.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(bar);
        }
        let now = Instant::now();
        self.plain(|p| *p = Some(Plain { stage, unit, total, done: 0, start: now, next: BETWEEN_LINES }));
    }

    fn advance(&self, items: u64, bytes: u64) {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.plain(|p| {
            let Some(p) = p else { return };
            p.done += items;
            let elapsed = p.start.elapsed();
            with_bar(|bar| {
                if let Some(bar) = bar {
                    bar.set_position(p.done);
                    if bytes > 0 {
                        bar.set_message(format!("{:.1} MB/s", p.rates(bytes).1));
                    }
                }
            });
            if elapsed >= p.next {
                p.next = elapsed + BETWEEN_LINES;
                if self.lines {
                    p.print_line(bytes);
                } else if self.objects {
                    p.log(bytes, "progress");
                }
            }
        });
    }

    fn end(&self) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        if let Some(last) = self.plain(Option::take).filter(|p| self.objects && p.done > 0) {
            last.log(bytes, "stage done");
        }
        let bar = BAR.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
}

/// Writes a line about what was done to standard output, unless only what is wrong is to be said. A reader that has
/// gone away is not an error.
pub(crate) fn print_status(line: impl std::fmt::Display) {
    if !QUIET.load(Ordering::Relaxed) {
        print_result(line);
    }
}

/// Writes what a command is there to tell to standard output.
pub(crate) fn print_result(line: impl std::fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// As [`print_result`], for a text with its own line ends.
pub(crate) fn print_bytes(text: &[u8]) {
    let _ = io::stdout().write_all(text);
}

/// Left-out files that are named in the end; the table has all of them.
const NAMED: usize = 10;

/// Names what was left out, or where that is listed.
pub(crate) fn print_left_out(left_out: &[LeftOut], table: &Path) {
    if QUIET.load(Ordering::Relaxed) && !left_out.is_empty() {
        print_problem(&format!("{} files left out, listed in {}", left_out.len(), table.display()));
    }
    for left in left_out.iter().take(NAMED) {
        print_status(format_args!("  left out: {}: {}", left.file, left.reason));
    }
    if left_out.len() > NAMED {
        print_status(format_args!("  ... and {} more, listed in {}", left_out.len() - NAMED, table.display()));
    }
}

/// Writes the one line that says what went wrong.
pub(crate) fn print_error(error: &Error) {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        // A cause that its effect already quotes is not said twice.
        let part = error.to_string();
        if !line.contains(&part) {
            line = format!("{line}: {part}");
        }
        cause = error.source();
    }
    print_problem(&line.replace('\n', " "));
}

fn print_problem(line: &str) {
    if JSON.load(Ordering::Relaxed) {
        tracing::error!("{line}");
    } else {
        let _ = writeln!(AroundBar, "scatterfall: {line}");
    }
}
