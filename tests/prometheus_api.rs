//! Promise: what Prometheus' own client asks over HTTP is answered from the same messages as `query` answers, and what is
//! not supported is refused in Prometheus' form, by name.
//!
//! `promtool` is Debian's, of the package `prometheus`; expected values are computed here from what `query` prints.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use reqwest::{Client, Method};
use serde_json::Value;
use support::{AckingClient, Hourglass, message, now_micros, run, skip};

const MINUTE: u64 = 60_000_000;
/// Minutes with messages.
const MINUTES: u64 = 20;
/// Services; the last one is silent every third minute.
const SERVICES: [&str; 3] = ["checkout", "a,\\\"b", "Überweisung"];

/// A value of a row.
type Of = fn(&Row) -> f64;

/// A minute of a service, as `query` has it.
#[derive(Debug)]
struct Row {
    service: String,
    /// When its sample is taken: the end of the minute, in seconds.
    end: u64,
    mean: f64,
    max: f64,
    messages: f64,
}

/// A process that has received messages, and HTTP of it.
struct Served {
    folder: tempfile::TempDir,
    server: Hourglass,
    /// The first minute with messages, in seconds.
    from: u64,
    sent: u64,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Hourglass::start(folder.path(), "up --data DATA");
        let from = now_micros() / MINUTE * MINUTE - 2 * MINUTES * MINUTE;
        let lines = lines(from);
        let mut client = AckingClient::connect(server.address, "prometheus").unwrap();
        let acked = client.send(lines.iter().map(String::as_str)) && client.await_ack(lines.len() as u64);
        assert!(acked, "{}", server.log());
        assert_eq!(client.rejected, []);
        Self { folder, server, from: from / 1_000_000, sent: lines.len() as u64 }
    }

    fn data(&self) -> &Path {
        self.folder.path()
    }

    fn http(&self) -> SocketAddr {
        self.server.http.unwrap()
    }

    /// The end of the last minute with messages, in seconds.
    fn to(&self) -> u64 {
        self.from + MINUTES * 60
    }

    /// What `query` says, each minute.
    fn rows(&self) -> Vec<Row> {
        let time = |seconds: u64| chrono::DateTime::from_timestamp(seconds as i64, 0).unwrap().format("%FT%TZ");
        let (from, to) = (time(self.from), time(self.to()));
        let answer = run(self.data(), &format!("query --data DATA --from {from} --to {to} --every 1m --format ndjson"));
        answer.fine().stdout.lines().map(|line| row(&serde_json::from_str(line).unwrap())).collect()
    }

    /// What promtool prints for `query ARGUMENTS`, which end in the server's own.
    fn promtool(&self, kind: &str, flags: &[String], of: &str) -> String {
        let server = format!("http://{}/prometheus", self.http());
        let output =
            Command::new("promtool").args(["query", "-o", "json", kind]).args(flags).args([&server, of]).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{of}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// An expression at a time, by the labels that its series have.
    fn instant(&self, expression: &str, time: u64) -> BTreeMap<String, f64> {
        let found: Value =
            serde_json::from_str(&self.promtool("instant", &[format!("--time={time}")], expression)).unwrap();
        let one = |series: &Value| (labelled(&series["metric"]), number(&series["value"][1]));
        found.as_array().unwrap().iter().map(one).collect()
    }

    /// An expression each `step` from the first minute's end to the last one's, by labels and time.
    fn range(&self, expression: &str, step: u64) -> BTreeMap<(String, u64), f64> {
        let flags =
            [format!("--start={}", self.from + step), format!("--end={}", self.to()), format!("--step={step}s")];
        let found: Value = serde_json::from_str(&self.promtool("range", &flags, expression)).unwrap();
        let points = found.as_array().unwrap().iter().flat_map(|series| {
            let values = series["values"].as_array().unwrap().iter();
            values.map(|point| ((labelled(&series["metric"]), point[0].as_u64().unwrap()), number(&point[1])))
        });
        points.collect()
    }
}

/// In each minute one to five messages of each service.
fn lines(from: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for minute in 0..MINUTES {
        for (place, service) in SERVICES.iter().enumerate() {
            let messages = if place == 2 && minute % 3 == 2 { 0 } else { 1 + (minute + place as u64) % 5 };
            let time = |n: u64| from + minute * MINUTE + n * 11_000_000;
            lines.extend((0..messages).map(|n| message(service, time(n), 7 * minute + 31 * place as u64 + n)));
        }
    }
    lines
}

fn row(line: &Value) -> Row {
    let start = chrono::DateTime::parse_from_rfc3339(line["time_stamp"].as_str().unwrap()).unwrap();
    let messages = line["msg_num"].as_f64().unwrap();
    // The total in millionths and a million times the count are exact in doubles, so this rounds once.
    let total = (line["cpu"].as_f64().unwrap() * 1e6).round();
    Row {
        service: line["service"].as_str().unwrap().to_owned(),
        end: start.timestamp() as u64 + 60,
        mean: total / (messages * 1e6),
        max: line["max_cpu"].as_f64().unwrap(),
        messages,
    }
}

fn number(text: &Value) -> f64 {
    text.as_str().unwrap().parse().unwrap()
}

/// `name service`, what there is of them.
fn labelled(metric: &Value) -> String {
    let pairs = ["__name__", "service"].into_iter().filter_map(|label| metric[label].as_str());
    pairs.collect::<Vec<_>>().join(" ")
}

/// Whether promtool is there; says so if not.
fn promtool() -> bool {
    let there = Command::new("promtool").arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        skip("promtool (Debian's package prometheus) is needed to ask as Prometheus' own client does");
    }
    there
}

#[test]
fn promtool_is_told_what_query_says() {
    if !promtool() {
        return;
    }
    let served = Served::start();
    let rows = served.rows();
    assert_eq!(rows.iter().map(|row| row.messages).sum::<f64>(), served.sent as f64);

    each_minute(&served, &rows);
    windows(&served, &rows);
    what_there_is(&served);
}

/// Samples are the rows, at each minute's end, and stand for five minutes where none follows.
fn each_minute(served: &Served, rows: &[Row]) {
    let value: [(&str, Of); 3] = [
        ("hourglass_cpu_mean", |row| row.mean),
        ("hourglass_cpu_max", |row| row.max),
        ("hourglass_messages", |row| row.messages),
    ];
    for (name, value) in value {
        let expected = |row: &Row| ((format!("{name} {}", row.service), row.end), value(row));
        let expected: BTreeMap<_, _> = rows.iter().map(expected).collect();
        assert_eq!(served.range(&format!("last_over_time({name}[1m])"), 60), expected, "{name}");

        let mut carried = expected.clone();
        for ((labels, end), value) in &expected {
            if labels.ends_with("Überweisung") && *end < served.to() {
                carried.entry((labels.clone(), end + 60)).or_insert(*value);
            }
        }
        assert_eq!(served.range(name, 60), carried, "{name}");
    }
    // A second before a minute ends there is nothing of it yet.
    let first = served.from + 60;
    assert_eq!(served.instant("hourglass_messages", first - 1).len(), 0);
    assert_eq!(served.instant("hourglass_messages", first).len(), SERVICES.len());
}

/// Windows side by side hold every message once; means over messages are exact ones.
fn windows(served: &Served, rows: &[Row]) {
    let tiled = served.range("sum(sum_over_time(hourglass_messages[5m]))", 300);
    assert_eq!((tiled.len(), tiled.values().sum::<f64>()), (4, served.sent as f64));

    let window = MINUTES * 60;
    let mut of_service: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    rows.iter().for_each(|row| of_service.entry(row.service.clone()).or_default().push(row));
    let each = |fold: &dyn Fn(&[&Row]) -> f64| -> BTreeMap<String, f64> {
        of_service.iter().map(|(service, rows)| (service.clone(), fold(rows))).collect()
    };
    let weighted = format!(
        "sum_over_time(hourglass_cpu_sum[{window}s]) / on(service) sum_over_time(hourglass_messages[{window}s])"
    );
    let means = served.instant(&weighted, served.to());
    let messages = |rows: &[&Row]| rows.iter().map(|row| row.messages).sum::<f64>();
    let mean = |rows: &[&Row]| rows.iter().map(|row| row.mean * row.messages).sum::<f64>() / messages(rows);
    for (service, expected) in each(&mean) {
        assert!((means[&service] - expected).abs() < 1e-12, "{service}: {means:?}, {expected}");
    }
    let maxima = each(&|rows: &[&Row]| rows.iter().map(|row| row.max).fold(0.0, f64::max));
    let peaks = format!("max_over_time(hourglass_cpu_max[{window}s])");
    assert_eq!(served.instant(&peaks, served.to()), maxima);
    let greatest = maxima.values().copied().fold(0.0, f64::max);
    assert_eq!(served.instant(&format!("max({peaks})"), served.to()), BTreeMap::from([(String::new(), greatest)]));
    let top = served.instant(&format!("topk(1, {peaks})"), served.to());
    assert_eq!(top.values().collect::<Vec<_>>(), [&greatest]);
    let some =
        served.instant(&format!("count_over_time(hourglass_cpu_max{{service=~\"Ü.*|x\"}}[{window}s])"), served.to());
    assert_eq!(some, BTreeMap::from([("Überweisung".to_owned(), of_service["Überweisung"].len() as f64)]));
}

/// Series and labels; a range in which there was nothing has none.
fn what_there_is(served: &Served) {
    let flags = |from: u64, to: u64| vec![format!("--start={from}"), format!("--end={to}")];
    let all = flags(served.from, served.to());
    let server = format!("http://{}/prometheus", served.http());
    let series = |flags: &[String], selector: &str| -> Vec<Value> {
        let mut command = Command::new("promtool");
        command.args(["query", "-o", "json", "series"]).args(flags).arg(format!("--match={selector}")).arg(&server);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let of_checkout: Vec<String> = series(&all, "{service=\"checkout\"}").iter().map(labelled).collect();
    assert_eq!(of_checkout.len(), 10);
    assert!(of_checkout.contains(&"hourglass_ram_mean checkout".to_owned()));
    assert_eq!(series(&all, "hourglass_messages{service!=\"checkout\"}").len(), 2);
    assert_eq!(series(&flags(1, 1000), "hourglass_messages").len(), 0);

    let values: Value = serde_json::from_str(&served.promtool("labels", &all, "service")).unwrap();
    assert_eq!(values, serde_json::json!(["a,\"b", "checkout", "Überweisung"]));
    let names: Vec<String> = serde_json::from_str(&served.promtool("labels", &all, "__name__")).unwrap();
    assert!(names.len() == 10 && names.is_sorted() && names.contains(&"hourglass_disk_max".to_owned()), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_refused_as_prometheus_does() {
    // The client can speak TLS, so it wants to know how.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let served = Served::start();
    for (path, status, kind, told) in [
        ("query?query=rate(hourglass_messages[5m])", 400, "bad_data", "every series here is a gauge"),
        ("query?query=stddev(hourglass_messages)", 400, "bad_data", "the aggregation stddev is not supported"),
        ("query?query=hourglass_messages%2B", 400, "bad_data", "cannot be read"),
        ("query", 400, "bad_data", "\"query\" is missing"),
        ("query?query=1&time=soon", 400, "bad_data", "RFC 3339"),
        ("query?query=max_over_time(%7Bservice=%22checkout%22%7D[1h])", 422, "execution", "the same labelset"),
        ("query?query=hourglass_messages%5B100y%5D", 422, "execution", "too many samples"),
        ("query_range?query=1&start=0&end=100000&step=1", 400, "bad_data", "11000 points"),
        ("query_range?query=hourglass_messages[5m]&start=0&end=1&step=1", 400, "bad_data", "range vector"),
        ("series", 400, "bad_data", "match[]"),
        ("rules", 404, "not_found", "query_range"),
    ] {
        let url = format!("http://{}/prometheus/api/v1/{path}", served.http());
        let answer = Client::new().get(url).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let said: Value = answer.json().await.unwrap();
        assert_eq!((&said["status"], &said["errorType"]), (&"error".into(), &kind.into()), "{path}");
        assert!(said["error"].as_str().unwrap().contains(told), "{path}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grafana_finds_what_it_asks_for_first() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let served = Served::start();
    let asked = async |method: Method, path: &str, form: &'static str| -> (u16, Value) {
        let url = format!("http://{}/prometheus/api/v1/{path}", served.http());
        let request = Client::new().request(method, url).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    };
    // The health check of its data source.
    let (status, sum) = asked(Method::POST, "query", "query=1%2B1&time=4").await;
    let expected = serde_json::json!({"status": "success", "data": {"resultType": "scalar", "result": [4, "2"]}});
    assert_eq!((status, sum), (200, expected));
    let (_, build) = asked(Method::GET, "status/buildinfo", "").await;
    assert_eq!(build["data"]["version"], "3.0.0");
    let (_, metadata) = asked(Method::GET, "metadata?metric=hourglass_cpu_max", "").await;
    assert_eq!(metadata["data"]["hourglass_cpu_max"][0]["type"], "gauge");
    assert_eq!(metadata["data"].as_object().unwrap().len(), 1);
    let (_, labels) = asked(Method::POST, "labels", "match[]=hourglass_messages").await;
    assert_eq!(labels["data"], serde_json::json!(["__name__", "service"]));
    let (_, few) = asked(Method::GET, "label/service/values?limit=1", "").await;
    assert_eq!((few["data"].as_array().unwrap().len(), few["warnings"].as_array().unwrap().len()), (1, 1));
    let (_, samples) = asked(Method::POST, "query", "query=hourglass_messages[100y]").await;
    assert_eq!(samples["status"], "error");
    let window = format!("query?query=hourglass_messages%7Bservice=%22checkout%22%7D[2m]&time={}", served.from + 120);
    let (_, samples) = asked(Method::GET, &window, "").await;
    assert_eq!(samples["data"]["resultType"], "matrix");
    let values = serde_json::json!([[served.from + 60, "1"], [served.from + 120, "2"]]);
    assert_eq!(samples["data"]["result"][0]["values"], values);
    let (status, refused) = asked(Method::DELETE, "series", "").await;
    assert_eq!((status, &refused["status"]), (405, &"error".into()));
}
