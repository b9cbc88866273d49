//! Upkeep: the task that keeps the store up to date and retires what it can.
//!
//! A round begins every `upload.every`, when `upload.bytes` more are durable,
//! at each rotation, and as soon as an ack waits for the store; a last one when
//! the monitor stops. A store that does not answer costs nothing but lag: the
//! next round goes on where it stands, no sooner for acks that wait. A monitor
//! that was sealed uploads nothing more.
//!
//! What must hold: acks held for the store go out after a round that ended well,
//! and only those held when it began (`held_acks.rs`).

use std::sync::Arc;
use std::time::Duration;

use storage::Clock;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::committer::Progress;
use crate::health::{Cause, Health};
use crate::held_acks::HeldAcks;
use crate::instruments::Instruments;
use crate::retire::{FindCovered, Retirement};
use crate::uploader::{UploadError, Uploaded, Uploader};

/// How often the last round is tried: one answer may get lost.
const LAST_ATTEMPTS: usize = 3;

/// How long the store may take to answer once the monitor stops.
const LAST_ROUND: Duration = Duration::from_secs(10);

/// Everything the task works with.
pub(crate) struct Upkeep {
    pub(crate) uploader: Uploader,
    pub(crate) retirement: Retirement,
    pub(crate) find_covered: FindCovered,
    /// What is acknowledged when the store has it.
    pub(crate) held_acks: Option<Arc<HeldAcks>>,
    /// Cancelled once the store says that this monitor was sealed.
    pub(crate) sealed: CancellationToken,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) uploaded: watch::Sender<Uploaded>,
    /// When it was last looked for what may go.
    pub(crate) retired: Option<Instant>,
    /// `upload.every`.
    pub(crate) every: Duration,
    /// `upload.bytes`.
    pub(crate) bytes: u64,
    pub(crate) instruments: Instruments,
}

impl Upkeep {
    /// Works until `stopped`, when everything is durable, and then once more.
    pub(crate) async fn run(mut self, stopped: CancellationToken) {
        let sealed = self.sealed.clone();
        let work = async {
            while !stopped.is_cancelled() {
                let done = self.round().await;
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = self.pause(done) => {}
                }
            }
            for _ in 0..LAST_ATTEMPTS {
                if self.round().await {
                    break;
                }
            }
            if let Err(error) = self.uploader.close().await {
                tracing::warn!(%error, "the end of the last file cannot be read in the store before the next start");
            }
        };
        let too_late = async {
            stopped.cancelled().await;
            tokio::time::sleep(LAST_ROUND).await;
        };
        tokio::select! {
            biased;
            () = sealed.cancelled() => {}
            () = work => {}
            () = too_late => {
                tracing::warn!("the store did not answer; what it lacks is uploaded after the next start");
            }
        }
    }

    /// Waits until the next round is due, after one that is `done` or failed.
    async fn pause(&mut self, done: bool) {
        let held_acks = self.held_acks.as_deref().filter(|_| done);
        let acks = async {
            match held_acks {
                Some(held) => held.waiting().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(self.every) => {}
            () = due(&mut self.progress, self.bytes) => {}
            () = acks => {}
        }
    }

    /// One round; whether the store is up to date.
    async fn round(&mut self) -> bool {
        if let Some(held) = &self.held_acks {
            held.begin();
        }
        let begin = Instant::now();
        let done = self.uploader.round().await;
        self.instruments.upload_round(begin.elapsed(), done.is_ok(), &self.uploader);
        if let Some(held) = self.held_acks.as_ref().filter(|_| done.is_ok()) {
            held.release();
        }
        let error = done.as_ref().err().map(ToString::to_string);
        match &done {
            Ok(()) => self.health.go_on(Cause::Store),
            Err(error @ (UploadError::Ahead { .. } | UploadError::Fenced { .. })) => {
                // First this, so that whoever sees the intake stopped for good sees why.
                if matches!(error, UploadError::Fenced { .. }) {
                    self.sealed.cancel();
                }
                self.health.stop(Cause::Store, &error.to_string());
            }
            Err(_) => {}
        }
        let lag = self.uploader.lag();
        let since = self.uploaded.borrow().behind_since.unwrap_or_else(|| self.clock.now());
        let behind_since = (lag > 0).then_some(since);
        let uploaded = Uploaded { lag, behind_since, error, ..self.uploader.uploaded().clone() };
        if let Some(error) = &uploaded.error
            && self.uploaded.borrow().error.is_none()
        {
            tracing::warn!(error, "upload failed");
        }
        self.uploaded.send_replace(uploaded);
        // Rounds that follow one another for acks need not each look for what may go.
        if done.is_ok() && self.retired.is_none_or(|last| last.elapsed() >= self.every) {
            self.retired = Some(Instant::now());
            self.retire().await;
        }
        done.is_ok()
    }

    async fn retire(&mut self) {
        let covered = (self.find_covered)().await;
        let now = self.clock.steady();
        if let Err(error) = self.retirement.round(covered, self.uploader.uploaded(), now).await {
            tracing::warn!(%error, "not all retired");
        }
    }
}

/// Waits for a rotation, or so many more durable bytes.
async fn due(progress: &mut watch::Receiver<Progress>, bytes: u64) {
    let begin = *progress.borrow_and_update();
    let changed = |now: &Progress| {
        let rotated = now.generation != begin.generation || now.durable.seq != begin.durable.seq;
        rotated || now.durable.offset.saturating_sub(begin.durable.offset) >= bytes
    };
    // Without a sender the monitor is about to stop, which is waited for too.
    if progress.wait_for(changed).await.is_err() {
        std::future::pending().await
    }
}
