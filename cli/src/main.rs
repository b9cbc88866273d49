//! The one binary, `hourglass`: flags, configuration, wiring and output; what the roles do lives in their crates.
//!
//! The way through: [`flags`] parses the command line, [`config`] lays flags over environment over file over
//! defaults, one module of [`commands`] acts, [`outcome`] turns the result into an exit code. Answers go to stdout,
//! everything said about them to stderr.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod advice;
mod answer;
mod commands;
mod config;
mod description;
mod flags;
mod folder;
mod instruments;
mod kept;
mod logging;
mod open;
mod outcome;
mod progress;
mod roles;
mod signals;
mod stdout;

use std::process::ExitCode;

fn main() -> ExitCode {
    let (cli, keys) = flags::parse();
    logging::start(&cli);
    if cli.quiet {
        progress::silence();
    }
    outcome::exit_code(commands::run(cli, &keys))
}
