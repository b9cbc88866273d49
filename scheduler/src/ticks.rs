//! Waiting for the next tick.
//!
//! In: a schedule, a clock, the last tick that was dealt with. Out: ticks, one at a time. Must hold: of the ticks
//! missed (while the process was down, or a run took long) only the last is given, once; a clock that jumps ahead
//! is noticed within a second; after one that jumps back, ticks go on by the clock as it is.

use std::future::Future;
use std::time::Duration;

use schema::Micros;
use storage::Clock;
use tokio_util::sync::CancellationToken;

use crate::schedule::Schedule;

/// The clock is looked at this often, as it can jump.
const LOOK: Duration = Duration::from_secs(1);

/// The ticks of a schedule as they come.
#[derive(Clone, Debug)]
pub struct Ticks {
    schedule: Schedule,
    last: Micros,
}

impl Ticks {
    /// Ticks after `last`, the last one dealt with; none is from now on.
    pub fn new(schedule: Schedule, clock: &dyn Clock, last: Option<Micros>) -> Self {
        Self { schedule, last: last.unwrap_or_else(|| clock.now()) }
    }

    /// Waits for a tick. May be dropped and called again.
    pub async fn next(&mut self, clock: &dyn Clock) -> Micros {
        loop {
            let now = clock.now();
            // The clock went back: what lies ahead of it has not come yet.
            self.last = self.last.min(now);
            if let Some(tick) = self.schedule.previous(now).filter(|tick| *tick > self.last) {
                self.last = tick;
                return tick;
            }
            let wait = self.schedule.next(now).map_or(LOOK, |next| until(now, next));
            tokio::time::sleep(wait.min(LOOK)).await;
        }
    }

    /// The schedule.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

fn until(now: Micros, then: Micros) -> Duration {
    Duration::from_micros(u64::try_from(then.get() - now.get()).unwrap_or(0))
}

/// Calls `on_tick` at every tick after `last` (none is from now on) until `token` ends it; a call that has begun is
/// awaited. This is how a monitor rotates.
pub async fn run_ticks<F, R>(
    schedule: Schedule,
    clock: &dyn Clock,
    last: Option<Micros>,
    token: &CancellationToken,
    mut on_tick: F,
) where
    F: FnMut(Micros) -> R,
    R: Future<Output = ()>,
{
    let mut ticks = Ticks::new(schedule, clock, last);
    loop {
        tokio::select! {
            biased;
            () = token.cancelled() => return,
            tick = ticks.next(clock) => on_tick(tick).await,
        }
    }
}
