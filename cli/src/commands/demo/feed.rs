//! The demo's services: three generated ones that live through the last four hours in a few seconds, each over a
//! TCP connection of its own with acks, and this very machine, sampled live.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use client::{Credentials, Generator, Profile, SampleOptions, Session, SessionOptions, Variety, sample};
use schema::{ClientId, Micros, ServiceName};
use storage::Clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Who is generated, in this order.
pub(super) const SERVICES: [&str; 3] = ["checkout", "payments", "shipping"];
/// How this machine is called.
pub(super) const MACHINE: &str = "this-machine";
/// Messages that each generated service sends in a second.
const RATE: u64 = 2_500;
/// Time between two handfuls of messages.
const BEAT: Duration = Duration::from_millis(20);
/// Time between two samples of this machine.
const SAMPLE: Duration = Duration::from_millis(250);

/// The time that the generated services live through, and how long they take for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Film {
    /// The first message's time.
    pub(super) start: Micros,
    /// From the first to the last message's time.
    pub(super) span: Duration,
    /// How long sending takes.
    pub(super) takes: Duration,
}

/// Sends one generated service's film, evenly; returns how many messages are durable when it ends. Ends early with
/// the token.
pub(super) async fn play(peer: SocketAddr, which: usize, film: Film, token: CancellationToken) -> Result<u64> {
    let service = ServiceName::new(SERVICES[which])?;
    let messages = RATE * film.takes.as_secs();
    let mut generator = Generator::new(&Profile {
        seed: 7,
        stream: which as u64,
        services: vec![service.clone()],
        messages,
        start: film.start,
        span: u64::try_from(film.span.as_micros())?,
        variety: Variety::One,
    })?;
    let client = ClientId::new(&format!("demo-{service}"))?;
    let mut session = Session::open(SessionOptions::new(peer.to_string(), client), |_| {}).await?;
    let begin = Instant::now();
    while generator.remaining() > 0 && !token.is_cancelled() {
        let passed = begin.elapsed().min(film.takes);
        let due = (messages as f64 * passed.as_secs_f64() / film.takes.as_secs_f64()) as u64;
        let behind = due.saturating_sub(messages - generator.remaining());
        if behind > 0 {
            let mut lines = session.buffer();
            generator.fill(&mut lines, behind);
            session.room().await?;
            session.push(lines, Instant::now()).await?;
        }
        session.run_until(Instant::now() + BEAT).await?;
    }
    session.settle().await?;
    Ok(session.report().acked)
}

/// Samples this machine until the token ends it.
pub(super) fn watch_machine(
    peer: SocketAddr,
    clock: Arc<dyn Clock>,
    token: CancellationToken,
) -> Result<impl Future<Output = Result<(), client::ClientError>>> {
    let options = SampleOptions {
        peer: peer.to_string(),
        service: ServiceName::new(MACHINE)?,
        interval: SAMPLE,
        now: Arc::new(move || clock.now()),
        progress: Arc::default(),
        credentials: Credentials::default(),
    };
    Ok(sample(options, token))
}
