//! A submission, and what becomes of it: the words in which whoever submits and [`Submitter`](crate::Submitter) talk.
//!
//! What must hold: [`Submitted`] is said of what is durable, and of nothing else; whatever is not, [`NotSubmitted`] says
//! how much of it may yet become so, or that this is not known ([`Why::Broken`]).

use std::io::{self, Read};
use std::net::SocketAddr;
use std::num::NonZeroU64;

use access::{Denied, Grant};
use schema::{ClientId, Incarnation, MonitorId, Reject};

/// Lines to take in.
pub struct Submission {
    /// Who sends them.
    pub peer: SocketAddr,
    /// What they may send, where not everybody may.
    pub grant: Option<Grant>,
    /// Whose lines they are, and the number of the first.
    pub key: Option<(ClientId, NonZeroU64)>,
    /// The lines. Reading must not wait: they are here.
    pub lines: Box<dyn Read + Send>,
}

/// Lines that were taken in, and are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// Lines that were consumed and not rejected; blank ones are among them.
    pub accepted: u64,
    /// Lines that were consumed and rejected.
    pub rejected: u64,
    /// Lines passed over, because they had been consumed before.
    pub skipped: u64,
    /// Messages in the lines that were consumed.
    pub messages: u64,
    /// The first of the rejected lines, and their first reasons.
    pub rejects: Vec<(u64, Reject)>,
    /// How many lines of the client are consumed now, with a key.
    pub resume: Option<u64>,
    /// Which monitor has them.
    pub monitor: MonitorId,
    /// And which life of it.
    pub incarnation: Incarnation,
}

/// A submission without a good end.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct NotSubmitted {
    /// Why.
    pub why: Why,
    /// Lines handed over before: they count once they are durable, unless the process dies before that. Says nothing
    /// with [`Why::Broken`].
    pub handed_over: u64,
}

/// Why a submission was not taken, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// Nothing is taken in at present.
    #[error("monitor {monitor} takes nothing in at present: {reason}")]
    Paused {
        /// Who.
        monitor: MonitorId,
        /// Why.
        reason: String,
    },
    /// It took too long until it was durable.
    #[error("what was handed over was not durable within {} s", crate::submit::PATIENCE.as_secs())]
    Late,
    /// The monitor stops.
    #[error("monitor {monitor} is stopping")]
    Stopping {
        /// Who.
        monitor: MonitorId,
    },
    /// The monitor was sealed, and acknowledges nothing any more.
    #[error("monitor {monitor} was sealed and acknowledges nothing any more")]
    Sealed {
        /// Who.
        monitor: MonitorId,
    },
    /// The client is new, and no more are remembered (`clients.max`).
    #[error("too many clients: clients.max are remembered already")]
    TooManyClients,
    /// The first line's number is not the one that comes next, nor one before it.
    #[error(
        "lines are missing: {resume} lines of this client are consumed, and these begin at a later one than the next"
    )]
    Gap {
        /// So many are consumed, durably.
        resume: u64,
    },
    /// A newer connection or submission of the same client has taken over.
    #[error("a newer connection or request of this client has taken over")]
    Superseded {
        /// So many lines are consumed durably by now.
        resume: u64,
    },
    /// Who sends may not.
    #[error("{0}")]
    Denied(Denied),
    /// The body could not be read after all.
    #[error("the body cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// Its task broke off: how much was handed over is not known.
    #[error(
        "the submission broke off, and it is not known how much of it was handed over; the log of this process says \
         why. With a key, send it again; without one, what was handed over would count twice"
    )]
    Broken,
}
