//! Promise: where an access file says who may, nobody else sends or asks, over TCP or HTTP; what it says takes hold
//! without a restart; and nothing listens beyond this machine that does not ask who it is.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use support::{AckingClient, DEADLINE, Hourglass, hourglass, message, now_micros, run, until};

/// A token, and the entry that makes it count.
struct Token {
    text: String,
    entry: String,
}

impl Token {
    fn new(arguments: &str) -> Self {
        let output = hourglass(["token", "new"].into_iter().chain(arguments.split(' '))).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        let (text, entry) = printed.split_once('\n').unwrap();
        assert!(text.starts_with("hg_") && !entry.contains(text), "the entry holds a hash");
        Self { text: text.to_owned(), entry: entry.to_owned() }
    }
}

/// A process that asks for tokens.
struct Guarded {
    folder: tempfile::TempDir,
    server: Hourglass,
}

impl Guarded {
    fn start(tokens: &[&Token]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("access.toml"), tokens);
        let file = folder.path().join("access.toml");
        let data = folder.path().join("data");
        let server = Hourglass::start(&data, &format!("up --data DATA --access-file {}", file.display()));
        // The client can speak TLS, so it wants to know how.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { folder, server }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("access.toml")
    }

    fn ask(&self, path: &str, token: Option<&str>) -> RequestBuilder {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = client.get(format!("http://{}{path}", self.server.http.unwrap()));
        match token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Response {
        self.ask(path, token).send().await.unwrap()
    }

    async fn status(&self, path: &str, token: Option<&str>) -> u16 {
        self.get(path, token).await.status().as_u16()
    }

    fn greet(&self, id: &str, token: &Token) -> Result<AckingClient, String> {
        AckingClient::greet(self.server.address, id, &token.text)
    }
}

fn write(file: &Path, tokens: &[&Token]) {
    let new = file.with_extension("new");
    fs::write(&new, tokens.iter().map(|token| token.entry.as_str()).collect::<String>()).unwrap();
    fs::rename(new, file).unwrap();
}

fn sent(client: &mut AckingClient, services: &[&str]) {
    let lines: Vec<String> = services.iter().map(|name| message(name, now_micros(), 1)).collect();
    let last = client.acked + lines.len() as u64;
    assert!(client.send(lines.iter().map(String::as_str)) && client.await_ack(last));
}

/// What is said to whoever sends this, until the other side ends.
fn told(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut told = Vec::new();
    let _ = stream.read_to_end(&mut told);
    String::from_utf8(told).unwrap()
}

fn services(answer: &Value) -> BTreeSet<String> {
    let rows = answer["rows"].as_array().or(answer["services"].as_array()).unwrap();
    rows.iter().map(|row| row["service"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_answered_what_its_token_allows() {
    let (all, some) =
        (Token::new("--name all --scope read,ingest"), Token::new("--name some --scope read --services pay*"));
    let (send, old) = (Token::new("--name send --scope ingest"), Token::new("--name old --scope read --expires -1m"));
    let guarded = Guarded::start(&[&all, &some, &send, &old]);
    sent(&mut guarded.greet("c", &send).unwrap(), &["pay-1", "pay-2", "other"]);

    assert_eq!(guarded.status("/healthz", None).await, 200);
    for path in ["/api/v1/query", "/api/v1/services", "/metrics", "/nothing"] {
        let nobody = guarded.get(path, None).await;
        assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert!(nobody.headers()[WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"));
        for unknown in ["", "hg_0", &old.text, &all.entry] {
            let unknown = unknown.lines().next().unwrap_or_default();
            assert_eq!(guarded.status(path, Some(unknown)).await, 401, "{path} {unknown}");
        }
        assert_eq!(guarded.status(path, Some(&send.text)).await, 403, "{path}");
    }

    let asked = async |path: &str, token: &Token| -> Value {
        let answer = guarded.get(path, Some(&token.text)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    };
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    for path in ["/api/v1/query", "/api/v1/services"] {
        assert_eq!(services(&asked(path, &all).await), named(&["pay-1", "pay-2", "other"]), "{path}");
        assert_eq!(services(&asked(path, &some).await), named(&["pay-1", "pay-2"]), "{path}");
    }
    assert_eq!(services(&asked("/api/v1/query?service=pay-2", &some).await), named(&["pay-2"]));
    assert_eq!(guarded.status("/api/v1/query?service=pay-2&service=other", Some(&some.text)).await, 403);
    assert_eq!(guarded.status("/api/v1/openapi.json", Some(&some.text)).await, 200);
    assert_eq!(guarded.status("/nothing", Some(&some.text)).await, 403, "it is not known to answer for some alone");
    assert_eq!(guarded.status("/nothing", Some(&all.text)).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_posts_is_taken_what_its_token_allows() {
    let (some, read) =
        (Token::new("--name some --scope ingest --services pay*"), Token::new("--name read --scope read"));
    let guarded = Guarded::start(&[&some, &read]);
    let post = async |token: &Token, body: String| {
        let address = guarded.server.http.unwrap();
        let request = Client::new().post(format!("http://{address}/api/v1/messages")).body(body);
        let request = request.header(CONTENT_TYPE, "application/x-ndjson");
        let answer = request.header(AUTHORIZATION, format!("Bearer {}", token.text)).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let [pay, other] = ["pay", "other"].map(|service| message(service, now_micros(), 1));
    assert_eq!(post(&read, format!("{pay}\n")).await.0, 403);
    // The last line needs no newline, and no less to be allowed.
    for (body, rejected) in [
        (format!("{pay}\n{other}\n"), json!([{ "line": 2, "reason": "forbidden_service" }])),
        (format!("{pay}\n{other}"), json!([{ "line": 2, "reason": "forbidden_service" }])),
        (other.clone(), json!([{ "line": 1, "reason": "forbidden_service" }])),
        (pay.clone(), json!([])),
    ] {
        let (status, answer) = post(&some, body.clone()).await;
        assert_eq!((status, &answer["rejects"]), (200, &rejected), "{body}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_asks_too_often_waits_and_another_does_not() {
    let (one, two) = (Token::new("--name one --scope read"), Token::new("--name two --scope read"));
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("access.toml"), &[&one, &two]);
    let data = folder.path().join("data");
    let line = format!("up --data DATA --http-rate 1 --access-file {}", folder.path().join("access.toml").display());
    let guarded = Guarded { server: Hourglass::start(&data, &line), folder };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = [0; 3].map(|_| guarded.get("/api/v1/services", Some(&one.text)));
    let mut refused = 0;
    for answer in asked {
        let answer = answer.await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            refused += 1;
            assert_eq!(answer.headers()["retry-after"], "1");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
        }
    }
    assert!(refused > 0);
    assert_eq!(guarded.status("/api/v1/services", Some(&two.text)).await, 200);
    assert_eq!(guarded.status("/healthz", None).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_and_out() {
    let (read, send) = (Token::new("--name read --scope read"), Token::new("--name send --scope ingest"));
    let guarded = Guarded::start(&[&read, &send]);
    let sent_away = guarded.ask("/api/v1/services?a=%20", None).header(ACCEPT, "text/html").send().await.unwrap();
    assert_eq!(sent_away.status(), StatusCode::SEE_OTHER);
    let login = sent_away.headers()[LOCATION].to_str().unwrap().to_owned();
    let page = guarded.get(&login, None).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("value=\"/api/v1/services?a=%20\""));

    let post = async |path: &str, form: String| {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        client
            .post(format!("http://{}{path}", guarded.server.http.unwrap()))
            .body(form)
            .header("content-type", "application/x-www-form-urlencoded")
            .send()
            .await
            .unwrap()
    };
    for wrong in ["hg_1", &send.text] {
        let refused = post("/login", format!("token={wrong}&to=/")).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert!(refused.headers().get(SET_COOKIE).is_none());
    }
    let entered = post("/login", format!("token={}&to=//elsewhere.example/", read.text)).await;
    assert_eq!((entered.status(), entered.headers()[LOCATION].to_str().unwrap()), (StatusCode::SEE_OTHER, "/"));
    let cookie = entered.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let seen = guarded.ask("/api/v1/services", None).header(COOKIE, cookie).send().await.unwrap();
    assert_eq!(seen.status(), StatusCode::OK);
    let left = post("/logout", String::new()).await;
    assert!(left.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_is_taken_what_its_token_allows() {
    let (one, two) = (Token::new("--name one --scope ingest --services a*"), Token::new("--name two --scope ingest"));
    let read = Token::new("--name read --scope read");
    let guarded = Guarded::start(&[&one, &two, &read]);
    let (address, line) = (guarded.server.address, message("a", now_micros(), 0) + "\n");
    let hello = "{\"hourglass\":{\"version\":1,\"client\":\"c\"}}\n";
    for text in [line.clone(), hello.to_owned(), hello.replace('1', "9"), line.trim_end().to_owned()] {
        assert!(told(address, &text).contains("a token is needed here"), "{text}");
    }
    assert!(guarded.greet("c", &read).unwrap_err().contains("lacks ingest"));
    let unknown = Token::new("--name one --scope ingest");
    assert!(guarded.greet("c", &unknown).unwrap_err().contains("not known"));

    let mut client = guarded.greet("c", &one).unwrap();
    sent(&mut client, &["a", "b", "a"]);
    assert_eq!(client.rejected, [(2, "forbidden_service".to_owned())]);
    let mut other = guarded.greet("c", &two).unwrap();
    assert_eq!(other.resume, 0, "the same id of another token is another client");
    sent(&mut other, &["b"]);
    sent(&mut client, &["a"]);
    drop(client);
    assert_eq!(guarded.greet("c", &one).unwrap().resume, 4);

    let token = guarded.folder.path().join("token");
    fs::write(&token, format!("{}\n", one.text)).unwrap();
    let load =
        format!("client load --connect {address} --messages 50 --service a --ack --token-file {}", token.display());
    assert!(run(guarded.folder.path(), &load).fine().stdout.contains("50 acknowledged, 0 rejected"));
    let all = guarded.get("/api/v1/services", Some(&read.text)).await.json::<Value>().await.unwrap();
    let counts: Vec<u64> =
        all["services"].as_array().unwrap().iter().map(|seen| seen["msg_num"].as_u64().unwrap()).collect();
    assert_eq!(counts, [53, 1], "strangers' lines are not there");
    let (_, log) = guarded.server.drained();
    assert!(![one, two, read].iter().any(|token| log.contains(&token.text)), "no token is logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_file_takes_hold_without_a_restart() {
    let (first, second) =
        (Token::new("--name first --scope ingest,read"), Token::new("--name second --scope ingest,read"));
    let guarded = Guarded::start(&[&first]);
    let mut client = guarded.greet("c", &first).unwrap();
    sent(&mut client, &["a"]);
    assert_eq!(guarded.status("/api/v1/services", Some(&second.text)).await, 401);

    write(&guarded.file(), &[&first, &second]);
    let asked = |token: &Token, wanted: u16| {
        let handle = tokio::runtime::Handle::current();
        let status =
            || tokio::task::block_in_place(|| handle.block_on(guarded.status("/api/v1/services", Some(&token.text))));
        until("the change to take hold", || status() == wanted);
    };
    asked(&second, 200);
    sent(&mut client, &["a"]);

    fs::write(guarded.file(), "[[access]]\nname = ").unwrap();
    until("a broken file to be said", || guarded.server.log().contains("access has NOT changed"));
    assert_eq!(guarded.status("/api/v1/services", Some(&first.text)).await, 200);

    write(&guarded.file(), &[&second]);
    asked(&first, 401);
    assert!(guarded.greet("c", &first).is_err());
    let line = message("a", now_micros(), 9);
    assert!(client.send([line.as_str()]) && client.await_ack(2));
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client.take_frame()));
    assert!(ended.is_err(), "an open connection is told, not acknowledged");
    assert_eq!(guarded.status("/api/v1/services", Some(&second.text)).await, 200);
}

/// Who signs certificates, and what was signed.
struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let (key, mut params) = (rcgen::KeyPair::generate().unwrap(), rcgen::CertificateParams::default());
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: rcgen::Issuer::new(params, key), pem }
    }

    /// A certificate for this name, and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// A client that trusts it, with this certificate if any.
    fn client(&self, own: Option<&(String, String)>) -> Client {
        let root = reqwest::Certificate::from_pem(self.pem.as_bytes()).unwrap();
        let mut builder = Client::builder().tls_certs_only([root]);
        if let Some((certificate, key)) = own {
            builder = builder.identity(reqwest::Identity::from_pem(format!("{key}{certificate}").as_bytes()).unwrap());
        }
        builder.build().unwrap()
    }

    /// What is said to whoever sends this over TLS, up to the first line's end.
    fn told(&self, address: SocketAddr, text: &str, own: Option<&(String, String)>) -> std::io::Result<String> {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(der(&self.pem)).unwrap();
        let builder = rustls::ClientConfig::builder().with_root_certificates(roots);
        let config = match own {
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![der(certificate)], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        let name = rustls::pki_types::ServerName::from(address.ip());
        let connection = rustls::ClientConnection::new(config.into(), name).unwrap();
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        let mut stream = rustls::StreamOwned::new(connection, socket);
        stream.write_all(text.as_bytes())?;
        let mut told = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stream), &mut told)?;
        Ok(told)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_encrypted_is_known_by_its_certificate_and_knows_clients_by_theirs() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (ours, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let token = Token::new("--name token --scope ingest,read");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let place = |(certificate, key): (String, String)| {
        fs::write(path("tls.pem"), certificate).unwrap();
        fs::write(path("tls-key.pem"), key).unwrap();
    };
    place(ours.sign("127.0.0.1"));
    fs::write(path("clients.pem"), &clients.pem).unwrap();
    let named = "[[access]]\nname = \"named\"\ncertificate = \"east.example\"\nscope = [\"ingest\", \"read\"]\n";
    fs::write(path("access.toml"), format!("{}\n{named}", token.entry)).unwrap();
    let flag = |name: &str, file: &str| format!("--{name} {}", path(file).display());
    let line = format!(
        "up --data DATA {} {} {} {}",
        flag("access-file", "access.toml"),
        flag("tls-certificate", "tls.pem"),
        flag("tls-key", "tls-key.pem"),
        flag("tls-client-ca", "clients.pem")
    );
    // Everything is asked for: it may be reached by others.
    drop(Hourglass::ready_at(&path("other"), &format!("{line} --listen 0.0.0.0:0 --http off")));
    let server = Hourglass::start(&path("data"), &line);
    let http = format!("https://{}/api/v1/services", server.http.unwrap());

    let ask = async |client: Client, token: Option<&Token>| {
        let request = client.get(&http);
        let request = match token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {}", token.text)),
            None => request,
        };
        request.send().await.map(|answer| answer.status().as_u16()).map_err(drop)
    };
    let (east, west, foreign) =
        (clients.sign("east.example"), clients.sign("west.example"), others.sign("east.example"));
    assert_eq!(ask(ours.client(None), Some(&token)).await, Ok(200));
    assert_eq!(ask(ours.client(None), None).await, Ok(401));
    assert_eq!(ask(ours.client(Some(&east)), None).await, Ok(200));
    assert_eq!(ask(ours.client(Some(&west)), None).await, Ok(401), "of the CA, but named by no entry");
    assert_eq!(ask(ours.client(Some(&foreign)), None).await, Err(()), "of another CA");
    assert_eq!(ask(others.client(None), Some(&token)).await, Err(()), "a client that does not trust it");
    let plain = Client::new().get(http.replace("https", "http")).send().await;
    assert!(plain.is_err(), "what is not encrypted is not answered");

    let hello = "{\"hourglass\":{\"version\":1,\"client\":\"c\"}}\n";
    let with_token = hello.replace("\"c\"", &format!("\"c\",\"token\":\"{}\"", token.text));
    let sent = message("a", now_micros(), 1) + "\n";
    let tell = |text: &str, own| ours.told(server.address, text, own);
    assert!(tell(&with_token, None).unwrap().contains("\"resume\":0"));
    assert!(tell(hello, Some(&east)).unwrap().contains("\"resume\":0"));
    assert!(tell(hello, None).unwrap().contains("a token is needed here"));
    assert!(tell(&sent, Some(&west)).unwrap().contains("a token is needed here"));
    assert!(tell(hello, Some(&foreign)).is_err());
    assert!(others.told(server.address, hello, None).is_err());

    // Renewed by another CA, without a restart.
    place(others.sign("127.0.0.1"));
    let handle = tokio::runtime::Handle::current();
    let renewed = || tokio::task::block_in_place(|| handle.block_on(ask(others.client(None), Some(&token)))) == Ok(200);
    until("the new certificate to be shown", renewed);
    assert!(server.drained().0.success());
}

#[test]
fn the_client_trusts_who_it_is_told_and_is_known_by_a_token_or_its_certificate() {
    let (ours, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let token = Token::new("--name token --scope ingest,read");
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let (shown, own) = (ours.sign("127.0.0.1"), clients.sign("east.example"));
    for (name, text) in [
        ("tls.pem", &shown.0),
        ("tls-key.pem", &shown.1),
        ("ca.pem", &ours.pem),
        ("others.pem", &others.pem),
        ("clients.pem", &clients.pem),
        ("own.pem", &own.0),
        ("own-key.pem", &own.1),
        ("token", &token.text),
    ] {
        place(name, text);
    }
    let named = "[[access]]\nname = \"named\"\ncertificate = \"east.example\"\nscope = [\"ingest\"]\n";
    place("access.toml", &format!("{}\n{named}", token.entry));
    // No path has spaces: words are parted by them.
    let line = |text: &str| text.replace('@', &format!("{}/", folder.path().display()));
    let up = "up --data DATA --access-file @access.toml --tls-certificate @tls.pem --tls-key @tls-key.pem \
              --tls-client-ca @clients.pem";
    let server = Hourglass::start(&folder.path().join("data"), &line(up));
    let send = |what: &str| {
        let (command, flags) = what.split_once(' ').unwrap();
        run(folder.path(), &line(&format!("client {command} --connect {} {flags}", server.address)))
    };

    let load = "load --messages 30000 --service a --rate 1000000";
    let shown = send(&format!("{load} --ack --tls --ca @ca.pem --token-file @token")).fine().stdout;
    assert!(shown.contains("30 000 acknowledged, 0 rejected"), "{shown}");
    let implied = send("load --messages 20 --service a --tls --ca @ca.pem --token-file @token").fine().stdout;
    assert!(implied.contains("20 acknowledged, 0 rejected"), "{implied}");
    let certified = "--tls --ca @ca.pem --certificate @own.pem --key @own-key.pem";
    let known = send(&format!("load --messages 7 --service a --ack {certified}")).fine().stdout;
    assert!(known.contains("7 acknowledged, 0 rejected"), "{known}");
    send(&format!("load --messages 3000 --service a {certified}")).fine();
    place("file.ndjson", &format!("{}\n", message("a", now_micros(), 1)));
    let replayed = send(&format!("replay {certified} --ack @file.ndjson")).fine().stdout;
    assert!(replayed.contains("1 acknowledged, 0 rejected"), "{replayed}");

    for (flags, why, next) in [
        ("--ack --tls --ca @others.pem --token-file @token", "invalid peer certificate", "--ca FILE"),
        ("--tls --ca @others.pem", "invalid peer certificate", "--ca FILE"),
        ("--ack --tls --ca @ca.pem --server-name elsewhere.example", "elsewhere.example", "--server-name NAME"),
        ("--token-file @token", "speaks TLS", "--tls"),
        ("--tls --ca @token", "no certificate", "token"),
        ("--ca @ca.pem", "--tls", "required"),
    ] {
        let refused = send(&format!("load --messages 1 --service a {flags}"));
        assert_ne!(refused.code, Some(0), "{flags}");
        assert!(refused.stderr.contains(why) && refused.stderr.contains(next), "{flags}: {}", refused.stderr);
    }
    let all = run(&folder.path().join("data"), "services --data DATA --format json").fine().stdout;
    assert!(all.contains("33028"), "each message once, and no other: {all}");
}

#[test]
fn a_sampler_shows_its_token() {
    let token = Token::new("--name token --scope ingest,read");
    let guarded = Guarded::start(&[&token]);
    fs::write(guarded.folder.path().join("token"), &token.text).unwrap();
    let (address, folder) = (guarded.server.address.to_string(), guarded.folder.path().join("token"));
    let arguments = ["client", "sample", "--service", "host", "--interval", "10ms", "--connect", &address];
    let mut sampler =
        hourglass(arguments.into_iter().chain(["--token-file", folder.to_str().unwrap()])).spawn().unwrap();
    let count = || {
        let seen = run(&guarded.folder.path().join("data"), "services --data DATA --format json").fine().stdout;
        seen.contains("host")
    };
    until("samples to count", count);
    sampler.kill().unwrap();
    sampler.wait().unwrap();
}

#[test]
fn what_others_reach_asks_who_it_is_or_says_that_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let token = Token::new("--name a --scope read");
    let file = folder.path().join("access.toml");
    write(&file, &[&token]);
    for (line, key, why) in [
        ("up --data DATA --listen 0.0.0.0:0 --http off".to_owned(), "listen.address", "could send or ask"),
        ("up --data DATA --listen 127.0.0.1:0 --http 0.0.0.0:0".to_owned(), "http.address", "could send or ask"),
        (
            format!("up --data DATA --listen [::]:0 --http off --access-file {}", file.display()),
            "listen.address",
            "listen in",
        ),
    ] {
        let refused = run(folder.path(), &line);
        assert_eq!(refused.code, Some(2), "{line}");
        assert!(refused.stderr.contains(key) && refused.stderr.contains(why), "{}", refused.stderr);
        assert!(refused.stderr.contains("--insecure"), "{}", refused.stderr);
    }
    let open = Hourglass::serving(folder.path(), "dashboard --data DATA --http 0.0.0.0:0 --insecure");
    assert!(open.address.ip().is_unspecified());
    let wrong = run(folder.path(), "token new --name a:b --scope read");
    assert!(wrong.code == Some(2) && wrong.stderr.contains("--name"), "{}", wrong.stderr);
}
