//! A plan: the fixed coverage of an answer, and where each part of it lies.
//!
//! Enters: the newest manifest, what the monitors' chains add to it, and the
//! imports' cuts. Leaves: a coverage for each view and the rows behind it, of
//! the minutes and services asked for. A plan never changes: `verify` takes
//! several answers of one.
//!
//! What must hold: the batch holds everything below the manifest's cuts and
//! nothing above; each chain starts exactly there; so batch and realtime add up
//! to merged, and no message is in both.

use std::collections::BTreeSet;
use std::sync::Arc;

use schema::{Generation, MonitorId, Source};
use storage::layout;

use crate::chain::{self, Chain, Link};
use crate::coverage::{Coverage, ImportCoverage, MonitorCoverage, PendingImport};
use crate::cuts;
use crate::error::{Result, ViewError};
use crate::fold::{Row, Table};
use crate::manifest::{CoveredImport, CoveredMonitor, Manifest, Partition};
use crate::parallel;
use crate::query::{Answer, Every, Query, View, rows};
use crate::reader::Reader;
use crate::selection::Selection;
use crate::tail;
use crate::view_file::ViewFile;

/// Batch view files that are open at once.
const OPEN_AT_ONCE: usize = 64;

/// What an answer will cover, and where it lies.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) manifest: Option<Arc<Manifest>>,
    pub(crate) chains: Vec<Chain>,
    /// The batch view files that hold rows asked for, by time, then service.
    pub(crate) partitions: Vec<Partition>,
    pending: Vec<PendingImport>,
    unseen: Vec<MonitorId>,
}

impl Plan {
    /// Fixes the newest coverage there is, to answer for `selection` and no
    /// more; `avoid` names corrupt views.
    pub(crate) async fn newest(reader: &Reader, selection: &Selection, avoid: &BTreeSet<String>) -> Result<Self> {
        let manifest = Manifest::newest(&*reader.store).await?;
        let (chains, unseen) = chain::all(reader, manifest.as_deref(), avoid).await?;
        let pending = pending_imports(reader, manifest.as_deref()).await?;
        let partitions = partitions(reader, manifest.as_deref(), selection).await?;
        Ok(Plan { manifest, chains, partitions, pending, unseen })
    }

    /// Answers `query` from this plan.
    pub(crate) async fn answer(&self, reader: &Reader, query: &Query) -> Result<Answer> {
        let mut table = Table::new(&reader.metrics);
        self.fold(reader, query.view, &query.selection(), query.every, &mut table).await?;
        let minutes = query.minutes();
        Ok(Answer {
            rows: rows(&table),
            from: minutes.start.start(),
            to: minutes.end.start(),
            every: query.every,
            metrics: reader.metrics.clone(),
            coverage: self.coverage(query.view),
        })
    }

    /// Folds the rows of `selection` that `view` covers into `table`, rolled up
    /// to buckets.
    pub(crate) async fn fold(
        &self,
        reader: &Reader,
        view: View,
        selection: &Selection,
        every: Every,
        table: &mut Table,
    ) -> Result<()> {
        if view != View::Realtime {
            self.fold_batch(reader, selection, every, table).await?;
        }
        if view != View::Batch {
            for link in self.chains.iter().flat_map(|chain| &chain.links) {
                fold_link(reader, link, selection, every, table).await?;
            }
        }
        Ok(())
    }

    async fn fold_batch(&self, reader: &Reader, selection: &Selection, every: Every, table: &mut Table) -> Result<()> {
        let wanted: Vec<_> = self.partitions.iter().filter(|partition| wants(selection, partition)).collect();
        for some in wanted.chunks(OPEN_AT_ONCE) {
            let mut files = Vec::with_capacity(some.len());
            for partition in some {
                files.push(open_partition(reader, partition).await?);
            }
            parallel::fold(reader.threads, files.len(), table, |file, table| {
                read(&files[file], selection, every, table).map(|()| 0)
            })?;
        }
        Ok(())
    }

    /// What an answer of `view` covers.
    pub(crate) fn coverage(&self, view: View) -> Coverage {
        let (pending, unseen) = (self.pending.clone(), self.unseen.clone());
        let mut coverage = Coverage { pending, unseen, ..Coverage::default() };
        if view != View::Realtime {
            coverage.imports = self.imports();
        }
        coverage.monitors = match view {
            View::Batch => self.batch_monitors(),
            View::Realtime => self.chains.iter().map(|chain| chain.coverage(false)).collect(),
            View::Merged => self.chains.iter().map(|chain| chain.coverage(true)).collect(),
        };
        coverage
    }

    fn batch_monitors(&self) -> Vec<MonitorCoverage> {
        let covered = self.manifest.iter().flat_map(|manifest| &manifest.monitors);
        let entry = |covered: &CoveredMonitor| MonitorCoverage {
            monitor: covered.monitor.clone(),
            incarnation: covered.incarnation,
            generation: covered.generation,
            from: None,
            to: covered.position,
            messages: covered.messages,
            latest: covered.latest,
        };
        covered.map(entry).collect()
    }

    fn imports(&self) -> Vec<ImportCoverage> {
        let imports = self.manifest.iter().flat_map(|manifest| &manifest.imports);
        let counted = imports.filter(|import| !is_withdrawal(import.cut));
        let entry = |import: &CoveredImport| ImportCoverage {
            import: import.import,
            generation: import.cut,
            messages: import.messages,
            latest: import.latest,
        };
        counted.map(entry).collect()
    }
}

/// The batch view files that hold rows of `selection`, from the pages of its time.
async fn partitions(reader: &Reader, manifest: Option<&Manifest>, selection: &Selection) -> Result<Vec<Partition>> {
    let mut partitions = Vec::new();
    for page in manifest.iter().flat_map(|manifest| manifest.pages_of(selection)) {
        let named = page.read(&*reader.store).await?;
        partitions.extend(named.into_iter().filter(|partition| wants(selection, partition)));
    }
    Ok(partitions)
}

/// Whether the file may hold rows of `selection`.
fn wants(selection: &Selection, partition: &Partition) -> bool {
    selection.wants_service(partition.service.as_str()) && selection.touches(partition.first, partition.last)
}

/// Opens a batch view and checks that it is the one the manifest means.
async fn open_partition(reader: &Reader, partition: &Partition) -> Result<ViewFile> {
    let key = partition.key();
    let file = ViewFile::open(&*reader.store, &key, &reader.metrics).await?;
    if file.rows() != partition.rows || file.crc32c() != partition.rows_crc32c {
        return Err(ViewError::corrupt(key, "it is not the file that the manifest names"));
    }
    Ok(file)
}

async fn fold_link(reader: &Reader, link: &Link, selection: &Selection, every: Every, table: &mut Table) -> Result<()> {
    match link {
        Link::View(view) => read(&view.file, selection, every, table),
        Link::Lines(stretches) => {
            let mut lines = Table::selecting(&reader.metrics, selection.clone());
            tail::fold(reader, stretches, &mut lines).await?;
            lines.rows().for_each(|row| table.merge_row(bucketed(row, every)));
            Ok(())
        }
    }
}

fn read(file: &ViewFile, selection: &Selection, every: Every, table: &mut Table) -> Result<()> {
    file.read(selection, &mut |row| table.merge_row(bucketed(row, every)))
}

/// The row as a part of its bucket.
fn bucketed(row: Row<'_>, every: Every) -> Row<'_> {
    Row { minute: every.bucket(row.minute), ..row }
}

/// Odd cuts of an import withdraw it.
pub(crate) fn is_withdrawal(cut: Generation) -> bool {
    cut.get() % 2 == 1
}

/// Imports with a cut that the manifest has not seen.
async fn pending_imports(reader: &Reader, manifest: Option<&Manifest>) -> Result<Vec<PendingImport>> {
    let mut pending = Vec::new();
    for source in cuts::sources(&*reader.store).await? {
        let Source::Import(import) = source else { continue };
        let seen = manifest.and_then(|manifest| manifest.import(&import)).map(|import| import.cut);
        let Some(generation) = newest_cut(reader, &source, seen).await? else { continue };
        let withdrawn = is_withdrawal(generation);
        let nothing_to_withdraw = withdrawn && seen.is_none_or(is_withdrawal);
        if Some(generation) != seen && !nothing_to_withdraw {
            pending.push(PendingImport { import, generation, withdrawn });
        }
    }
    Ok(pending)
}

/// The newest cut of an import, looked for from the one already seen.
async fn newest_cut(reader: &Reader, source: &Source, seen: Option<Generation>) -> Result<Option<Generation>> {
    let mut newest = seen;
    loop {
        let next = newest.map_or(Generation::new(0), Generation::next);
        if reader.store.length(&layout::cut(source, next)).await?.is_none() {
            return Ok(newest);
        }
        newest = Some(next);
    }
}
