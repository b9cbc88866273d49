//! A TCP proxy that loses things: what a client sees of a network that fails.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Passes bytes on, until told otherwise. It lives as long as the test's process.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The answer to the next request that has this in it is lost, and the connection with it.
    lost: Option<String>,
    /// Answers lost so far.
    losses: usize,
    /// Both ends of the open connections, by number.
    connections: HashMap<u64, [TcpStream; 2]>,
    opened: u64,
    down: bool,
}

impl Proxy {
    /// Listens on a free port, for connections to `target`.
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&proxy.state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if !state.lock().unwrap().down
                    && let Ok(server) = TcpStream::connect(target)
                {
                    connect(&client, &server, &state);
                }
            }
        });
        proxy
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next request that has `text` in it reaches its target, which does what it is asked; the answer is lost.
    pub fn lose_answer_to(&self, text: &str) {
        self.state.lock().unwrap().lost = Some(text.to_owned());
    }

    /// How many answers were lost so far.
    pub fn losses(&self) -> usize {
        self.state.lock().unwrap().losses
    }

    /// Cuts every connection and refuses new ones, until [`up`](Self::up).
    pub fn down(&self) {
        let mut state = self.state.lock().unwrap();
        state.down = true;
        for connection in state.connections.drain().flat_map(|(_, ends)| ends) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Lets connections through again.
    pub fn up(&self) {
        self.state.lock().unwrap().down = false;
    }
}

/// Two threads, one a direction; the answers' one is told when to lose them.
fn connect(client: &TcpStream, server: &TcpStream, state: &Arc<Mutex<State>>) {
    let losing = Arc::new(Mutex::new(false));
    let copy = |stream: &TcpStream| stream.try_clone().unwrap();
    let number = {
        let mut state = state.lock().unwrap();
        state.opened += 1;
        let number = state.opened;
        state.connections.insert(number, [copy(client), copy(server)]);
        number
    };
    let (requests, answers) = ((copy(client), copy(server)), (copy(server), copy(client)));
    let (state_of_requests, losing_requests) = (Arc::clone(state), Arc::clone(&losing));
    std::thread::spawn(move || {
        pass(requests, |bytes| {
            let mut state = state_of_requests.lock().unwrap();
            let found = state.lost.as_ref().is_some_and(|text| contains(bytes, text.as_bytes()));
            if found {
                state.lost = None;
                *losing_requests.lock().unwrap() = true;
            }
            true
        });
    });
    let state = Arc::clone(state);
    std::thread::spawn(move || {
        pass(answers, |_| {
            let losing = *losing.lock().unwrap();
            state.lock().unwrap().losses += usize::from(losing);
            !losing
        });
        // Neither end is of use without the other.
        state.lock().unwrap().connections.remove(&number);
    });
}

/// Passes on what `wanted` lets through; ends both sides when one ends, or at the first that it does not.
fn pass((mut from, mut to): (TcpStream, TcpStream), mut wanted: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !wanted(&buffer[..length]) || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
