//! From a line sent to its acknowledgement received, at a paced 50 000 messages a second: the client's own figures.

use crate::process::Server;
use crate::report::{Report, Row, median};
use crate::workshop::Workshop;
use anyhow::{Context, Result};

/// One row.
pub(crate) fn run(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let folder = workshop.fresh_folder("latency")?;
    let up = Server::start(workshop.hourglass().args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(&folder))?;
    let (mut middle, mut tail) = (Vec::new(), Vec::new());
    for _ in 0..workshop.runs {
        let load = workshop.measure(
            workshop
                .hourglass()
                .args([
                    "client",
                    "load",
                    "--ack",
                    "--rate",
                    "50000",
                    "--seconds",
                    "5",
                    "--connections",
                    "4",
                    "--connect",
                ])
                .arg(up.address()?),
        )?;
        middle.push(milliseconds(&load.output, "p50")?);
        tail.push(milliseconds(&load.output, "p99")?);
    }
    up.stop()?;
    report.add(Row {
        work: "acknowledgement latency at 50 000 messages/s, p99",
        must: "50 ms",
        aim: "10 ms",
        reached: format!("{:.1} ms", median(&tail)),
        figures: format!("p50 {:.1} ms", median(&middle)),
    });
    Ok(())
}

/// The number after `name` in what `client load` prints, e.g. `p99 4.2 ms`.
fn milliseconds(output: &str, name: &str) -> Result<f64> {
    let rest = output.split_once(name).map(|(_, rest)| rest).with_context(|| format!("no {name} in: {output}"))?;
    let number = rest.split_whitespace().next().context("a number")?;
    number.trim_end_matches("ms").parse().with_context(|| format!("`{number}` after {name}"))
}
