//! Whole files: a temporary, synced and closed, takes its name in one step.
//!
//! The temporary's name is random, so nobody else's call removes it. That makes
//! deleting it the judge of a rename whose answer was lost: if it could be
//! deleted the rename has not happened and never will, wherever its request is
//! still on its way; if it was not there any more the rename has happened. A
//! rename that was answered with a refusal has not, whatever became of its
//! temporary.

use bytes::Bytes;
use hdfs_native::file::FileWriter;
use hdfs_native::{HdfsError, WriteOptions};

use super::answer::{answered, written};
use super::error::{Kind, kind};
use super::{HdfsFailure, HdfsStore};
use crate::publish::Created;

impl HdfsStore {
    /// Makes these bytes the file at `path`; whether they are depends on
    /// `overwrite` where there is one already.
    pub(super) async fn publish(&self, path: &str, bytes: Bytes, overwrite: bool) -> Result<Created, HdfsFailure> {
        let temporary = temporary(path);
        if let Err(error) = self.write_new(&temporary, bytes).await {
            self.remove(&temporary).await;
            return Err(error.into());
        }
        match answered(self.client.rename(&temporary, path, overwrite)).await {
            Ok(()) => Ok(Created::Created),
            Err(error) => self.settle(error, &temporary, path, overwrite).await,
        }
    }

    /// What became of a rename that failed, or whose answer did not come.
    async fn settle(
        &self,
        error: HdfsError,
        temporary: &str,
        path: &str,
        overwrite: bool,
    ) -> Result<Created, HdfsFailure> {
        let lost = kind(&error) == Kind::Lost;
        // Looking comes first: it may be asked again where deleting, once it was asked without an answer, may not.
        match self.length_of(temporary).await {
            Ok(Some(_)) => {}
            Ok(None) if lost => return Ok(Created::Created),
            // It was refused, and somebody else's hands have removed the temporary.
            Ok(None) if kind(&error) == Kind::Exists => return Ok(Created::Exists),
            Ok(None) => return Err(HdfsFailure::Unknown(error)),
            Err(_) => return Err(HdfsFailure::Unknown(error)),
        }
        match answered(self.client.delete(temporary, false)).await {
            Ok(true) if kind(&error) == Kind::Exists => Ok(Created::Exists),
            Ok(true) if !overwrite && self.length_of(path).await?.is_some() => Ok(Created::Exists),
            Ok(true) => Err(error.into()),
            Ok(false) if lost => Ok(Created::Created),
            Ok(false) => Err(HdfsFailure::Unknown(error)),
            Err(_) => Err(HdfsFailure::Unknown(error)),
        }
    }

    /// Writes a file that is not there, durably.
    pub(super) async fn write_new(&self, path: &str, bytes: Bytes) -> Result<(), HdfsError> {
        self.prepare_folder().await?;
        let mut writer = answered(self.client.create(path, self.options())).await?;
        finish(&mut writer, bytes).await
    }

    /// Options for a file that must not be there.
    fn options(&self) -> WriteOptions {
        self.create.clone().overwrite(false).create_parent(true)
    }

    /// Best effort: a temporary that stays is harmless.
    async fn remove(&self, temporary: &str) {
        let _ = answered(self.client.delete(temporary, false)).await;
    }
}

/// Writes these bytes, has every data node sync them, and closes. Where files are erasure-coded and none can sync,
/// closing has to do.
pub(super) async fn finish(writer: &mut FileWriter, bytes: Bytes) -> Result<(), HdfsError> {
    written(bytes.len(), async {
        if !bytes.is_empty() {
            writer.write_bytes(bytes).await?;
            match writer.hsync().await {
                Err(HdfsError::OperationFailed(text)) if text.contains("erasure-coded") => {}
                synced => synced?,
            }
        }
        writer.close().await
    })
    .await
}

fn temporary(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    format!("{folder}/.~{name}-{:016x}", rand::random::<u64>())
}
