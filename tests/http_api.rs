//! Promise: what is asked over HTTP is answered as on the command line, byte for byte, with the same coverage; what
//! cannot be meant, or is too much, is refused with what is allowed instead.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use support::{AckingClient, Hourglass, hourglass, message, now_micros, run};

const LINES: u64 = 300;
const SERVICES: [&str; 3] = ["checkout", "a,b", "Überweisung"];

/// Yesterday to tomorrow: a range with all of it, that does not move.
fn range() -> String {
    let today = chrono::Utc::now().date_naive();
    format!("from={}&to={}", today - chrono::Days::new(1), today + chrono::Days::new(2))
}

/// A store with messages in it that nobody adds to, and its dashboard.
struct Served {
    folder: tempfile::TempDir,
    dashboard: Hourglass,
}

impl Served {
    fn start() -> Self {
        // The client can speak TLS, so it wants to know how.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let server = Hourglass::start(folder.path(), "up --data DATA");
        let mut client = AckingClient::connect(server.address, "c").unwrap();
        let lines: Vec<String> = (0..LINES).map(|n| message(SERVICES[n as usize % 3], now_micros(), n)).collect();
        assert!(client.send(lines.iter().map(String::as_str)) && client.await_ack(LINES));
        assert!(server.drained().0.success());
        let dashboard = Hourglass::serving(folder.path(), "dashboard --data DATA --http 127.0.0.1:0");
        Self { folder, dashboard }
    }

    fn data(&self) -> &Path {
        self.folder.path()
    }

    async fn get(&self, path: &str) -> Response {
        self.get_as(path, "*/*", None).await
    }

    async fn get_as(&self, path: &str, accept: &str, known: Option<&str>) -> Response {
        let mut request = Client::new().get(format!("http://{}{path}", self.dashboard.address)).header(ACCEPT, accept);
        if let Some(tag) = known {
            request = request.header(IF_NONE_MATCH, tag);
        }
        request.send().await.unwrap()
    }

    /// What the command line writes for the same parameters.
    fn queried(&self, parameters: &str) -> Vec<u8> {
        let mut arguments = vec!["query", "--data", self.data().to_str().unwrap()];
        let flags: Vec<String> = parameters.split('&').map(|pair| format!("--{pair}")).collect();
        arguments.extend(flags.iter().map(String::as_str));
        let output = hourglass(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_as_the_command_line_does() {
    let (served, range) = (Served::start(), range());
    for (format, media) in [
        ("json", "application/json"),
        ("csv", "text/csv; charset=utf-8; header=present"),
        ("ndjson", "application/x-ndjson"),
        ("parquet", "application/vnd.apache.parquet"),
        ("arrow", "application/vnd.apache.arrow.stream"),
    ] {
        for more in ["every=1m", "every=1h", "view=realtime", "service=checkout&service=a,b", "service=nobody"] {
            let parameters = format!("{range}&format={format}&{more}");
            let answer = served.get(&format!("/api/v1/query?{parameters}")).await;
            assert_eq!(answer.status(), StatusCode::OK, "{parameters}");
            assert_eq!(answer.headers()[CONTENT_TYPE], media);
            assert!(answer.bytes().await.unwrap() == served.queried(&parameters), "{parameters}");
        }
    }
    let named = served.get_as(&format!("/api/v1/query?{range}"), "text/html, text/csv", None).await;
    assert_eq!(named.headers()[CONTENT_TYPE], "text/csv; charset=utf-8; header=present");

    let services: Value = served.get("/api/v1/services").await.json().await.unwrap();
    let listed = run(served.data(), "services --data DATA --format json").fine().stdout;
    assert_eq!(services["services"], serde_json::from_str::<Value>(&listed).unwrap());
    assert_eq!(services["coverage"]["monitors"][0]["messages"], LINES);
    let raw = served.get(&format!("/api/v1/messages/raw?{range}&service=checkout")).await;
    assert_eq!(raw.headers()["hourglass-messages-covered"], LINES.to_string().as_str());
    let flags = range.split('&').map(|pair| format!("--{pair}")).collect::<Vec<_>>().join(" ");
    let lines = run(served.data(), &format!("cat --data DATA --service checkout {flags}")).fine().stdout;
    assert_eq!((raw.text().await.unwrap(), lines.lines().count() as u64), (lines, LINES / 3));
    assert_eq!(served.get("/healthz").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_not_changed_is_not_sent_again() {
    let served = Served::start();
    let path = format!("/api/v1/query?{}&every=1d", range());
    let first = served.get(&path).await;
    let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
    assert_eq!(first.status(), StatusCode::OK);
    let again = served.get_as(&path, "*/*", Some(&tag)).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert!(again.bytes().await.unwrap().is_empty());
    let other = served.get_as(&format!("{path}&service=checkout"), "*/*", Some(&tag)).await;
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_compressed_for_who_takes_it_under_a_tag_of_its_own() {
    let served = Served::start();
    let url = format!("http://{}/api/v1/query?{}&format=json", served.dashboard.address, range());
    let asked =
        |known: &str| Client::new().get(&url).header(ACCEPT_ENCODING, "gzip").header(IF_NONE_MATCH, known).send();
    let plain = served.get(&format!("/api/v1/query?{}&format=json", range())).await;
    let plain_tag = plain.headers()[ETAG].to_str().unwrap().to_owned();
    let small = asked("none").await.unwrap();
    let tag = small.headers()[ETAG].to_str().unwrap().to_owned();
    assert_eq!(small.headers()[CONTENT_ENCODING], "gzip");
    assert_ne!(tag, plain_tag);
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&*small.bytes().await.unwrap()).read_to_end(&mut text).unwrap();
    assert!(text == plain.bytes().await.unwrap());
    let again = asked(&tag).await.unwrap();
    assert_eq!((again.status(), again.headers()[ETAG].to_str().unwrap()), (StatusCode::NOT_MODIFIED, &*tag));

    let status: Value = served.get("/api/v1/status").await.json().await.unwrap();
    let told = run(served.data(), "status --data DATA --format json").fine().stdout;
    assert_eq!(status, serde_json::from_str::<Value>(&told).unwrap());
}

/// The parameters that a document has of the query.
fn queried_by(document: &Value) -> Vec<&Value> {
    let parameters = document["paths"]["/api/v1/query"]["get"]["parameters"].as_array().unwrap();
    parameters.iter().filter(|parameter| parameter["in"] == "query").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_is_of_what_is_served() {
    let served = Served::start();
    let document: Value = served.get("/api/v1/openapi.json").await.json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{document}");
    let (mut operations, mut ids) = (0, BTreeSet::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let url = format!("http://{}{}", served.dashboard.address, path.replace("{name}", "service"));
            let answer = Client::new().request(method.to_uppercase().parse().unwrap(), url).send().await.unwrap();
            let (status, told) = (answer.status(), answer.text().await.unwrap());
            // A dashboard has no monitor to hand messages to.
            assert!(status != StatusCode::NOT_FOUND || told.contains("no messages are taken here"), "{path}: {told}");
            assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            let id = operation["operationId"].as_str();
            assert!(id.is_none_or(|id| ids.insert(id.to_owned())), "{id:?} twice");
            operations += 1;
        }
    }
    assert!(operations > 15, "{document}");

    // A refusal names every parameter there is.
    let refused: Value = served.get("/api/v1/query?nothing=1").await.json().await.unwrap();
    let named: BTreeSet<&str> = refused["detail"].as_str().unwrap().split_once(": ").unwrap().1.split(", ").collect();
    let described: BTreeSet<&str> = queried_by(&document).iter().map(|known| known["name"].as_str().unwrap()).collect();
    assert_eq!(described, named);
    let answer = &document["paths"]["/api/v1/query"]["get"]["responses"]["200"]["content"];
    for parameter in queried_by(&document) {
        let name = parameter["name"].as_str().unwrap();
        let examples = [&parameter["example"], &parameter["example"][0], &parameter["schema"]["default"]];
        let listed = parameter["schema"]["enum"].as_array().into_iter().flatten();
        let values: BTreeSet<&str> = listed.chain(examples).filter_map(Value::as_str).collect();
        assert!(!values.is_empty(), "{parameter}");
        for value in values {
            let taken = served.get(&format!("/api/v1/query?{name}={value}")).await;
            assert_eq!(taken.status(), StatusCode::OK, "{name}={value}");
            assert!(answer.get(taken.headers()[CONTENT_TYPE].to_str().unwrap()).is_some(), "{name}={value}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_a_problem_that_says_why() {
    let served = Served::start();
    for (path, status, told) in [
        ("/api/v1/query?form=csv", 400, "\"form\" is no parameter"),
        ("/api/v1/query?from=yesterday", 400, "RFC 3339"),
        ("/api/v1/query?from=now&to=-1h", 400, "after its end"),
        ("/api/v1/query?format=xml", 400, "must be one of json"),
        ("/api/v1/query?from=1970-01-01&to=9999-01-01", 422, "ask for wider ones"),
        ("/api/v1/nothing", 404, "/api/v1/query"),
        ("/%2e%2e/%2e%2e/etc/passwd", 404, "/api/v1/query"),
    ] {
        let answer = served.get(path).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(told), "{path}: {problem}");
    }
    let picture = served.get_as("/api/v1/query", "image/png", None).await;
    assert_eq!(picture.status(), StatusCode::NOT_ACCEPTABLE);
    let posted = Client::new().post(format!("http://{}/api/v1/query", served.dashboard.address)).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    let refused = run(served.data(), "dashboard --data DATA --http 0.0.0.0:0");
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("whoever reaches this machine could send or ask"), "{}", refused.stderr);
}
