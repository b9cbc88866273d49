//! Promise: HDFS is a store like any other. The one conformance suite, on a real cluster, and what only HDFS does:
//! leases that a crash leaves, readers beside an open append, answers that are lost, a name node that goes away, a
//! quota, folders without sync, owners and modes, and views of several folders.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

#[path = "support"]
mod support {
    pub mod hdfs;
    pub mod proxy;
    mod skip;
    pub use skip::skip;
}

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hdfs_native::{Client, ClientBuilder};
use hourglass_storage::{Created, Durability, HdfsOptions, HdfsStore, Key, Listed, Store, StoreError};
use support::hdfs::{MiniCluster, call};
use support::proxy::Proxy;
use tokio::task::JoinSet;

async fn open(url: &str) -> HdfsStore {
    HdfsStore::open(url, &HdfsOptions::default()).await.unwrap()
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// A client of its own, which knows nothing of the store's.
fn stranger(cluster: &MiniCluster) -> Client {
    ClientBuilder::new().with_url(cluster.url("")).build().unwrap()
}

/// The cluster is one for all, because it takes seconds to start; each promise has a folder of its own.
#[tokio::test(flavor = "multi_thread")]
async fn hdfs_keeps_what_a_store_promises() {
    let Some(mut cluster) = MiniCluster::start() else { return };
    hourglass_storage::conformance::suite(&open(&cluster.url("suite")).await).await;
    a_lease_that_a_crash_left_is_recovered_with_all_that_was_synced(&cluster).await;
    a_reader_beside_an_open_append_sees_a_prefix_or_waits(&cluster).await;
    a_data_node_that_missed_an_append_takes_nothing_back(&mut cluster).await;
    appends_go_over_the_end_of_a_block(&cluster).await;
    a_lost_answer_is_settled_by_what_is_there(&cluster).await;
    a_quota_is_a_store_that_is_full_and_passes(&mut cluster).await;
    without_sync_files_are_durable_when_closed(&mut cluster).await;
    files_have_the_owner_the_group_and_the_mode_asked_for(&cluster).await;
    who_may_only_read_reads_and_leaves_nothing(&cluster).await;
    mounts_that_a_view_puts_together_are_a_store(&cluster).await;
    no_call_waits_for_ever(&mut cluster).await;
    a_name_node_that_was_away_is_used_again(&mut cluster).await;
}

async fn a_lease_that_a_crash_left_is_recovered_with_all_that_was_synced(cluster: &MiniCluster) {
    let file = key("file");
    // A writer that goes on as if nothing were: a crashed one does less.
    let fenced = open(&cluster.url("lease")).await;
    fenced.append(&file, 0, Bytes::from_static(b"one\n")).await.unwrap();
    fenced.append(&file, 4, Bytes::from_static(b"two\n")).await.unwrap();

    let store = open(&cluster.url("lease")).await;
    let refused = store.append(&file, 4, Bytes::new()).await;
    assert!(matches!(refused, Err(StoreError::WrongLength { expected: 4, found: 8, .. })), "{refused:?}");
    assert_eq!(store.read(&file).await.unwrap(), "one\ntwo\n");
    store.append(&file, 8, Bytes::from_static(b"three\n")).await.unwrap();

    fenced.append(&file, 8, Bytes::from_static(b"four\n")).await.unwrap_err();
    let refused = fenced.append(&file, 8, Bytes::from_static(b"four\n")).await;
    assert!(matches!(refused, Err(StoreError::WrongLength { expected: 8, found: 14, .. })), "{refused:?}");
    assert_eq!(fenced.read(&file).await.unwrap(), "one\ntwo\nthree\n");
    assert_eq!(fenced.read_range(&file, 6..10).await.unwrap(), "o\nth");
    assert_eq!(fenced.list(&Key::root()).await.unwrap(), [Listed { key: file, len: 14 }]);
}

async fn a_reader_beside_an_open_append_sees_a_prefix_or_waits(cluster: &MiniCluster) {
    let (store, other) = (open(&cluster.url("open")).await, open(&cluster.url("open")).await);
    let file = key("file");
    other.append(&file, 0, Bytes::from_static(b"one\n")).await.unwrap();
    assert_eq!(store.length(&file).await.unwrap(), Some(4));
    assert_eq!(store.served(&file).await.unwrap(), Some(0), "what is open is not served");
    let reading = async { store.read(&file).await.unwrap() };
    let (read, closed) = tokio::join!(reading, other.close(&file));
    closed.unwrap();
    assert_eq!(read, "one\n");

    other.append(&file, 4, Bytes::from_static(b"two\n")).await.unwrap();
    assert_eq!(store.length(&file).await.unwrap(), Some(8));
    assert_eq!(store.served(&file).await.unwrap(), Some(4), "a part that was closed is served");
    assert_eq!(store.read_range(&file, 1..4).await.unwrap(), "ne\n");
    other.close(&file).await.unwrap();
    assert_eq!(store.served(&file).await.unwrap(), Some(8));
    assert_eq!(store.read(&file).await.unwrap(), "one\ntwo\n");
}

/// The data node has a copy of the file as it was before: in the recovery it counts for nothing.
async fn a_data_node_that_missed_an_append_takes_nothing_back(cluster: &mut MiniCluster) {
    let store = open(&cluster.url("missed")).await;
    let file = key("file");
    store.append(&file, 0, Bytes::from_static(b"one\n")).await.unwrap();
    store.close(&file).await.unwrap();
    cluster.lose_data_node(2);
    store.append(&file, 4, Bytes::from_static(b"two\n")).await.unwrap();
    cluster.start_data_nodes();
    let next = open(&cluster.url("missed")).await;
    let refused = next.append(&file, 0, Bytes::new()).await;
    assert!(matches!(refused, Err(StoreError::WrongLength { expected: 0, found: 8, .. })), "{refused:?}");
    assert_eq!(next.read(&file).await.unwrap(), "one\ntwo\n");
}

/// Blocks of 1 MiB: the appends end where a block does, before, and behind.
async fn appends_go_over_the_end_of_a_block(cluster: &MiniCluster) {
    let options = HdfsOptions { block_size: Some(1 << 20), ..HdfsOptions::default() };
    let store = HdfsStore::open(&cluster.url("blocks"), &options).await.unwrap();
    let (file, mut expected) = (key("file"), Vec::new());
    for length in [1 << 20, 1, (1 << 20) - 1, 3, 3 << 20] {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251 + length) as u8).collect();
        store.append(&file, expected.len() as u64, bytes.clone().into()).await.unwrap();
        expected.extend(bytes);
        assert_eq!(store.length(&file).await.unwrap(), Some(expected.len() as u64));
    }
    assert!(store.read(&file).await.unwrap() == expected);
    assert_eq!(store.list(&Key::root()).await.unwrap().len(), 1);
}

async fn a_lost_answer_is_settled_by_what_is_there(cluster: &MiniCluster) {
    let proxy = Proxy::to(cluster.name_node());
    let store = open(&format!("hdfs://{}/lost", proxy.address())).await;
    let seen = open(&cluster.url("lost")).await;

    proxy.lose_answer_to("rename2");
    assert_eq!(store.create(&key("made"), Bytes::from_static(b"first")).await.unwrap(), Created::Created);
    proxy.lose_answer_to("rename2");
    assert_eq!(store.create(&key("made"), Bytes::from_static(b"second")).await.unwrap(), Created::Exists);
    proxy.lose_answer_to("rename2");
    store.replace(&key("made"), Bytes::from_static(b"third")).await.unwrap();
    assert_eq!(seen.read(&key("made")).await.unwrap(), "third");
    assert_eq!(proxy.losses(), 3);

    // Every step of an append: whatever was heard, the file is a prefix, and goes on where it is.
    let (file, mut expected) = (key("grown"), String::new());
    for (round, step) in ["create", "addBlock", "fsync", "rename2", "complete", "recoverLease"].into_iter().enumerate()
    {
        let line = format!("line {round}\n");
        proxy.lose_answer_to(step);
        let _ = store.append(&file, expected.len() as u64, Bytes::from(line.clone())).await;
        let length = settled(&store, &file, expected.len()).await;
        expected.push_str(&line);
        assert!(length <= expected.len(), "{step}: {length}");
        let rest = Bytes::copy_from_slice(&expected.as_bytes()[length..]);
        store.append(&file, length as u64, rest).await.unwrap();
        let _ = store.close(&file).await;
        settled(&store, &file, expected.len()).await;
        assert_eq!(seen.read(&file).await.unwrap(), expected, "{step}");
    }
    let names: Vec<String> = seen.list(&Key::root()).await.unwrap().iter().map(|file| file.key.to_string()).collect();
    assert_eq!(names, ["grown", "made"]);
}

/// How long the file is once nothing is open any more, asked as the uploader does: until there is an answer.
async fn settled(store: &HdfsStore, file: &Key, expected: usize) -> usize {
    for _ in 0..100 {
        match store.append(file, expected as u64, Bytes::new()).await {
            Ok(()) => return expected,
            Err(StoreError::WrongLength { found, .. }) => return found as usize,
            // The client may find only now that its connection is gone.
            Err(_) => tokio::task::yield_now().await,
        }
    }
    panic!("no answer about {file}");
}

async fn a_quota_is_a_store_that_is_full_and_passes(cluster: &mut MiniCluster) {
    let options = HdfsOptions { block_size: Some(1 << 20), replication: Some(3), ..HdfsOptions::default() };
    let store = HdfsStore::open(&cluster.url("quota"), &options).await.unwrap();
    cluster.set_space_quota("quota", Some(4 << 20));
    let three_blocks = Bytes::from(vec![b'x'; 3 << 20]);
    let refused = store.create(&key("large"), three_blocks.clone()).await;
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
    assert_eq!(store.length(&key("large")).await.unwrap(), None);
    let refused = store.append(&key("grown"), 0, three_blocks.clone()).await;
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");

    cluster.set_space_quota("quota", None);
    assert_eq!(store.create(&key("large"), three_blocks.clone()).await.unwrap(), Created::Created);
    let found = match store.append(&key("grown"), 0, Bytes::new()).await {
        Err(StoreError::WrongLength { found, .. }) => found,
        settled => settled.map(|()| 0).unwrap(),
    };
    store.append(&key("grown"), found, three_blocks.slice(found as usize..)).await.unwrap();
    assert_eq!(store.read(&key("grown")).await.unwrap(), three_blocks);
}

async fn without_sync_files_are_durable_when_closed(cluster: &mut MiniCluster) {
    cluster.erasure_code("coded", "XOR-2-1-1024k");
    let store = open(&cluster.url("coded")).await;
    assert_eq!(store.create(&key("made"), Bytes::from_static(b"first")).await.unwrap(), Created::Created);
    store.append(&key("grown"), 0, Bytes::from_static(b"one\n")).await.unwrap();
    store.append(&key("grown"), 4, Bytes::from_static(b"two\n")).await.unwrap();
    assert_eq!(store.read(&key("grown")).await.unwrap(), "one\ntwo\n");
    // Longer than a block, however it is cut.
    let blocks = HdfsOptions { block_size: Some(1 << 20), ..HdfsOptions::default() };
    let blocks = HdfsStore::open(&cluster.url("coded"), &blocks).await.unwrap();
    let long: Bytes = (0..3_u32 << 20).map(|at| (at % 251) as u8).collect();
    blocks.append(&key("long"), 0, long.clone()).await.unwrap();
    blocks.append(&key("long"), long.len() as u64, long.clone()).await.unwrap();
    assert!(blocks.read(&key("long")).await.unwrap() == [long.clone(), long].concat());
    assert_eq!(store.create(&key("empty"), Bytes::new()).await.unwrap(), Created::Created);
    assert_eq!(store.kept(&key("made")).await.unwrap().durability, Durability::Closed);
    assert_eq!(store.kept(&key("grown")).await.unwrap().durability, Durability::Closed);

    let copied = open(&cluster.url("copied")).await;
    copied.append(&key("grown"), 0, Bytes::from_static(b"one\n")).await.unwrap();
    copied.close(&key("grown")).await.unwrap();
    let kept = copied.kept(&key("grown")).await.unwrap();
    assert_eq!((kept.durability, kept.replication), (Durability::Synced, 3));
    let options = HdfsOptions { replication: Some(2), ..HdfsOptions::default() };
    let two = HdfsStore::open(&cluster.url("copied"), &options).await.unwrap();
    two.create(&key("made"), Bytes::from_static(b"first")).await.unwrap();
    let kept = two.kept(&key("made")).await.unwrap();
    assert_eq!((kept.durability, kept.replication), (Durability::Synced, 2));
}

fn of_alice() -> HdfsOptions {
    let (mode, group) = (Some(0o640), Some("analysts".to_owned()));
    HdfsOptions { user: Some("alice".to_owned()), mode, group, ..HdfsOptions::default() }
}

async fn files_have_the_owner_the_group_and_the_mode_asked_for(cluster: &MiniCluster) {
    let store = HdfsStore::open(&cluster.url("of-alice"), &of_alice()).await.unwrap();
    store.create(&key("deep/down/made"), Bytes::from_static(b"first")).await.unwrap();
    store.append(&key("grown"), 0, Bytes::from_static(b"one\n")).await.unwrap();
    store.replace(&key("made"), Bytes::from_static(b"new")).await.unwrap();
    let seen = stranger(cluster);
    for (path, mode) in [
        ("/of-alice", 0o750),
        ("/of-alice/deep", 0o750),
        ("/of-alice/deep/down", 0o750),
        ("/of-alice/deep/down/made", 0o640),
        ("/of-alice/grown", 0o640),
        ("/of-alice/made", 0o640),
    ] {
        let status = seen.get_file_info(path).await.unwrap();
        let found = (status.owner.as_str(), status.group.as_str(), status.permission);
        assert_eq!(found, ("alice", "analysts", mode), "{path}");
    }
    let kept = store.kept(&key("made")).await.unwrap();
    assert_eq!((kept.owner.as_str(), kept.group.as_str(), kept.mode), ("alice", "analysts", 0o640));

    // A group that one is not in is refused, by name, and a folder that is there stays as whoever made it wants it.
    let options = HdfsOptions { user: Some("bob".to_owned()), ..of_alice() };
    let refused =
        HdfsStore::open(&cluster.url("of-bob"), &options).await.unwrap().create(&key("x"), Bytes::new()).await;
    assert!(refused.unwrap_err().to_string().contains("create x"));
    seen.mkdirs("/prepared", 0o770, true).await.unwrap();
    seen.set_owner("/prepared", Some("alice"), Some("people")).await.unwrap();
    let store = HdfsStore::open(&cluster.url("prepared"), &of_alice()).await.unwrap();
    store.create(&key("made"), Bytes::from_static(b"first")).await.unwrap();
    assert_eq!(seen.get_file_info("/prepared/made").await.unwrap().group, "people");
}

async fn who_may_only_read_reads_and_leaves_nothing(cluster: &MiniCluster) {
    let alice = HdfsOptions { mode: Some(0o644), ..of_alice() };
    let store = HdfsStore::open(&cluster.url("read"), &alice).await.unwrap();
    store.create(&key("made"), Bytes::from_static(b"first")).await.unwrap();
    let bob = HdfsOptions { user: Some("bob".to_owned()), ..HdfsOptions::default() };
    let reader = HdfsStore::open(&cluster.url("read"), &bob).await.unwrap();
    assert_eq!(reader.read(&key("made")).await.unwrap(), "first");
    assert_eq!(reader.kept(&key("made")).await.unwrap().durability, Durability::Synced);
    assert!(reader.create(&key("other"), Bytes::new()).await.unwrap_err().to_string().contains("create other"));
    assert_eq!(stranger(cluster).list_status("/read", true).await.unwrap().len(), 1);
    // A name that is mistyped makes no folder.
    HdfsStore::open(&cluster.url("reed"), &alice).await.unwrap();
    assert!(stranger(cluster).get_file_info("/reed").await.is_err());
}

/// Where the store is one mount, and where it has another one inside.
async fn mounts_that_a_view_puts_together_are_a_store(cluster: &MiniCluster) {
    let mount = |at: &str, folder: &str| (format!("fs.viewfs.mounttable.view.{at}"), cluster.url(folder));
    let settings = vec![mount("link./metrics", "viewed"), mount("linkFallback", "rest")];
    let options = HdfsOptions { settings, ..HdfsOptions::default() };
    let store = HdfsStore::open("viewfs://view/metrics/store", &options).await.unwrap();
    hourglass_storage::conformance::suite(&store).await;
    store.create(&key("made"), Bytes::from_static(b"first")).await.unwrap();
    assert_eq!(open(&cluster.url("viewed/store")).await.read(&key("made")).await.unwrap(), "first");
    let rest = HdfsStore::open("viewfs://view/store", &options).await.unwrap();
    rest.create(&key("made"), Bytes::from_static(b"other")).await.unwrap();
    assert_eq!(open(&cluster.url("rest/store")).await.read(&key("made")).await.unwrap(), "other");
}

/// A name node whose answers stay away; and pipelines with a data node in them that is gone, of which the name node
/// does not know yet: whatever the client makes of that, it ends. Then all goes on.
async fn no_call_waits_for_ever(cluster: &mut MiniCluster) {
    let proxy = Proxy::to(cluster.name_node());
    let unanswered = open(&format!("hdfs://{}/ever", proxy.address())).await;
    let store = Arc::new(open(&cluster.url("ever")).await);
    proxy.hold_at(1, &[call("getFileInfo")]);
    cluster.stop_data_node(0);
    let mut writing = JoinSet::new();
    for number in 0..12 {
        let store = Arc::clone(&store);
        writing.spawn(async move { store.append(&key(&format!("file-{number}")), 0, Bytes::from("line\n")).await });
    }
    let all = async { (unanswered.length(&key("file-0")).await, writing.join_all().await) };
    let (length, _written) = tokio::time::timeout(Duration::from_secs(90), all).await.expect("every call ends");
    assert!(length.is_err());

    proxy.release();
    cluster.start_data_nodes();
    for number in 0..12 {
        let file = key(&format!("file-{number}"));
        let length = settled(&store, &file, 0).await;
        store.append(&file, length as u64, Bytes::from(&b"line\n"[length..])).await.unwrap();
        assert_eq!(store.read(&file).await.unwrap(), "line\n");
    }
}

async fn a_name_node_that_was_away_is_used_again(cluster: &mut MiniCluster) {
    let store = open(&cluster.url("away")).await;
    store.append(&key("file"), 0, Bytes::from_static(b"one\n")).await.unwrap();
    cluster.stop_name_node();
    assert!(matches!(store.length(&key("file")).await, Err(StoreError::Io { .. })));
    assert!(store.append(&key("file"), 4, Bytes::from_static(b"two\n")).await.is_err());
    assert!(store.create(&key("made"), Bytes::new()).await.is_err());
    cluster.start_name_node();
    // The data nodes were there: they may have it.
    let length = settled(&store, &key("file"), 4).await;
    store.append(&key("file"), length as u64, Bytes::from(&b"one\ntwo\n"[length..])).await.unwrap();
    assert_eq!(store.read(&key("file")).await.unwrap(), "one\ntwo\n");
    assert_eq!(store.create(&key("made"), Bytes::new()).await.unwrap(), Created::Created);

    // A file that could not be closed is not forgotten.
    store.append(&key("last"), 0, Bytes::from_static(b"one\n")).await.unwrap();
    cluster.stop_name_node();
    assert!(store.close(&key("last")).await.is_err());
    cluster.start_name_node();
    while store.close(&key("last")).await.is_err() {}
    let other = open(&cluster.url("away")).await;
    assert_eq!(other.served(&key("last")).await.unwrap(), Some(4));
}

/// A name service of two name nodes, by the configuration that Hadoop's own clients read.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_outlives_its_active_name_node() {
    let Some(mut cluster) = MiniCluster::start_highly_available() else { return };
    let configuration = Some(cluster.client_configuration().display().to_string());
    let options = HdfsOptions { configuration, ..HdfsOptions::default() };
    let by_name = HdfsStore::open("hdfs://hourglass/store", &options).await.unwrap();
    let by_default = HdfsStore::open("hdfs:///store", &options).await.unwrap();
    let (file, made) = (key("file"), key("made"));
    by_name.append(&file, 0, Bytes::from_static(b"one\n")).await.unwrap();
    cluster.fail_over();
    by_name.append(&file, 4, Bytes::from_static(b"two\n")).await.unwrap();
    by_name.close(&file).await.unwrap();
    assert_eq!(by_default.create(&made, Bytes::from_static(b"x")).await.unwrap(), Created::Created);
    assert_eq!(by_default.read(&file).await.unwrap(), "one\ntwo\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_node_that_is_gone_for_good_is_replaced_by_the_other() {
    let Some(mut cluster) = MiniCluster::start_highly_available() else { return };
    let configuration = Some(cluster.client_configuration().display().to_string());
    let options = HdfsOptions { configuration, ..HdfsOptions::default() };
    let store = HdfsStore::open("hdfs://hourglass/store", &options).await.unwrap();
    let file = key("file");
    store.append(&file, 0, Bytes::from_static(b"one\n")).await.unwrap();
    cluster.lose_active_name_node();
    let length = settled(&store, &file, 4).await;
    assert_eq!(length, 4);
    store.append(&file, 4, Bytes::from_static(b"two\n")).await.unwrap();
    assert_eq!(store.read(&file).await.unwrap(), "one\ntwo\n");
}
