//! Instruments: what a scheduler counts and times, for Prometheus, and whether a rebuild is overdue.
//!
//! In: its [`Event`]s. Out: counters, and the tick that was done last.
//!
//! What must hold: a tick counts as done once its build was published, needed none, or another scheduler's won; one
//! that was due before this process began is overdue from its beginning on.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use schema::Micros;
use views::Built;

use crate::rebuild::{Event, Outcome};
use crate::schedule::Schedule;

/// What one scheduler counts and times. Clones share their values.
#[derive(Clone, Debug)]
pub struct Instruments {
    rebuilds: Family<[(&'static str, &'static str); 1], Counter>,
    rebuild_seconds: Histogram,
    failures: Counter,
    missing_cuts: Counter,
    files_read: Counter,
    files_written: Counter,
    files_retired: Counter,
    manifest: Gauge,
    covered: Gauge,
    due: Arc<Mutex<Due>>,
}

#[derive(Debug)]
struct Due {
    schedule: Schedule,
    /// The last tick that was done.
    done: Micros,
    /// When this process began.
    begun: Micros,
    /// When a rebuild last ended well here.
    success: Option<Micros>,
}

impl Instruments {
    /// Those of a scheduler that begins at `begun`; `done` is the last tick that was done before.
    #[must_use]
    pub fn new(schedule: Schedule, done: Micros, begun: Micros) -> Self {
        let rebuilds = Family::<_, Counter>::default();
        for outcome in ["published", "unchanged", "overtaken"] {
            drop(rebuilds.get_or_create(&[("outcome", outcome)]));
        }
        Self {
            rebuilds,
            rebuild_seconds: Histogram::new(exponential_buckets(0.01, 2.0, 18)),
            failures: Counter::default(),
            missing_cuts: Counter::default(),
            files_read: Counter::default(),
            files_written: Counter::default(),
            files_retired: Counter::default(),
            manifest: Gauge::default(),
            covered: Gauge::default(),
            due: Arc::new(Mutex::new(Due { schedule, done, begun, success: None })),
        }
    }

    /// Takes in what the scheduler did at `now`.
    pub fn observe(&self, event: &Event<'_, Built>, now: Micros) {
        match event {
            Event::Built { tick, outcome, took } => {
                self.rebuild_seconds.observe(took.as_secs_f64());
                self.count(outcome);
                let due = &mut *self.due.lock();
                due.done = due.done.max(*tick);
                due.success = Some(now);
            }
            Event::Failed { .. } => drop(self.failures.inc()),
            Event::Missing { monitors, .. } => drop(self.missing_cuts.inc_by(monitors.len() as u64)),
            Event::Retired { retired } => drop(self.files_retired.inc_by(retired.files as u64)),
            Event::Waiting { .. } | Event::Building { .. } => {}
        }
    }

    /// A cut was waited for in vain, by who waits beside the scheduler itself.
    pub fn cut_missing(&self) {
        self.missing_cuts.inc();
    }

    /// Since when a rebuild is due that was not done, if one is.
    #[must_use]
    pub fn overdue_since(&self, now: Micros) -> Option<Micros> {
        let due = &*self.due.lock();
        let next = due.schedule.next(due.done)?;
        (next <= now).then(|| next.max(due.begun))
    }

    /// When a rebuild last ended well here.
    #[must_use]
    pub fn last_success(&self) -> Option<Micros> {
        self.due.lock().success
    }

    /// Names them; a counter's name gets its `_total`, and a help its full stop, when they are written.
    pub fn register(&self, registry: &mut Registry) {
        let scheduler = registry.sub_registry_with_prefix("hourglass_scheduler");
        scheduler.register("rebuilds", "Rebuilds that ended well, by outcome", self.rebuilds.clone());
        scheduler.register("rebuild_seconds", "Time of one rebuild that ended well", self.rebuild_seconds.clone());
        let mut counter = |name, help, counter: &Counter| scheduler.register(name, help, counter.clone());
        counter("failures", "Rebuilds and deletions that failed and are tried again", &self.failures);
        counter("missing_cuts", "Cuts that a rebuild waited for in vain, rebuild.wait", &self.missing_cuts);
        counter("files_read", "Dated files read by rebuilds", &self.files_read);
        counter("files_written", "Batch view files written by rebuilds", &self.files_written);
        counter("files_retired", "Superseded batch view files deleted", &self.files_retired);
        let help = "Number of the newest manifest that was built here, 0 before the first";
        scheduler.register("manifest_number", help, self.manifest.clone());
        let help = "Messages of monitors that the newest manifest built here covers";
        scheduler.register("covered_messages", help, self.covered.clone());
    }

    fn count(&self, outcome: &Outcome<Built>) {
        let name = match outcome {
            Outcome::Published(built) => {
                self.files_read.inc_by(built.files as u64);
                self.files_written.inc_by(built.written as u64);
                if let Some(manifest) = &built.manifest {
                    let covered: u64 = manifest.monitors.iter().map(|monitor| monitor.messages).sum();
                    self.manifest.set(i64::try_from(manifest.number).unwrap_or(i64::MAX));
                    self.covered.set(i64::try_from(covered).unwrap_or(i64::MAX));
                }
                "published"
            }
            Outcome::Unchanged => "unchanged",
            Outcome::Overtaken => "overtaken",
        };
        self.rebuilds.get_or_create(&[("outcome", name)]).inc();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn time(text: &str) -> Micros {
        text.parse().unwrap()
    }

    fn hourly(done: &str, begun: &str) -> Instruments {
        Instruments::new(Schedule::parse("0 * * * *", "UTC").unwrap(), time(done), time(begun))
    }

    #[test]
    fn a_tick_is_overdue_from_its_time_until_it_is_done() {
        let instruments = hourly("2026-11-21T08:00:00Z", "2026-11-21T08:10:00Z");
        assert_eq!(instruments.overdue_since(time("2026-11-21T08:59:59Z")), None);
        let nine = time("2026-11-21T09:00:00Z");
        assert_eq!(instruments.overdue_since(time("2026-11-21T09:20:00Z")), Some(nine));
        let outcome = Outcome::Unchanged;
        let built = Event::Built { tick: nine, outcome: &outcome, took: Duration::from_secs(1) };
        instruments.observe(&built, time("2026-11-21T09:20:01Z"));
        assert_eq!(instruments.overdue_since(time("2026-11-21T09:20:01Z")), None);
        assert_eq!(instruments.last_success(), Some(time("2026-11-21T09:20:01Z")));
    }

    #[test]
    fn a_tick_missed_while_nothing_ran_is_overdue_from_the_start_on() {
        let begun = "2026-11-21T11:30:00Z";
        let instruments = hourly("2026-11-21T08:00:00Z", begun);
        assert_eq!(instruments.overdue_since(time("2026-11-21T11:31:00Z")), Some(time(begun)));
    }
}
