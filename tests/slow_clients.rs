//! The promise: a client that is slow, silent or deaf costs only itself: others are served as if it were not there, and
//! what it finishes in the end counts.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;

use support::{AckingClient, DEADLINE, Hourglass, message, now_micros, run, until};

/// An ordinary client: it sends lines, some at a time, and waits for its acks.
struct Ordinary {
    client: AckingClient,
    sent: u64,
}

impl Ordinary {
    fn connect(address: SocketAddr) -> Self {
        Self { client: AckingClient::connect(address, "ordinary").unwrap(), sent: 0 }
    }

    fn sends(&mut self, lines: u64) {
        let to = self.sent + lines;
        let lines: Vec<_> = (self.sent..to).map(|n| message("ordinary", now_micros(), n)).collect();
        assert!(self.client.send(lines.iter().map(String::as_str)) && self.client.await_ack(to));
        self.sent = to;
    }
}

/// How many messages of a service an answer counts.
fn counted(data: &Path, service: &str) -> u64 {
    let query = format!("query --data DATA --from 1970-01-01 --to +1h --every 1d --service {service} --format ndjson");
    let rows = run(data, &query).fine().stdout;
    let rows = rows.lines().map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap());
    rows.map(|row| row["msg_num"].as_u64().unwrap()).sum()
}

/// A connection that sends at once, and gives up waiting for answers at the deadline.
fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn hello(client: &str) -> String {
    format!("{{\"hourglass\":{{\"version\":1,\"client\":\"{client}\"}}}}\n")
}

#[test]
fn between_two_bytes_of_a_slow_client_others_send_and_are_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, "up --data DATA");
    let mut ordinary = Ordinary::connect(up.address);
    let mut silent = TcpStream::connect(up.address).unwrap();
    let mut polite = AckingClient::connect(up.address, "polite").unwrap();
    let [mut plain, mut acking] = [(); 2].map(|()| connected(up.address));

    let line = message("slow", now_micros(), 1) + "\n";
    for byte in line.bytes() {
        plain.write_all(&[byte]).unwrap();
        ordinary.sends(50);
    }
    for byte in (hello("slow") + &line).bytes() {
        acking.write_all(&[byte]).unwrap();
        ordinary.sends(50);
    }

    let mut answers = BufReader::new(acking).lines();
    assert!(answers.next().unwrap().unwrap().contains("\"resume\":0"));
    assert_eq!(answers.next().unwrap().unwrap(), "{\"ack\":1}");
    until("both slow lines to count", || counted(data, "slow") == 2);
    assert_eq!(counted(data, "ordinary"), ordinary.sent);
    // Who said nothing so far is welcome still.
    assert!(polite.send([message("late", now_micros(), 1).as_str()]) && polite.await_ack(1));
    silent.write_all((message("late", now_micros(), 2) + "\n").as_bytes()).unwrap();
    until("the silent one's first line to count", || counted(data, "late") == 2);
    assert!(up.drained().0.success());
}

/// Wrong lines that each deaf client sends: each is reported, so its answers soon outgrow every buffer.
const WRONG: u64 = 250_000;

#[test]
fn clients_that_never_read_their_acks_slow_nobody_and_find_every_answer_when_they_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, "up --data DATA --listen-bytes 4MiB");
    let deaf = ["deaf-1", "deaf-2", "deaf-3", "deaf-4"].map(|id| {
        let mut stream = connected(up.address);
        let answers = stream.try_clone().unwrap();
        let flood = hello(id) + &"x\n".repeat(WRONG as usize);
        (answers, thread::spawn(move || stream.write_all(flood.as_bytes())))
    });
    until("the deaf ones to be far behind", || rejected(data) > WRONG);

    let mut ordinary = Ordinary::connect(up.address);
    for _ in 0..100 {
        ordinary.sends(1);
        ordinary.sends(200);
    }
    // Sockets hold 10 MiB for each at most, the monitor 4 MiB for all: of their 50 MB of answers not all are made yet.
    assert!(rejected(data) < 4 * WRONG, "they are read no further than their answers have room");
    assert_eq!(counted(data, "ordinary"), ordinary.sent);
    assert!(up.peak_memory() < 128 << 20, "{} bytes", up.peak_memory());

    for (answers, flood) in deaf {
        let mut answers = BufReader::new(answers);
        let (mut line, mut reports) = (String::new(), 0);
        while line != format!("{{\"ack\":{WRONG}}}\n") {
            line.clear();
            assert!(answers.read_line(&mut line).unwrap() > 0, "the end after {reports} reports");
            reports += u64::from(line.contains("invalid_json"));
        }
        assert_eq!(reports, WRONG);
        flood.join().unwrap().unwrap();
    }
    assert!(up.drained().0.success());
}

/// How many lines the monitor says it has rejected.
fn rejected(data: &Path) -> u64 {
    let status = run(data, "status --data DATA --format json").fine().stdout;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    status["monitor"]["live"]["rejected"]["invalid_json"].as_u64().unwrap_or(0)
}
