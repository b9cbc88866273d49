//! Superseded realtime views go, here and in the store.

use std::collections::{BTreeMap, BTreeSet};

use log::Identity;
use schema::{Generation, Micros};
use storage::layout::{self, RealtimeName};

use super::Refresher;
use crate::error::{Result, ViewError};
use crate::realtime_view::Listing;

impl Refresher {
    /// Removes views that a later one of the same generation or the batch has
    /// superseded, a grace after that was first seen. Returns how many.
    ///
    /// # Errors
    /// What the disk or the store says; the rest is removed the next time.
    pub async fn retire(&mut self) -> Result<usize> {
        let Some(local) = self.reader.local.clone() else { return Ok(0) };
        let Some(identity) = Identity::read(&*local.disk, &local.folder)? else { return Ok(0) };
        let (covered, now) = (self.covered_generation(), self.clock.now());

        let here: BTreeSet<RealtimeName> = Listing::local(&local)?.iter().map(|(name, _)| *name).collect();
        let mut removed = 0;
        for name in self.superseded_here.due(&here, covered, now, self.grace) {
            let path = local.folder.realtime_view(&name);
            match local.disk.remove(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ViewError::io("remove", path, source));
                }
                _ => removed += 1,
            }
        }
        let stored = self.stored(&identity).await?.clone();
        for name in self.superseded_in_store.due(&stored, covered, now, self.grace) {
            let key = layout::realtime_view(&identity.id, identity.incarnation, &name);
            self.reader.store.delete(&key).await?;
            self.stored(&identity).await?.remove(&name);
            removed += 1;
        }
        Ok(removed)
    }
}

/// When views in one place were first seen to be superseded.
#[derive(Debug, Default)]
pub(super) struct Superseded(BTreeMap<RealtimeName, Micros>);

impl Superseded {
    /// Those of `views` that have been superseded for `grace` microseconds.
    fn due(
        &mut self,
        views: &BTreeSet<RealtimeName>,
        covered: Option<Generation>,
        now: Micros,
        grace: i64,
    ) -> Vec<RealtimeName> {
        let mut next = views.iter().skip(1);
        let is_old = |name: &RealtimeName, next: Option<&RealtimeName>| {
            let replaced = next.is_some_and(|next| next.generation == name.generation && next.from == name.from);
            replaced || Some(name.generation) <= covered
        };
        let old: BTreeSet<RealtimeName> = views.iter().filter(|name| is_old(name, next.next())).copied().collect();
        self.0.retain(|name, _| old.contains(name));
        old.iter().for_each(|name| {
            self.0.entry(*name).or_insert(now);
        });
        self.0.iter().filter(|(_, since)| now.get() - since.get() >= grace).map(|(name, _)| *name).collect()
    }
}
