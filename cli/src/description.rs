//! What a store says of itself, and what a monitor's data folder remembers of it.
//!
//! # Format
//! `store.json`, in the store and, the same bytes, in the data folder of each monitor that writes to it: a sealed
//! document ([`storage::sealed`]), `{"version":1,"id":"<32 hex>","metrics":[…]}`. In the store it is created only if
//! absent and never changed; `id` is random and goes along where a store is moved.
//!
//! What must hold: a data folder writes to one store ever, whatever it is told; what it remembers is durable before
//! the monitor's log begins, so that a monitor starts again while its store is away.

use anyhow::{Context, Result, anyhow};
use schema::Metrics;
use serde::{Deserialize, Serialize};
use storage::layout::{self, DataFolder};
use storage::{Disk, Mode, Store, StoreError, publish_replacing, sealed};

use crate::advice::Advice;
use crate::config::StoreUrl;

/// What a store says of itself, once and for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    version: u32,
    id: String,
    /// What its messages measure, and how that is read.
    pub(crate) metrics: Metrics,
}

const VERSION: u32 = 1;

impl Description {
    /// That of a new store.
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { version: VERSION, id: format!("{:032x}", rand::random::<u128>()), metrics }
    }

    /// That of the store at `url`; `None` where there is no store.
    ///
    /// # Errors
    /// The store's, and of a document that cannot be read.
    pub(crate) async fn read(store: &dyn Store, url: &StoreUrl) -> Result<Option<Self>> {
        let key = layout::store();
        match store.read(&key).await {
            Ok(bytes) => Self::open(&bytes, &format!("{url}/{key}")).map(Some),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes it that of the store. Someone else may be doing the same: the first one counts, so read it back.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn create(&self, store: &dyn Store) -> Result<()> {
        match store.create(&layout::store(), sealed::seal(self)?.into()).await {
            Ok(_) | Err(StoreError::Unknown { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What the data folder remembers of its store; `None` before its monitor's first start.
    ///
    /// # Errors
    /// The disk's, and of a document that cannot be read.
    pub(crate) fn remembered(disk: &dyn Disk, folder: &DataFolder) -> Result<Option<Self>> {
        let path = folder.store_description();
        let Some(length) = disk.length(&path)? else { return Ok(None) };
        let mut bytes = vec![0; usize::try_from(length)?];
        disk.open(&path, Mode::Read)?.read_exact_at(&mut bytes, 0)?;
        Self::open(&bytes, &path.display().to_string()).map(Some)
    }

    /// Has the data folder remember it, durably.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn remember(&self, disk: &dyn Disk, folder: &DataFolder) -> Result<()> {
        let path = folder.store_description();
        publish_replacing(disk, &path, &sealed::seal(self)?).with_context(|| format!("cannot write {}", path.display()))
    }

    fn open(bytes: &[u8], name: &str) -> Result<Self> {
        let description: Self = sealed::open(bytes).with_context(|| format!("{name} is not a store's description"))?;
        if description.version == VERSION {
            return Ok(description);
        }
        Err(anyhow!("{name} has version {}, this program reads {VERSION}", description.version)
            .advise("use the release of hourglass that wrote it"))
    }
}
