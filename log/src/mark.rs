//! A mark: a commit, as the journal has it, to go on from later. Owns that one
//! noun; what must hold: it was durable when it was taken, and nothing before
//! it changes any more.

use schema::{Date, Generation, Position};
use serde::{Deserialize, Serialize};

/// The state of the files once a commit is durable. A reader that kept one goes
/// on from it without reading what is before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalMark {
    /// The generation, which says which journal and queue.
    pub generation: Generation,
    /// Where its log bytes end.
    pub position: Position,
    /// The date of the log file there; meaningless while the offset is 0.
    pub date: Date,
    /// Where its record ends in the journal, in bytes.
    pub journal_offset: u64,
    /// Its number; commits are numbered from 1 and through all generations.
    pub commit: u64,
    /// The queue's length in bytes with its rows.
    pub queue_len: u64,
    /// Messages this monitor has accepted with it, in all generations.
    pub messages: u64,
}
