//! Errors of the disk: an [`io::Error`] that says what was done to which path.
//!
//! The kind stays the system's, so callers match on [`io::Error::kind`]; the
//! payload is a [`PathError`], so people see operation and path.

use std::io;
use std::path::{Path, PathBuf};

/// What was done, to which path, and what the system said. The payload of every
/// [`io::Error`] of a [`Disk`](crate::Disk).
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}: {source}", path.display())]
pub struct PathError {
    /// The operation, as a verb: `open`, `write`, `sync`.
    pub operation: &'static str,
    /// The file or folder it was done to.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Says operation and path in a system's error, keeping its kind.
pub(crate) fn at(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> io::Error + use<> {
    let path = path.to_owned();
    move |source| io::Error::new(source.kind(), PathError { operation, path, source })
}

/// The system's error number behind `error`, however it is wrapped.
pub fn os_error(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| {
        let named = error.get_ref()?.downcast_ref::<PathError>()?;
        os_error(&named.source)
    })
}

/// Whether `error` says that there is no room: a full disk or a full quota. It
/// may pass; anything else does not.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
