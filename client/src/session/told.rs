//! What a session tells of itself: each event as it happens, and what it came to.

use std::io;

use schema::Reject;

use crate::latency::Latency;

/// What happens to a session, as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionEvent<'a> {
    /// More lines are acknowledged.
    Settled {
        /// How many more.
        acked: u64,
        /// How many of those were rejected.
        rejected: u64,
    },
    /// The monitor rejected a line; told once, with the acknowledgement that covers it.
    Rejected {
        /// Its number; this client's first line ever is 1.
        line: u64,
        /// Why.
        reason: Reject,
    },
    /// The connection is gone, or the next could not be made; another attempt follows.
    Lost {
        /// Why.
        error: &'a io::Error,
    },
    /// There is a connection again.
    Resumed {
        /// Sending goes on after this line.
        line: u64,
    },
}

/// What a session came to.
#[derive(Clone, Debug, Default)]
pub struct SessionReport {
    /// The number of the last line handed over.
    pub last: u64,
    /// Lines acknowledged in this session.
    pub acked: u64,
    /// How many of them were rejected: the monitor's own count, exact also when a report of one was lost.
    pub rejected: u64,
    /// How often the connection was made again.
    pub reconnects: u64,
    /// From when a line was due to its acknowledgement.
    pub latency: Latency,
}
