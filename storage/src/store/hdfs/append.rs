//! Appending: under the file's lease, at a length checked under it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hdfs_native::HdfsError;
use hdfs_native::file::FileWriter;

use super::answer::answered;
use super::error::{Kind, kind};
use super::publish::finish;
use super::{HdfsFailure, HdfsStore, PATIENCE, PAUSE};

/// The longest time between two looks at a lease.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl HdfsStore {
    /// Appends if the file is `expected` bytes long, absent being 0. Returns
    /// how long it was.
    pub(super) async fn append_at(&self, path: &str, expected: u64, bytes: Bytes) -> Result<u64, HdfsFailure> {
        let Some(mut writer) = self.open_for_append(path).await? else {
            if expected == 0 {
                self.write_new(path, bytes).await?;
            }
            return Ok(0);
        };
        let found = self.length_of(path).await?.unwrap_or(0);
        let bytes = if found == expected { bytes } else { Bytes::new() };
        match finish(&mut writer, bytes.clone()).await {
            // A data node that still closes the block from the append before refuses the pipeline, and the client waits.
            Err(error) if kind(&error) == Kind::Lost => self.append_again(path, found, bytes).await,
            finished => finished.map(|()| found).map_err(HdfsFailure::from),
        }
    }

    /// Appends what was given up on, unless it has come all the same: then says how long the file is.
    async fn append_again(&self, path: &str, expected: u64, bytes: Bytes) -> Result<u64, HdfsFailure> {
        let Some(mut writer) = self.open_for_append(path).await? else { return Ok(0) };
        let found = self.length_of(path).await?.unwrap_or(0);
        let bytes = if found == expected { bytes } else { Bytes::new() };
        finish(&mut writer, bytes).await?;
        Ok(found)
    }

    /// Takes the file's lease, from whoever crashed with it; `None` without the
    /// file.
    async fn open_for_append(&self, path: &str) -> Result<Option<FileWriter>, HdfsFailure> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = PAUSE;
        loop {
            let error = match answered(self.client.append(path)).await {
                Ok(writer) => return Ok(Some(writer)),
                Err(error) => error,
            };
            match kind(&error) {
                Kind::Absent => return Ok(None),
                Kind::Leased | Kind::Exists => self.recover(path).await?,
                // Only a reading call connects again. Whether this one was heard, the lease tells.
                Kind::Lost => drop(self.length_of(path).await?),
                Kind::Full | Kind::Other => return Err(error.into()),
            }
            if Instant::now() > deadline {
                return Err(HdfsFailure::Busy);
            }
            // The name node takes up a recovery that failed only after thirty heartbeats: no use in asking often.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Asks for the lease of whoever holds it; asking again is fine.
    async fn recover(&self, path: &str) -> Result<(), HdfsError> {
        match answered(self.client.recover_lease(path)).await {
            Ok(_) => Ok(()),
            Err(error) if kind(&error) == Kind::Leased => Ok(()),
            Err(error) => Err(error),
        }
    }
}
