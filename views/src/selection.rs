//! Which rows are wanted: minutes and services.
//!
//! One type for the query's range, the recomputed periods of a rebuild and the
//! pruning of view files. What must hold: ranges are sorted, disjoint and not
//! empty, so one look finds a minute's.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use schema::{Minute, ServiceName};

/// A set of minutes, and optionally of services; the default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// By number, half-open, so that the last minute of 9999 has an end.
    minutes: Option<Vec<Range<u32>>>,
    services: Option<BTreeSet<ServiceName>>,
}

impl Selection {
    /// Every row.
    #[must_use]
    pub fn everything() -> Self {
        Selection::default()
    }

    /// No row.
    #[must_use]
    pub fn nothing() -> Self {
        Selection { minutes: Some(Vec::new()), services: None }
    }

    /// Only minutes in `minutes` (half-open).
    #[must_use]
    pub fn minutes(minutes: Range<Minute>) -> Self {
        let only = minutes.start.get()..minutes.end.get();
        Selection { minutes: Some(if only.is_empty() { Vec::new() } else { vec![only] }), services: None }
    }

    /// Only minutes in one of `ranges`, which may overlap and come in any order.
    #[must_use]
    pub fn within(ranges: impl IntoIterator<Item = RangeInclusive<Minute>>) -> Self {
        let mut ranges: Vec<Range<u32>> =
            ranges.into_iter().map(|range| range.start().get()..range.end().get() + 1).collect();
        ranges.retain(|range| !range.is_empty());
        ranges.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<u32>> = Vec::new();
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Selection { minutes: Some(merged), services: None }
    }

    /// Of those, only rows of `services`.
    #[must_use]
    pub fn of_services(mut self, services: impl IntoIterator<Item = ServiceName>) -> Self {
        self.services = Some(services.into_iter().collect());
        self
    }

    /// Whether rows of `minute` are wanted.
    #[inline]
    #[must_use]
    pub fn wants_minute(&self, minute: Minute) -> bool {
        match self.minutes.as_deref() {
            None => true,
            Some([only]) => only.contains(&minute.get()),
            Some(ranges) => {
                let next = ranges.partition_point(|range| range.end <= minute.get());
                ranges.get(next).is_some_and(|range| range.contains(&minute.get()))
            }
        }
    }

    /// Whether any minute of `least..=greatest` is wanted.
    #[must_use]
    pub fn touches(&self, least: Minute, greatest: Minute) -> bool {
        match &self.minutes {
            None => true,
            Some(ranges) => ranges.iter().any(|range| range.start <= greatest.get() && least.get() < range.end),
        }
    }

    /// Whether every minute of `least..=greatest` is wanted.
    #[must_use]
    pub fn covers(&self, least: Minute, greatest: Minute) -> bool {
        let within = |range: &Range<u32>| range.start <= least.get() && greatest.get() < range.end;
        self.minutes.as_ref().is_none_or(|ranges| ranges.iter().any(within))
    }

    /// The same services, at any time.
    #[must_use]
    pub fn of_any_minute(&self) -> Self {
        Selection { minutes: None, services: self.services.clone() }
    }

    /// Whether rows of `service` are wanted.
    #[must_use]
    pub fn wants_service(&self, service: &str) -> bool {
        self.services.as_ref().is_none_or(|services| services.contains(service))
    }

    /// The services wanted; `None` is all of them.
    #[must_use]
    pub fn services(&self) -> Option<&BTreeSet<ServiceName>> {
        self.services.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(n: u32) -> Minute {
        Minute::new(n).unwrap()
    }

    #[test]
    fn overlapping_ranges_become_one() {
        let selection = Selection::within([minute(5)..=minute(8), minute(1)..=minute(4), minute(20)..=minute(20)]);
        for n in 0..30 {
            assert_eq!(selection.wants_minute(minute(n)), (1..9).contains(&n) || n == 20, "{n}");
        }
        assert!(selection.touches(minute(0), minute(1)));
        assert!(!selection.touches(minute(9), minute(19)));
        assert!(selection.touches(minute(9), minute(20)));
        assert!(selection.covers(minute(1), minute(8)) && selection.covers(minute(20), minute(20)));
        assert!(!selection.covers(minute(8), minute(9)) && !selection.covers(minute(8), minute(20)));
    }
}
