//! What the files say about a place: the monitor here, the batch view, and what an answer would cover. A file that
//! cannot be read becomes a problem instead of hiding the rest.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::Context;
use log::{Cut, Identity, Snapshot};
use schema::{Micros, MonitorId, Source};
use storage::layout;
use views::{Coverage, Manifest, Partition};
use views::{Every, Query, View, query};

use crate::advice::REBUILD;
use crate::folder::lost_identity;
use crate::kept::Kept;
use crate::open::Place;
use crate::outcome::in_full;

/// Everything `status` knows.
#[derive(Debug, Default)]
pub(in crate::commands) struct State {
    /// How the store keeps its files.
    pub(super) kept: Option<Kept>,
    /// The monitor of this data folder.
    pub(super) identity: Option<Identity>,
    /// What its journals say.
    pub(super) log: Option<Snapshot>,
    /// What it said itself, last.
    pub(super) live: Option<monitor::Status>,
    /// The newest batch view.
    pub(super) manifest: Option<Arc<Manifest>>,
    /// How many services it has rows of; 0 where that cannot be read.
    pub(super) services: usize,
    /// What an answer would cover now.
    pub(super) coverage: Option<Coverage>,
    /// The newest published cut of each monitor.
    pub(super) cuts: Vec<(MonitorId, Cut)>,
    /// What could not be read, by name.
    pub(super) unreadable: Vec<String>,
}

impl State {
    /// Reads it all.
    pub(in crate::commands) async fn gather(place: &Place) -> Self {
        let mut state = Self::default();
        state.gather_own(place);
        if state.identity.is_some() {
            let log = Snapshot::read(&*place.disk, &place.folder, None);
            state.log = state.known(log.map_err(Into::into)).flatten();
        }
        match &place.away {
            Some(why) => state.unreadable.push(why.clone()),
            None => state.gather_stored(place).await,
        }
        state
    }

    /// Reads what the monitor of this data folder says of itself: two small files.
    pub(super) fn gather_own(&mut self, place: &Place) {
        let identity = Identity::read(&*place.disk, &place.folder);
        self.identity = self.known(identity.map_err(Into::into)).flatten();
        self.unreadable.extend(lost_identity(&*place.disk, &place.folder));
        if self.identity.is_some() {
            // Replaced each second and never synced: one that cannot be read says as much as none.
            let live = std::fs::read(place.folder.status()).ok();
            self.live = live.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        }
    }

    /// Reads what the store says.
    async fn gather_stored(&mut self, place: &Place) {
        let kept = place.kept().await;
        self.kept = self.known(kept);
        let manifest = Manifest::newest(&*place.store).await;
        self.manifest = self.known(manifest.map_err(Into::into)).flatten();
        if let Some(manifest) = self.manifest.clone() {
            let partitions = manifest.partitions(&*place.store).await;
            if let Some(partitions) = self.known(partitions.map_err(Into::into)) {
                self.services = partitions.iter().map(|partition| &partition.service).collect::<BTreeSet<_>>().len();
                let damaged = damaged_views(place, &partitions).await;
                self.unreadable.extend(damaged.unwrap_or_else(|error| vec![in_full(&error)]));
            }
        }
        let coverage = coverage(place).await;
        self.coverage = self.known(coverage);
        let cuts = newest_cuts(place).await;
        self.cuts = self.known(cuts).unwrap_or_default();
    }

    /// How old the live status is.
    pub(super) fn age(&self, now: Micros) -> Option<i64> {
        let written: Micros = self.live.as_ref()?.time.parse().ok()?;
        Some(now.get() - written.get())
    }

    fn known<T>(&mut self, read: anyhow::Result<T>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.unreadable.push(in_full(&error));
                None
            }
        }
    }
}

/// The coverage of an answer that holds no row.
async fn coverage(place: &Place) -> anyhow::Result<Coverage> {
    let nothing = Query {
        from: Micros::MIN,
        to: Micros::MIN,
        services: Default::default(),
        every: Every::Minute,
        view: View::Merged,
    };
    Ok(query(&place.reader(), &nothing).await?.coverage)
}

/// The batch views in force that are gone, or not as long as they were built; what they hold is for `verify`.
async fn damaged_views(place: &Place, partitions: &[Partition]) -> anyhow::Result<Vec<String>> {
    let listed = place.store.list(&layout::batch()).await?;
    let lengths: HashMap<_, _> = listed.into_iter().map(|file| (file.key, file.len)).collect();
    let named = partitions.iter().map(|partition| (partition.key(), partition.bytes));
    let wrong = named.filter(|(key, bytes)| lengths.get(key) != Some(bytes)).map(|(key, bytes)| {
        let found = lengths.get(&key).map_or("gone".to_owned(), |found| format!("{found} bytes long, not {bytes}"));
        format!("{key} is {found}; {REBUILD}")
    });
    Ok(wrong.collect())
}

async fn newest_cuts(place: &Place) -> anyhow::Result<Vec<(MonitorId, Cut)>> {
    let mut newest = Vec::new();
    for folder in place.store.list_folders(&layout::cuts()).await? {
        let Some(source @ Source::Monitor(_)) = layout::source_of_folder(&folder) else { continue };
        let Some(last) = Cut::newest(&*place.store, &source).await? else { continue };
        let key = layout::cut(&source, last);
        let cut = Cut::open(&key, &place.store.read(&key).await?).with_context(|| format!("cut {key}"))?;
        if let Source::Monitor(id) = source {
            newest.push((id, cut));
        }
    }
    Ok(newest)
}
