//! Which files of the newest build are no longer what its manifest names.
//!
//! Enters: a manifest. Leaves: the periods to count again. Which files are lost
//! or cut short is told by one look at each of a local folder, by one listing of
//! another store, so every build looks; damage inside shows in the footer, which
//! is read when a build has nothing else to do.

use std::collections::{BTreeMap, BTreeSet};

use schema::Metrics;
use storage::{Key, Store, StoreError, layout};

use crate::error::{Result, ViewError};
use crate::manifest::Manifest;
use crate::period::Period;
use crate::view_file::ViewFile;

/// Periods with a file that is missing or not as long as it was.
pub(super) async fn lost(store: &dyn Store, manifest: &Manifest) -> Result<Vec<Period>> {
    let mut listed = None;
    let mut lost = BTreeSet::new();
    for views in &manifest.services {
        for partition in &views.partitions {
            let key = partition.key(&views.service);
            // A year has thousands of folders: looking each file up is far cheaper than listing them.
            let looked_up = store.local_path(&key).and_then(|path| path.metadata().ok()).map(|found| found.len());
            if looked_up == Some(partition.bytes) {
                continue;
            }
            if listed.is_none() {
                listed = Some(lengths(store).await?);
            }
            let length = listed.as_ref().and_then(|lengths| lengths.get(&key)).copied();
            if length != Some(partition.bytes) {
                tracing::warn!(%key, ?length, expected = partition.bytes, "view file is lost, counting its period again");
                lost.insert(partition.period);
            }
        }
    }
    Ok(lost.into_iter().collect())
}

/// Every batch view file in the store, and how long it is.
async fn lengths(store: &dyn Store) -> Result<BTreeMap<Key, u64>> {
    let listed = store.list(&layout::batch()).await?;
    Ok(listed.into_iter().map(|file| (file.key, file.len)).collect())
}

/// Periods with a file whose footer is not the one that was written.
pub(super) async fn damaged(store: &dyn Store, manifest: &Manifest, metrics: &Metrics) -> Result<Vec<Period>> {
    let mut damaged = BTreeSet::new();
    for views in &manifest.services {
        for partition in &views.partitions {
            let key = partition.key(&views.service);
            match ViewFile::open(store, &key, metrics).await {
                Ok(file) if file.crc32c() == partition.crc32c && file.rows() == partition.rows => {}
                Ok(_) | Err(ViewError::Corrupt { .. } | ViewError::Store(StoreError::NotFound { .. })) => {
                    tracing::warn!(%key, "view file is damaged, counting its period again");
                    damaged.insert(partition.period);
                }
                Err(other) => return Err(other),
            }
        }
    }
    Ok(damaged.into_iter().collect())
}
