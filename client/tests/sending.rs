//! Load and replay against a monitor that takes everything: what arrives is what was meant, at the rate meant.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hourglass_client::{
    ClientError, Credentials, LoadOptions, Now, ReplayOptions, SampleOptions, Variety, load, replay, sample,
};
use schema::{ClientId, Hello, Incarnation, Metrics, Micros, MonitorId, Next, Parser, ServerFrame, Welcome, is_hello};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A line, whose it is (empty on a plain connection), and when it came.
type Received = Arc<Mutex<Vec<(String, String, Instant)>>>;

/// A monitor that takes every line and acknowledges each; it remembers its clients' counts.
async fn start() -> (SocketAddr, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let received = Received::default();
    let all = Arc::clone(&received);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&all)));
        }
    });
    (address, received)
}

async fn serve(stream: TcpStream, received: Received) {
    stream.set_nodelay(true).unwrap();
    let mut stream = BufReader::new(stream);
    let mut client: Option<String> = None;
    let mut count = 0;
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line).await.unwrap_or(0) > 0 {
        assert!(line.ends_with(b"\n"));
        let answer = if is_hello(&line) {
            let id = Hello::parse(&line).unwrap().client.to_string();
            count = received.lock().unwrap().iter().filter(|(whose, ..)| *whose == id).count() as u64;
            client = Some(id);
            let (monitor, incarnation) = (MonitorId::new("east").unwrap(), Incarnation::new(1));
            Some(ServerFrame::Welcome(Welcome { monitor, incarnation, resume: count, rejected: 0, max_line: 65536 }))
        } else {
            count += 1;
            let text = String::from_utf8(line[..line.len() - 1].to_vec()).unwrap();
            received.lock().unwrap().push((client.clone().unwrap_or_default(), text, Instant::now()));
            client.is_some().then_some(ServerFrame::Ack(count))
        };
        if let Some(frame) = answer {
            let mut bytes = Vec::new();
            frame.encode(&mut bytes);
            let _ = stream.get_mut().write_all(&bytes).await;
        }
        line.clear();
    }
}

fn now() -> Now {
    Arc::new(|| Micros::new(1_763_715_600_123_456).unwrap())
}

fn valid(line: &str) -> bool {
    matches!(Parser::new(&Metrics::default()).next(line.as_bytes()), Next::Message { end, .. } if end == line.len())
}

#[tokio::test]
async fn load_sends_exactly_the_messages_asked_for_over_all_connections() {
    for (client, connections) in [(None, 1), (None, 3), (Some("bench"), 1), (Some("bench"), 3)] {
        let (address, received) = start().await;
        let mut options = LoadOptions::new(address.to_string(), now());
        options.messages = Some(5_000);
        options.connections = connections;
        options.client = client.map(|id| ClientId::new(id).unwrap());
        options.variety = Variety::Shuffled;
        let progress = Arc::clone(&options.progress);
        let report = load(options, CancellationToken::new()).await.unwrap();
        let lines = received.lock().unwrap();
        assert_eq!((report.sent, lines.len(), progress.sent()), (5_000, 5_000, 5_000));
        let acked = if client.is_some() { 5_000 } else { 0 };
        assert_eq!((report.acked, progress.acked(), report.latency.count(), report.rejected), (acked, acked, acked, 0));
        assert!(lines.iter().all(|(_, line, _)| valid(line) && line.contains("1763715600123")));
        let mut clients: Vec<&str> = lines.iter().map(|(client, ..)| client.as_str()).collect();
        clients.sort_unstable();
        clients.dedup();
        match (client, connections) {
            (None, _) => assert_eq!(clients, [""]),
            (Some(_), 1) => assert_eq!(clients, ["bench"]),
            (Some(_), _) => assert_eq!(clients, ["bench-1", "bench-2", "bench-3"]),
        }
    }
}

#[tokio::test]
async fn a_rate_is_kept_exactly() {
    for client in [None, Some(ClientId::new("paced").unwrap())] {
        let (address, received) = start().await;
        let mut options = LoadOptions::new(address.to_string(), now());
        options.rate = Some(2_000.0);
        options.duration = Some(Duration::from_millis(250));
        options.connections = 2;
        options.client = client;
        let begun = Instant::now();
        let report = load(options, CancellationToken::new()).await.unwrap();
        assert_eq!(report.sent, 500);
        let lines = received.lock().unwrap();
        assert_eq!(lines.len(), 500);
        // The last is due after 249.5 ms; none may come before its time, and how late is the machine's business.
        assert!(begun.elapsed() >= Duration::from_millis(249));
        for (i, (.., at)) in lines.iter().enumerate() {
            let due = Duration::from_secs_f64((i / 2 * 2) as f64 / 2_000.0);
            assert!(*at - begun + Duration::from_millis(1) >= due, "line {i} came {:?} after the start", *at - begun);
        }
    }
}

#[tokio::test]
async fn a_token_ends_an_endless_load_and_what_was_sent_arrives() {
    for client in [None, Some(ClientId::new("endless").unwrap())] {
        let (address, received) = start().await;
        let mut options = LoadOptions::new(address.to_string(), now());
        options.client = client;
        let progress = Arc::clone(&options.progress);
        let token = CancellationToken::new();
        let (stop, watched) = (token.clone(), Arc::clone(&received));
        let running = tokio::spawn(load(options, token));
        while watched.lock().unwrap().len() < 2_000 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        let report = running.await.unwrap().unwrap();
        let arrived = received.lock().unwrap().len() as u64;
        assert_eq!((arrived, progress.sent()), (report.sent, report.sent), "no line is cut or lost");
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let refused = |change: &dyn Fn(&mut LoadOptions)| {
        let mut options = LoadOptions::new("127.0.0.1:1", now());
        change(&mut options);
        load(options, CancellationToken::new())
    };
    assert!(matches!(refused(&|options| options.rate = Some(0.0)).await, Err(ClientError::Option { key: "rate", .. })));
    assert!(matches!(refused(&|options| options.connections = 0).await, Err(ClientError::Option { .. })));
    assert!(matches!(refused(&|options| options.messages = Some(1)).await, Err(ClientError::Connect { .. })));
}

fn files(folder: &tempfile::TempDir) -> Vec<PathBuf> {
    let line = |ms: u64| {
        format!(
            "{{\"serviceName\":\"a\",\"Timestamp\":{},\"CPU\":0.5,\"RAM\":0.5,\"Disk\":0.5}}\n",
            1_763_715_600_000 + ms
        )
    };
    let [one, other] = ["one.ndjson", "other.ndjson"].map(|name| folder.path().join(name));
    std::fs::write(&one, [line(0), line(100), "nonsense\n".to_owned(), line(50)].concat()).unwrap();
    std::fs::write(&other, [line(1_000), line(2_000)].concat()).unwrap();
    vec![one, other]
}

#[tokio::test]
async fn a_replay_sends_every_line_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let paths = files(&folder);
    let expected = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect::<String>();
    let (address, received) = start().await;
    let report = replay(ReplayOptions::new(address.to_string(), paths), CancellationToken::new()).await.unwrap();
    assert_eq!(report.sent, 6);
    let lines: Vec<String> = received.lock().unwrap().iter().map(|(_, line, _)| format!("{line}\n")).collect();
    assert_eq!(lines.concat(), expected);
}

#[tokio::test]
async fn the_same_files_replayed_again_with_acks_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let (address, received) = start().await;
    let mut options = ReplayOptions::new(address.to_string(), files(&folder));
    options.ack = true;
    let first = replay(options.clone(), CancellationToken::new()).await.unwrap();
    let again = replay(options.clone(), CancellationToken::new()).await.unwrap();
    assert_eq!((first.sent, first.skipped, first.session.acked), (6, 0, 6));
    assert_eq!((again.sent, again.skipped, again.client), (0, 6, first.client));
    assert_eq!(received.lock().unwrap().len(), 6);
    // Interrupted after three lines, the rest follows.
    received.lock().unwrap().truncate(3);
    assert_eq!(replay(options.clone(), CancellationToken::new()).await.unwrap().sent, 3);
    assert_eq!(received.lock().unwrap().len(), 6);
    // Under the id of a longer replay, these files cannot be what was sent.
    options.client = Some(ClientId::new("longer").unwrap());
    replay(options.clone(), CancellationToken::new()).await.unwrap();
    options.paths.truncate(1);
    let error = replay(options, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ClientError::InputsTooShort { lines: 4, resume: 6 }), "{error}");
}

#[tokio::test]
async fn a_replay_in_time_keeps_the_distances_divided_by_the_speed() {
    let folder = tempfile::tempdir().unwrap();
    let (address, received) = start().await;
    let mut options = ReplayOptions::new(address.to_string(), files(&folder));
    options.speed = Some(10.0);
    let begun = Instant::now();
    replay(options.clone(), CancellationToken::new()).await.unwrap();
    let lines = received.lock().unwrap().clone();
    // Lines without a time, and those that go back in time, follow the one before.
    for ((.., at), due) in lines.iter().zip([0, 10, 10, 10, 100, 200]) {
        assert!(*at - begun >= Duration::from_millis(due), "{:?} for {due} ms", *at - begun);
    }
    assert_eq!(lines.len(), 6);
    options.speed = Some(-1.0);
    assert!(matches!(replay(options, CancellationToken::new()).await, Err(ClientError::Option { key: "speed", .. })));
}

#[tokio::test]
async fn a_sample_of_this_machine_is_a_valid_message() {
    let (address, received) = start().await;
    let token = CancellationToken::new();
    let options = SampleOptions {
        peer: address.to_string(),
        service: "this \"machine\"".parse().unwrap(),
        interval: Duration::from_millis(5),
        now: now(),
        progress: Arc::default(),
        credentials: Credentials::default(),
    };
    let running = tokio::spawn(sample(options, token.clone()));
    let deadline = Instant::now() + Duration::from_secs(10);
    while received.lock().unwrap().len() < 3 && Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    token.cancel();
    running.await.unwrap().unwrap();
    let lines = received.lock().unwrap();
    assert!(lines.len() >= 3);
    for (_, line, _) in lines.iter() {
        assert!(valid(line), "{line}");
        assert!(line.starts_with(r#"{"serviceName":"this \"machine\"","Timestamp":1763715600123,"CPU":"#), "{line}");
    }
}
