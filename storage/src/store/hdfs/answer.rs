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
use hdfs_native::file::FileWriter;
use tokio::time::timeout;

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

/// How long a file that is being closed is waited for before the name node is asked again, time after time. It has often
/// not heard of the last block from a data node when it is first asked, and hdfs-native then pauses for half a second.
const ASKED_AGAIN: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(400), Duration::from_millis(800)];

/// Closes a file whose bytes are all synced. After an error, which is also what comes of data nodes that do not take the
/// end of a file within the first pause, its lease has to be recovered; no byte is lost by that.
pub(super) async fn closed(writer: &mut FileWriter) -> Result<(), HdfsError> {
    for pause in ASKED_AGAIN {
        // Begun again it asks again: what it had to send before that is sent.
        if let Ok(closed) = timeout(pause, writer.close()).await {
            return closed;
        }
    }
    Err(given_up(ASKED_AGAIN.iter().sum()))
}

fn given_up(after: Duration) -> HdfsError {
    HdfsError::IOError(Error::new(ErrorKind::TimedOut, format!("no answer within {after:?}")))
}

async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, HdfsError>>) -> Result<T, HdfsError> {
    timeout(limit, call).await.unwrap_or_else(|_| Err(given_up(limit)))
}
