//! Queries as whole processes: one day out of a stored year; the last hour while half a million messages a second
//! come in.

use crate::data::{self, Generate, Layouts, SERIES_END};
use crate::process::Server;
use crate::report::{Report, Row, median, quantile};
use crate::workshop::Workshop;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Stdio;

const DAY: u64 = 24 * 3600;

/// Two rows.
pub(crate) fn run(workshop: &Workshop, report: &mut Report) -> Result<()> {
    one_day_of_a_year(workshop, report)?;
    last_hour_under_load(workshop, report)
}

/// A data folder with a year of four services, two messages of each a minute; and how many days that is.
pub(crate) fn stored_year(workshop: &Workshop, name: &str) -> Result<(PathBuf, u64)> {
    let days = 365 / workshop.scale.min(36);
    let folder = workshop.fresh_folder(name)?;
    let series = Generate {
        layouts: Layouts::One,
        services: 4,
        messages: 8 * 1440 * days,
        start: SERIES_END - days * DAY,
        seconds: days * DAY,
        stream: 3,
    };
    workshop
        .measure(workshop.hourglass().args(["import", "--data"]).arg(&folder).arg(data::file(workshop, &series)?))?;
    workshop.measure(workshop.hourglass().args(["rebuild", "--data"]).arg(&folder))?;
    Ok((folder, days))
}

fn one_day_of_a_year(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let (folder, days) = stored_year(workshop, "query-year")?;
    let from = data::rfc3339(SERIES_END - days / 2 * DAY)?;
    let to = data::rfc3339(SERIES_END - (days / 2 - 1) * DAY)?;
    let seconds = queries(workshop, &folder, &["--from", &from, "--to", &to, "--every", "1m"], 1000)?;
    report.add(Row {
        work: "query of one service, one day, every minute, 365 days stored, whole process",
        must: "50 ms",
        aim: "15 ms",
        reached: format!("{:.1} ms", median(&seconds) * 1e3),
        figures: format!("p99 {:.1} ms of {}", quantile(&seconds, 0.99) * 1e3, seconds.len()),
    });
    Ok(())
}

fn last_hour_under_load(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let folder = workshop.fresh_folder("query-load")?;
    let up = Server::start(workshop.hourglass().args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(&folder))?;
    let mut load = workshop.hourglass();
    load.args(["client", "load", "--rate", "500000", "--seconds", "120", "--connections", "4", "--service"]).args([
        data::services().as_str(),
        "--connect",
        up.address()?,
    ]);
    let mut load = load.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    std::thread::sleep(std::time::Duration::from_secs(10)); // so that refreshes have begun
    let mut seconds = Vec::new();
    while load.try_wait()?.is_none() && seconds.len() < 400 {
        seconds.extend(queries(workshop, &folder, &["--from", "-1h", "--every", "1m"], 2)?);
    }
    load.kill()?;
    load.wait()?;
    up.stop()?;
    report.add(Row {
        work: "query of one service, last hour, whole process, while ingesting 500 000/s with default refresh, p99",
        must: "200 ms",
        aim: "50 ms",
        reached: format!("{:.0} ms", quantile(&seconds, 0.99) * 1e3),
        figures: format!("median {:.0} ms of {}", median(&seconds) * 1e3, seconds.len()),
    });
    Ok(())
}

/// Twenty queries in CSV, each with at least that many lines; their seconds.
fn queries(workshop: &Workshop, folder: &Path, range: &[&str], lines: usize) -> Result<Vec<f64>> {
    (0..20)
        .map(|_| {
            let query = workshop.measure(
                workshop
                    .hourglass()
                    .args(["query", "--service", data::FIRST_SERVICE, "--format", "csv", "--data"])
                    .arg(folder)
                    .args(range),
            )?;
            ensure!(query.output.lines().count() >= lines, "too few rows: {}", query.output);
            Ok(query.seconds)
        })
        .collect()
}
