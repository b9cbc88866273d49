//! Rebuild: the batch view at the published cuts.
//!
//! Enters: the newest manifest, the cuts since, the dated files they name.
//! Leaves: view files, then the manifest that names them. What must hold: the
//! content is a pure function of the covered files' bytes, whether it was
//! folded forward or counted from nothing; nothing is visible before the
//! manifest is, and then all of it is; a crash anywhere leaves the manifest
//! before, complete.
//!
//! A partition of a build is the previous partition's rows merged with those of
//! the new files. Where the set of files did not only grow (an import was
//! withdrawn), or the previous file is lost or damaged, it is counted again from
//! every dated file that touches it (ADR 0007).

mod partitions;

use std::path::PathBuf;
use std::sync::Arc;

use log::DatedFile;
use parking_lot::Mutex;
use schema::Metrics;
use storage::{Clock, Key, Store};
use tokio::runtime::Handle;

use crate::changes::Changes;
use crate::error::{Result, ViewError};
use crate::input::{Expected, Input, Place};
use crate::manifest::{self, Manifest, Page};
use crate::map::Map;
use crate::period::Period;
use crate::progress::Progress;
use crate::reduce::{Reduce, Reduced, discard};
use crate::selection::Selection;
use crate::spill::Spill;

/// How to build.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// The store's metrics.
    pub metrics: Metrics,
    /// Ignore every view file and count from the dated files alone.
    pub full: bool,
    /// Bytes of aggregates held before they spill (`rebuild.memory`).
    pub memory: usize,
    /// A local folder for what spills; the file in it has no name.
    pub scratch: PathBuf,
    /// Threads that parse; 0 is one a core.
    pub threads: usize,
    /// With nothing new, read every view file named, and count again what is damaged.
    pub check: bool,
    /// Raised while the build goes on.
    pub progress: Arc<Progress>,
}

/// What a build did.
#[derive(Clone, Debug)]
pub struct Built {
    /// The newest manifest now; none if there is nothing to build from.
    pub manifest: Option<Arc<Manifest>>,
    /// The one it was built from.
    pub previous: Option<Arc<Manifest>>,
    /// Whether it published `manifest`; false if nothing was new.
    pub published: bool,
    /// Dated files read.
    pub files: usize,
    /// View files written.
    pub written: usize,
    /// Periods counted again from every file that touches them.
    pub again: Vec<Period>,
}

/// Builds the batch view at the published cuts and publishes it; does nothing
/// if the newest manifest covers them already, its files are sound (`check`) and
/// `full` is not asked.
///
/// # Errors
/// `DatedFile` and `Cut` naming the file that is refused, `Overtaken` if another
/// build was faster, the store's. In each case the manifest before stands.
pub async fn rebuild(store: Arc<dyn Store>, clock: Arc<dyn Clock>, options: BuildOptions) -> Result<Built> {
    let number = manifest::newest_number(&*store).await?;
    let previous = match number {
        0 => None,
        _ => match manifest::read(&*store, number).await {
            Ok(manifest) => Some(Arc::new(manifest)),
            Err(ViewError::Corrupt { name, why }) => {
                tracing::warn!(name, why, "manifest is corrupt, building from nothing");
                None
            }
            Err(other) => return Err(other),
        },
    };
    let from = previous.clone().filter(|_| !options.full);
    let mut damaged = match &from {
        Some(from) => partitions::lost(&*store, from).await?,
        None => Vec::new(),
    };
    let mut check = options.check;
    loop {
        let changes = Changes::since(&*store, from.as_deref(), &damaged).await?;
        if let Some(previous) = &previous {
            changes.reach(previous)?;
        }
        if let Some(from) = from.as_ref().filter(|_| check && !changes.news) {
            damaged.extend(partitions::damaged(&*store, from).await?);
            check = false;
            if !damaged.is_empty() {
                continue;
            }
        }
        let nothing_to_do = from.is_some() && !changes.news && damaged.is_empty();
        if changes.monitors.is_empty() && changes.imports.is_empty() || nothing_to_do {
            return Ok(Built {
                manifest: previous.clone(),
                previous,
                published: false,
                files: 0,
                written: 0,
                again: Vec::new(),
            });
        }
        let build = Build { store: store.clone(), options: options.clone(), from: from.clone(), base: number };
        let (changes, reduced) = build.run(changes).await?;
        match reduced {
            Reduced::Damaged(more) => {
                tracing::warn!(?more, "view files are damaged, counting their periods again");
                damaged.extend(more);
            }
            Reduced::Done { pages, written, views } => {
                let manifest = describe(number, &changes, pages, &*clock);
                publish(&*store, &manifest, &written).await?;
                return Ok(Built {
                    manifest: Some(Arc::new(manifest)),
                    previous,
                    published: true,
                    files: changes.fresh.len() + changes.sources.len(),
                    written: views,
                    again: changes.again,
                });
            }
        }
    }
}

/// Publishes; if another build was faster, this one's files are nobody's.
async fn publish(store: &dyn Store, manifest: &Manifest, written: &[Key]) -> Result<()> {
    let published = manifest.publish(store).await;
    if matches!(published, Err(ViewError::Overtaken { .. })) {
        discard(store, written).await;
    }
    published
}

/// One pass of a build.
struct Build {
    store: Arc<dyn Store>,
    options: BuildOptions,
    from: Option<Arc<Manifest>>,
    base: u64,
}

impl Build {
    /// Maps and reduces on threads of its own.
    async fn run(self, changes: Changes) -> Result<(Changes, Reduced)> {
        let handle = Handle::current();
        let task = tokio::task::spawn_blocking(move || {
            let reduced = self.map_and_reduce(&changes, &handle)?;
            Ok((changes, reduced))
        });
        task.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
    }

    fn map_and_reduce(&self, changes: &Changes, handle: &Handle) -> Result<Reduced> {
        let BuildOptions { metrics, memory, scratch, threads, progress, .. } = &self.options;
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let threads = if *threads == 0 { cores() } else { *threads };
        let (everything, again) = (Selection::everything(), changes.within_again());
        let (fresh, sources) = (inputs(&changes.fresh), inputs(&changes.sources));
        let map = Map {
            store: &*self.store,
            handle,
            metrics,
            selection: &everything,
            threads,
            memory: memory / threads,
            progress,
            piece: Map::piece(&*self.store, &fresh, threads),
        };
        let spill = Mutex::new(Spill::new(scratch, metrics.len()));
        progress.will_read(fresh.iter().chain(&sources).map(|input| input.range.end).sum());
        let mut tables = map.fold(&fresh, &spill)?;
        let piece = Map::piece(&*self.store, &sources, threads);
        tables.extend(Map { selection: &again, piece, ..map }.fold(&sources, &spill)?);

        let current = changes.latest_tick.date().month();
        let reduce = Reduce { store: &*self.store, handle, metrics, base: self.base, current, progress };
        reduce.run(tables, &mut spill.into_inner(), self.from.as_deref(), &changes.again)
    }
}

fn inputs(files: &[DatedFile]) -> Vec<Input> {
    let input = |file: &DatedFile| Input {
        place: Place::Stored(file.key.clone()),
        range: 0..file.length,
        expected: Some(Expected::of(file)),
    };
    files.iter().map(input).collect()
}

fn describe(base: u64, changes: &Changes, pages: Vec<Page>, clock: &dyn Clock) -> Manifest {
    Manifest {
        version: Manifest::VERSION,
        number: base + 1,
        base,
        nonce: Manifest::fresh_nonce(),
        built_at: clock.now(),
        latest_tick: changes.latest_tick,
        monitors: changes.monitors.values().cloned().collect(),
        imports: changes.imports.values().cloned().collect(),
        content: Manifest::hash_content(&pages),
        pages,
    }
}

#[cfg(test)]
mod tests;
