//! The promise: each role tells Prometheus what it did, in numbers that equal what was sent and in a form that promtool
//! accepts; docs/metrics.md is that list; `/readyz` is 503 while a role cannot do its job; and each alert fires when
//! its promise breaks, and says what to do.
//!
//! `promtool` is Debian's, of the package prometheus; without it the tests that need it are skipped, visibly.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use support::{AckingClient, Hourglass, hourglass, message, now_micros, skip, until};

const LINES: u64 = 300;

/// An answer: its status, type and body.
fn get_as(http: SocketAddr, path: &str, accept: &str) -> (u16, String, String) {
    // The client can speak TLS, so it wants to know how.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let request = reqwest::Client::new().get(format!("http://{http}{path}")).header(ACCEPT, accept);
        let answer = request.send().await.unwrap();
        let kind = answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    })
}

fn get(http: SocketAddr, path: &str) -> (u16, String) {
    let (status, _, text) = get_as(http, path, "*/*");
    (status, text)
}

/// What one scrape told.
struct Scrape(String);

impl Scrape {
    fn of(http: SocketAddr) -> Self {
        let (status, kind, text) = get_as(http, "/metrics", "*/*");
        assert_eq!((status, &*kind), (200, "text/plain; version=0.0.4; charset=utf-8"));
        Self(text)
    }

    /// The value of a sample, named with its labels as they are written.
    fn find(&self, sample: &str) -> Option<f64> {
        let value = self.0.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        value.map(|value| value.parse().unwrap())
    }

    #[track_caller]
    fn get(&self, sample: &str) -> f64 {
        self.find(sample).unwrap_or_else(|| panic!("no {sample} in\n{}", self.0))
    }

    /// Each metric: its name, type and help.
    fn metrics(&self) -> BTreeSet<(String, String, String)> {
        let described = self.0.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
        let kind = |name: &str| {
            let prefix = format!("# TYPE {name} ");
            self.0.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
        };
        described.map(|(name, help)| (name.to_owned(), kind(name), help.to_owned())).collect()
    }

    /// What promtool says against it.
    fn check(&self) {
        let mut promtool = Command::new("promtool");
        let promtool = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut promtool = promtool.spawn().unwrap();
        promtool.stdin.take().unwrap().write_all(self.0.as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), self.0);
    }
}

/// Whether promtool is there; says so if not.
fn has_promtool() -> bool {
    let there = Command::new("promtool").arg("--version").output().is_ok();
    if !there {
        skip("promtool is not installed (Debian: prometheus)");
    }
    there
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Sends lines without a promise.
fn send_plain(address: SocketAddr, lines: &[&str]) {
    let mut socket = TcpStream::connect(address).unwrap();
    for line in lines {
        socket.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// A scheduler with HTTP; killed when dropped.
struct Scheduling(Child, SocketAddr);

impl Scheduling {
    fn start(data: &Path) -> Self {
        let mut command = hourglass(["scheduler", "--data", data.to_str().unwrap()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let http = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("serving http://")?.parse().ok());
        Self(child, http.unwrap())
    }
}

impl Drop for Scheduling {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_scrape_equals_what_was_sent_and_the_docs_are_its_list() {
    let folder = tempfile::tempdir().unwrap();
    let up = Hourglass::start(folder.path(), "up --data DATA --refresh-every 100ms --upload-every 100ms");
    let http = up.http.unwrap();
    let lines: Vec<String> = (0..LINES).map(|n| message("checkout", now_micros(), n)).collect();
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    let mut client = AckingClient::connect(up.address, "me").unwrap();
    assert!(client.send(lines.iter().map(String::as_str)) && client.await_ack(LINES));
    send_plain(up.address, &["{}", "{}", "{"]);
    until("everything to be told", || {
        let scrape = Scrape::of(http);
        let rejected = scrape.get("hourglass_monitor_rejected_total{reason=\"missing_field\"}");
        let rebuilt = scrape.find("hourglass_scheduler_last_success_timestamp_seconds").is_some();
        rejected == 2.0 && rebuilt && scrape.get("hourglass_refresh_rows") > 0.0
    });
    assert_eq!(get(http, "/nowhere/x").0, 404);

    let scrape = Scrape::of(http);
    let monitor = |name: &str| scrape.get(&format!("hourglass_monitor_{name}"));
    assert_eq!(monitor("committed_messages_total"), LINES as f64);
    assert_eq!(monitor("rejected_total{reason=\"invalid_json\"}"), 1.0);
    assert_eq!(monitor("rejected_total{reason=\"line_too_long\"}"), 0.0);
    assert_eq!(monitor("received_messages_total"), LINES as f64 + 3.0);
    assert!(monitor("received_bytes_total") >= (bytes + 8) as f64);
    assert_eq!(monitor("committed_bytes_total"), bytes as f64);
    assert_eq!(monitor("commit_messages_sum"), LINES as f64);
    assert!(monitor("ack_seconds_count") >= 1.0);
    assert_eq!(monitor("fsync_seconds_count"), monitor("commit_seconds_count"));
    assert_eq!((monitor("connections_total"), monitor("connections_refused_total")), (2.0, 0.0));
    assert_eq!((monitor("clients"), monitor("services"), monitor("generation")), (1.0, 1.0, 1.0));
    assert_eq!(monitor("intake_blocked{reason=\"disk\"}"), 0.0);
    assert_eq!(monitor("intake_blocked{reason=\"store\"}"), 0.0);
    assert!(monitor("disk_room_bytes") > 0.0 && monitor("disk_room_bytes") < monitor("disk_free_bytes"));
    assert!(monitor("upload_seconds_count") >= 1.0);
    assert_eq!(scrape.get("hourglass_scheduler_rebuilds_total{outcome=\"unchanged\"}"), 1.0);
    assert_eq!(scrape.get("hourglass_scheduler_overdue_seconds"), 0.0);
    let requests = |labels: &str| scrape.get(&format!("hourglass_http_request_seconds_count{{{labels}}}"));
    assert!(requests("route=\"/metrics\",method=\"GET\",status=\"200\"") >= 1.0);
    assert_eq!(requests("route=\"none\",method=\"GET\",status=\"404\""), 1.0);
    assert!(scrape.get("process_resident_memory_bytes") > 1e6);

    let documented: BTreeSet<_> = documented().into_iter().collect();
    assert_eq!(documented, scrape.metrics(), "docs/metrics.md is what is told");
    let open = get_as(http, "/metrics", "application/openmetrics-text; version=1.0.0,text/plain;q=0.5");
    assert!(open.1.starts_with("application/openmetrics-text") && open.2.ends_with("# EOF\n"), "{open:?}");
    if has_promtool() {
        scrape.check();
    }
}

/// The rows of docs/metrics.md: name, type and help.
fn documented() -> Vec<(String, String, String)> {
    let text = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let cells = rows.map(|row| row.split(" | ").map(str::to_owned).collect::<Vec<_>>());
    cells.map(|row| (row[0].trim_end_matches('`').to_owned(), row[1].clone(), row[2].clone())).collect()
}

#[test]
fn every_role_tells_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let monitor = Hourglass::start(data, "monitor --data DATA");
    let scheduler = Scheduling::start(data);
    let dashboard = Hourglass::serving(data, "dashboard --data DATA --http 127.0.0.1:0");
    for (http, has, lacks) in [
        (monitor.http.unwrap(), "hourglass_monitor_generation", "hourglass_scheduler_overdue_seconds"),
        (scheduler.1, "hourglass_scheduler_overdue_seconds", "hourglass_monitor_generation"),
        (dashboard.address, "hourglass_http_requests_in_flight", "hourglass_monitor_generation"),
    ] {
        assert_eq!(get(http, "/healthz"), (200, "alive\n".to_owned()));
        assert_eq!(get(http, "/readyz"), (200, "ready\n".to_owned()));
        let scrape = Scrape::of(http);
        assert!(scrape.find(has).is_some() && scrape.find(lacks).is_none(), "{}", scrape.0);
        assert_eq!(scrape.get(&format!("hourglass_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1.0);
        if has_promtool() {
            scrape.check();
        }
    }
}

#[test]
fn a_monitor_without_room_is_not_ready_and_says_why_until_there_is_room() {
    // A disk in memory can be filled at once, and needs no root.
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let free = rustix::fs::statvfs(folder.path()).map(|system| system.f_bavail * system.f_frsize).unwrap();
    let room = (free / 4).min(128 << 20);
    let up = Hourglass::start(folder.path(), &format!("up --data DATA --disk-reserve {}B", free - room));
    let http = up.http.unwrap();
    assert_eq!(get(http, "/readyz").0, 200);

    let ballast = fs::File::create(folder.path().join("ballast")).unwrap();
    rustix::fs::fallocate(&ballast, rustix::fs::FallocateFlags::empty(), 0, 2 * room).unwrap();
    send_plain(up.address, &[&message("a", now_micros(), 1)]);
    until("the monitor not to be ready", || get(http, "/readyz").0 == 503);
    let (_, kind, problem) = get_as(http, "/readyz", "*/*");
    assert_eq!(kind, "application/problem+json");
    for says in ["the monitor takes nothing in", "disk.reserve"] {
        assert!(problem.contains(says), "{problem}");
    }
    let scrape = Scrape::of(http);
    assert_eq!(scrape.get("hourglass_monitor_intake_blocked{reason=\"disk\"}"), 1.0);
    assert_eq!(scrape.get("hourglass_monitor_disk_room_bytes"), 0.0);
    assert_eq!(scrape.get("hourglass_monitor_committed_messages_total"), 0.0);
    assert_eq!(get(http, "/healthz").0, 200, "to start it again would not help");

    ballast.set_len(0).unwrap();
    until("the monitor to be ready again", || get(http, "/readyz").0 == 200);
    let scrape = Scrape::of(http);
    assert_eq!(scrape.get("hourglass_monitor_intake_blocked{reason=\"disk\"}"), 0.0);
    until("the message to be durable", || Scrape::of(http).get("hourglass_monitor_committed_messages_total") == 1.0);
}

#[test]
fn a_tick_is_told_by_who_rotates_and_by_who_rebuilds() {
    let folder = tempfile::tempdir().unwrap();
    let up = Hourglass::start(folder.path(), "up --data DATA --schedule *_*_*_*_*_* --upload-every 100ms");
    let http = up.http.unwrap();
    let lines: Vec<String> = (0..LINES).map(|n| message("checkout", now_micros(), n)).collect();
    let mut client = AckingClient::connect(up.address, "me").unwrap();
    assert!(client.send(lines.iter().map(String::as_str)) && client.await_ack(LINES));
    until("the batch to cover it", || Scrape::of(http).get("hourglass_scheduler_covered_messages") == LINES as f64);
    let scrape = Scrape::of(http);
    assert!(scrape.get("hourglass_monitor_rotations_total") >= 1.0);
    assert!(scrape.get("hourglass_monitor_cuts_published_total") >= 1.0);
    assert!(scrape.get("hourglass_monitor_generation") > scrape.get("hourglass_monitor_cuts_published_total"));
    assert!(scrape.get("hourglass_scheduler_manifest_number") >= 1.0);
    assert!(scrape.get("hourglass_scheduler_rebuilds_total{outcome=\"published\"}") >= 1.0);
    assert!(scrape.get("hourglass_scheduler_files_read_total") >= 1.0);
    assert!(scrape.get("hourglass_scheduler_files_written_total") >= 1.0);
    assert_eq!(scrape.get("hourglass_scheduler_failures_total"), 0.0);
}

#[test]
fn a_store_that_is_away_is_told_until_it_is_caught_up_with() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let line = "up --data DATA --ack-after store --upload-every 100ms --rebuild-wait 1s --schedule *_*_*_*_*_*";
    let up = Hourglass::start(data, line);
    let http = up.http.unwrap();
    fs::rename(data.join("store"), data.join("elsewhere")).unwrap();
    fs::write(data.join("store"), "in its place").unwrap();
    let mut client = AckingClient::connect(up.address, "me").unwrap();
    assert!(client.send([message("a", now_micros(), 1).as_str()]));
    until("it to be told", || {
        let scrape = Scrape::of(http);
        ["monitor_upload_failures_total", "monitor_upload_lag_bytes", "monitor_upload_behind_seconds"]
            .iter()
            .chain(&["monitor_cuts_waiting", "scheduler_missing_cuts_total"])
            .all(|name| scrape.get(&format!("hourglass_{name}")) > 0.0)
    });
    assert_eq!(Scrape::of(http).get("hourglass_monitor_ack_seconds_count"), 0.0, "nothing was acknowledged");
    assert_eq!(get(http, "/readyz").0, 200, "it goes on receiving, and is not late yet");

    fs::remove_file(data.join("store")).unwrap();
    fs::rename(data.join("elsewhere"), data.join("store")).unwrap();
    assert!(client.await_ack(1));
    until("nothing to be lacking", || Scrape::of(http).get("hourglass_monitor_upload_behind_seconds") == 0.0);
    let scrape = Scrape::of(http);
    assert_eq!(scrape.get("hourglass_monitor_ack_seconds_count"), 1.0);
    assert!(scrape.get("hourglass_monitor_ack_seconds_sum") > 0.1, "it counts the wait for the store");
}

#[test]
fn a_dashboard_and_a_scheduler_are_ready_while_their_store_answers() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let up = Hourglass::start(data, "up --data DATA");
    let dashboard = Hourglass::serving(data, "dashboard --data DATA --http 127.0.0.1:0");
    let scheduler = Scheduling::start(data);
    assert_eq!((get(dashboard.address, "/readyz").0, get(scheduler.1, "/readyz").0), (200, 200));
    fs::rename(data.join("store"), data.join("elsewhere")).unwrap();
    for http in [dashboard.address, scheduler.1] {
        let (status, problem) = get(http, "/readyz");
        assert!(status == 503 && problem.contains("there is no store"), "{status} {problem}");
    }
    assert_eq!(get(up.http.unwrap(), "/readyz").0, 200, "a monitor takes messages in all the same");
    fs::rename(data.join("elsewhere"), data.join("store")).unwrap();
    assert_eq!((get(dashboard.address, "/readyz").0, get(scheduler.1, "/readyz").0), (200, 200));
}

#[test]
fn each_alert_fires_when_its_promise_breaks_and_says_what_to_do() {
    let alerts = repository().join("deploy/prometheus/alerts.yml");
    let text = fs::read_to_string(&alerts).unwrap();
    let tests = fs::read_to_string(alerts.with_file_name("alerts_test.yml")).unwrap();
    let operations = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let anchors: Vec<String> = operations.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    let named = |key: &str| -> Vec<String> {
        let values = text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key));
        values.map(|value| value.trim().to_owned()).collect()
    };
    let names = named("alert:");
    assert!(!names.is_empty() && named("for:").len() == names.len() && named("severity:").len() == names.len());
    for name in &names {
        assert!(tests.contains(&format!("alertname: {name}")), "{name} has a test");
    }
    let runbooks = named("runbook:");
    assert!(runbooks.len() == names.len() && named("summary:").len() == names.len());
    for runbook in runbooks {
        let heading = runbook.strip_prefix("docs/operations.md#").unwrap();
        assert!(anchors.iter().any(|anchor| anchor == heading), "{runbook} is a heading");
    }
    let known = documented();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    for word in words.filter(|word| word.starts_with("hourglass_")) {
        let name = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word);
        assert!(known.iter().any(|(known, ..)| known == name || known == word), "{word} is told");
    }
    if has_promtool() {
        promtool(&["check", "rules", "alerts.yml"]);
        promtool(&["test", "rules", "alerts_test.yml"]);
    }
}

/// A heading's, as it is linked to.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
}

fn promtool(arguments: &[&str]) {
    let output =
        Command::new("promtool").args(arguments).current_dir(repository().join("deploy/prometheus")).output().unwrap();
    let says = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&says));
}
