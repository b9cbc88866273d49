//! The promise: a data folder has one monitor. A second is refused by name, the first is not disturbed, and
//! everything else works while it runs, and when nothing runs.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use support::{AckingClient, Hourglass, message, now_micros, run};

const OTHERS: [&str; 7] = [
    "query --data DATA --format csv",
    "cat --data DATA",
    "services --data DATA --format csv",
    "rebuild --data DATA",
    "verify --data DATA",
    "status --data DATA",
    "config show --data DATA",
];

#[test]
fn a_second_monitor_is_refused_and_everything_else_works() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Hourglass::start(&data, "up --data DATA");
    let mut client = AckingClient::connect(first.address, "me").unwrap();
    assert!(client.send([message("checkout", now_micros(), 1).as_str()]) && client.await_ack(1));

    for command in ["up", "monitor"] {
        let second = run(&data, &format!("{command} --data DATA --listen 127.0.0.1:0"));
        assert_eq!(second.code, Some(2), "{}", second.stderr);
        assert!(second.stderr.contains(data.to_str().unwrap()), "{}", second.stderr);
        assert_eq!(second.stdout, "", "it never says that it listens");
    }

    assert!(client.send([message("checkout", now_micros(), 2).as_str()]) && client.await_ack(2));
    for command in OTHERS {
        run(&data, command).fine();
    }
    assert_eq!(run(&data, "cat --data DATA").fine().stdout.lines().count(), 2);

    let (status, log) = first.drained();
    assert!(status.success(), "{log}");
    for command in OTHERS {
        run(&data, command).fine();
    }
    assert_eq!(run(&data, "cat --data DATA").fine().stdout.lines().count(), 2);
}

#[test]
fn an_id_that_is_taken_is_refused_and_gives_way_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    let store = format!("--store {}", folder.path().join("store").display());
    let first = Hourglass::start(&one, &format!("monitor --data DATA --id twin {store}"));
    let refused = run(&two, &format!("monitor --data DATA --id twin --listen 127.0.0.1:0 {store}"));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    for word in ["twin", "--id", "hourglass monitors seal twin"] {
        assert!(refused.stderr.contains(word), "{word:?} in {}", refused.stderr);
    }
    let second = Hourglass::start(&two, &format!("monitor --data DATA --id other {store}"));
    assert!(second.drained().0.success());
    // What has written under its id keeps it.
    let refused = run(&two, &format!("monitor --data DATA --id third --listen 127.0.0.1:0 {store}"));
    assert!(refused.stderr.contains("belongs to monitor other"), "{}", refused.stderr);
    assert!(first.drained().0.success());
}
