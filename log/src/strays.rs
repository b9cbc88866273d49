//! Strays: log bytes behind the last commit, and who can have left them.
//!
//! Enters: what lies in the folders of log and queue, and where the newest journal ends. Leaves: nothing, or a refusal
//! by the file's name. What must hold: bytes that a commit can have acknowledged are never taken for a stray.
//!
//! An interrupted commit leaves bytes behind the end of the last log file, or in the next one, which it has just begun;
//! never further. And it leaves a journal that is longer than its records: a record's space is durably reserved before
//! the first log byte is written, and given back only after those bytes are cut off (recovery) or before the first
//! commit of the next generation (rotation). So log bytes that no record speaks of, behind a journal that ends with its
//! last record, are a later generation's, or those of records that were cut away: acknowledged, and not to be touched.
//! A queue is begun after its generation's journal is durable, so one without it says the same.

use schema::{Generation, MonitorId};
use storage::Disk;
use storage::layout::{self, DataFolder};

use crate::error::LogError;
use crate::files;
use crate::listing::{LogFile, list_or_empty, log_files};
use crate::mark::JournalMark;

/// What lies in the folders. A reader lists before it looks for journals: whatever is listed then is known to the newest
/// of them, or is being written.
pub(crate) struct Listed {
    files: Vec<LogFile>,
    newest_queue: Option<Generation>,
}

/// Where the newest journal ends.
pub(crate) struct JournalEnd<'a> {
    pub(crate) id: &'a MonitorId,
    /// The last commit.
    pub(crate) mark: JournalMark,
    /// Whether the file goes on behind it.
    pub(crate) reserved: bool,
}

impl Listed {
    pub(crate) fn read(disk: &dyn Disk, folder: &DataFolder) -> Result<Self, LogError> {
        let queues = list_or_empty(disk, &folder.queues())?;
        let newest_queue = queues.iter().filter_map(|entry| layout::parse_queue(&entry.name)).max();
        Ok(Self { files: log_files(disk, folder)?, newest_queue })
    }

    /// The log files of `id`.
    pub(crate) fn files_of<'a>(&'a self, id: &'a MonitorId) -> impl Iterator<Item = &'a LogFile> {
        self.files.iter().filter(move |file| file.id == *id)
    }

    /// Checks that everything behind `end` can be what an interrupted commit left, or one under way has.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] naming the file that cannot.
    pub(crate) fn check(&self, folder: &DataFolder, end: &JournalEnd<'_>) -> Result<(), LogError> {
        let JournalMark { generation, position, date, .. } = end.mark;
        if let Some(queue) = self.newest_queue.filter(|queue| *queue > generation) {
            let problem = format!("the journal of generation {queue} is missing, the newest is of {generation}");
            return Err(LogError::corrupt(&folder.queue(queue), problem));
        }
        let next = files::next_file(position).seq;
        for file in self.files_of(end.id).filter(|file| file.seq >= position.seq) {
            let is_last = position.offset > 0 && (file.seq, file.date) == (position.seq, date);
            let committed = if is_last { position.offset } else { 0 };
            let may_grow = is_last || file.seq == next;
            if file.seq > next || (file.len > committed && !(may_grow && end.reserved)) {
                let behind = file.len.saturating_sub(committed);
                let problem = format!(
                    "no journal knows {behind} bytes of it: records or a journal later than generation {generation} are missing"
                );
                return Err(LogError::corrupt(&file.path, problem));
            }
        }
        Ok(())
    }
}
