//! Instruments: what a monitor counts and times, for Prometheus.
//!
//! They come in as an argument ([`World`](crate::World)), so whoever starts a monitor holds them too. What is known
//! anyway, such as how far log and store are, is no instrument: it is looked up at a scrape (`gauges.rs`).
//!
//! What must hold: none is touched once a message; at most once a read, a chunk or a commit.

use std::time::{Duration, Instant};

use log::Batch;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::uploader::Uploader;

/// What one monitor counts and times. Clones share their values.
#[derive(Debug, Clone)]
pub struct Instruments {
    pub(crate) connections: Counter,
    pub(crate) connections_refused: Counter,
    pub(crate) received_bytes: Counter,
    pub(crate) received_messages: Counter,
    pub(crate) commit_seconds: Histogram,
    pub(crate) sync_seconds: Histogram,
    pub(crate) rotations: Counter,
    commit_messages: Histogram,
    committed_bytes: Counter,
    ack_seconds: Histogram,
    upload_seconds: Histogram,
    upload_failures: Counter,
    cuts_published: Counter,
    cuts_waiting: Gauge,
}

impl Default for Instruments {
    fn default() -> Self {
        // From a fast disk's 50 us to a stuck one's 26 s.
        let seconds = || Histogram::new(exponential_buckets(50e-6, 2.0, 20));
        Self {
            connections: Counter::default(),
            connections_refused: Counter::default(),
            received_bytes: Counter::default(),
            received_messages: Counter::default(),
            commit_seconds: seconds(),
            sync_seconds: seconds(),
            rotations: Counter::default(),
            commit_messages: Histogram::new(exponential_buckets(1.0, 4.0, 10)),
            committed_bytes: Counter::default(),
            ack_seconds: seconds(),
            upload_seconds: Histogram::new(exponential_buckets(1e-3, 2.0, 17)),
            upload_failures: Counter::default(),
            cuts_published: Counter::default(),
            cuts_waiting: Gauge::default(),
        }
    }
}

impl Instruments {
    /// A batch is durable.
    pub(crate) fn committed(&self, batch: &Batch) {
        self.commit_messages.observe(batch.messages as f64);
        self.committed_bytes.inc_by(batch.log.len() as u64);
    }

    /// Acks went out; the oldest line they cover came at `since`.
    pub(crate) fn released(&self, since: Option<Instant>) {
        if let Some(since) = since {
            self.ack_seconds.observe(since.elapsed().as_secs_f64());
        }
    }

    /// A round of the uploader ended, well or not.
    pub(crate) fn upload_round(&self, took: Duration, well: bool, uploader: &Uploader) {
        self.upload_seconds.observe(took.as_secs_f64());
        if !well {
            self.upload_failures.inc();
        }
        self.cuts_published.inc_by(uploader.cuts_published().saturating_sub(self.cuts_published.get()));
        self.cuts_waiting.set(i64::try_from(uploader.cuts_waiting()).unwrap_or(i64::MAX));
    }

    /// Names them; a counter's name gets its `_total`, and a help its full stop, when they are written.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let monitor = registry.sub_registry_with_prefix("hourglass_monitor");
        let mut counter = |name, help, counter: &Counter| monitor.register(name, help, counter.clone());
        counter("connections", "Connections admitted", &self.connections);
        counter(
            "connections_refused",
            "Connections refused because listen.connections were open",
            &self.connections_refused,
        );
        counter(
            "received_bytes",
            "Bytes read of messages, from connections and from what is posted",
            &self.received_bytes,
        );
        counter("received_messages", "Messages and rejected items handed over to the buffer", &self.received_messages);
        counter("committed_bytes", "Bytes appended to the day log, durable", &self.committed_bytes);
        counter("rotations", "Generations closed", &self.rotations);
        counter("upload_failures", "Upload rounds that failed and are tried again", &self.upload_failures);
        counter("cuts_published", "Cuts published in the store, or found there", &self.cuts_published);
        let mut histogram = |name, help, histogram: &Histogram| monitor.register(name, help, histogram.clone());
        histogram("commit_seconds", "Time to write and sync one commit", &self.commit_seconds);
        histogram("fsync_seconds", "Time to sync log and journal, in parallel, for one commit", &self.sync_seconds);
        histogram("commit_messages", "Messages in one commit", &self.commit_messages);
        histogram(
            "ack_seconds",
            "Time that the oldest line of a commit waited, from being handed over until it was durable and its ack released",
            &self.ack_seconds,
        );
        histogram("upload_seconds", "Time of one upload round", &self.upload_seconds);
        let help = "Closed generations whose cut is not in the store after the last upload round";
        monitor.register("cuts_waiting", help, self.cuts_waiting.clone());
    }
}
