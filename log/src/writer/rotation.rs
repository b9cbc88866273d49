//! Rotation: one generation ends, the next begins.
//!
//! What must hold: the new journal, published whole, is the one step that counts. Before it the old generation is open,
//! after it the new one; a crash at any point leaves one or the other.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use schema::{Micros, Position, Rejects};
use storage::layout::DataFolder;
use storage::{Created, Disk, is_full, publish_new};

use super::{Health, Options, Writer, lost};
use crate::error::{CommitError, LogError};
use crate::identity::Identity;
use crate::journal::{JournalFile, Opening};
use crate::queue::{self, Queue};
use crate::state::State;

impl Writer {
    /// Closes the open generation and opens the next, which `tick` opens; says
    /// the cut between them. To be called between two commits.
    ///
    /// # Errors
    /// [`CommitError::Full`] when there is no room, or a commit waits for some:
    /// the generation stays open. [`CommitError::Io`]: open the log anew.
    pub fn rotate(&mut self, tick: Micros) -> Result<Position, CommitError> {
        match &self.health {
            Health::Good => {}
            Health::Full { .. } => {
                return Err(CommitError::Full(io::ErrorKind::StorageFull.into()));
            }
            Health::Lost => return Err(lost("an earlier write failed")),
        }
        let header = queue::header(&self.options.metrics).len() as u64;
        let opening = self.state.close(tick, header);
        let path = self.folder.journal(opening.generation);
        let (journal, journal_offset) = match self.open_generation(&path, &opening) {
            Ok(opened) => opened,
            Err(error) if is_full(&error) && matches!(self.disk.length(&path), Ok(None)) => {
                return Err(CommitError::Full(error));
            }
            Err(error) => return Err(self.fail(error)),
        };
        // Before the next generation's first commit: should its journal be lost, this one must not explain its log.
        let closed = self.folder.journal(self.state.generation());
        if let Err(error) = JournalFile::trim(&*self.disk, &closed, self.journal.end()) {
            return Err(self.fail(error));
        }
        self.journal = journal;
        self.log = None;
        let path = self.folder.queue(opening.generation);
        self.queue = Queue::new(path, &self.options.metrics, opening.start());
        self.state = State::opened(opening, journal_offset);
        // A queue that cannot be begun now is begun with the first row.
        let _ = self.queue.append(&*self.disk, &[], self.state.position());
        Ok(self.state.position())
    }

    fn open_generation(&self, path: &Path, opening: &Opening) -> io::Result<(JournalFile, u64)> {
        let end = publish_opening(&*self.disk, path, opening)?;
        let mut journal = JournalFile::open(&*self.disk, path, end)?;
        match journal.reserve(0) {
            Err(error) if !is_full(&error) => Err(error),
            _ => Ok((journal, end)),
        }
    }
}

/// Begins the first generation of this incarnation.
pub(super) fn begin(
    disk: &dyn Disk,
    folder: &DataFolder,
    identity: &Identity,
    options: &Options,
    now: Micros,
) -> Result<(), LogError> {
    let generation = identity.generation;
    let opening = Opening {
        id: identity.id.clone(),
        incarnation: identity.incarnation,
        generation,
        seq: identity.seq,
        tick: now,
        commit: 0,
        messages: 0,
        queue_len: queue::header(&options.metrics).len() as u64,
        rejected: Rejects::NONE,
        clients: BTreeMap::new(),
        services: BTreeSet::new(),
        before: None,
    };
    publish_opening(disk, &folder.journal(generation), &opening)?;
    Ok(())
}

/// Publishes a journal that holds nothing but its opening; says its length.
fn publish_opening(disk: &dyn Disk, path: &Path, opening: &Opening) -> io::Result<u64> {
    let frame = opening.encode().ok_or_else(|| io::Error::other("too many clients for a journal"))?;
    match publish_new(disk, path, &frame)? {
        Created::Created => Ok(frame.len() as u64),
        Created::Exists => Err(io::ErrorKind::AlreadyExists.into()),
    }
}
