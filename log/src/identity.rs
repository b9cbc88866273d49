//! Identity: who a data folder writes for, and the store's claim to it.
//!
//! # Format
//! Both are sealed documents ([`storage::sealed`]). In the data folder,
//! `identity.json`: `{"id":"<monitor id>","incarnation":"<16 hex>","k":1}`. In
//! the store, `monitors/<id>/<k:06>.json`: the same and `"time"`, the claim's,
//! in microseconds.
//!
//! What must hold: the incarnation is durable here before it is claimed there;
//! a claim is created only if absent, so of two data folders with one id only
//! one ever writes to a store. A claim that holds our incarnation is ours,
//! whichever of our attempts made it.

use schema::{Incarnation, Micros, MonitorId};
use serde::{Deserialize, Serialize};
use storage::layout::{self, DataFolder};
use storage::{Created, Disk, Store, StoreError, publish_replacing, sealed};

use crate::error::LogError;
use crate::recovery;
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
}

impl Identity {
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
    /// incarnation `random`. Durable when it returns.
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
        let ours = Self::read(disk, folder)?.unwrap_or(Self { id: id.clone(), incarnation: random, k: 1 });
        if ours.id != *id {
            return Err(LogError::OtherMonitor { path, found: ours.id.to_string(), expected: id.to_string() });
        }
        if !ours.has_started(disk, folder)? {
            let bytes = sealed::seal(&ours).map_err(|error| LogError::corrupt(&path, error.to_string()))?;
            publish_replacing(disk, &path, &bytes)?;
        }
        Ok(ours)
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
/// fine. To be done before the log is begun, and needed only then.
///
/// # Errors
/// [`LogError::Claimed`] when another incarnation holds it; [`LogError::Store`]
/// when the store does not answer, [`LogError::Document`] when its claim is
/// unreadable.
pub async fn claim(store: &dyn Store, identity: &Identity, now: Micros) -> Result<(), LogError> {
    let key = layout::claim(&identity.id, identity.k);
    let Identity { id, incarnation, k } = identity.clone();
    let ours = Claim { id, incarnation, k, time: now };
    let unreadable = |source| LogError::Document { key: key.to_string(), source };
    let bytes = sealed::seal(&ours).map_err(unreadable)?;
    match store.create(&key, bytes.into()).await {
        Ok(Created::Created) => return Ok(()),
        Ok(Created::Exists) | Err(StoreError::Unknown { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let bytes = store.read(&key).await?;
    let found: Claim = sealed::open(&bytes).map_err(unreadable)?;
    if found.incarnation == identity.incarnation {
        return Ok(());
    }
    Err(LogError::Claimed {
        id: identity.id.to_string(),
        found: found.incarnation.to_string(),
        ours: identity.incarnation.to_string(),
    })
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    id: MonitorId,
    incarnation: Incarnation,
    k: u64,
    time: Micros,
}
