//! The health of services: what the last hour says of each, and which is worst.
//!
//! Enters: the rows of the last hour by minutes, and every service that ever sent. Leaves: one [`Health`] a service,
//! worst first. What must hold: means are of the messages, not of the minutes; the order is total, so that a page does
//! not jump: services that fell silent within the hour, the longest silence first; then by the highest peak of a metric
//! that reads as utilisation, of equal ones the higher mean; last those of which the hour has nothing, the latest heard of first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use schema::{MetricAggregate, Metrics, Micros, Millionths, Minute, MinuteAggregate, Read, ServiceName, mean};
use views::{AnswerRow, ServiceSeen};

/// What is looked at: so many minutes, the one that runs included.
pub(super) const WINDOW: u32 = 60;
/// Slots of a sparkline.
pub(super) const SLOTS: usize = 12;
/// After so many minutes without a message a service is silent.
pub(super) const SILENT: u32 = 5;
/// Whole minutes that the rate is taken from.
pub(super) const RATE: u32 = 5;

/// One service.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Health {
    pub(super) service: ServiceName,
    /// The minute of its last message.
    pub(super) last: Minute,
    /// Messages in the last [`RATE`] whole minutes.
    pub(super) lately: u64,
    /// The whole window; `None` if it has no message in it.
    pub(super) window: Option<MinuteAggregate>,
    /// The window in slots, the oldest first.
    pub(super) slots: Vec<Option<MinuteAggregate>>,
    /// Whether it sent within the window, and no longer does.
    pub(super) silent: bool,
    /// The metric that its place in the order comes from.
    pub(super) worst: Option<usize>,
}

/// The first minute of the window that ends with `now`.
pub(super) fn window(now: Micros) -> Minute {
    Minute::new(now.minute().get().saturating_sub(WINDOW - 1)).unwrap_or_default()
}

/// Every service, worst first.
pub(super) fn of_all(rows: &[AnswerRow], seen: &[ServiceSeen], metrics: &Metrics, now: Micros) -> Vec<Health> {
    let mut all: BTreeMap<&ServiceName, Health> = BTreeMap::new();
    for seen in seen {
        all.insert(&seen.service, Health::new(&seen.service, seen.last));
    }
    for row in rows {
        let health = all.entry(&row.service).or_insert_with(|| Health::new(&row.service, row.start));
        health.add(row, now);
    }
    let mut all: Vec<Health> = all.into_values().collect();
    for health in &mut all {
        health.judge(metrics, now);
    }
    all.sort_by_cached_key(Health::order);
    all
}

impl Health {
    fn new(service: &ServiceName, last: Minute) -> Self {
        let slots = vec![None; SLOTS];
        Self { service: service.clone(), last, lately: 0, window: None, slots, silent: false, worst: None }
    }

    fn add(&mut self, row: &AnswerRow, now: Micros) {
        let (minute, running) = (row.start.get(), now.minute().get());
        self.last = self.last.max(row.start);
        if minute < running && minute + RATE >= running {
            self.lately += row.aggregate.msg_num;
        }
        merge(&mut self.window, &row.aggregate);
        let slot = minute.saturating_sub(window(now).get()) as usize * SLOTS / WINDOW as usize;
        if let Some(slot) = self.slots.get_mut(slot) {
            merge(slot, &row.aggregate);
        }
    }

    fn judge(&mut self, metrics: &Metrics, now: Micros) {
        self.silent = self.window.is_some() && self.last.get() + SILENT < now.minute().get();
        let utilisations = metrics.iter().enumerate().filter(|(_, metric)| metric.read == Read::Utilisation);
        let window = self.window.as_ref();
        self.worst = utilisations.map(|(index, _)| index).max_by_key(|index| {
            let peak = window.and_then(|window| window.metrics.get(*index)).map(|metric| metric.max);
            // Of equal ones the first.
            (peak, Reverse(*index))
        });
    }

    /// Messages a minute, lately.
    pub(super) fn rate(&self) -> f64 {
        self.lately as f64 / f64::from(RATE)
    }

    fn peak(&self) -> Option<Millionths> {
        let metrics = &self.window.as_ref()?.metrics;
        self.worst.and_then(|index| metrics.get(index)).map(|metric| metric.max)
    }

    fn mean(&self) -> Option<i128> {
        let window = self.window.as_ref()?;
        self.worst.and_then(|index| window.metrics.get(index)).map(|metric| mean_of(window, metric))
    }

    fn order(&self) -> (Place, ServiceName) {
        let place = match (&self.window, self.silent) {
            (Some(_), true) => Place::Silent(self.last),
            (Some(_), false) => Place::Heard(Reverse((self.peak(), self.mean()))),
            (None, _) => Place::Unheard(Reverse(self.last)),
        };
        (place, self.service.clone())
    }
}

/// Where a service stands: the variants in their order, and what orders services within each.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Since when.
    Silent(Minute),
    /// The peak of its worst metric, and that metric's mean.
    Heard(Reverse<(Option<Millionths>, Option<i128>)>),
    /// The last that was heard.
    Unheard(Reverse<Minute>),
}

fn merge(into: &mut Option<MinuteAggregate>, more: &MinuteAggregate) {
    match into {
        Some(aggregate) => aggregate.merge(more),
        None => *into = Some(more.clone()),
    }
}

/// The mean of a metric over all of the messages of `aggregate`, in millionths.
pub(super) fn mean_of(aggregate: &MinuteAggregate, metric: &MetricAggregate) -> i128 {
    mean(metric.sum, aggregate.msg_num)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_000;

    fn minute(minute: u32) -> Minute {
        Minute::new(minute).unwrap()
    }

    /// A row of `service` at `at`, whose cpu, ram and disk peaked at these hundredths.
    fn row(service: &str, at: u32, peaks: [i64; 3]) -> AnswerRow {
        let mut aggregate = MinuteAggregate::new(3);
        aggregate.add(minute(at).start(), &peaks.map(|peak| Millionths::new(peak * 10_000).unwrap()));
        AnswerRow { service: ServiceName::new(service).unwrap(), start: minute(at), aggregate }
    }

    fn seen(service: &str, last: u32) -> ServiceSeen {
        ServiceSeen { service: ServiceName::new(service).unwrap(), first: minute(1), last: minute(last), messages: 1 }
    }

    fn all(rows: &[AnswerRow], seen: &[ServiceSeen], metrics: &str) -> Vec<Health> {
        of_all(rows, seen, &metrics.parse().unwrap(), minute(NOW).start())
    }

    #[test]
    fn silence_comes_first_then_the_highest_peak_then_who_was_not_heard_of() {
        let rows = [
            row("busy", NOW - 1, [90, 10, 10]),
            row("busier", NOW - 1, [10, 10, 95]),
            row("calm", NOW - 1, [10, 20, 30]),
            row("fell silent", NOW - 10, [1, 1, 1]),
            row("silent longer", NOW - 50, [1, 1, 1]),
        ];
        let ranked = all(&rows, &[seen("gone", 10), seen("gone lately", 900), seen("calm", NOW - 1)], "cpu,ram,disk");
        let names: Vec<_> = ranked.iter().map(|health| health.service.as_str()).collect();
        assert_eq!(names, ["silent longer", "fell silent", "busier", "busy", "calm", "gone lately", "gone"]);
        assert_eq!(ranked.iter().map(|health| health.silent).collect::<Vec<_>>()[..3], [true, true, false]);
        assert_eq!(ranked[2].worst, Some(2));
    }

    #[test]
    fn a_metric_that_is_no_utilisation_makes_nothing_worse() {
        let rows = [row("a", NOW - 1, [10, 99_999, 10]), row("b", NOW - 1, [20, 1, 10])];
        let ranked = all(&rows, &[], "cpu,ram=used,disk");
        assert_eq!(ranked[0].service.as_str(), "b");
    }

    #[test]
    fn the_window_is_of_messages_and_its_slots_are_five_minutes() {
        let rows = [row("a", NOW - 59, [10, 10, 10]), row("a", NOW - 3, [20, 10, 10]), row("a", NOW - 3, [60, 10, 10])];
        let health = &all(&rows, &[], "cpu,ram,disk")[0];
        let window = health.window.as_ref().unwrap();
        assert_eq!((window.msg_num, mean_of(window, &window.metrics[0])), (3, 300_000));
        let filled: Vec<_> = (0..SLOTS).filter(|slot| health.slots[*slot].is_some()).collect();
        assert_eq!(filled, [0, 11]);
        assert_eq!(health.rate(), 0.4);
    }
}
