//! Ticks come once each: in time, after having been missed, and whatever the clock does.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hourglass_scheduler::{Schedule, Ticks, run_ticks};
use schema::Micros;
use storage::{Clock, ManualClock};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;

/// A clock that goes with tokio's time, and can be made to jump.
#[derive(Debug)]
struct PausedClock {
    start: Instant,
    base: ManualClock,
}

impl PausedClock {
    fn at(text: &str) -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), base: ManualClock::new(time(text)) })
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Micros {
        self.base.now().saturating_add(self.start.elapsed().as_micros() as i64)
    }
}

fn time(text: &str) -> Micros {
    text.parse().unwrap()
}

fn hourly() -> Schedule {
    Schedule::parse("0 * * * *", "UTC").unwrap()
}

#[tokio::test(start_paused = true)]
async fn ticks_come_on_the_hour() {
    let clock = PausedClock::at("2026-11-21T08:15:00Z");
    let mut ticks = Ticks::new(hourly(), &*clock, None);
    for hour in ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"] {
        assert_eq!(ticks.next(&*clock).await, time(hour));
        let late = clock.now().get() - time(hour).get();
        assert!((0..2_000_000).contains(&late), "{late}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_the_ticks_missed_while_down_the_last_comes_once() {
    let clock = PausedClock::at("2026-11-21T08:15:00Z");
    let mut ticks = Ticks::new(hourly(), &*clock, Some(time("2026-11-20T17:00:00Z")));
    assert_eq!(ticks.next(&*clock).await, time("2026-11-21T08:00:00Z"));
    assert_eq!(clock.now(), time("2026-11-21T08:15:00Z"), "at once");
    assert_eq!(ticks.next(&*clock).await, time("2026-11-21T09:00:00Z"));
}

#[tokio::test(start_paused = true)]
async fn nothing_was_missed_when_the_last_tick_was_dealt_with_or_there_is_no_past() {
    for last in [None, Some(time("2026-11-21T08:00:00Z")), Some(time("2099-01-01T00:00:00Z"))] {
        let clock = PausedClock::at("2026-11-21T08:15:00Z");
        let mut ticks = Ticks::new(hourly(), &*clock, last);
        assert_eq!(ticks.next(&*clock).await, time("2026-11-21T09:00:00Z"), "{last:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ahead_ticks_once_and_goes_on_when_it_is_back() {
    let clock = PausedClock::at("2026-11-21T08:15:00Z");
    let mut ticks = Ticks::new(hourly(), &*clock, None);
    let jumping = Arc::clone(&clock);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        jumping.base.set(time("2099-01-01T00:30:00Z"));
    });
    assert_eq!(ticks.next(&*clock).await, time("2099-01-01T00:00:00Z"));
    clock.base.set(time("2026-11-21T08:20:00Z"));
    assert_eq!(ticks.next(&*clock).await, time("2026-11-21T09:00:00Z"));
    clock.base.advance(-HOUR);
    assert_eq!(ticks.next(&*clock).await, time("2026-11-21T09:00:00Z"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_outlasts_its_period_is_followed_by_one_for_the_ticks_it_missed() {
    let clock = PausedClock::at("2026-11-21T08:59:00Z");
    let runs = Arc::new(Mutex::new(Vec::new()));
    let token = CancellationToken::new();
    let running = Arc::new(tokio::sync::Semaphore::new(1));
    run_ticks(hourly(), &*clock, None, &token, |tick| {
        let (runs, token, running) = (Arc::clone(&runs), token.clone(), Arc::clone(&running));
        async move {
            let _only_one = running.try_acquire().expect("one at a time");
            let count = {
                let mut runs = runs.lock().unwrap();
                runs.push(tick);
                runs.len()
            };
            if count == 1 {
                tokio::time::sleep(Duration::from_micros((3 * HOUR + 30 * MINUTE) as u64)).await;
            }
            if count == 3 {
                token.cancel();
            }
        }
    })
    .await;
    let expected = ["2026-11-21T09:00:00Z", "2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z"].map(time);
    assert_eq!(*runs.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn ticks_end_with_the_token() {
    let clock = PausedClock::at("2026-11-21T08:15:00Z");
    let token = CancellationToken::new();
    token.cancel();
    run_ticks(hourly(), &*clock, Some(Micros::MIN), &token, |_| async { panic!("no tick after the end") }).await;
}
