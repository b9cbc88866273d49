//! The promise: `hourglass demo` shows every role at work, and ends with 0 only if nothing differs.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use support::{hourglass, run};

#[test]
fn the_demo_rotates_rebuilds_answers_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let ended = run(&data, "demo --data DATA --seconds 32").fine();

    let said = &ended.stdout;
    for service in ["checkout", "payments", "shipping"] {
        assert!(said.contains(service), "{service} is in the table: {said}");
    }
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("verified:") && last.contains("no difference"), "{last}");
    assert!(ended.stderr.contains("durable"), "progress is told: {}", ended.stderr);

    // What it left behind is a store like any other.
    run(&data, "verify --data DATA").fine();
    let status = run(&data, "status --data DATA --format json").fine().stdout;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert!(status["batch"]["manifest"].as_u64().unwrap() >= 3, "three rebuilds: {status}");
}

#[test]
fn a_demo_that_stays_serves_its_dashboard_until_it_is_told_to_end() {
    let words = ["demo", "--seconds", "5", "--stay"];
    let mut demo = hourglass(words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(demo.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    let goes_on = said.find(|line| line.starts_with("goes on")).unwrap();
    let address = goes_on.split_once("http://").unwrap().1.split(';').next().unwrap();

    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let pid = rustix::process::Pid::from_child(&demo);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let rest: Vec<String> = said.collect();
    assert!(demo.wait().unwrap().success(), "{rest:?}");
}
