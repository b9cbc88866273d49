//! Reduce: rows by service and time become partitions, and partitions files.
//!
//! Enters: the tables and runs of the map, and the previous build's partitions.
//! Leaves: the new build's. What must hold: a partition that gets no new row
//! and keeps its period is carried over, its file untouched; any other is
//! written anew under a name nobody has.
//!
//! One thread walks the rows in order and cuts them into partitions, a few
//! others merge, encode and write these, so that fsyncs overlap.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;
use schema::{Metrics, Month, ServiceName};
use storage::{Created, Key, Store, StoreError};
use tokio::runtime::Handle;

use crate::error::{Result, ViewError};
use crate::fold::{Row, Table};
use crate::manifest::{self, Manifest, Partition, ServiceViews};
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
    /// The whole view, and the files written for it.
    Done { services: Vec<ServiceViews>, written: Vec<Key> },
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

/// The partitions of one build by service and period.
type Partitions = BTreeMap<(ServiceName, Period), Vec<Partition>>;

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
        let mut kept = self.kept(previous, again);
        let out = Mutex::new(Out::default());
        let (jobs, queue) = sync_channel(1);
        let queue = Mutex::new(queue);
        let produced = std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| self.write_all(&queue, &out));
            }
            // Takes `jobs` and drops it, and the writers stop.
            self.produce(tables, spill, &mut kept, jobs)
        });
        let Out { partitions, written, damaged, failed } = out.into_inner();
        let failed = failed.or(produced.err());
        if failed.is_some() || !damaged.is_empty() {
            self.handle.block_on(discard(self.store, &written));
            return failed.map_or_else(|| Ok(Reduced::Damaged(damaged.into_iter().collect())), Err);
        }
        kept.extend(partitions.into_iter().map(|(place, partition)| (place, vec![partition])));
        Ok(Reduced::Done { services: by_service(kept), written })
    }

    /// The previous partitions that still count, by the period they belong to now.
    fn kept(&self, previous: Option<&Manifest>, again: &[Period]) -> Partitions {
        let again: BTreeSet<Period> = again.iter().copied().collect();
        let mut kept = Partitions::new();
        for views in previous.into_iter().flat_map(|previous| &previous.services) {
            for partition in &views.partitions {
                let period = partition.period.at(self.current);
                if !again.contains(&period) {
                    kept.entry((views.service.clone(), period)).or_default().push(partition.clone());
                }
            }
        }
        kept
    }

    /// Sends a job for every partition that changes, taking it out of `kept`.
    fn produce(
        &self,
        mut tables: Vec<Table>,
        spill: &mut Spill,
        kept: &mut Partitions,
        jobs: SyncSender<Job>,
    ) -> Result<()> {
        let mut cutter = Cutter { reduce: self, kept, jobs, open: None };
        if spill.is_empty() {
            let Some(mut all) = tables.pop().map(Table::widened) else { return cutter.finish() };
            while let Some(table) = tables.pop() {
                all.merge(&table);
            }
            for row in all.rows() {
                cutter.row(row);
            }
        } else {
            while let Some(table) = tables.pop() {
                spill.add(&table)?;
            }
            spill.merge(|row| {
                cutter.row(row);
                Ok(())
            })?;
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
                Ok((place, partition, key)) => {
                    let mut out = out.lock();
                    out.written.push(key);
                    out.partitions.push((place, partition));
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

    fn write(&self, job: Job) -> Result<((ServiceName, Period), Partition, Key)> {
        let Job { service, period, mut rows, previous } = job;
        for partition in previous {
            let key = partition.key(&service);
            let file = self.handle.block_on(ViewFile::open(self.store, &key, self.metrics))?;
            if file.crc32c() != partition.crc32c || file.rows() != partition.rows {
                return Err(ViewError::corrupt(&key, "it is not the file that the manifest names"));
            }
            file.read(&Selection::everything(), &mut |row| rows.merge_row(row))?;
        }
        let view = view_file::write(self.metrics, &rows, &[])?;
        drop(rows);
        let (attempt, key) = self.create(&service, period, &view)?;
        let Written { bytes, rows, messages, crc32c, first, last } = view;
        let bytes = bytes.len() as u64;
        let partition = Partition { period, base: self.base, attempt, rows, messages, bytes, crc32c, first, last };
        Ok(((service, period), partition, key))
    }

    /// Puts the file into the store under a name of its own: should it be
    /// unknown whether a name was taken, another is, and nobody names the first.
    fn create(&self, service: &ServiceName, period: Period, view: &Written) -> Result<(u32, Key)> {
        let mut last = None;
        for _ in 0..NAMES {
            let attempt = rand::random();
            let key = manifest::key(service, period, self.base, attempt);
            match self.handle.block_on(self.store.create(&key, view.bytes.clone())) {
                Ok(Created::Created) => return Ok((attempt, key)),
                Ok(Created::Exists) => {}
                Err(unknown @ StoreError::Unknown { .. }) => last = Some(unknown),
                Err(other) => return Err(other.into()),
            }
        }
        let taken =
            || ViewError::io("create a view of", format!("{service} {period}"), ErrorKind::AlreadyExists.into());
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
    partitions: Vec<((ServiceName, Period), Partition)>,
    written: Vec<Key>,
    damaged: BTreeSet<Period>,
    failed: Option<ViewError>,
}

/// Cuts rows that come by service, then minute, into jobs.
struct Cutter<'a> {
    reduce: &'a Reduce<'a>,
    kept: &'a mut Partitions,
    jobs: SyncSender<Job>,
    open: Option<Job>,
}

impl Cutter<'_> {
    fn row(&mut self, row: Row<'_>) {
        let same = |job: &Job| job.period.minutes().contains(&row.minute) && job.service == *row.service;
        if !self.open.as_ref().is_some_and(same) {
            self.send();
            let period = Period::of(row.minute, self.reduce.current);
            let previous = self.kept.remove(&(row.service.clone(), period)).unwrap_or_default();
            let rows = Table::new(self.reduce.metrics);
            self.open = Some(Job { service: row.service.clone(), period, rows, previous });
        }
        if let Some(job) = &mut self.open {
            job.rows.merge_row(row);
        }
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
        let moved = |(place, files): (&(ServiceName, Period), &Vec<Partition>)| {
            let stays = matches!(files.as_slice(), [only] if only.period == place.1);
            (!stays).then(|| place.clone())
        };
        let moved: Vec<_> = self.kept.iter().filter_map(moved).collect();
        for place in moved {
            let previous = self.kept.remove(&place).unwrap_or_default();
            let (service, period) = place;
            self.open = Some(Job { service, period, rows: Table::new(self.reduce.metrics), previous });
            self.send();
        }
        Ok(())
    }
}

fn by_service(partitions: Partitions) -> Vec<ServiceViews> {
    let mut services: Vec<ServiceViews> = Vec::new();
    for ((service, _), files) in partitions {
        match services.last_mut() {
            Some(last) if last.service == service => last.partitions.extend(files),
            _ => services.push(ServiceViews { service, partitions: files }),
        }
    }
    services
}
