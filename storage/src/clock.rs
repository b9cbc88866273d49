//! The clock: where time comes from, so that a test can compress an hour.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use schema::Micros;

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now, UTC.
    fn now(&self) -> Micros;

    /// A time that runs evenly and never jumps, for measuring how long
    /// something has lasted; it may be far from [`now`](Self::now).
    fn steady(&self) -> Micros {
        self.now()
    }
}

/// The machine's clock, deaf to jumps back: the larger of the wall clock and
/// the wall clock at start plus the monotonic time since. After a jump ahead
/// and back again it is right again.
#[derive(Debug)]
pub struct WallClock {
    started: Instant,
    wall_at_start: Micros,
}

impl WallClock {
    /// The machine's clock, started now.
    pub fn new() -> Self {
        Self { started: Instant::now(), wall_at_start: wall() }
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for WallClock {
    fn now(&self) -> Micros {
        wall().max(self.steady())
    }

    fn steady(&self) -> Micros {
        let elapsed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.wall_at_start.saturating_add(elapsed)
    }
}

/// The wall clock, within what a [`Micros`] can hold.
fn wall() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).ok().and_then(Micros::new).unwrap_or(Micros::MAX)
}

/// A clock that stands still until it is told, for tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Micros) -> Self {
        Self(AtomicI64::new(now.get()))
    }

    /// Makes it show `now`, earlier or later.
    pub fn set(&self, now: Micros) {
        self.0.store(now.get(), Ordering::SeqCst);
    }

    /// Moves it by `micros`, ahead or back, within what a [`Micros`] can hold.
    pub fn advance(&self, micros: i64) {
        self.set(self.now().saturating_add(micros));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Micros {
        Micros::new(self.0.load(Ordering::SeqCst)).unwrap_or(Micros::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_never_goes_back() {
        let clock = WallClock::new();
        let times: Vec<Micros> = (0..1000).map(|_| clock.now()).collect();
        assert!(times.is_sorted());
        assert!(times[0] >= clock.wall_at_start);
    }

    #[test]
    fn a_wall_clock_set_back_still_counts_on() {
        let ahead = wall().saturating_add(3_600_000_000);
        let clock = WallClock { started: Instant::now(), wall_at_start: ahead };
        assert!(clock.now() >= ahead);
    }

    #[test]
    fn a_manual_clock_moves_as_told() {
        let clock = ManualClock::new(Micros::new(10).unwrap());
        clock.advance(5);
        assert_eq!(clock.now().get(), 15);
        clock.advance(-100);
        assert_eq!(clock.now(), Micros::MIN);
        clock.set(Micros::MAX);
        assert_eq!(clock.now(), Micros::MAX);
    }
}
