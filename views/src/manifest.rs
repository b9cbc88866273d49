//! The manifest: which files are the batch view, and what they cover.
//!
//! Enters: a finished build. Leaves: the newest build, to whoever reads. What
//! must hold: publishing manifest n + 1 is the one step that puts a build in.
//! It is created only if absent, so of two builds based on n one wins and the
//! other has merely written files nobody names; no number is ever used twice.
//!
//! # Format
//! `views/manifest/<n:010>.json` is a sealed document (`storage::sealed`) with
//! the body
//! ```text
//! {"version":1,"number":57,"base":56,"nonce":"<16 hex>","built_at":<us>,"latest_tick":<us>,
//!  "monitors":[{"monitor":"east","incarnation":"<16 hex>","generation":12,"position":"31:0",
//!               "messages":9000,"latest":<us>}],
//!  "imports":[{"import":"<64 hex>","cut":0,"messages":100,"latest":<us>}],
//!  "services":[{"service":"checkout","partitions":
//!     "2026-11-20,51,<8 hex>,1440,86400,98304,<8 hex>,29892960,29894399 2026-11-21,56,..."}],
//!  "content":"<64 hex>"}
//! ```
//! A partition is: period, base and attempt (both in its file's name), rows,
//! messages, file bytes, CRC-32C of its canonical rows (`row_bytes`), first and
//! last minute since 1970; all of a service's are one text, separated by spaces. `content` is the SHA-256 of one line
//! `service period rows messages crc first last\n` a partition: equal content,
//! equal hash, whatever the files are called and however they came about.

mod newest;
mod partition;
mod publish;

use schema::{Generation, ImportHash, Incarnation, Micros, MonitorId, Position, ServiceName};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use newest::{newest_number, read};
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
    /// The batch view of each service, by name (bytewise).
    pub services: Vec<ServiceViews>,
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

/// The batch view files of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceViews {
    /// Whose rows.
    pub service: ServiceName,
    /// Its partitions, by time; no two overlap.
    #[serde(with = "partition")]
    pub partitions: Vec<Partition>,
}

impl Manifest {
    /// The one version there is.
    pub const VERSION: u32 = 1;

    /// The partitions of `service`, by time; none if it is unknown.
    #[must_use]
    pub fn partitions(&self, service: &str) -> &[Partition] {
        match self.services.binary_search_by(|views| views.service.as_str().cmp(service)) {
            Ok(at) => &self.services[at].partitions,
            Err(_) => &[],
        }
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

    /// How many messages the batch holds.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.services.iter().flat_map(|views| &views.partitions).map(|partition| partition.messages).sum()
    }

    /// The hash of what `services` hold: the same for the same rows.
    pub(crate) fn hash_content(services: &[ServiceViews]) -> String {
        let mut hash = Sha256::new();
        let mut line = String::new();
        for views in services {
            for partition in &views.partitions {
                line.clear();
                partition.write_content(&views.service, &mut line);
                hash.update(line.as_bytes());
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests;
