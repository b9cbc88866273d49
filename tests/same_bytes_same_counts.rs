//! The promise: the same bytes are the same messages and the same rejects, whether they come over a plain connection,
//! are imported, or are replayed, with acknowledgements or without.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use support::{Hourglass, hourglass, message, run};

/// The longest that an item may be.
const MAX: usize = 64 << 10;

fn object(n: u64) -> String {
    message("a", 1_763_715_600_000_000 + n, n)
}

/// An object of so many bytes.
fn padded(n: u64, length: usize) -> String {
    let object = object(n);
    let open = object.len() + r#","pad":"""#.len();
    format!("{},\"pad\":\"{}\"}}", &object[..object.len() - 1], "x".repeat(length - open))
}

/// Lines of every kind that is longer than one object may be.
fn input() -> Vec<u8> {
    let objects: Vec<String> = (0..1000).map(object).collect();
    let mut text = Vec::new();
    for between in ["", ",", "\r", " , ", "\n"] {
        text.extend(format!("{}\n", objects.join(between)).into_bytes());
    }
    // Rejected alone, between good ones, beyond the first 64 KiB.
    let mut some_bad = objects.clone();
    some_bad[900] = r#"{"service":"a","Timestamp":1,"CPU":"1"}"#.to_owned();
    some_bad[950] = r#"{"service":"a" "Timestamp":1}"#.to_owned();
    text.extend(format!("{}\n", some_bad.concat()).into_bytes());
    // What follows garbage, or an item that is too long, is not looked at.
    text.extend(format!("{}garbage{}\n", objects.concat(), objects[0]).into_bytes());
    text.extend(format!("{}{}{}\n", objects.concat(), padded(1, MAX + 1), objects[0]).into_bytes());
    for length in [MAX - 1, MAX, MAX + 1, MAX + 2, MAX + 3, 3 * MAX] {
        text.extend(format!("{}\n{}{0}\n", padded(2, length), objects[3]).into_bytes());
        text.extend(format!("{}\n{}\n", "y".repeat(length), " ".repeat(length)).into_bytes());
    }
    text.extend(format!("{}\u{1f}{{\n\r\n ,\n{},,{}", objects[4], objects[5], objects[6]).into_bytes());
    text
}

/// The messages as they are kept, sorted, and how many rejects there are of each reason.
fn kept(data: &Path) -> (Vec<String>, BTreeMap<String, usize>) {
    let cat = run(data, "cat --data DATA").fine().stdout;
    let mut messages: Vec<String> = cat.lines().map(str::to_owned).collect();
    messages.sort_unstable();
    let mut rejects = BTreeMap::new();
    let files = fs::read_dir(data.join("quarantine")).unwrap();
    for file in files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()) {
        for line in file.lines() {
            let reject: serde_json::Value = serde_json::from_str(line).unwrap();
            *rejects.entry(reject["reason"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    (messages, rejects)
}

#[test]
fn a_plain_connection_an_import_and_replays_count_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input.ndjson");
    fs::write(&file, input()).unwrap();
    let path = file.to_str().unwrap();

    let sent = folder.path().join("sent");
    let up = Hourglass::start(&sent, "up --data DATA");
    let mut stream = TcpStream::connect(up.address).unwrap();
    stream.write_all(&input()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    assert!(up.drained().0.success());
    let expected = kept(&sent);
    assert!(expected.0.len() > 8000 && expected.1["line_too_long"] > 10, "{:?}", expected.1);

    let imported = folder.path().join("imported");
    run(&imported, &format!("import --data DATA {path}")).fine();
    run(&imported, "rebuild --data DATA").fine();
    assert_same(&kept(&imported), &expected, "import");

    for acks in [&[][..], &["--ack"]] {
        let replayed = folder.path().join(format!("replayed{}", acks.len()));
        let up = Hourglass::start(&replayed, "up --data DATA");
        let address = up.address.to_string();
        let words = ["client", "replay", "--connect", &address, path];
        // The second time it goes on where it was: at the end.
        for _ in 0..=acks.len() {
            let ended = hourglass(words.iter().chain(acks).copied()).output().unwrap();
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        }
        assert!(up.drained().0.success());
        assert_same(&kept(&replayed), &expected, &format!("replay {acks:?}"));
    }
}

#[track_caller]
fn assert_same(
    found: &(Vec<String>, BTreeMap<String, usize>),
    expected: &(Vec<String>, BTreeMap<String, usize>),
    way: &str,
) {
    assert_eq!((found.0.len(), &found.1), (expected.0.len(), &expected.1), "{way}");
    assert!(found.0 == expected.0, "{way}: the same number of messages, but not the same");
}
