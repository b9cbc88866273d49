//! Promise: a bucket of S3 or of Google Cloud Storage is a store like any other. The one conformance suite, and what
//! only buckets do: names that many take at once, answers that are lost, files that are parts, servers that do not
//! answer, and servers that let a name be taken twice.
//!
//! The servers are moto's (S3) and fake-gcs-server: real ones, which package registries carry. Neither is enough as it
//! comes: moto judges a conditional write before it writes, so the requests for one object are served one after the
//! other; fake-gcs-server judges as it writes, but only in Google's JSON protocol, so puts in XML are translated.
//! tests/bucket/ has both wrappers and says the same. s3s-fs, a crate, would need what moto needs.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

#[path = "support"]
mod support {
    pub mod bucket;
    pub mod proxy;
    mod skip;
    pub use skip::skip;
}

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hourglass_storage::{BucketFailure, BucketOptions, BucketStore, Created, Key, Store, StoreError, conformance};
use support::bucket::BucketServer;
use support::proxy::Proxy;

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_what_a_store_promises() {
    let Some(server) = BucketServer::s3(false) else { return };
    keeps_what_a_store_promises(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn google_keeps_what_a_store_promises() {
    let Some(server) = BucketServer::gcs(false) else { return };
    keeps_what_a_store_promises(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lets_a_name_be_taken_twice_is_refused() {
    for server in [BucketServer::s3(true), BucketServer::gcs(true)].into_iter().flatten() {
        let opened = BucketStore::open(&server.url("twice"), &options(&server, server.address())).await;
        let Err(BucketFailure::Unconditional(named)) = opened else { panic!("{opened:?}") };
        assert!(named.contains(&server.url("twice")), "{named}");
        assert_eq!(objects(&server, "twice"), [""; 0], "nothing stays behind");
    }
}

/// A server is one for all; each promise has a folder of its own.
async fn keeps_what_a_store_promises(server: &BucketServer) {
    conformance::suite(&open(server, "suite").await).await;
    one_of_many_takes_a_name_though_all_write_the_same(server).await;
    one_of_many_appends_at_a_length(server).await;
    a_file_that_grows_is_parts_named_by_where_they_start(server).await;
    a_lost_answer_is_settled_by_what_is_there(server).await;
    a_reader_beside_appends_sees_a_prefix(server).await;
    an_append_that_was_killed_was_done_or_not(server).await;
    a_deletion_that_was_killed_left_a_prefix(server).await;
    a_server_that_is_gone_is_said_to_be_at_once(server).await;
    a_server_that_does_not_answer_is_given_up(server).await;
}

async fn one_of_many_takes_a_name_though_all_write_the_same(server: &BucketServer) {
    let stores = [open(server, "race").await, open(server, "race").await];
    for round in 0..50 {
        let file = key(&format!("file-{round}"));
        let created = each_of_eight(&stores, async |store: &BucketStore, _| {
            store.create(&file, Bytes::from_static(b"the same")).await.unwrap()
        });
        let winners = created.await.iter().filter(|created| **created == Created::Created).count();
        assert_eq!(winners, 1);
    }
}

async fn one_of_many_appends_at_a_length(server: &BucketServer) {
    let stores = [open(server, "appends").await, open(server, "appends").await];
    let (file, content) = (key("file.ndjson"), Bytes::from_static(b"0123456789"));
    let mut length = 0;
    for _ in 0..25 {
        // All have the file's next bytes, and not equally many of them.
        let appended = each_of_eight(&stores, async |store: &BucketStore, which| {
            match store.append(&file, length, content.slice(..which + 1)).await {
                Ok(()) => Some(which as u64 + 1),
                Err(StoreError::WrongLength { expected, found, .. }) if expected == length && found > length => None,
                other => panic!("{other:?}"),
            }
        });
        let appended = appended.await;
        let winners: Vec<u64> = appended.iter().copied().flatten().collect();
        assert_eq!(winners.len(), 1, "{appended:?}");
        length += winners[0];
        for store in &stores {
            assert_eq!(store.length(&file).await.unwrap(), Some(length));
        }
    }
}

async fn a_file_that_grows_is_parts_named_by_where_they_start(server: &BucketServer) {
    let store = open(server, "names").await;
    let file = key("master/date=2026-01-01/east-7.ndjson");
    store.append(&file, 0, Bytes::from(vec![b'x'; 100])).await.unwrap();
    store.append(&file, 100, Bytes::from(vec![b'y'; 50])).await.unwrap();
    store.create(&key("master/date=2026-01-01/whole"), Bytes::new()).await.unwrap();
    let parts = [
        "names/master/date=2026-01-01/east-7.ndjson@/00000000000000000000.ndjson",
        "names/master/date=2026-01-01/east-7.ndjson@/00000000000000000100.ndjson",
        "names/master/date=2026-01-01/whole",
    ];
    assert_eq!(objects(server, "names"), parts);
    // A stranger reads the same; the folder of parts is none of files, and what grows cannot be made whole.
    let stranger = open(server, "names").await;
    assert_eq!(stranger.read_range(&file, 98..102).await.unwrap(), "xxyy");
    assert_eq!(stranger.list_folders(&key("master/date=2026-01-01")).await.unwrap(), [""; 0]);
    assert_eq!(stranger.create(&file, Bytes::new()).await.unwrap(), Created::Exists);
    let refused = stranger.append(&key("master/date=2026-01-01/whole"), 0, Bytes::from_static(b"x")).await;
    assert!(matches!(refused, Err(StoreError::Io { .. })), "{refused:?}");
}

async fn a_lost_answer_is_settled_by_what_is_there(server: &BucketServer) {
    let proxy = Proxy::to(server.address());
    let store = BucketStore::open(&server.url("lost"), &options(server, proxy.address())).await.unwrap();
    let seen = open(server, "lost").await;
    // Google's object names are one part of the path.
    let slash = if server.url("").starts_with("gs:") { "%2F" } else { "/" };
    let lose = |method: &str, name: &str| proxy.lose_answer_to(&format!("{method} /bucket/lost{slash}{name}"));

    // The next attempt finds the name taken, by the one before.
    lose("PUT", "made");
    assert_eq!(store.create(&key("made"), Bytes::from_static(b"same")).await.unwrap(), Created::Created);
    lose("PUT", "made");
    assert_eq!(store.create(&key("made"), Bytes::from_static(b"same")).await.unwrap(), Created::Exists);
    lose("PUT", "made");
    store.replace(&key("made"), Bytes::from_static(b"third")).await.unwrap();
    assert_eq!(seen.read(&key("made")).await.unwrap(), "third");
    lose("DELETE", "made");
    store.delete(&key("made")).await.unwrap();
    assert_eq!(seen.length(&key("made")).await.unwrap(), None);

    let (file, mut expected) = (key("grown"), String::new());
    for round in 0..3 {
        let line = format!("line {round}\n");
        lose("PUT", "grown");
        store.append(&file, expected.len() as u64, Bytes::from(line.clone())).await.unwrap();
        expected.push_str(&line);
        assert_eq!(seen.read(&file).await.unwrap(), expected);
    }
    assert_eq!(proxy.losses(), 7);
    assert_eq!(seen.list(&Key::root()).await.unwrap().len(), 1);
}

async fn a_reader_beside_appends_sees_a_prefix(server: &BucketServer) {
    let (writer, reader) = (open(server, "beside").await, open(server, "beside").await);
    let (file, line) = (key("file"), "a line\n");
    let writing = async {
        for round in 0..60 {
            writer.append(&file, (round * line.len()) as u64, Bytes::from_static(line.as_bytes())).await.unwrap();
        }
    };
    let reading = async {
        let mut lines = 0;
        while lines < 60 {
            let read = reader.read(&file).await.unwrap_or_default();
            assert!(read == line.repeat(read.len() / line.len()));
            assert!(read.len() / line.len() >= lines, "it never shrinks");
            lines = read.len() / line.len();
            let listed = reader.list(&Key::root()).await.unwrap();
            assert!(listed.iter().all(|file| file.len as usize >= read.len()));
        }
    };
    tokio::join!(writing, reading);
}

async fn an_append_that_was_killed_was_done_or_not(server: &BucketServer) {
    let proxy = Proxy::to(server.address());
    let seen = open(server, "killed").await;
    let content = Bytes::from_iter((0..1_u32 << 20).flat_map(u32::to_le_bytes));
    let file = key("file");
    let (mut length, mut killed) = (0, 0);
    for round in 0..40_u64 {
        let to = content.len().min(length + (256 << 10));
        let store = BucketStore::open(&server.url("killed"), &options(server, proxy.address())).await.unwrap();
        let append = store.append(&file, length as u64, content.slice(length..to));
        // The writer is gone a little later each round, its connections with it.
        killed += usize::from(tokio::time::timeout(Duration::from_micros(400 * round), append).await.is_err());
        proxy.down();
        proxy.up();
        let found = seen.length(&file).await.unwrap().unwrap_or(0) as usize;
        assert!([length, to].contains(&found), "{found} between {length} and {to}");
        // More may be there by now: a server finishes what it has been sent.
        let read = seen.read(&file).await.unwrap_or_default();
        assert!(read.len() >= found && read == content.slice(..read.len()), "{} bytes, {found} before", read.len());
        length = found;
    }
    assert!(killed > 0, "no append was killed");
    // What is still on its way is seen by the next append, which goes on behind it.
    while length < content.len() {
        match seen.append(&file, length as u64, content.slice(length..)).await {
            Ok(()) => length = content.len(),
            Err(StoreError::WrongLength { found, .. }) => length = found as usize,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(seen.read(&file).await.unwrap() == content);
}

async fn a_deletion_that_was_killed_left_a_prefix(server: &BucketServer) {
    let store = open(server, "deleted").await;
    let file = key("file");
    for round in 0..8 {
        store.append(&file, round, Bytes::copy_from_slice(&[b'0' + round as u8])).await.unwrap();
    }
    let mut patience = Duration::ZERO;
    let seen = open(server, "deleted").await;
    while tokio::time::timeout(patience, store.delete(&file)).await.is_err() {
        let left = objects(server, "deleted");
        let expected = (0..left.len()).map(|start| format!("deleted/file@/{start:020}"));
        assert_eq!(left, Vec::from_iter(expected), "nothing behind a gap, which a later append would meet");
        let read = seen.read(&file).await.unwrap_or_default();
        assert!(read.len() <= left.len() && read == b"01234567"[..read.len()], "{read:?}");
        patience += Duration::from_micros(300);
    }
    assert_eq!(seen.length(&file).await.unwrap(), None);
    assert_eq!(objects(server, "deleted"), [""; 0]);
}

async fn a_server_that_is_gone_is_said_to_be_at_once(server: &BucketServer) {
    let proxy = Proxy::to(server.address());
    let store = BucketStore::open(&server.url("gone"), &options(server, proxy.address())).await.unwrap();
    store.append(&key("file"), 0, Bytes::from_static(b"one\n")).await.unwrap();
    proxy.down();
    let (begun, file, made, all) = (Instant::now(), key("file"), key("made"), Key::root());
    let (read, append, create, listed) = tokio::join!(
        store.read(&file),
        store.append(&file, 4, Bytes::from_static(b"two\n")),
        store.create(&made, Bytes::new()),
        store.list(&all),
    );
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(matches!(read, Err(StoreError::Io { .. })), "{read:?}");
    assert!(append.is_err() && create.is_err() && listed.is_err());
    proxy.up();
    store.append(&key("file"), 4, Bytes::from_static(b"two\n")).await.unwrap();
    assert_eq!(store.read(&key("file")).await.unwrap(), "one\ntwo\n");
    assert_eq!(store.create(&key("made"), Bytes::new()).await.unwrap(), Created::Created);
}

async fn a_server_that_does_not_answer_is_given_up(server: &BucketServer) {
    let store = open(server, "frozen").await;
    store.append(&key("file"), 0, Bytes::from_static(b"one\n")).await.unwrap();
    server.freeze();
    let (begun, file, made, hint, all) = (Instant::now(), key("file"), key("made"), key("hint"), Key::root());
    let (read, append, create, replaced, listed) = tokio::join!(
        store.read(&file),
        store.append(&file, 4, Bytes::from_static(b"two\n")),
        store.create(&made, Bytes::new()),
        store.replace(&hint, Bytes::from_static(b"1")),
        store.list(&all),
    );
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(matches!(read, Err(StoreError::Io { .. })), "{read:?}");
    assert!(matches!(listed, Err(StoreError::Io { .. })), "{listed:?}");
    assert!(matches!(create, Err(StoreError::Io { .. })), "it looks before it writes: {create:?}");
    for unknown in [append, replaced] {
        assert!(matches!(unknown, Err(StoreError::Unknown { .. })), "{unknown:?}");
    }
    server.thaw();
    // What was asked in vain may be done now, late, and nothing else.
    let found = match store.append(&key("file"), 4, Bytes::from_static(b"two\n")).await {
        Ok(()) => 8,
        Err(StoreError::WrongLength { found, .. }) => found,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(found, 8);
    assert_eq!(store.read(&key("file")).await.unwrap(), "one\ntwo\n");
}

/// What eight calls at once came to, four on each store.
async fn each_of_eight<T: std::fmt::Debug>(
    stores: &[BucketStore; 2],
    call: impl AsyncFn(&BucketStore, usize) -> T,
) -> [T; 8] {
    let [one, other] = stores;
    let (a, b, c, d, e, f, g, h) = tokio::join!(
        call(one, 0),
        call(other, 1),
        call(one, 2),
        call(other, 3),
        call(one, 4),
        call(other, 5),
        call(one, 6),
        call(other, 7),
    );
    [a, b, c, d, e, f, g, h]
}

async fn open(server: &BucketServer, folder: &str) -> BucketStore {
    BucketStore::open(&server.url(folder), &options(server, server.address())).await.unwrap()
}

/// How to reach the server, or a proxy before it. It takes any credentials.
fn options(server: &BucketServer, address: SocketAddr) -> BucketOptions {
    let settings = server.credentials().iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    BucketOptions { endpoint: Some(format!("http://{address}")), settings, ..BucketOptions::default() }
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// The names of the objects below a folder of the bucket, as the server lists them.
fn objects(server: &BucketServer, folder: &str) -> Vec<String> {
    let mut connection = TcpStream::connect(server.address()).unwrap();
    let host = server.address();
    write!(connection, "GET /bucket?list-type=2&prefix={folder}/ HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let names = answer.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
    names.map(str::to_owned).collect()
}
