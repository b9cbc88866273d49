//! Staging: from chunks of lines to dated files in the data folder.
//!
//! Two threads parse, in turns; this thread hands them chunks and writes what they make of them, in the input's order.
//! Memory is bounded by a few chunks and a bounded set of buffers, however many dates there are and in whatever order.

use std::io;
use std::path::PathBuf;

use schema::{Metrics, Micros, Reject, Rejects, ServiceName};
use storage::Disk;
use storage::layout::DataFolder;

use super::dated::StagedFile;
use crate::error::LogError;

/// How lines are judged and filed.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The store's metrics.
    pub metrics: Metrics,
    /// Messages later than this are rejected: the time of the import plus `accept.future`, read once.
    pub latest: Micros,
    /// At most so many services (`accept.services`).
    pub services: usize,
    /// A random number, the attempt's: no earlier attempt of this import has it.
    pub attempt: u32,
    /// A dated file that has reached this many bytes is followed by another (`log.bytes`).
    pub file_bytes: u64,
}

/// A rejected item, for the quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub reason: Reject,
    /// Its bytes, without a newline; at most [`schema::MAX_LINE`] of them.
    pub line: Vec<u8>,
}

/// Everything of an input, filed by date, synced, not yet in the store.
#[derive(Debug)]
pub struct Staged {
    pub(super) folder: PathBuf,
    pub(super) attempt: u32,
    pub(super) files: Vec<StagedFile>,
    /// What was rejected, by reason.
    pub rejected: Rejects,
    /// The services in it.
    pub services: Vec<ServiceName>,
    /// Accepted messages.
    pub messages: u64,
}

/// Reads all of `input` (chunks of whole lines) into dated files below the data folder, whose import lock the caller
/// holds. `rejected` is told of every rejected item, in order.
///
/// # Errors
/// What `input` yields, or what the disk says. What is staged then is left to [`clean`](super::clean).
pub fn stage(
    disk: &dyn Disk,
    folder: &DataFolder,
    options: &ImportOptions,
    input: &mut dyn Iterator<Item = io::Result<Vec<u8>>>,
    rejected: &mut dyn FnMut(Rejected),
) -> Result<Staged, LogError> {
    let _ = (disk, folder, options, input, rejected);
    todo!()
}
