//! `config show`, `config check`, `config reference`, and `completions`.

use std::path::Path;

use anyhow::Result;

use super::print;
use crate::config::{self, Config, File};
use crate::flags;
use crate::outcome::Outcome;

/// Prints every effective value and where it came from.
pub(super) fn show(config: &Config) -> Result<Outcome> {
    print(config::show(config).as_bytes())
}

/// Checks a file as a start would.
pub(super) fn check(path: &Path) -> Result<Outcome> {
    let file = File::read(path)?;
    let set = file.len();
    Config::layer(&[], |_| None, Some(&file))?.settings()?;
    print(format!("{}: {set} keys, all allowed\n", path.display()).as_bytes())
}

/// Prints the reference of all keys.
pub(super) fn reference() -> Result<Outcome> {
    print(config::markdown().as_bytes())
}

/// Prints a shell's completion script.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut flags::command(), "hourglass", &mut script);
    print(&script)
}
