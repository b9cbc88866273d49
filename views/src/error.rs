//! What can go wrong with views, by name: every variant says which file, key
//! or path, and why. What is derived is rebuilt by whoever catches `Corrupt`;
//! what is truth (`DatedFile`) is refused.

use std::path::PathBuf;

use schema::MonitorId;

/// An operation on views failed.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] storage::StoreError),
    /// A local file could not be read or written.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// What was tried: `open`, `read`, `write`.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A derived file (view or manifest) does not hold what was written; a rebuild replaces it.
    #[error("{name} is corrupt: {why}")]
    Corrupt {
        /// The file's key or path.
        name: String,
        /// What does not fit.
        why: String,
    },
    /// A dated file, which is truth, is not what its cut says: nothing is built from it.
    #[error("dated file {name} is refused: {why}")]
    DatedFile {
        /// The file's key or path.
        name: String,
        /// What does not fit.
        why: String,
    },
    /// A cut cannot be read, or does not follow from the one before.
    #[error("cut {name} is refused: {why}")]
    Cut {
        /// The cut's key.
        name: String,
        /// What does not fit.
        why: String,
    },
    /// An answer would have more rows than its reader takes.
    #[error("more than {most} rows: ask for fewer services, a shorter range or wider buckets (every)")]
    TooManyRows {
        /// So many it takes.
        most: usize,
    },
    /// Nobody waits for the answer any more.
    #[error("nobody waits for the answer any more")]
    Abandoned,
    /// Parquet could not be written.
    #[error("parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Messages that are covered are in no file that could be found.
    #[error("{what} cannot be found")]
    Missing {
        /// Whose messages, from where to where, or which file.
        what: String,
    },
    /// The log on this machine goes on beyond the end that sealing gave it.
    #[error(
        "monitor {monitor} was sealed: what only its log here has does not count; \
         ask the store alone, with --store and without --data"
    )]
    Sealed {
        /// Whose log.
        monitor: MonitorId,
    },
    /// The rows of a queue, checked against the journal, are no rows.
    #[error("queue of generation {generation}: {why}")]
    Queue {
        /// Whose queue.
        generation: schema::Generation,
        /// What is wrong with a row.
        why: schema::Error,
    },
    /// The monitor's log on this machine could not be read.
    #[error(transparent)]
    Log(#[from] log::LogError),
    /// What was read could not be written to where it should go.
    #[error("output: {0}")]
    Output(#[source] std::io::Error),
    /// Another build published this manifest's number first; its result stands.
    #[error("manifest {number} was published by another build")]
    Overtaken {
        /// The number both wanted.
        number: u64,
    },
}

impl ViewError {
    pub(crate) fn corrupt(name: impl ToString, why: impl ToString) -> Self {
        ViewError::Corrupt { name: name.to_string(), why: why.to_string() }
    }

    pub(crate) fn dated_file(name: impl ToString, why: impl ToString) -> Self {
        ViewError::DatedFile { name: name.to_string(), why: why.to_string() }
    }

    pub(crate) fn cut(name: impl ToString, why: impl ToString) -> Self {
        ViewError::Cut { name: name.to_string(), why: why.to_string() }
    }

    pub(crate) fn missing(what: impl ToString) -> Self {
        ViewError::Missing { what: what.to_string() }
    }

    pub(crate) fn io(operation: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        ViewError::Io { operation, path: path.into(), source }
    }
}

/// What views return.
pub type Result<T, E = ViewError> = std::result::Result<T, E>;
