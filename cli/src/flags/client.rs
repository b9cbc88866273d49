//! The clients' commands and their flags.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::commands::setting;
use crate::config::{Address, Setting, Span};

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Send generated messages as fast as they are taken, or at a rate.
    Load(LoadArgs),
    /// Send this host's real cpu, ram and disk.
    Sample(SampleArgs),
    /// Send the messages of files: NDJSON, JSON arrays or CSV; plain, .gz or .zst; `-` is standard input.
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("numbered").args(["ack", "token_file"]).multiple(true)))]
pub(crate) struct LoadArgs {
    /// The monitor.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_peer)]
    pub(crate) connect: String,
    /// Names of the services, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "a,b,c,d")]
    pub(crate) service: Vec<String>,
    /// Stop after this many messages [default: none, until Ctrl-C].
    #[arg(long, value_name = "N")]
    pub(crate) messages: Option<u64>,
    /// Stop after this many seconds.
    #[arg(long, value_name = "S", conflicts_with = "messages")]
    pub(crate) seconds: Option<u64>,
    /// Messages a second, all connections together [default: as many as are taken].
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rate: Option<u64>,
    /// Connections.
    #[arg(long, value_name = "C", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connections: u16,
    /// Wait for acknowledgements, reconnect and send again what was not acknowledged.
    #[arg(long)]
    pub(crate) ack: bool,
    /// The id under which lines are counted [default: random, printed].
    #[arg(long, value_name = "ID", requires = "numbered")]
    pub(crate) client: Option<String>,
    #[command(flatten)]
    pub(crate) proof: ProofArgs,
    /// Seed of the generator: equal seeds send equal values.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Time between samples: 10 ms to a day.
pub(crate) type Interval = Span<10, 86_400_000>;

#[derive(Debug, Args)]
pub(crate) struct SampleArgs {
    /// The monitor.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_peer)]
    pub(crate) connect: String,
    /// The name this host's samples get.
    #[arg(long, value_name = "NAME")]
    pub(crate) service: String,
    /// Time between samples, as in 500ms, 1s, 1m.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = setting::<Interval>)]
    pub(crate) interval: Interval,
    #[command(flatten)]
    pub(crate) proof: ProofArgs,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("numbered").args(["ack", "token_file"]).multiple(true)))]
pub(crate) struct ReplayArgs {
    /// The monitor.
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_peer)]
    pub(crate) connect: String,
    /// The files; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Keep the messages' own pace, this many times faster [default: as fast as they are taken].
    #[arg(long, value_name = "X", value_parser = parse_speed)]
    pub(crate) speed: Option<f64>,
    /// Wait for acknowledgements; a replay that was interrupted goes on where it stopped.
    #[arg(long)]
    pub(crate) ack: bool,
    /// The id under which lines are counted [default: a hash of the files].
    #[arg(long, value_name = "ID", requires = "numbered")]
    pub(crate) client: Option<String>,
    #[command(flatten)]
    pub(crate) proof: ProofArgs,
}

/// What a client shows a monitor, and what it wants to be shown.
#[derive(Debug, Args)]
pub(crate) struct ProofArgs {
    /// A file with the token that the monitor asks for, and nothing else in it: lines are sent with acknowledgements.
    /// Never on the command line, where others see it.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Encrypt, and send only to a monitor that proves its name.
    #[arg(long)]
    pub(crate) tls: bool,
    /// Who signs the monitor's certificate, in PEM [default: whom this system trusts].
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca: Option<PathBuf>,
    /// The certificate that the monitor is to know this client by, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// The name in the monitor's certificate [default: the host of --connect].
    #[arg(long, value_name = "NAME", requires = "tls")]
    pub(crate) server_name: Option<String>,
}

/// A peer's address; its name is resolved when it is called.
fn parse_peer(text: &str) -> Result<String, String> {
    match Address::read(text) {
        Ok(Address(peer)) if !peer.ends_with(":0") => Ok(peer),
        Ok(_) => Err("nobody listens on port 0; allowed: HOST:PORT, as in 127.0.0.1:7070".into()),
        Err(why) => Err(format!("{why}; allowed: HOST:PORT, as in 127.0.0.1:7070 or [::1]:7070")),
    }
}

fn parse_speed(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('x').parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err("allowed: a number above 0, as in 1, 60 or 0.5".into()),
    }
}
