//! Intake: from bytes as read to a [`Chunk`], on the reading thread.
//!
//! An intake is a worker's scratch: the read buffer, a parser with the layouts
//! it has learned, what it has looked up of the services, and a chunk. There
//! are no more of them than reads at the same moment, however many connections
//! there are; between reads a connection keeps its partial line only.
//!
//! Two ways to read a stream:
//! - **objects** (plain clients): each object is judged alone and as soon as it
//!   is whole, whether or not a newline follows;
//! - **lines** (acking clients): a line is the bytes up to `\n`; it is one
//!   item, consumed when its newline is here, rejected with the first reason of
//!   any object in it.
//!
//! Either way an item longer than [`MAX_LINE`] is rejected once and skipped to
//! its newline, and what is decided does not depend on how the bytes were cut
//! into reads.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use access::Grant;
use hashbrown::HashMap;
use memchr::{memchr, memrchr};
use parking_lot::Mutex;
use schema::{MAX_LINE, Message, Metrics, Micros, Minute, Next, Parser, Reject, ServiceName, queue_row};

use crate::chunk::Chunk;
use crate::services::{ServiceId, Services};

/// Bytes asked of a socket at a time.
pub(crate) const READ: usize = 512 << 10;

/// A worker's scratch.
#[derive(Debug)]
pub(crate) struct Intake {
    /// The partial line, then what was read.
    pub(crate) input: Box<[u8]>,
    /// What became of it.
    pub(crate) chunk: Chunk,
    parser: Parser,
    judge: Judge,
}

/// Accepts or rejects what the parser could read.
#[derive(Debug)]
struct Judge {
    services: Arc<Services>,
    known: HashMap<ServiceName, Known>,
    /// Number of the current chunk.
    chunk: u64,
    /// The latest Timestamp acceptable now.
    latest: Micros,
    /// Who sends, where that is one who may not for every service.
    limit: Option<Grant>,
}

/// What a worker knows of a service.
#[derive(Debug)]
struct Known {
    id: ServiceId,
    listed: bool,
    /// The last row noted, and in which chunk.
    noted: (u64, Minute),
}

/// Who sent the bytes, and when they were read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// The peer.
    pub(crate) peer: SocketAddr,
    /// The time of the read.
    pub(crate) now: Micros,
    /// The latest Timestamp acceptable then.
    pub(crate) latest: Micros,
}

/// Where judging ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// What follows is the beginning of an item.
    Partial(usize),
    /// What follows is the beginning of an item that is too long already.
    TooLong(usize),
}

impl Intake {
    /// Whose messages are judged from now on: those of services that the grant does not reach are rejected.
    pub(crate) fn limit(&mut self, grant: Option<&Grant>) {
        self.judge.limit = grant.filter(|grant| !grant.all_services()).cloned();
    }

    /// Judges the objects in `range` of the input.
    pub(crate) fn objects(&mut self, range: Range<usize>, arrival: Arrival) -> Rest {
        self.judge.begin(arrival);
        let Range { start: mut at, end: to } = range;
        while at < to {
            let bytes = &self.input[at..to];
            let next = self.parser.next(bytes);
            let length = match &next {
                Next::Message { end, .. } | Next::Reject { end, .. } => *end,
                Next::EndOfLine { end } => end - 1,
                Next::Incomplete => bytes.len(),
            };
            if length > MAX_LINE {
                let Some(newline) = memchr(b'\n', bytes) else { return Rest::TooLong(at) };
                self.chunk.reject(Reject::LineTooLong, bytes, arrival);
                at += newline + 1;
                continue;
            }
            at += match next {
                Next::Message { message, start, end } => {
                    if let Err(reason) = self.judge.accept(&message, at + start..at + end, &self.input, &mut self.chunk)
                    {
                        self.chunk.reject(reason, &bytes[start..end], arrival);
                    }
                    end
                }
                Next::Reject { reason, end } => {
                    self.chunk.reject(reason, &bytes[..end], arrival);
                    end
                }
                Next::EndOfLine { end } => end,
                Next::Incomplete => break,
            };
        }
        Rest::Partial(at)
    }

    /// Judges the whole lines in `range` of the input.
    pub(crate) fn lines(&mut self, range: Range<usize>, arrival: Arrival) -> Rest {
        self.judge.begin(arrival);
        let Range { start: mut at, end: to } = range;
        loop {
            // Lines that end within MAX_LINE of here are not too long.
            let window = &self.input[at..to.min(at + MAX_LINE + 1)];
            match memrchr(b'\n', window) {
                Some(last) => {
                    self.short_lines(at..at + last + 1, arrival);
                    at += last + 1;
                }
                None if window.len() <= MAX_LINE => return Rest::Partial(at),
                None => {
                    let Some(newline) = memchr(b'\n', &self.input[at..to]) else { return Rest::TooLong(at) };
                    self.chunk.line(Err((Reject::LineTooLong, window)), arrival);
                    at += newline + 1;
                }
            }
        }
    }

    /// Judges whole lines none of which is too long.
    fn short_lines(&mut self, range: Range<usize>, arrival: Arrival) {
        let Range { start: mut at, end: to } = range;
        let mut line = at;
        let mut judged = Ok(());
        while at < to {
            at += match self.parser.next(&self.input[at..to]) {
                Next::Message { message, start, end } => {
                    let span = at + start..at + end;
                    judged = judged.and(self.judge.accept(&message, span, &self.input, &mut self.chunk));
                    end
                }
                Next::Reject { reason, end } => {
                    judged = judged.and(Err(reason));
                    end
                }
                Next::EndOfLine { end } => {
                    let raw = &self.input[line..at];
                    self.chunk.line(std::mem::replace(&mut judged, Ok(())).map_err(|reason| (reason, raw)), arrival);
                    line = at + end;
                    end
                }
                // The range ends with a newline, so this is not met.
                Next::Incomplete => return,
            };
        }
    }
}

impl Judge {
    fn begin(&mut self, arrival: Arrival) {
        self.chunk += 1;
        self.latest = arrival.latest;
    }

    /// Takes a message, whose bytes are `input[span]`, into the chunk.
    fn accept(
        &mut self,
        message: &Message<'_>,
        span: Range<usize>,
        input: &[u8],
        chunk: &mut Chunk,
    ) -> Result<(), Reject> {
        if message.time > self.latest {
            return Err(Reject::FutureTimestamp);
        }
        // Before the service is looked up: it takes no place among those there are.
        if self.limit.as_ref().is_some_and(|grant| !grant.reaches(message.service)) {
            return Err(Reject::ForbiddenService);
        }
        self.note_row(message, chunk)?;
        queue_row::encode(&mut chunk.queue, message);
        let after_newline = span.start > 0 && input[span.start - 1] == b'\n';
        chunk.message(span, after_newline, message.time);
        Ok(())
    }

    /// Looks the service up and notes the message's view row.
    fn note_row(&mut self, message: &Message<'_>, chunk: &mut Chunk) -> Result<(), Reject> {
        let row = (self.chunk, message.time.minute());
        let known = match self.known.get_mut(message.service) {
            Some(known) if known.listed => known,
            _ => self.look_up(message.service, chunk)?,
        };
        if known.noted != row {
            known.noted = row;
            chunk.rows.push((known.id, row.1));
        }
        Ok(())
    }

    #[cold]
    fn look_up(&mut self, name: &str, chunk: &mut Chunk) -> Result<&mut Known, Reject> {
        let name = ServiceName::new(name).map_err(|_| Reject::InvalidService)?;
        let (id, listed) = self.services.admit(&name).ok_or(Reject::TooManyServices)?;
        if !listed && !chunk.fresh.contains(&id) {
            chunk.fresh.push(id);
        }
        let known = self.known.entry(name).or_insert(Known { id, listed, noted: (0, Minute::default()) });
        known.listed = listed;
        Ok(known)
    }
}

/// The intakes, as many as are in use at the same moment.
#[derive(Debug)]
pub(crate) struct Intakes {
    idle: Mutex<Vec<Intake>>,
    metrics: Metrics,
    services: Arc<Services>,
}

impl Intakes {
    /// No intakes yet.
    pub(crate) fn new(metrics: Metrics, services: Arc<Services>) -> Self {
        Self { idle: Mutex::default(), metrics, services }
    }

    /// Lends an intake, its chunk empty. Give it back before the next await.
    pub(crate) fn take(&self) -> Intake {
        let idle = self.idle.lock().pop();
        idle.unwrap_or_else(|| self.make())
    }

    /// Takes an intake back.
    pub(crate) fn give_back(&self, mut intake: Intake) {
        intake.chunk.clear();
        intake.limit(None);
        self.idle.lock().push(intake);
    }

    fn make(&self) -> Intake {
        Intake {
            input: vec![0; MAX_LINE + READ].into_boxed_slice(),
            chunk: Chunk::new(),
            parser: Parser::new(&self.metrics),
            judge: Judge {
                services: Arc::clone(&self.services),
                known: HashMap::new(),
                chunk: 0,
                latest: Micros::MIN,
                limit: None,
            },
        }
    }
}
