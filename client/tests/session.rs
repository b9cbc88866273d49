//! Exactly once over TCP: whatever happens to the connection, the monitor consumes every line once and in order.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hourglass_client::{ClientError, Session, SessionEvent, SessionOptions};
use proptest::prelude::*;
use schema::{ClientId, Hello, Incarnation, MonitorId, Reject, ServerFrame, Welcome};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// What a monitor keeps, and what it is to do wrong.
#[derive(Debug, Default)]
struct Monitor {
    /// Durably consumed lines, each with its newline.
    lines: Vec<Vec<u8>>,
    rejected: u64,
    incarnation: u64,
    /// What to do on each connection in turn; after that, nothing goes wrong.
    faults: Vec<Fault>,
    connections: usize,
    /// Replaces the honest `resume`.
    resume: Option<u64>,
}

/// How a connection ends early.
#[derive(Clone, Copy, Debug)]
struct Fault {
    /// After this many lines of this connection; 0 is before the welcome.
    after: usize,
    /// The last of them is consumed.
    consumed: bool,
    /// And acknowledged; if not, it is still reported when it is bad.
    acked: bool,
}

type Shared = Arc<Mutex<Monitor>>;

async fn start(monitor: Monitor) -> (SocketAddr, Shared) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shared = Arc::new(Mutex::new(monitor));
    let serving = Arc::clone(&shared);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // One at a time: the protocol ends the older connection of an id before it welcomes the newer.
            let _ = serve(stream, &serving).await;
        }
    });
    (address, shared)
}

async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await?;
    Hello::parse(&line).expect("a hello");
    let (fault, welcome) = {
        let mut monitor = shared.lock().unwrap();
        let fault = monitor.faults.get(monitor.connections).copied();
        monitor.connections += 1;
        let resume = monitor.resume.unwrap_or(monitor.lines.len() as u64);
        let (monitor_id, incarnation) = (MonitorId::new("east").unwrap(), Incarnation::new(monitor.incarnation));
        let rejected = monitor.rejected;
        (fault, Welcome { monitor: monitor_id, incarnation, resume, rejected, max_line: 65536 })
    };
    if fault.is_some_and(|fault| fault.after == 0) {
        return Ok(());
    }
    send(&mut stream, &[ServerFrame::Welcome(welcome)]).await?;
    for count in 1.. {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 || !line.ends_with(b"\n") {
            return Ok(());
        }
        let fault = fault.filter(|fault| fault.after == count);
        let mut answer = answer(shared, &line, fault.is_none_or(|fault| fault.consumed));
        if fault.is_some_and(|fault| !(fault.consumed && fault.acked)) {
            answer.retain(|frame| !matches!(frame, ServerFrame::Ack(_)));
        }
        send(&mut stream, &answer).await?;
        if fault.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

/// What is said about a line that is consumed, or about to be.
fn answer(shared: &Shared, line: &[u8], consumed: bool) -> Vec<ServerFrame> {
    let mut monitor = shared.lock().unwrap();
    let (number, bad) = (monitor.lines.len() as u64 + 1, line.starts_with(b"bad"));
    if consumed {
        monitor.lines.push(line.to_vec());
        monitor.rejected += u64::from(bad);
    }
    let reject = ServerFrame::Reject { line: number, reason: Reject::InvalidJson };
    bad.then_some(reject).into_iter().chain([ServerFrame::Ack(number)]).collect()
}

async fn send(stream: &mut BufReader<TcpStream>, frames: &[ServerFrame]) -> io::Result<()> {
    let mut bytes = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut bytes));
    stream.get_mut().write_all(&bytes).await
}

type Events = Arc<Mutex<Vec<String>>>;

async fn open(address: SocketAddr, window: usize) -> Result<(Session, Events), ClientError> {
    let mut options = SessionOptions::new(address.to_string(), ClientId::new("tester").unwrap());
    options.window = window;
    options.contact = Duration::from_secs(30);
    let events = Events::default();
    let told = Arc::clone(&events);
    let session = Session::open(options, move |event| {
        if let SessionEvent::Rejected { line, reason } = event {
            told.lock().unwrap().push(format!("{line} {reason}"));
        }
    });
    Ok((session.await?, events))
}

fn lines(count: usize) -> Vec<Vec<u8>> {
    (1..=count).map(|i| if i % 3 == 0 { format!("bad {i}\n") } else { format!("good {i}\n") }.into_bytes()).collect()
}

/// Sends `lines`, in chunks of `chunk`, to a monitor with these faults.
async fn exactly_once(count: usize, chunk: usize, window: usize, faults: Vec<Fault>) {
    let (address, shared) = start(Monitor { faults: faults.clone(), ..Monitor::default() }).await;
    let (mut session, events) = open(address, window).await.unwrap();
    let lines = lines(count);
    for some in lines.chunks(chunk) {
        session.room().await.unwrap();
        session.push(some.concat(), Instant::now()).await.unwrap();
    }
    session.settle().await.unwrap();
    let report = session.report();
    let monitor = shared.lock().unwrap();
    assert_eq!(monitor.lines, lines, "{faults:?}");
    assert_eq!((report.acked, report.last, report.rejected), (count as u64, count as u64, count as u64 / 3));
    assert_eq!(report.latency.count(), count as u64);
    // A report may be lost with its connection, but none comes twice, and the count is right without it.
    let told = events.lock().unwrap();
    let all: Vec<String> = (1..=count).filter(|i| i % 3 == 0).map(|i| format!("{i} invalid_json")).collect();
    assert!(told.iter().all(|one| all.contains(one)) && told.windows(2).all(|two| two[0] != two[1]), "{told:?}");
    if faults.is_empty() {
        assert_eq!(*told, all);
    }
}

#[tokio::test]
async fn every_line_is_consumed_once_wherever_the_connection_breaks() {
    const LINES: usize = 10;
    exactly_once(LINES, 3, 64, Vec::new()).await;
    for after in 0..=LINES {
        for (consumed, acked) in [(false, false), (true, false), (true, true)] {
            exactly_once(LINES, 3, 64, vec![Fault { after, consumed, acked }]).await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_line_is_consumed_once_through_any_number_of_breaks(
        faults in prop::collection::vec((1usize..6, any::<bool>(), any::<bool>()), 0..6),
        chunk in 1usize..5, window in 1usize..200,
    ) {
        let faults = faults.into_iter().map(|(after, consumed, acked)| Fault { after, consumed, acked }).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(exactly_once(17, chunk, window, faults));
    }
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_where_it_was() {
    let (address, shared) = start(Monitor { lines: lines(4), rejected: 1, ..Monitor::default() }).await;
    let (mut session, _) = open(address, 1000).await.unwrap();
    assert_eq!(session.resumed_at(), 4);
    session.push(lines(6)[4..].concat(), Instant::now()).await.unwrap();
    session.settle().await.unwrap();
    assert_eq!(shared.lock().unwrap().lines, lines(6));
    let report = session.report();
    assert_eq!((report.acked, report.last, report.rejected), (2, 6, 1));
}

#[tokio::test]
async fn a_report_whose_acknowledgement_was_lost_is_told_when_the_monitor_resumes() {
    let fault = Fault { after: 3, consumed: true, acked: false };
    let (address, _) = start(Monitor { faults: vec![fault], ..Monitor::default() }).await;
    let (mut session, events) = open(address, 1000).await.unwrap();
    session.push(lines(3).concat(), Instant::now()).await.unwrap();
    session.settle().await.unwrap();
    assert_eq!(*events.lock().unwrap(), ["3 invalid_json"]);
    assert_eq!((session.report().rejected, session.report().reconnects), (1, 1));
}

/// Sends three lines, of which the second breaks the connection; `change` is what the monitor is by the next one.
async fn broken_then(change: impl Fn(&mut Monitor) + Send + 'static) -> ClientError {
    let fault = Fault { after: 2, consumed: true, acked: true };
    let (address, shared) = start(Monitor { faults: vec![fault], ..Monitor::default() }).await;
    let (mut session, _) = open(address, 1000).await.unwrap();
    change(&mut shared.lock().unwrap());
    session.push(lines(3).concat(), Instant::now()).await.unwrap();
    session.settle().await.unwrap_err()
}

#[tokio::test]
async fn a_session_stops_when_another_monitor_answers_and_names_the_lines_without_an_ack() {
    let error = broken_then(|monitor| monitor.incarnation = 7).await;
    let told = error.to_string();
    assert!(told.ends_with("line 3 of client tester was not acknowledged by monitor east/0000000000000000"), "{told}");
    assert!(matches!(error.cause(), ClientError::MonitorChanged { .. }), "{error}");
}

#[tokio::test]
async fn a_session_stops_when_acknowledged_lines_are_gone() {
    let error = broken_then(|monitor| monitor.resume = Some(1)).await;
    assert!(matches!(error.cause(), ClientError::ResumeOutOfRange { resume: 1, acked: 2, .. }), "{error}");
}

#[tokio::test]
async fn a_session_stops_when_the_monitor_has_more_than_was_sent() {
    let error = broken_then(|monitor| monitor.resume = Some(4)).await;
    assert!(matches!(error.cause(), ClientError::ResumeOutOfRange { resume: 4, sent: 3, .. }), "{error}");
}

#[tokio::test]
async fn a_session_stops_when_the_monitor_was_sealed_whether_it_hears_so_working_or_coming_back() {
    for told_at_hello in [false, true] {
        let address = sealed_after(3, told_at_hello).await;
        let (mut session, _) = open(address, 1000).await.unwrap();
        session.push(lines(8).concat(), Instant::now()).await.unwrap();
        let error = session.settle().await.unwrap_err();
        assert!(matches!(error.cause(), ClientError::Sealed { .. }), "{error}");
        let ClientError::Unacknowledged { lines, .. } = &error else { panic!("{error}") };
        assert_eq!((lines[0].first, lines[0].last), (4, 8));
        assert!(error.to_string().contains("east was sealed; lines 4 to 8 of client tester were not acknowledged"));
    }
}

#[tokio::test]
async fn what_the_monitor_said_is_heard_though_it_closed_with_lines_unread() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut hello = Vec::new();
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        stream.read_until(b'\n', &mut hello).await.unwrap();
        let monitor = MonitorId::new("east").unwrap();
        send(&mut stream, &[ServerFrame::Welcome(Welcome::new(monitor, Incarnation::new(0), 0, 0))]).await.unwrap();
        stream.get_ref().readable().await.unwrap();
        send(&mut stream, &[ServerFrame::Sealed("east was sealed".to_owned())]).await.unwrap();
    });
    let (mut session, _) = open(address, 1000).await.unwrap();
    session.push(b"line\n".repeat(1 << 20), Instant::now()).await.unwrap();
    // Nobody listens any more: who did not hear it would try again for ever.
    let settled = tokio::time::timeout(Duration::from_secs(20), session.settle()).await;
    let error = settled.expect("the end was said").unwrap_err();
    assert!(matches!(error.cause(), ClientError::Sealed { .. }), "{error}");
}

/// A monitor that acknowledges so many lines of a client, and is then sealed: it says so at once, or on the next
/// connection.
async fn sealed_after(count: u64, told_at_hello: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut hello = Vec::new();
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        stream.read_until(b'\n', &mut hello).await.unwrap();
        let monitor = MonitorId::new("east").unwrap();
        send(&mut stream, &[ServerFrame::Welcome(Welcome::new(monitor, Incarnation::new(0), 0, 0))]).await.unwrap();
        let mut line = Vec::new();
        for _ in 0..count {
            stream.read_until(b'\n', &mut line).await.unwrap();
        }
        send(&mut stream, &[ServerFrame::Ack(count)]).await.unwrap();
        if told_at_hello {
            drop(stream);
            stream = BufReader::new(listener.accept().await.unwrap().0);
            stream.read_until(b'\n', &mut hello).await.unwrap();
        }
        send(&mut stream, &[ServerFrame::Sealed("east was sealed".to_owned())]).await.unwrap();
        // Closed with bytes unread, the connection would take back what was said.
        while stream.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {}
    });
    address
}

#[tokio::test]
async fn a_refusal_is_told_in_the_monitors_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut hello = Vec::new();
        stream.read_until(b'\n', &mut hello).await.unwrap();
        send(&mut stream, &[ServerFrame::Error("too many clients".to_owned())]).await.unwrap();
    });
    match open(address, 1000).await {
        Err(ClientError::Refused { reason, .. }) => assert_eq!(reason, "too many clients"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_not_sent_ends_the_session() {
    let (address, _) = start(Monitor { resume: Some(9), ..Monitor::default() }).await;
    let (mut session, _) = open(address, 1000).await.unwrap();
    session.push(lines(1).concat(), Instant::now()).await.unwrap();
    let error = session.settle().await.unwrap_err();
    assert!(matches!(error.cause(), ClientError::Protocol { .. }), "{error}");
}
