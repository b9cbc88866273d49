//! The promise: DuckDB, Polars and pandas read the batch and realtime Parquet views as they are, calculate with the
//! Double columns, and agree with `query`.
//!
//! The engines come from the Python package index into a virtual environment under `target/`, kept between runs
//! (pytz is what DuckDB needs to hand out times with a zone).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{AckingClient, Hourglass, message, now_micros, run, skip, until};

const SERVICES: [&str; 3] = ["checkout", "pay,\"ments\"", "Überweisung"];
const LINES: u64 = 600;

#[test]
fn the_batch_views_are_read_alike_by_duckdb_polars_and_pandas() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Hourglass::start(&data, "up --data DATA --schedule *_*_*_*_*_* --refresh-every 200ms");
    send(&server);
    until("a rebuild that covers every message", || counted(&data, "batch") == LINES);
    let views = parquet_files(&data.join("store/views/batch"));
    assert_eq!(run(&data, "services --data DATA").fine().stdout.matches("checkout").count(), 1);
    agree(&python, &data, "batch", &newest_of_each_partition(views));
    assert!(server.drained().0.success());
}

#[test]
fn a_realtime_view_is_read_alike_by_duckdb_polars_and_pandas() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Hourglass::start(&data, "up --data DATA --schedule 0_0_1_1_* --refresh-every 200ms");
    send(&server);
    let newest = || parquet_files(&data.join("realtime")).into_iter().max();
    until("a realtime view that covers every message", || {
        newest().is_some_and(|view| view.exists()) && counted(&data, "realtime") == LINES && rows_settled(&data)
    });
    agree(&python, &data, "realtime", &[newest().unwrap()]);
    assert!(server.drained().0.success());
}

/// Messages of three services over the last two hours, all acknowledged.
fn send(server: &Hourglass) {
    let mut client = AckingClient::connect(server.address, "interop").unwrap();
    let begin = now_micros() - 7_200_000_000;
    let lines: Vec<_> = (0..LINES)
        .map(|n| {
            let service = SERVICES[n as usize % SERVICES.len()].replace('"', "\\\"");
            message(&service, begin + n * 11_000_000, n)
        })
        .collect();
    assert!(client.send(lines.iter().map(String::as_str)));
    assert!(client.await_ack(LINES));
    assert_eq!(client.rejected, []);
}

/// How many messages a view's answer counts.
fn counted(data: &Path, view: &str) -> u64 {
    let answer = run(data, &format!("query --data DATA --from -1d --every 1d --format ndjson --view {view}"));
    let rows = answer.stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    rows.filter_map(|row| row["msg_num"].as_u64()).sum()
}

/// Whether the newest realtime view's position is that of everything acknowledged: nothing is refreshed any more.
fn rows_settled(data: &Path) -> bool {
    let log: u64 = std::fs::read_dir(data.join("log")).unwrap().map(|day| folder_bytes(&day.unwrap().path())).sum();
    let view = parquet_files(&data.join("realtime")).into_iter().max().unwrap();
    let offset = view.file_stem().unwrap().to_string_lossy().rsplit('.').next().unwrap().parse::<u64>();
    offset == Ok(log)
}

fn folder_bytes(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

/// Every Parquet file below a folder; files may come and go meanwhile.
fn parquet_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let files = paths.flat_map(|path| if path.is_dir() { parquet_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|ending| ending == "parquet")).collect()
}

/// Superseded files stay for a grace; names open with the base manifest, so the greatest name is the newest.
fn newest_of_each_partition(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    files.sort();
    files.reverse();
    files.dedup_by(|one, other| one.parent() == other.parent());
    files
}

/// Runs the engines over the files and holds them against the query's rows.
fn agree(python: &Path, data: &Path, view: &str, files: &[PathBuf]) {
    let answer = run(data, &format!("query --data DATA --from -1d --every 1m --format csv --view {view}")).fine();
    let expected = data.with_extension("csv");
    std::fs::write(&expected, answer.stdout).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/interop_views.py");
    let output = Command::new(python).arg(script).arg(&expected).args(files).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains(" 0 differences"), "{said}");
}

/// A Python that has the engines; `None`, with a visible skip, where there is none to be had.
fn python() -> Option<PathBuf> {
    static MAKING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap();
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop-venv");
    let python = venv.join("bin/python");
    if !venv.join("ready").exists() {
        let made =
            Command::new("python3").args(["-m", "venv"]).arg(&venv).status().is_ok_and(|status| status.success());
        let packages = ["duckdb", "polars", "pandas", "pyarrow", "pytz"];
        let pip = || Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages).status();
        if !made || !pip().is_ok_and(|status| status.success()) {
            skip("python3 with venv and a package index is needed to read the views with DuckDB, Polars and pandas");
            return None;
        }
        std::fs::write(venv.join("ready"), "").unwrap();
    }
    Some(python)
}
