//! The promise: a line that was acknowledged is in the store exactly once, whatever is killed and when.
//!
//! The real process is killed with SIGKILL under load, again and again, while it rotates and rebuilds each second.
//! Acking clients reconnect and go on with the line after the one that the monitor says it consumed. At the end
//! every acknowledged line is printed by `cat` exactly once and in its client's order, nothing else is, and
//! `verify` finds no difference. `HOURGLASS_SOAK=100` runs a hundred rounds instead of five.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use support::{AckingClient, Hourglass, message, now_micros, rounds, run, until};

const CLIENTS: usize = 3;
const BATCH: u64 = 40;

/// What the test and its clients share.
#[derive(Default)]
struct World {
    /// Where the monitor listens now.
    address: Mutex<Option<SocketAddr>>,
    acked: [AtomicU64; CLIENTS],
    stop: AtomicBool,
}

#[test]
fn an_acknowledged_line_is_there_exactly_once_whatever_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let world = Arc::new(World::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|which| {
            let world = Arc::clone(&world);
            thread::spawn(move || send_until_stopped(&world, which))
        })
        .collect();

    for round in 0..rounds(5) {
        let server = start(&data);
        *world.address.lock().unwrap() = Some(server.address);
        // A different amount of work each round, so that the kill meets rotation, upload and rebuild too.
        let enough = total(&world) + 500 + (round * 7919) % 9_000;
        until("acks before the kill", || total(&world) >= enough);
        server.kill();
    }

    let server = start(&data);
    *world.address.lock().unwrap() = Some(server.address);
    let last = total(&world) + 500;
    until("acks after the last kill", || total(&world) >= last);
    world.stop.store(true, Ordering::SeqCst);
    let sent: Vec<u64> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    let (status, log) = server.drained();
    assert!(status.success(), "{log}");

    let printed = lines_by_client(&run(&data, "cat --data DATA").fine().stdout);
    for (which, sent) in sent.into_iter().enumerate() {
        let acked = world.acked[which].load(Ordering::SeqCst);
        let seen = &printed[&format!("service-{which}")];
        assert_eq!(acked, sent, "the last batch was acknowledged");
        let expected: Vec<u64> = (1..=sent).collect();
        assert!(*seen == expected, "client {which}: {} of {sent} lines, in order, once", seen.len());
    }
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

fn total(world: &World) -> u64 {
    world.acked.iter().map(|acked| acked.load(Ordering::SeqCst)).sum()
}

/// Sends numbered lines and reconnects whenever the connection breaks; returns how many it sent.
fn send_until_stopped(world: &World, which: usize) -> u64 {
    let (service, id) = (format!("service-{which}"), format!("client-{which}"));
    let acked = &world.acked[which];
    loop {
        let address = *world.address.lock().unwrap();
        let Some(mut client) = address.and_then(|address| AckingClient::connect(address, &id)) else {
            thread::park_timeout(std::time::Duration::from_millis(5));
            continue;
        };
        assert!(client.resume >= acked.load(Ordering::SeqCst), "what was acknowledged stays consumed");
        acked.store(client.resume, Ordering::SeqCst);
        let mut next = client.resume + 1;
        loop {
            if world.stop.load(Ordering::SeqCst) {
                return next - 1;
            }
            let lines: Vec<_> = (next..next + BATCH).map(|n| message(&service, now_micros(), n)).collect();
            if !client.send(lines.iter().map(String::as_str)) || !client.await_ack(next + BATCH - 1) {
                acked.store(client.acked, Ordering::SeqCst);
                break;
            }
            next += BATCH;
            acked.store(client.acked, Ordering::SeqCst);
        }
    }
}

/// The numbers of each service's lines, in the order printed.
fn lines_by_client(printed: &str) -> HashMap<String, Vec<u64>> {
    let mut seen: HashMap<String, Vec<u64>> = HashMap::new();
    for line in printed.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let service = line["serviceName"].as_str().unwrap().to_owned();
        seen.entry(service).or_default().push(line["n"].as_u64().unwrap());
    }
    seen
}
