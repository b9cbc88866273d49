//! The refresh of the realtime views: how long it takes, how often it fails, and how far they are behind the log.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use monitor::Progress;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use schema::Micros;
use storage::Clock;
use tokio::sync::watch;
use views::Refreshed;

use super::{gauge, seconds};

/// What the refresh counts and times.
#[derive(Clone, Debug)]
pub(crate) struct RefreshInstruments {
    seconds: Histogram,
    failures: Counter,
    publish_failures: Counter,
}

impl Default for RefreshInstruments {
    fn default() -> Self {
        let seconds = Histogram::new(exponential_buckets(1e-3, 2.0, 17));
        Self { seconds, failures: Counter::default(), publish_failures: Counter::default() }
    }
}

impl RefreshInstruments {
    /// One refresh ended, well or not.
    pub(crate) fn refreshed(&self, took: Duration, well: bool) {
        self.seconds.observe(took.as_secs_f64());
        if !well {
            self.failures.inc();
        }
    }

    /// A view did not get into the store.
    pub(crate) fn not_published(&self) {
        self.publish_failures.inc();
    }

    /// Names them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let refresh = registry.sub_registry_with_prefix("hourglass_refresh");
        refresh.register("seconds", "Time of one refresh of the realtime views", self.seconds.clone());
        refresh.register("failures", "Refreshes that failed and are tried again", self.failures.clone());
        let help = "Realtime views that did not get into the store and are tried again";
        refresh.register("publish_failures", help, self.publish_failures.clone());
    }
}

/// How fresh the realtime views are, at each scrape.
#[derive(Debug)]
pub(crate) struct Freshness {
    progress: watch::Receiver<Progress>,
    refreshed: watch::Receiver<Option<(Refreshed, Micros)>>,
    clock: Arc<dyn Clock>,
    begun: Micros,
}

impl Freshness {
    pub(crate) fn new(
        progress: &watch::Receiver<Progress>,
        refreshed: &watch::Sender<Option<(Refreshed, Micros)>>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (progress, refreshed) = (progress.clone(), refreshed.subscribe());
        Self { progress, refreshed, clock: Arc::clone(clock), begun: clock.now() }
    }
}

impl Collector for Freshness {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let durable = self.progress.borrow().durable;
        let last = self.refreshed.borrow().as_ref().map(|(done, at)| (done.to, done.rows, *at));
        let age = seconds(self.clock.now()) - seconds(last.map_or(self.begun, |(.., at)| at));
        let help = "Time since the last refresh that ended well, or since the start.";
        gauge(encoder, "hourglass_refresh_age_seconds", help, age.max(0.0))?;
        let lag = match last {
            Some((to, ..)) if to.seq == durable.seq => durable.offset.saturating_sub(to.offset),
            // Of files between the two at least the last one's bytes.
            _ => durable.offset,
        };
        let help =
            "Durable bytes of the day log that the realtime views lack, at least: answers read them from the log.";
        gauge(encoder, "hourglass_refresh_lag_bytes", help, lag as f64)?;
        let rows = last.map_or(0, |(_, rows, _)| rows);
        gauge(encoder, "hourglass_refresh_rows", "Rows of the open generation's realtime view.", rows as f64)
    }
}
