//! Promise: through a bucket's outages an acknowledged line is in S3 exactly once, and every answer is exact.
//!
//! One server, one monitor with every role that rotates and rebuilds every two seconds, acking clients at work all the
//! time; between monitor and server a proxy. Between the faults each answer's coverage is recounted by `verify`, here
//! and on a machine that has only the store's address. (The server itself keeps all in memory, so it is stopped and
//! cut off, not started anew: tests/bucket_store.rs says which one and why.)
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::time::Duration;

use support::bucket::BucketServer;
use support::proxy::Proxy;
use support::{Machine, Senders, run, until};

#[test]
fn an_acknowledged_line_survives_what_buckets_do() {
    let Some(bucket) = BucketServer::s3(false) else { return };
    let proxy = Proxy::to(bucket.address());
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new(folder.path().join("data"), &options(&bucket, &proxy));
    let senders = Senders::paced(2, Duration::from_millis(20));

    let server = machine.up();
    senders.connect_to(server.address);
    senders.until_acked(2_000);
    until("the first rebuild from the bucket", || machine.built() > 0);
    machine.verified();

    // Answers that are lost, one of each kind of write.
    for written in ["PUT /bucket/hourglass/master/", "PUT /bucket/hourglass/cuts/", "PUT /bucket/hourglass/views/"] {
        let before = proxy.losses();
        proxy.lose_answer_to(written);
        until("an answer to be lost", || proxy.losses() > before);
    }
    senders.until_acked(2_000);

    // Cut off for more than three rotations: generations pile up, the monitor goes on.
    proxy.down();
    let before = machine.generation();
    senders.until_acked(2_000);
    until("rotations without a store", || machine.generation() > before + 3);
    proxy.up();
    let caught_up = machine.generation();
    until("the store to catch up", || machine.published() >= Some(caught_up - 1));
    machine.verified();

    // The server takes requests and answers none; what it took it does later.
    bucket.freeze();
    let before = machine.generation();
    senders.until_acked(2_000);
    until("rotations beside a silent store", || machine.generation() > before + 3);
    bucket.thaw();
    let caught_up = machine.generation();
    until("the store to catch up", || machine.published() >= Some(caught_up - 1));
    machine.verified();

    // Killed, most likely in the middle of an append.
    machine.outlives_a_kill(server, senders);
    machine.elsewhere("services").fine();
}

#[test]
fn a_server_that_lets_a_name_be_taken_twice_is_refused_by_name() {
    let Some(bucket) = BucketServer::s3(true) else { return };
    let folder = tempfile::tempdir().unwrap();
    let options = options(&bucket, &Proxy::to(bucket.address()));
    let refused = run(folder.path(), &format!("up --data DATA --listen 127.0.0.1:0 --store {options}"));
    assert_ne!(refused.code, Some(0), "{}", refused.stdout);
    for word in ["s3://bucket/hourglass", "created twice", "If-None-Match"] {
        assert!(refused.stderr.contains(word), "{word:?} in {}", refused.stderr);
    }
}

/// What follows `--store` for one in the bucket, reached through the proxy.
fn options(bucket: &BucketServer, proxy: &Proxy) -> String {
    format!("{} --s3-endpoint http://{} --s3-region eu-west-1", bucket.url("hourglass"), proxy.address())
}
