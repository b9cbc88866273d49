//! What a monitor writes: day log, commit journal, queue, positions and cuts; recovery; and how others read it.
//!
//! | to know | read |
//! |---|---|
//! | how a batch becomes durable, and how a generation ends | [`Writer`], [`Batch`] |
//! | what is durable | [`State`], [`JournalMark`] |
//! | what is done after a crash | [`Recovery`] |
//! | how a process that is not the writer reads the log | [`Snapshot`], [`LogSlice`] |
//! | what a generation consists of in the store | [`Cut`], [`DatedFile`] |
//! | whose log it is | [`Identity`], [`claim`] |
//! | how the log of one that is gone for good ends | [`seal`] |
//! | how existing files become dated files | [`import`] |
//!
//! The bytes: day log in `files.rs`, commit journal in `journal.rs`, queue in `queue.rs`, cuts in `cut.rs`, identity
//! and claim in `identity.rs`, seals in `seal.rs`, imports in `import.rs`.
//!
//! What must hold: what was acknowledged is never lost, never twice, and never changes its position; what was not may
//! be there or not, but whole. No sockets, no clock: time comes in as arguments.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod batch;
mod checksum;
mod cut;
mod error;
mod files;
mod identity;
pub mod import;
mod journal;
mod last_commit;
mod listing;
mod mark;
mod queue;
mod queue_reader;
mod recovery;
mod rows;
pub mod seal;
mod snapshot;
mod state;
mod strays;
mod window;
mod writer;

pub use batch::{Batch, ClientCount};
pub use cut::{Cut, DatedFile};
pub use error::{CommitError, LogError};
pub use files::{FileSummary, LogPiece, LogSlice, Sealed};
pub use identity::{Identity, claim};
pub use mark::JournalMark;
pub use recovery::Recovery;
pub use snapshot::{ClosedGeneration, DamagedJournal, GenerationLog, Snapshot};
pub use state::State;
pub use writer::{Options, Writer};
