//! Ctrl-C and SIGTERM: the work is asked to stop; what cannot stop soon is ended.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use scatterfall::Error;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::terminal;

/// Time that stages have for coming to an end by themselves, so that all is over within 5 seconds.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(4);

/// How often the flag is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Sets `stop` on a signal; ends the program a while later where a stage is still busy. Files appear whole or not at
/// all, so any moment will do.
pub(crate) fn on_signals(stop: &Arc<AtomicBool>, failed: u8) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // A second signal ends the program at once.
        signal_hook::flag::register_conditional_shutdown(signal, i32::from(failed), Arc::clone(stop))?;
        signal_hook::flag::register(signal, Arc::clone(stop))?;
    }
    let stop = Arc::clone(stop);
    let watch = move || {
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(POLL_INTERVAL);
        }
        thread::sleep(SHUTDOWN_GRACE);
        terminal::print_error(&Error::interrupted());
        // Without the exit handlers of libraries (a GPU's driver) that other threads are still using.
        signal_hook::low_level::exit(i32::from(failed));
    };
    thread::Builder::new().name("signals".into()).spawn(watch).map(|_| ())
}
