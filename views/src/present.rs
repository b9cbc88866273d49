//! The present: everything that an answer can cover, fixed at one moment, whatever is asked.
//!
//! Enters: the newest manifest, what the monitors' chains add to it, and the imports' cuts. What must hold: it covers
//! every message that was acknowledged on this machine before it was read, and others as far as the store shows.
//! Readers with a cache that ask at the same time share one.

use std::collections::BTreeSet;
use std::sync::Arc;

use schema::{Generation, MonitorId, Source};
use storage::layout;

use crate::chain::{self, Chain};
use crate::coverage::PendingImport;
use crate::cuts;
use crate::error::Result;
use crate::manifest::Manifest;
use crate::reader::Reader;

/// What there is to be covered.
#[derive(Debug)]
pub(crate) struct Present {
    pub(crate) manifest: Option<Arc<Manifest>>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) pending: Vec<PendingImport>,
    pub(crate) unseen: Vec<MonitorId>,
}

impl Present {
    /// The newest; `avoid` names corrupt views.
    pub(crate) async fn newest(reader: &Reader, avoid: &BTreeSet<String>) -> Result<Arc<Self>> {
        match &reader.cache {
            Some(cache) if avoid.is_empty() => cache.present.newest(Self::read(reader, avoid)).await,
            _ => Self::read(reader, avoid).await.map(Arc::new),
        }
    }

    async fn read(reader: &Reader, avoid: &BTreeSet<String>) -> Result<Self> {
        let manifest = reader.newest_manifest().await?;
        let (chains, unseen) = chain::all(reader, manifest.as_deref(), avoid).await?;
        let pending = pending_imports(reader, manifest.as_deref()).await?;
        Ok(Present { manifest, chains, pending, unseen })
    }
}

/// Odd cuts of an import withdraw it.
pub(crate) fn is_withdrawal(cut: Generation) -> bool {
    cut.get() % 2 == 1
}

/// Imports with a cut that the manifest has not seen.
async fn pending_imports(reader: &Reader, manifest: Option<&Manifest>) -> Result<Vec<PendingImport>> {
    let mut pending = Vec::new();
    for source in cuts::sources(&*reader.store).await? {
        let Source::Import(import) = source else { continue };
        let seen = manifest.and_then(|manifest| manifest.import(&import)).map(|import| import.cut);
        let Some(generation) = newest_cut(reader, &source, seen).await? else { continue };
        let withdrawn = is_withdrawal(generation);
        let nothing_to_withdraw = withdrawn && seen.is_none_or(is_withdrawal);
        if Some(generation) != seen && !nothing_to_withdraw {
            pending.push(PendingImport { import, generation, withdrawn });
        }
    }
    Ok(pending)
}

/// The newest cut of an import, looked for from the one already seen.
async fn newest_cut(reader: &Reader, source: &Source, seen: Option<Generation>) -> Result<Option<Generation>> {
    let mut newest = seen;
    loop {
        let next = newest.map_or(Generation::new(0), Generation::next);
        if reader.store.length(&layout::cut(source, next)).await?.is_none() {
            return Ok(newest);
        }
        newest = Some(next);
    }
}
