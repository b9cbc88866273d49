//! Generated load over any number of connections.
//!
//! In: [`LoadOptions`]. Out: messages stamped with the time they are sent at. Must hold: a given rate is kept
//! exactly, by all connections together (`pace.rs`); each connection generates its own messages, from the seed and
//! its number; generating costs far less than receiving.

use std::sync::Arc;
use std::time::Duration;

use schema::{ClientId, Micros, ServiceName};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Now;
use crate::error::{ClientError, Unacknowledged};
use crate::generator::{Generator, Profile, Variety};
use crate::latency::Latency;
use crate::pace::Pace;
use crate::progress::Progress;
use crate::session::Credentials;
use crate::session::SessionReport;
use crate::sink::{OnEvent, Shared, Sink, log_events};

/// Messages generated and sent at once when nothing holds them back: about 144 kB.
const BATCH: u64 = 1024;
/// With a rate, connections wake at most this often.
const BEAT: Duration = Duration::from_millis(1);

/// What to send, where, how fast and for how long.
#[derive(Clone)]
pub struct LoadOptions {
    /// `host:port`.
    pub peer: String,
    /// Who the messages come from.
    pub services: Vec<ServiceName>,
    /// How lines are spelled.
    pub variety: Variety,
    /// Messages of all connections together; none is until `duration` or the token ends it.
    pub messages: Option<u64>,
    /// For how long.
    pub duration: Option<Duration>,
    /// Messages a second of all connections together; none is as fast as they are taken.
    pub rate: Option<f64>,
    /// How many connections, at least 1.
    pub connections: u64,
    /// With acks, as this client; of several connections, number `c` (from 1) is `<client>-<c>`.
    pub client: Option<ClientId>,
    /// Everything random follows from this.
    pub seed: u64,
    /// Stamps the messages.
    pub now: Now,
    /// Is raised while the load runs.
    pub progress: Arc<Progress>,
    /// Is told what happens to sessions.
    pub on_event: OnEvent,
    /// What the monitor is shown; needs acks.
    pub credentials: Credentials,
}

impl LoadOptions {
    /// Full load of four services on one connection, without acks and without end.
    pub fn new(peer: impl Into<String>, now: Now) -> Self {
        Self {
            peer: peer.into(),
            services: crate::generator::service_names(4),
            variety: Variety::One,
            messages: None,
            duration: None,
            rate: None,
            connections: 1,
            client: None,
            seed: 0,
            now,
            progress: Arc::default(),
            on_event: log_events(),
            credentials: Credentials::default(),
        }
    }

    fn check(&self) -> Result<(), ClientError> {
        if self.connections == 0 {
            return Err(ClientError::option("connections", 0, "at least 1"));
        }
        match self.rate {
            Some(rate) if !rate.is_finite() || rate <= 0.0 => Err(ClientError::option("rate", rate, "above 0")),
            _ => Ok(()),
        }
    }

    /// The id of connection `connection`, counted from 0.
    fn client_of(&self, connection: u64) -> Result<Option<ClientId>, ClientError> {
        let Some(client) = &self.client else { return Ok(None) };
        if self.connections == 1 {
            return Ok(Some(client.clone()));
        }
        let id = format!("{client}-{}", connection + 1);
        ClientId::new(&id).map(Some).map_err(|_| ClientError::option("client", id, "at most 128 printable bytes"))
    }
}

/// What a load came to.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    /// Messages sent.
    pub sent: u64,
    /// With acks: lines acknowledged.
    pub acked: u64,
    /// With acks: how many of them were rejected.
    pub rejected: u64,
    /// How often connections were made again.
    pub reconnects: u64,
    /// From the first message to the last one's arrival (or acknowledgement).
    pub elapsed: Duration,
    /// With acks: from when a message was due to its acknowledgement.
    pub latency: Latency,
}

/// Sends until the messages, the time or `token` end it; then waits for what was sent to arrive.
///
/// # Errors
/// [`ClientError::Option`] for a rate or number of connections that cannot be, and whatever ends a connection.
pub async fn load(options: LoadOptions, token: CancellationToken) -> Result<LoadReport, ClientError> {
    options.check()?;
    let shared = Shared {
        peer: options.peer.clone(),
        progress: Arc::clone(&options.progress),
        on_event: Arc::clone(&options.on_event),
        credentials: options.credentials.clone(),
    };
    let mut sinks = Vec::new();
    for connection in 0..options.connections {
        sinks.push(Sink::open(&shared, options.client_of(connection)?).await?);
    }
    let start = Instant::now();
    let (mut tasks, give_up) = (JoinSet::new(), CancellationToken::new());
    for (connection, sink) in (0..).zip(sinks) {
        let lane = Lane::new(&options, start, connection, sink)?;
        tasks.spawn(lane.run(token.child_token(), give_up.clone()));
    }
    let mut report = joined(tasks, &give_up).await?;
    report.elapsed = start.elapsed();
    Ok(report)
}

/// Awaits all lanes; after the first that fails the others give up, and every line without an acknowledgement is named.
async fn joined(mut tasks: JoinSet<Ended>, give_up: &CancellationToken) -> Result<LoadReport, ClientError> {
    let (mut report, mut failed, mut left) = (LoadReport::default(), None, Vec::new());
    while let Some(joined) = tasks.join_next().await {
        let (done, unacknowledged) = joined.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
        left.extend(unacknowledged);
        match done {
            Ok((sent, session)) => {
                report.sent += sent;
                report.acked += session.acked;
                report.rejected += session.rejected;
                report.reconnects += session.reconnects;
                report.latency.merge(&session.latency);
            }
            Err(error) => {
                give_up.cancel();
                let (cause, unacknowledged) = error.part();
                left.extend(unacknowledged);
                failed.get_or_insert(cause);
            }
        }
    }
    failed.map_or(Ok(report), |cause: ClientError| Err(cause.with(left)))
}

/// What a lane came to, and what it gave up.
type Ended = (Result<(u64, SessionReport), ClientError>, Option<Unacknowledged>);

/// One connection's part of a load.
struct Lane {
    sink: Sink,
    generator: Generator,
    pace: Pace,
    end: Option<Instant>,
    now: Now,
    progress: Arc<Progress>,
    sent: u64,
}

impl Lane {
    fn new(options: &LoadOptions, start: Instant, connection: u64, sink: Sink) -> Result<Self, ClientError> {
        let pace = Pace::new(start, options.rate, connection, options.connections);
        // With a rate and a time, what is sent is exact too: all that is due before the end.
        let in_time = match (options.rate, options.duration) {
            (Some(rate), Some(duration)) => Some((duration.as_secs_f64() * rate).ceil() as u64),
            _ => None,
        };
        let messages = options.messages.into_iter().chain(in_time).min();
        let profile = Profile {
            seed: options.seed,
            stream: connection,
            services: options.services.clone(),
            messages: messages.map_or(u64::MAX, |messages| pace.share(messages)),
            start: START,
            span: 0,
            variety: options.variety,
        };
        Ok(Self {
            sink,
            generator: Generator::new(&profile)?,
            pace,
            end: options.duration.filter(|_| in_time.is_none()).map(|duration| start + duration),
            now: Arc::clone(&options.now),
            progress: Arc::clone(&options.progress),
            sent: 0,
        })
    }

    /// Does its part, unless it is to give up.
    async fn run(mut self, token: CancellationToken, give_up: CancellationToken) -> Ended {
        let done = tokio::select! {
            biased;
            done = self.work(token) => Some(done),
            () = give_up.cancelled() => None,
        };
        match done {
            Some(done) => (done, None),
            None => (Ok((self.sent, SessionReport::default())), self.sink.unacknowledged()),
        }
    }

    /// Sends until it is enough or `token` ends it, between two batches, so that no line is cut.
    async fn work(&mut self, token: CancellationToken) -> Result<(u64, SessionReport), ClientError> {
        let in_time = |end: Instant| Instant::now() < end;
        while !token.is_cancelled() && self.generator.remaining() > 0 && self.end.is_none_or(in_time) {
            match self.pace.due(Instant::now()).saturating_sub(self.sent) {
                0 => tokio::select! {
                    () = token.cancelled() => {}
                    waited = self.wait() => waited?,
                },
                behind => self.send(behind.min(BATCH)).await?,
            }
        }
        let session = self.sink.finish().await?;
        Ok((self.sent, session))
    }

    /// Waits until more is due.
    async fn wait(&mut self) -> Result<(), ClientError> {
        let next = self.pace.when(self.sent).max(Instant::now() + BEAT);
        self.sink.wait(next).await
    }

    async fn send(&mut self, count: u64) -> Result<(), ClientError> {
        let due = if self.pace.is_limited() { self.pace.when(self.sent) } else { Instant::now() };
        let mut lines = self.sink.buffer();
        let count = self.generator.fill_at(&mut lines, count, (self.now)());
        self.sink.send(lines, due).await?;
        self.sent += count;
        self.progress.add_sent(count);
        Ok(())
    }
}

/// What a live profile starts at; its messages are stamped as they are sent.
const START: Micros = match Micros::new(1_000_000_000_000_000) {
    Some(start) => start,
    None => panic!("2001 is a time"),
};
