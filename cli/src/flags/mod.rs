//! The command line as it is written: commands and flags, parsed and checked one by one, acted on elsewhere.
//! Enters: the process's arguments. Leaves: [`Cli`], and the configuration keys that were given as flags.

mod client;
mod commands;

use clap::builder::ValueParser;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

pub(crate) use client::{ClientCommand, LoadArgs, ProofArgs, ReplayArgs, SampleArgs};
pub(crate) use commands::{
    CatArgs, Cli, Command, ConfigCommand, DemoArgs, Format, Gone, ImportArgs, ListFormat, LogFormat, MonitorsCommand,
    QueryArgs, RangeArgs, RebuildArgs, ServicesArgs, StatusArgs, StatusFormat, TokenArgs, TokenCommand, VerifyArgs,
};

use crate::config::{KEYS, Key, Setting, Switch};

/// Keys with the text that was given for each.
pub(crate) type Keys = Vec<(&'static Key, String)>;

/// Parses the arguments. Help, version and wrong use end the process here, as clap does it (exit code 2).
pub(crate) fn parse() -> (Cli, Keys) {
    let matches = command().get_matches();
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => (cli, given_keys(&matches)),
        Err(error) => error.format(&mut command()).exit(),
    }
}

/// The whole command line: the commands, each with the keys of the configuration that concern it.
pub(crate) fn command() -> clap::Command {
    let mut root = Cli::command();
    let names: Vec<_> = root.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    for name in names {
        let with_keys = |command: clap::Command| {
            let keys = KEYS.iter().filter(|key| key.commands.contains(&name.as_str()));
            command.args(keys.map(argument))
        };
        root = root.mut_subcommand(&name, |command| match name.as_str() {
            "monitors" => command.mut_subcommands(with_keys),
            _ => with_keys(command),
        });
    }
    root = root.mut_subcommand("query", |query| {
        query
            .mut_arg("from", |from| with_default(from, "the beginning", "an hour before the end"))
            .mut_arg("to", |to| with_default(to, "the end", "now"))
    });
    root.mut_subcommand("config", |config| config.mut_subcommand("show", |show| show.args(KEYS.iter().map(argument))))
}

/// A flag that other commands have too, with another default of this one's.
fn with_default(flag: clap::Arg, others: &str, own: &str) -> clap::Arg {
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    flag.help(help.replace(others, own))
}

/// A key's flag. Its value stays text: all layers are checked alike, by the table.
fn argument(key: &'static Key) -> clap::Arg {
    let default = match key.default {
        "" => String::new(),
        text => format!("default: {text}; "),
    };
    // Said without a value, a switch is on.
    let values = if key.placeholder == Switch::PLACEHOLDER { 0..=1 } else { 1..=1 };
    clap::Arg::new(key.variable())
        .num_args(values)
        .default_missing_value("true")
        .long(key.flag())
        .value_name(key.placeholder)
        .value_parser(ValueParser::string())
        .help(format!("{} [{default}env: {}]", key.doc(), key.variable()))
        .help_heading("Configuration (flag over environment over file over default)")
}

/// The keys given as flags to the command that was called, however deep it is.
fn given_keys(matches: &ArgMatches) -> Keys {
    let Some((_, inner)) = matches.subcommand() else {
        // A command has only the keys that concern it; the variable's name is no other flag's id.
        let text = |key: &Key| matches.try_get_one::<String>(&key.variable()).ok().flatten().cloned();
        return KEYS.iter().filter_map(|key| Some((key, text(key)?))).collect();
    };
    given_keys(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(Cli, Keys), clap::Error> {
        let matches = command().try_get_matches_from(line.split(' '))?;
        Ok((Cli::from_arg_matches(&matches)?, given_keys(&matches)))
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn keys_become_flags_of_the_commands_they_concern() {
        let (_, keys) = parse("hourglass up --data d --listen h:1 --buffer-messages 9").unwrap();
        let keys: Vec<_> = keys.iter().map(|(key, text)| (key.name, text.as_str())).collect();
        assert_eq!(keys, [("data", "d"), ("listen.address", "h:1"), ("buffer.messages", "9")]);
        assert!(parse("hourglass scheduler --listen h:1").is_err());
        assert!(parse("hourglass demo --data d").is_ok_and(|(_, keys)| keys.is_empty()), "a flag of its own");
        assert!(parse("hourglass config show --listen h:1").is_ok());
    }

    #[test]
    fn a_switch_needs_no_value() {
        for (line, value) in [("--insecure", "true"), ("--insecure true", "true"), ("--insecure false", "false")] {
            let (_, keys) = parse(&format!("hourglass up --data d {line} --id m")).unwrap();
            let insecure = keys.iter().find(|(key, _)| key.name == "insecure").unwrap();
            assert_eq!(insecure.1, value, "{line}");
        }
    }

    #[test]
    fn a_relative_time_is_a_value_not_a_flag() {
        let (cli, _) = parse("hourglass query --data d --from -90m --to now").unwrap();
        let Command::Query(query) = cli.command else { panic!("not a query") };
        assert_eq!(query.range.from, Some("-90m".parse().unwrap()));
        assert!(parse("hourglass query --data d --from --to").is_err());
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        assert!(parse("hourglass client load --connect h:1 --messages 1 --seconds 1").is_err());
        assert!(parse("hourglass import --data d --undo 00 file").is_err());
        assert!(parse("hourglass import --data d").is_err());
        assert!(parse("hourglass client load --connect h:1 --client me").is_err());
    }
}
