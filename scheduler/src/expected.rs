//! The cuts that a rebuild waits for.
//!
//! In: the store's cuts, a tick and the one before. Out: which monitors are still to cut at this tick. Must hold:
//! only monitors that had a cut at the tick before are waited for, so one that is gone delays one rebuild at most;
//! imports are never waited for.

use std::collections::BTreeMap;

use log::Cut;
use schema::{Generation, Micros, MonitorId, Source};
use storage::{Store, layout};
use views::Manifest;

use crate::error::SchedulerError;

/// Monitors that are expected to cut, with the generation of the newest cut each has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    tick: Micros,
    newest: BTreeMap<MonitorId, Generation>,
}

impl Expected {
    /// The monitors whose newest cut is from `before` on, but before `tick`.
    ///
    /// # Errors
    /// The store's, and a cut that is not intact.
    pub async fn at(store: &dyn Store, tick: Micros, before: Micros) -> Result<Self, SchedulerError> {
        // Only a shortcut: without a manifest that can be read the cuts are listed.
        let manifest = Manifest::newest(store).await.ok().flatten();
        let mut newest = BTreeMap::new();
        for folder in store.list_folders(&layout::cuts()).await? {
            let Some(Source::Monitor(monitor)) = layout::source_of_folder(&folder) else { continue };
            let Some(generation) = newest_cut(store, &monitor, manifest.as_deref()).await? else { continue };
            let cut = read(store, &monitor, generation).await?;
            if (before..tick).contains(&cut) {
                newest.insert(monitor, generation);
            }
        }
        Ok(Self { tick, newest })
    }

    /// Looks again, and forgets the monitors that have cut meanwhile.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub async fn look(&mut self, store: &dyn Store) -> Result<(), SchedulerError> {
        for (monitor, generation) in std::mem::take(&mut self.newest) {
            let mut newest = generation;
            let mut arrived = false;
            while store.length(&key(&monitor, next(newest))).await?.is_some() {
                newest = next(newest);
                arrived |= read(store, &monitor, newest).await? >= self.tick;
            }
            if !arrived {
                self.newest.insert(monitor, newest);
            }
        }
        Ok(())
    }

    /// Whether nobody is waited for.
    pub fn is_empty(&self) -> bool {
        self.newest.is_empty()
    }

    /// Who is waited for.
    pub fn monitors(&self) -> impl Iterator<Item = &MonitorId> {
        self.newest.keys()
    }
}

/// The newest cut, looked for from the one that the newest manifest covers.
async fn newest_cut(
    store: &dyn Store,
    monitor: &MonitorId,
    manifest: Option<&Manifest>,
) -> Result<Option<Generation>, SchedulerError> {
    let Some(covered) = manifest.and_then(|manifest| manifest.monitor(monitor)) else {
        let cuts = store.list(&layout::cuts_of(&Source::Monitor(monitor.clone()))).await?;
        return Ok(cuts.iter().filter_map(|cut| layout::parse_cut(cut.key.name())).max());
    };
    let mut newest = covered.generation;
    while store.length(&key(monitor, next(newest))).await?.is_some() {
        newest = next(newest);
    }
    Ok(Some(newest))
}

/// The tick of a cut.
async fn read(store: &dyn Store, monitor: &MonitorId, generation: Generation) -> Result<Micros, SchedulerError> {
    let key = key(monitor, generation);
    Ok(Cut::open(&key, &store.read(&key).await?)?.tick)
}

fn key(monitor: &MonitorId, generation: Generation) -> storage::Key {
    layout::cut(&Source::Monitor(monitor.clone()), generation)
}

fn next(generation: Generation) -> Generation {
    Generation::new(generation.get() + 1)
}
