//! A worker: judges the lines of a chunk and sorts the accepted by date.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender};

use schema::{Date, MAX_LINE, Message, Next, Parser, Reject, ServiceName};

use super::dated::Piece;
use super::stage::{ImportOptions, Rejected};

/// The services seen so far, by all workers; at most so many.
#[derive(Debug)]
pub(super) struct Services {
    limit: usize,
    seen: Mutex<BTreeSet<ServiceName>>,
}

impl Services {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, seen: Mutex::new(BTreeSet::new()) }
    }

    pub(super) fn into_names(self) -> Vec<ServiceName> {
        let seen = self.seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.into_iter().collect()
    }

    fn admit(&self, name: &str) -> Result<(), Reject> {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if seen.contains(name) {
            return Ok(());
        }
        if seen.len() >= self.limit {
            return Err(Reject::TooManyServices);
        }
        seen.insert(ServiceName::new(name).map_err(|_| Reject::InvalidService)?);
        Ok(())
    }
}

/// What a chunk turned out to hold.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) pieces: Vec<Piece>,
    pub(super) rejected: Vec<Rejected>,
}

/// Judges chunks, one after the other.
pub(super) struct Worker<'a> {
    parser: Parser,
    options: &'a ImportOptions,
    services: &'a Services,
    /// Those that this worker knows to be admitted.
    admitted: HashSet<String>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(options: &'a ImportOptions, services: &'a Services) -> Self {
        Self { parser: Parser::new(&options.metrics), options, services, admitted: HashSet::new() }
    }

    /// Judges all chunks that come, until no more do or nobody wants the result.
    pub(super) fn run(mut self, chunks: &Receiver<Vec<u8>>, parsed: &SyncSender<Parsed>) {
        while let Ok(chunk) = chunks.recv() {
            if parsed.send(self.judge(&chunk)).is_err() {
                return;
            }
        }
    }

    fn judge(&mut self, chunk: &[u8]) -> Parsed {
        let mut sorter = Sorter::default();
        let Self { parser, options, services, admitted } = self;
        let mut rest = chunk;
        while !rest.is_empty() {
            let next = parser.next(rest);
            let length = match &next {
                Next::Message { end, .. } | Next::Reject { end, .. } => *end,
                Next::EndOfLine { end } => end - 1,
                Next::Incomplete => rest.len(),
            };
            if length > MAX_LINE {
                // As the monitor does: what follows on the line is not looked at.
                let line = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
                sorter.reject(Reject::LineTooLong, &rest[..line]);
                rest = &rest[line..];
                continue;
            }
            let used = match next {
                Next::Message { message, start, end } => {
                    let object = &rest[start..end];
                    match admit(&message, options, services, admitted) {
                        Ok(()) => sorter.piece(message.time.date()).add(object, message.time),
                        Err(reason) => sorter.reject(reason, object),
                    }
                    end
                }
                Next::Reject { reason, end } => {
                    sorter.reject(reason, &rest[..end]);
                    end
                }
                Next::EndOfLine { end } => end,
                Next::Incomplete => {
                    // Chunks are whole lines: only a line that is cut off inside can end here.
                    sorter.reject(Reject::InvalidJson, rest);
                    rest.len()
                }
            };
            rest = &rest[used..];
        }
        sorter.parsed
    }
}

/// What the parser cannot judge: clock and the number of services.
fn admit(
    message: &Message<'_>,
    options: &ImportOptions,
    services: &Services,
    admitted: &mut HashSet<String>,
) -> Result<(), Reject> {
    if message.time > options.latest {
        return Err(Reject::FutureTimestamp);
    }
    if !admitted.contains(message.service) {
        services.admit(message.service)?;
        admitted.insert(message.service.to_owned());
    }
    Ok(())
}

/// Sorts messages by date; mostly the date is the one before.
#[derive(Default)]
struct Sorter {
    parsed: Parsed,
    last: usize,
    by_date: HashMap<Date, usize>,
}

impl Sorter {
    fn piece(&mut self, date: Date) -> &mut Piece {
        let pieces = &mut self.parsed.pieces;
        if pieces.get(self.last).is_none_or(|piece| piece.date != date) {
            self.last = *self.by_date.entry(date).or_insert_with(|| {
                pieces.push(Piece::new(date));
                pieces.len() - 1
            });
        }
        &mut pieces[self.last]
    }

    fn reject(&mut self, reason: Reject, item: &[u8]) {
        let line = item.trim_ascii();
        let line = line[..line.len().min(MAX_LINE)].to_vec();
        self.parsed.rejected.push(Rejected { reason, line });
    }
}
