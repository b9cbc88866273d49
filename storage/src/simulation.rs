//! SimDisk: a disk that loses power, runs full and lies, all by a seed.
//!
//! It implements [`Disk`](crate::Disk) in memory and keeps, beside what
//! programs see (the page cache), what would survive. The model, as hostile as
//! POSIX allows and file systems are:
//!
//! - **File** ([`content`]): a durable image and the writes, truncates and
//!   allocations since the last sync, in order. A power loss keeps none of
//!   them, all, a prefix, or any subset; of a write it may keep a prefix, a
//!   suffix, any of its 512-byte sectors, or only the length (zeros). A sync
//!   makes all of them durable, and not the file's entry.
//! - **Folder** ([`folder`]): durable entries and the changes since its last
//!   sync. A power loss keeps none, all, a prefix or any subset. A rename is
//!   one change: the target is the old file or the new. Syncing a folder makes
//!   durable neither the contents of its files nor its own entry above.
//! - **Failed sync** of a file: of its changes, chance writes some; all become
//!   clean; by chance the cache keeps showing them or shows what the disk has.
//!   The next sync says `Ok` and saves none of them. A folder's changes stay
//!   unsynced: file systems keep entries in a journal of their own, and stop
//!   rather than lie about it.
//! - **Full disk**: a write that does not fit is cut where the room ends; with
//!   no room at all nothing new can be created. A file takes its length.
//!
//! What must hold: the same seed and the same calls give the same bytes, and
//! what was synced, and not changed since, is there after any power loss.

mod calls;
mod content;
mod faults;
mod folder;
mod handle;
mod machine;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use faults::PowerLost;
use machine::Machine;

pub use faults::Counts;

/// A simulated disk, shared by its clones; all it does follows from its seed
/// and the order of the calls.
///
/// A test runs code over it, plans a fault, lets the code fail, and goes on
/// with what [`restart`](Self::restart) or [`kill`](Self::kill) gives.
#[derive(Clone)]
pub struct SimDisk {
    machine: Arc<Mutex<Machine>>,
}

impl SimDisk {
    /// An empty disk with the folder `/`, a tebibyte of room and no faults
    /// planned.
    pub fn new(seed: u64) -> Self {
        Self::of(Machine::new(seed))
    }

    /// What has been done since this value was made by [`new`](Self::new),
    /// [`restart`](Self::restart) or [`kill`](Self::kill).
    pub fn counts(&self) -> Counts {
        self.machine.lock().faults.counts
    }

    /// Plans a power loss in the `nth` operation from now (1 is the next): it
    /// and every later call, reads too, fails; [`is_crash`] tells. What that
    /// operation did is as uncertain as everything unsynced.
    pub fn crash_at_operation(&self, nth: u64) {
        let faults = &mut self.machine.lock().faults;
        faults.crash_at_operation = Some(faults.counts.operations + nth);
    }

    /// Plans a power loss in the `nth` sync from now (1 is the next).
    pub fn crash_at_sync(&self, nth: u64) {
        let faults = &mut self.machine.lock().faults;
        faults.crash_at_sync = Some(faults.counts.syncs + nth);
    }

    /// Loses power now.
    pub fn crash_now(&self) {
        self.machine.lock().faults.crashed = true;
    }

    /// Whether the power is lost.
    pub fn is_crashed(&self) -> bool {
        self.machine.lock().faults.crashed
    }

    /// The disk after a power loss (now, if it was not lost before): what was
    /// synced, and of the rest what chance kept. No fault is planned on it, the
    /// room is as it was, locks are free. This one then fails for ever; each
    /// call draws anew from the same state.
    pub fn restart(&self) -> Self {
        let mut machine = self.machine.lock();
        machine.faults.crashed = true;
        Self::of(machine.after_power_loss())
    }

    /// The disk after the process was killed and the machine lived on: nothing
    /// is lost, nothing more is durable, locks are free. After a planned crash
    /// it is the disk of a process killed in that operation. This one then
    /// fails for ever.
    pub fn kill(&self) -> Self {
        let mut machine = self.machine.lock();
        machine.faults.crashed = true;
        Self::of(machine.after_kill())
    }

    /// Leaves room for `bytes` more than the files take now.
    pub fn set_room(&self, bytes: u64) {
        self.machine.lock().set_room(bytes);
    }

    /// Makes the `nth` sync from now (1 is the next) fail with EIO. A file's
    /// lies: its changes are no longer dirty, and gone after a crash save what
    /// chance wrote; a later sync says `Ok` and saves none of them.
    pub fn eio_at_sync(&self, nth: u64) {
        let faults = &mut self.machine.lock().faults;
        faults.eio_at_sync = Some(faults.counts.syncs + nth);
    }

    fn of(machine: Machine) -> Self {
        Self { machine: Arc::new(Mutex::new(machine)) }
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimDisk").field(&self.machine.lock().faults).finish()
    }
}

/// Whether `error`, however deeply wrapped, is a [`SimDisk`]'s power loss.
pub fn is_crash(error: &(dyn Error + 'static)) -> bool {
    if error.is::<PowerLost>() {
        return true;
    }
    // An io::Error passes over its own payload in source().
    let payload = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    payload.is_some_and(|payload| is_crash(payload)) || error.source().is_some_and(is_crash)
}
