//! Limits of connections, with real sockets.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::*;

/// Longer than any limit here, so that only a limit that is not kept is waited for this long.
const HANG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(200);

fn patient() -> Limits {
    Limits { connections: 8, rate: 1, head: HANG, request: HANG, stall: HANG, grace: HANG }
}

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

async fn serving(limits: Limits) -> Served {
    let endless = || async { Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>(vec![b'x'; 64 << 10]))) };
    let events = || async {
        let first = stream::iter([Ok::<_, Infallible>("data: 1\n\n")]);
        Body::from_stream(stream::StreamExt::chain(first, stream::pending()))
    };
    let routes = Router::new()
        .route("/hello", get(|| async { "hello\n" }))
        .route("/length", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/endless", get(endless))
        .route("/events", get(events))
        .layer(DefaultBodyLimit::max(1000));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let clock = Arc::new(storage::WallClock::new());
    let entrance = Entrance { access: Access::open(), tls: None, clock };
    let serving = tokio::spawn(serve(listener, routes, entrance, limits, stop.clone()));
    Served { address, stop, serving }
}

impl Served {
    async fn connect(&self, sent: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(sent.as_bytes()).await.unwrap();
        socket
    }

    async fn ended(self) {
        self.stop.cancel();
        in_time(self.serving).await.unwrap();
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG / 2, work).await.expect("a limit is not kept")
}

/// All that comes until the other side ends; a reset is an end.
async fn rest(mut socket: TcpStream) -> String {
    let mut all = Vec::new();
    let _ = in_time(socket.read_to_end(&mut all)).await;
    String::from_utf8_lossy(&all).into_owned()
}

/// What comes, until it contains this.
async fn until(socket: &mut TcpStream, part: &str) -> String {
    let mut all = String::new();
    while !all.contains(part) {
        let mut some = [0; 1024];
        let read = in_time(socket.read(&mut some)).await.unwrap();
        assert!(read > 0, "ended after {all:?}");
        all += &String::from_utf8_lossy(&some[..read]);
    }
    all
}

#[tokio::test]
async fn a_header_that_does_not_come_ends_the_connection() {
    let served = serving(Limits { head: SHORT, ..patient() }).await;
    let slow = served.connect("GET /hello HTTP/1.1\r\nHost: h\r\nX-Slow: ").await;
    let silent = served.connect("").await;
    let answered = served.connect("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(!rest(slow).await.contains("200"));
    assert_eq!(rest(silent).await, "");
    assert!(rest(answered).await.ends_with("hello\n"), "answered, and closed when nothing more is asked");
    served.ended().await;
}

#[tokio::test]
async fn a_header_or_body_too_long_is_refused() {
    let served = serving(patient()).await;
    let header = format!("GET /hello HTTP/1.1\r\nHost: h\r\nX-Long: {}\r\n\r\n", "x".repeat(4 * HEAD_BYTES));
    let mut socket = TcpStream::connect(served.address).await.unwrap();
    let _ = socket.write_all(header.as_bytes()).await;
    assert!(rest(socket).await.starts_with("HTTP/1.1 431"));
    let body = |length: usize| {
        format!(
            "POST /length HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{}",
            "x".repeat(length)
        )
    };
    assert!(rest(served.connect(&body(1000)).await).await.ends_with("1000"));
    assert!(rest(served.connect(&body(1001)).await).await.starts_with("HTTP/1.1 413"));
    served.ended().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_the_request() {
    let served = serving(Limits { request: SHORT, ..patient() }).await;
    let slow = served.connect("POST /length HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf").await;
    let told = rest(slow).await;
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("problem+json") && told.contains("200ms"), "{told}");
    served.ended().await;
}

#[tokio::test]
async fn a_reader_that_never_reads_is_dropped_and_one_that_reads_is_not() {
    let served = serving(Limits { stall: SHORT, request: SHORT, connections: 2, ..patient() }).await;
    let never = served.connect("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let mut reader = served.connect("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n").await;
    // The place of the one that never reads becomes free, while the other reads for longer than any limit.
    let free = async {
        loop {
            let asked = served.connect("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
            if rest(asked).await.ends_with("hello\n") {
                return;
            }
        }
    };
    let reading = async {
        let mut some = vec![0; 1 << 20];
        loop {
            assert!(reader.read(&mut some).await.unwrap() > 0);
        }
    };
    tokio::select! {
        () = in_time(free) => {}
        never = reading => never,
    }
    drop((never, reader));
    served.ended().await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let served = serving(Limits { connections: 1, ..patient() }).await;
    let mut held = served.connect("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await;
    until(&mut held, "hello\n").await;
    let told = rest(served.connect("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await).await;
    assert!(told.starts_with("HTTP/1.1 503") && told.ends_with("(http.connections)\n"), "{told}");
    let body = told.split("\r\n\r\n").nth(1).unwrap();
    assert!(told.contains(&format!("Content-Length: {}\r\n", body.len())), "{told}");
    drop(held);
    served.ended().await;
}

#[tokio::test]
async fn an_open_stream_lives_beyond_every_limit_and_does_not_hold_the_end() {
    let limits = Limits { head: SHORT, request: SHORT, stall: SHORT, grace: SHORT, connections: 8, rate: 1 };
    let served = serving(limits).await;
    let mut events = served.connect("GET /events HTTP/1.1\r\nHost: h\r\n\r\n").await;
    until(&mut events, "data: 1").await;
    let mut byte = [0];
    let silent = tokio::time::timeout(SHORT * 5, events.read(&mut byte)).await;
    assert!(silent.is_err(), "an event stream with nothing to say was ended");
    served.ended().await;
}
