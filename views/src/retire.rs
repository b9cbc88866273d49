//! Retirement: view files, pages and manifests that a newer manifest has superseded.
//!
//! Enters: the newest manifest, read back from the store, and the time. Leaves:
//! superseded batch files and pages deleted, old manifests shrunk to tombstones,
//! so that no number is used twice. What must hold: a file that the newest manifest
//! names is never touched, nor one that a build still to be published may name
//! (its base is the newest number or above); everything else stays for
//! `views.grace` after this process first saw what superseded it, because a
//! query may just be reading it.
//!
//! What a published build supersedes is known from the pages in which the two
//! manifests differ. What builds that crashed or lost have left behind is found
//! by listing, at the first run and then once in `SWEEP` builds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use schema::Micros;
use storage::layout::{self, BatchName};
use storage::{Key, Store, StoreError, sealed};

use crate::error::{Result, ViewError};
use crate::manifest::{Manifest, Page};

/// Builds between two listings of everything.
const SWEEP: u64 = 24;
/// Nobody takes that long to publish a file.
const CERTAINLY_LEFT: Duration = Duration::from_secs(24 * 3600);
/// A tombstone is shorter than this, any manifest longer.
const TOMBSTONE_BYTES: u64 = 100;

/// Deletes what is superseded, once it is old enough.
#[derive(Debug)]
pub struct Retirer {
    /// `views.grace`, in microseconds.
    grace: i64,
    newest: Option<Arc<Manifest>>,
    swept: u64,
    /// Superseded batch files and pages, and when each was first seen to be.
    files: BTreeMap<Key, Micros>,
    /// Superseded manifests, likewise.
    manifests: BTreeMap<u64, Micros>,
}

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// Batch files deleted, not counting pages.
    pub files: usize,
    /// Manifests shrunk to tombstones.
    pub manifests: usize,
}

impl Retirer {
    /// A deleter that has seen nothing yet; `grace` is in microseconds.
    #[must_use]
    pub fn new(grace: i64) -> Self {
        Retirer { grace, newest: None, swept: 0, files: BTreeMap::new(), manifests: BTreeMap::new() }
    }

    /// Takes in the newest manifest and deletes what has been superseded for
    /// `views.grace`. To be called after each build and from time to time.
    ///
    /// # Errors
    /// The store's; what is not deleted is tried again next time.
    pub async fn run(&mut self, store: &dyn Store, now: Micros) -> Result<Retired> {
        let Some(newest) = Manifest::newest(store).await? else { return Ok(Retired::default()) };
        if self.newest.as_ref().is_none_or(|known| known.number < newest.number) {
            self.see(store, &newest, now).await?;
        }
        self.newest = Some(newest.clone());
        let due = |seen: &Micros| seen.saturating_add(self.grace) <= now;

        let mut retired = Retired::default();
        let files: Vec<Key> = self.files.iter().filter(|(_, seen)| due(seen)).map(|(key, _)| key.clone()).collect();
        let manifests: Vec<u64> = self.manifests.iter().filter(|(_, seen)| due(seen)).map(|(&n, _)| n).collect();
        // Should the store have been put back to what it was, a file may be in force again.
        let named = if files.is_empty() { BTreeSet::new() } else { keys(store, &newest.pages).await? };
        for key in files {
            if !named.contains(&key) {
                store.delete(&key).await?;
                retired.files += usize::from(layout::parse_batch(&key).is_some());
            }
            self.files.remove(&key);
        }
        for number in manifests {
            bury(store, number).await?;
            self.manifests.remove(&number);
            retired.manifests += 1;
        }
        Ok(retired)
    }

    /// Notes what `newest` supersedes.
    async fn see(&mut self, store: &dyn Store, newest: &Manifest, now: Micros) -> Result<()> {
        let mut complete = false;
        if let Some(known) = self.newest.clone() {
            complete = self.compare(store, &known, newest, now).await?;
            (known.number..newest.number).for_each(|number| {
                self.manifests.entry(number).or_insert(now);
            });
        }
        if !complete || newest.number >= self.swept + SWEEP {
            self.sweep(store, newest, now).await?;
            self.swept = newest.number;
        }
        Ok(())
    }

    /// Notes what `known` named and `newest` does not; false if a page is gone, so that only a listing can tell.
    async fn compare(&mut self, store: &dyn Store, known: &Manifest, newest: &Manifest, now: Micros) -> Result<bool> {
        let only_in = |one: &Manifest, other: &Manifest| -> Vec<Page> {
            one.pages.iter().filter(|page| !other.pages.contains(page)).cloned().collect()
        };
        let named = keys(store, &only_in(newest, known)).await?;
        let superseded = match keys(store, &only_in(known, newest)).await {
            Err(ViewError::Corrupt { .. } | ViewError::Store(StoreError::NotFound { .. })) => return Ok(false),
            superseded => superseded?,
        };
        for key in superseded.difference(&named) {
            self.files.entry(key.clone()).or_insert(now);
        }
        Ok(true)
    }

    /// Notes what lies in the store and is superseded, whoever left it there.
    async fn sweep(&mut self, store: &dyn Store, newest: &Manifest, now: Micros) -> Result<()> {
        let named = keys(store, &newest.pages).await?;
        let mut files = store.list(&layout::batch()).await?;
        files.extend(store.list(&layout::manifest_pages()).await?);
        for file in files {
            let name = layout::parse_batch(&file.key).or_else(|| layout::parse_manifest_page(file.key.name()));
            let past = name.is_some_and(|BatchName { base, .. }| base < newest.number);
            if past && !named.contains(&file.key) {
                self.files.entry(file.key).or_insert(now);
            }
        }
        for file in store.list(&layout::manifests()).await? {
            let number = layout::parse_manifest(file.key.name()).filter(|&number| number < newest.number);
            if let Some(number) = number.filter(|_| file.len > TOMBSTONE_BYTES) {
                self.manifests.entry(number).or_insert(now);
            }
        }
        store.remove_temporaries(CERTAINLY_LEFT).await?;
        Ok(())
    }
}

/// These pages and every view file that they name.
async fn keys(store: &dyn Store, pages: &[Page]) -> Result<BTreeSet<Key>> {
    let mut keys = BTreeSet::new();
    for page in pages {
        keys.extend(page.read(store).await?.iter().map(|partition| partition.key()));
        keys.insert(page.key());
    }
    Ok(keys)
}

/// Replaces manifest `number` by its tombstone.
async fn bury(store: &dyn Store, number: u64) -> Result<()> {
    let key = layout::manifest(number);
    let tombstone = serde_json::json!({"number": number, "tombstone": true});
    let bytes = sealed::seal(&tombstone).map_err(|why| ViewError::corrupt(&key, why))?;
    store.replace(&key, bytes.into()).await?;
    Ok(())
}
