//! Submissions: lines that come whole, not over a connection of ours, and get one answer (`POST /api/v1/messages`).
//!
//! In: a body, already here and known to be readable to its end; with a key, whose lines these are and the number of
//! the first. Out: once everything is durable (`ack.after`), how many lines that was and which were rejected; or why
//! not, and how many lines were handed over before.
//!
//! A submission with a key is what a connection with acks is: it takes its client over, so an older connection or
//! submission hands over nothing more; lines consumed before are passed over; after that it hands over the rest, from
//! read to read as room comes. One without counts its lines alike, and that is all.
//!
//! What must hold: no line of a client is consumed twice or left out, whatever is repeated, cut short or sent twice at
//! once; what is answered is durable; whoever asked may leave, what was begun is brought to its end all the same; a
//! submission neither holds a thread while it waits nor waits for ever; a drain waits for it.

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use access::Grant;
use log::ClientCount;
use schema::ClientId;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::health::Reasons;
use crate::ingest::Ingest;
use crate::stream::{Refusal, Stream};
use crate::submission::{NotSubmitted, Submission, Submitted, Why};
use crate::tally::{Claim, Tally};

/// Bytes judged between two looks at the others.
const PIECE: usize = 64 << 10;

/// How long a submission of which nothing was handed over waits for room.
const ROOM: Duration = Duration::from_secs(5);

/// How long one takes at most, from its body being here to its answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Takes submissions for a monitor; see [`Monitor::submitter`](crate::Monitor::submitter). Cheap to clone.
#[derive(Debug, Clone)]
pub struct Submitter {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) reasons: watch::Receiver<Reasons>,
    /// What a drain waits for.
    pub(crate) tasks: TaskTracker,
}

impl Submitter {
    /// Who takes them: `<monitor>/<incarnation>`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.ingest.monitor, self.ingest.incarnation)
    }

    /// Whether a submission would be taken now: whoever has yet to fetch a body can save itself that.
    ///
    /// # Errors
    /// [`Why::Paused`], [`Why::Stopping`], [`Why::Sealed`].
    pub fn ready(&self) -> Result<(), Why> {
        let monitor = self.ingest.monitor.clone();
        if self.ingest.sealed.is_cancelled() {
            return Err(Why::Sealed { monitor });
        }
        if self.ingest.drain.is_cancelled() {
            return Err(Why::Stopping { monitor });
        }
        match self.reasons.borrow().any() {
            Some(reason) => Err(Why::Paused { monitor, reason: reason.to_owned() }),
            None => Ok(()),
        }
    }

    /// Takes a submission in; what is answered is durable. Goes on by itself if the answer is no longer awaited.
    ///
    /// # Errors
    /// [`NotSubmitted`]: to submit the same again with the same key is always right; without one, what was handed over
    /// would count twice.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted, NotSubmitted> {
        // Before the look: a drain that begins after it waits for this.
        let token = self.tasks.token();
        self.ready().map_err(|why| NotSubmitted { why, handed_over: 0 })?;
        let handing_over = HandingOver::new(submission, Arc::clone(&self.ingest), self.reasons.clone());
        let task = tokio::spawn(async move {
            let _awaited_by_a_drain = token;
            handing_over.run().await
        });
        // What it had handed over went with it.
        task.await.unwrap_or(Err(NotSubmitted { why: Why::Broken, handed_over: 0 }))
    }
}

/// A submission on its way.
struct HandingOver {
    ingest: Arc<Ingest>,
    reasons: watch::Receiver<Reasons>,
    peer: SocketAddr,
    grant: Option<Grant>,
    key: Option<(ClientId, NonZeroU64)>,
    lines: BufReader<Box<dyn Read + Send>>,
    stream: Stream,
    skipped: u64,
    until: Instant,
}

impl HandingOver {
    fn new(submission: Submission, ingest: Arc<Ingest>, reasons: watch::Receiver<Reasons>) -> Self {
        let Submission { peer, grant, key, lines } = submission;
        let (lines, stream) =
            (BufReader::with_capacity(PIECE, lines), Stream::of_body(Tally::new(None, 1), grant.clone()));
        Self { ingest, reasons, peer, grant, key, lines, stream, skipped: 0, until: Instant::now() + PATIENCE }
    }

    async fn run(mut self) -> Result<Submitted, NotSubmitted> {
        let ingest = Arc::clone(&self.ingest);
        let monitor = || ingest.monitor.clone();
        let ended = tokio::select! {
            biased;
            () = ingest.sealed.cancelled() => Err(Why::Sealed { monitor: monitor() }),
            () = ingest.abort.cancelled() => Err(Why::Stopping { monitor: monitor() }),
            ended = self.consume() => ended,
        };
        let handed_over = self.tally().map_or(0, |tally| tally.lines.consumed);
        ended.map_err(|why| NotSubmitted { why, handed_over })
    }

    /// Hands everything over, and waits until it is durable.
    async fn consume(&mut self) -> Result<Submitted, Why> {
        self.room(ROOM).await?;
        if let Some((client, first)) = self.key.clone() {
            self.take_over(&client, first.get()).await?;
        }
        while self.hand_over()? {
            tokio::task::yield_now().await;
            self.room(PATIENCE).await?;
        }
        self.durable().await?;
        Ok(self.submitted())
    }

    /// Makes this what counts for the client, and passes over what it has had consumed.
    async fn take_over(&mut self, client: &ClientId, first: u64) -> Result<(), Why> {
        let buffer = Arc::clone(&self.ingest.buffer);
        let session = buffer.take_over(client).map_err(|_| Why::TooManyClients)?;
        let resume = session.resume.consumed;
        let tally = Tally::new(Some(Claim { session, buffer }), resume + 1);
        self.stream = Stream::of_body(tally, self.grant.clone());
        let Some(consumed) = (resume + 1).checked_sub(first) else {
            self.durable().await?;
            return Err(Why::Gap { resume });
        };
        let mut bytes = 0;
        while self.skipped < consumed {
            match self.lines.skip_until(b'\n').map_err(Why::Unreadable)? {
                0 => break,
                line => bytes += line,
            }
            self.skipped += 1;
            if bytes >= PIECE {
                bytes = 0;
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Reads, judges and hands over a piece; whether there may be more.
    fn hand_over(&mut self) -> Result<bool, Why> {
        let ingest = Arc::clone(&self.ingest);
        let mut intake = ingest.intakes.take();
        let from = self.stream.offset();
        let arrival = ingest.arrival(self.peer);
        let read = fill(&mut self.lines, &mut intake.input[from..from + PIECE]).map_err(Why::Unreadable)?;
        ingest.instruments.received_bytes.inc_by(read as u64);
        // Frames are for conversations.
        let mut frames = Vec::new();
        let handed_over = match read {
            0 => self.stream.end_body(&mut intake, arrival, &ingest),
            read => self.stream.take(&mut intake, from..from + read, arrival, &ingest, &mut frames),
        };
        ingest.intakes.give_back(intake);
        handed_over.map_err(|refusal| self.refused(&refusal))?;
        Ok(read > 0)
    }

    /// Waits for room, so long at most.
    async fn room(&mut self, limit: Duration) -> Result<(), Why> {
        let until = self.until.min(Instant::now() + limit);
        timeout_at(until, self.ingest.buffer.room()).await.map_err(|_| {
            let reason = self.reasons.borrow().any().unwrap_or("the disk is slower than what comes in").to_owned();
            Why::Paused { monitor: self.ingest.monitor.clone(), reason }
        })
    }

    /// Waits until what was handed over, here and before, is durable.
    async fn durable(&mut self) -> Result<(), Why> {
        let (until, ingest) = (self.until, Arc::clone(&self.ingest));
        let Some(tally) = self.tally() else { return Ok(()) };
        timeout_at(until, tally.durable(&ingest.buffer)).await.map_err(|_| Why::Late)
    }

    fn refused(&mut self, refusal: &Refusal) -> Why {
        let monitor = self.ingest.monitor.clone();
        let session = self.tally().and_then(Tally::session);
        match refusal {
            Refusal::Sealed => Why::Sealed { monitor },
            Refusal::TooManyClients | Refusal::LongId => Why::TooManyClients,
            Refusal::Denied(denied) => Why::Denied(*denied),
            Refusal::Superseded => {
                let resume = session.map_or(0, |session| session.durable.borrow().count.consumed);
                Why::Superseded { resume }
            }
        }
    }

    fn submitted(&mut self) -> Submitted {
        let mut none = Tally::new(None, 1);
        let tally = self.stream.tally().unwrap_or(&mut none);
        let ClientCount { consumed, rejected } = tally.lines;
        Submitted {
            accepted: consumed - rejected,
            rejected,
            skipped: self.skipped,
            messages: tally.messages,
            rejects: std::mem::take(&mut tally.rejects),
            resume: tally.session().map(|session| session.resume.consumed + consumed),
            monitor: self.ingest.monitor.clone(),
            incarnation: self.ingest.incarnation,
        }
    }

    fn tally(&mut self) -> Option<&mut Tally> {
        self.stream.tally()
    }
}

/// Reads until `into` is full or nothing more comes.
fn fill(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match from.read(&mut into[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
