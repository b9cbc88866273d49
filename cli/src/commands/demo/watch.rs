//! What the demo shows while it runs: messages durable, their rate, the open generation, rebuilds, freshness.

use std::time::Duration;

use anyhow::{Context, Result};
use schema::Micros;
use std::sync::Arc;
use storage::Clock;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::open::Place;
use crate::progress::{Progress, grouped};
use crate::roles::{Running, Watched};

/// Time between looks.
const LOOK: Duration = Duration::from_millis(200);

/// Watches running roles.
pub(super) struct Watch {
    shown: Progress,
    clock: Arc<dyn Clock>,
    monitor: Watched,
    built: Receiver<u64>,
    first_manifest: u64,
    begin: Instant,
    /// Messages durable when it began, and at the look before with its time.
    before: u64,
    last: (Instant, u64),
    rate: f64,
}

impl Watch {
    /// Starts watching.
    pub(super) fn new(place: &Place, running: &Running) -> Result<Self> {
        let monitor = running.monitor.clone().context("no monitor runs")?;
        let before = monitor.progress.borrow().messages;
        let built = running.built.clone();
        let first_manifest = *built.borrow();
        Ok(Self {
            shown: Progress::start("demo"),
            clock: Arc::clone(&place.clock),
            monitor,
            built,
            first_manifest,
            begin: Instant::now(),
            before,
            last: (Instant::now(), before),
            rate: 0.0,
        })
    }

    /// Rebuilds since it began.
    pub(super) fn rebuilt(&self) -> u64 {
        self.built.borrow().saturating_sub(self.first_manifest)
    }

    /// Shows what happens until `enough`, or until the token ends it.
    pub(super) async fn until(&mut self, mut enough: impl FnMut(&Self) -> bool, stop: &CancellationToken) {
        let mut look = tokio::time::interval(LOOK);
        while !enough(self) {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => self.show(),
            }
        }
    }

    /// Says what it came to.
    pub(super) fn finish(mut self) {
        self.rate = (self.durable() - self.before) as f64 / self.begin.elapsed().as_secs_f64();
        let words = self.words();
        self.shown.finish(&words);
    }

    fn durable(&self) -> u64 {
        self.monitor.progress.borrow().messages
    }

    fn show(&mut self) {
        let durable = self.durable();
        let (since, before) = self.last;
        if since.elapsed() >= Duration::from_secs(1) {
            self.rate = (durable - before) as f64 / since.elapsed().as_secs_f64();
            self.last = (Instant::now(), durable);
        }
        let words = self.words();
        self.shown.at(durable, None, || words);
    }

    fn words(&self) -> String {
        let generation = self.monitor.progress.borrow().generation;
        format!(
            "{} messages durable, {}/s; generation {generation}, {}; realtime view {}",
            grouped(self.durable()),
            grouped(self.rate as u64),
            match self.rebuilt() {
                1 => "1 rebuild".to_owned(),
                more => format!("{more} rebuilds"),
            },
            self.freshness(),
        )
    }

    /// How long ago the realtime view was brought up to what was durable.
    fn freshness(&self) -> String {
        let refreshed: Option<Micros> = self.monitor.refreshed.borrow().as_ref().map(|(_, ended)| *ended);
        match refreshed {
            Some(ended) => format!("{:.1} s old", (self.clock.now().get() - ended.get()).max(0) as f64 / 1e6),
            None => "not there yet".to_owned(),
        }
    }
}
