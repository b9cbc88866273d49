//! Promise: lines posted over HTTP are what lines over TCP are. 200 means durable; with an `Idempotency-Key` each counts
//! exactly once, whatever is repeated, cut short, killed, or sent over TCP beside it; what cannot be taken is refused
//! with what to do, and nothing of it is kept.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use support::{DEADLINE, Hourglass, assert_all_there, message, now_micros, rounds, run, until};

const NDJSON: &str = "application/x-ndjson";

/// What was answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

/// A request on a connection of its own; `None` if there was no whole answer.
fn post(address: SocketAddr, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(DEADLINE)).ok()?;
    let mut head = format!("POST /api/v1/messages HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // Who is refused may close before it has read all.
    let _ = socket.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| socket.write_all(body));
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_ascii_lowercase(), body: serde_json::from_str(body).ok()? })
}

/// NDJSON, with a key or without.
fn post_lines(address: SocketAddr, key: Option<&str>, lines: &str) -> Option<Answer> {
    let mut headers = vec![("Content-Type", NDJSON)];
    headers.extend(key.map(|key| ("Idempotency-Key", key)));
    post(address, &headers, lines.as_bytes())
}

fn lines(service: &str, numbers: std::ops::Range<u64>) -> String {
    numbers.map(|n| message(service, now_micros(), n) + "\n").collect()
}

fn up(data: &Path) -> (Hourglass, SocketAddr) {
    let server = Hourglass::start(data, "up --data DATA");
    let http = server.http.unwrap();
    (server, http)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// The numbers of the lines that are there, in order.
fn numbers(data: &Path) -> Vec<u64> {
    let printed = run(data, "cat --data DATA").fine().stdout;
    let number = |line: &str| serde_json::from_str::<Value>(line).unwrap()["n"].as_u64().unwrap();
    printed.lines().map(number).collect()
}

#[test]
fn lines_and_arrays_packed_or_not_are_taken_and_the_rejected_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (server, http) = up(folder.path());

    let plain = post_lines(http, None, lines("a", 1..4).trim_end()).unwrap();
    assert_eq!((plain.status, &plain.body["accepted"], &plain.body["messages"]), (200, &3.into(), &3.into()));
    assert_eq!(plain.body["rejects"], Value::Array(Vec::new()));
    assert!(plain.body["monitor"].as_str().unwrap().contains('/') && plain.body.get("resume").is_none());

    let bad = format!("{}nonsense\n\n{}{{}}\n", lines("a", 4..5), lines("a", 5..6));
    let bad = post_lines(http, None, &bad).unwrap();
    assert_eq!((bad.status, &bad.body["accepted"], &bad.body["rejected"]), (200, &3.into(), &2.into()));
    let rejects = &bad.body["rejects"];
    assert_eq!((&rejects[0]["line"], &rejects[0]["reason"]), (&2.into(), &"invalid_json".into()));
    assert_eq!((&rejects[1]["line"], &rejects[1]["reason"]), (&5.into(), &"missing_field".into()));

    let elements: Vec<Value> = lines("a", 6..9).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut elements = Value::from(elements);
    elements.as_array_mut().unwrap().insert(1, "no message".into());
    let array = "\n".repeat(5000) + &serde_json::to_string_pretty(&elements).unwrap();
    let json = [("Content-Type", "application/json; charset=utf-8")];
    let taken = post(http, &json, array.as_bytes()).unwrap();
    assert_eq!((&taken.body["accepted"], &taken.body["rejects"][0]["line"]), (&3.into(), &2.into()), "{taken:?}");

    let packed = [("Content-Type", NDJSON), ("Content-Encoding", "gzip"), ("Idempotency-Key", "zip/1")];
    let taken = post(http, &packed, &gzip(lines("a", 9..1009).as_bytes())).unwrap();
    assert_eq!((&taken.body["accepted"], &taken.body["resume"]), (&1000.into(), &1000.into()), "{taken:?}");

    // Lines are lines, whatever the first begins with.
    let first = post_lines(http, None, &format!("[1,2]\n{}", lines("a", 1009..1010))).unwrap();
    assert_eq!((first.status, &first.body["accepted"], &first.body["rejects"][0]["line"]), (200, &1.into(), &1.into()));

    // 200 is durable: nothing is lost that was answered.
    server.kill();
    let (server, _) = up(folder.path());
    assert_eq!(numbers(folder.path()), (1..1010).collect::<Vec<_>>());
    run(folder.path(), "verify --data DATA").fine();
    assert!(server.drained().0.success());
}

#[test]
fn a_key_is_what_a_connection_with_acks_is() {
    let folder = tempfile::tempdir().unwrap();
    let (server, http) = up(folder.path());
    let first = post_lines(http, Some("c/1"), &lines("c", 1..11)).unwrap();
    assert_eq!((first.status, &first.body["accepted"], &first.body["resume"]), (200, &10.into(), &10.into()));

    let again = post_lines(http, Some("c/6"), &lines("c", 6..16)).unwrap();
    assert_eq!((&again.body["skipped"], &again.body["accepted"]), (&5.into(), &5.into()));
    let known = post_lines(http, Some("c/1"), &lines("c", 1..4)).unwrap();
    assert_eq!(
        (&known.body["skipped"], &known.body["accepted"], &known.body["resume"]),
        (&3.into(), &0.into(), &15.into())
    );

    let gap = post_lines(http, Some("c/17"), &lines("c", 17..20)).unwrap();
    assert_eq!((gap.status, &gap.body["resume"]), (409, &15.into()), "{gap:?}");
    assert!(gap.head.contains("application/problem+json"));
    assert_eq!(gap.body["monitor"], first.body["monitor"], "the one that says so");

    // The same client over TCP goes on there, and is ended by the next request.
    let mut acking = TcpStream::connect(server.address).unwrap();
    acking.set_read_timeout(Some(DEADLINE)).unwrap();
    let hello = "{\"hourglass\":{\"version\":1,\"client\":\"c\"}}\n".to_owned();
    acking.write_all((hello + &lines("c", 16..21)).as_bytes()).unwrap();
    let mut frames = BufReader::new(acking).lines().map(Result::unwrap);
    assert!(frames.next().unwrap().contains("\"resume\":15"));
    assert!(frames.any(|frame| frame == "{\"ack\":20}"));
    let after = post_lines(http, Some("c/21"), &format!("{}no\n", lines("c", 21..22))).unwrap();
    assert_eq!((&after.body["resume"], &after.body["rejects"][0]["line"]), (&22.into(), &22.into()), "{after:?}");
    assert!(frames.next().unwrap().contains("has taken over"));

    assert_eq!(numbers(folder.path()), (1..22).collect::<Vec<_>>());
    assert!(server.drained().0.success());
}

#[test]
fn what_cannot_be_taken_is_refused_and_nothing_of_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (server, http) = up(folder.path());
    let good = lines("a", 1..3);
    let (typed, packed) = (("Content-Type", NDJSON), ("Content-Encoding", "gzip"));
    let json = ("Content-Type", "application/json");
    let large = vec![b'x'; (8 << 20) + 1];
    let cut = &gzip(good.as_bytes())[..40];
    for (headers, body, status, told) in [
        (&[][..], good.as_bytes(), 415, "application/x-ndjson"),
        (&[("Content-Type", "text/plain")], good.as_bytes(), 415, "application/x-ndjson"),
        (&[typed, ("Content-Encoding", "br")], good.as_bytes(), 415, "gzip"),
        (&[typed, ("Idempotency-Key", "c")], good.as_bytes(), 400, "<client>/<number"),
        (&[typed, ("Idempotency-Key", "c/0")], good.as_bytes(), 400, "<client>/<number"),
        (&[typed, ("Idempotency-Key", "c/1"), ("Idempotency-Key", "c/1")], good.as_bytes(), 400, "once"),
        (&[typed, packed], good.as_bytes(), 400, "gzip"),
        (&[typed, packed], cut, 400, "gzip"),
        (&[json], &format!("[{}", good.lines().next().unwrap()).into_bytes(), 400, "it has no end"),
        (&[typed], &large, 413, "8 MiB"),
    ] {
        let answer = post(http, headers, body).unwrap();
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body["detail"].as_str().unwrap().contains(told), "{answer:?}");
    }
    let dashboard = Hourglass::serving(folder.path(), "dashboard --data DATA --http 127.0.0.1:0");
    let nobody = post_lines(dashboard.address, None, &good).unwrap();
    assert_eq!(nobody.status, 404);
    assert!(nobody.body["detail"].as_str().unwrap().contains("hourglass up"), "{nobody:?}");
    assert!(server.drained().0.success());
    assert!(numbers(folder.path()).is_empty());
}

#[test]
fn a_body_that_breaks_off_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (server, http) = up(folder.path());
    let body = lines("c", 1..101);
    let head = format!(
        "POST /api/v1/messages HTTP/1.1\r\nHost: h\r\nContent-Type: {NDJSON}\r\nIdempotency-Key: c/1\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    for sent in [1, body.len() / 2, body.len() - 1] {
        let mut socket = TcpStream::connect(http).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(&body.as_bytes()[..sent])).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        // Once it has closed it knows.
        let _ = socket.read_to_end(&mut Vec::new());
    }
    let whole = post_lines(http, Some("c/1"), &body).unwrap();
    assert_eq!((&whole.body["skipped"], &whole.body["accepted"]), (&0.into(), &100.into()), "{whole:?}");
    assert!(server.drained().0.success());
    assert_eq!(numbers(folder.path()), (1..101).collect::<Vec<_>>());
}

#[test]
fn what_unpacks_to_more_than_is_allowed_costs_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (server, http) = up(folder.path());
    // A gigabyte of white space: in lines, in an array, and before anything.
    let mut bombs = Vec::new();
    for (kind, head) in [(NDJSON, b"{"), ("application/json", b"["), ("application/json", b" ")] {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(head).unwrap();
        let blank = vec![b' '; 1 << 20];
        (0..1 << 10).for_each(|_| packed.write_all(&blank).unwrap());
        bombs.push((kind, packed.finish().unwrap()));
    }
    let before = server.peak_memory();
    let posted: Vec<_> = (0..8)
        .map(|n| {
            let (kind, bomb) = bombs[n % 3].clone();
            thread::spawn(move || {
                let headers = [("Content-Type", kind), ("Content-Encoding", "gzip")];
                let answer = post(http, &headers, &bomb).unwrap();
                assert_eq!(answer.status, 413, "{answer:?}");
                assert!(answer.body["detail"].as_str().unwrap().contains("32 MiB"));
            })
        })
        .collect();
    posted.into_iter().for_each(|posted| posted.join().unwrap());
    let grown = server.peak_memory() - before;
    assert!(grown < 48 << 20, "{grown} bytes for 8 requests");
    assert!(server.drained().0.success());
}

/// Clients that post numbered lines until they are told to stop, and repeat what they have no answer to.
struct Posters {
    address: Mutex<Option<SocketAddr>>,
    consumed: Vec<AtomicU64>,
    stop: AtomicBool,
}

impl Posters {
    fn until_consumed(&self, more: u64) {
        let consumed = || self.consumed.iter().map(|consumed| consumed.load(Ordering::SeqCst)).sum::<u64>();
        let enough = consumed() + more;
        until("answers", || consumed() >= enough);
    }

    /// Posts as one client; returns how many lines are consumed in the end.
    fn post(&self, which: usize) -> u64 {
        let (service, mut next, mut step) = (format!("service-{which}"), 1, 0_u64);
        while !self.stop.load(Ordering::SeqCst) {
            step += 1;
            let Some(address) = *self.address.lock().unwrap() else {
                thread::park_timeout(Duration::from_millis(5));
                continue;
            };
            // A client repeats what it may have sent, and more or less behind it; now and then it leaves lines out.
            let from = if step.is_multiple_of(17) { next + 3 } else { next - (next - 1).min(step * 7 % 50) };
            let count = 20 + step * 31 % 400;
            let body = lines(&service, from..from + count);
            let packed = gzip(body.as_bytes());
            let key = format!("client-{which}/{from}");
            let answer = post(
                address,
                &[("Content-Type", NDJSON), ("Content-Encoding", "gzip"), ("Idempotency-Key", &key)],
                &packed,
            );
            let Some(answer) = answer else { continue };
            let resume = answer.body["resume"].as_u64();
            assert!(resume >= Some(next - 1) || answer.status == 503, "what was answered stays: {answer:?}");
            match answer.status {
                200 => assert!(resume >= Some(from + count - 1), "{answer:?}"),
                409 => assert!(resume < Some(from - 1), "nobody else sends as this client: {answer:?}"),
                503 => continue,
                _ => panic!("{answer:?}"),
            }
            next = resume.unwrap() + 1;
            self.consumed[which].store(next - 1, Ordering::SeqCst);
        }
        next - 1
    }
}

#[test]
fn an_answered_line_is_there_exactly_once_whatever_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let posters = Arc::new(Posters {
        address: Mutex::default(),
        consumed: (0..3).map(|_| AtomicU64::new(0)).collect(),
        stop: AtomicBool::new(false),
    });
    let clients: Vec<_> = (0..3)
        .map(|which| {
            let posters = Arc::clone(&posters);
            thread::spawn(move || posters.post(which))
        })
        .collect();
    let start = || {
        let server = Hourglass::start(
            &data,
            "up --data DATA --schedule *_*_*_*_*_* --refresh-every 200ms --upload-every 200ms --rebuild-wait 1s \
             --views-grace 1s",
        );
        *posters.address.lock().unwrap() = server.http;
        server
    };
    for round in 0..rounds(5) {
        let server = start();
        posters.until_consumed(500 + (round * 7919) % 9_000);
        server.kill();
    }
    let server = start();
    posters.until_consumed(500);
    posters.stop.store(true, Ordering::SeqCst);
    let consumed: Vec<u64> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    let (status, log) = server.drained();
    assert!(status.success(), "{log}");
    assert_all_there(&consumed, &run(&data, "cat --data DATA").fine().stdout);
    run(&data, "verify --data DATA").fine();
}
