//! This machine's own health, measured.
//!
//! In: a service name and an interval. Out: one message an interval: CPU as the share in use of all cores since the
//! message before, RAM and disk as total and available GiB with four decimals. Must hold: measured, never made up;
//! a lost connection is made again, and what was measured meanwhile is not sent late.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schema::{ClientId, Micros, ServiceName};
use sysinfo::{Disk, Disks, System};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::clock::Now;
use crate::error::ClientError;
use crate::progress::Progress;
use crate::session::Credentials;
use crate::sink::{Shared, Sink, log_events};

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
    /// What the monitor is shown; with a token the samples are acknowledged, as a random client's.
    pub credentials: Credentials,
}

/// Sends this machine's samples until `token` ends it.
///
/// # Errors
/// [`ClientError::Connect`], [`ClientError::Tls`] and [`ClientError::Refused`] if the first connection fails;
/// [`ClientError::Sample`] as [`Sampler::new`].
pub async fn sample(options: SampleOptions, token: CancellationToken) -> Result<(), ClientError> {
    let mut sampler = Sampler::new(Path::new("."))?;
    let mut sink = Some(open(&options).await?);
    let mut ticks = interval_at(Instant::now() + options.interval, options.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while let Some(delivered) = token.run_until_cancelled(deliver(&mut sink, &options, &mut ticks, &mut sampler)).await
    {
        match delivered {
            Ok(()) => options.progress.add_sent(1),
            Err(error) => {
                tracing::warn!(%error, "sample lost");
                sink = None;
            }
        }
    }
    match sink {
        Some(mut sink) => sink.finish().await.map(drop),
        None => Ok(()),
    }
}

/// A connection; a session of its own where a token is to be shown, which goes in its hello.
async fn open(options: &SampleOptions) -> Result<Sink, ClientError> {
    let shared = Shared {
        peer: options.peer.clone(),
        progress: Arc::clone(&options.progress),
        on_event: log_events(),
        credentials: options.credentials.clone(),
    };
    let client = options.credentials.token.as_ref().map(|_| {
        let id = format!("sample-{:016x}", rand::random::<u64>());
        ClientId::new(&id).map_err(|_| ClientError::option("client", id, "at most 128 printable bytes"))
    });
    Sink::open(&shared, client.transpose()?).await
}

/// Measures and sends when it is time; a lost connection is made again first.
async fn deliver(
    sink: &mut Option<Sink>,
    options: &SampleOptions,
    ticks: &mut Interval,
    sampler: &mut Sampler,
) -> Result<(), ClientError> {
    let open = match sink {
        Some(open) => open,
        None => match open(options).await {
            Ok(open) => sink.insert(open),
            Err(error) => {
                // What cannot connect does not try more often than it samples.
                ticks.tick().await;
                return Err(error);
            }
        },
    };
    loop {
        open.connected().await?;
        tokio::select! {
            _ = ticks.tick() => break,
            lost = open.lost() => lost?,
        }
    }
    let mut line = Vec::new();
    sampler.sample(&options.service, (options.now)(), &mut line);
    open.send(line, Instant::now()).await
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
