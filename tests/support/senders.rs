//! Acknowledging clients that send numbered lines for as long as a test wants, whatever happens to the monitor, and
//! know at the end what must be there.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{AckingClient, message, now_micros, until};

/// How many lines a client sends before it waits for their acknowledgement.
const BATCH: u64 = 40;

/// Clients at work, each with a service of its own.
pub struct Senders {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<u64>>,
}

struct Shared {
    /// The number of the first client.
    first: usize,
    /// Where the monitor listens now.
    address: Mutex<Option<SocketAddr>>,
    /// Each client's highest acknowledged line.
    acked: Vec<AtomicU64>,
    /// After each batch.
    pause: Duration,
    stop: AtomicBool,
}

impl Senders {
    /// Starts so many clients; they wait until they are told where to connect.
    pub fn start(count: usize) -> Self {
        Self::paced(count, Duration::ZERO)
    }

    /// The same, with a pause after each batch: for a store that is slower than the monitor.
    pub fn paced(count: usize, pause: Duration) -> Self {
        Self::numbered(0..count, pause)
    }

    /// The same, by these numbers: others may be at work for another monitor.
    pub fn numbered(numbers: Range<usize>, pause: Duration) -> Self {
        let (first, count) = (numbers.start, numbers.len());
        let acked = (0..count).map(|_| AtomicU64::new(0)).collect();
        let shared = Arc::new(Shared { first, address: Mutex::default(), acked, pause, stop: AtomicBool::new(false) });
        let client = |which| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.send_until_stopped(which))
        };
        let clients = (0..count).map(client).collect();
        Self { shared, clients }
    }

    /// From now on the monitor is there.
    pub fn connect_to(&self, address: SocketAddr) {
        *self.shared.address.lock().unwrap() = Some(address);
    }

    /// How many lines are acknowledged.
    pub fn acked(&self) -> u64 {
        self.shared.acked.iter().map(|acked| acked.load(Ordering::SeqCst)).sum()
    }

    /// Waits until so many more lines are acknowledged.
    pub fn until_acked(&self, more: u64) {
        let enough = self.acked() + more;
        until("acknowledgements", || self.acked() >= enough);
    }

    /// The monitor is gone for good: returns each client's highest acknowledged line.
    pub fn abandon(self) -> Vec<u64> {
        self.shared.stop.store(true, Ordering::SeqCst);
        *self.shared.address.lock().unwrap() = None;
        for client in self.clients {
            client.join().unwrap();
        }
        self.shared.acked.iter().map(|acked| acked.load(Ordering::SeqCst)).collect()
    }

    /// Lets every client finish its batch; returns how many lines each has sent, all of them acknowledged.
    pub fn stop(self) -> Vec<u64> {
        self.shared.stop.store(true, Ordering::SeqCst);
        let sent: Vec<u64> = self.clients.into_iter().map(|client| client.join().unwrap()).collect();
        for (acked, sent) in self.shared.acked.iter().zip(&sent) {
            assert_eq!(acked.load(Ordering::SeqCst), *sent, "the last batch was acknowledged");
        }
        sent
    }
}

/// Asserts that what `cat` printed begins with every line that was acknowledged, each once and in its client's order.
#[track_caller]
pub fn assert_acked_there(acked: &[u64], printed: &str) {
    let printed = lines_by_client(printed);
    for (which, acked) in acked.iter().enumerate() {
        let seen = &printed[&service(which)];
        let expected: Vec<u64> = (1..=seen.len() as u64).collect();
        assert!(*seen == expected, "client {which}: {} lines, in order, once", seen.len());
        assert!(seen.len() as u64 >= *acked, "client {which}: {} lines, {acked} were acknowledged", seen.len());
    }
}

/// Asserts that what `cat` printed is every line that was sent, each once and in its client's order.
#[track_caller]
pub fn assert_all_there(sent: &[u64], printed: &str) {
    let printed = lines_by_client(printed);
    for (which, sent) in sent.iter().enumerate() {
        let seen = &printed[&service(which)];
        let expected: Vec<u64> = (1..=*sent).collect();
        assert!(*seen == expected, "client {which}: {} of {sent} lines, in order, once", seen.len());
    }
    assert_eq!(printed.len(), sent.len(), "no lines of others");
}

fn service(which: usize) -> String {
    format!("service-{which}")
}

impl Shared {
    /// Sends numbered lines and reconnects whenever the connection breaks; returns how many it sent.
    fn send_until_stopped(&self, which: usize) -> u64 {
        let (service, id) = (service(self.first + which), format!("client-{}", self.first + which));
        let acked = &self.acked[which];
        loop {
            let address = *self.address.lock().unwrap();
            let Some(mut client) = address.and_then(|address| AckingClient::connect(address, &id)) else {
                if address.is_none() && self.stop.load(Ordering::SeqCst) {
                    return acked.load(Ordering::SeqCst);
                }
                thread::park_timeout(Duration::from_millis(5));
                continue;
            };
            assert!(client.resume >= acked.load(Ordering::SeqCst), "what was acknowledged stays consumed");
            acked.store(client.resume, Ordering::SeqCst);
            let mut next = client.resume + 1;
            loop {
                if self.stop.load(Ordering::SeqCst) {
                    return next - 1;
                }
                let lines: Vec<_> = (next..next + BATCH).map(|n| message(&service, now_micros(), n)).collect();
                if !client.send(lines.iter().map(String::as_str)) || !client.await_ack(next + BATCH - 1) {
                    acked.store(client.acked, Ordering::SeqCst);
                    break;
                }
                next += BATCH;
                acked.store(client.acked, Ordering::SeqCst);
                thread::park_timeout(self.pause);
            }
        }
    }
}

/// The numbers of each service's lines, in the order printed.
fn lines_by_client(printed: &str) -> HashMap<String, Vec<u64>> {
    let mut seen: HashMap<String, Vec<u64>> = HashMap::new();
    for line in printed.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let service = line["serviceName"].as_str().unwrap().to_owned();
        seen.entry(service).or_default().push(line["n"].as_u64().unwrap());
    }
    seen
}
