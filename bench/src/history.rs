//! The hourly rebuild with a year of history against one with a day of it: 400 services, the same new hour.

use crate::data::{self, Generate, Layouts, SERIES_END};
use crate::report::{Report, Row, median};
use crate::workshop::Workshop;
use anyhow::Result;
use std::path::{Path, PathBuf};

const SERVICES: u64 = 400;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// One row.
pub(crate) fn run(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let year = stored(workshop, "year", 365)?;
    let day = stored(workshop, "day", 1)?;
    let (mut after_year, mut after_day) = (Vec::new(), Vec::new());
    for run in 0..=workshop.runs as u64 {
        let hour = new_hour(workshop, run)?;
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

/// A data folder with one message a service an hour for that many days, built.
fn stored(workshop: &Workshop, name: &str, days: u64) -> Result<PathBuf> {
    let folder = workshop.fresh_folder(name)?;
    let series = Generate {
        layouts: Layouts::One,
        services: SERVICES,
        messages: SERVICES * 24 * days,
        start: SERIES_END - days * DAY,
        seconds: days * DAY,
        stream: 1,
    };
    rebuild(workshop, &folder, &data::file(workshop, &series)?)?;
    Ok(folder)
}

/// An hour after the series, one message a service a minute.
fn new_hour(workshop: &Workshop, number: u64) -> Result<PathBuf> {
    let messages = SERVICES * 60;
    data::file(
        workshop,
        &Generate {
            layouts: Layouts::One,
            services: SERVICES,
            messages,
            start: SERIES_END + number * HOUR,
            seconds: HOUR,
            stream: 2,
        },
    )
}

/// Imports a file and rebuilds; the seconds of the rebuild.
fn rebuild(workshop: &Workshop, folder: &Path, file: &Path) -> Result<f64> {
    workshop.measure(workshop.hourglass().args(["import", "--data"]).arg(folder).arg(file))?;
    Ok(workshop.measure(workshop.hourglass().args(["rebuild", "--data"]).arg(folder))?.seconds)
}
