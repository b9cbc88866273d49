//! Existing files sent again: as fast as they are taken, or in their own time, faster by a factor.
//!
//! In: paths in any form that `input.rs` reads. Out: their lines, over one connection. Must hold: with acks the
//! lines of all inputs together number themselves by order, one object a line, so the same files replayed again under
//! the same id go on where they were, and count once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use memchr::memchr_iter;
use schema::{ClientId, Metrics, Micros, Next, Parser};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::ClientError;
use crate::input::{Input, digest};
use crate::progress::Progress;
use crate::session::Credentials;
use crate::session::SessionReport;
use crate::sink::{OnEvent, Shared, Sink, log_events};

/// What to replay, where and how.
#[derive(Clone)]
pub struct ReplayOptions {
    /// `host:port`.
    pub peer: String,
    /// The inputs, in order; `-` is standard input.
    pub paths: Vec<PathBuf>,
    /// Times as fast as the messages' times say; none is as fast as they are taken. A line without service and time
    /// is sent right behind the one before.
    pub speed: Option<f64>,
    /// With acks.
    pub ack: bool,
    /// With acks: as whom; none is the hash of the inputs.
    pub client: Option<ClientId>,
    /// Is raised while it runs.
    pub progress: Arc<Progress>,
    /// Is told what happens to the session.
    pub on_event: OnEvent,
    /// What the monitor is shown; needs acks.
    pub credentials: Credentials,
}

impl ReplayOptions {
    /// `paths` as fast as they are taken, without acks.
    pub fn new(peer: impl Into<String>, paths: Vec<PathBuf>) -> Self {
        Self {
            peer: peer.into(),
            paths,
            speed: None,
            ack: false,
            client: None,
            progress: Arc::default(),
            on_event: log_events(),
            credentials: Credentials::default(),
        }
    }
}

/// What a replay came to.
#[derive(Clone, Debug, Default)]
pub struct ReplayReport {
    /// With acks: the client id.
    pub client: Option<ClientId>,
    /// Lines sent.
    pub sent: u64,
    /// With acks: lines that the monitor had already, and that were skipped.
    pub skipped: u64,
    /// With acks: what became of those sent.
    pub session: SessionReport,
    /// From the first line to the last one's arrival (or acknowledgement).
    pub elapsed: Duration,
}

/// Replays until the inputs or `token` end it; then waits for what was sent to arrive.
///
/// # Errors
/// [`ClientError::Input`] for an input that cannot be read; [`ClientError::InputsTooShort`] when the monitor has
/// more lines of this client than the inputs; [`ClientError::Option`] for a speed that cannot be, or standard input
/// with acks and without an id; and whatever ends the connection.
pub async fn replay(options: ReplayOptions, token: CancellationToken) -> Result<ReplayReport, ClientError> {
    if let Some(speed) = options.speed.filter(|speed| !speed.is_finite() || *speed <= 0.0) {
        return Err(ClientError::option("speed", speed, "above 0"));
    }
    let client = if options.ack { Some(client_of(&options).await?) } else { None };
    let shared = Shared {
        peer: options.peer.clone(),
        progress: Arc::clone(&options.progress),
        on_event: Arc::clone(&options.on_event),
        credentials: options.credentials.clone(),
    };
    let sink = Sink::open(&shared, client.clone()).await?;
    let skipped = sink.resumed_at();
    let start = Instant::now();
    let timing = options.speed.map(|speed| Timing::new(speed, start));
    // A line is what is acknowledged or due: each object gets one of its own.
    let parting = (options.ack || timing.is_some()).then(Parting::new);
    let mut playback = Playback { sink, timing, parting, skip: skipped, sent: 0, progress: options.progress };
    playback.play(options.paths, &token).await?;
    if playback.skip > 0 && !token.is_cancelled() {
        return Err(ClientError::InputsTooShort { lines: skipped - playback.skip, resume: skipped });
    }
    let (sent, session) = (playback.sent, playback.sink.finish().await?);
    Ok(ReplayReport { client, sent, skipped: skipped - playback.skip, session, elapsed: start.elapsed() })
}

/// The id given, or the hash of the inputs.
async fn client_of(options: &ReplayOptions) -> Result<ClientId, ClientError> {
    if let Some(client) = &options.client {
        return Ok(client.clone());
    }
    let paths = options.paths.clone();
    let digest = blocking(move || digest(&paths)).await?;
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    ClientId::new(&hex).map_err(|_| ClientError::option("client", hex, "at most 128 printable bytes"))
}

/// The lines on their way out.
struct Playback {
    sink: Sink,
    timing: Option<Timing>,
    parting: Option<Parting>,
    /// How many lines are still to be passed over.
    skip: u64,
    sent: u64,
    progress: Arc<Progress>,
}

impl Playback {
    /// Sends all inputs, or until `token` ends it, between two lines.
    async fn play(&mut self, paths: Vec<PathBuf>, token: &CancellationToken) -> Result<(), ClientError> {
        let mut before = 0;
        for path in paths {
            let mut input = blocking(move || Input::open(&path)).await?;
            loop {
                let (chunk, rest) = tokio::select! {
                    () = token.cancelled() => return Ok(()),
                    read = blocking(move || (input.next(), input)) => read,
                };
                input = rest;
                self.progress.set_bytes(before + input.position());
                let Some(chunk) = chunk.transpose()? else { break };
                let chunk = self.parting.as_mut().map(|parting| parting.part(&chunk)).unwrap_or(chunk);
                self.send(chunk, token).await?;
            }
            before += input.position();
        }
        Ok(())
    }

    /// Sends a chunk of whole lines, each when it is due.
    async fn send(&mut self, mut chunk: Vec<u8>, token: &CancellationToken) -> Result<(), ClientError> {
        let skipped = skip_lines(&chunk, &mut self.skip);
        chunk.drain(..skipped);
        if self.timing.is_none() {
            return self.hand_over(chunk, Instant::now()).await;
        }
        let mut rest = chunk.as_slice();
        while let Some(timing) = &mut self.timing
            && !rest.is_empty()
        {
            let (due, length) = timing.next(rest, Instant::now());
            tokio::select! {
                () = token.cancelled() => return Ok(()),
                waited = self.sink.wait(due) => waited?,
            }
            let mut lines = self.sink.buffer();
            lines.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
            self.hand_over(lines, due).await?;
        }
        Ok(())
    }

    async fn hand_over(&mut self, lines: Vec<u8>, due: Instant) -> Result<(), ClientError> {
        let count = memchr_iter(b'\n', &lines).count() as u64;
        if count > 0 {
            self.sink.send(lines, due).await?;
        }
        self.sent += count;
        self.progress.add_sent(count);
        Ok(())
    }
}

/// Gives each object of a line that holds several a line of its own.
struct Parting(Parser);

impl Parting {
    fn new() -> Self {
        // Where an object ends does not depend on the metrics.
        Self(Parser::new(&Metrics::default()))
    }

    /// The same items as in `lines`, which are whole; a line with one item at most stays as it is.
    fn part(&mut self, lines: &[u8]) -> Vec<u8> {
        let mut parted = Vec::with_capacity(lines.len());
        let (mut copied, mut at, mut first) = (0, 0, true);
        while at < lines.len() {
            let (end, is_item) = match self.0.next(&lines[at..]) {
                Next::Message { end, .. } | Next::Reject { end, .. } => (end, true),
                Next::EndOfLine { end } => (end, false),
                Next::Incomplete => break,
            };
            if is_item && !first {
                parted.extend_from_slice(&lines[copied..at]);
                parted.push(b'\n');
                copied = at;
            }
            first = !is_item;
            at += end;
        }
        parted.extend_from_slice(&lines[copied..]);
        parted
    }
}

/// How many bytes the first `skip` lines have; lowers `skip` by those that are in `lines`.
fn skip_lines(lines: &[u8], skip: &mut u64) -> usize {
    let mut end = 0;
    for newline in memchr_iter(b'\n', lines) {
        if *skip == 0 {
            break;
        }
        *skip -= 1;
        end = newline + 1;
    }
    end
}

/// When lines are due by the times in them.
struct Timing {
    speed: f64,
    start: Instant,
    /// The first message's time, which is due at `start`.
    first: Option<Micros>,
    /// When the last line was due: none is due before it.
    due: Instant,
    parser: Parser,
    scratch: Vec<u8>,
}

/// The metrics that [`Timing`] parses, put behind a line's own: which ones a store has is the monitor's business.
const ANY_METRICS: &[u8] = b",\"cpu\":0,\"ram\":0,\"disk\":0}\n";

impl Timing {
    fn new(speed: f64, start: Instant) -> Self {
        let parser = Parser::new(&Metrics::default());
        Self { speed, start, first: None, due: start, parser, scratch: Vec::new() }
    }

    /// When the first of `lines` is due, and the length of all lines that may go with it: those due by then, or by
    /// `now`.
    fn next(&mut self, lines: &[u8], now: Instant) -> (Instant, usize) {
        let first = self.due_of(lines);
        self.due = first;
        let mut length = 0;
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let due = self.due_of(line);
            if due > first.max(now) {
                break;
            }
            self.due = due;
            length += line.len();
        }
        (first, length)
    }

    /// When a line is due; one without a time is due with the line before it.
    fn due_of(&mut self, line: &[u8]) -> Instant {
        let end = memchr::memchr(b'\n', line).unwrap_or(line.len());
        let Some(brace) = memchr::memrchr(b'}', &line[..end]) else { return self.due };
        self.scratch.clear();
        self.scratch.extend_from_slice(&line[..brace]);
        self.scratch.extend_from_slice(ANY_METRICS);
        let Next::Message { message, .. } = self.parser.next(&self.scratch) else { return self.due };
        let first = *self.first.get_or_insert(message.time);
        let micros = message.time.get().saturating_sub(first.get()).max(0);
        let after = Duration::try_from_secs_f64(micros as f64 / 1e6 / self.speed).unwrap_or(FAR);
        (self.start + after.min(FAR)).max(self.due)
    }
}

/// Later than any replay runs.
const FAR: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Runs what may block on a thread for that.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_gets_a_line_of_its_own_and_other_lines_stay() {
        let parted = |lines: &str| String::from_utf8(Parting::new().part(lines.as_bytes())).unwrap();
        for same in ["", "{},\r\n", "\n{}\n\r\n , \n", "garbage {} {}\n", "{\"a\":\"}{\"}\n"] {
            assert_eq!(parted(same), same);
        }
        assert_eq!(parted("{}{} ,{},\n{}\r{}garbage{}\n"), "{}\n{}\n ,{},\n{}\n\r{}\ngarbage{}\n");
    }

    #[test]
    fn a_line_is_due_by_its_time_whatever_its_metrics_are() {
        let start = Instant::now();
        let mut timing = Timing::new(2.0, start);
        let mut due = |line: &str| timing.due_of(line.as_bytes()) - start;
        assert_eq!(due("{\"service\":\"a\",\"time\":1763715600,\"load\":3}\n"), Duration::ZERO);
        assert_eq!(due("{\"service\":\"a\",\"time\":1763715604,\"cpu\":\"high\"},\r\n{}"), Duration::from_secs(2));
        assert_eq!(due("{\"service\":\"a\",\"load\":3}\n"), Duration::ZERO, "without a time, with the line before");
        assert_eq!(due("{}\n"), Duration::ZERO);
    }
}
