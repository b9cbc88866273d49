//! This machine's own health, measured.
//!
//! In: a service name and an interval. Out: one message an interval: CPU as the share in use of all cores since the
//! message before, RAM and disk as total and available GiB with four decimals. Must hold: measured, never made up;
//! a lost connection is made again, and what was measured meanwhile is not sent late.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schema::{Micros, ServiceName};
use sysinfo::{Disk, Disks, System};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::clock::Now;
use crate::error::ClientError;
use crate::progress::Progress;
use crate::sink::Plain;

/// Measures this machine.
#[derive(Debug)]
pub struct Sampler {
    system: System,
    disks: Disks,
    /// Which of the disks.
    disk: usize,
}

impl Sampler {
    /// A sampler for this machine and the disk that holds `folder`. CPU is measured from now on.
    ///
    /// # Errors
    /// [`ClientError::Sample`] where the system does not tell.
    pub fn new(folder: &Path) -> Result<Self, ClientError> {
        let failed = |what, error: &dyn std::fmt::Display| ClientError::Sample { what, reason: error.to_string() };
        let mut system = System::new().map_err(|error| failed("cpu and ram", &error))?;
        system.refresh_cpu_usage();
        let disks = Disks::new_with_refreshed_list().map_err(|error| failed("disks", &error))?;
        let folder = folder.canonicalize().map_err(|error| failed("disks", &error))?;
        let holds = |disk: &Disk| folder.starts_with(disk.mount_point()) && disk.total_space() > 0;
        let depth = |disk: &Disk| disk.mount_point().components().count();
        let held = disks.iter().enumerate().filter(|(_, disk)| holds(disk)).max_by_key(|(_, disk)| depth(disk));
        // In some containers no disk is mounted where we are: the largest is the best answer there is.
        let disk = held.or_else(|| disks.iter().enumerate().max_by_key(|(_, disk)| disk.total_space()));
        let disk = disk.ok_or_else(|| failed("disks", &"none is mounted"))?.0;
        Ok(Self { system, disks, disk })
    }

    /// Measures, and appends the message with its `\n` to `out`.
    pub fn sample(&mut self, service: &ServiceName, now: Micros, out: &mut Vec<u8>) {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let disk = &mut self.disks[self.disk];
        disk.refresh();
        let cpu = f64::from(self.system.global_cpu_usage() / 100.0).clamp(0.0, 1.0);
        let ram = capacity(self.system.total_memory(), self.system.available_memory());
        let disk = capacity(disk.total_space(), disk.available_space());
        let (service, millis) = (serde_json::Value::from(service.as_str()), now.get() / 1000);
        let line =
            format!(r#"{{"serviceName":{service},"Timestamp":{millis},"CPU":{cpu:.4},"RAM":{ram},"Disk":{disk}}}"#);
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

/// `{"Total":…,"Free":…}` of bytes, in GiB.
fn capacity(total: u64, free: u64) -> String {
    let gib = |bytes: u64| {
        let parts = (u128::from(bytes) * 10_000) >> 30;
        format!("{}.{:04}", parts / 10_000, parts % 10_000)
    };
    format!(r#"{{"Total":{},"Free":{}}}"#, gib(total), gib(free.min(total)))
}

/// Where to send samples, as whom, and how often.
#[derive(Clone)]
pub struct SampleOptions {
    /// `host:port`.
    pub peer: String,
    /// The name to report under.
    pub service: ServiceName,
    /// How often; the first sample follows one interval after the start.
    pub interval: Duration,
    /// Stamps the samples.
    pub now: Now,
    /// Is raised while it runs.
    pub progress: Arc<Progress>,
}

/// Sends this machine's samples until `token` ends it.
///
/// # Errors
/// [`ClientError::Connect`] if the first connection fails; [`ClientError::Sample`] as [`Sampler::new`].
pub async fn sample(options: SampleOptions, token: CancellationToken) -> Result<(), ClientError> {
    let mut sampler = Sampler::new(Path::new("."))?;
    let mut plain = Some(Plain::open(&options.peer).await?);
    let mut ticks = interval_at(Instant::now() + options.interval, options.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = token.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let mut line = Vec::new();
        sampler.sample(&options.service, (options.now)(), &mut line);
        let sent = tokio::select! {
            () = token.cancelled() => break,
            sent = deliver(&mut plain, &options.peer, line) => sent,
        };
        match sent {
            Ok(()) => options.progress.add_sent(1),
            Err(error) => {
                tracing::warn!(%error, "sample lost");
                plain = None;
            }
        }
    }
    match plain {
        Some(mut plain) => plain.finish().await,
        None => Ok(()),
    }
}

/// Sends a line on the connection, which is made again if there is none.
async fn deliver(plain: &mut Option<Plain>, peer: &str, line: Vec<u8>) -> Result<(), ClientError> {
    let open = match plain {
        Some(open) => open,
        None => plain.insert(Plain::open(peer).await?),
    };
    open.send(line).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacities_are_gib_with_four_decimals() {
        assert_eq!(capacity(16 << 30, 1 << 29), r#"{"Total":16.0000,"Free":0.5000}"#);
        assert_eq!(capacity(1 << 20, u64::MAX), r#"{"Total":0.0009,"Free":0.0009}"#);
    }
}
