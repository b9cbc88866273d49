//! Retirement: what this monitor wrote and nobody needs any more.
//!
//! What a batch view covers is needed here no longer: a covered generation's
//! journal, queue, realtime views, and its log files, which the store has. Nor
//! is a realtime view that another of its generation contains. Each goes
//! `views.grace` after it was first seen to be superseded, so that a reader who
//! began before that can finish.
//!
//! What must hold: a log file goes only once the store has it whole; a journal
//! only once its cut is published and every older one is durably gone, so that
//! those left always follow on one another; nothing of the open generation but
//! superseded realtime views.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schema::{Generation, Micros, Position};
use storage::layout::{self, DatedName, RealtimeName};
use storage::{Disk, Entry, Key, StoreError};

use crate::uploader::{Sides, Uploaded};

/// What the newest manifest covers of this monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covered {
    /// The last generation covered.
    pub generation: Generation,
    /// Its cut: the first position not covered.
    pub cut: Position,
}

/// Looks up what the newest manifest covers; `None` when that is nothing, or
/// not known at present.
pub type FindCovered = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Option<Covered>> + Send>> + Send + Sync>;

/// Removes what is superseded. One task owns it.
pub(crate) struct Retirement {
    sides: Sides,
    grace: Duration,
    /// When each was first seen to be superseded.
    seen: HashMap<Superseded, Micros>,
}

/// A file that may go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Superseded {
    Journal(Generation),
    Local(PathBuf),
    Shared(Key),
}

impl Retirement {
    /// Retires what `sides`' monitor wrote.
    pub(crate) fn new(sides: Sides, grace: Duration) -> Self {
        Self { sides, grace, seen: HashMap::new() }
    }

    /// Looks for what is superseded, and removes what has been so for long
    /// enough by a clock that does not jump.
    pub(crate) async fn round(
        &mut self,
        covered: Option<Covered>,
        uploaded: &Uploaded,
        now: Micros,
    ) -> Result<(), StoreError> {
        // What is not in the store is not retired, whatever a manifest says.
        let covered = covered.filter(|covered| {
            uploaded.cut.is_some_and(|cut| covered.generation <= cut) && covered.cut <= uploaded.position
        });
        let mut superseded = self.local(covered);
        superseded.extend(self.shared(covered).await?);
        let before = std::mem::take(&mut self.seen);
        let mut older_journals_gone = true;
        for file in superseded {
            let is_journal = matches!(file, Superseded::Journal(_));
            let since = before.get(&file).copied().unwrap_or(now);
            let waited = Duration::from_micros(now.get().abs_diff(since.get()));
            let due = waited >= self.grace && (older_journals_gone || !is_journal);
            let gone = due && self.remove(&file).await?;
            older_journals_gone &= gone || !is_journal;
            if !gone {
                self.seen.insert(file, since);
            }
        }
        Ok(())
    }

    fn local(&self, covered: Option<Covered>) -> Vec<Superseded> {
        let folder = &self.sides.folder;
        let (mut journals, mut paths) = (Vec::new(), Vec::new());
        let realtime = names(&*self.sides.disk, &folder.realtime_views(), RealtimeName::parse);
        paths.extend(superseded_views(realtime, covered).iter().map(|name| folder.realtime_view(name)));
        if let Some(covered) = covered {
            let is_covered = |generation: &Generation| *generation <= covered.generation;
            journals = names(&*self.sides.disk, &folder.journals(), layout::parse_journal);
            journals.retain(is_covered);
            journals.sort_unstable();
            let queues = names(&*self.sides.disk, &folder.queues(), layout::parse_queue);
            paths.extend(queues.iter().filter(|g| is_covered(g)).map(|g| folder.queue(*g)));
            paths.extend(self.logs_below(covered.cut));
        }
        let journals = journals.into_iter().map(Superseded::Journal);
        journals.chain(paths.into_iter().map(Superseded::Local)).collect()
    }

    fn logs_below(&self, cut: Position) -> Vec<PathBuf> {
        let days = names(&*self.sides.disk, &self.sides.folder.logs(), |day| day.strip_prefix("date=")?.parse().ok());
        let mut logs = Vec::new();
        for day in days {
            let parse = |name: &str| match DatedName::parse(name)? {
                DatedName::Log { id, seq } if id == self.sides.id => Some(seq),
                _ => None,
            };
            let seqs = names(&*self.sides.disk, &self.sides.folder.log_day(day), parse);
            logs.extend(
                seqs.iter()
                    .filter(|seq| **seq < cut.seq)
                    .map(|seq| self.sides.folder.log_file(day, &self.sides.id, *seq)),
            );
        }
        logs
    }

    async fn shared(&self, covered: Option<Covered>) -> Result<Vec<Superseded>, StoreError> {
        let folder = layout::realtime_of_incarnation(&self.sides.id, self.sides.incarnation);
        let listed = self.sides.store.list(&folder).await?;
        let views = listed.iter().filter_map(|listed| RealtimeName::parse(listed.key.name())).collect();
        let key = |name: &RealtimeName| layout::realtime_view(&self.sides.id, self.sides.incarnation, name);
        Ok(superseded_views(views, covered).iter().map(key).map(Superseded::Shared).collect())
    }

    /// Removes a file; whether it is gone. Only a store that fails is an error.
    async fn remove(&self, file: &Superseded) -> Result<bool, StoreError> {
        let removed = match file {
            Superseded::Journal(generation) => self.remove_journal(*generation),
            Superseded::Local(path) => self.remove_local(path),
            Superseded::Shared(key) => {
                self.sides.store.delete(key).await?;
                Ok(())
            }
        };
        match &removed {
            Ok(()) => tracing::debug!(?file, "retired"),
            Err(error) => tracing::warn!(%error, "not retired"),
        }
        Ok(removed.is_ok())
    }

    fn remove_journal(&self, generation: Generation) -> io::Result<()> {
        let folder = &self.sides.folder;
        self.remove_local(&folder.journal(generation))?;
        self.sides.disk.sync_folder(&folder.journals())
    }

    fn remove_local(&self, path: &Path) -> io::Result<()> {
        match self.sides.disk.remove(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

impl fmt::Debug for Retirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retirement").field("seen", &self.seen.len()).finish_non_exhaustive()
    }
}

/// The views that are covered, or contained in another.
fn superseded_views(mut views: Vec<RealtimeName>, covered: Option<Covered>) -> Vec<RealtimeName> {
    // What contains a view stands before it.
    views.sort_unstable_by_key(|view| (view.generation, view.from, Reverse(view.to)));
    let mut furthest: Option<RealtimeName> = None;
    views.retain(|view| {
        let reached = furthest.filter(|before| before.generation == view.generation);
        let contained = reached.is_some_and(|before| view.to <= before.to);
        if !contained {
            furthest = Some(*view);
        }
        contained || covered.is_some_and(|covered| view.generation <= covered.generation)
    });
    views
}

/// What the names in a folder say; nothing without the folder.
fn names<T>(disk: &dyn Disk, folder: &Path, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let entries: Vec<Entry> = disk.list(folder).unwrap_or_default();
    entries.iter().filter_map(|entry| parse(&entry.name)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = RealtimeName> {
        (0..3_u64, 0..6_u64, 1..6_u64).prop_map(|(generation, from, length)| RealtimeName {
            generation: Generation::new(generation),
            from: Position::new(1, from),
            to: Position::new(1, from + length),
        })
    }

    proptest! {
        #[test]
        fn a_view_is_superseded_when_it_is_covered_or_another_contains_it(
            views in prop::collection::btree_set(name(), 0..12),
            covered in prop::option::of(0..3_u64),
        ) {
            let within = |view: &RealtimeName, other: &RealtimeName| {
                view != other && view.generation == other.generation && other.from <= view.from && view.to <= other.to
            };
            let is_covered = |view: &RealtimeName| covered.is_some_and(|covered| view.generation.get() <= covered);
            let superseded = |view: &&RealtimeName| is_covered(view) || views.iter().any(|other| within(view, other));
            let expected: Vec<RealtimeName> = views.iter().filter(superseded).copied().collect();
            let covered =
                covered.map(|g| Covered { generation: Generation::new(g), cut: Position::new(2, 0) });
            let mut found = superseded_views(views.iter().copied().collect(), covered);
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
