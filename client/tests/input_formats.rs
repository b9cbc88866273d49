//! The same messages in every form that an input can have are the same messages; and whatever an input holds,
//! nothing is dropped and memory stays bounded.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use hourglass_client::{ClientError, Format, Input, digest};
use proptest::prelude::*;
use schema::{MAX_LINE, Metrics, Next, Parser};
use sha2::{Digest, Sha256};

/// A message, its numbers as they are written.
#[derive(Clone, Debug)]
struct Sent {
    service: String,
    time: String,
    cpu: String,
    ram: [String; 2],
    disk: [String; 2],
}

impl Sent {
    fn fields(&self) -> [&str; 7] {
        let [ram, disk] = [&self.ram, &self.disk];
        [&self.service, &self.time, &self.cpu, &ram[0], &ram[1], &disk[0], &disk[1]]
    }

    fn json(&self) -> String {
        let [service, time, cpu, ram_total, ram_free, disk_total, disk_free] = self.fields();
        let service = serde_json::to_string(service).unwrap();
        let time = if time.contains('T') { format!("{time:?}") } else { time.to_owned() };
        format!(
            r#"{{"serviceName":{service},"Timestamp":{time},"CPU":{cpu},"RAM":{{"Total":{ram_total},"Free":{ram_free}}},"Disk":{{"Total":{disk_total},"Free":{disk_free}}}}}"#
        )
    }

    fn csv(&self) -> String {
        let quote = |field: &str| match field.contains(['"', ',', '\n', '\r', ' ']) {
            true => format!("\"{}\"", field.replace('"', "\"\"")),
            false => field.to_owned(),
        };
        self.fields().map(quote).join(",")
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let time = prop_oneof![
        (1_000_000_000u64..4_000_000_000).prop_map(|seconds| seconds.to_string()),
        (1_000_000_000u64..4_000_000_000, 0..1000u32).prop_map(|(seconds, ms)| format!("{seconds}.{ms:03}")),
        (1_000_000_000_000u64..4_000_000_000_000).prop_map(|ms| ms.to_string()),
        (0..24u32, 0..60u32).prop_map(|(hour, minute)| format!("2026-11-21T{hour:02}:{minute:02}:07.5+01:00")),
    ];
    let capacity = (1u32..100_000, 0..=100u32).prop_map(|(total, share)| {
        [format!("{}.{:02}", total, total % 100), format!("{}", u64::from(total) * u64::from(share) / 100)]
    });
    let cpu = prop_oneof![(0..1000u32).prop_map(|cpu| format!("0.{cpu:03}")), Just("1e-2".to_owned())];
    let service = prop_oneof![Just("checkout".to_owned()), "[a-zA-Z0-9 ,\"\\\\{}\\[\\]é–/<>]{1,20}", "[0-9]{1,5}"];
    (service, time, cpu, capacity.clone(), capacity).prop_map(|(service, time, cpu, ram, disk)| Sent {
        service,
        time,
        cpu,
        ram,
        disk,
    })
}

/// Each form of the same messages, and what it is recognised as.
fn forms(messages: &[Sent]) -> Vec<(&'static str, Format, String)> {
    let json: Vec<String> = messages.iter().map(Sent::json).collect();
    let strings: Vec<String> = json.iter().map(|json| serde_json::to_string(json).unwrap()).collect();
    let pretty: Vec<serde_json::Value> = json.iter().map(|json| serde_json::from_str(json).unwrap()).collect();
    let csv: Vec<String> = messages.iter().map(Sent::csv).collect();
    let csv = csv.join("\n");
    vec![
        ("lines", Format::Lines, json.join("\n")),
        ("lines-crlf", Format::Lines, json.join("\r\n") + "\r\n"),
        ("strings", Format::Lines, strings.join("\n") + "\n"),
        ("mixed", Format::Lines, json.iter().zip(&strings).map(|(a, b)| format!("{a}\n{b},\n")).collect()),
        ("array", Format::Array, format!("[{}]", json.join(","))),
        ("array-lines", Format::Array, format!("\u{feff}\n[\n{}\n]\n", json.join(",\n"))),
        ("array-strings", Format::Array, format!("[{}]\n", strings.join(" , "))),
        ("array-pretty", Format::Array, serde_json::to_string_pretty(&pretty).unwrap()),
        ("csv", Format::Csv, format!("service,time,cpu,total_ram,free_ram,total_disk,free_disk\n{csv}\n")),
        (
            "csv-bom",
            Format::Csv,
            format!("\u{feff}SERVICE_NAME, Ts ,Cpu,Total_RAM,FREE_RAM,total_disk,free_disk\n{csv}"),
        ),
        (
            "csv-crlf",
            Format::Csv,
            format!("serviceName,\"timestamp\",cpu,total_ram,free_ram,total_disk,free_disk\r\n{csv}\r\n"),
        ),
    ]
}

fn read(path: &Path) -> (Format, Vec<u8>, [u8; 32]) {
    let mut input = Input::open(path).unwrap();
    let mut lines = Vec::new();
    for chunk in input.by_ref() {
        let chunk = chunk.unwrap();
        assert!(chunk.ends_with(b"\n"), "a chunk is whole lines");
        lines.extend_from_slice(&chunk);
    }
    let format = input.format();
    (format, lines, input.sha256().expect("read to its end"))
}

/// The messages in `lines`: service, time and values.
fn parsed(lines: &[u8]) -> Vec<String> {
    let mut parser = Parser::new(&Metrics::default());
    let mut found = Vec::new();
    let mut rest = lines;
    while !rest.is_empty() {
        let end = match parser.next(rest) {
            Next::Message { message, end, .. } => {
                found.push(format!("{} {} {:?}", message.service, message.time, message.values));
                end
            }
            Next::Reject { reason, end } => {
                found.push(format!("rejected: {reason}"));
                end
            }
            Next::EndOfLine { end } => end,
            Next::Incomplete => panic!("chunks are whole lines"),
        };
        rest = &rest[end..];
    }
    found
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_same_messages_in_every_form_are_the_same_messages(messages in prop::collection::vec(sent(), 1..12)) {
        let folder = tempfile::tempdir().unwrap();
        let once = parsed((messages.iter().map(Sent::json).collect::<Vec<_>>().join("\n") + "\n").as_bytes());
        prop_assert!(once.iter().all(|message| !message.starts_with("rejected")), "{once:?}");
        for (name, format, text) in forms(&messages) {
            let (found, lines, sha256) = read(&write(folder.path(), name, text.as_bytes()));
            prop_assert_eq!(found, format, "{}", name);
            let expected = match name {
                "mixed" => once.iter().flat_map(|message| [message.clone(), message.clone()]).collect(),
                _ => once.clone(),
            };
            prop_assert_eq!(parsed(&lines), expected, "{}", name);
            prop_assert_eq!(sha256, <[u8; 32]>::from(Sha256::digest(&text)));
        }
    }

    #[test]
    fn whatever_an_input_holds_comes_out_as_lines(
        bytes in prop::collection::vec(prop::sample::select(&b"{}[]\"\\,:\n\r\t 1ax\xff\x00\x1f\x8b"[..]), 0..300),
    ) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["any", "any.json"] {
            let path = write(folder.path(), name, &bytes);
            // Two bytes of gzip may begin it; then it is corrupt, and says so.
            let Ok(input) = Input::open(&path) else { continue };
            let chunks: Result<Vec<_>, _> = input.collect();
            if let Ok(chunks) = chunks {
                let lines = chunks.concat();
                prop_assert!(lines.is_empty() || lines.ends_with(b"\n"));
                let blank = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).iter().all(u8::is_ascii_whitespace);
                prop_assert!(blank || !lines.is_empty() || bytes.trim_ascii().starts_with(b"["));
            }
        }
    }
}

fn message(i: usize) -> String {
    format!(
        r#"{{"serviceName":"checkout","Timestamp":{},"CPU":0.5,"RAM":{{"Total":2,"Free":1}},"Disk":{{"Total":2,"Free":1}}}}"#,
        1_763_715_600 + i
    )
}

#[test]
fn compressed_inputs_hold_the_same_and_hash_their_raw_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..30_000).map(|i| message(i) + "\n").collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&text.as_bytes()[..1_000_000]).unwrap();
    let mut two_members = gzip.finish().unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&text.as_bytes()[1_000_000..]).unwrap();
    two_members.extend(gzip.finish().unwrap());
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for (name, raw) in [("a.ndjson", text.as_bytes()), ("a.ndjson.gz", &two_members), ("named-otherwise", &zstd)] {
        let path = write(folder.path(), name, raw);
        let (format, lines, sha256) = read(&path);
        assert_eq!((format, lines == text.as_bytes()), (Format::Lines, true), "{name}");
        assert_eq!(sha256, <[u8; 32]>::from(Sha256::digest(raw)), "{name}");
        assert_eq!(digest(&[path]).unwrap(), sha256);
    }
}

#[test]
fn a_corrupt_compressed_input_is_an_error_and_has_no_digest() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..30_000).map(|i| message(i) + "\n").collect();
    let mut zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    zstd.truncate(zstd.len() / 2);
    let path = write(folder.path(), "half.zst", &zstd);
    let mut input = Input::open(&path).unwrap();
    let failure = input.by_ref().find_map(Result::err);
    assert!(matches!(failure, Some(ClientError::Input { path: at, .. }) if at == path));
    assert!(input.next().is_none() && input.sha256().is_none());
}

#[test]
fn an_item_without_an_end_is_cut_short_and_stays_one_item() {
    let folder = tempfile::tempdir().unwrap();
    let endless = "x".repeat(5 << 20);
    let good = message(1);
    let header = "service,time,cpu,total_ram,free_ram,total_disk,free_disk";
    for (name, text, after) in [
        ("lines", format!("{good}\n{{\"serviceName\":\"{endless}\"}}\n{good}\n"), true),
        ("unended", format!("{good}\n{{\"serviceName\":\"{endless}"), false),
        ("strings", format!("\"{}\"\n\"{{{endless}\n{good}\n", good.replace('"', "\\\"")), true),
        ("array", format!("[{good},{{\"serviceName\":\"{endless}\"}},{good}]"), true),
        ("array-unended", format!("[{good},{{\"serviceName\":\"{endless}"), false),
        (
            "csv",
            format!("{header}\na,1763715600,0.5,2,1,2,1\na,1763715600,{endless}\na,1763715600,0.5,2,1,2,1\n"),
            true,
        ),
        ("csv-quote", format!("{header}\na,1763715600,0.5,2,1,2,1\na,\"{endless}\n\n,"), false),
        ("csv-commas", format!("{header}\na,1763715600,0.5,2,1,2,1\n{}", ",".repeat(100_000)), false),
    ] {
        let (_, lines, _) = read(&write(folder.path(), name, text.as_bytes()));
        let lines: Vec<&[u8]> = lines.split_inclusive(|&byte| byte == b'\n').collect();
        assert_eq!(lines.len(), 2 + usize::from(after), "{name}");
        assert!(lines[1].len() > MAX_LINE + 1, "{name}: still too long for the receiver");
        assert!(lines[1].len() < 2 * MAX_LINE, "{name}");
        assert!(parsed(lines[0])[0].contains("2025-11-21"), "{name}");
        assert_eq!(parsed(lines[0]), parsed(lines[lines.len() - 1 - usize::from(!after)]), "{name}");
    }
}

#[test]
fn bad_items_are_passed_on_and_rejected_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let good = message(1);
    let header = "service,time,cpu,total_ram,free_ram,total_disk,free_disk,note";
    for (name, text, rejected) in [
        ("lines", format!("{good}\nnonsense\n\"text\"\n{good}\n"), vec![1, 2]),
        ("array", format!("[{good},42,\"text\",{good}] trailing"), vec![1, 2, 4]),
        ("newline-in-string", format!("[{good},{}]", good.replace("checkout", "check\nout")), vec![1, 2]),
        (
            "csv",
            format!(
                "{header}\na,1763715600,0.5,2,1,2,1,\na,1763715600,NaN,2,1,2,1,\na,1763715600,0.5,2,1,2,1\n,,,,,,,,\n\
                 a,1763715600,0.5,2,,2,1,\na,1763715600,.5,2,1,2,1,\na,1763715600,0.5,2,1,2,1,\"say \"\"hi\"\"\n\"\n"
            ),
            vec![1, 2, 3, 4, 5],
        ),
    ] {
        let (_, lines, _) = read(&write(folder.path(), name, text.as_bytes()));
        let found = parsed(&lines);
        let bad: Vec<usize> = (0..found.len()).filter(|&i| found[i].starts_with("rejected")).collect();
        assert_eq!(bad, rejected, "{name}: {found:?}");
    }
}

#[test]
fn a_csv_whose_header_names_no_time_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a.CSV.gz", b"service,cpu\na,1\n");
    let refusal = Input::open(&path).unwrap_err().to_string();
    assert!(refusal.contains("a.CSV.gz") && refusal.contains("timestamp"), "{refusal}");
    assert!(Input::open(&folder.path().join("none")).is_err());
    assert!(Input::open(folder.path()).unwrap_err().to_string().contains("folder"));
}

#[test]
fn several_inputs_have_one_digest_that_depends_on_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = [("a", "1"), ("b", "2")].map(|(name, text)| write(folder.path(), name, text.as_bytes()));
    let both = digest(&[one.clone(), other.clone()]).unwrap();
    assert_ne!(both, digest(&[other, one]).unwrap());
    assert!(matches!(digest(&["-".into()]), Err(ClientError::Option { .. })));
}

#[test]
fn what_is_no_number_is_out_of_range_in_csv_as_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let csv = |cpu: &str, free: &str, note: &str| {
        let header = "service,time,cpu,total_ram,free_ram,total_disk,free_disk,note";
        let text = format!("{header}\na,1763715600,{cpu},2,{free},2,1,{note}\n");
        parsed(&read(&write(folder.path(), "a.csv", text.as_bytes())).1)
    };
    for bad in ["NaN", "nan", " inf ", "-inf", "+Infinity", "-nan"] {
        for found in [csv(bad, "1", ""), csv("1", bad, "")] {
            assert_eq!(found, ["rejected: number_out_of_range"], "{bad}");
        }
    }
    assert_eq!(csv("high", "1", ""), ["rejected: wrong_type"]);
    assert_eq!(csv("1", "1", "NaN"), csv("1", "1", ""), "another column may hold any text");
}

#[test]
fn a_broken_element_of_an_array_is_rejected_alone_as_in_ndjson() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines: Vec<String> = (0..1000).map(message).collect();
    lines[10] = lines[10].replacen("checkout\"", "checkout", 1);
    let ndjson = lines.join("\n");
    let expected = parsed(format!("{ndjson}\n").as_bytes());
    assert_eq!(expected.iter().filter(|found| found.starts_with("rejected")).count(), 1);
    for text in [format!("[\n{}\n]", lines.join(",\n")), format!("[{ndjson}"), format!("[[],\n{ndjson}")] {
        let (format, lines, _) = read(&write(folder.path(), "broken", text.as_bytes()));
        let found = parsed(&lines);
        let head = found.len() - expected.len();
        assert_eq!((format, &found[head..]), (Format::Array, &expected[..]));
    }
    // A first line that is cut off takes no other along either.
    lines[10] = message(10);
    let cut = format!("[{}\n{}", &message(0)[..40], lines[1..].join("\n"));
    let (_, lines, _) = read(&write(folder.path(), "cut", cut.as_bytes()));
    let found = parsed(&lines);
    assert_eq!((found.len(), found.iter().filter(|found| found.starts_with("rejected")).count()), (1000, 1));
}
