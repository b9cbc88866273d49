//! The promise: `status --check` ends with 0 when all is healthy, and with 1 and the reason when something is not: a
//! monitor that is gone or hangs, a rotation or a rebuild that is really late.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;
use std::sync::Arc;

use monitor::{Instruments, Monitor, Options, World};
use rustix::process::Signal;
use schema::{Micros, MonitorId};
use storage::{Disk, FileStore, LocalDisk, WallClock};
use support::{AckingClient, Ended, Hourglass, message, now_micros, run, until};
use tokio_util::sync::CancellationToken;

/// What `status --check` lists as wrong.
fn problems(ended: &Ended) -> Vec<&str> {
    ended.stdout.lines().filter_map(|line| line.strip_prefix("PROBLEM")).map(str::trim).collect()
}

fn healthy(data: &Path) {
    until("the status to be healthy", || run(data, "status --data DATA --check").code == Some(0));
}

#[track_caller]
fn ill(ended: &Ended, says: &[&str]) {
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    let problems = problems(ended);
    assert_eq!(problems.len(), says.len(), "{problems:?}");
    for words in says {
        assert!(problems.iter().any(|problem| problem.contains(words)), "{words:?} in {problems:?}");
    }
}

/// Sends one line and waits for its ack.
fn send(up: &Hourglass, n: u64) {
    let mut client = AckingClient::connect(up.address, "me").unwrap();
    assert!(client.send([message("a", now_micros(), n).as_str()]) && client.await_ack(n));
}

#[test]
fn status_tells_health_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, "up --data DATA --id east");
    send(&up, 1);
    healthy(data);
    let status = run(data, "status --data DATA --format json").fine().stdout;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["monitor"]["id"], "east");
    assert_eq!(status["monitor"]["messages"], 1);
    assert_eq!(status["problems"].as_array().unwrap().len(), 0);
    assert!(run(data, "status --data DATA").fine().stdout.contains("east"));
    up.kill();
    until("the status to notice the end", || run(data, "status --data DATA --check").code == Some(1));
    ill(&run(data, "status --data DATA --check"), &["monitor east is not running"]);
    assert_eq!(run(data, "status --data DATA").code, Some(0), "only --check judges");
}

#[test]
fn a_monitor_that_hangs_counts_as_gone_until_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, "monitor --data DATA --id east");
    healthy(data);
    up.signal(Signal::STOP);
    until("the status to notice", || run(data, "status --data DATA --check").code == Some(1));
    ill(&run(data, "status --data DATA --check"), &["monitor east is not running"]);
    up.signal(Signal::CONT);
    healthy(data);
    assert!(up.drained().0.success());
}

#[test]
fn a_rotation_and_a_rebuild_that_are_late_are_told_and_a_start_makes_up_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, "monitor --data DATA --id east --schedule 0_0_1_1_*");
    send(&up, 1);
    assert!(up.drained().0.success());
    // An hour ago its generation ended at a tick; since then nothing has come of any.
    let hour_ago = Micros::new(now_micros() as i64 - 3_600_000_000).unwrap();
    rotate(data, hour_ago);

    let up = Hourglass::start(data, "monitor --data DATA --schedule 0_0_1_1_*");
    send(&up, 2);
    healthy(data);
    let late = run(data, "status --data DATA --check --schedule */10_*_*_*_*");
    ill(&late, &["is open since", "no batch view covers generation"]);
    assert!(problems(&late).iter().any(|problem| problem.contains("should have rotated at")), "{}", late.stdout);
    assert!(problems(&late).iter().any(|problem| problem.contains("is a scheduler running?")), "{}", late.stdout);
    assert!(up.drained().0.success());

    // Missed while nothing ran: made up for once, at the start.
    let up = Hourglass::start(data, "up --data DATA --schedule */10_*_*_*_*");
    until("the batch to cover both messages", || {
        let status = run(data, "status --data DATA --format json").fine().stdout;
        serde_json::from_str::<serde_json::Value>(&status).unwrap()["batch"]["messages"] == 2
    });
    healthy(data);
    assert!(up.drained().0.success());
}

/// Rotates the monitor of a folder, which does not run, at the tick of another time.
fn rotate(data: &Path, tick: Micros) {
    let disk: Arc<dyn Disk> = Arc::new(LocalDisk::new());
    let mut options = Options::new(data.to_owned(), MonitorId::new("east").unwrap());
    options.listen_address = ([127, 0, 0, 1], 0).into();
    let world = World {
        store: Arc::new(FileStore::new(Arc::clone(&disk), data.join("store"))),
        disk,
        clock: Arc::new(WallClock::new()),
        find_covered: Arc::new(|| Box::pin(async { None })),
        instruments: Instruments::default(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let monitor = Monitor::start(options, world, stop.clone()).await.unwrap();
        monitor.rotate(tick).await.unwrap();
        stop.cancel();
        monitor.wait().await.unwrap();
    });
}

#[test]
fn a_lost_identity_is_told_where_a_log_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, "up --data DATA --id east");
    send(&up, 1);
    assert!(up.drained().0.success());
    std::fs::remove_file(data.join("identity.json")).unwrap();
    ill(&run(data, "status --data DATA --check"), &["identity.json is gone"]);
    for line in ["up --data DATA", "monitor --data DATA --id east"] {
        let refused = run(data, line);
        assert_eq!(refused.code, Some(2));
        for says in ["identity.json is gone", "the id and the incarnation", "restore it"] {
            assert!(refused.stderr.contains(says), "{says:?} in {}", refused.stderr);
        }
    }
    assert!(!data.join("identity.json").exists(), "none is made up");
}
