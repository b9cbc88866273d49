//! The opening: the snapshot each journal begins with. The bytes are in
//! `journal.rs`.

use std::collections::{BTreeMap, BTreeSet};

use schema::{ClientId, Generation, Incarnation, Micros, MonitorId, Position, Rejects, ServiceName};

use super::frame::{self, Kind};
use super::wire::{Body, Malformed, Reader};
use crate::batch::ClientCount;
use crate::files::FileSummary;
use crate::mark::JournalMark;

/// What a monitor knew when a generation began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) id: MonitorId,
    pub(crate) incarnation: Incarnation,
    pub(crate) generation: Generation,
    /// The cut before: the seq of the generation's first log file.
    pub(crate) seq: u64,
    /// The tick that opened it.
    pub(crate) tick: Micros,
    /// The number of the last commit before it.
    pub(crate) commit: u64,
    /// Messages ever accepted before it.
    pub(crate) messages: u64,
    /// The queue's length before its first row: its header's.
    pub(crate) queue_len: u64,
    pub(crate) rejected: Rejects,
    pub(crate) clients: BTreeMap<ClientId, ClientCount>,
    pub(crate) services: BTreeSet<ServiceName>,
    /// The generation before, unless this is a monitor's first.
    pub(crate) before: Option<Closed>,
}

/// A closed generation, as the journal after it describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    /// The cut it began at.
    pub(crate) start: Position,
    /// The tick that opened it.
    pub(crate) tick: Micros,
    /// Its last commit, or its opening where there was none.
    pub(crate) last: JournalMark,
    /// Its log files, whole.
    pub(crate) files: Vec<FileSummary>,
}

const VERSION: u16 = 1;

impl Opening {
    /// Where the generation's log begins.
    pub(crate) fn start(&self) -> Position {
        Position { seq: self.seq, offset: 0 }
    }

    /// The whole frame, or `None` when it is longer than a frame may be.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut body = Body::default();
        body.u16(VERSION)
            .text(self.id.as_str())
            .u64(self.incarnation.get())
            .u64(self.generation.get())
            .u64(self.seq)
            .micros(self.tick)
            .u64(self.commit)
            .u64(self.messages)
            .u64(self.queue_len)
            .rejects(&self.rejected)
            .clients(&self.clients)
            .services(&self.services);
        match &self.before {
            Some(closed) => {
                body.bytes(&[1]).u64(closed.start.seq).micros(closed.tick).mark(&closed.last).files(&closed.files)
            }
            None => body.bytes(&[0]),
        };
        frame::frame(Kind::Opening, &body.0)
    }

    /// Reads a frame's body.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut body = Reader::new(body);
        if body.u16()? != VERSION {
            return Err("its format version is not known");
        }
        let opening = Self {
            id: MonitorId::new(body.text()?).map_err(|_| "a monitor id is not one")?,
            incarnation: Incarnation::new(body.u64()?),
            generation: Generation::new(body.u64()?),
            seq: body.u64()?,
            tick: body.micros()?,
            commit: body.u64()?,
            messages: body.u64()?,
            queue_len: body.u64()?,
            rejected: body.rejects()?,
            clients: body.clients()?,
            services: body.services()?,
            before: match body.u8()? {
                0 => None,
                _ => Some(Closed {
                    start: Position { seq: body.u64()?, offset: 0 },
                    tick: body.micros()?,
                    last: body.mark()?,
                    files: body.files()?,
                }),
            },
        };
        body.finish()?;
        Ok(opening)
    }
}

#[cfg(test)]
mod tests {
    use schema::{Date, Reject};

    use super::super::Record;
    use super::super::frame::Header;
    use super::*;
    use crate::batch::Batch;

    fn body(frame: &[u8]) -> &[u8] {
        &frame[Header::parse(frame).unwrap().check(frame).unwrap()]
    }

    fn opening() -> Opening {
        let position = Position::new(3, 99);
        let date = Date::new(20_000).unwrap();
        let (least, greatest) = (Micros::MIN, Micros::MAX);
        let file = FileSummary { seq: 3, date, length: 99, crc32c: 0xdead_beef, messages: 2, least, greatest };
        let generation = Generation::new(8);
        let (journal_offset, commit, queue_len, messages) = (400, 17, 80, 1000);
        let last = JournalMark { generation, position, date, journal_offset, commit, queue_len, messages };
        Opening {
            id: MonitorId::new("web-1").unwrap(),
            incarnation: Incarnation::new(u64::MAX),
            generation: Generation::new(9),
            seq: 4,
            tick: Micros::MAX,
            commit: 17,
            messages: 1000,
            queue_len: 31,
            rejected: [(Reject::EmptyLine, 4), (Reject::InvalidJson, 5)].into_iter().collect(),
            clients: [
                (ClientId::new("é").unwrap(), ClientCount { consumed: 9, rejected: 1 }),
                (ClientId::scoped("token", "é").unwrap(), ClientCount { consumed: 7, rejected: 0 }),
            ]
            .into(),
            services: [ServiceName::new("a,b").unwrap()].into(),
            before: Some(Closed { start: Position::new(2, 0), tick: Micros::MIN, last, files: vec![file; 2] }),
        }
    }

    #[test]
    fn an_opening_survives_its_bytes() {
        for opening in [opening(), Opening { before: None, ..opening() }] {
            assert_eq!(Opening::decode(body(&opening.encode().unwrap())).unwrap(), opening);
        }
    }

    #[test]
    fn a_record_survives_its_bytes() {
        let mut batch = Batch { log: b"{}\n".to_vec(), queue: b"a\n".to_vec(), messages: 1, ..Batch::new() };
        (batch.least, batch.greatest) = (Micros::MIN, Micros::MAX);
        batch.rejected.add(Reject::TooManyServices);
        batch.clients.extend(opening().clients);
        batch.services.extend(opening().services);
        let date = Date::new(20_000).unwrap();
        let record = Record::of(&batch, 5, Position::new(1, 7), date, 30);
        assert_eq!(Record::decode(body(&record.encode().unwrap())).unwrap(), record);
        assert_eq!((record.start(), record.end()), (Position::new(1, 7), Position::new(1, 10)));
        assert_eq!(record.queue_len, 32);
    }

    #[test]
    fn a_body_that_is_cut_or_goes_on_is_refused() {
        let frame = opening().encode().unwrap();
        let body = body(&frame);
        for length in 0..body.len() {
            assert!(Opening::decode(&body[..length]).is_err(), "{length}");
        }
        assert!(Opening::decode(&[body, &[0]].concat()).is_err());
    }
}
