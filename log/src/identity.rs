//! Identity: who a data folder writes for, and the store's claim to it.
//!
//! # Format
//! Both are sealed documents ([`storage::sealed`]). In the data folder,
//! `identity.json`: `{"id":"<monitor id>","incarnation":"<16 hex>","k":1,
//! "generation":1,"seq":1}`, the last two where its log begins. In the store,
//! `monitors/<id>/<k:06>.json`: `{"id":…,"incarnation":…,"k":…,"time":<us>}`.
//!
//! What must hold: the incarnation is durable here before it is claimed there;
//! a claim is created only if absent, so of two data folders with one id only
//! one ever writes to a store. A claim that holds our incarnation is ours,
//! whichever of our attempts made it.

use schema::{Generation, Incarnation, Micros, MonitorId};
use serde::{Deserialize, Serialize};
use storage::layout::{self, DataFolder};
use storage::{Created, Disk, Key, Store, StoreError, publish_replacing, sealed};

use crate::error::LogError;
use crate::recovery;
use crate::seal;
use crate::window::read_whole;

/// Who writes a data folder's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The monitor's name.
    pub id: MonitorId,
    /// This data folder's random number.
    pub incarnation: Incarnation,
    /// Counts the incarnations of that name, from 1.
    pub k: u64,
    /// The generation that its log begins with: above the final one of the
    /// incarnation before.
    pub generation: Generation,
    /// The number of its first log file, likewise.
    pub seq: u64,
}

impl Identity {
    /// The first incarnation of a name, as far as is known before the store is
    /// asked.
    pub fn first(id: MonitorId, incarnation: Incarnation) -> Self {
        Self { id, incarnation, k: 1, generation: Generation::new(1), seq: 1 }
    }

    /// The data folder's identity, or `None` before its first start.
    ///
    /// # Errors
    /// [`LogError::Corrupt`], [`LogError::Disk`].
    pub fn read(disk: &dyn Disk, folder: &DataFolder) -> Result<Option<Self>, LogError> {
        let path = folder.identity();
        if disk.length(&path)?.is_none() {
            return Ok(None);
        }
        let bytes = read_whole(disk, &path)?;
        sealed::open(&bytes).map(Some).map_err(|error| LogError::corrupt(&path, error.to_string()))
    }

    /// The data folder's identity; at its first start it becomes `id` with the
    /// incarnation `random`. An id under which nothing was ever written, because
    /// it was taken, gives way to another one. Durable when it returns.
    ///
    /// # Errors
    /// [`LogError::OtherMonitor`] when it has another id, and as
    /// [`read`](Self::read).
    pub fn establish(
        disk: &dyn Disk,
        folder: &DataFolder,
        id: &MonitorId,
        random: Incarnation,
    ) -> Result<Self, LogError> {
        let path = folder.identity();
        let ours = match Self::read(disk, folder)? {
            Some(ours) if ours.id == *id || ours.has_started(disk, folder)? => ours,
            _ => Self::first(id.clone(), random),
        };
        if ours.id != *id {
            return Err(LogError::OtherMonitor { path, found: ours.id.to_string(), expected: id.to_string() });
        }
        if !ours.has_started(disk, folder)? {
            ours.keep(disk, folder)?;
        }
        Ok(ours)
    }

    /// Makes it the data folder's, durably. Only before the log is begun.
    fn keep(&self, disk: &dyn Disk, folder: &DataFolder) -> Result<(), LogError> {
        let path = folder.identity();
        let bytes = sealed::seal(self).map_err(|error| LogError::corrupt(&path, error.to_string()))?;
        Ok(publish_replacing(disk, &path, &bytes)?)
    }

    /// Whether its log was ever begun. Until then the store has to be asked:
    /// [`claim`].
    ///
    /// # Errors
    /// As [`Writer::open`](crate::Writer::open).
    pub fn has_started(&self, disk: &dyn Disk, folder: &DataFolder) -> Result<bool, LogError> {
        Ok(!recovery::is_first_start(disk, folder, self)?)
    }
}

/// Claims the monitor id in the store for this incarnation; claiming again is
/// fine. To be done before the log is begun, and needed only then. Where the
/// incarnation before was sealed, this one comes after it: what is returned,
/// which is kept in the data folder first, says where its log begins.
///
/// # Errors
/// [`LogError::Claimed`] when another incarnation holds it that is not sealed;
/// [`LogError::Store`] when the store does not answer, [`LogError::Document`]
/// when a claim is unreadable; [`LogError::Disk`].
pub async fn claim(
    store: &dyn Store,
    disk: &dyn Disk,
    folder: &DataFolder,
    identity: &Identity,
    now: Micros,
) -> Result<Identity, LogError> {
    let mut ours = identity.clone();
    loop {
        ours.keep(disk, folder)?;
        let Some(holder) = claimed(store, &ours, now).await? else { return Ok(ours) };
        let Some(ended) = seal::final_of(store, &ours.id, ours.k).await? else {
            return Err(LogError::Claimed {
                id: ours.id.to_string(),
                found: holder.to_string(),
                ours: ours.incarnation.to_string(),
            });
        };
        ours = Identity { k: ours.k + 1, generation: ended.generation.next(), seq: ended.seq, ..ours };
    }
}

/// Claims place k; who else holds it, if it is not us.
async fn claimed(store: &dyn Store, ours: &Identity, now: Micros) -> Result<Option<Incarnation>, LogError> {
    let key = layout::claim(&ours.id, ours.k);
    let Identity { id, incarnation, k, .. } = ours.clone();
    let claim = Claim { id, incarnation, k, time: now };
    let bytes = sealed::seal(&claim).map_err(|source| LogError::Document { key: key.to_string(), source })?;
    match store.create(&key, bytes.into()).await {
        Ok(Created::Created) => return Ok(None),
        Ok(Created::Exists) | Err(StoreError::Unknown { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let found = read_claim(store, &key).await?.incarnation;
    Ok((found != ours.incarnation).then_some(found))
}

/// The newest claim to an id; `None` where there is none.
pub(crate) async fn newest_claim(store: &dyn Store, id: &MonitorId) -> Result<Option<Claim>, LogError> {
    let listed = store.list(&layout::claims(id)).await?;
    let Some(newest) = listed.iter().filter_map(|file| layout::parse_claim(file.key.name())).max() else {
        return Ok(None);
    };
    read_claim(store, &layout::claim(id, newest)).await.map(Some)
}

async fn read_claim(store: &dyn Store, key: &Key) -> Result<Claim, LogError> {
    sealed::open(&store.read(key).await?).map_err(|source| LogError::Document { key: key.to_string(), source })
}

/// What a claim says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    pub(crate) id: MonitorId,
    pub(crate) incarnation: Incarnation,
    pub(crate) k: u64,
    pub(crate) time: Micros,
}
