//! The promise: an answer is exact at every moment: while generations rotate, builds are published, and what they
//! supersede is deleted at once.
//!
//! One acking client sends without pause while the store rotates and rebuilds each second with no grace at all.
//! Every query must succeed, contain every line acknowledged before it was asked, and count exactly the messages
//! that its own coverage names.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use support::{AckingClient, Hourglass, message, now_micros, rounds, run};

#[test]
fn every_answer_during_rotation_publish_and_retirement_is_exact() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Hourglass::start(
        &data,
        "up --data DATA --schedule *_*_*_*_*_* --refresh-every 100ms --upload-every 100ms --views-grace 0s",
    );
    let (acked, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let sender = {
        let (acked, stop, address) = (Arc::clone(&acked), Arc::clone(&stop), server.address);
        thread::spawn(move || send(address, &acked, &stop))
    };

    let (mut seen, mut manifests) = (0, 0);
    // Five rebuilds mean five rotations, publishes and retirements that queries ran through.
    while manifests < rounds(5) {
        let before = acked.load(Ordering::SeqCst);
        let answer = run(&data, "query --data DATA --from 1970-01-01 --to +1h --format json --every 1d").fine().stdout;
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let rows = answer["rows"].as_array().unwrap();
        let counted: u64 = rows.iter().map(|row| row["msg_num"].as_u64().unwrap()).sum();
        let monitors = answer["coverage"]["monitors"].as_array().unwrap();
        let covered: u64 = monitors.iter().map(|monitor| monitor["messages"].as_u64().unwrap()).sum();
        assert_eq!(counted, covered, "an answer counts what its coverage names: {answer}");
        assert!(counted >= before, "{counted} counted, {before} acknowledged before the query");
        assert!(counted >= seen, "coverage never goes back: {counted} after {seen}");
        seen = counted;
        let status = run(&data, "status --data DATA --format json").fine().stdout;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        manifests = status["batch"]["manifest"].as_u64().unwrap_or(0);
    }
    stop.store(true, Ordering::SeqCst);
    sender.join().unwrap();
    run(&data, "verify --data DATA").fine();
    assert!(server.drained().0.success());
}

fn send(address: std::net::SocketAddr, acked: &AtomicU64, stop: &AtomicBool) {
    let mut client = AckingClient::connect(address, "me").unwrap();
    let mut next = 1;
    while !stop.load(Ordering::SeqCst) {
        let service = format!("service-{}", next % 7);
        let lines: Vec<_> = (next..next + 20).map(|n| message(&service, now_micros(), n)).collect();
        assert!(client.send(lines.iter().map(String::as_str)) && client.await_ack(next + 19));
        next += 20;
        acked.store(client.acked, Ordering::SeqCst);
    }
}
