//! Stream: one connection's bytes, from read to read, without its socket.
//!
//! A stream opens either with a hello, and is then read in lines that are
//! acknowledged, or with anything else, and is then read in objects. The body
//! of a submission is read in lines from its first byte. Between reads a stream
//! keeps the partial line, or the head of a line that is too long.
//!
//! What must hold: what is handed over does not depend on how the bytes were
//! cut into reads; no more than [`MAX_LINE`] bytes are kept.

use std::ops::Range;

use access::{Denied, Grant, Scope};
use memchr::{memchr, memchr2};
use schema::{ClientId, Hello, MAX_LINE, Reject, ServerFrame, is_hello};

use crate::answers::{Answers, REPORT_BYTES};
use crate::buffer::Buffer;
use crate::ingest::Ingest;
use crate::intake::{Arrival, Intake, Rest};
use crate::quarantine::KEPT;
use crate::tally::Tally;

/// One connection's bytes.
#[derive(Debug)]
pub(crate) struct Stream {
    phase: Phase,
    held: Held,
    /// A hello was wrong, and the client was told.
    hello_refused: bool,
    /// What the client may send, where not everybody may: by its certificate, or the token in its hello.
    grant: Option<Grant>,
}

/// How it is read.
#[derive(Debug)]
enum Phase {
    /// The first line is not here yet.
    Opening,
    Plain,
    Acking(Box<Answers>),
    Body(Box<Tally>),
}

/// What is kept between reads.
#[derive(Debug)]
enum Held {
    /// The beginning of an item.
    Partial(Vec<u8>),
    /// An item that is too long is being skipped to its newline; how it began.
    TooLong(Box<[u8]>),
}

/// Why a conversation ends before the peer ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A newer connection of the same client has taken over.
    Superseded,
    /// The client cannot be remembered: `clients.max`.
    TooManyClients,
    /// This monitor was sealed: nothing is acknowledged any more.
    Sealed,
    /// The client may not send.
    Denied(Denied),
    /// The client's id is too long to be told from those of other tokens.
    LongId,
}

impl Stream {
    /// A stream of which nothing was read yet, from whoever has this grant already.
    pub(crate) fn new(grant: Option<Grant>) -> Self {
        Self { phase: Phase::Opening, held: Held::Partial(Vec::new()), hello_refused: false, grant }
    }

    /// Whether it is known what the client may send.
    pub(crate) fn admitted(&self, ingest: &Ingest) -> bool {
        self.grant.is_some() || ingest.access.is_open()
    }

    /// The body of a submission, from whoever has this grant.
    pub(crate) fn of_body(tally: Tally, grant: Option<Grant>) -> Self {
        Self { phase: Phase::Body(Box::new(tally)), ..Self::new(grant) }
    }

    /// What was handed over of a body.
    pub(crate) fn tally(&mut self) -> Option<&mut Tally> {
        match &mut self.phase {
            Phase::Body(tally) => Some(tally),
            _ => None,
        }
    }

    /// The conversation, if the client asked for one.
    pub(crate) fn answers(&mut self) -> Option<&mut Answers> {
        match &mut self.phase {
            Phase::Acking(answers) => Some(answers),
            _ => None,
        }
    }

    /// Where in the intake's input the next bytes belong: behind what is kept.
    pub(crate) fn offset(&self) -> usize {
        match &self.held {
            Held::Partial(partial) => partial.len(),
            Held::TooLong(_) => 0,
        }
    }

    /// Bytes kept, in memory.
    pub(crate) fn held(&self) -> usize {
        let line = match &self.held {
            Held::Partial(partial) => partial.len(),
            Held::TooLong(head) => head.len(),
        };
        line + self.untaken()
    }

    /// Bytes kept for reports that the client has not taken.
    pub(crate) fn untaken(&self) -> usize {
        match &self.phase {
            Phase::Acking(answers) => answers.held(),
            Phase::Plain | Phase::Opening | Phase::Body(_) => 0,
        }
    }

    /// By how much each byte read can make [`held`](Self::held) grow.
    pub(crate) fn weight(&self) -> usize {
        match self.phase {
            // Behind a hello there may be lines already.
            Phase::Acking(_) | Phase::Opening => 1 + REPORT_BYTES,
            Phase::Plain | Phase::Body(_) => 1,
        }
    }

    /// Takes what was read into `intake.input[read]`, which begins at
    /// [`offset`](Self::offset), and hands over what is whole. Frames that
    /// cannot wait for a commit are appended to `out`.
    pub(crate) fn take(
        &mut self,
        intake: &mut Intake,
        read: Range<usize>,
        arrival: Arrival,
        ingest: &Ingest,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let to = read.end;
        let Some(mut at) = self.join(intake, read, arrival) else {
            return Ok(());
        };
        if matches!(self.phase, Phase::Opening) {
            at = self.open(intake, at..to, arrival, ingest, out)?;
        }
        if !matches!(self.phase, Phase::Opening) {
            self.permitted(arrival, ingest)?;
            intake.limit(self.grant.as_ref());
        }
        let rest = match &self.phase {
            Phase::Opening => Rest::Partial(at),
            Phase::Plain => intake.objects(at..to, arrival),
            Phase::Acking(_) | Phase::Body(_) => intake.lines(at..to, arrival),
        };
        self.hand_over(intake, &ingest.buffer)?;
        self.keep(rest, &intake.input[..to]);
        Ok(())
    }

    /// The peer has ended the stream. The last object of a plain one needs no
    /// newline; on one with acks an unterminated rest is dropped.
    pub(crate) fn finish(&mut self, intake: &mut Intake, arrival: Arrival, ingest: &Ingest) {
        let held = std::mem::replace(&mut self.held, Held::Partial(Vec::new()));
        if matches!(self.phase, Phase::Acking(_)) || self.permitted(arrival, ingest).is_err() {
            return;
        }
        intake.limit(self.grant.as_ref());
        match held {
            Held::Partial(partial) => {
                let end = partial.len();
                intake.input[..end].copy_from_slice(&partial);
                intake.input[end] = b'\n';
                intake.objects(0..end + 1, arrival);
            }
            Held::TooLong(head) => intake.chunk.reject(Reject::LineTooLong, &head, arrival),
        }
        // Without a session nothing is refused.
        let _ = self.hand_over(intake, &ingest.buffer);
    }

    /// A body has ended: its last line needs no newline.
    pub(crate) fn end_body(&mut self, intake: &mut Intake, arrival: Arrival, ingest: &Ingest) -> Result<(), Refusal> {
        self.permitted(arrival, ingest)?;
        intake.limit(self.grant.as_ref());
        match std::mem::replace(&mut self.held, Held::Partial(Vec::new())) {
            Held::Partial(partial) if partial.is_empty() => {}
            Held::Partial(partial) => {
                let end = partial.len();
                intake.input[..end].copy_from_slice(&partial);
                intake.input[end] = b'\n';
                intake.lines(0..end + 1, arrival);
            }
            Held::TooLong(head) => intake.chunk.line(Err((Reject::LineTooLong, &head)), arrival),
        }
        self.hand_over(intake, &ingest.buffer)
    }

    /// Puts what is kept in front of what was read and says where judging
    /// begins; `None` when there is nothing to judge yet.
    fn join(&mut self, intake: &mut Intake, read: Range<usize>, arrival: Arrival) -> Option<usize> {
        match &mut self.held {
            Held::Partial(partial) => {
                let new = &intake.input[read.clone()];
                let completes = match self.phase {
                    Phase::Acking(_) | Phase::Body(_) => memchr(b'\n', new).is_some(),
                    Phase::Plain | Phase::Opening => partial.is_empty() || memchr2(b'\n', b'}', new).is_some(),
                };
                if !completes && read.end <= MAX_LINE {
                    // Many connections hold a little: no capacity to spare.
                    partial.reserve_exact(new.len());
                    partial.extend_from_slice(new);
                    return None;
                }
                intake.input[..read.start].copy_from_slice(partial);
                Some(0)
            }
            Held::TooLong(head) => {
                let newline = memchr(b'\n', &intake.input[read.clone()])?;
                let rejected = (Reject::LineTooLong, &head[..]);
                match self.phase {
                    Phase::Acking(_) | Phase::Body(_) => intake.chunk.line(Err(rejected), arrival),
                    _ => intake.chunk.reject(rejected.0, rejected.1, arrival),
                }
                Some(read.start + newline + 1)
            }
        }
    }

    /// Looks for a hello and says where judging goes on.
    fn open(
        &mut self,
        intake: &mut Intake,
        range: Range<usize>,
        arrival: Arrival,
        ingest: &Ingest,
        out: &mut Vec<u8>,
    ) -> Result<usize, Refusal> {
        let mut at = range.start;
        loop {
            let bytes = &intake.input[at..range.end];
            let Some(newline) = memchr(b'\n', bytes) else {
                if !could_be_hello(bytes) {
                    self.phase = Phase::Plain;
                }
                return Ok(at);
            };
            let line = &bytes[..newline];
            if !is_hello(line) {
                self.phase = Phase::Plain;
                return Ok(at);
            }
            at += newline + 1;
            match Hello::parse(line) {
                Ok(hello) => {
                    let client = self.admit(&hello, arrival, ingest)?;
                    let session = ingest.buffer.take_over(&client).map_err(|_| Refusal::TooManyClients)?;
                    self.phase = Phase::Acking(Box::new(Answers::new(session)));
                    return Ok(at);
                }
                // What a stranger sends is neither counted nor kept; a token might be in it.
                Err(_) if !self.admitted(ingest) => return Err(Refusal::Denied(Denied::Nothing)),
                Err(_) => {
                    intake.chunk.reject(Reject::InvalidHello, line, arrival);
                    // Said once: who goes on like this may well read no answers.
                    if !std::mem::replace(&mut self.hello_refused, true) {
                        ServerFrame::Reject { line: 0, reason: Reject::InvalidHello }.encode(out);
                    }
                }
            }
        }
    }

    /// Takes the token in a hello, and says which client its sender is.
    fn admit(&mut self, hello: &Hello, arrival: Arrival, ingest: &Ingest) -> Result<ClientId, Refusal> {
        if ingest.access.is_open() {
            return Ok(hello.client.clone());
        }
        if let Some(token) = &hello.token {
            self.grant = Some(ingest.access.token(token, arrival.now).map_err(Refusal::Denied)?);
        }
        self.permitted(arrival, ingest)?;
        let grant = self.grant.as_ref().ok_or(Refusal::Denied(Denied::Nothing))?;
        grant.client(&hello.client).map_err(|_| Refusal::LongId)
    }

    /// Whether what was just read may be taken: asked at each read, as a grant may end.
    fn permitted(&self, arrival: Arrival, ingest: &Ingest) -> Result<(), Refusal> {
        match &self.grant {
            _ if ingest.access.is_open() => Ok(()),
            None => Err(Refusal::Denied(Denied::Nothing)),
            Some(grant) if !grant.counts(arrival.now) => Err(Refusal::Denied(Denied::Unknown)),
            Some(grant) if !grant.has(Scope::Ingest) => Err(Refusal::Denied(Denied::Scope(Scope::Ingest))),
            Some(_) => Ok(()),
        }
    }

    fn hand_over(&mut self, intake: &mut Intake, buffer: &Buffer) -> Result<(), Refusal> {
        let chunk = &mut intake.chunk;
        if chunk.items() == 0 {
            return Ok(());
        }
        match &mut self.phase {
            Phase::Acking(answers) => {
                buffer.push(chunk, &intake.input, Some(&answers.session)).map_err(|_| Refusal::Superseded)?;
                answers.handed_over(chunk.lines.consumed, &chunk.reports);
                Ok(())
            }
            Phase::Body(tally) => tally.hand_over(chunk, &intake.input, buffer).map_err(|_| Refusal::Superseded),
            _ => buffer.push(chunk, &intake.input, None).map(|_| ()).map_err(|_| Refusal::Superseded),
        }
    }

    /// Keeps the rest of what was read.
    fn keep(&mut self, rest: Rest, input: &[u8]) {
        self.held = match rest {
            Rest::Partial(at) if input.len() - at <= MAX_LINE => Held::Partial(input[at..].to_vec()),
            Rest::Partial(at) | Rest::TooLong(at) => {
                if matches!(self.phase, Phase::Opening) {
                    self.phase = Phase::Plain;
                }
                Held::TooLong(input[at..].iter().copied().take(KEPT).collect())
            }
        };
    }
}

/// Whether these bytes, without a newline, may yet become a hello.
fn could_be_hello(bytes: &[u8]) -> bool {
    let mut solid = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    br#"{"hourglass":"#.iter().all(|expected| solid.next().is_none_or(|byte| byte == expected))
}

#[cfg(test)]
mod tests;
