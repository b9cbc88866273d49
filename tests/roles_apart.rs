//! The promise: roles that run apart, on one data folder, are killed at any moment and lose and double nothing; two
//! schedulers at once build each manifest once.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use support::{AckingClient, Hourglass, hourglass, message, now_micros, run, until};

const SCHEDULE: [&str; 2] = ["--schedule", "* * * * * *"];
const BATCH: u64 = 50;

/// A scheduler that has said that it is ready; killed when dropped.
struct Scheduler(Child);

impl Scheduler {
    fn start(data: &Path) -> Self {
        let words = ["scheduler", "--data", data.to_str().unwrap(), "--rebuild-wait", "1s", "--views-grace", "1s"];
        let mut command = hourglass(words.into_iter().chain(SCHEDULE));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let scheduler = Self(child);
        assert!(ready.starts_with("scheduling"), "{ready:?}");
        scheduler
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Scheduler {
    /// SIGKILL.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
    let mut scheduler = Scheduler::start(&data);
    for round in 0..support::rounds(3) {
        send(&up, &mut sent);
        let before = batch(&data).0;
        until("a rebuild", || batch(&data).0 > before);
        send(&up, &mut sent);
        if round % 2 == 0 {
            drop(scheduler);
            send(&up, &mut sent);
            scheduler = Scheduler::start(&data);
        } else {
            up.kill();
            assert!(scheduler.runs(), "a scheduler needs no monitor");
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
    let mut both = [Scheduler::start(&data), Scheduler::start(&data)];
    for _ in 0..3 {
        send(&up, &mut sent);
        until("the batch to cover everything sent", || batch(&data).1 == sent);
    }
    assert!(both.iter_mut().all(Scheduler::runs), "neither minds the other");
    assert!(up.drained().0.success());
    complete(&data, sent);
}
