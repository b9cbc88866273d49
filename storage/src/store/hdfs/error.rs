//! What HDFS says when it refuses, sorted into what a store's callers tell apart.

use hdfs_native::HdfsError;

use crate::store::{Key, StoreError};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum HdfsFailure {
    /// What HDFS, or the way to it, said.
    #[error("{}", brief(.0))]
    Hdfs(HdfsError),
    /// The cluster, or Kerberos before it, does not take us for who we say we are.
    #[error("not let in: {}", brief(.0))]
    Refused(HdfsError),
    /// Another writer, or the recovery of one that crashed, still holds the file.
    #[error("busy: an append to it is open, or a crashed one is being recovered")]
    Busy,
    /// The outcome cannot be told.
    #[error("no answer, and no way to see what became of it: {}", brief(.0))]
    Unknown(HdfsError),
    /// Not a URL of a folder in HDFS.
    #[error("{0} is no folder in HDFS: hdfs://HOST:PORT/PATH, hdfs://NAMESERVICE/PATH or hdfs:///PATH")]
    Url(String),
}

/// What a call met, as far as it decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// There is no such file or folder.
    Absent,
    /// There is one already.
    Exists,
    /// A lease is held, or being recovered.
    Leased,
    /// No room.
    Full,
    /// No answer: the connection is gone.
    Lost,
    Other,
}

pub(super) fn kind(error: &HdfsError) -> Kind {
    match error {
        HdfsError::IOError(_) => Kind::Lost,
        HdfsError::FileNotFound(_) => Kind::Absent,
        // What hdfs-native makes of AlreadyBeingCreatedException too.
        HdfsError::AlreadyExists(text) if text.contains("lease") => Kind::Leased,
        HdfsError::AlreadyExists(_) => Kind::Exists,
        HdfsError::RPCError(class, _) => match class.rsplit('.').next().unwrap_or_default() {
            "FileNotFoundException" => Kind::Absent,
            "FileAlreadyExistsException" => Kind::Exists,
            "AlreadyBeingCreatedException" | "RecoveryInProgressException" => Kind::Leased,
            "DSQuotaExceededException" | "NSQuotaExceededException" | "QuotaByStorageTypeExceededException" => {
                Kind::Full
            }
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}

/// What went wrong, without the name node's stack.
fn brief(error: &HdfsError) -> String {
    let text = match error {
        HdfsError::RPCError(class, text) | HdfsError::FatalRPCError(class, text) => {
            format!("{}: {text}", class.rsplit('.').next().unwrap_or_default())
        }
        HdfsError::GSSAPIError(_, _, text) => format!("Kerberos: {text}"),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

/// Whether it is about who we are, before it is about what we want.
fn is_refusal(error: &HdfsError) -> bool {
    match error {
        HdfsError::GSSAPIError(..) | HdfsError::SASLError(_) | HdfsError::NoSASLMechanism => true,
        HdfsError::OperationFailed(text) => text.contains("libgssapi"),
        // At the door. Once inside, not being allowed to do something is an RPCError.
        HdfsError::FatalRPCError(class, _) => {
            ["AccessControlException", "AuthorizationException", "SaslException", "GSSException"]
                .contains(&class.rsplit('.').next().unwrap_or_default())
        }
        _ => false,
    }
}

impl From<HdfsError> for HdfsFailure {
    fn from(error: HdfsError) -> Self {
        if is_refusal(&error) { Self::Refused(error) } else { Self::Hdfs(error) }
    }
}

impl HdfsFailure {
    pub(super) fn url(url: &str) -> Self {
        Self::Url(url.to_owned())
    }

    /// As the error of a store's operation on this key.
    pub(super) fn of(self, operation: &'static str, key: &Key) -> StoreError {
        let key = key.clone();
        match self {
            Self::Hdfs(error) if kind(&error) == Kind::Absent => StoreError::NotFound { key },
            Self::Hdfs(error) if kind(&error) == Kind::Full => {
                StoreError::Full { operation, key, source: Box::new(Self::Hdfs(error)) }
            }
            unknown @ Self::Unknown(_) => StoreError::Unknown { operation, key, source: Box::new(unknown) },
            other => StoreError::Io { operation, key, source: Box::new(other) },
        }
    }
}
