//! What each command does. A command gets its own flags and the settings, and returns how it ended.

mod cat;
mod configuration;
mod dashboard;
mod demo;
mod import;
mod manual;
mod monitors;
mod quarantine;
mod query;
mod range;
mod rebuild;
mod send;
mod serve;
mod services;
mod status;
mod token;
mod verify;

use std::future::Future;
use std::path::PathBuf;

use anyhow::{Context, Result};

pub(crate) use status::Operator;

use crate::config::{Config, FILE_VARIABLE, File, Key, strays};
use crate::flags::{Cli, Command, ConfigCommand, TokenCommand};
use crate::folder;
use crate::outcome::Outcome;
use crate::roles::Roles;
use crate::stdout::Stdout;

/// What makes a schedule.
const SCHEDULE: [&str; 2] = ["schedule.cron", "schedule.timezone"];

/// Runs the command.
pub(crate) fn run(cli: Cli, keys: &[(&'static Key, String)]) -> Result<Outcome> {
    let file = cli.config.or_else(|| std::env::var_os(FILE_VARIABLE).map(PathBuf::from));
    let config = || layered(keys, file.as_deref());
    let settings = || folder::checked(config()?.settings()?);
    match cli.command {
        Command::Demo(args) => wait(demo::run(args)),
        Command::Up => wait(serve::run(Roles::All, settings()?)),
        Command::Monitor => wait(serve::run(Roles::Monitor, settings()?)),
        Command::Scheduler => wait(serve::run(Roles::Scheduler, settings()?)),
        Command::Dashboard => wait(dashboard::run(settings()?)),
        Command::Monitors { command } => wait(monitors::run(command, settings()?)),
        Command::Client { command } => wait(send::run(command)),
        Command::Import(args) => wait(import::run(args, settings()?)),
        Command::Query(args) => wait(query::run(args, settings()?)),
        Command::Cat(args) => wait(cat::run(args, settings()?)),
        Command::Services(args) => wait(services::run(args, settings()?)),
        Command::Rebuild(args) => wait(rebuild::run(args, settings()?)),
        Command::Verify(args) => wait(verify::run(args, settings()?)),
        Command::Status(args) => {
            let config = config()?;
            let chosen = SCHEDULE.iter().any(|name| config.sets(name));
            wait(status::run(args, folder::checked(config.settings()?)?, chosen))
        }
        Command::Token { command: TokenCommand::New(args) } => token::new(args),
        Command::Config { command: ConfigCommand::Show } => configuration::show(&config()?),
        Command::Config { command: ConfigCommand::Check { file } } => configuration::check(&file),
        Command::Config { command: ConfigCommand::Reference } => configuration::reference(),
        Command::Completions { shell } => configuration::completions(shell),
        Command::Man => manual::print_page(),
    }
}

/// All four layers of the configuration.
fn layered(keys: &[(&'static Key, String)], file: Option<&std::path::Path>) -> Result<Config> {
    for stray in strays(std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned())) {
        tracing::warn!(variable = stray, "no key has this variable");
    }
    let file = File::find(file)?;
    Config::layer(keys, |name| std::env::var_os(name), file.as_ref())
}

/// Runs a command's future to its end on the process's one runtime.
fn wait(command: impl Future<Output = Result<Outcome>>) -> Result<Outcome> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(command)
}

/// Writes a whole text to stdout.
fn print(text: &[u8]) -> Result<Outcome> {
    let mut out = Stdout::new();
    std::io::Write::write_all(&mut out, text)?;
    out.finish()?;
    Ok(Outcome::Fine)
}
