//! A connection: one socket, from accept to close.
//!
//! It waits for whatever comes first, bytes to read, answers to send, or the
//! end, and between two waits does all its work on the spot: one read, judged
//! and handed over. What it holds meanwhile is a [`Stream`] and no buffer, so
//! ten thousand idle ones cost little.
//!
//! What must hold: it reads only with room in the buffer and a grant of the
//! budget; a client that does not take its answers is not read, and holds
//! little of what all share; on a drain everything already received is read,
//! and an acking client is told of it; once the monitor was sealed, every client
//! is told that, and nothing else.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::{Denied, Grant};
use schema::ServerFrame;
use tokio::io::Interest;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::budget::Holding;
use crate::ingest::Ingest;
use crate::intake::READ;
use crate::outbox::Outbox;
use crate::socket::Socket;
use crate::stream::{Refusal, Stream};

/// How long a connection that found no grant waits before it looks again.
const STARVED: Duration = Duration::from_millis(100);

/// Bytes read of a client not known yet, or whose lines were just rejected:
/// each may end one, whose report is held until the client takes it. Doubled
/// after each read that leaves no report.
const CAREFUL: usize = 4 << 10;

/// A client with this many bytes of reports to take is not read, unless it has
/// the turn, which others wait for.
const UNTAKEN: usize = 16 << 10;

/// How long a drain waits for the runtime to notice bytes that are there.
const RECEIVED: Duration = Duration::from_millis(10);

/// Bytes read at most once a drain has begun: more than a socket's buffer ever
/// holds, so only what came after the drain began can be left out.
const DRAIN_BYTES: usize = 16 << 20;

/// How long a client may take to say who it is, where not everybody may send.
const INTRODUCTION: Duration = Duration::from_secs(10);

/// How long a client may take to read that there will be no more acks.
const FAREWELL: Duration = Duration::from_secs(1);

/// One connected client.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    peer: SocketAddr,
    ingest: Arc<Ingest>,
    stream: Stream,
    holding: Holding,
    out: Outbox,
    /// Bytes to ask for in the next read.
    want: usize,
    /// The last read found no grant.
    starved: bool,
    /// The right to read without one.
    turn: Option<OwnedSemaphorePermit>,
}

/// Why a conversation is over.
#[derive(Debug)]
enum End {
    /// The peer will send no more.
    Finished,
    /// The monitor stops.
    Drain,
    /// The client was refused.
    Refused(Refusal),
    /// The socket failed.
    Lost(io::Error),
}

/// What a read did.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    /// Took this many bytes in.
    Some(usize),
    /// Found nothing to read.
    Nothing,
    /// Did not happen: no room, or no grant.
    Wait,
    /// Found the end of the stream.
    Finished,
}

impl Connection {
    /// A connection just accepted, of whoever has this grant already.
    pub(crate) fn new(socket: Socket, peer: SocketAddr, grant: Option<Grant>, ingest: Arc<Ingest>) -> Self {
        let holding = ingest.budget.holding();
        let out = Outbox::default();
        let (stream, want) = (Stream::new(grant), CAREFUL);
        Self { socket, peer, ingest, stream, holding, out, want, starved: false, turn: None }
    }

    /// Serves it to its end, or until everything is to end at once.
    pub(crate) async fn serve(mut self) {
        let ingest = Arc::clone(&self.ingest);
        let serving = async {
            let sealed = tokio::select! {
                biased;
                () = ingest.sealed.cancelled() => true,
                () = self.run() => false,
            };
            if sealed {
                self.dismiss().await;
            }
        };
        tokio::select! {
            () = serving => {}
            () = ingest.abort.cancelled() => {}
        }
        let Self { stream, ingest, .. } = &mut self;
        if let Some(answers) = stream.answers() {
            ingest.buffer.leave(&answers.session);
        }
    }

    async fn run(&mut self) {
        let end = match self.converse().await {
            End::Drain => self.drain().await,
            end => end,
        };
        match end {
            End::Finished | End::Drain => {
                self.finish();
                self.answer_all().await;
            }
            End::Refused(refusal) => self.refuse(&refusal),
            End::Lost(error) => tracing::debug!(peer = %self.peer, %error, "connection lost"),
        }
    }

    /// Reads and answers until there is a reason to end.
    async fn converse(&mut self) -> End {
        let drain = self.ingest.drain.clone();
        let drain = drain.cancelled();
        tokio::pin!(drain);
        let introduced_by = Instant::now() + INTRODUCTION;
        loop {
            if let Err(end) = self.answer() {
                return end;
            }
            let writes = !self.out.is_empty();
            let reads = self.stream.untaken() < UNTAKEN || self.turn.is_some();
            let Self { socket, ingest, stream, holding, starved, .. } = &mut *self;
            tokio::select! {
                () = &mut drain => return End::Drain,
                () = progress(stream) => continue,
                () = stranger_until(introduced_by), if !stream.admitted(ingest) => {
                    return End::Refused(Refusal::Denied(Denied::Nothing));
                }
                ready = socket.writable(), if writes => match ready {
                    Ok(()) => continue,
                    Err(error) => return End::Lost(error),
                },
                turn = may_read(socket, ingest, holding, *starved), if reads => {
                    // Once it has the turn it keeps it to its end.
                    self.turn = turn.or(self.turn.take());
                }
            }
            match self.read() {
                Ok(Read::Some(_)) => tokio::task::yield_now().await,
                Ok(Read::Nothing | Read::Wait) => {}
                Ok(Read::Finished) => return End::Finished,
                Err(end) => return end,
            }
        }
    }

    /// Reads what has been received by now.
    async fn drain(&mut self) -> End {
        // The runtime may not have looked at the socket since it received.
        let _ = tokio::time::timeout(RECEIVED, self.socket.readable()).await;
        let mut total = 0;
        while total < DRAIN_BYTES {
            self.ingest.buffer.room().await;
            match self.read() {
                Ok(Read::Some(bytes)) => total += bytes,
                Ok(Read::Nothing) => break,
                Ok(Read::Wait) if self.starved => tokio::time::sleep(STARVED).await,
                Ok(Read::Wait) => {}
                Ok(Read::Finished) => return End::Finished,
                Err(end) => return end,
            }
            tokio::task::yield_now().await;
        }
        End::Drain
    }

    /// One read: from the socket to the buffer.
    fn read(&mut self) -> Result<Read, End> {
        if !self.ingest.buffer.has_room() {
            return Ok(Read::Wait);
        }
        let bytes = match self.turn {
            Some(_) => READ,
            None => self.holding.grant(self.want, self.stream.weight()),
        };
        self.starved = bytes == 0;
        if self.starved {
            return Ok(Read::Wait);
        }
        let ingest = Arc::clone(&self.ingest);
        let mut intake = ingest.intakes.take();
        let from = self.stream.offset();
        let read = match self.socket.try_read(&mut intake.input[from..from + bytes]) {
            Ok(0) => Ok(Read::Finished),
            Ok(read) => {
                ingest.instruments.received_bytes.inc_by(read as u64);
                let arrival = ingest.arrival(self.peer);
                self.stream
                    .take(&mut intake, from..from + read, arrival, &ingest, &mut self.out.frames)
                    .map(|()| Read::Some(read))
                    .map_err(End::Refused)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Read::Nothing),
            Err(error) => Err(End::Lost(error)),
        };
        ingest.intakes.give_back(intake);
        self.holding.settle(self.stream.held());
        self.want = if self.stream.untaken() > 0 { CAREFUL } else { READ.min(self.want * 2) };
        read
    }

    /// Hands over the unterminated rest.
    fn finish(&mut self) {
        let mut intake = self.ingest.intakes.take();
        self.stream.finish(&mut intake, self.ingest.arrival(self.peer), &self.ingest);
        self.ingest.intakes.give_back(intake);
        self.turn = None;
        self.holding.settle(self.stream.held());
    }

    /// Sends what can be sent without waiting.
    fn answer(&mut self) -> Result<(), End> {
        if self.stream.answers().is_some_and(|answers| answers.superseded()) {
            return Err(End::Refused(Refusal::Superseded));
        }
        loop {
            if self.out.is_empty()
                && let Some(answers) = self.stream.answers()
            {
                answers.frames(&self.ingest, &mut self.out.frames);
                self.holding.settle(self.stream.held());
            }
            if self.out.is_empty() || !self.out.send(&self.socket).map_err(End::Lost)? {
                return Ok(());
            }
        }
    }

    /// Waits until everything handed over is durable, and the client told.
    async fn answer_all(&mut self) {
        while self.answer().is_ok() {
            let writes = !self.out.is_empty();
            match self.stream.answers() {
                Some(answers) if !writes && answers.complete() => return,
                None if !writes => return,
                _ => {}
            }
            tokio::select! {
                () = progress(&mut self.stream) => {}
                ready = self.socket.writable(), if writes => if ready.is_err() { return },
            }
        }
    }

    /// Says why the connection ends, if the client's buffer takes it.
    fn refuse(&mut self, refusal: &Refusal) {
        let reason = match refusal {
            Refusal::Superseded => "a newer connection of this client has taken over".to_owned(),
            Refusal::TooManyClients => "too many clients: clients.max are remembered already".to_owned(),
            Refusal::Denied(denied) => denied.to_string(),
            Refusal::LongId => "the client's id is too long: it and its token's name have at most 127 bytes".to_owned(),
            Refusal::Sealed => {
                format!("monitor {} was sealed and acknowledges nothing any more", self.ingest.monitor)
            }
        };
        let frame = match refusal {
            Refusal::Sealed => ServerFrame::Sealed(reason.clone()),
            _ => ServerFrame::Error(reason.clone()),
        };
        frame.encode(&mut self.out.frames);
        let _ = self.out.send(&self.socket);
        tracing::info!(peer = %self.peer, reason, "connection refused");
    }

    /// Says that this monitor was sealed, and waits a little until the client
    /// has read it: closing with bytes unread would take it back.
    async fn dismiss(&mut self) {
        self.refuse(&Refusal::Sealed);
        let told = async {
            while !self.out.send(&self.socket)? {
                self.socket.writable().await?;
            }
            self.socket.shutdown().await?;
            let mut unread = vec![0; CAREFUL];
            while self.socket.read(&mut unread).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(FAREWELL, told).await;
    }
}

/// Waits for the end of a stranger's time.
async fn stranger_until(end: Instant) {
    tokio::time::sleep_until(end).await;
}

/// Waits until more of the client's lines are durable, or it has moved to a
/// newer connection; for ever on a plain stream.
async fn progress(stream: &mut Stream) {
    if let Some(answers) = stream.answers()
        && answers.session.durable.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// Waits until there is room and something to read. Gives the turn to read
/// without a grant where that is the only way on.
async fn may_read(socket: &Socket, ingest: &Ingest, holding: &Holding, starved: bool) -> Option<OwnedSemaphorePermit> {
    ingest.buffer.room().await;
    if starved {
        tokio::time::sleep(STARVED).await;
    }
    // An error shows in the read that follows.
    let ready = socket.ready(Interest::READABLE).await;
    let closed = ready.is_ok_and(|ready| ready.is_read_closed());
    match starved && closed {
        true => Some(holding.last_turn().await),
        false => None,
    }
}
