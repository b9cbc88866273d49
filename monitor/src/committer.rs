//! The committer: the one thread that writes the log.
//!
//! In: full buffers and rotation requests from the [`Buffer`]. Out, in this
//! order for each commit: log and journal synced, acks released or held, queue rows
//! appended, quarantine samples kept, progress published.
//!
//! What must hold: an ack follows the sync that covers it; a full disk stops
//! acks and reading until there is room again, and costs nothing; any other
//! failed write ends the process into recovery.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{Batch, CommitError, Writer};
use schema::{Date, Generation, Micros, Position, Rejects};
use storage::layout::DataFolder;
use storage::{Clock, Disk};
use tokio::sync::{oneshot, watch};

use crate::buffer::{Buffer, Filling, Rotation, Work};
use crate::error::MonitorError;
use crate::health::{Cause, Health};
use crate::held_acks::HeldAcks;
use crate::instruments::Instruments;
use crate::quarantine::Quarantine;
use crate::rows::OpenRows;

/// How long a full disk is left alone before the next attempt.
const RETRY: Duration = Duration::from_millis(250);

/// How far a monitor has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Up to where the log is durable.
    pub durable: Position,
    /// The open generation.
    pub generation: Generation,
    /// Messages ever accepted.
    pub messages: u64,
    /// Items ever rejected, by reason.
    pub rejected: Rejects,
    /// Rows the open generation's view will have, at least.
    pub rows: u64,
}

/// The thread's state.
#[derive(Debug)]
pub(crate) struct Committer {
    pub(crate) writer: Writer,
    pub(crate) buffer: Arc<Buffer>,
    /// Where acks wait for the store, if they do.
    pub(crate) held_acks: Option<Arc<HeldAcks>>,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: DataFolder,
    pub(crate) quarantine: Quarantine,
    pub(crate) rows: OpenRows,
    pub(crate) progress: watch::Sender<Progress>,
    /// `disk.reserve`.
    pub(crate) reserve: u64,
    /// `realtime.rows`.
    pub(crate) realtime_rows: u64,
    pub(crate) instruments: Instruments,
}

impl Committer {
    /// Starts the thread. The receiver is told how it ended.
    pub(crate) fn spawn(self) -> io::Result<oneshot::Receiver<Result<(), MonitorError>>> {
        let (ended, end) = oneshot::channel();
        let run = move || {
            // Nobody listens when the whole runtime is gone.
            let _ = ended.send(self.run());
        };
        std::thread::Builder::new().name("committer".to_owned()).spawn(run)?;
        Ok(end)
    }

    /// Works until the buffer is closed and empty.
    fn run(mut self) -> Result<(), MonitorError> {
        let mut buffer = Filling::default();
        loop {
            match self.buffer.next(&mut buffer) {
                Work::Commit => self.commit(&buffer)?,
                Work::Rotate(rotation) => self.answer(rotation)?,
                Work::End => return Ok(()),
            }
            buffer.clear();
            if self.rows.count() >= self.realtime_rows {
                self.rotate(self.clock.now())?;
            }
        }
    }

    fn commit(&mut self, buffer: &Filling) -> Result<(), MonitorError> {
        let batch = &buffer.batch;
        let today = self.clock.now().date();
        if !batch.is_empty() {
            self.retry(batch.messages, |this| this.write(batch, today))?;
        }
        match &self.held_acks {
            Some(held) => held.hold(&batch.clients, buffer.awaited(), buffer.since),
            None => {
                self.buffer.release(&batch.clients, buffer.awaited());
                self.instruments.released(buffer.since);
            }
        }
        if !batch.is_empty() {
            self.instruments.committed(batch);
            self.writer.append_queue(batch);
        }
        self.quarantine.keep(&buffer.samples, today);
        for (service, minute) in &buffer.rows {
            self.rows.add(*service, *minute);
        }
        self.publish();
        Ok(())
    }

    fn answer(&mut self, rotation: Rotation) -> Result<(), MonitorError> {
        let cut = self.rotate(rotation.tick)?;
        // Whoever asked may have left.
        let _ = rotation.done.send(cut);
        Ok(())
    }

    fn rotate(&mut self, tick: Micros) -> Result<Position, MonitorError> {
        let cut = self.retry(0, |this| this.writer.rotate(tick))?;
        self.rows.clear();
        self.publish();
        self.instruments.rotations.inc();
        tracing::info!(%cut, generation = %self.writer.state().generation(), "rotated");
        Ok(cut)
    }

    fn write(&mut self, batch: &Batch, today: Date) -> Result<Position, CommitError> {
        let free = self.disk.free_space(self.folder.path()).map_err(CommitError::Io)?;
        if free < self.reserve {
            let problem = format!("{free} bytes are free, disk.reserve is {}", self.reserve);
            return Err(CommitError::Full(io::Error::new(io::ErrorKind::StorageFull, problem)));
        }
        let begin = Instant::now();
        let committed = self.writer.commit(batch, today)?;
        self.instruments.commit_seconds.observe(begin.elapsed().as_secs_f64());
        self.instruments.sync_seconds.observe(self.writer.last_sync().as_secs_f64());
        Ok(committed)
    }

    /// Does `what` again until the disk has room for it.
    fn retry(
        &mut self,
        messages: u64,
        mut what: impl FnMut(&mut Self) -> Result<Position, CommitError>,
    ) -> Result<Position, MonitorError> {
        loop {
            let error = match what(self) {
                Ok(position) => {
                    self.health.go_on(Cause::Disk);
                    return Ok(position);
                }
                Err(error @ CommitError::Full(_)) => error,
                Err(error @ CommitError::Io(_)) => return Err(MonitorError::Commit(error)),
            };
            let reason = error.to_string();
            self.health.stop(Cause::Disk, &reason);
            if self.buffer.pause(RETRY) {
                return Err(MonitorError::Unwritten { messages, reason });
            }
        }
    }

    fn publish(&self) {
        self.progress.send_replace(Progress::of(&self.writer, self.rows.count()));
    }
}

impl Progress {
    /// The writer's progress, with so many rows in the open generation's view.
    pub(crate) fn of(writer: &Writer, rows: u64) -> Self {
        let state = writer.state();
        Self {
            durable: state.position(),
            generation: state.generation(),
            messages: state.messages(),
            rejected: *state.rejected(),
            rows,
        }
    }
}
