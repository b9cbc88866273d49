//! Which files of the newest build are no longer what its manifest names.
//!
//! Enters: a manifest. Leaves: the periods to count again. One listing tells
//! which files are lost or cut short, so every build looks; damage inside shows
//! in the footer, which is read when a build has nothing else to do.

use std::collections::{BTreeMap, BTreeSet};

use schema::Metrics;
use storage::{Key, Store, StoreError, layout};

use crate::error::{Result, ViewError};
use crate::manifest::Manifest;
use crate::period::Period;
use crate::view_file::ViewFile;

/// Periods with a file that is missing or not as long as it was.
pub(super) async fn lost(store: &dyn Store, manifest: &Manifest) -> Result<Vec<Period>> {
    let listed = store.list(&layout::batch()).await?;
    let lengths: BTreeMap<Key, u64> = listed.into_iter().map(|file| (file.key, file.len)).collect();
    let mut lost = BTreeSet::new();
    for views in &manifest.services {
        for partition in &views.partitions {
            let key = partition.key(&views.service);
            let length = lengths.get(&key).copied();
            if length != Some(partition.bytes) {
                tracing::warn!(%key, ?length, expected = partition.bytes, "view file is lost, counting its period again");
                lost.insert(partition.period);
            }
        }
    }
    Ok(lost.into_iter().collect())
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
