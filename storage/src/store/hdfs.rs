//! HdfsStore: a store in a folder of HDFS (`hdfs:`, `viewfs:`).
//!
//! A key is the path below the root. A whole file is written as a temporary
//! beside it, `.~<name>-<16 hex, random>`, synced, closed and renamed, for
//! `create` without overwriting. An append opens the file for appending, which
//! takes its lease, compares the length under the lease, writes, syncs and
//! closes.
//!
//! What must hold:
//! - **Settled by what is there, not by what was answered.** A rename whose
//!   answer is lost has happened exactly if its temporary, which nobody else
//!   names, can no longer be deleted: see [`publish`].
//! - **Durable means `hsync`**: every data node of the pipeline has synced the
//!   bytes. Erasure-coded folders know no `hsync`; there closing is all there
//!   is, and [`HdfsStore::durability`] says so.
//! - **A lease left by a crash is recovered**, by the next append. Until then
//!   the length that HDFS reports is one that lease recovery can only confirm
//!   or raise.
//! - **A reader never takes a file for shorter than it is**: while an append is
//!   open HDFS does not serve the last block, so a read that wants it waits,
//!   and says so after [`PATIENCE`].

mod append;
mod error;
mod publish;
mod read;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hdfs_native::{Client, ClientBuilder, WriteOptions};

use super::{Key, Linked, Listed, Pieces, Store, StoreError};
use crate::publish::Created;
pub use error::HdfsFailure;

/// How long a call waits for another one's append or a lease's recovery.
const PATIENCE: Duration = Duration::from_secs(30);
/// Set unless the options say otherwise: a call that no name node answers fails within seconds. Whoever made it knows
/// better than it does what to do meanwhile; a failover takes a few such calls.
const SETTINGS: [(&str, &str); 3] = [
    ("dfs.client.failover.max.attempts", "5"),
    ("dfs.client.failover.sleep.base.millis", "100"),
    ("dfs.client.failover.sleep.max.millis", "1000"),
];
/// How often it looks meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// How a store in HDFS writes; what is absent is as the cluster has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HdfsOptions {
    /// Copies of each block.
    pub replication: Option<u32>,
    /// Bytes in a block.
    pub block_size: Option<u64>,
    /// Who to be; else `HADOOP_USER_NAME`, else the process's user.
    pub user: Option<String>,
    /// Where core-site.xml and hdfs-site.xml are; else `HADOOP_CONF_DIR`, else `HADOOP_HOME/etc/hadoop`.
    pub configuration: Option<String>,
    /// Settings over those in these files.
    pub settings: Vec<(String, String)>,
}

/// What is done before bytes count as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every data node that holds them has synced them to its disk.
    Synced,
    /// Every data node that holds them has them in memory: the folder is
    /// erasure-coded, for which HDFS has no sync.
    Closed,
}

/// A [`Store`] in a folder of HDFS.
pub struct HdfsStore {
    client: Client,
    /// The folder's path, without a slash at its end; empty for `/`.
    root: String,
    url: String,
    create: WriteOptions,
    durability: Durability,
}

impl HdfsStore {
    /// Opens the store in the folder that `url` names: `hdfs://host:port/path`,
    /// `hdfs://nameservice/path`, `hdfs:///path` (of `fs.defaultFS`), or the
    /// same with `viewfs`. The folder is made with the first file.
    ///
    /// Finds out how durable files can be made in it, by writing one.
    ///
    /// # Errors
    /// What the URL, the Hadoop configuration or the cluster is refused for.
    pub async fn open(url: &str, options: &HdfsOptions) -> Result<Self, HdfsFailure> {
        let (cluster, root) = split(url).ok_or_else(|| HdfsFailure::url(url))?;
        let patience = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = patience.into_iter().chain(options.settings.iter().cloned());
        let mut builder = ClientBuilder::new().with_config(settings);
        if let Some(cluster) = cluster {
            builder = builder.with_url(cluster);
        }
        if let Some(folder) = &options.configuration {
            builder = builder.with_config_dir(folder);
        }
        if let Some(user) = &options.user {
            builder = builder.with_user(user);
        }
        let client = builder.build().map_err(HdfsFailure::from)?;
        let mut create = WriteOptions::default().permission(0o644);
        if let Some(replication) = options.replication {
            create = create.replication(replication);
        }
        if let Some(block_size) = options.block_size {
            create = create.block_size(block_size);
        }
        let mut store =
            HdfsStore { client, root: root.to_owned(), url: url.to_owned(), create, durability: Durability::Synced };
        store.durability = store.probe().await?;
        Ok(store)
    }

    /// How durable files are made here.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    fn path(&self, key: &Key) -> String {
        if key.as_str().is_empty() && self.root.is_empty() {
            return "/".to_owned();
        }
        if key.as_str().is_empty() { self.root.clone() } else { format!("{}/{key}", self.root) }
    }
}

/// The cluster, if one is named, and the path in it without a slash at its end.
fn split(url: &str) -> Option<(Option<String>, &str)> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "hdfs" | "viewfs"))?;
    let (cluster, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let cluster = (!cluster.is_empty()).then(|| format!("{scheme}://{cluster}"));
    Some((cluster, path.trim_end_matches('/')))
}

impl fmt::Debug for HdfsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HdfsStore").field("url", &self.url).field("durability", &self.durability).finish()
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
        self.length_of(&self.path(key)).await.map_err(|error| error.of("look at", key))
    }

    async fn read(&self, key: &Key) -> Result<Bytes, StoreError> {
        self.read_range(key, 0..u64::MAX).await
    }

    async fn read_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.read_stretch(&self.path(key), range).await.map_err(|error| error.of("read", key))
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
        let found = self.append_at(&self.path(key), expected, bytes).await;
        match found.map_err(|error| error.of("append to", key))? {
            found if found == expected => Ok(()),
            found => Err(StoreError::WrongLength { key: key.clone(), expected, found }),
        }
    }

    async fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        self.publish(&self.path(key), bytes, true).await.map(drop).map_err(|error| error.of("replace", key))
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let deleted = self.client.delete(&self.path(key), false).await;
        deleted.map(drop).map_err(|error| HdfsFailure::from(error).of("delete", key))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_cluster_and_a_path() {
        let cluster = |text: &str| Some(text.to_owned());
        for (url, expected) in [
            ("hdfs://node:9000/a/b/", Some((cluster("hdfs://node:9000"), "/a/b"))),
            ("hdfs://service", Some((cluster("hdfs://service"), ""))),
            ("hdfs:///a", Some((None, "/a"))),
            ("viewfs://mounts/a", Some((cluster("viewfs://mounts"), "/a"))),
            ("s3://bucket/a", None),
            ("/a", None),
        ] {
            assert_eq!(split(url), expected, "{url}");
        }
    }
}
