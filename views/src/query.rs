//! A query: which minutes and services, which view, and the exact answer.
//!
//! Enters: a half-open time range (floored and raised to whole minutes), the
//! services, the bucket width. Leaves: rows by service (bytewise), then time,
//! and the coverage they stand for.
//!
//! What must hold: an answer equals a plain pass over its coverage, bit for
//! bit. The coverage is fixed first (`plan`), then read; a file that goes away
//! in between (its generation was rebuilt and retired) makes the query start
//! over from the newest manifest, and never makes it leave something out.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use schema::{Metrics, Micros, Minute, MinuteAggregate, ServiceName};
use serde::Serialize;

use crate::coverage::Coverage;
use crate::error::Result;
use crate::fold::{Row, Table};
use crate::plan::Plan;
use crate::reader::{Reader, Retries};
use crate::selection::Selection;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// From the minute this lies in.
    pub from: Micros,
    /// Up to this, raised to a whole minute; not included.
    pub to: Micros,
    /// Only these services; empty: all of them.
    pub services: BTreeSet<ServiceName>,
    /// The width of a bucket.
    pub every: Every,
    /// Which view answers.
    pub view: View,
}

impl Query {
    /// Every minute of every service, merged.
    #[must_use]
    pub fn everything() -> Self {
        Query {
            from: Micros::MIN,
            to: Micros::MAX,
            services: BTreeSet::new(),
            every: Every::Minute,
            view: View::Merged,
        }
    }

    /// The minutes really asked for: `from` floored, `to` raised.
    #[must_use]
    pub fn minutes(&self) -> Range<Minute> {
        let to = self.to.minute();
        let next = || Minute::new(to.get() + 1).unwrap_or(Minute::MAX);
        self.from.minute()..if to.start() < self.to { next() } else { to }
    }

    /// The rows wanted, before they are rolled up.
    #[must_use]
    pub fn selection(&self) -> Selection {
        let selection = Selection::minutes(self.minutes());
        if self.services.is_empty() { selection } else { selection.of_services(self.services.clone()) }
    }
}

/// Which part of the architecture answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// The batch views alone: up to the newest manifest's cuts.
    Batch,
    /// What came after those cuts alone: realtime views and the log's end.
    Realtime,
    /// Both, exactly once.
    #[default]
    Merged,
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            View::Batch => "batch",
            View::Realtime => "realtime",
            View::Merged => "merged",
        })
    }
}

impl FromStr for View {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "batch" => Ok(View::Batch),
            "realtime" => Ok(View::Realtime),
            "merged" => Ok(View::Merged),
            other => Err(format!("view {other}: must be merged, batch or realtime")),
        }
    }
}

/// The width of a bucket; buckets start at whole multiples since 1970 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub enum Every {
    /// `1m`
    #[default]
    #[serde(rename = "1m")]
    Minute,
    /// `5m`
    #[serde(rename = "5m")]
    FiveMinutes,
    /// `1h`
    #[serde(rename = "1h")]
    Hour,
    /// `1d`
    #[serde(rename = "1d")]
    Day,
}

impl Every {
    /// The width in minutes.
    #[must_use]
    pub fn minutes(self) -> u32 {
        match self {
            Every::Minute => 1,
            Every::FiveMinutes => 5,
            Every::Hour => 60,
            Every::Day => 24 * 60,
        }
    }

    /// The start of the bucket that `minute` falls in.
    #[must_use]
    pub fn bucket(self, minute: Minute) -> Minute {
        Minute::new(minute.get() - minute.get() % self.minutes()).unwrap_or(minute)
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Every::Minute => "1m",
            Every::FiveMinutes => "5m",
            Every::Hour => "1h",
            Every::Day => "1d",
        })
    }
}

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "1m" => Ok(Every::Minute),
            "5m" => Ok(Every::FiveMinutes),
            "1h" => Ok(Every::Hour),
            "1d" => Ok(Every::Day),
            other => Err(format!("every {other}: must be 1m, 5m, 1h or 1d")),
        }
    }
}

/// One bucket of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerRow {
    /// Whose messages.
    pub service: ServiceName,
    /// Where the bucket starts; it may start before the range asked for.
    pub start: Minute,
    /// The exact aggregate of the bucket's part inside the range.
    pub aggregate: MinuteAggregate,
}

/// An exact answer and what it covers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// By service (bytewise), then time.
    pub rows: Vec<AnswerRow>,
    /// The effective start, a whole minute.
    pub from: Micros,
    /// The effective end, a whole minute, not included.
    pub to: Micros,
    /// The width of the buckets.
    pub every: Every,
    /// The metrics, in the order of every row's aggregates.
    pub metrics: Metrics,
    /// The messages that the rows stand for.
    pub coverage: Coverage,
}

/// Answers `query` as of now.
///
/// On a monitor's machine every message it has acknowledged is covered, others
/// as far as the store shows.
///
/// # Errors
/// A file that is corrupt or missing for good, by name; a store that cannot
/// be read. Nothing is left out silently.
pub async fn query(reader: &Reader, query: &Query) -> Result<Answer> {
    Prepared::new(reader, query).await?.answer().await
}

/// A query whose coverage is known, and whose rows are not read yet.
#[derive(Debug)]
pub struct Prepared<'a> {
    reader: &'a Reader,
    query: &'a Query,
    plan: Plan,
    retries: Retries,
}

impl<'a> Prepared<'a> {
    /// Fixes what `query` covers as of now.
    ///
    /// # Errors
    /// As for [`query`].
    pub async fn new(reader: &'a Reader, query: &'a Query) -> Result<Self> {
        let mut retries = Retries::default();
        let plan = plan(reader, query, &mut retries).await?;
        Ok(Prepared { reader, query, plan, retries })
    }

    /// What an answer would cover now. The same query with the same coverage has the same answer.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        self.plan.coverage(self.query.view)
    }

    /// Answers; if files went away meanwhile, with a newer coverage.
    ///
    /// # Errors
    /// As for [`query`].
    pub async fn answer(mut self) -> Result<Answer> {
        loop {
            match self.plan.answer(self.reader, self.query).await {
                Ok(answer) => return Ok(answer),
                Err(error) => self.retries.after(error)?,
            }
            self.plan = plan(self.reader, self.query, &mut self.retries).await?;
        }
    }
}

async fn plan(reader: &Reader, query: &Query, retries: &mut Retries) -> Result<Plan> {
    loop {
        match Plan::newest(reader, &query.selection(), retries.avoid()).await {
            Ok(plan) => return Ok(plan),
            Err(error) => retries.after(error)?,
        }
    }
}

/// A table's rows, each a bucket.
pub(crate) fn rows(table: &Table) -> Vec<AnswerRow> {
    let row = |row: Row<'_>| AnswerRow {
        service: row.service.clone(),
        start: row.minute,
        aggregate: MinuteAggregate { msg_num: row.msg_num, metrics: row.metrics.into() },
    };
    table.rows().map(row).collect()
}
