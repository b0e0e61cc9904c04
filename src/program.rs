//! The command `scatterfall` as a function: for its executable, and for programs that carry it (the Python package).

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;

use crate::cli::Cli;
use crate::commands::Outcome;
use crate::{Error, commands, terminal};

/// Exit statuses; clap itself uses 2 for a wrong command line.
pub(crate) const FAILED: u8 = 1;
const USAGE: u8 = 2;
const LEFT_OUT: u8 = 3;
const EVENTS: u8 = 4;

/// Runs the command line `arguments`, the program's name first; returns the exit status. Writes to standard output and
/// error, starts the log and takes signals; ends the process for `--help`, `--version` and a wrong command line.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = Cli::parse_from(arguments);
    terminal::start_logging(&cli.common);
    match commands::run(cli) {
        Ok(Outcome { events: true, .. }) => EVENTS,
        Ok(Outcome { left_out: 0, .. }) => 0,
        Ok(_) => LEFT_OUT,
        Err(error) => {
            terminal::print_error(&error);
            if error.is_usage() { USAGE } else { FAILED }
        }
    }
}

/// Runs the command line `arguments`, the program's name first, within another program: no signals are taken, no log is
/// started, nothing ends the process, and the work stops soon after `stop` is set. Returns how many files were left out.
///
/// # Errors
/// [`Error::Arguments`] for a wrong command line, and those of the command.
pub fn run(arguments: impl IntoIterator<Item = OsString>, stop: Arc<AtomicBool>) -> crate::Result<usize> {
    let mut cli = Cli::try_parse_from(arguments).map_err(|e| Error::Arguments(e.to_string()))?;
    terminal::be_quiet(cli.common.quiet);
    cli.common.stop = Some(stop);
    commands::run(cli).map(|outcome| outcome.left_out)
}
