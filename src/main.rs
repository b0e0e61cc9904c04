//! The command `scatterfall`: parses, starts logging, runs, and turns the outcome into an exit status.

mod cli;
mod commands;
mod init_command;
mod stop;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

/// Exit statuses; clap itself uses 2 for a wrong command line.
const FAILED: u8 = 1;
const USAGE: u8 = 2;
const LEFT_OUT: u8 = 3;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    terminal::start_logging(&cli.common);
    match commands::run(cli) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(LEFT_OUT),
        Err(error) => {
            terminal::complain(&error);
            let usage = error.downcast_ref::<scatterfall::Error>().is_some_and(scatterfall::Error::is_usage);
            ExitCode::from(if usage { USAGE } else { FAILED })
        }
    }
}
