//! The command `scatterfall`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(scatterfall::program::main(std::env::args_os()))
}
