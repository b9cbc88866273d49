//! What a day of 400 services puts into the store beside the raw messages: computed from the lengths of the files that a
//! day's hours leave, not timed.
//!
//! The batch half: 24 hours are imported one by one, each followed by a rebuild, which writes what an hourly rebuild of
//! a monitor's hour writes: a view file a service, the day's page, a manifest; and a cut an hour. The realtime half: one
//! hour is sent to a monitor in 120 parts. After each the monitor is stopped, which uploads, refreshes and publishes once,
//! as every 30 s would, and started again: what it then sends follows from the store alone. Every file counts that was
//! ever written, superseded or not; what is left out is the empty view an hour that leads to the cut, 2 KB.
//! A view's length hardly depends on how many messages its rows stand for, so other rates are reckoned from the same
//! files.

use crate::data::{self, Generate, Layouts};
use crate::process::Server;
use crate::report::{Report, Row};
use crate::workshop::Workshop;
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const SERVICES: u64 = 400;
const HOUR: u64 = 3600;
const HOURS: u64 = 24;
/// Seconds between two messages of a service in the files.
const EVERY: u64 = 10;
/// `refresh.every`, in seconds.
const REFRESH: u64 = 30;

/// One row.
pub(crate) fn run(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let midnight = now - now % (HOURS * HOUR) - HOURS * HOUR;
    let mut raw = 0;
    let folder = workshop.fresh_folder("day")?;
    let mut files = BTreeMap::new();
    for hour in 0..HOURS {
        raw += hour_of_batch(workshop, &folder, midnight + hour * HOUR)?;
        lengths(&folder.join("store/views"), &mut files)?;
        lengths(&folder.join("store/cuts"), &mut files)?;
    }
    let is_view = |path: &Path| path.starts_with(folder.join("store/views/batch"));
    let sum = |views: bool| files.iter().filter(|(path, _)| is_view(path) == views).map(|(_, length)| length).sum();
    let (batch, named): (u64, u64) = (sum(true), sum(false));
    let realtime = HOURS * hour_of_realtime(workshop, midnight)?;
    let share = |messages: f64| (batch + named + realtime) as f64 / (raw as f64 * messages * EVERY as f64);
    report.add(Row {
        work: "view, cut and manifest bytes over raw bytes, a day of 400 services, one message each 10 s",
        must: "0.3",
        aim: "0.1",
        reached: format!("{:.2}", share(0.1)),
        figures: format!(
            "at 1 a second {:.2}, at 10 {:.3}; at any rate {:.0} MB of batch views a day, {:.0} MB of \
             realtime views, {:.1} MB of pages, manifests and cuts",
            share(1.0),
            share(10.0),
            batch as f64 / 1e6,
            realtime as f64 / 1e6,
            named as f64 / 1e6
        ),
    });
    Ok(())
}

/// Imports an hour and rebuilds; the hour's raw bytes.
fn hour_of_batch(workshop: &Workshop, folder: &Path, start: u64) -> Result<u64> {
    let file = messages(workshop, start, HOUR)?;
    let raw = std::fs::metadata(&file)?.len();
    workshop.measure(workshop.hourglass().args(["import", "--data"]).arg(folder).arg(&file))?;
    workshop.measure(workshop.hourglass().args(["rebuild", "--data"]).arg(folder))?;
    std::fs::remove_file(file)?;
    Ok(raw)
}

/// The bytes of an hour's realtime views, as they went to the store.
fn hour_of_realtime(workshop: &Workshop, start: u64) -> Result<u64> {
    let folder = workshop.fresh_folder("day-realtime")?;
    let mut files = BTreeMap::new();
    for part in 0..HOUR / REFRESH {
        let mut monitor = workshop.hourglass();
        // No tick falls into it, and no refresh before it ends. Into a folder beside it an open file is linked once it is
        // closed, unless the store is acknowledged.
        monitor.args(["monitor", "--listen", "127.0.0.1:0", "--schedule", "0 0 1 1 *", "--refresh-every", "1d"]);
        monitor.args(["--ack-after", "store"]);
        let monitor = Server::start(monitor.arg("--data").arg(&folder))?;
        let file = messages(workshop, start + part * REFRESH, REFRESH)?;
        workshop.measure(workshop.part("send").arg("--ack").arg(monitor.address()?).arg(&file))?;
        std::fs::remove_file(file)?;
        monitor.stop()?;
        lengths(&folder.join("store/views/realtime"), &mut files)?;
        ensure!(
            files.len() as u64 == part + 1,
            "{} realtime views in the store after {} refreshes",
            files.len(),
            part + 1
        );
    }
    Ok(files.values().sum())
}

/// A file of messages, one a service each `EVERY` seconds.
fn messages(workshop: &Workshop, start: u64, seconds: u64) -> Result<PathBuf> {
    let messages = SERVICES * seconds / EVERY;
    data::file(workshop, &Generate { layouts: Layouts::One, services: SERVICES, messages, start, seconds, stream: 4 })
}

/// Notes every file below a folder with its greatest length: old manifests shrink. Files may come and go meanwhile.
fn lengths(folder: &Path, files: &mut BTreeMap<PathBuf, u64>) -> Result<()> {
    for entry in crate::freshness::entries(folder)? {
        if entry.is_dir() {
            lengths(&entry, files)?;
        } else if let Ok(metadata) = std::fs::metadata(&entry) {
            let known = files.entry(entry).or_default();
            *known = (*known).max(metadata.len());
        }
    }
    Ok(())
}
