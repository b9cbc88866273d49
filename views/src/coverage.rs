//! What an answer covers: one position a monitor plus a set of imports.
//!
//! A coverage is not a time range: it names messages by where they stand in
//! the logs. Every number of an answer equals a plain pass over exactly the
//! messages that its coverage names (and that the asked range and services
//! let through), which is what `verify` does.
//!
//! Enters: what `plan` found in the manifest, the realtime views and the
//! journal. Leaves: the same, for people, JSON and `verify`.
//!
//! What must hold: a monitor is listed once; `from < to` unless nothing is
//! covered, then `from == to`; an import is either covered or not, whole.

use std::fmt;

use schema::{Generation, ImportHash, Incarnation, Micros, MonitorId, Position};
use serde::Serialize;

/// The messages an answer stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// One entry a monitor, by id.
    pub monitors: Vec<MonitorCoverage>,
    /// Imports whose messages are in the answer, by hash.
    pub imports: Vec<ImportCoverage>,
    /// Imports that the next rebuild will take in or put out, by hash.
    pub pending: Vec<PendingImport>,
    /// Monitors of which nothing can be seen: they have their id, and no cut or
    /// view in the store yet.
    pub unseen: Vec<MonitorId>,
}

/// The messages of one monitor in `from..to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonitorCoverage {
    /// Whose messages.
    pub monitor: MonitorId,
    /// Which life of that monitor wrote up to `to`.
    pub incarnation: Incarnation,
    /// The generation that `to` lies in, or closes.
    pub generation: Generation,
    /// The first position covered; absent: everything from the first message.
    pub from: Option<Position>,
    /// The first position no longer covered.
    pub to: Position,
    /// How many messages those are.
    pub messages: u64,
    /// The greatest Timestamp among them.
    pub latest: Option<Micros>,
}

/// One import in the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportCoverage {
    /// SHA-256 of the imported bytes.
    pub import: ImportHash,
    /// The cut that made it count: 0, or even if it was undone in between.
    pub generation: Generation,
    /// How many messages it holds.
    pub messages: u64,
    /// The greatest Timestamp among them.
    pub latest: Option<Micros>,
}

/// An import whose newest cut no build has seen yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingImport {
    /// SHA-256 of the imported bytes.
    pub import: ImportHash,
    /// Its newest cut.
    pub generation: Generation,
    /// True if that cut withdraws the import, false if it adds it.
    pub withdrawn: bool,
}

impl Coverage {
    /// All messages covered.
    #[must_use]
    pub fn messages(&self) -> u64 {
        let monitors: u64 = self.monitors.iter().map(|monitor| monitor.messages).sum();
        let imports: u64 = self.imports.iter().map(|import| import.messages).sum();
        monitors + imports
    }

    /// The entry of one monitor.
    #[must_use]
    pub fn monitor(&self, id: &MonitorId) -> Option<&MonitorCoverage> {
        self.monitors.iter().find(|entry| entry.monitor == *id)
    }
}

impl fmt::Display for Coverage {
    /// One line a source: `east: 12000 messages to 3:88112 (generation 7)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for monitor in &self.monitors {
            writeln!(
                f,
                "{}: {} messages to {} (generation {})",
                monitor.monitor, monitor.messages, monitor.to, monitor.generation
            )?;
        }
        for monitor in &self.unseen {
            writeln!(f, "{monitor}: nothing of it can be seen yet")?;
        }
        for import in &self.imports {
            writeln!(f, "import {}: {} messages", import.import, import.messages)?;
        }
        for pending in &self.pending {
            let change = if pending.withdrawn { "leaves" } else { "joins" };
            writeln!(f, "import {}: {change} with the next rebuild", pending.import)?;
        }
        Ok(())
    }
}
