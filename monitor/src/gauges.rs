//! Gauges: what is known of a monitor anyway, looked up when Prometheus asks.
//!
//! In: what the status reads too. Out: counters and gauges of one moment. Costs the path of a message nothing.
//!
//! What must hold: each name is written once a scrape; a counter never goes down while the data folder stays.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use schema::Reject;
use storage::Disk;
use storage::layout::DataFolder;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::committer::Progress;
use crate::health::Blocked;
use crate::ingest::Ingest;
use crate::services::Services;
use crate::uploader::Uploaded;

/// Where they are looked up.
#[derive(Debug, Clone)]
pub(crate) struct Gauges {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: DataFolder,
    /// `disk.reserve`.
    pub(crate) reserve: u64,
    /// `clients.max`.
    pub(crate) clients_max: usize,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) services: Arc<Services>,
    pub(crate) connections: TaskTracker,
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) uploaded: watch::Receiver<Uploaded>,
    pub(crate) blocked: Blocked,
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.log(&mut encoder)?;
        self.intake(&mut encoder)?;
        self.store(&mut encoder)?;
        self.room(&mut encoder)
    }
}

impl Gauges {
    fn log(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let progress = *self.progress.borrow();
        counter(encoder, "committed_messages", "Messages ever accepted, durable.", progress.messages)?;
        self.rejected(encoder, &progress)?;
        gauge(encoder, "generation", "The open generation.", progress.generation.get())?;
        gauge(encoder, "generation_rows", "Rows that the open generation's view will have, at least.", progress.rows)?;
        gauge(encoder, "services", "Services ever seen.", self.services.len() as u64)
    }

    fn rejected(&self, encoder: &mut DescriptorEncoder<'_>, progress: &Progress) -> fmt::Result {
        let (name, help) = (name("rejected"), "Items ever rejected, by reason.");
        let mut family = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
        for reason in Reject::ALL {
            let labels = [("reason", reason.as_str())];
            ConstCounter::new(progress.rejected.get(reason)).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn intake(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help =
            "Whether nothing is taken in, by reason: disk (no room), store (it holds more than was committed here).";
        let name = name("intake_blocked");
        let mut family = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
        for (cause, reason) in self.blocked.reasons() {
            ConstGauge::new(u64::from(reason.is_some())).encode(family.encode_family(&[("reason", cause)])?)?;
        }
        gauge(encoder, "connections_open", "Connections open.", self.connections.len() as u64)?;
        let held = self.ingest.budget.taken() as u64;
        gauge(encoder, "held_bytes", "Bytes that connections hold of listen.bytes.", held)?;
        let (items, bytes) = self.ingest.buffer.waiting();
        gauge(encoder, "buffer_messages", "Messages and rejected items that wait for the next commit.", items)?;
        gauge(encoder, "buffer_bytes", "Bytes that wait for the next commit.", bytes as u64)?;
        gauge(encoder, "clients", "Acknowledged clients remembered.", self.ingest.buffer.clients() as u64)?;
        gauge(encoder, "clients_max", "Clients that can be remembered, clients.max.", self.clients_max as u64)
    }

    fn store(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let uploaded = self.uploaded.borrow().clone();
        let help = "Committed bytes that the store lacked after the last upload round.";
        gauge(encoder, "upload_lag_bytes", help, uploaded.lag)?;
        let now = self.ingest.clock.now();
        let behind = uploaded.behind_since.map_or(0, |since| now.get().saturating_sub(since.get()).max(0));
        let help = "How long the store has lacked committed bytes; 0 where it lacks none.";
        seconds(encoder, "upload_behind_seconds", help, behind as f64 / 1e6)
    }

    fn room(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        // A disk that does not tell leaves them out.
        let Ok(free) = self.disk.free_space(self.folder.path()) else { return Ok(()) };
        gauge(encoder, "disk_free_bytes", "Bytes free where the data folder is.", free)?;
        let room = free.saturating_sub(self.reserve);
        gauge(encoder, "disk_room_bytes", "Bytes by which the log may grow before reading stops.", room)
    }
}

fn name(of: &str) -> String {
    format!("hourglass_monitor_{of}")
}

fn counter(encoder: &mut DescriptorEncoder<'_>, of: &str, help: &str, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(encoder.encode_descriptor(&name(of), help, None, MetricType::Counter)?)
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, of: &str, help: &str, value: u64) -> fmt::Result {
    ConstGauge::new(value).encode(encoder.encode_descriptor(&name(of), help, None, MetricType::Gauge)?)
}

fn seconds(encoder: &mut DescriptorEncoder<'_>, of: &str, help: &str, value: f64) -> fmt::Result {
    ConstGauge::new(value).encode(encoder.encode_descriptor(&name(of), help, None, MetricType::Gauge)?)
}
