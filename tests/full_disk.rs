//! The promise: on a full disk the monitor stops acknowledging and reading, says why in its log and its status,
//! and goes on by itself when there is room; nothing acknowledged is lost, nothing is counted twice.
//!
//! The disk is a tmpfs of 48 MiB that this test mounts, which takes root; without, the test is skipped, visibly.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use support::{AckingClient, Hourglass, message, now_micros, run, skip, until};

/// A small file system of its own, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"]).arg(at).output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_the_acks_and_room_brings_them_back() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("small")) else {
        return skip("mounting a tmpfs takes root");
    };
    let data = disk.0.join("data");
    // No reserve: it is the file system itself that says no, in the middle of a write.
    let server = Hourglass::start(&data, "up --data DATA --disk-reserve 0B --log-bytes 8MiB");
    let mut client = AckingClient::connect(server.address, "me").unwrap();
    let lines = |from: u64| -> Vec<_> { (from..from + 100).map(|n| message("s", now_micros(), n)).collect() };
    assert!(client.send(lines(1).iter().map(String::as_str)) && client.await_ack(100));

    fill(&disk.0.join("ballast"));
    let acked = Arc::new(AtomicU64::new(100));
    let sender = {
        let acked = Arc::clone(&acked);
        thread::spawn(move || {
            let mut next = 101;
            while next < 40_000 {
                let lines: Vec<_> = (next..next + 100).map(|n| message("s", now_micros(), n)).collect();
                assert!(client.send(lines.iter().map(String::as_str)) && client.await_ack(next + 99));
                next += 100;
                acked.store(client.acked, Ordering::SeqCst);
            }
        })
    };
    until("the status to say that there is no room", || {
        let status = run(&data, "status --data DATA --check");
        status.code == Some(1) && status.stdout.contains("no room")
    });
    let blocked = acked.load(Ordering::SeqCst);
    assert!(blocked < 40_000 - 100, "acks stopped");
    until("the log to say why", || server.log().contains("no room"));
    let posted = posted(server.http.unwrap(), &message("posted", now_micros(), 0));
    assert!(posted.starts_with("HTTP/1.1 503") && posted.contains("retry-after: 1"), "{posted}");
    assert!(posted.contains("no room") && posted.contains("\"handed_over\":0"), "{posted}");

    fs::remove_file(disk.0.join("ballast")).unwrap();
    sender.join().unwrap();
    until("the status to be healthy again", || run(&data, "status --data DATA --check").code == Some(0));
    let printed = run(&data, "cat --data DATA").fine().stdout;
    let numbers: Vec<u64> = printed.lines().map(number).collect();
    assert!(numbers == (1..=numbers.len() as u64).collect::<Vec<_>>(), "each line once, in order");
    assert_eq!(numbers.len() as u64, acked.load(Ordering::SeqCst));
    run(&data, "verify --data DATA").fine();
    assert!(server.drained().0.success());
}

/// What is answered to a line over HTTP.
fn posted(address: SocketAddr, line: &str) -> String {
    use std::io::{Read, Write};
    let mut socket = TcpStream::connect(address).unwrap();
    let length = line.len();
    let head = format!(
        "POST /api/v1/messages HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n"
    );
    write!(socket, "{head}Content-Type: application/x-ndjson\r\n\r\n{line}").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// Writes until the file system has no byte left.
fn fill(ballast: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(ballast).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        let piece = vec![0; size];
        while file.write_all(&piece).is_ok() {}
    }
}

fn number(line: &str) -> u64 {
    serde_json::from_str::<serde_json::Value>(line).unwrap()["n"].as_u64().unwrap()
}
