//! Ingest: what takes messages in, as far as HTTP knows it. Whoever wires a process hands one in, if it has one.

use std::fmt;
use std::io::Read;
use std::net::SocketAddr;
use std::num::NonZeroU64;

use access::Grant;
use schema::{ClientId, Reject};

/// Takes messages in.
#[async_trait::async_trait]
pub trait Ingest: fmt::Debug + Send + Sync {
    /// Whether it would take a submission now: asked before a body is read.
    ///
    /// # Errors
    /// Why not.
    fn ready(&self) -> Result<(), NotTaken>;

    /// Takes a submission in. What is answered is durable, and does not depend on the answer being awaited.
    ///
    /// # Errors
    /// Why not, or not all of it.
    async fn submit(&self, submission: Submission) -> Result<Taken, NotTaken>;
}

/// Lines to take in.
pub struct Submission {
    /// Who sends them.
    pub peer: SocketAddr,
    /// What they may send, where not everybody may.
    pub grant: Option<Grant>,
    /// Whose lines they are, and the number of the first.
    pub key: Option<(ClientId, NonZeroU64)>,
    /// The lines. They are here: reading never waits, and does not fail.
    pub lines: Box<dyn Read + Send>,
}

/// Lines that were taken in, and are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Lines consumed and not rejected.
    pub accepted: u64,
    /// Lines consumed and rejected.
    pub rejected: u64,
    /// Lines passed over, because they had been consumed before.
    pub skipped: u64,
    /// Messages in the lines consumed.
    pub messages: u64,
    /// The first of the rejected lines, by number, and why.
    pub rejects: Vec<(u64, Reject)>,
    /// How many lines of the client are consumed, with a key.
    pub resume: Option<u64>,
    /// What took them: `<monitor>/<incarnation>`.
    pub monitor: String,
}

/// Lines that were not taken in, or not all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTaken {
    /// Why.
    pub why: Why,
    /// The same, for people.
    pub detail: String,
    /// Lines handed over all the same: they will count once they are durable. `None` where that is not known.
    pub handed_over: Option<u64>,
    /// What says so: `<monitor>/<incarnation>`.
    pub monitor: String,
}

/// Why lines were not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Not now: try again.
    Later,
    /// Never again, here.
    Sealed,
    /// There is no room for another client.
    TooManyClients,
    /// The key's lines do not follow what is consumed, or another request or connection of the client has taken over.
    Conflict {
        /// How many lines are consumed, durably.
        resume: u64,
    },
    /// Who sends may not, or no longer.
    Denied,
    /// Something broke.
    Broken,
}
