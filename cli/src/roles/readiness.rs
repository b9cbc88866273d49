//! Whether the roles of a process can do their job now, for `/readyz`.
//!
//! A monitor can when it takes messages in; a scheduler when no rebuild is long overdue and, on its own, when its
//! store answers; a dashboard when its store answers. Which of them a process has is filled in as they start, so what
//! is asked is never what another role does: a store that is away leaves a monitor ready.

use std::sync::Arc;

use async_trait::async_trait;
use dashboard::Readiness;
use monitor::Blocked;
use scheduler::Instruments;
use storage::Clock;
use tokio::runtime::Handle;

use crate::open::Place;
use crate::outcome::in_full;

/// How long after its tick a rotation or rebuild may take before it is called overdue, in microseconds.
pub(crate) const LATE: i64 = 300_000_000;

/// The roles there are, as they can be asked.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// What keeps the monitor from taking messages in.
    pub(crate) monitor: Option<Blocked>,
    /// What the scheduler has done, and what time it is.
    pub(crate) scheduler: Option<(Instruments, Arc<dyn Clock>)>,
    /// Whose store is to answer.
    pub(crate) store: Option<Place>,
}

#[async_trait]
impl Readiness for Roster {
    async fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let blocked = self.monitor.iter().flat_map(Blocked::reasons).filter_map(|(_, reason)| reason);
        reasons.extend(blocked.map(|reason| format!("the monitor takes nothing in: {reason}")));
        if let Some((measured, clock)) = &self.scheduler {
            let now = clock.now();
            let late = measured.overdue_since(now).filter(|since| now.get().saturating_sub(since.get()) > LATE);
            reasons.extend(late.map(|since| format!("the rebuild due at {since} is not done")));
        }
        if let Some(place) = &self.store {
            reasons.extend(store(place.clone()).await);
        }
        reasons
    }
}

/// Why the store does not answer; on a thread of its own, for a folder that hangs holds up whoever asks.
async fn store(place: Place) -> Option<String> {
    let runtime = Handle::current();
    let asked = tokio::task::spawn_blocking(move || runtime.block_on(place.answers())).await;
    match asked {
        Ok(answered) => answered.err().map(|error| in_full(&error)),
        Err(error) => Some(error.to_string()),
    }
}
