//! The promise: a line that was acknowledged is in the store exactly once, whatever is killed and when.
//!
//! The real process is killed with SIGKILL under load, again and again, while it rotates and rebuilds each second.
//! Acking clients reconnect and go on with the line after the one that the monitor says it consumed. At the end
//! every acknowledged line is printed by `cat` exactly once and in its client's order, nothing else is, and
//! `verify` finds no difference. `HOURGLASS_SOAK=100` runs a hundred rounds instead of five.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use support::{Hourglass, Senders, assert_all_there, rounds, run};

#[test]
fn an_acknowledged_line_is_there_exactly_once_whatever_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let senders = Senders::start(3);
    for round in 0..rounds(5) {
        let server = start(&data);
        senders.connect_to(server.address);
        // A different amount of work each round, so that the kill meets rotation, upload and rebuild too.
        senders.until_acked(500 + (round * 7919) % 9_000);
        server.kill();
    }
    let server = start(&data);
    senders.connect_to(server.address);
    senders.until_acked(500);
    let sent = senders.stop();
    let (status, log) = server.drained();
    assert!(status.success(), "{log}");

    assert_all_there(&sent, &run(&data, "cat --data DATA").fine().stdout);
    let verified = run(&data, "verify --data DATA");
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
}

/// Every role, rotating and rebuilding each second.
fn start(data: &std::path::Path) -> Hourglass {
    Hourglass::start(
        data,
        "up --data DATA --schedule *_*_*_*_*_* --refresh-every 200ms --upload-every 200ms \
         --rebuild-wait 1s --views-grace 1s",
    )
}
