//! The promise: roles that run apart, on one data folder, are killed at any moment and lose and double nothing; two
//! schedulers at once build each manifest once.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;

use support::{AckingClient, Hourglass, Scheduler, message, now_micros, run, until};

const BATCH: u64 = 50;

fn scheduler(data: &Path) -> Scheduler {
    Scheduler::start(data, "--data DATA --schedule *_*_*_*_*_* --rebuild-wait 1s --views-grace 1s")
}

fn monitor(data: &Path) -> Hourglass {
    Hourglass::start(
        data,
        "monitor --data DATA --schedule *_*_*_*_*_* --refresh-every 200ms --upload-every 200ms --views-grace 1s",
    )
}

/// The newest manifest's number, and the messages in it.
fn batch(data: &Path) -> (u64, u64) {
    let status = run(data, "status --data DATA --format json").fine().stdout;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let of = |name: &str| status["batch"][name].as_u64().unwrap_or(0);
    (of("manifest"), of("messages"))
}

/// Sends a batch more and waits for its acks.
fn send(monitor: &Hourglass, sent: &mut u64) {
    let mut client = AckingClient::connect(monitor.address, "me").unwrap();
    assert_eq!(client.resume, *sent, "what was acknowledged is consumed, and nothing else was sent");
    let lines: Vec<_> = (*sent + 1..=*sent + BATCH).map(|n| message("a", now_micros(), n)).collect();
    assert!(client.send(lines.iter().map(String::as_str)) && client.await_ack(*sent + BATCH));
    *sent += BATCH;
}

/// Every line once and in order, and every view as it should be.
fn complete(data: &Path, sent: u64) {
    let printed = run(data, "cat --data DATA").fine().stdout;
    let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["n"].as_u64().unwrap();
    let numbers: Vec<_> = printed.lines().map(number).collect();
    assert_eq!(numbers, (1..=sent).collect::<Vec<_>>());
    run(data, "verify --data DATA").fine();
}

#[test]
fn monitor_and_scheduler_are_killed_apart_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut sent = 0;
    let mut up = monitor(&data);
    let mut at_work = scheduler(&data);
    for round in 0..support::rounds(3) {
        send(&up, &mut sent);
        let before = batch(&data).0;
        until("a rebuild", || batch(&data).0 > before);
        send(&up, &mut sent);
        if round % 2 == 0 {
            drop(at_work);
            send(&up, &mut sent);
            at_work = scheduler(&data);
        } else {
            up.kill();
            assert!(at_work.runs(), "a scheduler needs no monitor");
            run(&data, "query --data DATA").fine();
            up = monitor(&data);
        }
    }
    until("the batch to cover everything sent", || batch(&data).1 == sent);
    assert!(up.drained().0.success());
    complete(&data, sent);
}

#[test]
fn two_schedulers_do_each_others_work_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut sent = 0;
    let up = monitor(&data);
    let mut both = [scheduler(&data), scheduler(&data)];
    for _ in 0..3 {
        send(&up, &mut sent);
        until("the batch to cover everything sent", || batch(&data).1 == sent);
    }
    assert!(both.iter_mut().all(Scheduler::runs), "neither minds the other");
    assert!(up.drained().0.success());
    complete(&data, sent);
}
