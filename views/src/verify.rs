//! Verification: the answers against a second count of the same bytes.
//!
//! It fixes one coverage, takes the batch, the realtime and the merged answer
//! of it, reads exactly the bytes it names with the plain implementation
//! (`recount`) and reports every difference: a row or number that is not the
//! counted one, a Double that is not the nearest to its exact value, a file
//! that is not what its cut or its manifest says.
//!
//! What must hold: it shares with what it verifies nothing but the nouns, and
//! its memory is bounded. Rows are counted and compared some minutes at a time:
//! when the count grows past `rows`, the latest minutes are left to another
//! pass over the files that can hold them.

mod compare;
mod files;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use schema::{Minute, Read};

use compare::Answers;

use crate::coverage::Coverage;
use crate::error::Result;
use crate::extents::{self, Extent};
use crate::plan::Plan;
use crate::query::{Query, View};
use crate::reader::{Reader, Retries};
use crate::recount::{PlainColumn, Recount};

/// Rows counted in one pass; some tens of megabytes.
const ROWS: usize = 100_000;
/// Rows of answers taken before the count; more are taken some minutes at a time.
const ANSWER_ROWS: u64 = 500_000;
/// Differences kept; more are only counted.
const KEPT: usize = 1000;

/// What is verified.
#[derive(Clone, Debug)]
pub struct Verify {
    /// The range and services; its view and bucket width are not used.
    pub query: Query,
    /// How many rows one pass may hold.
    pub rows: usize,
}

impl Verify {
    /// Verifies the range and services of `query`.
    #[must_use]
    pub fn of(query: Query) -> Self {
        Verify { query, rows: ROWS }
    }
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Log bytes counted so far.
    pub bytes: u64,
    /// Log bytes to count, as far as is known.
    pub total_bytes: u64,
}

/// What a verification found.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was verified.
    pub coverage: Coverage,
    /// Messages counted plainly in the range asked for.
    pub messages: u64,
    /// Log bytes read for that.
    pub bytes: u64,
    /// Rows compared, of all three views together.
    pub rows: u64,
    /// View files whose Doubles were checked.
    pub files: u64,
    /// The first thousand differences.
    pub differences: Vec<Difference>,
    /// How many there are in all.
    pub found: u64,
}

/// Something that is not as it was counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// A number of a row; `expected` is the recount's.
    Row {
        /// Which view's answer.
        view: View,
        /// Whose row.
        service: String,
        /// Which minute.
        minute: Minute,
        /// Which column: `msg_num`, `cpu`, `max_cpu`, `max_cpu_time`, …
        column: String,
        /// What the plain count has; empty: no such row.
        expected: String,
        /// What the answer has; empty: no such row.
        found: String,
    },
    /// A file that is not what it was when it was named.
    File {
        /// Its key or path.
        name: String,
        /// What does not fit.
        why: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Row { view, service, minute, column, expected, found } => {
                let none = |text: &str| if text.is_empty() { "no row".to_owned() } else { text.to_owned() };
                let (expected, found) = (none(expected), none(found));
                let start = minute.start();
                write!(f, "{view}: {service} {start} {column}: expected {expected}, found {found}")
            }
            Difference::File { name, why } => write!(f, "{name}: {why}"),
        }
    }
}

/// Verifies what is visible now.
///
/// # Errors
/// What keeps it from finishing: a store that cannot be read, a file that is
/// missing. What it can read and finds wrong is a difference, no error.
pub async fn verify(reader: &Reader, verify: &Verify, progress: &mut (dyn FnMut(Verified) + Send)) -> Result<Verdict> {
    let mut retries = Retries::default();
    loop {
        let attempt = async {
            let plan = Plan::newest(reader, &verify.query.selection(), retries.avoid()).await?;
            let mut pass = Pass::new(reader, verify, &plan);
            for name in retries.avoid() {
                pass.file(name, "it is damaged; the answers do without it");
            }
            pass.run(progress).await
        };
        match attempt.await {
            Ok(verdict) => return Ok(verdict),
            Err(error) => retries.after(error)?,
        }
    }
}

/// One verification of one plan.
struct Pass<'a> {
    reader: &'a Reader,
    verify: &'a Verify,
    plan: &'a Plan,
    verdict: Verdict,
    answers: Option<Answers>,
}

impl<'a> Pass<'a> {
    fn new(reader: &'a Reader, verify: &'a Verify, plan: &'a Plan) -> Self {
        let verdict = Verdict {
            coverage: plan.coverage(View::Merged),
            messages: 0,
            bytes: 0,
            rows: 0,
            files: 0,
            differences: Vec::new(),
            found: 0,
        };
        Pass { reader, verify, plan, verdict, answers: None }
    }

    async fn run(mut self, progress: &mut (dyn FnMut(Verified) + Send)) -> Result<Verdict> {
        self.check_files().await?;
        if self.plan.rows() <= ANSWER_ROWS {
            self.answers = Some(self.take_answers().await?);
        }
        let batch = extents::of(self.reader, &self.plan.coverage(View::Batch)).await?;
        let realtime = extents::of(self.reader, &self.plan.coverage(View::Realtime)).await?;
        let mut total_bytes: u64 = batch.iter().chain(&realtime).map(Extent::bytes).sum();
        let minutes = self.verify.query.minutes();
        let mut from = minutes.start;
        while from < minutes.end {
            let window = from.get()..minutes.end.get();
            let mut counts = [self.recount(window.clone()), self.recount(window.clone())];
            for (count, extents) in counts.iter_mut().zip([&batch, &realtime]) {
                for extent in extents.iter() {
                    if !extent.may_hold(from.get()..count.ceiling()) {
                        continue;
                    }
                    self.count(extent, count).await?;
                    total_bytes = total_bytes.max(self.verdict.bytes);
                    progress(Verified { bytes: self.verdict.bytes, total_bytes });
                }
            }
            let end = counts.iter().map(Recount::ceiling).min().unwrap_or(window.end);
            self.compare(window.start..end, &counts).await?;
            from = Minute::new(end).unwrap_or(minutes.end);
        }
        Ok(self.verdict)
    }

    fn recount(&self, minutes: Range<u32>) -> Recount {
        let metrics = self.reader.metrics.iter();
        let columns = metrics.map(|metric| PlainColumn {
            name: metric.name.as_str().to_owned(),
            utilisation: metric.read == Read::Utilisation,
        });
        let services = &self.verify.query.services;
        let names = services.iter().map(|name| name.as_str().to_owned());
        let services = (!services.is_empty()).then(|| names.collect::<BTreeSet<_>>());
        Recount::new(columns.collect(), services, minutes.start, minutes.end, self.verify.rows)
    }
}

impl Pass<'_> {
    /// Counts the lines of `extent`, and checks that it is what its cut says.
    async fn count(&mut self, extent: &Extent, recount: &mut Recount) -> Result<()> {
        let mut lines = extents::Lines::new(self.reader, extent);
        while let Some(chunk) = lines.next().await? {
            self.verdict.bytes += chunk.len() as u64;
            if let Err(why) = recount.count(&chunk, self.reader.threads) {
                self.file(&extent.input.place, format!("a line cannot be counted: {why}"));
                return Ok(());
            }
        }
        if let Err(why) = lines.check() {
            self.file(&extent.input.place, why);
        }
        Ok(())
    }

    fn file(&mut self, name: &dyn fmt::Display, why: impl Into<String>) {
        let difference = Difference::File { name: name.to_string(), why: why.into() };
        if !self.verdict.differences.contains(&difference) {
            self.difference(difference);
        }
    }

    fn difference(&mut self, difference: Difference) {
        self.verdict.found += 1;
        if self.verdict.differences.len() < KEPT {
            self.verdict.differences.push(difference);
        }
    }
}
