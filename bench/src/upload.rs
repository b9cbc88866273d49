//! One monitor at a paced 100 000 messages a second, with a store in HDFS: its CPU time, and how far the store is behind.
//!
//! A watcher notes the length of the day log every few milliseconds (the moment its bytes are written is at most one
//! commit before they are durable) and the position that `status.json`, written each second, says is in the store. Each
//! noted stretch of log is there when that position has passed it, so the lag is overstated by up to a second.

use crate::process::Server;
use crate::workshop::Workshop;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Messages a second.
const RATE: u64 = 100_000;
/// How long the store may take to catch up after the load.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the store is kept up to date.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uploading {
    /// As by default.
    On,
    /// The same monitor and store, but nothing is due before the load has ended.
    Off,
}

/// How a run went.
pub(crate) struct Paced {
    /// User and system time of the monitor a message, microseconds.
    pub(crate) cpu_micros: f64,
    /// Seconds from written to in the store.
    pub(crate) lags: Vec<f64>,
    /// The monitor's `VmHWM`.
    pub(crate) peak_bytes: u64,
}

/// What `status.json` says, as far as it is wanted here.
pub(crate) struct Status {
    messages: u64,
    durable: Position,
    /// Up to where the log is in the store.
    pub(crate) uploaded: Position,
}

/// Sequence number of a day log's file, offset in it.
pub(crate) type Position = (u64, u64);

/// Runs the load once.
pub(crate) fn paced(workshop: &Workshop, store: &str, uploading: Uploading) -> Result<Paced> {
    let folder = workshop.fresh_folder("upload")?;
    let mut monitor = workshop.hourglass();
    monitor.args(["monitor", "--listen", "127.0.0.1:0", "--store", store, "--data"]).arg(&folder);
    if uploading == Uploading::Off {
        monitor.args(["--upload-every", "1d", "--upload-bytes", "1GiB"]);
    }
    let monitor = Server::start(&mut monitor)?;
    let seconds = (30 / workshop.scale).max(5);
    let mut load = workshop.hourglass();
    load.args(["client", "load", "--connections", "4", "--rate", &RATE.to_string()]).args([
        "--seconds",
        &seconds.to_string(),
        "--connect",
        monitor.address()?,
    ]);
    let mut load = load.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut watch = Watch::default();
    while load.try_wait()?.is_none() {
        watch.look(&folder)?;
        std::thread::sleep(Duration::from_millis(5));
    }
    let (before, deadline) = (cpu_micros(monitor.pid())?, Instant::now() + PATIENCE);
    // What is still to be uploaded is part of the work, where uploading is on.
    let status = loop {
        let status = watch.look(&folder)?;
        let sent = status.messages >= seconds * RATE * 9 / 10;
        if sent && (uploading == Uploading::Off || status.uploaded == status.durable) {
            break status;
        }
        ensure!(Instant::now() < deadline, "the store did not catch up: {:?} of {:?}", status.uploaded, status.durable);
        std::thread::sleep(Duration::from_millis(5));
    };
    let spent = match uploading {
        Uploading::On => cpu_micros(monitor.pid())?,
        Uploading::Off => before,
    };
    // Killed, not stopped: it would upload all it has.
    Ok(Paced { cpu_micros: spent / status.messages as f64, lags: watch.lags, peak_bytes: monitor.peak_bytes()? })
}

/// What has been written and is not in the store yet.
#[derive(Default)]
struct Watch {
    waiting: VecDeque<(Instant, Position)>,
    lags: Vec<f64>,
}

impl Watch {
    fn look(&mut self, folder: &Path) -> Result<Status> {
        let written = crate::freshness::written(folder)?;
        if let Some(written) = written.filter(|written| self.waiting.back().is_none_or(|(_, last)| last < written)) {
            self.waiting.push_back((Instant::now(), written));
        }
        let status = status(folder)?;
        while self.waiting.front().is_some_and(|(_, position)| *position <= status.uploaded) {
            self.lags.extend(self.waiting.pop_front().map(|(since, _)| since.elapsed().as_secs_f64()));
        }
        Ok(status)
    }
}

/// Reads a data folder's `status.json`.
pub(crate) fn status(folder: &Path) -> Result<Status> {
    let path = folder.join("status.json");
    let deadline = Instant::now() + PATIENCE;
    let status: Value = loop {
        match std::fs::read(&path).map_err(anyhow::Error::from).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?)) {
            Ok(status) => break status,
            Err(why) if Instant::now() > deadline => return Err(why.context(path.display().to_string())),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let position = |name: &str| {
        let (seq, offset) = status[name].as_str()?.split_once(':')?;
        Some((seq.parse().ok()?, offset.parse().ok()?))
    };
    match (status["messages"].as_u64(), position("durable"), position("uploaded")) {
        (Some(messages), Some(durable), Some(uploaded)) => Ok(Status { messages, durable, uploaded }),
        _ => bail!("unexpected in {}: {status}", path.display()),
    }
}

/// User and system time of a process so far, all its threads together.
fn cpu_micros(pid: u32) -> Result<f64> {
    /// The kernel tells it in hundredths of a second, on every architecture that Linux has.
    const TICK: f64 = 10_000.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the monitor is gone")?;
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).context("fields in stat")?;
    // utime and stime are fields 14 and 15; the name in brackets is the second.
    let times = fields.skip(11).take(2).map(|ticks| Ok(ticks.parse::<f64>()?)).sum::<Result<f64>>()?;
    Ok(times * TICK)
}
