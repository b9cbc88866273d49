//! Publishing: from staged files to a cut in the store.

use schema::{ImportHash, Micros};
use storage::layout::DataFolder;
use storage::{Disk, Store};

use super::Staged;
use crate::cut::Cut;
use crate::error::LogError;

/// The newest cut of an import: whether it counts is `!withdrawn`. `None` when it was never imported.
///
/// # Errors
/// [`LogError::Store`], [`LogError::Document`].
pub async fn newest(store: &dyn Store, import: ImportHash) -> Result<Option<Cut>, LogError> {
    let _ = (store, import);
    todo!()
}

/// Puts staged files in the store and publishes the cut that makes them count. `now` becomes its tick.
///
/// # Errors
/// [`LogError::AlreadyImported`] when the same input already counts; [`LogError::Store`]; [`LogError::Disk`]. Nothing
/// counts then, unless the store could not say ([`storage::StoreError::Unknown`]): [`clean`] settles that later.
pub async fn publish(
    store: &dyn Store,
    disk: &dyn Disk,
    folder: &DataFolder,
    staged: Staged,
    import: ImportHash,
    now: Micros,
) -> Result<Cut, LogError> {
    let _ = (store, disk, folder, staged, import, now);
    todo!()
}

/// Withdraws an import: with the next rebuild it no longer counts.
///
/// # Errors
/// [`LogError::NotImported`] when it does not count now; [`LogError::Store`], [`LogError::Document`].
pub async fn undo(store: &dyn Store, import: ImportHash, now: Micros) -> Result<Cut, LogError> {
    let _ = (store, import, now);
    todo!()
}

/// Removes what earlier attempts from this data folder left behind, here and in the store. The caller holds the import
/// lock.
///
/// # Errors
/// [`LogError::Store`], [`LogError::Disk`].
pub async fn clean(store: &dyn Store, disk: &dyn Disk, folder: &DataFolder) -> Result<(), LogError> {
    let _ = (store, disk, folder);
    todo!()
}
