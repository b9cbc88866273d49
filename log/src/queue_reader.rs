//! Reading a queue: rows of one generation, from one commit to another.
//!
//! Takes two marks; hands out exactly the rows of the commits between them.
//! Each commit's rows are checked against the journal; where the queue lags or
//! is damaged, they are made from the log bytes instead, so what comes out is
//! always right.

use std::path::PathBuf;

use schema::{Generation, Metrics, MonitorId};
use storage::layout::DataFolder;
use storage::{Disk, Mode};

use crate::checksum;
use crate::error::LogError;
use crate::files::{LogSlice, Sealed};
use crate::journal::{Record, Scanner, Step};
use crate::mark::JournalMark;
use crate::queue::rows_of;
use crate::rows::Rows;
use crate::snapshot::Snapshot;
use crate::state;
use crate::window::Window;

impl Snapshot {
    /// Hands the rows of the commits after `from`, up to and with `to`, to
    /// `sink`: whole rows, some at a time, in the log's order, without the
    /// header. Both marks are of one generation that this snapshot has.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] when the journal does not lead from one mark to
    /// the other, or queue and log are both damaged; [`LogError::Disk`], with
    /// `NotFound` when the generation is retired meanwhile; what `sink` returns.
    pub fn queue_rows<E: From<LogError>>(
        &self,
        disk: &dyn Disk,
        metrics: &Metrics,
        from: &JournalMark,
        to: &JournalMark,
        sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let reading = Reading {
            disk,
            folder: self.folder(),
            id: &self.id,
            window: None,
            rows: Rows::new(metrics),
            missing: None,
            sink,
        };
        reading.run(from, to)
    }
}

/// One reading under way.
struct Reading<'a, S> {
    disk: &'a dyn Disk,
    folder: &'a DataFolder,
    id: &'a MonitorId,
    /// The queue at the next commit's rows; `None` where it cannot be read.
    window: Option<Window>,
    rows: Rows,
    /// Log bytes whose rows the queue did not have, not handed out yet.
    missing: Option<LogSlice>,
    sink: S,
}

impl<S> Reading<'_, S> {
    fn run<E: From<LogError>>(mut self, from: &JournalMark, to: &JournalMark) -> Result<(), E>
    where
        S: FnMut(&[u8]) -> Result<(), E>,
    {
        let path = self.folder.journal(from.generation);
        self.open_queue(from.generation, from.queue_len);
        let mut scanner = Scanner::at(self.disk, &path, from.journal_offset)?;
        let mut mark = *from;
        while mark.journal_offset < to.journal_offset {
            let Step::Commit(record, end) = scanner.step()? else { break };
            mark = state::follow(&mark, &record, end).map_err(|problem| scanner.corrupt(end, problem))?;
            self.take(&record)?;
        }
        if mark != *to {
            return Err(LogError::corrupt(&path, format!("no commit {} ends where it should", to.commit)).into());
        }
        self.hand_out_missing()
    }

    fn open_queue(&mut self, generation: Generation, offset: u64) {
        let file = self.disk.open(&self.folder.queue(generation), Mode::Read).ok();
        self.window = file.map(|file| Window::new(file, offset));
    }

    /// Hands out one commit's rows, or notes its log bytes.
    fn take<E: From<LogError>>(&mut self, record: &Record) -> Result<(), E>
    where
        S: FnMut(&[u8]) -> Result<(), E>,
    {
        if record.from == record.to {
            return Ok(());
        }
        let fits = self.window.as_mut().and_then(|window| rows_of(window, record).ok().flatten());
        let Some(length) = fits else { return self.note_missing(record) };
        self.hand_out_missing()?;
        if let Some(window) = &mut self.window {
            (self.sink)(&window.seen()[..length])?;
            window.consume(length);
        }
        Ok(())
    }

    fn note_missing<E: From<LogError>>(&mut self, record: &Record) -> Result<(), E>
    where
        S: FnMut(&[u8]) -> Result<(), E>,
    {
        if let Some(window) = &mut self.window {
            window.skip_to(record.queue_len);
        }
        match &mut self.missing {
            Some(slice) if slice.seq == record.seq && slice.bytes.end == record.from => {
                slice.bytes.end = record.to;
                slice.sealed.bytes.end = record.to;
                slice.sealed.crc32c = checksum::join(slice.sealed.crc32c, record.log_crc32c, record.to - record.from);
                Ok(())
            }
            _ => {
                self.hand_out_missing()?;
                let path: PathBuf = self.folder.log_file(record.date, self.id, record.seq);
                let (seq, date, bytes) = (record.seq, record.date, record.from..record.to);
                let sealed = Sealed { bytes: bytes.clone(), crc32c: record.log_crc32c };
                self.missing = Some(LogSlice { path, seq, date, bytes, sealed });
                Ok(())
            }
        }
    }

    /// Hands out the rows of what was noted.
    fn hand_out_missing<E: From<LogError>>(&mut self) -> Result<(), E>
    where
        S: FnMut(&[u8]) -> Result<(), E>,
    {
        let Some(slice) = self.missing.take() else { return Ok(()) };
        self.rows.of_slice(self.disk, &slice, |rows| (self.sink)(rows))
    }
}
