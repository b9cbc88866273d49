//! The cuts a build stands on: which sources there are, and what each has
//! published since the last build.
//!
//! Enters: the store's `cuts/` folder. Leaves: cuts in order. What must hold:
//! the generations of a source follow one another without a gap from its first,
//! so looking for the next one finds all there is, at a cost that does not grow
//! with history; where one is missing although later ones are there, it is
//! named, and nothing is built or answered on less. A cut that is not what its
//! name says is refused.

use log::Cut;
use schema::{Generation, Source};
use storage::{Store, StoreError, layout};

use crate::error::{Result, ViewError};

/// How many generations above a missing cut are looked for, so that this does
/// not grow with history; who reads from the first cut on looks for all.
const AHEAD: u64 = 4;

/// Every source that ever published a cut, by name.
pub(crate) async fn sources(store: &dyn Store) -> Result<Vec<Source>> {
    let folder = layout::cuts();
    let mut sources = Vec::new();
    for name in store.list_folders(&folder).await? {
        let source = layout::source_of_folder(&name);
        sources.push(source.ok_or_else(|| ViewError::cut(format!("{folder}/{name}"), "its folder names no source"))?);
    }
    Ok(sources)
}

/// The cuts of `source` after `covered`, oldest first; all of them without
/// `covered`. They are published in order: none is there above a missing one.
///
/// # Errors
/// `Cut` naming one that is missing below another, and the store's.
pub(crate) async fn after(store: &dyn Store, source: &Source, covered: Option<Generation>) -> Result<Vec<Cut>> {
    let mut next = covered.map_or(first(source), Generation::next);
    let mut cuts = Vec::new();
    while let Some(cut) = read(store, source, next).await? {
        cuts.push(cut);
        next = next.next();
    }
    let later = match covered {
        None => listed_above(store, source, next).await?,
        Some(_) => ahead(store, source, next).await?,
    };
    match later {
        // It may have been published since.
        Some(later) if read(store, source, next).await?.is_none() => {
            let why = format!("it is not in the store, but that of generation {later} is");
            Err(ViewError::cut(layout::cut(source, next), why))
        }
        _ => Ok(cuts),
    }
}

async fn listed_above(store: &dyn Store, source: &Source, missing: Generation) -> Result<Option<Generation>> {
    let listed = store.list(&layout::cuts_of(source)).await?;
    Ok(listed.iter().filter_map(|file| layout::parse_cut(file.key.name())).find(|&cut| cut > missing))
}

async fn ahead(store: &dyn Store, source: &Source, missing: Generation) -> Result<Option<Generation>> {
    let mut later = missing;
    for _ in 0..AHEAD {
        later = later.next();
        if store.length(&layout::cut(source, later)).await?.is_some() {
            return Ok(Some(later));
        }
    }
    Ok(None)
}

/// The cuts of `source` up to `last`, oldest first.
pub(crate) async fn up_to(store: &dyn Store, source: &Source, last: Generation) -> Result<Vec<Cut>> {
    let mut cuts = Vec::new();
    let mut next = first(source);
    while next <= last {
        cuts.push(covered(store, source, next).await?);
        next = next.next();
    }
    Ok(cuts)
}

/// A cut that the manifest covers.
pub(crate) async fn covered(store: &dyn Store, source: &Source, generation: Generation) -> Result<Cut> {
    read(store, source, generation).await?.ok_or_else(|| missing(source, generation))
}

/// The error for a cut that the manifest covers and that is not there.
pub(crate) fn missing(source: &Source, generation: Generation) -> ViewError {
    ViewError::cut(layout::cut(source, generation), "the manifest covers it, but it is not in the store")
}

/// One cut; `None` if it is not there.
pub(crate) async fn read(store: &dyn Store, source: &Source, generation: Generation) -> Result<Option<Cut>> {
    let key = layout::cut(source, generation);
    let bytes = match store.read(&key).await {
        Ok(bytes) => bytes,
        Err(StoreError::NotFound { .. }) => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    Ok(Some(Cut::open(&key, &bytes)?))
}

/// The generation that a monitor begins with.
pub(crate) const FIRST: Generation = Generation::new(1);

/// The generation that a source begins with.
pub(crate) fn first(source: &Source) -> Generation {
    match source {
        Source::Monitor(_) => FIRST,
        Source::Import(_) => Generation::new(0),
    }
}
