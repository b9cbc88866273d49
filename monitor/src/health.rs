//! Health: why nothing is taken in at present, if so.
//!
//! Two things can stop the intake without ending the process: a disk without
//! room, which passes by itself, and a store that holds more than we committed,
//! which does not. While there is a reason no socket is read; status and log
//! say which.

use std::sync::Arc;

use tokio::sync::watch;

use crate::buffer::Buffer;

/// What stops the intake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The disk has no room.
    Disk,
    /// The store holds more than this monitor committed.
    Store,
}

/// The reasons, by cause.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reasons {
    disk: Option<String>,
    store: Option<String>,
}

/// Why a monitor takes nothing in at present, if so.
#[derive(Debug, Clone)]
pub struct Blocked(watch::Receiver<Reasons>);

impl Blocked {
    /// The reasons, by cause: `disk` (no room) and `store` (it holds more than was committed here).
    pub fn reasons(&self) -> [(&'static str, Option<String>); 2] {
        let Reasons { disk, store } = self.0.borrow().clone();
        [("disk", disk), ("store", store)]
    }
}

/// Says stop and go.
#[derive(Debug)]
pub(crate) struct Health {
    buffer: Arc<Buffer>,
    reasons: watch::Sender<Reasons>,
}

impl Health {
    /// Good health, of what goes into `buffer`.
    pub(crate) fn new(buffer: Arc<Buffer>) -> Self {
        Self { buffer, reasons: watch::Sender::new(Reasons::default()) }
    }

    /// Stops the intake for this reason; says so the first time.
    pub(crate) fn stop(&self, cause: Cause, reason: &str) {
        self.set(cause, Some(reason.to_owned()));
    }

    /// Lets the intake go on, as far as this cause is concerned.
    pub(crate) fn go_on(&self, cause: Cause) {
        self.set(cause, None);
    }

    /// The reasons, to watch.
    pub(crate) fn reasons(&self) -> watch::Receiver<Reasons> {
        self.reasons.subscribe()
    }

    /// The same, for those outside.
    pub(crate) fn blocked(&self) -> Blocked {
        Blocked(self.reasons())
    }

    fn set(&self, cause: Cause, reason: Option<String>) {
        self.reasons.send_if_modified(|reasons| {
            let known = match cause {
                Cause::Disk => &mut reasons.disk,
                Cause::Store => &mut reasons.store,
            };
            if known.is_some() == reason.is_some() {
                return false;
            }
            match &reason {
                Some(reason) => tracing::error!(reason, "ingest stopped"),
                None => tracing::info!(?cause, "ingest goes on"),
            }
            *known = reason;
            self.buffer.block(reasons.any().is_some());
            true
        });
    }
}

impl Reasons {
    /// One of the reasons, the lasting one first.
    pub(crate) fn any(&self) -> Option<&str> {
        self.store.as_deref().or(self.disk.as_deref())
    }
}
