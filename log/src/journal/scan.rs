//! Scanning a journal front to back, or on from a mark, in bounded memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::{Disk, DiskFile, Mode};

use super::frame::{ALIGN, HEADER, Header, Kind};
use super::tail::{self, Tail};
use super::{Opening, Record};
use crate::error::LogError;
use crate::window::Window;

/// Reads one journal.
pub(crate) struct Scanner {
    window: Window,
    path: PathBuf,
}

/// What comes next in a journal.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "made once a commit and taken apart at once")]
pub(crate) enum Step {
    /// A commit; its frame ends at this offset.
    Commit(Record, u64),
    /// The end, and what lies behind it.
    End(Tail),
}

impl Scanner {
    /// Opens the journal at `path` and reads its opening.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<(Self, Opening), LogError> {
        let mut scanner = Self::at(disk, path, 0)?;
        let opening = match scanner.frame(Opening::decode)? {
            Some((Kind::Opening, opening)) => opening,
            Some((Kind::Commit, _)) => Err("it begins with a commit"),
            None => Err("its opening fails its checksum"),
        };
        let opening = opening.map_err(|problem| LogError::corrupt(path, problem))?;
        Ok((scanner, opening))
    }

    /// Opens the journal at `path` to go on at `offset`, where a frame ends.
    pub(crate) fn at(disk: &dyn Disk, path: &Path, offset: u64) -> Result<Self, LogError> {
        if !offset.is_multiple_of(ALIGN as u64) {
            return Err(LogError::corrupt(path, format!("no record ends at byte {offset}")));
        }
        let window = Window::new(disk.open(path, Mode::Read)?, offset);
        Ok(Self { window, path: path.to_owned() })
    }

    /// The file itself, for syncing it.
    pub(crate) fn file(&self) -> &Arc<dyn DiskFile> {
        self.window.file()
    }

    /// Where the next frame begins.
    pub(crate) fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Reads on.
    pub(crate) fn step(&mut self) -> Result<Step, LogError> {
        let offset = self.offset();
        let record = match self.frame(Record::decode)? {
            Some((Kind::Commit, record)) => record,
            Some((Kind::Opening, _)) => Err("a second opening"),
            None => return Ok(Step::End(self.tail()?)),
        };
        let record = record.map_err(|problem| self.corrupt(offset, problem))?;
        Ok(Step::Commit(record, self.offset()))
    }

    /// An error that names this journal.
    pub(crate) fn corrupt(&self, offset: u64, problem: &str) -> LogError {
        LogError::corrupt(&self.path, format!("{problem} (at byte {offset})"))
    }

    /// The next frame's body, decoded, if a good frame is next.
    fn frame<T>(&mut self, decode: fn(&[u8]) -> T) -> Result<Option<(Kind, T)>, LogError> {
        let Some(header) = Header::parse(self.window.fill(HEADER)?) else { return Ok(None) };
        let Some(frame) = self.window.fill(header.length)?.get(..header.length) else {
            return Ok(None);
        };
        let Some(body) = header.check(frame) else { return Ok(None) };
        let decoded = decode(&frame[body]);
        self.window.consume(header.length);
        Ok(Some((header.kind, decoded)))
    }

    /// Judges what lies from here to the end of the file.
    fn tail(&mut self) -> Result<Tail, LogError> {
        let offset = self.offset();
        let length = self.file().len()?.saturating_sub(offset) as usize;
        let tail = self.window.fill(length)?;
        tail::judge(tail, offset).map_err(|problem| self.corrupt(offset, problem))
    }
}
