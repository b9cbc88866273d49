//! The cuts a build stands on: which sources there are, and what each has
//! published since the last build.
//!
//! Enters: the store's `cuts/` folder. Leaves: cuts in order. What must hold:
//! the generations of a source follow one another without a gap, so looking for
//! the next one finds all there is, at a cost that does not grow with history;
//! a cut that is not what its name says is refused.

use log::Cut;
use schema::{Generation, Source};
use storage::{Store, StoreError, layout};

use crate::error::{Result, ViewError};

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

/// The cuts of `source` after `covered`, oldest first; all of them without `covered`.
pub(crate) async fn after(store: &dyn Store, source: &Source, covered: Option<Generation>) -> Result<Vec<Cut>> {
    let Some(mut next) = (match covered {
        Some(covered) => Some(covered.next()),
        None => first(store, source).await?,
    }) else {
        return Ok(Vec::new());
    };
    let mut cuts = Vec::new();
    while let Some(cut) = read(store, source, next).await? {
        cuts.push(cut);
        next = next.next();
    }
    Ok(cuts)
}

/// The cuts of `source` up to `last`, oldest first.
pub(crate) async fn up_to(store: &dyn Store, source: &Source, last: Generation) -> Result<Vec<Cut>> {
    let mut cuts = Vec::new();
    let mut next = first(store, source).await?;
    while let Some(generation) = next.filter(|&generation| generation <= last) {
        cuts.push(covered(store, source, generation).await?);
        next = Some(generation.next());
    }
    Ok(cuts)
}

/// A cut that the manifest covers.
pub(crate) async fn covered(store: &dyn Store, source: &Source, generation: Generation) -> Result<Cut> {
    let missing =
        || ViewError::cut(layout::cut(source, generation), "the manifest covers it, but it is not in the store");
    read(store, source, generation).await?.ok_or_else(missing)
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

async fn first(store: &dyn Store, source: &Source) -> Result<Option<Generation>> {
    let listed = store.list(&layout::cuts_of(source)).await?;
    Ok(listed.iter().filter_map(|file| layout::parse_cut(file.key.name())).min())
}
