//! The manifest: which files are the batch view, and what they cover.
//!
//! Enters: a finished build. Leaves: the newest build, to whoever reads. What
//! must hold: publishing manifest n + 1 is the one step that puts a build in.
//! It is created only if absent, so of two builds based on n one wins and the
//! other has merely written files nobody names; no number is ever used twice.
//!
//! A year of four hundred services has sixteen thousand files, of which an hour
//! changes four hundred: so the manifest names *pages*, one a period, and a page
//! the files of that period. A build writes the pages it changed, and carries
//! the others over by their names; a query reads the pages of the time asked for.
//!
//! # Format
//! `views/manifest/<n:010>.json` is a sealed document (`storage::sealed`) with
//! the body
//! ```text
//! {"version":1,"number":57,"base":56,"nonce":"<16 hex>","built_at":<us>,"latest_tick":<us>,
//!  "monitors":[{"monitor":"east","incarnation":"<16 hex>","generation":12,"position":"31:0",
//!               "messages":9000,"latest":<us>}],
//!  "imports":[{"import":"<64 hex>","cut":0,"messages":100,"latest":<us>}],
//!  "pages":["2026-11-20,51,<8 hex>,35120,<8 hex>,400,576000,34560000,<64 hex>","2026-11-21,56,..."],
//!  "content":"<64 hex>"}
//! ```
//! A page's entry is: period, base and attempt (its file's name), length and
//! CRC-32C of that file, how many partitions, rows and messages, and the hash of
//! their content. Pages are by time; no two overlap. The file is specified in
//! `page.rs`. `content` is the SHA-256 of one line `period hash\n` a page: equal
//! content, equal hash, whatever the files are called and however they came about.

mod newest;
mod page;
mod partition;
mod publish;

use schema::{Generation, ImportHash, Incarnation, Micros, MonitorId, Position};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage::Store;

use crate::error::Result;
use crate::selection::Selection;

pub(crate) use newest::{newest_number, read};
pub use page::Page;
pub(crate) use page::hash_content;
pub use partition::Partition;
pub(crate) use partition::key;

/// One build: its files and what they cover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`Manifest::VERSION`].
    pub version: u32,
    /// This manifest's number, from 1.
    pub number: u64,
    /// The manifest it was built from, the number before; 0 before the first.
    pub base: u64,
    /// What tells this build from another that wants the same number.
    pub nonce: String,
    /// When it was published, by the builder's clock.
    pub built_at: Micros,
    /// The latest tick of the cuts covered; its month is the current one.
    pub latest_tick: Micros,
    /// What is covered of each monitor, by id.
    pub monitors: Vec<CoveredMonitor>,
    /// The imports taken into account, by hash, withdrawn ones too.
    pub imports: Vec<CoveredImport>,
    /// Where the batch view's files are named, by time; no two periods overlap.
    pub pages: Vec<Page>,
    /// Hash of every partition's content.
    pub content: String,
}

/// A monitor's messages below `position` are in the batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredMonitor {
    /// Whose log.
    pub monitor: MonitorId,
    /// Which of its lives wrote the last cut.
    pub incarnation: Incarnation,
    /// The last generation covered.
    pub generation: Generation,
    /// That generation's cut: the first position not covered.
    pub position: Position,
    /// How many messages are covered.
    pub messages: u64,
    /// Their greatest Timestamp.
    pub latest: Option<Micros>,
}

/// An import that cut `cut` has added (even) or withdrawn (odd).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredImport {
    /// SHA-256 of the imported bytes.
    pub import: ImportHash,
    /// The last cut taken into account.
    pub cut: Generation,
    /// How many of its messages are in the batch; 0 once withdrawn.
    pub messages: u64,
    /// Their greatest Timestamp.
    pub latest: Option<Micros>,
}

impl Manifest {
    /// The one version there is.
    pub const VERSION: u32 = 1;

    /// Every batch view file, by time, then service: all pages are read.
    ///
    /// # Errors
    /// As for [`Page::read`].
    pub async fn partitions(&self, store: &dyn Store) -> Result<Vec<Partition>> {
        let mut partitions = Vec::new();
        for page in &self.pages {
            partitions.extend(page.read(store).await?);
        }
        Ok(partitions)
    }

    /// What is covered of `monitor`.
    #[must_use]
    pub fn monitor(&self, monitor: &MonitorId) -> Option<&CoveredMonitor> {
        self.monitors.iter().find(|covered| covered.monitor == *monitor)
    }

    /// What is covered of the import `hash`.
    #[must_use]
    pub fn import(&self, hash: &ImportHash) -> Option<&CoveredImport> {
        self.imports.iter().find(|covered| covered.import == *hash)
    }

    /// The pages that may name rows of `selection`.
    pub(crate) fn pages_of(&self, selection: &Selection) -> impl Iterator<Item = &Page> {
        self.pages.iter().filter(|page| {
            let minutes = page.period.minutes();
            selection.touches(*minutes.start(), *minutes.end())
        })
    }

    /// How many messages the batch holds.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.pages.iter().map(|page| page.messages).sum()
    }

    /// How many rows the batch holds.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.pages.iter().map(|page| page.rows).sum()
    }

    /// The hash of what `pages` hold: the same for the same rows.
    pub(crate) fn hash_content(pages: &[Page]) -> String {
        hash_lines(pages.iter().map(|page| format!("{} {}\n", page.period, page.content)))
    }
}

/// SHA-256 of lines, as hex.
fn hash_lines(lines: impl Iterator<Item = String>) -> String {
    let mut hash = Sha256::new();
    lines.for_each(|line| hash.update(line));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
