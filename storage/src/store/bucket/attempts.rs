//! How often and how long a server is asked.
//!
//! A call that no server answers fails within [`ANSWER`] and the time its bytes
//! may take; whoever made it knows better what to do meanwhile. Only what may be
//! done twice is asked again here; what may not is in [`put`](super::put).

use std::pin::pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use object_store::Result;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::error::{BucketFailure, Kind, kind};

/// How long an answer may take, all attempts together, beside the time for its bytes.
pub(super) const ANSWER: Duration = Duration::from_secs(10);
/// How long a connection may take.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
/// The pauses between attempts.
pub(super) const PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(500), Duration::from_millis(1000)];
/// The slowest way to a server that is waited for, in bytes a second.
const SLOWEST: u64 = 1 << 20;

/// When a call that moves so many bytes is given up.
pub(super) fn deadline(bytes: u64) -> Instant {
    Instant::now() + ANSWER + Duration::from_secs(bytes / SLOWEST)
}

/// Makes a call that may be made twice, until there is an answer.
pub(super) async fn ask<T, F>(bytes: u64, call: impl Fn() -> F) -> Result<T, BucketFailure>
where
    F: Future<Output = Result<T>>,
{
    let deadline = deadline(bytes);
    let mut pauses = PAUSES.iter();
    loop {
        let error = match timeout_at(deadline, call()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => return Err(BucketFailure::NoAnswer),
        };
        let Some(pause) = pauses.next().filter(|_| matches!(kind(&error), Kind::Unreached | Kind::Lost)) else {
            return Err(error.into());
        };
        sleep(*pause).await;
    }
}

/// Collects what a listing yields, a page at a time; anew when a page does not come.
pub(super) async fn collect<T, S>(list: impl Fn() -> S) -> Result<Vec<T>, BucketFailure>
where
    S: Stream<Item = Result<T>>,
{
    let mut pauses = PAUSES.iter();
    loop {
        let error = match drain(list()).await {
            Ok(all) => return Ok(all),
            Err(BucketFailure::Bucket(error)) => error,
            Err(other) => return Err(other),
        };
        let Some(pause) = pauses.next().filter(|_| matches!(kind(&error), Kind::Unreached | Kind::Lost)) else {
            return Err(error.into());
        };
        sleep(*pause).await;
    }
}

async fn drain<T>(list: impl Stream<Item = Result<T>>) -> Result<Vec<T>, BucketFailure> {
    let mut list = pin!(list);
    let mut all = Vec::new();
    while let Some(next) = timeout(ANSWER, list.next()).await.map_err(|_| BucketFailure::NoAnswer)? {
        all.push(next?);
    }
    Ok(all)
}
