//! Every command and the flags that are its own. Flags that set a configuration key are not here: they come from
//! the table of keys.

use std::path::PathBuf;
use std::str::FromStr;

use access::{Pattern, Scope};
use chrono_tz::Tz;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use schema::{Incarnation, MonitorId};
use views::{Every, Moment, View};

use super::client::ClientCommand;
use crate::config::Setting;

/// The version with the commit, where the build knew it.
const VERSION: &str = if env!("HOURGLASS_COMMIT").is_empty() {
    env!("CARGO_PKG_VERSION")
} else {
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("HOURGLASS_COMMIT"), ")")
};

const EVERYWHERE: &str = "With every command";

/// A store for service-health metrics that answers exactly: every message it acknowledged, once.
#[derive(Debug, Parser)]
#[command(
    name = "hourglass",
    version = VERSION,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Start with `hourglass demo`. Exit codes: 0 fine; 1 a difference found or unhealthy; 2 wrong use or failure."
)]
pub(crate) struct Cli {
    /// Configuration file [default: ./hourglass.toml, else /etc/hourglass/hourglass.toml; env: HOURGLASS_CONFIG].
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub(crate) config: Option<PathBuf>,
    /// Log more; twice for everything.
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = EVERYWHERE)]
    pub(crate) verbose: u8,
    /// Log errors only, show no progress.
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = EVERYWHERE)]
    pub(crate) quiet: bool,
    /// How the log on stderr is written.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT", help_heading = EVERYWHERE)]
    pub(crate) log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line a person reads.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See it work: every role, four services, three rotations and a verification in about 40 seconds.
    Demo(DemoArgs),
    /// Run every role in one process.
    Up,
    /// Receive messages over TCP and keep the realtime views of what was received.
    Monitor,
    /// Rebuild the batch views on schedule.
    Scheduler,
    /// Answer over HTTP.
    Dashboard,
    /// Monitors as the store knows them; the end of one that is gone for good.
    Monitors {
        /// What to do.
        #[command(subcommand)]
        command: MonitorsCommand,
    },
    /// Send messages: generated, sampled from this host, or replayed from files.
    Client {
        /// What to send.
        #[command(subcommand)]
        command: ClientCommand,
    },
    /// Turn existing files into dated files that the next rebuild includes.
    Import(ImportArgs),
    /// Answer from the batch and realtime views, and the log beyond them, to the newest message.
    Query(QueryArgs),
    /// Print the original lines.
    Cat(CatArgs),
    /// List the services: first and last seen, and how many messages.
    Services(ServicesArgs),
    /// Rebuild the batch views now, at the cuts published so far.
    Rebuild(RebuildArgs),
    /// Recount the original lines with a separate implementation and compare every view with it.
    Verify(VerifyArgs),
    /// What is durable, uploaded, covered and waiting, read from the files.
    Status(StatusArgs),
    /// Make a token for sending or asking.
    Token {
        /// What to do.
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Show or check the configuration.
    Config {
        /// What to do with it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page (troff).
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where to keep the data; without it, a temporary folder that goes when the demo ends.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// How long the services send.
    #[arg(long, value_name = "SECONDS", default_value_t = 40, value_parser = clap::value_parser!(u64).range(5..=3600))]
    pub(crate) seconds: u64,
    /// Go on serving the dashboard after the verification, until Ctrl-C [default: true on a terminal].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) stay: Option<bool>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The files, each imported once; `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present = "undo")]
    pub(crate) files: Vec<PathBuf>,
    /// Withdraw an import, by the hash that importing it printed.
    #[arg(long, value_name = "HASH", conflicts_with = "files")]
    pub(crate) undo: Option<String>,
}

/// A half-open range of time and the services in it.
#[derive(Debug, Args)]
pub(crate) struct RangeArgs {
    /// From this time, floored to the minute: RFC 3339, YYYY-MM-DD, YYYY-MM-DDTHH:MM, now, or relative as in -90m
    /// (units s, m, h, d, w) [default: the beginning].
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) from: Option<Moment>,
    /// Until this time, itself not included, raised to the minute [default: the end].
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) to: Option<Moment>,
    /// Only this service; may be repeated [default: all].
    #[arg(long, value_name = "S")]
    pub(crate) service: Vec<String>,
    /// Time zone of times that name none, and of tables: an IANA name.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = setting::<Tz>)]
    pub(crate) tz: Tz,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// What is asked for.
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// Length of a row; rows are aligned to UTC.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = one_of::<Every, 4>(["1m", "5m", "1h", "1d"]))]
    pub(crate) every: Every,
    /// Which views answer; merged adds the log up to the newest message.
    #[arg(long, default_value = "merged", value_parser = one_of::<View, 3>(["merged", "batch", "realtime"]))]
    pub(crate) view: View,
    /// How the answer is written [default: table on a terminal, else csv].
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: means and peaks.
    Table,
    /// Exact totals, peaks and means, six decimals.
    Csv,
    /// One object: coverage and rows.
    Json,
    /// One row a line.
    Ndjson,
    /// The columns of a view file, to a file or pipe.
    Parquet,
    /// The same columns as an Arrow stream, to a file or pipe.
    Arrow,
}

#[derive(Debug, Args)]
pub(crate) struct CatArgs {
    /// What is asked for.
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// The rejected lines that were kept, with reason, peer and time, instead.
    #[arg(long, conflicts_with_all = ["positions", "service"])]
    pub(crate) quarantine: bool,
    /// Put each line's position before it: the file's source, sequence number and offset.
    #[arg(long)]
    pub(crate) positions: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServicesArgs {
    /// How the list is written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ListFormat,
    /// Time zone of the table: an IANA name.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = setting::<Tz>)]
    pub(crate) tz: Tz,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people.
    #[default]
    Table,
    /// With a header.
    Csv,
    /// One array.
    Json,
    /// One object a line.
    Ndjson,
}

#[derive(Debug, Args)]
pub(crate) struct RebuildArgs {
    /// Ignore what earlier builds computed: read every dated file again.
    #[arg(long)]
    pub(crate) full: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// What is asked for.
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// Also compare, byte by byte, what this monitor's data folder still has with the store's copy of it.
    #[arg(long)]
    pub(crate) deep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: StatusFormat,
    /// Exit with 1, and say why, unless all is healthy.
    #[arg(long)]
    pub(crate) check: bool,
}

/// How the status is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusFormat {
    /// For people.
    #[default]
    Table,
    /// One object.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MonitorsCommand {
    /// Names, since when, and how much of each is in the store.
    List,
    /// End the log of a monitor whose machine is gone for good, at what the store has of it. Another machine may then
    /// take its id. If it should still run, it stops.
    Seal {
        /// The monitor's id; where it had one before, also which incarnation is gone, as `list` shows it: ID/INCARNATION.
        who: Gone,
    },
}

/// A monitor that is gone for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    /// Its name.
    pub(crate) id: MonitorId,
    /// Which incarnation of it.
    pub(crate) incarnation: Option<Incarnation>,
}

impl FromStr for Gone {
    type Err = schema::Error;

    fn from_str(text: &str) -> Result<Self, schema::Error> {
        let (id, incarnation) = text.split_once('/').map_or((text, None), |(id, incarnation)| (id, Some(incarnation)));
        Ok(Self { id: MonitorId::new(id)?, incarnation: incarnation.map(str::parse).transpose()? })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Print a new token, this once, and the entry of `access.file` that makes it count. To revoke it, delete the entry.
    New(TokenArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Whose it is: 1 to 32 ASCII letters, digits, '-', '_' and '.'.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// What it is for: ingest, read, or both, separated by commas.
    #[arg(long, value_name = "SCOPE", value_delimiter = ',', required = true)]
    pub(crate) scope: Vec<Scope>,
    /// The services it reaches, `*` standing for any text; may be repeated [default: all].
    #[arg(long, value_name = "PATTERN")]
    pub(crate) services: Vec<Pattern>,
    /// When it ends [default: never].
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(crate) expires: Option<Moment>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every effective value and where it came from.
    Show,
    /// Check a file without using it.
    Check {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the reference of all keys (Markdown).
    Reference,
}

/// One of these words, read as the type that owns them.
fn one_of<T, const N: usize>(words: [&'static str; N]) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = String> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse::<T>())
}

/// A value that is a setting's type but no key's.
pub(super) fn setting<T: Setting>(text: &str) -> Result<T, String> {
    T::read(text).map_err(|why| format!("{why}; allowed: {}", T::allowed()))
}
