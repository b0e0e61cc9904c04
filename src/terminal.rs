//! The terminal: log lines and progress on standard error, results on standard output.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use scatterfall::progress::Observer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::cli::{Common, LogFormat};

/// The bar that log lines must step around.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn with_bar<T>(use_bar: impl FnOnce(Option<&ProgressBar>) -> T) -> T {
    let bar = BAR.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    use_bar(bar.as_ref())
}

/// A writer to standard error that hides the bar while a line is written.
#[derive(Clone, Copy)]
struct AroundBar;

impl Write for AroundBar {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        with_bar(|bar| match bar {
            Some(bar) => bar.suspend(|| io::stderr().write(line)),
            None => io::stderr().write(line),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for AroundBar {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        *self
    }
}

/// Starts logging.
pub(crate) fn start_logging(common: &Common) {
    let level = match (common.quiet, common.verbose) {
        (true, _) => LevelFilter::ERROR,
        (_, 0) => LevelFilter::WARN,
        (_, 1) => LevelFilter::INFO,
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

/// Progress: a bar on a terminal, a plain line now and then elsewhere.
pub(crate) struct Progress {
    bars: bool,
    lines: bool,
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

/// Time between plain lines.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

impl Progress {
    pub(crate) fn new(common: &Common) -> Self {
        let wanted = !common.no_progress && !common.quiet && common.log_format == LogFormat::Text;
        let terminal = io::stderr().is_terminal();
        Self { bars: wanted && terminal, lines: wanted && !terminal, plain: Mutex::new(None), bytes: AtomicU64::new(0) }
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
                _ => "{prefix:10} {wide_bar} {pos}/{len} {per_sec} {msg} {eta} left",
            };
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.with_key(
                "per_sec",
                move |s: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                    let _ = write!(w, "{:.1} {unit}/s", s.per_sec());
                },
            ));
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
            let seconds = elapsed.as_secs_f64().max(1e-9);
            #[expect(clippy::cast_precision_loss, reason = "rates for people")]
            let (rate, mb) = (p.done as f64 / seconds, bytes as f64 / 1e6 / seconds);
            with_bar(|bar| {
                if let Some(bar) = bar {
                    bar.set_position(p.done);
                    if bytes > 0 {
                        bar.set_message(format!("{mb:.0} MB/s"));
                    }
                }
            });
            if self.lines && elapsed >= p.next {
                p.next = elapsed + BETWEEN_LINES;
                #[expect(clippy::cast_precision_loss, reason = "a time for people")]
                let left = p.total.saturating_sub(p.done) as f64 / rate.max(1e-9);
                let _ = writeln!(
                    io::stderr(),
                    "{}: {} of {} {}, {rate:.1} a second, {mb:.0} MB/s, {left:.0} s left",
                    p.stage,
                    p.done,
                    p.total,
                    p.unit
                );
            }
        });
    }

    fn end(&self) {
        self.plain(|p| *p = None);
        let bar = BAR.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
}

/// Writes a line of the result to standard output. A reader that has gone away is not an error.
pub(crate) fn say(line: impl std::fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Writes the one line that says what went wrong.
pub(crate) fn complain(error: &anyhow::Error) {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    // A cause that its effect already quotes is not said twice.
    let mut line = String::new();
    for part in chain {
        if !line.contains(&part) {
            line = if line.is_empty() { part } else { format!("{line}: {part}") };
        }
    }
    let _ = writeln!(io::stderr(), "scatterfall: {}", line.replace('\n', " "));
}
