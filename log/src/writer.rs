//! The writer half: one thread owns it, nobody else writes the log.
//!
//! Batches come in; when [`Writer::commit`] returns, log and journal are synced
//! and the batch may be acknowledged. What must hold: commits are serial; a
//! batch lies in one log file; nothing is written behind a commit that failed
//! but that same batch again, at the same place, through fresh descriptors.

mod queueing;
mod rotation;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use schema::{Date, Metrics, Micros, Position};
use storage::layout::DataFolder;
use storage::{Disk, DiskFile, Mode, is_full};

use crate::batch::Batch;
use crate::error::{CommitError, LogError};
use crate::files;
use crate::identity::Identity;
use crate::journal::{JournalFile, Record};
use crate::queue::Queue;
use crate::recovery::{self, Recovered, Recovery};
use crate::rows::Rows;
use crate::state::State;

/// How the log is written.
#[derive(Debug, Clone)]
pub struct Options {
    /// A log file that has reached this many bytes is followed by a new one.
    pub log_bytes: u64,
    /// The store's metrics, which the queue's rows have.
    pub metrics: Metrics,
}

/// Writes one monitor's log.
#[derive(Debug)]
pub struct Writer {
    disk: Arc<dyn Disk>,
    folder: DataFolder,
    options: Options,
    state: State,
    journal: JournalFile,
    log: Option<OpenLog>,
    queue: Queue,
    rows: Rows,
    health: Health,
    last_sync: Duration,
}

/// The log file being appended to.
#[derive(Debug)]
struct OpenLog {
    seq: u64,
    file: Arc<dyn DiskFile>,
}

/// Whether the writer knows what is durable.
#[derive(Debug)]
enum Health {
    Good,
    /// A commit found no room: this frame, of that day, is to be written again. Once it is recorded in the journal,
    /// a reader may rely on it, and its log bytes stay.
    Full {
        frame: Vec<u8>,
        today: Date,
        recorded: bool,
    },
    /// Only recovery helps.
    Lost,
}

/// Where a batch goes.
#[derive(Debug, Clone, Copy)]
struct Place {
    position: Position,
    date: Date,
}

impl Writer {
    /// Opens the log in `folder`, whose lock the caller holds: recovers what is
    /// there; where nothing is, begins generation 1 at file 1, with `now` as its
    /// tick.
    ///
    /// When it returns, everything in [`state`](Self::state) is durable and may
    /// be answered to clients.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] when a file is not what was made durable, with
    /// nothing changed; [`LogError::Disk`] otherwise. Opening again is safe.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: DataFolder,
        identity: &Identity,
        options: Options,
        now: Micros,
    ) -> Result<(Self, Recovery), LogError> {
        if recovery::is_first_start(&*disk, &folder, identity)? {
            rotation::begin(&*disk, &folder, identity, &options, now)?;
        }
        let Recovered { state, journal, queue, report } =
            recovery::recover(&*disk, &folder, identity, &options.metrics)?;
        let rows = Rows::new(&options.metrics);
        let (log, health) = (None, Health::Good);
        let mut writer =
            Self { disk, folder, options, state, journal, log, queue, rows, health, last_sync: Duration::ZERO };
        let derived_queue = writer.settle_queue()?;
        Ok((writer, Recovery { derived_queue, ..report }))
    }

    /// What is durable.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How long log and journal took to sync, together, at the last commit.
    pub fn last_sync(&self) -> Duration {
        self.last_sync
    }

    /// Makes a batch durable and says up to where the log then is. `today` is
    /// the UTC date of its arrival.
    ///
    /// # Errors
    /// [`CommitError::Full`]: call again with the same batch; another one is
    /// refused. [`CommitError::Io`]: open the log anew.
    pub fn commit(&mut self, batch: &Batch, today: Date) -> Result<Position, CommitError> {
        let today = match &self.health {
            Health::Good => today,
            Health::Full { today, .. } => *today,
            Health::Lost => return Err(lost("an earlier write failed")),
        };
        let place = self.place(batch, today);
        let mark = self.state.mark();
        let record = Record::of(batch, mark.commit + 1, place.position, place.date, mark.queue_len);
        let frame = record.encode().ok_or_else(|| lost("a batch too large for a record"))?;
        if matches!(&self.health, Health::Full { frame: before, .. } if *before != frame) {
            return Err(self.fail(io::Error::other("not the batch that found no room")));
        }
        let mut recorded = matches!(&self.health, Health::Full { recorded: true, .. });
        match self.write(place, batch, &frame, &mut recorded) {
            Ok(()) => self.take(record, frame.len()),
            Err(error) if is_full(&error) => {
                self.health = Health::Full { frame, today, recorded };
                Err(CommitError::Full(error))
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Where a batch goes: on in the open file, or into a new one.
    fn place(&self, batch: &Batch, today: Date) -> Place {
        let mark = self.state.mark();
        let has_file = mark.position.offset > 0;
        let file_is_full = mark.position.offset >= self.options.log_bytes;
        if batch.log.is_empty() || (has_file && mark.date == today && !file_is_full) {
            return Place { position: mark.position, date: mark.date };
        }
        Place { position: files::next_file(mark.position), date: today }
    }

    /// Writes and syncs log and journal; says when the journal has been begun. After a commit that found no room, goes
    /// through fresh descriptors, and first takes back what the log has of it.
    fn write(&mut self, place: Place, batch: &Batch, frame: &[u8], recorded: &mut bool) -> io::Result<()> {
        let again = !matches!(self.health, Health::Good);
        if again {
            self.log = None;
            self.journal.reopen(&*self.disk)?;
        }
        self.journal.reserve(frame.len())?;
        if batch.log.is_empty() {
            self.journal.write(frame)?;
            return self.sync(None);
        }
        let log = self.log_file(place)?;
        if again && !*recorded {
            // A part of it under a second, torn write would not look torn.
            log.truncate(place.position.offset)?;
            log.sync()?;
        }
        log.write_at(&batch.log, place.position.offset)?;
        *recorded = true;
        self.journal.write(frame)?;
        self.sync(Some(&log))
    }

    /// Syncs the journal and, with it, the log; notes how long that took.
    fn sync(&mut self, log: Option<&Arc<dyn DiskFile>>) -> io::Result<()> {
        let files: Vec<_> = log.into_iter().chain([self.journal.file()]).collect();
        let begin = Instant::now();
        let synced = self.disk.sync_together(&files);
        self.last_sync = begin.elapsed();
        synced
    }

    /// The log file at `place`; a new one's entry is durable when this returns.
    fn log_file(&mut self, place: Place) -> io::Result<Arc<dyn DiskFile>> {
        let seq = place.position.seq;
        if let Some(log) = self.log.as_ref().filter(|log| log.seq == seq) {
            return Ok(Arc::clone(&log.file));
        }
        let folder = self.folder.log_day(place.date);
        let begins = place.position.offset == 0;
        if begins {
            self.disk.create_folders(&folder)?;
        }
        let file = self.disk.open(&self.log_path(place.date, seq), Mode::Write)?;
        if begins {
            self.disk.sync_folder(&folder)?;
        }
        self.log = Some(OpenLog { seq, file: Arc::clone(&file) });
        Ok(file)
    }

    fn log_path(&self, date: Date, seq: u64) -> PathBuf {
        self.folder.log_file(date, &self.state.id, seq)
    }

    /// Takes a commit that is durable into the state.
    fn take(&mut self, record: Record, length: usize) -> Result<Position, CommitError> {
        self.journal.advance(length);
        match self.state.apply(record, self.journal.end()) {
            Ok(()) => {
                self.health = Health::Good;
                Ok(self.state.position())
            }
            Err(problem) => Err(self.fail(io::Error::other(problem))),
        }
    }

    fn fail(&mut self, error: io::Error) -> CommitError {
        self.health = Health::Lost;
        CommitError::Io(error)
    }
}

fn lost(why: &str) -> CommitError {
    CommitError::Io(io::Error::other(why.to_owned()))
}
