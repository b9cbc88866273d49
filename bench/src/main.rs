//! The benchmarks, with their peers in the same run: `cargo run --release -p hourglass-bench [-- ROW...]`.
//!
//! Every row drives the real release binary as a user would, beside the program that a user would pick instead,
//! in turns on the same bytes, and prints medians and ratios; absolute times on shared machines mean little. The
//! table goes to standard output and to `bench/RESULTS.md`, which the README quotes.
//!
//! What must hold: a peer never gets less favourable conditions than hourglass (its start-up is left out where
//! ours is counted in), inputs come from the client's seeded generator, and this process stays small, because a
//! child's peak memory is read from its own `VmHWM`.

mod cluster;
mod data;
mod day;
mod freshness;
mod hdfs;
mod history;
mod http;
mod ingest;
mod latency;
mod process;
mod query;
mod rebuild;
mod report;
mod send;
mod upload;
mod workshop;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use report::Report;
use std::path::PathBuf;
use workshop::Workshop;

/// One group of rows: what runs together because it shares data.
type Group = fn(&Workshop, &mut Report) -> Result<()>;

/// Every group, by the name given on the command line.
const GROUPS: [(&str, Group); 9] = [
    ("rebuild", rebuild::run),
    ("ingest", ingest::run),
    ("latency", latency::run),
    ("history", history::run),
    ("query", query::run),
    ("freshness", freshness::run),
    ("hdfs", hdfs::run),
    ("day", day::run),
    ("http", http::run),
];

#[derive(Parser)]
#[command(about = "hourglass beside its peers: every figure that the README shows")]
struct Arguments {
    /// Which groups to run: rebuild, ingest, latency, history, query, freshness, hdfs, day, http. All of them when none is named.
    groups: Vec<String>,
    /// Counted runs of each command; the table shows their median.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Divide the amount of data by this, for a quick look. Rows then say so.
    #[arg(long, default_value_t = 1)]
    scale: u64,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What the benchmark runs as processes of its own, so that its own memory and CPU time stay out of the figures.
#[derive(Subcommand)]
enum Part {
    /// Write generated messages to a file.
    #[command(hide = true)]
    Generate(data::Generate),
    /// Send files to a TCP address, one connection a file.
    #[command(hide = true)]
    Send(send::Send),
    /// Hold many idle connections open.
    #[command(hide = true)]
    Hold { address: String, connections: usize },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Generate(generate)) => return generate.run(),
        Some(Part::Send(send)) => return send.run(),
        Some(Part::Hold { address, connections }) => return send::hold(&address, connections),
        None => {}
    }
    if let Some(unknown) = arguments.groups.iter().find(|name| GROUPS.iter().all(|(known, _)| known != name)) {
        bail!("no group of benchmarks is called `{unknown}`; there are {}", GROUPS.map(|(name, _)| name).join(", "));
    }
    let workshop = Workshop::open(arguments.runs, arguments.scale)?;
    let mut report = Report::new(&workshop);
    for (name, group) in GROUPS {
        if arguments.groups.is_empty() || arguments.groups.iter().any(|wanted| wanted == name) {
            eprintln!("== {name}");
            group(&workshop, &mut report)?;
        }
    }
    print!("{report}");
    if arguments.groups.is_empty() && arguments.scale == 1 {
        report.write(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md"))?;
    }
    Ok(())
}
