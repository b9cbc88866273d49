//! What ends a monitor, or keeps it from starting.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use log::{CommitError, LogError};
use schema::MonitorId;

/// Why a monitor did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// Another monitor runs on the data folder.
    #[error("{}: another monitor is running on this data folder", path.display())]
    Locked {
        /// The lock's file.
        path: PathBuf,
    },
    /// The disk said no. The error names operation and path.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// Recovery, the identity or its claim.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A write or a sync failed: what is durable is known only after recovery.
    /// Start the monitor again.
    #[error("{0}; start again to recover")]
    Commit(#[source] CommitError),
    /// It was told to stop while the disk was full. None of these messages was
    /// acknowledged.
    #[error("stopped with {messages} received messages not written: {reason}")]
    Unwritten {
        /// How many.
        messages: u64,
        /// Why they could not be written.
        reason: String,
    },
    /// It was sealed from elsewhere: its log has ended in the store.
    #[error("monitor {id} was sealed: its log has ended in the store, and another machine may have its id")]
    Sealed {
        /// Its name.
        id: MonitorId,
    },
    /// The monitor has stopped, so it cannot do that any more.
    #[error("the monitor has stopped")]
    Stopped,
    /// The thread that writes the log panicked.
    #[error("the committer panicked; start again to recover")]
    Panicked,
    /// A task ended as it never should.
    #[error("{task} failed: {source}")]
    Task {
        /// Which.
        task: &'static str,
        /// How.
        source: tokio::task::JoinError,
    },
}
