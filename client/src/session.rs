//! The client half of the acknowledgement protocol: every line exactly once, through crashes of either end's network.
//!
//! In: whole lines. Out: the same lines to a monitor, and what it says about them. The session opens with a hello,
//! learns how many lines of this client are durable already, keeps every line until it is acknowledged, and after a
//! lost connection connects again and goes on where the monitor says.
//! Must hold: it stops, rather than lose or double a line, when another monitor answers, or one that knows fewer
//! lines than it acknowledged, or one that was sealed; it then names the lines that were not acknowledged. `schema::protocol` has the bytes, `window.rs` the bookkeeping.

mod told;
mod window;
mod wire;

use std::fmt;
use std::io;
use std::time::Duration;

use schema::{ClientId, Hello, Incarnation, MonitorId, Reject, Secret, ServerFrame, Welcome};
use tokio::time::{Instant, timeout_at};

use crate::error::{ClientError, Unacknowledged};
use crate::latency::Latency;
use crate::tls::{Tls, fault};
pub use told::{SessionEvent, SessionReport};
use window::Window;
use wire::{Wire, frames};

/// Who is to be sent to, as whom, and how patiently.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// `host:port`.
    pub peer: String,
    /// One id is one stream of numbered lines, at one monitor.
    pub client: ClientId,
    /// Bytes of lines that may wait for their acknowledgement.
    pub window: usize,
    /// How long the first connection may take to come about.
    pub contact: Duration,
    /// How long to try to connect again; none is for ever.
    pub patience: Option<Duration>,
    /// What the monitor is shown.
    pub credentials: Credentials,
}

/// What proves to a monitor that a client may send, where it asks for that.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Goes in the hello: needs acks.
    pub token: Option<Secret>,
    /// None is plain TCP.
    pub tls: Option<Tls>,
}

impl Credentials {
    /// The error where nothing is heard for too long.
    pub(crate) fn silence(&self) -> io::Error {
        let told = if self.tls.is_some() { "no answer: does it speak TLS?" } else { "no answer" };
        io::Error::new(io::ErrorKind::TimedOut, told)
    }
}

impl SessionOptions {
    /// The defaults: a window of 8 MiB, 5 s for the first connection, no end to later attempts.
    pub fn new(peer: impl Into<String>, client: ClientId) -> Self {
        let credentials = Credentials::default();
        Self {
            peer: peer.into(),
            client,
            window: 8 << 20,
            contact: Duration::from_secs(5),
            patience: None,
            credentials,
        }
    }
}

/// How long a connection and its welcome may take.
const HELLO: Duration = Duration::from_secs(10);
/// Between attempts: doubled each time, up to the longest, each half to one and a half times that.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

type OnEvent = Box<dyn FnMut(SessionEvent<'_>) + Send>;

/// A stream of lines to one monitor. Dropping it gives up what is not acknowledged.
///
/// All its futures may be dropped at any point and started again: what was sent is remembered.
pub struct Session {
    options: SessionOptions,
    on_event: OnEvent,
    wire: Option<Wire>,
    monitor: Option<(MonitorId, Incarnation)>,
    /// The first `resume`, and how many lines had been rejected by then.
    first: Counts,
    /// This client's rejected lines, as far as acknowledged.
    rejected: u64,
    /// Reports that no acknowledgement covers yet.
    reports: Vec<(u64, Reject)>,
    window: Window,
    reconnects: u64,
    latency: Latency,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    lines: u64,
    rejected: u64,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("options", &self.options).field("window", &self.window).finish_non_exhaustive()
    }
}

impl Session {
    /// Connects and says hello; `on_event` is told what happens from then on.
    ///
    /// # Errors
    /// [`ClientError::Connect`] when nobody answers within `contact`; [`ClientError::Refused`] and
    /// [`ClientError::Protocol`] for what was answered instead of a welcome.
    pub async fn open(
        options: SessionOptions,
        on_event: impl FnMut(SessionEvent<'_>) + Send + 'static,
    ) -> Result<Self, ClientError> {
        let mut session = Self {
            on_event: Box::new(on_event),
            wire: None,
            monitor: None,
            first: Counts::default(),
            rejected: 0,
            reports: Vec::new(),
            window: Window::new(0),
            reconnects: 0,
            latency: Latency::default(),
            options,
        };
        let (wire, welcome) = session.connect(Some(session.options.contact)).await?;
        session.wire = Some(wire);
        session.first = Counts { lines: welcome.resume, rejected: welcome.rejected };
        session.rejected = welcome.rejected;
        session.monitor = Some((welcome.monitor, welcome.incarnation));
        session.window = Window::new(welcome.resume);
        Ok(session)
    }

    /// How many of this client's lines were durable before this session: the next line pushed is the one after.
    pub fn resumed_at(&self) -> u64 {
        self.first.lines
    }

    /// An empty buffer to fill and push, one that was used before if possible.
    pub fn buffer(&mut self) -> Vec<u8> {
        self.window.buffer()
    }

    /// Sends and reads until there is room in the window.
    ///
    /// # Errors
    /// Whatever ends a session: [`ClientError::MonitorChanged`], [`ClientError::ResumeOutOfRange`],
    /// [`ClientError::Sealed`], [`ClientError::Protocol`], and [`ClientError::Connect`] when patience ends; within
    /// [`ClientError::Unacknowledged`] if there are such lines.
    pub async fn room(&mut self) -> Result<(), ClientError> {
        while self.window.bytes() >= self.options.window {
            self.turn().await?;
        }
        Ok(())
    }

    /// Takes whole lines, each ending in `\n`, whether there is room or not, and sends what the socket takes at
    /// once; the rest goes with the other calls. Latency counts from `due`.
    ///
    /// # Errors
    /// As [`room`](Self::room).
    pub async fn push(&mut self, lines: Vec<u8>, due: Instant) -> Result<(), ClientError> {
        self.window.push(lines, due);
        tokio::select! {
            biased;
            turned = self.turn(), if self.wire.is_some() => turned,
            () = std::future::ready(()) => Ok(()),
        }
    }

    /// Sends and reads until `deadline`.
    ///
    /// # Errors
    /// As [`room`](Self::room).
    pub async fn run_until(&mut self, deadline: Instant) -> Result<(), ClientError> {
        timeout_at(deadline, async {
            loop {
                self.turn().await?;
            }
        })
        .await
        .unwrap_or(Ok(()))
    }

    /// Sends and reads until every line is acknowledged.
    ///
    /// # Errors
    /// As [`room`](Self::room).
    pub async fn settle(&mut self) -> Result<(), ClientError> {
        while self.window.acked() < self.window.last() {
            self.turn().await?;
        }
        Ok(())
    }

    /// Connects again, if there is no connection.
    pub(crate) async fn connected(&mut self) -> Result<(), ClientError> {
        while self.wire.is_none() {
            self.turn().await?;
        }
        Ok(())
    }

    /// Sends and reads as long as there is a connection.
    pub(crate) async fn until_lost(&mut self) -> Result<(), ClientError> {
        while self.wire.is_some() {
            self.turn().await?;
        }
        Ok(())
    }

    /// What the session came to so far.
    pub fn report(&self) -> SessionReport {
        SessionReport {
            last: self.window.last(),
            acked: self.window.acked() - self.first.lines,
            rejected: self.rejected.saturating_sub(self.first.rejected),
            reconnects: self.reconnects,
            latency: self.latency.clone(),
        }
    }

    /// The lines handed over and not acknowledged: where a session ends with an error, it names them.
    pub(crate) fn unacknowledged(&self) -> Option<Unacknowledged> {
        let (monitor, incarnation) = self.monitor.clone()?;
        let (first, last) = (self.window.acked() + 1, self.window.last());
        let client = self.options.client.clone();
        (first <= last).then_some(Unacknowledged { client, first, last, monitor, incarnation })
    }

    async fn turn(&mut self) -> Result<(), ClientError> {
        self.step().await.map_err(|error| error.with(self.unacknowledged()))
    }

    /// One step: writes what fits, takes what came, or connects again.
    async fn step(&mut self) -> Result<(), ClientError> {
        let Some(wire) = &mut self.wire else { return self.reconnect().await };
        match wire.turn(&mut self.window).await {
            Ok(lines) => self.take(&lines),
            Err(error) => {
                self.lost(&error);
                Ok(())
            }
        }
    }

    fn take(&mut self, lines: &[u8]) -> Result<(), ClientError> {
        for frame in frames(lines) {
            match frame {
                Ok(ServerFrame::Ack(n)) => self.acknowledge(n)?,
                Ok(ServerFrame::Reject { line, reason }) => self.reports.push((line, reason)),
                // Another connection of this id took over, or the monitor goes down: the next welcome tells.
                Ok(ServerFrame::Error(reason)) => {
                    self.lost(&io::Error::new(io::ErrorKind::ConnectionAborted, reason));
                    break;
                }
                Ok(ServerFrame::Sealed(reason)) => return Err(self.sealed(reason)),
                Ok(ServerFrame::Welcome(_)) => return Err(self.unexpected("a second welcome".to_owned())),
                Err(line) => return Err(self.unexpected(line)),
            }
        }
        Ok(())
    }

    fn acknowledge(&mut self, n: u64) -> Result<(), ClientError> {
        let before = self.window.acked();
        if let Err(range) = self.window.ack(n, Instant::now(), &mut self.latency) {
            let answer = format!("ack {n}, where {} to {} are possible", range.low, range.high);
            return Err(self.unexpected(answer));
        }
        let rejected = self.tell_rejects(n);
        self.rejected += rejected;
        (self.on_event)(SessionEvent::Settled { acked: n - before, rejected });
        Ok(())
    }

    /// Tells the reports that line `n` covers; returns how many.
    fn tell_rejects(&mut self, n: u64) -> u64 {
        let mut told = 0;
        for (line, reason) in self.reports.extract_if(.., |(line, _)| *line <= n) {
            told += 1;
            (self.on_event)(SessionEvent::Rejected { line, reason });
        }
        told
    }

    async fn reconnect(&mut self) -> Result<(), ClientError> {
        let (wire, welcome) = self.connect(self.options.patience).await?;
        let now = (welcome.monitor, welcome.incarnation);
        if let Some(before) = self.monitor.as_ref().filter(|before| **before != now) {
            let peer = self.options.peer.clone();
            let [before, now] = [before, &now].map(|(id, incarnation)| format!("{id}/{incarnation}"));
            return Err(ClientError::MonitorChanged { peer, before, now });
        }
        let (before, resume) = (self.window.acked(), welcome.resume);
        if let Err(range) = self.window.resume(resume, Instant::now(), &mut self.latency) {
            let peer = self.options.peer.clone();
            return Err(ClientError::ResumeOutOfRange { peer, resume, acked: range.low, sent: range.high });
        }
        self.tell_rejects(resume);
        // Beyond `resume` they will be told again.
        self.reports.clear();
        let rejected = welcome.rejected.saturating_sub(self.rejected);
        self.rejected = welcome.rejected;
        self.reconnects += 1;
        self.wire = Some(wire);
        (self.on_event)(SessionEvent::Settled { acked: resume - before, rejected });
        (self.on_event)(SessionEvent::Resumed { line: resume });
        Ok(())
    }

    /// Connects and says hello, again and again, until `patience` ends.
    async fn connect(&mut self, patience: Option<Duration>) -> Result<(Wire, Welcome), ClientError> {
        let end = patience.map(|patience| Instant::now() + patience);
        let mut pause = FIRST_PAUSE;
        loop {
            let limit = Instant::now() + HELLO;
            let limit = end.map_or(limit, |end| end.min(limit));
            let hello = Hello::new(self.options.client.clone()).with_token(self.options.credentials.token.clone());
            let opening = Wire::open(&self.options.peer, &hello, self.options.credentials.tls.as_ref());
            let opened = timeout_at(limit, opening).await;
            let error = match opened.unwrap_or_else(|_| Err(self.options.credentials.silence())) {
                Ok((wire, answer)) => match self.welcome(&answer) {
                    Ok(welcome) => return Ok((wire, welcome)),
                    // It knows us, so this passes: too many connections, say.
                    Err(ClientError::Refused { reason, .. }) if self.monitor.is_some() => io::Error::other(reason),
                    Err(error) => return Err(error),
                },
                // Nothing that passes; later it may be a certificate that is just being renewed.
                Err(error) if self.monitor.is_none() && fault(&error).is_some() => {
                    return Err(ClientError::connect(&self.options.peer, error));
                }
                Err(error) => error,
            };
            let next = Instant::now() + pause.mul_f64(rand::random_range(0.5..1.5));
            if end.is_some_and(|end| next >= end) {
                return Err(ClientError::connect(&self.options.peer, error));
            }
            // Before the first welcome there is nothing to lose.
            if self.monitor.is_some() {
                self.lost(&error);
            }
            tokio::time::sleep_until(next).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn welcome(&self, answer: &[u8]) -> Result<Welcome, ClientError> {
        match frames(answer).next() {
            Some(Ok(ServerFrame::Welcome(welcome))) => Ok(welcome),
            Some(Ok(ServerFrame::Error(reason))) => {
                Err(ClientError::Refused { peer: self.options.peer.clone(), reason })
            }
            Some(Ok(ServerFrame::Sealed(reason))) => Err(self.sealed(reason)),
            Some(Err(line)) => Err(self.unexpected(line)),
            _ => Err(self.unexpected("no welcome".to_owned())),
        }
    }

    fn lost(&mut self, error: &io::Error) {
        (self.on_event)(SessionEvent::Lost { error });
        self.wire = None;
    }

    fn sealed(&self, reason: String) -> ClientError {
        ClientError::Sealed { peer: self.options.peer.clone(), reason }
    }

    fn unexpected(&self, answer: String) -> ClientError {
        ClientError::Protocol { peer: self.options.peer.clone(), answer }
    }
}
