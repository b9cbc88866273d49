//! The last commit of a journal: the only one whose log bytes need not be all there.
//!
//! Enters: its record, and what follows that in the journal. Leaves: its log bytes, or that they are torn, as an
//! interrupted write tears, so that it was never acknowledged. What must hold: recovery and readers judge alike; what no
//! interrupted write leaves was once whole, may have been acknowledged, and is refused by the file's name.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use storage::{Disk, DiskFile};

use crate::error::LogError;
use crate::journal::{Record, Tail, could_be_torn};
use crate::window::read_range;

/// Log bytes that fit their record.
pub(crate) struct LogBytes {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) bytes: Vec<u8>,
}

/// The log bytes of `record`, the last whole one of its journal, and their file at `path`; `None` if they are torn. They
/// are written before the record, so also beside a writer a whole record has whole log bytes.
///
/// # Errors
/// [`LogError::Corrupt`] naming `path` when they were whole once, or when `tail` has a later commit, begun only after this
/// one was acknowledged.
pub(crate) fn log_bytes(
    disk: &dyn Disk,
    path: &Path,
    record: &Record,
    tail: Tail,
) -> Result<Option<LogBytes>, LogError> {
    let (file, bytes) = match read_range(disk, path, record.from..record.to) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(LogError::corrupt(path, "it is missing, the journal has records of it"));
        }
        read => read?,
    };
    let whole = bytes.len() as u64 == record.to - record.from;
    if whole && crc32c::crc32c(&bytes) == record.log_crc32c {
        return Ok(Some(LogBytes { file, bytes }));
    }
    let torn = !whole || could_be_torn(&bytes, record.from);
    if torn && tail == Tail::Empty {
        return Ok(None);
    }
    let (from, to) = (record.from, record.to);
    Err(LogError::corrupt(path, format!("bytes {from} to {to} fail the journal's checksum")))
}
