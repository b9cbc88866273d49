//! From durable to visible in the Parquet realtime view, at 500 000 messages a second with `refresh.every = 1s`.
//!
//! A watcher notes the length of the day log every few milliseconds (the moment its bytes are written is at most
//! one commit before they are durable, so this overstates the delay) and the position in the name of the newest
//! local realtime view. Each noted stretch of log becomes visible when a view's `to` has passed it.

use crate::process::Server;
use crate::report::{Report, Row, quantile};
use crate::workshop::Workshop;
use anyhow::{Context, Result, ensure};
use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// One row.
pub(crate) fn run(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let folder = workshop.fresh_folder("freshness")?;
    let mut up = workshop.hourglass();
    up.env("HOURGLASS_REFRESH_EVERY", "1s").args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(&folder);
    let up = Server::start(&mut up)?;
    let mut load = workshop.hourglass();
    load.args(["client", "load", "--rate", "500000", "--seconds", "30", "--connections", "4", "--connect"])
        .arg(up.address()?);
    let mut load = load.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut delays = Vec::new();
    let mut waiting: VecDeque<(Instant, Position)> = VecDeque::new();
    while load.try_wait()?.is_none() {
        if let Some(written) = written(&folder)? {
            waiting.push_back((Instant::now(), written));
        }
        let visible = visible(&folder)?;
        while waiting.front().is_some_and(|(_, position)| *position <= visible) {
            delays.extend(waiting.pop_front().map(|(since, _)| since.elapsed().as_secs_f64()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    up.stop()?;
    ensure!(!delays.is_empty(), "no realtime view appeared");
    report.add(Row {
        work: "refresh 1 s: durable to visible in the Parquet realtime view at 500 000 messages/s, p99",
        must: "3 s",
        aim: "1.5 s",
        reached: format!("{:.2} s", quantile(&delays, 0.99)),
        figures: format!("median {:.2} s", quantile(&delays, 0.5)),
    });
    Ok(())
}

/// Sequence number of the day log's file, offset in it.
type Position = (u64, u64);

/// How far the newest day log has been written.
pub(crate) fn written(folder: &Path) -> Result<Option<Position>> {
    let mut newest = None;
    for day in entries(&folder.join("log"))? {
        for file in entries(&day)? {
            let name = file.file_stem().context("a log file's name")?.to_string_lossy().into_owned();
            let seq = name.rsplit('-').next().context("a sequence number")?.parse()?;
            newest = newest.max(std::fs::metadata(&file).ok().map(|metadata| (seq, metadata.len())));
        }
    }
    Ok(newest)
}

/// The greatest `to` among the local realtime views.
fn visible(folder: &Path) -> Result<Position> {
    let mut newest = (0, 0);
    for view in entries(&folder.join("realtime"))? {
        let Some(name) = view.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        let Some(to) = name.strip_suffix(".parquet").and_then(|name| name.rsplit('-').next()) else { continue };
        let Some((seq, offset)) = to.split_once('.') else { continue };
        newest = newest.max((seq.parse()?, offset.parse()?));
    }
    Ok(newest)
}

pub(crate) fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
