//! What can go wrong with the log, and what each means for the caller.

use std::io;
use std::path::{Path, PathBuf};

/// An error of recovery, of reading, or of a document in the store.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk said no. The error names operation and path.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// A file is not what was once made durable. Nothing was changed.
    #[error("{}: {problem}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// Bytes are asked for that this machine no longer has.
    #[error("{what} is no longer on this machine")]
    Retired {
        /// Which.
        what: String,
    },
    /// The data folder belongs to another monitor.
    #[error("{}: this data folder belongs to monitor {found}, not {expected}", path.display())]
    OtherMonitor {
        /// The identity's file.
        path: PathBuf,
        /// Who it says.
        found: String,
        /// Who was asked for.
        expected: String,
    },
    /// The store knows this monitor id as another's.
    #[error(
        "the store knows monitor {id} as incarnation {found}, this data folder is {ours}; start it with its own data \
         folder, choose another --id, or, if that one is gone for good, `hourglass monitors seal {id}` first"
    )]
    Claimed {
        /// The id.
        id: String,
        /// Who claimed it.
        found: String,
        /// Who we are.
        ours: String,
    },
    /// The store knows no such monitor.
    #[error("no monitor {id} has ever claimed its id in this store")]
    NoMonitor {
        /// The id.
        id: String,
    },
    /// A dated file in the store holds what no monitor writes.
    #[error("{key}: {problem}")]
    DatedFile {
        /// The file's key.
        key: String,
        /// What is in it, and where.
        problem: String,
    },
    /// The same input already counts.
    #[error("import-{import} is already there; `import --undo {import}` withdraws it")]
    AlreadyImported {
        /// SHA-256 of the input.
        import: schema::ImportHash,
    },
    /// There is no such import to withdraw.
    #[error("import-{import} is not there")]
    NotImported {
        /// SHA-256 of the input.
        import: schema::ImportHash,
    },
    /// The store's error.
    #[error(transparent)]
    Store(#[from] storage::StoreError),
    /// A document in the store is not readable.
    #[error("{key}: {source}")]
    Document {
        /// Its key.
        key: String,
        /// What is wrong with it.
        source: storage::sealed::SealError,
    },
}

impl LogError {
    /// A corrupt file.
    pub(crate) fn corrupt(path: &Path, problem: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), problem: problem.into() }
    }
}

/// Why a commit or a rotation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// There is no room. Nothing is lost and nothing acknowledged; call again
    /// with the same batch, as often as it takes.
    #[error("no room to write: {0}")]
    Full(#[source] io::Error),
    /// The writer no longer knows what is durable. It refuses everything from
    /// now on; only recovery ([`Writer::open`](crate::Writer::open)) helps.
    #[error("cannot write: {0}")]
    Io(#[source] io::Error),
}
