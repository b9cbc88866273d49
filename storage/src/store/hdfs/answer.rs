//! Waiting for the cluster, never for ever.
//!
//! hdfs-native waits for a name node's answer as long as the connection seems
//! to stand, which after a lost machine is hours; and for the acknowledgement of
//! a sync without end where the first data node refused the pipeline. So every
//! call is given up after a time, and its outcome is then as unknown as that of
//! a call whose connection broke: whatever it left is found by looking.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use hdfs_native::HdfsError;

use super::PATIENCE;

/// Data nodes that take fewer bytes a second count as gone.
const SLOWEST: u64 = 1 << 20;

/// What the name node answers.
pub(super) async fn answered<T>(call: impl Future<Output = Result<T, HdfsError>>) -> Result<T, HdfsError> {
    within(PATIENCE, call).await
}

/// What becomes of writing so many bytes, durably.
pub(super) async fn written<T>(
    bytes: usize,
    writing: impl Future<Output = Result<T, HdfsError>>,
) -> Result<T, HdfsError> {
    within(PATIENCE + Duration::from_secs(bytes as u64 / SLOWEST), writing).await
}

async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, HdfsError>>) -> Result<T, HdfsError> {
    let given_up = || HdfsError::IOError(Error::new(ErrorKind::TimedOut, format!("no answer within {limit:?}")));
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| Err(given_up()))
}
