//! The promise: Spark reads a store in HDFS as it is, the dated files as a partitioned JSON table and the batch views as
//! Parquet, computes the minute rollup itself, and agrees with `query` row for row, exactly.
//!
//! PySpark comes from the Python package index into a virtual environment under `target/`, kept between runs; it
//! brings Spark and Hadoop's client. The views are rebuilt while messages come in, so that superseded files lie beside
//! those in force: tests/hdfs/spark_interop.py reads what the newest manifest names. One dated file is in parts.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::hdfs::MiniCluster;
use support::{AckingClient, Hourglass, now_micros, run, skip, until};

const SERVICES: [&str; 4] = ["checkout", "pay,\"ments\"", "Überweisung", "~tilde/slash~"];
/// Messages in each of the three rounds.
const LINES: u64 = 600;

#[test]
fn spark_reads_the_store_in_hdfs_and_agrees_with_query() {
    let Some(python) = python() else { return };
    let Some(mut cluster) = MiniCluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let store = cluster.url("hourglass");
    let up = format!("up --data DATA --store {store} --upload-every 300ms --rebuild-wait 1s --schedule");
    // No tick falls between these two: one dated file, interrupted.
    for round in 1..=2 {
        let server = Hourglass::start(&data, &format!("{up} 0_0_1_1_*"));
        send(&server, round);
        assert!(server.drained().0.success());
    }
    assert!(cluster.files_below("hourglass/master").iter().any(|file| file.contains("@/")));
    let server = Hourglass::start(&data, &format!("{up} */2_*_*_*_*_*"));
    until("a rebuild that covers every message", || counted(&store) == 2 * LINES);
    send(&server, 3);
    until("a rebuild that covers every message", || counted(&store) == 3 * LINES);
    assert!(server.drained().0.success());

    let query = format!("query --store {store} --from -1d --every 1m --format csv");
    let answer = run(&data, &query).fine().stdout;
    assert_eq!(run(&data, &format!("{query} --view batch")).fine().stdout, answer, "the batch view has every message");
    let expected = folder.path().join("expected.csv");
    std::fs::write(&expected, answer).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hdfs/spark_interop.py");
    let output = Command::new(python).arg(script).arg(&store).arg(&expected).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains(" 0 differences in all"), "{said}");
    let line = said.lines().find(|line| line.ends_with("view files are in force")).unwrap();
    let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[0] < numbers[1], "superseded files lie beside those in force: {line}");
}

/// Messages over the last two hours, acknowledged; every sixth has its neighbour's values, so that maxima are met twice.
fn send(server: &Hourglass, round: u64) {
    let mut client = AckingClient::connect(server.address, "spark").unwrap();
    let begin = now_micros() / 1000 - 7_200_000;
    let lines: Vec<_> = (0..LINES)
        .map(|n| {
            let service = SERVICES[n as usize % SERVICES.len()].replace('"', "\\\"");
            let (time, value) = (begin + n * 11_000 + round, n - n % 6);
            let (cpu, ram, disk) = (value % 100, value * 37 % 1600, value * 13 % 5120);
            format!(
                "{{\"serviceName\":\"{service}\",\"Timestamp\":{time},\"CPU\":0.{cpu:02}00005,\"RAM\":{{\"Total\":16.0,\
                 \"Free\":{}.{:02}}},\"Disk\":{{\"Total\":512.0,\"Free\":{}.{}}}}}",
                ram / 100,
                ram % 100,
                disk / 10,
                disk % 10
            )
        })
        .collect();
    assert!(client.send(lines.iter().map(String::as_str)));
    assert!(client.await_ack(round * LINES));
    assert_eq!(client.rejected, []);
}

/// How many messages the batch view counts, seen from a machine that has only the store.
fn counted(store: &str) -> u64 {
    let line = format!("query --store {store} --from -1d --every 1d --format ndjson --view batch");
    let answer = run(Path::new("/nonexistent"), &line);
    let rows = answer.stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    rows.filter_map(|row| row["msg_num"].as_u64()).sum()
}

/// A Python that has PySpark; `None`, with a visible skip, where there is none to be had.
fn python() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spark-venv");
    let python = venv.join("bin/python");
    if !venv.join("ready").exists() {
        let made =
            Command::new("python3").args(["-m", "venv"]).arg(&venv).status().is_ok_and(|status| status.success());
        let pip = || Command::new(&python).args(["-m", "pip", "install", "--quiet", "pyspark==4.3.0"]).status();
        if !made || !pip().is_ok_and(|status| status.success()) {
            skip("python3 with venv and a package index is needed to read the store with Spark");
            return None;
        }
        std::fs::write(venv.join("ready"), "").unwrap();
    }
    Some(python)
}
