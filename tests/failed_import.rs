//! The promise: an import that ends midway, because its input is damaged or the process is killed, leaves nothing that
//! counts and nothing lying about; the next one, of the whole file, counts each message once.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use support::{hourglass, message, run, until};

/// About four megabytes: several chunks, so that something is staged before the end is reached.
const LINES: u64 = 25_000;

fn lines() -> Vec<u8> {
    (0..LINES).flat_map(|n| (message("old", 1_763_715_600_000_000 + n, n) + "\n").into_bytes()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Imports a file; the exit code and what it said on stderr.
fn import(data: &Path, file: &Path) -> (Option<i32>, String) {
    let words = ["import", "--data", data.to_str().unwrap(), file.to_str().unwrap()];
    let ended = hourglass(words).output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

/// No trace of an import: no staged file, no dated file, no cut, no message.
fn nothing_counts(data: &Path) {
    run(data, "rebuild --data DATA").fine();
    assert_eq!(run(data, "cat --data DATA").fine().stdout, "");
    assert_eq!(files(&data.join("import")), 0, "nothing is left staged");
    assert_eq!(files(&data.join("store/master")) + files(&data.join("store/cuts")), 0, "nothing is in the store");
}

/// How many files are below a folder.
fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let entries = entries.map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

/// Every message is there once, in order.
fn everything_counts_once(data: &Path) {
    run(data, "rebuild --data DATA").fine();
    assert!(run(data, "cat --data DATA").fine().stdout.into_bytes() == lines());
    let rows = run(data, "query --data DATA --from 2025-11-21 --to 2025-11-22 --every 1d --format ndjson").fine();
    let row: serde_json::Value = serde_json::from_str(&rows.stdout).unwrap();
    assert_eq!(row["msg_num"], LINES);
    run(data, "verify --data DATA").fine();
}

#[test]
fn a_damaged_input_leaves_nothing_and_the_whole_one_counts_once() {
    let whole = [("a.ndjson.gz", gzip(&lines())), ("a.ndjson.zst", zstd::encode_all(&lines()[..], 1).unwrap())];
    for (name, whole) in whole {
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (folder.path().join("data"), folder.path().join(name));
        let end = whole.len();
        let mut flipped = whole.clone();
        flipped[end * 3 / 4..end * 3 / 4 + 64].iter_mut().for_each(|byte| *byte ^= 0x5a);
        for damaged in [&whole[..end - 1], &whole[..end * 3 / 4], &flipped] {
            fs::write(&file, damaged).unwrap();
            let (code, said) = import(&data, &file);
            assert_eq!(code, Some(2), "{said}");
            assert!(said.contains(name), "it names the file: {said}");
            nothing_counts(&data);
        }
        fs::write(&file, whole).unwrap();
        assert_eq!(import(&data, &file), (Some(0), String::new()));
        everything_counts_once(&data);
    }
}

#[test]
fn a_killed_import_leaves_nothing_that_counts_and_the_next_clears_it_away() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("a.ndjson"));
    let words = ["import", "--data", data.to_str().unwrap(), "-"];
    let mut killed =
        hourglass(words).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // More than it keeps in memory, and no end: it waits for more.
    let mut input = killed.stdin.take().unwrap();
    input.write_all(&lines().repeat(4)).unwrap();
    until("something to be staged", || files(&data.join("import")) > 0);
    killed.kill().unwrap();
    killed.wait().unwrap();
    drop(input);
    assert_eq!(run(&data, "cat --data DATA").fine().stdout, "");

    fs::write(&file, lines()).unwrap();
    assert_eq!(import(&data, &file), (Some(0), String::new()));
    assert_eq!(files(&data.join("import")), 0, "what the killed one left is gone");
    everything_counts_once(&data);
}
