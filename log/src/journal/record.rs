//! A record: one commit in the journal. The bytes are in `journal.rs`.

use std::collections::{BTreeMap, BTreeSet};

use schema::{ClientId, Date, Micros, Position, Rejects, ServiceName};

use super::frame::{self, Kind};
use super::wire::{Body, Malformed, Reader};
use crate::batch::{Batch, ClientCount};

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) commit: u64,
    pub(crate) seq: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) log_crc32c: u32,
    pub(crate) date: Date,
    pub(crate) queue_len: u64,
    pub(crate) queue_crc32c: u32,
    pub(crate) messages: u64,
    pub(crate) least: Micros,
    pub(crate) greatest: Micros,
    pub(crate) rejected: Rejects,
    pub(crate) clients: BTreeMap<ClientId, ClientCount>,
    pub(crate) services: BTreeSet<ServiceName>,
}

impl Record {
    /// The record of `batch` as commit number `commit`, its log bytes at `from`
    /// in a file of `date`, its rows in a queue that was `queue_len` long.
    pub(crate) fn of(batch: &Batch, commit: u64, from: Position, date: Date, queue_len: u64) -> Self {
        let (least, greatest) = match batch.messages {
            0 => (Micros::MIN, Micros::MIN),
            _ => (batch.least, batch.greatest),
        };
        Self {
            commit,
            seq: from.seq,
            from: from.offset,
            to: from.offset + batch.log.len() as u64,
            log_crc32c: crc32c::crc32c(&batch.log),
            date,
            queue_len: queue_len + batch.queue.len() as u64,
            queue_crc32c: crc32c::crc32c(&batch.queue),
            messages: batch.messages,
            least,
            greatest,
            rejected: batch.rejected,
            clients: batch.clients.iter().cloned().collect(),
            services: batch.services.iter().cloned().collect(),
        }
    }

    /// Where its log bytes begin.
    pub(crate) fn start(&self) -> Position {
        Position { seq: self.seq, offset: self.from }
    }

    /// Where its log bytes end.
    pub(crate) fn end(&self) -> Position {
        Position { seq: self.seq, offset: self.to }
    }

    /// The whole frame, or `None` when it is longer than a frame may be.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut body = Body::default();
        body.u64(self.commit)
            .u64(self.seq)
            .u64(self.from)
            .u64(self.to)
            .u32(self.log_crc32c)
            .date(self.date)
            .u64(self.queue_len)
            .u32(self.queue_crc32c)
            .u64(self.messages)
            .micros(self.least)
            .micros(self.greatest)
            .rejects(&self.rejected)
            .clients(&self.clients)
            .services(&self.services);
        frame::frame(Kind::Commit, &body.0)
    }

    /// Reads a frame's body.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut body = Reader::new(body);
        let record = Self {
            commit: body.u64()?,
            seq: body.u64()?,
            from: body.u64()?,
            to: body.u64()?,
            log_crc32c: body.u32()?,
            date: body.date()?,
            queue_len: body.u64()?,
            queue_crc32c: body.u32()?,
            messages: body.u64()?,
            least: body.micros()?,
            greatest: body.micros()?,
            rejected: body.rejects()?,
            clients: body.clients()?,
            services: body.services()?,
        };
        body.finish()?;
        Ok(record)
    }
}
