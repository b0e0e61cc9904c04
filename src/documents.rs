//! What the command line tells about itself: completions for shells, and manual pages.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::{Error, Result};
use crate::store::atomic::write_bytes;

/// The name that users type.
const NAME: &str = "scatterfall";

/// The script that lets `shell` complete commands, options and values.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    script
}

/// The manual page of the program.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn manual() -> Result<Vec<u8>> {
    page(Cli::command())
}

/// Writes the manual pages of the program and of every command into `folder`; returns them.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn write_manuals(folder: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    let mut written = Vec::new();
    for command in std::iter::once(&whole).chain(whole.get_subcommands()) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let path = folder.join(format!("{name}.1"));
        write_bytes(&path, &page(command.clone())?)?;
        written.push(path);
    }
    Ok(written)
}

fn page(command: clap::Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text).map_err(|e| Error::io("write", "a manual page", e))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_a_completion() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pages = write_manuals(folder.path()).expect("written");
        let script = String::from_utf8(completions(Shell::Bash)).expect("text");
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let page = folder.path().join(format!("scatterfall-{name}.1"));
            assert!(pages.contains(&page) && page.is_file(), "the page of {name}");
            assert!(script.contains(&format!("scatterfall,{name})")), "{name} is completed");
        }
        let page = std::fs::read_to_string(folder.path().join("scatterfall-run.1")).expect("the page of run");
        assert!(page.contains(".TH") && page.contains("backend"), "a page says what the options are");
    }
}
