//! A reader of an hourglass: the store, and the data folder if this is a
//! monitor's machine.
//!
//! It owns how a read goes on when files go away under it: generations are
//! rebuilt and retired while someone reads, so whatever was not found is asked
//! for again from the newest manifest, a bounded number of times; a realtime
//! view that turns out to be corrupt is avoided, its messages come from the
//! log instead.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use log::LogError;
use schema::Metrics;
use storage::layout::{DataFolder, RealtimeName};
use storage::{Disk, Store, StoreError};

use crate::cache::Cache;
use crate::error::{Result, ViewError};
use crate::fold::Table;

/// How often a read starts over before what is missing counts as missing.
const ATTEMPTS: usize = 8;

/// Where answers come from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Metrics,
    pub(crate) local: Option<Local>,
    pub(crate) threads: usize,
    /// What it keeps between answers, shared by its clones.
    pub(crate) cache: Option<Arc<Cache>>,
    /// The most rows of an answer.
    pub(crate) rows: usize,
    /// Nobody waits for its answers any more.
    pub(crate) abandoned: Arc<AtomicBool>,
    /// Whether an answer reaches no further than its lines can be read.
    pub(crate) lines: bool,
}

/// The data folder of a monitor on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: DataFolder,
}

impl Reader {
    /// Reads `store` alone.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, metrics: Metrics) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Reader {
            store,
            metrics,
            local: None,
            threads,
            cache: None,
            rows: usize::MAX,
            abandoned: Arc::default(),
            lines: false,
        }
    }

    /// Reads the log of the monitor in `folder` too; none may live there.
    #[must_use]
    pub fn with_folder(mut self, disk: Arc<dyn Disk>, folder: DataFolder) -> Self {
        self.local = Some(Local { disk, folder });
        self
    }

    /// Keeps what it has read between answers, in at most so many bytes: for who answers many. Those who ask at the
    /// same time then share one look at what there is.
    #[must_use]
    pub fn with_cache(mut self, bytes: u64) -> Self {
        self.cache = Some(Arc::new(Cache::new(bytes)));
        self
    }

    /// As this one, for answers of at most so many rows: one that would have more is given up as soon as that shows.
    #[must_use]
    pub fn with_rows(&self, most: usize) -> Self {
        Reader { rows: most, ..self.clone() }
    }

    /// As this one, giving up once `abandoned` is set: between two files, which is soon.
    #[must_use]
    pub fn until(&self, abandoned: Arc<AtomicBool>) -> Self {
        Reader { abandoned, ..self.clone() }
    }

    /// Refuses to go on with `table` where it is too large, or nobody waits for it.
    pub(crate) fn goes_on(&self, table: &Table) -> Result<()> {
        if self.abandoned.load(Ordering::Relaxed) {
            return Err(ViewError::Abandoned);
        }
        if table.len() > self.rows { Err(ViewError::TooManyRows { most: self.rows }) } else { Ok(()) }
    }

    /// As this one, for who reads the lines that an answer covers: where another machine's lines are in the store and
    /// cannot be read yet ([`Store::served`]), it covers less.
    pub(crate) fn of_lines(&self) -> Self {
        Reader { lines: true, cache: None, ..self.clone() }
    }

    /// The store's metrics, in the order of every row's aggregates.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How many threads parse; the default is one a core.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }
}

/// Judges whether a failed read starts over.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    attempts: usize,
    avoid: BTreeSet<String>,
}

impl Retries {
    /// Realtime views (by name) that were found corrupt.
    pub(crate) fn avoid(&self) -> &BTreeSet<String> {
        &self.avoid
    }

    /// Lets the read start over after `error`, or gives it back.
    pub(crate) fn after(&mut self, error: ViewError) -> Result<()> {
        self.attempts += 1;
        if self.attempts >= ATTEMPTS {
            return Err(error);
        }
        match &error {
            ViewError::Corrupt { name, why } if is_realtime(name) && self.avoid.insert(name.clone()) => {
                tracing::warn!(name, why, "avoiding a corrupt view");
                Ok(())
            }
            error if is_gone(error) => Ok(()),
            _ => Err(error),
        }
    }
}

/// Whether a path or key is a realtime view's: answers can do without it.
fn is_realtime(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|name| RealtimeName::parse(name).is_some())
}

/// Whether a file was not there, as it may be once what it held was rebuilt.
pub(crate) fn is_gone(error: &ViewError) -> bool {
    let absent = std::io::ErrorKind::NotFound;
    match error {
        ViewError::Store(StoreError::NotFound { .. }) | ViewError::Missing { .. } => true,
        ViewError::Io { source, .. } => source.kind() == absent,
        ViewError::Log(LogError::Retired { .. }) => true,
        ViewError::Log(LogError::Disk(source)) => source.kind() == absent,
        _ => false,
    }
}
