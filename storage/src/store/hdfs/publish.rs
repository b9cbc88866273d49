//! Taking a name: a temporary with all its bytes in it takes the name of a whole file, or of a part, in one step.
//!
//! The temporary's name is random, so nobody else's call removes it. That makes
//! deleting it the judge of a rename whose answer was lost: if it could be
//! deleted the rename has not happened and never will, wherever its request is
//! still on its way; if it was not there any more the rename has happened. A
//! rename that was answered with a refusal has not, whatever became of its
//! temporary.

use std::time::Duration;

use bytes::Bytes;
use hdfs_native::file::FileWriter;
use hdfs_native::{HdfsError, WriteOptions};

use super::answer::{answered, closed, written};
use super::append::Room;
use super::error::{Kind, kind};
use super::{HdfsFailure, HdfsStore};
use crate::publish::Created;

/// How long a writer that is given up may take to end.
const GOODBYE: Duration = Duration::from_secs(1);

/// A file under a name of its own, with all its bytes in it, still open.
pub(super) struct Temporary {
    pub(super) path: String,
    pub(super) writer: FileWriter,
    length: u64,
    /// What its last block still takes, if the data nodes have synced it; erasure-coded files know no sync, and are
    /// durable, as far as they are, once closed.
    pub(super) room: Option<Room>,
}

impl HdfsStore {
    /// Makes these bytes the file at `path`; whether they are depends on
    /// `overwrite` where there is one already.
    pub(super) async fn publish(&self, path: &str, bytes: Bytes, overwrite: bool) -> Result<Created, HdfsFailure> {
        let mut temporary = self.write_temporary(path, bytes).await?;
        self.close_temporary(&mut temporary).await?;
        self.take_name(&temporary.path, path, overwrite).await
    }

    /// Writes a temporary beside `path`, durably where that can be had before it is closed.
    pub(super) async fn write_temporary(&self, path: &str, bytes: Bytes) -> Result<Temporary, HdfsFailure> {
        self.prepare_folder().await?;
        let path = temporary(path);
        let writer = answered(self.client.create(&path, self.options())).await?;
        let mut temporary = Temporary { path, writer, length: bytes.len() as u64, room: None };
        match self.fill(&mut temporary, bytes).await {
            Ok(()) => Ok(temporary),
            Err(error) => {
                abandon(&mut temporary.writer).await;
                self.remove(&temporary.path).await;
                Err(error.into())
            }
        }
    }

    async fn fill(&self, temporary: &mut Temporary, mut bytes: Bytes) -> Result<(), HdfsError> {
        let mut room = Room::of_block(self.block_size(&temporary.path).await?);
        match room.write(&mut temporary.writer, &mut bytes).await {
            Err(HdfsError::OperationFailed(text)) if text.contains("erasure-coded") => {
                written(bytes.len(), temporary.writer.write_bytes(bytes)).await?;
            }
            synced => {
                synced?;
                temporary.room = Some(room);
            }
        }
        Ok(())
    }

    /// Bytes in a block of the files that this makes, of which this is one.
    async fn block_size(&self, path: &str) -> Result<u64, HdfsError> {
        let asked = || async { Ok(answered(self.client.get_file_info(path)).await?.blocksize.unwrap_or(u64::MAX)) };
        self.block_size.get_or_try_init(asked).await.copied()
    }

    /// Closes it; one that cannot be closed is removed.
    pub(super) async fn close_temporary(&self, temporary: &mut Temporary) -> Result<(), HdfsFailure> {
        let closed = match temporary.room {
            Some(_) => self.close_synced(temporary).await,
            None => written(0, temporary.writer.close()).await.map_err(HdfsFailure::from),
        };
        if closed.is_err() {
            self.remove(&temporary.path).await;
        }
        closed
    }

    /// The same for one whose bytes are all synced: recovering its lease will do too.
    async fn close_synced(&self, temporary: &mut Temporary) -> Result<(), HdfsFailure> {
        let (path, expected) = (&temporary.path, temporary.length);
        if closed(&mut temporary.writer).await.is_ok() {
            return Ok(());
        }
        self.recover(path).await?;
        match self.length_of(path).await? {
            Some(found) if found == expected => Ok(()),
            found => {
                let why = format!("{path} was recovered with {found:?} of {expected} bytes");
                Err(HdfsError::OperationFailed(why).into())
            }
        }
    }

    /// Gives a temporary its name, at one moment.
    pub(super) async fn take_name(&self, temporary: &str, path: &str, overwrite: bool) -> Result<Created, HdfsFailure> {
        match answered(self.client.rename(temporary, path, overwrite)).await {
            Ok(()) => Ok(Created::Created),
            Err(error) => self.settle(error, temporary, path, overwrite).await,
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

    /// Options for a file that must not be there.
    fn options(&self) -> WriteOptions {
        self.create.clone().overwrite(false).create_parent(true)
    }

    /// Best effort: a temporary that stays is harmless.
    async fn remove(&self, temporary: &str) {
        let _ = answered(self.client.delete(temporary, false)).await;
    }
}

/// Lets go of a writer whose file nobody will name: closing it, or beginning to, ends the tasks and the connection that
/// a dropped one would leave behind.
pub(super) async fn abandon(writer: &mut FileWriter) {
    let _ = tokio::time::timeout(GOODBYE, writer.close()).await;
}

fn temporary(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    format!("{folder}/.~{name}-{:016x}", rand::random::<u64>())
}
