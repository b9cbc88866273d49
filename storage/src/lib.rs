//! The two boundaries to the machine, and the clock.
//!
//! - [`Disk`] is the local file system, synchronous: it carries the day log,
//!   the commit journal and the queue. [`LocalDisk`] is the real one,
//!   [`SimDisk`] (feature `simulation`) loses power on demand.
//! - [`Store`] is what machines share, asynchronous: the dated files, the cuts
//!   and the views. [`FileStore`] is a Store over any Disk; each implementation
//!   passes the one [`conformance`] suite.
//! - [`publish_new`] and [`publish_replacing`] are how a whole file appears.
//! - [`layout`] builds and parses every path; [`sealed`] is the form of every
//!   small document.
//! - [`Clock`] is where time comes from.
//!
//! What must hold: nothing here returns success before what it promises is
//! durable, and no path is put together anywhere else.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod clock;
mod disk;
mod publish;
mod store;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod layout;
pub mod sealed;
#[cfg(any(test, feature = "simulation"))]
mod simulation;

pub use clock::{Clock, ManualClock, WallClock};
pub use disk::{Disk, DiskFile, DiskLock, Entry, LocalDisk, Mode, PathError, is_full, os_error};
pub use publish::{Created, is_temporary, publish_new, publish_replacing};
#[cfg(any(test, feature = "simulation"))]
pub use simulation::{Counts, SimDisk, is_crash};
#[cfg(feature = "bucket")]
pub use store::{BucketFailure, BucketOptions, BucketStore};
#[cfg(feature = "hdfs")]
pub use store::{Durability, HdfsFailure, HdfsOptions, HdfsStore, Kept};
pub use store::{FileStore, Key, KeyError, Linked, Listed, Pieces, Store, StoreError};
