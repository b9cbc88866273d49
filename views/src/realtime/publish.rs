//! Realtime views into the store, when the bytes they stand for are there.

use std::collections::BTreeSet;

use log::Identity;
use schema::Position;
use storage::layout::{self, RealtimeName};

use super::{Refresher, discard, end_of};
use crate::error::{Result, ViewError};
use crate::own::Own;
use crate::reader::Local;
use crate::selection::Selection;

impl Refresher {
    /// Puts views into the store whose bytes are all below `uploaded`: of each
    /// generation, oldest first, the one that reaches furthest. Returns how many.
    /// A damaged view is removed instead, for the next refresh to build anew.
    ///
    /// # Errors
    /// The store's; what is missing is put there the next time.
    pub async fn publish(&mut self, uploaded: Position) -> Result<usize> {
        let Some(local) = self.reader.local.clone() else { return Ok(0) };
        match self.publish_all(&local, uploaded).await {
            Err(ViewError::Corrupt { name, why }) => discard(&local, &name, &why).map(|()| 0),
            done => done,
        }
    }

    async fn publish_all(&mut self, local: &Local, uploaded: Position) -> Result<usize> {
        let Some(own) = Own::read(&self.reader, &BTreeSet::new()).await? else { return Ok(0) };
        let Some(identity) = Identity::read(&*local.disk, &local.folder)? else { return Ok(0) };
        let covered = self.covered_generation();
        let mut published = 0;
        for log in own.log.generations.iter().filter(|log| Some(log.generation) > covered) {
            // A closed generation's view reaches its cut, its bytes its last record.
            let end = if log.last.position <= uploaded { end_of(log) } else { uploaded };
            let view = own.views.furthest(&self.reader, log.generation, log.start, end, &BTreeSet::new()).await?;
            let Some(view) = view else { continue };
            let name = view.note.name();
            if self.stored(&identity).await?.contains(&name) {
                continue;
            }
            view.file.read(&Selection::everything(), &mut |_| ())?;
            let key = layout::realtime_view(&identity.id, identity.incarnation, &name);
            let bytes = local.read(&local.folder.realtime_view(&name))?;
            self.reader.store.create(&key, bytes).await?;
            self.stored(&identity).await?.insert(name);
            published += 1;
        }
        Ok(published)
    }

    /// This monitor's views in the store; listed once.
    pub(super) async fn stored(&mut self, identity: &Identity) -> Result<&mut BTreeSet<RealtimeName>> {
        let stored = match self.stored.take() {
            Some(stored) => stored,
            None => {
                let folder = layout::realtime_of_incarnation(&identity.id, identity.incarnation);
                let listed = self.reader.store.list(&folder).await?;
                listed.iter().filter_map(|file| RealtimeName::parse(file.key.name())).collect()
            }
        };
        Ok(self.stored.insert(stored))
    }
}
