//! Realtime views into the store, when the bytes they stand for are there.
//!
//! Enters: the views on this machine, each of its generation from the start;
//! and a listing of what the store has of this monitor. Leaves: in the store,
//! of each generation, a chain of views, each from the end of the one before,
//! that together hold what the view here holds.
//!
//! To send the whole generation at each refresh would make each row travel as
//! often as its hour has refreshes. So what is new goes by itself, and takes in
//! the last views of the chain once `FAN_IN` of them are of like size
//! (`taken_in`): each row is sent a number of times, and a chain has a number
//! of views, that grow with the logarithm of the generation's size only.
//!
//! What must hold: a view begins at the start of its generation or where a view
//! of the chain ends, and reaches further than all of them, so whoever lists
//! the store at whatever moment finds a chain without gap or overlap; what a
//! new view contains stays until its grace is over. Nothing is kept beside the
//! files: the listing, and the mark in the last view's note, say from where to
//! go on. A chain that cannot be gone on with, for whatever reason, is
//! superseded by the whole view that is here. (Only a view that appears late,
//! after its sender was told that its fate is unknown and went on without it, may
//! hide a later one that does not begin where it ends. The chain then covers
//! less, and says so, until the next refresh goes on from there.)

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use log::Identity;
use schema::{Generation, Position};
use storage::StoreError;
use storage::layout::{self, RealtimeName};

use super::{Refresher, discard, end_of, take_in};
use crate::error::{Result, ViewError};
use crate::fold::Table;
use crate::input::Place;
use crate::own::Own;
use crate::reader::Local;
use crate::realtime_view::{LAST, Listing, Note, RealtimeView};
use crate::selection::Selection;

/// So many views of like size become one.
const FAN_IN: usize = 5;

/// A view of a chain in the store.
#[derive(Clone, Copy, Debug)]
struct Link {
    name: RealtimeName,
    length: u64,
}

impl Refresher {
    /// Lets the store show, of each generation, what is here and whose bytes are
    /// all below `uploaded`, oldest first. Returns how many views that took.
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
        self.shown.retain(|generation, _| Some(*generation) > covered);
        let mut published = 0;
        for log in own.log.generations.iter().filter(|log| Some(log.generation) > covered) {
            // A closed generation's view reaches its cut, its bytes its last record.
            let end = if log.last.position <= uploaded { end_of(log) } else { uploaded };
            let whole = own.views.furthest(&self.reader, log.generation, log.start, end, &BTreeSet::new()).await?;
            let Some(whole) = whole else { continue };
            let (generation, to) = (log.generation, whole.note.to);
            if self.shown.get(&generation).is_some_and(|shown| *shown >= to) {
                continue;
            }
            let chain = self.chain(&identity, generation, log.start).await?;
            if chain.last().is_none_or(|last| last.name.to < to) {
                self.extend(local, &own, &chain, &whole).await?;
                published += 1;
            }
            self.shown.insert(generation, to);
        }
        Ok(published)
    }

    /// What the store shows of a generation of this monitor's.
    async fn chain(&self, identity: &Identity, generation: Generation, start: Position) -> Result<Vec<Link>> {
        let folder = layout::realtime_of_incarnation(&identity.id, identity.incarnation);
        let listed = self.reader.store.list(&folder).await?;
        let length = |file: &storage::Listed| Some((RealtimeName::parse(file.key.name())?, file.len));
        let lengths: BTreeMap<RealtimeName, u64> = listed.iter().filter_map(length).collect();
        let views = Listing::of(listed);
        let links = views.links(generation, start, LAST, &BTreeSet::new());
        let link = |name: &RealtimeName| Some(Link { name: *name, length: *lengths.get(name)? });
        Ok(links.into_iter().filter_map(|(name, _)| link(name)).collect())
    }

    /// Lets the store show what `whole` holds, of which `chain` holds less.
    async fn extend(&self, local: &Local, own: &Own, chain: &[Link], whole: &RealtimeView) -> Result<()> {
        let increment = match self.increment(local, own, chain, whole).await {
            Err(ViewError::Store(error)) if !matches!(error, StoreError::NotFound { .. }) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the store's realtime views cannot be gone on with, sending a whole one");
                None
            }
            Ok(increment) => increment,
        };
        let (name, bytes) = match increment {
            Some(increment) => increment,
            None => {
                whole.file.read(&Selection::everything(), &mut |_| ())?;
                let name = whole.note.name();
                (name, local.read(&local.folder.realtime_view(&name))?)
            }
        };
        let key = layout::realtime_view(&whole.note.monitor, whole.note.incarnation, &name);
        self.reader.store.create(&key, bytes).await?;
        Ok(())
    }

    /// The view that lets `chain` reach as far as `whole`; none where that is `whole` itself.
    async fn increment(
        &self,
        local: &Local,
        own: &Own,
        chain: &[Link],
        whole: &RealtimeView,
    ) -> Result<Option<(RealtimeName, Bytes)>> {
        let Some(last) = chain.last() else { return Ok(None) };
        let metrics = &self.reader.metrics;
        let mut table = Table::new(metrics);
        let mark = self.stored(last, whole).await?.note.mark;
        let mut note = Note { from: last.name.to, messages: 0, latest: None, mark, ..whole.note.clone() };
        self.add_queued(local, own, &whole.note.mark, &mut note, &mut table)?;
        let mut bytes = note.write(metrics, &table)?.bytes;

        let lengths: Vec<u64> = chain.iter().map(|link| link.length).collect();
        let (kept, taken) = chain.split_at(chain.len() - taken_in(&lengths, bytes.len() as u64));
        if let Some(first) = taken.first() {
            if kept.is_empty() {
                return Ok(None);
            }
            for link in taken {
                take_in(&self.stored(link, whole).await?, &mut note, &mut table)?;
            }
            note.from = first.name.from;
            bytes = note.write(metrics, &table)?.bytes;
        }
        Ok(Some((note.name(), bytes)))
    }

    /// A view in the store, of the same monitor as `whole`.
    async fn stored(&self, link: &Link, whole: &RealtimeView) -> Result<RealtimeView> {
        let key = layout::realtime_view(&whole.note.monitor, whole.note.incarnation, &link.name);
        RealtimeView::open(&self.reader, &Place::Stored(key), &link.name).await
    }
}

/// How many views at the end of a chain of views of these lengths a new one of
/// `new` bytes takes in: those less than twice its size, if with it they are
/// `FAN_IN`, and so on with what that makes. So what takes a row in is at least
/// half as large again as what held it; and of views within a factor of two
/// there are fewer than `FAN_IN` in a row.
fn taken_in(lengths: &[u64], new: u64) -> usize {
    let (mut taken, mut size) = (0, new);
    loop {
        let before = &lengths[..lengths.len() - taken];
        let alike = before.iter().rev().take_while(|length| **length < 2 * size).count();
        if alike + 1 < FAN_IN {
            return taken;
        }
        size += before.iter().rev().take(alike).sum::<u64>();
        taken += alike;
    }
}
