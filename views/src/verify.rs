//! Verification: the answers against a second count of the same bytes.
//!
//! It fixes one coverage, takes the batch, the realtime and the merged answer
//! of it, reads exactly the bytes it names with the plain implementation
//! (`recount`) and reports every difference: a row or number that is not the
//! counted one, a Double that is not the nearest to its exact value, a file
//! that is not, to the byte, what its cut or its manifest says, or is gone.
//!
//! What must hold: it shares with what it verifies nothing but the nouns; its
//! memory is bounded; and it ends, whatever is retired meanwhile. All that goes
//! away, views and the manifest's pages, is read before the count begins
//! (`answers`); what the count reads, dated files and cuts, stays. Rows are
//! counted and compared some minutes at a time: when the count grows past
//! `rows`, the latest minutes are left to another pass over the files that can
//! hold them.

mod answers;
mod compare;
mod copies;
mod files;
mod pass;

use std::fmt;

use schema::Minute;

use pass::Pass;

use crate::coverage::Coverage;
use crate::error::Result;
use crate::plan::Plan;
use crate::query::{Query, View};
use crate::reader::{Reader, Retries};

/// Rows counted in one pass; some tens of megabytes.
const ROWS: usize = 100_000;

/// What is verified.
#[derive(Clone, Debug)]
pub struct Verify {
    /// The range and services; its view and bucket width are not used.
    pub query: Query,
    /// How many rows one pass may hold; of an answer five times as many.
    pub rows: usize,
    /// Whether what this machine still has is also compared with the store's copy of it, byte by byte.
    pub deep: bool,
}

impl Verify {
    /// Verifies the range and services of `query`.
    #[must_use]
    pub fn of(query: Query) -> Self {
        Verify { query, rows: ROWS, deep: false }
    }
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counting {
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
    /// Bytes of this machine that were compared with the store's copy of them.
    pub compared: u64,
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
/// What keeps it from saying what is covered: a store, a manifest or a cut that
/// cannot be read. What is covered and is wrong or gone is a difference, no error.
pub async fn verify(reader: &Reader, verify: &Verify, progress: &mut (dyn FnMut(Counting) + Send)) -> Result<Verdict> {
    let (reader, mut retries) = (&reader.of_lines(), Retries::default());
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
