//! What a bucket's server says when it refuses, sorted into what a store's callers tell apart.

use std::error::Error as _;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use super::attempts::ANSWER;
use crate::store::{Key, StoreError};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum BucketFailure {
    /// What the server, or the way to it, said.
    #[error("{}", brief(.0))]
    Bucket(Error),
    /// It said nothing.
    #[error("no answer within {ANSWER:?}, and the time for the bytes")]
    NoAnswer,
    /// There is no such file.
    #[error("it is not there")]
    Absent,
    /// The outcome cannot be told.
    #[error("no answer, and no way to see what became of it: {0}")]
    Unknown(Box<BucketFailure>),
    /// The file was made whole, so it cannot grow; or another's object has the name of its next part.
    #[error("it cannot grow: {0}")]
    Fixed(&'static str),
    /// Not a URL of a bucket.
    #[error("{0} is no place in a bucket: s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")]
    Url(String),
    /// The server does not do what every promise here rests on.
    #[error(
        "{0} let the same object be created twice. A store needs a server that honours conditional writes: \
         If-None-Match: * in S3's protocol, x-goog-if-generation-match: 0 in Google's"
    )]
    Unconditional(String),
}

impl From<Error> for BucketFailure {
    fn from(error: Error) -> Self {
        Self::Bucket(error)
    }
}

/// What a call met, as far as it decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// There is no such object, or bucket.
    Absent,
    /// There is one already, or another request for that name came between.
    Exists,
    /// Not allowed.
    Denied,
    /// No room.
    Full,
    /// The request was never sent.
    Unreached,
    /// It may have been done, or may yet be.
    Lost,
    Other,
}

pub(super) fn kind(error: &Error) -> Kind {
    match error {
        Error::NotFound { .. } => Kind::Absent,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => Kind::Exists,
        // What is no status is the connection's.
        error => match http_error(error) {
            Some(HttpErrorKind::Connect) => Kind::Unreached,
            Some(_) => Kind::Lost,
            None => kind_of_status(error),
        },
    }
}

/// object_store keeps the status to itself; its text has it.
fn kind_of_status(error: &Error) -> Kind {
    let text = error.to_string();
    let full = ["QuotaExceeded", "StorageFull", "status code: 507"];
    if full.iter().any(|full| text.contains(full)) {
        return Kind::Full;
    }
    let passing = ["status code: 5", "status code: 429", "status code: 408"];
    if passing.iter().any(|passing| text.contains(passing)) {
        return Kind::Lost;
    }
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Kind::Denied,
        _ => Kind::Other,
    }
}

fn http_error(error: &Error) -> Option<HttpErrorKind> {
    causes(error).into_iter().find_map(|cause| cause.downcast_ref::<HttpError>()).map(HttpError::kind)
}

/// What is behind the error, the deepest cause last.
fn causes(error: &Error) -> Vec<&(dyn std::error::Error + 'static)> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    causes
}

/// What went wrong, on one line, with the cause that the outer texts leave out.
fn brief(error: &Error) -> String {
    let mut text = error.to_string();
    if http_error(error).is_some()
        && let Some(cause) = causes(error).last()
    {
        text = format!("{text}: {cause}");
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl BucketFailure {
    /// As the error of a store's operation on this key.
    pub(super) fn of(self, operation: &'static str, key: &Key) -> StoreError {
        let key = key.clone();
        match self {
            Self::Absent => StoreError::NotFound { key },
            Self::Bucket(error) if kind(&error) == Kind::Full => {
                StoreError::Full { operation, key, source: Box::new(Self::Bucket(error)) }
            }
            unknown @ Self::Unknown(_) => StoreError::Unknown { operation, key, source: Box::new(unknown) },
            other => StoreError::Io { operation, key, source: Box::new(other) },
        }
    }
}
