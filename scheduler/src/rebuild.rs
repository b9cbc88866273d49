//! What is done at a tick: wait for the cuts, build, publish, retire.
//!
//! In: ticks, the store's cuts. Out: whatever [`Work`] does, and [`Event`]s about it. Must hold: one build at a
//! time; a failed one is tried again before the next tick; losing to another scheduler is no failure.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schema::{Micros, MonitorId};
use storage::{Clock, Store};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use views::Retired;

use crate::error::SchedulerError;
use crate::expected::Expected;
use crate::ticks::Ticks;

/// The cuts waited for are looked for this often.
const LOOK: Duration = Duration::from_millis(200);
/// A build that failed is tried again after this.
const RETRY: Duration = Duration::from_secs(30);
/// Files to be retired are looked for this often.
const RETIRE: Duration = Duration::from_secs(60);
/// How often a build that another one overtook is tried again at once.
const OVERTAKEN: usize = 3;

/// What the scheduler has done: views do it, and tests stand in.
#[async_trait]
pub trait Work: Send {
    /// What a build tells about itself.
    type Built: Send;

    /// Builds at the published cuts, and publishes.
    ///
    /// # Errors
    /// Whatever stopped it; the views before stand.
    async fn rebuild(&mut self) -> Result<Outcome<Self::Built>, SchedulerError>;

    /// Deletes what the newest manifest superseded long enough ago.
    ///
    /// # Errors
    /// Whatever stopped it; what is left goes the next time.
    async fn retire(&mut self) -> Result<Retired, SchedulerError>;
}

/// What a build came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<B> {
    /// It is published.
    Published(B),
    /// The newest manifest covers every cut already.
    Unchanged,
    /// Another build published first.
    Overtaken,
}

/// What the scheduler does, as it does it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a, B> {
    /// A tick came, and these monitors have not cut yet.
    Waiting {
        /// The tick.
        tick: Micros,
        /// Who is waited for.
        monitors: Vec<MonitorId>,
    },
    /// The wait is over; these monitors' messages stay in their realtime views until the next build.
    Missing {
        /// The tick.
        tick: Micros,
        /// Who did not cut in time.
        monitors: Vec<MonitorId>,
    },
    /// A build begins.
    Building {
        /// The tick it is for.
        tick: Micros,
    },
    /// A build is done.
    Built {
        /// The tick it was for.
        tick: Micros,
        /// What it came to.
        outcome: &'a Outcome<B>,
        /// How long it took.
        took: Duration,
    },
    /// Something failed, and is tried again.
    Failed {
        /// Why.
        error: &'a SchedulerError,
    },
    /// Superseded files were deleted.
    Retired {
        /// How many.
        retired: Retired,
    },
}

/// Is told what the scheduler does.
pub type OnEvent<B> = Box<dyn FnMut(&Event<'_, B>) + Send>;

/// Rebuilds at every tick.
pub struct Scheduler<W: Work> {
    /// Where the cuts are.
    pub store: Arc<dyn Store>,
    /// When it is.
    pub clock: Arc<dyn Clock>,
    /// When to build.
    pub ticks: Ticks,
    /// How long a build waits for cuts (`rebuild.wait`).
    pub wait: Duration,
    /// What to do.
    pub work: W,
    /// Who is told.
    pub on_event: OnEvent<W::Built>,
}

impl<W: Work> Scheduler<W> {
    /// Rebuilds and retires until `token` ends it; a build that has begun is finished first.
    pub async fn run(mut self, token: CancellationToken) {
        let mut retire = tokio::time::interval(RETIRE);
        retire.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut again: Option<(Instant, Micros)> = None;
        loop {
            let tick = tokio::select! {
                biased;
                () = token.cancelled() => return,
                tick = self.ticks.next(&*self.clock) => tick,
                tick = due(again) => tick,
                _ = retire.tick() => {
                    self.retire().await;
                    continue;
                }
            };
            again = match self.at_tick(tick, &token).await {
                Ok(()) => None,
                Err(error) => {
                    self.tell(&Event::Failed { error: &error });
                    Some((Instant::now() + RETRY, tick))
                }
            };
        }
    }

    /// One rebuild, as at `tick`: waits for the cuts, builds, publishes, retires.
    ///
    /// # Errors
    /// Whatever stopped it; the views before stand.
    pub async fn at_tick(&mut self, tick: Micros, token: &CancellationToken) -> Result<(), SchedulerError> {
        self.wait_for_cuts(tick, token).await?;
        if token.is_cancelled() {
            return Ok(());
        }
        for _ in 0..OVERTAKEN {
            self.tell(&Event::Building { tick });
            let start = Instant::now();
            let outcome = self.work.rebuild().await?;
            self.tell(&Event::Built { tick, outcome: &outcome, took: start.elapsed() });
            if !matches!(outcome, Outcome::Overtaken) {
                break;
            }
        }
        self.retire().await;
        Ok(())
    }

    async fn wait_for_cuts(&mut self, tick: Micros, token: &CancellationToken) -> Result<(), SchedulerError> {
        let Some(before) = self.ticks.schedule().previous(tick.saturating_add(-1)) else { return Ok(()) };
        let mut expected = Expected::at(&*self.store, tick, before).await?;
        if expected.is_empty() {
            return Ok(());
        }
        self.tell(&Event::Waiting { tick, monitors: expected.monitors().cloned().collect() });
        let end = Instant::now() + self.wait;
        while !expected.is_empty() && Instant::now() < end {
            tokio::select! {
                () = token.cancelled() => return Ok(()),
                () = tokio::time::sleep_until(end.min(Instant::now() + LOOK)) => {}
            }
            expected.look(&*self.store).await?;
        }
        if !expected.is_empty() {
            self.tell(&Event::Missing { tick, monitors: expected.monitors().cloned().collect() });
        }
        Ok(())
    }

    async fn retire(&mut self) {
        match self.work.retire().await {
            Ok(retired) if retired == Retired::default() => {}
            Ok(retired) => self.tell(&Event::Retired { retired }),
            Err(error) => self.tell(&Event::Failed { error: &error }),
        }
    }

    fn tell(&mut self, event: &Event<'_, W::Built>) {
        (self.on_event)(event);
    }
}

/// Waits until a build is to be tried again; for ever if none is.
async fn due(again: Option<(Instant, Micros)>) -> Micros {
    match again {
        Some((at, tick)) => {
            tokio::time::sleep_until(at).await;
            tick
        }
        None => std::future::pending().await,
    }
}
