//! HdfsStore: a store in a folder of HDFS (`hdfs:`, `viewfs:`).
//!
//! A key is the path below the root. A whole file is written as a temporary
//! beside it, `.~<name>-<16 hex, random>`, synced, closed and renamed, for
//! `create` without overwriting. A file that grows is parts:
//!
//! | path | what it is |
//! |---|---|
//! | `<key>` | its first part |
//! | `<key>@/<start><ending>` | a part that starts at this byte; named as in a bucket (ADR 9) |
//!
//! A part is begun like a whole file, but not closed: whoever began it keeps it
//! open, and an append is a write and a sync, until [`close`](Store::close). A
//! part that was closed, by whomever, never changes again: the next append
//! begins another. So a file whose writer was never interrupted is one plain
//! file, whatever the number of its appends. Who reads what it is writing, in
//! the same process, closes it thereby.
//!
//! What must hold:
//! - **Settled by what is there, not by what was answered.** A rename whose
//!   answer is lost has happened exactly if its temporary, which nobody else
//!   names, can no longer be deleted: see [`publish`].
//! - **Durable means `hsync`**: every data node of the pipeline has synced the
//!   bytes, of every block; what closing a file then changes on a data node's
//!   disk is synced there as `dfs.datanode.synconclose` says. Erasure-coded files know no `hsync`; there closing is all there is,
//!   and [`HdfsStore::kept`] says so.
//! - **Who only reads writes nothing**, not even to find something out: it may
//!   not be allowed to.
//! - **A block has one pipeline, from its first byte on.** The client does not
//!   give a block that is appended to a new generation stamp (ADR 11), so a copy
//!   that missed an append is as good as one that has it, and recovery may
//!   choose it: what was synced would be lost. So no block is appended to.
//! - **A lease left by a crash is recovered**, by the next append. Until then
//!   the length that HDFS reports is one that lease recovery can only confirm
//!   or raise.
//! - **A reader never takes a file for shorter than it is**: of a part that is
//!   open HDFS does not serve the last block, so a read that wants it waits,
//!   and says so after [`PATIENCE`]; [`served`](Store::served) says how far one
//!   need not wait.
//! - **No call waits for ever**, whatever the cluster does: see [`answer`].

mod answer;
mod append;
mod error;
mod kept;
mod look;
mod open;
mod publish;
mod read;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hdfs_native::{Client, WriteOptions};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::{Key, Linked, Listed, Pieces, Store, StoreError};
use crate::publish::Created;
use append::OpenPart;
pub use error::HdfsFailure;
pub use kept::{Durability, Kept};
use open::NewFolder;

/// How long a call waits for an answer, for another one's append, or for a lease's recovery.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// How a store in HDFS writes; what is absent is as the cluster has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HdfsOptions {
    /// Copies of each block.
    pub replication: Option<u32>,
    /// Bytes in a block.
    pub block_size: Option<u64>,
    /// The mode of files, as in 0o640; else 0o644. If the store's folder is not there it is made by the first file,
    /// with the same and `x` wherever that has `r`. Folders below have the mode of the one they are made in.
    pub mode: Option<u32>,
    /// The group of the store's folder if it is made, and with that of all below it; else that of the folder it is in.
    pub group: Option<String>,
    /// Who to be; else `HADOOP_USER_NAME`, else the process's user. With Kerberos: on whose behalf the principal acts,
    /// else `HADOOP_PROXY_USER`, else nobody's.
    pub user: Option<String>,
    /// Who to be for Kerberos, which is then what authenticates; else who the ticket in `KRB5CCNAME`, or the keytab in
    /// `KRB5_CLIENT_KTNAME`, names.
    pub principal: Option<String>,
    /// Where that principal's keys are; else its ticket is taken from `KRB5CCNAME`.
    pub keytab: Option<String>,
    /// Where core-site.xml and hdfs-site.xml are; else `HADOOP_CONF_DIR`, else `HADOOP_HOME/etc/hadoop`.
    pub configuration: Option<String>,
    /// Settings over those in these files.
    pub settings: Vec<(String, String)>,
}

/// A [`Store`] in a folder of HDFS.
pub struct HdfsStore {
    client: Client,
    /// The folder's path, without a slash at its end; empty for `/`.
    root: String,
    url: String,
    create: WriteOptions,
    folder: NewFolder,
    /// Bytes in a block of the files that this makes, once one was made.
    block_size: OnceCell<u64>,
    /// The parts that this process writes, by their file; `None` for one that it gave up and does not know to be closed:
    /// the name node keeps that one open for us as long as we write any.
    open: Mutex<HashMap<Key, Option<OpenPart>>>,
}

impl HdfsStore {
    fn path(&self, key: &Key) -> String {
        if key.as_str().is_empty() && self.root.is_empty() {
            return "/".to_owned();
        }
        if key.as_str().is_empty() { self.root.clone() } else { self.below(key.as_str()) }
    }

    fn below(&self, name: &str) -> String {
        format!("{}/{name}", self.root)
    }
}

impl fmt::Debug for HdfsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HdfsStore").field("url", &self.url).finish()
    }
}

#[async_trait]
impl Store for HdfsStore {
    async fn list(&self, prefix: &Key) -> Result<Vec<Listed>, StoreError> {
        self.list_below(prefix).await.map_err(|error| error.of("list", prefix))
    }

    async fn list_folders(&self, prefix: &Key) -> Result<Vec<String>, StoreError> {
        self.folders_in(prefix).await.map_err(|error| error.of("list", prefix))
    }

    async fn length(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.length_now(key).await.map_err(|error| error.of("look at", key))
    }

    async fn served(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.served_now(key).await.map_err(|error| error.of("look at", key))
    }

    async fn read(&self, key: &Key) -> Result<Bytes, StoreError> {
        self.read_range(key, 0..u64::MAX).await
    }

    async fn read_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.read_stretch(key, range).await.map_err(|error| error.of("read", key))
    }

    async fn read_pieces<'a>(&'a self, key: &'a Key, range: Range<u64>) -> Result<Box<dyn Pieces + 'a>, StoreError> {
        match self.stream_stretch(key, range).await {
            Ok(packets) => Ok(Box::new(packets)),
            Err(error) => Err(error.of("read", key)),
        }
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<Created, StoreError> {
        self.publish(&self.path(key), bytes, false).await.map_err(|error| error.of("create", key))
    }

    async fn append(&self, key: &Key, expected: u64, bytes: Bytes) -> Result<(), StoreError> {
        let found = self.append_at(key, expected, bytes).await;
        match found.map_err(|error| error.of("append to", key))? {
            found if found == expected => Ok(()),
            found => Err(StoreError::WrongLength { key: key.clone(), expected, found }),
        }
    }

    async fn close(&self, key: &Key) -> Result<(), StoreError> {
        self.close_open(key).await.map_err(|error| error.of("close", key))
    }

    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        self.publish(&self.path(key), bytes, true).await.map(drop).map_err(|error| error.of("replace", key))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.delete_all(key).await.map_err(|error| error.of("delete", key))
    }

    async fn remove_temporaries(&self, age: Duration) -> Result<usize, StoreError> {
        self.remove_old(age).await.map_err(|error| error.of("tidy", &Key::root()))
    }

    async fn link_from(&self, _local: &Path, _key: &Key) -> Result<Linked, StoreError> {
        Ok(Linked::Unsupported)
    }

    fn local_path(&self, _key: &Key) -> Option<PathBuf> {
        None
    }
}
