//! What can go wrong with a store.

use super::Key;

/// Why a call to a [`Store`](super::Store) failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file.
    #[error("{key} is not in the store")]
    NotFound {
        /// The file asked for.
        key: Key,
    },
    /// The file does not have the length that the caller expected.
    #[error("{key} is {found} bytes long in the store, expected {expected}")]
    WrongLength {
        /// The file.
        key: Key,
        /// What the caller expected, in bytes.
        expected: u64,
        /// What it is, in bytes; 0 also when it is not there.
        found: u64,
    },
    /// The call may or may not have had its effect: look before acting.
    #[error("cannot tell whether the store did {operation} {key}: {source}")]
    Unknown {
        /// The operation.
        operation: &'static str,
        /// The file.
        key: Key,
        /// What was heard instead of an answer.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store has no room. It may pass.
    #[error("no room in the store to {operation} {key}: {source}")]
    Full {
        /// The operation.
        operation: &'static str,
        /// The file.
        key: Key,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Anything else that the store, or the way to it, said. It changed nothing,
    /// unless the call says otherwise.
    #[error("cannot {operation} {key} in the store: {source}")]
    Io {
        /// The operation.
        operation: &'static str,
        /// The file or folder.
        key: Key,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
