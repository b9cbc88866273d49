//! Reduce: rows by service and time become partitions, and partitions files.
//!
//! Enters: the tables and runs of the map, and the previous build's partitions.
//! Leaves: the new build's pages. What must hold: a partition that gets no new
//! row and keeps its period is carried over, its file untouched; so is a page
//! of such partitions, unread; any other is written anew under a name nobody has.
//!
//! One thread walks the rows in order and cuts them into partitions, a few
//! others merge, encode and write these, so that fsyncs overlap.

mod carried;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use parking_lot::Mutex;
use schema::{Metrics, Month, ServiceName};
use storage::{Created, Key, Store, StoreError};
use tokio::runtime::Handle;

use carried::Carried;

use crate::error::{Result, ViewError};
use crate::fold::{Row, Table};
use crate::manifest::{self, Manifest, Page, Partition};
use crate::period::Period;
use crate::progress::Progress;
use crate::selection::Selection;
use crate::spill::Spill;
use crate::view_file::{self, ViewFile, Written};

/// Threads that write view files: enough that fsyncs overlap, few enough that
/// the months they hold stay small.
const WRITERS: usize = 8;
/// Names tried for a file before giving up.
const NAMES: usize = 3;

/// The surroundings of a reduce.
#[derive(Debug)]
pub(crate) struct Reduce<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) handle: &'a Handle,
    pub(crate) metrics: &'a Metrics,
    /// The number of the manifest built from, for names.
    pub(crate) base: u64,
    /// The current month at these cuts.
    pub(crate) current: Month,
    pub(crate) progress: &'a Progress,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Reduced {
    /// The whole view, the files written for it, and how many of these are view files.
    Done { pages: Vec<Page>, written: Vec<Key>, views: usize },
    /// Previous files of these periods cannot be used: count them again.
    Damaged(Vec<Period>),
}

/// A partition to be: new rows, and the files whose rows join them.
struct Job {
    service: ServiceName,
    period: Period,
    rows: Table,
    previous: Vec<Partition>,
}

impl Reduce<'_> {
    /// Merges `tables` and `spill` into the partitions of `previous` outside `again`.
    ///
    /// # Errors
    /// The store's, and `Io`; files written by then are removed again.
    pub(crate) fn run(
        &self,
        tables: Vec<Table>,
        spill: &mut Spill,
        previous: Option<&Manifest>,
        again: &[Period],
    ) -> Result<Reduced> {
        let mut carried = Carried::new(self.store, self.handle, previous, again, self.current);
        let out = Mutex::new(Out::default());
        let (jobs, queue) = sync_channel(1);
        let queue = Mutex::new(queue);
        let produced = std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| self.write_all(&queue, &out));
            }
            // Takes `jobs` and drops it, and the writers stop.
            self.produce(tables, spill, &mut carried, jobs)
        });
        let Out { partitions, mut written, mut damaged, failed } = out.into_inner();
        let (mut pages, changed, unreadable) = carried.finish(partitions);
        damaged.extend(unreadable);
        let mut failed = failed.or(produced.err());
        let views = written.len();
        if failed.is_none() && damaged.is_empty() {
            for (period, partitions) in changed {
                match self.write_page(period, &partitions) {
                    Ok(page) => {
                        written.push(page.key());
                        pages.push(page);
                    }
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
        if failed.is_some() || !damaged.is_empty() {
            self.handle.block_on(discard(self.store, &written));
            return failed.map_or_else(|| Ok(Reduced::Damaged(damaged.into_iter().collect())), Err);
        }
        pages.sort_by_key(|page| page.period);
        Ok(Reduced::Done { pages, written, views })
    }

    /// Sends a job for every partition that changes, taking it out of `carried`.
    fn produce(
        &self,
        mut tables: Vec<Table>,
        spill: &mut Spill,
        carried: &mut Carried<'_>,
        jobs: SyncSender<Job>,
    ) -> Result<()> {
        let mut cutter = Cutter { reduce: self, carried, jobs, open: None };
        if spill.is_empty() {
            let Some(mut all) = tables.pop().map(Table::widened) else { return cutter.finish() };
            while let Some(table) = tables.pop() {
                all.merge(&table);
            }
            for row in all.rows() {
                cutter.row(row)?;
            }
        } else {
            while let Some(table) = tables.pop() {
                spill.add(&table)?;
            }
            spill.merge(|row| cutter.row(row))?;
        }
        cutter.finish()
    }

    fn write_all(&self, queue: &Mutex<Receiver<Job>>, out: &Mutex<Out>) {
        loop {
            let Ok(job) = queue.lock().recv() else { return };
            let stopped = out.lock().failed.is_some();
            if stopped {
                continue;
            }
            let period = job.period;
            match self.write(job) {
                Ok(partition) => {
                    let mut out = out.lock();
                    out.written.push(partition.key());
                    out.partitions.push(partition);
                }
                Err(ViewError::Corrupt { name, why }) => {
                    tracing::warn!(name, why, "view file is damaged");
                    out.lock().damaged.insert(period);
                }
                Err(ViewError::Store(StoreError::NotFound { key })) => {
                    tracing::warn!(%key, "view file is missing");
                    out.lock().damaged.insert(period);
                }
                Err(other) => out.lock().failed = Some(other),
            }
            self.progress.wrote();
        }
    }

    fn write(&self, job: Job) -> Result<Partition> {
        let Job { service, period, mut rows, previous } = job;
        for partition in previous {
            let key = partition.key();
            let file = self.handle.block_on(ViewFile::open(self.store, &key, self.metrics))?;
            if file.crc32c() != partition.rows_crc32c || file.rows() != partition.rows {
                return Err(ViewError::corrupt(&key, "it is not the file that the manifest names"));
            }
            file.read(&Selection::everything(), &mut |row| rows.merge_row(row))?;
        }
        let Written { bytes: file, rows, messages, crc32c: rows_crc32c, first, last } =
            view_file::write(self.metrics, &rows, &[])?;
        let (bytes, file_crc32c) = (file.len() as u64, crc32c::crc32c(&file));
        let attempt = self.create(file, |attempt| manifest::key(&service, period, self.base, attempt))?;
        let base = self.base;
        Ok(Partition { service, period, base, attempt, rows, messages, bytes, file_crc32c, rows_crc32c, first, last })
    }

    fn write_page(&self, period: Period, partitions: &[Partition]) -> Result<Page> {
        let (page, file) = Page::of(period, self.base, partitions)?;
        let attempt = self.create(file.into(), |attempt| Page { attempt, ..page.clone() }.key())?;
        Ok(Page { attempt, ..page })
    }

    /// Puts a file into the store under a name of its own: should it be unknown
    /// whether a name was taken, another is, and nobody names the first.
    fn create(&self, file: Bytes, named: impl Fn(u32) -> Key) -> Result<u32> {
        let mut last = None;
        for _ in 0..NAMES {
            let attempt = rand::random();
            let key = named(attempt);
            match self.handle.block_on(self.store.create(&key, file.clone())) {
                Ok(Created::Created) => return Ok(attempt),
                Ok(Created::Exists) => {}
                Err(unknown @ StoreError::Unknown { .. }) => last = Some(unknown),
                Err(other) => return Err(other.into()),
            }
        }
        let taken = || ViewError::io("create", named(0).to_string(), ErrorKind::AlreadyExists.into());
        Err(last.map_or_else(taken, ViewError::from))
    }
}

/// Removes files that no manifest names. What cannot be removed is left to `retire`.
pub(crate) async fn discard(store: &dyn Store, keys: &[Key]) {
    for key in keys {
        if let Err(why) = store.delete(key).await {
            tracing::debug!(%key, %why, "unused view file not removed");
        }
    }
}

/// What the writers made.
#[derive(Default)]
struct Out {
    partitions: Vec<Partition>,
    written: Vec<Key>,
    damaged: BTreeSet<Period>,
    failed: Option<ViewError>,
}

/// Cuts rows that come by service, then minute, into jobs.
struct Cutter<'a, 'b> {
    reduce: &'a Reduce<'a>,
    carried: &'a mut Carried<'b>,
    jobs: SyncSender<Job>,
    open: Option<Job>,
}

impl Cutter<'_, '_> {
    fn row(&mut self, row: Row<'_>) -> Result<()> {
        let same = |job: &Job| job.period.minutes().contains(&row.minute) && job.service == *row.service;
        if !self.open.as_ref().is_some_and(same) {
            self.send();
            let period = Period::of(row.minute, self.reduce.current);
            let previous = self.carried.take(row.service, period)?;
            let rows = Table::new(self.reduce.metrics);
            self.open = Some(Job { service: row.service.clone(), period, rows, previous });
        }
        if let Some(job) = &mut self.open {
            job.rows.merge_row(row);
        }
        Ok(())
    }

    fn send(&mut self) {
        if let Some(job) = self.open.take() {
            self.reduce.progress.will_write(1);
            // The writers outlive the sender: they stop when it is dropped.
            let _ = self.jobs.send(job);
        }
    }

    /// Sends what is open, and the partitions whose period alone has changed.
    fn finish(mut self) -> Result<()> {
        self.send();
        for (service, period, previous) in self.carried.take_moved()? {
            self.open = Some(Job { service, period, rows: Table::new(self.reduce.metrics), previous });
            self.send();
        }
        Ok(())
    }
}
