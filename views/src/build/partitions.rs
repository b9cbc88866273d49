//! Which files of the newest build are no longer what its manifest names.
//!
//! Enters: a manifest. Leaves: the periods to count again. A build with news
//! costs the news: it looks up the files of one page in turn, so that a lost
//! file is found within as many builds as there are pages. One that is asked to
//! check, and has nothing else to do, reads every byte that the manifest names.

use std::collections::BTreeSet;

use storage::{Store, StoreError};

use crate::error::Result;
use crate::manifest::{Manifest, Partition};
use crate::period::Period;

/// The period of the page whose turn it is, if one of its files is missing or not as long as it was.
pub(super) async fn lost(store: &dyn Store, manifest: &Manifest) -> Result<Vec<Period>> {
    let turn = manifest.number.checked_rem(manifest.pages.len() as u64);
    let Some(page) = turn.and_then(|turn| manifest.pages.get(turn as usize)) else { return Ok(Vec::new()) };
    let Some(partitions) = page.read_intact(store).await? else { return Ok(vec![page.period]) };
    let mut lost = None;
    for partition in partitions {
        let length = length(store, &partition).await?;
        if length != Some(partition.bytes) {
            let (key, expected) = (partition.key(), partition.bytes);
            tracing::warn!(%key, ?length, expected, "view file is lost, counting its period again");
            lost = Some(page.period);
        }
    }
    Ok(lost.into_iter().collect())
}

async fn length(store: &dyn Store, partition: &Partition) -> Result<Option<u64>> {
    let key = partition.key();
    match store.local_path(&key).and_then(|path| path.metadata().ok()) {
        Some(found) => Ok(Some(found.len())),
        None => Ok(store.length(&key).await?),
    }
}

/// Periods with a file that is missing or has another byte than it had.
pub(super) async fn damaged(store: &dyn Store, manifest: &Manifest) -> Result<Vec<Period>> {
    let mut damaged = BTreeSet::new();
    for page in &manifest.pages {
        let Some(partitions) = page.read_intact(store).await? else {
            damaged.insert(page.period);
            continue;
        };
        for partition in partitions {
            let key = partition.key();
            let why = match store.read(&key).await {
                Ok(bytes) => partition.differs(&bytes),
                Err(StoreError::NotFound { .. }) => Some("it is not there".to_owned()),
                Err(other) => return Err(other.into()),
            };
            if let Some(why) = why {
                tracing::warn!(%key, why, "view file is damaged, counting its period again");
                damaged.insert(page.period);
            }
        }
    }
    Ok(damaged.into_iter().collect())
}
