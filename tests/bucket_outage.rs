//! Promise: through a bucket's outages an acknowledged line is in S3 exactly once, and every answer is exact.
//!
//! One server, one monitor with every role that rotates and rebuilds every two seconds, acking clients at work all the
//! time; between monitor and server a proxy. Between the faults each answer's coverage is recounted by `verify`, here
//! and on a machine that has only the store's address. (The server itself keeps all in memory, so it is stopped and
//! cut off, not started anew: tests/bucket_store.rs says which one and why.)
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;
use std::time::Duration;

use support::bucket::BucketServer;
use support::proxy::Proxy;
use support::{Ended, Hourglass, Senders, assert_all_there, run, until};

#[test]
fn an_acknowledged_line_survives_what_buckets_do() {
    let Some(bucket) = BucketServer::s3(false) else { return };
    let proxy = Proxy::to(bucket.address());
    let folder = tempfile::tempdir().unwrap();
    let world = World { data: folder.path().join("data"), options: options(&bucket, &proxy) };
    let senders = Senders::paced(2, Duration::from_millis(20));

    let server = world.start();
    senders.connect_to(server.address);
    senders.until_acked(2_000);
    until("the first rebuild from the bucket", || world.status()["batch"]["messages"].as_u64() > Some(0));
    world.verified();

    // Answers that are lost, one of each kind of write.
    for written in ["PUT /bucket/hourglass/master/", "PUT /bucket/hourglass/cuts/", "PUT /bucket/hourglass/views/"] {
        let before = proxy.losses();
        proxy.lose_answer_to(written);
        until("an answer to be lost", || proxy.losses() > before);
    }
    senders.until_acked(2_000);

    // Cut off for more than three rotations: generations pile up, the monitor goes on.
    proxy.down();
    let before = world.generation();
    senders.until_acked(2_000);
    until("rotations without a store", || world.generation() > before + 3);
    proxy.up();
    let caught_up = world.generation();
    until("the store to catch up", || world.published() >= Some(caught_up - 1));
    world.verified();

    // The server takes requests and answers none; what it took it does later.
    bucket.freeze();
    let before = world.generation();
    senders.until_acked(2_000);
    until("rotations beside a silent store", || world.generation() > before + 3);
    bucket.thaw();
    let caught_up = world.generation();
    until("the store to catch up", || world.published() >= Some(caught_up - 1));
    world.verified();

    // Killed, most likely in the middle of an append.
    server.kill();
    let server = world.start();
    senders.connect_to(server.address);
    senders.until_acked(2_000);

    let sent = senders.stop();
    let (status, log) = server.drained();
    assert!(status.success(), "{log}");
    assert_all_there(&sent, &world.run("cat --data DATA").fine().stdout);
    world.verified();

    // Elsewhere, with nothing but the store: once all is uploaded and built, the same answer.
    let server = world.start();
    let last = world.generation();
    until("the last cut", || world.published() >= Some(last));
    server.drained();
    world.run("rebuild --data DATA").fine();
    let here = world.run("query --data DATA --every 1d --from -1d --format csv").fine().stdout;
    let elsewhere = world.elsewhere("query --every 1d --from -1d --format csv").fine().stdout;
    assert_eq!(elsewhere, here);
    world.elsewhere("verify").fine();
    world.elsewhere("services").fine();
}

#[test]
fn a_server_that_lets_a_name_be_taken_twice_is_refused_by_name() {
    let Some(bucket) = BucketServer::s3(true) else { return };
    let folder = tempfile::tempdir().unwrap();
    let options = options(&bucket, &Proxy::to(bucket.address()));
    let refused = run(folder.path(), &format!("up --data DATA --listen 127.0.0.1:0 {options}"));
    assert_ne!(refused.code, Some(0), "{}", refused.stdout);
    for word in ["s3://bucket/hourglass", "created twice", "If-None-Match"] {
        assert!(refused.stderr.contains(word), "{word:?} in {}", refused.stderr);
    }
}

/// Flags for a store in the bucket, reached through the proxy.
fn options(bucket: &BucketServer, proxy: &Proxy) -> String {
    format!("--store {} --s3-endpoint http://{} --s3-region eu-west-1", bucket.url("hourglass"), proxy.address())
}

/// One monitor's machine and the store.
struct World {
    data: std::path::PathBuf,
    options: String,
}

impl World {
    fn start(&self) -> Hourglass {
        Hourglass::start(
            &self.data,
            &self.with_store(
                "up --data DATA --schedule */2_*_*_*_*_* --refresh-every 500ms --upload-every 300ms --rebuild-wait 1s \
             --views-grace 1s",
            ),
        )
    }

    fn with_store(&self, line: &str) -> String {
        format!("{line} {}", self.options)
    }

    /// A command on the monitor's machine.
    fn run(&self, line: &str) -> Ended {
        run(&self.data, &self.with_store(line))
    }

    /// A command on a machine that has only the store.
    fn elsewhere(&self, line: &str) -> Ended {
        run(Path::new("/nonexistent"), &self.with_store(line))
    }

    #[track_caller]
    fn verified(&self) {
        self.run("verify --data DATA").fine();
        self.elsewhere("verify").fine();
    }

    fn status(&self) -> serde_json::Value {
        let status = self.run("status --data DATA --format json");
        serde_json::from_str(&status.stdout).unwrap_or_default()
    }

    /// The generation that is being written.
    fn generation(&self) -> u64 {
        self.live()["generation"].as_u64().unwrap_or(0)
    }

    /// The newest generation whose cut is in the store.
    fn published(&self) -> Option<u64> {
        self.live()["cut"].as_u64()
    }

    /// What the monitor tells of itself, store or not.
    fn live(&self) -> serde_json::Value {
        let status = std::fs::read(self.data.join("status.json")).unwrap_or_default();
        serde_json::from_slice(&status).unwrap_or_default()
    }
}
