//! The table that messages are folded into: (service, minute) to aggregate.
//!
//! Enters: messages in any order, rows of other tables and of view files.
//! Leaves: rows sorted by service (bytewise), then minute. What must hold: the
//! result does not depend on the order of arrival, because sums are exact and
//! the earliest of equal maxima wins.
//!
//! It is built for the common case, many messages of few services whose time
//! moves slowly: a small direct-mapped cache finds the service without hashing
//! its whole name, and each service remembers the row it added to last.
//! Aggregates lie in chunks that never move, so a table grows without copying
//! and knows its own size.

mod cells;

use std::cmp::Ordering;

use cells::Cells;
use hashbrown::HashMap;
use schema::{MetricAggregate, Metrics, Micros, Millionths, Minute, ServiceName};

use crate::selection::Selection;

/// Slots of the service cache; a power of two.
const RECENT: usize = 1024;
/// What one entry of a service's minute index takes, hash table slack included.
const INDEX_BYTES: usize = 18;

/// One row, borrowed: the aggregate of a service's minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// Whose messages.
    pub service: &'a ServiceName,
    /// The minute they fall in.
    pub minute: Minute,
    /// How many messages.
    pub msg_num: u64,
    /// One aggregate a metric, in the order of the store's metrics.
    pub metrics: &'a [MetricAggregate],
}

/// Aggregates by service and minute.
#[derive(Debug)]
pub struct Table {
    selection: Selection,
    services: Vec<Service>,
    by_name: HashMap<ServiceName, u32>,
    /// Index + 1 of the service last seen in each slot.
    recent: Box<[u32]>,
    cells: Cells,
}

#[derive(Debug)]
struct Service {
    name: ServiceName,
    wanted: bool,
    /// The row added to last.
    minute: Minute,
    cell: Option<u32>,
    cells: HashMap<Minute, u32>,
}

impl Table {
    /// An empty table for messages with these metrics.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        Table::selecting(metrics, Selection::everything())
    }

    /// An empty table that takes only rows of `selection` and ignores others.
    #[must_use]
    pub fn selecting(metrics: &Metrics, selection: Selection) -> Self {
        Table {
            selection,
            services: Vec::new(),
            by_name: HashMap::new(),
            recent: vec![0; RECENT].into_boxed_slice(),
            cells: Cells::new(metrics.len()),
        }
    }

    /// An empty table of the same metrics and selection.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Table {
            selection: self.selection.clone(),
            services: Vec::new(),
            by_name: HashMap::new(),
            recent: vec![0; RECENT].into_boxed_slice(),
            cells: Cells::new(self.cells.width),
        }
    }

    /// The same rows; from now on the table takes any other too.
    #[must_use]
    pub(crate) fn widened(mut self) -> Self {
        self.selection = Selection::everything();
        self.services.iter_mut().for_each(|service| service.wanted = true);
        self
    }

    /// Adds one message; `service` is a valid name.
    #[inline]
    pub fn add(&mut self, service: &str, time: Micros, values: &[Millionths]) {
        let minute = time.minute();
        if !self.selection.wants_minute(minute) {
            return;
        }
        let index = self.service(service);
        if let Some(cell) = self.cell(index, minute) {
            self.cells.add(cell, time, values);
        }
    }

    /// Merges one row.
    pub fn merge_row(&mut self, row: Row<'_>) {
        if !self.selection.wants_minute(row.minute) {
            return;
        }
        let index = self.service(row.service.as_str());
        if let Some(cell) = self.cell(index, row.minute) {
            self.cells.merge(cell, row.msg_num, row.metrics);
        }
    }

    /// Merges every row of `other`.
    pub fn merge(&mut self, other: &Table) {
        for service in other.services.iter().filter(|service| !service.cells.is_empty()) {
            let index = self.service(service.name.as_str());
            for (&minute, &cell) in &service.cells {
                if !self.selection.wants_minute(minute) {
                    continue;
                }
                if let Some(mine) = self.cell(index, minute) {
                    let (msg_num, metrics) = other.cells.get(cell);
                    self.cells.merge(mine, msg_num, metrics);
                }
            }
        }
    }

    /// How many rows it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len as usize
    }

    /// Whether it holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages its rows stand for.
    #[must_use]
    pub fn messages(&self) -> u64 {
        (0..self.cells.len).map(|cell| self.cells.get(cell).0).sum()
    }

    /// Bytes held, near enough to bound memory by.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.cells.memory() + self.len() * INDEX_BYTES + self.services.len() * 256
    }

    /// Every row, by service (bytewise), then minute.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let mut services: Vec<&Service> = self.services.iter().collect();
        services.sort_unstable_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
        services.into_iter().flat_map(|service| {
            let mut cells: Vec<(Minute, u32)> = service.cells.iter().map(|(&m, &c)| (m, c)).collect();
            cells.sort_unstable();
            cells.into_iter().map(|(minute, cell)| self.row(service, minute, cell))
        })
    }

    /// Every row, by minute, then service (bytewise): the order of view files.
    #[must_use]
    pub fn rows_by_time(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = self.rows().collect();
        rows.sort_by_key(|row| row.minute);
        rows
    }

    fn row<'a>(&'a self, service: &'a Service, minute: Minute, cell: u32) -> Row<'a> {
        let (msg_num, metrics) = self.cells.get(cell);
        Row { service: &service.name, minute, msg_num, metrics }
    }

    #[inline]
    fn service(&mut self, name: &str) -> u32 {
        let slot = slot(name);
        let guess = self.recent[slot];
        if guess != 0 && self.services[guess as usize - 1].name.as_str() == name {
            return guess - 1;
        }
        let index = self.find_service(name);
        self.recent[slot] = index + 1;
        index
    }

    #[cold]
    #[inline(never)]
    fn find_service(&mut self, name: &str) -> u32 {
        if let Some(&index) = self.by_name.get(name) {
            return index;
        }
        let index = self.services.len() as u32;
        #[expect(clippy::expect_used, reason = "whatever reads messages or rows lets no other name through")]
        let name = ServiceName::new(name).expect("a valid service name");
        self.services.push(Service {
            wanted: self.selection.wants_service(name.as_str()),
            name: name.clone(),
            minute: Minute::MAX,
            cell: None,
            cells: HashMap::new(),
        });
        self.by_name.insert(name, index);
        index
    }

    /// The row of a wanted service's minute, made if it is not there.
    #[inline]
    fn cell(&mut self, index: u32, minute: Minute) -> Option<u32> {
        let service = &mut self.services[index as usize];
        if let Some(cell) = service.cell
            && service.minute == minute
        {
            return Some(cell);
        }
        if !service.wanted {
            return None;
        }
        let cells = &mut self.cells;
        let cell = *service.cells.entry(minute).or_insert_with(|| cells.push());
        service.minute = minute;
        service.cell = Some(cell);
        Some(cell)
    }
}

/// A slot from a name's length and its first and last eight bytes.
#[inline]
fn slot(name: &str) -> usize {
    let bytes = name.as_bytes();
    let word = |part: &[u8]| {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        u64::from_le_bytes(word)
    };
    let mixed = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(23),
        _ => word(bytes),
    };
    let hash = (mixed ^ bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (hash >> (64 - RECENT.trailing_zeros())) as usize
}

/// Orders rows by service (bytewise), then minute.
pub(crate) fn by_service_then_minute(a: &Row<'_>, b: &Row<'_>) -> Ordering {
    a.service.as_str().cmp(b.service.as_str()).then(a.minute.cmp(&b.minute))
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{TODAY, count, messages, micros, rows, table};

    proptest! {
        #[test]
        fn a_table_counts_what_a_map_counts(messages in messages(300)) {
            let table = table(&messages);
            prop_assert_eq!(rows(&table), count(&messages));
            prop_assert_eq!(table.messages(), messages.len() as u64);
        }

        #[test]
        fn however_messages_are_split_and_merged_the_table_is_the_same(messages in messages(300), at in 0..300_usize) {
            let (left, right) = messages.split_at(at.min(messages.len()));
            let mut merged = table(right);
            merged.merge(&table(left));
            prop_assert_eq!(rows(&merged), count(&messages));
        }

        #[test]
        fn rows_are_sorted_by_service_and_by_time(messages in messages(300)) {
            let table = table(&messages);
            let rows: Vec<Row<'_>> = table.rows().collect();
            prop_assert!(rows.is_sorted_by(|a, b| by_service_then_minute(a, b).is_lt()));
            let rows = table.rows_by_time();
            prop_assert!(rows.is_sorted_by(|a, b| (a.minute, a.service) < (b.minute, b.service)));
        }

        #[test]
        fn a_table_takes_only_what_is_selected(messages in messages(300)) {
            let minutes: Range<Minute> = micros(TODAY).minute()..micros(TODAY + 3_600_000_000).minute();
            let service = ServiceName::new("basket").unwrap();
            let selection = Selection::minutes(minutes.clone()).of_services([service]);
            let mut some = Table::selecting(&Metrics::default(), selection);
            some.merge(&table(&messages[..messages.len() / 2]));
            messages[messages.len() / 2..].iter().for_each(|message| some.add(message.service, message.time, &message.values));
            let wanted = messages.iter().filter(|m| m.service == "basket" && minutes.contains(&m.time.minute()));
            prop_assert_eq!(rows(&some), count(wanted));
        }

        #[test]
        fn a_widened_table_takes_everything(messages in messages(100)) {
            let basket = Selection::everything().of_services([ServiceName::new("basket").unwrap()]);
            let mut some = Table::selecting(&Metrics::default(), basket);
            some.merge(&table(&messages));
            let mut wide = some.widened();
            wide.merge(&table(messages.iter().filter(|message| message.service != "basket")));
            prop_assert_eq!(rows(&wide), count(&messages));
        }
    }
}
