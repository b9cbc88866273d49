//! The three answers to the whole question, taken before the count begins: the
//! count takes long, and view files go away meanwhile.
//!
//! Enters: a plan. Leaves: of each view and each `STEP` of minutes how many rows
//! the answer has, and a fingerprint of them. What must hold: memory does not
//! grow with rows or services: an answer is taken some minutes at a time, and
//! of those nothing but the fingerprints stays. Only what differs from the count
//! is asked for again, to be shown row by row.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use schema::Minute;

use super::compare::plain;
use super::pass::Pass;
use crate::error::{Result, ViewError};
use crate::fold::Table;
use crate::manifest::Partition;
use crate::query::{Every, View};
use crate::recount::PlainRow;
use crate::selection::Selection;

/// How many minutes have one fingerprint.
pub(super) const STEP: u32 = 10;

/// What stands for the rows of some minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Print {
    pub(super) rows: u64,
    /// Of every row's hash: the order does not matter.
    sum: u64,
}

impl Print {
    pub(super) fn add(&mut self, minute: u32, service: &str, row: &PlainRow) {
        let mut hasher = DefaultHasher::new();
        (minute, service, row).hash(&mut hasher);
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hasher.finish());
    }
}

/// The fingerprints of one view's rows, by minute in units of `STEP`.
pub(super) type Prints = BTreeMap<u32, Print>;

/// The answers of one plan; none for a view that a damaged file lies behind.
#[derive(Debug, Default)]
pub(super) struct Answers([Option<Prints>; VIEWS.len()]);

pub(super) const VIEWS: [View; 3] = [View::Batch, View::Realtime, View::Merged];

impl Answers {
    pub(super) fn of(&self, view: View) -> Option<&Prints> {
        let at = VIEWS.iter().position(|&taken| taken == view)?;
        self.0.get(at)?.as_ref()
    }
}

impl Pass<'_> {
    /// Takes the answers, at most about `rows` of their rows at a time.
    pub(super) async fn take_answers(&mut self, rows: u64) -> Result<Answers> {
        let mut answers = VIEWS.map(|_| Some(Prints::new()));
        let minutes = self.verify.query.minutes();
        for window in windows(&self.plan.partitions, minutes.start.get()..minutes.end.get(), rows) {
            for (view, prints) in VIEWS.into_iter().zip(&mut answers) {
                let Some(taken) = prints else { continue };
                match self.take_answer(view, &window).await? {
                    Some(table) => table.rows().for_each(|row| {
                        let print = taken.entry(row.minute.get() / STEP).or_default();
                        print.add(row.minute.get(), row.service.as_str(), &plain(&row));
                    }),
                    None => *prints = None,
                }
            }
        }
        Ok(Answers(answers))
    }

    /// One answer; none where a file behind it is damaged, which is a difference.
    pub(super) async fn take_answer(&mut self, view: View, minutes: &Range<u32>) -> Result<Option<Table>> {
        let bound = |minute| Minute::new(minute).unwrap_or(Minute::MAX);
        let mut selection = Selection::minutes(bound(minutes.start)..bound(minutes.end));
        let services = &self.verify.query.services;
        if !services.is_empty() {
            selection = selection.of_services(services.iter().cloned());
        }
        let mut table = Table::selecting(&self.reader.metrics, selection.clone());
        match self.plan.fold(self.reader, view, &selection, Every::Minute, &mut table).await {
            Ok(()) => Ok(Some(table)),
            Err(ViewError::Corrupt { name, why } | ViewError::DatedFile { name, why }) => {
                self.file(&name, why);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Cuts `minutes` where a multiple of `STEP` begins, so that the batch has at
/// most about `rows` rows in each window: a service has one a minute.
fn windows(partitions: &[Partition], minutes: Range<u32>, rows: u64) -> Vec<Range<u32>> {
    let held = |minutes: &Range<u32>| -> u64 {
        let of = |partition: &Partition| {
            let from = partition.first.get().max(minutes.start);
            let to = (partition.last.get() + 1).min(minutes.end);
            partition.rows.min(u64::from(to.saturating_sub(from)))
        };
        partitions.iter().map(of).sum()
    };
    let mut windows: Vec<(Range<u32>, u64)> = Vec::new();
    let mut rest = vec![minutes];
    while let Some(minutes) = rest.pop() {
        let middle = minutes.start / STEP + (minutes.end / STEP - minutes.start / STEP).div_ceil(2);
        let middle = middle * STEP;
        let here = held(&minutes);
        if here > rows && minutes.start < middle && middle < minutes.end {
            rest.extend([middle..minutes.end, minutes.start..middle]);
            continue;
        }
        match windows.last_mut() {
            Some((last, held)) if *held + here <= rows => (last.end, *held) = (minutes.end, *held + here),
            _ => windows.push((minutes, here)),
        }
    }
    windows.into_iter().map(|(minutes, _)| minutes).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schema::ServiceName;

    use super::*;
    use crate::period::Period;

    fn partition(first: u32, length: u32, rows: u64) -> Partition {
        let minute = |minute| Minute::new(minute).unwrap();
        Partition {
            service: ServiceName::new("a").unwrap(),
            period: Period::Day(minute(first).date()),
            base: 0,
            attempt: 0,
            rows: rows.min(u64::from(length)),
            messages: rows,
            bytes: 0,
            file_crc32c: 0,
            rows_crc32c: 0,
            first: minute(first),
            last: minute(first + length - 1),
        }
    }

    proptest! {
        #[test]
        fn windows_join_and_none_is_larger_than_it_must_be(
            partitions in prop::collection::vec((0..5000_u32, 1..2000_u32, 1..2000_u64), 0..20),
            start in 0..3000_u32, length in prop_oneof![1..9000_u32, Just(u32::MAX - 3000)], rows in 1..5000_u64,
        ) {
            let partitions: Vec<_> = partitions.into_iter().map(|(at, n, rows)| partition(at, n, rows)).collect();
            let all = start..start + length;
            let windows = windows(&partitions, all.clone(), rows);
            prop_assert_eq!((windows[0].start, windows[windows.len() - 1].end), (all.start, all.end));
            for pair in windows.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].start);
                prop_assert_eq!(pair[0].end % STEP, 0);
            }
            for window in &windows {
                let minutes = |p: &Partition| {
                    (p.first.get().max(window.start)..(p.last.get() + 1).min(window.end)).len() as u64
                };
                let held: u64 = partitions.iter().map(|p| p.rows.min(minutes(p))).sum();
                prop_assert!(held <= rows || window.len() as u32 <= 2 * STEP, "{window:?} holds {held}");
            }
        }
    }
}
