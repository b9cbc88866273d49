//! Where lines go: a plain connection, or a session with acks.
//!
//! In: whole lines. Out: the same, on TCP. Must hold: `finish` returns only when the monitor has read everything
//! (plain: it closed its side) or has made it durable (acks).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use schema::{ClientId, ServerFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

use crate::error::{ClientError, Unacknowledged};
use crate::progress::Progress;
use crate::session::{Credentials, Session, SessionEvent, SessionOptions, SessionReport};
use crate::tls::{Stream, refuse_alert};

/// How long a connection without acks may take to come about.
const CONTACT: Duration = Duration::from_secs(10);

/// Is told what happens to the sessions of a command; by default it is logged.
pub type OnEvent = Arc<dyn Fn(&SessionEvent<'_>) + Send + Sync>;

/// What the connections of one command share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) peer: String,
    pub(crate) progress: Arc<Progress>,
    pub(crate) on_event: OnEvent,
    pub(crate) credentials: Credentials,
}

/// An open connection of either kind.
#[derive(Debug)]
pub(crate) enum Sink {
    Plain(Plain),
    Acked(Box<Session>),
}

impl Sink {
    /// Connects; with `client` it is a session of that id.
    pub(crate) async fn open(shared: &Shared, client: Option<ClientId>) -> Result<Self, ClientError> {
        let Some(client) = client else { return Ok(Self::Plain(Plain::open(shared).await?)) };
        let (progress, on_event) = (Arc::clone(&shared.progress), Arc::clone(&shared.on_event));
        let credentials = shared.credentials.clone();
        let options = SessionOptions { credentials, ..SessionOptions::new(&shared.peer, client) };
        let session = Session::open(options, move |event| {
            if let SessionEvent::Settled { acked, rejected } = event {
                progress.add_settled(acked, rejected);
            }
            on_event(&event);
        });
        Ok(Self::Acked(Box::new(session.await?)))
    }

    /// How many lines of this stream were durable before: they are not to be sent again.
    pub(crate) fn resumed_at(&self) -> u64 {
        match self {
            Self::Plain(_) => 0,
            Self::Acked(session) => session.resumed_at(),
        }
    }

    /// The lines handed over and not acknowledged.
    pub(crate) fn unacknowledged(&self) -> Option<Unacknowledged> {
        match self {
            Self::Plain(_) => None,
            Self::Acked(session) => session.unacknowledged(),
        }
    }

    /// An empty buffer.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        match self {
            Self::Plain(plain) => std::mem::take(&mut plain.spare),
            Self::Acked(session) => session.buffer(),
        }
    }

    /// Sends whole lines, waiting for room first.
    pub(crate) async fn send(&mut self, lines: Vec<u8>, due: Instant) -> Result<(), ClientError> {
        match self {
            Self::Plain(plain) => plain.send(lines).await,
            Self::Acked(session) => {
                session.room().await?;
                session.push(lines, due).await
            }
        }
    }

    /// Waits until `deadline`, reading acks meanwhile.
    pub(crate) async fn wait(&mut self, deadline: Instant) -> Result<(), ClientError> {
        match self {
            Self::Plain(_) => sleep_until(deadline).await,
            Self::Acked(session) => session.run_until(deadline).await?,
        }
        Ok(())
    }

    /// Returns once there is a connection: a session makes its own again.
    pub(crate) async fn connected(&mut self) -> Result<(), ClientError> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Acked(session) => session.connected().await,
        }
    }

    /// Reads acks until the connection is lost.
    pub(crate) async fn lost(&mut self) -> Result<(), ClientError> {
        match self {
            Self::Plain(_) => std::future::pending().await,
            Self::Acked(session) => session.until_lost().await,
        }
    }

    /// Ends the stream, and waits until everything arrived.
    pub(crate) async fn finish(&mut self) -> Result<SessionReport, ClientError> {
        match self {
            Self::Plain(plain) => plain.finish().await.map(|()| SessionReport::default()),
            Self::Acked(session) => {
                session.settle().await?;
                Ok(session.report())
            }
        }
    }
}

/// A connection without acks.
#[derive(Debug)]
pub(crate) struct Plain {
    stream: Stream,
    peer: String,
    spare: Vec<u8>,
}

impl Plain {
    async fn open(shared: &Shared) -> Result<Self, ClientError> {
        let Shared { peer, credentials, .. } = shared;
        let opened = timeout(CONTACT, Stream::connect(peer, credentials.tls.as_ref())).await;
        let opened = opened.unwrap_or_else(|_| Err(credentials.silence()));
        let stream = opened.map_err(|source| ClientError::connect(peer, source))?;
        Ok(Self { stream, peer: peer.clone(), spare: Vec::new() })
    }

    async fn send(&mut self, mut lines: Vec<u8>) -> Result<(), ClientError> {
        let written = async {
            self.stream.write_all(&lines).await?;
            self.stream.flush().await
        };
        if let Err(source) = written.await {
            return Err(self.failed(source).await);
        }
        lines.clear();
        self.spare = lines;
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), ClientError> {
        match self.stream.shutdown().await {
            Ok(()) => match self.answer().await {
                Ok(None) => Ok(()),
                Ok(Some(reason)) => Err(ClientError::Refused { peer: self.peer.clone(), reason }),
                Err(source) => Err(ClientError::send(&self.peer, source)),
            },
            Err(source) => Err(self.failed(source).await),
        }
    }

    /// Why sending failed: in the monitor's words, if it said why it closed.
    async fn failed(&mut self, source: io::Error) -> ClientError {
        let peer = self.peer.clone();
        match self.answer().await {
            Ok(Some(reason)) => ClientError::Refused { peer, reason },
            Ok(None) => ClientError::Send { peer, source },
            // Why it closed, where TLS says it.
            Err(answered) => match ClientError::send(&peer, answered) {
                error @ ClientError::Tls { .. } => error,
                _ => ClientError::Send { peer, source },
            },
        }
    }

    /// Reads until the monitor closes; a plain connection gets no answer but a refusal.
    async fn answer(&mut self) -> io::Result<Option<String>> {
        let mut answer = Vec::new();
        (&mut self.stream).take(4096).read_to_end(&mut answer).await?;
        refuse_alert(&answer)?;
        let refusal = answer.split(|&byte| byte == b'\n').find_map(|line| match ServerFrame::parse(line) {
            Ok(ServerFrame::Error(reason) | ServerFrame::Sealed(reason)) => Some(reason),
            _ => None,
        });
        Ok(refusal)
    }
}

/// The default [`OnEvent`]: everything that is news goes to the log.
pub fn log_events() -> OnEvent {
    Arc::new(|event| match event {
        SessionEvent::Settled { .. } => {}
        SessionEvent::Rejected { line, reason } => tracing::warn!(line, reason = reason.as_str(), "line rejected"),
        SessionEvent::Lost { error } => tracing::warn!(%error, "connection lost"),
        SessionEvent::Resumed { line } => tracing::info!(line, "connection resumed"),
    })
}
