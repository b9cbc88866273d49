//! State: everything the journal says, as of its last applied record.
//!
//! The writer keeps it in memory, recovery rebuilds it, the reader half goes
//! through it too. Pure: no I/O. What must hold: records apply only in a chain,
//! each beginning where the one before ended.

use std::collections::{BTreeMap, BTreeSet};

use schema::{ClientId, Date, Generation, Incarnation, Micros, MonitorId, Position, Rejects, ServiceName};

use crate::batch::ClientCount;
use crate::files::{self, FileSummary};
use crate::journal::{Closed, Opening, Record};
use crate::mark::JournalMark;

/// What is durable.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) id: MonitorId,
    pub(crate) incarnation: Incarnation,
    pub(crate) tick: Micros,
    pub(crate) start: Position,
    pub(crate) mark: JournalMark,
    pub(crate) rejected: Rejects,
    pub(crate) clients: BTreeMap<ClientId, ClientCount>,
    pub(crate) services: BTreeSet<ServiceName>,
    pub(crate) files: Vec<FileSummary>,
}

impl State {
    /// Up to where the log is durable.
    pub fn position(&self) -> Position {
        self.mark.position
    }

    /// The open generation.
    pub fn generation(&self) -> Generation {
        self.mark.generation
    }

    /// The cut at which the open generation began.
    pub fn start(&self) -> Position {
        self.start
    }

    /// The tick that opened the open generation.
    pub fn tick(&self) -> Micros {
        self.tick
    }

    /// The last commit.
    pub fn mark(&self) -> JournalMark {
        self.mark
    }

    /// Every acking client there ever was, with its durable totals.
    pub fn clients(&self) -> &BTreeMap<ClientId, ClientCount> {
        &self.clients
    }

    /// Every service there ever was.
    pub fn services(&self) -> &BTreeSet<ServiceName> {
        &self.services
    }

    /// Messages ever accepted.
    pub fn messages(&self) -> u64 {
        self.mark.messages
    }

    /// Items ever rejected, by reason.
    pub fn rejected(&self) -> &Rejects {
        &self.rejected
    }

    /// The open generation's log files, as far as they are durable.
    pub fn files(&self) -> &[FileSummary] {
        &self.files
    }

    /// The state at a journal's opening, whose frame ends at `journal_offset`.
    pub(crate) fn opened(opening: Opening, journal_offset: u64) -> Self {
        let mark = mark_of(&opening, journal_offset);
        Self {
            start: opening.start(),
            id: opening.id,
            incarnation: opening.incarnation,
            tick: opening.tick,
            mark,
            rejected: opening.rejected,
            clients: opening.clients,
            services: opening.services,
            files: Vec::new(),
        }
    }

    /// The opening of the next generation, which this tick opens; its queue
    /// begins with a header of `queue_len` bytes.
    pub(crate) fn close(&self, tick: Micros, queue_len: u64) -> Opening {
        Opening {
            id: self.id.clone(),
            incarnation: self.incarnation,
            generation: self.mark.generation.next(),
            seq: files::next_file(self.mark.position).seq,
            tick,
            commit: self.mark.commit,
            messages: self.mark.messages,
            queue_len,
            rejected: self.rejected,
            clients: self.clients.clone(),
            services: self.services.clone(),
            before: Some(Closed { start: self.start, tick: self.tick, last: self.mark, files: self.files.clone() }),
        }
    }

    /// Takes a commit in, whose frame ends at `journal_offset`.
    ///
    /// # Errors
    /// What is wrong, when it does not go on from here. Nothing is changed.
    pub(crate) fn apply(&mut self, record: Record, journal_offset: u64) -> Result<(), &'static str> {
        self.mark = follow(&self.mark, &record, journal_offset)?;
        files::extend(&mut self.files, &record);
        self.rejected.merge(&record.rejected);
        self.clients.extend(record.clients);
        self.services.extend(record.services);
        Ok(())
    }
}

/// The mark of an opening, whose frame ends at `journal_offset`.
pub(crate) fn mark_of(opening: &Opening, journal_offset: u64) -> JournalMark {
    JournalMark {
        generation: opening.generation,
        position: opening.start(),
        date: Date::default(),
        journal_offset,
        commit: opening.commit,
        queue_len: opening.queue_len,
        messages: opening.messages,
    }
}

/// The mark after `record`, whose frame ends at `journal_offset`.
///
/// # Errors
/// What is wrong, when the record does not go on from `mark`.
pub(crate) fn follow(mark: &JournalMark, record: &Record, journal_offset: u64) -> Result<JournalMark, &'static str> {
    if record.commit != mark.commit + 1 {
        return Err("a commit is missing or twice");
    }
    let begins_file = record.start() == files::next_file(mark.position);
    let goes_on = record.start() == mark.position && (begins_file || record.date == mark.date);
    if !(begins_file || goes_on) || record.to < record.from {
        return Err("a commit does not begin where the one before ended");
    }
    if record.queue_len < mark.queue_len {
        return Err("a commit shortens the queue");
    }
    Ok(JournalMark {
        generation: mark.generation,
        position: record.end(),
        date: record.date,
        journal_offset,
        commit: record.commit,
        queue_len: record.queue_len,
        messages: mark.messages + record.messages,
    })
}
