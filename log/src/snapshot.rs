//! The reader half: what a monitor's log holds, as any process of its machine
//! can see it.
//!
//! Reads journals and the end of the log; writes nothing, but syncs what it
//! relies on. What must hold: everything up to [`Snapshot::durable`] is durable,
//! will not be taken back, and includes every commit acknowledged before the
//! reading began. The writer may be committing, rotating or retiring meanwhile:
//! what is half there is passed over, what is gone is looked for again.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use schema::{Generation, Incarnation, Micros, MonitorId, Position, Reject, Rejects};
use storage::Disk;
use storage::layout::DataFolder;

use crate::error::LogError;
use crate::files::{FileSummary, LogPiece, LogSlice};
use crate::identity::Identity;
use crate::journal::{Opening, Record, Scanner, Step, Tail};
use crate::last_commit;
use crate::listing::journals;
use crate::mark::JournalMark;
use crate::recovery;
use crate::state;
use crate::strays::{JournalEnd, Listed};

/// One reading of a monitor's log.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Whose log.
    pub id: MonitorId,
    /// Which life of that monitor.
    pub incarnation: Incarnation,
    /// The generations whose journals are here, in order and without a gap; the
    /// last one is open.
    pub generations: Vec<GenerationLog>,
    /// The journal below those, if it is there and damaged.
    pub damaged: Option<DamagedJournal>,
    /// Up to where the log is durable.
    pub durable: Position,
    folder: DataFolder,
}

/// A journal that cannot be read. Nobody needs it once its cut is in the store: who does before refuses it by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedJournal {
    /// Whose it is.
    pub generation: Generation,
    path: PathBuf,
    problem: String,
}

impl DamagedJournal {
    /// The refusal, for who needs it.
    pub fn refusal(&self) -> LogError {
        LogError::corrupt(&self.path, &*self.problem)
    }
}

/// One generation.
#[derive(Debug, Clone)]
pub struct GenerationLog {
    /// Its number.
    pub generation: Generation,
    /// The tick that opened it.
    pub tick: Micros,
    /// The cut at which it begins.
    pub start: Position,
    /// Before its first commit: the mark from which its whole queue is read.
    pub first: JournalMark,
    /// Its last commit; `first` as long as it has none.
    pub last: JournalMark,
    /// How it ended, or `None` for the open one.
    pub closed: Option<ClosedGeneration>,
    /// Its log bytes; in the open generation those from the mark on, if it was
    /// read from one.
    pub pieces: Vec<LogPiece>,
    /// The greatest Timestamp in those bytes.
    pub latest: Option<Micros>,
}

/// How a generation ended.
#[derive(Debug, Clone)]
pub struct ClosedGeneration {
    /// The tick that closed it.
    pub tick: Micros,
    /// The cut: the first position that is not in it.
    pub cut: Position,
    /// What was rejected while it was open.
    pub rejected: Rejects,
    /// Its log files.
    pub files: Vec<FileSummary>,
}

/// How often a reading is tried again while the writer is at work.
const ATTEMPTS: u32 = 10;

impl Snapshot {
    /// Reads the log in `folder`: of the open generation all commits, or those
    /// after a mark that an earlier reading gave. A mark in a generation that is
    /// closed by now saves nothing. `None` before the monitor's first start.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] for files that stay wrong or journals that are lost, [`LogError::Disk`].
    pub fn read(disk: &dyn Disk, folder: &DataFolder, from: Option<&JournalMark>) -> Result<Option<Self>, LogError> {
        let mut attempt = 1;
        loop {
            match Self::try_read(disk, folder, from) {
                Err(error) if attempt < ATTEMPTS && may_pass(&error) => {
                    std::thread::sleep(Duration::from_micros(100) * attempt);
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    /// The pieces of log files that lie in `range`, in order; as far as they
    /// are durable.
    ///
    /// # Errors
    /// [`LogError::Retired`] when `range` begins before what was read, [`LogError::Corrupt`] when a damaged journal is why.
    pub fn slices(&self, range: Range<Position>) -> Result<Vec<LogSlice>, LogError> {
        let pieces = self.generations.iter().flat_map(|generation| &generation.pieces);
        let touches = |unread: &Range<Position>| range.start < unread.end && unread.start < range.end;
        let [below, open] = self.unread();
        if let Some(damaged) = self.damaged.as_ref().filter(|_| touches(&below)) {
            return Err(damaged.refusal());
        }
        if [below, open].iter().any(|unread| !unread.is_empty() && touches(unread)) {
            let what = format!("log of {} from {}", self.id, range.start);
            return Err(LogError::Retired { what });
        }
        Ok(pieces.filter_map(|piece| piece.within(&range, &self.folder, &self.id)).collect())
    }

    /// The generation below the oldest one here, if there was one, and the refusal for who still needs its journal: it
    /// is damaged, or gone.
    pub fn below(&self) -> Option<(Generation, LogError)> {
        if let Some(damaged) = &self.damaged {
            return Some((damaged.generation, damaged.refusal()));
        }
        let oldest = self.generations.first().filter(|oldest| oldest.first.commit > 0)?;
        let below = Generation::new(oldest.generation.get().checked_sub(1)?);
        let problem = "it is missing, and the store does not have its generation's cut";
        Some((below, LogError::corrupt(&self.folder.journal(below), problem)))
    }

    /// What lies before the durable end and was not read: retired generations,
    /// and the open one before the mark.
    fn unread(&self) -> [Range<Position>; 2] {
        let retired = self.generations.first().filter(|oldest| oldest.first.commit > 0);
        let begin = retired.map_or(Position::new(0, 0), |oldest| oldest.start);
        let open = self.generations.last().map(|open| {
            let read = open.pieces.first().map(|piece| Position::new(piece.seq, piece.bytes.start));
            open.start..read.unwrap_or(open.last.position)
        });
        [Position::new(0, 0)..begin, open.unwrap_or(begin..begin)]
    }

    pub(crate) fn folder(&self) -> &DataFolder {
        &self.folder
    }

    fn try_read(disk: &dyn Disk, folder: &DataFolder, from: Option<&JournalMark>) -> Result<Option<Self>, LogError> {
        let listed = Listed::read(disk, folder)?;
        let Openings { older, newest, damaged } = Openings::read(disk, folder)?;
        let Some(newest) = newest else {
            if let Some(identity) = Identity::read(disk, folder)? {
                recovery::is_first_start(disk, folder, &identity)?;
            }
            return Ok(None);
        };
        let tip = Tip::read(disk, folder, &newest, from, &listed)?;
        Self::assemble(folder, older, damaged, newest, tip).map(Some)
    }

    fn assemble(
        folder: &DataFolder,
        older: Vec<OpenedJournal>,
        damaged: Option<DamagedJournal>,
        newest: OpenedJournal,
        tip: Tip,
    ) -> Result<Self, LogError> {
        let (id, incarnation) = (newest.opening.id.clone(), newest.opening.incarnation);
        let mut generations = Vec::new();
        let mut closing = older.iter().skip(1).chain([&newest]);
        for (journal, next) in older.iter().zip(&mut closing) {
            generations.push(journal.closed_by(&next.opening, folder)?);
        }
        let durable = tip.last.position;
        generations.push(GenerationLog {
            generation: newest.opening.generation,
            tick: newest.opening.tick,
            start: newest.opening.start(),
            first: newest.first,
            last: tip.last,
            closed: None,
            pieces: tip.pieces,
            latest: tip.latest,
        });
        Ok(Self { id, incarnation, generations, damaged, durable, folder: folder.clone() })
    }
}

/// The newest generations that follow on one another. Journals are retired from the oldest on, but a power loss may
/// take back some of the removals and not others: what lies below a gap was being retired.
fn unbroken(journals: &[Generation]) -> &[Generation] {
    let gap = journals.windows(2).rposition(|pair| pair[0].next() != pair[1]);
    &journals[gap.map_or(0, |gap| gap + 1)..]
}

/// The openings of the newest journals.
struct Openings {
    older: Vec<OpenedJournal>,
    newest: Option<OpenedJournal>,
    damaged: Option<DamagedJournal>,
}

impl Openings {
    /// Reads them from the newest on, down to the first that is damaged: what lies below it is most often in the store,
    /// and cannot be described without it. The newest one says what is durable: it has to be whole.
    fn read(disk: &dyn Disk, folder: &DataFolder) -> Result<Self, LogError> {
        let journals = journals(disk, folder)?;
        let Some((newest, older)) = unbroken(&journals).split_last() else {
            return Ok(Self { older: Vec::new(), newest: None, damaged: None });
        };
        let newest = Some(OpenedJournal::open(disk, folder, *newest)?);
        let mut openings = Self { older: Vec::new(), newest, damaged: None };
        for generation in older.iter().rev() {
            match OpenedJournal::open(disk, folder, *generation) {
                Err(LogError::Corrupt { path, problem }) => {
                    openings.damaged = Some(DamagedJournal { generation: *generation, path, problem });
                    break;
                }
                opened => openings.older.push(opened?),
            }
        }
        openings.older.reverse();
        Ok(openings)
    }
}

/// A journal of which the opening was read.
struct OpenedJournal {
    opening: Opening,
    first: JournalMark,
}

impl OpenedJournal {
    fn open(disk: &dyn Disk, folder: &DataFolder, generation: Generation) -> Result<Self, LogError> {
        let (scanner, opening) = Scanner::open(disk, &folder.journal(generation))?;
        let first = state::mark_of(&opening, scanner.offset());
        Ok(Self { opening, first })
    }

    /// This generation, as the next one's opening describes it.
    fn closed_by(&self, next: &Opening, folder: &DataFolder) -> Result<GenerationLog, LogError> {
        let before = next.before.as_ref().filter(|_| next.generation == self.opening.generation.next());
        let Some(before) = before else {
            let what = format!("journal of generation {}", self.opening.generation.next());
            return Err(LogError::Corrupt { path: folder.journals(), problem: format!("{what} is missing") });
        };
        Ok(GenerationLog {
            generation: self.opening.generation,
            tick: self.opening.tick,
            start: self.opening.start(),
            first: self.first,
            last: before.last,
            closed: Some(ClosedGeneration {
                tick: next.tick,
                cut: next.start(),
                rejected: difference(&next.rejected, &self.opening.rejected),
                files: before.files.clone(),
            }),
            pieces: before.files.iter().map(LogPiece::whole).collect(),
            latest: before.files.iter().map(|file| file.greatest).max(),
        })
    }
}

/// The end of the newest journal.
struct Tip {
    last: JournalMark,
    pieces: Vec<LogPiece>,
    latest: Option<Micros>,
}

impl Tip {
    /// Reads the newest journal from its first commit, or on from the mark if
    /// that is in it, up to the last that counts, and syncs that one.
    fn read(
        disk: &dyn Disk,
        folder: &DataFolder,
        newest: &OpenedJournal,
        from: Option<&JournalMark>,
        listed: &Listed,
    ) -> Result<Self, LogError> {
        let generation = newest.opening.generation;
        let path = folder.journal(generation);
        let begin = from.filter(|mark| mark.generation == generation).copied().unwrap_or(newest.first);
        let mut scanner = Scanner::at(disk, &path, begin.journal_offset)?;
        let mut tip = Self { last: begin, pieces: LogPiece::at(&begin).into_iter().collect(), latest: None };
        let mut seen = begin;
        let mut last: Option<(JournalMark, Record)> = None;
        let tail = loop {
            let (record, end) = match scanner.step()? {
                Step::Commit(record, end) => (record, end),
                Step::End(tail) => break tail,
            };
            seen = state::follow(&seen, &record, end).map_err(|problem| scanner.corrupt(end, problem))?;
            if let Some((mark, record)) = last.replace((seen, record)) {
                tip.take(mark, &record);
            }
        };
        let reserved = scanner.file().len()? > scanner.offset();
        listed.check(folder, &JournalEnd { id: &newest.opening.id, mark: seen, reserved })?;
        match last {
            Some((mark, record)) if settle(disk, folder, newest, &scanner, &record, tail)? => tip.take(mark, &record),
            Some(_) => {}
            // The opening is synced before it has a name; the name may not be.
            None => disk.sync_folder(&folder.journals())?,
        }
        Ok(tip)
    }

    fn take(&mut self, mark: JournalMark, record: &Record) {
        LogPiece::extend(&mut self.pieces, record);
        self.latest = self.latest.max((record.messages > 0).then_some(record.greatest));
        self.last = mark;
    }
}

/// Syncs the last record and its log bytes; says no when those are torn: it does not count.
fn settle(
    disk: &dyn Disk,
    folder: &DataFolder,
    newest: &OpenedJournal,
    scanner: &Scanner,
    record: &Record,
    tail: Tail,
) -> Result<bool, LogError> {
    if record.from == record.to {
        disk.sync_together(&[scanner.file()])?;
        return Ok(true);
    }
    let path = folder.log_file(record.date, &newest.opening.id, record.seq);
    let Some(whole) = last_commit::log_bytes(disk, &path, record, tail)? else { return Ok(false) };
    disk.sync_together(&[&whole.file, scanner.file()])?;
    Ok(true)
}

/// Whether the writer's work can explain the error, so that it may pass.
fn may_pass(error: &LogError) -> bool {
    match error {
        LogError::Corrupt { .. } => true,
        LogError::Disk(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

fn difference(later: &Rejects, earlier: &Rejects) -> Rejects {
    let since = |reason: Reject| (reason, later.get(reason).saturating_sub(earlier.get(reason)));
    Reject::ALL.into_iter().map(since).collect()
}
