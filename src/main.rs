//! The command `scatterfall`.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(unix)]
    runtime_folder::provide();
    ExitCode::from(scatterfall::program::main(std::env::args_os()))
}

/// `XDG_RUNTIME_DIR`, without which graphics drivers write lines of their own to standard error.
///
/// They look for a window system there, which no part of this program uses. A process cannot change its own environment
/// safely once it may have threads, so it starts itself again in its own place: the number of the process, its files and
/// ignored signals stay.
#[cfg(unix)]
mod runtime_folder {
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::Command;

    const VARIABLE: &str = "XDG_RUNTIME_DIR";

    /// Any absolute path serves; this one never holds a window system's socket.
    const NO_WINDOW_SYSTEM: &str = "/";

    /// Does nothing where the variable is set, so the program starts again once at the most.
    pub(super) fn provide() {
        if !cfg!(feature = "gpu") || std::env::var_os(VARIABLE).is_some_and(|folder| Path::new(&folder).is_absolute()) {
            return;
        }
        let mut arguments = std::env::args_os();
        let (Some(name), Ok(program)) = (arguments.next(), std::env::current_exe()) else { return };
        // Where this fails the program goes on with the drivers' lines in its log.
        let _ = Command::new(program).arg0(name).args(arguments).env(VARIABLE, NO_WINDOW_SYSTEM).exec();
    }
}
