//! The manifest: which files are the batch view, and what they cover.
//!
//! Publishing manifest n + 1 is the one step that puts a build in: it is
//! created only if absent, so of two builds based on n one wins and the other
//! has merely written files nobody names. No number is ever used twice; an old
//! manifest shrinks to a tombstone.
//!
//! # Format
//! `views/manifest/<n:010>.json` is a sealed document (`storage::sealed`) with
//! the body
//! ```text
//! {"version":1,"number":57,"base":56,"nonce":"<16 hex>","built_at":<us>,
//!  "latest_tick":<us>,
//!  "monitors":[{"monitor":"east","incarnation":"<16 hex>","generation":12,
//!               "position":{"seq":31,"offset":0},"messages":9000,"latest":<us>}],
//!  "imports":[{"import":"<64 hex>","cut":0,"messages":100,"latest":<us>}],
//!  "services":[{"service":"checkout","partitions":[
//!     ["2026-11-21",56,"<8 hex attempt>",1440,86400,98304,"<8 hex crc>",<first>,<last>]]}],
//!  "content":"<64 hex>"}
//! ```
//! A partition is (period, base, attempt, rows, messages, file bytes, CRC-32C
//! of its canonical rows, first and last minute since 1970). `content` is the
//! SHA-256 of one line `service period rows messages crc first last` a
//! partition: equal content, equal hash, whatever the files are called.
//! A tombstone is a sealed `{"version":1,"number":57,"tombstone":true}`.
//! `views/manifest-hint` holds a decimal number, a lower bound of the newest.

use std::sync::Arc;

use schema::{Generation, ImportHash, Incarnation, Micros, Minute, MonitorId, Position, ServiceName};
use serde::{Deserialize, Serialize};
use storage::Store;

use crate::error::Result;
use crate::period::Period;

/// One build: its files and what they cover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// 1.
    pub version: u32,
    /// This manifest's number, from 1.
    pub number: u64,
    /// The manifest it was built from; 0 if from none.
    pub base: u64,
    /// What tells this build from another that wants the same number.
    pub nonce: String,
    /// When it was published, by the builder's clock.
    pub built_at: Micros,
    /// The latest tick of the cuts covered; its month is the current one.
    pub latest_tick: Micros,
    /// What is covered of each monitor, by id.
    pub monitors: Vec<CoveredMonitor>,
    /// The imports decided on, by hash, withdrawn ones too.
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
    pub partitions: Vec<Partition>,
}

/// One batch view file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The time it stands for.
    pub period: Period,
    /// The manifest its build started from, part of its name.
    pub base: u64,
    /// Random, part of its name.
    pub attempt: u32,
    /// How many rows it holds.
    pub rows: u64,
    /// How many messages they stand for.
    pub messages: u64,
    /// The file's length.
    pub bytes: u64,
    /// CRC-32C of its canonical rows.
    pub crc32c: u32,
    /// Its first minute.
    pub first: Minute,
    /// Its last minute.
    pub last: Minute,
}

impl Manifest {
    /// The newest manifest, or none if nothing was ever built.
    ///
    /// # Errors
    /// The store's, and `Corrupt` naming a manifest whose checksum does not fit.
    pub async fn newest(store: &dyn Store) -> Result<Option<Arc<Manifest>>> {
        let _ = store;
        todo!()
    }

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
}
