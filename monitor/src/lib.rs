//! The monitor: lines in, validate, double buffer, log, acknowledge; and the uploader.
//!
//! | to know | read |
//! |---|---|
//! | how it starts, what can be asked of it, how it stops | [`Monitor`], [`World`], [`Options`] |
//! | the way of a message | `listener.rs`, `connection.rs`, `stream.rs`, `intake.rs`, `buffer.rs`, `committer.rs` |
//! | the way of a body of lines that comes whole | `submission.rs`, `submit.rs`, `tally.rs`, then as above from `stream.rs` on |
//! | who is told what, exactly once | `clients.rs`, `answers.rs`, `held_acks.rs` |
//! | what bounds memory | `budget.rs` (between reads), `intake.rs` (in reads), `buffer.rs` (after them) |
//! | how the store follows, and what goes when | `uploader.rs`, `retire.rs`, `upkeep.rs` |
//! | what it tells people | [`Status`], `room.rs`, `quarantine.rs` |
//! | what it tells Prometheus | [`Instruments`], `gauges.rs` |
//!
//! What must hold: an ack follows the sync of log and journal that covers it, and the upload if it is to; a line of a client counts once; whatever
//! a peer sends, or does not, neither ends the process nor holds up others; memory is bounded by the options.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod answers;
mod budget;
mod buffer;
mod chunk;
mod clients;
mod committer;
mod connection;
mod descriptors;
mod error;
mod gauges;
mod health;
mod held_acks;
mod ingest;
mod instruments;
mod intake;
mod listener;
mod monitor;
mod options;
mod outbox;
mod quarantine;
mod recovered;
mod retire;
mod room;
mod rows;
mod services;
mod socket;
mod status;
mod stream;
mod submission;
mod submit;
mod tally;
mod tasks;
mod upkeep;
mod uploader;

pub use committer::Progress;
pub use error::MonitorError;
pub use health::Blocked;
pub use instruments::Instruments;
pub use monitor::{Monitor, Rotator, World};
pub use options::{AckAfter, Options};
pub use retire::{Covered, FindCovered};
pub use status::{Activity, Status};
pub use submission::{NotSubmitted, Submission, Submitted, Why};
pub use submit::Submitter;
pub use uploader::Uploaded;
