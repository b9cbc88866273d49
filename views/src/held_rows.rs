//! Rows that are kept: read and checked once, given often.
//!
//! Enters: a table. Leaves: its rows, of some services or all. What must hold: they never change; a service's rows
//! stand together, so that asking for one costs nothing for the others.

use std::ops::Range;

use schema::{MetricAggregate, Minute, ServiceName};

use crate::fold::{Row, Table};
use crate::selection::Selection;

/// Rows, by service (bytewise), then minute.
#[derive(Debug, Default)]
pub(crate) struct HeldRows {
    services: Vec<(ServiceName, Range<usize>)>,
    rows: Vec<(Minute, u64)>,
    /// As many a row as the store has metrics.
    metrics: Vec<MetricAggregate>,
    width: usize,
}

impl HeldRows {
    /// The rows of `table`.
    pub(crate) fn of(table: &Table) -> Self {
        let mut held = HeldRows::default();
        held.rows.reserve_exact(table.len());
        for row in table.rows() {
            let at = held.rows.len();
            match held.services.last_mut() {
                Some((service, range)) if service == row.service => range.end = at + 1,
                _ => held.services.push((row.service.clone(), at..at + 1)),
            }
            held.rows.push((row.minute, row.msg_num));
            held.metrics.extend_from_slice(row.metrics);
            held.width = row.metrics.len();
        }
        held.metrics.shrink_to_fit();
        held
    }

    /// Gives the rows of `selection` to `sink`.
    pub(crate) fn read(&self, selection: &Selection, mut sink: impl FnMut(Row<'_>)) {
        match selection.services() {
            Some(wanted) if wanted.len() < self.services.len() => {
                let find = |name| self.services.binary_search_by(|(service, _)| service.as_str().cmp(name));
                let found = wanted.iter().filter_map(|service| find(service.as_str()).ok());
                found.for_each(|at| self.of_service(at, selection, &mut sink));
            }
            _ => {
                let wanted = |at: &usize| selection.wants_service(self.services[*at].0.as_str());
                (0..self.services.len()).filter(wanted).for_each(|at| self.of_service(at, selection, &mut sink));
            }
        }
    }

    /// Memory that they take.
    pub(crate) fn held_bytes(&self) -> u64 {
        let services: usize = self.services.iter().map(|(service, _)| 64 + service.as_str().len()).sum();
        (services + size_of_val(&*self.rows) + size_of_val(&*self.metrics)) as u64
    }

    fn of_service(&self, at: usize, selection: &Selection, sink: &mut impl FnMut(Row<'_>)) {
        let (service, range) = &self.services[at];
        for at in range.clone() {
            let (minute, msg_num) = self.rows[at];
            if selection.wants_minute(minute) {
                sink(Row { service, minute, msg_num, metrics: &self.metrics[at * self.width..(at + 1) * self.width] });
            }
        }
    }
}
