//! Recovery: from whatever a stop left behind to a log that can be answered for.
//!
//! Takes the newest journal and its log files; gives the state, everything in
//! it durable. What must hold:
//! - at most the last record is dropped, with its log bytes, and only where one
//!   of the two is torn as an interrupted write tears; a record that fits its
//!   checksum and whose log bytes fit theirs stays. Anything else that is wrong
//!   is refused by the file's name, with nothing changed;
//! - the last record and its log bytes are written again in place before
//!   anybody is answered: only they can be unsynced, and the page cache may
//!   show what the disk does not have;
//! - interrupted anywhere, it does the same again. (Where a failed sync tore a record and then the power goes, or a
//!   second sync fails, while it is written again, two tears within one sector can look like corruption: that record,
//!   never acknowledged, is refused rather than dropped.)

use std::path::{Path, PathBuf};

use schema::{Generation, Metrics};
use storage::layout::DataFolder;
use storage::{Disk, Mode, is_full, is_temporary, publish_replacing};

use crate::error::LogError;
use crate::identity::Identity;
use crate::journal::{JournalFile, Opening, Record, Scanner, Step, Tail};
use crate::last_commit;
use crate::listing::{LogFile, journals, log_files};
use crate::mark::JournalMark;
use crate::queue::{Check, Queue};
use crate::state::State;
use crate::strays::{JournalEnd, Listed};

/// What recovery found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Log bytes behind the last durable commit that were cut off; never
    /// acknowledged.
    pub dropped_bytes: u64,
    /// Whether rows of the queue were derived again from the log.
    pub derived_queue: bool,
}

/// What [`recover`] gives.
pub(crate) struct Recovered {
    pub(crate) state: State,
    pub(crate) journal: JournalFile,
    pub(crate) queue: Queue,
    pub(crate) report: Recovery,
}

/// Whether this monitor has never written here: no journal and no log file.
///
/// # Errors
/// [`LogError::Corrupt`] for log files without any journal.
pub(crate) fn is_first_start(disk: &dyn Disk, folder: &DataFolder, identity: &Identity) -> Result<bool, LogError> {
    if !journals(disk, folder)?.is_empty() {
        return Ok(false);
    }
    match log_files(disk, folder)?.into_iter().find(|file| file.id == identity.id) {
        Some(file) => Err(LogError::corrupt(&file.path, "log file without any journal")),
        None => Ok(true),
    }
}

/// Recovers the log.
pub(crate) fn recover(
    disk: &dyn Disk,
    folder: &DataFolder,
    identity: &Identity,
    metrics: &Metrics,
) -> Result<Recovered, LogError> {
    let generation =
        journals(disk, folder)?.pop().ok_or_else(|| LogError::corrupt(&folder.journals(), "no journal"))?;
    let scan = |limit| Found::scan(disk, folder, identity, metrics, generation, limit);
    let mut found = scan(u64::MAX)?;
    let mut log_bytes = found.last_log_bytes(disk, folder)?;
    if log_bytes.is_none() {
        found = scan(found.last_begin)?;
        log_bytes = found.last_log_bytes(disk, folder)?;
    }
    let Some(log_bytes) = log_bytes else {
        let problem = "the log bytes of its last two records are torn";
        return Err(LogError::corrupt(&found.path, problem));
    };
    found.check_lengths(disk, folder)?;
    let strays = found.strays(disk, folder)?;
    let dropped_bytes = strays.iter().map(Stray::excess).sum();
    let journal = found.settle(disk, folder, &log_bytes, &strays)?;
    remove_temporaries(disk, &folder.journals())?;
    let report = Recovery { dropped_bytes, derived_queue: false };
    Ok(Recovered { state: found.state, journal, queue: found.queue, report })
}

/// What the newest journal says.
struct Found {
    path: PathBuf,
    state: State,
    queue: Queue,
    /// The last record, and where it begins in the journal.
    last: Option<Record>,
    last_begin: u64,
    tail: Tail,
    /// The opening's frame.
    opening: Vec<u8>,
    /// The last commit of the generation before.
    before: Option<JournalMark>,
}

impl Found {
    /// Reads the journal of `generation` up to its end or to byte `limit`,
    /// where a record begins that does not count.
    fn scan(
        disk: &dyn Disk,
        folder: &DataFolder,
        identity: &Identity,
        metrics: &Metrics,
        generation: Generation,
        limit: u64,
    ) -> Result<Self, LogError> {
        let path = folder.journal(generation);
        let (mut scanner, opening) = Scanner::open(disk, &path)?;
        check_owner(&opening, &path, identity, generation)?;
        let queue = Queue::new(folder.queue(generation), metrics, opening.start());
        let mut queue = Check::begin(disk, queue);
        let frame = opening.encode().unwrap_or_default();
        let before = opening.before.as_ref().map(|closed| closed.last);
        let mut state = State::opened(opening, scanner.offset());
        let (mut last, mut last_begin) = (None, 0);
        let tail = loop {
            let begin = scanner.offset();
            if begin == limit {
                break Tail::Torn;
            }
            match scanner.step()? {
                Step::End(tail) => break tail,
                Step::Commit(record, end) => {
                    let applied = state.apply(record.clone(), end);
                    applied.map_err(|problem| scanner.corrupt(begin, problem))?;
                    queue.step(&record);
                    (last, last_begin) = (Some(record), begin);
                }
            }
        };
        Ok(Self { path, state, queue: queue.finish(), last, last_begin, tail, opening: frame, before })
    }

    /// The log bytes of the last record, or `None` if they are torn and it does
    /// not count.
    fn last_log_bytes(&self, disk: &dyn Disk, folder: &DataFolder) -> Result<Option<Vec<u8>>, LogError> {
        let Some(record) = self.last.as_ref().filter(|record| record.from < record.to) else {
            return Ok(Some(Vec::new()));
        };
        let path = folder.log_file(record.date, &self.state.id, record.seq);
        Ok(last_commit::log_bytes(disk, &path, record, self.tail)?.map(|whole| whole.bytes))
    }

    /// Every log file of the generation must have what was made durable of it.
    fn check_lengths(&self, disk: &dyn Disk, folder: &DataFolder) -> Result<(), LogError> {
        for file in self.state.files() {
            let path = folder.log_file(file.date, &self.state.id, file.seq);
            let found = disk.length(&path)?.unwrap_or(0);
            if found < file.length {
                let problem = format!("{found} bytes, the journal says {} are durable", file.length);
                return Err(LogError::corrupt(&path, problem));
            }
        }
        Ok(())
    }

    /// The log files that have, or might have on the disk, more than the state says: its last one, and the next, which an
    /// interrupted commit had begun. What cannot be that is refused.
    fn strays(&self, disk: &dyn Disk, folder: &DataFolder) -> Result<Vec<Stray>, LogError> {
        let (state, mark) = (&self.state, self.state.mark());
        let reserved = disk.length(&self.path)?.is_some_and(|length| length > mark.journal_offset);
        let listed = Listed::read(disk, folder)?;
        listed.check(folder, &JournalEnd { id: &state.id, mark, reserved })?;
        let mut strays = Vec::new();
        for LogFile { path, seq, date, len, .. } in
            listed.files_of(&state.id).filter(|file| file.seq >= state.start.seq)
        {
            let known = state.files().iter().find(|file| (file.seq, file.date) == (*seq, *date));
            let keep = known.map_or(0, |file| file.length);
            let may_have_more = *len == 0 || *seq >= mark.position.seq;
            if !may_have_more && *len > keep {
                let problem = format!("no record of the journal knows {} bytes of it", len - keep);
                return Err(LogError::corrupt(path, problem));
            }
            if may_have_more {
                strays.push(Stray { path: path.clone(), len: *len, keep });
            }
        }
        Ok(strays)
    }

    /// Makes the disk hold exactly the state, durably.
    fn settle(
        &self,
        disk: &dyn Disk,
        folder: &DataFolder,
        log_bytes: &[u8],
        strays: &[Stray],
    ) -> Result<JournalFile, LogError> {
        // Log bytes go while the journal still shows that they may: it is longer than its records. A record that speaks
        // of them reads as torn then; only a file it speaks of has to stay until it is gone.
        for stray in strays {
            stray.cut(disk)?;
        }
        if let Some(before) = &self.before {
            JournalFile::trim(disk, &folder.journal(before.generation), before.journal_offset)?;
        }
        if self.last.is_none() {
            self.publish_opening_again(disk)?;
        }
        let mut journal = JournalFile::open(disk, &self.path, self.state.mark().journal_offset)?;
        journal.cut_tail()?;
        for stray in strays.iter().filter(|stray| stray.keep == 0) {
            disk.remove(&stray.path)?;
            sync_folder_of(disk, &stray.path)?;
        }
        if let Some(record) = &self.last {
            let frame = record.encode();
            let frame = frame.ok_or_else(|| LogError::corrupt(&self.path, "a record is too long"))?;
            journal.rewrite_last(&frame)?;
            if !log_bytes.is_empty() {
                let path = folder.log_file(record.date, &self.state.id, record.seq);
                let log = disk.open(&path, Mode::Write)?;
                log.write_at(log_bytes, record.from)?;
                disk.sync_together(&[&log, journal.file()])?;
            }
        }
        journal.file().sync()?;
        for file in self.state.files() {
            sync_folder_of(disk, &folder.log_file(file.date, &self.state.id, file.seq))?;
        }
        sync_folder_of(disk, &self.path)?;
        Ok(journal)
    }

    /// In a journal of nothing but an opening, its name can be unsynced, and after a failed sync only a new name is surely
    /// durable. A full disk has no room for that; then syncing the folder has to do.
    fn publish_opening_again(&self, disk: &dyn Disk) -> Result<(), LogError> {
        match publish_replacing(disk, &self.path, &self.opening) {
            Err(error) if is_full(&error) => Ok(()),
            done => Ok(done?),
        }
    }
}

fn check_owner(opening: &Opening, path: &Path, identity: &Identity, generation: Generation) -> Result<(), LogError> {
    if (&opening.id, opening.incarnation) != (&identity.id, identity.incarnation) {
        return Err(LogError::OtherMonitor {
            path: path.to_owned(),
            found: format!("{}/{}", opening.id, opening.incarnation),
            expected: format!("{}/{}", identity.id, identity.incarnation),
        });
    }
    if opening.generation != generation {
        return Err(LogError::corrupt(path, format!("it is of generation {}", opening.generation)));
    }
    Ok(())
}

/// A log file to be cut to what is durable of it; one of which nothing is goes.
struct Stray {
    path: PathBuf,
    len: u64,
    /// How much of it is durable.
    keep: u64,
}

impl Stray {
    fn excess(&self) -> u64 {
        self.len - self.keep
    }

    fn cut(&self, disk: &dyn Disk) -> Result<(), LogError> {
        let file = disk.open(&self.path, Mode::Write)?;
        file.truncate(self.keep)?;
        Ok(file.sync()?)
    }
}

/// What publishing left behind when it was interrupted.
fn remove_temporaries(disk: &dyn Disk, folder: &Path) -> Result<(), LogError> {
    for entry in disk.list(folder)?.iter().filter(|entry| is_temporary(&entry.name)) {
        disk.remove(&folder.join(&entry.name))?;
    }
    Ok(())
}

fn sync_folder_of(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    Ok(disk.sync_folder(path.parent().unwrap_or(path))?)
}
