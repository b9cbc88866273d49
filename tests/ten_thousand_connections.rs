//! The promise: ten thousand connections are held in little memory and slow nobody; a flood beyond `listen.connections`
//! is refused in one clear line each, and whoever is connected stays connected.
//!
//! The test and the monitor each need a descriptor a connection: where the system's hard limit is lower, the test is
//! skipped, visibly.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{AckingClient, DEADLINE, Hourglass, message, now_micros, run, skip, until};

const CONNECTIONS: usize = 10_000;
/// `listen.connections` in this test: the ordinary client has the one place more.
const LIMIT: usize = CONNECTIONS + 1;
/// Descriptors that the processes need beside them.
const OTHERS: u64 = 400;
const MEMORY: u64 = 128 << 20;

#[test]
fn ten_thousand_connections_and_a_flood_beyond_disturb_nobody() {
    let wanted = CONNECTIONS as u64 + OTHERS;
    if !raise_descriptors(wanted) {
        return skip(&format!("{wanted} open files are more than the hard limit allows"));
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, &format!("up --data DATA --listen-connections {LIMIT}"));
    let mut client = AckingClient::connect(up.address, "me").unwrap();
    let line = |n: usize| message("held", now_micros(), n as u64) + "\n";
    // Each has begun a line and not finished it; so each holds memory too.
    let mut held: Vec<_> = (0..CONNECTIONS).map(|n| begun(up.address, &line(n)[..100])).collect();
    until("all to be connected", || connections(data) == LIMIT as u64);
    assert!(send(&mut client, 5_000), "others are unaffected");

    for _ in 0..500 {
        let mut refusal = String::new();
        let mut refused = TcpStream::connect(up.address).unwrap();
        refused.set_read_timeout(Some(DEADLINE)).unwrap();
        refused.read_to_string(&mut refusal).unwrap();
        let said = format!("too many connections: listen.connections is {LIMIT}");
        assert!(refusal.contains(&said) && refusal.ends_with('\n'), "{refusal}");
    }
    until("the log to say so", || up.log().contains("too many connections"));
    assert!(send(&mut client, 10_000), "nor does the flood matter");

    for (n, connection) in held.iter_mut().enumerate() {
        connection.write_all(&line(n).as_bytes()[100..]).unwrap();
    }
    until("every begun line to count", || messages(data) == 10_000 + CONNECTIONS as u64);
    assert_eq!(connections(data), LIMIT as u64, "nobody was sent away");
    assert!(up.peak_memory() < MEMORY, "{} bytes", up.peak_memory());
    drop(held);
    until("their places to be free", || connections(data) == 1);
    AckingClient::connect(up.address, "new").unwrap();
    assert!(up.drained().0.success());
}

/// Raises this process's limit of open files, and so the monitor's; false where it may not be so high.
fn raise_descriptors(wanted: u64) -> bool {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    enough(current) || enough(maximum) && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok()
}

/// A connection that has sent the beginning of a line.
fn begun(address: SocketAddr, beginning: &str) -> TcpStream {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(beginning.as_bytes()).unwrap();
    connection
}

/// Sends lines up to number `to`, a hundred at a time, each acknowledged before the next.
fn send(client: &mut AckingClient, to: u64) -> bool {
    (client.acked..to).step_by(100).all(|from| {
        let lines: Vec<_> = (from..from + 100).map(|n| message("ordinary", now_micros(), n)).collect();
        client.send(lines.iter().map(String::as_str)) && client.await_ack(from + 100)
    })
}

fn connections(data: &Path) -> u64 {
    monitor(data)["live"]["connections"].as_u64().unwrap()
}

fn messages(data: &Path) -> u64 {
    monitor(data)["messages"].as_u64().unwrap()
}

fn monitor(data: &Path) -> serde_json::Value {
    let status = run(data, "status --data DATA --format json").fine().stdout;
    serde_json::from_str::<serde_json::Value>(&status).unwrap()["monitor"].take()
}
