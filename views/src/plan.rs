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

use crate::chain::{Chain, Link};
use crate::coverage::{Coverage, ImportCoverage, MonitorCoverage};
use crate::error::Result;
use crate::fold::{Row, Table};
use crate::manifest::{CoveredImport, CoveredMonitor, Manifest, Partition};
use crate::parallel;
use crate::present::{Present, is_withdrawal};
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
    present: Arc<Present>,
    /// The batch view files that hold rows asked for, by time, then service.
    pub(crate) partitions: Vec<Partition>,
}

impl Plan {
    /// Fixes the newest coverage there is, to answer for `selection` and no
    /// more; `avoid` names corrupt views.
    pub(crate) async fn newest(reader: &Reader, selection: &Selection, avoid: &BTreeSet<String>) -> Result<Self> {
        let present = Present::newest(reader, avoid).await?;
        let partitions = partitions(reader, present.manifest.as_deref(), selection).await?;
        Ok(Plan { present, partitions })
    }

    /// The build that it starts from.
    pub(crate) fn manifest(&self) -> Option<&Manifest> {
        self.present.manifest.as_deref()
    }

    /// What every monitor wrote above that.
    pub(crate) fn chains(&self) -> &[Chain] {
        &self.present.chains
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
            for link in self.chains().iter().flat_map(|chain| &chain.links) {
                fold_link(reader, link, selection, every, table).await?;
                reader.goes_on(table)?;
            }
        }
        Ok(())
    }

    async fn fold_batch(&self, reader: &Reader, selection: &Selection, every: Every, table: &mut Table) -> Result<()> {
        let wanted: Vec<_> = self.partitions.iter().filter(|partition| wants(selection, partition)).collect();
        for some in wanted.chunks(OPEN_AT_ONCE) {
            let mut files = Vec::with_capacity(some.len());
            for partition in some {
                files.push(reader.partition(partition).await?);
            }
            parallel::fold(reader.threads, files.len(), table, |file, table| {
                read(reader, &files[file], selection, every, table)?;
                reader.goes_on(table).map(|()| 0)
            })?;
            reader.goes_on(table)?;
        }
        Ok(())
    }

    /// What an answer of `view` covers.
    pub(crate) fn coverage(&self, view: View) -> Coverage {
        let (pending, unseen) = (self.present.pending.clone(), self.present.unseen.clone());
        let mut coverage = Coverage { pending, unseen, ..Coverage::default() };
        if view != View::Realtime {
            coverage.imports = self.imports();
        }
        coverage.monitors = match view {
            View::Batch => self.batch_monitors(),
            View::Realtime => self.chains().iter().map(|chain| chain.coverage(false)).collect(),
            View::Merged => self.chains().iter().map(|chain| chain.coverage(true)).collect(),
        };
        coverage
    }

    fn batch_monitors(&self) -> Vec<MonitorCoverage> {
        let covered = self.manifest().into_iter().flat_map(|manifest| &manifest.monitors);
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
        let imports = self.manifest().into_iter().flat_map(|manifest| &manifest.imports);
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
        let named = reader.page(page).await?;
        partitions.extend(named.iter().filter(|partition| wants(selection, partition)).cloned());
    }
    Ok(partitions)
}

/// Whether the file may hold rows of `selection`.
fn wants(selection: &Selection, partition: &Partition) -> bool {
    selection.wants_service(partition.service.as_str()) && selection.touches(partition.first, partition.last)
}

async fn fold_link(reader: &Reader, link: &Link, selection: &Selection, every: Every, table: &mut Table) -> Result<()> {
    match link {
        Link::View(view) => read(reader, &view.file, selection, every, table),
        Link::Rows(rows) => {
            rows.read(selection, |row| table.merge_row(bucketed(row, every)));
            Ok(())
        }
        Link::Lines(stretches) => {
            let mut lines = Table::selecting(&reader.metrics, selection.clone());
            tail::fold(reader, stretches, &mut lines).await?;
            lines.rows().for_each(|row| table.merge_row(bucketed(row, every)));
            Ok(())
        }
    }
}

fn read(reader: &Reader, file: &ViewFile, selection: &Selection, every: Every, table: &mut Table) -> Result<()> {
    reader.rows(file, selection, every, &mut |row| table.merge_row(bucketed(row, every)))
}

/// The row as a part of its bucket.
pub(crate) fn bucketed(row: Row<'_>, every: Every) -> Row<'_> {
    Row { minute: every.bucket(row.minute), ..row }
}
