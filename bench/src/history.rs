//! The hourly rebuild with a year of history against one with a day of it: 400 services, the same new hour.

use crate::data::{self, Generate, Layouts};
use crate::report::{Report, Row, median};
use crate::workshop::Workshop;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const SERVICES: u64 = 400;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// One row.
pub(crate) fn run(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let end = end(workshop.runs as u64)?;
    let year = stored(workshop, "year", end, 365)?;
    let day = stored(workshop, "day", end, 1)?;
    let (mut after_year, mut after_day) = (Vec::new(), Vec::new());
    for run in 0..=workshop.runs as u64 {
        let hour = new_hour(workshop, end + run * HOUR)?;
        let (long, short) = (rebuild(workshop, &year, &hour)?, rebuild(workshop, &day, &hour)?);
        if run > 0 {
            after_year.push(long);
            after_day.push(short);
        }
    }
    report.add(Row {
        work: "hourly rebuild, 365 days of history against 1 day, 400 services, the same new hour",
        must: "1.5x",
        aim: "1.1x",
        reached: format!("{:.2}x", median(&after_year) / median(&after_day)),
        figures: format!("{:.2} s; {:.2} s", median(&after_year), median(&after_day)),
    });
    Ok(())
}

/// Where history ends and the new hours begin, so that the last of them is just over: an hourly rebuild is one of the
/// current day. (In the first hours of a month it would be one of late data, which rewrites a whole month's files.)
fn end(runs: u64) -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(now - now % HOUR - (runs + 1) * HOUR)
}

/// A data folder with one message a service an hour for that many days, built.
fn stored(workshop: &Workshop, name: &str, end: u64, days: u64) -> Result<PathBuf> {
    let folder = workshop.fresh_folder(name)?;
    let series = Generate {
        layouts: Layouts::One,
        services: SERVICES,
        messages: SERVICES * 24 * days,
        start: end - days * DAY,
        seconds: days * DAY,
        stream: 1,
    };
    rebuild(workshop, &folder, &data::file(workshop, &series)?)?;
    Ok(folder)
}

/// An hour with one message a service a minute.
fn new_hour(workshop: &Workshop, start: u64) -> Result<PathBuf> {
    let messages = SERVICES * 60;
    data::file(
        workshop,
        &Generate { layouts: Layouts::One, services: SERVICES, messages, start, seconds: HOUR, stream: 2 },
    )
}

/// Imports a file and rebuilds; the seconds of the rebuild.
fn rebuild(workshop: &Workshop, folder: &Path, file: &Path) -> Result<f64> {
    workshop.measure(workshop.hourglass().args(["import", "--data"]).arg(folder).arg(file))?;
    Ok(workshop.measure(workshop.hourglass().args(["rebuild", "--data"]).arg(folder))?.seconds)
}
