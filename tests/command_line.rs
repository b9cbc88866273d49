//! The promise: the command line says what it does: formats to the byte, exit codes, and errors that say what
//! happened, where, and what to do next.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use support::{AckingClient, Ended, Hourglass, hourglass, run, until};

/// Three minutes of two services, one of which needs quoting.
const LINES: [&str; 4] = [
    r#"{"serviceName":"a","Timestamp":1763715600123,"CPU":0.100001,"RAM":{"Total":16.0,"Free":4.0},"Disk":{"Total":3,"Free":1}}"#,
    r#"{"serviceName":"a","Timestamp":1763715601123,"CPU":0.200002,"RAM":{"Total":16.0,"Free":8.0},"Disk":{"Total":3,"Free":2}}"#,
    r#"{"serviceName":"a","Timestamp":1763715660000,"CPU":-1,"RAM":0.5,"Disk":0.25}"#,
    r#"{"serviceName":"b,\"c\"","Timestamp":"2025-11-21T09:02:00+00:00","CPU":1e3,"RAM":0,"Disk":0}"#,
];

const CSV: &str = "\
service,time_stamp,cpu,ram,disk,max_cpu_time,max_cpu,max_ram_time,max_ram,max_disk_time,max_disk,msg_num,cpu_mean,ram_mean,disk_mean
a,2025-11-21T09:00:00.000000Z,0.300003,1.250000,1.000000,2025-11-21T09:00:01.123000Z,0.200002,2025-11-21T09:00:00.123000Z,0.750000,2025-11-21T09:00:00.123000Z,0.666667,2,0.150002,0.625000,0.500000
a,2025-11-21T09:01:00.000000Z,-1.000000,0.500000,0.250000,2025-11-21T09:01:00.000000Z,-1.000000,2025-11-21T09:01:00.000000Z,0.500000,2025-11-21T09:01:00.000000Z,0.250000,1,-1.000000,0.500000,0.250000
\"b,\"\"c\"\"\",2025-11-21T09:02:00.000000Z,1000.000000,0.000000,0.000000,2025-11-21T09:02:00.000000Z,1000.000000,2025-11-21T09:02:00.000000Z,0.000000,2025-11-21T09:02:00.000000Z,0.000000,1,1000.000000,0.000000,0.000000
";

const RANGE: &str = "--from 2025-11-21T09:00Z --to 2025-11-21T09:03Z";

/// A store that a monitor has just left.
fn store(data: &Path) {
    let up = Hourglass::start(data, "up --data DATA --id east");
    let mut client = AckingClient::connect(up.address, "me").unwrap();
    assert!(client.send(LINES) && client.await_ack(4));
    assert!(up.drained().0.success());
}

#[track_caller]
fn refused(ended: &Ended, says: &[&str]) {
    assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
    for word in says {
        assert!(ended.stderr.contains(word), "{word:?} in {}", ended.stderr);
    }
    assert_eq!(ended.stdout, "", "nothing half done on stdout");
}

#[test]
fn every_format_has_the_exact_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    store(data);

    let csv = run(data, &format!("query --data DATA {RANGE} --format csv")).fine();
    assert_eq!(csv.stdout, CSV);
    assert!(csv.stderr.contains("2025-11-21T09:00:00.000000Z to 2025-11-21T09:03:00.000000Z"), "{}", csv.stderr);
    // Into a pipe CSV is the default; each view after the other is the same; so is a finer range than a minute.
    assert_eq!(run(data, &format!("query --data DATA {RANGE}")).fine().stdout, CSV);
    assert_eq!(
        run(data, "query --data DATA --from 2025-11-21T10:00:59 --to 2025-11-21T10:02:01 --tz Europe/Berlin")
            .fine()
            .stdout,
        CSV
    );
    assert_eq!(run(data, &format!("query --data DATA {RANGE} --view realtime")).fine().stdout, CSV);

    let json = run(data, &format!("query --data DATA {RANGE} --format json")).fine().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["coverage"]["monitors"][0]["messages"], 4);
    let rows = json["rows"].as_array().unwrap();
    let lines = run(data, &format!("query --data DATA {RANGE} --format ndjson")).fine().stdout;
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(*rows, lines);
    assert_eq!(rows[2]["service"], "b,\"c\"");
    assert_eq!(rows[0]["max_disk"].to_string(), "0.666667");
    let header: Vec<_> = CSV.lines().next().unwrap().split(',').collect();
    assert_eq!(rows[0].as_object().unwrap().len(), header.len());
    assert!(header.iter().all(|name| rows[0].get(name).is_some()));

    let table =
        run(data, &format!("query --data DATA {RANGE} --format table --every 5m --tz Asia/Kolkata")).fine().stdout;
    assert!(table.contains("2025-11-21 14:30") && table.contains("Asia/Kolkata") && table.contains("5m"), "{table}");
    assert!(table.lines().all(|line| !line.ends_with(' ')), "{table}");
}

#[test]
fn parquet_has_the_columns_of_a_view() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    store(data);
    let words = [
        "query",
        "--data",
        data.to_str().unwrap(),
        "--from",
        "2025-11-21",
        "--to",
        "2025-11-22",
        "--format",
        "parquet",
    ];
    let output = hourglass(words).output().unwrap();
    assert!(output.status.success());
    let path = folder.path().join("answer.parquet");
    fs::write(&path, output.stdout).unwrap();
    let file = parquet::file::serialized_reader::SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let meta = parquet::file::reader::FileReader::metadata(&file);
    assert_eq!(meta.file_metadata().num_rows(), 3);
    let names: Vec<_> =
        meta.file_metadata().schema_descr().columns().iter().map(|column| column.name().to_owned()).collect();
    assert_eq!(names[..5], ["service", "time_stamp", "cpu", "ram", "disk"]);
}

#[test]
fn the_original_lines_come_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    store(data);
    assert_eq!(run(data, "cat --data DATA").fine().stdout, LINES.join("\n") + "\n");
    assert_eq!(
        run(data, "cat --data DATA --from 2025-11-21T09:01 --service a").fine().stdout,
        LINES[2].to_owned() + "\n"
    );
    let positions = run(data, "cat --data DATA --positions").fine().stdout;
    let first = positions.lines().next().unwrap();
    let (position, line) = first.split_once('\t').unwrap();
    assert_eq!(line, LINES[0]);
    assert!(position.starts_with("east ") && position.ends_with(":0"), "{position}");
}

#[test]
fn services_are_listed_with_first_last_and_count() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    store(data);
    assert_eq!(
        run(data, "services --data DATA --format csv").fine().stdout,
        "service,first,last,msg_num\n\
         a,2025-11-21T09:00:00.000000Z,2025-11-21T09:01:00.000000Z,3\n\
         \"b,\"\"c\"\"\",2025-11-21T09:02:00.000000Z,2025-11-21T09:02:00.000000Z,1\n"
    );
    assert!(run(data, "services --data DATA").fine().stdout.contains("2025-11-21 09:01"));
}

#[test]
fn nothing_found_is_an_empty_answer_with_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    store(data);
    let unknown = run(data, &format!("query --data DATA {RANGE} --service nobody --format csv")).fine();
    assert_eq!(unknown.stdout.lines().count(), 1, "the header alone");
    assert!(unknown.stderr.contains("nobody"), "{}", unknown.stderr);
    let early = run(data, "query --data DATA --from 1999-01-01 --to 1999-01-02 --format csv").fine();
    assert_eq!(early.stdout.lines().count(), 1);
    assert!(early.stderr.contains("no message"), "{}", early.stderr);
    assert!(run(data, "query --data DATA --quiet --from -90m --to now").fine().stderr.is_empty());
}

#[test]
fn rejected_lines_can_be_read_with_their_reason() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, "up --data DATA");
    let nothing = run(data, "cat --data DATA --quarantine").fine();
    assert!(nothing.stdout.is_empty() && nothing.stderr.contains("no line in this range"), "{}", nothing.stderr);
    let mut client = AckingClient::connect(up.address, "me").unwrap();
    assert!(client.send(["not json", LINES[0], "{\"serviceName\":\"a\"}"]) && client.await_ack(3));
    let reasons: Vec<_> = client.rejected.iter().map(|(line, reason)| (*line, reason.as_str())).collect();
    assert_eq!(reasons, [(1, "invalid_json"), (3, "missing_field")]);
    until("the quarantine to hold both", || {
        let kept = run(data, "cat --data DATA --quarantine").fine().stdout;
        kept.contains("not json") && kept.contains("missing_field")
    });
    assert!(run(data, "cat --data DATA --quarantine --to 2000-01-01").fine().stdout.is_empty());
    assert!(up.drained().0.success());
}

#[test]
fn imported_files_count_with_the_next_rebuild_and_can_be_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("old.ndjson");
    fs::write(&file, LINES.join("\n") + "\nrubbish\n").unwrap();
    let import = ["import", "--data", data.to_str().unwrap(), file.to_str().unwrap()];
    let once = hourglass(import).output().unwrap();
    assert!(once.status.success(), "{}", String::from_utf8_lossy(&once.stderr));
    let said = String::from_utf8(once.stdout).unwrap();
    assert!(said.contains("4 messages") && said.contains("1 rejected"), "{said}");
    let hash = said.split_whitespace().find(|word| word.len() == 64).unwrap().to_owned();

    let twice = hourglass(import).output().unwrap();
    assert_eq!(twice.status.code(), Some(2), "a source already there is refused");
    assert!(String::from_utf8_lossy(&twice.stderr).contains(&hash));

    let query = format!("query --data DATA {RANGE} --format csv");
    let pending = run(&data, &query).fine();
    assert_eq!(pending.stdout.lines().count(), 1, "not before a build includes it");
    assert!(pending.stderr.contains(&hash) && pending.stderr.contains("next rebuild"), "{}", pending.stderr);
    run(&data, "rebuild --data DATA").fine();
    assert_eq!(run(&data, &query).fine().stdout, CSV);
    run(&data, "verify --data DATA").fine();
    let content = |said: String| said.rsplit_once("content ").unwrap().1.to_owned();
    let full = content(run(&data, "rebuild --data DATA --full").fine().stdout);
    assert_eq!(content(run(&data, "rebuild --data DATA").fine().stdout), full);

    run(&data, &format!("import --data DATA --undo {hash}")).fine();
    assert_eq!(run(&data, &query).fine().stdout, CSV, "until the next rebuild");
    run(&data, "rebuild --data DATA").fine();
    assert_eq!(run(&data, &query).fine().stdout.lines().count(), 1);
    assert!(hourglass(import).output().unwrap().status.success(), "withdrawn, it may come again");
}

#[test]
fn the_clients_send_what_they_are_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Hourglass::start(&data, "up --data DATA");
    let peer = up.address;
    let load = run(
        &data,
        &format!("client load --connect {peer} --service x,y --messages 1000 --ack --client me --connections 2"),
    );
    let load = load.fine().stdout;
    assert!(
        load.contains("1 000 messages sent") && load.contains("1 000 acknowledged") && load.contains("p99"),
        "{load}"
    );
    run(&data, &format!("client load --connect {peer} --service x --messages 500")).fine();

    let file = folder.path().join("replay.csv");
    fs::write(&file, "service,timestamp,cpu,total_ram,free_ram,total_disk,free_disk\nz,1763715600,0.5,16,4,100,50\n")
        .unwrap();
    let replay =
        ["client", "replay", "--ack", "--connect", &peer.to_string(), file.to_str().unwrap()].map(str::to_owned);
    for durable_before in [false, true] {
        let output = hourglass(replay.iter().map(String::as_str)).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains("durable already") == durable_before, "{said}");
    }
    let services = run(&data, "services --data DATA --format csv").fine().stdout;
    let count =
        |name: &str| services.lines().find_map(|line| line.strip_prefix(name)?.rsplit(',').next()?.parse::<u64>().ok());
    assert_eq!(count("x,").unwrap() + count("y,").unwrap(), 1500);
    assert_eq!(count("z,"), Some(1), "replayed twice under one id, it counts once");
    run(&data, "verify --data DATA").fine();
    assert!(up.drained().0.success());
}

#[test]
fn wrong_use_says_what_is_wrong_and_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    refused(&run(data, "query"), &["no data folder", "--data DIR"]);
    refused(&run(data, "query --data DATA"), &["there is no store in", "hourglass up --data"]);
    refused(&run(data, "query --data DATA --from yesterday"), &["yesterday", "allowed", "-90m"]);
    refused(&run(data, "query --data DATA --every 7m"), &["7m", "1m", "1d"]);
    refused(&run(data, "query --data DATA --tz Mars"), &["Mars", "IANA"]);
    refused(
        &run(data, "up --data DATA --buffer-linger 20"),
        &["buffer.linger", "--buffer-linger", "\"20\"", "allowed"],
    );
    refused(&run(data, "up --data DATA --schedule sometimes"), &["schedule.cron", "sometimes", "allowed"]);
    refused(&run(data, "up --data DATA --store hdfs:/x"), &["two slashes", "allowed", "hdfs://HOST:PORT/PATH"]);
    refused(&run(data, "up --data DATA --store s3a://x/y"), &["write s3://", "allowed"]);
    refused(
        &run(data, "up --data DATA --store hdfs://name/x"),
        &["hdfs://name/x", "hdfs://HOST:PORT", "HADOOP_CONF_DIR"],
    );
    refused(&run(data, "client load --connect 127.0.0.1:1 --messages 1"), &["127.0.0.1:1", "hourglass up"]);
    for peer in ["nonsense", "host:", "host:0", ":7070"] {
        refused(&run(data, &format!("client load --connect {peer} --messages 1")), &["--connect", "HOST:PORT"]);
    }
    refused(&run(data, "client replay --connect 127.0.0.1:1 --ack -"), &["standard input", "--client ID"]);
    refused(
        &run(data, "up --data DATA --refresh-every never"),
        &["refresh.every", "never", "a number and its unit", "s, m"],
    );
    let id = run(data, "up --data DATA --id .x");
    refused(&id, &["\".x\"", "not starting with '.' or 'import-'"]);
    assert_eq!(id.stderr.matches("not starting").count(), 1, "{}", id.stderr);
    let file = data.join("file");
    fs::write(&file, "").unwrap();
    for line in ["query", "up", "status", "import --undo 00"] {
        for below in ["", "/x"] {
            let line = format!("{line} --data {}{below}", file.display());
            refused(&run(data, &line), &["file is no folder", "--data DIR"]);
        }
    }
    for line in ["up", "import x.ndjson"] {
        refused(&run(data, &format!("{line} --data /proc/x")), &["/proc/x", "name a folder", "--data DIR"]);
    }
    store(data);
    refused(&run(data, "query --data DATA --from -1h --to -2h"), &["after", "exchange"]);
    refused(&run(data, "up --data DATA --metrics cpu --listen 127.0.0.1:0"), &["\"cpu\"", "\"cpu,ram,disk\"", "fixed"]);
    refused(&run(data, "up --data DATA --id west --listen 127.0.0.1:0"), &["east", "west"]);
    refused(&run(data, "frobnicate"), &["frobnicate"]);
}

#[test]
fn help_version_completions_and_manual_are_there() {
    let version = run(Path::new("."), "--version").fine().stdout;
    assert!(version.starts_with("hourglass 0."), "{version}");
    let help = run(Path::new("."), "monitor --help").fine().stdout;
    assert!(help.contains("--listen <ADDR>") && help.contains("HOURGLASS_LISTEN_ADDRESS"), "{help}");
    let whole_range = ["[default: the beginning]", "[default: the end]"];
    let last_hour = ["[default: an hour before the end]", "[default: now]"];
    for (command, own, others) in [("query", last_hour, whole_range), ("cat", whole_range, last_hour)] {
        let help = run(Path::new("."), &format!("{command} --help")).fine().stdout;
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(own.iter().all(|default| help.contains(default)), "{help}");
        assert!(!others.iter().any(|default| help.contains(default)), "{help}");
    }
    assert!(run(Path::new("."), "completions bash").fine().stdout.contains("_hourglass"));
    let manual = run(Path::new("."), "man").fine().stdout;
    assert!(manual.contains(".TH hourglass") && manual.contains("HOURGLASS CLIENT LOAD"), "{manual}");
}

#[test]
fn a_reader_who_leaves_early_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, "up --data DATA");
    run(data, &format!("client load --connect {} --messages 20000", up.address)).fine();
    let words = ["cat", "--data", data.to_str().unwrap()];
    let mut cat = hourglass(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(cat.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with('{'));
    let output = cat.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_drained_monitor_has_kept_every_line_it_received() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, "monitor --data DATA --log-format json");
    let mut plain = TcpStream::connect(up.address).unwrap();
    for line in LINES {
        plain.write_all(line.as_bytes()).unwrap();
        plain.write_all(b"\n").unwrap();
    }
    until("the lines to be there", || run(data, "cat --data DATA").fine().stdout.lines().count() == 4);
    let (status, log) = up.drained();
    assert_eq!(status.code(), Some(0), "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
}
