//! Finding the newest manifest: from the hint upwards, else by listing.

use std::sync::Arc;

use storage::{Key, Store, StoreError, layout, sealed};

use super::Manifest;
use crate::error::{Result, ViewError};

/// Times a reader starts over when manifests move on under it.
const ATTEMPTS: usize = 8;

impl Manifest {
    /// The newest manifest, or none if nothing was ever built.
    ///
    /// # Errors
    /// The store's, and `Corrupt` naming a manifest that cannot be read; a
    /// rebuild makes a new one.
    pub async fn newest(store: &dyn Store) -> Result<Option<Arc<Manifest>>> {
        let mut gone = Ok(None);
        for _ in 0..ATTEMPTS {
            let number = newest_number(store).await?;
            if number == 0 {
                return Ok(None);
            }
            match read(store, number).await {
                Err(ViewError::Store(StoreError::NotFound { key })) => gone = Err(StoreError::NotFound { key }.into()),
                found => return found.map(|manifest| Some(Arc::new(manifest))),
            }
        }
        gone
    }
}

/// The number of the newest manifest; 0 if there is none.
pub(crate) async fn newest_number(store: &dyn Store) -> Result<u64> {
    let mut number = hint(store).await;
    if number == 0 || store.length(&layout::manifest(number)).await?.is_none() {
        number = listed(store).await?;
    }
    if number > 0 {
        while store.length(&layout::manifest(number + 1)).await?.is_some() {
            number += 1;
        }
    }
    Ok(number)
}

/// Manifest `number`.
pub(crate) async fn read(store: &dyn Store, number: u64) -> Result<Manifest> {
    let key = layout::manifest(number);
    let bytes = store.read(&key).await?;
    let manifest: Manifest = sealed::open(&bytes).map_err(|why| ViewError::corrupt(&key, why))?;
    if manifest.version != Manifest::VERSION || manifest.number != number {
        return Err(ViewError::corrupt(&key, "its version or number is not the one expected"));
    }
    Ok(manifest)
}

/// Notes that `number` is published; a reader without the note only takes longer.
pub(super) async fn write_hint(store: &dyn Store, number: u64) {
    let key: Key = layout::manifest_hint();
    if let Err(why) = store.replace(&key, format!("{number}\n").into()).await {
        tracing::debug!(%why, "manifest hint not written");
    }
}

async fn hint(store: &dyn Store) -> u64 {
    let bytes = store.read(&layout::manifest_hint()).await.unwrap_or_default();
    std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

async fn listed(store: &dyn Store) -> Result<u64> {
    let files = store.list(&layout::manifests()).await?;
    Ok(files.iter().filter_map(|file| layout::parse_manifest(file.key.name())).max().unwrap_or(0))
}
