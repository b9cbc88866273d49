//! What HDFS says about how it keeps a file: found by asking the name node, without writing anything.

use super::answer::answered;
use super::{HdfsFailure, HdfsStore};
use crate::store::{Key, StoreError};

/// What is done before bytes count as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every data node that holds them has synced them to its disk.
    Synced,
    /// Every data node that holds them has them in memory: the file is
    /// erasure-coded, for which HDFS has no sync.
    Closed,
}

/// How HDFS keeps a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// How durable its bytes are.
    pub durability: Durability,
    /// Copies of each block; 1 of an erasure-coded one.
    pub replication: u32,
    /// Who it belongs to.
    pub owner: String,
    /// Its group.
    pub group: String,
    /// Who may do what with it, as in 0o644.
    pub mode: u16,
}

impl HdfsStore {
    /// How this file, which has bytes in it and is closed, is kept.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Io`].
    pub async fn kept(&self, key: &Key) -> Result<Kept, StoreError> {
        self.kept_at(&self.path(key)).await.map_err(|error| error.of("look at", key))
    }

    async fn kept_at(&self, path: &str) -> Result<Kept, HdfsFailure> {
        let status = answered(self.client.get_file_info(path)).await?;
        let replication = status.replication.unwrap_or(0);
        // The client tells no coding policy. Copies take whole multiples of the length, their number; parity does not.
        let taken = answered(self.client.get_content_summary(path)).await?.space_consumed;
        let copied = taken == status.length as u64 * u64::from(replication);
        let durability = if copied { Durability::Synced } else { Durability::Closed };
        Ok(Kept { durability, replication, owner: status.owner, group: status.group, mode: status.permission })
    }
}
