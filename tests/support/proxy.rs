//! A TCP proxy that loses things, holds them, or takes its time: what a client sees of a network that fails.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
    hold: Option<Hold>,
    /// How long each piece of an answer takes.
    delay: Duration,
}

/// The request at which everything comes to a halt.
struct Hold {
    /// It has one of these in it.
    texts: Vec<String>,
    /// It is the one after so many others.
    before: usize,
    /// The connection that it came on, once it came.
    on: Option<u64>,
    /// Whether its target has answered it.
    done: bool,
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

    /// From the request on that is the `nth` with one of `texts` in it nothing gets through: that one still reaches its
    /// target, which does what it is asked, but neither its answer nor anything after it passes until
    /// [`release`](Self::release).
    pub fn hold_at(&self, nth: usize, texts: &[String]) {
        assert!(nth > 0);
        let hold = Hold { texts: texts.to_vec(), before: nth - 1, on: None, done: false };
        self.state.lock().unwrap().hold = Some(hold);
    }

    /// Whether that request came, and its target has done what it asks.
    pub fn holds(&self) -> bool {
        self.state.lock().unwrap().hold.as_ref().is_some_and(|hold| hold.done)
    }

    /// Lets through again what comes on new connections.
    pub fn release(&self) {
        self.state.lock().unwrap().hold = None;
    }

    /// From now on every answer takes this much longer.
    pub fn slow(&self, delay: Duration) {
        self.state.lock().unwrap().delay = delay;
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
            if wait_while_held(&state_of_requests) {
                return false;
            }
            let mut state = state_of_requests.lock().unwrap();
            state.count(bytes, number);
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
            state.lock().unwrap().note_answer(number);
            if wait_while_held(&state) {
                return false;
            }
            let delay = state.lock().unwrap().delay;
            std::thread::sleep(delay);
            let losing = *losing.lock().unwrap();
            state.lock().unwrap().losses += usize::from(losing);
            !losing
        });
        // Neither end is of use without the other.
        state.lock().unwrap().connections.remove(&number);
    });
}

impl State {
    /// Takes note of a request, if one is waited for.
    fn count(&mut self, bytes: &[u8], connection: u64) {
        let Some(hold) = &mut self.hold else { return };
        if !hold.texts.iter().any(|text| contains(bytes, text.as_bytes())) {
            return;
        }
        match hold.before.checked_sub(1) {
            Some(before) => hold.before = before,
            None => hold.on = Some(connection),
        }
    }

    /// Takes note of an answer, which may be the one to what everything is held at.
    fn note_answer(&mut self, connection: u64) {
        if let Some(hold) = &mut self.hold {
            hold.done |= hold.on == Some(connection);
        }
    }

    fn is_held(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.on.is_some())
    }
}

/// Waits until nothing is held; whether anything was.
fn wait_while_held(state: &Mutex<State>) -> bool {
    let mut waited = false;
    while state.lock().unwrap().is_held() {
        waited = true;
        std::thread::park_timeout(Duration::from_millis(5));
    }
    waited
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
