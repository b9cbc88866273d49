//! The writer's queue: rows follow their commits, and are derived where they did not.

use storage::is_full;

use super::Writer;
use crate::batch::Batch;
use crate::error::LogError;
use crate::files::{LogSlice, Sealed};

impl Writer {
    /// Appends the batch's rows to the queue. To be called after each commit,
    /// once its acks are on their way. A failure costs nothing but freshness:
    /// the rows are derived from the log by a later call.
    pub fn append_queue(&mut self, batch: &Batch) {
        let mark = self.state.mark();
        let goes_on = self.queue.written() + batch.queue.len() as u64 == mark.queue_len;
        let done = if goes_on {
            self.queue.append(&*self.disk, &batch.queue, mark.position).map_err(LogError::from)
        } else {
            self.derive_queue()
        };
        if let Err(error) = done.and_then(|()| self.queue.expect(mark.queue_len)) {
            tracing::warn!(%error, "queue lags");
        }
    }

    /// After recovery: derives what the queue lacks. A full disk leaves that
    /// for later.
    pub(super) fn settle_queue(&mut self) -> Result<bool, LogError> {
        let lacked = self.queue.through() != self.state.position();
        match self.derive_queue() {
            Err(LogError::Disk(error)) if is_full(&error) => {
                tracing::warn!(%error, "queue lags");
                Ok(lacked)
            }
            done => done.and_then(|()| self.queue.expect(self.state.mark().queue_len)).map(|()| lacked),
        }
    }

    fn derive_queue(&mut self) -> Result<(), LogError> {
        let missing = self.missing_from_queue();
        self.queue.derive(&*self.disk, &missing, &mut self.rows)?;
        self.queue.open(&*self.disk)
    }

    /// The log bytes whose rows the queue lacks.
    fn missing_from_queue(&self) -> Vec<LogSlice> {
        let through = self.queue.through();
        let files = self.state.files().iter().filter(|file| file.seq >= through.seq);
        let slices = files.map(|file| LogSlice {
            path: self.log_path(file.date, file.seq),
            seq: file.seq,
            date: file.date,
            bytes: if file.seq == through.seq { through.offset..file.length } else { 0..file.length },
            sealed: Sealed { bytes: 0..file.length, crc32c: file.crc32c },
        });
        slices.filter(|slice| !slice.bytes.is_empty()).collect()
    }
}
