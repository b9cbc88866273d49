//! The refresh of a monitor's realtime views: every `refresh.every`, or sooner after `refresh.bytes` of log. On a
//! thread of its own: it computes, and messages are received meanwhile.

use std::sync::Arc;
use std::time::Duration;

use monitor::{Progress, Uploaded};
use schema::{Micros, Position};
use storage::Clock;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use views::{Refreshed, Refresher};

use crate::config::Settings;
use crate::instruments::RefreshInstruments;
use crate::open::Place;

/// Keeps the realtime views of the monitor here up to date.
pub(super) struct Refresh {
    refresher: Refresher,
    clock: Arc<dyn Clock>,
    every: Duration,
    bytes: u64,
    progress: watch::Receiver<Progress>,
    uploaded: watch::Receiver<Uploaded>,
    refreshed: watch::Sender<Option<(Refreshed, Micros)>>,
    instruments: RefreshInstruments,
    /// The monitor has ended: nothing more becomes durable.
    ended: CancellationToken,
    runtime: Handle,
}

impl Refresh {
    pub(super) fn new(
        place: &Place,
        settings: &Settings,
        progress: watch::Receiver<Progress>,
        uploaded: watch::Receiver<Uploaded>,
        refreshed: watch::Sender<Option<(Refreshed, Micros)>>,
        instruments: RefreshInstruments,
        ended: CancellationToken,
    ) -> Self {
        Self {
            refresher: Refresher::new(place.reader()),
            clock: Arc::clone(&place.clock),
            every: settings.refresh_every.0,
            bytes: settings.refresh_bytes.0,
            progress,
            uploaded,
            refreshed,
            instruments,
            ended,
            runtime: Handle::current(),
        }
    }

    /// Refreshes until the monitor has ended, and then once more.
    pub(super) fn run(mut self) {
        let runtime = self.runtime.clone();
        runtime.block_on(async {
            loop {
                let last = self.ended.is_cancelled();
                let begin = Instant::now();
                let durable = self.progress.borrow_and_update().durable;
                self.refresh().await;
                if last {
                    return;
                }
                tokio::select! {
                    () = self.ended.cancelled() => {}
                    () = tokio::time::sleep_until(begin + self.every) => {}
                    () = grown(&mut self.progress, durable, self.bytes) => {}
                }
            }
        });
    }

    async fn refresh(&mut self) {
        let start = Instant::now();
        let done = self.refresher.refresh().await;
        self.instruments.refreshed(start.elapsed(), done.is_ok());
        match done {
            Ok(Some(done)) => {
                let (generation, rows, took) = (done.generation, done.rows, start.elapsed());
                tracing::debug!(%generation, to = %done.to, rows, ?took, "refreshed");
                self.refreshed.send_replace(Some((done, self.clock.now())));
            }
            Ok(None) => {}
            // What it lacks is read from the log meanwhile: answers stay exact, and slower.
            Err(error) => tracing::error!(%error, "refresh failed, trying again"),
        }
        let uploaded = self.uploaded.borrow().position;
        if let Err(error) = self.refresher.publish(uploaded).await {
            self.instruments.not_published();
            tracing::warn!(%error, "realtime view not in the store, trying again");
        }
    }
}

/// Waits until so many bytes of log are durable beyond `from`; a new file's bytes are counted from its start.
async fn grown(progress: &mut watch::Receiver<Progress>, from: Position, bytes: u64) {
    let enough = |now: &Progress| {
        let begin = if now.durable.seq == from.seq { from.offset } else { 0 };
        now.durable.offset.saturating_sub(begin) >= bytes
    };
    // Without a sender the monitor is about to end, which is waited for too.
    if progress.wait_for(enough).await.is_err() {
        std::future::pending().await
    }
}
