//! Publishing: from staged files to a cut in the store, and back.

use std::path::Path;

use schema::{Generation, ImportHash, Micros, Position, Rejects, Source};
use storage::layout::{self, DataFolder, DatedName};
use storage::{Created, Disk, Key, Linked, Mode, Store, StoreError, publish_new};

use super::Staged;
use super::dated::part_path;
use crate::cut::{Cut, DatedFile};
use crate::error::LogError;
use crate::window::{Window, read_whole};

/// The newest cut of an import: whether it counts is `!withdrawn`. `None` when it was never imported.
///
/// # Errors
/// [`LogError::Store`], [`LogError::Document`].
pub async fn newest(store: &dyn Store, import: ImportHash) -> Result<Option<Cut>, LogError> {
    let listed = store.list(&layout::cuts_of(&Source::Import(import))).await?;
    let newest = listed.iter().filter_map(|file| layout::parse_cut(file.key.name())).max();
    let Some(generation) = newest else { return Ok(None) };
    let key = layout::cut(&Source::Import(import), generation);
    Cut::open(&key, &store.read(&key).await?).map(Some)
}

/// Puts staged files in the store and publishes the cut that makes them count. `now` becomes its tick.
///
/// # Errors
/// [`LogError::AlreadyImported`] when the same input already counts; [`LogError::Store`]; [`LogError::Disk`]. Nothing
/// counts then, unless the store could not say ([`storage::StoreError::Unknown`]). What is left, here and in the store,
/// is for [`clean()`].
pub async fn publish(
    store: &dyn Store,
    disk: &dyn Disk,
    folder: &DataFolder,
    staged: Staged,
    import: ImportHash,
    now: Micros,
) -> Result<Cut, LogError> {
    let generation = match newest(store, import).await? {
        None => Generation::new(0),
        Some(cut) if cut.withdrawn => cut.generation.next(),
        Some(_) => {
            remove_attempt(disk, folder, &staged.folder)?;
            return Err(LogError::AlreadyImported { import });
        }
    };
    let name = |part| DatedName::Import { import, attempt: staged.attempt, part };
    let files = staged.files.iter().map(|file| DatedFile::new(file, &name(file.seq))).collect();
    let cut = Cut { rejected: staged.rejected, files, ..empty_cut(import, generation, now) };
    publish_new(disk, &staged.folder.join(PLAN), &cut.seal()?)?;
    for file in &cut.files {
        put(store, disk, &part_path(&staged.folder, file.seq), file).await?;
    }
    if create(store, &cut).await? != cut {
        withdraw_files(store, &cut).await?;
        remove_attempt(disk, folder, &staged.folder)?;
        return Err(LogError::AlreadyImported { import });
    }
    remove_attempt(disk, folder, &staged.folder)?;
    Ok(cut)
}

/// Withdraws an import: with the next rebuild it no longer counts.
///
/// # Errors
/// [`LogError::NotImported`] when it does not count now; [`LogError::Store`], [`LogError::Document`].
pub async fn undo(store: &dyn Store, import: ImportHash, now: Micros) -> Result<Cut, LogError> {
    match newest(store, import).await? {
        Some(cut) if !cut.withdrawn => {
            let generation = cut.generation.next();
            // If somebody else was faster, it is withdrawn all the same.
            create(store, &Cut { withdrawn: true, ..empty_cut(import, generation, now) }).await
        }
        _ => Err(LogError::NotImported { import }),
    }
}

/// Removes what earlier attempts from this data folder left behind, here and in the store. The caller holds the import
/// lock.
///
/// # Errors
/// [`LogError::Store`], [`LogError::Document`], [`LogError::Disk`].
pub async fn clean(store: &dyn Store, disk: &dyn Disk, folder: &DataFolder) -> Result<(), LogError> {
    let import = folder.import();
    let attempts = match disk.list(&import) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        listed => listed?,
    };
    for attempt in attempts.into_iter().filter(|entry| entry.is_dir) {
        let attempt = import.join(attempt.name);
        let plan = attempt.join(PLAN);
        // Without a plan nothing of it is in the store.
        if disk.length(&plan)?.is_some() {
            let cut = Cut::parse(&plan.display().to_string(), &read_whole(disk, &plan)?)?;
            if found(store, &cut.key()).await?.as_ref() != Some(&cut) {
                withdraw_files(store, &cut).await?;
            }
        }
        remove_attempt(disk, folder, &attempt)?;
    }
    Ok(())
}

/// Holds the cut of an attempt, from before the first of its files is in the store.
const PLAN: &str = "plan.json";

/// Copied into the store at a time, where linking is not possible.
const CHUNK: usize = 8 << 20;

fn empty_cut(import: ImportHash, generation: Generation, tick: Micros) -> Cut {
    Cut {
        version: Cut::VERSION,
        source: Source::Import(import),
        incarnation: None,
        generation,
        tick,
        position: Position::new(0, 0),
        withdrawn: false,
        sealed: false,
        rejected: Rejects::NONE,
        files: Vec::new(),
    }
}

/// Puts one staged file in the store. Nobody else writes that key: it has our attempt's number.
async fn put(store: &dyn Store, disk: &dyn Disk, local: &Path, file: &DatedFile) -> Result<(), LogError> {
    if store.link_from(local, &file.key).await? != Linked::Unsupported {
        return Ok(());
    }
    let mut window = Window::new(disk.open(local, Mode::Read)?, 0);
    while window.offset() < file.length {
        let offset = window.offset();
        let bytes = bytes::Bytes::copy_from_slice(window.fill(CHUNK)?);
        window.consume(bytes.len());
        store.append(&file.key, offset, bytes).await?;
    }
    Ok(store.close(&file.key).await?)
}

/// Creates the cut unless there is one; gives the one that is there then.
async fn create(store: &dyn Store, cut: &Cut) -> Result<Cut, LogError> {
    let key = cut.key();
    match store.create(&key, cut.seal()?.into()).await {
        Ok(Created::Created) => Ok(cut.clone()),
        Ok(Created::Exists) => Cut::open(&key, &store.read(&key).await?),
        Err(unknown @ StoreError::Unknown { .. }) => found(store, &key).await?.ok_or_else(|| unknown.into()),
        Err(error) => Err(error.into()),
    }
}

async fn found(store: &dyn Store, key: &Key) -> Result<Option<Cut>, LogError> {
    match store.read(key).await {
        Ok(bytes) => Cut::open(key, &bytes).map(Some),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Deletes the files of a cut that was not published and never will be.
async fn withdraw_files(store: &dyn Store, cut: &Cut) -> Result<(), LogError> {
    for file in &cut.files {
        store.delete(&file.key).await?;
    }
    Ok(())
}

/// Removes a staged attempt; its plan last, so that an interruption is found again.
fn remove_attempt(disk: &dyn Disk, folder: &DataFolder, attempt: &Path) -> Result<(), LogError> {
    for entry in disk.list(attempt)?.iter().filter(|entry| entry.name != PLAN) {
        disk.remove(&attempt.join(&entry.name))?;
    }
    if disk.length(&attempt.join(PLAN))?.is_some() {
        disk.remove(&attempt.join(PLAN))?;
    }
    disk.remove_folder(attempt)?;
    Ok(disk.sync_folder(&folder.import())?)
}
