//! Where the log goes: stderr, as text or JSON, at a level that fits the command.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::fmt::writer::MakeWriterExt;

use crate::flags::{Cli, Command, LogFormat};
use crate::progress;

/// Starts the log. Long-running roles tell what happens; other commands speak up only when something is wrong.
pub(crate) fn start(cli: &Cli) {
    let usual = match cli.command {
        Command::Up | Command::Monitor | Command::Scheduler => 1,
        _ => 0,
    };
    let level = match (cli.quiet, usual + cli.verbose) {
        (true, _) => Level::ERROR,
        (_, 0) => Level::WARN,
        (_, 1) => Level::INFO,
        (_, 2) => Level::DEBUG,
        _ => Level::TRACE,
    };
    // A line of the log goes above a progress bar, not through it.
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(progress::above_bars.with_max_level(level));
    match cli.log_format {
        LogFormat::Text => {
            let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            log.with_ansi(coloured).init();
        }
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
