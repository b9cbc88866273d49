//! The plain second implementation that `verify` counts with.
//!
//! It owns its own reading of a message (`message`), deliberately slow and
//! simple, and shares no code with the parser, the table or the views; rows are
//! a `BTreeMap`. What both sides agree on is only the page that defines the
//! message.
//!
//! Enters: accepted log lines, one object each. Leaves: rows by minute, then
//! service. What must hold: no more than `limit` rows are held; past that the
//! latest minutes are given up and `ceiling` says from which minute on the
//! count is incomplete, so that another pass can take them.

mod decimal;
mod message;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use message::Plain;
pub(crate) use message::PlainColumn;

/// One metric of the recount: plain numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PlainMetric {
    pub(crate) sum: i128,
    pub(crate) max: i64,
    pub(crate) max_time: i64,
}

/// One service's minute in the recount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct PlainRow {
    pub(crate) messages: u64,
    pub(crate) metrics: Vec<PlainMetric>,
}

impl PlainRow {
    /// Adds the messages of `other`.
    pub(crate) fn absorb(&mut self, other: &PlainRow) {
        self.messages += other.messages;
        for (metric, other) in self.metrics.iter_mut().zip(&other.metrics) {
            metric.absorb(other.sum, other.max, other.max_time);
        }
    }
}

impl PlainMetric {
    fn absorb(&mut self, sum: i128, max: i64, max_time: i64) {
        self.sum += sum;
        if max > self.max || (max == self.max && max_time < self.max_time) {
            self.max = max;
            self.max_time = max_time;
        }
    }
}

/// A count of the messages in `from..to` (minutes) of the services asked for.
#[derive(Debug)]
pub(crate) struct Recount {
    columns: Vec<PlainColumn>,
    services: Option<BTreeSet<String>>,
    from: u32,
    ceiling: u32,
    step: u32,
    limit: usize,
    rows: BTreeMap<(u32, String), PlainRow>,
}

impl Recount {
    /// Counts `minutes`; gives up the latest of them down to a multiple of `step`.
    pub(crate) fn new(
        columns: Vec<PlainColumn>,
        services: Option<BTreeSet<String>>,
        minutes: Range<u32>,
        step: u32,
        limit: usize,
    ) -> Self {
        Recount { columns, services, from: minutes.start, ceiling: minutes.end, step, limit, rows: BTreeMap::new() }
    }

    /// The first minute that is not completely counted.
    pub(crate) fn ceiling(&self) -> u32 {
        self.ceiling
    }

    /// The rows below `ceiling`, by minute and then service.
    pub(crate) fn rows(&self) -> &BTreeMap<(u32, String), PlainRow> {
        &self.rows
    }

    /// Counts whole log lines, read by so many threads.
    ///
    /// # Errors
    /// What is wrong with a line; no accepted line is wrong.
    pub(crate) fn count(&mut self, lines: &[u8], threads: usize) -> Result<(), String> {
        let columns = &self.columns;
        let mut shares = shares(lines, threads).into_iter();
        let mine = shares.next().unwrap_or_default();
        let read = std::thread::scope(|scope| -> Result<Vec<Vec<Plain>>, String> {
            let others: Vec<_> = shares.map(|share| scope.spawn(|| read_all(share, columns))).collect();
            let mut read = vec![read_all(mine, columns)?];
            for other in others {
                read.push(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(read)
        });
        read?.into_iter().flatten().try_for_each(|message| self.take(message))
    }

    fn take(&mut self, message: Plain) -> Result<(), String> {
        let minute = u32::try_from(message.time / 60_000_000).map_err(|_| "time out of range")?;
        let wanted = self.services.as_ref().is_none_or(|names| names.contains(&message.service));
        if minute < self.from || minute >= self.ceiling || !wanted {
            return Ok(());
        }
        self.add(minute, message);
        while self.rows.len() > self.limit {
            self.give_up_latest_minutes();
        }
        Ok(())
    }

    fn add(&mut self, minute: u32, message: Plain) {
        let row = self.rows.entry((minute, message.service)).or_default();
        row.messages += 1;
        for (index, &value) in message.values.iter().enumerate() {
            let sum = i128::from(value);
            match row.metrics.get_mut(index) {
                Some(metric) => metric.absorb(sum, value, message.time),
                None => row.metrics.push(PlainMetric { sum, max: value, max_time: message.time }),
            }
        }
    }

    fn give_up_latest_minutes(&mut self) {
        if let Some(((minute, _), _)) = self.rows.last_key_value() {
            // One step alone may pass the limit: it must be counted somewhere.
            if minute / self.step == self.from / self.step {
                self.limit = self.rows.len();
                return;
            }
            self.ceiling = minute / self.step * self.step;
            drop(self.rows.split_off(&(self.ceiling, String::new())));
        }
    }
}

/// Cuts `lines` into as many shares of whole lines, about as long as each other.
fn shares(lines: &[u8], count: usize) -> Vec<&[u8]> {
    let mut shares = Vec::new();
    let mut rest = lines;
    for left in (2..=count).rev() {
        let middle = rest.len() / left;
        let Some(newline) = rest[middle..].iter().position(|byte| *byte == b'\n') else { break };
        let (share, after) = rest.split_at(middle + newline + 1);
        shares.push(share);
        rest = after;
    }
    shares.push(rest);
    shares
}

fn read_all(lines: &[u8], columns: &[PlainColumn]) -> Result<Vec<Plain>, String> {
    lines.split_inclusive(|byte| *byte == b'\n').map(|line| Plain::read(line, columns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_limit_the_latest_minutes_are_left_for_another_pass() {
        let column = |name: &str| PlainColumn { name: name.to_owned(), utilisation: true };
        let columns = ["cpu", "ram", "disk"].map(column).into();
        let mut recount = Recount::new(columns, None, 0..u32::MAX, 1, 3);
        for minute in [5, 1, 9, 3, 7, 1] {
            let line = format!(r#"{{"service":"a","ts":{},"cpu":1,"ram":1,"disk":1}}"#, minute * 60);
            recount.count(line.as_bytes(), 2).unwrap();
        }
        assert_eq!(recount.ceiling(), 7);
        let rows: Vec<_> = recount.rows().iter().map(|((minute, _), row)| (*minute, row.messages)).collect();
        assert_eq!(rows, [(1, 2), (3, 1), (5, 1)]);
    }
}
