//! What a day of 400 services puts into the store beside the raw messages: computed from the lengths of the files that a
//! day's hours leave, not timed.
//!
//! The batch half: 24 hours are imported one by one, each followed by a rebuild, which writes what an hourly rebuild of
//! a monitor's hour writes: a view file a service, the day's page, a manifest; and a cut an hour. The realtime half: one
//! hour is sent to a monitor in 120 parts, and after each the view that a refresh every 30 s would publish is awaited.
//! A view's length hardly depends on how many messages its rows stand for, so other rates are reckoned from the same
//! files.

use crate::data::{self, Generate, Layouts};
use crate::process::Server;
use crate::report::{Report, Row};
use crate::workshop::Workshop;
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SERVICES: u64 = 400;
const HOUR: u64 = 3600;
const HOURS: u64 = 24;
/// Seconds between two messages of a service in the files.
const EVERY: u64 = 10;
/// `refresh.every`, in seconds.
const REFRESH: u64 = 30;
/// How long a refresh may take.
const PATIENCE: Duration = Duration::from_secs(30);

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
    let batch: u64 = files.values().sum();
    let realtime = HOURS * hour_of_realtime(workshop, midnight)?;
    let share = |bytes: u64, messages: f64| bytes as f64 / (raw as f64 * messages * EVERY as f64);
    report.add(Row {
        work: "view, cut and manifest bytes over raw bytes, a day of 400 services, one message each 10 s",
        must: "0.3",
        aim: "0.1",
        reached: format!("{:.2}", share(batch + realtime, 0.1)),
        figures: format!(
            "at 1 a second {:.2}, at 10 {:.3}; at any rate {:.0} MB of batch and {:.0} MB of realtime views a day",
            share(batch + realtime, 1.0),
            share(batch + realtime, 10.0),
            batch as f64 / 1e6,
            realtime as f64 / 1e6
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

/// The bytes of an hour's realtime views.
fn hour_of_realtime(workshop: &Workshop, start: u64) -> Result<u64> {
    let folder = workshop.fresh_folder("day-realtime")?;
    let mut monitor = workshop.hourglass();
    // No tick falls into it.
    monitor.args(["monitor", "--listen", "127.0.0.1:0", "--schedule", "0 0 1 1 *", "--refresh-every", "100ms"]);
    let monitor = Server::start(monitor.arg("--data").arg(&folder))?;
    let mut files = BTreeMap::new();
    let mut published = 0;
    for part in 0..HOUR / REFRESH {
        let file = messages(workshop, start + part * REFRESH, REFRESH)?;
        workshop.measure(workshop.part("send").arg("--ack").arg(monitor.address()?).arg(&file))?;
        std::fs::remove_file(file)?;
        // Of those written meanwhile the last is the one that a refresh now would write.
        published += newest_view(&folder, &mut files)?;
    }
    monitor.stop()?;
    Ok(published)
}

/// Waits for the view that covers the whole log; its length.
fn newest_view(folder: &Path, files: &mut BTreeMap<PathBuf, u64>) -> Result<u64> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let written = crate::freshness::written(folder)?.unwrap_or_default();
        files.clear();
        lengths(&folder.join("realtime"), files)?;
        let end = format!("-{:010}.{:012}.parquet", written.0, written.1);
        if let Some((_, length)) = files.iter().find(|(path, _)| path.to_string_lossy().ends_with(&end)) {
            return Ok(*length);
        }
        ensure!(Instant::now() < deadline, "no realtime view {end} appeared");
        std::thread::sleep(Duration::from_millis(5));
    }
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
