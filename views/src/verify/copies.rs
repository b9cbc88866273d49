//! Copies: what this machine still has of its log and its realtime views, against what the store has of them.
//!
//! Enters: the store and the data folder. Leaves: differences, by file and byte. What must hold: a dated file in the
//! store is at all times the beginning of what is committed here, to the byte; a realtime view in the store is the one
//! of its name here, if there is one: most there are increments, which a machine that has only the store verifies. How
//! far the store is was asked before how far the log is, so a monitor that goes on uploading is no difference; what is
//! retired meanwhile, here or there, is passed over.
//!
//! That the store has all that a cut names is seen where its lines are counted.

use std::io::ErrorKind;
use std::path::Path;

use log::Snapshot;
use storage::layout::{self, DatedName, RealtimeName};
use storage::{DiskFile, Listed, Mode, StoreError};

use super::pass::Pass;
use crate::error::{Result, ViewError};
use crate::reader::Local;

/// Compared at a time.
const CHUNK: u64 = 4 << 20;

impl Pass<'_> {
    /// Compares all that is both here and in the store.
    pub(super) async fn compare_copies(&mut self) -> Result<()> {
        let reader = self.reader;
        let Some(local) = &reader.local else { return Ok(()) };
        let stored = self.reader.store.list(&layout::master()).await?;
        let Some(log) = Snapshot::read(&*local.disk, &local.folder, None)? else { return Ok(()) };
        for listed in stored {
            let Some((date, DatedName::Log { id, seq })) = layout::parse_dated(&listed.key) else { continue };
            let mut pieces = log.generations.iter().flat_map(|generation| &generation.pieces);
            let last = pieces.rfind(|piece| (&id, piece.date, piece.seq) == (&log.id, date, seq));
            if let Some(last) = last {
                self.compare_copy(&listed, local, &local.folder.log_file(date, &id, seq), last.bytes.end).await?;
            }
        }
        for listed in self.reader.store.list(&layout::realtime_of_monitor(&log.id)).await? {
            let Some(name) = RealtimeName::parse(listed.key.name()) else { continue };
            if listed.key == layout::realtime_view(&log.id, log.incarnation, &name) {
                self.compare_copy(&listed, local, &local.folder.realtime_view(&name), listed.len).await?;
            }
        }
        Ok(())
    }

    /// The store's file must be the beginning of the first `committed` bytes of the one here.
    async fn compare_copy(&mut self, stored: &Listed, local: &Local, path: &Path, committed: u64) -> Result<()> {
        let file = match local.disk.open(path, Mode::Read) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            file => file.map_err(|source| ViewError::io("open", path, source))?,
        };
        if stored.len > committed {
            let (there, here) = (stored.len, path.display());
            self.file(&stored.key, format!("it has {there} bytes, and {here} only {committed} that are committed"));
        }
        // The end of a file that is being written is not there to be read yet.
        let Some(served) = self.reader.store.served(&stored.key).await? else { return Ok(()) };
        let end = served.min(committed);
        for from in (0..end).step_by(CHUNK as usize) {
            let to = end.min(from + CHUNK);
            let there = match self.reader.store.read_range(&stored.key, from..to).await {
                Err(StoreError::NotFound { .. }) => return Ok(()),
                there => there?,
            };
            let here = read(&*file, from, to).map_err(|source| ViewError::io("read", path, source))?;
            if let Some(at) = first_difference(&there, &here) {
                self.file(&stored.key, format!("its byte {} is not that of {}", from + at as u64, path.display()));
                return Ok(());
            }
        }
        self.verdict.compared += end;
        Ok(())
    }
}

/// As much of a file as it has between `from` and `to`.
fn read(file: &dyn DiskFile, from: u64, to: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; (to.min(file.len()?).saturating_sub(from)) as usize];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// Where two stretches first differ, in a byte or in that one ends there.
fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    let differ = one.iter().zip(other).position(|(one, other)| one != other);
    differ.or_else(|| (one.len() != other.len()).then_some(one.len().min(other.len())))
}
